"""Columns, constraints and types as SQLAlchemy writes them, as parts of operations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from stas_tui.review.migrations.model import Kind, Op
from stas_tui.review.migrations.names import canonical_type
from stas_tui.review.migrations.values import (
    UNKNOWN,
    Expr,
    arguments_of,
    as_text,
    called,
    fold,
    last_name,
    names_of,
)

CONSTRAINTS = {
    "PrimaryKeyConstraint": "primary key",
    "UniqueConstraint": "unique",
    "ForeignKeyConstraint": "foreign key",
    "CheckConstraint": "check",
    "ExcludeConstraint": "exclude",
}
ENUMS = ("Enum", "ENUM")
_SIZED = {"String", "VARCHAR", "Unicode", "CHAR", "AutoString", "Numeric", "NUMERIC", "DECIMAL"}
_PLAIN = {"AutoString": "varchar", "JSON": "json", "JSONB": "jsonb", "Uuid": "uuid", "UUID": "uuid"}


@dataclass(frozen=True, slots=True)
class Named:
    """A type: its spelling, and for an enum its name and labels."""

    text: str | None
    enum: str = ""
    labels: tuple[str, ...] = ()
    creates: bool = False
    """Whether making a table makes the type."""


def type_of(value: object) -> Named:
    """What a type expression is; without text if that is not known."""
    if not isinstance(value, Expr):
        return Named(None)
    node = value.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "with_variant":
        return type_of(fold(node.func.value, value.scope))
    if not isinstance(node, ast.Call):
        name = last_name(node)
        return Named(_PLAIN.get(name) or canonical_type(name) if name else None)
    name = last_name(node.func)
    arguments = arguments_of(value)
    if name in ENUMS:
        given = as_text(arguments.get(None, "name"))
        labels = tuple(label for label in arguments.rest(0) if isinstance(label, str))
        if arguments.get(None, "native_enum") is False:
            return Named("varchar")
        label = given.lower() if given else ""
        creates = arguments.get(None, "create_type") is not False
        return Named(f"enum {label}" if label else None, label, labels, creates)
    if name == "ARRAY":
        inner = type_of(arguments.get(0, "item_type"))
        return Named(f"{inner.text}[]" if inner.text else None)
    if name in ("DateTime", "TIMESTAMP", "Time"):
        zone = arguments.get(None, "timezone") is True or arguments.get(0) is True
        return Named(("timestamp" if name != "Time" else "time") + ("tz" if zone else ""))
    numbers = [arguments.get(0, "length", "precision"), arguments.get(1, "scale")] if name in _SIZED else []
    known = [str(n) for n in numbers if isinstance(n, int)]
    base = _PLAIN.get(name, name.lower())
    return Named(canonical_type(f"{base}({','.join(known)})" if known else base))


def default_of(value: object) -> str | None:
    """A server default as SQL text; None if it is not known, empty if there is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if called(value, "Identity", "Computed", "FetchedValue", "Sequence"):
        assert isinstance(value, Expr)
        return ast.unparse(value.node)[:200]
    if isinstance(value, Expr) and isinstance(value.node, ast.Call):
        return ast.unparse(value.node)[:200]
    return None


def column_ops(value: object, table: str, line: int, code: str) -> Iterator[Op]:
    """The column and what hangs on it: its enum type, key, unique, foreign key, check, index."""
    if not called(value, "Column", "column"):
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="a column is put together at run time")
        return
    assert isinstance(value, Expr)
    arguments = arguments_of(value)
    name = as_text(arguments.get(0, "name"))
    if name is None:
        yield Op(kind=Kind.UNCLEAR, table=table, line=line, code=code, why="a column's name is not known")
        return
    name = name.lower() if name.islower() or name.isupper() else name
    line = value.node.lineno
    named = type_of(arguments.get(1, "type_"))
    key = arguments.get(None, "primary_key") is True
    nullable = arguments.get(None, "nullable")
    given = arguments.get(None, "server_default")
    if named.enum and named.creates:
        yield Op(kind=Kind.CREATE_ENUM, name=named.enum, labels=named.labels, line=line, code=code)
    default = "" if given is UNKNOWN and not arguments.has("server_default") else default_of(given)
    hanging = [one for one in arguments.rest(1) if isinstance(one, Expr)]
    if any(called(one, "Identity", "Computed") for one in hanging):
        default = "identity"
    yield Op(
        kind=Kind.ADD_COLUMN,
        table=table,
        name=name,
        type=named.text,
        nullable=False if key else nullable if isinstance(nullable, bool) else True,
        default=default,
        line=line,
        code=code,
    )
    if key:
        yield _constraint(table, "", "primary key", (name,), "", line, code)
    if arguments.get(None, "unique") is True and arguments.get(None, "index") is not True:
        yield _constraint(table, "", "unique", (name,), "", line, code)
    if arguments.get(None, "index") is True:
        unique = arguments.get(None, "unique") is True
        bare = table.rpartition(".")[2]
        yield Op(
            kind=Kind.CREATE_INDEX, table=table, name=f"ix_{bare}_{name}", columns=(name,), unique=unique,
            line=line, code=code,
        )  # fmt: skip
    for one in hanging:
        if called(one, "ForeignKey"):
            yield _foreign_key(one, table, (name,), line, code)
        elif called(one, *CONSTRAINTS):
            yield constraint_op(one, table, code)


