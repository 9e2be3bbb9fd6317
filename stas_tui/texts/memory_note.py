"""Operational knowledge: the four-part note (R97, R98), incident cards (R23), notes from messages (R16)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stas_tui.texts import template
from stas_tui.texts.lines import hidden_counts, listed, one_line, redacted, secret_hits
from stas_tui.texts.sections import FILLED, MISSING, PLACEHOLDER, SectionState, parse, placeholders
from stas_tui.texts.steps import is_empty, items
from storage.records import Memory, Message, Task, Trust

TYPE = "pattern"
TAGS = ("infrastructure", "deployment", "multi-tenant")
PARTS = ("Change", "Reason", "Rollback", "Multi-tenant impact")
PLACEHOLDERS = frozenset({"title", "what was changed", "why", "how to undo", "assessment"})
PART_LIMIT = 600

RECALLS: tuple[tuple[str, int], ...] = (
    ("deployment issues", 5),
    ("infrastructure incidents", 5),
    ("multi-tenant deployment patterns", 3),
)
"""The queries of the routine's section 2 with their limits (R20-R22)."""

DEPLOYMENTS_RECALL = ("deployments in last 24 hours", 5)
"""The query of section 6 (R37)."""

TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Recent deployments and their outcomes", ("deployment issues", "deployments in last 24 hours")),
    ("Infrastructure issues and incident lessons", ("infrastructure incidents",)),
    ("Deployment patterns for the project", ("deployment pattern for ", "multi-tenant deployment patterns")),
    ("Past incidents", ("infrastructure incidents", "incident for ")),
    ("Multi-tenant infrastructure patterns", ("multi-tenant deployment patterns",)),
)
"""The headings of the memory tab with the queries that feed them; one that ends in a blank is a beginning (R19)."""

