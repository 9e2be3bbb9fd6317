"""What a direct message looks like in Slack. Its limits are kept here: what is too long is cut with a pointer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stas_tui.notify.base import DirectMessage

Block = dict[str, Any]

MOST_BLOCKS = 50
HEADER = 150
SECTION = 3_000
MOST_FIELDS = 10
FIELD = 2_000
CONTEXT = 2_000
TEXT = 20_000
"""Characters of the plain text, escaped; Slack itself cuts at 40,000."""

CUT = "… cut: the whole text is in the record"

HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "incident": "Production incident",
        "security": "Security vulnerability",
        "integrity": "Data integrity risk",
        "cost": "Cost concern",
        "access": "Blocked: cloud access needed",
    }
)
"""The header by category; anything else is headed «Message»."""

_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_MARKED = re.compile(r"<(?:mailto:|tel:)?([^<>|]*)(?:\|[^<>]*)?>")


@dataclass(frozen=True, slots=True)
class Composed:
    """A message ready to be posted."""

    text: str
    blocks: list[Block]
    cut: bool
    """Something did not fit; the message itself says so."""


def compose(message: DirectMessage, key: str) -> Composed:
    """Text and blocks within Slack's limits; all text is plain, so that nothing in it mentions, links or formats."""
    text, cut = _fitted(message.text, TEXT)
    heading = f"{'URGENT · ' if message.urgent else ''}{HEADINGS.get(message.category, 'Message')}"
    parts = [_section(piece) for piece in _pieces(message.text)]
    for rows in _rows(message.fields):
        fitted = [_fitted(row, FIELD) for row in rows]
        cut = cut or any(shortened for _, shortened in fitted)
        parts.append({"type": "section", "fields": [_plain(row) for row, _ in fitted]})
    room = MOST_BLOCKS - 2
    foot = f"Stas · {key}"
    if len(parts) > room:
        cut = True
        parts = parts[:room]
    if cut:
        foot = f"{CUT} under {key}"
    blocks = [
        {"type": "header", "text": _plain(_fitted(heading, HEADER)[0])},
        *parts,
        {"type": "context", "elements": [_plain(_fitted(foot, CONTEXT)[0])]},
    ]
    return Composed(text=text, blocks=blocks, cut=cut)


def shown_text(text: str) -> str:
    """Text as Slack gives it back, without its escapes and without the marks it puts around addresses."""
    text = _MARKED.sub(r"\1", text)
    for raw, escaped in reversed(_ESCAPES):
        text = text.replace(escaped, raw)
    return text


def _escaped(text: str) -> str:
    for raw, escaped in _ESCAPES:
        text = text.replace(raw, escaped)
    return text


def _fitted(text: str, limit: int) -> tuple[str, bool]:
    """The text escaped, in at most `limit` characters; whether it had to be cut, which never splits an escape."""
    escaped = _escaped(text)
    if len(escaped) <= limit:
        return escaped, False
    room, kept = limit - len(CUT), []
    for character in text:
        room -= len(_escaped(character))
        if room < 0:
            break
        kept.append(character)
    return _escaped("".join(kept)) + CUT, True


def _pieces(text: str) -> Iterator[str]:
    """The text in sections, each within the limit once it is escaped; lines stay whole where they can."""
    piece, size = "", 0
    for line in text.splitlines(keepends=True):
        for part in _halves(line):
            length = len(_escaped(part))
            if piece.strip() and size + length > SECTION:
                yield piece
                piece, size = "", 0
            piece, size = piece + part, size + length
    if piece.strip():
        yield piece


def _halves(line: str) -> Iterator[str]:
    if len(_escaped(line)) <= SECTION:
        yield line
        return
    middle = len(line) // 2
    yield from _halves(line[:middle])
    yield from _halves(line[middle:])


def _rows(fields: Mapping[str, str]) -> Iterator[Sequence[str]]:
    rows = [f"{name}: {value}" for name, value in fields.items() if value.strip()]
    for start in range(0, len(rows), MOST_FIELDS):
        yield rows[start : start + MOST_FIELDS]


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(_fitted(text.strip("\n"), SECTION)[0])}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
