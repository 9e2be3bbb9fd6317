"""Calls of Alembic's `op`, and of SQLAlchemy objects, as operations."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from stas_tui.review.migrations.alembic_parts import (
    ENUMS,
    column_ops,
    default_of,
    foreign_rule,
    table_parts,
    type_of,
)
from stas_tui.review.migrations.model import NOT_KNOWN, Kind, Op
from stas_tui.review.migrations.values import (
    UNKNOWN,
    Arguments,
    Expr,
    arguments_of,
    as_text,
    called,
    fold,
    last_name,
    names_of,
)

HARMLESS = frozenset(
    {"get_bind", "get_context", "f", "create_table_comment", "drop_table_comment", "batch_alter_table", "invoke"}
)
"""Methods of `op` that change nothing that is compared."""

_Maker = Callable[[Arguments, str, int, str], Iterator[Op]]


def _name(value: object) -> str:
    text = as_text(value)
    return "" if text is None else text.removeprefix("public.")


def _table(arguments: Arguments, position: int, batch: str, *names: str) -> str:
    if batch:
        return batch
    table = _name(arguments.get(position, *names))
    schema = as_text(arguments.get(None, "schema"))
    return f"{schema}.{table}" if schema and schema != "public" and table else table


def _if(arguments: Arguments) -> bool:
    return arguments.get(None, "if_exists") is True or arguments.get(None, "if_not_exists") is True


def _at(batch: str, position: int) -> int:
    """In a batch the table is not an argument, so what follows moves to the front."""
    return position - 1 if batch else position


def ops_of_call(method: str, arguments: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    """The operations of `op.method(…)`, or of a batch on the table `batch`."""
    maker = _MAKERS.get(method)
    if maker is None:
        if method not in HARMLESS:
            yield Op(kind=Kind.UNCLEAR, line=line, code=code, why=f"op.{method} is not read")
        return
    if arguments.starred or any(k.arg is None for k in arguments.node.keywords):
        yield Op(kind=Kind.UNCLEAR, line=line, code=code, why=f"the arguments of op.{method} are not written out")
        return
    for op in maker(arguments, batch, line, code):
        unnamed = not op.table and op.kind not in _NO_TABLE
        yield (
            op
            if not unnamed
            else Op(
                kind=Kind.UNCLEAR, line=line, code=code, why=f"the table of op.{method} is put together at run time"
            )
        )


_NO_TABLE = frozenset(
    {
        *(Kind.UNCLEAR, Kind.OTHER, Kind.CREATE_ENUM, Kind.DROP_ENUM, Kind.DROP_INDEX, Kind.RENAME),
        *(Kind.CREATE, Kind.DROP),
    }
)


def _create_table(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    table = _table(a, 0, batch, "table_name")
    parts = table_parts(a.rest(1), table, line, code)
    yield from (part for part in parts if part.kind is Kind.CREATE_ENUM)
    own = tuple(part for part in parts if part.kind is not Kind.CREATE_ENUM)
    yield Op(kind=Kind.CREATE_TABLE, table=table, parts=own, only_if=_if(a), line=line, code=code)


def _drop_table(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    yield Op(kind=Kind.DROP_TABLE, table=_table(a, 0, batch, "table_name"), only_if=_if(a), line=line, code=code)


def _rename_table(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    table = _table(a, 0, batch, "old_table_name")
    to = _name(a.get(1, "new_table_name"))
    if not to:
        yield Op(kind=Kind.UNCLEAR, line=line, code=code, why="the new name is put together at run time")
        return
    schema = table.rpartition(".")[0]
    yield Op(kind=Kind.RENAME_TABLE, table=table, to=f"{schema}.{to}" if schema else to, line=line, code=code)


def _add_column(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    table = _table(a, 0, batch, "table_name")
    for op in column_ops(a.get(_at(batch, 1), "column"), table, line, code):
        if op.kind is not Kind.CREATE_ENUM:
            yield op


def _drop_column(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    name = as_text(a.get(_at(batch, 1), "column_name"))
    if name is None:
        yield Op(kind=Kind.UNCLEAR, line=line, code=code, why="the column is put together at run time")
        return
    table = _table(a, 0, batch, "table_name")
    yield Op(kind=Kind.DROP_COLUMN, table=table, name=name, only_if=_if(a), line=line, code=code)


def _alter_column(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    name = as_text(a.get(_at(batch, 1), "column_name"))
    table = _table(a, 0, batch, "table_name")
    if name is None:
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="the column is put together at run time")
        return
    nullable, default = a.get(None, "nullable"), a.get(None, "server_default")
    existing = a.get(None, "existing_nullable")
    using = as_text(a.get(None, "postgresql_using"))
    changes = a.has("nullable", "type_", "server_default")
    if changes:
        yield Op(
            kind=Kind.ALTER_COLUMN,
            table=table,
            name=name,
            type=(type_of(a.get(None, "type_")).text or NOT_KNOWN) if a.has("type_") else None,
            nullable=nullable if isinstance(nullable, bool) else None,
            default=_given(default_of(default)) if a.has("server_default") and default is not False else None,
            existing_type=type_of(a.get(None, "existing_type")).text,
            existing_nullable=existing if isinstance(existing, bool) else None,
            using=using or "",
            line=line,
            code=code,
        )
    if a.has("new_column_name"):
        to = as_text(a.get(None, "new_column_name"))
        if to is None:
            yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="the new name is not known")
        else:
            yield Op(kind=Kind.RENAME_COLUMN, table=table, name=name, to=to, line=line, code=code)


def _given(default: str | None) -> str:
    return NOT_KNOWN if default is None else default


def _constraint(what: str) -> _Maker:
    def make(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
        name = _name(a.get(0, "constraint_name"))
        table = _table(a, 1, batch, "table_name")
        columns: tuple[str, ...] | None = None
        rule: str | None = ""
        if what == "check":
            rule = as_text(a.get(_at(batch, 2), "condition"))
        elif what == "foreign key":
            table = _table(a, 1, batch, "source_table")
            target = _name(a.get(_at(batch, 2), "referent_table"))
            schema = as_text(a.get(None, "source_schema"))
            table = f"{schema}.{table}" if schema and schema != "public" and table and not batch else table
            columns = names_of(a.get(_at(batch, 3), "local_cols"))
            remote = names_of(a.get(_at(batch, 4), "remote_cols"))
            known = target and remote is not None
            on = a.get(None, "ondelete"), a.get(None, "onupdate")
            rule = foreign_rule(target, ", ".join(remote or ()), *on) if known else None
        else:
            columns = names_of(a.get(_at(batch, 2), "columns"))
        not_valid = a.get(None, "postgresql_not_valid") is True
        yield Op(
            kind=Kind.ADD_CONSTRAINT, table=table, name=name, what=what, columns=columns, rule=rule,
            not_valid=not_valid, line=line, code=code,
        )  # fmt: skip

    return make


def _drop_constraint(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    given = a.get(0, "constraint_name")
    table = _table(a, 1, batch, "table_name")
    if given is UNKNOWN or isinstance(given, Expr):
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="the constraint is put together at run time")
        return
    what = {"foreignkey": "foreign key", "primary": "primary key"}.get(str(a.get(None, "type_")), "")
    yield Op(kind=Kind.DROP_CONSTRAINT, table=table, name=_name(given), what=what, only_if=_if(a), line=line, code=code)


def _create_index(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    given = a.get(0, "index_name")
    table = _table(a, 1, batch, "table_name")
    if given is UNKNOWN or isinstance(given, Expr):
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="the index is put together at run time")
        return
    where = as_text(a.get(None, "postgresql_where"))
    yield Op(
        kind=Kind.CREATE_INDEX,
        table=table,
        name=_name(given),
        columns=names_of(a.get(_at(batch, 2), "columns")),
        rule=f"where {where}" if where else "",
        unique=a.get(None, "unique") is True,
        concurrently=a.get(None, "postgresql_concurrently") is True,
        only_if=_if(a),
        line=line,
        code=code,
    )


def _drop_index(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    given = as_text(a.get(0, "index_name"))
    table = _table(a, 1, batch, "table_name")
    if given is None:
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="the index is put together at run time")
        return
    schema = table.rpartition(".")[0]
    yield Op(
        kind=Kind.DROP_INDEX,
        table=table,
        name=f"{schema}.{given}" if schema else given,
        concurrently=a.get(None, "postgresql_concurrently") is True,
        only_if=_if(a),
        line=line,
        code=code,
    )


def _bulk_insert(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
    yield Op(kind=Kind.INSERT, table=table_name(a.get(0, "table")) or "?", line=line, code=code)


_ENTITIES = {
    "PGFunction": "function",
    "PGView": "view",
    "PGMaterializedView": "materialized view",
    "PGTrigger": "trigger",
    "PGPolicy": "policy",
    "PGExtension": "extension",
}
"""Classes of alembic_utils."""


def _entity(kind: Kind, where: str = "") -> _Maker:
    def make(a: Arguments, batch: str, line: int, code: str) -> Iterator[Op]:
        value = a.get(0)
        name = None
        if called(value, *_ENTITIES):
            assert isinstance(value, Expr)
            inner = arguments_of(value)
            what = _ENTITIES[last_name(value.node.func)]  # type: ignore[attr-defined]
            name = as_text(inner.get(1, "signature"))
            schema = as_text(inner.get(0, "schema"))
            table = _name(inner.get(None, "on_entity"))
        if name is None:
            yield Op(kind=Kind.UNCLEAR, line=line, code=code, why="an entity is put together at run time")
            return
        name = name.partition("(")[0].strip().lower()
        full = f"{schema}.{name}" if schema and schema != "public" and not table else name
        yield Op(kind=kind, what=what, name=full, table=table, where=where, line=line, code=code)

    return make


_MAKERS: dict[str, _Maker] = {
    "create_entity": _entity(Kind.CREATE),
    "drop_entity": _entity(Kind.DROP),
    "replace_entity": _entity(Kind.CREATE, "replace"),
    "create_table": _create_table,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_column": _alter_column,
    "create_unique_constraint": _constraint("unique"),
    "create_check_constraint": _constraint("check"),
    "create_foreign_key": _constraint("foreign key"),
    "create_primary_key": _constraint("primary key"),
    "create_exclude_constraint": _constraint("exclude"),
    "drop_constraint": _drop_constraint,
    "create_index": _create_index,
    "drop_index": _drop_index,
    "bulk_insert": _bulk_insert,
}


def enum_op(value: Expr, method: str, arguments: Arguments, line: int, code: str) -> Op | None:
    """`mood.create(bind)` or `mood.drop(bind)`; None if the value is no enum type."""
    if not called(value, *ENUMS):
        return None
    named = type_of(value)
    kind = Kind.CREATE_ENUM if method == "create" else Kind.DROP_ENUM
    if not named.enum:
        return Op(kind=Kind.UNCLEAR, line=line, code=code, why="the name of an enum type is not known")
    only_if = arguments.get(None, "checkfirst") is True
    return Op(kind=kind, name=named.enum, labels=named.labels, only_if=only_if, line=line, code=code)


def table_name(value: object) -> str | None:
    """The table of `sa.table("t")`, `sa.Table("t", …)` or a model class of the same file."""
    if called(value, "table", "Table"):
        assert isinstance(value, Expr)
        return as_text(arguments_of(value).get(0, "name"))
    if isinstance(value, dict):
        return as_text(value.get("__tablename__"))
    return None


def dml_op(value: object, line: int, code: str) -> Op | None:
    """`sa.update(t).where(…)`, `t.delete()` and their kind; None if it is none of them."""
    if not isinstance(value, Expr):
        return None
    methods: dict[str, ast.Call] = {}
    node: ast.expr = value.node
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        methods.setdefault(node.func.attr, node)
        node = node.func.value
    calls = dict(methods)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        calls[node.func.id] = node
    for name, kind in (("update", Kind.UPDATE), ("delete", Kind.DELETE), ("insert", Kind.INSERT)):
        if name not in calls:
            continue
        call = calls[name]
        inner = fold(call.args[0], value.scope) if call.args else fold(_owner(call), value.scope)
        if "query" in calls and calls["query"].args:
            inner = fold(calls["query"].args[0], value.scope)
        where = next((w for w in ("where", "filter", "filter_by") if w in calls), "")
        text = ast.unparse(calls[where])[-200:] if where else ""
        sets = calls.get("values")
        values = tuple((k.arg, ast.unparse(k.value)) for k in sets.keywords if k.arg) if sets else ()
        table = table_name(inner) or "?"
        return Op(kind=kind, table=table, where=text and "?", values=values, line=line, code=code)
    return Op(kind=Kind.OTHER, line=line, code=code) if "select" in calls or last_name(node) == "select" else None


def _owner(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.func
