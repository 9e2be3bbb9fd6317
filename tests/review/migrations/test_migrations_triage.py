"""What a gate learns at once from a diff's files or from a plan's text (R48, R64, D13)."""

from __future__ import annotations

from stas_tui.review.migrations.triage import triage_files, triage_text
from tests.review.migrations.repositories import revision


def test_a_declared_one_way_migration_is_named_with_its_place() -> None:
    text = revision("r2", "r1", "op.drop_table('t')", "raise NotImplementedError")
    found = triage_files({"db/versions/2.py": text})
    assert (found.schema, found.reversible) == (True, False)
    assert found.leads[0].rule == "irreversible"
    line = text.split("\n").index("    raise NotImplementedError") + 1
    assert found.leads[0].place == f"db/versions/2.py:{line}"


def test_a_written_way_back_is_not_called_reversible_by_reading() -> None:
    up, down = "op.add_column('t', sa.Column('a', sa.Integer))", "op.drop_column('t', 'a')"
    found = triage_files({"db/versions/2.py": revision("r2", "r1", up, down)})
    assert (found.schema, found.reversible, found.leads) == (True, None, ())
    assert "reading alone" in found.why


def test_a_loss_is_a_lead_and_no_judgement() -> None:
    up, down = "op.drop_column('t', 'a')", "op.add_column('t', sa.Column('a', sa.Integer))"
    found = triage_files({"db/versions/2.py": revision("r2", "r1", up, down)})
    assert found.reversible is None
    assert [lead.rule for lead in found.leads] == ["drop-column"]


def test_files_that_were_there_before_are_context() -> None:
    base = {"db/migrations/1_a.up.sql": "create table a (id int)", "db/migrations/1_a.down.sql": "drop table a"}
    found = triage_files({"db/migrations/2_b.up.sql": "drop table a"}, base)
    assert found.reversible is False
    assert {lead.rule for lead in found.leads} == {"no-way-down", "drop-table"}


def test_other_files_are_no_migration() -> None:
    found = triage_files({"app.py": "x = 1", "README.md": "drop table a"})
    assert (found.schema, found.leads) == (False, ())


def test_a_plan_that_speaks_of_a_migration_is_a_schema_migration() -> None:
    found = triage_text("## Change\nAdd a column to invoices with an Alembic migration.")
    assert found.schema
    assert found.reversible is None


def test_sql_in_a_plan_is_read() -> None:
    found = triage_text("Steps:\n\n```sql\nALTER TABLE t DROP COLUMN a;\n```\n")
    assert found.schema
    assert [(lead.rule, lead.line) for lead in found.leads] == [("drop-column", 4)]


def test_a_plan_about_something_else_is_none() -> None:
    found = triage_text("Pin the base image and restart the worker.\n\n```sh\ndocker compose up -d\n```\n")
    assert not found.schema
    found = triage_text("```sql\nselect 1;\n```")
    assert not found.schema
