"""The engine of a lesson: what happens when, and which answer settles what."""

from __future__ import annotations

import pytest

from stas_tui.training.engine import Engine, EngineError, play
from storage.chain import GENESIS, event_hash
from tests.training.engine_parts import GATE, WRITING, act, engine, kinds, scenario

# what happens -------------------------------------------------------------------------------------------


def test_injects_come_at_their_time_and_in_the_order_of_the_file() -> None:
    run = engine(GATE)
    assert [line.kind for line in run.until(9_999)] == []
    assert [line.body["ref"] for line in run.until(60_000)] == ["m1", "a1"]
    assert [line.at - run.scenario.started_at for line in run.lines[1:]] == [10_000, 60_000]
    assert run.came == {"m1": 10_000, "a1": 60_000}


def test_the_log_is_a_sealed_chain_that_names_the_file_and_the_seed() -> None:
    run = engine(GATE)
    run.until(60_000)
    assert run.lines[0].body == {"scenario": "engine", "version": 1, "seed": 7, "file": "d"}
    prev = GENESIS
    for n, line in enumerate(run.lines, 1):
        seal = event_hash(
            seq=n,
            at=line.at,
            actor=line.actor,
            kind=line.kind,
            pulse_id=None,
            action_id=None,
            body=line.body,
            prev=prev,
        )
        assert (line.seq, line.prev, line.hash) == (n, prev, seal)
        prev = line.hash
    assert run.digest == prev


def test_another_file_is_another_digest() -> None:
    assert Engine(scenario(GATE), "d").digest != Engine(scenario(GATE), "e").digest


def test_an_act_before_the_time_of_the_lesson_is_refused() -> None:
    run = engine(GATE)
    run.until(60_000)
    with pytest.raises(EngineError, match="before"):
        run.act(act("reject", "a1", at=59_999))


def test_an_unknown_verb_is_refused_and_leaves_nothing() -> None:
    run = engine(GATE)
    with pytest.raises(EngineError, match="no act"):
        run.act(act("dance", "a1"))
    assert run.inputs == []
    assert not any(kind.startswith("act.") for kind in kinds(run))


# conditions ---------------------------------------------------------------------------------------------


def test_after_comes_when_the_decision_was_made_so_and_not_otherwise() -> None:
    bad = play(scenario(GATE), "d", [act("approve", "a1")])
    assert bad.came["broken"] == 100_000
    good = play(scenario(GATE), "d", [act("reject", "a1")])
    assert "broken" not in good.came


def test_else_comes_when_nobody_decided_rightly_in_time() -> None:
    assert "nudge" not in play(scenario(GATE), "d", [act("reject", "a1")]).came
    assert play(scenario(GATE), "d", []).came["nudge"] == 240_000
    assert play(scenario(GATE), "d", [act("approve", "a1")]).came["nudge"] == 240_000


def test_within_counts_from_when_the_decision_came() -> None:
    in_time = play(scenario(GATE), "d", [act("reject", "a1", at=180_000)])
    assert "nudge" not in in_time.came
    too_late = play(scenario(GATE), "d", [act("reject", "a1", at=180_001)])
    assert too_late.came["nudge"] == 240_000
    assert too_late.made["d1"].late is False


def test_late_and_missed_are_two_things() -> None:
    run = engine(GATE)
    run.until(240_000)
    assert run.made["d1"].missed is True
    assert "decision.late" in kinds(run)
    assert run.made["d1"].quality == "missed"
    run.act(act("reject", "a1", at=250_000))
    made = run.made["d1"]
    assert (made.quality, made.late, made.missed) == ("expected", True, True)
    assert run.lines[-1].body == {"decision": "d1", "verb": "reject", "quality": "expected", "late": True}


def test_waiting_is_decided_by_time_unless_something_else_was_done() -> None:
    waits = GATE.replace('expected = "reject"', 'expected = "wait"')
    quiet = play(scenario(waits), "d", [])
    assert (quiet.made["d1"].verb, quiet.made["d1"].at, quiet.made["d1"].missed) == ("wait", 240_000, False)
    busy = play(scenario(waits), "d", [act("approve", "a1")])
    assert (busy.made["d1"].verb, busy.made["d1"].quality) == ("approve", "deadly")


# answers ------------------------------------------------------------------------------------------------


