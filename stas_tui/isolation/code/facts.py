"""What is read from one file, by its content alone: queries, models, routes, keys and jobs, as plain JSON.

The same content and the same words give the same facts, so they are kept by the hash of the content. What a query
means is judged when the facts of all files stand side by side. Keys of a file's facts, each left out when empty:

    u  why it could not be read
    m  models (`models.model`)      T  tables that are created, with their tenant columns
    a  aliases of dependencies      v  routers with what their routes depend on
    i  routers that are included    M  middleware that looks at the caller
    d  functions that ask for the caller   r  routes (`routes.routes_of`)
    p  routes that plainly ask who calls: how many, and how many of them touch rows
    K  keys of caches, stores and locks: how many; those of functions (k) are the ones without tenant or id
    b  queries that are bound, in functions of which nothing else is kept: models to number
    j  jobs   q  jobs that are put into a queue   W  functions that a worker runs
    x  imports, name to `module.name`
    f  functions: q name, S whether it has a self, h what holds the tenant, g how rows are compared with it, a loop
       over tenants, p names checked together with it, s queries that are not bound, B how many are, by their models,
       k keys, c tenants that the client sent, R how a returned query is bound

Keys of a query: l line, c code, v verb, m models, t tables of SQL text as [table, how bound, by key], w columns held
equal as [column, kind, name], o optional filter as [name, line, surely], r function that began it, n whether it stands
inside another, x whether something unseen restricts it, z models that an outer join holds to a
tenant, y whether it selects the tenant itself, A whether it runs for staff only, e why SQL was not understood.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from stas_tui.isolation.code import models, routes, shared
from stas_tui.isolation.code.function import FunctionReader, guard_of, held
from stas_tui.isolation.code.parse import MOST_STEPS, Effort, Unreadable, parse
from stas_tui.isolation.code.predicates import Names
from stas_tui.isolation.code.query import Query
from stas_tui.isolation.code.shapes import tail
from stas_tui.isolation.code.sql_facts import classified, created
from stas_tui.isolation.code.words import Words

Facts = dict[str, Any]

_TELLING = re.compile(
    rb"\b(?:select|where|filter|query|execute\w*|objects|Depends|Annotated|\w*Router|include_router|Blueprint|Column"
    rb"|mapped_column|relationship|Model|\w*Base|\w*Mixin|Repository|delay|enqueue\w*|apply_async|actor|shared_task|task"
    rb"|\w*cache\w*|redis|lock|put_object|upload_file\w*|route|add_middleware|fetch\w*|delete|update|Request|Security|send"
    rb"|current_user|jwt|create_table)\b|\.get\(\s*[A-Z]\w*\s*,"
)


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
        self._lines = source.split("\n")
        self._hinted = routes.hints(source)
        self._constants: dict[str, ast.expr] = {}
        self._effort = Effort(MOST_STEPS)
        self._facts: Facts = {}
        self._bound: dict[str, int] = {}

    def facts(self) -> Facts:
        """Read the whole file."""
        for statement in self._tree.body:
            self._top(statement)
        main = FunctionReader(None, self._words, self._lines, self._constants, self._effort)
        main.block([s for s in self._tree.body if not isinstance(s, ast.Import | ast.ImportFrom)])
        self._calls(main)
        self._keep(main, "", self._tree, self._tree.body)
        for node in main.inner:
            self._definition(node, "", None, None)
        if any("create_table" in line or "Table(" in line for line in self._lines):
            self._add("T", *models.created_tables(self._tree, self._words))
        if self._bound:
            self._facts["b"] = self._bound
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
        more = {"d": asked, "h": int(any(kind == "self" for kind, _ in held(node, self._words)))}
        kept = {key: value for key, value in more.items() if value}
        if model is not None or kept:
            self._add("m", {"n": node.name, **(model or {}), **kept})
        for statement in node.body:
            if "Worker" in node.name:
                self._add("W", *_run_by_worker(statement))
            self._definition(statement, f"{name}.", node, None)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str, owner: ast.ClassDef | None, outer: Names | None
    ) -> None:
        name = f"{prefix}{node.name}"
        found = list(routes.routes_of(node, owner, name, self._words, self._hinted))
        asked = {} if found else routes.asks(node, self._words, self._hinted)
        if asked and (kept := _dependency(asked)):
            self._facts.setdefault("d", {})[node.name] = kept
        if (task := shared.task_of(node, self._words)) is not None:
            self._add("j", task)
        reader = FunctionReader(node, self._words, self._lines, self._constants, self._effort, outer)
        reader.block(node.body)
        self._routes(found, reading=bool(reader.reader.queries))
        self._keep(reader, name, node, node.body, serves=any(not routes.plainly_asks(route) for route in found))
        for inner in reader.inner:
            self._definition(inner, f"{name}.", None, reader.names)

    # what a function leaves ------------------------------------------------------------------------

    def _routes(self, found: list[Facts], *, reading: bool) -> None:
        """Keep routes that must be judged, and count those that plainly ask who calls."""
        self._add("r", *(route for route in found if not routes.plainly_asks(route)))
        plain = [route for route in found if routes.plainly_asks(route)]
        if plain:
            total, judged = self._facts.get("p", (0, 0))
            self._facts["p"] = [total + len(plain), judged + sum(routes.touches(route, reading) for route in plain)]

    def _keep(
        self, reader: FunctionReader, name: str, node: ast.AST, body: list[ast.stmt], *, serves: bool = False
    ) -> None:
        open_, bound = self._sites(reader)
        more: Facts = {
            "s": open_,
            "B": bound,
            "k": self._keys(reader, node),
            "c": list(self._sent(reader, node)) if name else [],
        }
        entry: Facts = {key: value for key, value in more.items() if value}
        returned = {reader.bound(query) for query in reader.returned if not query.text}
        if returned:
            entry["R"] = "" if "" in returned else sorted(returned)[0]
        if name:
            self._calls(reader)
        if not entry:
            return
        if entry.keys() == {"B"} and not serves and not any("*" in names for names in bound):
            for names, number in bound.items():
                self._bound[names] = self._bound.get(names, 0) + number
            return
        if entry.keys() - {"B", "R"}:
            scope = node if name else ast.Module([s for s in body if not isinstance(s, _SCOPES)], [])
            holds = list(dict.fromkeys(f"{kind} {what}" for kind, what in held(scope, self._words)))[:6]
            beside = {
                "h": holds,
                "g": guard_of(scope, self._words),
                "a": reader.loops,
                "S": int("self" in reader.names.params),
            }
            entry |= {key: value for key, value in beside.items() if value}
            if open_ and (together := reader.together()):
                entry["p"] = together
        self._add("f", {"q": name, **entry})

    def _keys(self, reader: FunctionReader, node: ast.AST) -> list[Facts]:
        """Keys that may be somebody else's too; all of them are counted."""
        keys = [key for call in reader.reader.calls if (key := shared.key_of(call, reader.names.locals, self._words))]
        if isinstance(node, _DEFS) and (kept := shared.cached_function(node, self._words)) is not None:
            keys.append(kept)
        if keys:
            self._facts["K"] = self._facts.get("K", 0) + len(keys)
        return [key for key in keys if not key["t"] and not key["o"]]

    def _calls(self, reader: FunctionReader) -> None:
        for call in reader.reader.calls:
            if (job := shared.enqueued(call, self._words)) is not None:
                self._add("q", job)
            if (included := routes.inclusion(call)) is not None:
                self._add("M" if "w" in included else "i", included)

    def _sent(self, reader: FunctionReader, node: ast.AST) -> Iterator[Facts]:
        for call in reader.reader.calls:
            if not (source := routes.sent_tenant(call, self._words)):
                continue
            name = next((name for name, value in reader.names.locals.items() if _is_call(value, call)), "")
            beside = routes.beside(node, name, self._words) if name else []
            yield {"l": call.lineno, "n": name, "w": source, "b": beside}

    def _sites(self, reader: FunctionReader) -> tuple[list[Facts], dict[str, int]]:
        """Queries that are not bound everywhere, and how many are, by their models."""
        open_: list[Facts] = []
        bound: dict[str, int] = {}
        users = _users(reader.reader.queries)
        for query in reader.reader.queries:
            if query.text:
                open_ += classified(reader, query, self._words)
            elif query.models and (query.filtered or not query.helper):
                outers = _around(query, users, self._effort)
                if any(reader.bound(outer) for outer in outers):
                    continue
                if reader.bound(query):
                    names = ",".join(query.models[:6])
                    bound[names] = bound.get(names, 0) + 1
                else:
                    open_.append(self._site(reader, query, alone=not outers))
        return open_, bound

    def _site(self, reader: FunctionReader, query: Query, *, alone: bool) -> Facts:
        optional = reader.optional(query) or (reader.returned_early(query) if alone else None)
        equal = dict.fromkeys((e.column, e.kind, e.name) for e in query.equal)
        more: Facts = {
            "w": [list(e) for e in equal][:8],
            "o": list(optional) if optional else [],
            "r": query.helper,
            "n": int(query.inner),
            "x": int(query.opaque),
            "z": query.settled,
            "y": int(query.finds),
            "A": int(reader.for_staff(query)),
        }
        site: Facts = {"l": query.line, "c": query.code, "v": query.verb, "m": query.models[:6]}
        return site | {key: value for key, value in more.items() if value}


