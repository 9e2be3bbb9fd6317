"""What a policy's expression restricts rows to: the tenant, something else, or nothing.

The expression is read as PostgreSQL prints it. AND holds if one side does, OR only if each side does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

CAST_EMPTY = "cast-without-nullif"
NOBODY = "rows-of-nobody"
DEFAULT = "default-tenant"
_PURE = {"nullif", "coalesce", "lower", "upper", "trim", "btrim", "length", "string_to_array", "unnest", "row"}
DEEPEST = 60


class Binds(IntEnum):
    """What remains visible, from what keeps most away to what keeps nothing away."""

    NOTHING = 0
    """Never true."""
    TENANT = 1
    OPAQUE = 2
    """A function or form that is not understood."""
    OTHER = 3
    """Depends on who asks, and not on the tenant column."""
    SHARED = 4
    """The tenant's rows, and those that another column of the row opens to everybody."""
    DATA = 5
    """Depends on the row alone."""
    WRONG = 6
    """The tenant's setting is compared with another column."""
    EMPTY = 7
    """True as soon as no tenant is set."""
    ALL = 8
    """Always true."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an expression restricts to, and what was noticed on the way."""

    binds: Binds
    remarks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What counts as the tenant here."""

    table: str
    columns: frozenset[str]
    """Columns that tie a row to its tenant."""
    parent: str = ""
    """Table whose own policies restrict the rows, for one without a tenant column."""
    setting: str = ""
    """The declared setting; empty: any."""
    _remarks: set[str] = field(default_factory=set)


def judge(text: str | None, rule: Rule) -> Judged:
    """Take an expression apart; None never restricts."""
    if text is None:
        return Judged(Binds.ALL)
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read="postgres")
        rule._remarks.clear()
        binds = _judge(tree, rule, 0)
        _casts(tree, rule)
    except (SqlglotError, RecursionError, ValueError):
        return Judged(Binds.OPAQUE)
    return Judged(binds, frozenset(rule._remarks))


def _judge(node: exp.Expr, rule: Rule, depth: int) -> Binds:
    from sqlglot import exp

    if depth > DEEPEST:
        return Binds.OPAQUE
    if isinstance(node, exp.Paren):
        return _judge(node.this, rule, depth + 1)
    if isinstance(node, exp.Boolean):
        return Binds.ALL if node.this else Binds.NOTHING
    if node.args.get("negate"):
        plain = node.copy()
        plain.set("negate", None)
        return _negated(plain, rule, depth)
    if isinstance(node, exp.And):
        return _both(_judge(node.left, rule, depth + 1), _judge(node.right, rule, depth + 1))
    if isinstance(node, exp.Or):
        sides = _judge(node.left, rule, depth + 1), _judge(node.right, rule, depth + 1)
        return Binds.SHARED if max(sides) is Binds.DATA and Binds.TENANT in sides else max(sides)
    if isinstance(node, exp.Not):
        return _negated(node.this, rule, depth)
    if isinstance(node, exp.Case):
        return _case(node, rule, depth)
    if isinstance(node, exp.Coalesce):
        first = _judge(node.this, rule, depth + 1)
        rest = [_judge(other, rule, depth + 1) for other in node.expressions]
        return Binds.EMPTY if Binds.ALL in rest else max([first, *rest])
    return _leaf(node, rule)


def _both(left: Binds, right: Binds) -> Binds:
    if Binds.NOTHING in (left, right):
        return Binds.NOTHING
    if Binds.TENANT in (left, right):
        return Binds.TENANT
    return min(left, right) if Binds.EMPTY not in (left, right) else _with_empty(left, right)


def _with_empty(left: Binds, right: Binds) -> Binds:
    """`no tenant is set AND x` opens whatever x lets through."""
    other = right if left is Binds.EMPTY else left
    return Binds.OTHER if other in (Binds.OTHER, Binds.OPAQUE) else Binds.EMPTY


def _negated(node: exp.Expr, rule: Rule, depth: int) -> Binds:
    from sqlglot import exp

    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Not):
        return _judge(node.this, rule, depth + 1)
    if isinstance(node, exp.Boolean):
        return Binds.NOTHING if node.this else Binds.ALL
    if isinstance(node, exp.NEQ | exp.NullSafeNEQ):
        return _judge(exp.EQ(this=node.this, expression=node.expression), rule, depth + 1)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and not _asks(node):
        return Binds.DATA
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and node.find(exp.Column) is None:
        return Binds.ALL if _settings(node) else Binds.OTHER
    inner = _leaf(node, rule)
    return (
        Binds.ALL if inner is Binds.NOTHING else max(inner, Binds.OPAQUE) if inner is not Binds.TENANT else Binds.DATA
    )


def _case(node: exp.Case, rule: Rule, depth: int) -> Binds:
    found = []
    for branch in node.args.get("ifs") or ():
        condition = branch.this
        if node.this is not None:
            return Binds.OPAQUE
        found.append(_both(_judge(condition, rule, depth + 1), _judge(branch.args["true"], rule, depth + 1)))
    default = node.args.get("default")
    found.append(Binds.NOTHING if default is None else _judge(default, rule, depth + 1))
    return max(found)


def _leaf(node: exp.Expr, rule: Rule) -> Binds:
    from sqlglot import exp

    if isinstance(node, exp.EQ | exp.NullSafeEQ | exp.In):
        return _equal(node, rule)
    if isinstance(node, exp.Exists):
        return _inner(node, rule)
    if isinstance(node, exp.Is) and _owns(node.this, rule) and isinstance(node.expression, exp.Null):
        rule._remarks.add(NOBODY)
        return Binds.TENANT
    if node.find(exp.Column) is None:
        return _without_columns(node, rule)
    if not _asks(node):
        return Binds.DATA
    if _mentions(node, rule):
        return Binds.OPAQUE
    return Binds.OPAQUE if _called(node) else Binds.OTHER


def _equal(node: exp.Expr, rule: Rule) -> Binds:
    from sqlglot import exp

    left = node.this
    if isinstance(node, exp.In):
        right: exp.Expr = node.args.get("query") or exp.Tuple(expressions=list(node.expressions))
    else:
        right = node.expression
    if not _owns(left, rule) and _owns(right, rule):
        left, right = right, left
    if not _owns(left, rule):
        return _equal_other(node, left, right, rule)
    if right.find(exp.Select) is not None:
        return _inner(right, rule, within=True)
    if _asks(right):
        if _mentions(right, rule):
            return Binds.EMPTY
        if isinstance(_bare(right), exp.Coalesce) and _falls_back(right):
            rule._remarks.add(DEFAULT)
        return Binds.TENANT
    same = isinstance(_bare(right), exp.Column) and _owns(right, rule)
    return Binds.ALL if same else Binds.DATA


def _equal_other(node: exp.Expr, left: exp.Expr, right: exp.Expr, rule: Rule) -> Binds:
    from sqlglot import exp

    if node.find(exp.Select) is not None:
        return _inner(node, rule)
    if not list(node.find_all(exp.Column)):
        return _without_columns(node, rule)
    if not _asks(node):
        return Binds.DATA
    column = any(isinstance(_bare(side), exp.Column) for side in (left, right))
    if column and rule.setting and rule.setting in _settings(node) and not rule.parent:
        return Binds.WRONG
    return Binds.OTHER


def _without_columns(node: exp.Expr, rule: Rule) -> Binds:
    """A condition that is the same for every row."""
    from sqlglot import exp

    if isinstance(node, exp.EQ | exp.GT | exp.LT | exp.NEQ | exp.GTE | exp.LTE) and not _asks(node):
        literal = isinstance(_bare(node.this), exp.Literal) and isinstance(_bare(node.expression), exp.Literal)
        if literal and isinstance(node, exp.EQ):
            return Binds.ALL if node.this == node.expression else Binds.NOTHING
        return Binds.OPAQUE
    settings = _settings(node)
    if settings and (not rule.setting or rule.setting in settings):
        empty = isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)
        empty |= isinstance(node, exp.EQ) and any(_is_empty(side) for side in (node.this, node.expression))
        if empty:
            return Binds.EMPTY
    if node.find(exp.Select) is not None:
        return Binds.OPAQUE
    return Binds.OTHER if _asks(node) else Binds.OPAQUE


def _inner(node: exp.Expr, rule: Rule, *, within: bool = False) -> Binds:
    """A subquery: by who asks and tied to the row, by the parent's own policies, or by neither.

    `where m.tenant_id = tenant_id` ties nothing if both names are the inner table's.
    """
    from sqlglot import exp

    tables = {table.name for table in node.find_all(exp.Table)}
    tied = within or any(
        column.name in rule.columns and column.table in ("", rule.table) for column in node.find_all(exp.Column)
    )
    if rule.parent and rule.parent in tables and tied:
        return Binds.TENANT
    if _asks(node):
        return Binds.TENANT if tied else Binds.OTHER
    return Binds.OPAQUE


def _bare(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _owns(node: exp.Expr, rule: Rule) -> bool:
    """Whether it is a tenant column of the table itself, cast or not."""
    from sqlglot import exp

    bare = _bare(node)
    return isinstance(bare, exp.Column) and bare.name in rule.columns and bare.table in ("", rule.table)


def _mentions(node: exp.Expr, rule: Rule) -> bool:
    from sqlglot import exp

    return any(column.name in rule.columns for column in node.find_all(exp.Column))


def _calls(node: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for call in node.find_all(exp.Anonymous):
        if call.name.lower() not in _PURE:
            yield call


def _called(node: exp.Expr) -> bool:
    """Whether a function other than current_setting is asked."""
    return any(call.name.lower() != "current_setting" for call in _calls(node))


def _asks(node: exp.Expr) -> bool:
    """Whether it depends on who asks: a setting, the user, or a function of the project's."""
    from sqlglot import exp

    users = (exp.CurrentUser, exp.SessionUser, exp.CurrentRole)
    return any(True for _ in _calls(node)) or node.find(*users) is not None


