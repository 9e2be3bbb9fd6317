"""Step 1: the order of the inbox, what each message needs, and what is suspicious about it (R9-R17, D21)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stas_tui.texts.lines import bare, count, listed, one_line, redacted
from stas_tui.texts.pattern_words import issue_kinds
from stas_tui.texts.steps import is_empty
from stas_tui.texts.untrusted import Hidden, hidden_characters, imperative_to_agent, oversize
from storage.clock import age
from storage.records import DataState, Message, MessageType, Trust

_RANK = {kind: rank for rank, kind in enumerate(MessageType)}
_TASK_ID = re.compile(r"\b[A-Z][A-Z0-9]{0,9}-\d{1,8}\b")
_PR = re.compile(
    r"(?:\bPR|\bpull request|\bpull)\s*[#/]?\s*(\d{1,9})\b|/pulls?/(\d{1,9})\b|(?<![\w/&])#(\d{1,9})\b", re.IGNORECASE
)
_ROLLBACK = re.compile(
    r"\b(?:roll(?:ing)?[- ]?back(?: plan| path| steps?)?|revert|undo|way back)\b\s*[:\-—]?\s*([^\n]*)", re.IGNORECASE
)
_NO_ROLLBACK = re.compile(
    r"\b(?:no|without|missing|needs? a|lacks? a)\s+(?:\w+\s+)?(?:roll[- ]?back|way back)\b", re.IGNORECASE
)
_ACCEPTANCE = re.compile(
    r"\b(?:acceptance(?: criteria)?|accepted (?:when|if)|done (?:when|if)|criteria|definition of done"
    r"|success(?: is)?(?: when)?)\b"
    r"\s*[:\-—]?\s*([^\n]*(?:\n\s*[-*\d][^\n]*)?)",
    re.IGNORECASE,
)
_BLOCKED_ON = re.compile(
    r"\b(?:blocked (?:on|by)|waiting (?:for|on)|stuck (?:on|at|with)|need(?:s|ing)? help (?:with|on)"
    r"|cannot proceed (?:without|until)"
    r"|blocker\s*:)\s*:?\s*([^\n.;]{3,160})",
    re.IGNORECASE,
)
_CHANGE_WORDS = re.compile(
    r"\b(deploy|rotate|restart|scale|merge|create|change|grant|rebuild|fix|unblock)\w*\b", re.IGNORECASE
)

HANDOFF_PARTS = ("what", "task", "pull request", "rollback", "acceptance")


def triage_order(messages: Iterable[Message]) -> list[Message]:
    """Messages in the routine's order of types; within one, known senders, then the longest waiting (R10, R11, D21).

    A total order: it depends on nothing but the messages' own types, trust, times and ids. Nobody gets ahead of a
    genuine incident by calling a message from outside urgent.
    """
    return sorted(messages, key=lambda m: (_RANK[m.type], m.trust is not Trust.KNOWN, m.at, m.id))


def dedupe(messages: Iterable[Message]) -> list[Message]:
    """Each id once, the first occurrence kept (R9)."""
    seen: dict[str, Message] = {}
    for message in messages:
        seen.setdefault(message.id, message)
    return list(seen.values())


def count_text(number: int, state: DataState, reason: str = "") -> str:
    """The number of messages as the rail and the summary say it: `3`, `3 (stale)`, `Unknown (reason)` (R9, R131)."""
    if state is DataState.STALE:
        return f"{number} (stale)"
    if state in (DataState.OK, DataState.EMPTY):
        return str(number)
    said = one_line(redacted(reason), 120)
    if state is DataState.UNKNOWN:
        return f"Unknown ({said or 'never asked'})"
    return f"Unknown ({state.value}: {said})" if said else f"Unknown ({state.value})"


# trust --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFindings:
    """What is to be said about one message before anybody acts on it."""

    trust: str
    """The trust mark as a sentence; it stays when nothing else is found."""
    imperatives: tuple[str, ...]
    hidden: Hidden
    oversize: str
    unverified_urgent: bool
    cause: str
    """What actions that derive from this message carry as `caused_by`."""

    @property
    def suspicious(self) -> bool:
        """True if the text orders the agent about, hides characters or is oversize."""
        return bool(self.imperatives or self.hidden.count or self.oversize)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings in words, the trust mark first."""
        found = [self.trust]
        if self.unverified_urgent:
            found.append("unverified urgent: nobody vouches for the sender")
        if self.imperatives:
            found.append(f"it gives orders to the agent: {listed([f'“{phrase}”' for phrase in self.imperatives])}")
        if self.hidden.count:
            found.append(f"it holds {self.hidden.said}")
        if self.oversize:
            found.append(f"oversize: {self.oversize}")
        return tuple(found)


