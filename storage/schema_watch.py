"""The schema of `watch.db`: what sources said. It can be deleted at any time; the next answers fill it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.sqlite import Migration, sql_migration
from storage.watch_file import WatchFile

_V1 = """
create table source(
  name text primary key, kind text not null, project_id text not null default '',
  state text not null check(state in('ok','empty','stale','error','denied','unknown')), every_ms integer not null,
  asked_at integer, at integer, next_at integer, failures integer not null default 0, reason text not null default '',
  replayed integer not null default 0 check(replayed in(0,1)), detail text not null default '{}') strict;

create table fact(
  source text not null, kind text not null, key text not null, body text not null,
  first_seen integer not null, last_seen integer not null, gone_at integer, times integer not null default 1,
  standing text not null default '', since integer not null default 0,
  primary key(source, kind, key)) strict, without rowid;
create index fact_kind on fact(kind, gone_at);

create table watcher(
  id integer primary key check(id = 1), owner text not null, at integer not null, round integer not null) strict;
"""

MIGRATIONS: list[Migration] = [sql_migration(_V1)]


def open_watch(path: Path, **options: Any) -> WatchFile:
    """The observations at `path`, created first if need be. `options` are those of `Store`. Raises `StoreError`."""
    return WatchFile(path, MIGRATIONS, **options)
