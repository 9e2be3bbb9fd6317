"""The files of a working copy as they stand on disk: git says which changed, and only those are hashed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git
from stas_tui.forges.names import raw_path
from stas_tui.isolation.git_tree import EXECUTABLE, LINK, SUBMODULE, contents, sizes
from stas_tui.isolation.git_tree import printed as _printed
from stas_tui.isolation.tree import Blob

LARGEST = 64 * 1024 * 1024
"""Bytes of a changed file that is hashed; a larger one stands under a hash of its size and time."""


class WorkingTree:
    """Tracked files, changed ones as they are on disk, and untracked ones that git does not ignore.

    What it says is what it saw when it was first asked; make another one for another look. The index is never written.
    """

    def __init__(self, git: Git, git_dir: Path, root: Path) -> None:
        self._git, self._git_dir, self._root = git, git_dir, root

    @cached_property
    def commit(self) -> str:
        """The head's sha, with `+` behind it if anything differs from it. Raises `ForgeError`."""
        done = self._git.run("rev-parse", "--verify", "--quiet", "HEAD", git_dir=self._git_dir, ok=(0, 1, 128))
        head = done.text if done.code == 0 else ""
        if not head or self._differing or self.unread:
            return f"{head}+"
        quiet = ("diff-index", "--cached", "--quiet", "--ignore-submodules=all", head)
        return f"{head}+" if self._git.run(*quiet, git_dir=self._git_dir, ok=(0, 1)).code else head

    @cached_property
    def state(self) -> str:
        """A hash over every path with its blob. Raises `ForgeError`."""
        tracked, untracked = self._listed
        changed = "".join(f"{path}\0{blob.sha}\0" for path, blob in sorted(self._differing.items()))
        changed += "".join(f"{path}\0{why}\1" for path, why in sorted(self.unread.items()))
        return hashlib.sha256(b"\1".join((tracked, untracked, changed.encode("utf-8", "surrogateescape")))).hexdigest()

    @property
    def unread(self) -> Mapping[str, str]:
        """Files that are there and may not be read, and why; `files` and `shas` leave them out. Raises `ForgeError`."""
        return self._looked[1]

    def files(self) -> Mapping[str, Blob]:
        """Paths to blobs; submodules are left out. Raises `ForgeError`."""
        return self._files

    def shas(self) -> Mapping[str, str]:
        """Paths of files, without links and submodules, to blob hashes. Raises `ForgeError`."""
        return self._shas

    def read(self, path: str) -> bytes | None:
        """A file's content; None if it is not there or is a link. Raises `ForgeError`."""
        if why := self.unread.get(path):
            raise ForgeError(f"{path}: {why}.", "Check its permissions.")
        sha = self._shas.get(path)
        return None if sha is None else self.read_many([sha])[sha]

    def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
        """Contents by blob hash. Raises `ForgeError`, also for a file that has changed since it was hashed."""
        here = {blob.sha: path for path, blob in self._differing.items() if not blob.link}
        found = {sha: self._content(here[sha], sha) for sha in shas if sha in here}
        return found | contents(self._git, self._git_dir, [sha for sha in shas if sha not in here])

    def sizes(self, shas: list[str]) -> Mapping[str, int]:
        """Bytes of contents by blob hash, without reading any. Raises `ForgeError`."""
        here = {blob.sha: blob.size for blob in self._differing.values() if not blob.link}
        found = {sha: here[sha] for sha in shas if sha in here}
        return found | sizes(self._git, self._git_dir, [sha for sha in shas if sha not in here])

    # what git says ---------------------------------------------------------------------------------

    @cached_property
    def _listed(self) -> tuple[bytes, bytes]:
        """What git lists: tracked files with their hashes and what differs on disk, and untracked ones."""
        tracked = ("ls-files", "-z", "-v", "-s", "-m", "-d")
        others = ("ls-files", "-z", "-o", "--exclude-standard")
        with ThreadPoolExecutor(1) as beside:
            theirs = beside.submit(self._git.run, *others, git_dir=self._git_dir, work_tree=self._root)
            ours = self._git.run(*tracked, git_dir=self._git_dir, work_tree=self._root)
            return ours.out, theirs.result().out

    @cached_property
    def _tracked(self) -> tuple[dict[bytes, tuple[bytes, bytes]], set[bytes]]:
        """Paths to (mode, hash) as the index has them, and those whose file must be looked at.

        Besides those that git calls changed these are all for which the index says «assume unchanged» or
        «skip-worktree»: nobody can hide a change behind such a mark.
        """
        entries: dict[bytes, tuple[bytes, bytes]] = {}
        look = set()
        for item in self._listed[0].split(b"\0"):
            head, _, path = item.partition(b"\t")
            if not path:
                continue
            tag, mode, sha, stage = head.split(b" ")
            entries[path] = (mode, sha)
            if tag != b"H" or stage != b"0":
                look.add(path)
        return entries, look

    @property
    def _differing(self) -> dict[str, Blob]:
        """Files whose content on disk is not, or may not be, the one in the index; hashed."""
        return self._looked[0]

    @cached_property
    def _looked(self) -> tuple[dict[str, Blob], dict[str, str]]:
        """Files that differ, and those that could not be read, with the reason."""
        entries, look = self._tracked
        width = len(next(iter(entries.values()))[1]) if entries else 40
        found, unread = {}, {}
        for path in [*look, *(path for path in self._listed[1].split(b"\0") if path and not path.endswith(b"/"))]:
            if entries.get(path, (b"",))[0] == SUBMODULE:
                continue
            try:
                blob = self._hashed(path, width)
            except OSError as error:
                unread[_printed(path)] = f"it cannot be read: {error.strerror}"
                continue
            if blob is not None and blob.sha != entries.get(path, (b"", b""))[1].decode():
                found[_printed(path)] = blob
        return found, unread

    @cached_property
    def _gone(self) -> set[bytes]:
        return {path for path in self._tracked[1] if not os.path.lexists(self._at(path))}

    @cached_property
    def _shas(self) -> dict[str, str]:
        gone, skipped = self._gone, (LINK, SUBMODULE)
        entries = self._tracked[0].items()
        printed = _plainly if _is_plain(self._listed[0]) else _printed
        found = {
            printed(path): sha.decode() for path, (mode, sha) in entries if mode not in skipped and path not in gone
        }
        for path, blob in self._differing.items():
            found.pop(path, None)
            if not blob.link:
                found[path] = blob.sha
        for path in self.unread:
            found.pop(path, None)
        return found

    @cached_property
    def _files(self) -> dict[str, Blob]:
        return dict(self._blobs())

    def _blobs(self) -> Iterator[tuple[str, Blob]]:
        for path, (mode, sha) in self._tracked[0].items():
            name = _printed(path)
            if mode == SUBMODULE or path in self._gone or name in self._differing or name in self.unread:
                continue
            try:
                size = os.lstat(self._at(path)).st_size
            except OSError:
                continue
            yield name, Blob(sha.decode(), size, link=mode == LINK, executable=mode == EXECUTABLE)
        yield from self._differing.items()

    # what stands on disk ---------------------------------------------------------------------------

    def _at(self, path: bytes) -> bytes:
        return os.fsencode(self._root) + b"/" + path

    def _hashed(self, path: bytes, width: int) -> Blob | None:
        """The blob of a file on disk; None if there is none. Raises `OSError` if it may not be read."""
        full = self._at(path)
        try:
            info = os.lstat(full)
            if stat.S_ISLNK(info.st_mode):
                return Blob(_sha(os.fsencode(Path(os.fsdecode(full)).readlink()), width), info.st_size, link=True)
            if not stat.S_ISREG(info.st_mode):
                return None
            executable = bool(info.st_mode & stat.S_IXUSR)
            if info.st_size > LARGEST:
                mark = hashlib.sha256(f"{info.st_size} {info.st_mtime_ns}".encode()).hexdigest()[:width]
                return Blob(mark, info.st_size, executable=executable)
            data = Path(os.fsdecode(full)).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Blob(_sha(data, width), len(data), executable=executable)

    def _content(self, path: str, sha: str) -> bytes:
        try:
            data = Path(os.fsdecode(self._at(raw_path(path)))).read_bytes()
        except OSError as error:
            raise ForgeError(f"{path} cannot be read: {error.strerror}.", "Look again.") from error
        if _sha(data, len(sha)) != sha:
            raise ForgeError(f"{path} changed while it was read.", "Look again.")
        return data


_PLAIN = bytes(range(0x20, 0x7F)).replace(b"\\", b"") + b"\0\t"


def _is_plain(listed: bytes) -> bool:
    """Whether no path in a listing needs care: nothing but printable ASCII, and no backslash."""
    return not listed.translate(None, _PLAIN)


def _plainly(path: bytes) -> str:
    return path.decode("ascii")


def _sha(data: bytes, width: int) -> str:
    """The hash that git gives a blob, SHA-1 or SHA-256 by the width of the repository's hashes."""
    made = hashlib.sha256() if width == 64 else hashlib.sha1(usedforsecurity=False)
    made.update(b"blob %d\0" % len(data))
    made.update(data)
    return made.hexdigest()
