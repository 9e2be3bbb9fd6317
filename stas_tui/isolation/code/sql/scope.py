"""The rule for each table of a statement: bound to a tenant, found by the key of one row, or neither.

A table is bound if its tenant column equals a parameter, a setting or a list, or equals the tenant column of a bound
table, or if it is joined to a bound table over a key that is unique everywhere. All branches of an OR must bind. The
condition of a LEFT JOIN binds the joined side only. A subquery may lean on what binds the query around it. A tenant
column that equals the tenant column of an unbound table is a join and no scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.sql.block import Block, Source, bare
from stas_tui.isolation.code.sql.build import blocks_of
from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.sql.text import NotUnderstood, parsed

if TYPE_CHECKING:
    from sqlglot import exp

_MEMBER = listed("user_id member_id account_id owner_id identity_id subject_id principal_id")
_ROUNDS = 12

_Leaf = tuple[Source, str]
_Allowed = Callable[[Source], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One table in one place of a statement."""

    table: str
    """Name as `schema.plain` writes it."""
    alias: str
    how: str = ""
    """What binds it, in a few words; empty if nothing does."""
    by_key: bool = False
    """Not bound, but a value names one of its rows, or one row of its parent."""
    write: bool = False


@dataclass(slots=True)
class _State:
    """What is bound so far. Sources are compared by identity."""

    bound: dict[Source, str] = field(default_factory=dict)
    keyed: set[Source] = field(default_factory=set)
    members: set[Source] = field(default_factory=set)
    pairs: dict[tuple[Source, Source], frozenset[tuple[str, str]]] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State(dict(self.bound), set(self.keyed), set(self.members), dict(self.pairs))

    @property
    def size(self) -> int:
        return len(self.bound) + len(self.keyed) + len(self.members) + sum(map(len, self.pairs.values()))


def uses_of(sql: str, schema: Schema, dialect: str = "postgres") -> tuple[Use, ...]:
    """Every table that a text's statements touch. Raises `NotUnderstood`."""
    found: list[Use] = []
    try:
        for tree in parsed(sql, dialect):
            found += _Solver(schema, blocks_of(tree, schema)).uses()
    except RecursionError:
        raise NotUnderstood("it is nested too deeply") from None
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise NotUnderstood(f"the rules do not know a form in it ({type(error).__name__})") from error
    return tuple(found)


