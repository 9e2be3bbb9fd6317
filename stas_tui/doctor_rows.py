"""What a check of `stas doctor` answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a row stands, from best to worst."""

    OK = "ok"
    UNKNOWN = "unknown"
    """Not configured, not installed and not needed, or not looked at."""
    WARN = "warn"
    """Stas works, but something will be missing."""
    FAIL = "fail"
    """Stas cannot do its work."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding."""

    id: str
    """Stable, unique within one examination."""
    what: str
    state: State
    detail: str
    mend: str = ""
    """What a person can do about it."""
