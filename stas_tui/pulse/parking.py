"""Tasks that wait for the architect, and what was answered: read from the log, so that it outlives a pulse (R88)."""

from __future__ import annotations

from storage.journal import Journal
from storage.records import Json


def parked(journal: Journal) -> set[str]:
    """Tasks that were parked, in whatever pulse, and not answered since."""
    waiting: set[str] = set()
    for event in journal.events(kinds=["review.decided", "architect.answered"]):
        if event.kind == "architect.answered":
            waiting.discard(event.body["task"])
        elif event.body.get("what") == "parked":
            waiting.add(event.body["task"])
    return waiting


def answer_to(journal: Journal, task_id: str) -> Json | None:
    """The architect's last answer about a task: `by` who recorded it, and its `text`."""
    answers = [e for e in journal.events(kinds=["architect.answered"]) if e.body["task"] == task_id]
    return {"by": answers[-1].actor, "text": answers[-1].body["text"]} if answers else None
