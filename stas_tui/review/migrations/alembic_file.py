"""An Alembic revision read from its text: who it is, what it follows, what it does. Nothing is imported or executed."""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache

from stas_tui.review.migrations.alembic_walk import Module
from stas_tui.review.migrations.model import POSTGRESQL, Revision
from stas_tui.review.migrations.values import UNKNOWN, Scope, fold

LARGEST = 2 * 1024 * 1024


def looks_like_revision(text: str) -> bool:
    """Whether a Python file may be a revision; cheap."""
    return "down_revision" in text and "revision" in text


@lru_cache(maxsize=2_048)
def read_revision(path: str, text: str, sha: str, dialect: str = POSTGRESQL) -> Revision | None:
    """The revision in a file; None if there is none. One that cannot be read has its `problem` set."""
    if len(text) > LARGEST:
        return Revision(id=path, path=path, problem="the file is too large to read", blobs=(sha,))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        return Revision(
            id=path, path=path, problem=f"it is no valid Python ({type(error).__name__})", line=line, blobs=(sha,)
        )
    try:
        return _read(path, tree, text, sha, dialect)
    except RecursionError:
        return Revision(id=path, path=path, problem="it is nested too deeply to read", blobs=(sha,))


def _read(path: str, tree: ast.Module, text: str, sha: str, dialect: str) -> Revision | None:
    scope = Scope()
    found: dict[str, object] = {}
    line = 1
    for node in tree.body:
        for target, value in _assigned(node):
            if isinstance(target, ast.Name):
                scope.names[target.id] = found[target.id] = fold(value, scope)
                if target.id == "revision":
                    line = node.lineno
    if "revision" not in found or "down_revision" not in found:
        return None
    own = found["revision"]
    if not isinstance(own, str):
        return Revision(id=path, path=path, problem="its id is put together at run time", line=line, blobs=(sha,))
    parents, depends = _ids(found["down_revision"]), _ids(found.get("depends_on"))
    if parents is None or depends is None:
        return Revision(
            id=own, path=path, problem="what it follows is put together at run time", line=line, blobs=(sha,)
        )
    module = Module(tree, text, dialect)
    return Revision(
        id=own,
        path=path,
        parents=parents,
        depends=depends,
        up=module.way("upgrade"),
        down=module.way("downgrade"),
        line=line,
        blobs=(sha,),
    )


def _assigned(node: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    return [(node.target, node.value)] if isinstance(node, ast.AnnAssign) and node.value is not None else []


def _ids(value: object) -> tuple[str, ...] | None:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value else ()
    if value is UNKNOWN or not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        return None
    return tuple(one for one in value if isinstance(one, str))
