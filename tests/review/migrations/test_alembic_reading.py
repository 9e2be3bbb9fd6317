"""Revisions are read from their text: branches on the dialect, loops, helpers, f-strings; nothing is executed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stas_tui.review.migrations.alembic_file import read_revision
from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Kind, Op, Revision
from tests.review.migrations.repositories import revision


def read(up: str, down: str | None = "pass", *, head: str = "", dialect: str = POSTGRESQL) -> Revision:
    found = read_revision("versions/a.py", revision("a1", "a0", up, down, head=head), "sha", dialect)
    assert found is not None
    assert not found.problem
    return found


def ops(up: str, *, head: str = "", dialect: str = POSTGRESQL) -> tuple[Op, ...]:
    return read(up, head=head, dialect=dialect).up.ops


def brief(found: tuple[Op, ...]) -> list[tuple[str, str, str]]:
    return [(str(op.kind), op.table, op.name) for op in found]


@pytest.mark.parametrize(
    ("text", "parents"),
    [
        ("revision = 'b'\ndown_revision = None", ()),
        ("revision: str = 'b'\ndown_revision: str | None = 'a'", ("a",)),
        ("revision = 'b'\ndown_revision = ('a', 'c')", ("a", "c")),
        ("OLD = 'a'\nrevision = 'b'\ndown_revision = OLD", ("a",)),
    ],
)
def test_a_revision_says_who_it_is_and_what_it_follows(text: str, parents: tuple[str, ...]) -> None:
    found = read_revision("b.py", text, "sha")
    assert found is not None
    assert (found.id, found.parents) == ("b", parents)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("revision = 'b'\ndown_revision = (", "no valid Python"),
        ("revision = make()\ndown_revision = None", "put together at run time"),
        ("revision = 'b'\ndown_revision = os.environ['X']", "put together at run time"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, why: str) -> None:
    found = read_revision("b.py", text, "sha")
    assert found is not None
    assert why in found.problem


def test_a_file_without_a_revision_is_none() -> None:
    assert read_revision("b.py", "# revision, down_revision\nx = 1", "sha") is None


def test_the_dialects_branch_is_chosen_and_the_other_is_not_added() -> None:
    text = """
        bind = op.get_bind()
        if bind.dialect.name == "sqlite":
            op.drop_table("only_sqlite")
        elif op.get_context().dialect.name in ("postgresql", "cockroachdb"):
            op.drop_table("only_postgresql")
        else:
            op.drop_table("neither")
        if bind.dialect.name != "postgresql":
            return
        op.drop_table("after")
    """
    assert [op.table for op in ops(text)] == ["only_postgresql", "after"]
    assert [op.table for op in ops(text, dialect=SQLITE)] == ["only_sqlite"]


def test_another_condition_makes_what_is_under_it_uncertain() -> None:
    text = """
        inspector = sa.inspect(op.get_bind())
        if not inspector.has_table("t"):
            op.create_table("t", sa.Column("id", sa.Integer))
        else:
            op.add_column("t", sa.Column("x", sa.Integer))
        op.drop_table("u")
    """
    assert [(op.kind, op.only_if) for op in ops(text)] == [
        (Kind.CREATE_TABLE, True),
        (Kind.ADD_COLUMN, True),
        (Kind.DROP_TABLE, False),
    ]


def test_leaving_early_makes_the_rest_uncertain() -> None:
    (op,) = ops("if has_it():\n    return\nop.drop_table('t')", head="from x import has_it\n")[-1:]
    assert (op.kind, op.only_if) == (Kind.DROP_TABLE, True)


def test_loops_over_written_out_lists_are_unrolled() -> None:
    text = """
        for table in TABLES:
            for name, kind in (("a", sa.Integer()), ("b", sa.Text())):
                op.add_column(table, sa.Column(name, kind))
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    """
    assert brief(ops(text, head='TABLES = ["t"] + ["u"]\n')) == [
        ("add column", "t", "a"), ("add column", "t", "b"), ("row security", "t", ""),
        ("add column", "u", "a"), ("add column", "u", "b"), ("row security", "u", ""),
    ]  # fmt: skip


def test_names_that_only_a_run_knows_are_unclear() -> None:
    text = """
        for table in sa.inspect(op.get_bind()).get_table_names():
            op.drop_column(table, "x")
            op.execute(f"TRUNCATE {table}")
    """
    found = ops(text)
    assert {op.kind for op in found} == {Kind.UNCLEAR}
    assert all("at run time" in op.why for op in found)


def test_a_helper_of_the_same_file_is_followed_with_its_arguments() -> None:
    head = """