def _run_by_worker(node: ast.stmt) -> list[str]:
    """Functions that a worker's settings list."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List | ast.Tuple):
        return []
    return [
        tail(item) for item in node.value.elts if tail(node.targets[0]) in ("functions", "cron_jobs") and tail(item)
    ]


_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _users(queries: list[Query]) -> dict[Query, list[Query]]:
    """Queries, to those that have them inside."""
    found: dict[Query, list[Query]] = {}
    for query in queries:
        for used in query.uses:
            for inner in (used, *used.also):
                found.setdefault(inner, []).append(query)
    return found


def _around(query: Query, users: dict[Query, list[Query]], effort: Effort) -> list[Query]:
    """Every query that a query stands in, however deep."""
    found = {query: None}
    todo = [query]
    for inner in todo:
        effort.spend()
        for outer in users.get(inner, ()):
            if outer not in found:
                found[outer] = None
                todo.append(outer)
    return todo[1:]


def _dependency(asked: Facts) -> Facts:
    """What a function asks for, if routes may depend on it; most functions only take values."""
    names = [name for name in asked["d"] if not name.startswith("@") or routes.is_identity(name)]
    if not names and not asked.get("i"):
        return {}
    found = {"i": asked["i"]} if asked.get("i") else {"d": names}
    return found | ({"t": sorted(asked["t"])} if asked.get("t") else {})


def _is_call(value: ast.expr, call: ast.Call) -> bool:
    """Whether a value is what a call gives, at most converted; a function that gets it may have checked it."""
    while value is not call:
        match value:
            case ast.Await(value=inner) | ast.BoolOp(values=[inner, *_]):
                value = inner
            case ast.Call(func=ast.Attribute(value=inner, attr="strip" | "lower")):
                value = inner
            case ast.Call(func=ast.Name(id="int" | "str" | "UUID"), args=[inner]):
                value = inner
            case _:
                return False
    return True
