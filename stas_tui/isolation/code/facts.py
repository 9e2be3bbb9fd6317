"""What is read from one file, by its content alone: queries, models, routes, keys and jobs, as plain JSON.

The same content and the same words give the same facts, so they are kept by the hash of the content. What a query
means is judged when the facts of all files stand side by side. Keys of a file's facts, each left out when empty:

    u  why it could not be read
    m  models (`models.model`)      T  tables that are created, with their tenant columns
    a  aliases of dependencies      v  routers with what their routes depend on
    i  routers that are included    M  middleware that looks at the caller
    d  functions that ask for the caller   r  routes (`routes.routes_of`)
    j  jobs   q  jobs that are put into a queue   W  functions that a worker runs
    x  imports, name to `module.name`
    f  functions: q name, l line, h what holds the tenant, g how rows are compared with it, a loop over tenants,
       p names checked together with it, s queries, k keys, c tenants that the client sent, R how a returned query is
       bound

Keys of a query: l line, c code, v verb, m models, t tables of SQL text as [table, how bound, by key], b how bound,
w columns held equal as [column, kind, name], o optional filter as [name, line, surely], r function that began it,
n whether it stands inside another, x whether something unseen restricts it, z models that an outer join holds to a
tenant, y whether it selects the tenant itself, e why SQL was not understood.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from stas_tui.isolation.code import models, routes, shared
from stas_tui.isolation.code.function import FunctionReader, guard_of, held
from stas_tui.isolation.code.parse import Unreadable, parse
from stas_tui.isolation.code.predicates import Names
from stas_tui.isolation.code.query import Query
from stas_tui.isolation.code.shapes import tail
from stas_tui.isolation.code.sql_facts import classified, created
from stas_tui.isolation.code.words import Words

Facts = dict[str, Any]

_TELLING = re.compile(
    rb"\b(?:select|where|filter|query|execute\w*|objects|Depends|Annotated|APIRouter|include_router|Blueprint|Column"
    rb"|mapped_column|relationship|Model|Base|delay|enqueue\w*|apply_async|actor|shared_task|task|cache\w*|redis|lock"
    rb"|put_object|upload_file\w*|route|add_middleware|fetch\w*|delete|update)\b"
)
_HEAD = 4_096


def read(path: str, data: bytes, words: Words) -> Facts:
    """The facts of one file. Never raises for what stands in it: what cannot be read says so under `u`."""
    if path.endswith(".sql"):
        tables = list(created(data, words))
        return {"T": tables} if tables else {}
    if not _telling(data):
        return {}
    try:
        tree = parse(data)
        return _File(tree, data.decode("utf-8", "replace"), words).facts()
    except Unreadable as error:
        return {"u": str(error)}
    except RecursionError:
        return {"u": "it is nested too deeply"}


def _telling(data: bytes) -> bool:
    """Whether a file may hold anything of interest; most of a repository does not, and need not be parsed."""
    return _TELLING.search(data) is not None


class _File:
    def __init__(self, tree: ast.Module, source: str, words: Words) -> None:
        self._tree, self._words = tree, words
        self._lines = source.splitlines()
        self._constants: dict[str, ast.expr] = {}
        self._facts: Facts = {}

    def facts(self) -> Facts:
        """Read the whole file."""
        for statement in self._tree.body:
            self._top(statement)
        main = FunctionReader(None, self._words, self._lines, self._constants)
        main.block([s for s in self._tree.body if not isinstance(s, ast.Import | ast.ImportFrom)])
        self._calls(main, {})
        self._keep(main, "", self._tree, None, self._tree.body)
        for node in main.inner:
            self._definition(node, "", None, None)
        if any("create_table" in line or "Table(" in line for line in self._lines):
            self._add("T", *models.created_tables(self._tree, self._words))
        return self._facts

    def _add(self, key: str, *values: object) -> None:
        if values:
            self._facts.setdefault(key, []).extend(values)

    def _top(self, node: ast.stmt) -> None:
        """Names of the module: constants, aliases of dependencies, routers, imports."""
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if not isinstance(target, ast.Name):
                return
            if isinstance(node.value, ast.Constant | ast.JoinedStr | ast.BinOp | ast.Call):
                self._constants[target.id] = node.value
            if named := routes.alias(node.value):
                self._facts.setdefault("a", {})[target.id] = named
            if (depends := routes.router(node.value)) is not None:
                self._facts.setdefault("v", {})[target.id] = depends
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for name in node.names:
                if name.asname and name.asname != name.name:
                    self._facts.setdefault("x", {})[name.asname] = f"{node.module}.{name.name}"
        elif isinstance(node, ast.If):
            for inner in (*node.body, *node.orelse):
                self._top(inner)

    # definitions -----------------------------------------------------------------------------------

    def _definition(self, node: ast.stmt, prefix: str, owner: ast.ClassDef | None, outer: Names | None) -> None:
        if isinstance(node, ast.ClassDef):
            self._class(node, prefix)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node, prefix, owner, outer)

    def _class(self, node: ast.ClassDef, prefix: str) -> None:
        name = f"{prefix}{node.name}"
        asked = sorted({to for part in node.body for to in routes.class_dependencies(part)})
        model = models.model(node, self._words)
        if model is not None or asked:
            model = model or {"n": node.name, "l": node.lineno}
            if any(kind == "self" for kind, _ in held(node, self._words)):
                model["h"] = 1
            self._add("m", model | ({"d": asked} if asked else {}))
        for statement in node.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List | ast.Tuple):
                if tail(statement.targets[0]) in ("functions", "cron_jobs") and "Worker" in node.name:
                    self._add("W", *(tail(item) for item in statement.value.elts if tail(item)))
            self._definition(statement, f"{name}.", node, None)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str, owner: ast.ClassDef | None, outer: Names | None
    ) -> None:
        name = f"{prefix}{node.name}"
        found = list(routes.routes_of(node, owner, name, self._words))
        self._add("r", *found)
        asked = routes.asks(node, self._words)
        if not found and (asked["d"] or asked.get("i")) and (asked.get("i") or _depends(asked)):
            self._facts.setdefault("d", {})[node.name] = {key: asked[key] for key in ("d", "i", "t") if asked.get(key)}
        if (task := shared.task_of(node, self._words)) is not None:
            self._add("j", task)
        reader = FunctionReader(node, self._words, self._lines, self._constants, outer)
        reader.block(node.body)
        self._keep(reader, name, node, owner, node.body)
        for inner in reader.inner:
            self._definition(inner, f"{name}.", None, reader.names)

    # what a function leaves ------------------------------------------------------------------------

    def _keep(
        self, reader: FunctionReader, name: str, node: ast.AST, owner: ast.ClassDef | None, body: list[ast.stmt]
    ) -> None:
        entry: Facts = {}
        if sites := [site for query in reader.reader.queries for site in self._site(reader, query)]:
            entry["s"] = sites
        keys = [key for call in reader.reader.calls if (key := shared.key_of(call, reader.names.locals, self._words))]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if kept := shared.cached_function(node, self._words):
                keys.append(kept)
        if keys:
            entry["k"] = keys
        sent = list(self._sent(reader, node)) if name else []
        if sent:
            entry["c"] = sent
        bound = {reader.bound(query) for query in reader.returned if not query.text}
        if bound:
            entry["R"] = "" if "" in bound else sorted(bound)[0]
        if name:
            self._calls(reader, entry)
        if not entry:
            return
        scope = node if name else ast.Module([s for s in body if not isinstance(s, _SCOPES)], [])
        holds = list(dict.fromkeys(f"{kind} {what}" for kind, what in held(scope, self._words)))[:6]
        more = {"h": holds, "g": guard_of(scope, self._words), "a": reader.loops, "p": reader.together() if sites else []}
        entry |= {key: value for key, value in more.items() if value}
        self._add("f", {"q": name, "l": getattr(node, "lineno", 1), **entry})

    def _calls(self, reader: FunctionReader, _: Facts) -> None:
        for call in reader.reader.calls:
            if (job := shared.enqueued(call, self._words)) is not None:
                self._add("q", job)
            if (included := routes.inclusion(call)) is not None:
                self._add("M" if "w" in included else "i", included)

    def _sent(self, reader: FunctionReader, node: ast.AST) -> Iterator[Facts]:
        for call in reader.reader.calls:
            if not (source := routes.sent_tenant(call, self._words)):
                continue
            name = next((name for name, value in reader.names.locals.items() if _holds_call(value, call)), "")
            beside = routes.beside(node, name, self._words) if name else []
            yield {"l": call.lineno, "n": name, "w": source, "b": beside}

    def _site(self, reader: FunctionReader, query: Query) -> Iterator[Facts]:
        if query.text:
            yield from classified(reader, query, self._words)
            return
        if not query.models or (query.helper and not query.filtered):
            return
        outers = _around(query, reader.reader.queries)
        if any(reader.bound(outer) for outer in outers):
            return
        bound = reader.bound(query)
        optional = None if bound else reader.optional(query) or (reader.returned_early(query) if not outers else None)
        site: Facts = {"l": query.line, "c": query.code, "v": query.verb, "m": query.models[:6]}
        equal = list(dict.fromkeys((e.column, e.kind, e.name) for e in query.equal))
        more: Facts = {
            "b": bound,
            "w": [] if bound else [list(e) for e in equal[:8]],
            "o": list(optional) if optional else [],
            "r": query.helper,
            "n": int(query.inner),
            "x": int(query.opaque),
            "z": query.settled,
            "y": int(query.finds),
        }
        yield site | {key: value for key, value in more.items() if value}


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _around(query: Query, queries: list[Query]) -> list[Query]:
    """Every query that a query stands in, however deep."""
    found = [query]
    for inner in found:
        found += [other for other in queries if inner in other.uses and other not in found]
    return found[1:]


def _depends(asked: Facts) -> bool:
    """Whether a function asks for more than plain types: then it may be a dependency itself."""
    return any(not name.startswith("@") or not name[1:2].islower() for name in asked["d"])


def _holds_call(value: ast.expr, call: ast.Call) -> bool:
    return any(part is call for part in ast.walk(value))

