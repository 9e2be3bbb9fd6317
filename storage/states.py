"""The life of an action as a pure function: which move is legal, and where it leads (gates T1 to T19).

No clock, no database. The journal asks here before every change; the database repeats the table of legal
pairs in a trigger. Whatever is not named here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storage.journal_errors import Expired, Halted, IllegalMove, NotApproved, StillRunning, Tampered
from storage.records import TERMINAL, ActionState, EffectClass, GateLevel

S = ActionState


class Move(StrEnum):
    """What somebody wants to do with an action."""

    REQUEST = "request"
    APPROVE = "approve"
    REJECT = "reject"
    REVISE = "revise"
    DEFER = "defer"
    EXTEND = "extend"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    REVOKE = "revoke"
    STALE = "stale"
    CLAIM = "claim"
    SUCCEED = "succeed"
    FAIL = "fail"
    NOT_DONE = "not_done"
    """The owner proved that the effect did not start."""
    LOSE = "lose"
    """Nobody can tell: lease over, owner gone, ambiguous error."""
    FOUND = "found"
    NOT_FOUND = "not_found"
    HAPPENED = "happened"
    DID_NOT = "did_not"
    RUN_AGAIN = "run_again"
    ABANDON = "abandon"


BY_SOFTWARE = frozenset(
    {Move.REQUEST, Move.EXPIRE, Move.STALE, Move.CLAIM, Move.SUCCEED, Move.FAIL, Move.NOT_DONE, Move.LOSE}
    | {Move.FOUND, Move.NOT_FOUND}
)
"""The moves that need no person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a move is judged by. The defaults are the ones that refuse."""

    level: GateLevel = GateLevel.GATE
    effect: EffectClass = EffectClass.OPAQUE
    matches: bool = False
    """The decision names the current revision and digest."""
    ask_over: bool = True
    """The time to decide has passed."""
    approval_over: bool = True
    """There is no approval, or its life has passed."""
    halted: bool = True
    intact: bool = False
    """The stored payload still has the approved digest."""
    attempts: int = 0
    max_attempts: int = 0
    owns: bool = False
    """The reporter holds the current attempt (fencing)."""
    owner_gone: bool = False
    """The owner's process is gone, or lease and apply time-out have passed."""


_FROM: dict[Move, frozenset[ActionState]] = {
    Move.APPROVE: frozenset({S.PENDING}),
    Move.REJECT: frozenset({S.PENDING}),
    Move.REVISE: frozenset({S.PENDING}),
    Move.DEFER: frozenset({S.PENDING}),
    Move.EXTEND: frozenset({S.PENDING}),
    Move.EXPIRE: frozenset({S.PENDING, S.APPROVED}),
    Move.WITHDRAW: frozenset({S.PENDING, S.APPROVED}),
    Move.REVOKE: frozenset({S.APPROVED}),
    Move.STALE: frozenset({S.APPROVED}),
    Move.CLAIM: frozenset({S.APPROVED}),
    Move.SUCCEED: frozenset({S.EXECUTING}),
    Move.FAIL: frozenset({S.EXECUTING}),
    Move.NOT_DONE: frozenset({S.EXECUTING}),
    Move.LOSE: frozenset({S.EXECUTING}),
    Move.FOUND: frozenset({S.UNKNOWN}),
    Move.NOT_FOUND: frozenset({S.UNKNOWN}),
    Move.HAPPENED: frozenset({S.UNKNOWN}),
    Move.DID_NOT: frozenset({S.UNKNOWN}),
    Move.RUN_AGAIN: frozenset({S.UNKNOWN}),
    Move.ABANDON: frozenset({S.UNKNOWN}),
}

PAIRS: frozenset[tuple[ActionState, ActionState]] = frozenset(
    {(S.PENDING, to) for to in (S.PENDING, S.APPROVED, S.REJECTED, S.EXPIRED, S.WITHDRAWN)}
    | {(S.APPROVED, to) for to in (S.APPROVED, S.EXECUTING, S.REJECTED, S.EXPIRED, S.WITHDRAWN, S.PENDING)}
    | {(S.EXECUTING, to) for to in (S.EXECUTING, S.SUCCEEDED, S.FAILED, S.APPROVED, S.UNKNOWN)}
    | {(S.UNKNOWN, to) for to in (S.UNKNOWN, S.SUCCEEDED, S.FAILED, S.APPROVED, S.PENDING, S.ABANDONED)}
)
"""The 22 of 100 pairs of states that the database accepts."""


