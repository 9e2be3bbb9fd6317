"""Text from outside as a plain line: one line, no control or hidden characters, no secret, no Markdown of its own.

Pure; used by the risk rows, the lints and the Pulse Summary. Screens draw through `widgets.printable` instead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from storage.records import SecretHit
from storage.redact import redact, scan

CONTROL = "control"
DIRECTION = "direction"
INVISIBLE = "invisible"
BROKEN = "broken"

_CONTROL_CLASS = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"
_DIRECTION_CLASS = "\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"
_INVISIBLE_CLASS = (
    "\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200d\\u2060-\\u2065\\u206a-\\u206f"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
_BROKEN_CLASS = "\\ud800-\\udfff"
_HIDDEN = re.compile(f"[{_CONTROL_CLASS}{_DIRECTION_CLASS}{_INVISIBLE_CLASS}{_BROKEN_CLASS}]")
_CONTROL = re.compile(f"[{_CONTROL_CLASS}]")
_DIRECTION = re.compile(f"[{_DIRECTION_CLASS}]")
_NO_PICTURE = re.compile(f"[{_DIRECTION_CLASS}{_INVISIBLE_CLASS}]+")
_NOT_TEXT = re.compile(f"[{_CONTROL_CLASS}{_BROKEN_CLASS}]")
_BLANKS = re.compile(r"[\s\x1c-\x1f\x85]+")
_WORD = re.compile(r"[^\W_]+(?:['’_.\-/][^\W_]+)*")
_MARK = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])")
_HARMLESS = re.compile(r"\\([\\`*\[\]<>|~_#+=:.)-])")
_LEADING_NUMBER = re.compile(r"\d{1,9}(?=[.)])")


def hidden_counts(text: str) -> dict[str, int]:
    """How many characters of a text act or lie instead of showing: kind (`control`, `direction`, …) -> number.

    Line feeds, carriage returns and tabs are not counted.
    """
    found: Counter[str] = Counter()
    for match in _HIDDEN.finditer(text):
        found[_kind(match.group())] += 1
    return dict(found)


def _kind(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return BROKEN
    if _CONTROL.match(char):
        return CONTROL
    return DIRECTION if _DIRECTION.match(char) else INVISIBLE


def bare(text: str) -> str:
    """A text without hidden characters, as a detector should read it: `ig<zero width>nore` is `ignore`."""
    return _NOT_TEXT.sub(" ", _NO_PICTURE.sub("", text))


def one_line(text: str, limit: int = 200) -> str:
    """A text as one printable line of at most `limit` characters, cut with `…`."""
    if len(text) > limit * 8 + 1024:
        text = text[: limit * 8 + 1024]
    line = _BLANKS.sub(" ", bare(_BLANKS.sub(" ", text))).strip(" ")
    return line if len(line) <= limit else line[: max(limit - 1, 0)].rstrip(" ") + "…"


def redacted(text: str) -> str:
    """A text without anything that looks like a secret (R82)."""
    return redact(text)


def secret_hits(text: str, place: str) -> tuple[SecretHit, ...]:
    """Where a text holds something that looks like a secret; the values themselves are not kept (R82)."""
    return tuple(scan(text, place))


def quoted(text: str, limit: int = 200) -> str:
    """Outside text for a Markdown document: redacted, one line, and no mark of it starts or styles anything.

    Text without a visible character becomes `(no visible text)`; no text stays no text.
    """
    line = _MARK.sub(r"\\\g<0>", one_line(redacted(text), limit))
    if not line:
        return "(no visible text)" if text.strip() else ""
    if number := _LEADING_NUMBER.match(line):
        return f"{number.group()}\\{line[number.end() :]}"
    return f"\\{line}" if line[:1] in "#+-=:" and line else line


def unquoted(markdown: str) -> str:
    """A generated Markdown text as a person reads it: the marks that `quoted` made harmless stand there alone.

    For a screen that draws no Markdown; what is kept or sent stays as it was.
    """
    return _HARMLESS.sub(r"\1", markdown)


def words(text: str) -> list[str]:
    """The words of a text; numbers and identifiers with inner dots, slashes or hyphens count as one word."""
    return _WORD.findall(text)


def listed(items: Sequence[str], limit: int = 3) -> str:
    """`a, b and c`; beyond `limit`: `a, b, c and 4 more`."""
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
