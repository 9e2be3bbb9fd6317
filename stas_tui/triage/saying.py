"""Lines of the log as a person would say them; for timelines, sheets and drafts. Pure."""

from __future__ import annotations

from stas_tui.gates.tool_words import tool_words
from stas_tui.texts.lines import one_line, redacted
from storage.records import Event

_PLAIN = {
    "triage.released": "gave it back",
    "triage.lapsed": "the lease ran out",
    "triage.woken": "woke it",
    "triage.escalated": "escalated it",
    "triage.ungrouped": "took it out of its group",
    "incident.opened": "opened the incident",
    "handover.written": "wrote a hand-over sheet",
    "handover.accepted": "accepted a hand-over",
    "gate.approved": "approved a gate",
    "gate.rejected": "rejected a gate",
    "gate.expired": "a gate expired",
    "control.halted": "halted everything",
    "control.lifted": "lifted the halt",
}
_WITH = {
    "triage.owned": ("took it", "reason"),
    "triage.snoozed": ("put it aside", "reason"),
    "triage.woke": ("it came back", "because"),
    "triage.event_came": ("what it waited for came", "what"),
    "triage.notified": ("called for help", "said"),
    "triage.escalation_stopped": ("the escalation stopped", "because"),
    "triage.grouped": ("grouped it", "under"),
    "triage.dismissed": ("closed it", "reason"),
    "triage.undone": ("took back", "kind"),
    "triage.task": ("made a task of it", "task"),
    "gate.requested": ("asked for", "tool"),
    "action.allowed": ("did at once", "tool"),
}
QUIET = frozenset({"triage.opened", "triage.renewed"})
"""Lines that say nothing about what happened."""


def said(event: Event, limit: int = 300) -> str:
    """One line of the log in words, without who and when."""
    if event.kind in _WITH:
        words, name = _WITH[event.kind]
        more = str(event.body.get(name) or "")
        more = tool_words(more) if name == "tool" else more
        return one_line(redacted(f"{words}: {more}" if more else words), limit)
    if event.kind in _PLAIN:
        return _PLAIN[event.kind]
    words = event.kind.partition(".")[2].replace("_", " ") or event.kind
    more = str(event.body.get("text") or event.body.get("detail") or event.body.get("reason") or "")
    return one_line(redacted(f"{words}: {more}" if more else words), limit)