def after(state: ActionState | None, move: Move, facts: Facts) -> ActionState:
    """The state that `move` leads to; `state` is None for an action that does not exist yet.

    Raises `IllegalMove`, `Expired`, `NotApproved`, `Halted`, `Tampered` or `StillRunning` (all `JournalError`)
    when the move is refused; refusing changes nothing.
    """
    if move is Move.REQUEST:
        return _requested(state, facts)
    if state is None or state not in _FROM[move]:
        raise _refusal(state, move)
    match move:
        case Move.APPROVE | Move.REJECT | Move.REVISE:
            return _decided(move, facts)
        case Move.DEFER | Move.EXTEND:
            if facts.ask_over:
                raise Expired("The time to decide is over.", "Ask for it again.")
            return S.PENDING
        case Move.EXPIRE:
            if not (facts.ask_over if state is S.PENDING else facts.approval_over):
                raise IllegalMove("Its time is not over yet.")
            return S.EXPIRED
        case Move.WITHDRAW:
            return S.WITHDRAWN
        case Move.REVOKE:
            return S.REJECTED
        case Move.STALE:
            return S.APPROVED if facts.level is GateLevel.LOG and not facts.halted else S.PENDING
        case Move.CLAIM:
            return _claimed(facts)
        case Move.SUCCEED | Move.FAIL | Move.NOT_DONE:
            return _reported(move, facts)
        case Move.LOSE:
            if not (facts.owns or facts.owner_gone):
                raise StillRunning("It is still running and its time is not over.", "Wait, or stop its process.")
            return S.UNKNOWN
        case Move.FOUND | Move.NOT_FOUND:
            return _reconciled(move, facts)
        case Move.HAPPENED:
            return S.SUCCEEDED
        case Move.DID_NOT:
            return S.FAILED
        case Move.RUN_AGAIN:
            return S.PENDING
        case Move.ABANDON:
            return S.ABANDONED


def _requested(state: ActionState | None, facts: Facts) -> ActionState:
    if state is not None:
        raise IllegalMove("It was already requested.")
    if facts.level is not GateLevel.LOG:
        return S.PENDING
    if facts.halted:
        raise Halted("Everything is halted; nothing new may run.", "A person lifts the halt with a reason.")
    return S.APPROVED


def _decided(move: Move, facts: Facts) -> ActionState:
    if not facts.matches:
        raise IllegalMove("The decision names another version than the current one.", "Read the current one.")
    if facts.ask_over:
        raise Expired("The time to decide is over; it was neither approved nor rejected.", "Ask for it again.")
    return {Move.APPROVE: S.APPROVED, Move.REJECT: S.REJECTED, Move.REVISE: S.PENDING}[move]


def _claimed(facts: Facts) -> ActionState:
    if facts.halted:
        raise Halted("Everything is halted; no effect starts.", "A person lifts the halt with a reason.")
    if not facts.intact:
        raise Tampered("What is stored is not what was approved; it will not run.", "Look at the log, then ask again.")
    if facts.approval_over:
        raise Expired("The approval is too old; it was not used in time.", "Ask for it again.")
    if facts.attempts >= facts.max_attempts:
        raise NotApproved(
            f"It was tried {facts.attempts} times, which is all the approval covers.", "Ask for it again."
        )
    return S.EXECUTING


def _reported(move: Move, facts: Facts) -> ActionState:
    if not facts.owns:
        raise IllegalMove("This attempt belongs to somebody else.")
    if move is Move.SUCCEED:
        return S.SUCCEEDED
    return S.APPROVED if move is Move.NOT_DONE and _may_rearm(facts) else S.FAILED


def _reconciled(move: Move, facts: Facts) -> ActionState:
    if facts.effect is EffectClass.OPAQUE:
        raise IllegalMove("Nothing can tell whether this happened; software never runs it again.", "Say what happened.")
    if move is Move.FOUND:
        return S.SUCCEEDED
    return S.APPROVED if _may_rearm(facts) else S.PENDING


def _may_rearm(facts: Facts) -> bool:
    return not facts.approval_over and not facts.halted and facts.attempts < facts.max_attempts


def _refusal(state: ActionState | None, move: Move) -> IllegalMove | NotApproved:
    if state is None:
        return IllegalMove("There is no such action.")
    words = move.replace("_", " ")
    if move is Move.CLAIM:
        return NotApproved(f"It is {state}, so it may not start.")
    final = ", which is final" if state in TERMINAL else ""
    return IllegalMove(f"It is {state}{final}; «{words}» is not possible now.")