def trust_label(message: Message) -> str:
    """Who vouches for a message, as a sentence."""
    sender = one_line(message.sender, 60) or "no sender"
    if message.trust is Trust.KNOWN:
        return f"from {sender}, a known agent; its text is data all the same"
    return f"untrusted: from {sender}, whom nobody vouches for"


def unverified_urgent(message: Message) -> bool:
    """True for an urgent message of an unknown sender (R11)."""
    return message.type is MessageType.URGENT and message.trust is not Trust.KNOWN


def findings(message: Message) -> MessageFindings:
    """Everything that R17 asks about one message; subject, body and sender are read."""
    text = f"{message.subject}\n{message.body}"
    return MessageFindings(
        trust=trust_label(message),
        imperatives=tuple(imperative_to_agent(text)),
        hidden=hidden_characters(f"{message.sender}{text}"),
        oversize=oversize(text),
        unverified_urgent=unverified_urgent(message),
        cause=f"message:{message.id}",
    )


def remarks(message: Message) -> list[str]:
    """What stands beside a message in the list: trust if nobody vouches, findings, a handoff's missing parts."""
    found = list(findings(message).sentences)
    if message.trust is Trust.KNOWN:
        found = found[1:]
    if message.type is MessageType.HANDOFF and (missing := handoff_missing(message)):
        found.append(handoff_label(missing))
    return found


# what each class needs ----------------------------------------------------------------------------


def task_id_of(message: Message) -> str | None:
    """The task a message is about: its own field, else the first id in its text."""
    if message.task_id:
        return message.task_id
    match = _TASK_ID.search(bare(f"{message.subject}\n{message.body}"[:20_000]))
    return match.group() if match else None


def pr_number_of(message: Message) -> int | None:
    """The pull request a message is about: its own field, else the first number in its text (R14)."""
    if message.pr_number is not None:
        return message.pr_number
    match = _PR.search(bare(f"{message.subject}\n{message.body}"[:20_000]))
    return int(next(group for group in match.groups() if group)) if match else None


def handoff_missing(message: Message) -> list[str]:
    """The parts that a handoff lacks, of what, task, pull request, rollback, acceptance (R13)."""
    text = bare(f"{message.subject}\n{message.body}"[:20_000])
    found = {
        "what": len(message.subject.split()) + len(message.body.split()) >= 4,
        "task": task_id_of(message) is not None,
        "pull request": pr_number_of(message) is not None,
        "rollback": not _NO_ROLLBACK.search(text) and _said(_ROLLBACK, text),
        "acceptance": _said(_ACCEPTANCE, text),
    }
    return [part for part in HANDOFF_PARTS if not found[part]]


def _said(pattern: re.Pattern[str], text: str) -> bool:
    return any(not is_empty(match.group(1)) for match in pattern.finditer(text))


def handoff_label(missing: Sequence[str]) -> str:
    """`complete`, or `incomplete: rollback`."""
    return f"incomplete: {', '.join(missing)}" if missing else "complete"


