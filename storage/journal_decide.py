"""Deciding: approve, reject, edit, and the world that moved meanwhile (T3 to T5, T11)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from storage.canonical import well_formed
from storage.errors import StoreFull
from storage.journal_core import JournalCore, too_late
from storage.journal_errors import AlreadyDecided, IllegalMove, ReasonRequired, StaleDecision, TooManyRevisions
from storage.journal_reserve import free_pages, free_side_file
from storage.journal_rows import POLICY, SYSTEM, person_named, remember_principal, to_action
from storage.records import Action, ActionState, GateLevel, Json
from storage.states import Move, after

MAX_REVISIONS = 50

_MOVES = {"approve": Move.APPROVE, "reject": Move.REJECT}
_PAST = {"approve": "approved", "reject": "rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What a person decided, about which bytes."""

    rev: int
    digest: str
    verdict: str
    person: str
    reason: str
    dwell_ms: int | None
    via: str


class DecidePart(JournalCore):
    """Decisions; part of `Journal`."""

    def decide(
        self,
        action_id: str,
        *,
        rev: int,
        digest: str,
        verdict: str,
        voter: str,
        reason: str = "",
        dwell_ms: int | None = None,
        via: str = "key",
    ) -> Action:
        """A person's `approve` or `reject` of exactly the revision and digest that were shown.

        The same verdict of the same person again changes nothing. Raises `StaleDecision`, `AlreadyDecided`,
        `Expired` (the action is then stored as expired), `ReasonRequired` (rejecting without one), `IllegalMove`
        (no person, or the person may not approve this), `NotKnown`. A rejection is possible on a full disk too.
        """
        if verdict not in _MOVES:
            raise IllegalMove(f"«{well_formed(verdict)[:40]}» is no verdict.", "Say approve or reject.")
        person = person_named(voter)
        words = well_formed(reason).strip()
        if verdict == "reject" and not words:
            raise ReasonRequired("A rejection needs a reason.", "Say why: the agent is told, word for word.")
        vote = Vote(rev=rev, digest=digest, verdict=verdict, person=person, reason=words, dwell_ms=dwell_ms, via=via)
        with self.store.snapshot() as conn:
            pending = self.row(conn, action_id)["state"] == "pending"
        if pending:
            self.end_if_over(action_id)
        try:
            action = self._vote(action_id, vote)
        except StoreFull:
            if verdict != "reject" or self.store.connection.in_transaction:
                raise
            free_side_file(self.store)
            action = self._vote(action_id, vote, from_reserve=True)
        self._killpoint("K4")
        return action

    def _vote(self, action_id: str, vote: Vote, *, from_reserve: bool = False) -> Action:
        with self.changing() as conn:
            if from_reserve:
                free_pages(conn)
            row = self.row(conn, action_id)
            again = _decided_before(conn, row, vote)
            if again is not None:
                return again
            _fresh(row, vote.rev, vote.digest)
            to = after(ActionState(row["state"]), _MOVES[vote.verdict], self.facts(conn, row, matches=True))
            _may_vote(conn, row, vote)
            remember_principal(conn, vote.person, "human")
            now = self.now()
            conn.execute(
                "insert into vote(action_id, rev, digest, voter, verdict, via, dwell_ms, reason, at) "
                "values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    action_id,
                    vote.rev,
                    vote.digest,
                    vote.person,
                    vote.verdict,
                    vote.via,
                    vote.dwell_ms,
                    vote.reason,
                    now,
                ),
            )
            past = _PAST[vote.verdict]
            values: dict[str, Any] = {"decided_by": vote.person, "verdict": past, "decided_at": now}
            values["reason"] = vote.reason
            if to is ActionState.APPROVED:
                values |= {**self.approval(), "approved_digest": vote.digest, "defer_until": None}
            else:
                values["finished_at"] = now
            action = self.move(conn, row, to, values)
            body: Json = {"rev": vote.rev, "digest": vote.digest, "by": vote.person, "via": vote.via}
            body["dwell_ms"] = vote.dwell_ms
            if vote.reason:
                body["reason"] = vote.reason
            if to is ActionState.APPROVED:
                body["approved_until"] = action.approved_until
            self.log_action(conn, f"gate.{past}", action, actor=vote.person, body=body)
            self._killpoint("K3")
            return action

    def revise(
        self,
        action_id: str,
        *,
        rev: int,
        digest: str,
        args: Json,
        plan: Json,
        preconditions: Json,
        shown: Json,
        author: str,
        level: GateLevel | None = None,
    ) -> Action:
        """A person's edit (T5): a new revision that waits for a decision; earlier votes count no more.

        A gate never becomes a logged action by editing. Raises `StaleDecision`, `AlreadyDecided`, `Expired`,
        `TooManyRevisions`, `IllegalMove`, `CanonicalError`, `NotKnown`.
        """
        person = person_named(author)
        self.end_if_over(action_id)
        with self.changing() as conn:
            row = self.row(conn, action_id)
            _still_waits(row)
            _fresh(row, rev, digest)
            to = after(ActionState(row["state"]), Move.REVISE, self.facts(conn, row, matches=True))
            if row["rev"] >= MAX_REVISIONS:
                raise TooManyRevisions(f"It was changed {row['rev']} times.", "Reject it with a reason instead.")
            new_level = GateLevel(row["level"]) if level is None else level
            if new_level is GateLevel.LOG and row["level"] != GateLevel.LOG:
                raise IllegalMove("An edit cannot take the gate away.")
            revision = self.new_revision(
                conn,
                row,
                author=person,
                args=args,
                plan=plan,
                preconditions=preconditions,
                shown=shown,
                level=new_level,
            )
            values = {"rev": revision.rev, "digest": revision.digest, "level": new_level.value, "defer_until": None}
            action = self.move(conn, row, to, values)
            remember_principal(conn, person, "human")
            body = {"rev": revision.rev, "digest": revision.digest, "was": row["digest"], "by": person}
            self.log_action(conn, "gate.revised", action, actor=person, body=body)
            return action

    def revise_and_approve(
        self,
        action_id: str,
        *,
        rev: int,
        digest: str,
        args: Json,
        plan: Json,
        preconditions: Json,
        shown: Json,
        voter: str,
        dwell_ms: int | None = None,
        level: GateLevel | None = None,
        via: str = "key",
    ) -> Action:
        """Edit and approve the edited version in one transaction: both happen or neither does.

        Raises what `revise` and `decide` raise.
        """
        self.end_if_over(action_id)
        with self.changing():
            edited = self.revise(
                action_id,
                rev=rev,
                digest=digest,
                args=args,
                plan=plan,
                preconditions=preconditions,
                shown=shown,
                author=voter,
                level=level,
            )
            self._killpoint("K5")
            return self.decide(
                action_id,
                rev=edited.rev,
                digest=edited.digest,
                verdict="approve",
                voter=voter,
                dwell_ms=dwell_ms,
                via=via,
            )

    def go_stale(self, action_id: str, *, plan: Json, preconditions: Json, shown: Json, why: str) -> Action:
        """The world moved after the approval (T11): a new revision with the same arguments asks again.

        An action that needs no person is allowed again at once, unless everything is halted. Raises `IllegalMove`
        unless it is approved.
        """
        with self.changing() as conn:
            row = self.row(conn, action_id)
            to = after(ActionState(row["state"]), Move.STALE, self.facts(conn, row))
            current = to_action(row).revision
            assert current is not None
            level = GateLevel(row["level"])
            revision = self.new_revision(
                conn,
                row,
                author=SYSTEM,
                args=current.args,
                plan=plan,
                preconditions=preconditions,
                shown=shown,
                level=level,
            )
            values = self.asked_again(row, revision, reason=well_formed(why))
            if to is ActionState.APPROVED:
                values |= {**self.approval(), "approved_digest": revision.digest}
                values |= {"decided_by": POLICY, "verdict": "allowed", "decided_at": self.now()}
            action = self.move(conn, row, to, values)
            body = {"rev": revision.rev, "digest": revision.digest, "was": row["digest"], "why": why}
            self.log_action(conn, "gate.stale", action, actor=SYSTEM, body=body)
            if to is ActionState.APPROVED:
                allowed = {"rev": revision.rev, "digest": revision.digest, "level": level.value}
                self.log_action(conn, "action.allowed", action, actor=SYSTEM, body=allowed)
            return action


