"""The store under faults: locks, full disks, lost files, other schemas, other programs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from storage import sqlite as module
from storage.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreGone,
    StoreUnavailable,
)
from storage.sqlite import Store, sql_migration

V1 = sql_migration("create table t(x integer not null, y text) strict;")
V2 = sql_migration("alter table t add column z text;\nupdate t set z = 'old';")


def count(store: Store) -> int:
    return int(store.read("select count(*) from t")[0][0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "t.db"


@pytest.fixture
def one(path: Path):
    with Store(path, [V1], busy_bound_s=0.2) as store:
        yield store


def test_a_new_file_belongs_to_its_owner_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        with Store(path, [V1]):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)


@pytest.mark.parametrize(("since", "mode"), [((3, 0, 0), "wal"), ((99, 0, 0), "truncate")])
def test_the_journal_mode_follows_the_version(path: Path, monkeypatch, since: tuple[int, int, int], mode: str) -> None:
    monkeypatch.setattr(module, "WAL_SAFE_FROM", since)
    with Store(path, [V1]) as store:
        assert store.read("pragma journal_mode")[0][0] == mode
        assert store.read("pragma synchronous")[0][0] == 2
        assert store.read("pragma foreign_keys")[0][0] == 1
        with store.write() as conn:
            conn.execute("insert into t(x) values(1)")
        with Store(path, [V1]) as other:
            assert count(other) == 1


def test_a_wal_file_is_taken_back_by_an_older_library(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "WAL_SAFE_FROM", (3, 0, 0))
    with Store(path, [V1]) as store, store.write() as conn:
        conn.execute("insert into t(x) values(1)")
    monkeypatch.setattr(module, "WAL_SAFE_FROM", (99, 0, 0))
    with Store(path, [V1]) as store:
        assert store.read("pragma journal_mode")[0][0] == "truncate"
        assert count(store) == 1


# transactions -------------------------------------------------------------------------------------


def test_all_or_nothing(one: Store) -> None:
    with pytest.raises(RuntimeError), one.write() as conn:
        conn.execute("insert into t(x) values(1)")
        raise RuntimeError("no")
    with pytest.raises(sqlite3.IntegrityError), one.write() as conn:
        conn.execute("insert into t(x) values(1)")
        conn.execute("insert into t(x) values(null)")
    assert count(one) == 0
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
    assert count(one) == 1


def test_a_write_inside_a_write_joins_it(one: Store) -> None:
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
        with one.write() as inner, one.write() as innermost:
            assert inner is innermost is conn
            conn.execute("insert into t(x) values(2)")
        with Store(one.path, [V1]) as other:
            assert count(other) == 0
    assert count(one) == 2
    with pytest.raises(RuntimeError), one.write():
        with one.write() as conn:
            conn.execute("insert into t(x) values(3)")
        raise RuntimeError("the outer one fails")
    assert count(one) == 2


def test_an_inner_write_that_fails_is_undone_alone(one: Store) -> None:
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
        with pytest.raises(sqlite3.IntegrityError), one.write():
            conn.execute("insert into t(x) values(2)")
            conn.execute("insert into t(x) values(null)")
        conn.execute("insert into t(x) values(3)")
    assert [row["x"] for row in one.read("select x from t order by x")] == [1, 3]


def test_a_snapshot_is_of_one_moment_and_read_only(one: Store, monkeypatch) -> None:
    with one.snapshot() as conn:
        assert conn.execute("select count(*) from t").fetchone()[0] == 0
        with pytest.raises(StoreError, match="read-only look"), one.write():
            pytest.fail("a write inside a snapshot")
        with one.snapshot() as again:
            assert again is conn
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
        with one.snapshot() as inside:
            assert inside.execute("select count(*) from t").fetchone()[0] == 1
    assert not one.connection.in_transaction


def test_data_version_tells_of_other_writers(one: Store) -> None:
    before = one.data_version()
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
    assert one.data_version() == before
    with Store(one.path, [V1]) as other, other.write() as conn:
        conn.execute("insert into t(x) values(1)")
    assert one.data_version() != before


def test_every_thread_has_its_own_connection_and_ended_threads_leave_none(one: Store) -> None:
    seen: list[int] = []

    def work() -> None:
        with one.write() as conn:
            conn.execute("insert into t(x) values(1)")
            seen.append(id(conn))

    for _ in range(20):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert count(one) == 20
    assert id(one.connection) not in seen
    assert len(one._all) <= 2


def test_sqlite_utils_shares_the_connection(one: Store) -> None:
    with one.write():
        one.db["t"].insert({"x": 7})
    assert one.db is one.db
    assert one.db.conn is one.connection
    assert count(one) == 1


def test_a_closed_store_says_so(path: Path) -> None:
    store = Store(path, [V1])
    store.close()
    with pytest.raises(StoreError, match="already closed"):
        store.read("select 1")


# locks --------------------------------------------------------------------------------------------


def test_a_lock_that_stays_is_reported_and_one_that_goes_is_waited_for(one: Store) -> None:
    holder = sqlite3.connect(one.path, isolation_level=None)
    try:
        holder.execute("begin immediate")
        assert count(one) == 0, "reading goes on"
        with pytest.raises(StoreUnavailable, match="nothing was written"), one.write():
            pytest.fail("the lock was taken twice")
        holder.execute("rollback")
        with one.write() as conn:
            conn.execute("insert into t(x) values(1)")
        holder.execute("begin exclusive")
        with pytest.raises(StoreUnavailable):
            one.read("select 1 from t")
        with pytest.raises(StoreUnavailable), one.snapshot():
            pytest.fail("read under an exclusive lock")
        holder.execute("rollback")
        assert count(one) == 1
    finally:
        holder.close()


def test_a_writer_waits_for_a_reader_to_leave(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "WAL_SAFE_FROM", (99, 0, 0))
    with Store(path, [V1], busy_bound_s=20) as store:
        reading, leave = threading.Event(), threading.Event()

        def look() -> None:
            with store.snapshot():
                reading.set()
                leave.wait(10)

        def go() -> None:
            leave.set()

        reader = threading.Thread(target=look)
        reader.start()
        assert reading.wait(10)
        timer = threading.Timer(0.05, go)
        timer.start()
        with store.write() as conn:
            conn.execute("insert into t(x) values(1)")
        reader.join()
        timer.join()
        assert count(store) == 1


# disks and files ----------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_written_and_room_heals_it(path: Path) -> None:
    with Store(path, [V1], max_pages=8) as store:
        with store.write() as conn:
            conn.execute("insert into t(x) values(1)")
        with pytest.raises(StoreFull, match="nothing was half written"), store.write() as conn:
            conn.execute("insert into t(x) values(2)")
            conn.execute("insert into t(x, y) values(3, ?)", ("y" * 100_000,))
        assert count(store) == 1
        store.connection.execute("pragma max_page_count = 1000")
        with store.write() as conn:
            conn.execute("insert into t(x, y) values(3, ?)", ("y" * 100_000,))
        assert count(store) == 2


def test_going_on_after_the_disk_was_full_is_refused(path: Path) -> None:
    """SQLite undoes the whole transaction; whoever swallows the error must not commit the rest."""
    with Store(path, [V1], max_pages=8) as store:
        with pytest.raises(StoreError), store.write() as conn:
            conn.execute("insert into t(x) values(1)")
            try:
                with store.write():
                    conn.execute("insert into t(x, y) values(3, ?)", ("y" * 100_000,))
            except sqlite3.Error:
                if conn.in_transaction:
                    raise
        assert count(store) == 0


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_a_lost_file_is_loud_and_never_a_new_empty_store(one: Store, how: str) -> None:
    with one.write() as conn:
        conn.execute("insert into t(x) values(1)")
    away = one.path.with_suffix(".away")
    if how == "deleted":
        one.path.unlink()
    else:
        one.path.rename(away)
    if how == "replaced":
        shutil.copy(away, one.path)
    results: list[BaseException] = []

    def try_all() -> None:
        for act in (lambda: one.write().__enter__(), lambda: one.read("select 1"), lambda: one.snapshot().__enter__()):
            try:
                act()
            except StoreGone as error:
                results.append(error)

    try_all()
    fresh = threading.Thread(target=try_all)
    fresh.start()
    fresh.join()
    assert len(results) == 6
    assert "deleted or replaced" in str(results[0])
    assert one.path.exists() == (how == "replaced")
    if how == "moved":
        away.rename(one.path)
        assert count(one) == 1


READ_ONLY = """
import os, sys
from pathlib import Path
from storage.errors import StoreReadOnly
from storage.sqlite import Store, sql_migration
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = Store(Path(sys.argv[1]), [sql_migration("create table t(x) strict;")])
assert store.read("select count(*) from t")[0][0] == 0
try:
    with store.write() as conn:
        conn.execute("insert into t(x) values(1)")
except StoreReadOnly as error:
    print(error)
store.close()
try:
    Store(Path(sys.argv[1]).parent / "new" / "x.db", [])
except StoreReadOnly as error:
    print(error)
"""


def test_a_read_only_file_can_be_read_and_says_so(run_python) -> None:
    folder = Path(tempfile.mkdtemp(prefix="stas-ro"))
    path = folder / "t.db"
    try:
        with Store(path, [V1]):
            pass
        path.chmod(0o444)
        folder.chmod(0o555)
        done = run_python(READ_ONLY, str(path))
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.splitlines()
        assert "is read-only; nothing was written" in first
        assert "cannot be created" in second
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "content", [b"this is no database, but it is long enough to look at" * 40, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="will not overwrite"):
        Store(path, [V1])
    assert path.read_bytes() == content


def test_damaged_pages_are_reported(path: Path) -> None:
    with Store(path, [V1]) as store, store.write() as conn:
        for _ in range(50):
            conn.execute("insert into t(x, y) values(1, ?)", ("y" * 2000,))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * (size - 4096))
    with Store(path, [V1]) as store, pytest.raises(StoreCorrupt):
        store.read("select sum(length(y)) from t")
