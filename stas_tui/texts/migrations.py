"""Whether a migration file can be undone, judged from its text alone (R64)."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

REVERSIBLE = "reversible"
IRREVERSIBLE = "irreversible"
UNVERIFIED = "unverified"

_SIZE_LIMIT = 512 * 1024
_SQL_DOWN = re.compile(
    r"^\s*--\s*(?:\+goose\s+down|migrate:down|\+migrate\s+down|@?undo|rollback)\b.*$", re.IGNORECASE | re.M
)
_SQL_UP = re.compile(r"^\s*--\s*(?:\+goose\s+up|migrate:up|\+migrate\s+up)\b", re.IGNORECASE | re.M)
_SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@lru_cache(maxsize=256)
def down_step(path: str, content: bytes) -> tuple[str, str]:
    """(`reversible`, `irreversible` or `unverified`, one clause with the reason) for one migration file.

    `reversible` means that a down step is written, not that it was tried.
    """
    if len(content) > _SIZE_LIMIT:
        return UNVERIFIED, "the file is too large to judge"
    text = content.decode("utf-8", "replace")
    if path.endswith(".py"):
        return _python(text)
    if path.endswith(".sql"):
        return _sql(path, text)
    return UNVERIFIED, "no rule for this kind of file"


def _python(text: str) -> tuple[str, str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNVERIFIED, "the file cannot be parsed"
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "upgrade" in functions:
        if "downgrade" not in functions:
            return IRREVERSIBLE, "it has no downgrade()"
        return _alembic(functions["upgrade"], functions["downgrade"])
    operations = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return _django(operations) if "migrations" in text else (UNVERIFIED, "no upgrade() and no operations found")


def _alembic(up: ast.FunctionDef, down: ast.FunctionDef) -> tuple[str, str]:
    steps = [node for node in down.body if not _says_nothing(node)]
    if not steps and any(not _says_nothing(node) for node in up.body):
        return IRREVERSIBLE, "its downgrade() does nothing"
    if len(steps) == 1 and isinstance(steps[0], ast.Raise):
        return IRREVERSIBLE, "its downgrade() only raises an error"
    for node in ast.walk(up):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("drop_table", "drop_column"):
                return IRREVERSIBLE, f"its upgrade() calls {node.func.attr}: the rows do not come back"
            if node.func.attr == "execute" and (destroyed := _destroys(ast.unparse(node))):
                return IRREVERSIBLE, f"its upgrade() runs {destroyed}: the rows do not come back"
    return REVERSIBLE, "its downgrade() is written"


def _says_nothing(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Return) and node.value is None)
    )


_DESTROY = re.compile(
    r"\b(drop\s+(?:table|column|schema|database)|truncate(?:\s+table)?|delete\s+from)\b", re.IGNORECASE
)


def _destroys(statement: str) -> str:
    match = _DESTROY.search(statement)
    return " ".join(match.group().upper().split()) if match else ""


def _django(calls: list[ast.Call]) -> tuple[str, str]:
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        keywords = {keyword.arg for keyword in call.keywords}
        if name == "RunPython" and len(call.args) < 2 and "reverse_code" not in keywords:
            return IRREVERSIBLE, "RunPython has no reverse_code"
        if name == "RunSQL" and len(call.args) < 2 and "reverse_sql" not in keywords:
            return IRREVERSIBLE, "RunSQL has no reverse_sql"
        if name in ("RemoveField", "DeleteModel"):
            return IRREVERSIBLE, f"{name} drops data: the rows do not come back"
    return (REVERSIBLE, "every operation has a reverse") if calls else (UNVERIFIED, "no operations found")


def _sql(path: str, text: str) -> tuple[str, str]:
    if path.endswith((".down.sql", ".undo.sql")):
        return REVERSIBLE, "it is itself a down step"
    down = _SQL_DOWN.search(text)
    if down is None:
        if path.endswith(".up.sql"):
            return UNVERIFIED, "its down step is a file of its own"
        return (
            (IRREVERSIBLE, "it has an up part and no down part")
            if _SQL_UP.search(text)
            else (UNVERIFIED, "no down part found")
        )
    if not _SQL_COMMENT.sub("", text[down.end() :]).strip(" \n\t;"):
        return IRREVERSIBLE, "its down part is empty"
    up = _SQL_COMMENT.sub("", text[: down.start()])
    if destroyed := _destroys(up):
        return IRREVERSIBLE, f"it runs {destroyed}: the rows do not come back"
    return REVERSIBLE, "its down part is written"
