"""Reads an executor's clone as hostile data: its references are parsed, its objects are copied and hashed again.

No git command runs inside the clone and none reads its configuration, so nothing that an executor wrote there
(`core.fsmonitor`, `uploadpack.packObjectsHook`, `include.path`, aliases, hooks) can start a program. Commits come
over as a pack made by our own git directory with the clone's objects as an alternate store; the pack is then indexed
strictly, which computes every object's name anew, and the result is checked for completeness without the alternate.
A store that lies about content, parents or names therefore fails the copy and changes nothing.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git, GitFailed, GitTimeout
from stas_tui.forges.names import is_sha, printable

_PACKED = re.compile(rb"([0-9a-f]{40,64}) (refs/(?:heads/\S+|stash))")
SEEN = "refs/stas/seen"
"""Below this, our git directory keeps a reference for each commit that it took from the clone."""

_REF_LIMIT = 2_000
_PACKED_LIMIT = 16 * 1024 * 1024
_INDEX_LIMIT = 256 * 1024 * 1024


class _Odd(Exception):
    """A part of the clone is a link, a special file or something else that is not followed."""


@dataclass(frozen=True, slots=True)
class ClonedRefs:
    """What a clone's own references say; every field may be a lie."""

    on: str | None = None
    """The branch that HEAD names; None if it is detached or unreadable."""
    head: str | None = None
    """The commit that HEAD leads to."""
    branches: Mapping[str, str] = field(default_factory=dict)
    stash: str | None = None
    problems: tuple[str, ...] = ()


@contextmanager
def _folder(path: str | Path, within: int | None = None) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _Odd(f"{path} is a link or a file where a folder belongs") from error
        raise
    try:
        yield handle
    finally:
        os.close(handle)


def _read(within: int, path: str, limit: int) -> bytes | None:
    """A regular file's content below an open folder; None if it is not there. No link is followed on the way."""
    first, _, rest = path.partition("/")
    if rest:
        try:
            with _folder(first, within) as inner:
                return _read(inner, rest, limit)
        except FileNotFoundError:
            return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=within)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _Odd(f"{path} is a link or a special file") from error
        raise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _Odd(f"{path} is a special file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise _Odd(f"{path} is larger than {limit} bytes")
    return content


def _text(within: int, path: str) -> str | None:
    content = _read(within, path, 4096)
    return None if content is None else content.decode("utf-8", "replace").strip()


def _packed(git: int) -> dict[str, str]:
    content = _read(git, "packed-refs", _PACKED_LIMIT) or b""
    return {ref.decode("utf-8", "surrogateescape"): sha.decode() for sha, ref in _PACKED.findall(content)}


def _loose(git: int) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        with _folder("refs", git) as refs, _folder("heads", refs) as heads:
            for folder, _, names, handle in os.fwalk(".", dir_fd=heads, follow_symlinks=False):
                for name in names:
                    sha = _text(handle, name)
                    if len(found) < _REF_LIMIT and sha and is_sha(sha):
                        found["refs/heads/" + f"{folder}/{name}".removeprefix("./")] = sha
    except FileNotFoundError:
        return found
    return found


def read_refs(tree: Path) -> ClonedRefs:
    """The references of the clone at `tree`; what cannot be read without following links becomes a problem."""
    try:
        with _folder(tree) as top, _folder(".git", top) as git:
            head = _text(git, "HEAD") or ""
            refs = _packed(git) | _loose(git)
            stash = _text(git, "refs/stash") or refs.get("refs/stash")
            on = head.removeprefix("ref: ").strip() if head.startswith("ref: ") else None
            if on is not None and not on.startswith("refs/heads/"):
                return ClonedRefs(problems=(f"HEAD of the clone names {printable(on.encode())}.",))
            sha = refs.get(on) if on is not None else head
    except FileNotFoundError:
        return ClonedRefs(problems=("The clone's .git folder is gone; commits made there cannot be read.",))
    except _Odd as error:
        return ClonedRefs(problems=(f"The clone's .git is not a plain folder ({error}); it is not followed.",))
    return ClonedRefs(
        on=on.removeprefix("refs/heads/") if on else None,
        head=sha if sha and is_sha(sha) else None,
        branches={
            name.removeprefix("refs/heads/"): sha for name, sha in refs.items() if name.startswith("refs/heads/")
        },
        stash=stash if stash and is_sha(stash) else None,
    )


def read_index(tree: Path) -> bytes | None:
    """The bytes of the clone's own index; None if it has none that can be read without following links."""
    try:
        with _folder(tree) as top, _folder(".git", top) as git:
            return _read(git, "index", _INDEX_LIMIT)
    except (FileNotFoundError, _Odd):
        return None


def _objects(tree: Path) -> Path:
    try:
        with _folder(tree) as top, _folder(".git", top) as git, _folder("objects", git) as objects:
            for name in ("info/alternates", "info/http-alternates"):
                if _read(objects, name, 65_536) is not None:
                    raise _Odd("it borrows objects from another repository")
    except FileNotFoundError as error:
        raise _Odd("it is gone") from error
    return tree / ".git" / "objects"


def import_commits(git: Git, ours: Path, tree: Path, shas: Sequence[str], known: Sequence[str]) -> None:
    """Copy commits and all they need from the clone into our git directory.

    `known` are commits of ours that need not be copied. Raises `ForgeError` if the clone's objects are missing,
    damaged, or not what their names say; nothing of them counts then.
    """
    wanted = [sha for sha in dict.fromkeys(shas) if sha not in known and not _is_complete(git, ours, sha)]
    if not wanted:
        return
    try:
        objects = _objects(tree)
    except _Odd as error:
        raise ForgeError(f"The clone's object store is not followed: {error}.", "Look at the workspace.") from error
    revs = "\n".join([*wanted, *(f"^{sha}" for sha in known), ""]).encode()
    try:
        with tempfile.TemporaryFile(dir=ours) as pack:
            git.run(
                "pack-objects", "--revs", "--stdout", "--quiet", git_dir=ours, alternate=objects, stdin=revs, into=pack
            )
            pack.seek(0)
            git.run("index-pack", "--stdin", "--strict", git_dir=ours, stdin=pack)
        for sha in wanted:
            git.run("rev-list", "--objects", "--quiet", sha, *(f"^{one}" for one in known), git_dir=ours)
            git.run("update-ref", f"{SEEN}/{sha}", sha, git_dir=ours)
    except (GitFailed, GitTimeout) as error:
        raise ForgeError(
            f"Commits of the clone cannot be read: {error.what}", "Look at the workspace; its files are still there."
        ) from error


def _is_complete(git: Git, ours: Path, sha: str) -> bool:
    """Whether an earlier import of this commit was completed.

    That an object of this name exists proves nothing: an import that was cut short leaves some behind.
    """
    return git.run("show-ref", "--verify", "--quiet", f"{SEEN}/{sha}", git_dir=ours, ok=(0, 1)).code == 0
