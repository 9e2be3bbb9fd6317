"""C2: the way back as far as reading goes; the traps of real migrations that mislead and that hurt."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.review.migrations import run
from storage.check_records import CheckResult, Verdict
from tests.review.migrations.repositories import alembic, by_check, change, rules, texts

FIRST = (
    "first",
    """
    op.create_table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.String(20), nullable=False, server_default="x"),
        sa.Column("p", sa.Integer),
    )
    op.create_foreign_key("fk_p", "t", "t", ["p"], ["id"], ondelete="CASCADE")
    op.execute("CREATE TYPE mood AS ENUM ('a', 'b')")
    """,
    "op.drop_table('t')\nop.execute('DROP TYPE mood')",
)


def c2(folder: Path, up: str, down: str | None) -> CheckResult:
    found = change(folder, alembic(FIRST), alembic(FIRST, ("second", up, down)), only=frozenset({"C2"}))
    return by_check(run(found))["C2"]


@pytest.mark.parametrize(
    ("up", "down", "rule"),
    [
        ("op.add_column('t', sa.Column('b', sa.Integer))", None, "no-way-down"),
        ("op.add_column('t', sa.Column('b', sa.Integer))", "raise NotImplementedError", "irreversible"),
        ("op.add_column('t', sa.Column('b', sa.Integer))", "pass", "empty-way-down"),
        ("op.create_unique_constraint('u', 't', ['a'])", "op.drop_constraint(None, 't')", "constraint-without-name"),
        ("op.create_table('e', sa.Column('m', sa.Enum('q', name='m2')))", "op.drop_table('e')", "left-behind"),
        (
            "op.add_column('t', sa.Column('b', sa.Integer))\nop.add_column('t', sa.Column('c', sa.Integer))",
            "op.drop_column('t', 'b')",
            "left-behind",
        ),
        ("op.drop_table('t')", "op.execute('select 1')\nop.create_table('u')", "not-put-back"),
        ("op.execute('CREATE TABLE IF NOT EXISTS t (id int)')", "op.drop_table('t')", "not-put-back"),
        ("op.drop_column('t', 'a')", "op.drop_column('t', 'a')", "not-there"),
    ],
)
def test_what_is_plainly_wrong_is_flagged(tmp_path: Path, up: str, down: str | None, rule: str) -> None:
    found = c2(tmp_path, up, down)
    assert found.verdict is Verdict.FLAGGED
    assert rule in rules(found), found.leads
    assert all(lead.path == "db/versions/0002_second.py" and lead.line for lead in found.leads)


@pytest.mark.parametrize(
    ("up", "down", "sentence"),
    [
        (
            "op.alter_column('t', 'a', nullable=True)",
            "op.alter_column('t', 'a', type_=sa.Text())",
            "nullable of column t.a was off and is on",
        ),
        (
            "op.alter_column('t', 'a', type_=sa.String(50))",
            "op.alter_column('t', 'a', type_=sa.String(30))",
            "type of column t.a was varchar(20) and is varchar(30)",
        ),
        (
            "op.alter_column('t', 'a', server_default=None)",
            "op.alter_column('t', 'a', server_default='y')",
            "default of column t.a was x and is y",
        ),
        (
            "op.drop_constraint('fk_p', 't')",
            "op.create_foreign_key('fk_p', 't', 't', ['p'], ['id'])",
            "rule of constraint t.fk_p",
        ),
        (
            "op.execute(\"ALTER TYPE mood ADD VALUE 'c'\")",
            "op.create_index('i', 't', ['a'])",
            "label c stays in type mood",
        ),
        ("op.create_index('i', 't', ['a'])", "op.drop_index('j')", "index i stays behind"),
        (
            "op.execute('ALTER TABLE t ENABLE ROW LEVEL SECURITY')",
            "op.execute('ALTER TABLE t NO FORCE ROW LEVEL SECURITY')",
            "enabled of row security t was off and is on",
        ),
        ("op.execute('CREATE TABLE IF NOT EXISTS z (id int)')", "op.drop_table('z')", "one from before would be lost"),
    ],
)
def test_what_may_be_wrong_asks_and_names_it(tmp_path: Path, up: str, down: str, sentence: str) -> None:
    found = c2(tmp_path, up, down)
    assert found.verdict is Verdict.UNKNOWN
    assert sentence in texts(found.leads), texts(found.leads)
    assert not any(lead.accuses for lead in found.leads)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')"),
        ("op.execute('DROP TABLE IF EXISTS z; CREATE TABLE z (id int)')", "op.drop_table('z')"),
        (
            "op.create_table('e', sa.Column('m', sa.Enum('q', name='m2')))",
            "op.drop_table('e')\nsa.Enum(name='m2').drop(op.get_bind())",
        ),
        (
            "op.create_table('e', sa.Column('m', sa.Integer, index=True, unique=True))",
            "op.drop_index('ix_e_m', 'e')\nop.drop_table('e')",
        ),
        (
            "op.alter_column('t', 'a', nullable=True, existing_type=sa.String(20))",
            "op.execute(\"UPDATE t SET a = 'x' WHERE a IS NULL\")\nop.alter_column('t', 'a', nullable=False)",
        ),
        ("op.alter_column('t', 'a', new_column_name='b')", "op.alter_column('t', 'b', new_column_name='a')"),
        ("op.rename_table('t', 'u')", "op.rename_table('u', 't')"),
        (
            "op.drop_constraint('fk_p', 't')",
            "op.create_foreign_key('fk_p', 't', 't', ['p'], ['id'], ondelete='cascade')",
        ),
        (
            "if op.get_bind().dialect.name == 'sqlite':\n    op.drop_table('t')\n"
            "else:\n    op.create_index('i', 't', ['a'])",
            "op.drop_index('i')",
        ),
        (
            "op.execute(\"ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('a', 'b', 'c'); DROP TYPE old\")",
            "op.execute(\"ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('a', 'b'); DROP TYPE old\")",
        ),
        ("", ""),
        ("op.execute('COMMENT ON TABLE t IS NULL')", "pass"),
    ],
)
def test_what_comes_back_gives_no_lead_and_is_never_verified(tmp_path: Path, up: str, down: str) -> None:
    found = c2(tmp_path, up, down)
    assert found.verdict is Verdict.UNKNOWN
    assert not found.leads, texts(found.leads)
    assert "rehearsal" in found.reason


def test_what_was_not_understood_is_named_with_its_line(tmp_path: Path) -> None:
    found = c2(tmp_path, "op.execute('DO $$ BEGIN PERFORM 1; END $$')", "op.execute('select 1')\nop.drop_index('i')")
    assert found.verdict is Verdict.UNKNOWN
    assert "r2: line" in found.reason
    assert "DO block" in found.reason


def test_behind_something_unclear_nothing_accuses(tmp_path: Path) -> None:
    up = "op.execute('DO $$ BEGIN PERFORM 1; END $$')\nop.add_column('t', sa.Column('b', sa.Integer))"
    found = c2(tmp_path, up, "op.drop_index('i')")
    assert found.verdict is Verdict.UNKNOWN
    assert "column t.b stays behind" in texts(found.leads)


def test_rows_that_are_only_changed_ask(tmp_path: Path) -> None:
    found = c2(tmp_path, "op.execute(\"UPDATE t SET a = 'y'\")", "pass")
    assert found.verdict is Verdict.UNKNOWN
    assert rules(found, accusing=False) == {"empty-way-down"}


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"m/migrations/002_b.up.sql": "create table b (id int);"}, "no-way-down"),
        (
            {"m/migrations/002_b.up.sql": "create table b (id int);", "m/migrations/002_b.down.sql": "-- no\n"},
            "empty-way-down",
        ),
        (
            {"m/migrations/002_b.up.sql": "create table b (id int);", "m/migrations/002_b.down.sql": "drop table c;"},
            "left-behind",
        ),
    ],
)
def test_pairs_of_sql(tmp_path: Path, files: dict[str, str], rule: str) -> None:
    base = {"m/migrations/001_a.up.sql": "create table a (id int);", "m/migrations/001_a.down.sql": "drop table a;"}
    found = by_check(run(change(tmp_path, base, {**base, **files}, only=frozenset({"C2"}))))["C2"]
    assert rule in rules(found)


@pytest.mark.parametrize(
    ("up", "down"),
    [("-- migrate:up", "-- migrate:down"), ("-- +goose Up", "-- +goose Down"), ("-- +migrate Up", "-- +migrate Down")],
)
def test_files_in_two_parts(tmp_path: Path, up: str, down: str) -> None:
    one = f"{up}\ncreate table a (id int);\n\n{down}\ndrop table a;\n"
    two = f"{up}\ncreate table b (id int);\ncreate table c (id int);\n\n{down}\ndrop table b;\n"
    base = {"db/migrations/20240101000000_a.sql": one}
    after = {**base, "db/migrations/20240102000000_b.sql": two}
    found = by_check(run(change(tmp_path, base, after, only=frozenset({"C2"}))))["C2"]
    assert rules(found) == {"left-behind"}
    assert found.leads[0].line == 5
    empty = {**base, "db/migrations/20240102000000_b.sql": f"{up}\ncreate table b (id int);\n{down}\n"}
    found = by_check(run(change(tmp_path / "empty", base, empty, only=frozenset({"C2"}))))["C2"]
    assert rules(found) == {"empty-way-down"}
    missing = {**base, "db/migrations/20240102000000_b.sql": f"{up}\ncreate table b (id int);\n"}
    found = by_check(run(change(tmp_path / "missing", base, missing, only=frozenset({"C2"}))))["C2"]
    assert rules(found) == {"no-way-down"}
