"""C3 with plain SQL: on a private PostgreSQL, and on a scratch SQLite file where that is what a project has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stas_tui.review.rehearsal import run
from storage.check_records import CheckResult, Verdict
from tests.review.migrations.repositories import by_check, change, rules, texts

DEMO = Path(__file__).parents[3] / "stas_tui" / "demo" / "service" / "migrations"


def c3(folder: Path, before: dict[str, str], after: dict[str, str], **more: Any) -> CheckResult:
    return by_check(run(change(folder, before, after, only=frozenset({"C3"}), **more)))["C3"]


def pair(number: int, up: str, down: str | None) -> dict[str, str]:
    files = {f"db/migrations/{number:04}_x.up.sql": up}
    return files if down is None else {**files, f"db/migrations/{number:04}_x.down.sql": down}


FIRST = pair(1, "create table t (id serial primary key, a varchar(20) not null default 'x', u uuid);", "drop table t;")


@pytest.mark.parametrize(
    ("up", "down", "sentence"),
    [
        ("alter table t alter a drop not null;", "select 1;", "nullable was no and is yes"),
        ("create type m as enum ('a');", "-- later\nselect 1;", "type m stays behind"),
        ("alter table t add b int, add c int;", "alter table t drop b;", "column t.c stays behind"),
        ("create index i on t (a);", "drop index j;", "its way down fails: UndefinedObject"),
        ("alter table t add b int;", None, "there is no way down"),
        (
            "alter table t add b int; create view v as select b from t;",
            "drop view v; alter table t drop b, drop a;",
            "column t.a is not put back",
        ),
    ],
)
@pytest.mark.usefixtures("postgresql")
def test_faults_of_pairs_are_named(tmp_path: Path, up: str, down: str | None, sentence: str) -> None:
    found = c3(tmp_path, FIRST, {**FIRST, **pair(2, up, down)})
    assert found.verdict is Verdict.FLAGGED
    assert sentence in texts(found.leads)


@pytest.mark.usefixtures("postgresql")
def test_sound_pairs_are_verified_also_outside_of_a_transaction(tmp_path: Path) -> None:
    after = {
        **FIRST,
        **pair(2, "alter table t add b int; create index ib on t (b);", "alter table t drop b;"),
        **pair(3, "create index concurrently ia on t (a);", "drop index concurrently ia;"),
        **pair(4, "begin; create table z (id int); commit;", "begin; drop table z; commit;"),
        **pair(5, "do $$ begin execute 'create table d (id int)'; end $$;", "drop table d;"),
    }
    found = c3(tmp_path, FIRST, after)
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert found.counts["revisions"] == 4


@pytest.mark.parametrize(
    ("head", "foot"),
    [("-- migrate:up", "-- migrate:down"), ("-- +goose Up", "-- +goose Down"), ("-- +migrate Up", "-- +migrate Down")],
)
@pytest.mark.usefixtures("postgresql")
def test_files_in_two_parts(tmp_path: Path, head: str, foot: str) -> None:
    one = f"{head}\ncreate table a (id uuid);\n{foot}\ndrop table a;\n"
    sound = f"{head}\nalter table a add b int;\ncomment on column a.b is 'x; y';\n{foot}\nalter table a drop b;\n"
    base = {"db/migrations/20240101_a.sql": one}
    found = c3(tmp_path, base, {**base, "db/migrations/20240102_b.sql": sound})
    assert found.verdict is Verdict.VERIFIED, found.reason
    wrong = f"{head}\nalter table a add b int, add c int;\n{foot}\nalter table a drop b;\n"
    found = c3(tmp_path / "wrong", base, {**base, "db/migrations/20240102_b.sql": wrong})
    assert "column a.c stays behind" in texts(found.leads)


@pytest.mark.usefixtures("postgresql")
def test_no_transaction_is_taken_at_its_word(tmp_path: Path) -> None:
    base = {"db/migrations/1_a.sql": "-- +goose Up\ncreate table a (id uuid);\n-- +goose Down\ndrop table a;\n"}
    plain = (
        "-- +goose NO TRANSACTION\n-- +goose Up\ncreate index concurrently i on a (id);\n"
        "-- +goose Down\ndrop index i;\n"
    )
    assert c3(tmp_path, base, {**base, "db/migrations/2_b.sql": plain}).verdict is Verdict.VERIFIED
    inside = plain.removeprefix("-- +goose NO TRANSACTION\n")
    found = c3(tmp_path / "inside", base, {**base, "db/migrations/2_b.sql": inside})
    assert rules(found) == {"upgrade-fails"}
    assert "cannot run inside a transaction block" in found.reason


def test_the_demo_service_is_rehearsed_on_sqlite(tmp_path: Path) -> None:
    files = {f"migrations/{path.name}": path.read_text() for path in DEMO.glob("*.sql")}
    before = {name: text for name, text in files.items() if "0001" in name}
    found = c3(tmp_path, before, files)
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert found.target.startswith("SQLite ")
    assert any("tenant_id" in statement for statement in found.executed)


SQLITE = {
    "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT NOT NULL DEFAULT 'x');",
    "migrations/0001_a.down.sql": "DROP TABLE a;",
}


@pytest.mark.parametrize(
    ("up", "down", "sentence"),
    [
        ("ALTER TABLE a ADD COLUMN b TEXT;", "SELECT 1;", "column a.b stays behind"),
        ("CREATE INDEX i ON a (t);", "SELECT 1;", "index i stays behind"),
        ("CREATE TRIGGER g AFTER INSERT ON a BEGIN SELECT 1; END;", "SELECT 1;", "trigger a.g stays behind"),
        ("CREATE VIEW v AS SELECT id FROM a;", "DROP VIEW IF EXISTS w;", "view v stays behind"),
        (
            "CREATE TABLE n (id INTEGER PRIMARY KEY, t TEXT); DROP TABLE a; ALTER TABLE n RENAME TO a;",
            "CREATE TABLE n (id INTEGER PRIMARY KEY, t TEXT NOT NULL DEFAULT 'x');"
            "DROP TABLE a;ALTER TABLE n RENAME TO a;",
            "table a: options was autoincrement and is nothing",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id), CHECK (a > 0), UNIQUE (a));",
            "CREATE TABLE q (id INTEGER); DROP TABLE p; ALTER TABLE q RENAME TO p;",
            "table p stays behind",
        ),
        ("CREATE TABLE p (id INTEGER);", "DROP TABLE nowhere;", "its way down fails: OperationalError: no such table"),
    ],
)
def test_faults_on_sqlite_are_named(tmp_path: Path, up: str, down: str, sentence: str) -> None:
    more = {"migrations/0002_b.up.sql": up, "migrations/0002_b.down.sql": down}
    found = c3(tmp_path, SQLITE, {**SQLITE, **more})
    assert found.verdict is Verdict.FLAGGED
    assert sentence in texts(found.leads), texts(found.leads)


def test_a_rebuilt_table_that_is_the_same_comes_back(tmp_path: Path) -> None:
    up = "ALTER TABLE a RENAME TO b; CREATE UNIQUE INDEX IF NOT EXISTS i ON b (t) WHERE t <> '';"
    down = "DROP INDEX i; ALTER TABLE b RENAME TO a;"
    more = {"migrations/0002_b.up.sql": up, "migrations/0002_b.down.sql": down}
    found = c3(tmp_path, SQLITE, {**SQLITE, **more})
    assert found.verdict is Verdict.VERIFIED, found.reason


def test_another_file_cannot_be_attached_on_sqlite(tmp_path: Path) -> None:
    aim = tmp_path / "stolen.db"
    up = f"ATTACH DATABASE '{aim}' AS s; CREATE TABLE s.x (id INTEGER);"
    more = {"migrations/0002_b.up.sql": up, "migrations/0002_b.down.sql": "SELECT 1;"}
    found = c3(tmp_path / "r", SQLITE, {**SQLITE, **more})
    assert "not authorized" in found.reason
    assert not aim.exists()


def test_another_database_is_said_to_be_unknown(tmp_path: Path) -> None:
    base = {
        "db/migrations/1_a.up.sql": "create table a (id int auto_increment) engine=InnoDB;",
        "db/migrations/1_a.down.sql": "drop table a;",
    }
    more = {
        "db/migrations/2_b.up.sql": "create table b (id int unsigned);",
        "db/migrations/2_b.down.sql": "drop table b;",
    }
    found = c3(tmp_path, base, {**base, **more})
    assert found.verdict is Verdict.UNKNOWN
    assert "mysql" in found.reason


SCHEMA = (
    "CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id) ON DELETE CASCADE, s TEXT COLLATE NOCASE,"
    " CHECK (a > 0), UNIQUE (a, s));"
)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("ON DELETE CASCADE", "constraint p.foreign key (a): rule was references a (id) on update no action on delete"),
        (", CHECK (a > 0)", "table p: checks was a > 0 and is nothing"),
        (", UNIQUE (a, s)", "constraint p.unique (a, s) is not put back"),
        ("COLLATE NOCASE", "table p: collations was nocase and is nothing"),
        ("PRIMARY KEY", "constraint p.primary key is not put back"),
    ],
)
def test_what_a_rebuilt_table_lost_is_named(tmp_path: Path, wrong: str, sentence: str) -> None:
    base = {**SQLITE, "migrations/0002_p.up.sql": SCHEMA, "migrations/0002_p.down.sql": "DROP TABLE p;"}
    again = SCHEMA.replace(wrong, "").replace("TABLE p", "TABLE q")
    more = {
        "migrations/0003_c.up.sql": "ALTER TABLE p ADD COLUMN extra TEXT;",
        "migrations/0003_c.down.sql": f"{again} DROP TABLE p; ALTER TABLE q RENAME TO p;",
    }
    found = c3(tmp_path, base, {**base, **more})
    assert sentence in texts(found.leads), texts(found.leads)
