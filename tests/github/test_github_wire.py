"""Limits, renames, broken answers and long lists: what the wire to GitHub does, and what is said of it (R94)."""

from __future__ import annotations

import pytest
from github_bench import Bench
from github_world import TOKEN

from stas_tui.forges.github_api import GithubApi, GithubError, GithubLimited
from storage.clock import SECOND, ManualClock

# limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [0, 86_400, -86_400])
def test_the_primary_limit_waits_for_its_reset(bench: Bench, clock: ManualClock, ahead_s: int) -> None:
    bench.double.ahead_ms = ahead_s * SECOND
    bench.double.fail("primary")
    with pytest.raises(GithubLimited, match=r"hourly limit of 5000 questions is used up; .* in 10m") as caught:
        bench.forge.prs(bench.repo)
    assert caught.value.word == "primary limit"
    asked = len(bench.double.asked)
    clock.advance(500 * SECOND)
    with pytest.raises(GithubLimited):
        bench.forge.prs(bench.repo)
    assert len(bench.double.asked) == asked
    clock.advance(101 * SECOND)
    assert bench.forge.prs(bench.repo) == []


@pytest.mark.parametrize(("kind", "seconds"), [("secondary", 28), ("secondary without time", 60)])
def test_the_secondary_limit_waits_as_long_as_it_says(
    bench: Bench, clock: ManualClock, kind: str, seconds: int
) -> None:
    bench.double.fail(kind)
    with pytest.raises(GithubLimited, match="slow down") as caught:
        bench.forge.prs(bench.repo)
    assert caught.value.word == "secondary limit"
    assert caught.value.until - clock.now() == seconds * SECOND
    clock.advance(seconds * SECOND)
    assert bench.forge.prs(bench.repo) == []


def test_a_limited_write_did_not_happen_and_is_not_repeated(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.fail("limit 429", "POST")
    with pytest.raises(GithubLimited) as caught:
        bench.open(sha)
    assert not caught.value.sent
    assert len(bench.double.seen("POST")) == 1


def test_the_last_question_within_the_limit_is_the_last(bench: Bench, clock: ManualClock) -> None:
    bench.double.remaining = 0
    bench.forge.api.get("/repos/acme/shop")
    with pytest.raises(GithubLimited):
        bench.forge.api.get("/repos/acme/shop")
    assert len(bench.double.asked) == 1
    clock.advance(601 * SECOND)
    assert bench.forge.api.get("/repos/acme/shop").unchanged


# renames ------------------------------------------------------------------------------------------


def test_a_rename_is_followed_for_reading_and_told_once(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    bench.double.rename("acme/store")
    for _ in range(2):
        pr = bench.forge.read_pr(bench.repo, 1)
        assert pr is not None
        assert pr.head_sha == sha
    told = [remark for remark in bench.forge.api.remarks if "acme/store" in remark]
    assert told == ["acme/shop is called acme/store on GitHub now: put that into `github` of [project.ci]."]


def test_after_a_rename_of_the_owner_the_branch_is_still_found(bench: Bench) -> None:
    pr = bench.opened()
    bench.double.rename("newowner/shop")
    again = bench.forge.find_pr(bench.repo, pr.head)
    assert again is not None
    assert (again.number, again.key) == (pr.number, pr.key)
    assert "head=newowner%3A" in bench.double.seen("GET", "/repositories/42/pulls?")[-1].path
    assert bench.open(pr.head_sha).number == pr.number


def test_a_rename_is_never_followed_for_writing(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.rename("acme/store")
    with pytest.raises(GithubError, match="another name on GitHub now; nothing was written") as caught:
        bench.open(sha)
    assert not caught.value.sent
    assert bench.double.pulls == []
    assert {asked.path for asked in bench.double.seen("POST")} == {"/repos/acme/shop/pulls"}


def test_another_host_is_never_followed(bench: Bench) -> None:
    bench.double.fail("elsewhere")
    with pytest.raises(GithubError, match="elsewhere"):
        bench.forge.prs(bench.repo)


# answers that are none ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("html", "is cut off or no JSON"),
        ("truncated", "is cut off or no JSON"),
        ("short", "gave no answer for acme/shop"),
        ("lost", "gave no answer for acme/shop"),
        ("500", "GitHub answers 502: Server Error"),
        ("wrong shape", "has another shape"),
    ],
)
def test_an_answer_that_is_none_is_an_error(bench: Bench, kind: str, sentence: str) -> None:
    bench.double.fail(kind, times=9)
    with pytest.raises(GithubError, match=sentence):
        bench.forge.prs(bench.repo)
    bench.double.faults.clear()
    assert bench.forge.prs(bench.repo) == []


def test_a_body_that_drips_ends_with_the_time(bench: Bench, clock: ManualClock) -> None:
    api = GithubApi(bench.double.url, token=lambda: TOKEN, clock=clock, timeout_s=0.4)
    bench.double.fail("slow")
    with pytest.raises(GithubError) as caught:
        api.get("/repos/acme/shop")
    assert caught.value.word == "timeout"
    api.close()


# lists --------------------------------------------------------------------------------------------


def test_a_list_is_read_to_its_end(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    bench.double.files[1] = [f"f{n:03}.py" for n in range(250)]
    assert bench.forge.pr_files(bench.repo, 1) == bench.double.files[1]
    assert len(bench.double.seen("GET", "/files")) == 3


def test_a_list_without_end_says_what_is_not_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stas_tui.forges.github.FILES_PAGES", 2)
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    bench.double.files[1] = [f"f{n:03}.py" for n in range(450)]
    paths = bench.forge.pr_files(bench.repo, 1)
    assert len(paths) == 201
    assert paths[-1] == "… 300 more not shown"


def test_odd_file_names_are_printable(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    bench.double.files[1] = ["a\x1b[31m\n.py", "b\\c.py", "d\ud800.py"]
    paths = bench.forge.pr_files(bench.repo, 1)
    assert paths[:2] == ["a\\x1b[31m\\x0a.py", "b\\\\c.py"]
    assert all(path.isprintable() for path in paths)


def test_what_did_not_change_is_not_sent_again(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    first = bench.forge.prs(bench.repo)
    assert bench.forge.prs(bench.repo) == first
    assert [asked.status for asked in bench.double.seen("GET", "/pulls?")] == [200, 304]
    bench.double.pulls[0]["title"] = "infra: other"
    assert bench.forge.prs(bench.repo)[0].title == "infra: other"
