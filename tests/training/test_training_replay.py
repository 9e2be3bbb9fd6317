"""Going through a log again: it stops at every gate, hides what comes, and puts both answers side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stas_tui.training.engine import Act, Engine, play
from stas_tui.training.replay import (
    LogUnreadable,
    Session,
    Timeline,
    agreement,
    compared,
    read_log,
    timeline_of,
)
from stas_tui.training.runs import event_line
from stas_tui.training.telling import Track, told
from storage.records import Event
from tests.training.worlds import small


def run() -> Engine:
    lesson = small()
    acts = [
        Act(at=60_000, verb="open", target="m2"),
        Act(at=100_000, verb="approve", target="a1", text="looks fine"),
    ]
    return play(lesson.scenario, lesson.digest, acts)


@pytest.fixture
def timeline() -> Timeline:
    return timeline_of(run().lines, title="A run")


def test_the_lines_of_a_run_are_told_with_their_gates(timeline: Timeline) -> None:
    assert [moment.line.track for moment in timeline.moments][:5] == [
        Track.FRAME,
        Track.WORLD,
        Track.LOOK,
        Track.GATE,
        Track.ACT,
    ]
    [gate] = timeline.gates
    assert (gate.ref, gate.title) == ("a1", "Open pull request for T-31")
    assert gate.reference is not None
    assert (gate.reference.verb, gate.reference.by, gate.reference.reason) == ("approve", "the trainee", "looks fine")
    text = timeline.moments[gate.index].line.text
    assert "base: main" in text
    assert "rollback, critical: none" in text


def test_it_stops_at_a_gate_until_one_has_answered_or_left_it(timeline: Timeline) -> None:
    session = Session(timeline)
    end = len(timeline.moments) - 1
    assert session.go(end) == 3
    assert session.waits is not None
    assert session.go(end) == 3, "nothing that comes after it is shown yet"
    assert session.reached == 3
    assert session.go(1) == 1
    assert session.gate(1) == 3
    assert session.answer("reject", "the base is main") is not None
    assert session.answer("approve") is None, "the first answer stands"
    assert session.go(end) == end
    assert session.over
    assert session.gate(-1) == 3
    assert session.gate(-1) == 0


def test_leaving_a_gate_is_no_answer(timeline: Timeline) -> None:
    session = Session(timeline)
    session.gate(1)
    assert session.leave() is not None
    session.go(99)
    assert session.over
    [side] = session.sides()
    assert side.agrees is None
    assert agreement(session.sides()) == "You answered at no gate at which somebody had decided."


def test_both_answers_stand_side_by_side_without_a_score(timeline: Timeline) -> None:
    session = Session(timeline)
    session.gate(1)
    session.answer("reject", "the base is main")
    text = compared(session.sides())
    assert "Open pull request for T-31: different" in text
    assert "You:    rejected it; reason: «the base is main»" in text
    assert "the trainee approved it at 08:01:40; reason: «looks fine»." in text
    assert "You and the record agree at 0 of 1 gates." in text
    assert "%" not in text
    assert "score" not in text
    with pytest.raises(ValueError, match="is no decision"):
        session.answer("perhaps")


def test_an_empty_log_can_be_gone_through() -> None:
    session = Session(timeline_of([], title="Nothing"))
    assert session.go(5) == 0
    assert session.gate(1) == 0
    assert session.over


def test_the_log_of_a_training_run_is_replayed_from_its_file(tmp_path: Path) -> None:
    engine = run()
    path = tmp_path / "log.jsonl"
    path.write_text("".join(event_line(event) + "\n" for event in engine.lines))
    assert read_log(path) == engine.lines


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: [lines[0], *lines[2:]], "is missing"),
        (lambda lines: [lines[0], lines[1].replace("support-bridge", "somebody"), *lines[2:]], "was changed"),
        (lambda lines: [*lines[:-1], "no json"], "no line of a log"),
        (lambda lines: [*lines[:-1], "[]"], "no line of a log"),
        (lambda lines: [], "has no lines"),
        (lambda lines: [json.dumps({**json.loads(lines[0]), "seq": "1"})], "no line of a log"),
    ],
)
def test_a_log_that_is_not_as_it_was_written_is_refused(tmp_path: Path, change, why: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(change([event_line(event) for event in run().lines])))
    with pytest.raises(LogUnreadable, match=why):
        read_log(path)
    with pytest.raises(LogUnreadable, match="cannot be read"):
        read_log(tmp_path / "nothing.jsonl")


def test_a_secret_in_a_log_is_not_shown() -> None:
    token = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    lesson = small()
    engine = play(lesson.scenario, lesson.digest, [Act(at=100_000, verb="reject", target="a1", text=f"no {token}")])
    assert token in repr(engine.lines)
    assert token not in repr(timeline_of(engine.lines, title="x"))


def test_every_kind_of_line_is_a_sentence() -> None:
    bodies = {
        "inject.inbox": {"from": "qa", "type": "urgent", "text": "down"},
        "inject.human": {"from": "Sky", "text": "hm"},
        "inject.alert": {"name": "A", "state": "firing", "severity": "critical", "source": "alertmanager"},
        "inject.metric": {"series": "x{tenant=acme}", "value": 0.5},
        "inject.probe": {"name": "api", "state": "timeout"},
        "inject.ci": {"name": "unit", "sha": "abcdef1234", "state": "failure"},
        "inject.deploy": {"what": "rollout", "state": "success"},
        "inject.forge": {"pull": {"number": 7, "title": "fix"}},
        "inject.memory": {"title": "note", "text": "long"},
        "inject.executor": {"task": "T-1", "outcome": "BLOCKED", "report": "needs Finn"},
        "inject.agent_action": {"title": "Roll out", "tool": "deploy", "args": {"a": [1, 2]}},
        "inject.slack": {"from": "Sky", "text": "why?"},
        "inject.source_fault": {"source": "prometheus", "state": "down", "reason": "no route"},
        "inject.unheard_of": {},
        "act.snooze": {"target": "al1", "text": "lunch"},
        "act.open": {"target": "a1.base"},
        "training.instructed": {"what": "rewind", "from": 60_000, "to": 0},
        "training.hint": {"decision": "d1", "text": "look"},
        "decision.made": {"decision": "d1", "verb": "reject", "quality": "expected", "late": True},
        "decision.late": {"decision": "d1"},
        "training.began": {"scenario": "s01"},
        "training.ended": {"why": "its time is over"},
        "something.else": {"a": {"b": "c"}},
    }
    for kind, body in bodies.items():
        line = told(
            Event(seq=1, at=0, actor="x", kind=kind, pulse_id=None, action_id=None, body=body, prev="", hash="")
        )
        assert line.title
        assert "\n" not in line.title
        assert "None" not in line.title
