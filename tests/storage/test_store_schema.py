"""The store and schemas: migration, newer files, crashes in the middle."""

from __future__ import annotations

import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from storage.errors import SchemaTooNew, StoreReadOnly
from storage.sqlite import Store, sql_migration, statements

V1 = sql_migration("create table t(x integer not null, y text) strict;")
V2 = sql_migration("alter table t add column z text;\nupdate t set z = 'old';")


def count(store: Store) -> int:
    return int(store.read("select count(*) from t")[0][0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "t.db"


def test_an_earlier_schema_is_brought_up_with_its_rows(path: Path) -> None:
    with Store(path, [V1]) as store, store.write() as conn:
        conn.execute("insert into t(x) values(1)")
    with Store(path, [V1, V2]) as store:
        assert tuple(store.read("select x, z from t")[0]) == (1, "old")
        assert store.read("pragma user_version")[0][0] == 2


def test_a_newer_schema_is_not_opened(path: Path) -> None:
    with Store(path, [V1, V2]):
        pass
    with pytest.raises(SchemaTooNew, match="has schema 2; this Stas knows 1"):
        Store(path, [V1])
    with Store(path, [V1, V2]) as store:
        assert count(store) == 0


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    with Store(path, [V1]):
        pass
    broken = sql_migration("alter table t add column z text;\ninsert into nowhere values(1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Store(path, [V1, broken])
    with Store(path, [V1]) as store:
        assert [r["name"] for r in store.read("select name from pragma_table_info('t')")] == ["x", "y"]


KILLED = """
import os, signal, sys
from pathlib import Path
from storage.sqlite import Store, sql_migration
def die(conn):
    conn.execute("alter table t add column z text")
    conn.execute("update t set z = 'new'")
    os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1]), [sql_migration("create table t(x integer not null, y text) strict;"), die])
"""


@pytest.mark.parametrize("mode", ["from nothing", "from 1"])
def test_a_migration_killed_in_the_middle_leaves_the_old_schema(path: Path, run_python, mode: str) -> None:
    """K12: old or new, never between."""
    if mode == "from 1":
        with Store(path, [V1]) as store, store.write() as conn:
            conn.execute("insert into t(x) values(1)")
    assert run_python(KILLED, str(path)).returncode == -signal.SIGKILL
    with Store(path, [V1, V2]) as store:
        assert [r["name"] for r in store.read("select name from pragma_table_info('t')")] == ["x", "y", "z"]
        assert count(store) == (mode == "from 1")


def test_two_programs_that_start_at_once_migrate_once(path: Path) -> None:
    ran: list[int] = []

    def counting(conn: sqlite3.Connection) -> None:
        ran.append(1)
        V1(conn)

    barrier = threading.Barrier(4)

    def start() -> None:
        barrier.wait(10)
        Store(path, [counting, V2]).close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [1]


def test_scripts_are_split_at_statements_and_not_inside_triggers() -> None:
    script = """
    create table a(x);
    create trigger b before update on a begin select raise(abort, 'no; never'); end;
    """
    assert [s.split()[1] for s in statements(script)] == ["table", "trigger"]
    with pytest.raises(ValueError, match="unfinished"):
        list(statements("create table a("))


def test_errors_of_the_operating_system_at_the_start_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnly, match="cannot be created"):
        Store(tmp_path / "file" / "t.db", [V1])
