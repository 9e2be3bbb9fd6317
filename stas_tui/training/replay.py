"""Going through a log again: its lines, its gates, and what one would have done oneself. Pure but for reading a file.

    timeline = timeline_of(log_of(recording(profile, "482")), title="Pulse 482")
    timeline = timeline_of(read_log(path), title="Run s02…")        # the log of a training run is one, too

What people decided then is the reference; agreeing with it is no merit, and nothing here is a score.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stas_tui.health.border import clean_json
from stas_tui.training.engine import TRAINEE
from stas_tui.training.telling import VERB_WORDS, ToldLine, Track, one_line, told
from stas_tui.training.words import ON_GATE, VERBS
from storage.chain import check_chain
from storage.clock import SECOND, hhmmss
from storage.errors import StasError
from storage.records import Event, Json
from storage.redact import redact

MOST_BYTES = 50_000_000
QUESTION = "What would you have done?"
ANSWERS: tuple[str, ...] = ("approve", "edit_and_approve", "reject", "ask", "escalate", "pause_pulse", "wait")
"""What can be answered at a gate of a replay, all of them words of a lesson."""


class LogUnreadable(StasError):
    """The file is no log of a lesson, or was changed after it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What was done at a gate, by whom and why."""

    verb: str
    by: str
    reason: str
    at: int
    dwell_ms: int | None = None

    def said(self) -> str:
        """One sentence."""
        words = VERB_WORDS.get(self.verb, self.verb)
        after = f", {self.dwell_ms / SECOND:.1f} s after it came on the screen" if self.dwell_ms is not None else ""
        why = f"; reason: «{self.reason}»" if self.reason else "; no reason was given"
        return f"{self.by} {words} it at {hhmmss(self.at)}{after}{why}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A line at which a replay stops."""

    index: int
    """Of its line."""
    ref: str
    title: str
    reference: Reference | None
    """None if nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A line of the log with its time."""

    at: int
    """UTC ms."""
    line: ToldLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A log as one goes through it."""

    title: str
    moments: tuple[Moment, ...]
    gates: tuple[Gate, ...]

    def gate_at(self, index: int) -> Gate | None:
        """The gate of a line."""
        return next((gate for gate in self.gates if gate.index == index), None)

    @property
    def started_at(self) -> int:
        """UTC ms of its first line; 0 if it has none."""
        return self.moments[0].at if self.moments else 0


def timeline_of(events: Sequence[Event], *, title: str) -> Timeline:
    """The lines of a log with its gates. Every text is redacted again."""
    moments = tuple(_named([Moment(at=event.at, line=told(clean_event(event))) for event in events]))
    gates = [
        _gate(index, moment, events, moments) for index, moment in enumerate(moments) if moment.line.track is Track.GATE
    ]
    return Timeline(title=title, moments=moments, gates=tuple(gates))


def _named(moments: Sequence[Moment]) -> Iterator[Moment]:
    """What a person decided, told with the title of what it was about instead of its ref."""
    titles = {
        moment.line.ref: moment.line.title.removeprefix("asks: ")
        for moment in moments
        if moment.line.ref and moment.line.track in (Track.GATE, Track.WORLD)
    }
    for moment in moments:
        line = moment.line
        title = titles.get(line.ref, "") if line.track is Track.ACT else ""
        shown = one_line(line.title.replace(line.ref, f"«{title}»", 1)) if title and title != line.title else line.title
        yield moment if shown == line.title else replace(moment, line=replace(line, title=shown))


def _gate(index: int, moment: Moment, events: Sequence[Event], moments: Sequence[Moment]) -> Gate:
    ref = moment.line.ref
    later = range(index + 1, len(events))
    acts = [n for n in later if moments[n].line.track is Track.ACT and events[n].body.get("target") == ref]
    final = next((n for n in acts if events[n].kind.removeprefix("act.") in ON_GATE), acts[0] if acts else None)
    reference: Reference | None = None
    if final is not None:
        event = events[final]
        dwell = event.body.get("dwell_ms")
        reference = Reference(
            verb=event.kind.removeprefix("act."),
            by="the trainee" if event.actor == TRAINEE else moments[final].line.who,
            reason=moments[final].line.text,
            at=event.at,
            dwell_ms=dwell if isinstance(dwell, int) else None,
        )
    title = moment.line.title.removeprefix("asks: ")
    return Gate(index=index, ref=ref, title=title, reference=reference)


def clean_event(event: Event) -> Event:
    """The line without secrets. It fits its seal no more if there were any; it is only to be looked at."""
    body: Json = clean_json(event.body)
    actor = redact(event.actor)
    return event if (body, actor) == (event.body, event.actor) else replace(event, body=body, actor=actor)


# one's own answers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What one would have done."""

    verb: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One gate, both answers side by side."""

    gate: Gate
    own: Own | None
    """None if the gate was passed without an answer."""

    @property
    def agrees(self) -> bool | None:
        """Whether both did the same; None if one of them did nothing."""
        if self.own is None or self.gate.reference is None:
            return None
        return self.own.verb == self.gate.reference.verb


@dataclass(slots=True)
class Session:
    """One way through a timeline: where one is, and what one answered. Answers are given once."""

    timeline: Timeline
    position: int = 0
    reached: int = 0
    """The furthest line so far: what comes after it is not shown yet."""
    answers: dict[str, Own] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    """Gates that were passed without an answer, by ref."""

    @property
    def waits(self) -> Gate | None:
        """The gate of this line, while it wants an answer."""
        gate = self.timeline.gate_at(self.position)
        return gate if gate is not None and not self._settled(gate) else None

    def go(self, to: int) -> int:
        """Go to a line, forward no further than the next gate that wants an answer; returns where one is."""
        to = min(max(to, 0), max(len(self.timeline.moments) - 1, 0))
        stop = next(
            (g.index for g in self.timeline.gates if self.position <= g.index < to and not self._settled(g)), None
        )
        self.position = to if to <= self.position or stop is None else stop
        self.reached = max(self.reached, self.position)
        return self.position

    def gate(self, step: int) -> int:
        """Go to the next or the last gate; without one, to the end or the beginning."""
        places = [gate.index for gate in self.timeline.gates]
        if step > 0:
            return self.go(next((n for n in places if n > self.position), len(self.timeline.moments) - 1))
        return self.go(next((n for n in reversed(places) if n < self.position), 0))

    def answer(self, verb: str, reason: str = "") -> Gate | None:
        """Answer the gate of this line; the first answer stands. Raises `ValueError` for a word that is no decision."""
        if verb not in VERBS:
            raise ValueError(f"{verb!a} is no decision; known: {', '.join(VERBS)}")
        gate = self.waits
        if gate is not None:
            self.answers[gate.ref] = Own(verb=verb, reason=redact(reason))
        return gate

    def leave(self) -> Gate | None:
        """Pass the gate of this line without an answer."""
        gate = self.waits
        if gate is not None:
            self.passed.add(gate.ref)
        return gate

    @property
    def over(self) -> bool:
        """Whether the last line is reached."""
        return self.position >= len(self.timeline.moments) - 1 and self.waits is None

    def sides(self) -> list[Side]:
        """Every gate with both answers."""
        return [Side(gate=gate, own=self.answers.get(gate.ref)) for gate in self.timeline.gates]

    def _settled(self, gate: Gate) -> bool:
        return gate.ref in self.answers or gate.ref in self.passed


def agreement(sides: Sequence[Side]) -> str:
    """How often both did the same, in one sentence; no score."""
    both = [side for side in sides if side.agrees is not None]
    if not both:
        return "You answered at no gate at which somebody had decided."
    same = sum(1 for side in both if side.agrees)
    left = len(sides) - len(both)
    tail = f" {left} more had only one answer, or none." if left else ""
    return f"You and the record agree at {same} of {len(both)} gates.{tail} Neither is a measure of the other."


def compared(sides: Sequence[Side]) -> str:
    """Both answers with their reasons, gate by gate, then how often they agree."""
    parts: list[str] = []
    for side in sides:
        word = {True: "the same", False: "different", None: "nothing to compare"}[side.agrees]
        parts += [f"{side.gate.title}: {word}", f"  You:    {_own(side.own)}"]
        reference = side.gate.reference
        parts += [f"  Record: {reference.said() if reference else 'Nobody answered.'}", ""]
    return "\n".join([*parts, agreement(sides)])


def _own(own: Own | None) -> str:
    if own is None:
        return "no answer"
    why = f"; reason: «{own.reason}»" if own.reason else "; no reason"
    return f"{VERB_WORDS.get(own.verb, own.verb)} it{why}"


# the file ---------------------------------------------------------------------------------------------


def read_log(path: Path) -> list[Event]:
    """The lines of a `log.jsonl`, sealed as they were written. Raises `LogUnreadable`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LogUnreadable(f"{path} cannot be read: {error.strerror}.", "Name a log.jsonl.") from error
    if len(data) > MOST_BYTES:
        raise LogUnreadable(f"{path} is larger than {MOST_BYTES // 1_000_000} MB.", "This is no log of a lesson.")
    events = [_event(line, path, number) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if not events:
        raise LogUnreadable(f"{path} has no lines.", "It is written when the lesson ends.")
    report = check_chain(events, head_seq=events[-1].seq, head_hash=events[-1].hash, anchors=())
    if not report.ok:
        raise LogUnreadable(f"{path} is not as it was written: {report.why}", "Use the file of the run itself.")
    return events


_KINDS: Mapping[str, type] = {"seq": int, "at": int, "actor": str, "kind": str, "body": dict, "prev": str, "hash": str}


def _event(line: bytes, path: Path, number: int) -> Event:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not all(isinstance(row.get(name), kind) for name, kind in _KINDS.items()):
        raise LogUnreadable(f"{path}, line {number}: this is no line of a log.", "Name a log.jsonl.")
    pulse_id, action_id = (
        row.get(name) if isinstance(row.get(name), str) else None for name in ("pulse_id", "action_id")
    )
    return Event(
        seq=row["seq"],
        at=row["at"],
        actor=row["actor"],
        kind=row["kind"],
        pulse_id=pulse_id,
        action_id=action_id,
        body=row["body"],
        prev=row["prev"],
        hash=row["hash"],
    )
