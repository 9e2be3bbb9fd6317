"""A text of SQL as single statements with lines; strings, dollar quotes, comments and trigger bodies stay whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"--[^\n]*|/\*|(?P<tag>\$(?:[A-Za-z_]\w*)?\$)|(?P<escape>\b[eE]')|'|\"|`|(?P<word>[A-Za-z_]\w*)|;|\n|[^\w]"
)
_DOLLAR_BEFORE = re.compile(r"[\w$]")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, without its semicolon, and the line its first word stands in, from 1."""

    text: str
    line: int


def statements(text: str) -> list[Statement]:
    """All statements of a text. A trigger's or atomic function's `BEGIN … END` is one statement with what is in it."""
    found: list[Statement] = []
    start, at, words = 0, 0, list[str]()
    depth = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        piece, end = match.group(), match.end()
        if piece.startswith("--"):
            at = end
        elif piece == "/*":
            at = _comment_end(text, end)
        elif match["tag"] and not (at and _DOLLAR_BEFORE.match(text[at - 1])):
            close = text.find(piece, end)
            at = len(text) if close < 0 else close + len(piece)
        elif piece in ("'", '"', "`") or match["escape"]:
            at = _quoted_end(text, end, piece[-1], bool(match["escape"]))
        elif piece == ";" and not depth:
            _keep(found, text, start, at)
            start, at, words = end, end, []
        else:
            if match["word"] and (len(words) < 12 or depth or _opens(words)):
                words.append(piece.lower())
                depth = _depth(words, depth)
            at = end
    _keep(found, text, start, len(text))
    return found


def _opens(words: list[str]) -> bool:
    return words[0] == "create" and bool({"trigger", "function", "procedure"} & set(words[:6]))


def _depth(words: list[str], depth: int) -> int:
    """How many blocks are open after the last word."""
    word, before = words[-1], words[-2] if len(words) > 1 else ""
    if not depth:
        begins = word == "begin" and len(words) > 1 and _opens(words)
        atomic = word == "atomic" and before == "begin"
        return 1 if (begins and "trigger" in words[:6]) or (atomic and _opens(words)) else 0
    if word == "case":
        return depth + 1
    return depth - 1 if word == "end" else depth


def _keep(found: list[Statement], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    first = _first(piece)
    if first < len(piece):
        found.append(Statement(piece[first:].rstrip(), text.count("\n", 0, start + first) + 1))


def _first(piece: str) -> int:
    """Where the statement itself begins, behind blanks and comments."""
    at = 0
    while at < len(piece):
        if piece[at].isspace():
            at += 1
        elif piece.startswith("--", at):
            line_end = piece.find("\n", at)
            at = len(piece) if line_end < 0 else line_end + 1
        elif piece.startswith("/*", at):
            at = _comment_end(piece, at + 2)
        else:
            return at
    return at


def _comment_end(text: str, at: int) -> int:
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return match.end()
    return len(text)


def _quoted_end(text: str, at: int, quote: str, escapes: bool) -> int:
    while at < len(text):
        if escapes and text[at] == "\\":
            at += 2
        elif text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return at + 1
            at += 2
        else:
            at += 1
    return len(text)
