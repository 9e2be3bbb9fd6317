"""An approval is for what was on the screen, once, not for long; every effect happens once (cross tests 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stas_tui.executors.base import RunRequest
from stas_tui.executors.command import CommandExecutor
from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.gates.contract import Answer
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from storage.clock import HOUR, MINUTE
from storage.errors import StasError
from storage.journal import AlreadyDecided, Expired, StaleDecision
from storage.records import (
    ActionState,
    Memory,
    Message,
    Mode,
    OutgoingMessage,
    Priority,
    PullRequest,
    RunStatus,
    Task,
    Workspace,
)
from tests.door.shop import BASE, NOTE, PERSON, PROMPT, Shop, commit, git, like, platform_of

# what voids an approval ---------------------------------------------------------------------------


def approved_claim(shop: Shop) -> Answer:
    answer = shop.call("claim_task", projectId="shop", taskId="T-1")
    assert answer.action is not None
    shop.approve(answer.action)
    return answer


def performed(shop: Shop, answer: Answer) -> Answer:
    assert answer.action is not None
    return shop.toolbox.perform(answer.action.id)


def asks_again(shop: Shop, answer: Answer, about: str) -> None:
    """The approval is void: the action asks again, with another digest, and says what changed."""
    assert answer.action is not None
    before = answer.action.digest
    after = performed(shop, answer)
    assert after.status == "pending", after
    assert after.action is not None
    assert after.action.digest != before
    assert about in after.reason
    assert after.action.revision is not None
    assert any(about in warning for warning in after.action.revision.shown["warnings"])
    assert shop.context.journal.attempts(after.action.id) == []


def test_E2_a_moved_head_voids_the_approval_of_the_pull_request(looked: Shop) -> None:
    workspace = looked.claimed()
    looked.committed(workspace)
    answer = looked.call("open_pull_request", **looked.pr_args())
    assert answer.action is not None
    looked.approve(answer.action)
    looked.write(workspace, {"services/checkout/pool.py": "LIMIT = 21\n"})
    assert (
        looked.call("commit_changes", call_key="second", projectId="shop", taskId="T-1", message="infra: 21").status
        == "ok"
    )
    asks_again(looked, answer, "head_sha")
    assert looked.world.open_prs("shop") == []


def test_E2_a_moved_base_voids_the_approval_of_the_claim(looked: Shop) -> None:
    answer = approved_claim(looked)
    git("checkout", "-q", BASE, cwd=looked.person_clone)
    commit(looked.person_clone, {"other.txt": "x\n"}, "infra: other work")
    git("fetch", "-q", looked.person_clone, f"+{BASE}:{BASE}", cwd=looked.remote)
    asks_again(looked, answer, "base_sha")


def test_E2_a_changed_task_voids_the_approval_of_the_claim(looked: Shop) -> None:
    answer = approved_claim(looked)
    looked.task("T-1", "infra: something else entirely", Priority.P1, version=2)
    asks_again(looked, answer, "task_version")


@pytest.mark.parametrize("mode", [Mode.TRUSTED, Mode.OBSERVE])
def test_E2_a_changed_mode_voids_every_approval(looked: Shop, mode: Mode) -> None:
    answer = approved_claim(looked)
    message = looked.call("message_agent", agentId="dev", message="please merge it")
    assert message.action is not None
    looked.approve(message.action)
    looked.machine.set_mode(mode, by=PERSON, reason="night")
    asks_again(looked, answer, "mode")
    asks_again(looked, message, "mode")
    assert looked.world.sent() == []


def test_E2_a_changed_policy_voids_every_approval(looked: Shop) -> None:
    answer = approved_claim(looked)
    looked.profile.config_file.write_text(
        looked.profile.config_file.read_text().replace('dev = "dev"', 'dev = "dev"\nsomebody = "new"')
    )
    looked.reopen()
    asks_again(looked, answer, "policy")


def test_E2_R84_a_changed_prompt_has_another_digest_and_the_old_one_decides_nothing(looked: Shop) -> None:
    looked.claimed()
    answer = looked.call("spawn_executor", **looked.prompt_args())
    assert answer.action is not None
    old = answer.action
    edited = looked.toolbox.edit(
        old.id,
        rev=old.rev,
        digest=old.digest,
        args=looked.prompt_args(executionPrompt=PROMPT.replace("two seconds", "three seconds")),
        author=PERSON,
    )
    assert edited.digest != old.digest
    with pytest.raises(StaleDecision):
        looked.toolbox.decide(old.id, rev=old.rev, digest=old.digest, verdict="approve", voter=PERSON)
    assert looked.context.journal.get(old.id).state is ActionState.PENDING
    assert looked.context.door.executor.live() == []


def test_E2_an_approval_is_used_once(looked: Shop) -> None:
    answer = looked.call("message_agent", agentId="dev", message="please merge it")
    done = looked.run(answer)
    assert done.status == "ok"
    assert done.action is not None
    again = looked.toolbox.perform(done.action.id)
    assert again.status == "ok"
    assert len(looked.world.sent()) == 1
    assert len(looked.context.journal.attempts(done.action.id)) == 1
    with pytest.raises(AlreadyDecided):
        looked.toolbox.decide(
            done.action.id, rev=1, digest=done.action.digest, verdict="reject", voter=PERSON, reason="too late"
        )


def test_E2_time_over_means_not_approved(looked: Shop) -> None:
    answer = looked.call("claim_task", projectId="shop", taskId="T-1")
    looked.clock.advance(5 * HOUR)
    assert answer.action is not None
    with pytest.raises(Expired):
        looked.approve(answer.action)
    assert looked.context.journal.get(answer.action.id).state is ActionState.EXPIRED
    assert looked.world.task("shop", "T-1").assignee is None  # type: ignore[union-attr]


def test_E2_an_unused_approval_dies(looked: Shop) -> None:
    answer = approved_claim(looked)
    looked.clock.advance(11 * MINUTE)
    assert performed(looked, answer).status == "expired"
    assert looked.world.task("shop", "T-1").assignee is None  # type: ignore[union-attr]


def test_E2_a_rejection_answers_the_same_call_again(looked: Shop) -> None:
    answer = looked.call("claim_task", projectId="shop", taskId="T-1")
    assert answer.action is not None
    looked.reject(answer.action, "freeze until Monday")
    again = looked.call("claim_task", projectId="shop", taskId="T-1")
    assert (again.status, again.reason, again.by) == ("rejected", "freeze until Monday", PERSON)


# one effect ---------------------------------------------------------------------------------------


class Cut:
    """Which side of the effect the connection is lost on."""

    where = ""

    def around(self, do: Callable[[], Any], error: type[StasError]) -> Any:
        if self.where == "before":
            raise error("connection refused")
        done = do()
        if self.where == "after":
            raise error("connection lost")
        return done


CUT = Cut()


class Lossy(LocalPlatform):
    """The real platform behind a connection that may break."""

    def create_task(self, *args: Any, **named: Any) -> Task:
        return CUT.around(lambda: LocalPlatform.create_task(self, *args, **named), PlatformError)  # type: ignore[no-any-return]

    def claim(self, *args: Any) -> Task:
        return CUT.around(lambda: LocalPlatform.claim(self, *args), PlatformError)  # type: ignore[no-any-return]

    def send(self, **named: Any) -> OutgoingMessage:
        return CUT.around(lambda: LocalPlatform.send(self, **named), PlatformError)  # type: ignore[no-any-return]

    def remember(self, *args: Any, **named: Any) -> Memory:
        return CUT.around(lambda: LocalPlatform.remember(self, *args, **named), PlatformError)  # type: ignore[no-any-return]

    def transition(self, *args: Any) -> Task:
        return CUT.around(lambda: LocalPlatform.transition(self, *args), PlatformError)  # type: ignore[no-any-return]

    def acknowledge(self, *args: Any) -> Message:
        return CUT.around(lambda: LocalPlatform.acknowledge(self, *args), PlatformError)  # type: ignore[no-any-return]


class LossyForge(LocalGitForge):
    """The real forge behind a connection that may break."""

    def open_pr(self, repo: Repo, workspace: Workspace, **parts: Any) -> PullRequest:
        return CUT.around(lambda: LocalGitForge.open_pr(self, repo, workspace, **parts), ForgeError)  # type: ignore[no-any-return]


class LossyExecutor(CommandExecutor):
    """The real executor whose answer may be lost."""

    def start(self, request: RunRequest) -> RunStatus:
        return CUT.around(lambda: CommandExecutor.start(self, request), StasError)  # type: ignore[no-any-return]


@pytest.fixture
def lossy(shop: Shop) -> Shop:
    CUT.where = ""
    shop.wire(
        platform=lambda real: platform_of(real, Lossy),
        forge=lambda real: like(real, LossyForge),
        executor=lambda real: like(real, LossyExecutor),
    )
    shop.look()
    return shop


def tool_calls() -> dict[str, Callable[[Shop], Answer]]:
    return {
        "create_task": lambda s: s.call("create_task", projectId="shop", title="infra: outage", priority="P0"),
        "claim_task": lambda s: s.call("claim_task", projectId="shop", taskId="T-2"),
        "spawn_executor": lambda s: s.call("spawn_executor", **s.prompt_args()),
        "open_pull_request": lambda s: s.call("open_pull_request", **s.pr_args()),
        "message_agent": lambda s: s.call("message_agent", agentId="dev", message="please merge it"),
        "slack_dm": lambda s: s.call("slack_dm", message="checkout is down in production", category="incident"),
        "remember": lambda s: s.call("remember", type="pattern", title="Infra: cap", text=NOTE, shared=True),
    }


def happened(shop: Shop, tool: str) -> int:
    """How often the world shows the effect."""
    if tool == "create_task":
        return sum(task.title == "infra: outage" for task in shop.world.tasks("shop"))
    if tool == "claim_task":
        return int(shop.world.task("shop", "T-2").assignee == "Stas")  # type: ignore[union-attr]
    if tool == "spawn_executor":
        return sum(1 for folder in shop.profile.runs.iterdir() if (folder / "state.json").exists())
    if tool == "open_pull_request":
        return len(shop.world.all_prs("shop"))
    if tool == "remember":
        return sum(memory.title == "Infra: cap" for memory in shop.world.memories())
    return len(shop.world.sent())


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("tool", sorted(tool_calls()))
def test_E3_a_cut_connection_leaves_one_effect_or_unknown(lossy: Shop, tool: str, where: str) -> None:
    shop = lossy
    if tool in ("spawn_executor", "open_pull_request"):
        workspace = shop.claimed()
        if tool == "open_pull_request":
            shop.committed(workspace)
    call = tool_calls()[tool]
    CUT.where = where
    answer = call(shop)
    if answer.status == "pending":
        answer = shop.run(answer, "T-1")
    assert answer.status in ("ok", "unknown"), answer
    assert happened(shop, tool) == (1 if where == "after" else 0)
    if answer.status == "ok":
        assert where == "after"

    CUT.where = ""
    for _ in range(2):
        again = call(shop)
        if again.status == "pending":
            assert where == "before"
            again = shop.run(again, "T-1")
    shop.toolbox.recover()
    assert happened(shop, tool) == 1, again


def test_R44_a_lost_answer_to_a_claim_is_no_refusal(lossy: Shop) -> None:
    lossy.approve(lossy.gate("claim_task"))
    CUT.where = "after"
    progress = lossy.advance_to(lambda p: "claimed" in p.say)
    assert progress.say == "T-1 claimed"
    assert lossy.context.workspace("T-1") is not None


def test_R43_a_created_task_is_found_by_its_key_after_a_lost_answer(lossy: Shop) -> None:
    CUT.where = "after"
    answer = lossy.call("create_task", projectId="shop", title="infra: outage", priority="P0")
    assert answer.status == "ok"
    [made] = [task for task in lossy.world.tasks("shop") if task.title == "infra: outage"]
    assert answer.action is not None
    assert made.created_key == answer.action.id
    assert answer.result["task"] == made.id


def test_E10_after_the_halt_nothing_starts_and_a_reason_lifts_it(looked: Shop) -> None:
    answer = approved_claim(looked)
    looked.machine.pause(by=PERSON, reason="wait")
    assert performed(looked, answer).status == "halted"
    assert looked.call("create_task", projectId="shop", title="infra: outage", priority="P0").status == "halted"
    assert looked.world.task("shop", "T-1").assignee is None  # type: ignore[union-attr]
    looked.machine.resume(by=PERSON, reason="checked")
    assert performed(looked, answer).status == "ok"


def test_R84_the_executor_gets_the_approved_bytes_and_no_others(looked: Shop) -> None:
    looked.claimed()
    answer = looked.call("spawn_executor", **looked.prompt_args())
    done = looked.run(answer)
    assert done.status == "ok"
    assert done.differences == ()
    assert done.action is not None
    assert done.action.revision is not None
    sent = Path(looked.context.runs.get(done.result["run"]).directory) / "prompt.md"
    assert sent.read_text() == done.action.revision.plan["prompt"]
    assert sent.read_text().startswith(PROMPT.rstrip())
    looked.context.door.executor.wait(done.result["run"], 20)
