"""A text of SQL becomes statements, and statements become operations, or say that they were not understood."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Kind, Op
from stas_tui.review.migrations.names import canonical_type, given_name, narrows
from stas_tui.review.migrations.sql_ops import ops_of_text
from stas_tui.review.migrations.sql_split import statements


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a; b;", ["a", "b"]),
        ("-- x;\nselect 1;", ["select 1"]),
        ("select ';'; select \";\"", ["select ';'", 'select ";"']),
        ("select 'it''s;'; b", ["select 'it''s;'", "b"]),
        (r"select E'\';'; b", [r"select E'\';'", "b"]),
        ("do $$ begin; end; $$; b", ["do $$ begin; end; $$", "b"]),
        ("do $x$ $$;$$ $x$; b", ["do $x$ $$;$$ $x$", "b"]),
        ("select a$b$c; b", ["select a$b$c", "b"]),
        ("/* ; /* ; */ ; */ select 1; b", ["select 1", "b"]),
        (
            "create trigger t after insert on a begin update a set b = case when 1 then 2 end; delete from c; end; b",
            [
                "create trigger t after insert on a begin update a set b = case when 1 then 2 end; delete from c; end",
                "b",
            ],
        ),
        (
            "create function f() returns int language sql begin atomic; select 1; end; b",
            ["create function f() returns int language sql begin atomic; select 1; end", "b"],
        ),
        ("begin; select 1; commit;", ["begin", "select 1", "commit"]),
        ("select 'open", ["select 'open"]),
        (" ;;; ", []),
        ("", []),
    ],
)
def test_statements_end_where_the_database_says_they_do(text: str, pieces: list[str]) -> None:
    assert [one.text for one in statements(text)] == pieces


def test_a_statement_knows_the_line_of_its_first_word() -> None:
    found = statements("-- one\n\nselect 1;\n  /* two\n */ select\n 2;")
    assert [(one.line, one.text) for one in found] == [(3, "select 1"), (5, "select\n 2")]


@given(st.text(alphabet="ab;'\"$-/*\n()E\\ ", max_size=60))
def test_statements_are_pieces_of_the_text_in_their_order(text: str) -> None:
    at = 0
    for found in statements(text):
        at = text.index(found.text, at) + len(found.text)
        assert 1 <= found.line <= text.count("\n") + 1


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="altertable drcopn;'\"().,$", max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert all(isinstance(op, Op) for op in ops_of_text(text, POSTGRESQL))


def one(text: str, dialect: str = POSTGRESQL) -> Op:
    (op,) = ops_of_text(text, dialect)
    return op


@pytest.mark.parametrize(
    ("text", "kind", "facts"),
    [
        ("ALTER TABLE public.a ENABLE ROW LEVEL SECURITY", Kind.ROW_SECURITY, {"table": "a", "what": "enable"}),
        ('alter table "A" no force row level security', Kind.ROW_SECURITY, {"table": "A", "what": "no force"}),
        ("create policy p on s.a using (true)", Kind.CREATE, {"what": "policy", "name": "p", "table": "s.a"}),
        ("drop policy if exists p on a", Kind.DROP, {"what": "policy", "table": "a", "only_if": True}),
        ("alter type mood add value if not exists 'x'", Kind.ADD_LABEL, {"name": "mood", "labels": ("x",)}),
        ("create type mood as enum ('a', 'b')", Kind.CREATE_ENUM, {"name": "mood", "labels": ("a", "b")}),
        ("drop type mood", Kind.DROP_ENUM, {"name": "mood"}),
        ("alter table a alter b type varchar(9) using left(b, 9)", Kind.ALTER_COLUMN, {"type": "varchar(9)"}),
        ("alter table a alter column b set not null", Kind.ALTER_COLUMN, {"nullable": False}),
        ("alter table a alter column b drop not null", Kind.ALTER_COLUMN, {"nullable": True}),
        ("alter table a alter column b drop default", Kind.ALTER_COLUMN, {"default": ""}),
        ("alter table a alter b set default 4", Kind.ALTER_COLUMN, {"default": "4"}),
        ("alter table a rename to b", Kind.RENAME_TABLE, {"table": "a", "to": "b"}),
        ("alter table a rename column x to y", Kind.RENAME_COLUMN, {"name": "x", "to": "y"}),
        ("alter table a rename constraint x to y", Kind.RENAME, {"what": "constraint", "name": "x", "to": "y"}),
        ("alter index i rename to j", Kind.RENAME, {"what": "index", "name": "i", "to": "j"}),
        ("alter table a add check (b > 0) not valid", Kind.ADD_CONSTRAINT, {"what": "check", "not_valid": True}),
        ("alter table a add unique (b, c)", Kind.ADD_CONSTRAINT, {"what": "unique", "columns": ("b", "c")}),
        ("alter table a add constraint u unique using index i", Kind.ADD_CONSTRAINT, {"name": "u", "using": "i"}),
        ("alter table a validate constraint u", Kind.VALIDATE_CONSTRAINT, {"name": "u"}),
        ("alter table a drop constraint if exists u", Kind.DROP_CONSTRAINT, {"name": "u", "only_if": True}),
        ("create unique index concurrently i on a (lower(b)) where c", Kind.CREATE_INDEX, {"concurrently": True}),
        ("drop index concurrently i", Kind.DROP_INDEX, {"name": "i", "concurrently": True}),
        ("truncate a", Kind.TRUNCATE, {"table": "a"}),
        ("delete from a where b = 1", Kind.DELETE, {"table": "a", "where": "b = 1"}),
        ("update a set b = 2", Kind.UPDATE, {"table": "a", "values": (("b", "2"),), "where": ""}),
        ("insert into a (x) select y from b", Kind.INSERT, {"table": "a", "source": "b"}),
        ("create temp table z (a int)", Kind.CREATE_TABLE, {"temporary": True}),
        ("set local lock_timeout to '5s'", Kind.SET, {"name": "lock_timeout", "default": "5s"}),
        ("select set_config('lock_timeout', '1s', true)", Kind.SET, {"name": "lock_timeout", "default": "1s"}),
        ("lock table a in exclusive mode", Kind.LOCK, {"table": "a"}),
        ("create or replace view v as select 1", Kind.CREATE, {"what": "view", "name": "v"}),
        ("drop materialized view v", Kind.DROP, {"what": "materialized view"}),
        ("create extension if not exists pgcrypto", Kind.CREATE, {"what": "extension", "name": "pgcrypto"}),
        ("grant select on a to b", Kind.OTHER, {}),
        ("comment on table a is 'drop table a'", Kind.OTHER, {}),
        ("select 1", Kind.OTHER, {}),
    ],
)
def test_a_statement_is_one_operation(text: str, kind: Kind, facts: dict[str, object]) -> None:
    op = one(text)
    assert op.kind is kind, op
    assert {name: getattr(op, name) for name in facts} == facts


@pytest.mark.parametrize(
    "text",
    [
        "do $$ begin drop table a; end $$",
        "select add_policies('a')",
        "call tidy()",
        "alter table a alter column b drop identity",
        "this is no sql",
        "copy a from stdin",
    ],
)
def test_what_is_not_understood_says_so(text: str) -> None:
    op = one(text)
    assert op.kind is Kind.UNCLEAR
    assert op.why


def test_a_table_comes_with_its_columns_and_constraints() -> None:
    op = one(
        "create table s.a (id bigserial primary key, b character varying(20) not null default 'x',"
        " c int constraint zz references d (id) on delete cascade, unique (b), check (c > 0))"
    )
    columns = {part.name: part for part in op.parts if part.kind is Kind.ADD_COLUMN}
    assert (op.table, list(columns)) == ("s.a", ["id", "b", "c"])
    assert (columns["b"].type, columns["b"].nullable, columns["b"].default) == ("varchar(20)", False, "'x'")
    assert columns["id"].nullable is False
    kinds = {(part.what, part.name) for part in op.parts if part.kind is Kind.ADD_CONSTRAINT}
    assert kinds == {("primary key", ""), ("foreign key", "zz"), ("unique", ""), ("check", "")}


def test_several_actions_of_one_statement_are_several_operations() -> None:
    found = ops_of_text("alter table a add b int not null, drop column c, drop constraint d", POSTGRESQL)
    assert [op.kind for op in found] == [Kind.ADD_COLUMN, Kind.DROP_COLUMN, Kind.DROP_CONSTRAINT]


def test_sqlite_is_read_as_sqlite() -> None:
    found = one(
        "create table a (id integer primary key autoincrement, t text not null default (datetime('now')))", SQLITE
    )
    assert [part.name for part in found.parts if part.kind is Kind.ADD_COLUMN] == ["id", "t"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("VARCHAR(20)", "varchar(20)"),
        ("character varying (20)", "varchar(20)"),
        ("String(20)", "varchar(20)"),
        ("INT", "integer"),
        ("timestamp with time zone", "timestamptz"),
        ("numeric(10, 2)", "numeric(10,2)"),
        ("text[]", "text[]"),
    ],
)
def test_types_have_one_spelling(written: str, meant: str) -> None:
    assert canonical_type(written) == meant


def test_a_smaller_type_is_known_as_smaller() -> None:
    assert narrows("varchar(20)", "varchar(10)")
    assert narrows("text", "varchar(10)")
    assert narrows("bigint", "integer")
    assert narrows("timestamptz", "date")
    assert not narrows("varchar(10)", "varchar(20)")
    assert not narrows("integer", "bigint")
    assert not narrows("varchar(10)", "text")


def test_postgresql_names_what_has_no_name() -> None:
    assert given_name("s.order_line", "foreign key", ("order_id",)) == "order_line_order_id_fkey"
    assert given_name("t", "unique", ("a", "b")) == "t_a_b_key"
    assert given_name("t", "primary key", ("id",)) == "t_pkey"
    assert len(given_name("x" * 80, "check", ("a",))) == 63
