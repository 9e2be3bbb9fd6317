"""Records made by hand: secrets of an older Stas, long waits, edits, hostile texts, and what is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.engine import play
from stas_tui.training.record import recording
from stas_tui.training.record_clean import Refs
from stas_tui.training.record_lesson import LONGEST_WAIT_MS, Pace, inputs, lesson, lesson_text, log_of
from stas_tui.training.recorded import NothingRecorded
from storage.clock import HOUR, MINUTE
from storage.findings import Findings
from storage.records import (
    ExecutorReport,
    Finding,
    Outcome,
    Run,
    RunResult,
    RunState,
    StepState,
)
from storage.redact import scan
from storage.runs import Runs
from tests.training.records import AWS, CANARIES, GITHUB, KEY, PASSWORD, asked, desk


def test_secrets_in_payloads_reasons_findings_and_reports_stay_out(tmp_path: Path) -> None:
    """A record of an older Stas, or of one that did not know the value: the text is redacted again on load."""
    with desk(tmp_path) as (profile, clock, journal, pulses, pulse):
        args = {"message": f"use {GITHUB}", "nested": {"password": PASSWORD, "list": [AWS, None]}, "none": None, "n": 3}
        action = journal.request(asked(pulse, "s", args=args, caused_by="M-unknown")).action
        clock.advance(4_000)
        journal.decide(
            action.id,
            rev=1,
            digest=action.digest,
            verdict="reject",
            voter="ann",
            reason=f"it holds {GITHUB}",
            dwell_ms=3_200,
        )
        journal.record("policy.refused", actor="policy", body={"what": f"a text with {AWS}"}, pulse_id=pulse.id)
        Findings(journal.store).put(
            Finding(
                id="f1",
                pulse_id=pulse.id,
                check="health",
                subject="alerts",
                verdict="degraded",
                reason=f"password={PASSWORD}",
                at=clock.now(),
            )
        )
        pulses.set_step(pulse.id, 6, state=StepState.DONE, note=f"see {GITHUB}", actor="Stas")
        spawn = journal.request(asked(pulse, "run", tool="spawn_executor")).action
        run = Run(
            id="run-1",
            pulse_id=pulse.id,
            project_id="shop",
            task_id="T-1",
            action_id=spawn.id,
            attempt=1,
            prompt_sha256="0" * 64,
            cause="",
            program="x",
            model="",
            directory="/x",
            state=RunState.STARTING,
            started_at=clock.now(),
        )
        Runs(journal.store).add(run)
        Runs(journal.store).update_state("run-1", RunState.FINISHED, clock.now())
        report = ExecutorReport(outcome="rule4_blocker", summary=f"key {AWS}", blocker=KEY)
        result = RunResult(
            outcome=Outcome.RULE4, kind="ok", because=(f"it says {GITHUB}",), report=report, exit=0, seconds=1.0
        )
        Runs(journal.store).set_result("run-1", result)
        pulses.end(pulse.id, outcome="interrupted", summary=f"ended with {GITHUB}", by="ann")
    made = recording(profile)
    text = lesson_text(made)
    for canary in CANARIES:
        assert canary not in text
        assert canary not in repr(log_of(made))
    assert scan(text, "lesson") == []
    [rejected] = made.decided
    assert (rejected.verb, rejected.by, rejected.dwell_ms) == ("reject", "ann", 3_200)
    assert rejected.reason.startswith("it holds ‹redacted:")
    gate = next(fact.table for fact in made.facts if fact.table["kind"] == "agent_action")
    assert gate["args"]["n"] == 3
    assert "none" not in gate["args"]
    assert "caused_by" not in gate, "a cause that is not part of the lesson is not named"
    blocked = next(fact.table for fact in made.facts if fact.table["kind"] == "executor")
    assert blocked["outcome"] == "BLOCKED"
    assert made.world["branch"] == "release"
    engine = play(lesson(made).scenario, "d", inputs(made))
    assert engine.settled == {gate["ref"]}


def test_a_wait_of_a_night_becomes_one_of_minutes(tmp_path: Path) -> None:
    with desk(tmp_path) as (profile, clock, journal, pulses, pulse):
        first = journal.request(asked(pulse, "one")).action
        clock.advance(2 * MINUTE)
        journal.decide(first.id, rev=1, digest=first.digest, verdict="approve", voter="ann")
        clock.advance(9 * HOUR)
        second = journal.request(asked(pulse, "two")).action
        clock.advance(MINUTE)
        journal.decide(second.id, rev=1, digest=second.digest, verdict="reject", voter="ann", reason="too late")
        pulses.end(pulse.id, outcome="complete", summary="", by="ann")
    made = recording(profile)
    assert [act.at for act in inputs(made)] == [2 * MINUTE, 2 * MINUTE + LONGEST_WAIT_MS + MINUTE]
    assert "Long waits were shortened." in lesson(made).scenario.about
    assert log_of(made)[-1].at - log_of(made)[0].at > 9 * HOUR, "the replay keeps the times of the record"


def test_a_pulse_of_a_thousand_lines_fits_into_a_lesson(tmp_path: Path) -> None:
    with desk(tmp_path) as (profile, clock, journal, pulses, pulse):
        for n in range(120):
            journal.record("policy.refused", actor="policy", body={"what": f"text {n} " + "x" * 900}, pulse_id=pulse.id)
            clock.advance(2 * MINUTE)
        pulses.end(pulse.id, outcome="complete", summary="", by="ann")
    made = recording(profile)
    scenario = lesson(made).scenario
    assert scenario.minutes <= 120
    assert Pace.of(made).scale < 1
    assert play(scenario, "d", []).ended
    assert len(play(scenario, "d", []).came) == 121


def test_edits_deferring_pausing_and_expiry_are_told(tmp_path: Path) -> None:
    with desk(tmp_path) as (profile, clock, journal, _pulses, pulse):
        one = journal.request(asked(pulse, "one")).action
        journal.defer(one.id, by="ann")
        journal.revise_and_approve(
            one.id,
            rev=1,
            digest=one.digest,
            args={"message": "better"},
            plan={},
            preconditions={},
            shown={"title": "Message"},
            voter="ann",
        )
        journal.halt(by="ann", reason="lunch")
        journal.lift(by="ann", reason="back")
        two = journal.request(asked(pulse, "two", ask_ttl_ms=1_000)).action
        clock.advance(5_000)
        journal.sweep_expired()
        journal.record("triage.owned", actor="ann", body={"keys": [f"gate:{two.id}"], "by": "ann", "reason": "mine"})
        journal.record("triage.owned", actor="Stas", body={"keys": ["message:M-1"], "by": "Stas"})
    made = recording(profile)
    assert [(one.verb, bool(one.target)) for one in made.decided] == [
        ("snooze", True),
        ("edit_and_approve", True),
        ("pause_pulse", False),
        ("resume", False),
        ("own", True),
    ]
    first = next(fact.table for fact in made.facts if fact.table["kind"] == "agent_action")
    assert first["args"] == {"message": "hello"}, "what was asked for first, not what a person made of it"
    assert any("nobody answered in time" in str(fact.table.get("title")) for fact in made.facts)
    assert made.facts[-1].table["title"] == "Pulse 1 is still open"
    assert made.outcome == ""
    assert re.search(r'# on = ".*"\n# expected = "ask"', lesson_text(made)), "nobody answered the second gate"


def test_hostile_texts_survive_as_texts(tmp_path: Path) -> None:
    nasty = "a\x1b[31m\u202eb\x00c'''\"\"\"\\ \r\n[[inject]]\ud800\u200b" + "'" * 5
    plain = nasty.replace("\ud800", "")
    with desk(tmp_path) as (profile, _clock, journal, pulses, pulse):
        args = {
            "message": plain,
            plain: [plain, {"x": plain}],
            "deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}},
        }
        journal.request(asked(pulse, "n", args=args, shown={"title": nasty}))
        pulses.end(pulse.id, outcome="complete", summary=nasty, by="ann")
    made = recording(profile)
    text = lesson_text(made)
    assert not [char for char in text if not char.isprintable() and char != "\n"], "safe to print on a terminal"
    tomllib.loads(text)
    assert len(lesson(made).scenario.inject) == len(made.facts)
    log_of(made)


def test_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    profile = Locations.find(tmp_path / "home").profile("default")
    with pytest.raises(NothingRecorded, match="has no record"):
        recording(profile, "1")
    assert not profile.root.exists(), "looking makes nothing"
    with desk(tmp_path) as (made, *_):
        pass
    for which in ("2", "p-nothing", "0", "9" * 30, "../x"):
        with pytest.raises(NothingRecorded, match="There is no pulse"):
            recording(made, which)


def test_names_of_a_lesson_are_allowed_and_never_the_same() -> None:
    refs = Refs()
    ids = ["a b", "a-b", "a_b", "9", "", "é", GITHUB, "x" * 80, "x" * 81, "M-501"]
    names = [refs.of(id_) for id_ in ids]
    assert len(set(names)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name) for name in names)
    assert refs.of("a b") == names[0]
    assert names[-1] == "M-501"
    assert GITHUB not in repr(names)