def _settings(node: exp.Expr) -> set[str]:
    from sqlglot import exp

    found = set()
    for call in node.find_all(exp.Anonymous):
        if call.name.lower() == "current_setting" and call.expressions:
            first = _bare(call.expressions[0])
            if isinstance(first, exp.Literal):
                found.add(first.name)
    return found


def _is_empty(node: exp.Expr) -> bool:
    from sqlglot import exp

    bare = _bare(node)
    return isinstance(bare, exp.Literal) and bare.is_string and not bare.name


def _falls_back(node: exp.Expr) -> bool:
    from sqlglot import exp

    bare = _bare(node)
    rest = bare.expressions if isinstance(bare, exp.Coalesce) else []
    return any(isinstance(_bare(other), exp.Literal) and not _is_empty(other) for other in rest)


def _casts(tree: exp.Expr, rule: Rule) -> None:
    """A setting is the empty text after a rolled-back SET LOCAL: a cast of it fails unless `nullif` takes it away."""
    from sqlglot import exp

    for cast in tree.find_all(exp.Cast):
        inner = _bare(cast)
        text = cast.to.this in (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR, exp.DataType.Type.NAME)
        if text or not isinstance(inner, exp.Anonymous) or inner.name.lower() != "current_setting":
            continue
        rule._remarks.add(CAST_EMPTY)
