"""What the sources said last, and what they no longer say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.canonical import dump, load, tame, well_formed
from storage.owner import owner_alive, this_owner
from storage.records import DataState
from storage.sqlite import Store
from storage.watch_records import KINDS, Fact, Observed, SourceKind, SourceStatus

KEPT_GONE = 5_000
"""How many facts that are gone are kept, the latest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """The process that asks the sources, as it last reported itself."""

    owner: str
    at: int
    round: int
    """How many rounds it has finished."""

    @property
    def alive(self) -> bool:
        """Whether that process still runs."""
        return owner_alive(self.owner)


class Watch:
    """The observations of one profile. Raises `StoreError`; facts that are not JSON are made so.

    Its file may be deleted or replaced meanwhile: then nothing is known until the next answers fill the new one.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # writing: the watcher process ------------------------------------------------------------------

    def record(self, status: SourceStatus, things: Sequence[Observed] | None = None, *, partial: bool = False) -> None:
        """Keep a source's answer. `things` is everything it says now; what is missing from it is gone.

        None means that it gave no list, e.g. an error: what was known stays, and its age shows. A partial list says
        nothing about what is missing from it.
        """
        at = status.asked_at or status.at or 0

        def put(conn: sqlite3.Connection) -> None:
            self._put_status(conn, status)
            if things is not None:
                self._put_facts(conn, status.name, things, at, partial=partial)

        self.store.whole(put)

    def forget_others(self, names: Iterable[str]) -> None:
        """Drop the sources that the configuration no longer names, with their facts."""
        keep = dump(sorted(names))

        def drop(conn: sqlite3.Connection) -> None:
            for table, column in (("source", "name"), ("fact", "source")):
                conn.execute(f"delete from {table} where {column} not in (select value from json_each(?))", (keep,))

        self.store.whole(drop)

    def beat(self, at: int, rounds: int) -> None:
        """The watcher says that it lives."""
        row = (this_owner(), at, rounds)

        def put(conn: sqlite3.Connection) -> None:
            conn.execute("insert or replace into watcher values(1, ?, ?, ?)", row)

        self.store.whole(put)

    # reading ---------------------------------------------------------------------------------------

    def watcher(self) -> Watcher | None:
        """The process that watches; None if none ever did."""
        row = self.store.read_one("select owner, at, round from watcher")
        return None if row is None else Watcher(owner=row["owner"], at=row["at"], round=row["round"])

    def sources(self) -> list[SourceStatus]:
        """All sources that were ever asked, by name."""
        return [_status(row) for row in self.store.read("select * from source order by name")]

    def source(self, name: str) -> SourceStatus | None:
        """One source."""
        row = self.store.read_one("select * from source where name = ?", (name,))
        return None if row is None else _status(row)

    def facts(self, kind: str, *, gone_since: int | None = None) -> list[Fact]:
        """What sources say of this kind now, by source and key; with `gone_since` also what went since then."""
        sql = "select * from fact where kind = ? and (gone_at is null" + (" or gone_at >= ?)" if gone_since else ")")
        params = (kind, gone_since) if gone_since else (kind,)
        return [_fact(row) for row in self.store.read(f"{sql} order by source, key", params)]

    def fact(self, kind: str, key: str) -> Fact | None:
        """One fact, gone or not; the latest if several sources have it."""
        row = self.store.read_one(
            "select * from fact where kind = ? and key = ? order by last_seen desc limit 1", (kind, well_formed(key))
        )
        return None if row is None else _fact(row)

    # rows ------------------------------------------------------------------------------------------

    @staticmethod
    def _put_status(conn: sqlite3.Connection, status: SourceStatus) -> None:
        conn.execute(
            "insert into source(name, kind, project_id, state, every_ms, asked_at, at, next_at, failures, reason,"
            " replayed, detail) values(?,?,?,?,?,?,?,?,?,?,?,?) on conflict(name) do update set kind=excluded.kind,"
            " project_id=excluded.project_id, state=excluded.state, every_ms=excluded.every_ms,"
            " asked_at=excluded.asked_at, at=coalesce(excluded.at, at), next_at=excluded.next_at,"
            " failures=excluded.failures, reason=excluded.reason, replayed=excluded.replayed, detail=excluded.detail",
            (
                status.name,
                status.kind.value,
                status.project_id,
                status.state.value,
                status.every_ms,
                status.asked_at,
                status.at,
                status.next_at,
                status.failures,
                well_formed(status.reason),
                int(status.replayed),
                dump(tame(status.detail)),
            ),
        )

    @staticmethod
    def _put_facts(
        conn: sqlite3.Connection, source: str, things: Sequence[Observed], at: int, *, partial: bool
    ) -> None:
        rows = [
            (source, t.kind, well_formed(t.key), dump(tame(t.to_json())), at, at, well_formed(t.standing), at)
            for t in things
        ]
        conn.executemany(
            "insert into fact(source, kind, key, body, first_seen, last_seen, standing, since) values(?,?,?,?,?,?,?,?)"
            " on conflict(source, kind, key) do update set body=excluded.body, last_seen=excluded.last_seen,"
            " since=iif(standing = excluded.standing and gone_at is null, since, excluded.since),"
            " standing=excluded.standing, times=times + (gone_at is not null), gone_at=null",
            rows,
        )
        if partial:
            return
        said = {(row[1], row[2]) for row in rows}
        known = conn.execute("select kind, key from fact where source = ? and gone_at is null", (source,)).fetchall()
        conn.executemany(
            "update fact set gone_at = ? where source = ? and kind = ? and key = ?",
            [(at, source, kind, key) for kind, key in known if (kind, key) not in said],
        )
        conn.execute(
            "delete from fact where gone_at is not null and gone_at <= (select gone_at from fact"
            " where gone_at is not null order by gone_at desc limit 1 offset ?)",
            (KEPT_GONE,),
        )


def _status(row: sqlite3.Row) -> SourceStatus:
    return SourceStatus(
        name=row["name"],
        kind=SourceKind(row["kind"]),
        state=DataState(row["state"]),
        every_ms=row["every_ms"],
        asked_at=row["asked_at"],
        at=row["at"],
        next_at=row["next_at"],
        failures=row["failures"],
        reason=row["reason"],
        project_id=row["project_id"],
        replayed=bool(row["replayed"]),
        detail=load(row["detail"]),
    )


def _fact(row: sqlite3.Row) -> Fact:
    return Fact(
        source=row["source"],
        thing=KINDS[row["kind"]].from_json(load(row["body"])),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        gone_at=row["gone_at"],
        times=row["times"],
        since=row["since"],
    )
