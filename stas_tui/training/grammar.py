"""The small words of a scenario file: offsets, durations, series, and what counts as having been opened."""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage.clock import HOUR, MINUTE, SECOND

_PARTS = r"(?:(?P<h>\d{1,2})h)?(?:(?P<m>\d{1,2})m)?(?:(?P<s>\d{1,2})s)?"
_OFFSET = re.compile(rf"\+{_PARTS}")
_DURATION = re.compile(_PARTS)
_SERIES = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:\{(?P<labels>[^{}]*)\})?")
_LABEL = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*\"?([A-Za-z0-9._/-]+)\"?\s*")
_OPENED = re.compile(r"opened:([A-Za-z][A-Za-z0-9_-]{0,39})(?:\.([A-Za-z][A-Za-z0-9_]{0,39}))?")
REF = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""What an inject, a decision or a task may be called."""

MIXED = "seconds and minutes go to 59 beside a larger unit"


def offset_ms(text: object) -> int:
    """Milliseconds of `+1m30s`, counted from the start of a lesson. Raises `ValueError`."""
    return _milliseconds(_OFFSET, text, "an offset such as +40s, +1m30s or +1h")


def duration_ms(text: object) -> int:
    """Milliseconds of `4m`. Raises `ValueError`."""
    return _milliseconds(_DURATION, text, "a duration such as 40s, 1m30s or 1h")


def offset_text(ms: int) -> str:
    """`+1m30s`; whole seconds."""
    hours, rest = divmod(ms // SECOND, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n]
    return "+" + ("".join(parts) or "0s")


def _milliseconds(pattern: re.Pattern[str], text: object, what: str) -> int:
    match = pattern.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.group(unit) for unit in "hms"):
        raise ValueError(f"this is not {what}")
    hours, minutes, seconds = (int(match.group(unit) or 0) for unit in "hms")
    if (match.group("h") and minutes > 59) or ((match.group("h") or match.group("m")) and seconds > 59):
        raise ValueError(f"this is not {what}: {MIXED}")
    return hours * HOUR + minutes * MINUTE + seconds * SECOND


@dataclass(frozen=True, slots=True)
class Series:
    """One number by its name and labels, e.g. `http_5xx_ratio{tenant=acme}`."""

    name: str
    labels: dict[str, str]

    @property
    def tenant(self) -> str:
        """The tenant it belongs to; empty if to none."""
        return self.labels.get("tenant", "")


def series(text: str) -> Series:
    """Read `name{label=value,…}`. Raises `ValueError`."""
    match = _SERIES.fullmatch(text)
    if match is None:
        raise ValueError("this is not a series such as http_5xx_ratio{tenant=acme}")
    labels: dict[str, str] = {}
    for part in filter(None, (match.group("labels") or "").split(",")):
        label = _LABEL.fullmatch(part)
        if label is None or label[1] in labels:
            raise ValueError("the labels of a series are name=value, each once")
        labels[label[1]] = label[2]
    return Series(match.group("name"), labels)


def opened(text: str) -> tuple[str, str]:
    """The ref and the part of `opened:a1.base`; the part may be empty. Raises `ValueError`."""
    match = _OPENED.fullmatch(text)
    if match is None:
        raise ValueError("evidence is written opened:REF or opened:REF.PART")
    return match[1], match[2] or ""