def _decided_before(conn: sqlite3.Connection, row: sqlite3.Row, vote: Vote) -> Action | None:
    """The action if this very decision was taken already; None if it still waits. Raises if another one was."""
    same = conn.execute(
        "select 1 from vote where action_id = ? and rev = ? and digest = ? and voter = ? and verdict = ?",
        (row["id"], vote.rev, vote.digest, vote.person, vote.verdict),
    ).fetchone()
    if same is not None and row["rev"] == vote.rev and row["verdict"] == _PAST[vote.verdict]:
        return to_action(row)
    _still_waits(row)
    return None


def _still_waits(row: sqlite3.Row) -> None:
    """Raises `Expired` or `AlreadyDecided` unless the action is pending."""
    if row["state"] == "pending":
        return
    if row["state"] == "expired":
        raise too_late()
    if row["verdict"]:
        raise AlreadyDecided(row["decided_by"], row["verdict"], row["decided_at"])
    raise AlreadyDecided(row["decided_by"] or SYSTEM, row["state"], row["finished_at"])


def _fresh(row: sqlite3.Row, rev: int, digest: str) -> None:
    if (row["rev"], row["digest"]) != (rev, digest):
        raise StaleDecision(
            f"You decided on version {rev}, but version {row['rev']} is current; nothing was decided.",
            "Read the current version and decide again.",
        )


def _may_vote(conn: sqlite3.Connection, row: sqlite3.Row, vote: Vote) -> None:
    person = vote.person
    known = conn.execute("select disabled_at from principal where id = ?", (f"human:{person}",)).fetchone()
    if known is not None and known["disabled_at"] is not None:
        raise IllegalMove(f"{person} may not decide any more.", "Ask another person.")
    if vote.verdict != "approve" or row["self_ok"]:
        return
    operator = conn.execute("select operator from pulse where id = ?", (row["pulse_id"],)).fetchone()["operator"]
    if person in (row["requested_by"], row["author"], operator):
        raise IllegalMove(f"{person} asked for it, edited it or runs this pulse.", "Another person must approve it.")
