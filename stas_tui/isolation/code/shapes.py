"""Small questions about pieces of a syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.words import CALLERS, Words

GENERIC = listed("self.model cls.model self._model self.sql_model self.model_class self.model_cls self.entity")
"""How a base class names the model that a subclass fills in."""
_INPUT = re.compile(
    r"^(payload|data|body|request|req|params?|args|kwargs|form|schema|query|filters?|input|inputs|options|config"
    r"|settings|dto|obj_in|item_in|event|message|command|cmd|values?|attrs|update|create|search|pagination|spec)$"
    r"|(_in|_create|_update|_data|_input|_payload|_request|_params|_body|_form|_schema|_dto|_filter|_filters|_query)$"
)
SHOWN = 200
"""Characters of a line of code in the facts."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def dotted(node: ast.AST) -> str:
    """`a.b.c` of names and attributes; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def tail(node: ast.AST) -> str:
    """The last name of what is called or read: `where` of `q.where`, `select` of `sa.select`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return tail(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def is_class(name: str) -> bool:
    """Whether a name is written as classes are; `LIMIT` and `_private` are none."""
    return name[:1].isupper() and not (name.isupper() and len(name) > 1)


def model_of(node: ast.AST) -> str:
    """The model that an expression names: `Item`, `models.Item`, `self.model` as `*`; empty for none."""
    if isinstance(node, ast.Name):
        return node.id if is_class(node.id) else "*" if node.id in ("model", "model_class", "model_cls") else ""
    if isinstance(node, ast.Attribute):
        if is_class(node.attr) and not is_class(tail(node.value)):
            return node.attr
        return "*" if dotted(node) in GENERIC else ""
    return ""


def names_in(node: ast.AST) -> Iterator[str]:
    """Every name, attribute and keyword inside an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.keyword) and part.arg:
            yield part.arg


def speaks_of(node: ast.AST, words: Words) -> str:
    """The first name inside an expression that holds a tenant or the caller; empty if none does."""
    return next((name for name in names_in(node) if name in CALLERS or words.holds(name)), "")


def tenant_in(node: ast.AST, words: Words) -> str:
    """The first name inside an expression that holds a tenant; empty if none does."""
    return next((name for name in names_in(node) if words.holds(name)), "")


def text_of(node: ast.AST | None) -> str | None:
    """The value of a plain string constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_none(node: ast.AST | None) -> bool:
    """Whether an expression is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a block always ends the function or the round of its loop."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.Raise | ast.Return | ast.Continue | ast.Break):
        return True
    if isinstance(last, ast.If):
        return leaves(last.body) and leaves(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return leaves(last.body)
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and tail(last.value.func) in _EXITS


_EXITS = frozenset({"abort", "exit", "fail", "_exit", "raise_error"})


def is_input(name: str) -> bool:
    """Whether a parameter holds what a client sent, and not a row in hand."""
    return bool(_INPUT.search(name))


def arguments(node: _Function | ast.Lambda) -> list[tuple[ast.arg, ast.expr | None]]:
    """Every parameter with its default."""
    spec = node.args
    plain = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    return [*zip(plain, defaults, strict=True), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]


def may_be_missing(argument: ast.arg, default: ast.expr | None) -> bool:
    """Whether a parameter may be None or empty: by its default, or by its annotation."""
    if default is not None:
        if isinstance(default, ast.Constant):
            return default.value is None or default.value == ""
        if isinstance(default, ast.Call):
            first = default.args[0] if default.args else None
            first = next((k.value for k in default.keywords if k.arg in ("default", "required")), first)
            return isinstance(first, ast.Constant) and (first.value is None or first.value in ("", False))
        return isinstance(default, ast.List | ast.Tuple) and not default.elts
    return optional_type(argument.annotation)


def optional_type(annotation: ast.expr | None) -> bool:
    """Whether a type allows None."""
    if annotation is None:
        return False
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return optional_type(annotation.left) or optional_type(annotation.right) or is_none(annotation.right)
    if isinstance(annotation, ast.Subscript):
        name = tail(annotation.value)
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if name == "Annotated":
            return optional_type(inner[0])
        return name == "Optional" or (name == "Union" and any(is_none(item) for item in inner))
    if text := text_of(annotation):
        return "None" in text or text.startswith("Optional")
    return False
