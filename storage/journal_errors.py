"""Why the journal refused, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.clock import iso_seconds
from storage.errors import StasError

if TYPE_CHECKING:
    from storage.records import Action


class JournalError(StasError):
    """The journal refused; nothing ran and nothing was half written."""


class NotKnown(JournalError):
    """There is no such thing in the record."""


class StaleDecision(JournalError):
    """The decision was about another version than the current one."""


class AlreadyDecided(JournalError):
    """Somebody decided before. `by`, `verdict` and `at` (UTC ms) tell who, what and when."""

    def __init__(self, by: str, verdict: str, at: int | None) -> None:
        self.by, self.verdict, self.at = by, verdict, at
        when = f" at {iso_seconds(at)}" if at is not None else ""
        super().__init__(
            f"Already {verdict} by {by or 'nobody in particular'}{when}.", "Your decision changed nothing."
        )


class Expired(JournalError):
    """The time to decide, or the life of the approval, is over. Nobody rejected it and nobody approved it."""


class ReasonRequired(JournalError):
    """A reason in words is missing."""


class CallConflict(JournalError):
    """The same work is already under way with other arguments; `existing` is that action."""

    def __init__(self, existing: Action) -> None:
        self.existing = existing
        super().__init__(
            f"{existing.tool} is already {existing.state} with other arguments ({existing.id}).",
            "Wait for it or withdraw it; give an explicit call key if a second one is really meant.",
        )


class StillRunning(JournalError):
    """The action's owner is alive and its time is not over."""


class Halted(JournalError):
    """Everything is halted: no effect starts until a person lifts the halt."""


class IllegalMove(JournalError):
    """The action's state does not allow this."""


class LateOutcome(IllegalMove):
    """The attempt is no longer the reporter's: somebody took the action over."""


class TooManyRevisions(JournalError):
    """The action was edited too often."""


class NotApproved(JournalError):
    """The action has no living approval, so it may not start."""


class Tampered(JournalError):
    """What is stored is not what was approved."""
