"""What an expression of a migration is, worked out from its text: constants, names bound to them, f-strings of them.

Nothing is executed. What cannot be worked out is `UNKNOWN`; a call or an attribute stays an `Expr` with its scope.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_TEXT = 100_000


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression that is no constant, with the names that it sees."""

    node: ast.expr
    scope: Scope


@dataclass(slots=True)
class Scope:
    """Names of a function or module."""

    names: dict[str, object] = field(default_factory=dict)
    outer: Scope | None = None

    def get(self, name: str) -> object:
        """The value of a name; `UNKNOWN` if nothing binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return UNKNOWN

    def bind(self, target: ast.expr, value: object) -> None:
        """`target = value`, tuples included."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            inner = value if isinstance(value, tuple) and len(value) == len(target.elts) else None
            for at, element in enumerate(target.elts):
                self.bind(element, inner[at] if inner is not None else UNKNOWN)


_TEXTS = frozenset({"f", "text", "literal_column", "quoted_name", "dedent", "str", "DDL"})
_METHODS = frozenset({"strip", "lstrip", "rstrip", "upper", "lower", "title"})


def fold(node: ast.expr | None, scope: Scope) -> object:
    """The value of an expression: str, int, bool, None, tuple, dict, `Expr` or `UNKNOWN`."""
    match node:
        case None:
            return UNKNOWN
        case ast.Constant():
            return node.value
        case ast.Name():
            return scope.get(node.id)
        case ast.JoinedStr():
            return _joined(node, scope)
        case ast.List() | ast.Tuple() | ast.Set():
            return _elements(node.elts, scope)
        case ast.Dict():
            return _mapping(node, scope)
        case ast.BinOp():
            return _binary(node, scope)
        case ast.UnaryOp(op=ast.Not()):
            value = fold(node.operand, scope)
            return UNKNOWN if _open(value) else not value
        case ast.UnaryOp(op=ast.USub()):
            value = fold(node.operand, scope)
            return -value if isinstance(value, int | float) else UNKNOWN
        case ast.Subscript():
            return _item(fold(node.value, scope), fold(node.slice, scope))
        case ast.Call():
            return _call(node, scope)
        case ast.Starred():
            return fold(node.value, scope)
        case _:
            return Expr(node, scope)


def _open(value: object) -> bool:
    return value is UNKNOWN or isinstance(value, Expr)


def _joined(node: ast.JoinedStr, scope: Scope) -> object:
    pieces = []
    for part in node.values:
        value = fold(part.value, scope) if isinstance(part, ast.FormattedValue) else fold(part, scope)
        if not isinstance(value, str | int | float):
            return UNKNOWN
        pieces.append(str(value))
    return "".join(pieces)


def _elements(nodes: list[ast.expr], scope: Scope) -> tuple[object, ...]:
    found: list[object] = []
    for node in nodes:
        value = fold(node, scope)
        if isinstance(node, ast.Starred):
            found += value if isinstance(value, tuple) else (UNKNOWN,)
        else:
            found.append(value)
    return tuple(found)


def _mapping(node: ast.Dict, scope: Scope) -> dict[object, object]:
    found: dict[object, object] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        folded = fold(key, scope)
        if isinstance(folded, str | int | bool | None):
            found[folded] = fold(value, scope)
    return found


def _binary(node: ast.BinOp, scope: Scope) -> object:
    left, right = fold(node.left, scope), fold(node.right, scope)
    if isinstance(node.op, ast.Add):
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < MOST_TEXT:
            return left + right
        if isinstance(left, tuple) and isinstance(right, tuple):
            return left + right
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        values = right if isinstance(right, tuple | dict) else (right,)
        flat = values.values() if isinstance(values, dict) else values
        if all(isinstance(value, str | int) for value in flat):
            try:
                return (left % values)[:MOST_TEXT]
            except (TypeError, ValueError, KeyError, OverflowError, MemoryError):
                return UNKNOWN
    return UNKNOWN


def _item(value: object, key: object) -> object:
    if isinstance(value, dict) and isinstance(key, str | int | bool | None):
        return value.get(key, UNKNOWN)
    if isinstance(value, tuple) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return UNKNOWN


