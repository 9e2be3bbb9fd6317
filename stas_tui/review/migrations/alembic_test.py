"""Conditions of a migration that are decided by the dialect or by not being in offline mode."""

from __future__ import annotations

import ast

from stas_tui.review.migrations.values import Expr, Scope, fold, last_name

_ALIASES = {"postgresql": ("postgresql", "postgres"), "sqlite": ("sqlite",)}


def decide(test: ast.expr, scope: Scope, dialect: str) -> bool | None:
    """Whether a condition holds on this dialect; None if that is not what it asks or cannot be told."""
    match test:
        case ast.BoolOp(op=ast.And()):
            answers = [decide(value, scope, dialect) for value in test.values]
            return False if False in answers else True if all(answers) else None
        case ast.BoolOp(op=ast.Or()):
            answers = [decide(value, scope, dialect) for value in test.values]
            return True if True in answers else False if all(a is False for a in answers) else None
        case ast.UnaryOp(op=ast.Not()):
            answer = decide(test.operand, scope, dialect)
            return None if answer is None else not answer
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn()]):
            return _compared(test, scope, dialect)
        case ast.Call() if last_name(test.func) == "is_offline_mode":
            return False
        case ast.Call() if last_name(test.func) == "startswith" and isinstance(test.func, ast.Attribute):
            start = fold(test.args[0], scope) if test.args else None
            if _is_dialect(test.func.value, scope) and isinstance(start, str):
                return any(name.startswith(start) for name in _ALIASES.get(dialect, (dialect,)))
            return None
        case ast.Name():
            value = scope.get(test.id)
            if isinstance(value, bool | str | int | None):
                return bool(value)
            if isinstance(value, Expr) and not isinstance(value.node, ast.Name):
                return decide(value.node, value.scope, dialect)
            return None
        case ast.Constant():
            return bool(test.value)
        case _:
            return None


def _compared(test: ast.Compare, scope: Scope, dialect: str) -> bool | None:
    left, right, word = test.left, test.comparators[0], test.ops[0]
    if _is_dialect(right, scope) and isinstance(word, ast.Eq | ast.NotEq):
        left, right = right, left
    value = fold(right, scope)
    if not _is_dialect(left, scope):
        given = fold(left, scope)
        if isinstance(given, str | int | bool) and isinstance(value, str | int | bool):
            same = given == value
            return same if isinstance(word, ast.Eq) else not same if isinstance(word, ast.NotEq) else None
        return None
    names = _ALIASES.get(dialect, (dialect,))
    if isinstance(word, ast.Eq | ast.NotEq) and isinstance(value, str):
        return (value in names) is isinstance(word, ast.Eq)
    if isinstance(word, ast.In | ast.NotIn) and isinstance(value, tuple) and all(isinstance(v, str) for v in value):
        return bool(set(value) & set(names)) is isinstance(word, ast.In)
    return None


def _is_dialect(node: ast.expr, scope: Scope) -> bool:
    """`bind.dialect.name`, `op.get_context().dialect.name`, `engine.name`, or a name that is bound to one."""
    value = fold(node, scope)
    if not isinstance(value, Expr) or not isinstance(value.node, ast.Attribute) or value.node.attr != "name":
        return False
    owner = value.node.value
    if last_name(owner) in ("dialect", "engine", "bind"):
        return True
    inner = fold(owner, value.scope)
    return isinstance(inner, Expr) and last_name(inner.node) in ("dialect", "engine")
