"""C3 with Alembic on a private PostgreSQL: faults are named, sound ones verified, what cannot run is unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_rehearse import Rehearse
from stas_tui.review.rehearsal import run
from storage.check_records import CheckResult, Verdict
from tests.review.migrations.repositories import ENV, alembic, by_check, change, revision, rules, texts

pytestmark = pytest.mark.usefixtures("postgresql")

FIRST = (
    "first",
    """
    op.create_table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.String(20), nullable=False, server_default="x"),
        sa.Column("p", sa.Integer),
    )
    op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True))
    op.create_foreign_key("fk_p", "t", "parent", ["p"], ["id"], ondelete="CASCADE")
    op.execute("CREATE TYPE mood AS ENUM ('a', 'b')")
    """,
    "op.drop_table('t')\nop.drop_table('parent')\nop.execute('DROP TYPE mood')",
)

FAULTS = [
    ("nullable", "op.alter_column('t', 'a', nullable=True)", "op.execute('select 1')"),
    ("default", "op.alter_column('t', 'a', server_default=None)", "op.execute('select 1')"),
    ("length", "op.alter_column('t', 'a', type_=sa.String(50))", "op.alter_column('t', 'a', type_=sa.String(40))"),
    ("enum", "op.create_table('e', sa.Column('m', sa.Enum('q', name='m2')))", "op.drop_table('e')"),
    ("label", "op.execute(\"ALTER TYPE mood ADD VALUE 'c'\")", "op.execute('select 1')"),
    ("key", "op.drop_constraint('fk_p', 't')", "op.create_foreign_key('fk_q', 't', 'parent', ['p'], ['id'])"),
    ("unnamed", "op.create_unique_constraint('u', 't', ['a'])", "op.drop_constraint(None, 't')"),
    (
        "guarded",
        "op.execute('CREATE TABLE IF NOT EXISTS parent (id int)')",
        "op.execute('DROP TABLE parent CASCADE')",
    ),
    (
        "forgotten",
        "op.add_column('t', sa.Column('b', sa.Integer))\nop.add_column('t', sa.Column('c', sa.Integer))",
        "op.drop_column('t', 'b')",
    ),
    ("index", "op.create_index('i', 't', ['a'])", "op.drop_index('never', 't')"),
    (
        "policy",
        "op.execute('ALTER TABLE t ENABLE ROW LEVEL SECURITY')\nop.execute('CREATE POLICY p ON t USING (true)')",
        "op.execute('DROP POLICY p ON t')",
    ),
    (
        "cast",
        "op.alter_column('parent', 'id', type_=sa.Text(), postgresql_using='id::text')",
        "op.alter_column('parent', 'id', type_=sa.Integer())",
    ),
    (
        "routine",
        "op.execute('CREATE SEQUENCE s')\nop.execute('CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$')",
        "op.execute('DROP FUNCTION f()')",
    ),
    (
        "grant",
        "op.execute('CREATE ROLE clerk')\nop.execute('GRANT SELECT ON t TO clerk')",
        "op.execute('REVOKE SELECT ON t FROM clerk')",
    ),
    (
        "trigger",
        "op.execute(\"CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'\")\n"
        "op.execute('CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()')",
        "op.execute('ALTER TABLE t DISABLE TRIGGER tr')",
    ),
    ("raises", "op.add_column('t', sa.Column('z', sa.Integer))", "raise NotImplementedError('no way back')"),
    ("sound", "op.add_column('t', sa.Column('fine', sa.Integer))", "op.drop_column('t', 'fine')"),
]

EXPECTED = {
    "nullable": "column t.a: nullable was no and is yes after its way down",
    "default": "column t.a: default was 'x'::character varying and is nothing after its way down",
    "length": "column t.a: type was character varying(20) and is character varying(40) after its way down",
    "enum": "type m2 stays behind",
    "label": "label 'c' of type mood stays behind",
    "key": "constraint t.fk_p is not put back",
    "unnamed": "its way down fails: CompileError",
    "guarded": "table parent is not put back",
    "forgotten": "column t.c stays behind",
    "index": "its way down fails: UndefinedObject",
    "policy": "table t: row security was off and is on after its way down",
    "cast": 'its way down fails: DatatypeMismatch: column "id" cannot be cast automatically',
    "routine": "sequence s stays behind",
    "grant": "role clerk stays behind",
    "trigger": "trigger t.tr stays behind",
    "raises": "its way down raises an error: it is declared irreversible",
}


def c3(folder: Path, before: dict[str, str], after: dict[str, str], **more: Any) -> CheckResult:
    more.setdefault("environ", {"PATH": "/usr/bin:/bin"})
    return by_check(run(change(folder, before, after, only=frozenset({"C3"}), **more)))["C3"]


def test_each_fault_is_found_by_name_and_the_sound_one_is_not(tmp_path: Path) -> None:
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, *FAULTS))
    assert found.verdict is Verdict.FLAGGED
    said = {lead.path.rpartition("/")[2][5:-3]: "" for lead in found.leads}
    for lead in found.leads:
        said[lead.path.rpartition("/")[2][5:-3]] += lead.text + "\n"
    assert said.keys() == EXPECTED.keys()
    for name, sentence in EXPECTED.items():
        assert sentence in said[name], said[name]
    assert found.counts["revisions"] == len(FAULTS)
    assert found.counts["sound"] == 1
    assert found.counts["one way"] == 1
    assert found.live
    assert "private server" in found.target


def test_a_second_way_up_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    enum = FAULTS[3]
    files = alembic(FIRST, enum)
    found = c3(tmp_path, alembic(FIRST), files)
    (lead,) = [lead for lead in found.leads if lead.rule == "second-upgrade-fails"]
    assert 'type "m2" already exists' in lead.text
    path = "db/versions/0002_enum.py"
    assert "create_table" in files[path].split("\n")[lead.line - 1]
    assert lead.path == path


def test_sound_migrations_are_verified_with_evidence(tmp_path: Path) -> None:
    more = [
        ("a", "op.add_column('t', sa.Column('b', sa.Integer, index=True))", "op.drop_column('t', 'b')"),
        (
            "b",
            "op.create_table('e', sa.Column('m', sa.Enum('q', name='m2')))",
            "op.drop_table('e')\nop.execute('DROP TYPE m2')",
        ),
        (
            "c",
            "with op.get_context().autocommit_block():\n"
            "    op.create_index('i', 't', ['a'], postgresql_concurrently=True)",
            "with op.get_context().autocommit_block():\n    op.drop_index('i', postgresql_concurrently=True)",
        ),
        ("d", "op.execute('CREATE EXTENSION pgcrypto')", "op.execute('DROP EXTENSION pgcrypto')"),
    ]
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, *more))
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)
    assert not found.leads
    assert found.expires_at is not None
    assert any("ADD COLUMN b" in statement for statement in found.executed)
    assert "Alembic" in found.tool
    assert found.control.startswith("the comparison saw ")
    assert found.counts["made before"] == 1


def test_a_change_that_was_not_read_whole_is_never_verified(tmp_path: Path) -> None:
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    read = change(tmp_path, alembic(FIRST), alembic(FIRST, more), only=frozenset({"C3"}))
    found = by_check(run(replace(read, cut="the change is too large")))["C3"]
    assert found.verdict is Verdict.UNKNOWN
    assert "too large" in found.reason


def test_rows_alone_prove_nothing_on_an_empty_database(tmp_path: Path) -> None:
    more = ("a", "op.execute(\"UPDATE t SET a = 'y'\")", "op.execute(\"UPDATE t SET a = 'x'\")")
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, more))
    assert found.verdict is Verdict.UNKNOWN
    assert "changes no schema" in found.reason


def test_branches_and_their_merge_are_rehearsed(tmp_path: Path) -> None:
    before = alembic(FIRST)
    branches = {
        "db/versions/x.py": revision(
            "rx", "r1", "op.add_column('t', sa.Column('x', sa.Integer))", "op.drop_column('t', 'x')"
        ),
        "db/versions/y.py": revision(
            "ry", "r1", "op.add_column('t', sa.Column('y', sa.Integer))", "op.drop_column('t', 'y')"
        ),
        "db/versions/m.py": revision("rm", ("rx", "ry"), "", ""),
    }
    found = c3(tmp_path, before, {**before, **branches})
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert found.counts["revisions"] == 3
    two_heads = {name: text for name, text in branches.items() if name != "db/versions/m.py"}
    assert c3(tmp_path / "heads", before, {**before, **two_heads}).verdict is Verdict.VERIFIED


def test_the_schema_of_before_comes_from_the_base_where_an_old_one_was_altered(tmp_path: Path) -> None:
    before = alembic(FIRST)
    path = "db/versions/0001_first.py"
    more = ("a", "op.alter_column('t', 'a', type_=sa.Text())", "op.alter_column('t', 'a', type_=sa.String(20))")
    after = {**alembic(FIRST, more), path: before[path].replace("sa.String(20)", "sa.String(99)")}
    found = c3(tmp_path, before, after)
    assert found.verdict is Verdict.VERIFIED, found.reason


def test_a_missing_parent_is_unknown_and_names_it(tmp_path: Path) -> None:
    before = alembic(FIRST)
    found = c3(tmp_path, before, {**before, "db/versions/x.py": revision("rx", "nowhere", "pass", "pass")})
    assert found.verdict is Verdict.UNKNOWN
    assert "nowhere" in found.reason


def test_an_application_that_cannot_be_loaded_is_unknown_with_the_errors_sentence(tmp_path: Path) -> None:
    start = {
        "db/env.py": "from shop.models import Base\n" + ENV,
        "shop/__init__.py": "",
        "shop/models.py": "import flask_of_theirs",
    }
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    found = c3(tmp_path, alembic(FIRST, start=start), alembic(FIRST, more, start=start))
    assert found.verdict is Verdict.UNKNOWN
    assert "No module named 'flask_of_theirs'" in found.reason
    assert "[project.rehearse] python" in found.reason


def test_the_projects_own_modules_come_from_the_changes_tree(tmp_path: Path) -> None:
    start = {
        "db/env.py": "from shop.models import WIDTH\n" + ENV,
        "shop/__init__.py": "",
        "shop/models.py": "WIDTH = 7",
    }
    more = (
        "a",
        "from shop.models import WIDTH\nop.add_column('t', sa.Column('b', sa.String(WIDTH)))",
        "op.drop_column('t', 'b')",
    )
    found = c3(
        tmp_path, alembic(FIRST, start=start), alembic(FIRST, more, start={**start, "shop/models.py": "WIDTH = 9"})
    )
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert any("VARCHAR(9)" in statement for statement in found.executed)


def test_variables_that_the_environment_needs_are_given_by_the_settings(tmp_path: Path) -> None:
    start = {"db/env.py": "import os\nKEY = os.environ['APP_KEY']\n" + ENV}
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    before, after = alembic(FIRST, start=start), alembic(FIRST, more, start=start)
    found = c3(tmp_path, before, after)
    assert found.verdict is Verdict.UNKNOWN
    assert "APP_KEY" in found.reason
    found = c3(tmp_path / "given", before, after, rehearsal=Rehearse(env={"APP_KEY": "x"}))
    assert found.verdict is Verdict.VERIFIED, found.reason


@pytest.mark.parametrize(
    "env",
    [
        "import os\nfrom sqlalchemy import create_engine\nengine = create_engine(os.environ['DATABASE_URL'])\n",
        "from sqlalchemy import create_engine as make\nengine = make('postgresql+psycopg2://a:b@db.production.example/x')\n",
        "from sqlalchemy import create_engine as make\nengine = make('postgresql+psycopg://a:b@10.0.0.7/x?sslmode=require')\n",
    ],
)
def test_whatever_address_the_environment_wants_it_gets_the_scratch_database(tmp_path: Path, env: str) -> None:
    script = (
        "from alembic import context\n" + env + "with engine.connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    start = {"db/env.py": script}
    found = c3(tmp_path, alembic(FIRST, start=start), alembic(FIRST, more, start=start))
    assert found.verdict is Verdict.VERIFIED, found.reason


def test_an_asynchronous_environment_runs_too(tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    script = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def do(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine("postgresql+asyncpg://a:b@db.production.example/x")
    async with engine.connect() as connection:
        await connection.run_sync(do)
    await engine.dispose()

asyncio.run(main())
"""
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    start = {"db/env.py": script}
    found = c3(tmp_path, alembic(FIRST, start=start), alembic(FIRST, more, start=start))
    assert found.verdict is Verdict.VERIFIED, found.reason