class _Solver:
    def __init__(self, schema: Schema, blocks: Sequence[Block]) -> None:
        self._schema = schema
        self._blocks = blocks
        self._in_branch = False

    def uses(self) -> Iterator[Use]:
        state = _State()
        self._settle(state, lambda: self._visit_all(state))
        seen: set[Source] = set()
        for top in self._blocks:
            for block, source in top.tables():
                if source in seen:
                    continue
                seen.add(source)
                if block.inserted is source and block.star and self._schema.belongs(source.table):
                    raise NotUnderstood("INSERT without a list of columns: which value is the tenant is not written")
                written = source.table == block.write and source is next(iter(block.sources.values()))
                yield Use(
                    table=source.table,
                    alias="" if source.alias in ("excluded", "written") else source.alias,
                    how=state.bound.get(source, ""),
                    by_key=source in state.keyed and source not in state.bound,
                    write=written,
                )

    @staticmethod
    def _settle(state: _State, once: Callable[[], object]) -> None:
        for _ in range(_ROUNDS):
            before = state.size
            once()
            if state.size == before:
                return

    def _visit_all(self, state: _State) -> None:
        for block in self._blocks:
            self._visit(block, state)

    def _visit(self, block: Block, state: _State) -> None:
        """Apply a block's own conditions, and those of every block inside it, to their own sources."""
        for condition, sides in block.conditions:
            self._apply(block, condition, state, _allowed(block, sides))
        if block.inserted is not None:
            self._insert(block, block.inserted, state)
        for source in block.sources.values():
            for inner in source.inner:
                self._visit(inner, state)
        for inner in (*block.inside.values(), *block.loose):
            self._visit(inner, state)

    def _insert(self, block: Block, target: Source, state: _State) -> None:
        for column in block.outputs:
            if self._schema.tenant(target.table, column):
                state.bound.setdefault(target, "the tenant is written")
            elif self._schema.parents.get(target.table) == column:
                state.keyed.add(target)

    # conditions ------------------------------------------------------------------------------------

    def _apply(self, block: Block, condition: exp.Expr, state: _State, allowed: _Allowed) -> None:
        from sqlglot import exp

        condition = condition.unnest() if isinstance(condition, exp.Paren) else condition
        if isinstance(condition, exp.And):
            for part in condition.flatten():
                self._apply(block, part, state, allowed)
        elif isinstance(condition, exp.Or):
            self._or(block, list(condition.flatten()), state, allowed)
        elif isinstance(condition, exp.EQ | exp.NullSafeEQ):
            self._equal(block, condition.this, condition.expression, state, allowed)
        elif isinstance(condition, exp.In):
            self._in(block, condition, state, allowed)
        elif isinstance(condition, exp.Exists):
            self._semi(block, condition.this, state, allowed)
        elif isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null):
            for source, column in self._leaves(block, condition.this, allowed):
                if self._schema.tenant(source.table, column):
                    state.bound.setdefault(source, "rows of no tenant")

    def _or(self, block: Block, branches: list[exp.Expr], state: _State, allowed: _Allowed) -> None:
        if self._in_branch:
            return
        ends = []
        for branch in branches:
            end = state.copy()
            self._settle(end, lambda branch=branch, end=end: self._branch(block, branch, end, allowed))  # type: ignore[misc]
            ends.append(end)
        for source, how in ends[0].bound.items():
            if all(source in end.bound for end in ends):
                state.bound.setdefault(source, how)
        first = ends[0].keyed | set(ends[0].bound)
        state.keyed |= {source for source in first if all(source in end.keyed | set(end.bound) for end in ends)}

    def _branch(self, block: Block, branch: exp.Expr, state: _State, allowed: _Allowed) -> None:
        """What holds where this branch does: the branch, and every other condition beside the OR."""
        self._apply(block, branch, state, allowed)
        self._in_branch = True
        for condition, sides in block.conditions:
            self._apply(block, condition, state, _allowed(block, sides))
        self._in_branch = False

    def _equal(self, block: Block, left: exp.Expr, right: exp.Expr, state: _State, allowed: _Allowed) -> None:
        from sqlglot import exp

        left, right = bare(left), bare(right)
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
            for one, other in zip(left.expressions, right.expressions, strict=False):
                self._equal(block, one, other, state, allowed)
            return
        for one, against in ((left, right), (right, left)):
            other = bare(against.this) if isinstance(against, exp.Any) else against
            if isinstance(other, exp.Subquery | exp.Select):
                query = _query(other)
                if query.args.get("from_") is None:
                    self._value(block, one, state, allowed)
                else:
                    self._subquery(block, one, query, state, allowed)
            elif is_value(other):
                self._value(block, one, state, allowed)
        if isinstance(left, exp.Column) and isinstance(right, exp.Column):
            self._columns(block, left, right, state, allowed)

    def _in(self, block: Block, condition: exp.In, state: _State, allowed: _Allowed) -> None:
        from sqlglot import exp

        query, this = condition.args.get("query"), bare(condition.this)
        if query is not None:
            self._subquery(block, this, _query(query), state, allowed)
            return
        items = condition.expressions or [condition.args.get("field") or condition.args.get("unnest")]
        if all(item is not None and is_value(item) for item in items):
            for one in this.expressions if isinstance(this, exp.Tuple) else [this]:
                self._value(block, one, state, allowed)

    def _semi(self, block: Block, query: exp.Expr, state: _State, allowed: _Allowed) -> Block | None:
        """EXISTS and IN: conditions inside may bind the sources outside as an inner join would."""
        inner = block.inside.get(id(_query(query)))
        if inner is None:
            return None
        for condition, sides in inner.conditions:
            own = _allowed(inner, sides)
            self._apply(inner, condition, state, lambda source, own=own: own(source) or allowed(source))  # type: ignore[misc]
        return inner

    def _subquery(self, block: Block, one: exp.Expr, query: exp.Expr, state: _State, allowed: _Allowed) -> None:
        from sqlglot import exp

        inner = self._semi(block, query, state, allowed)
        if inner is None or not inner.outputs:
            return
        ones = one.expressions if isinstance(one, exp.Tuple) else [one]
        for column, name in zip(ones, inner.outputs, strict=False):
            targets = list(self._leaves(block, column, allowed))
            self._relate(targets, self._output(inner, name, push=False), state)

    # columns ---------------------------------------------------------------------------------------

    def _value(self, block: Block, expression: exp.Expr, state: _State, allowed: _Allowed) -> None:
        for source, column in self._leaves(block, expression, allowed):
            self._given(source, column, state)

    def _given(self, source: Source, column: str, state: _State) -> None:
        """A column equals something that stands in no table."""
        if self._schema.tenant(source.table, column):
            state.bound.setdefault(source, f"{column} = parameter")
        elif self._schema.names_root(source.table, column):
            state.bound.setdefault(source, f"the tenant's {column}")
        elif self._schema.names_row(source.table, column):
            state.keyed.add(source)
        if column in _MEMBER:
            state.members.add(source)

    def _columns(self, block: Block, left: exp.Column, right: exp.Column, state: _State, allowed: _Allowed) -> None:
        everyone: _Allowed = lambda _: True  # noqa: E731
        for one, other in ((left, right), (right, left)):
            targets = list(self._leaves(block, one, allowed))
            others = list(self._leaves(block, other, everyone, push=False))
            if not others and targets and self._is_value(block, other):
                for source, column in targets:
                    self._given(source, column, state)
            self._relate(targets, others, state)

    def _relate(self, targets: list[_Leaf], others: list[_Leaf], state: _State) -> None:
        """Bind the targets if everything they are held against is bound and carries it to them."""
        for target, column in targets:
            if not others or any(other is target for other, _ in others):
                continue
            hows = [self._carried(target, column, other, name, state) for other, name in others]
            if all(hows):
                state.bound.setdefault(target, hows[0])

    def _carried(self, target: Source, column: str, other: Source, name: str, state: _State) -> str:
        schema = self._schema
        tenants = schema.tenant(target.table, column)
        if other in state.members and tenants and schema.tenant(other.table, name):
            return f"the caller's membership in {other.table}"
        pair = (target, other)
        state.pairs[pair] = state.pairs.get(pair, frozenset()) | {(column, name)}
        if other not in state.bound or not schema.carries(other.table):
            return ""
        if tenants and (schema.tenant(other.table, name) or other.table == schema.root):
            return f"{column} of {other.table}"
        ours = frozenset(mine for mine, _ in state.pairs[pair])
        theirs = frozenset(yours for _, yours in state.pairs[pair])
        if schema.is_key(target.table, ours) or schema.is_key(other.table, theirs):
            return f"joined to {other.table} by key"
        return ""

    def _leaves(self, block: Block, expression: exp.Expr, allowed: _Allowed, *, push: bool = True) -> Iterator[_Leaf]:
        """The columns of tables that an expression stands for: one, or one for each branch of a union inside.

        With `push` only those are named against which a condition outside may be held.
        """
        from sqlglot import exp

        column = bare(expression)
        found = block.resolve(column) if isinstance(column, exp.Column) else None
        if found is not None and allowed(found[1]):
            yield from self._through(found[1], found[2], push)

    def _through(self, source: Source, column: str, push: bool) -> Iterator[_Leaf]:
        if source.table:
            yield source, column
        elif source.pushed or not push:
            for inner in source.inner:
                yield from self._output(inner, column, push=push)

    def _output(self, block: Block, name: str, *, push: bool) -> list[_Leaf]:
        found = block.output(name)
        return list(self._through(*found, push)) if found else []

    def _is_value(self, block: Block, column: exp.Column) -> bool:
        """Whether a column's values were given: VALUES, UNNEST, or a subquery that selects a parameter."""
        found = block.resolve(column)
        if found is None:
            return False
        source, name = found[1], found[2]
        outputs = [inner.outputs.get(name) for inner in source.inner]
        return source.values or (bool(outputs) and all(item is not None and is_value(bare(item)) for item in outputs))


def _allowed(block: Block, sides: frozenset[str] | None) -> _Allowed:
    return lambda source: block.sources.get(source.alias) is source and (sides is None or source.alias in sides)


def _query(expression: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    while isinstance(expression, exp.Subquery | exp.Paren):
        expression = expression.this
    return expression


def is_value(expression: exp.Expr) -> bool:
    """Whether an expression is made without any column: a parameter, a setting, a constant, a list of them."""
    from sqlglot import exp

    return not any(isinstance(node, exp.Column | exp.Query | exp.Star) for node in expression.walk())


@lru_cache(maxsize=1)
def version() -> str:
    """The parser that did it, for the evidence."""
    from importlib.metadata import version as installed

    return f"sqlglot {installed('sqlglot')}"
