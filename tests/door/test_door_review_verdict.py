"""A verdict on somebody's pull request: bound to the head and to every byte, sent once; nothing here approves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stas_tui.gates.contract import Answer, BadCall, Shown
from stas_tui.gates.present import payload_lines
from storage.records import Action, ActionState, EffectClass, Mode, PullRequest
from tests.door.shop import BASE, PERSON, Shop, commit, git

HEAD = "infra/edge"
BODY = "## Review\n\n- `compose.yaml:4`: privileged (C10)\n\n  ünïcode and   spaces stay"


@pytest.fixture
def sha(looked: Shop) -> str:
    """Lena's open pull request, number 1; its head."""
    git("checkout", "-q", "-b", HEAD, cwd=looked.person_clone)
    sha = commit(looked.person_clone, {"docker-compose.yml": "services: {}\n"}, "infra: edge")
    push(looked)
    values: dict[str, Any] = {"base": BASE, "head": HEAD, "head_sha": sha, "author": "lena"}
    looked.world.add_pr(PullRequest(number=0, project_id="shop", title="infra: edge", body="", **values))
    return sha


def push(shop: Shop) -> None:
    git("push", "-q", shop.remote, HEAD, cwd=shop.person_clone)


def verdict(shop: Shop, sha: str, **changes: Any) -> Answer:
    args = {"projectId": "shop", "number": 1, "headSha": sha, "event": "request changes", "body": BODY, **changes}
    return shop.call("review_verdict", **args)


def asked(answer: Answer) -> Action:
    assert answer.status == "pending", answer
    assert answer.action is not None
    return answer.action


def test_R101_what_is_approved_is_what_is_sent(looked: Shop, sha: str) -> None:
    done = looked.run(verdict(looked, sha, body=f"\n{BODY}\r\n\n"))
    assert (done.status, done.differences) == ("ok", ())
    [review] = looked.world.reviews("shop", 1)
    assert (review.event, review.commit_sha, review.body, review.author) == ("request changes", sha, BODY, "Stas")
    [told] = looked.world.inbox("lena")
    assert told.body.endswith(BODY)


def test_the_gate_shows_the_whole_text_and_the_commit(looked: Shop, sha: str) -> None:
    action = asked(verdict(looked, sha))
    lines = {line.label: line.text for line in payload_lines(action)}
    assert (lines["body"], lines["commit"], lines["event"]) == (BODY, sha, "request changes")
    assert action.effect_class is EffectClass.LOOKUP
    assert action.revision is not None
    shown = Shown.from_json(action.revision.shown)
    assert shown.title == "Request changes on pull request #1"
    assert [(row.kind, row.level) for row in shown.risk][:1] == [("seen", "ok")]


@pytest.mark.parametrize("event", ["approve", "APPROVE", "Approved", "approve_and_merge"])
def test_approving_stays_with_people(looked: Shop, sha: str, event: str) -> None:
    answer = verdict(looked, sha, event=event)
    assert (answer.status, answer.rule) == ("refused", "R101")
    assert "human act" in answer.reason
    assert looked.events("policy.refused")
    assert looked.world.reviews("shop", 1) == []


@pytest.mark.parametrize("event", ["merge", "dismiss", ""])
def test_other_words_are_no_verdicts(looked: Shop, sha: str, event: str) -> None:
    with pytest.raises(BadCall):
        verdict(looked, sha, event=event)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": "1"},
        {"number": True},
        {"headSha": "abc"},
        {"headSha": ""},
        {"body": " \n "},
        {"body": "x" * 60_001},
        {"body": "fine <!-- stas key=a task= author=b -->"},
        {"projectId": "nowhere"},
        {"base": "main"},
    ],
)
def test_wrong_arguments(looked: Shop, sha: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BadCall):
        verdict(looked, sha, **changes)


def test_R14_a_pull_request_that_is_not_there_is_told_with_number_and_place(looked: Shop, sha: str) -> None:
    answer = verdict(looked, sha, number=999)
    assert (answer.status, answer.rule) == ("refused", "R14")
    assert "no pull request 999 in shop" in answer.reason


