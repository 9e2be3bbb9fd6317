"""A recording as a lesson: the file, what people did in it, and its log. Pure.

The file holds what happened and no expectation; what was decided follows as drafts, to be completed by whoever makes
a lesson of it. Long waits are shortened, and times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stas_tui.training import grammar, toml_text
from stas_tui.training.engine import SCENARIO, Act
from stas_tui.training.injects import body_of
from stas_tui.training.reading import Lesson, parse
from stas_tui.training.record import Decided, Fact, Recording
from stas_tui.training.record_clean import clean_line
from stas_tui.training.scenario import LONGEST_MINUTES
from stas_tui.training.words import ON_GATE
from storage.chain import GENESIS, event_hash
from storage.clock import MINUTE, SECOND, iso_seconds
from storage.records import Event, Json

LONGEST_WAIT_MS = 3 * MINUTE
"""A longer wait of the recording becomes one of this length."""
_ROOM_MS = (LONGEST_MINUTES - 12) * MINUTE
_MOST_BY_MS, _LEAST_BY_MS = 10 * MINUTE, 2 * MINUTE


@dataclass(frozen=True, slots=True)
class Pace:
    """From times of the record to times of the lesson."""

    steps: tuple[tuple[int, int], ...]
    """(UTC ms, ms of the lesson), ascending; between two of them both clocks run alike, or the second one stands."""
    scale: float

    @classmethod
    def of(cls, recording: Recording) -> Pace:
        """Waits longer than `LONGEST_WAIT_MS` are shortened; if that is still too long, all of it is."""
        moments = sorted({recording.started_at, *_moments(recording)})
        steps = [(moments[0], 0)]
        for moment in moments[1:]:
            before, at = steps[-1]
            steps.append((moment, at + min(moment - before, LONGEST_WAIT_MS)))
        return cls(tuple(steps), min(1.0, _ROOM_MS / max(steps[-1][1], 1)))

    def at(self, moment: int) -> int:
        """Milliseconds since the start of the lesson."""
        lesson = next((at for known, at in reversed(self.steps) if known <= moment), 0)
        return int(lesson * self.scale)

    @property
    def shortened(self) -> bool:
        """Whether the lesson is shorter than what was recorded."""
        first, last = self.steps[0], self.steps[-1]
        return self.scale < 1 or last[1] < last[0] - first[0]


def _moments(recording: Recording) -> Iterator[int]:
    yield recording.ended_at
    for fact in recording.facts:
        yield fact.at
    for one in recording.decided:
        yield one.at


def document(recording: Recording) -> Json:
    """The lesson's tables."""
    pace = Pace.of(recording)
    length = pace.at(recording.ended_at)
    began = iso_seconds(recording.started_at)
    about = f"Pulse {recording.number} of {recording.agent}, recorded on {began}."
    if pace.shortened:
        about += " Long waits were shortened."
    return {
        "schema": 1,
        "id": f"pulse-{recording.number}",
        "title": f"Pulse {recording.number}, {began[:10]}",
        "version": 1,
        "difficulty": 3,
        "minutes": min((length + _MOST_BY_MS) // MINUTE + 2, LONGEST_MINUTES),
        "seed": 0,
        "clock_start": datetime.fromtimestamp(recording.started_at // SECOND, UTC),
        "about": about,
        "mode": recording.mode,
        "world": {name: value for name, value in recording.world.items() if value},
        "inject": [{**_timed(fact, pace)} for fact in recording.facts],
    }


def _timed(fact: Fact, pace: Pace) -> Json:
    table = {name: value for name, value in fact.table.items() if value not in ("", [], {})}
    if fact.table["kind"] == "memory":
        table.setdefault("text", "")
    return {"at": grammar.offset_text(pace.at(fact.at)), **table}


def lesson_text(recording: Recording) -> str:
    """The file: its tables, then the decisions as drafts behind `#`."""
    return "".join([_HEAD.format(number=recording.number), toml_text.tables(document(recording)), *_drafts(recording)])


def lesson(recording: Recording) -> Lesson:
    """The lesson that the file holds. Raises `ScenarioError` if it is too large for one."""
    return parse(lesson_text(recording).encode(), Path(f"pulse-{recording.number}.toml"))


def inputs(recording: Recording) -> list[Act]:
    """What people did, in the times of the lesson."""
    pace = Pace.of(recording)
    return [Act(at=pace.at(one.at), verb=one.verb, target=one.target, text=one.reason) for one in recording.decided]


_HEAD = """\
# Pulse {number}, as it was recorded. Every text was redacted again; nothing in it says what would have been right.
# To make a lesson of it: complete the drafts of [[decision]] at the end, and take away the # in front of them.

"""


def _drafts(recording: Recording) -> Iterator[str]:
    gates = [fact for fact in recording.facts if fact.table["kind"] == "agent_action"]
    if not gates:
        return
    yield "\n# Decisions. What was decided is the reference; whether it was right is for you to say.\n"
    for number, fact in enumerate(gates, 1):
        ref = str(fact.table["ref"])
        answer = next((one for one in recording.decided if one.target == ref and one.verb in ON_GATE), None)
        yield "".join(f"# {line}\n" if line else "#\n" for line in _draft(number, fact, answer))


def _draft(number: int, fact: Fact, answer: Decided | None) -> Iterator[str]:
    ref, title = str(fact.table["ref"]), clean_line(fact.table["title"], 120)
    yield ""
    yield "[[decision]]"
    yield f'id = "d{number}"'
    yield f"on = {toml_text.inline(ref)}"
    if answer is None:
        yield 'expected = "ask"'
        yield 'by = "+5m"'
        why = f"{title}: nobody answered it in the recorded pulse."
    else:
        took = min(max(answer.at - fact.at, _LEAST_BY_MS), _MOST_BY_MS)
        yield f"expected = {toml_text.inline(answer.verb)}"
        yield f"by = {toml_text.inline(grammar.offset_text(took))}"
        why = f"{title}: {answer.by} decided so{_after(answer)}"
        why += f", with the reason «{clean_line(answer.reason, 400)}»." if answer.reason else ", without a reason."
    yield f"evidence = [{toml_text.inline(f'opened:{ref}')}]"
    yield f"why = {toml_text.inline(why)}"
    yield 'hint = ["What would you look at before you decide this?"]'


def _after(answer: Decided) -> str:
    return f" after {answer.dwell_ms / SECOND:.1f} s" if answer.dwell_ms is not None else ""


def log_of(recording: Recording) -> list[Event]:
    """The recording in the log format of a lesson, at its own times, with the people's own names."""
    made = lesson(recording)
    happened: list[tuple[int, int, str, str, Json]] = []
    for fact, inject in zip(recording.facts, made.scenario.inject, strict=True):
        body = body_of(inject)
        happened.append((fact.at, fact.order, f"inject.{body['kind']}", SCENARIO, body))
    for one in recording.decided:
        body = {name: value for name, value in (("target", one.target), ("text", one.reason)) if value}
        if one.dwell_ms is not None:
            body["dwell_ms"] = one.dwell_ms
        happened.append((one.at, one.order, f"act.{one.verb}", one.by, body))
    happened.sort(key=lambda line: line[:2])
    first = {"scenario": made.scenario.id, "version": 1, "seed": 0, "file": made.digest}
    why = recording.outcome or "the pulse is still open"
    return _sealed(
        [
            (recording.started_at, "training.began", SCENARIO, first),
            *((at, kind, actor, body) for at, _, kind, actor, body in happened),
            (recording.ended_at, "training.ended", SCENARIO, {"why": why}),
        ]
    )


def _sealed(lines: Iterable[tuple[int, str, str, Json]]) -> list[Event]:
    events: list[Event] = []
    for seq, (at, kind, actor, body) in enumerate(lines, 1):
        prev = events[-1].hash if events else GENESIS
        when = max(at, events[-1].at) if events else at
        seal = event_hash(seq=seq, at=when, actor=actor, kind=kind, pulse_id=None, action_id=None, body=body, prev=prev)
        events.append(
            Event(
                seq=seq,
                at=when,
                actor=actor,
                kind=kind,
                pulse_id=None,
                action_id=None,
                body=body,
                prev=prev,
                hash=seal,
            )
        )
    return events