def _foreign_key(value: Expr, table: str, columns: tuple[str, ...], line: int, code: str) -> Op:
    arguments = arguments_of(value)
    target = as_text(arguments.get(0, "column"))
    rule = _references([target] if target else None, arguments.get(None, "ondelete"), arguments.get(None, "onupdate"))
    name = as_text(arguments.get(None, "name")) or ""
    return _constraint(table, name, "foreign key", columns, rule, line, code)


def _references(targets: list[str] | None, on_delete: object, on_update: object) -> str | None:
    if not targets:
        return None
    table = targets[0].rpartition(".")[0].removeprefix("public.")
    columns = ", ".join(target.rpartition(".")[2] for target in targets)
    return foreign_rule(table, columns, on_delete, on_update)


def foreign_rule(table: str, columns: str, on_delete: object, on_update: object) -> str:
    """What a foreign key demands, in the spelling of SQL."""
    more = "".join(f" on {w} {str(r).lower()}" for w, r in (("delete", on_delete), ("update", on_update)) if _said(r))
    return f"references {table} ({columns}){more}"


def _said(rule: object) -> bool:
    return isinstance(rule, str) and rule.lower() != "no action"


def _constraint(
    table: str, name: str, what: str, columns: tuple[str, ...] | None, rule: str | None, line: int, code: str
) -> Op:
    return Op(
        kind=Kind.ADD_CONSTRAINT, table=table, name=name, what=what, columns=columns, rule=rule, line=line, code=code
    )


def constraint_op(value: Expr, table: str, code: str) -> Op:
    """A constraint object inside a table or a batch."""
    node = value.node
    assert isinstance(node, ast.Call)
    what = CONSTRAINTS[last_name(node.func)]
    arguments = arguments_of(value)
    name = as_text(arguments.get(None, "name")) or ""
    columns: tuple[str, ...] | None
    rule: str | None = ""
    if what == "foreign key":
        columns = names_of(arguments.get(0, "columns"))
        targets = names_of(arguments.get(1, "refcolumns"))
        rule = _references(
            list(targets) if targets else None, arguments.get(None, "ondelete"), arguments.get(None, "onupdate")
        )
    elif what == "check":
        columns, rule = None, as_text(arguments.get(0, "sqltext"))
    else:
        columns = names_of(tuple(arguments.rest(0)))
    return _constraint(table, name, what, columns, rule, node.lineno, code)


def table_parts(values: Iterator[object], table: str, line: int, code: str) -> tuple[Op, ...]:
    """Everything inside `create_table`."""
    found: list[Op] = []
    keys: list[str] = []
    for value in values:
        if called(value, *CONSTRAINTS):
            assert isinstance(value, Expr)
            found.append(constraint_op(value, table, code))
        elif called(value, "Index"):
            assert isinstance(value, Expr)
            found.append(index_op(value, table, value.node.lineno, code))
        else:
            for op in column_ops(value, table, line, code):
                if op.what == "primary key":
                    keys += op.columns or ()
                else:
                    found.append(op)
    if keys:
        found.append(_constraint(table, "", "primary key", tuple(keys), "", line, code))
    return tuple(found)


def index_op(value: Expr, table: str, line: int, code: str) -> Op:
    """`sa.Index(name, columns…)`."""
    arguments = arguments_of(value)
    return Op(
        kind=Kind.CREATE_INDEX,
        table=table,
        name=as_text(arguments.get(0, "name")) or "",
        columns=names_of(tuple(arguments.rest(1))),
        unique=arguments.get(None, "unique") is True,
        line=line,
        code=code,
    )
