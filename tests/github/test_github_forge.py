"""What can go wrong with pull requests on GitHub, and what becomes of it (R6, R94)."""

from __future__ import annotations

from pathlib import Path

import pytest
from forge_bench import git
from github_bench import Bench
from github_world import LOGIN, TOKEN

from stas_tui.credentials import CredentialMissing
from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.github import PAUSES_S, GithubForge
from stas_tui.forges.github_api import GithubApi, GithubDenied, GithubError, GithubMissing
from stas_tui.forges.github_pulls import BODY_LIMIT, Mark, marked, unmarked
from storage.clock import SECOND, ManualClock
from storage.redact import register_secret
from storage.world import World

KEY = "p-1:open_pull_request:shop:T-1"


# opening ------------------------------------------------------------------------------------------


def test_the_base_is_sent_and_the_truth_is_read_back(bench: Bench) -> None:
    bench.double.base_becomes = "main"
    pr = bench.opened()
    assert bench.double.seen("POST")[0].payload["base"] == "multi-tenant"
    assert pr.base == "main"
    assert bench.forge.retarget_pr(bench.repo, pr.number, "multi-tenant").base == "multi-tenant"
    assert bench.double.seen("PATCH")[0].payload == {"base": "multi-tenant"}


def test_a_third_party_who_retargets_is_seen(bench: Bench) -> None:
    pr = bench.opened()
    bench.double.pulls[0]["base"] = "main"
    fresh = bench.forge.find_pr(bench.repo, pr.head)
    assert fresh is not None
    assert fresh.base == "main"


def test_the_mark_is_in_the_text_and_not_in_the_body(bench: Bench) -> None:
    pr = bench.open(bench.pushed(), KEY, body="Change <!-- stas key=other task=x author=y --> done")
    assert pr.body == "Change done"
    assert pr.key == KEY
    sent = bench.double.pulls[0]["body"]
    assert sent.count("<!-- stas ") == 1
    assert sent.endswith("-->\n")


def test_others_may_write_below_the_mark(bench: Bench) -> None:
    pr = bench.opened(KEY)
    bench.double.pulls[0]["body"] = bench.double.pulls[0]["body"].replace("\n", "\r\n") + "\r\nsummary by a machine"
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.key, fresh.body) == (KEY, "Body\n\nsummary by a machine")


@pytest.mark.parametrize("key", [KEY, "a--b>c<!-- x -->", "", "p:1#2 ü"])
def test_any_key_comes_back(key: str) -> None:
    text = marked("Body", Mark(key=key, task_id="T-9", author="stas"))
    assert text.count("-->") == 1
    assert unmarked(text) == ("Body", Mark(key=key, task_id="T-9", author="stas"))


def test_a_long_text_is_cut_with_a_pointer(bench: Bench) -> None:
    pr = bench.open(bench.pushed(), KEY, body="ü" * 70_000)
    sent = bench.double.pulls[0]["body"]
    assert len(sent) <= BODY_LIMIT
    assert f"more characters are in the record of Stas, action {KEY}." in sent
    assert pr.key == KEY


