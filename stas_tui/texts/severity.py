"""What the word in an alert's label `severity` means here. Pure; unknown words are news, never calm."""

from __future__ import annotations

from storage.records import Priority

_P0 = frozenset({"critical", "page", "pager", "p0", "p0_critical", "sev0", "sev1", "emergency", "disaster", "fatal"})
_P1 = frozenset({"major", "high", "error", "p1", "sev2", "urgent"})
_P3 = frozenset({"minor", "low", "notice", "p3", "sev4"})
_QUIET = frozenset({"info", "information", "informational", "none", "debug", "ok"})
"""Severities of alerts that always fire, such as a watchdog's."""


def _word(severity: str) -> str:
    return severity.strip().casefold()


def priority_of(severity: str) -> Priority:
    """`critical`, `page` and their like are P0; a word nobody knows, or none, is P2."""
    word = _word(severity)
    if word in _P0:
        return Priority.P0
    if word in _P1:
        return Priority.P1
    return Priority.P3 if word in _P3 or word in _QUIET else Priority.P2


def is_critical(severity: str) -> bool:
    """Whether a P0 task is made of it at once (R43)."""
    return priority_of(severity) is Priority.P0


def is_news(severity: str) -> bool:
    """Whether somebody should know; alerts for information alone are not counted as firing."""
    return _word(severity) not in _QUIET


def severity_rank(severity: str) -> int:
    """For sorting, worst first."""
    return list(Priority).index(priority_of(severity)) + (not is_news(severity))
