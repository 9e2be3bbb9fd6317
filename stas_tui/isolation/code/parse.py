"""From a file's bytes to its tree, also where it is written for a Python that is newer than this one."""

from __future__ import annotations

import ast
import re
import warnings

LARGEST = 2 * 1024 * 1024
"""Bytes of a file that is read; a larger one is generated or no code."""
TOO_LARGE = f"it is larger than {LARGEST // 1024 // 1024} MB"
MOST_STEPS = 200_000
"""Steps that reading one file may take; files of public applications take less than 2,000."""

_NAMES = r"[A-Za-z_][\w.]*"
_EXCEPT = re.compile(rf"^(\s*except\*?\s+)({_NAMES}(?:\s*,\s*{_NAMES})+)(\s*,?\s*:)", re.MULTILINE)
_GENERIC = re.compile(r"^(\s*(?:async\s+)?(?:def|class)\s+\w+)\[", re.MULTILINE)
_ALIAS = re.compile(r"^(\s*)type\s+(\w+)\s*(\[[^\n=]*\])?\s*=", re.MULTILINE)


class Unreadable(Exception):
    """A file that could not be parsed or read to its end; the text says why, as a clause."""


class Effort:
    """How many steps the reading of one file may still take: the same file ends at the same step everywhere."""

    __slots__ = ("_left",)

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps. Raises `Unreadable` when there are none left."""
        self._left -= steps
        if self._left < 0:
            raise Unreadable("its code refers to itself so often that reading it would take too long")


def parse(data: bytes) -> ast.Module:
    """The tree of a file. Line numbers are those of the file. Raises `Unreadable`."""
    if len(data) > LARGEST:
        raise Unreadable(TOO_LARGE)
    try:
        return _tree(data)
    except SyntaxError as error:
        first = error
    except (ValueError, RecursionError, MemoryError, LookupError) as error:
        raise Unreadable(f"Python cannot parse it ({type(error).__name__})") from None
    try:
        return _tree(older(data.decode("utf-8", "replace")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable(f"Python cannot parse line {first.lineno or 0} ({(first.msg or '')[:80]})") from None


def _tree(source: bytes | str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def older(source: str) -> str:
    """The same code in the syntax of Python 3.11, line for line: type parameters, `type X =`, bare `except A, B:`."""
    source = _EXCEPT.sub(r"\1(\2)\3", source)
    source = _ALIAS.sub(r"\1\2 =", source)
    out, at = [], 0
    for found in _GENERIC.finditer(source):
        if found.start() < at:
            continue
        end = _closing(source, found.end() - 1)
        if end:
            out += [source[at : found.end() - 1], "\\\n" * source.count("\n", found.end(), end)]
            at = end
    return "".join(out) + source[at:]


def _closing(source: str, start: int) -> int:
    """Index behind the bracket that closes the one at `start`; 0 if none does nearby."""
    depth = 0
    for at in range(start, min(start + 2_000, len(source))):
        depth += (source[at] in "[(") - (source[at] in "])")
        if depth == 0:
            return at + 1
    return 0
