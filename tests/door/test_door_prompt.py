"""What may be spawned: the prompt's rules at the door, respawns, and what the gate shows beside it (R27, R48-R90)."""

from __future__ import annotations

import pytest

from stas_tui.gates.contract import BadCall
from stas_tui.pulse.proposer import DraftProposer
from storage.records import RunState, Task
from tests.door.shop import PERSON, PROMPT, Shop

ROLLBACK = PROMPT[PROMPT.index("## Rollback Plan") : PROMPT.index("## Anti-Patterns")]


class Says(DraftProposer):
    """An agent that says one sentence on the vision."""

    name = "Stas"

    def alignment(self, task: Task) -> str:
        return "A rolling release keeps every tenant served."


def test_R53_an_empty_prompt_is_refused(looked: Shop) -> None:
    looked.claimed()
    for text in ("", "   \n"):
        with pytest.raises(BadCall, match="executionPrompt is missing"):
            looked.call("spawn_executor", **looked.prompt_args(executionPrompt=text))
    answer = looked.call("spawn_executor", **looked.prompt_args(executionPrompt="just do it"))
    assert (answer.status, answer.rule) in (("refused", "R53"), ("refused", "R77"))


def test_D1_two_different_prompts_are_refused_and_one_name_is_enough(looked: Shop) -> None:
    looked.claimed()
    with pytest.raises(BadCall, match="differ"):
        looked.call("spawn_executor", **looked.prompt_args(prompt="something else"))
    answer = looked.call("spawn_executor", projectId="shop", taskId="T-1", prompt=PROMPT)
    assert answer.status == "pending"


@pytest.mark.parametrize(
    "section",
    ["## Rollback Plan\n", "## Rollback Plan\nundo if needed\n\n", "## Rollback Plan\n{specific steps}\n\n", ""],
    ids=["empty", "undo if needed", "placeholder", "absent"],
)
def test_R48_R67_R77_without_rollback_steps_nothing_is_spawned_and_no_reason_helps(looked: Shop, section: str) -> None:
    looked.task("T-1", "infra: deploy the capped pool", labels=("deploy", "service:checkout"))
    looked.look()
    looked.claimed()
    prompt = PROMPT.replace(ROLLBACK, section)
    for reason in ("", "I take the blame"):
        answer = looked.call("spawn_executor", override=reason, **looked.prompt_args(executionPrompt=prompt))
        assert answer.status == "refused", answer
        assert answer.rule in ("R77", "R78", "R48", "R67", "R53")
    assert looked.actions("spawn_executor") == []


def test_R84_only_a_claimed_task_is_spawned(looked: Shop) -> None:
    answer = looked.call("spawn_executor", **looked.prompt_args())
    assert (answer.status, answer.rule) == ("refused", "R44")


def test_R90_another_try_needs_a_cause_and_a_changed_prompt_and_ends_after_three(looked: Shop) -> None:
    looked.wire(rules={"max_respawns": 1})
    looked.claimed()

    def spawned(**changes: str) -> None:
        done = looked.run(looked.call("spawn_executor", **looked.prompt_args(**changes)))
        assert done.status == "ok", done
        status = looked.context.door.executor.wait(done.result["run"], 20)
        looked.context.runs.update_state(done.result["run"], RunState.FINISHED, status.ended_at)

    spawned()
    changed = PROMPT.replace("two seconds", "three seconds")
    no_cause = looked.call("spawn_executor", **looked.prompt_args(executionPrompt=changed))
    assert (no_cause.status, no_cause.rule) == ("refused", "R90")
    same = looked.call("spawn_executor", **looked.prompt_args(cause="the pool was read too late"))
    assert (same.status, same.rule) == ("refused", "R90")
    assert "same digest" in same.reason
    spawned(executionPrompt=changed, cause="the pool was read too late")
    third = {"executionPrompt": changed.replace("three seconds", "four seconds"), "cause": "still too late"}
    capped = looked.call("spawn_executor", **looked.prompt_args(**third))
    assert (capped.status, capped.rule) == ("locked", "R90")
    again = looked.call("spawn_executor", override="one more, then we stop", **looked.prompt_args(**third))
    assert again.status == "pending"


def test_T7_a_live_run_is_the_answer_to_a_second_spawn(looked: Shop) -> None:
    looked.claimed()
    looked.program.write_text("import time\nprint('on', flush=True)\ntime.sleep(60)\n")
    done = looked.run(looked.call("spawn_executor", **looked.prompt_args()))
    again = looked.call("spawn_executor", **looked.prompt_args(executionPrompt=PROMPT + "\n", cause="again"))
    assert (again.status, again.result["run"]) == ("ok", done.result["run"])
    looked.context.door.executor.cancel(done.result["run"])


def test_R27_the_gate_shows_what_the_vision_says_and_what_the_agent_said(shop: Shop) -> None:
    shop.world.set_vision(
        "shop", "# Shop\n\n## Deployment strategy\nRolling, no downtime.\n\n## Architecture\nRow-level isolation.\n"
    )
    shop.wire(proposer=Says())
    shop.look()
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    stop = PROMPT.replace(
        "fails with a clear error", "fails; stop the service with docker compose down, then start it,"
    )
    shop.machine.set_text("prompt", stop, by=PERSON)
    action = shop.gate("spawn_executor")
    assert action.revision is not None
    lines = action.revision.shown["vision"]
    assert lines == [
        "deployment strategy: Rolling, no downtime.",
        "vision is silent on scale",
        "architecture: Row-level isolation.",
        "said by Stas: A rolling release keeps every tenant served.",
    ]
    assert any("The vision says no downtime" in text for text in action.revision.shown["warnings"])


def test_R27_an_agent_that_says_nothing_is_shown_as_such(looked: Shop) -> None:
    looked.claimed()
    answer = looked.call("spawn_executor", **looked.prompt_args())
    assert answer.action is not None
    assert answer.action.revision is not None
    assert answer.action.revision.shown["vision"][-1] == "Stas said nothing on it"
