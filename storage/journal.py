"""The journal: every effect on the world from intent to outcome, and the log that proves it.

One transaction for each transition, a state machine that the database enforces, and a hash-chained event in the
same transaction. At most one start for each approval; what cannot be told is `unknown`, never guessed.
"""

from __future__ import annotations

from storage.chain import Anchor, ChainReport
from storage.journal_ask import AskPart, NewAction, Requested
from storage.journal_decide import DecidePart
from storage.journal_errors import (
    AlreadyDecided,
    CallConflict,
    Expired,
    Halted,
    IllegalMove,
    JournalError,
    LateOutcome,
    NotApproved,
    NotKnown,
    ReasonRequired,
    StaleDecision,
    StillRunning,
    Tampered,
    TooManyRevisions,
)
from storage.journal_log import LogPart
from storage.journal_run import RunPart
from storage.journal_wait import WaitPart

__all__ = [
    "AlreadyDecided",
    "Anchor",
    "CallConflict",
    "ChainReport",
    "Expired",
    "Halted",
    "IllegalMove",
    "Journal",
    "JournalError",
    "LateOutcome",
    "NewAction",
    "NotApproved",
    "NotKnown",
    "ReasonRequired",
    "Requested",
    "StaleDecision",
    "StillRunning",
    "Tampered",
    "TooManyRevisions",
]


class Journal(AskPart, DecidePart, WaitPart, RunPart, LogPart):
    """The journal of one record.

    `lease_ms`: how long an executing action belongs to its owner. `apply_timeout_ms`: bound of one effect; shorter
    than the lease. `approval_ttl_ms`: how long an unused approval lives. `killpoint` is called with `K1`, `K2`, ...
    at the points where a crash test may kill the process. `wake` is called after each committed change.
    `boot` and `new_id` are for tests: the clock since boot, and where action ids come from.

    Every method may raise `StoreError`; nothing was half written then. One journal may be used by many threads.
    """
