"""A change is read from git as it is: renames, links, binaries, hostile names, and content that looks like a header."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stas_tui.forges.git import Git
from stas_tui.review.changes import RangeWrong, changed_files, commits_of


class Repository:
    """A real repository that commits whatever stands in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "multi-tenant")

    def git(self, *args: str) -> str:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "GIT_CONFIG_GLOBAL": "/dev/null"}
        env |= {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *args], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, **files: str | bytes) -> str:
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_lines_of_a_file_carry_their_numbers(repository: Repository) -> None:
    base = repository.commit(a="one\ntwo\nthree\n")
    head = repository.commit(a="one\n2\nthree\nfour\n")
    (file,), cut = changed_files(Git(), repository.folder / ".git", base, head)
    assert (file.path, file.status, cut) == ("a", "modified", "")
    assert file.added == ((2, "2"), (4, "four"))
    assert file.removed == ((2, "two"),)


def test_content_that_looks_like_a_header_is_content(repository: Repository) -> None:
    base = repository.commit(a="-- b/evil\n", b="x\n")
    head = repository.commit(a="++ b/other\ndiff --git a/x b/x\n@@ -1 +1 @@\n", b="y\n")
    (first, second), _ = changed_files(Git(), repository.folder / ".git", base, head)
    assert [text for _, text in first.added] == ["++ b/other", "diff --git a/x b/x", "@@ -1 +1 @@"]
    assert [text for _, text in first.removed] == ["-- b/evil"]
    assert (second.path, second.added) == ("b", ((1, "y"),))


def test_renamed_binary_linked_deleted_and_new_files(repository: Repository) -> None:
    base = repository.commit(old="".join(f"line {n}\n" for n in range(50)), gone="x\n", blob=b"\0\1\2", z="z\n")
    repository.git("mv", "old", "new")
    (repository.folder / "gone").unlink()
    (repository.folder / "link").symlink_to("/etc/passwd")
    head = repository.commit(blob=b"\0\1\3", fresh="hello\n", z="zz\n")
    files, _ = changed_files(Git(), repository.folder / ".git", base, head)
    found = {file.path: file for file in files}
    assert {path: file.status for path, file in found.items()} == {
        "blob": "modified", "fresh": "added", "gone": "deleted", "link": "added", "new": "renamed", "z": "modified",
    }  # fmt: skip
    assert found["blob"].binary
    assert not found["blob"].added
    assert found["link"].link
    assert (found["new"].before, found["fresh"].before) == ("old", "")
    assert found["z"].added == ((1, "zz"),)


def test_a_file_that_became_a_link_keeps_its_neighbours_in_place(repository: Repository) -> None:
    base = repository.commit(a="a\n", b="b\n", c="c\n")
    (repository.folder / "b").unlink()
    (repository.folder / "b").symlink_to("a")
    head = repository.commit(a="aa\n", c="cc\n")
    files, _ = changed_files(Git(), repository.folder / ".git", base, head)
    assert [(file.path, file.status, file.link) for file in files] == [
        ("a", "modified", False), ("b", "type", True), ("c", "modified", False),
    ]  # fmt: skip
    assert [file.added for file in files] == [((1, "aa"),), ((1, "a"),), ((1, "cc"),)]


def test_a_change_starts_where_its_branch_left_the_base(repository: Repository) -> None:
    start = repository.commit(a="a\n")
    repository.git("switch", "-q", "-c", "feature")
    head = repository.commit(mine="m\n")
    repository.git("switch", "-q", "multi-tenant")
    repository.commit(theirs="t\n")
    for text in ("multi-tenant..feature", "multi-tenant...feature"):
        assert commits_of(Git(), repository.folder / ".git", text) == (start, head)


@pytest.mark.parametrize("text", ["nowhere..HEAD", "HEAD..nowhere", "--output=x..HEAD", "..nowhere"])
def test_a_range_that_names_nothing_is_refused_with_its_name(repository: Repository, text: str) -> None:
    repository.commit(a="a\n")
    with pytest.raises(RangeWrong, match=r"nowhere|--output=x"):
        commits_of(Git(), repository.folder / ".git", text)


def test_unrelated_histories_are_told(repository: Repository) -> None:
    repository.commit(a="a\n")
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit(b="b\n")
    with pytest.raises(RangeWrong, match="no commit in common"):
        commits_of(Git(), repository.folder / ".git", "multi-tenant..other")