def test_somebody_elses_mark_is_no_mark_of_ours(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", body=marked("x", Mark(KEY, "T-1", "stas")), sha=sha)
    pr = bench.forge.find_pr(bench.repo, bench.workspace.branch)
    assert pr is not None
    assert (pr.key, pr.task_id, pr.author) == ("", None, "somebody")


def test_a_lost_answer_is_found_by_head_and_key(bench: Bench) -> None:
    """The server created it, and nobody told us: one pull request, and its number is found."""
    sha = bench.pushed()
    bench.double.fail("lost", "POST")
    with pytest.raises(GithubError) as caught:
        bench.open(sha, KEY)
    assert caught.value.sent
    assert "looked for before anything is repeated" in str(caught.value)
    pr = bench.forge.find_pr(bench.repo, bench.workspace.branch)
    assert pr is not None
    assert (pr.number, pr.key) == (1, KEY)
    assert bench.open(sha, KEY) == pr
    assert len(bench.double.seen("POST")) == 1


@pytest.mark.parametrize("how", ["truncated", "short", "html"])
def test_a_garbled_answer_to_a_write_is_uncertain(bench: Bench, how: str) -> None:
    sha = bench.pushed()
    bench.double.fail(how, "POST")
    with pytest.raises(GithubError) as caught:
        bench.open(sha, KEY)
    assert caught.value.sent
    assert len(bench.double.seen("POST")) == 1
    assert len(bench.double.pulls) == 1


def test_a_server_error_on_a_write_is_uncertain_and_not_repeated(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.fail("500", "POST")
    with pytest.raises(GithubError) as caught:
        bench.open(sha)
    assert caught.value.sent
    assert len(bench.double.seen("POST")) == 1


def test_an_open_one_is_found_before_anything_is_sent(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    assert bench.open(sha).number == 1
    assert bench.double.seen("POST") == []


def test_a_duplicate_that_appears_in_between_is_returned(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = bench.pushed()
    write = bench.forge.api.write

    def racing(method: str, path: str, payload: dict[str, str]) -> dict[str, object]:
        bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
        return write(method, path, payload)

    monkeypatch.setattr(bench.forge.api, "write", racing)
    assert bench.open(sha).author == "somebody"
    assert [asked.status for asked in bench.double.seen("POST")] == [422]


# refusals -----------------------------------------------------------------------------------------


def test_each_422_is_a_sentence_of_its_own(bench: Bench) -> None:
    sha = bench.pushed()
    path, said = f"/repos/{bench.double.name}/pulls", set()
    branch = bench.workspace.branch
    for head, base, body in [
        (branch, "nowhere", ""),
        ("infra/none", "multi-tenant", ""),
        ("multi-tenant", "multi-tenant", ""),
        (branch, "multi-tenant", "x" * 70_000),
        (branch, "multi-tenant", ""),
        (branch, "multi-tenant", ""),
    ]:
        try:
            bench.forge.api.write("POST", path, {"title": "t", "head": head, "base": base, "body": body})
        except GithubError as error:
            assert not error.sent
            said.add((error.word, error.what))
    bench.double.pull(branch, "main", sha=sha)
    bench.double.pull(branch, "multi-tenant", sha=sha)["state"] = "closed"
    for number, base in [(2, "nowhere"), (2, "multi-tenant"), (3, "main")]:
        with pytest.raises(GithubError) as caught:
            bench.forge.api.write("PATCH", f"{path}/{number}", {"base": base})
        said.add((caught.value.word, caught.value.what))
    assert {word for word, _ in said} == {
        "no such base", "no such head", "no commits", "too long", "already exists", "closed",
    }  # fmt: skip
    assert len({what for _, what in said}) == 7


def test_a_retarget_onto_a_base_that_has_one_already(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "main", sha=sha)
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    with pytest.raises(GithubError, match="already has a pull request of this branch on that base"):
        bench.forge.retarget_pr(bench.repo, 1, "multi-tenant")


def test_without_a_token_it_reads_and_does_not_write(
    bench: Bench, clock: ManualClock, tmp_path: Path, world: World
) -> None:
    sha = bench.pushed()
    api = GithubApi(bench.double.url, token=lambda: "", clock=clock)
    forge = GithubForge(
        api=api, prs=world, workspaces=world, root=tmp_path / "work", archive=tmp_path / "archive", clock=clock
    )
    assert forge.prs(bench.repo) == []
    with pytest.raises(GithubDenied, match="no token for GitHub, so it writes nothing"):
        forge.open_pr(bench.repo, bench.workspace, title="infra: x", body="", head_sha=sha, author="s", key="k")
    assert bench.double.seen("POST") == []
    assert "authorization" not in bench.double.asked[0].headers
    assert any("read without a token" in remark for remark in api.remarks)
    api.close()


def test_a_private_repository_without_a_token_is_not_an_empty_one(bench: Bench, clock: ManualClock) -> None:
    bench.double.private = True
    api = GithubApi(bench.double.url, token=lambda: "", clock=clock)
    bench.forge.api, old = api, bench.forge.api
    for ask in (
        lambda: bench.forge.read_pr(bench.repo, 1),
        lambda: bench.forge.find_pr(bench.repo, "x"),
        lambda: bench.forge.pr_files(bench.repo, 1),
        lambda: bench.forge.prs(bench.repo),
    ):
        with pytest.raises(GithubMissing, match="acme/shop"):
            ask()
    bench.forge.api = old
    api.close()


def test_a_token_that_is_not_accepted_is_taken_anew(double_url: str, clock: ManualClock) -> None:
    tokens = iter(["ghp_wrong", TOKEN])
    api = GithubApi(double_url, token=lambda: next(tokens), clock=clock)
    with pytest.raises(GithubDenied, match="does not accept the token"):
        api.get("/repos/acme/shop")
    assert api.get("/repos/acme/shop").data["full_name"] == "acme/shop"
    api.close()


@pytest.fixture
def double_url(bench: Bench) -> str:
    return bench.double.url


def test_a_right_that_is_missing_is_said(bench: Bench) -> None:
    bench.double.fail("denied")
    with pytest.raises(GithubDenied, match="Resource not accessible by personal access token"):
        bench.forge.prs(bench.repo)


def test_the_token_is_nowhere(bench: Bench, clock: ManualClock, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in an error, a repr, the git remotes of the workspace, or on the terminal."""
    register_secret(TOKEN)
    said = []
    for kind in ("html", "truncated", "short", "denied", "500", "primary", "elsewhere", "wrong shape"):
        bench.double.faults.clear()
        bench.double.fail(kind, times=9)
        with pytest.raises(ForgeError) as caught:
            bench.forge.prs(bench.repo)
        bench.double.faults.clear()
        said += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
        clock.advance(700 * SECOND)
    bench.open(bench.pushed(), KEY, body=f"oops {TOKEN}")
    said += [repr(bench.forge.api), repr(vars(bench.forge)), *capfd.readouterr()]
    said += [path.read_text(errors="replace") for path in Path(bench.workspace.path, ".git").rglob("config")]
    assert TOKEN not in "".join(said)
    pr = bench.forge.read_pr(bench.repo, 1)
    assert pr is not None
    assert TOKEN not in pr.body


def test_a_credential_that_fails_is_not_an_anonymous_read(bench: Bench, clock: ManualClock) -> None:
    def broken() -> str:
        raise CredentialMissing("The command gh for a token ended with 1.", "Run it by hand.")

    api = GithubApi(bench.double.url, token=broken, clock=clock)
    with pytest.raises(CredentialMissing):
        api.get("/repos/acme/shop")
    assert bench.double.asked == []


# mergeability -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nulls", "mergeable", "pauses"), [(0, True, 0), (3, True, 3), (5, True, 5), (6, None, 5)])
def test_mergeable_is_waited_for_and_not_made_up(
    bench: Bench, naps: list[float], nulls: int, mergeable: bool | None, pauses: int
) -> None:
    sha = bench.pushed()
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha)
    bench.double.null_reads = nulls
    pr = bench.forge.read_pr(bench.repo, 1)
    assert pr is not None
    assert pr.mergeable is mergeable
    assert tuple(naps) == PAUSES_S[:pauses]
    assert list(naps) == sorted(naps)


def test_a_closed_one_is_not_waited_for(bench: Bench, naps: list[float]) -> None:
    pr = bench.opened()
    bench.double.pulls[0]["state"] = "closed"
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable, naps) == ("closed", None, [])


# forks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fork", ["evil", None])
def test_a_forks_head_is_not_ours(bench: Bench, fork: str | None) -> None:
    sha = bench.pushed()
    body = marked("x", Mark(KEY, "T-1", "stas"))
    bench.double.pull(bench.workspace.branch, "multi-tenant", sha=sha, fork=fork, login=LOGIN, body=body)
    assert bench.forge.find_pr(bench.repo, bench.workspace.branch) is None
    pr = bench.forge.read_pr(bench.repo, 1)
    assert pr is not None
    assert (pr.key, pr.task_id, pr.author) == ("", None, LOGIN)
    assert pr.head == f"{fork or 'deleted fork'}:{bench.workspace.branch}"
    with pytest.raises(ForgeError, match="not ours"):
        bench.forge.retarget_pr(bench.repo, 1, "main" if fork == "main" else "multi-tenant")
    assert bench.open(sha).number == 2


# the rest -----------------------------------------------------------------------------------------


def test_a_project_without_github_asks_nothing(bench: Bench) -> None:
    repo = Repo(project_id="shop", url=bench.repo.url)
    assert bench.forge.prs(repo) == []
    assert bench.forge.find_pr(repo, "x") is None
    assert bench.double.asked == []


def test_numbers_of_squashed_merges_come_from_github(bench: Bench) -> None:
    pr = bench.opened()
    sha = bench.remote.merge(pr.head, how="--squash", message="infra: without a number")
    bench.double.pulls[0].update(state="closed", merged=bench.double.now(), merge_sha=sha)
    merges = bench.forge.merges_since(bench.repo, 0)
    assert next(m.pr_number for m in merges if m.sha == sha) == pr.number
    bench.double.fail("500", path="/pulls")
    assert sha in {merge.sha for merge in bench.forge.merges_since(bench.repo, 0)}


def test_hostile_text_is_one_redacted_line(bench: Bench) -> None:
    sha = bench.pushed()
    bench.double.pull(
        bench.workspace.branch,
        "multi-tenant",
        sha=sha,
        title="a\x1b[31m\nb ghp_0123456789abcdefghijABCDEFGHIJ012345",
        login="x\u202ey",
    )
    pr = bench.forge.prs(bench.repo)[0]
    assert "\x1b" not in pr.title
    assert "\n" not in pr.title
    assert "ghp_0123456789abcdefghijABCDEFGHIJ012345" not in pr.title
    assert "\u202e" not in pr.author


def test_the_workspace_pushes_to_the_remote_and_nowhere_else(bench: Bench) -> None:
    pr = bench.opened()
    assert bench.remote.sha(pr.head) == pr.head_sha == bench.forge.branch_head(bench.repo, pr.head)
    assert "disabled://" in git("remote", "get-url", "--push", "origin", cwd=Path(bench.workspace.path))
