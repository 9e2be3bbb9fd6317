"""Pulses and their eleven steps."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator

from storage.canonical import digest_of, dump, load, tame, well_formed
from storage.errors import StasError
from storage.journal import IllegalMove, Journal, NotKnown, ReasonRequired
from storage.owner import owner_alive
from storage.records import STEP_NAMES, DataState, Json, Mode, Pulse, Step, StepState
from storage.sqlite import Store

OUTCOMES = ("complete", "interrupted", "abandoned")
_ENDED = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)


class PulseOpen(StasError):
    """A pulse is open already; `pulse` is that one."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        super().__init__(f"Pulse {pulse.number} is still open.", "Go on with it, or end it first.")


class PulseEnded(StasError):
    """The pulse has ended; nothing in it changes any more."""


class DrivenElsewhere(StasError):
    """Another live process advances this pulse; `owner` names it."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        super().__init__(
            f"Another Stas (process {owner.split(':', 1)[0]}) is driving this pulse.", "Use that one, or close it."
        )


class Pulses:
    """The pulses of one record. Every change and its log line are one transaction.

    Raises `NotKnown` for unknown pulses, `PulseEnded` for changes of ended ones, and `StoreError`.
    """

    def __init__(self, store: Store, journal: Journal, *, new_id: Callable[[], str] | None = None) -> None:
        self._store = store
        self._journal = journal
        self._new_id = new_id or (lambda: f"p-{uuid.uuid4().hex[:12]}")
        self._depth: dict[tuple[str, str], int] = {}
        self._depth_lock = threading.Lock()

    # pulses --------------------------------------------------------------------------------------

    def begin(self, *, agent: str, operator: str, mode: Mode, policy_digest: str) -> Pulse:
        """Begin the next pulse. Raises `PulseOpen` if one is open."""
        with self._journal.changing() as conn:
            current = self.current()
            if current is not None:
                raise PulseOpen(current)
            number = conn.execute("select coalesce(max(number), 0) + 1 from pulse").fetchone()[0]
            pulse_id, now = self._new_id(), self._journal.now()
            agent, operator = well_formed(agent), well_formed(operator)
            conn.execute(
                "insert into pulse(id, number, agent, operator, mode, policy_digest, started_at) "
                "values(?, ?, ?, ?, ?, ?, ?)",
                (pulse_id, number, agent, operator, mode.value, policy_digest, now),
            )
            body = {"number": number, "agent": agent, "operator": operator, "mode": mode.value}
            self._log(conn, "pulse.began", pulse_id, operator, {**body, "policy": policy_digest})
            return self.get(pulse_id)

    def current(self) -> Pulse | None:
        """The open pulse, if there is one."""
        return _one(self._store.read("select * from pulse where ended_at is null"))

    def get(self, pulse_id: str) -> Pulse:
        """A pulse by its id. Raises `NotKnown`."""
        pulse = _one(self._store.read("select * from pulse where id = ?", (well_formed(pulse_id),)))
        if pulse is None:
            raise NotKnown(f"There is no pulse {well_formed(pulse_id)[:80]} in the record.")
        return pulse

    def by_number(self, number: int) -> Pulse:
        """A pulse by its number. Raises `NotKnown`."""
        pulse = _one(self._store.read("select * from pulse where number = ?", (number,)))
        if pulse is None:
            raise NotKnown(f"There is no pulse {number} in the record.")
        return pulse

    def latest(self, limit: int = 20) -> list[Pulse]:
        """The last pulses, newest first."""
        return [_pulse(row) for row in self._store.read("select * from pulse order by number desc limit ?", (limit,))]

    def set_mode(self, pulse_id: str, mode: Mode, *, by: str, reason: str) -> Pulse:
        """Change how far the agent may go on its own. Loosening needs a reason. Raises `ReasonRequired`."""
        with self._changing(pulse_id) as (conn, row):
            order = list(Mode)
            if order.index(mode) > order.index(Mode(row["mode"])) and not reason.strip():
                raise ReasonRequired(f"Changing to «{mode}» needs a reason.", "Say why.")
            if row["mode"] != mode.value:
                conn.execute("update pulse set mode = ?, version = version + 1 where id = ?", (mode.value, pulse_id))
                body = {"mode": mode.value, "was": row["mode"], "by": by, "reason": reason}
                self._log(conn, "pulse.mode", pulse_id, by, body)
            return self.get(pulse_id)

    def draft(self, pulse_id: str) -> str:
        """The unpublished summary, Markdown; empty if there is none."""
        self.get(pulse_id)
        return str(self._store.read("select draft from pulse where id = ?", (pulse_id,))[0]["draft"])

    def set_draft(self, pulse_id: str, text: str, *, actor: str) -> None:
        """Keep the summary as it stands before it is published."""
        with self._changing(pulse_id) as (conn, _):
            clean = well_formed(text)
            conn.execute("update pulse set draft = ?, version = version + 1 where id = ?", (clean, pulse_id))
            self._log(conn, "pulse.drafted", pulse_id, actor, {"sha256": digest_of(clean, "stas/summary/v1")})

    def end(self, pulse_id: str, *, outcome: str, summary: str, by: str) -> Pulse:
        """End the pulse as `complete`, `interrupted` or `abandoned`, with its published summary.

        In the same transaction its waiting gates and unused approvals are withdrawn, and the log is anchored. What
        is executing or unknown goes on.
        """
        if outcome not in OUTCOMES:
            raise IllegalMove(
                f"«{well_formed(outcome)[:40]}» is no end of a pulse.", f"Say one of {', '.join(OUTCOMES)}."
            )
        with self._changing(pulse_id) as (conn, row):
            left = conn.execute(
                "select id from action where pulse_id = ? and state in ('pending', 'approved') order by seq",
                (pulse_id,),
            ).fetchall()
            for action in left:
                self._journal.withdraw(action["id"], by=by, reason=f"pulse {row['number']} ended")
            clean = well_formed(summary)
            conn.execute(
                "update pulse set ended_at = ?, outcome = ?, summary = ?, draft = '', driver = null, "
                "driver_until = null, version = version + 1 where id = ?",
                (self._journal.now(), outcome, clean, pulse_id),
            )
            body = {"number": row["number"], "outcome": outcome, "by": by, "withdrawn": [a["id"] for a in left]}
            self._log(conn, "pulse.ended", pulse_id, by, {**body, "summary": digest_of(clean, "stas/summary/v1")})
            self._journal.anchor(f"pulse {row['number']}")
            return self.get(pulse_id)

    # steps ---------------------------------------------------------------------------------------

    def set_step(
        self,
        pulse_id: str,
        n: int,
        *,
        state: StepState,
        sub: str = "",
        data_state: DataState = DataState.UNKNOWN,
        note: str = "",
        data: Json | None = None,
        actor: str,
    ) -> Step:
        """Write one step of the routine; `data` None keeps what the step had found.

        The step's start is its first move away from `todo`; its end is the last time it was done, skipped or failed.
        """
        if n not in STEP_NAMES:
            raise NotKnown(f"The routine has no step {n}.")
        with self._changing(pulse_id) as (conn, _):
            now = self._journal.now()
            old = conn.execute("select * from step where pulse_id = ? and n = ?", (pulse_id, n)).fetchone()
            started = old["started_at"] if old else None
            if state is StepState.TODO:
                started = None
            elif started is None:
                started = now
            kept = old["data"] if old else "{}"
            conn.execute(
                "insert into step(pulse_id, n, state, sub, data_state, note, data, started_at, ended_at) "
                "values(:pulse_id, :n, :state, :sub, :data_state, :note, :data, :started_at, :ended_at) "
                "on conflict(pulse_id, n) do update set state = :state, sub = :sub, data_state = :data_state, "
                "note = :note, data = :data, started_at = :started_at, ended_at = :ended_at",
                {
                    "pulse_id": pulse_id,
                    "n": n,
                    "state": state.value,
                    "sub": sub,
                    "data_state": data_state.value,
                    "note": well_formed(note),
                    "data": kept if data is None else dump(data),
                    "started_at": started,
                    "ended_at": now if state in _ENDED else None,
                },
            )
            body = {"n": n, "sub": sub, "data_state": data_state.value, "note": note}
            self._log(conn, f"step.{state}", pulse_id, actor, body)
            row = conn.execute("select * from step where pulse_id = ? and n = ?", (pulse_id, n)).fetchone()
            return _step(row)

    def steps(self, pulse_id: str) -> list[Step]:
        """The eleven steps in order; `todo` where nothing was written yet."""
        self.get(pulse_id)
        stored = {row["n"]: row for row in self._store.read("select * from step where pulse_id = ?", (pulse_id,))}
        return [
            _step(stored[n]) if n in stored else Step(pulse_id=pulse_id, n=n, name=name, state=StepState.TODO)
            for n, name in STEP_NAMES.items()
        ]

    def work(self, pulse_id: str) -> Json:
        """Step 7's working state."""
        self.get(pulse_id)
        value: Json = load(self._store.read("select work from pulse where id = ?", (pulse_id,))[0]["work"])
        return value

    def save_work(self, pulse_id: str, patch: Json, *, actor: str) -> Json:
        """Merge `patch` into step 7's working state, key by key; None deletes a key. Returns the whole state."""
        with self._changing(pulse_id) as (conn, row):
            merged: Json = {**load(row["work"]), **patch}
            merged = {key: value for key, value in merged.items() if value is not None}
            conn.execute("update pulse set work = ?, version = version + 1 where id = ?", (dump(merged), pulse_id))
            body = {"keys": sorted(patch), "digest": digest_of(tame(merged), "stas/work/v1")}
            self._log(conn, "pulse.work", pulse_id, actor, body)
            result: Json = load(dump(merged))
            return result

    # driving -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def drive(self, pulse_id: str, owner: str, lease_ms: int) -> Iterator[None]:
        """Be the one process that advances the pulse, until the block ends.

        A dead owner is taken over at once. An owner whose process cannot be checked is taken over when its lease
        (`lease_ms`) is over; a live one never is. The same owner may enter again. Raises `DrivenElsewhere`.
        """
        with self._depth_lock:
            self._take_wheel(pulse_id, owner, lease_ms)
            self._depth[pulse_id, owner] = self._depth.get((pulse_id, owner), 0) + 1
        try:
            yield
        finally:
            with self._depth_lock:
                self._depth[pulse_id, owner] -= 1
                if not self._depth[pulse_id, owner]:
                    del self._depth[pulse_id, owner]
                    self._leave_wheel(pulse_id, owner)

    def driver(self, pulse_id: str) -> str | None:
        """Who drives the pulse now, dead or alive."""
        self.get(pulse_id)
        found: str | None = self._store.read("select driver from pulse where id = ?", (pulse_id,))[0]["driver"]
        return found

    def _take_wheel(self, pulse_id: str, owner: str, lease_ms: int) -> None:
        with self._changing(pulse_id) as (conn, row):
            now, other = self._journal.now(), row["driver"]
            if other not in (None, owner) and _holds(other, row["driver_until"], now):
                raise DrivenElsewhere(other)
            conn.execute(
                "update pulse set driver = ?, driver_until = ? where id = ?", (owner, now + lease_ms, pulse_id)
            )
            if other not in (None, owner):
                self._log(conn, "pulse.taken_over", pulse_id, "system", {"from": other, "to": owner})

    def _leave_wheel(self, pulse_id: str, owner: str) -> None:
        with self._journal.changing() as conn:
            conn.execute(
                "update pulse set driver = null, driver_until = null where id = ? and driver = ? and ended_at is null",
                (pulse_id, owner),
            )

    # ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self, pulse_id: str) -> Iterator[tuple[sqlite3.Connection, sqlite3.Row]]:
        with self._journal.changing() as conn:
            row = conn.execute("select * from pulse where id = ?", (well_formed(pulse_id),)).fetchone()
            if row is None:
                raise NotKnown(f"There is no pulse {well_formed(pulse_id)[:80]} in the record.")
            if row["ended_at"] is not None:
                raise PulseEnded(f"Pulse {row['number']} has ended; it does not change any more.", "Begin a new one.")
            yield conn, row

    def _log(self, conn: sqlite3.Connection, kind: str, pulse_id: str, actor: str, body: Json) -> None:
        self._journal.append(conn, kind, actor=actor, body=body, pulse_id=pulse_id)


def _holds(owner: str, until: int, now: int) -> bool:
    checkable = owner.count(":") >= 2 and owner.split(":", 1)[0].isdecimal()
    return owner_alive(owner) if checkable else now < until


def _one(rows: list[sqlite3.Row]) -> Pulse | None:
    return _pulse(rows[0]) if rows else None


def _pulse(row: sqlite3.Row) -> Pulse:
    return Pulse(
        id=row["id"],
        number=row["number"],
        agent=row["agent"],
        operator=row["operator"],
        mode=Mode(row["mode"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        summary=row["summary"],
    )


def _step(row: sqlite3.Row) -> Step:
    return Step(
        pulse_id=row["pulse_id"],
        n=row["n"],
        name=STEP_NAMES[row["n"]],
        state=StepState(row["state"]),
        sub=row["sub"],
        data_state=DataState(row["data_state"]),
        note=row["note"],
        data=load(row["data"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
