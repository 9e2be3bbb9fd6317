"""Differences between two trees of our own git directory.

They are computed without a work tree, so no `.gitattributes` that an executor wrote can hide a file as binary, and
without external diff programs, text conversion or rename detection (a renamed file shows as deleted and added: both
paths are there to be checked).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stas_tui.forges.git import Git
from stas_tui.forges.names import printable

PATCH_LIMIT = 256 * 1024
"""Bytes of the unified diff in `Changes`."""
ADDED_LIMIT = 4 * 1024 * 1024
"""Bytes of added text for the secret scan."""

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--ignore-submodules=none")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPES = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}
_QUOTED = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree difference. Modes are git's octal texts; `sha` is the new blob, zeros for a deletion."""

    path: bytes
    status: str
    mode: str
    sha: str
    insertions: int | None
    deletions: int | None


def entries(git: Git, git_dir: Path, old: str, new: str) -> list[Entry]:
    """Every path that differs between two trees or commits, in git's order."""
    done = git.run("diff-tree", "-r", "-z", "--raw", "--numstat", *_PLAIN, old, new, git_dir=git_dir)
    heads: dict[bytes, list[str]] = {}
    counts: dict[bytes, tuple[int | None, int | None]] = {}
    items = iter(done.items)
    for item in items:
        if item.startswith(b":"):
            heads[next(items)] = item.decode().split(" ")
            continue
        added, removed, path = item.split(b"\t", 2)
        counts[path] = (None if added == b"-" else int(added), None if removed == b"-" else int(removed))
    return [Entry(path, head[4][0], head[1], head[3], *counts.get(path, (None, None))) for path, head in heads.items()]


def names(git: Git, git_dir: Path, old: str, new: str) -> list[bytes]:
    """The paths that differ between two trees or commits."""
    return git.run("diff-tree", "-r", "-z", "--name-only", *_PLAIN, old, new, git_dir=git_dir).items


def sizes(git: Git, git_dir: Path, shas: list[str]) -> dict[str, int]:
    """Blob sizes in bytes; names of things that are no object of ours (submodules) are left out."""
    if not shas:
        return {}
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    done = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", git_dir=git_dir, stdin=asked)
    rows = (line.split(" ") for line in done.lines)
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}


def patch(git: Git, git_dir: Path, old: str, new: str, limit: int = PATCH_LIMIT) -> tuple[str, bool]:
    """The unified diff as text, and whether it was cut (at a line's end) to `limit` bytes."""
    done = git.run("diff-tree", "-r", "-p", *_PLAIN, old, new, git_dir=git_dir, limit=limit)
    out = done.out
    if done.cut:
        out = out[: out.rfind(b"\n") + 1] or out
    return out.decode("utf-8", "replace"), done.cut


def added(git: Git, git_dir: Path, old: str | None, new: str, limit: int) -> tuple[list[str], bool]:
    """The added lines between two trees as `path:line: text`, and whether there were more than `limit` bytes.

    Binary files are read as text too, and NULs are dropped, so that neither a stray NUL nor UTF-16 hides a secret.
    `old` None compares a commit with each of its parents.
    """
    trees = (old, new) if old is not None else ("--root", "--no-commit-id", "-m", new)
    done = git.run("diff-tree", "-r", "-p", "-U0", "--text", *_PLAIN, *trees, git_dir=git_dir, limit=limit * 2)
    found: list[str] = []
    used = 0
    for path, number, line in added_lines(done.out):
        text = f"{path}:{number}: {line}"
        used += len(text) + 1
        if used > limit:
            return found, True
        found.append(text)
    return found, done.cut


def added_lines(diff: bytes) -> Iterator[tuple[str, int, str]]:
    """(path, line number, text) of each line that a `-U0` diff adds.

    Hunk headers say how many lines follow, so a line of content that looks like a header is never taken for one.
    """
    path = ""
    removed = remaining = number = 0
    for line in diff.split(b"\n"):
        if removed > 0 and line.startswith(b"-"):
            removed -= 1
        elif remaining > 0 and line.startswith(b"+"):
            yield path, number, line[1:].replace(b"\0", b"").decode("utf-8", "replace")
            number += 1
            remaining -= 1
        elif hunk := _HUNK.match(line):
            removed = int(hunk[1]) if hunk[1] is not None else 1
            number = int(hunk[2])
            remaining = int(hunk[3]) if hunk[3] is not None else 1
        elif line.startswith(b"+++ "):
            path = printable(_unquoted(line[4:]))


def _unquoted(name: bytes) -> bytes:
    name = name.removesuffix(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = _QUOTED.sub(lambda m: bytes([_ESCAPES[m[1]] if m[1] in _ESCAPES else int(m[1], 8)]), name[1:-1])
    return name.removeprefix(b"b/")
