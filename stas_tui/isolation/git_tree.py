"""Trees read from git, without a work tree, hooks or configuration of the repository taking part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git, GitFailed
from stas_tui.forges.names import is_sha, printable
from stas_tui.isolation.tree import Blob

LINK, EXECUTABLE, SUBMODULE = b"120000", b"100755", b"160000"
"""Modes as git writes them."""
_ABSENT = re.compile(r"from promisor remote|: bad file|missing blob|unable to read (?:[0-9a-f]{40}|tree)|bad object")


class ObjectsMissing(ForgeError):
    """Objects are not on this machine: a partial clone whose remote did not hand them over, or a damaged one."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} missing in this repository, so the commit cannot be read whole.",
            "If it is a partial clone, run `git fetch --refetch --no-filter` in it; else clone it again.",
        )


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
        with absent_told():
            done = self._git.run("ls-tree", "-r", "-z", "-l", "--full-tree", self._commit, git_dir=self._git_dir)
        found = {}
        absent = []
        for item in done.items:
            head, _, path = item.partition(b"\t")
            mode, _, sha, size = head.split()
            if mode == SUBMODULE:
                continue
            if not size.isdigit():
                absent.append(printed(path))
                continue
            found[printed(path)] = Blob(sha.decode(), int(size), link=mode == LINK, executable=mode == EXECUTABLE)
        if absent:
            are = "is" if len(absent) == 1 else "are"
            from stas_tui.texts.lines import count, listed

            raise ObjectsMissing(f"{count(len(absent), 'file')} of {self._commit[:12]} ({listed(absent)}) {are}")
        return found

    def read(self, path: str) -> bytes | None:
        """A file's content; None if it is not there or is a link. Raises `ForgeError`."""
        blob = self._files.get(path)
        if blob is None or blob.link:
            return None
        with absent_told():
            return self._git.run("cat-file", "blob", blob.sha, git_dir=self._git_dir).out

    def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
        """Contents by blob hash, in one process. Raises `ForgeError`."""
        return contents(self._git, self._git_dir, shas)

    def sizes(self, shas: list[str]) -> Mapping[str, int]:
        """Bytes of contents by blob hash, in one process. Raises `ForgeError`."""
        return sizes(self._git, self._git_dir, shas)


def contents(git: Git, git_dir: Path, shas: list[str]) -> dict[str, bytes]:
    """Contents of blobs by hash, in one process. Raises `ForgeError`."""
    if not shas:
        return {}
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    with absent_told():
        done = git.run("cat-file", "--batch", git_dir=git_dir, stdin=asked)
    return dict(_batch(done.out))


@contextmanager
def absent_told() -> Iterator[None]:
    """Where git fails because an object is not there. Raises `ObjectsMissing`."""
    try:
        yield
    except GitFailed as error:
        if not _ABSENT.search(error.err):
            raise
        raise ObjectsMissing("Objects are") from error


def sizes(git: Git, git_dir: Path, shas: list[str]) -> dict[str, int]:
    """Bytes of blobs by hash, in one process and without reading them. Raises `ForgeError`."""
    if not shas:
        return {}
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    found = {}
    with absent_told():
        done = git.run("cat-file", "--batch-check", git_dir=git_dir, stdin=asked)
    for line in done.out.splitlines():
        words = line.split()
        if len(words) != 3:
            raise _missing(words[0])
        found[words[0].decode()] = int(words[2])
    return found


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
            raise _missing(words[0])
        size = int(words[2])
        found.append((words[0].decode(), out[end + 1 : end + 1 + size]))
        at = end + 1 + size + 1
    return found


def _missing(sha: bytes) -> ForgeError:
    return ObjectsMissing(f"The object {sha.decode()[:40]} is")