_TITLE_PREFIX = "Infra: "
_TASK_PREFIX = re.compile(r"^\s*infra\s*:\s*", re.IGNORECASE)
_NOTE = re.compile(
    r"^Change: (?P<Change>.*?)\.\s+Reason: (?P<Reason>.*?)\.\s+Rollback: (?P<Rollback>.*?)\.\s+"
    r"Multi-tenant impact: (?P<Impact>.*?)\.?\s*$",
    re.DOTALL,
)
_LABEL = re.compile(r"\b(Change|Reason|Rollback|Multi-tenant impact):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReport:
    """What a lint found in a note."""

    sections: tuple[SectionState, ...]
    """Title, the four parts, tags."""
    filled: int
    total: int
    locked: bool
    reasons: tuple[str, ...]


def draft_memory(task: Task, facts: Mapping[str, object], *, prompt: str = "") -> tuple[str, str, tuple[str, ...]]:
    """(title, text, tags) of the note after a change, in the routine's words (R97, R98).

    `facts` may hold `summary`, `reason`, `rollback` and `impact` as text, and `files` as paths. What they do not say
    comes from the prompt; what nobody says keeps the routine's placeholder, which the lint refuses.
    """
    document = parse(prompt)
    steps = [
        item for item in items(document.lines(template.ROLLBACK) or ()) if not placeholders(item, template.PLACEHOLDERS)
    ]
    change = _fact(facts, "change") or _fact(facts, "summary") or _files(facts)
    impact = _fact(facts, "impact") or "not verified; see the isolation checks of the pulse"
    return memory_text(
        task.title,
        change=change or "{what was changed}",
        reason=_fact(facts, "reason") or _reason(task) or "{why}",
        rollback=_fact(facts, "rollback") or "; ".join(steps) or "{how to undo}",
        impact=impact,
    )


def _fact(facts: Mapping[str, object], name: str) -> str:
    value = facts.get(name)
    return value.strip() if isinstance(value, str) else ""


def _files(facts: Mapping[str, object]) -> str:
    value = facts.get("files")
    paths = [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
    return f"changed {listed(paths, 5)}" if paths else ""


def _reason(task: Task) -> str:
    return next((line for line in (one_line(line, 300) for line in task.description.splitlines()) if line), "")


def memory_text(
    title: str, *, change: str, reason: str, rollback: str, impact: str
) -> tuple[str, str, tuple[str, ...]]:
    """(title, text, tags) from the four parts, word for word in the routine's form."""
    name = one_line(redacted(_TASK_PREFIX.sub("", title)), 120)
    values = (_part(value) for value in (change, reason, rollback, impact))
    text = " ".join(f"{label}: {value}." for label, value in zip(PARTS, values, strict=True))
    return f"{_TITLE_PREFIX}{name}", text, TAGS


def _part(value: str) -> str:
    line = one_line(redacted(value), PART_LIMIT).rstrip(". ")
    return _LABEL.sub(lambda match: f"{match.group(1)} -", line)


def lint_memory(title: str, text: str, tags: Sequence[str] = TAGS, *, shared: bool = True) -> list[str]:
    """Why a note is not complete, one sentence each; empty if it is (R97, R98)."""
    return list(memory_report(title, text, tags, shared=shared).reasons)


def memory_report(title: str, text: str, tags: Sequence[str] = TAGS, *, shared: bool = True) -> MemoryReport:
    """Judge a note: title, all four parts, tags, the shared flag, secrets (R97, R98)."""
    match = _NOTE.match(text)
    values = dict(zip(PARTS, match.groups(), strict=True)) if match else _loose(text)
    states = [_title(title), *(_judge(label, values.get(label)) for label in PARTS), _tags(tags, shared)]
    reasons = [state.reason for state in states if not state.done]
    if hits := [*secret_hits(title, "title"), *secret_hits(text, "text")]:
        reasons.append(f"It holds what looks like a secret: {hits[0].place} ({hits[0].rule}).")
    if hidden_counts(title) or hidden_counts(text):
        reasons.append("It holds characters that cannot be seen; take them out.")
    return MemoryReport(
        sections=tuple(states),
        filled=sum(1 for state in states if state.done),
        total=len(states),
        locked=bool(reasons),
        reasons=tuple(reasons),
    )


def _loose(text: str) -> dict[str, str]:
    """The parts of a note that is not in the exact form, by their labels."""
    names = {label.lower(): label for label in PARTS}
    marks = list(_LABEL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):
        found.setdefault(names[mark.group(1).lower()], text[mark.end() : end].strip(" .\n"))
    return found


def _title(title: str) -> SectionState:
    rest = title.removeprefix(_TITLE_PREFIX)
    if not title.startswith(_TITLE_PREFIX) or is_empty(rest):
        return SectionState("title", "Title", MISSING, "The title begins with “Infra: ”.", "R97")
    if left := placeholders(rest, PLACEHOLDERS):
        return SectionState("title", "Title", PLACEHOLDER, f"The title still holds {left[0]}.", "R97")
    return SectionState("title", "Title", FILLED, "", "R97")


def _judge(label: str, value: str | None) -> SectionState:
    key = label.lower().replace(" ", "_").replace("-", "_")
    if value is None or is_empty(value):
        return SectionState(key, label, MISSING, f"The part “{label}” is missing.", "R97")
    if left := placeholders(value, PLACEHOLDERS):
        return SectionState(key, label, PLACEHOLDER, f"“{label}” still holds {left[0]}.", "R97")
    return SectionState(key, label, FILLED, "", "R97")


def _tags(tags: Sequence[str], shared: bool) -> SectionState:
    lacking = [tag for tag in TAGS if tag not in tags]
    if lacking:
        return SectionState("tags", "Tags", MISSING, f"The tags lack {listed(lacking)}.", "R98")
    if not shared:
        return SectionState("tags", "Tags", MISSING, "The note is not marked as shared.", "R98")
    return SectionState("tags", "Tags", FILLED, "", "R98")


def with_tags_in_text(text: str, tags: Sequence[str] = TAGS) -> tuple[str, str]:
    """(text with its tags written at the end, the sentence that says so) for a platform without tags (R98)."""
    return f"{text} Tags: {', '.join(tags)}.", "This platform keeps no tags; they stand at the end of the text."


# incident cards -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """A past incident in three parts; a part that the memory lacks says so (R23)."""

    broke: str
    cause: str
    fix: str


_INCIDENT = re.compile(
    r"\b(what broke|broke|symptom|impact|incident|root cause|cause|reason|fix(?:ed by)?|resolution|mitigation"
    r"|remedy)\s*:\s*",
    re.IGNORECASE,
)
_INCIDENT_PART = {
    **dict.fromkeys(("what broke", "broke", "symptom", "impact", "incident"), "broke"),
    **dict.fromkeys(("root cause", "cause", "reason"), "cause"),
    **dict.fromkeys(("fix", "fixed by", "resolution", "mitigation", "remedy"), "fix"),
}


def incident_card(memory: Memory) -> IncidentCard:
    """What broke, why, and what fixed it, as far as the memory says."""
    marks = list(_INCIDENT.finditer(memory.text))
    ends = [mark.start() for mark in marks[1:]] + [len(memory.text)]
    parts: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):
        value = one_line(memory.text[mark.end() : end], 300).strip(" .;,")
        if value:
            parts.setdefault(_INCIDENT_PART[mark.group(1).lower()], value)
    return IncidentCard(
        broke=parts.get("broke") or one_line(memory.title, 160) or "what broke: not recorded",
        cause=parts.get("cause", "cause: not recorded"),
        fix=parts.get("fix", "fix: not recorded"),
    )


# notes from messages ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNote:
    """A message as a memory, before anybody agreed to file it (R16)."""

    type: str
    title: str
    text: str
    tags: tuple[str, ...]
    quarantined: bool
    """True for text from outside: not recalled until a person or two sources confirm it (D22)."""
    said: str
    """The sentence about trust that stands beside the preview."""


def note_from_message(message: Message) -> MessageNote:
    """Draft a memory of a message; outside text starts in quarantine."""
    outside = message.trust is not Trust.KNOWN
    return MessageNote(
        type="note",
        title=one_line(redacted(message.subject), 120) or f"Message {message.id}",
        text=f"{one_line(redacted(message.body), 2_000)} (from {one_line(message.sender, 60)}, message {message.id})",
        tags=("inbox",),
        quarantined=outside,
        said=(
            "From outside: it stays in quarantine until a person or two independent sources confirm it."
            if outside
            else f"From {one_line(message.sender, 60)}, a known agent."
        ),
    )