def test_R82_a_secret_is_never_sent(looked: Shop, sha: str) -> None:
    answer = verdict(looked, sha, body="the key is AKIA" + "ABCDEFGHIJKLMNOP")
    assert (answer.status, answer.rule) == ("refused", "R82")


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.SUPERVISED, Mode.TRUSTED])
def test_it_asks_in_every_mode(make_shop: Callable[..., Shop], mode: Mode) -> None:
    shop = make_shop(mode=mode.value)
    shop.look()
    git("checkout", "-q", "-b", HEAD, cwd=shop.person_clone)
    sha = commit(shop.person_clone, {"a": "1\n"}, "infra: edge")
    push(shop)
    values: dict[str, Any] = {"base": BASE, "head": HEAD, "head_sha": sha, "author": "lena"}
    shop.world.add_pr(PullRequest(number=0, project_id="shop", title="T", body="", **values))
    assert verdict(shop, sha, event="comment").status == "pending"


# the head moves -------------------------------------------------------------------------------------


def test_a_head_that_moved_after_the_approval_makes_the_gate_stale_and_sends_nothing(looked: Shop, sha: str) -> None:
    action = asked(verdict(looked, sha))
    looked.approve(action)
    moved = commit(looked.person_clone, {"docker-compose.yml": "services: {a: 1}\n"}, "infra: more")
    push(looked)
    back = looked.toolbox.perform(action.id)
    assert back.status == "pending"
    assert "head_sha" in back.reason
    assert looked.world.reviews("shop", 1) == []
    fresh = looked.context.journal.get(action.id)
    assert fresh.revision is not None
    shown = Shown.from_json(fresh.revision.shown)
    assert shown.risk[0].level == "crit"
    assert f"{moved[:12]} now, which nobody looked at" in shown.risk[0].text
    assert any(line.startswith("changed since: head_sha") for line in shown.warnings)
    assert fresh.revision.plan["commit"] == sha


def test_sent_all_the_same_it_stays_about_the_commit_that_was_looked_at(looked: Shop, sha: str) -> None:
    commit(looked.person_clone, {"docker-compose.yml": "services: {a: 1}\n"}, "infra: more")
    push(looked)
    done = looked.run(verdict(looked, sha))
    assert done.status == "ok"
    assert looked.world.reviews("shop", 1)[0].commit_sha == sha


def test_merged_meanwhile_there_is_nothing_left_to_say(looked: Shop, sha: str) -> None:
    action = asked(verdict(looked, sha))
    looked.approve(action)
    git("checkout", "-q", BASE, cwd=looked.person_clone)
    git("merge", "-q", "--no-ff", "-m", "Merge pull request #1 from infra/edge", HEAD, cwd=looked.person_clone)
    git("fetch", "-q", looked.person_clone, f"+{BASE}:{BASE}", cwd=looked.remote)
    answer = looked.toolbox.perform(action.id)
    assert (answer.status, answer.rule) == ("refused", "R100")
    assert looked.context.journal.get(action.id).state is ActionState.WITHDRAWN
    assert looked.world.reviews("shop", 1) == []


# once, and as edited --------------------------------------------------------------------------------


def test_edited_before_sending_the_new_bytes_ask_again(looked: Shop, sha: str) -> None:
    action = asked(verdict(looked, sha))
    assert action.revision is not None
    args = {**action.revision.args, "body": "Only this.", "event": "comment"}
    changed = looked.toolbox.edit(action.id, rev=action.rev, digest=action.digest, args=args, author=PERSON)
    assert changed.digest != action.digest
    looked.approve(changed)
    assert looked.toolbox.perform(action.id).status == "ok"
    [review] = looked.world.reviews("shop", 1)
    assert (review.event, review.body) == ("comment", "Only this.")


def test_the_same_call_again_is_the_same_review(looked: Shop, sha: str) -> None:
    looked.run(verdict(looked, sha))
    again = verdict(looked, sha)
    assert again.status == "ok"
    assert len(looked.world.reviews("shop", 1)) == len(looked.world.sent()) == 1


def test_while_one_waits_another_text_is_a_conflict(looked: Shop, sha: str) -> None:
    first = asked(verdict(looked, sha))
    other = verdict(looked, sha, body="Something else.")
    assert other.status == "conflict"
    assert other.action is not None
    assert other.action.id == first.id


def test_a_second_verdict_after_the_first_is_another_one(looked: Shop, sha: str) -> None:
    looked.run(verdict(looked, sha))
    looked.run(verdict(looked, sha, event="comment", body="Fixed, thank you."))
    assert [one.event for one in looked.world.reviews("shop", 1)] == ["request changes", "comment"]
