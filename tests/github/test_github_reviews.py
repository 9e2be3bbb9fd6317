"""Reviews of pull requests: the same promises for GitHub and for a repository without a server; nothing approves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forge_bench import commit, git
from github_bench import Bench
from github_double import GithubDouble

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.github_api import GithubError
from storage.clock import ManualClock
from storage.records import PullReview
from storage.world import World

KEY = "a-0001"


def send(
    bench: Bench, pr: int, sha: str, *, event: str = "comment", body: str = "Looks odd.", key: str = KEY
) -> PullReview:
    return bench.forge.review_pr(bench.repo, pr, event=event, body=body, commit_sha=sha, author="stas", key=key)


def foreign(bench: Bench) -> tuple[int, str]:
    """A pull request that somebody else opened, and its head."""
    sha = bench.pushed()
    if bench.repo.github:
        return bench.double.pull(bench.workspace.branch, "multi-tenant")["number"], sha
    return bench.forge.open_pr(
        bench.repo, bench.workspace, title="T", body="", head_sha=sha, author="lena", key="theirs"
    ).number, sha


@pytest.mark.parametrize("event", ["comment", "request changes"])
def test_R101_a_verdict_is_kept_with_its_commit_and_its_exact_bytes(either: Bench, event: str) -> None:
    number, sha = foreign(either)
    body = "## Review\n\n| a | b |\n| --- | --- |\n\nünïcode, <b>, @\u2060you, trailing"
    sent = send(either, number, sha, event=event, body=body)
    [found] = either.forge.reviews(either.repo, number)
    assert found == sent
    assert (found.event, found.commit_sha, found.body) == (event, sha, body)
    assert (found.author, found.key, found.number) == ("stas", KEY, number)


def test_the_same_key_is_sent_once_and_another_key_again(either: Bench) -> None:
    number, sha = foreign(either)
    first = send(either, number, sha)
    assert send(either, number, sha) == first
    send(either, number, sha, key="a-0002")
    assert [one.key for one in either.forge.reviews(either.repo, number)] == [KEY, "a-0002"]


def test_there_is_no_such_pull_request(either: Bench) -> None:
    assert either.forge.reviews(either.repo, 9) == []
    with pytest.raises(ForgeError):
        send(either, 9, "1" * 40)


def test_where_its_commits_are(either: Bench) -> None:
    number, sha = foreign(either)
    fork = either.remote.sha("multi-tenant")
    either.remote.advance("multi-tenant", {"later.py": "1\n"})
    pr = either.forge.read_pr(either.repo, number)
    assert pr is not None
    found = either.forge.pull_objects(either.repo, pr)
    assert (found.base, found.head) == (fork, sha)
    assert git("diff", "--name-only", found.base, found.head, cwd=found.git_dir).split() == ["svc/api.py", "svc/new.py"]


def test_a_head_that_nobody_has_is_told(either: Bench) -> None:
    number, _ = foreign(either)
    pr = either.forge.read_pr(either.repo, number)
    assert pr is not None
    with pytest.raises(ForgeError):
        either.forge.pull_objects(either.repo, replace(pr, head_sha="1" * 40))


# a repository without a server ----------------------------------------------------------------------


def test_the_author_of_a_local_pull_request_is_told_once(bench: Bench, world: World) -> None:
    local = Bench(bench.forge, replace(bench.repo, github=""), bench.remote, bench.workspace, bench.double)
    number, sha = foreign(local)
    send(local, number, sha, event="request changes", body="Close the port.")
    send(local, number, sha, event="request changes", body="Close the port.")
    [told] = world.inbox("lena")
    assert told.subject == f"Review of pull request #1 at {sha[:12]}: request changes"
    assert told.body.endswith("\n\nClose the port.")
    assert len(world.sent()) == 1


def test_nobody_writes_to_themselves(bench: Bench, world: World) -> None:
    local = Bench(bench.forge, replace(bench.repo, github=""), bench.remote, bench.workspace, bench.double)
    sha = local.pushed()
    send(local, local.open(sha).number, sha)
    assert world.sent() == []


# GitHub ---------------------------------------------------------------------------------------------


def test_a_review_of_a_fork_is_read_from_the_ref_that_github_keeps(bench: Bench, double: GithubDouble) -> None:
    bench.remote.take("multi-tenant")
    sha = commit(bench.remote.person, {"fork.py": "1\n"}, "from a fork")
    number = double.pull("patch", "multi-tenant", fork="stranger", sha=sha)["number"]
    git("fetch", "-q", bench.remote.person, f"{sha}:refs/pull/{number}/head", cwd=bench.remote.path)
    pr = bench.forge.read_pr(bench.repo, number)
    assert pr is not None
    assert pr.head == "stranger:patch"
    assert bench.forge.pull_objects(bench.repo, pr).head == sha


def test_lost_on_the_way_it_is_found_and_not_sent_again(bench: Bench, double: GithubDouble) -> None:
    number, sha = foreign(bench)
    double.fail("lost", "POST")
    with pytest.raises(GithubError) as lost:
        send(bench, number, sha)
    assert lost.value.sent
    assert send(bench, number, sha).key == KEY
    assert len(double.reviews[number]) == len(double.seen("POST")) == 1


def test_what_github_really_gets(bench: Bench, double: GithubDouble) -> None:
    number, sha = foreign(bench)
    send(bench, number, sha, event="request changes", body="Close it.")
    [asked] = double.seen("POST")
    assert asked.payload == {
        "commit_id": sha, "event": "REQUEST_CHANGES",
        "body": "Close it.\n\n<!-- stas key=a%2D0001 task= author=stas -->\n",
    }  # fmt: skip


@pytest.mark.parametrize("fault", ["truncated", "short", "html", "500", "wrong shape"])
def test_an_answer_that_proves_nothing_says_so(bench: Bench, double: GithubDouble, fault: str) -> None:
    number, sha = foreign(bench)
    double.fail(fault, "POST")
    with pytest.raises(GithubError) as odd:
        send(bench, number, sha)
    assert odd.value.sent


@pytest.mark.parametrize("fault", ["primary", "secondary", "limit 429", "denied", "elsewhere"])
def test_a_refusal_proves_that_nothing_was_sent(bench: Bench, double: GithubDouble, fault: str) -> None:
    number, sha = foreign(bench)
    double.fail(fault, "POST")
    with pytest.raises(GithubError) as refused:
        send(bench, number, sha)
    assert not refused.value.sent


def test_a_mark_of_somebody_else_is_no_mark_of_ours(bench: Bench, double: GithubDouble) -> None:
    number, sha = foreign(bench)
    double.review(
        number, login="somebody", event="COMMENT", body="mine\n\n<!-- stas key=a%2D0001 task= author=stas -->"
    )
    send(bench, number, sha)
    assert [(one.key, one.author) for one in bench.forge.reviews(bench.repo, number)] == [
        ("", "somebody"),
        (KEY, "stas"),
    ]


def test_it_is_found_on_a_later_page_and_a_list_without_end_proves_nothing(bench: Bench, double: GithubDouble) -> None:
    number, sha = foreign(bench)
    for n in range(7):
        double.review(number, event="COMMENT", body=f"note {n}")
    send(bench, number, sha)
    double.page = 3
    assert send(bench, number, sha).key == KEY
    assert len(double.seen("POST")) == 1
    bench.forge.api.pages_at_most = 2
    with pytest.raises(GithubError, match="more not shown"):
        send(bench, number, sha, key="a-0002")
    assert len(double.seen("POST")) == 1


def own(double: GithubDouble, number: int) -> None:
    double.pulls[number - 1]["login"] = "stas-bot"


def pending(double: GithubDouble, number: int) -> None:
    double.review(number, login="stas-bot", body="half")


def locked(double: GithubDouble, number: int) -> None:
    double.pulls[number - 1]["locked"] = True


@pytest.mark.parametrize(
    ("prepare", "word", "says"),
    [
        (own, "own pull request", "Send it as a comment"),
        (pending, "pending review", "begun a review"),
        (locked, "locked", "is locked"),
    ],
)
def test_422_in_its_forms(bench: Bench, double: GithubDouble, prepare: object, word: str, says: str) -> None:
    number, sha = foreign(bench)
    prepare(double, number)  # type: ignore[operator]
    with pytest.raises(GithubError, match=says) as refused:
        send(bench, number, sha, event="request changes")
    assert (refused.value.word, refused.value.sent) == (word, False)


def test_422_for_a_commit_that_was_forced_away(bench: Bench, double: GithubDouble) -> None:
    number, _ = foreign(bench)
    with pytest.raises(GithubError, match="no longer part") as refused:
        send(bench, number, bench.remote.sha("multi-tenant"))
    assert (refused.value.word, refused.value.sent) == ("commit gone", False)


def test_states_that_are_not_ours_keep_their_word(bench: Bench, double: GithubDouble, clock: ManualClock) -> None:
    number, sha = foreign(bench)
    send(bench, number, sha, event="request changes")
    double.reviews[number][0]["state"] = "DISMISSED"
    double.review(number, event="APPROVE")
    double.reviews[number][1]["commit_id"] = None
    found = bench.forge.reviews(bench.repo, number)
    assert [(one.event, one.commit_sha) for one in found] == [("dismissed", sha), ("approved", "")]


def test_a_project_beside_one_on_github_keeps_its_own(bench: Bench) -> None:
    other = Repo(project_id="other", url=bench.repo.url)
    assert bench.forge.reviews(other, 1) == []
