"""Name, order of the routine, locks and overrides, modes (R1, R2, R18, R24-R29, R36, D7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stas_tui.config_errors import ConfigError
from stas_tui.gates.contract import BadCall, Override
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from stas_tui.toolbox import ObserveMode, WrongName
from storage.records import ActionState, DataState, GateLevel, Memory, Mode, Project, StepState, Task, Vision
from tests.door.shop import PERSON, PROMPT, Shop, field, platform_of


class NoMemory(LocalPlatform):
    def recall(self, query: str, limit: int) -> list[Memory]:
        raise PlatformError("memory is down")


class NoProjects(LocalPlatform):
    def projects(self) -> list[Project]:
        raise PlatformError("platform is down")


class OneVisionDead(LocalPlatform):
    def vision(self, project_id: str) -> Vision | None:
        if project_id == "docs":
            raise PlatformError("500")
        return super().vision(project_id)


class OneBoardDead(LocalPlatform):
    def tasks(self, project_id: str) -> list[Task]:
        if project_id == "docs":
            raise PlatformError("timed out")
        return super().tasks(project_id)


def behind(cls: type[LocalPlatform]) -> Callable[[Any], LocalPlatform]:
    return lambda real: platform_of(real, cls)


@pytest.mark.parametrize("name", ["", "  ", "{{AGENT_NAME}}"])
def test_R1_D18_without_a_name_nothing_starts(make_shop: Callable[..., Shop], name: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_NAME"):
        make_shop(agent=name)


def test_R1_the_machine_refuses_a_placeholder_too(shop: Shop) -> None:
    shop.wire(rules={"agent": "{{AGENT_NAME}}"})
    with pytest.raises(BadCall, match="AGENT_NAME"):
        shop.begin()
    assert shop.machine.current() is None
    assert shop.events() == []


def test_R2_R26_claim_before_vision_is_locked_and_step_4_is_todo(shop: Shop) -> None:
    shop.look(3)
    answer = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert (answer.status, answer.by) == ("locked", "policy")
    assert shop.state(4) is StepState.TODO
    assert shop.actions("claim_task") == []
    assert shop.world.task("shop", "T-1").assignee is None  # type: ignore[union-attr]


def test_R36_claim_before_the_scan_is_locked(shop: Shop) -> None:
    shop.look(5)
    answer = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert (answer.status, answer.rule) == ("locked", "R36")


def test_R26_a_vision_that_changed_after_it_was_read_locks_again(looked: Shop) -> None:
    looked.world.set_vision("shop", "# Shop\n\nEverything is different now.\n")
    answer = looked.call("claim_task", projectId="shop", taskId="T-1")
    assert (answer.status, answer.rule) == ("locked", "R26")
    assert "changed after it was read" in answer.reason


def test_D7_a_typed_override_stands_in_plan_log_gate_and_summary(shop: Shop) -> None:
    shop.look(5)
    answer = shop.call("claim_task", projectId="shop", taskId="T-1", override="the scan is broken, Sky agreed")
    assert answer.status == "pending"
    assert answer.action is not None
    assert answer.action.revision is not None
    [over] = answer.action.revision.plan["overrides"]
    assert (over["rule"], over["by"], over["reason"]) == ("R36", PERSON, "the scan is broken, Sky agreed")
    [event] = shop.events("policy.overridden")
    assert (event.actor, event.body["reason"]) == (PERSON, "the scan is broken, Sky agreed")
    assert "the scan is broken" in "".join(answer.action.revision.shown["warnings"])
    said = field(shop.summary(), "Actions Taken")
    assert said.count("went on against a lock") == 1
    assert "the scan is broken, Sky agreed" in said


def test_D7_an_override_needs_a_reason_and_overrides_no_denial(looked: Shop) -> None:
    with pytest.raises(BadCall, match="reason"):
        looked.toolbox.call(
            "claim_task",
            {"projectId": "shop", "taskId": "T-1"},
            pulse_id=looked.pulse.id,
            caller="Stas",
            override=Override(by=PERSON, reason=" "),
        )
    looked.world.claim("shop", "T-1", "Rex", "infra/x", claimable=("review",))
    answer = looked.call("claim_task", projectId="shop", taskId="T-1", override="I want it")
    assert (answer.status, answer.rule) == ("refused", "R44")


def test_R2_the_machine_asks_for_the_override_and_goes_on_with_it(shop: Shop) -> None:
    shop.look(5)
    shop.machine.skip(by=PERSON, reason="metrics are down")
    shop.world.set_vision("shop", "# Another\n")
    progress = shop.advance_to(lambda p: p.needs != "")
    assert progress.needs == "override"
    shop.machine.override(by=PERSON, reason="the new vision was read aloud")
    action = shop.gate("claim_task")
    assert action.revision is not None
    assert action.revision.plan["overrides"][0]["reason"] == "the new vision was read aloud"
    assert "skipped" in field(shop.summary(), "Actions Taken")


def test_R18_memory_down_fails_the_step_and_locks_the_change_lane(shop: Shop) -> None:
    shop.wire(platform=behind(NoMemory))
    shop.look(6)
    assert shop.state(2) is StepState.FAILED
    answer = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert answer.status == "locked"
    assert "memory is down" in answer.reason
    assert field(shop.summary(), "Memories").startswith("### Memories: 0 (error")


def test_R24_no_projects_and_a_dead_platform_are_two_different_answers(make_shop: Callable[..., Shop]) -> None:
    none, dead = make_shop(), make_shop()
    none.world.put_project(Project(id="shop", name="Shop", status="archived"))
    dead.wire(platform=behind(NoProjects))
    for one in (none, dead):
        one.look(3)
    assert none.state(3) is StepState.DONE
    assert dead.state(3) is StepState.FAILED
    assert "None assigned" in field(none.summary(), "Projects")
    assert "None assigned" not in field(dead.summary(), "Projects")
    assert "platform is down" in field(dead.summary(), "Projects")


def test_R25_one_dead_vision_locks_its_project_only(shop: Shop) -> None:
    shop.world.put_project(Project(id="docs", name="Docs"))
    shop.wire(platform=behind(OneVisionDead))
    shop.look(6)
    visions = shop.context.pulses.steps(shop.pulse.id)[3].data["visions"]
    assert (visions["shop"]["state"], visions["docs"]["state"]) == ("ok", "error")
    assert shop.call("claim_task", projectId="shop", taskId="T-1").status == "pending"
    assert field(shop.summary(), "Vision Reviewed").startswith("### Vision Reviewed: No")


def test_R28_one_dead_board_shows_the_others_and_says_so(shop: Shop) -> None:
    shop.world.put_project(Project(id="docs", name="Docs"))
    shop.wire(platform=behind(OneBoardDead))
    shop.look(5)
    step = shop.context.pulses.steps(shop.pulse.id)[4]
    assert [row["id"] for row in step.data["ready"]] == ["T-1", "T-2"]
    assert "timed out" in step.data["errors"]["docs"]
    assert "1 project not answered" in step.note


def test_R29_D4_an_own_task_with_an_open_pull_request_waits_for_others(shop: Shop) -> None:
    shop.task("T-1", "infra: cap the checkout pool", assignee="Stas", pr_number=7, pr_open=True)
    shop.task("T-7", "infra: elsewhere", status="Deep Freeze")
    shop.look(6)
    data = shop.context.pulses.steps(shop.pulse.id)[4].data
    assert [row["id"] for row in data["ready"]] == ["T-2"]
    assert [(row["id"], row["reason"]) for row in data["waiting"]] == [
        ("T-1", "waiting for others: pull request #7 is open")
    ]
    assert data["unknown_columns"][0]["id"] == "T-7"
    answer = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert (answer.status, answer.rule) == ("refused", "D4")


def test_R35_the_explanation_names_age_and_a_preference_needs_a_reason(looked: Shop) -> None:
    looked.task("T-2", "infra: smaller image", looked.world.task("shop", "T-1").priority, created_at=0)  # type: ignore[union-attr]
    with pytest.raises(BadCall, match="why"):
        looked.machine.prefer("T-1", by=PERSON, reason=" ")
    looked.machine.prefer("T-1", by=PERSON, reason="Sky waits for it")
    action = looked.gate("claim_task")
    assert action.revision is not None
    assert action.revision.plan["task"] == "T-1"
    assert "Sky waits for it" in str(looked.context.pulses.work(looked.pulse.id)["claiming"]["why"])


def test_R35_of_two_equal_tasks_the_older_wins_and_the_reason_says_so(shop: Shop) -> None:
    shop.task("T-2", "infra: smaller image", shop.world.task("shop", "T-1").priority, created_at=0)  # type: ignore[union-attr]
    shop.look(5)
    first = shop.context.pulses.steps(shop.pulse.id)[4].data["ready"][0]
    assert first["id"] == "T-2"
    assert "older than T-1" in first["why"]


# modes --------------------------------------------------------------------------------------------


def test_observe_approves_nothing_and_makes_logged_actions_proposals(shop: Shop) -> None:
    shop.begin(Mode.OBSERVE)
    shop.look(6)
    answer = shop.call("create_task", projectId="shop", title="infra: outage", priority="P0")
    assert answer.status == "pending"
    assert answer.action is not None
    assert answer.action.level is GateLevel.GATE
    with pytest.raises(ObserveMode):
        shop.approve(answer.action)
    assert [task.title for task in shop.world.tasks("shop") if task.title == "infra: outage"] == []


def test_trusted_relaxes_other_gates_but_never_claim_spawn_or_pull_request(shop: Shop) -> None:
    shop.begin(Mode.TRUSTED)
    shop.look(6)
    claim = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert claim.status == "pending"
    shop.run(claim)
    workspace = shop.context.workspace("T-1")
    assert workspace is not None
    assert shop.call("spawn_executor", **shop.prompt_args()).status == "pending"
    shop.committed(workspace)
    assert shop.call("open_pull_request", **shop.pr_args()).status == "pending"
    memory = shop.call("remember", type="pattern", title="Infra: x", text="y", shared=True, tags=["infrastructure"])
    assert memory.status == "ok"
    assert memory.action is not None
    assert memory.action.level is GateLevel.LOG


def test_supervised_asks_for_a_shared_memory_and_logs_a_private_one(looked: Shop) -> None:
    assert looked.call("remember", type="pattern", title="Infra: a", text="b", shared=True).status == "pending"
    assert looked.call("remember", type="pattern", title="Infra: c", text="d").status == "ok"


def test_G2_needs_the_name_typed(looked: Shop) -> None:
    looked.claimed()
    text = PROMPT.replace(
        "- services/checkout/settings.toml: add pool_max = 20",
        "- services/checkout/settings.toml: add pool_max = 20\n- docker-compose.yml: pass the bound to every service",
    )
    answer = looked.call("spawn_executor", **looked.prompt_args(executionPrompt=text))
    assert answer.action is not None, answer
    assert answer.action.level is GateLevel.GATE2
    for typed in ("", "T-2", "yes"):
        with pytest.raises(WrongName, match="T-1"):
            looked.approve(answer.action, typed)
    assert looked.approve(answer.action, "T-1").state is ActionState.APPROVED


def test_every_read_says_how_it_went(looked: Shop) -> None:
    reads = [event.body for event in looked.events("tool.read")]
    asked = {"check_inbox", "recall", "get_my_projects", "get_project_vision", "get_ready_tasks"}
    assert {body["tool"] for body in reads} == asked
    assert {body["state"] for body in reads} == {DataState.OK.value, DataState.EMPTY.value}
