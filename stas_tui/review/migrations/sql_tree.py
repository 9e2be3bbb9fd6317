"""Operations of statements that sqlglot understands."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stas_tui.review.migrations.model import Kind, Op
from stas_tui.review.migrations.names import canonical_type, folded_path

if TYPE_CHECKING:
    from sqlglot import exp

_PARAMETER = re.compile(r"\$(\d+)")
_UNNAMED = "stas_has_no_name"
_UNNAMED_IN_ALTER = re.compile(r"\badd\s+(check|unique|primary\s+key|foreign\s+key|exclude)\b", re.IGNORECASE)
_KNOWN_CALLS = frozenset({"set_config", "setval", "nextval", "pg_sleep"})
_Base = dict[str, object]


@lru_cache(maxsize=1)
def _quiet() -> None:
    """sqlglot logs what it does not understand; that is said in a result instead."""
    logger = logging.getLogger("sqlglot")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _op(kind: Kind, base: _Base, **more: object) -> Op:
    return Op(kind=kind, **{**base, **more})  # type: ignore[arg-type]


def parse(sql: str, dialect: str) -> exp.Expression | None:
    """The tree of one statement; None if sqlglot does not understand it."""
    import sqlglot
    from sqlglot import errors

    _quiet()
    text = _PARAMETER.sub(r":p\1", sql) if "$$" not in sql else sql
    text = _UNNAMED_IN_ALTER.sub(rf"ADD CONSTRAINT {_UNNAMED} \1", text) if _begins(sql, "alter") else text
    try:
        found: Any = sqlglot.parse_one(text, read=dialect)
    except (errors.SqlglotError, RecursionError, ValueError):
        return None
    return found  # type: ignore[no-any-return]


def _begins(sql: str, word: str) -> bool:
    return sql[: len(word)].lower() == word


def ops_of_tree(sql: str, dialect: str, base: _Base) -> list[Op]:
    """The operations of one statement; an unclear one if it cannot be read."""
    from sqlglot import exp

    tree = parse(sql, dialect)
    if tree is None or isinstance(tree, exp.Command):
        return [_op(Kind.UNCLEAR, base, why="the statement is not understood")]
    if isinstance(tree, exp.Create):
        return list(_create(tree, base))
    if isinstance(tree, exp.Drop):
        return list(_drop(tree, base))
    if isinstance(tree, exp.Alter):
        return list(_alter(tree, base))
    if isinstance(tree, exp.TruncateTable):
        return [_op(Kind.TRUNCATE, base, table=_table(t)) for t in tree.expressions]
    if isinstance(tree, exp.Delete):
        return [_op(Kind.DELETE, base, table=_table(tree.this), where=_where(tree))]
    if isinstance(tree, exp.Update):
        values = tuple((e.this.name.lower(), e.expression.sql()) for e in tree.expressions if isinstance(e, exp.EQ))
        return [_op(Kind.UPDATE, base, table=_table(tree.this), values=values, where=_where(tree))]
    if isinstance(tree, exp.Insert):
        into = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        table = tree.expression.find(exp.Table) if tree.expression is not None else None
        return [_op(Kind.INSERT, base, table=_table(into), source=_table(table) if table is not None else "")]
    if isinstance(tree, exp.Query):
        calls = [c.name.lower() for c in tree.find_all(exp.Anonymous) if c.name.lower() not in _KNOWN_CALLS]
        if calls:
            return [_op(Kind.UNCLEAR, base, why=f"what the function {calls[0]} does is not known")]
        return [_op(Kind.OTHER, base)]
    return [_op(Kind.UNCLEAR, base, why="the statement is not understood")]


def _table(node: Any) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Schema):
        node = node.this
    if isinstance(node, exp.Table):
        parts = [part for part in (node.args.get("db"), node.this) if part is not None]
        return ".".join(_ident(part) for part in parts).removeprefix("public.")
    return _ident(node)


def _ident(node: Any) -> str:
    from sqlglot import exp

    if node is None:
        return ""
    if isinstance(node, str):
        return folded_path(node)
    if isinstance(node, exp.Column | exp.Ordered | exp.Paren):
        node = node.this
    if isinstance(node, exp.Identifier):
        return node.this if node.quoted else node.this.lower()  # type: ignore[no-any-return]
    if isinstance(node, exp.Column):
        return _ident(node.this)
    return node.sql(dialect="postgres").lower()  # type: ignore[no-any-return]


def _where(tree: Any) -> str:
    where = tree.args.get("where")
    return where.this.sql(dialect="postgres") if where is not None else ""


def _create(tree: Any, base: _Base) -> Iterator[Op]:
    from sqlglot import exp

    kind = str(tree.args.get("kind", "")).lower()
    only_if = bool(tree.args.get("exists"))
    if kind == "index":
        index = tree.this
        parameters = index.args.get("params")
        columns = tuple(_ident(c) for c in (parameters.args.get("columns") or ())) if parameters else ()
        where = parameters.args.get("where") if parameters else None
        yield _op(
            Kind.CREATE_INDEX,
            base,
            name=_ident(index.this),
            table=_table(index.args.get("table")),
            columns=columns,
            rule=where.sql(dialect="postgres") if where is not None else "",
            unique=bool(tree.args.get("unique")),
            concurrently=bool(tree.args.get("concurrently")),
            only_if=only_if,
        )
    elif kind == "table":
        body = tree.this.expressions if isinstance(tree.this, exp.Schema) else ()
        table = _table(tree.this)
        temporary = tree.find(exp.TemporaryProperty) is not None
        source = tree.expression.find(exp.Table) if tree.expression is not None else None
        parts = tuple(op for part in body for op in _part(part, table, base))
        yield _op(
            Kind.CREATE_TABLE,
            base,
            table=table,
            parts=parts,
            only_if=only_if,
            temporary=temporary,
            source=_table(source) if source is not None else "",
        )
    elif kind == "type" and isinstance(tree.expression, exp.DataType):
        labels = tuple(e.name for e in tree.expression.expressions)
        yield _op(Kind.CREATE_ENUM, base, name=_table(tree.this), labels=labels)
    else:
        replace = "replace" if tree.args.get("replace") else ""
        kind = f"materialized {kind}" if tree.find(exp.MaterializedProperty) is not None else kind
        yield _op(Kind.CREATE, base, what=kind, name=_table(tree.this), only_if=only_if, where=replace)


def _part(part: Any, table: str, base: _Base) -> Iterator[Op]:
    """One line of a table: a column with what hangs on it, or a constraint."""
    from sqlglot import exp

    if isinstance(part, exp.ColumnDef):
        yield from _column(part, table, base)
    elif isinstance(part, exp.Constraint):
        yield from _constraint(part, table, base)
    else:
        yield from _rule(part, table, "", base)


def _column(node: Any, table: str, base: _Base) -> Iterator[Op]:
    from sqlglot import exp

    name = _ident(node.this)
    kind = node.args.get("kind")
    written = kind.sql(dialect="postgres") if kind is not None else ""
    serial = "serial" in written.lower()
    nullable, default = not serial, "nextval" if serial else ""
    extra: list[Op] = []
    for constraint in node.args.get("constraints") or ():
        rule = constraint.args.get("kind")
        label = constraint.args.get("this")
        own = _ident(label) if label is not None else ""
        if isinstance(rule, exp.NotNullColumnConstraint):
            nullable = bool(rule.args.get("allow_null"))
        elif isinstance(rule, exp.DefaultColumnConstraint):
            default = rule.this.sql(dialect="postgres")
        elif isinstance(rule, exp.GeneratedAsIdentityColumnConstraint):
            nullable, default = False, "identity"
        elif isinstance(rule, exp.PrimaryKeyColumnConstraint):
            nullable = False
            extra.append(_constraint_op(base, table, own, "primary key", (name,)))
        elif isinstance(rule, exp.UniqueColumnConstraint):
            extra.append(_constraint_op(base, table, own, "unique", (name,)))
        elif isinstance(rule, exp.CheckColumnConstraint):
            extra.append(_constraint_op(base, table, own, "check", (name,), rule.this.sql(dialect="postgres")))
        elif isinstance(rule, exp.Reference):
            extra.append(_constraint_op(base, table, own, "foreign key", (name,), rule.sql(dialect="postgres")))
    yield _op(
        Kind.ADD_COLUMN,
        base,
        table=table,
        name=name,
        type=canonical_type(written) if written else None,
        nullable=nullable,
        default=default,
        only_if=bool(node.args.get("exists")),
    )
    yield from extra


def _constraint(node: Any, table: str, base: _Base) -> Iterator[Op]:
    own = _ident(node.this)
    for rule in node.expressions:
        yield from _rule(rule, table, "" if own == _UNNAMED else own, base)


def _rule(node: Any, table: str, own: str, base: _Base) -> Iterator[Op]:
    from sqlglot import exp

    if isinstance(node, exp.PrimaryKey | exp.PrimaryKeyColumnConstraint):
        yield _constraint_op(base, table, own, "primary key", tuple(_ident(c) for c in node.expressions))
    elif isinstance(node, exp.UniqueColumnConstraint):
        inner = node.this.expressions if isinstance(node.this, exp.Schema) else ()
        yield _constraint_op(base, table, own, "unique", tuple(_ident(c) for c in inner))
    elif isinstance(node, exp.ForeignKey):
        reference = node.args.get("reference")
        options = [f"ON {k.upper()} {node.args[k]}" for k in ("delete", "update") if node.args.get(k)]
        rule = " ".join([reference.sql(dialect="postgres") if reference is not None else "", *options]).strip()
        yield _constraint_op(base, table, own, "foreign key", tuple(_ident(c) for c in node.expressions), rule)
    elif isinstance(node, exp.CheckColumnConstraint):
        found = dict.fromkeys(_ident(c.this) for c in node.this.find_all(exp.Column))
        yield _constraint_op(base, table, own, "check", tuple(found), node.this.sql(dialect="postgres"))
    elif isinstance(node, exp.Constraint):
        yield from _constraint(node, table, base)
    else:
        yield _op(Kind.UNCLEAR, base, table=table, why="a constraint is not understood")


def _constraint_op(base: _Base, table: str, own: str, what: str, columns: tuple[str, ...], rule: str = "") -> Op:
    return _op(Kind.ADD_CONSTRAINT, base, table=table, name=own, what=what, columns=columns, rule=rule)


def _drop(tree: Any, base: _Base) -> Iterator[Op]:
    kind = str(tree.args.get("kind", "")).lower()
    only_if = bool(tree.args.get("exists"))
    names = [_table(t) for t in (tree.args.get("tables") or ([tree.this] if tree.this is not None else []))]
    for name in names:
        if kind == "table":
            yield _op(Kind.DROP_TABLE, base, table=name, only_if=only_if)
        elif kind == "index":
            concurrently = bool(tree.args.get("concurrently"))
            yield _op(Kind.DROP_INDEX, base, name=name, only_if=only_if, concurrently=concurrently)
        elif kind == "type":
            yield _op(Kind.DROP_ENUM, base, name=name, only_if=only_if)
        else:
            what = "materialized view" if tree.args.get("materialized") else kind
            yield _op(Kind.DROP, base, what=what, name=name, only_if=only_if)


def _alter(tree: Any, base: _Base) -> Iterator[Op]:
    from sqlglot import exp

    table = _table(tree.this)
    if str(tree.args.get("kind", "")).lower() == "index":
        for action in tree.args.get("actions") or ():
            to = _table(action.this) if isinstance(action, exp.AlterRename) else ""
            yield _op(Kind.RENAME, base, what="index", name=table, to=to)
        return
    not_valid = bool(tree.args.get("not_valid"))
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.ColumnDef):
            column, *hanging = _column(action, table, base)
            yield column
            for op in hanging:  # a reference of a new column without a default has no row to check
                yield replace(op, not_valid=op.what == "foreign key" and column.default == "")
        elif isinstance(action, exp.AddConstraint):
            for part in action.expressions:
                for op in _part(part, table, base):
                    yield replace(op, not_valid=not_valid)
        elif isinstance(action, exp.Drop):
            yield from _dropped_part(action, table, base)
        elif isinstance(action, exp.AlterColumn):
            yield _altered(action, table, base)
        elif isinstance(action, exp.AlterRename):
            yield _op(Kind.RENAME_TABLE, base, table=table, to=_table(action.this))
        elif isinstance(action, exp.RenameColumn):
            yield _op(Kind.RENAME_COLUMN, base, table=table, name=_ident(action.this), to=_ident(action.args.get("to")))
        else:
            yield _op(Kind.UNCLEAR, base, table=table, why="a part of ALTER TABLE is not understood")


def _dropped_part(action: Any, table: str, base: _Base) -> Iterator[Op]:
    kind = str(action.args.get("kind", "")).lower()
    only_if = bool(action.args.get("exists"))
    names = [_table(t) for t in (action.args.get("tables") or ([action.this] if action.this is not None else []))]
    for name in names:
        if kind == "constraint":
            yield _op(Kind.DROP_CONSTRAINT, base, table=table, name=name, only_if=only_if)
        else:
            yield _op(Kind.DROP_COLUMN, base, table=table, name=name, only_if=only_if)


def _altered(action: Any, table: str, base: _Base) -> Op:
    more: dict[str, object] = {}
    if (dtype := action.args.get("dtype")) is not None:
        more["type"] = canonical_type(dtype.sql(dialect="postgres"))
        if using := action.args.get("using"):
            more["using"] = using.sql(dialect="postgres")
    if (default := action.args.get("default")) is not None:
        more["default"] = default.sql(dialect="postgres")
    elif action.args.get("allow_null") is not None:
        more["nullable"] = bool(action.args["allow_null"])
    elif action.args.get("drop"):
        more["default"] = ""
    return _op(Kind.ALTER_COLUMN, base, table=table, name=_ident(action.this), **more)
