"""Asking: how a call becomes an action, and when it is the same one as before (T1)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from storage.canonical import well_formed
from storage.clock import HOUR
from storage.journal_core import JournalCore
from storage.journal_errors import CallConflict, IllegalMove, NotKnown
from storage.journal_rows import (
    POLICY,
    args_digest,
    insert_revision,
    remember_principal,
    seal,
    to_action,
    to_revision,
)
from storage.journal_time import deadline
from storage.records import TERMINAL, Action, ActionState, EffectClass, GateLevel, Json, Revision
from storage.states import Facts, Move, after

THREE_REJECTED = "three different versions were rejected; a person must ask for it"
_REJECTED_VERSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction:
    """A call that wants to become an action."""

    pulse_id: str
    tool: str
    natural_key: str
    """What work within the pulse this is about, as the tool spells it."""
    args: Json
    plan: Json
    preconditions: Json
    shown: Json
    effect_class: EffectClass
    level: GateLevel
    requested_by: str
    ask_ttl_ms: int = 4 * HOUR
    self_ok: bool = True
    """Whether the requester, the operator or the author of the revision may approve it."""
    caused_by: str = ""
    schema: str = ""
    """Digest of the tool's schema."""
    call_key: str | None = None
    """Given by the caller when a second, separate piece of the same work is really meant."""
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class Requested:
    """The action that answers a request."""

    action: Action
    created: bool
    """False if the same call had been made before."""


