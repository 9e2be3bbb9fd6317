"""C4, C5 and C6 ask a real database, read-only: numbers make flags, their absence makes `verified` or `unknown`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import psycopg
import pytest

from stas_tui.isolation.declared import Tenancy
from stas_tui.review.migrations import run, triage
from storage.check_records import CheckResult, Verdict
from tests.postgres import server
from tests.review.migrations import live
from tests.review.migrations.repositories import alembic, by_check, change, rules, texts

TABLE = """
op.create_table(
    "t",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.String(20)),
    sa.Column("b", sa.Integer),
    sa.Column("parent", sa.Integer),
)
op.create_table("u", sa.Column("id", sa.Integer, primary_key=True))
"""
FIRST = ("first", TABLE, "op.drop_table('t')\nop.drop_table('u')")
CREATE = (
    "create table t (id int primary key, a varchar(20), b int, parent int)",
    "create table u (id int primary key)",
)


def asked(
    folder: Path, check: str, up: str, down: str, tenancy: Tenancy | None, environ: dict[str, str] | None = None
) -> CheckResult:
    found = change(
        folder, alembic(FIRST), alembic(FIRST, ("second", up, down)), only=frozenset({check}), tenancy=tenancy,
        environ=environ or {},
    )  # fmt: skip
    return by_check(run(found))[check]


# C4 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "rule", "number"),
    [
        ("op.drop_table('t')", "drop-table", "3 rows"),
        ("op.drop_column('t', 'a')", "drop-column", "2 values"),
        ("op.execute('DELETE FROM t WHERE b = 1')", "delete", "2 rows"),
        ("op.execute('TRUNCATE t')", "truncate", "3 rows"),
        (
            "op.alter_column('t', 'a', type_=sa.String(3), existing_type=sa.String(20), postgresql_using='left(a, 3)')",
            "narrow",
            "1 value",
        ),
    ],
)
def test_what_would_go_is_counted_and_flagged(tmp_path: Path, up: str, rule: str, number: str) -> None:
    rows = "insert into t values (1, 'abcdef', 1), (2, 'ab', 1), (3, null, 2)"
    tenancy, environ, _ = live.postgres(*CREATE, rows)
    found = asked(tmp_path, "C4", up, "pass", tenancy, environ)
    assert found.verdict is Verdict.FLAGGED
    assert rules(found) == {rule}
    assert number in found.reason, found.reason
    assert found.live
    assert found.target.startswith("PostgreSQL ")
    assert any("select count(*)" in statement for statement in found.executed)
    assert "abcdef" not in json.dumps([found.reason, *found.executed, str(found.leads)])


def test_nothing_there_to_lose_is_verified(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(*CREATE)
    found = asked(tmp_path, "C4", "op.drop_column('t', 'a')\nop.drop_table('never_there')", "pass", tenancy, environ)
    assert found.verdict is Verdict.VERIFIED
    assert found.expires_at is not None
    assert len(found.executed) == 2


@pytest.mark.parametrize(
    "up",
    [
        "op.execute('DROP TABLE IF EXISTS z; CREATE TABLE z (id int)')",
        "op.add_column('t', sa.Column('n', sa.Integer))\nop.execute('UPDATE t SET n = b')",
        "op.execute('UPDATE t SET b = 0 WHERE b IS NULL')",
        "op.create_table('z', sa.Column('id', sa.Integer))\nop.drop_table('z')",
        "op.alter_column('t', 'a', type_=sa.String(50))",
        "op.execute('CREATE TEMP TABLE z (id int); DROP TABLE z')",
    ],
)
def test_what_loses_nothing_is_no_loss(tmp_path: Path, up: str) -> None:
    found = asked(tmp_path, "C4", up, "pass", None)
    assert found.verdict is Verdict.UNKNOWN
    assert found.counts["operations"] == 0
    assert not found.leads


def test_copied_first_asks_instead_of_flagging(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(*CREATE, "insert into t values (1, 'x', 1)")
    up = "op.add_column('t', sa.Column('n', sa.Text))\nop.execute('UPDATE t SET n = a')\nop.drop_column('t', 'a')"
    found = asked(tmp_path, "C4", up, "pass", tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert "after its values were copied: 1 value now" in texts(found.leads)


def test_sqlites_way_of_altering_a_table_loses_only_what_is_left_out(tmp_path: Path) -> None:
    base = {
        "m/migrations/1_a.up.sql": "create table t (id integer primary key autoincrement, a text, b text);",
        "m/migrations/1_a.down.sql": "drop table t;",
    }
    rebuilt = (
        "create table n (id integer primary key, a text);insert into n select id, a from t;"
        "drop table t;alter table n rename to t;"
    )
    after = {**base, "m/migrations/2_b.up.sql": rebuilt, "m/migrations/2_b.down.sql": "select 1;"}
    tenancy = live.sqlite(
        tmp_path / "live.db",
        "create table t (id integer primary key, a text, b text)",
        "insert into t values (1, 'x', 'y')",
    )
    found = by_check(run(change(tmp_path / "r", base, after, only=frozenset({"C4"}), tenancy=tenancy)))["C4"]
    assert found.verdict is Verdict.FLAGGED
    assert [lead.rule for lead in found.leads] == ["drop-column"]
    assert "t.b is not taken over" in found.reason
    assert found.target == "SQLite, live.db"


def test_a_condition_that_is_more_than_a_comparison_is_never_sent(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(*CREATE, "insert into t values (1, 'x', 1)")
    up = "op.execute(\"DELETE FROM t WHERE a = (select pg_read_file('/etc/passwd')) OR pg_sleep(9) IS NULL\")"
    found = asked(tmp_path, "C4", up, "pass", tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert not any("pg_sleep" in statement for statement in found.executed)
    assert "could not be counted" in texts(found.leads)


def test_without_a_database_the_operations_are_named_and_the_step_that_helps(tmp_path: Path) -> None:
    found = asked(tmp_path, "C4", "op.drop_table('t')", "pass", None)
    assert found.verdict is Verdict.UNKNOWN
    assert "drops the table t" in found.reason
    assert "tenancy" in found.reason
    found = asked(tmp_path / "b", "C4", "op.drop_table('t')", "pass", Tenancy(strategy="row"))
    assert "database.dsn" in found.reason


def test_an_account_that_could_write_is_refused(tmp_path: Path) -> None:
    tenancy, environ, dsn = live.postgres(*CREATE, "insert into t values (1)")
    found = asked(tmp_path, "C4", "op.drop_table('t')", "pass", tenancy, {**environ, "LIVE_DSN": dsn})
    assert found.verdict is Verdict.UNKNOWN
    assert "SUPERUSER" in found.reason
    writer = server().name("writer")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'create role "{writer}" login'.encode())
        connection.execute(f'grant insert on t to "{writer}"'.encode())
        name = connection.info.dbname
    environ["LIVE_DSN"] = server().dsn(name, writer)
    found = asked(tmp_path / "b", "C4", "op.drop_table('t')", "pass", tenancy, environ)
    assert "it may INSERT on public.t" in found.reason


def test_the_documented_account_may_become_the_declared_role_and_no_other(tmp_path: Path) -> None:
    tenancy, environ, dsn = live.postgres(*CREATE, "insert into t values (1)")
    app, looks = server().name("app"), server().name("looks")
    membership = " with inherit false, set true" if server().version >= 16 else ""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (
            f'create role "{app}" login',
            f'grant insert on t to "{app}"',
            f'create role "{looks}" login noinherit',
            f'grant select on all tables in schema public to "{looks}"',
            f'grant "{app}" to "{looks}"{membership}',
        ):
            connection.execute(statement.encode())
        environ["LIVE_DSN"] = server().dsn(connection.info.dbname, looks)
    found = asked(tmp_path, "C4", "op.drop_table('t')", "pass", tenancy, environ)
    assert f"it may INSERT on public.t as {app}" in found.reason
    assert tenancy.database is not None
    declared = tenancy.model_copy(update={"database": tenancy.database.model_copy(update={"app_role": app})})
    found = asked(tmp_path / "b", "C4", "op.drop_table('t')", "pass", declared, environ)
    assert found.verdict is Verdict.FLAGGED, found.reason


def test_a_database_that_does_not_answer_is_said_without_its_password(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres()
    environ["LIVE_DSN"] = "postgresql://reader:verysecretword@127.0.0.1:1/app"
    found = asked(tmp_path, "C4", "op.drop_table('t')", "pass", tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert "could not be reached" in found.reason
    assert "verysecretword" not in found.reason


# C5 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "down", "rule"),
    [
        ("op.alter_column('t', 'a', nullable=True)", "op.alter_column('t', 'a', nullable=False)", "not-null-again"),
        (
            "op.drop_column('t', 'b')",
            "op.add_column('t', sa.Column('b', sa.Integer, nullable=False))",
            "column-without-default",
        ),
        ("op.drop_constraint('u', 't')", "op.create_unique_constraint('u', 't', ['b'])", "unique-again"),
        ("op.drop_index('i')", "op.create_index('i', 't', ['b'], unique=True)", "unique-again"),
        ("op.drop_constraint('c', 't')", "op.create_check_constraint('c', 't', 'b > 1')", "check-again"),
        (
            "op.drop_constraint('f', 't')",
            "op.create_foreign_key('f', 't', 'u', ['parent'], ['id'])",
            "reference-again",
        ),
        (
            "op.alter_column('t', 'a', type_=sa.String(99))",
            "op.alter_column('t', 'a', type_=sa.String(3))",
            "narrow-again",
        ),
    ],
)
def test_rows_that_block_the_way_back_are_flagged(tmp_path: Path, up: str, down: str, rule: str) -> None:
    rows = "insert into t values (1, 'abcdef', 1, 7), (2, null, 1, null)"
    tenancy, environ, dsn = live.postgres(*CREATE, rows)
    found = asked(tmp_path, "C5", up, down, tenancy, environ)
    assert found.verdict is Verdict.FLAGGED, found.reason
    assert rules(found) == {rule}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(b"truncate t")
    found = asked(tmp_path / "empty", "C5", up, down, tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert "after the release" in found.reason
    assert found.leads


def test_a_way_back_that_demands_nothing_says_so(tmp_path: Path) -> None:
    found = asked(tmp_path, "C5", "op.create_index('i', 't', ['a'])", "op.drop_index('i')", None)
    assert found.verdict is Verdict.UNKNOWN
    assert "demands nothing" in found.reason


# C6 -----------------------------------------------------------------------------------------------

LOCKS = [
    ("op.create_index('i', 't', ['a'])", "index-not-concurrent"),
    ("op.alter_column('t', 'a', nullable=False)", "not-null-scan"),
    ("op.alter_column('t', 'b', type_=sa.BigInteger())", "type-rewrites"),
    ("op.create_foreign_key('f', 't', 'u', ['parent'], ['id'])", "constraint-not-valid"),
    ("op.create_check_constraint('c', 't', 'b > 0')", "constraint-not-valid"),
    ("op.create_unique_constraint('q', 't', ['a'])", "constraint-builds-index"),
    ("op.add_column('t', sa.Column('z', sa.Uuid, server_default=sa.text('gen_random_uuid()')))", "default-rewrites"),
    ("op.execute('LOCK TABLE t')", "explicit-lock"),
    ("op.execute('UPDATE t SET b = 1')", "whole-table"),
    ("op.add_column('t', sa.Column('z', sa.Integer, nullable=False))", "not-null-without-default"),
]


@pytest.fixture(scope="module")
def large() -> tuple[Tenancy, dict[str, str], str]:
    return live.postgres(*CREATE, "insert into t select n, 'x', n from generate_series(1, 100001) as n")


@pytest.mark.parametrize(("up", "rule"), LOCKS)
def test_a_long_lock_on_a_large_table_is_flagged(
    tmp_path: Path, large: tuple[Tenancy, dict[str, str], str], up: str, rule: str
) -> None:
    tenancy, environ, _ = large
    found = asked(tmp_path, "C6", up, "pass", tenancy, environ)
    assert found.verdict is Verdict.FLAGGED
    assert rules(found) == {rule}


@pytest.mark.parametrize(("up", "rule"), LOCKS)
def test_on_a_small_one_it_is_a_note_and_never_verified(tmp_path: Path, up: str, rule: str) -> None:
    tenancy, environ, _ = live.postgres(*CREATE)
    found = asked(tmp_path, "C6", up, "pass", tenancy, environ)
    assert found.verdict is Verdict.UNKNOWN
    assert rule in rules(found, accusing=False)
    assert "no long lock expected" in found.reason


@pytest.mark.parametrize(
    "up",
    [
        "op.execute('SET lock_timeout = 1000')\nop.add_column('t', sa.Column('z', sa.Integer))",
        "op.execute('SET lock_timeout = 1000')\nop.alter_column('t', 'a', type_=sa.String(30))",
        "with op.get_context().autocommit_block():\n    op.create_index('i', 't', ['a'], postgresql_concurrently=True)",
        "op.create_table('z', sa.Column('id', sa.Integer, index=True))\nop.create_index('i', 'z', ['id'])",
        "op.execute('SET lock_timeout = 1000; ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID')",
        "op.execute('SET lock_timeout = 1000; ALTER TABLE t ADD COLUMN z int REFERENCES u (id)')",
        "op.execute('SET lock_timeout = 1000; ALTER TABLE t ADD CONSTRAINT q UNIQUE USING INDEX i')",
    ],
)
def test_what_takes_no_time_is_not_named(tmp_path: Path, up: str) -> None:
    found = asked(tmp_path, "C6", up, "pass", None)
    assert found.verdict is Verdict.UNKNOWN
    assert not found.leads, texts(found.leads)


def test_a_missing_lock_timeout_and_a_rename_in_place_are_notes(tmp_path: Path) -> None:
    found = asked(tmp_path, "C6", "op.alter_column('t', 'a', new_column_name='c')", "pass", None)
    assert rules(found, accusing=False) == {"no-lock-timeout", "rename-in-place"}
    assert not rules(found)


def test_squawk_is_a_second_opinion_where_it_is_installed(tmp_path: Path) -> None:
    """The program is a stand-in that answers as squawk 2.70 does."""
    said = [
        {"line": 0, "rule_name": "require-concurrent-index-creation", "message": "known already", "level": "Warning"},
        {
            "line": 1,
            "rule_name": "require-concurrent-index-deletion",
            "message": "drops under a lock",
            "level": "Warning",
        },
        {"line": 1, "rule_name": "prefer-text-field", "message": "style", "level": "Warning"},
    ]
    program = tmp_path / "bin" / "squawk"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'squawk 2.70.0' || echo '{json.dumps(said)}'\nexit 1\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    base = {"m/migrations/1_a.up.sql": "create table t (id serial);", "m/migrations/1_a.down.sql": "drop table t;"}
    after = {
        **base,
        "m/migrations/2_b.up.sql": "create index i on t (id);\ndrop index j;",
        "m/migrations/2_b.down.sql": "drop index i;",
    }
    environ = {"PATH": str(program.parent)}
    found = by_check(run(change(tmp_path / "r", base, after, only=frozenset({"C6"}), environ=environ)))["C6"]
    assert rules(found, accusing=False) == {"index-not-concurrent", "squawk:require-concurrent-index-deletion"}
    assert found.tool == "squawk 2.70.0"
    (lead,) = [lead for lead in found.leads if lead.rule.startswith("squawk")]
    assert (lead.line, lead.code) == (2, "drop index j;")


def test_sqlite_has_rules_of_its_own(tmp_path: Path) -> None:
    base = {
        "m/migrations/1_a.up.sql": "create table t (id integer primary key autoincrement);",
        "m/migrations/1_a.down.sql": "drop table t;",
    }
    after = {
        **base,
        "m/migrations/2_b.up.sql": "create index i on t (id);",
        "m/migrations/2_b.down.sql": "drop index i;",
    }
    found = by_check(run(change(tmp_path, base, after, only=frozenset({"C6"}))))["C6"]
    assert "sqlite" in found.reason


# the gate's short way -----------------------------------------------------------------------------


def test_triage_asks_nobody(tmp_path: Path) -> None:
    tenancy, environ, _ = live.postgres(*CREATE, "insert into t values (1)")
    up = "op.drop_table('t')\nop.create_index('i', 'u', ['id'])"
    found = change(
        tmp_path, alembic(FIRST), alembic(FIRST, ("second", up, "raise Exception")), tenancy=tenancy, environ=environ
    )
    results = by_check(triage(found))
    assert results["C2"].verdict is Verdict.FLAGGED
    for check in ("C4", "C5", "C6"):
        assert results[check].verdict is Verdict.UNKNOWN
        assert not results[check].executed
        assert not results[check].live
