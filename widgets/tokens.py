"""Colours and glyphs by meaning: pure data, shared by screens, plain mode and tests.

Hue is spent on state only; everything else is one of three inks. A state is a glyph, then a word, then a colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NIGHT_TOKENS: dict[str, str] = {
    "ink": "#d8dee9",
    "ink-2": "#9aa7bb",
    "ink-3": "#7b889f",
    "ok": "#56c8b0",
    "warn": "#e8c468",
    "crit": "#ff7b6b",
    "human": "#c9a2ff",
    "focus": "#7cc4ff",
    "rule": "#2a3240",
    "base": "#0d1015",
    "dialog": "#12161d",
    "bar": "#1a202a",
    "cursor": "#182c42",
    "on-fill": "#0d1015",
}
"""The night theme's tokens, usable as CSS variables (`$ink-2`)."""

DAY_TOKENS: dict[str, str] = {
    "ink": "#1b2230",
    "ink-2": "#4b5669",
    "ink-3": "#616b7c",
    "ok": "#0b6e5e",
    "warn": "#7a5600",
    "crit": "#b3261e",
    "human": "#6a2fc2",
    "focus": "#0b5cad",
    "rule": "#cdd3dd",
    "base": "#f6f7f9",
    "dialog": "#ffffff",
    "bar": "#eceff3",
    "cursor": "#cfe3f8",
    "on-fill": "#ffffff",
}
"""The day theme's tokens: the same roles, own values."""

TEXT_TOKENS = ("ink", "ink-2", "ink-3", "ok", "warn", "crit", "human", "focus")
GROUND_TOKENS = ("base", "dialog", "bar")
STATE_TOKENS = ("ok", "warn", "crit", "human", "focus")
LIFTED: dict[str, str] = {"ink-3": "ink-2"}
"""On a cursor row a dim ink is drawn one ink stronger, so that it stays readable."""


class Mark(StrEnum):
    """A state as it is drawn: one glyph, one word, one colour."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    DONE = "done"
    HUMAN = "human"
    TODO = "todo"
    RUN = "run"
    HELD = "held"
    SKIP = "skip"
    NOTE = "note"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Look:
    """How a mark is drawn."""

    glyph: str
    plain: str
    """The glyph in ASCII mode."""
    ink: str
    """The colour token."""
    word: str
    bold: bool = False


GLYPHS: dict[Mark, Look] = {
    Mark.OK: Look("●", "o", "ok", "ok"),
    Mark.WARN: Look("▲", "!", "warn", "degraded"),
    Mark.FAIL: Look("✖", "X", "crit", "failed", bold=True),
    Mark.UNKNOWN: Look("◌", "?", "ink-3", "no data"),
    Mark.DONE: Look("✓", "v", "ok", "done"),
    Mark.HUMAN: Look("◆", "*", "human", "your turn"),
    Mark.TODO: Look("○", ".", "ink-2", "next"),
    Mark.RUN: Look("▶", ">", "focus", "running"),
    Mark.HELD: Look("‖", "=", "ink-3", "held"),
    Mark.SKIP: Look("–", "-", "ink-3", "skipped"),
    Mark.NOTE: Look("·", ",", "ink-3", "note"),
    Mark.NONE: Look(" ", " ", "ink-3", ""),
}

ORNAMENTS: dict[str, tuple[str, str]] = {
    "dot": ("·", "-"),
    "dash": ("–", "-"),
    "bar": ("│", "|"),
    "rail": ("│", "|"),
    "rail-human": ("┃", "|"),
    "quote": ("▌", "|"),
    "line": ("─", "-"),
    "more": ("▼", "v"),
    "caret": ("▏", "_"),
    "ellipsis": ("…", "~"),
    "gap": ("┄", "."),
    "up": ("↑", "^"),
    "full": ("█", "#"),
    "light": ("░", "."),
}
"""Our own drawing characters: name -> (normal, ASCII mode)."""

SPARKS = " ▁▂▃▄▅▆▇█"
PLAIN_SPARKS = " _.-~=+*#"


def glyph(mark: Mark, ascii_only: bool = False) -> str:
    """The one-cell glyph of a mark."""
    look = GLYPHS[mark]
    return look.plain if ascii_only else look.glyph


def ornament(name: str, ascii_only: bool = False) -> str:
    """One of our own drawing characters; KeyError for a name that is not in `ORNAMENTS`."""
    return ORNAMENTS[name][ascii_only]


def spark(values: tuple[float | None, ...], width: int, ascii_only: bool = False, top: float | None = None) -> str:
    """A one-row chart of the last `width` values from zero to `top` (else their highest); a gap for each None."""
    ramp = PLAIN_SPARKS if ascii_only else SPARKS
    gap = ornament("gap", ascii_only)
    shown = values[-width:] if width > 0 else ()
    top = max((value for value in shown if value is not None), default=0.0) if top is None else top
    drawn = [gap if value is None else ramp[_level(value, top)] for value in shown]
    empty = " " if any(value is not None for value in shown) else gap
    return empty * (width - len(shown)) + "".join(drawn)


def _level(value: float, top: float) -> int:
    return 1 if top <= 0 or value <= 0 else max(1, min(8, round(value / top * 8)))


def wants_ascii(environ: Mapping[str, str]) -> bool:
    """True if this terminal is likely to lack our glyphs: `TERM=linux`, no UTF-8, or an East Asian locale."""
    if environ.get("TERM", "") in {"linux", "dumb", "vt100"}:
        return True
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    if locale.startswith(("ja", "ko", "zh")):
        return True
    return bool(locale) and locale not in {"C", "POSIX"} and "utf" not in locale.lower()


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast(first: str, second: str) -> float:
    """The WCAG contrast ratio of two colours, from 1.0 to 21.0."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [value / 255 for value in rgb(colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def blend(first: str, second: str, share: float) -> str:
    """The colour at `share` (0 to 1) of the way from the first to the second."""
    share = min(max(share, 0.0), 1.0)
    mixed = [round(a + (b - a) * share) for a, b in zip(rgb(first), rgb(second), strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
