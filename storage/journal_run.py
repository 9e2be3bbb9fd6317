"""Running: claim, report, take over, reconcile, resolve (T12 to T19)."""

from __future__ import annotations

import sqlite3
from typing import Any

from storage.canonical import CanonicalError, dump, load, tame, well_formed
from storage.journal_core import JournalCore
from storage.journal_errors import IllegalMove, LateOutcome, ReasonRequired, Tampered
from storage.journal_rows import SYSTEM, lease_deadline, payload_digest, person_named, to_action, to_attempt
from storage.journal_time import deadline
from storage.owner import owner_alive
from storage.records import Action, ActionState, Attempt, GateLevel, Json
from storage.states import Move, after

_REPORTS = {
    "succeeded": Move.SUCCEED,
    "failed": Move.FAIL,
    "not_done": Move.NOT_DONE,
    "unknown": Move.LOSE,
}
_VERDICTS = {
    "happened": Move.HAPPENED,
    "did_not": Move.DID_NOT,
    "run_again": Move.RUN_AGAIN,
    "abandon": Move.ABANDON,
}


class RunPart(JournalCore):
    """Effects; part of `Journal`."""

    def claim(self, action_id: str, *, owner: str) -> Attempt:
        """Use the approval, once (T12): the attempt is committed before this returns, so before the effect starts.

        Raises `NotApproved`, `Expired`, `Halted`, `Tampered` (the action is then stored as rejected), `NotKnown`.
        """
        if not owner:
            raise IllegalMove("An effect needs an owner.")
        started = (self.clock.monotonic(), self.boot.now())
        self.end_if_over(action_id)
        refused: Tampered | None = None
        with self.changing() as conn:
            row = self.row(conn, action_id)
            facts = self.facts(conn, row, intact=_intact(row))
            try:
                to = after(ActionState(row["state"]), Move.CLAIM, facts)
            except Tampered as error:
                refused = error
                self._reject_tampered(conn, row)
            else:
                attempt = self._start(conn, row, to, owner)
        if refused is not None:
            raise refused
        self._started[attempt.action_id, attempt.n] = started
        self._killpoint("K6")
        return attempt

    def _start(self, conn: sqlite3.Connection, row: sqlite3.Row, to: ActionState, owner: str) -> Attempt:
        now = self.now()
        lease = deadline(now, self.boot, self.lease_ms)
        attempt = Attempt(
            action_id=row["id"],
            n=row["attempts"] + 1,
            idem_key=row["id"],
            digest=row["digest"],
            owner=owner,
            started_at=now,
        )
        conn.execute(
            "insert into attempt(action_id, n, idem_key, digest, owner, started_at) values(?, ?, ?, ?, ?, ?)",
            (attempt.action_id, attempt.n, attempt.idem_key, attempt.digest, owner, now),
        )
        values = {"attempts": attempt.n, "owner": owner, "lease_until": lease.until}
        values |= {"lease_boot": lease.boot, "lease_boot_until": lease.boot_until}
        action = self.move(conn, row, to, values)
        body = {"n": attempt.n, "rev": row["rev"], "digest": row["digest"], "owner": owner}
        self.log_action(conn, "action.started", action, actor=SYSTEM, body=body)
        return attempt

    def _reject_tampered(self, conn: sqlite3.Connection, row: sqlite3.Row) -> None:
        now = self.now()
        reason = "the stored payload is not the one that was approved"
        values = {"reason": reason, "decided_by": SYSTEM, "verdict": "rejected", "decided_at": now, "finished_at": now}
        action = self.move(conn, row, ActionState.REJECTED, values)
        body = {"rev": row["rev"], "approved": row["approved_digest"], "reason": reason}
        self.log_action(conn, "action.tampered", action, actor=SYSTEM, body=body)

    def may_start(self, attempt: Attempt) -> bool:
        """Asked right before the effect: False once another could take it over while the effect is under way.

        Counts suspended time; False for attempts that this journal did not claim itself.
        """
        started = self._started.get((attempt.action_id, attempt.n))
        if started is None:
            return False
        spent = max(self.clock.monotonic() - started[0], self.boot.now() - started[1])
        if spent >= self.lease_ms - self.apply_timeout_ms:
            return False
        row = self.store.read_one("select state, attempts, owner from action where id = ?", (attempt.action_id,))
        return row is not None and tuple(row) == ("executing", attempt.n, attempt.owner)

    def attempts(self, action_id: str) -> list[Attempt]:
        """Every try at an effect, oldest first."""
        rows = self.store.read("select * from attempt where action_id = ? order by n", (well_formed(action_id),))
        return [to_attempt(row) for row in rows]

    def finish(
        self, action_id: str, *, n: int, owner: str, result: str, outcome: Json | None = None, detail: str = ""
    ) -> Action:
        """The owner's report of attempt `n` (T13 to T15): `succeeded`, `failed`, `not_done` or `unknown`.

        `not_done` (proved not to have started) makes it claimable again while the approval lives. The same report
        again changes nothing. Raises `LateOutcome` if somebody took the action over, `IllegalMove`, `NotKnown`.
        """
        if result not in _REPORTS:
            raise IllegalMove(f"«{result}» is no result.", "Say succeeded, failed, not_done or unknown.")
        with self.changing() as conn:
            row = self.row(conn, action_id)
            owns = (row["state"], row["attempts"], row["owner"]) == ("executing", n, owner)
            if not owns:
                before = conn.execute(
                    "select 1 from attempt where action_id = ? and n = ? and owner = ? and result = ?",
                    (action_id, n, owner, result),
                ).fetchone()
                if before is not None:
                    return to_action(row)
                raise LateOutcome(
                    f"Attempt {n} is no longer yours; the report «{result}» was not taken over.",
                    "Read the action: it was taken over or has ended.",
                )
            to = after(ActionState(row["state"]), _REPORTS[result], self.facts(conn, row, owns=True))
            action = self._close(conn, row, to, n=n, result=result, outcome=outcome, detail=detail)
            body: Json = {"n": n, "result": result, "state": to.value, "detail": detail}
            if outcome is not None:
                body["outcome"] = outcome
            self.log_action(conn, f"action.{result}", action, actor=SYSTEM, body=body)
            self._killpoint("K9")
        self._started.pop((action_id, n), None)
        return action

    def _close(
        self,
        conn: sqlite3.Connection,
        row: sqlite3.Row,
        to: ActionState,
        *,
        n: int,
        result: str,
        outcome: Json | None,
        detail: str,
    ) -> Action:
        now = self.now()
        words = well_formed(detail)
        conn.execute(
            "update attempt set ended_at = ?, result = ?, detail = ? where action_id = ? and n = ?",
            (now, result, words, row["id"], n),
        )
        values: dict[str, Any] = {"reason": words}
        if outcome is not None:
            values["outcome"] = dump(tame(outcome))
        if to in (ActionState.SUCCEEDED, ActionState.FAILED):
            values["finished_at"] = now
        return self.move(conn, row, to, values)

    # after a crash -------------------------------------------------------------------------------

    def take_over(self, action_id: str, *, owner: str) -> Action:
        """Declare an executing action `unknown` (T15): its owner is gone, or lease and apply time-out are over.

        Somebody then reconciles or resolves it. Raises `StillRunning`, `IllegalMove`, `NotKnown`.
        """
        with self.changing() as conn:
            row = self.row(conn, action_id)
            if row["state"] == "unknown":
                return to_action(row)
            gone = row["state"] == "executing" and (not owner_alive(row["owner"]) or self._lease_over(row))
            to = after(ActionState(row["state"]), Move.LOSE, self.facts(conn, row, owner_gone=gone))
            detail = f"{row['owner']} is gone or took too long"
            action = self._close(conn, row, to, n=row["attempts"], result="unknown", outcome=None, detail=detail)
            body = {"n": row["attempts"], "was": row["owner"], "by": owner, "detail": detail}
            self.log_action(conn, "action.unknown", action, actor=SYSTEM, body=body)
            return action

    def _lease_over(self, row: sqlite3.Row) -> bool:
        """On the same boot a corrected clock cannot end a lease; after a reboot wall time decides."""
        lease = lease_deadline(row, self.apply_timeout_ms)
        return lease.certainly_over(self.boot) if lease.same_boot(self.boot) else self.now() >= lease.until

    def reconcile(self, action_id: str, *, found: bool, outcome: Json | None = None, detail: str = "") -> Action:
        """What a search for the effect said (T16, T17).

        Found: succeeded. Not found: claimable again while the approval lives, else it asks again. An opaque action
        is refused: software never runs it again. Raises `IllegalMove`, `NotKnown`.
        """
        with self.changing() as conn:
            row = self.row(conn, action_id)
            move = Move.FOUND if found else Move.NOT_FOUND
            to = after(ActionState(row["state"]), move, self.facts(conn, row))
            self._killpoint("K10")
            body: Json = {"found": found, "state": to.value, "detail": detail}
            action = self._settle(conn, row, to, outcome=outcome, detail=detail)
            if outcome is not None:
                body["outcome"] = outcome
            self.log_action(conn, "action.reconciled", action, actor=SYSTEM, body=body)
            return action

    def resolve(self, action_id: str, *, by: str, verdict: str, reason: str) -> Action:
        """A person says what became of an unknown action (T18, T19): `happened`, `did_not`, `run_again`, `abandon`.

        `run_again` asks for a fresh decision; `abandon` needs a reason. Raises `ReasonRequired`, `IllegalMove`.
        """
        if verdict not in _VERDICTS:
            raise IllegalMove(f"«{verdict}» is no answer.", "Say happened, did_not, run_again or abandon.")
        person = person_named(by)
        words = well_formed(reason).strip()
        if verdict == "abandon" and not words:
            raise ReasonRequired("Giving it up needs a reason.", "Say why.")
        with self.changing() as conn:
            row = self.row(conn, action_id)
            to = after(ActionState(row["state"]), _VERDICTS[verdict], self.facts(conn, row))
            action = self._settle(conn, row, to, outcome=None, detail=words)
            kind = "action.abandoned" if to is ActionState.ABANDONED else "action.resolved"
            body = {"by": person, "verdict": verdict, "state": to.value, "reason": words}
            self.log_action(conn, kind, action, actor=person, body=body)
            return action

    def _settle(
        self, conn: sqlite3.Connection, row: sqlite3.Row, to: ActionState, *, outcome: Json | None, detail: str
    ) -> Action:
        """Leave `unknown`."""
        words = well_formed(detail)
        values: dict[str, Any] = {"reason": words}
        if outcome is not None:
            values["outcome"] = dump(tame(outcome))
        if to is ActionState.PENDING:
            current = to_action(row).revision
            assert current is not None
            revision = self.new_revision(
                conn,
                row,
                author=SYSTEM,
                args=current.args,
                plan=current.plan,
                preconditions=current.preconditions,
                shown=current.shown,
                level=GateLevel.GATE if row["level"] == GateLevel.LOG else GateLevel(row["level"]),
            )
            level = GateLevel.GATE.value if row["level"] == GateLevel.LOG else row["level"]
            values |= self.asked_again(row, revision, level=level)
        elif to is not ActionState.APPROVED:
            values["finished_at"] = self.now()
        return self.move(conn, row, to, values)


def _intact(row: sqlite3.Row) -> bool:
    """True if the stored revision still has the digest that was approved."""
    try:
        found = payload_digest(
            action_id=row["id"],
            rev=row["rev"],
            pulse_id=row["pulse_id"],
            tool=row["tool"],
            schema=row["schema_digest"],
            effect=row["effect_class"],
            level=row["level"],
            args=load(row["args"]),
            plan=load(row["plan"]),
            preconditions=load(row["preconditions"]),
        )
    except (CanonicalError, ValueError):
        return False
    return bool(found == row["digest"] == row["r_digest"] == row["approved_digest"])
