"""Where keys are heard, and which of those places hear at the same time."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "app": "Everywhere",
    "main": "Dashboard",
    "inbox": "On a message",
    "queue": "On a task",
    "oncall": "On call",
    "incident": "On an incident",
    "handover": "On a hand-over sheet",
    "list": "In a list",
    "matrix": "In the isolation matrix",
    "isolation": "On isolation checks",
    "detail": "In the detail",
    "scroll": "Moving",
    "gate": "In a gate",
    "review": "On a result",
    "change": "On a pull request",
    "edit": "In a text",
    "tray": "On a tray",
    "summary": "On the summary",
    "output": "On a run's output",
    "page": "On a page",
    "text": "Searching a text",
    "log": "In output",
    "dialog": "In a dialog",
}

LIVE_TOGETHER: tuple[tuple[str, ...], ...] = (
    ("app", "main", "inbox", "queue", "list", "scroll"),
    ("app", "main", "inbox", "queue", "matrix", "scroll"),
    ("app", "main", "inbox", "queue", "detail", "scroll"),
    ("app", "isolation", "matrix", "scroll"),
    ("app", "isolation", "list", "scroll"),
    ("app", "isolation", "detail", "scroll"),
    ("app", "oncall", "list", "scroll"),
    ("app", "oncall", "detail", "scroll"),
    ("app", "incident", "page", "scroll"),
    ("app", "handover", "page", "text", "scroll"),
    ("app", "gate", "scroll"),
    ("app", "review", "scroll"),
    ("app", "change", "list", "scroll"),
    ("app", "edit", "tray", "scroll"),
    ("app", "summary", "text", "scroll"),
    ("app", "output", "page", "log", "scroll"),
    ("app", "page", "text", "scroll"),
    ("app", "dialog"),
)
"""Scopes whose keys are heard at the same time and so must not share one."""
