"""A copy of a database in use: whole, and without a trace beside the one that was copied."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.copies import copy_of
from storage.errors import StoreCorrupt, StoreError, StoreUnavailable


@contextmanager
def database(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute(f"pragma journal_mode = {mode}")
        conn.execute("create table t(n integer)")
        conn.executemany("insert into t values(?)", [(n,) for n in range(2_000)])
        yield conn


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as conn:
        return int(conn.execute("select count(*) from t").fetchone()[0])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("mode", ["truncate", "delete", "wal"])
def test_a_database_at_rest_is_copied_and_keeps_every_byte(tmp_path: Path, mode: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with database(home / "a.db", mode):
        pass
    before = files(home)
    copy_of(home / "a.db", tmp_path / "copy.db")
    assert rows(tmp_path / "copy.db") == 2_000
    assert files(home) == before, "no file was changed, none was made"


@pytest.mark.parametrize("mode", ["truncate", "wal"])
def test_what_is_written_meanwhile_is_whole_or_not_in_it(tmp_path: Path, mode: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with database(home / "a.db", mode) as writer:
        writer.execute("begin immediate")
        writer.execute("insert into t values(1)")
        before = (home / "a.db").read_bytes()
        copy_of(home / "a.db", tmp_path / "copy.db")
        assert rows(tmp_path / "copy.db") == 2_000
        assert (home / "a.db").read_bytes() == before
        writer.execute("commit")
        copy_of(home / "a.db", tmp_path / "later.db")
        assert rows(tmp_path / "later.db") == 2_001


def test_a_database_that_stays_locked_is_a_sentence(tmp_path: Path) -> None:
    with database(tmp_path / "a.db", "truncate") as writer:
        writer.execute("begin exclusive")
        with pytest.raises(StoreUnavailable, match="could not be copied"):
            copy_of(tmp_path / "a.db", tmp_path / "copy.db", bound_s=0.2)


def test_what_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt, match="not a sound database"):
        copy_of(tmp_path / "a.db", tmp_path / "copy.db")
    with pytest.raises(StoreError, match="cannot be read"):
        copy_of(tmp_path / "missing.db", tmp_path / "copy.db")
