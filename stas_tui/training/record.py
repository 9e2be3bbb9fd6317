"""A recorded pulse as what happened in it and what people decided: the material of a lesson, and of a replay.

    recording(profile, "482")          # every text redacted again; see `record_lesson` for the file

What people decided is the reference, and nobody says that it was right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stas_tui.gates.contract import Shown
from stas_tui.locations import Profile
from stas_tui.training.record_clean import LINE, Refs, arguments, clean, clean_line
from stas_tui.training.record_world import StartOf
from stas_tui.training.recorded import Asked, Material, read
from storage.records import STEP_NAMES, Event, Finding, GateLevel, Json, Message, MessageType, Outcome, Run, Trust

MOST_FINDINGS = 80
"""So many findings of a step are written out; the rest is counted."""
RISKS = {"blast": "blast radius", "blast radius": "blast radius"} | {
    name: name for name in ("rollback", "isolation", "monitoring")
}
_SYSTEM = ("system", "policy", "")
_REVIEWS = {"accepted": "approve", "spawns again": "ask", "parked": "escalate", "gave up": "reject"}
_DESK = {"owned": "own", "escalated": "escalate", "snoozed": "snooze", "task": "create_task"}
_ENDS = {
    "gate.expired": "nobody answered in time; it expired",
    "gate.withdrawn": "it was withdrawn",
    "gate.stale": "the world had moved; it was asked again",
    "action.succeeded": "done",
    "action.failed": "failed",
    "action.unknown": "nobody can tell whether it happened",
    "action.abandoned": "given up",
}
_POLICY = {"policy.refused": "refused", "policy.locked": "locked", "policy.overridden": "went on against a lock"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened, as a table of `[[inject]]` without its time."""

    at: int
    """UTC ms."""
    table: Json
    order: int = 0
    """Among what happened in the same millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a person decided."""

    at: int
    """UTC ms."""
    by: str
    verb: str
    target: str = ""
    reason: str = ""
    dwell_ms: int | None = None
    """How long the gate was on the screen."""
    order: int = 0
    """Among what happened in the same millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A pulse that can be gone through again."""

    number: int
    agent: str
    mode: str
    started_at: int
    ended_at: int
    """UTC ms; of the last line while the pulse is open."""
    outcome: str
    """Empty while the pulse is open."""
    world: Json
    facts: tuple[Fact, ...]
    decided: tuple[Decided, ...]


def recording(profile: Profile, which: str = "last") -> Recording:
    """A pulse of a profile. Raises `NothingRecorded`, `StoreError`."""
    return made_of(read(profile, which))


def made_of(material: Material) -> Recording:
    """The same from what was read."""
    return _Maker(material).recording()


