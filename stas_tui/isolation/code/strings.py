"""SQL that stands in code as text: put together from constants, f-strings, `+`, `%`, `.format()` and `.join()`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stas_tui.isolation.code.parse import Effort
from stas_tui.isolation.code.query import Test
from stas_tui.isolation.code.shapes import tail

_SQL = re.compile(
    r"\s*+(?:--[^\n]*+\n\s*+)*+\(?\s*+(?:select\b.*?(?:\bfrom\b|$)|insert\s+(?:or\s+\w+\s+)?into\b|update\s+\S+\s+set\b"
    r"|delete\s+from\b|with\s+(?:recursive\s+)?\w+\s*(?:\([^)]*\)\s*)?as\b|merge\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)
_AFTER_NAME = re.compile(r"(?:\b(?:from|join|into|update|table|only|by|as)\s+|\.)\Z", re.IGNORECASE)
_FIELD = re.compile(r"\{[\w.\[\]]*(?:![rsa])?(?::[^{}]*)?\}")
_FORMAT = re.compile(r"%(?:\((\w+)\))?s")
_EMPTY_WHERE = re.compile(
    r"\b(?:where|and)\s*(?=\Z|\)|;|\b(?:order|group|limit|union|having|returning)\b)", re.IGNORECASE
)
_DEPTH = 8
HOLE = "hole_"
"""Beginning of a name that stands where the code puts in something that cannot be seen."""


def is_sql(text: str) -> bool:
    """Whether a text begins as a statement on rows does."""
    return _SQL.match(text) is not None


@dataclass(slots=True)
class Texts:
    """Puts texts together with the names of a function. Conditional parts are there in `full`, and not in `least`."""

    constants: Mapping[str, ast.expr]
    locals: Mapping[str, ast.expr]
    lists: Mapping[str, list[tuple[ast.expr, tuple[Test, ...]]]]
    effort: Effort
    asked: list[ast.expr] = field(default_factory=list)
    """Tests inside expressions on which a part depends."""

    def full(self, node: ast.expr) -> str | None:
        """The text with everything that may be added; a placeholder or a name stands for what cannot be seen."""
        return self._text(node, 0, whole=True)

    def least(self, node: ast.expr) -> str | None:
        """The text without anything that is added only sometimes."""
        text = self._text(node, 0, whole=False)
        return None if text is None else _EMPTY_WHERE.sub("", text)

    def _text(self, node: ast.expr, depth: int, *, whole: bool) -> str | None:
        self.effort.spend()
        if depth > _DEPTH:
            return None
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=values):
                return self._joined(values, depth, whole=whole)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                one = self._text(left, depth + 1, whole=whole)
                other = self._text(right, depth + 1, whole=whole)
                return None if one is None else one + (other if other is not None else hole(one))
            case ast.BinOp(op=ast.Mod(), left=left):
                return _filled(self._text(left, depth + 1, whole=whole), _FORMAT)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.asked.append(test)
                sides = [self._text(side, depth + 1, whole=whole) for side in (body, orelse)]
                known = [side for side in sides if side is not None]
                return None if not known else max(known, key=len) if whole else min(known, key=len)
            case ast.Call():
                return self._call(node, depth, whole=whole)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                made = self.locals.get(name) if isinstance(node, ast.Name) else None
                made = self.constants.get(name) if made is None else made
                return None if made is None or made is node else self._text(made, depth + 1, whole=whole)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self._text(value, depth + 1, whole=whole)
        return None

    def _call(self, node: ast.Call, depth: int, *, whole: bool) -> str | None:
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="format")):
                return _filled(self._text(value, depth + 1, whole=whole), _FIELD)
            case ast.Call(func=ast.Attribute(value=value, attr="strip" | "rstrip" | "lstrip" | "replace")):
                return self._text(value, depth + 1, whole=whole)
            case ast.Call(func=ast.Attribute(value=value, attr="join"), args=[ast.Name(id=name)]) if name in self.lists:
                glue = self._text(value, depth + 1, whole=whole)
                entries = [entry for entry, tests in self.lists[name] if whole or not tests]
                parts = [self._text(entry, depth + 1, whole=whole) for entry in entries]
                return None if glue is None else glue.join(part for part in parts if part is not None)
            case ast.Call(func=function, args=[first, *_]) if tail(function) in ("text", "dedent", "cleandoc", "SQL"):
                return self._text(first, depth + 1, whole=whole)
        return None

    def _joined(self, values: list[ast.expr], depth: int, *, whole: bool) -> str:
        out = ""
        for value in values:
            if isinstance(value, ast.Constant):
                out += str(value.value)
            elif isinstance(value, ast.FormattedValue):
                inner = self._text(value.value, depth + 1, whole=whole)
                out += inner if inner is not None else hole(out)
        return out


def hole(before: str) -> str:
    """What stands for something unseen: a name where SQL wants a name, a placeholder where it wants a value."""
    if before.count("'") % 2:
        return HOLE
    return f"{HOLE}name" if _AFTER_NAME.search(before) or before.endswith('"') else f":{HOLE}value"


def _filled(text: str | None, pattern: re.Pattern[str]) -> str | None:
    if text is None:
        return None
    out, at = "", 0
    for found in pattern.finditer(text):
        out += text[at : found.start()]
        out += hole(out)
        at = found.end()
    return out + text[at:]
