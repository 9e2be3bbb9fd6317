"""What an executor did, seen through our own git directory (R92)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from forge_bench import Bench, commit, git

from stas_tui.forges.diff import ADDED_LIMIT, PATCH_LIMIT
from storage.records import FileChange


def by_path(files: tuple[FileChange, ...]) -> dict[str, FileChange]:
    return {file.path: file for file in files}


def test_committed_uncommitted_and_untracked_are_one(bench: Bench) -> None:
    first = commit(bench.tree, {"svc/api.py": "LIMIT = 20\n"}, "infra: raise limit")
    bench.write({"svc/db.py": "POOL = 9\nMORE = 1\n", "svc/new.py": "a\nb\n"})
    (bench.tree / "README.md").unlink()
    changes = bench.forge.changes(bench.workspace)
    files = by_path(changes.files)
    assert {path: (f.status, f.insertions, f.deletions, f.size) for path, f in files.items()} == {
        "README.md": ("D", 0, 1, 0),
        "svc/api.py": ("M", 1, 5, 11),
        "svc/db.py": ("M", 2, 1, 18),
        "svc/new.py": ("A", 2, 0, 4),
    }
    assert changes.commits == (f"{first} infra: raise limit",)
    assert changes.uncommitted == 3
    assert changes.head_sha == first
    assert changes.base_sha == bench.workspace.base_sha
    assert "+POOL = 9" in changes.patch
    assert "+LIMIT = 20" in changes.patch
    assert not changes.history_rewritten
    assert changes.problems == ()


def test_looking_does_not_touch_the_executors_index(bench: Bench) -> None:
    bench.write({"svc/new.py": "a\n", "svc/db.py": "POOL = 9\n"})
    git("add", "svc/new.py", cwd=bench.tree)
    before = (bench.tree / ".git/index").read_bytes()
    bench.forge.changes(bench.workspace)
    bench.forge.stage(bench.workspace)
    assert (bench.tree / ".git/index").read_bytes() == before
    assert git("status", "--porcelain", cwd=bench.tree).split("\n") == ["M svc/db.py", "A  svc/new.py"]


def test_results_of_the_run_are_no_change(bench: Bench) -> None:
    bench.write(
        {".stas/result.json": "{}", ".stas/deep/x": "1", "svc/.gitignore": "!.stas\n", ".gitignore": "!/.stas/\n"}
    )
    git("add", "-f", ".stas", cwd=bench.tree)
    paths = by_path(bench.forge.changes(bench.workspace).files)
    assert not [path for path in paths if ".stas/" in path]
    assert set(paths) == {".gitignore", "svc/.gitignore"}


def test_ignored_files_count_only_when_forced(bench: Bench) -> None:
    bench.write({"a.log": "1\n", "b.log": "2\n", "c.log": "3\n"})
    git("add", "-f", "b.log", cwd=bench.tree)
    git("commit", "-qm", "infra: log", cwd=bench.tree)
    git("add", "-f", "c.log", cwd=bench.tree)
    files = by_path(bench.forge.changes(bench.workspace).files)
    assert {path: file.ignored for path, file in files.items()} == {"b.log": True, "c.log": True}


def test_a_file_becomes_a_folder_and_a_folder_a_file(bench: Bench) -> None:
    (bench.tree / "README.md").unlink()
    bench.write({"README.md/inner": "1\n"})
    for path in (bench.tree / "svc").iterdir():
        path.unlink()
    (bench.tree / "svc").rmdir()
    bench.write({"svc": "now a file\n"})
    files = by_path(bench.forge.changes(bench.workspace).files)
    assert {path: file.status for path, file in files.items()} == {
        "README.md": "D",
        "README.md/inner": "A",
        "svc": "A",
        "svc/api.py": "D",
        "svc/db.py": "D",
    }


def test_modes_and_binary_files(bench: Bench) -> None:
    (bench.tree / "svc/api.py").chmod(0o755)
    bench.write({"blob.bin": bytes(range(256)) * 4})
    files = by_path(bench.forge.changes(bench.workspace).files)
    assert files["svc/api.py"].status == "M"
    assert files["svc/api.py"].insertions == 0
    assert (files["blob.bin"].insertions, files["blob.bin"].size) == (None, 1024)


NAMES = [
    b"line\nfeed",
    b'quo"te',
    b"back\\slash",
    b"caf\xe9.txt",
    b"\x1b[31mred",
    b"tab\there",
    b" lead",
    b":(glob)*",
    b"-rf",
]


def test_names_of_any_bytes(bench: Bench) -> None:
    for name in NAMES:
        (Path(os.fsdecode(os.fsencode(bench.tree) + b"/" + name))).write_text("secret = 1\n")
    staged = bench.forge.stage(bench.workspace)
    paths = {file.path for file in staged.files}
    assert paths == {
        "line\\x0afeed",
        'quo"te',
        "back\\\\slash",
        "caf\\xe9.txt",
        "\\x1b[31mred",
        "tab\\x09here",
        " lead",
        ":(glob)*",
        "-rf",
    }
    assert all(f"{path}:1: secret = 1" in staged.added_text for path in paths)
    assert all(text.isprintable() for text in staged.added_text.split("\n"))
    sha = bench.pushed()
    assert bench.forge.paths_at(bench.repo, sha) >= paths
    assert {bench.forge.read_file(bench.repo, sha, path) for path in paths} == {b"secret = 1\n"}


def test_a_large_patch_is_cut(bench: Bench) -> None:
    bench.write({"big.txt": "x" * 99 + "\n", "huge.txt": ("y" * 99 + "\n") * 5000})
    changes = bench.forge.changes(bench.workspace)
    assert changes.patch_cut
    assert PATCH_LIMIT - 200 < len(changes.patch) <= PATCH_LIMIT
    assert changes.patch.endswith("\n")
    assert by_path(changes.files)["huge.txt"].insertions == 5000


def test_added_text_is_cut_and_says_so(bench: Bench) -> None:
    bench.write({"huge.txt": ("y" * 99 + "\n") * 50_000})
    staged = bench.forge.stage(bench.workspace)
    assert staged.cut
    assert len(staged.added_text) <= ADDED_LIMIT


def test_added_text_has_paths_and_line_numbers(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 10\nTOKEN = 'x'\n\ndef get():\n    return LIMIT\n++ b/fake\n"})
    text = bench.forge.stage(bench.workspace).added_text.split("\n")
    assert "svc/api.py:2: TOKEN = 'x'" in text
    assert "svc/api.py:6: ++ b/fake" in text
    assert not [line for line in text if line.startswith("fake")]


def test_attributes_hide_nothing_from_the_scan_or_the_reader(bench: Bench) -> None:
    bench.write({".gitattributes": "*.py -diff -text binary\n", "svc/key.py": "KEY = 'AKIA'\n"})
    bench.write({"nul.txt": b"\0KEY = 'nul'\n", "wide.txt": "KEY = 'wide'\n".encode("utf-16-le")})
    staged = bench.forge.stage(bench.workspace)
    for line in ("svc/key.py:1: KEY = 'AKIA'", "nul.txt:1: KEY = 'nul'", "wide.txt:1: KEY = 'wide'"):
        assert line in staged.added_text
    assert "+KEY = 'AKIA'" in bench.forge.changes(bench.workspace).patch


def test_a_secret_that_a_later_commit_removes_is_still_added_text(bench: Bench) -> None:
    """It would be pushed with the history all the same."""
    commit(bench.tree, {"conf.py": "PASSWORD = 'hunter2'\n"}, "infra: oops, token=abc")
    commit(bench.tree, {"conf.py": "PASSWORD = env()\n"}, "infra: better")
    text = bench.forge.stage(bench.workspace).added_text
    assert "conf.py:1: PASSWORD = 'hunter2'" in text
    assert "infra: oops, token=abc" in text


def test_history_that_left_the_base(bench: Bench) -> None:
    git("checkout", "-q", "--orphan", "fresh", cwd=bench.tree)
    git("commit", "-qm", "all new", cwd=bench.tree)
    git("branch", "-M", bench.workspace.branch, cwd=bench.tree)
    changes = bench.forge.changes(bench.workspace)
    assert changes.history_rewritten
    assert "History was rewritten" in changes.problems[0]
    assert bench.forge.stage(bench.workspace).parent == bench.workspace.base_sha
    assert not bench.forge.origin_proof(bench.repo, bench.workspace).holds or changes.history_rewritten


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (("checkout", "-q", "-b", "mine"), "on the branch mine"),
        (("checkout", "-q", "--detach"), "detached"),
        (("branch", "-q", "-m", "renamed"), "on the branch renamed"),
    ],
)
def test_a_moved_head_is_a_problem(bench: Bench, how: tuple[str, ...], word: str) -> None:
    git(*how, cwd=bench.tree)
    commit(bench.tree, {"x.py": "1\n"}, "elsewhere")
    changes = bench.forge.changes(bench.workspace)
    assert changes.history_rewritten
    assert word in changes.problems[0]
    assert [file.path for file in changes.files] == ["x.py"]


def test_packed_refs_and_packed_objects_are_read(bench: Bench) -> None:
    sha = commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    git("gc", "-q", "--prune=now", cwd=bench.tree)
    git("pack-refs", "--all", "--prune", cwd=bench.tree)
    assert not (bench.tree / ".git/refs/heads" / bench.workspace.branch).exists()
    changes = bench.forge.changes(bench.workspace)
    assert (changes.head_sha, changes.problems) == (sha, ())


def test_merges_of_the_base_are_sane(bench: Bench) -> None:
    commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    bench.remote.advance("multi-tenant", {"theirs.py": "1\n"})
    git("fetch", "-q", "origin", cwd=bench.tree)
    git("merge", "-q", "--no-edit", "origin/multi-tenant", cwd=bench.tree)
    changes = bench.forge.changes(bench.workspace)
    assert not changes.history_rewritten
    assert bench.forge.origin_proof(bench.repo, bench.workspace).holds


def test_special_files_and_links(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("top secret\n")
    os.mkfifo(bench.tree / "pipe")
    (bench.tree / "README.md").unlink()
    os.mkfifo(bench.tree / "README.md")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(bench.tree)
        try:
            listener.bind("sock")
        finally:
            os.chdir(here)
    (bench.tree / "abs").symlink_to(outside)
    (bench.tree / "up").symlink_to("../../../outside/secret")
    (bench.tree / "fine").symlink_to("svc/../README.md")
    for path in (bench.tree / "svc").iterdir():
        path.unlink()
    (bench.tree / "svc").rmdir()
    (bench.tree / "svc").symlink_to(outside)
    (outside / "api.py").write_text("not yours\n")
    staged = bench.forge.stage(bench.workspace)
    changes = bench.forge.changes(bench.workspace)
    assert {f.path: f.status for f in changes.files} == {
        "README.md": "D",
        "abs": "A",
        "fine": "A",
        "svc": "A",
        "svc/api.py": "D",
        "svc/db.py": "D",
        "up": "A",
    }
    text = " ".join(changes.problems)
    assert "abs is a link that leaves the workspace" in text
    assert "up is a link that leaves" in text
    assert "svc is a link that leaves" in text
    assert "README.md is a pipe, socket or device" in text
    assert "fine" not in text
    assert "top secret" not in staged.added_text + changes.patch
    assert "not yours" not in staged.added_text + changes.patch


def test_nested_repositories_and_submodules(bench: Bench) -> None:
    nested = bench.tree / "vendor/lib"
    nested.mkdir(parents=True)
    git("init", "-q", cwd=nested)
    commit(nested, {"lib.py": "1\n"}, "lib")
    git("init", "-q", cwd=bench.tree / "svc")
    changes = bench.forge.changes(bench.workspace)
    assert changes.files == ()
    assert [p.split(" ")[0] for p in changes.problems] == ["svc", "vendor/lib"]
    git("add", "vendor/lib", cwd=bench.tree)
    git("commit", "-qm", "gitlink", cwd=bench.tree)
    changes = bench.forge.changes(bench.workspace)
    assert [f.path for f in changes.files] == ["vendor/lib"]
    assert any("vendor/lib is a submodule" in problem for problem in changes.problems)