def test_a_gate_that_was_settled_stays_settled() -> None:
    run = play(scenario(GATE), "d", [act("reject", "a1"), act("approve", "a1", at=80_000)])
    assert run.verdicts == {"a1": "reject"}
    assert run.made["d1"].quality == "expected"
    assert "broken" not in run.came


@pytest.mark.parametrize(
    ("text", "verdict", "quality"),
    [
        ("target db-2", "edit_and_approve", "wrong"),
        ("TARGET DB-2", "edit_and_approve", "wrong"),
        ("target db-2, source db-1", "approve", "deadly"),
        ("target db-3", "approve", "deadly"),
        ("", "approve", "deadly"),
    ],
)
def test_an_edit_that_mends_nothing_is_an_approval(text: str, verdict: str, quality: str) -> None:
    run = play(scenario(GATE), "d", [act("edit_and_approve", "a1", text)])
    assert run.verdicts == {"a1": verdict}
    assert run.made["d1"].quality == quality
    assert ("broken" in run.came) == (verdict == "approve")


def test_an_edit_counts_as_one_where_nothing_is_asked_of_it() -> None:
    free = GATE.replace('edit_has = ["db-2"]\nedit_lacks = ["db-1"]\n', 'also_ok = ["edit_and_approve"]\n')
    free = free.replace('also_ok = ["pause_pulse"]\n', "")
    assert play(scenario(free), "d", [act("edit_and_approve", "a1")]).made["d1"].quality == "also ok"


def test_a_pause_answers_only_what_lists_it() -> None:
    run = play(scenario(GATE, WRITING), "d", [act("pause_pulse")])
    assert run.made["d1"].quality == "also ok"
    assert run.made["d2"].open is True


@pytest.mark.parametrize(
    ("verb", "target", "text", "answers"),
    [
        ("create_task", "", "infra: verify the BACKUP", True),
        ("create_task", "m1", "infra: try a restore", True),
        ("create_task", "", "infra: paint the door", False),
        ("create_task", "", "", False),
        ("escalate", "m1", "", True),
        ("reclassify", "m1", "restore", True),
        ("reclassify", "m1", "info", False),
        ("escalate", "a1", "", False),
        ("snooze", "m1", "", False),
        ("message_agent", "", "backup", False),
    ],
)
def test_what_a_person_writes_has_to_be_about_it(verb: str, target: str, text: str, answers: bool) -> None:
    run = play(scenario(GATE, WRITING), "d", [act(verb, target, text)])
    assert run.made["d2"].open is not answers


def test_approving_what_the_agent_drafted_is_writing_it() -> None:
    drafted = """
[[inject]]
at = "+1m5s"
kind = "agent_action"
ref = "draft"
tool = "create_task"
title = "infra: verify the backup"
"""
    yes = play(scenario(GATE, WRITING, drafted), "d", [act("approve", "draft")])
    assert (yes.made["d2"].verb, yes.made["d2"].quality) == ("create_task", "expected")
    no = play(scenario(GATE, WRITING, drafted), "d", [act("reject", "draft")])
    assert no.made["d2"].open is True


@pytest.mark.parametrize(("verb", "called"), [("reject", "slack_withhold"), ("approve", "slack_send")])
def test_a_gate_for_slack_is_answered_with_the_words_of_slack(verb: str, called: str) -> None:
    gate = """
[[inject]]
at = "+1m"
kind = "agent_action"
ref = "a1"
tool = "slack_dm"
title = "Tell Sky"
[[decision]]
id = "d1"
on = "a1"
expected = "slack_withhold"
deadly = ["slack_send"]
by = "+3m"
"""
    assert play(scenario(gate), "d", [act(verb, "a1")]).made["d1"].verb == called


def test_a_hint_is_told_once_each_while_the_decision_is_open() -> None:
    run = engine(GATE)
    run.act(act("hint", "d1", at=5_000))
    for at in (70_000, 71_000, 72_000):
        run.act(act("hint", "d1", at=at))
    told = [line.body["text"] for line in run.lines if line.kind == "training.hint"]
    assert told == ["Which host?", "Look at the target."]
    assert run.hints == {"d1": 2}


def test_what_was_asked_for_is_seen_with_its_gate_and_the_rest_by_itself() -> None:
    run = engine(GATE)
    run.act(act("open", "a1"))
    assert run.saw("a1")
    assert run.saw("a1", "target")
    assert not run.saw("a1", "whole")
    assert not run.saw("a1", by=69_999)
    run.act(act("open", "a1.whole", at=80_000))
    assert run.saw("a1", "whole", by=80_000)
