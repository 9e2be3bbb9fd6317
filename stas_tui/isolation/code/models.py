"""Models and tables that a file declares: their tenant column, what is unique, and what their attributes refer to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.shapes import is_class, tail, text_of
from stas_tui.isolation.code.words import Words

_COLUMNS = listed("Column mapped_column Field ForeignKey OneToOneField declared_attr ForeignKeyField")
_RELATIONS = frozenset({"relationship", "Relationship", "ForeignKey", "OneToOneField", "ForeignKeyField"})
_UNIQUES = frozenset({"UniqueConstraint", "Index"})

_NO_MODELS = listed(
    "BaseModel Enum StrEnum IntEnum Exception ValueError RuntimeError TypedDict NamedTuple str int dict list"
    " tuple BaseSettings TestCase Thread ABCMeta type Response BaseHTTPMiddleware Base64"
)


def model(node: ast.ClassDef, words: Words) -> dict[str, Any] | None:
    """What a class says of its table, as `{n, b, t, c, u, p, o, r}`; None if it is no model and holds no tenant.

    Keys: name, bases, table, tenant columns, columns unique by themselves, attribute `model` of a repository, the
    manager behind `objects`, and whether it is an ORM model.
    """
    bases = [name for base in node.bases for name in _base(base)]
    columns: list[str] = []
    unique: list[str] = []
    table = model_name = manager = ""
    orm = any(keyword.arg == "table" for keyword in node.keywords)
    for name, value, hint in _attributes(node):
        if name in ("__tablename__", "db_table"):
            table, orm = text_of(value) or "", True
        elif name in ("model", "_model", "model_class") and value is not None and is_class(tail(value)):
            model_name = tail(value)
        elif name == "objects" and isinstance(value, ast.Call):
            manager = _manager(value)
        elif name in ("__table_args__", "constraints", "unique_together"):
            unique += _constraints(value)
        else:
            made = _column(value)
            orm |= made in _COLUMNS - {"Field"} or "Mapped" in hint
            if name in words.columns or (made in _RELATIONS and name in words.relations):
                columns.append(name)
            if made and isinstance(value, ast.Call) and _unique(value):
                unique.append(name)
    if not (columns or table or model_name or manager or orm or set(bases) - _NO_MODELS):
        return None
    found: dict[str, Any] = {"n": node.name}
    parts = {"b": bases, "t": table, "c": columns, "u": unique, "p": model_name, "o": manager, "r": int(orm)}
    return {**found, **{key: value for key, value in parts.items() if value}}


def _manager(call: ast.Call) -> str:
    """Name of the manager in `Items()` and `Items.from_queryset(ItemQuerySet)()`."""
    if isinstance(call.func, ast.Call) and isinstance(call.func.func, ast.Attribute):
        return tail(call.func.func.value)
    return tail(call.func)


def _base(base: ast.expr) -> Iterator[str]:
    """Names of a base class, with the models that fill in its type parameters."""
    name = tail(base)
    if name and name not in ("Generic", "Protocol", "object", "ABC"):
        yield name
    if isinstance(base, ast.Subscript):
        parts = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
        yield from (f"[{tail(part)}]" for part in parts if is_class(tail(part)))


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None, str]]:
    """(name, value, annotation as text) of what stands in a class body."""
    for part in node.body:
        if isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
            yield part.targets[0].id, part.value, ""
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id, part.value, tail(part.annotation)
        elif isinstance(part, ast.FunctionDef) and any("declared_attr" in _names(d) for d in part.decorator_list):
            returned = next((s.value for s in part.body if isinstance(s, ast.Return)), None)
            yield part.name, returned, "Mapped"
        elif isinstance(part, ast.ClassDef) and part.name == "Meta":
            yield from _attributes(part)


def _names(node: ast.AST) -> str:
    return f"{tail(node)} {tail(node.value) if isinstance(node, ast.Attribute) else ''}"


def _column(value: ast.expr | None) -> str:
    """Name of the function that makes a column or a relation; empty if the value is none."""
    if not isinstance(value, ast.Call):
        return ""
    name = tail(value.func)
    return name if name in _COLUMNS | _RELATIONS or name.endswith("Field") else ""


def _unique(value: ast.Call) -> bool:
    for keyword in value.keywords:
        if keyword.arg in ("unique", "primary_key") and isinstance(keyword.value, ast.Constant) and keyword.value.value:
            return True
        if keyword.arg == "sa_column" and isinstance(keyword.value, ast.Call) and _unique(keyword.value):
            return True
    return False


def _constraints(value: ast.expr | None) -> list[str]:
    """Columns that are unique by themselves in `__table_args__`, `constraints` or `unique_together`."""
    found = []
    for call in ast.walk(value) if value is not None else ():
        if not isinstance(call, ast.Call) or tail(call.func) not in _UNIQUES:
            continue
        texts = [text for arg in call.args if (text := text_of(arg))]
        is_index = tail(call.func) == "Index"
        if is_index and not any(k.arg == "unique" and getattr(k.value, "value", False) for k in call.keywords):
            continue
        names = texts[1:] if is_index else texts
        fields = next((k.value for k in call.keywords if k.arg == "fields"), None)
        if isinstance(fields, ast.Tuple | ast.List):
            names = [text for item in fields.elts if (text := text_of(item))]
        if len(names) == 1:
            found.append(names[0])
    return found


def created_tables(tree: ast.Module, words: Words) -> Iterator[tuple[str, list[str]]]:
    """(table, its tenant columns) of `op.create_table()` and `Table()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and tail(node.func) in ("create_table", "Table") and node.args:
            name = text_of(node.args[0])
            columns = [text_of(arg.args[0]) for arg in node.args[1:] if isinstance(arg, ast.Call) and arg.args]
            if name:
                yield name.lower(), [column for column in columns if column and column in words.columns]
