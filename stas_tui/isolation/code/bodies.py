"""Tenants that stand in a field of a request's body: `payload.tenant_id` of a model that the client fills."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.shapes import arguments, dotted, is_class, tail
from stas_tui.isolation.code.words import Words

MODELS = listed("BaseModel SQLModel Struct Schema")
"""Bases of models that frameworks fill from a body."""
_META = listed("Body Form Json")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def body_tenants(node: _Function, words: Words) -> dict[str, str]:
    """Tenants as `parameter.field` that a function reads from a parameter with a class for its type, to that class.

    Whether the class is one that a client fills in is judged when all files are known.
    """
    classes = {argument.arg: name for argument, _ in arguments(node) if (name := _class(argument.annotation))}
    found: dict[str, str] = {}
    for part in ast.walk(node) if classes else ():
        if not isinstance(part, ast.Attribute) or not isinstance(part.value, ast.Name):
            continue
        if part.value.id in classes and words.holds(part.attr) and isinstance(part.ctx, ast.Load):
            found[dotted(part)] = classes[part.value.id]
    return found


def with_names(node: _Function, tenants: Mapping[str, str]) -> _Function:
    """A copy of a function in which each `parameter.field`, and what is only another name for it, is a plain name."""
    again = {
        part.targets[0].id: dotted(part.value)
        for part in ast.walk(node)
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name) and dotted(part.value) in tenants
    }
    renamed: _Function = _Renaming(tenants, again).visit(copy.deepcopy(node))
    return renamed


class _Renaming(ast.NodeTransformer):
    def __init__(self, tenants: Mapping[str, str], again: Mapping[str, str]) -> None:
        self._tenants, self._again = tenants, again

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = dotted(node)
        return ast.copy_location(ast.Name(name, node.ctx), node) if name in self._tenants else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self._again.get(node.id, node.id), node.ctx), node)


def _class(annotation: ast.expr | None) -> str:
    """The class that a type names: `Item`, `schemas.Item`, `Item | None`, `Annotated[Item, Body()]`; empty for none."""
    return next((name for part in _types(annotation) if (name := tail(part)) and is_class(name)), "")


def _types(annotation: ast.expr | None) -> Iterator[ast.expr]:
    match annotation:
        case ast.Name() | ast.Attribute():
            yield annotation
        case ast.BinOp(left=left, right=right):
            yield from _types(left)
            yield from _types(right)
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[first, *rest])) if tail(value) == "Annotated":
            if all(isinstance(meta, ast.Call) and tail(meta.func) in _META for meta in rest):
                yield from _types(first)
        case ast.Subscript(value=value, slice=inner) if tail(value) == "Optional":
            yield from _types(inner)