class AskPart(JournalCore):
    """Requests; part of `Journal`."""

    def request(self, new: NewAction) -> Requested:
        """Turn a call into an action, or find the action that it already is.

        The same arguments for the same work return the same action while it is open, and also after it succeeded
        or was rejected: repeating a call is never a way to be asked again. Raises `CallConflict` if the work is
        open with other arguments, `Halted` for level L during a halt, `NotKnown`, `IllegalMove` (the pulse has
        ended), `CanonicalError`.
        """
        with self.changing() as conn:
            self._open_pulse(conn, new.pulse_id)
            family = _family(new)
            earlier = conn.execute(
                "select a.id, a.state, (select group_concat(args_digest) from revision r where r.action_id = a.id "
                "and r.rev in (1, a.rev)) as asked from action a "
                "where a.pulse_id = ? and a.tool = ? and a.family = ? order by a.seq desc",
                (new.pulse_id, new.tool, family),
            ).fetchall()
            same = self._same_again(conn, args_digest(new.tool, new.args), earlier)
            if same is not None:
                return Requested(same, created=False)
            action = self._create(conn, new, family)
            self._killpoint("K1")
        self._killpoint("K2")
        return Requested(action, created=True)

    def _same_again(self, conn: sqlite3.Connection, asked: str, earlier: list[sqlite3.Row]) -> Action | None:
        """The action of the family (latest first) that already answers this call."""
        for place, row in enumerate(earlier):
            state = ActionState(row["state"])
            same = asked in row["asked"].split(",")
            if state not in TERMINAL:
                existing = to_action(self.row(conn, row["id"]))
                if not same:
                    raise CallConflict(existing)
                return existing
            if same and (state is ActionState.REJECTED or (state is ActionState.SUCCEEDED and place == 0)):
                return to_action(self.row(conn, row["id"]))
            if same or state is ActionState.SUCCEEDED:
                return None
        return None

    def _create(self, conn: sqlite3.Connection, new: NewAction, family: str) -> Action:
        action_id = self._new_id()
        now = self.now()
        requester = well_formed(new.requested_by)
        revision = seal(
            action_id=action_id,
            rev=1,
            pulse_id=new.pulse_id,
            tool=new.tool,
            schema=new.schema,
            effect=new.effect_class.value,
            level=new.level,
            args=new.args,
            plan=new.plan,
            preconditions=new.preconditions,
            shown=new.shown,
            author=requester,
            at=now,
        )
        state = after(None, Move.REQUEST, Facts(level=new.level, halted=self.is_halted(conn)))
        if self._rejected_too_often(conn, new):
            state = ActionState.REJECTED
        allowed = state is ActionState.APPROVED
        ask = deadline(now, self.boot, new.ask_ttl_ms)
        call_key = self._free_key(conn, new.pulse_id, family)
        body: Json = {
            "tool": new.tool,
            "call_key": call_key,
            "rev": 1,
            "digest": revision.digest,
            "level": new.level.value,
            "caused_by": new.caused_by,
        }
        kind = {"approved": "action.allowed", "pending": "gate.requested", "rejected": "gate.rejected"}[state]
        if state is ActionState.PENDING:
            body["ask_until"] = ask.until
        if state is ActionState.REJECTED:
            body |= {"reason": THREE_REJECTED, "by": POLICY}
        event = self.append(conn, kind, actor=requester, body=body, pulse_id=new.pulse_id, action_id=action_id)
        values: dict[str, Any] = {
            "id": action_id,
            "pulse_id": new.pulse_id,
            "seq": event.seq,
            "natural_key": well_formed(new.natural_key),
            "family": family,
            "call_key": call_key,
            "tool": new.tool,
            "schema_digest": new.schema,
            "effect_class": new.effect_class.value,
            "requested_by": requester,
            "caused_by": well_formed(new.caused_by),
            "level": new.level.value,
            "self_ok": int(new.self_ok),
            "state": state.value,
            "rev": 1,
            "digest": revision.digest,
            "approved_digest": revision.digest if allowed else None,
            "requested_at": now,
            "ask_ttl_ms": new.ask_ttl_ms,
            "ask_until": ask.until,
            "ask_boot": ask.boot,
            "ask_boot_until": ask.boot_until,
            "max_attempts": new.max_attempts,
        }
        if allowed:
            values |= {**self.approval(), "decided_by": POLICY, "verdict": "allowed", "decided_at": now}
        if state is ActionState.REJECTED:
            values |= {"decided_by": POLICY, "verdict": "rejected", "decided_at": now}
            values |= {"finished_at": now, "reason": THREE_REJECTED}
        names = ", ".join(values)
        conn.execute(f"insert into action({names}) values({', '.join(f':{name}' for name in values)})", values)
        insert_revision(conn, revision, tool=new.tool, level=new.level)
        remember_principal(conn, requester, "agent")
        return to_action(self.row(conn, action_id))

    @staticmethod
    def _open_pulse(conn: sqlite3.Connection, pulse_id: str) -> None:
        row = conn.execute("select ended_at, number from pulse where id = ?", (well_formed(pulse_id),)).fetchone()
        if row is None:
            raise NotKnown(f"There is no pulse {well_formed(pulse_id)[:80]} in the record.", "Begin a pulse first.")
        if row["ended_at"] is not None:
            raise IllegalMove(f"Pulse {row['number']} has ended; nothing new can be asked in it.", "Begin a new pulse.")

    @staticmethod
    def _rejected_too_often(conn: sqlite3.Connection, new: NewAction) -> bool:
        if new.call_key is not None:
            return False
        count = conn.execute(
            "select count(distinct r.args_digest) from action a join revision r on r.action_id = a.id and r.rev = 1 "
            "where a.pulse_id = ? and a.tool = ? and a.natural_key = ? and a.state = 'rejected'",
            (new.pulse_id, new.tool, well_formed(new.natural_key)),
        ).fetchone()[0]
        return int(count) >= _REJECTED_VERSIONS

    @staticmethod
    def _free_key(conn: sqlite3.Connection, pulse_id: str, family: str) -> str:
        taken = {
            row[0]
            for row in conn.execute(
                "select call_key from action where pulse_id = ? and substr(call_key, 1, ?) = ?",
                (pulse_id, len(family), family),
            )
        }
        key, n = family, 1
        while key in taken:
            n += 1
            key = f"{family}#{n}"
        return key

    # reading -------------------------------------------------------------------------------------

    def get(self, action_id: str) -> Action:
        """An action with its current revision. Raises `NotKnown`."""
        found = self.rows_where("where a.id = ?", (well_formed(action_id),))
        if not found:
            raise NotKnown(f"There is no action {well_formed(action_id)[:80]} in the record.")
        return found[0]

    def revisions(self, action_id: str) -> list[Revision]:
        """Every version of an action, oldest first."""
        rows = self.store.read("select * from revision where action_id = ? order by rev", (well_formed(action_id),))
        return [to_revision(row, digest=row["digest"], at=row["at"]) for row in rows]

    def pending(self, pulse_id: str | None = None) -> list[Action]:
        """The gates that wait for a person, soonest end first; deferred ones included."""
        if pulse_id is None:
            return self.rows_where("where a.state = 'pending' order by a.ask_until, a.seq")
        return self.rows_where(
            "where a.state = 'pending' and a.pulse_id = ? order by a.ask_until, a.seq", (well_formed(pulse_id),)
        )

    def actions(self, pulse_id: str) -> list[Action]:
        """All actions of a pulse, oldest first."""
        return self.rows_where("where a.pulse_id = ? order by a.seq", (well_formed(pulse_id),))

    def recent(self, tool: str, *, since: int) -> list[Action]:
        """Actions of one tool in any pulse that were asked for at `since` or later, oldest first."""
        return self.rows_where("where a.tool = ? and a.requested_at >= ? order by a.seq", (well_formed(tool), since))

    def open_actions(self) -> list[Action]:
        """Actions of any pulse that may still run or may have run: approved, executing, unknown; oldest first."""
        return self.rows_where("where a.state in ('approved', 'executing', 'unknown') order by a.seq")


def _family(new: NewAction) -> str:
    """The name of one line of work: tool and natural key, or tool and the caller's own key."""
    key = well_formed(new.natural_key if new.call_key is None else new.call_key)
    return key if key.startswith(f"{new.tool}:") else f"{new.tool}:{key}"
