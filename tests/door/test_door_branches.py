"""Branch policy on real git: where work starts, where it goes, and what the remote says (R4-R8, R44, R45, R92-R96)."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.gates.contract import BadCall
from stas_tui.platforms.local import LocalPlatform
from stas_tui.pulse.context import Progress
from storage.records import ActionState, PullRequest, StepState, Workspace
from tests.door.shop import BASE, NOTE, PERSON, PROMPT, Shop, commit, field, git, like, platform_of


class OpensOnMain(LocalGitForge):
    """A forge that silently opens on its default branch."""

    def open_pr(self, repo: Repo, workspace: Workspace, **parts: Any) -> PullRequest:
        pr = super().open_pr(repo, workspace, **parts)
        return self._prs.update_pr(repo.project_id, pr.number, base=repo.main)


class NoClone(LocalGitForge):
    def provision(self, repo: Repo, task_id: str, title: str) -> Workspace:
        raise ForgeError("disk quota exceeded")


def test_R4_without_the_target_branch_the_change_lane_is_locked(looked: Shop) -> None:
    git("update-ref", "-d", f"refs/heads/{BASE}", cwd=looked.remote)
    answer = looked.call("claim_task", projectId="shop", taskId="T-1")
    assert (answer.status, answer.rule) == ("refused", "R4")
    assert "Target branch not found" in answer.reason


def test_R5_R7_a_branch_cut_from_a_moved_main_is_refused(looked: Shop) -> None:
    workspace = looked.claimed()
    git("fetch", "-q", looked.remote, "main", cwd=Path(workspace.path))
    git("reset", "-q", "--hard", "FETCH_HEAD", cwd=Path(workspace.path))
    answer = looked.call("spawn_executor", **looked.prompt_args())
    assert (answer.status, answer.rule) == ("refused", "R5")
    assert "1 commit of main is" in answer.reason
    looked.write(workspace, {"services/checkout/pool.py": "LIMIT = 20\n"})
    refused = looked.call("open_pull_request", **looked.pr_args())
    assert refused.status == "refused"
    assert looked.world.open_prs("shop") == []


def test_R5_a_branch_that_is_merely_behind_passes(looked: Shop) -> None:
    workspace = looked.claimed()
    git("checkout", "-q", BASE, cwd=looked.person_clone)
    commit(looked.person_clone, {"other.txt": "x\n"}, "infra: other work")
    git("fetch", "-q", looked.person_clone, f"+{BASE}:{BASE}", cwd=looked.remote)
    looked.committed(workspace)
    answer = looked.call("open_pull_request", **looked.pr_args())
    assert answer.status == "pending"
    assert answer.action is not None
    assert answer.action.revision is not None
    assert "1 behind" in str(answer.action.revision.shown["risk"])
    assert looked.run(answer).status == "ok"


def test_D6_the_base_is_never_an_argument(looked: Shop) -> None:
    looked.claimed()
    for name in ("base", "targetBranch", "head"):
        with pytest.raises(BadCall, match=name):
            looked.call("open_pull_request", **looked.pr_args(**{name: "main"}))


def test_R6_the_base_is_read_back_and_confirmed(looked: Shop) -> None:
    looked.committed(looked.claimed())
    answer = looked.run(looked.call("open_pull_request", **looked.pr_args()))
    assert (answer.status, answer.result["base"], answer.differences) == ("ok", BASE, ())
    assert "Confirmed" in field(looked.summary(), "Branch Target")


def test_R6_a_silent_main_shows_the_difference_and_step_7E_offers_the_retarget(shop: Shop) -> None:
    shop.wire(forge=lambda real: like(real, OpensOnMain))
    shop.look()
    progress = walk_to_pull_request(shop)
    assert progress.answer is not None
    assert progress.answer.differences == ("base: intended 'multi-tenant', observed 'main'",)
    assert "NOT confirmed: pull request #1" in field(shop.summary(), "Branch Target")

    gate = shop.gate("retarget_pr")
    assert gate.revision is not None
    assert (gate.revision.plan["base now"], gate.revision.plan["base"]) == ("main", BASE)
    assert shop.world.task("shop", "T-1").status == "review"  # type: ignore[union-attr]
    assert shop.actions("transition_task") == []
    shop.approve(gate)
    shop.advance_to(lambda p: "targets multi-tenant now" in p.say)
    pr = shop.world.get_pr("shop", 1)
    assert pr is not None
    assert pr.base == BASE
    confirmed = field(shop.summary(), "Branch Target")
    assert "Confirmed" in confirmed
    assert "NOT" not in confirmed


def test_R6_a_rejected_retarget_moves_nothing_and_stays_in_the_summary(shop: Shop) -> None:
    shop.wire(forge=lambda real: like(real, OpensOnMain))
    shop.look()
    walk_to_pull_request(shop)
    shop.reject(shop.gate("retarget_pr"), "main is right this time")
    shop.advance_to(lambda p: shop.state(7) is StepState.DONE)
    assert shop.actions("transition_task") == []
    summary = shop.summary()
    assert "NOT confirmed" in field(summary, "Branch Target")
    assert "targets main" in field(summary, "Urgent Items")


def test_R6_an_open_pull_request_on_another_base_is_no_answer(looked: Shop) -> None:
    looked.committed(looked.claimed())
    looked.run(looked.call("open_pull_request", **looked.pr_args()))
    looked.world.update_pr("shop", 1, base="main")
    answer = looked.call("open_pull_request", call_key="again", **looked.pr_args())
    assert answer.status != "ok"


def test_R6_retarget_is_asked_for_in_every_mode_and_never_takes_a_base(looked: Shop) -> None:
    with pytest.raises(BadCall, match="base"):
        looked.call("retarget_pr", projectId="shop", taskId="T-1", number=1, base="main")
    for number in (0, True, "1"):
        with pytest.raises(BadCall, match="number"):
            looked.call("retarget_pr", projectId="shop", taskId="T-1", number=number)


def walk_to_pull_request(shop: Shop) -> Progress:
    """Through step 7 up to the opened pull request, by hand in the workspace."""
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    shop.machine.set_text("prompt", PROMPT, by=PERSON)
    shop.advance_to(lambda p: p.needs == "gate")
    shop.machine.work_directly(by=PERSON, reason="it is two lines")
    workspace = shop.context.workspace("T-1")
    assert workspace is not None
    shop.write(workspace, {"services/checkout/pool.py": "LIMIT = 20\n"})
    shop.machine.direct_done(by=PERSON)
    shop.advance_to(lambda p: p.needs == "review")
    shop.machine.accept(by=PERSON, reason="read every line")
    shop.approve(shop.gate("open_pull_request"))
    return shop.advance_to(lambda p: "Pull request opened" in p.say)


def test_R8_a_protected_branch_is_refused_by_adapter_policy_and_hook(looked: Shop) -> None:
    before = git("rev-parse", "main", cwd=looked.remote)
    workspace = looked.claimed()
    looked.committed(workspace)
    head = looked.context.door.forge.head(workspace)
    for protected in ("main", BASE):
        moved = dataclasses.replace(workspace, branch=protected)
        with pytest.raises(ForgeError):
            looked.context.door.forge.push(looked.repo, moved, head)
    done = subprocess.run(
        ["git", "push", str(looked.remote), "+HEAD:main"], cwd=workspace.path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "remote:" in done.stderr
    assert git("rev-parse", "main", cwd=looked.remote) == before


def test_R44_the_loser_of_a_claim_is_told_by_whom_and_the_next_candidate_is_offered(looked: Shop) -> None:
    looked.approve(looked.gate("claim_task"))
    looked.world.claim("shop", "T-1", "Rex", "infra/rex", claimable=("review",))
    told = looked.advance_to(lambda p: "not claimed" in p.say or (p.needs == "gate" and "T-2" in p.say))
    assert "held by Rex" in str(looked.context.pulses.work(looked.pulse.id)["refused"]["T-1"]) or "Rex" in told.say
    action = looked.gate("claim_task")
    assert action.revision is not None
    assert action.revision.plan["task"] == "T-2"
    assert looked.world.task("shop", "T-1").assignee == "Rex"  # type: ignore[union-attr]


def test_R45_claimed_but_no_workspace_is_a_state_of_its_own(looked: Shop) -> None:
    looked.wire(forge=lambda real: like(real, NoClone))
    looked.approve(looked.gate("claim_task"))
    progress = looked.advance_to(lambda p: p.needs == "workspace")
    assert "disk quota exceeded" in progress.say
    assert looked.world.task("shop", "T-1").assignee == "Stas"  # type: ignore[union-attr]
    picked = field(looked.summary(), "Task Picked Up")
    assert picked.startswith("### Task Picked Up: Yes")
    assert "Workspace failed" in picked
    assert "unverified" in field(looked.summary(), "Branch Target")


def test_R92_nothing_to_commit_is_said(looked: Shop) -> None:
    looked.claimed()
    answer = looked.call("commit_changes", projectId="shop", taskId="T-1", message="infra: nothing")
    assert (answer.status, answer.rule) == ("refused", "R92")
    assert "nothing to commit" in answer.reason


def test_R92_a_file_over_the_limit_is_refused_by_name(looked: Shop) -> None:
    looked.write(looked.claimed(), {"dump.bin": b"\0" * (5 * 1024 * 1024 + 1)})
    answer = looked.call("commit_changes", projectId="shop", taskId="T-1", message="infra: dump")
    assert answer.status == "refused"
    assert "dump.bin" in answer.reason


def test_R92_an_env_file_is_refused_by_name_without_its_value(looked: Shop) -> None:
    looked.write(looked.claimed(), {".env": "PASSWORD=correct-horse-battery-staple\n"})
    answer = looked.call("commit_changes", projectId="shop", taskId="T-1", message="infra: configuration")
    assert (answer.status, answer.rule) == ("refused", "R82")
    assert ".env" in answer.reason
    assert "correct-horse" not in answer.reason
    assert b"correct-horse" not in looked.every_byte()


@pytest.mark.parametrize("message", ["cap the pool", "infra:", "infra: ", "Infra: x"])
def test_D24_the_prefix_is_enforced(looked: Shop, message: str) -> None:
    looked.claimed()
    with pytest.raises(BadCall, match="infra: "):
        looked.call("commit_changes", projectId="shop", taskId="T-1", message=message)
    with pytest.raises(BadCall, match="infra: "):
        looked.call("open_pull_request", **looked.pr_args(title=message))


def test_R93_what_the_remotes_hook_said_is_told(looked: Shop) -> None:
    looked.committed(looked.claimed())
    answer = looked.call("open_pull_request", **looked.pr_args())
    hook = looked.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'freeze until Monday' >&2\nexit 1\n")
    done = looked.run(answer)
    assert done.status == "failed"
    assert "freeze until Monday" in done.reason
    assert looked.world.open_prs("shop") == []


def test_R93_a_non_fast_forward_is_told_and_no_force_is_offered(looked: Shop) -> None:
    workspace = looked.claimed()
    looked.committed(workspace)
    answer = looked.call("open_pull_request", **looked.pr_args())
    git("checkout", "-q", BASE, cwd=looked.person_clone)
    commit(looked.person_clone, {"rival.txt": "x\n"}, "infra: rival")
    git("fetch", "-q", looked.person_clone, f"+{BASE}:{workspace.branch}", cwd=looked.remote)
    rival = git("rev-parse", workspace.branch, cwd=looked.remote)
    done = looked.run(answer)
    assert done.status == "failed"
    assert "has 1 commit(s) that this workspace does not have" in done.reason
    assert "force" not in done.reason.lower()
    assert git("rev-parse", workspace.branch, cwd=looked.remote) == rival


def test_R94_one_open_pull_request_for_each_head(looked: Shop) -> None:
    looked.committed(looked.claimed())
    first = looked.run(looked.call("open_pull_request", **looked.pr_args()))
    again = looked.call("open_pull_request", call_key="again", **looked.pr_args())
    assert again.status == "ok"
    assert again.result["number"] == first.result["number"]
    assert len(looked.world.open_prs("shop")) == 1


def test_R95_a_body_with_a_placeholder_is_locked(looked: Shop) -> None:
    looked.committed(looked.claimed())
    body = looked.pr_args()["body"].replace("The pool of checkout gets", "{what changed}")
    answer = looked.call("open_pull_request", **looked.pr_args(body=body))
    assert (answer.status, answer.rule) == ("refused", "R95")


def test_R96_a_refused_move_keeps_the_pull_request_and_shows_the_true_state(shop: Shop) -> None:
    shop.task("T-1", "infra: cap the checkout pool", shop.world.task("shop", "T-1").priority, status="doing")  # type: ignore[union-attr]
    shop.wire(
        platform=lambda real: platform_of(
            real, LocalPlatform, columns=("doing", "review"), allowed={"doing": ("blocked",), "review": ()}
        )
    )
    shop.look()
    answer = shop.run(shop.call("claim_task", projectId="shop", taskId="T-1"))
    assert answer.status == "ok"
    workspace = shop.context.workspace("T-1")
    assert workspace is not None
    shop.committed(workspace)
    shop.run(shop.call("open_pull_request", **shop.pr_args()))
    moved = shop.call("transition_task", projectId="shop", taskId="T-1", status="review")
    assert moved.status == "failed"
    assert "allowed: blocked" in moved.reason
    assert shop.world.task("shop", "T-1").status == "doing"  # type: ignore[union-attr]
    assert [pr.number for pr in shop.world.open_prs("shop")] == [1]


def test_R97_R98_the_shared_memory_has_flag_tags_and_four_parts(looked: Shop) -> None:
    tags = ["infrastructure", "deployment", "multi-tenant"]
    answer = looked.call(
        "remember", type="pattern", title="Infra: cap", text=NOTE, options={"shared": True, "tags": tags}
    )
    done = looked.run(answer)
    assert done.differences == ()
    memory = looked.world.find_memory("Infra: cap", NOTE)
    assert memory is not None
    assert (memory.shared, list(memory.tags), memory.quarantined) == (True, tags, False)
    assert looked.actions("remember")[0].state is ActionState.SUCCEEDED
