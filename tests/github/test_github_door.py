"""The door and the machine with pull requests on GitHub: R6 and R94 as a whole, pushes to a real bare repository."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from github_double import GithubDouble
from github_world import TOKEN

from stas_tui.forges.github import GithubForge
from stas_tui.forges.github_api import GithubApi
from storage.records import Action, ActionState
from tests.door.shop import BASE, Shop, commit, field, git, make_template
from tests.door.test_door_branches import walk_to_pull_request

SHOP_NAME = "acme/shop"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop", make_template(tmp_path / "template"))
    yield made
    made.close()


@pytest.fixture
def hub(shop: Shop) -> Iterator[GithubDouble]:
    """GitHub over the shop's remote, and a door that opens pull requests there."""
    with GithubDouble(shop.remote, now=shop.clock.now, name=SHOP_NAME).running() as hub:
        api = GithubApi(hub.url, token=lambda: TOKEN, clock=shop.clock)

        def forge(real: object) -> GithubForge:
            return GithubForge(
                api=api,
                prs=shop.world,
                workspaces=shop.world,
                root=shop.profile.clones,
                archive=shop.profile.archive,
                clock=shop.clock,
                sleep=lambda seconds: shop.clock.advance(int(seconds * 1000)),
            )

        shop.wire(forge=forge, rules={"repos": {"shop": dataclasses.replace(shop.repo, github=SHOP_NAME)}})
        yield hub
        api.close()
    assert hub.wrong == []


def test_R94_created_on_the_server_and_lost_on_the_way_is_one_pull_request(shop: Shop, hub: GithubDouble) -> None:
    hub.fail("lost", "POST")
    shop.look()
    progress = walk_to_pull_request(shop)
    assert progress.answer is not None
    assert (progress.answer.status, progress.answer.result["number"]) == ("ok", 1)
    assert progress.answer.differences == ()
    assert len(hub.pulls) == len(hub.seen("POST")) == 1
    task = shop.world.task("shop", "T-1")
    assert task is not None
    assert task.pr_number == 1


def test_R94_while_nothing_can_be_read_the_outcome_stays_unknown_and_is_found_later(
    shop: Shop, hub: GithubDouble
) -> None:
    shop.look()
    shop.committed(shop.claimed())
    answer = shop.call("open_pull_request", **shop.pr_args())
    hub.fail("lost", "POST")
    assert answer.action is not None
    shop.approve(answer.action)
    hub.dies_after_a_write = True
    done = shop.toolbox.perform(answer.action.id)
    assert done.status == "unknown"
    hub.dies_after_a_write = False
    shop.toolbox.recover()
    found = shop.context.journal.get(answer.action.id)
    assert found.state is ActionState.SUCCEEDED
    assert found.outcome is not None
    assert found.outcome["observed"]["number"] == 1
    assert len(hub.pulls) == len(hub.seen("POST")) == 1


def test_R6_a_server_that_opens_on_main_is_shown_and_retargeted_by_a_gate(shop: Shop, hub: GithubDouble) -> None:
    hub.base_becomes = "main"
    shop.look()
    progress = walk_to_pull_request(shop)
    assert progress.answer is not None
    assert progress.answer.differences == ("base: intended 'multi-tenant', observed 'main'",)
    assert "NOT confirmed: pull request #1" in field(shop.summary(), "Branch Target")
    shop.approve(shop.gate("retarget_pr"))
    shop.advance_to(lambda p: "targets multi-tenant now" in p.say)
    assert hub.pulls[0]["base"] == BASE
    assert [asked.payload for asked in hub.seen("PATCH")] == [{"base": BASE}]
    assert "NOT" not in field(shop.summary(), "Branch Target")


def test_the_token_is_in_nothing_that_is_kept(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    walk_to_pull_request(shop)
    assert TOKEN.encode() not in shop.every_byte()


def test_a_definite_refusal_is_a_failure_and_no_doubt(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    shop.committed(shop.claimed())
    answer = shop.call("open_pull_request", **shop.pr_args())
    assert answer.action is not None
    shop.approve(answer.action)
    hub.fail("denied", "POST")
    done = shop.toolbox.perform(answer.action.id)
    assert done.status == "failed"
    assert "The branch was pushed, but opening the pull request failed" in done.reason
    assert hub.pulls == []


# verdicts on pull requests of others ------------------------------------------------------------------


def verdict(shop: Shop, hub: GithubDouble) -> Action:
    """Lena's pull request on GitHub, and a verdict on it that a person approved."""
    git("checkout", "-q", "-b", "infra/edge", cwd=shop.person_clone)
    sha = commit(shop.person_clone, {"docker-compose.yml": "services: {}\n"}, "infra: edge")
    git("push", "-q", shop.remote, "infra/edge", cwd=shop.person_clone)
    hub.pull("infra/edge", BASE, login="lena")
    args = {"projectId": "shop", "number": 1, "headSha": sha, "event": "request changes", "body": "Close the port."}
    answer = shop.call("review_verdict", **args)
    assert answer.action is not None, answer
    shop.approve(answer.action)
    return answer.action


def test_R101_a_verdict_that_was_taken_and_lost_on_the_way_is_one_review(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    action = verdict(shop, hub)
    hub.fail("lost", "POST")
    done = shop.toolbox.perform(action.id)
    assert (done.status, done.differences) == ("ok", ())
    assert done.result["url"].endswith(f"#pullrequestreview-{done.result['id']}")
    assert len(hub.reviews[1]) == len(hub.seen("POST")) == 1


@pytest.mark.parametrize("fault", ["truncated", "short", "html", "wrong shape", "500"])
def test_a_verdict_whose_answer_says_nothing_is_looked_for(shop: Shop, hub: GithubDouble, fault: str) -> None:
    shop.look()
    action = verdict(shop, hub)
    hub.fail(fault, "POST")
    done = shop.toolbox.perform(action.id)
    if done.status == "unknown":
        done = shop.toolbox.perform(action.id)
    assert done.status == "ok", done
    assert len(hub.reviews[1]) == 1


def test_a_verdict_while_nothing_can_be_read_stays_unknown_and_is_found_later(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    action = verdict(shop, hub)
    hub.fail("lost", "POST")
    hub.dies_after_a_write = True
    assert shop.toolbox.perform(action.id).status == "unknown"
    hub.dies_after_a_write = False
    shop.toolbox.recover()
    assert shop.context.journal.get(action.id).state is ActionState.SUCCEEDED
    assert len(hub.reviews[1]) == len(hub.seen("POST")) == 1


def test_R14_a_pull_request_that_github_does_not_have_is_told_with_its_number(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    args = {"projectId": "shop", "number": 999, "headSha": "1" * 40, "event": "comment", "body": "x"}
    answer = shop.call("review_verdict", **args)
    assert answer.status == "refused"
    assert "no pull request 999 on GitHub in acme/shop" in answer.reason


def test_github_takes_no_request_for_changes_from_the_author(shop: Shop, hub: GithubDouble) -> None:
    shop.look()
    action = verdict(shop, hub)
    hub.pulls[0]["login"] = "stas-bot"
    done = shop.toolbox.perform(action.id)
    assert done.status == "failed"
    assert "Send it as a comment" in done.reason
    assert hub.reviews.get(1) is None