def return_text(message: Message, missing: Sequence[str]) -> str:
    """The ready-made answer that sends an incomplete handoff back; it quotes no body."""
    subject = one_line(redacted(message.subject), 100)
    asks = {
        "what": "what is to be deployed or changed",
        "task": "the task's id",
        "pull request": "the pull request's number",
        "rollback": "the rollback: numbered steps with commands",
        "acceptance": "the acceptance criteria, at least one with a number",
    }
    lines = [f"Your handoff “{subject}” ({message.id}) comes back incomplete: {', '.join(missing)}.", "", "Please add:"]
    return "\n".join([*lines, *(f"- {asks[part]}" for part in missing)])


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedCard:
    """A help request: who is blocked, on what, since when, with a reply to propose (R12)."""

    who: str
    on_what: str
    since: int
    waiting: str
    """How long, as `2h`."""
    task_id: str | None
    reply: str
    promises_change: bool
    """True if an answer would promise a change: it needs a gate; «seen» does not."""
    locked: str
    """Why no reply can be sent; empty if one can."""


def blocked_card(message: Message, *, now: int) -> BlockedCard:
    """The card of a help request."""
    text = bare(f"{message.body}\n{message.subject}"[:20_000])
    match = _BLOCKED_ON.search(text)
    on_what = one_line(redacted(match.group(1)), 120) if match else one_line(redacted(message.subject), 120)
    task_id = task_id_of(message)
    about = f" ({task_id})" if task_id else ""
    known = message.trust is Trust.KNOWN
    return BlockedCard(
        who=one_line(message.sender, 60) or "unknown sender",
        on_what=on_what or "not said",
        since=message.at,
        waiting=age(now - message.at),
        task_id=task_id,
        reply=f"Seen: you are blocked on {on_what or 'something you did not name'}{about}. I look at it in this pulse.",
        promises_change=_CHANGE_WORDS.search(text) is not None,
        locked="" if known else "The sender is not known: no reply can be sent.",
    )


# info ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Infos:
    """The info messages of an inbox: those lifted out, and the rest by sender (R15)."""

    lifted: tuple[tuple[Message, str], ...]
    """(message, why it must not be collapsed)"""
    groups: tuple[tuple[str, tuple[Message, ...]], ...]
    """(sender, messages), largest group first."""

    @property
    def said(self) -> str:
        """One line for the list: `97 infos from 4 senders, 1 lifted out`."""
        total = len(self.lifted) + sum(len(group) for _, group in self.groups)
        senders = len({m.sender for m, _ in self.lifted} | {sender for sender, _ in self.groups})
        return f"{count(total, 'info')} from {count(senders, 'sender')}, {len(self.lifted)} lifted out"


def lifted_infos(messages: Iterable[Message]) -> Infos:
    """Collapse infos by sender, but never one that reports trouble (R38-R42)."""
    lifted: list[tuple[Message, str]] = []
    groups: dict[str, list[Message]] = {}
    for message in sorted((m for m in messages if m.type is MessageType.INFO), key=lambda m: (m.at, m.id)):
        if kinds := issue_kinds(f"{message.subject}\n{message.body}"):
            named = sorted(kinds - {"issue"}) or ["trouble"]
            lifted.append((message, f"mentions {listed(named)}"))
        else:
            groups.setdefault(message.sender, []).append(message)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return Infos(lifted=tuple(lifted), groups=tuple((sender, tuple(group)) for sender, group in ordered))


__all__ = [
    "HANDOFF_PARTS",
    "BlockedCard",
    "Hidden",
    "Infos",
    "MessageFindings",
    "blocked_card",
    "count_text",
    "dedupe",
    "findings",
    "handoff_label",
    "handoff_missing",
    "hidden_characters",
    "imperative_to_agent",
    "lifted_infos",
    "oversize",
    "pr_number_of",
    "remarks",
    "return_text",
    "task_id_of",
    "triage_order",
    "trust_label",
    "unverified_urgent",
]
