"""A commit whose files are not all on this machine: what is missing and what to do is said, and nothing is green."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stas_tui.forges.git import Git
from stas_tui.isolation.base import World
from stas_tui.isolation.catalog import groups
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.git_tree import CommitTree, ObjectsMissing
from stas_tui.isolation.runner import run
from stas_tui.isolation.tree import Tree
from stas_tui.review.base import Change
from stas_tui.review.changes import changed_files
from stas_tui.review.runner import review
from storage.check_records import Verdict
from storage.clock import SystemClock
from tests.review.worlds import Repository

FILES = {"migrations/0001_a.up.sql": "create table a (id int);\n", "migrations/0001_a.down.sql": "drop table a;\n"}
MORE = {"migrations/0002_b.up.sql": "create index i on a (id);\n", "app.py": "x = 1\n"}


class Partial:
    """A clone without contents of files, whose remote is gone again."""

    def __init__(self, folder: Path) -> None:
        self.source = Repository(folder / "source")
        self.base, self.head = self.source.commit(FILES), self.source.commit(MORE)
        self.source.git("config", "uploadpack.allowFilter", "true")
        self.git_dir = folder / "partial" / ".git"
        self.source.git(
            "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{folder}/source", str(folder / "partial")
        )
        self.there, self.gone = folder / "source", folder / "gone"
        self.there.rename(self.gone)

    def damaged(self) -> None:
        """As a clone that does not even know that it is partial."""
        for key in ("remote.origin.promisor", "remote.origin.partialclonefilter"):
            self.git("config", "--unset", key)
        for mark in (self.git_dir / "objects" / "pack").glob("*.promisor"):
            mark.unlink()

    def git(self, *args: str) -> None:
        subprocess.run(["git", f"--git-dir={self.git_dir}", *args], check=True, capture_output=True)

    def tree(self, commit: str = "") -> Tree:
        return CommitTree(Git(), self.git_dir, commit or self.head)


@pytest.fixture
def partial(tmp_path: Path) -> Partial:
    return Partial(tmp_path)


@pytest.mark.parametrize("damaged", [False, True])
def test_contents_that_are_not_here_are_told_with_what_to_do(partial: Partial, damaged: bool) -> None:
    if damaged:
        partial.damaged()
    tree = partial.tree()
    assert sorted(tree.shas()) == sorted([*FILES, *MORE])
    for ask in (tree.files, lambda: tree.read("app.py"), lambda: tree.read_many(list(tree.shas().values()))):
        with pytest.raises(ObjectsMissing, match="missing in this repository") as told:
            ask()
        assert "`git fetch --refetch --no-filter`" in told.value.mend


def test_the_files_that_are_missing_are_named(partial: Partial) -> None:
    partial.damaged()
    with pytest.raises(ObjectsMissing, match=r"^4 files of [0-9a-f]{12} \(app.py, migrations/0001_a.down.sql, "):
        partial.tree().files()


def test_what_is_said_to_do_mends_it(partial: Partial) -> None:
    partial.gone.rename(partial.there)
    partial.git("fetch", "-q", "--refetch", "--no-filter")
    partial.there.rename(partial.gone)
    assert partial.tree().read("app.py") == b"x = 1\n"


def test_a_commit_that_is_not_there_is_another_matter(partial: Partial) -> None:
    with pytest.raises(Exception, match="git ls-tree failed") as told:
        partial.tree("0" * 40).files()
    assert not isinstance(told.value, ObjectsMissing)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_change_that_cannot_be_compared_says_the_same(partial: Partial, damaged: bool) -> None:
    if damaged:
        partial.damaged()
    with pytest.raises(ObjectsMissing, match="missing in this repository"):
        changed_files(Git(), partial.git_dir, partial.base, partial.head)


def test_checks_of_a_review_are_unknown_with_that_sentence(partial: Partial) -> None:
    base, head = partial.tree(partial.base), partial.tree()
    partial.gone.rename(partial.there)
    files, cut = changed_files(Git(), partial.git_dir, partial.base, partial.head)
    partial.there.rename(partial.gone)
    change = Change(project_id="shop", base=base, head=head, files=files, cut=cut, clock=SystemClock())
    found = {one.check: one for one in review(change, ("migrations", "rehearsal")).results}
    assert set(found) == {"C1", "C2", "C3", "C4", "C5", "C6", "C7"}
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
    assert all("missing in this repository" in one.reason for one in found.values()), found


def test_checks_of_isolation_are_unknown_with_that_sentence(partial: Partial) -> None:
    world = World(
        project_id="shop",
        tenants=("acme",),
        tenancy=Tenancy(strategy="row", completed_by="Ada"),
        clock=SystemClock(),
        tree=partial.tree(),
    )
    code = [group for group in groups() if group.name in ("code", "settings")]
    found = [one for one in run(world, code) if "missing in this repository" in one.reason]
    assert {"Q1", "Q2", "Q6"} <= {one.check for one in found}
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert all("git fetch --refetch" in one.reason and "broke" not in one.reason for one in found)
