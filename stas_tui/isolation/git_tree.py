"""Trees read from git, without a work tree, hooks or configuration of the repository taking part."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git
from stas_tui.forges.names import is_sha, printable
from stas_tui.isolation.tree import Blob

LINK, EXECUTABLE, SUBMODULE = b"120000", b"100755", b"160000"
"""Modes as git writes them."""


class CommitTree:
    """The files of one commit. Contents are read when they are asked for and not kept."""

    def __init__(self, git: Git, git_dir: Path, commit: str) -> None:
        self._git = git
        self._git_dir = git_dir
        self._commit = commit

    @property
    def commit(self) -> str:
        """The commit's sha."""
        return self._commit

    @property
    def state(self) -> str:
        """The commit's sha: a commit never changes. Empty if it was named in another way."""
        return self._commit if is_sha(self._commit) else ""

    def files(self) -> Mapping[str, Blob]:
        """Paths to blobs; submodules are left out. Raises `ForgeError`."""
        return self._files

    def shas(self) -> Mapping[str, str]:
        """Paths of files, without links and submodules, to blob hashes. Raises `ForgeError`."""
        return self._shas

    @cached_property
    def _shas(self) -> dict[str, str]:
        done = self._git.run("ls-tree", "-r", "-z", "--full-tree", self._commit, git_dir=self._git_dir)
        found = {}
        for item in done.items:
            head, _, path = item.partition(b"\t")
            mode, _, sha = head.split()
            if mode not in (LINK, SUBMODULE):
                found[printed(path)] = sha.decode()
        return found

    @cached_property
    def _files(self) -> dict[str, Blob]:
        done = self._git.run("ls-tree", "-r", "-z", "-l", "--full-tree", self._commit, git_dir=self._git_dir)
        found = {}
        for item in done.items:
            head, _, path = item.partition(b"\t")
            mode, _, sha, size = head.split()
            if mode != SUBMODULE:
                found[printed(path)] = Blob(
                    sha.decode(), int(size) if size != b"-" else 0, link=mode == LINK, executable=mode == EXECUTABLE
                )
        return found

    def read(self, path: str) -> bytes | None:
        """A file's content; None if it is not there or is a link. Raises `ForgeError`."""
        blob = self._files.get(path)
        if blob is None or blob.link:
            return None
        return self._git.run("cat-file", "blob", blob.sha, git_dir=self._git_dir).out

    def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
        """Contents by blob hash, in one process. Raises `ForgeError`."""
        return contents(self._git, self._git_dir, shas)


def contents(git: Git, git_dir: Path, shas: list[str]) -> dict[str, bytes]:
    """Contents of blobs by hash, in one process. Raises `ForgeError`."""
    if not shas:
        return {}
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    return dict(_batch(git.run("cat-file", "--batch", git_dir=git_dir, stdin=asked).out))


def printed(path: bytes) -> str:
    """A path as text, quickly for those that need no care."""
    if path.isascii() and b"\\" not in path and (text := path.decode()).isprintable():
        return text
    return printable(path)


def _batch(out: bytes) -> list[tuple[str, bytes]]:
    found, at = [], 0
    while at < len(out):
        end = out.index(b"\n", at)
        words = out[at:end].split()
        if len(words) != 3:
            raise ForgeError(f"git has no object {words[0].decode()[:40]}.", "Fetch the history again.")
        size = int(words[2])
        found.append((words[0].decode(), out[end + 1 : end + 1 + size]))
        at = end + 1 + size + 1
    return found
