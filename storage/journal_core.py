"""What all parts of the journal share: ledger time, the log, rows and their nouns."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from storage.canonical import dump, tame, well_formed
from storage.chain import event_hash
from storage.clock import Clock
from storage.journal_errors import Expired, IllegalMove, NotKnown
from storage.journal_rows import (
    SYSTEM,
    approval_deadline,
    ask_deadline,
    insert_revision,
    seal,
    time_over,
    to_action,
)
from storage.journal_time import Boot, boot_for, deadline
from storage.records import Action, ActionState, EffectClass, Event, GateLevel, Json, Revision
from storage.sqlite import Store
from storage.states import Facts, Move, after

_ACTION_WITH_REVISION = """
select a.*, r.action_id, r.args, r.plan, r.preconditions, r.shown, r.digest as r_digest, r.author, r.at as r_at
from action a join revision r on r.action_id = a.id and r.rev = a.rev
"""


def nothing(_: str = "") -> None:
    """Does nothing."""


class JournalCore:
    """State and helpers of `Journal`; see there."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        lease_ms: int = 60_000,
        apply_timeout_ms: int = 30_000,
        approval_ttl_ms: int = 600_000,
        killpoint: Callable[[str], None] = nothing,
        wake: Callable[[], None] = nothing,
        boot: Boot | None = None,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        if not 0 < apply_timeout_ms < lease_ms:
            raise ValueError("the apply time-out must be shorter than the lease")
        self.store = store
        self.clock = clock
        self.lease_ms = lease_ms
        self.apply_timeout_ms = apply_timeout_ms
        self.approval_ttl_ms = approval_ttl_ms
        self.boot = boot or boot_for(clock)
        self._killpoint = killpoint
        self._wake = wake
        self._new_id = new_id or (lambda: f"a-{uuid.uuid4().hex[:16]}")
        self._started: dict[tuple[str, int], tuple[int, int]] = {}

    # time and transactions -----------------------------------------------------------------------

    def now(self) -> int:
        """Ledger time, UTC milliseconds: never before the last event, even if the clock was set back."""
        row = self.store.read_one("select at from head where id = 1")
        return max(self.clock.now(), int(row["at"]) if row else 0)

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction of the record; other processes are woken when the outermost one has committed."""
        with self.store.write() as conn:
            yield conn
        if not self.store.connection.in_transaction:
            self._wake()

    def append(
        self,
        conn: sqlite3.Connection,
        kind: str,
        *,
        actor: str,
        body: Json,
        pulse_id: str | None = None,
        action_id: str | None = None,
    ) -> Event:
        """Add one line to the log inside the caller's transaction.

        Text that cannot be hashed is made well formed, so that no line is lost.
        """
        head = conn.execute("select seq, at, hash from head where id = 1").fetchone()
        sealed: Json = tame(body)
        fields: dict[str, Any] = {
            "seq": int(head["seq"]) + 1,
            "at": max(self.clock.now(), int(head["at"])),
            "actor": well_formed(actor),
            "kind": kind,
            "pulse_id": pulse_id,
            "action_id": action_id,
            "body": sealed,
            "prev": str(head["hash"]),
        }
        event = Event(**fields, hash=event_hash(**fields))
        conn.execute(
            "insert into event values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (event.seq, event.at, event.actor, kind, pulse_id, action_id, dump(sealed), event.prev, event.hash),
        )
        self._killpoint("K13")
        conn.execute("update head set seq = ?, at = ?, hash = ? where id = 1", (event.seq, event.at, event.hash))
        return event

    def log_action(self, conn: sqlite3.Connection, kind: str, action: Action, *, actor: str, body: Json) -> Event:
        """A log line about an action."""
        return self.append(conn, kind, actor=actor, body=body, pulse_id=action.pulse_id, action_id=action.id)

    def is_halted(self, conn: sqlite3.Connection) -> bool:
        """True while a person has halted everything."""
        return bool(conn.execute("select halted from control where id = 1").fetchone()["halted"])

    # rows ----------------------------------------------------------------------------------------

    def row(self, conn: sqlite3.Connection, action_id: str) -> sqlite3.Row:
        """The action's row with its current revision. Raises `NotKnown`."""
        row: sqlite3.Row | None = conn.execute(
            f"{_ACTION_WITH_REVISION} where a.id = ?", (well_formed(action_id),)
        ).fetchone()
        if row is None:
            raise NotKnown(f"There is no action {well_formed(action_id)[:80]} in the record.")
        return row

    def rows_where(self, where: str, params: tuple[Any, ...] = ()) -> list[Action]:
        """Actions with their current revision."""
        return [to_action(row) for row in self.store.read(f"{_ACTION_WITH_REVISION} {where}", params)]

    def facts(self, conn: sqlite3.Connection, row: sqlite3.Row, **more: Any) -> Facts:
        """What is true of an action now."""
        now = self.now()
        return Facts(
            level=GateLevel(row["level"]),
            effect=EffectClass(row["effect_class"]),
            ask_over=ask_deadline(row).over(now, self.boot),
            approval_over=row["approved_until"] is None or approval_deadline(row).over(now, self.boot),
            halted=self.is_halted(conn),
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            **more,
        )

    def move(
        self, conn: sqlite3.Connection, row: sqlite3.Row, to: ActionState, values: dict[str, Any] | None = None
    ) -> Action:
        """Write the new state and `values`, unless somebody changed the action meanwhile."""
        changes: dict[str, Any] = {"state": to.value, "version": row["version"] + 1, **(values or {})}
        if to is not ActionState.EXECUTING:
            changes |= {"owner": None, "lease_until": None, "lease_boot": None, "lease_boot_until": None}
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        done = conn.execute(
            f"update action set {sets} where id = :_id and version = :_version",
            {**changes, "_id": row["id"], "_version": row["version"]},
        )
        if done.rowcount != 1:
            raise IllegalMove("The action changed in the same moment; nothing was done.", "Read it again.")
        return to_action(self.row(conn, row["id"]))

    def expire(self, conn: sqlite3.Connection, row: sqlite3.Row, facts: Facts) -> Action:
        """T8."""
        what = "decision" if row["state"] == "pending" else "start"
        reason = f"nobody answered in time (waited for a {what})"
        to = after(ActionState(row["state"]), Move.EXPIRE, facts)
        action = self.move(conn, row, to, {"reason": reason, "finished_at": self.now()})
        self.log_action(conn, "gate.expired", action, actor=SYSTEM, body={"rev": action.rev, "was": row["state"]})
        return action

    def end_if_over(self, action_id: str) -> None:
        """Store the end of a gate or an approval whose time has passed, then raise `Expired`."""
        with self.store.snapshot() as conn:
            if not time_over(self.row(conn, action_id), self.now(), self.boot):
                return
        with self.changing() as conn:
            row = self.row(conn, action_id)
            facts = self.facts(conn, row)
            if not time_over(row, self.now(), self.boot):
                return
            self.expire(conn, row, facts)
        raise too_late()

    def new_revision(
        self,
        conn: sqlite3.Connection,
        row: sqlite3.Row,
        *,
        author: str,
        args: Json,
        plan: Json,
        preconditions: Json,
        shown: Json,
        level: GateLevel,
    ) -> Revision:
        """Store revision `rev + 1` of an action; the caller then moves the action to it."""
        revision = seal(
            action_id=row["id"],
            rev=row["rev"] + 1,
            pulse_id=row["pulse_id"],
            tool=row["tool"],
            schema=row["schema_digest"],
            effect=row["effect_class"],
            level=level,
            args=args,
            plan=plan,
            preconditions=preconditions,
            shown=shown,
            author=author,
            at=self.now(),
        )
        insert_revision(conn, revision, tool=row["tool"], level=level)
        return revision

    def asked_again(self, row: sqlite3.Row, revision: Revision, **more: Any) -> dict[str, Any]:
        """The columns of an action that waits for a decision on `revision`, with a fresh time to decide."""
        ask = deadline(self.now(), self.boot, row["ask_ttl_ms"])
        return {
            "rev": revision.rev,
            "digest": revision.digest,
            "approved_digest": None,
            "approved_until": None,
            "ask_until": ask.until,
            "ask_boot": ask.boot,
            "ask_boot_until": ask.boot_until,
            "defer_until": None,
            "decided_by": "",
            "verdict": "",
            "decided_at": None,
            "max_attempts": max(row["max_attempts"], row["attempts"] + 1),
            **more,
        }

    def approval(self) -> dict[str, Any]:
        """The columns of an approval that starts to live now."""
        life = deadline(self.now(), self.boot, self.approval_ttl_ms)
        return {
            "approved_until": life.until,
            "approved_boot": life.boot,
            "approved_boot_until": life.boot_until,
        }


def too_late() -> Expired:
    """Nobody answered, or nobody used the approval, in time."""
    return Expired("Its time is over; it was neither approved nor rejected in time to run.", "Ask for it again.")
