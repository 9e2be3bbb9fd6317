"""A commit and a working copy say which blobs they hold: cheaply, and never what git was told to hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.forges.base import ForgeError
from stas_tui.isolation.tree import shas_of, sizes_of, state_of, unread_of
from tests.isolation.code.trees import Repository, unprivileged


@pytest.fixture(params=["sha1", "sha256"])
def repository(tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    return Repository(tmp_path / "r", f"--object-format={request.param}")


def blob(repository: Repository, path: str) -> str:
    return repository.git("hash-object", "--no-filters", path)


def test_a_commit_says_paths_blobs_and_contents(repository: Repository) -> None:
    sha = repository.commit(
        {"a.py": "a\n", "d/b.py": "b\n", "same.py": "a\n", "umlaut ä.py": "u\n", "big": b"\0" * 5000}
    )
    (repository.folder / "link.py").symlink_to("a.py")
    head = repository.commit({})
    tree = repository.at(head)
    assert (tree.commit, tree.state) == (head, head)
    assert tree.shas() == {path: blob(repository, path) for path in ("a.py", "d/b.py", "same.py", "umlaut ä.py", "big")}
    assert {path: (b.size, b.link) for path, b in tree.files().items() if path in ("big", "link.py")} == {
        "big": (5000, False),
        "link.py": (4, True),
    }
    assert tree.read("d/b.py") == b"b\n"
    assert tree.read("link.py") is None
    assert tree.read("none") is None
    asked = [blob(repository, "a.py"), blob(repository, "big")]
    assert tree.read_many(asked) == {asked[0]: b"a\n", asked[1]: b"\0" * 5000}
    assert state_of(repository.at("HEAD")) == ""
    assert repository.at(sha).shas().keys() == tree.shas().keys()


def test_sizes_are_told_without_reading(repository: Repository) -> None:
    repository.commit({"a.py": "a\n", "b.py": "bb\n", "c.py": "c\n"})
    repository.write({"b.py": "changed\n", "new.py": b"\0" * 5_000})
    here, there = repository.here(), repository.at("HEAD")
    for tree in (here, there):
        shas = tree.shas()
        assert sizes_of(tree, list(shas.values())) == {tree.files()[path].sha: tree.files()[path].size for path in shas}
    assert here.sizes([here.shas()["new.py"], here.shas()["b.py"]]) == {
        here.shas()["new.py"]: 5_000,
        here.shas()["b.py"]: 8,
    }
    assert here.sizes([]) == there.sizes([]) == {}
    with pytest.raises(ForgeError, match="is missing in this repository"):
        there.sizes(["0" * len(there.shas()["a.py"])])


def test_a_missing_object_is_said(repository: Repository) -> None:
    tree = repository.at(repository.commit({"a": "a"}))
    with pytest.raises(ForgeError, match="is missing in this repository"):
        tree.read_many(["0" * len(tree.commit)])


def test_a_clean_working_copy_is_its_commit(repository: Repository) -> None:
    sha = repository.commit({"a.py": "a\n", "d/b.py": "b\n"})
    here = repository.here()
    assert here.commit == sha
    assert here.shas() == repository.at(sha).shas()
    assert here.files() == repository.at(sha).files()
    assert here.read("a.py") == b"a\n"


def test_changes_on_disk_are_seen_as_they_are(repository: Repository) -> None:
    sha = repository.commit(
        {"a.py": "a\n", "gone.py": "g\n", "became.py": "x\n", "kept.py": "k\n", ".gitignore": "*.log\n"}
    )
    repository.write({"a.py": "changed\n", "new ä.py": "new\n", "debug.log": "x\n"})
    (repository.folder / "gone.py").unlink()
    (repository.folder / "became.py").unlink()
    (repository.folder / "became.py").symlink_to("a.py")
    (repository.folder / "other.py").symlink_to("a.py")
    here = repository.here()
    assert here.commit == f"{sha}+"
    assert here.shas() == {path: blob(repository, path) for path in ("a.py", "kept.py", "new ä.py", ".gitignore")}
    assert here.read("a.py") == b"changed\n"
    assert here.read("kept.py") == b"k\n"
    assert here.read("gone.py") is None
    links = {path for path, b in here.files().items() if b.link}
    assert links == {"became.py", "other.py"}
    assert here.files()["a.py"].size == len("changed\n")


def test_staged_changes_are_seen(repository: Repository) -> None:
    sha = repository.commit({"a.py": "a\n"})
    repository.write({"a.py": "staged\n"})
    repository.git("add", "a.py")
    here = repository.here()
    assert here.commit == f"{sha}+"
    assert here.read("a.py") == b"staged\n"


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_nobody_hides_a_change_behind_a_mark_in_the_index(repository: Repository, mark: str) -> None:
    repository.commit({"a.py": "a\n"})
    repository.git("update-index", mark, "a.py")
    repository.write({"a.py": "hidden\n"})
    assert repository.here().read("a.py") == b"hidden\n"


def test_a_conflict_is_read_from_disk(repository: Repository) -> None:
    repository.commit({"a.py": "base\n"})
    repository.git("switch", "-q", "-c", "other")
    repository.commit({"a.py": "theirs\n"})
    repository.git("switch", "-q", "main")
    repository.commit({"a.py": "ours\n"})
    with pytest.raises(Exception, match="merge"):
        repository.git("merge", "-q", "other")
    text = repository.here().read("a.py")
    assert text is not None
    assert b"<<<<<<<" in text


def test_state_tells_every_difference_and_nothing_else(repository: Repository) -> None:
    repository.commit({"a.py": "a\n", "b.py": "b\n"})
    states = [repository.here().state]
    for change in ({"a.py": "x\n"}, {"a.py": "y\n"}, {"new.py": "n\n"}, {"new.py": "m\n"}):
        repository.write(change)
        states.append(repository.here().state)
    (repository.folder / "b.py").unlink()
    states.append(repository.here().state)
    assert len(set(states)) == len(states)
    assert repository.here().state == states[-1]


def test_a_file_that_changes_under_the_reader_is_said(repository: Repository) -> None:
    repository.commit({"a.py": "a\n"})
    repository.write({"a.py": "one\n"})
    here = repository.here()
    sha = shas_of(here)["a.py"]
    repository.write({"a.py": "two\n"})
    with pytest.raises(ForgeError, match=r"a\.py changed while it was read"):
        here.read_many([sha])


def test_without_a_commit_there_is_still_a_working_copy(repository: Repository) -> None:
    repository.write({"a.py": "a\n"})
    here = repository.here()
    assert here.commit == "+"
    assert here.read("a.py") == b"a\n"


def test_nested_repositories_and_hostile_names_are_no_failure(repository: Repository) -> None:
    repository.commit({"a.py": "a\n", "line\nfeed.py": "l\n", "back\\slash.py": "s\n"})
    Repository(repository.folder / "inner").commit({"i.py": "i\n"})
    here = repository.here()
    assert set(here.shas()) == {"a.py", r"line\x0afeed.py", r"back\\slash.py"}
    assert here.read(r"line\x0afeed.py") == b"l\n"
    repository.write({"line\nfeed.py": "changed\n"})
    assert repository.here().read(r"line\x0afeed.py") == b"changed\n"


def test_a_file_without_permission_is_named_and_the_others_are_read(repository: Repository) -> None:
    repository.commit({"a.py": "a\n", "b.py": "b\n", "d/c.py": "c\n", "e/f.py": "f\n"})
    before = repository.here().state
    repository.write({"a.py": "changed\n", "new.py": "n\n", "b.py": "other\n", "d/c.py": "other\n"})
    for name in ("b.py", "new.py", "d"):
        (repository.folder / name).chmod(0)
    try:
        with unprivileged():
            tree = repository.here()
            assert tree.unread == dict.fromkeys(("b.py", "new.py", "d/c.py"), "it cannot be read: Permission denied")
            assert tree.shas().keys() == tree.files().keys() == {"a.py", "e/f.py"}
            assert tree.read("a.py") == b"changed\n"
            assert tree.commit.endswith("+")
            with pytest.raises(ForgeError, match=r"b\.py: it cannot be read: Permission denied"):
                tree.read("b.py")
            state = tree.state
    finally:
        for name in ("b.py", "new.py", "d"):
            (repository.folder / name).chmod(0o700)
    assert len({before, state, repository.here().state}) == 3
    assert unread_of(repository.here()) == unread_of(repository.at("HEAD")) == {}


def test_a_file_whose_folder_became_a_file_is_gone(repository: Repository) -> None:
    repository.commit({"d/c.py": "c\n", "a.py": "a\n"})
    (repository.folder / "d/c.py").unlink()
    (repository.folder / "d").rmdir()
    repository.write({"d": "now a file\n"})
    assert repository.here().shas().keys() == {"d", "a.py"}