def test_an_environment_for_sqlite_is_rehearsed_on_sqlite(tmp_path: Path) -> None:
    start = {"alembic.ini": "[alembic]\nscript_location = db\nsqlalchemy.url = sqlite:///shop.db\n"}
    first = ("first", "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True))", "op.drop_table('t')")
    more = ("a", "op.create_index('i', 't', ['id'])", "op.execute('select 1')")
    found = c3(tmp_path, alembic(first, start=start), alembic(first, more, start=start))
    assert found.verdict is Verdict.FLAGGED
    assert "index i stays behind" in found.reason
    assert "SQLite" in found.target


def test_a_way_up_that_fails_is_flagged_and_what_follows_is_said_to_be_untried(tmp_path: Path) -> None:
    more = [
        ("a", "op.add_column('t', sa.Column('id', sa.Integer))", "op.drop_column('t', 'id')"),
        ("b", "op.add_column('t', sa.Column('c', sa.Integer))", "op.drop_column('t', 'c')"),
    ]
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, *more))
    assert found.verdict is Verdict.FLAGGED
    assert rules(found) == {"upgrade-fails"}
    assert "DuplicateColumn" in found.reason
    assert found.counts["revisions"] == 1


def test_a_chain_that_does_not_start_at_the_beginning_is_unknown_and_a_dump_helps(tmp_path: Path) -> None:
    lost = (
        "first",
        "op.add_column('made_elsewhere', sa.Column('a', sa.Integer))",
        "op.drop_column('made_elsewhere', 'a')",
    )
    more = ("a", "op.add_column('made_elsewhere', sa.Column('b', sa.Integer))", "op.drop_column('made_elsewhere', 'b')")
    before = {
        **alembic(lost),
        "schema.sql": "\\restrict x\nSET lock_timeout = 0;\nCREATE TABLE made_elsewhere (id int, a int);\n",
    }
    after = {**alembic(lost, more), "schema.sql": before["schema.sql"]}
    found = c3(tmp_path, before, after)
    assert found.verdict is Verdict.UNKNOWN
    assert "the schema of before could not be made" in found.reason
    assert "made_elsewhere" in found.reason
    found = c3(tmp_path / "dump", before, after, rehearsal=Rehearse(dump="schema.sql"))
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert "the given schema" in found.reason


def test_what_needs_more_rights_than_a_rehearsal_has_is_unknown(tmp_path: Path) -> None:
    more = ("a", "op.execute(\"COPY t (a) FROM '/etc/hostname'\")", "op.execute('select 1')")
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, more))
    assert found.verdict is Verdict.UNKNOWN
    assert "may not do that" in found.reason


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, more), rehearsal=Rehearse(python="/nowhere/python"))
    assert found.verdict is Verdict.UNKNOWN
    assert "/nowhere/python" in found.reason


def test_an_interpreter_without_alembic_is_told_apart_from_ours(tmp_path: Path) -> None:
    more = ("a", "op.add_column('t', sa.Column('b', sa.Integer))", "op.drop_column('t', 'b')")
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, more), rehearsal=Rehearse(python="/usr/bin/python3"))
    assert found.verdict is Verdict.UNKNOWN
    assert "No module named 'alembic'" in found.reason


def test_without_leave_to_rehearse_nothing_is_started(tmp_path: Path) -> None:
    found = c3(tmp_path, alembic(FIRST), alembic(FIRST, FAULTS[0]), rehearse=False)
    assert found.verdict is Verdict.UNKNOWN
    assert not found.executed
