"""Step 7 outside its straight way: another try, by hand, parked, given up, interrupted, and what the record says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stas_tui.gates.contract import BadCall
from stas_tui.pulse.context import Progress
from stas_tui.pulse.executing import ReviewRefused
from storage.owner import this_owner
from storage.records import Outcome, RunState, StepState
from tests.machine.conftest import Walk


def in_review(progress: Progress) -> bool:
    return progress.needs == "review"


def test_another_try_needs_a_cause_and_other_bytes_and_ends_at_a_lock(walk: Walk) -> None:
    """R90: three more tries, then a person has to open the lock with a reason."""
    for n in range(1, 5):
        walk.until(in_review)
        prompt = str(walk.work["prompt"])
        with pytest.raises(ReviewRefused, match="cause"):
            walk.machine.respawn(by="ann", cause=" ", prompt=prompt + "\nmore\n")
        with pytest.raises(ReviewRefused, match="same"):
            walk.machine.respawn(by="ann", cause="it failed", prompt=prompt)
        walk.machine.respawn(by="ann", cause=f"cause {n}", prompt=f"{prompt.rstrip()}\nTry number {n + 1}.\n")
    progress = walk.until(lambda p: p.needs in ("review", "override"))
    assert progress.needs == "override"
    assert "was spawned 4 times" in progress.say
    pulse = walk.machine.current()
    assert pulse is not None
    runs = walk.app.context.runs.of_pulse(pulse.id)
    assert [(run.attempt, run.cause) for run in runs] == [(1, ""), (2, "cause 1"), (3, "cause 2"), (4, "cause 3")]
    walk.machine.override(by="ann", reason="the cause is known now")
    action = walk.gate("spawn_executor")
    assert action.revision is not None
    assert [o["rule"] for o in action.revision.plan["overrides"]] == ["R90"]


def test_the_door_refuses_the_same_bytes_again_even_if_the_texts_were_swapped_back(walk: Walk) -> None:
    walk.until(in_review)
    first = str(walk.work["prompt"])
    walk.machine.respawn(by="ann", cause="it failed", prompt=first + "\nmore\n")
    walk.machine.set_text("prompt", first, by="ann")
    progress = walk.until(lambda p: p.needs in ("prompt", "gate"))
    assert progress.needs == "prompt"
    assert "same digest" in progress.say


@pytest.mark.parametrize("phases", [("claim", "prompt", "spawn", "review"), ("commit",), ("pr",), ("remember",)])
def test_a_task_is_given_up_in_every_phase(walk: Walk, phases: tuple[str, ...]) -> None:
    """Nothing that was asked stays open, the reason stands in the record, and the pulse goes on with step 8."""
    for phase in phases:
        if phase == "commit":
            walk.person.on_review(walk.until(in_review))
        else:
            walk.phase(phase)
        assert walk.work.get("phase", "claim") == phase
        if phase in ("claim", "spawn", "pr", "remember"):
            action = walk.until(lambda p: p.needs == "gate").action
            assert action is not None
            if phase in ("spawn", "pr"):
                walk.person.approve(action)
        with pytest.raises(ReviewRefused):
            walk.machine.give_up(by="ann", reason="")
        progress = walk.machine.give_up(by="ann", reason=f"enough of {phase}")
        assert progress.step.state in (StepState.DONE, StepState.SKIPPED)
        pulse = walk.machine.current()
        assert pulse is not None
        assert not [a for a in walk.journal.actions(pulse.id) if a.state in ("pending", "approved")]
        assert walk.machine.advance().step.n == 8
        assert f"enough of {phase}" in walk.machine.summary()
        walk.machine.cut_off(by="ann")


def test_a_working_executor_is_cancelled_before_its_task_is_given_up(
    start: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_SPEED", "20")
    walk = start()
    walk.phase("run")
    with pytest.raises(ReviewRefused, match="Cancel the run first"):
        walk.machine.give_up(by="ann", reason="no time")
    walk.machine.cancel_run(by="ann")
    assert walk.machine.give_up(by="ann", reason="no time").step.state is StepState.DONE


def test_closing_as_interrupted_withdraws_gates_and_keeps_the_run(
    start: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_SPEED", "20")
    first = start()
    first.phase("run")
    pulse = first.machine.current()
    assert pulse is not None
    asked = first.app.context.toolbox.call(
        "create_task", {"projectId": "ledger", "title": "infra: later"}, pulse_id=pulse.id, caller="Stas"
    ).action
    assert asked is not None
    first.machine.cut_off(by="ann")
    assert first.state(asked) == "withdrawn"
    [run] = first.app.context.runs.unfinished()
    status = first.app.context.door.executor.status(run.id)
    assert status is not None
    assert status.state is not RunState.FINISHED
    [told] = start().machine.recover()
    assert "is still working; it was found again" in told


def test_a_run_whose_folder_is_gone_counts_as_lost(walk: Walk) -> None:
    progress = walk.until(lambda p: p.needs == "run" and p.run is not None)
    assert progress.run is not None
    walk.app.context.door.executor.wait(progress.run.id, 20)
    shutil.rmtree(progress.run.directory)
    [told] = walk.machine.recover()
    assert "counts as lost" in told
    walk.until(in_review)
    result = walk.app.context.runs.get(progress.run.id).result
    assert result is not None
    assert result.outcome is Outcome.FAILURE


def test_work_by_hand_takes_the_same_way_from_the_review_on(walk: Walk) -> None:
    action = walk.approved("spawn_executor")
    with pytest.raises(ReviewRefused, match="by hand"):
        walk.machine.work_directly(by="ann", reason="")
    walk.machine.work_directly(by="ann", reason="two lines only")
    assert walk.state(action) == "withdrawn"
    assert walk.machine.advance().needs == "direct"
    workspace = walk.app.context.workspace("T-301")
    assert workspace is not None
    Path(workspace.path, "infra", "note.md").write_text("by hand\n")
    walk.machine.direct_done(by="ann")
    assert walk.until(in_review).run is None
    assert walk.machine.advance().say == walk.machine.advance().say
    with pytest.raises(ReviewRefused, match="good enough"):
        walk.machine.accept(by="ann")
    walk.machine.accept(by="ann", reason="looked at it")
    gate = walk.gate("open_pull_request")
    assert gate.revision is not None
    assert [line for line in gate.revision.plan["files"] if "infra/note.md" in line]
    pulse = walk.machine.current()
    assert pulse is not None
    assert walk.app.context.runs.of_pulse(pulse.id) == []


def test_rule_four_parks_the_task_until_a_person_records_the_answer(walk: Walk) -> None:
    walk.until(lambda p: p.step.n == 6)
    walk.machine.prefer("T-303", by="ann", reason="test")
    walk.until(in_review)
    with pytest.raises(ReviewRefused, match="architect"):
        walk.machine.accept(by="ann", reason="never mind")
    with pytest.raises(ReviewRefused, match="Finn has not answered"):
        walk.machine.respawn(by="ann", cause="never mind", prompt=f"{walk.work['prompt']}\nmore\n")
    walk.machine.park(by="ann")
    question = walk.approved("message_agent")
    assert question.revision is not None
    assert "Recommendation: The first" in question.revision.plan["message"]
    assert walk.machine.advance().say == "T-303 parked: Finn was asked"
    walk.machine.cut_off(by="ann")

    walk.begin()
    assert "T-303" not in [task.id for task, _ in walk.machine.work().candidates()]
    with pytest.raises(BadCall):
        walk.machine.architect_answered("T-303", by="ann", text=" ")
    walk.machine.architect_answered("T-303", by="ann", text="Take the first option")
    [event] = walk.journal.events(kinds=["architect.answered"])
    assert (event.actor, event.body["task"]) == ("ann", "T-303")
    walk.machine.cut_off(by="ann")

    walk.until(lambda p: p.step.n == 6)
    walk.machine.prefer("T-303", by="ann", reason="it was answered")
    walk.phase("understand")
    assert walk.work["architect_yes"] == {"T-303": {"by": "ann", "text": "Take the first option"}}


def test_after_the_answer_a_rule_four_stop_may_be_tried_again(walk: Walk) -> None:
    walk.until(lambda p: p.step.n == 6)
    walk.machine.prefer("T-303", by="ann", reason="test")
    walk.until(in_review)
    walk.machine.architect_answered("T-303", by="ann", text="Take the first option")
    walk.machine.respawn(by="ann", cause="it was decided", prompt=f"{walk.work['prompt']}\nTake the first option.\n")
    assert walk.gate("spawn_executor").revision is not None


def test_a_workspace_that_could_not_be_made_is_asked_for_again(walk: Walk) -> None:
    clones = walk.app.profile.clones
    action = walk.approved("claim_task")
    clones.mkdir(exist_ok=True)
    blocker = clones / "T-301"
    blocker.mkdir()
    (blocker / "somebody.txt").write_text("mine")
    progress = walk.machine.advance()
    assert progress.needs == "workspace", progress.say
    assert walk.work["needs"] == "workspace"
    shutil.rmtree(blocker)
    again = walk.gate("claim_task")
    assert again.id != action.id
    walk.person.approve(again)
    assert walk.machine.advance().say == "T-301 claimed"
    assert walk.app.context.workspace("T-301") is not None


def test_a_skipped_step_leaves_no_gate_behind(walk: Walk) -> None:
    action = walk.gate("create_follow_ups")
    walk.machine.skip(by="ann", reason="not today")
    assert walk.state(action) == "withdrawn"
    assert walk.machine.position().n == 11  # type: ignore[union-attr]


def test_what_waits_stands_in_the_record_and_is_written_once(walk: Walk) -> None:
    walk.phase("spawn")
    good = str(walk.work["prompt"])
    walk.machine.set_text("prompt", "Do it.", by="ann")
    assert walk.machine.advance().needs == "prompt"
    assert walk.work["needs"] == "prompt"

    def notes() -> list[object]:
        return [e for e in walk.journal.events(kinds=["pulse.work"]) if e.body["keys"] == ["needs"]]

    before = len(notes())
    assert walk.machine.advance().needs == "prompt"
    assert len(notes()) == before == 1
    walk.machine.pause(by="ann")
    walk.machine.advance()
    assert walk.work["needs"] == "prompt"
    walk.machine.resume(by="ann", reason="go on")
    walk.machine.set_text("prompt", good, by="ann")
    assert "needs" not in walk.work
    assert walk.machine.advance().needs == ""
    assert "needs" not in walk.work


def test_step_seven_ends_even_if_its_line_was_never_written(walk: Walk) -> None:
    walk.phase("prompt")
    walk.machine.work().save(phase="done")
    walk.machine.advance()
    assert walk.machine.advance().step.n == 8


def test_only_a_dead_driver_counts_as_an_interruption(walk: Walk) -> None:
    walk.begin()
    pulse = walk.machine.current()
    assert pulse is not None
    assert not walk.machine.interrupted()
    with walk.app.context.pulses.drive(pulse.id, this_owner(), 60_000):
        assert not walk.machine.interrupted()
    with walk.app.context.pulses.drive(pulse.id, "1:0:another-boot", 60_000):
        assert walk.machine.interrupted()
        [told] = walk.machine.recover()
        assert told == "Stas was cut off in step 1 Inbox; it goes on there."
        assert not walk.machine.interrupted()
        assert walk.machine.recover() == []


def test_actions_of_the_routine_carry_the_agents_name(walk: Walk) -> None:
    assert walk.gate("claim_task").requested_by == walk.app.settings.agent_name == "Stas"
