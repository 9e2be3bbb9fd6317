"""Texts of lessons as they are read: a paragraph that its file breaks into lines is one line again. Pure."""

from __future__ import annotations

import re

SHORT = 40
"""A line of fewer characters was not broken because it was full: whoever wrote it ended it there."""
_OWN_LINE = re.compile(
    r"""
    \s                                       # indented: code, a table, a quoted command
    | [-*+•·]\s | \d{1,3}[.)]\s | \(?[a-z]\)\s   # a list
    | [>|] | [$%]\s | \#{1,6}\s | \+\S | @@  # quoted, a table, a prompt, a heading, a difference
    | [-=_*]{3,}                             # a rule
    | [A-Za-z_][\w.-]*\s?[=:]\s*\S*$        # a setting, alone on its line
    """,
    re.VERBOSE,
)
"""How a line begins that is no line of prose."""
_COLUMNS = re.compile(r"\S(?:[ ]{2,}|\t)\S")
_FENCE = re.compile(r"\s*(?:```|~~~)")


def joined(text: str) -> str:
    """The text with every paragraph of prose on one line.

    Blank lines, lists, quoted, indented and code-like lines stay as they are, as does a short line that ends by itself.
    """
    lines: list[str] = []
    fenced = goes_on = False
    for line in text.split("\n"):
        fence = _FENCE.match(line) is not None
        if fence or fenced or not _is_prose(line):
            lines.append(line)
            fenced, goes_on = fenced != fence, False
            continue
        if goes_on:
            lines[-1] = f"{lines[-1]} {line.rstrip()}"
        else:
            lines.append(line.rstrip())
        goes_on = len(line.rstrip()) >= SHORT
    return "\n".join(lines)


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and _OWN_LINE.match(line) is None and _COLUMNS.search(line) is None
