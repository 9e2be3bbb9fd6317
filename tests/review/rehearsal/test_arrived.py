"""V5: the live database is at the head, and made of what the migrations make; checked on real databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.declared import Database, Tenancy
from stas_tui.review.rehearsal import after, run
from storage.check_records import CheckResult, Verdict
from tests.review.migrations import live
from tests.review.migrations.repositories import alembic, by_check, change, rules, texts

FIRST = (
    "first",
    "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True), sa.Column('a', sa.String(20)))",
    "op.drop_table('t')",
)
SECOND = ("second", "op.create_index('i', 't', ['a'])", "op.drop_index('i')")
VERSION = "create table alembic_version (version_num varchar(32) primary key)"
TABLE = "create table t (id serial primary key, a varchar(20))"
INDEX = "create index i on t (a)"


def v5(folder: Path, tenancy: Tenancy | None, environ: dict[str, str] | None = None, **more: Any) -> CheckResult:
    merged = change(
        folder, alembic(FIRST), alembic(FIRST, SECOND), only=frozenset({"V5"}), tenancy=tenancy, environ=environ or {},
        **more,
    )  # fmt: skip
    return by_check(after(merged))["V5"]


@pytest.mark.usefixtures("postgresql")
def test_a_database_at_the_head_is_verified(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(VERSION, "insert into alembic_version values ('r2')", TABLE, INDEX)
    found = v5(tmp_path, tenancy, environ)
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)
    assert "at r2" in found.reason
    assert found.target.startswith("PostgreSQL ")
    assert found.expires_at is not None


def test_a_database_behind_is_flagged_at_once(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(VERSION, "insert into alembic_version values ('r1')", TABLE)
    found = v5(tmp_path, tenancy, environ)
    assert found.verdict is Verdict.FLAGGED
    assert rules(found) == {"behind"}
    assert "the head r2 is not applied: the live database is at r1" in found.reason


def test_a_revision_that_nobody_knows_is_flagged(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(VERSION, "insert into alembic_version values ('elsewhere')", TABLE)
    found = v5(tmp_path, tenancy, environ)
    assert rules(found) == {"unknown-revision", "behind"}


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("drop index i", "index i is missing in the live database"),
        ("create table by_hand (id int)", "table by_hand is in the live database and in no migration"),
        ("alter table t alter a set not null", "column t.a: nullable is, by the migrations, yes and is no in the live"),
        ("alter table t alter a type varchar(30)", "column t.a: type"),
        ("alter table t enable row level security", "table t: row security"),
    ],
)
@pytest.mark.usefixtures("postgresql")
def test_drift_is_named(tmp_path: Path, statement: str, sentence: str) -> None:
    tenancy, environ, _ = live.postgres(VERSION, "insert into alembic_version values ('r2')", TABLE, INDEX, statement)
    found = v5(tmp_path, tenancy, environ)
    assert found.verdict is Verdict.FLAGGED
    assert sentence in texts(found.leads), texts(found.leads)


@pytest.mark.usefixtures("postgresql")
def test_owners_grants_and_extensions_of_the_place_are_no_drift(tmp_path: Path) -> None:
    tenancy, environ, dsn = live.postgres(VERSION, "insert into alembic_version values ('r2')", TABLE, INDEX)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(b"grant select on t to public")
        connection.execute(b"create extension pg_trgm")
        connection.execute(b"create schema other")
        connection.execute(b"create table other.x (id int)")
    assert v5(tmp_path, tenancy, environ).verdict is Verdict.VERIFIED


@pytest.mark.usefixtures("postgresql")
def test_without_notes_of_a_runner_it_is_unknown(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(TABLE, INDEX)
    found = v5(tmp_path, tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert "not noted" in found.reason


PAIRS = {
    "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT);",
    "migrations/0001_a.down.sql": "DROP TABLE a;",
    "migrations/0002_b.up.sql": "CREATE INDEX i ON a (t);",
    "migrations/0002_b.down.sql": "DROP INDEX i;",
}


@pytest.mark.parametrize(("notes", "column"), [("number INTEGER PRIMARY KEY", "number"), ("version TEXT", "version")])
def test_a_sqlite_file_is_compared_too(tmp_path: Path, notes: str, column: str) -> None:
    file = tmp_path / "live.db"
    tenancy = live.sqlite(
        file,
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT)",
        "CREATE INDEX i ON a (t)",
        f"CREATE TABLE schema_migrations ({notes})",
        f"INSERT INTO schema_migrations ({column}) VALUES (1), (2)",
    )
    base = {name: text for name, text in PAIRS.items() if "0001" in name}

    def asked(folder: str) -> CheckResult:
        merged = change(tmp_path / folder, base, PAIRS, only=frozenset({"V5"}), tenancy=tenancy)
        return by_check(after(merged))["V5"]

    found = asked("one")
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP INDEX i")
        connection.commit()
    assert "index i is missing" in asked("two").reason
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"DELETE FROM schema_migrations WHERE {column} = 2")
        connection.commit()
    assert "the head 0002 is not applied" in asked("three").reason


def test_what_cannot_be_asked_is_unknown_with_the_step_that_helps(tmp_path: Path) -> None:
    assert "tenancy" in v5(tmp_path / "a", None).reason
    assert "database.dsn" in v5(tmp_path / "b", Tenancy(strategy="row")).reason
    nowhere = Tenancy(strategy="row", database=Database(sqlite=str(tmp_path / "none.db")))
    found = v5(tmp_path / "c", nowhere)
    assert found.verdict is Verdict.UNKNOWN
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all" * 100)
    nowhere = Tenancy(strategy="row", database=Database(sqlite=str(damaged)))
    merged = change(tmp_path / "d", {}, PAIRS, only=frozenset({"V5"}), tenancy=nowhere)
    assert "cannot be read" in by_check(after(merged))["V5"].reason


def test_before_a_merge_it_is_not_asked(tmp_path: Path) -> None:
    merged = change(tmp_path, PAIRS, {**PAIRS, "migrations/0003_c.up.sql": "SELECT 1;"}, only=frozenset({"V5"}))
    assert list(run(merged)) == []
