"""Commits of exactly the staged tree, and pushes that are never forced and never go to main (R8, R92, R93)."""

from __future__ import annotations

from pathlib import Path

import pytest
from forge_bench import AGENT, Bench, commit, git

from stas_tui.forges.base import ForgeError, PushRefused, Repo, RepositoryMissing, WorkspaceUnsafe
from stas_tui.forges.commits import identity
from stas_tui.forges.hooks import init_remote, pre_receive
from storage.clock import ManualClock


def test_a_commit_holds_what_was_staged_and_no_more(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    staged = bench.forge.stage(bench.workspace)
    bench.write({"svc/late.py": "too late\n"})
    sha = bench.forge.commit(bench.workspace, staged, "infra: lower the limit\n\nWhy not.", author=AGENT)
    assert bench.forge.head(bench.workspace) == sha
    ours = bench.tree.parent / "ours.git"
    shown = git("log", "-1", "--format=%an|%ae|%cn|%at|%P|%B", sha, cwd=ours).split("|")
    now = ManualClock().now() // 1000
    assert shown == [
        "Stas", "stas@example.test", "Stas", str(now), bench.workspace.base_sha, "infra: lower the limit\n\nWhy not."
    ]  # fmt: skip
    assert git("rev-parse", f"{sha}^{{tree}}", cwd=ours) == staged.tree
    assert "svc/late.py" not in git("ls-tree", "-r", "--name-only", sha, cwd=ours)


def test_the_executors_repository_is_not_written(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    sha = bench.commit()
    assert git("rev-parse", "HEAD", cwd=bench.tree) == bench.workspace.base_sha
    assert git("cat-file", "-t", sha, cwd=bench.tree, ok=(128,)) == ""


def test_committing_twice_makes_one_commit(bench: Bench, clock: ManualClock) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    staged = bench.forge.stage(bench.workspace)
    first = bench.forge.commit(bench.workspace, staged, "infra: x", author=AGENT)
    clock.advance(60_000)
    assert bench.forge.commit(bench.workspace, staged, "infra: x", author=AGENT) == first
    assert bench.commit("infra: x") == first
    assert bench.forge.changes(bench.workspace).uncommitted == 0


def test_a_second_change_builds_on_the_first(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    first = bench.pushed()
    bench.write({"svc/api.py": "LIMIT = 4\n"})
    second = bench.pushed("infra: again")
    assert git("rev-parse", f"{second}^", cwd=bench.remote.path) == first
    bench.write({"svc/api.py": (bench.remote.person / "svc/api.py").read_text()})
    third = bench.pushed("infra: take it back")
    assert git("rev-parse", f"{third}^", cwd=bench.remote.path) == second


def test_the_executors_commits_stay(bench: Bench) -> None:
    theirs = commit(bench.tree, {"svc/api.py": "LIMIT = 3\n"}, "infra: theirs")
    bench.write({"svc/db.py": "POOL = 1\n"})
    sha = bench.pushed()
    assert git("rev-list", sha, "^multi-tenant", cwd=bench.remote.path).split() == [sha, theirs]


def test_an_executor_that_committed_all_needs_no_commit_of_ours(bench: Bench) -> None:
    theirs = commit(bench.tree, {"svc/api.py": "LIMIT = 3\n"}, "infra: theirs")
    assert bench.pushed() == theirs
    assert bench.remote.sha(bench.workspace.branch) == theirs


def test_commits_on_both_sides_join_by_content(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    ours = bench.pushed()
    commit(bench.tree, {"svc/db.py": "POOL = 1\n"}, "infra: later")
    sha = bench.pushed("infra: both")
    assert git("rev-parse", f"{sha}^", cwd=bench.remote.path) == ours
    assert git("diff", "--name-only", "multi-tenant", sha, cwd=bench.remote.path).split() == ["svc/api.py", "svc/db.py"]


def test_nothing_to_commit(bench: Bench) -> None:
    with pytest.raises(ForgeError, match="nothing to commit"):
        bench.commit()


@pytest.mark.parametrize("message", ["", "  \n", "infra: nul\0"])
def test_messages_that_say_nothing(bench: Bench, message: str) -> None:
    bench.write({"x.py": "1\n"})
    with pytest.raises(ForgeError, match="commit message"):
        bench.commit(message)


def test_a_stale_stage_is_refused(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    stale = bench.forge.stage(bench.workspace)
    bench.write({"y.py": "1\n"})
    bench.commit()
    with pytest.raises(WorkspaceUnsafe, match="moved since"):
        bench.forge.commit(bench.workspace, stale, "infra: x", author=AGENT)


def test_a_push_is_read_back_and_repeats_are_free(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    sha = bench.pushed()
    assert bench.remote.sha(bench.workspace.branch) == sha
    assert bench.forge.push(bench.repo, bench.workspace, sha) == sha
    assert bench.remote.branches() == {"main", "multi-tenant", bench.workspace.branch}


@pytest.mark.parametrize("branch", ["main", "multi-tenant", "Main", "refs/heads/../main", "+main", "HEAD:main", "a b"])
def test_the_adapter_never_pushes_there(bench: Bench, branch: str) -> None:
    """Refused before the remote is asked: the address does not even exist."""
    import dataclasses

    bench.write({"x.py": "1\n"})
    sha = bench.commit()
    forged = dataclasses.replace(bench.workspace, branch=branch)
    ours = bench.tree.parent / "ours.git"
    if " " not in branch and not branch.startswith(("+", "HEAD", "refs")):
        git("update-ref", f"refs/heads/{branch}", sha, cwd=ours)
    nowhere = Repo(project_id="shop", url="/nonexistent")
    with pytest.raises(ForgeError) as caught:
        bench.forge.push(nowhere, forged, sha)
    assert not isinstance(caught.value, RepositoryMissing)
    assert bench.remote.branches() == {"main", "multi-tenant"}


def test_the_hook_refuses_main_and_its_lines_are_kept(bench: Bench, tmp_path: Path) -> None:
    """The second wall: a configuration that calls main by another name, and the remote's own refusal."""
    bench.write({"x.py": "1\n"})
    before = bench.remote.sha("main")
    init_remote(bench.remote.path, protect=("main", bench.workspace.branch))
    with pytest.raises(PushRefused) as caught:
        bench.pushed()
    assert "pre-receive hook declined" in caught.value.what
    assert caught.value.remote == (
        f"The branch {bench.workspace.branch} is protected: nobody pushes to it. Open a pull request on multi-tenant.",
    )
    assert bench.remote.sha("main") == before


def test_the_hook_against_any_git(bench: Bench) -> None:
    person, url = bench.remote.person, bench.remote.path
    git("checkout", "-q", "-B", "work", bench.remote.sha("multi-tenant"), cwd=person)
    ahead = commit(person, {"x": "1"}, "x")
    git("push", "-q", url, "work:main", cwd=person, ok=(1,))
    git("push", "-q", "--force", url, "work:main", cwd=person, ok=(1,))
    git("push", "-q", url, ":main", cwd=person, ok=(1,))
    git("push", "-q", url, ":multi-tenant", cwd=person, ok=(1,))
    git("push", "-q", "--force", url, "main:multi-tenant", cwd=person, ok=(1,))
    git("push", "-q", "--atomic", url, "work:fine", "work:main", cwd=person, ok=(1,))
    assert bench.remote.branches() == {"main", "multi-tenant"}
    git("push", "-q", url, "work:multi-tenant", "work:fine", cwd=person)
    assert bench.remote.sha("multi-tenant") == ahead == bench.remote.sha("fine")
    git("push", "-q", url, ":fine", cwd=person)


@pytest.mark.parametrize("name", ["a b", "x'; touch y; '", "", "-x", "a..b", "a\nb"])
def test_the_hook_takes_plain_names_only(name: str) -> None:
    with pytest.raises(ForgeError):
        pre_receive((name,))
    with pytest.raises(ForgeError):
        pre_receive(("main",), name)


def test_init_remote_twice_and_into_a_full_folder(tmp_path: Path) -> None:
    init_remote(tmp_path / "r.git")
    init_remote(tmp_path / "r.git")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("x")
    with pytest.raises(ForgeError, match="no bare repository"):
        init_remote(tmp_path / "full")


def test_a_branch_that_somebody_moved_is_never_forced(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    bench.pushed()
    theirs = bench.remote.advance(bench.workspace.branch, {"review.py": "1\n"}, "a reviewer's fix")
    bench.write({"x.py": "2\n"})
    with pytest.raises(PushRefused) as caught:
        bench.pushed("infra: again")
    assert "1 commit(s) that this workspace does not have" in caught.value.what
    assert "a reviewer's fix" in caught.value.what
    assert "force" not in str(caught.value).lower()
    assert bench.remote.sha(bench.workspace.branch) == theirs


def test_a_sha_from_elsewhere_is_not_pushed(bench: Bench) -> None:
    with pytest.raises(WorkspaceUnsafe):
        bench.forge.push(bench.repo, bench.workspace, bench.remote.sha("main"))
    with pytest.raises(PushRefused, match="no commit"):
        bench.forge.push(bench.repo, bench.workspace, "HEAD")


def test_a_remote_that_vanished(bench: Bench, tmp_path: Path) -> None:
    bench.write({"x.py": "1\n"})
    sha = bench.commit()
    bench.remote.path.rename(tmp_path / "gone.git")
    with pytest.raises(RepositoryMissing, match="no git repository at"):
        bench.forge.push(bench.repo, bench.workspace, sha)


def test_verification_gets_the_staged_tree_only(bench: Bench, tmp_path: Path) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n", "a.log": "ignored\n"})
    (bench.tree / "run.sh").write_text("#!/bin/sh\n")
    (bench.tree / "run.sh").chmod(0o755)
    (bench.tree / "link").symlink_to("svc/api.py")
    staged = bench.forge.stage(bench.workspace)
    bench.write({"svc/late.py": "late\n"})
    fresh = tmp_path / "fresh"
    bench.forge.checkout_for_verification(bench.workspace, staged, fresh)
    found = {p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if not p.is_dir()}
    assert found == {
        ".gitignore", "README.md", "link", "run.sh", "svc/api.py", "svc/db.py", "tenants.toml"
    }  # fmt: skip
    assert (fresh / "run.sh").stat().st_mode & 0o100
    assert (fresh / "link").is_symlink()
    with pytest.raises(ForgeError, match="not an empty folder"):
        bench.forge.checkout_for_verification(bench.workspace, staged, fresh)


def test_line_ends_are_converted_as_the_repository_says(bench: Bench) -> None:
    bench.write({".gitattributes": "*.txt text eol=crlf\n", "dos.txt": "a\r\nb\r\n"})
    sha = bench.pushed()
    assert bench.forge.read_file(bench.repo, sha, "dos.txt") == b"a\nb\n"


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Stas <s@x.test>", ("Stas", "s@x.test")),
        ("stas", ("stas", "stas@stas.invalid")),
        ("", ("Stas", "stas@stas.invalid")),
        ("a\nb <x> <y>", ("a b x y", "a-b-x-y@stas.invalid")),
        ("\ud800", ("?", "stas@stas.invalid")),
    ],
)
def test_authors(author: str, expected: tuple[str, str]) -> None:
    assert identity(author) == expected
