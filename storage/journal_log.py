"""The log: plain lines, reading, checking, anchoring; and the halt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from storage.canonical import well_formed
from storage.chain import Anchor, ChainReport, check_chain
from storage.journal_core import JournalCore
from storage.journal_errors import ReasonRequired
from storage.journal_rows import person_named, to_event
from storage.records import Event, Json

_PAGE = 500


class LogPart(JournalCore):
    """The audit log and the halt; part of `Journal`."""

    def record(
        self, kind: str, *, actor: str, body: Json, pulse_id: str | None = None, action_id: str | None = None
    ) -> Event:
        """Add a plain line to the log: `policy.refused`, `step.done` and the like."""
        with self.changing() as conn:
            return self.append(conn, kind, actor=actor, body=body, pulse_id=pulse_id, action_id=action_id)

    def events(
        self,
        *,
        after: int = 0,
        pulse_id: str | None = None,
        kinds: Sequence[str] | None = None,
        limit: int | None = None,
        action_id: str | None = None,
        newest: bool = False,
    ) -> list[Event]:
        """Log lines with a sequence number above `after`, oldest first, at most `limit`.

        With `newest` the limit keeps the last ones instead of the first.
        """
        where, params = ["seq > ?"], [after]
        chosen: list[str | int] = list(params)
        for column, value in (("pulse_id", pulse_id), ("action_id", action_id)):
            if value is not None:
                where.append(f"{column} = ?")
                chosen.append(well_formed(value))
        if kinds is not None:
            where.append(f"kind in ({', '.join('?' for _ in kinds)})")
            chosen.extend(kinds)
        sql = f"select * from event where {' and '.join(where)} order by seq{' desc' if newest else ''}"
        if limit is not None:
            sql += " limit ?"
            chosen.append(limit)
        found = [to_event(row) for row in self.store.read(sql, chosen)]
        return found[::-1] if newest else found

    def head(self) -> tuple[int, str]:
        """(sequence number, hash) of the last event; (0, zeros) before the first."""
        row = self.store.read("select seq, hash from head where id = 1")[0]
        return int(row["seq"]), str(row["hash"])

    def verify(self, anchors: Sequence[Anchor] = ()) -> ChainReport:
        """Check the whole log against its seals, its head, the stored anchors and those given.

        An end that was cut off together with the head shows only against an anchor kept elsewhere.
        """
        with self.store.snapshot() as conn:
            head = conn.execute("select seq, hash from head where id = 1").fetchone()
            kept = [
                Anchor(seq=row["seq"], hash=row["hash"], where_to=row["where_to"])
                for row in conn.execute("select seq, hash, where_to from anchor order by seq").fetchall()
            ]

            def walk() -> Iterator[Event]:
                last = -1
                while rows := conn.execute(
                    "select * from event where seq > ? order by seq limit ?", (last, _PAGE)
                ).fetchall():
                    yield from map(_readable, rows)
                    last = rows[-1]["seq"]

            return check_chain(
                walk(), head_seq=int(head["seq"]), head_hash=str(head["hash"]), anchors=[*kept, *anchors]
            )

    def anchor(self, where_to: str) -> tuple[int, str]:
        """Note that the log's current end is also written at `where_to`; returns (sequence number, hash)."""
        with self.changing() as conn:
            head = conn.execute("select seq, hash from head where id = 1").fetchone()
            conn.execute(
                "insert into anchor(seq, hash, where_to, at) values(?, ?, ?, ?) on conflict do nothing",
                (head["seq"], head["hash"], well_formed(where_to), self.now()),
            )
            return int(head["seq"]), str(head["hash"])

    # the halt ------------------------------------------------------------------------------------

    def halt(self, *, by: str, reason: str) -> None:
        """From now on no effect starts anywhere until a person lifts it; what is under way finishes."""
        with self.changing() as conn:
            if self.is_halted(conn):
                return
            conn.execute(
                "update control set halted = 1, by = ?, reason = ?, at = ? where id = 1",
                (well_formed(by), well_formed(reason), self.now()),
            )
            self.append(conn, "control.halted", actor=by, body={"by": by, "reason": reason})

    def lift(self, *, by: str, reason: str) -> None:
        """A person ends the halt. Raises `ReasonRequired`."""
        person = person_named(by)
        if not reason.strip():
            raise ReasonRequired("Lifting the halt needs a reason.", "Say what was checked.")
        with self.changing() as conn:
            if not self.is_halted(conn):
                return
            conn.execute("update control set halted = 0, by = '', reason = '', at = ? where id = 1", (self.now(),))
            self.append(conn, "control.lifted", actor=person, body={"by": person, "reason": reason})

    def halted(self) -> tuple[bool, str, str]:
        """(halted, by whom, why)."""
        row = self.store.read("select halted, by, reason from control where id = 1")[0]
        return bool(row["halted"]), str(row["by"]), str(row["reason"])


def _readable(row: sqlite3.Row) -> Event:
    """The line as it stands; one whose body is no JSON any more gets a body that cannot fit its seal."""
    try:
        return to_event(row)
    except ValueError:
        return to_event({**dict(row), "body": '{"unreadable":true}'})