def _call(node: ast.Call, scope: Scope) -> object:
    name = last_name(node.func)
    if name in _TEXTS and node.args:
        inner = fold(node.args[0], scope)
        return inner if isinstance(inner, str | int) else inner if inner is UNKNOWN else Expr(node, scope)
    if isinstance(node.func, ast.Attribute):
        owner = fold(node.func.value, scope)
        if isinstance(owner, str):
            return _on_text(owner, name, node, scope)
        if isinstance(owner, dict) and name in ("items", "keys", "values") and not node.args:
            return tuple(getattr(owner, name)())
    if name in ("tuple", "list", "sorted", "reversed") and len(node.args) == 1 and isinstance(node.func, ast.Name):
        value = fold(node.args[0], scope)
        return value if isinstance(value, tuple) else Expr(node, scope)
    return Expr(node, scope)


def _on_text(owner: str, name: str, node: ast.Call, scope: Scope) -> object:
    arguments = [fold(argument, scope) for argument in node.args]
    keywords = {k.arg: fold(k.value, scope) for k in node.keywords if k.arg}
    if name in _METHODS and not arguments:
        return str(getattr(owner, name)())
    if name == "join" and arguments and isinstance(arguments[0], tuple):
        parts = arguments[0]
        return owner.join(map(str, parts)) if all(isinstance(p, str) for p in parts) else UNKNOWN
    if name == "replace" and len(arguments) == 2:
        old, new = arguments
        return owner.replace(old, new)[:MOST_TEXT] if isinstance(old, str) and isinstance(new, str) else UNKNOWN
    if name == "format" and all(isinstance(v, str | int) for v in (*arguments, *keywords.values())):
        try:
            return owner.format(*arguments, **keywords)[:MOST_TEXT]
        except (IndexError, KeyError, ValueError, AttributeError, OverflowError, MemoryError):
            return UNKNOWN
    return UNKNOWN


def last_name(node: ast.expr) -> str:
    """`sa.Column` as `Column`; empty for what has no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def root_name(node: ast.expr) -> str:
    """`sa.dialects.x()` as `sa`; empty for what has no name."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def as_text(value: object) -> str | None:
    """A text, or None if it is not known."""
    return value if isinstance(value, str) else None


def names_of(value: object) -> tuple[str, ...] | None:
    """Names of columns; None if one of them is not known."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, tuple):
        return None
    found = [_name_of(one) for one in value]
    return None if any(one is None for one in found) else tuple(one or "" for one in found)


def _name_of(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, Expr) and isinstance(value.node, ast.Call):
        inner = arguments_of(value)
        return as_text(inner.get(0))
    return None


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call, worked out when they are asked for."""

    node: ast.Call
    scope: Scope
    keywords: Mapping[str, ast.expr]
    starred: bool

    def get(self, position: int | None, *names: str) -> object:
        """An argument by position or by one of its names; `UNKNOWN` if it is not given."""
        for name in names:
            if name in self.keywords:
                return fold(self.keywords[name], self.scope)
        if position is not None and position < len(self.node.args) and not self.starred:
            return fold(self.node.args[position], self.scope)
        return UNKNOWN

    def has(self, *names: str) -> bool:
        """Whether one of the names is given."""
        return any(name in self.keywords for name in names)

    def rest(self, position: int) -> Iterator[object]:
        """All positional arguments from a position on."""
        for node in self.node.args[position:]:
            value = fold(node, self.scope)
            if isinstance(node, ast.Starred):
                yield from value if isinstance(value, tuple) else (UNKNOWN,)
            else:
                yield value


def arguments_of(call: Expr) -> Arguments:
    """The arguments of a call that is an `Expr`."""
    node = call.node
    assert isinstance(node, ast.Call)
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    return Arguments(node, call.scope, keywords, any(isinstance(a, ast.Starred) for a in node.args[:2]))


def called(value: object, *names: str) -> bool:
    """Whether a value is a call of one of these names, whatever module they come from."""
    return isinstance(value, Expr) and isinstance(value.node, ast.Call) and last_name(value.node.func) in names
