"""Whether a condition of a query holds it to a tenant. What cannot be seen counts as holding: a rule must not guess."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.parse import Effort
from stas_tui.isolation.code.query import Equal, Query, Test
from stas_tui.isolation.code.shapes import (
    dotted,
    is_class,
    is_input,
    is_none,
    names_in,
    speaks_of,
    tail,
    tenant_in,
    text_of,
)
from stas_tui.isolation.code.words import CALLERS, Words

_MEMBERS = frozenset({"in_", "any_", "contains", "is_not_distinct_from", "overlap", "has_any"})
_AMBIGUOUS = frozenset({"role", "subject", "context", "identity", "principal", "auth"})
"""Names of callers that are also names of columns: `role == role` says nothing of who calls."""
_KEYS = listed("id uuid pk slug key name subdomain")
_DEPTH = 40


@dataclass(slots=True)
class Names:
    """What the names of a function stand for."""

    params: dict[str, bool] = field(default_factory=dict)
    """Parameters, to whether they may be missing."""
    locals: dict[str, ast.expr] = field(default_factory=dict)
    """Local names, to what was assigned last."""
    rows: set[str] = field(default_factory=set)
    """Local names of models: aliases and subqueries."""
    lists: dict[str, list[tuple[ast.expr, tuple[Test, ...]]]] = field(default_factory=dict)
    """Lists and dictionaries of conditions, to their entries with the conditions under which they are added."""
    queries: dict[str, Query] = field(default_factory=dict)


class Predicates:
    """Reads conditions with the names of one function. `query_of` reads a query inside a condition."""

    def __init__(
        self, words: Words, names: Names, query_of: Callable[[ast.expr], Query | None], effort: Effort
    ) -> None:
        self._words, self._names, self._query_of, self._effort = words, names, query_of, effort
        self.chosen: list[str] = []
        """Names whose absence takes a binding away inside one expression."""
        self.inside: list[Query] = []
        """Queries that stand inside the conditions read since this was emptied."""
        self._depth = 0

    def binds(self, node: ast.expr) -> str:
        """How a condition holds the query to a tenant; empty if it does not."""
        self._effort.spend()
        self._depth += 1
        try:
            return self._binds(node) if self._depth < _DEPTH else "unseen"
        finally:
            self._depth -= 1

    def _binds(self, node: ast.expr) -> str:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return self._any(values)
            case ast.BoolOp(values=values):
                return self._all(values)
            case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
                return self._any([left, right])
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return self._all([left, right])
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
            case ast.Starred(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.binds(value)
            case ast.List(elts=elts) | ast.Tuple(elts=elts):
                return self._any(elts)
            case ast.IfExp():
                return self._choice(node)
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return "unseen" if dotted(node).startswith("self.") and not is_class(node.attr) else ""
            case ast.UnaryOp(operand=operand):
                self.contains(operand)
            case ast.Subscript():
                return "unseen"
        return ""

    def contains(self, node: ast.expr) -> bool:
        """Note the query that an expression is; whether it is one."""
        inner = self._query_of(node)
        if inner is not None:
            self.inside.append(inner)
        return inner is not None

    def spoken(self, node: ast.expr) -> str:
        """The tenant or caller that a value names, or was made from."""
        if name := speaks_of(node, self._words):
            return name
        for part in ast.walk(node):
            made = self._names.locals.get(part.id) if isinstance(part, ast.Name) else None
            if made is not None and (name := speaks_of(made, self._words)):
                return name
        return ""

    def _any(self, values: list[ast.expr]) -> str:
        return _surest(self.binds(value) for value in values)

    def _all(self, values: list[ast.expr]) -> str:
        missing = [name for value in values if (name := self._asks_for_absence(value))]
        if missing:
            rest = [value for value in values if not self._asks_for_absence(value)]
            if how := self._all(rest) if rest else "":
                self.chosen += missing
            return how
        found = [self.binds(value) for value in values]
        return found[0] if found and all(found) else ""

    def _asks_for_absence(self, node: ast.expr) -> str:
        """The tenant's name in `tenant is None` or `not tenant`, as a branch of an OR."""
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and is_none(node.comparators[0]):
            return node.left.id if self._words.holds(node.left.id) else ""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Name):
            return node.operand.id if self._words.holds(node.operand.id) else ""
        if isinstance(node, ast.Call) and tail(node.func) == "is_" and isinstance(node.func, ast.Attribute):
            name = tail(node.func.value) if isinstance(node.func.value, ast.Name) else ""
            return name if name and self._words.holds(name) else ""
        return ""

    def _choice(self, node: ast.IfExp) -> str:
        body, other = self.binds(node.body), self.binds(node.orelse)
        if body and other:
            return body
        tested = tenant_in(node.test, self._words)
        if (body or other) and tested:
            self.chosen.append(tested)
        return body or other

    def _name(self, name: str) -> str:
        if name in self._names.queries:
            self.inside.append(self._names.queries[name])
            return ""
        if name in self._names.lists:
            return _surest(self.binds(entry) for entry, _ in self._names.lists[name])
        if name in self._names.locals:
            return self.binds(self._names.locals[name])
        return "" if is_class(name) or name.isupper() else "unseen"

    # comparisons -----------------------------------------------------------------------------------

    def _compare(self, node: ast.Compare) -> str:
        if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.Is):
            return ""
        left, right = node.left, node.comparators[0]
        return self._equal(left, right) or self._equal(right, left)

    def _equal(self, one: ast.expr, other: ast.expr) -> str:
        column = self.column(one)
        if not column:
            return ""
        if is_none(other):
            return "rows of no tenant" if self._words.is_column(column) else ""
        theirs = self.column(other)
        if self._words.is_column(column) or self._is_tenant(one):
            if theirs and (self._words.is_column(theirs) or self._is_tenant(other)):
                return ""
            self.contains(other)
            return f"{column} == …"
        if theirs or self.contains(other):
            return ""
        name = self.spoken(other)
        return f"{column} == {name}" if name and not (name == column and name in _AMBIGUOUS) else ""

    def column(self, node: ast.expr) -> str:
        """The column of a model that an expression is, also inside `col()`, `func.lower()` or a cast."""
        while isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred):
            if self._query_of(node) is not None:
                return ""
            node = node.args[0]
        if isinstance(node, ast.Subscript):
            node = node.value
        if not isinstance(node, ast.Attribute):
            return ""
        owner = node.value
        if isinstance(owner, ast.Attribute) and owner.attr in ("c", "columns"):
            return node.attr
        name = tail(owner)
        if is_class(name) or name in self._names.rows:
            return node.attr
        return node.attr if dotted(owner) in ("self.model", "cls.model", "model", "self._model", "cls") else ""

    def _is_tenant(self, node: ast.expr) -> bool:
        """Whether an expression is the key of the tenant's own model: `Organization.id`."""
        while isinstance(node, ast.Call) and node.args:
            node = node.args[0]
        if not isinstance(node, ast.Attribute) or node.attr not in _KEYS:
            return False
        owner = tail(node.value)
        return is_class(owner) and self._words.is_root(owner)

    # calls -----------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> str:
        name = tail(node.func)
        if name in ("and_", "Q") or (name in ("has", "any") and isinstance(node.func, ast.Attribute)):
            return _surest((self._any(node.args), self.keywords(node)))
        if name == "or_":
            return self._all(node.args)
        if name in ("not_", "notin_", "not_in"):
            return ""
        if isinstance(node.func, ast.Attribute) and name in _MEMBERS and self.column(node.func.value):
            return self._member(node.func.value, node.args)
        if isinstance(node.func, ast.Attribute) and name in ("is_", "is_not", "isnot"):
            column = self.column(node.func.value)
            absent = bool(node.args) and is_none(node.args[0]) and name == "is_"
            return "rows of no tenant" if absent and self._words.is_column(column) else ""
        if name in ("text", "literal_column", "SQL") and node.args and (sql := text_of(node.args[0])):
            return "text" if any(column in sql for column in self._words.columns) else ""
        return "" if self.contains(node) else self.helps(node)

    def _member(self, column: ast.expr, values: list[ast.expr]) -> str:
        name = self.column(column)
        if values and self.contains(values[0]):
            return ""
        if self._words.is_column(name) or self._is_tenant(column):
            return f"{name} in …"
        spoken = self.spoken(values[0]) if values else ""
        return f"{name} in {spoken}" if spoken else ""

    def helps(self, node: ast.Call) -> str:
        """A function elsewhere that gets the tenant or the caller, or is declared to add the filter."""
        name = tail(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name in self._words.helpers or self._words.mentions(name):
            return f"{name}()"
        for item in given:
            for part in names_in(item):
                if part in CALLERS or self._words.mentions(part):
                    return f"{name}() with {part}"
        return ""

    def keywords(self, node: ast.Call) -> str:
        """How keyword arguments of `filter_by()` hold the query to a tenant."""
        return _surest(self._keywords(node))

    def _keywords(self, node: ast.Call) -> Iterator[str]:
        for keyword in node.keywords:
            if keyword.arg is None:
                yield self._mapping(keyword.value)
                continue
            parts = keyword.arg.split("__")
            if any(self._words.is_column(part) for part in parts):
                if is_none(keyword.value) or self._words.is_column(self.column(keyword.value)):
                    continue
                yield f"{keyword.arg}="
            elif not self.contains(keyword.value) and (name := self.spoken(keyword.value)):
                yield f"{keyword.arg}={name}"

    def _mapping(self, node: ast.expr) -> str:
        """How `**filters` holds the query to a tenant."""
        self._effort.spend()
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None and (how := self._mapping(value)):
                    return how
                if (name := text_of(key)) and any(self._words.is_column(part) for part in name.split("__")):
                    return f"{name}="
            return ""
        if isinstance(node, ast.IfExp):
            body, other = self._mapping(node.body), self._mapping(node.orelse)
            if bool(body) != bool(other) and (tested := tenant_in(node.test, self._words)):
                self.chosen.append(tested)
            return body or other
        if isinstance(node, ast.Name) and node.id in self._names.lists:
            return next((f"{name}=" for entry, _ in self._names.lists[node.id] if (name := self._key(entry))), "")
        if isinstance(node, ast.Name) and isinstance(made := self._names.locals.get(node.id), ast.Dict):
            return self._mapping(made)
        return "unseen"

    def _key(self, entry: ast.expr) -> str:
        name = text_of(entry)
        return name if name and any(self._words.is_column(part) for part in name.split("__")) else ""

    # values ----------------------------------------------------------------------------------------

    def equalities(self, node: ast.expr) -> list[Equal]:
        """Columns that a condition holds equal to a value, where all of it must hold."""
        self._effort.spend()
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return [found for value in values for found in self.equalities(value)]
            case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
                return [*self.equalities(left), *self.equalities(right)]
            case ast.Compare(ops=[ast.Eq()], left=left, comparators=[right]):
                for one, other in ((left, right), (right, left)):
                    if (column := self.column(one)) and not self.column(other):
                        return [self.equal(column, other)]
            case ast.Call(func=ast.Attribute(value=value, attr="in_"), args=[values]) if column := self.column(value):
                return [self.equal(column, values)]
            case ast.Call() if tail(node.func) in ("and_", "Q"):
                return [found for value in node.args for found in self.equalities(value)]
            case ast.Starred(value=ast.Name(id=name)) if name in self._names.lists:
                return [found for entry, _ in self._names.lists[name] for found in self.equalities(entry)]
            case ast.Name(id=name) if isinstance(self._names.locals.get(name), ast.Compare | ast.Call):
                return self.equalities(self._names.locals[name])
        return []

    def equal(self, column: str, value: ast.expr) -> Equal:
        """A column and where its value comes from."""
        kind, name = self.origin(value)
        return Equal(column, kind, name)

    def origin(self, node: ast.expr) -> tuple[str, str]:
        """(kind, name) of where a value comes from, as `Equal` says."""
        for _ in range(_DEPTH):
            match node:
                case ast.Await(value=inner) | ast.Starred(value=inner) | ast.FormattedValue(value=inner):
                    node = inner
                case ast.Call(func=ast.Name(id="OuterRef")):
                    return "row", ""
                case ast.Call(args=[first, *_]):
                    node = first
                case ast.Call(func=ast.Attribute(value=inner)):
                    node = inner
                case ast.BoolOp(values=[first, *_]) | ast.List(elts=[first, *_]) | ast.Set(elts=[first, *_]):
                    node = first
                case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt):
                    root = dotted(elt).partition(".")
                    return ("row", root[0]) if root[1] else ("local", root[0])
                case ast.Name(id=name):
                    return self._origin_of_name(name)
                case ast.Attribute() | ast.Subscript():
                    return self._origin_of_part(node)
                case ast.Constant():
                    return "const", ""
                case _:
                    return "local", ""
        return "local", ""

    def _origin_of_name(self, name: str) -> tuple[str, str]:
        if name in CALLERS or self._words.holds(name):
            return "caller", name
        made = self._names.locals.get(name)
        if name in self._names.params and made is None:
            return "param", name
        if isinstance(made, ast.Call) and made.args and isinstance(made.args[0], ast.Name):
            inner = made.args[0].id
            if inner in self._names.params and is_class(tail(made.func)):
                return "param", inner
        if isinstance(made, ast.Attribute):
            return self._origin_of_part(made)
        if made is not None and is_input(dotted(made).partition(".")[0] or tail(made)):
            return "input", name
        return ("const", name) if name.isupper() else ("local", name)

    def _origin_of_part(self, node: ast.Attribute | ast.Subscript) -> tuple[str, str]:
        root: ast.expr = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        name = tail(root)
        if is_class(name) and isinstance(node, ast.Attribute):
            return "const", name
        if speaks_of(node, self._words):
            return "caller", name
        if is_input(name) or isinstance(node, ast.Subscript):
            return "input", name
        return "row", name


def _surest(hows: Iterable[str]) -> str:
    """The first way that is seen to hold a query to a tenant, else that something unseen may."""
    found = [how for how in hows if how]
    return next((how for how in found if how != "unseen"), found[0] if found else "")
