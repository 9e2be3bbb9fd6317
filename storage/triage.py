"""What people say about items: notes keyed by identity, changed in one transaction with their line in the log."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage.canonical import dump, load, tame, well_formed
from storage.errors import StasError
from storage.journal import Journal
from storage.journal_rows import to_event
from storage.records import Event, Json
from storage.triage_records import Escalation, Lease, SavedView, Snooze, TriageNote

KEY_LENGTH = 500
"""Characters of an identity key; a longer one belongs to nobody."""
MOST_KEYS = 500
"""Items that one act may change."""
MOST_VIEWS = 50


class TriageRefused(StasError):
    """What a person wanted at the desk is not possible now; nothing was changed."""


Change = Callable[[TriageNote], TriageNote]
"""The note as it is to be; the same note leaves it as it is. Raises `TriageRefused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act at the desk that can be taken back."""

    seq: int
    """Its line in the log."""
    kind: str
    by: str
    at: int
    keys: tuple[str, ...]


class Triage:
    """Notes, acts and saved views of one record. Raises `StoreError`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._store = journal.store

    # reading ---------------------------------------------------------------------------------------

    def note(self, key: str) -> TriageNote | None:
        """What was said about an item; None if nothing ever was."""
        row = self._store.read_one("select * from triage where key = ?", (well_formed(key),))
        return None if row is None else _note(row)

    def notes(self, keys: Iterable[str]) -> dict[str, TriageNote]:
        """The notes of these items, by key."""
        asked = dump(sorted(map(well_formed, keys)))
        rows = self._store.read("select * from triage where key in (select value from json_each(?))", (asked,))
        return {row["key"]: _note(row) for row in rows}

    def due(self, now: int) -> list[TriageNote]:
        """Notes in which something has run out: a lease, a snooze, the wait for the next message."""
        sql = "select * from triage where lease_until <= :now or snooze_until <= :now or next_at <= :now order by key"
        return [_note(row) for row in self._store.read(sql, {"now": now})]

    def waiting(self) -> list[TriageNote]:
        """Notes that something outside may end: snoozes, leases that wait for an event, escalations under way."""
        sql = (
            "select * from triage where snooze is not null or next_at is not null"
            " or (lease is not null and json_extract(lease, '$.waits_for') <> '') order by key"
        )
        return [_note(row) for row in self._store.read(sql)]

    def owned(self, owner: str | None = None) -> list[TriageNote]:
        """Notes with a lease, the oldest first; of one owner if one is named."""
        notes = [_note(row) for row in self._store.read("select * from triage where lease is not null order by key")]
        mine = [n for n in notes if n.lease and owner in (None, n.lease.owner)]
        return sorted(mine, key=lambda n: n.lease.since if n.lease else 0)

    def members(self, head: str) -> list[TriageNote]:
        """Notes of what is grouped under an item."""
        rows = self._store.read("select * from triage where head = ? order by key", (well_formed(head),))
        return [_note(row) for row in rows]

    def events(self, key: str, *, causes: Sequence[str] = (), limit: int = 200) -> list[Event]:
        """Log lines about an item, and about actions that derive from it, oldest first; at most the last `limit`.

        `causes` are further names under which actions may call it, such as a message's own id.
        """
        names = dump([well_formed(name) for name in (key, *causes) if name])
        rows = self._store.read(
            "select e.* from triage_event t join event e on e.seq = t.seq where t.key = ?"
            " union select e.* from event e where e.action_id in (select id from action where caused_by <> ''"
            " and caused_by in (select value from json_each(?))) order by 1 desc limit ?",
            (well_formed(key), names, limit),
        )
        return [to_event(row) for row in reversed(rows)]

    def acts_of(self, by: str, since: int, *, limit: int = 50) -> list[Event]:
        """What somebody did at the desk and decided at gates since then, oldest first; at most the last `limit`."""
        rows = self._store.read(
            "select * from event where at >= ? and actor = ? and (kind glob 'triage.*' or kind glob 'gate.*'"
            " or kind in ('action.resolved', 'action.abandoned', 'control.halted', 'control.lifted'))"
            " order by seq desc limit ?",
            (since, well_formed(by), limit),
        )
        return [to_event(row) for row in reversed(rows)]

    # changing --------------------------------------------------------------------------------------

    def change(
        self,
        keys: Sequence[str],
        how: Change,
        *,
        kind: str,
        by: str,
        body: Json | None = None,
        undoable: bool = False,
        seen: Mapping[str, int] | None = None,
        pulse_id: str | None = None,
        also: Callable[[sqlite3.Connection], object] | None = None,
    ) -> list[TriageNote]:
        """Change the notes of several items, with one log line `kind`, all or none; returns those that changed.

        `seen` are the versions that were on screen: an item that somebody changed since is refused. `also` runs in
        the same transaction. Nothing is logged if nothing changes. Raises `TriageRefused`.
        """
        wanted = list(dict.fromkeys(well_formed(key) for key in keys))
        if not wanted or any(not key or len(key) > KEY_LENGTH for key in wanted):
            raise TriageRefused("No item is marked.", "Choose at least one.")
        if len(wanted) > MOST_KEYS:
            raise TriageRefused(f"{len(wanted)} items at once are too many.", f"At most {MOST_KEYS}.")
        with self._journal.changing() as conn:
            rows = {key: conn.execute("select * from triage where key = ?", (key,)).fetchone() for key in wanted}
            changed: list[TriageNote] = []
            for key, row in rows.items():
                old = TriageNote(key=key, version=0) if row is None else _note(row)
                if seen is not None and seen.get(key, 0) != old.version:
                    raise TriageRefused(f"{key} changed since you looked; nothing was done.", "Look again.")
                new = how(old)
                if new != old:
                    changed.append(replace(new, key=key, version=old.version + 1))
            if also is not None:
                also(conn)
            if not changed:
                return []
            touched = [note.key for note in changed]
            event = self._journal.append(
                conn, kind, actor=by, body={"keys": touched, "by": by, **(body or {})}, pulse_id=pulse_id
            )
            self._link(conn, touched, event.seq)
            if undoable:
                before = {key: dict(rows[key]) if rows[key] else None for key in touched}
                conn.execute(
                    "insert into triage_act(seq, by, at, kind, before) values(?, ?, ?, ?, ?)",
                    (event.seq, well_formed(by), event.at, kind, dump(before)),
                )
            for note in changed:
                _save(conn, note, act=event.seq if undoable else _act_of(rows[note.key], kind))
            _refuse_nesting(conn)
        return changed

    def last_act(self, by: str, since: int) -> Act | None:
        """The latest act of somebody that was not taken back."""
        row = self._store.read_one(
            "select * from triage_act where by = ? and at >= ? and undone_at is null order by seq desc limit 1",
            (well_formed(by), since),
        )
        if row is None:
            return None
        keys = tuple(load(row["before"]))
        return Act(seq=row["seq"], kind=row["kind"], by=row["by"], at=row["at"], keys=keys)

    def undo(self, act: Act, *, by: str) -> list[TriageNote]:
        """Put the notes of an act back as they were before it. Raises `TriageRefused` if one changed since."""
        with self._journal.changing() as conn:
            stored = conn.execute("select before, undone_at from triage_act where seq = ?", (act.seq,)).fetchone()
            if stored["undone_at"] is not None:
                raise TriageRefused("That was taken back already.")
            back: list[TriageNote] = []
            before: dict[str, Any] = load(stored["before"])
            for key, old in before.items():
                now = conn.execute("select * from triage where key = ?", (key,)).fetchone()
                if now is None or now["act"] != act.seq:
                    raise TriageRefused(f"{key} changed since; nothing was undone.", "Change it by hand.")
                was = TriageNote(key=key) if old is None else _note(old)
                seen_at = now["seen_at"] if was.seen_at is None else was.seen_at
                back.append(replace(was, seen_at=seen_at, version=now["version"] + 1))
                _save(conn, back[-1], act=0 if old is None else old["act"])
            _refuse_nesting(conn)
            event = self._journal.append(
                conn, "triage.undone", actor=by, body={"keys": list(before), "by": by, "kind": act.kind, "seq": act.seq}
            )
            self._link(conn, list(before), event.seq)
            conn.execute("update triage_act set undone_at = ? where seq = ?", (event.at, act.seq))
        return back

    def record(self, key: str, kind: str, *, by: str, body: Json) -> Event:
        """A log line about an item that changes no note."""
        with self._journal.changing() as conn:
            return self.append(conn, key, kind, by=by, body=body)

    def append(self, conn: sqlite3.Connection, key: str, kind: str, *, by: str, body: Json) -> Event:
        """The same inside the caller's transaction."""
        event = self._journal.append(conn, kind, actor=by, body={"keys": [key], "by": by, **body})
        self._link(conn, [key], event.seq)
        return event

    @staticmethod
    def _link(conn: sqlite3.Connection, keys: Sequence[str], seq: int) -> None:
        conn.executemany(
            "insert or ignore into triage_event(key, seq) values(?, ?)", [(well_formed(key), seq) for key in keys]
        )

    # views -----------------------------------------------------------------------------------------

    def views(self) -> list[SavedView]:
        """Saved filters, by name."""
        rows = self._store.read("select name, query from triage_view order by name")
        return [SavedView(name=row["name"], query=row["query"]) for row in rows]

    def save_view(self, view: SavedView) -> None:
        """Keep or replace a filter; an empty query removes it. Raises `TriageRefused`."""
        name, query = well_formed(view.name).strip(), well_formed(view.query).strip()
        if not name or len(name) > 40 or len(query) > 500:
            raise TriageRefused("A view needs a name of 1 to 40 characters and a filter of at most 500.")
        with self._store.write() as conn:
            conn.execute("delete from triage_view where name = ?", (name,))
            if query:
                if conn.execute("select count(*) from triage_view").fetchone()[0] >= MOST_VIEWS:
                    raise TriageRefused(f"There are {MOST_VIEWS} views already.", "Remove one.")
                conn.execute("insert into triage_view(name, query) values(?, ?)", (name, query))

    def remember_place(self, place: Json) -> None:
        """Keep filter and cursor for the next start."""
        with self._store.write() as conn:
            conn.execute("insert or replace into triage_place(id, body) values(1, ?)", (dump(tame(place)),))

    def place(self) -> Json:
        """Filter and cursor as they were left; empty at the first start."""
        row = self._store.read_one("select body from triage_place")
        return {} if row is None else dict(load(row["body"]))


# rows ----------------------------------------------------------------------------------------------

_QUIET = frozenset({"triage.opened", "triage.renewed", "triage.notified"})
"""Changes after which an earlier act can still be taken back."""


def _refuse_nesting(conn: sqlite3.Connection) -> None:
    """A group stands in no other group, whoever made which first."""
    sql = "select h.key from triage m join triage h on h.key = m.head where m.head <> '' and h.head <> '' limit 1"
    nested = conn.execute(sql).fetchone()
    if nested is not None:
        raise TriageRefused(f"{nested['key']} stands in another group now; nothing was done.", "Look again.")


def _act_of(row: sqlite3.Row | None, kind: str) -> int:
    return int(row["act"]) if row is not None and kind in _QUIET else 0


def _note(row: sqlite3.Row | dict[str, Any]) -> TriageNote:
    return TriageNote(
        key=row["key"],
        lease=Lease(**load(row["lease"])) if row["lease"] else None,
        snooze=Snooze(**load(row["snooze"])) if row["snooze"] else None,
        escalation=Escalation(**load(row["escalation"])) if row["escalation"] else None,
        group=row["head"],
        split=bool(row["split"]),
        dismissed_at=row["dismissed_at"],
        seen_at=row["seen_at"],
        lapsed_at=row["lapsed_at"],
        version=row["version"],
    )


def _save(conn: sqlite3.Connection, note: TriageNote, *, act: int) -> None:
    def part(value: Lease | Snooze | Escalation | None) -> str | None:
        return None if value is None else dump(tame(dataclasses.asdict(value)))

    values = {
        "key": note.key,
        "lease": part(note.lease),
        "snooze": part(note.snooze),
        "escalation": part(note.escalation),
        "head": well_formed(note.group),
        "split": int(note.split),
        "dismissed_at": note.dismissed_at,
        "seen_at": note.seen_at,
        "lapsed_at": note.lapsed_at,
        "act": act,
        "version": note.version,
        "lease_until": note.lease.until if note.lease else None,
        "snooze_until": note.snooze.until if note.snooze else None,
        "next_at": note.escalation.next_at if note.escalation else None,
    }
    marks = ", ".join(f":{name}" for name in values)
    conn.execute(f"insert or replace into triage({', '.join(values)}) values({marks})", values)
