"""The difference between two commits as files with their added and removed lines, read from git and never from disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git
from stas_tui.forges.names import printable, raw_path
from stas_tui.isolation.git_tree import absent_told
from stas_tui.review.base import ChangedFile

MOST_FILES = 3_000
"""Changed files that are read; forges list no more either (R100)."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of the difference that are read."""

MOST_SHOWN = 1024 * 1024
"""Bytes of one file's difference that are shown."""

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_STATUS = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "type"}
_LINK = "120000"
_Part = tuple[list[tuple[int, str]], list[tuple[int, str]], bool]


class RangeWrong(ForgeError):
    """The text is no `BASE..HEAD`, or one of its commits is not in the repository."""

    exit_code = exit_codes.USAGE


def commits_of(git: Git, git_dir: Path, text: str) -> tuple[str, str]:
    """(merge base, head) of `BASE..HEAD` or `BASE...HEAD`; one name alone means its difference to `HEAD`.

    Both forms start at the merge base, as a pull request does: what happened on the base since is not part of the
    change. Raises `RangeWrong`.
    """
    base, dots, head = text.partition("...") if "..." in text else text.partition("..")
    ends = [_commit(git, git_dir, name or "HEAD") for name in (base, head if dots else "HEAD")]
    done = git.run("merge-base", *ends, git_dir=git_dir, ok=(0, 1))
    if done.code:
        raise RangeWrong(
            f"{printable(base.encode())} and {printable(head.encode())} have no commit in common.",
            "Fetch more history, or name another base.",
        )
    return done.text, ends[1]


def _commit(git: Git, git_dir: Path, name: str) -> str:
    if name.startswith("-"):
        raise RangeWrong(f"{printable(name.encode())} is no commit.", "Write BASE..HEAD, e.g. multi-tenant..HEAD.")
    done = git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", git_dir=git_dir, ok=(0, 1, 128))
    if done.code:
        raise RangeWrong(
            f"The repository has no commit {printable(name.encode())}.",
            "Fetch it, or write BASE..HEAD with other names.",
        )
    return done.text


def changed_files(git: Git, git_dir: Path, base: str, head: str) -> tuple[tuple[ChangedFile, ...], str]:
    """Every changed file with its lines, and why the list is cut, if it is. Raises `ForgeError`."""
    with absent_told():
        raw = git.run("diff-tree", "-r", "-z", "--raw", "-M", *_PLAIN, base, head, git_dir=git_dir).items
        done = git.run("diff-tree", "-r", "-p", "-U0", "-M", *_PLAIN, base, head, git_dir=git_dir, limit=MOST_BYTES)
    files = list(_entries(raw))
    cut = f"the change has {len(files)} files; {MOST_FILES} were read" if len(files) > MOST_FILES else ""
    files = files[:MOST_FILES]
    if done.cut:
        cut = cut or f"the change is larger than {MOST_BYTES // 1024 // 1024} MB; the rest was not read"
    parts = _lines(done.out)
    read = []
    for file in files:
        part = _whole(file, parts)
        if part is None:
            break
        added, removed, binary = part
        read.append(replace(file, added=tuple(added), removed=tuple(removed), binary=binary))
    return (*read, *files[len(read) :]), cut


def patch_of(git: Git, git_dir: Path, base: str, head: str, paths: Sequence[str]) -> str:
    """The difference of these paths as text, with ten lines around each change; says so if it is cut.

    Raises `ForgeError`. What it holds is somebody else's: redact it before it is shown.
    """
    names = [raw_path(path) for path in paths if path]
    done = git.run(
        "--literal-pathspecs", "diff-tree", "-r", "-p", "-U10", "-M", *_PLAIN, base, head, "--", *names,
        git_dir=git_dir, limit=MOST_SHOWN,
    )  # fmt: skip
    text = done.out.replace(b"\0", b"").decode("utf-8", "replace")
    return f"{text}\n… cut: the rest is not shown" if done.cut else text


def _whole(file: ChangedFile, parts: Iterator[_Part]) -> _Part | None:
    """The next file's lines; git writes a file that became a link, or the reverse, as two parts."""
    part = next(parts, None)
    if part is None or file.status != "type":
        return part
    second = next(parts, None)
    return part if second is None else (part[0] + second[0], part[1] + second[1], part[2] or second[2])


def _entries(items: list[bytes]) -> Iterator[ChangedFile]:
    rest = iter(items)
    for item in rest:
        old_mode, new_mode, _, _, status = item.removeprefix(b":").decode().split(" ")
        first = printable(next(rest))
        letter = status[0]
        second = printable(next(rest)) if letter in "RC" else ""
        yield ChangedFile(
            path=second or first,
            old_path=first if second else "",
            status=_STATUS.get(letter, "modified"),
            link=_LINK in (old_mode, new_mode),
        )


def _lines(diff: bytes) -> Iterator[_Part]:
    """(added, removed, binary) of each file of a `-U0` difference, in git's order.

    Hunk headers say how many lines follow, so content that looks like a header is never taken for one.
    """
    part: _Part | None = None
    removed = added = old = new = 0
    for line in diff.split(b"\n"):
        if part is not None and removed > 0 and line.startswith(b"-"):
            part[1].append((old, _text(line)))
            old, removed = old + 1, removed - 1
        elif part is not None and added > 0 and line.startswith(b"+"):
            part[0].append((new, _text(line)))
            new, added = new + 1, added - 1
        elif hunk := _HUNK.match(line):
            old, removed = int(hunk[1]), int(hunk[2]) if hunk[2] is not None else 1
            new, added = int(hunk[3]), int(hunk[4]) if hunk[4] is not None else 1
        elif line.startswith(b"diff --git "):
            if part is not None:
                yield part
            part = ([], [], False)
        elif part is not None and line.startswith(b"Binary files "):
            part = (part[0], part[1], True)
    if part is not None:
        yield part


def _text(line: bytes) -> str:
    return line[1:].replace(b"\0", b"").decode("utf-8", "replace")
