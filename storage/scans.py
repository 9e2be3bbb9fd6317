"""What was read from a file's content before, by the content's hash: `scan.db`, which can be deleted at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from storage.canonical import dump, load
from storage.clock import SystemClock
from storage.sqlite import Store, sql_migration

_MANY = 1_000
KEPT_ROWS = 200_000
"""How many readings are kept, the latest used first."""

_SCHEMA = """
create table reading(
  blob text not null, rules text not null, facts text not null, used_at integer not null,
  primary key(rules, blob)) strict, without rowid;
create index reading_used on reading(used_at);
"""

MIGRATIONS = (sql_migration(_SCHEMA),)


def open_scans(path: Path, **options: Any) -> Store:
    """The readings at `path`, created first if need be. `options` are those of `Store`. Raises `StoreError`."""
    return Store(path, MIGRATIONS, **options)


class Scans:
    """Facts by (blob hash, rule set). A rule set's name changes whenever its rules would read something else."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def known(self, rules: str, blobs: Iterable[str]) -> dict[str, Any]:
        """What is known of these blobs; JSON as it was kept. Raises `StoreError`."""
        asked = set(blobs)
        rows = self._all(rules, len(asked)) if len(asked) >= _MANY else None
        if rows is None:
            rows = self.store.read(
                "select blob, facts from reading where rules = ? and blob in (select value from json_each(?))",
                (rules, dump(sorted(asked))),
            )
        return {blob: load(facts) if facts != "{}" else {} for blob, facts in rows if blob in asked}

    def _all(self, rules: str, asked: int) -> list[Any] | None:
        """Everything of a rule set, which is quicker than asking for most of it; None if it is far more than that."""
        most = 2 * asked
        rows = self.store.read("select blob, facts from reading where rules = ? limit ?", (rules, most + 1))
        return rows if len(rows) <= most else None

    def keep(self, rules: str, facts: Mapping[str, Any]) -> None:
        """Keep what was read. Raises `StoreError`, `CanonicalError`."""
        self.keep_all({rules: facts})

    def keep_all(self, readings: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what was read under several rule sets, all of it or nothing. Raises `StoreError`, `CanonicalError`."""
        now = SystemClock().now()
        rows = [(blob, rules, dump(value), now) for rules, facts in readings.items() for blob, value in facts.items()]
        with self.store.write() as conn:
            conn.executemany("insert or replace into reading(blob, rules, facts, used_at) values(?, ?, ?, ?)", rows)
            conn.execute(
                "delete from reading where used_at < (select used_at from reading order by 1 desc limit 1 offset ?)",
                (KEPT_ROWS,),
            )
