"""The memories of the world database.

The full-text index holds every memory that is not quarantined. It is written here, beside the row and in the
same transaction: SQLite forbids full-text tables in triggers while the schema is not trusted.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from storage import recall
from storage.records import Memory
from storage.world_rows import MEMORY, Value, WorldBase, WorldError, bounded, clean, encode, memory_of, plain

PERSON = "human:"
"""The prefix of a confirmation that a person gave."""
_SOURCES = 2
_SEQ_STEP = 1 << 10


class WorldMemories(WorldBase):
    """Memories; only those out of quarantine are recalled (D22)."""

    def put_memory(self, memory: Memory) -> Memory:
        """Add a memory, or replace the one with the same id; its `score` is not kept."""
        with self.store.write() as conn:
            old = conn.execute("select * from memories where id = ?", (clean(memory.id),)).fetchone()
            if old is not None:
                _unindex(conn, old)
                conn.execute("delete from memories where seq = ?", (old["seq"],))
            return self._insert(conn, memory)

    def load_memories(self, memories: Iterable[Memory]) -> int:
        """Add many new memories and build the index once; returns how many. Raises `WorldError` on a known id."""
        ordered = sorted(memories, key=lambda memory: memory.at)
        with self.store.write() as conn:
            free = conn.execute("select 1 from memories limit 1").fetchone() is None
            seq = -1
            for memory in ordered:
                seq = max(seq + 1, recall.rowid_for(memory.at)) if free else _free_seq(conn, memory.at)
                try:
                    _insert_row(conn, _values(memory, seq))
                except sqlite3.IntegrityError as error:
                    raise WorldError(f"There is a memory {memory.id} already; nothing was loaded.") from error
            conn.execute("insert into memories_fts (memories_fts) values ('rebuild')")
        return len(ordered)

    def remember(
        self,
        type_: str,
        title: str,
        text: str,
        *,
        shared: bool,
        tags: Sequence[str],
        author: str,
        quarantined: bool = False,
    ) -> Memory:
        """Store a memory; the same title and text is the same memory.

        A repeat adds its tags and its `shared` to the memory that is there. If that one is quarantined, the
        repeat counts as a confirmation by its author and no more.
        """
        with self.store.write() as conn:
            known = self._find(conn, title, text)
            if known is None:
                memory = Memory(
                    id=f"M-{_digest(title, text)[:20]}",
                    type=type_,
                    title=title,
                    text=text,
                    tags=tuple(tags),
                    shared=shared,
                    author=author,
                    at=self.clock.now(),
                    quarantined=quarantined,
                )
                return self._insert(conn, memory)
            merged = replace(
                known, shared=known.shared or shared, tags=tuple(dict.fromkeys((*known.tags, *map(clean, tags))))
            )
            return self._update(conn, known, _confirmed(merged, author))

    def find_memory(self, title: str, text: str) -> Memory | None:
        """The oldest memory with exactly this title and text, or None."""
        with self.store.snapshot() as conn:
            return self._find(conn, title, text)

    def memory(self, memory_id: str) -> Memory | None:
        """One memory, quarantined or not, or None."""
        row = self.store.read_one(f"select {MEMORY} from memories where id = ?", (clean(memory_id),))
        return memory_of(row) if row else None

    def memories(self, limit: int = 100, *, quarantined: bool | None = None) -> list[Memory]:
        """Memories newest first; only those in (True) or out of (False) quarantine if asked."""
        where = "" if quarantined is None else f"where quarantined = {int(quarantined)}"
        return [
            memory_of(row)
            for row in self.store.read(
                f"select {MEMORY} from memories {where} order by seq desc limit ?", (bounded(limit),)
            )
        ]

    def confirm_memory(self, memory_id: str, by: str) -> Memory | None:
        """Note that `by` vouches for a memory; None if there is no such memory.

        `human:<name>` ends the quarantine at once, otherwise two different sources do; the memory's own author is
        no second source (D22). Raises `WorldError` if `by` names nobody.
        """
        if not clean(by).removeprefix(PERSON).strip():
            raise WorldError("A confirmation needs a name.", f"Say who confirms; a person is written {PERSON}name.")
        with self.store.write() as conn:
            row = conn.execute(f"select {MEMORY} from memories where id = ?", (clean(memory_id),)).fetchone()
            if row is None:
                return None
            known = memory_of(row)
            return self._update(conn, known, _confirmed(known, by))

    def recall(self, query: str, limit: int) -> list[Memory]:
        """The best memories for a question, best first; see `storage.recall.rank`."""
        with self.store.snapshot() as conn:
            ranked = recall.rank(conn, query, limit, self.clock.now())
            marks = ", ".join("?" * len(ranked))
            rows = conn.execute(
                f"select seq, {MEMORY} from memories where seq in ({marks}) and quarantined = 0",
                [found.seq for found in ranked],
            ).fetchall()
        by_seq = {}
        for row in rows:
            values = dict(row)
            by_seq[values.pop("seq")] = values
        return [memory_of(by_seq[found.seq], found.score) for found in ranked if found.seq in by_seq]

    # rows and index ------------------------------------------------------------------------------

    @staticmethod
    def _find(conn: sqlite3.Connection, title: str, text: str) -> Memory | None:
        row = conn.execute(
            f"select {MEMORY} from memories where digest = ? order by seq limit 1", (_digest(title, text),)
        ).fetchone()
        return memory_of(row) if row else None

    @staticmethod
    def _insert(conn: sqlite3.Connection, memory: Memory) -> Memory:
        values = _values(memory, _free_seq(conn, memory.at))
        _insert_row(conn, values)
        row = conn.execute("select * from memories where seq = ?", (values["seq"],)).fetchone()
        _index(conn, row)
        return _stored(conn, memory.id)

    @staticmethod
    def _update(conn: sqlite3.Connection, known: Memory, changed: Memory) -> Memory:
        if changed == known:
            return known
        old = conn.execute("select * from memories where id = ?", (known.id,)).fetchone()
        _unindex(conn, old)
        conn.execute(
            "update memories set tags = ?, shared = ?, quarantined = ?, confirmations = ? where seq = ?",
            (
                plain(changed.tags),
                int(changed.shared),
                int(changed.quarantined),
                plain(changed.confirmations),
                old["seq"],
            ),
        )
        _index(conn, conn.execute("select * from memories where seq = ?", (old["seq"],)).fetchone())
        return _stored(conn, known.id)


def _confirmed(memory: Memory, by: str) -> Memory:
    """The memory after `by` vouched for it; unchanged if that adds nothing."""
    name = " ".join(clean(by).split())
    own = name.casefold() == " ".join(memory.author.split()).casefold()
    known = {who.casefold() for who in memory.confirmations}
    if not memory.quarantined or not name or own or name.casefold() in known:
        return memory
    confirmations = (*memory.confirmations, name)
    free = name.startswith(PERSON) or len(confirmations) >= _SOURCES
    return replace(memory, confirmations=confirmations, quarantined=not free)


def _digest(title: str, text: str) -> str:
    title, text = clean(title), clean(text)
    return hashlib.sha256(f"{len(title)}:{title}{text}".encode()).hexdigest()


def _values(memory: Memory, seq: int) -> dict[str, Value]:
    values = encode(memory)
    del values["score"]
    return {"seq": seq, **values, "digest": _digest(memory.title, memory.text)}


def _insert_row(conn: sqlite3.Connection, values: dict[str, Value]) -> None:
    conn.execute(
        f"insert into memories ({', '.join(values)}) values ({', '.join('?' * len(values))})", tuple(values.values())
    )


def _stored(conn: sqlite3.Connection, memory_id: str) -> Memory:
    return memory_of(conn.execute(f"select {MEMORY} from memories where id = ?", (clean(memory_id),)).fetchone())


def _free_seq(conn: sqlite3.Connection, at: int) -> int:
    """The next free rowid of a millisecond, or of the first later one that has room."""
    base = recall.rowid_for(at)
    while True:
        last = conn.execute(
            "select max(seq) from memories where seq >= ? and seq < ?", (base, base + _SEQ_STEP)
        ).fetchone()[0]
        if last is None:
            return base
        if last + 1 < base + _SEQ_STEP:
            return int(last) + 1
        base += _SEQ_STEP


def _index(conn: sqlite3.Connection, row: sqlite3.Row) -> None:
    if not row["quarantined"]:
        conn.execute(
            "insert into memories_fts (rowid, title, text, tags) values (?, ?, ?, ?)",
            (row["seq"], row["title"], row["text"], row["tags"]),
        )


def _unindex(conn: sqlite3.Connection, row: sqlite3.Row) -> None:
    if not row["quarantined"]:
        conn.execute(
            "insert into memories_fts (memories_fts, rowid, title, text, tags) values ('delete', ?, ?, ?, ?)",
            (row["seq"], row["title"], row["text"], row["tags"]),
        )
