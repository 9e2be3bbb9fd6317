"""Waiting and ending: defer, extend, withdraw, revoke, expire (T6 to T10)."""

from __future__ import annotations

import sqlite3

from storage.canonical import well_formed
from storage.clock import HOUR
from storage.journal_core import JournalCore
from storage.journal_errors import IllegalMove, ReasonRequired
from storage.journal_rows import person_named, time_over, to_action
from storage.records import Action, ActionState
from storage.states import Move, after

MAX_EXTENSIONS = 2
MAX_EXTENDED_MS = 72 * HOUR


class WaitPart(JournalCore):
    """Waiting and ending; part of `Journal`."""

    def defer(self, action_id: str, *, by: str, until: int | None = None) -> Action:
        """Hide a gate until `until` (UTC ms), at most until its end; None hides it to its end. Never extends it.

        A time that has passed shows it again. Raises `Expired`, `IllegalMove`, `NotKnown`.
        """
        self.end_if_over(action_id)
        with self.changing() as conn:
            row = self.row(conn, action_id)
            to = after(ActionState(row["state"]), Move.DEFER, self.facts(conn, row))
            hidden = row["ask_until"] if until is None else min(until, row["ask_until"])
            action = self.move(conn, row, to, {"defer_until": hidden if hidden > self.now() else None})
            body = {"by": by, "until": action.defer_until}
            self.log_action(conn, "gate.deferred", action, actor=by, body=body)
            return action

    def extend(self, action_id: str, *, by: str, ms: int) -> Action:
        """Give a gate `ms` more milliseconds (T7): at most twice and 72 h in all. Raises `Expired`, `IllegalMove`."""
        person = person_named(by)
        self.end_if_over(action_id)
        with self.changing() as conn:
            row = self.row(conn, action_id)
            to = after(ActionState(row["state"]), Move.EXTEND, self.facts(conn, row))
            total = row["extended_ms"] + ms
            if ms <= 0 or row["extensions"] >= MAX_EXTENSIONS or total > MAX_EXTENDED_MS:
                raise IllegalMove("A gate is extended at most twice, by 72 h in all.", "Decide, or let it expire.")
            values = {
                "ask_until": row["ask_until"] + ms,
                "ask_boot_until": row["ask_boot_until"] + ms,
                "extensions": row["extensions"] + 1,
                "extended_ms": total,
            }
            action = self.move(conn, row, to, values)
            body = {"by": person, "ms": ms, "ask_until": action.ask_until}
            self.log_action(conn, "gate.extended", action, actor=person, body=body)
            return action

    def withdraw(self, action_id: str, *, by: str, reason: str) -> Action:
        """The asker does not want it any more (T9); again on a withdrawn action is a no-op. Raises `IllegalMove`."""
        with self.changing() as conn:
            row = self.row(conn, action_id)
            if row["state"] == "withdrawn":
                return to_action(row)
            return self._end(conn, row, Move.WITHDRAW, by=well_formed(by), reason=reason)

    def revoke(self, action_id: str, *, by: str, reason: str) -> Action:
        """A person takes an approval back before it was used (T10). Raises `ReasonRequired`, `IllegalMove`."""
        person = person_named(by)
        if not reason.strip():
            raise ReasonRequired("Taking an approval back needs a reason.", "Say why.")
        with self.changing() as conn:
            return self._end(conn, self.row(conn, action_id), Move.REVOKE, by=person, reason=reason)

    def _end(self, conn: sqlite3.Connection, row: sqlite3.Row, move: Move, *, by: str, reason: str) -> Action:
        now = self.now()
        to = after(ActionState(row["state"]), move, self.facts(conn, row))
        values = {"reason": well_formed(reason), "decided_by": by, "verdict": to.value, "decided_at": now}
        action = self.move(conn, row, to, {**values, "finished_at": now})
        body = {"rev": action.rev, "by": by, "reason": reason, "was": row["state"]}
        self.log_action(conn, f"gate.{to}", action, actor=by, body=body)
        return action

    def sweep_expired(self) -> list[Action]:
        """Store the end of every gate and approval whose time is over (T8); returns those it ended.

        Nothing depends on it: deciding and claiming look at the time themselves.
        """
        waiting = self.store.read("select * from action where state in ('pending', 'approved')")
        over = [row["id"] for row in waiting if time_over(row, self.now(), self.boot)]
        if not over:
            return []
        ended: list[Action] = []
        with self.changing() as conn:
            for action_id in over:
                row = self.row(conn, action_id)
                if time_over(row, self.now(), self.boot):
                    ended.append(self.expire(conn, row, self.facts(conn, row)))
        return ended