class _Maker:
    """Makes one recording."""

    def __init__(self, material: Material) -> None:
        self._m = material
        self._refs = Refs()
        self._asked = {one.action.id: one for one in material.asked}
        self._facts: list[Fact] = []
        self._decided: list[Decided] = []
        self._edited: set[str] = set()
        self._order = 0
        self._gates = {event.action_id for event in material.events if event.kind == "gate.requested"}

    def recording(self) -> Recording:
        pulse, events = self._m.pulse, self._m.events
        ended = pulse.ended_at or (events[-1].at if events else pulse.started_at)
        self._runs = {run.id: run for run in self._m.runs}
        for message in self._messages():
            self._facts.append(message)
        for run in self._m.runs:
            self._facts += self._run(run)
        for event in events:
            self._order = event.seq
            self._take(event)
        self._order += 1
        self._facts += self._rest()
        self._facts.sort(key=lambda fact: (fact.at, fact.order))
        self._facts.append(self._end(ended))
        return Recording(
            number=pulse.number,
            agent=clean_line(pulse.agent),
            mode=pulse.mode.value,
            started_at=pulse.started_at,
            ended_at=max(ended, pulse.started_at),
            outcome=pulse.outcome,
            world=StartOf(self._m, self._refs).world(),
            facts=tuple(self._facts),
            decided=tuple(sorted(self._decided, key=lambda one: (one.at, one.order))),
        )

    def _fact(self, at: int, kind: str, **table: Any) -> Fact:
        start = self._m.pulse.started_at
        end = self._m.pulse.ended_at
        inside = max(at, start) if end is None else min(max(at, start), end)
        return Fact(at=inside, table={"kind": kind, **table}, order=self._order)

    def _note(self, at: int, type_: str, title: str, text: str = "") -> Fact:
        return self._fact(at, "memory", type=type_, title=clean_line(title), text=clean(text))

    # what came in ---------------------------------------------------------------------------------

    def _messages(self) -> Iterator[Fact]:
        known = {message.id for message in self._m.messages}
        for message in self._m.messages:
            yield self._message(message)
        inbox = self._m.step(1)
        if inbox is None:
            return
        order = inbox.data.get("order", [])
        briefs = inbox.data.get("briefs", [])
        for id_, brief in zip(order, briefs, strict=False):
            if id_ in known or not isinstance(brief, list | tuple) or len(brief) < 3:
                continue
            type_, sender, subject = map(str, brief[:3])
            yield self._inbox(inbox.started_at or 0, str(id_), type_, sender, subject, "", known=False)

    def _message(self, message: Message) -> Fact:
        trusted = message.trust is Trust.KNOWN
        return self._inbox(
            message.at, message.id, message.type.value, message.sender, message.subject, message.body, known=trusted
        )

    def _inbox(self, at: int, id_: str, type_: str, sender: str, subject: str, body: str, *, known: bool) -> Fact:
        plain = type_ if type_ in [kind.value for kind in MessageType if kind is not MessageType.UNKNOWN] else "info"
        table: Json = {"ref": self._refs.of(id_), "type": plain, "from": clean_line(sender, otherwise="nobody")}
        table["trust"] = "known" if known else "external"
        if subject.strip():
            table["subject"] = clean_line(subject, 200)
        table["text"] = clean(body) or "(the record holds no text of it)"
        return self._fact(at, "inbox", **table)

    def _run(self, run: Run) -> Iterator[Fact]:
        if run.result is None or run.ended_at is None:
            return
        outcome = "BLOCKED" if run.result.outcome is Outcome.RULE4 else run.result.outcome.value
        said = run.result.report
        parts = [said.summary, said.blocker and f"Blocker: {said.blocker}", *run.result.because]
        parts += [f"{check.command}: {check.state}" for check in run.result.verification]
        yield self._fact(
            run.ended_at,
            "executor",
            ref=self._refs.of(run.id),
            task=self._refs.of(run.task_id),
            project=self._refs.of(run.project_id),
            outcome=outcome,
            report=clean("\n".join(filter(None, parts))) or "It said nothing.",
        )

    # what the log says ----------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        kind, body = event.kind, event.body
        room, _, what = kind.partition(".")
        asked = self._asked.get(event.action_id or "")
        if kind == "gate.requested" and asked is not None:
            self._facts.append(self._gate(event, asked))
        elif kind == "gate.revised":
            self._edited.add(event.action_id or "")
        elif kind in ("gate.approved", "gate.rejected", "gate.deferred") and asked is not None:
            self._answer(event, what, asked)
        elif kind == "action.allowed" and asked is not None and event.action_id not in self._gates:
            self._facts.append(
                self._note(event.at, "alone", f"The agent did alone: {_title(asked)}", _payload(asked.first.args))
            )
        elif kind in _ENDS and asked is not None:
            why = str(body.get("why") or body.get("reason") or body.get("detail") or "")
            self._facts.append(self._note(event.at, "outcome", f"{_title(asked)}: {_ENDS[kind]}", why))
        elif kind in ("control.halted", "control.lifted") and self._person(event.actor):
            verb = "pause_pulse" if kind == "control.halted" else "resume"
            self._decide(event, verb, "", str(body.get("reason", "")))
        elif kind == "review.decided" and str(body.get("what")) in _REVIEWS:
            self._review(event)
        elif room == "triage" and what in _DESK and self._person(str(body.get("by", event.actor))):
            self._desk(event, _DESK[what])
        elif kind in _POLICY:
            title = f"Policy {_POLICY[kind]}: {body.get('what', '')}"
            self._facts.append(self._note(event.at, "policy", title, str(body.get("mend") or body.get("reason") or "")))
        elif room == "step" and what in ("done", "skipped", "failed"):
            self._facts.append(self._step(event, what))

    def _person(self, actor: str) -> bool:
        return actor.removeprefix("human:") not in (*_SYSTEM, self._m.pulse.agent)

    def _gate(self, event: Event, asked: Asked) -> Fact:
        action, shown = asked.action, Shown.from_json(asked.first.shown)
        table: Json = {"ref": self._refs.of(action.id), "tool": self._refs.of(action.tool), "title": _title(asked)}
        cause = self._refs.known(action.caused_by)
        if cause:
            table["caused_by"] = cause
        if action.level is GateLevel.GATE2:
            table["dangerous"] = True
        table["args"] = arguments(asked.first.args)
        known = [row for row in shown.risk if row.kind in RISKS]
        table["risk"] = [
            {"kind": RISKS[row.kind], "level": _level(row.level), "text": clean_line(row.text)} for row in known
        ]
        table["evidence"] = [
            {"kind": clean_line(one.kind), "ref": clean_line(one.ref), "text": clean(one.text, LINE)}
            for one in shown.evidence
        ] + [
            {"kind": "risk", "ref": clean_line(row.kind), "text": clean(f"{row.level}: {row.text}", LINE)}
            for row in shown.risk
            if row.kind not in RISKS
        ]
        return self._fact(event.at, "agent_action", **table)

    def _answer(self, event: Event, what: str, asked: Asked) -> None:
        if not self._person(event.actor):
            if what == "rejected":
                self._facts.append(self._note(event.at, "policy", f"{_title(asked)}: rejected by {event.actor}"))
            return
        verb = {"approved": "approve", "rejected": "reject", "deferred": "snooze"}[what]
        if verb == "approve" and event.action_id in self._edited:
            verb = "edit_and_approve"
        self._decide(event, verb, self._refs.of(asked.action.id), str(event.body.get("reason", "")))

    def _review(self, event: Event) -> None:
        body = event.body
        of_task = [run for run in self._m.runs if run.task_id == body.get("task")]
        before = [run for run in of_task if (run.ended_at or 0) <= event.at]
        target = self._refs.of(before[-1].id) if before else ""
        reason = str(body.get("reason") or body.get("cause") or "")
        self._decide(event, _REVIEWS[str(body["what"])], target, reason)

    def _desk(self, event: Event, verb: str) -> None:
        keys = event.body.get("keys", [])
        for item in keys if isinstance(keys, list) else []:
            name = str(item).partition(":")[2] or str(item)
            target = "" if verb == "create_task" else self._refs.known(name) or self._refs.of(str(item))
            self._decide(event, verb, target, str(event.body.get("reason", "") or event.body.get("title", "")))

    def _decide(self, event: Event, verb: str, target: str, reason: str) -> None:
        by = str(event.body.get("by") or event.actor).removeprefix("human:")
        dwell = event.body.get("dwell_ms")
        self._decided.append(
            Decided(
                at=max(event.at, self._m.pulse.started_at),
                by=clean_line(by, 80),
                verb=verb,
                target=target,
                reason=clean(reason, 2_000),
                dwell_ms=dwell if isinstance(dwell, int) else None,
                order=event.seq,
            )
        )

    # what was found -------------------------------------------------------------------------------

    def _step(self, event: Event, what: str) -> Fact:
        n = event.body.get("n")
        name = STEP_NAMES.get(n, str(n)) if isinstance(n, int) else str(n)
        note = str(event.body.get("note", "")) or what
        found = [finding for finding in self._m.findings if _step_of(finding) == n]
        return self._note(event.at, "step", f"Step {n}, {name}: {note}", _told(found))

    def _rest(self) -> list[Fact]:
        """Findings of steps that were never finished."""
        done = {event.body.get("n") for event in self._m.events if event.kind in ("step.done", "step.failed")}
        left = [finding for finding in self._m.findings if _step_of(finding) not in done]
        at = max((finding.at for finding in left), default=0)
        return (
            [self._note(at, "finding", f"{len(left)} findings of steps that did not end", _told(left))] if left else []
        )

    def _end(self, at: int) -> Fact:
        pulse = self._m.pulse
        how = f"ended: {pulse.outcome}" if pulse.outcome else "is still open"
        return self._note(at, "end", f"Pulse {pulse.number} {how}", pulse.summary)


def _payload(args: Json) -> str:
    from stas_tui.training.telling import payload

    return payload(arguments(args))


def _title(asked: Asked) -> str:
    title = str(asked.first.shown.get("title", "")) or asked.action.tool
    return clean_line(title)


def _level(level: str) -> str:
    return level if level in ("ok", "warn", "crit", "unknown") else "unknown"


def _step_of(finding: Finding) -> int:
    return 6 if finding.check == "health" else 9 if finding.check.startswith("isolation") else 8


def _told(findings: Sequence[Finding]) -> str:
    return "\n".join(_lines(findings))


def _lines(findings: Sequence[Finding]) -> Iterable[str]:
    worst = sorted(findings, key=lambda one: one.verdict in ("ok", "verified", "n/a"))
    for finding in worst[:MOST_FINDINGS]:
        check = "" if finding.check == "health" else f"{finding.check}: "
        yield clean_line(f"{check}{finding.subject}: {finding.verdict}: {finding.reason}")
    if len(worst) > MOST_FINDINGS:
        yield f"… and {len(worst) - MOST_FINDINGS} more"