def _add(table, name="x", *, nullable=True):
    _really(table, sa.Column(name, sa.String(20), nullable=nullable))


def _really(table, column):
    op.add_column(table, column)
"""
    (op,) = ops("_add('t', nullable=False)", head=head)
    assert (op.table, op.name, op.type, op.nullable) == ("t", "x", "varchar(20)", False)


def test_a_helper_that_calls_itself_ends() -> None:
    (op,) = ops("_again()", head="def _again():\n    _again()\n")
    assert op.kind is Kind.UNCLEAR


def test_a_function_of_another_module_is_not_known() -> None:
    (op,) = ops("protect(op, 't')", head="from app.helpers import protect\n")
    assert op.kind is Kind.UNCLEAR
    assert "app.helpers" in op.why


def test_a_batch_knows_its_table() -> None:
    text = """
        with op.batch_alter_table("t", schema="s") as batch_op:
            batch_op.alter_column("a", existing_type=sa.INTEGER(), type_=sa.BigInteger(), nullable=False)
            batch_op.create_foreign_key("fk", "u", ["a"], ["id"], ondelete="SET NULL")
            batch_op.drop_index("ix")
    """
    found = ops(text)
    assert brief(found) == [
        ("alter column", "s.t", "a"),
        ("add constraint", "s.t", "fk"),
        ("drop index", "s.t", "s.ix"),
    ]
    assert (found[0].existing_type, found[0].type, found[0].nullable) == ("integer", "bigint", False)
    assert found[1].rule == "references u (id) on delete set null"


def test_an_enum_inside_a_table_is_made_with_it() -> None:
    found = ops("op.create_table('t', sa.Column('m', sa.Enum('a', 'b', name='mood'), nullable=False))")
    assert (found[0].kind, found[0].name, found[0].labels) == (Kind.CREATE_ENUM, "mood", ("a", "b"))
    assert found[1].parts[0].type == "enum mood"


def test_an_enum_that_is_not_to_be_made_is_not() -> None:
    text = "op.create_table('t', sa.Column('m', postgresql.ENUM('a', name='mood', create_type=False)))"
    assert [op.kind for op in ops(text)] == [Kind.CREATE_TABLE]


def test_rows_changed_by_expressions_are_seen() -> None:
    text = """
        t = sa.table("t", sa.column("a"))
        op.execute(t.update().where(t.c.a == None).values(a=1))
        op.get_bind().execute(sa.delete(t))
        op.bulk_insert(t, [{"a": 1}])
        rows = op.get_bind().execute(sa.select(t.c.a)).fetchall()
    """
    assert [(op.kind, op.table) for op in ops(text)] == [
        (Kind.UPDATE, "t"), (Kind.DELETE, "t"), (Kind.INSERT, "t"), (Kind.OTHER, ""),
    ]  # fmt: skip


def test_a_way_down_that_always_raises_is_known_by_its_line() -> None:
    found = read("op.drop_table('t')", "if True:\n    raise NotImplementedError('no')")
    assert found.down.raises
    assert not read("pass", "try:\n    op.drop_table('t')\nexcept Exception:\n    raise").down.raises


def test_a_missing_an_empty_and_a_written_way_down_differ() -> None:
    assert read("op.drop_table('t')", None).down.missing
    empty = read("op.drop_table('t')", '"""Nothing to undo."""').down
    assert (empty.missing, empty.empty) == (False, True)
    assert not read("op.drop_table('t')", "op.create_table('t')").down.empty


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "op.add_column(t, x)",
                "op.drop_table(*a)",
                "op.execute(x + 1)",
                "for i in range(9**9): pass",
                "while x: y()",
                "op.create_table('t', *[1, 2], **k)",
                "x = [x] * 9",
                "op.alter_column(column_name='a')",
                "op.f()",
                "return",
                "with op.batch_alter_table(z) as b: b.add_column(1)",
                "op.create_index()",
                "'%s' % ()",
                "'{0.__class__}'.format(1)",
            ]
        ),
        max_size=6,
    )
)
def test_no_code_breaks_the_reading(lines: list[str]) -> None:
    found = read_revision("a.py", revision("a", None, "\n".join(lines), "\n".join(reversed(lines))), "sha")
    assert found is not None
    assert isinstance(found.up.ops, tuple)


def test_deep_nesting_is_a_problem_of_the_file_and_not_ours() -> None:
    text = "revision = 'a'\ndown_revision = None\nx = " + "(" * 3_000 + "1" + ")" * 3_000
    found = read_revision("a.py", text, "sha")
    assert found is not None
    assert found.problem
