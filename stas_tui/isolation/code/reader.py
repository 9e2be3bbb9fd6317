"""Reads the queries of one function: where each begins, what is added to it, and what calls get the tenant."""

from __future__ import annotations

import ast
import re

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.parse import Effort
from stas_tui.isolation.code.predicates import Names, Predicates
from stas_tui.isolation.code.query import Equal, Query, Test
from stas_tui.isolation.code.shapes import SHOWN, model_of, tail, tenant_in
from stas_tui.isolation.code.strings import Texts, is_sql
from stas_tui.isolation.code.words import Words

_FILTERS = frozenset({"where", "filter", "filter_by", "having", "exclude", "and_where"})
_FETCHES = listed("get aget get_or_none get_or_404 first_or_404 get_object_or_404 get_list_or_404")
_JOINS = frozenset({"join", "outerjoin", "join_from", "outerjoin_from", "select_from"})
_ENDS = listed(
    "all first one one_or_none scalar scalars scalar_one scalar_one_or_none count exists_ fetchone fetchall aall"
    " acount afirst iterator get_or_none values_list paginate rowcount mappings unique tuples"
)
_RUNS = listed(
    "execute scalars scalar exec stream stream_scalars fetch fetchall fetchone fetchrow fetchval fetch_all"
    " fetch_one all first one list len paginate iterate_all get_one get_one_or_none get_all str print bool"
    " isinstance"
)
_WRITES = listed("create acreate bulk_create abulk_create bulk_update abulk_update none insert insert_many")
_NEUTRAL = listed(
    "values execution_options options order_by group_by distinct limit offset returning with_for_update correlate"
    " correlate_except label subquery cte alias scalar_subquery exists union union_all intersect except_ add_columns"
    " with_only_columns annotate select_related prefetch_related only defer using on_conflict_do_update"
)
_TEXTS = listed(
    "execute executemany text fetch fetchrow fetchval fetch_all fetch_one fetch_val iterate raw read_sql"
    " read_sql_query execute_sql run_query query exec_driver_sql sql SQL mogrify cursor_execute executescript"
)
_BEGINS = re.compile(r"(^|_)(statement|stmt|query|queryset|select|qs)$|^(get|build|base|make)_.*(statement|stmt|query)")
_NO_TEXT = re.compile(r"(^|_)(parse|string|param|params|log|format|vector|search|url|graphql)(_|$)")


class Reader:
    """Collects the queries of one function. `tests` holds the conditions of the place that is read now."""

    def __init__(
        self, words: Words, names: Names, lines: list[str], constants: dict[str, ast.expr], effort: Effort
    ) -> None:
        self.words, self.names, self.effort = words, names, effort
        self.texts = Texts(constants, names.locals, names.lists, effort)
        self.queries: list[Query] = []
        self.calls: list[ast.Call] = []
        self.tests: tuple[Test, ...] = ()
        self._lines = lines
        self._made: dict[int, Query | None] = {}
        self.predicates = Predicates(words, names, self.value, effort)

    def line(self, number: int) -> str:
        """A line of the file without its indentation."""
        return self._lines[number - 1].strip()[:SHOWN] if 0 < number <= len(self._lines) else ""

    def value(self, node: ast.expr) -> Query | None:
        """Read an expression once; the query that it is, if it is one."""
        kind = type(node)
        if kind is ast.Constant:
            return None
        if kind is ast.Name:
            return self.names.queries.get(node.id)  # type: ignore[attr-defined]
        known = self._made.get(id(node), False)
        if known is not False:
            return known  # type: ignore[return-value]
        self._made[id(node)] = None
        found = self._made[id(node)] = self._value(node)
        return found

    def _value(self, node: ast.expr) -> Query | None:
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(node, value, attr)
            case ast.Await(value=value) | ast.Starred(value=value):
                return self.value(value)
            case ast.Subscript(value=value, slice=index):
                self.value(index)
                return self.value(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                return self.assign(name, value)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.value(test)
                one, other = self.value(body), self.value(orelse)
                if one is not None and other is not None and other is not one:
                    one.uses.append(other)
                return one or other
            case ast.Lambda(body=body):
                self.value(body)
                return None
        self._inside_of(node)
        return None

    def _inside_of(self, node: ast.AST) -> None:
        """Read every expression inside a piece of the tree."""
        for name in node._fields:
            value = getattr(node, name, None)
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, ast.expr):
                    self.value(part)
                elif isinstance(part, ast.comprehension | ast.keyword):
                    self._inside_of(part)

    def assign(self, name: str, value: ast.expr) -> Query | None:
        """A name gets a value."""
        query, before = self.value(value), self.names.queries.get(name)
        self.names.locals[name] = value
        if query is not None:
            if before is not None and before is not query and len(self.tests) > len(before.tests) and not query.also:
                query.also = [before]
            self.names.queries[name] = query
            if isinstance(value, ast.Call) and tail(value.func) in ("subquery", "cte", "alias", "lateral"):
                self.names.rows.add(name)
            return query
        self.names.queries.pop(name, None)
        self._text(name, value)
        if isinstance(value, ast.List | ast.Set | ast.Tuple):
            self.names.lists[name] = [(item, self.tests) for item in value.elts]
        elif isinstance(value, ast.Dict):
            keys = [(key, self.tests) for key in value.keys if key is not None]
            self.names.lists[name] = keys if len(keys) == len(value.keys) else []
            if len(keys) < len(value.keys):
                del self.names.lists[name]
        elif isinstance(value, ast.Call) and tail(value.func) in ("aliased", "alias") and value.args:
            self.names.rows.add(name)
        return None

    def _text(self, name: str, value: ast.expr) -> None:
        """A name gets a text of SQL; more may be added to it before it runs."""
        sql = self.texts.full(value) if isinstance(value, _TEXTUAL) else None
        if sql is not None and is_sql(sql):
            self.names.queries[name] = self._sql(value)

    def add_text(self, query: Query, value: ast.expr) -> None:
        """More text is added to a statement."""
        full = self.texts.full(value)
        query.broken |= full is None
        query.text.append((full or "", self.texts.least(value) or "", self.tests))

    def _sql(self, node: ast.expr) -> Query:
        query = self._begin(node, "sql")
        self.texts.asked.clear()
        self.add_text(query, node)
        asked = [name for test in self.texts.asked if (name := tenant_in(test, self.words))]
        query.chosen = tuple(dict.fromkeys(asked))
        return query

    # where a query begins --------------------------------------------------------------------------

    def _begin(self, node: ast.expr, verb: str) -> Query:
        query = Query(node.lineno, verb, self.line(node.lineno), self.tests)
        self.queries.append(query)
        return query

    def _attribute(self, node: ast.AST, value: ast.expr, attr: str) -> Query | None:
        if (attr == "query" or attr.endswith("objects")) and isinstance(node, ast.expr) and (model := model_of(value)):
            query = self._begin(node, "select")
            query.name(model)
            return query
        self.value(value)
        return None

    def _call(self, node: ast.Call) -> Query | None:
        name = tail(node.func)
        if isinstance(node.func, ast.Attribute):
            query = self.value(node.func.value)
            if query is not None and not query.text:
                return self._method(query, name, node)
        elif isinstance(node.func, ast.Call | ast.Subscript):
            self.value(node.func)
        self.calls.append(node)
        return self._root(node, name) or self._plain(node, name)

    def _root(self, node: ast.Call, name: str) -> Query | None:
        """A new query, if this call begins one."""
        first = model_of(node.args[0]) if node.args else ""
        if name in ("select", "exists") or (name in ("update", "delete") and first):
            return self._built(node, name)
        if name == "query" and any(self._models(arg) for arg in node.args):
            return self._built(node, name)
        if name in _FETCHES and first and len(node.args) + len(node.keywords) > 1:
            return self._fetch(node, first)
        return None

    def _models(self, arg: ast.expr) -> str:
        for part in ast.walk(arg):
            if model := model_of(part):
                return model
        return ""

    def _built(self, node: ast.Call, verb: str) -> Query:
        query = self._begin(node, "select" if verb == "query" else verb)
        if isinstance(node.func, ast.Attribute):
            query.name(model_of(node.func.value))
        for arg in node.args:
            inner = self.value(arg)
            if inner is not None:
                self._inside(query, inner)
            if isinstance(arg, ast.Attribute) and arg.attr in self.words.columns:
                query.finds = True
            for part in ast.walk(arg):
                if isinstance(part, ast.Name | ast.Attribute):
                    self._row(query, part)
        return query

    def _row(self, query: Query, part: ast.Name | ast.Attribute) -> None:
        """A model, an alias of one, or a subquery that a query selects from."""
        query.name(model_of(part))
        if not isinstance(part, ast.Name) or part.id not in self.names.rows:
            return
        inner = self.names.queries.get(part.id)
        if inner is not None:
            self._inside(query, inner)
        made = self.names.locals.get(part.id)
        if isinstance(made, ast.Call) and made.args:
            query.name(model_of(made.args[0]))

    @staticmethod
    def _inside(outer: Query, inner: Query) -> None:
        if inner is not outer and outer not in inner.uses and inner not in outer.uses:
            outer.uses.append(inner)
            for one in (inner, *inner.also):
                one.inner = True

    def _fetch(self, node: ast.Call, model: str) -> Query:
        """One row by its key: `session.get(Item, id)`."""
        query = self._begin(node, "get")
        query.name(model)
        for arg in node.args[1:]:
            kind, name = self.predicates.origin(arg)
            query.equal.append(Equal("id", kind, name))
            self._condition(query, arg, key=True)
        self._keywords(query, node)
        return query

    def _plain(self, node: ast.Call, name: str) -> Query | None:
        """A call that begins no query: it may run text, pass a query on, or begin one elsewhere."""
        if name in _TEXTS and node.args and self._runs_text(node):
            return None
        passed = None
        for arg in node.args:
            passed = self.value(arg) or passed
        for keyword in node.keywords:
            passed = self.value(keyword.value) or passed
        if passed is not None and name not in _RUNS:
            if how := self.predicates.helps(node):
                passed.bind(how, self.tests, node.lineno)
            return passed
        if passed is None and _BEGINS.search(name) and not _NO_TEXT.search(name):
            query = self._begin(node, "select")
            query.helper = name
            query.name("*")
            if how := self.predicates.helps(node):
                query.bind(how, self.tests, node.lineno)
            return query
        return None

    def _runs_text(self, node: ast.Call) -> bool:
        """Whether a call runs SQL that stands in the code."""
        first = node.args[0]
        if isinstance(first, ast.Name) and (query := self.names.queries.get(first.id)) is not None and query.text:
            return True
        sql = self.texts.full(first)
        if sql is None or not is_sql(sql):
            return False
        if not any(query.line == first.lineno and query.text for query in self.queries):
            self._sql(first)
        for arg in node.args[1:]:
            self.value(arg)
        return True

    # what is added to it ---------------------------------------------------------------------------

    def _method(self, query: Query, name: str, node: ast.Call) -> Query | None:
        if name in _WRITES:
            query.verb = "insert"
        if name in _FILTERS or (name in _FETCHES and query.verb != "sql"):
            query.filtered = True
            for arg in node.args:
                if name in _FETCHES:
                    query.equal.append(self.predicates.equal("id", arg))
                self._condition(query, arg, key=name in _FETCHES)
            self._keywords(query, node)
            return None if name in _FETCHES else query
        if name in _JOINS:
            self._join(query, name, node)
            return query
        for arg in node.args:
            inner = self.value(arg)
            if inner is not None:
                self._inside(query, inner)
        for keyword in node.keywords:
            self.value(keyword.value)
        if name in ("with_only_columns", "add_columns", "with_entities", "add_entity"):
            for arg in node.args:
                query.name(self._models(arg))
        if self.words.mentions(name) or name in self.words.helpers:
            query.bind(f"{name}()", self.tests, node.lineno)
        elif name not in _ENDS | _NEUTRAL and (how := self.predicates.helps(node)):
            query.bind(how, self.tests, node.lineno)
        return None if name in _ENDS else query

    def _join(self, query: Query, name: str, node: ast.Call) -> None:
        outer = name.startswith("outer") or any(keyword.arg in ("isouter", "full") for keyword in node.keywords)
        joined = next((model for arg in node.args if (model := model_of(arg))), "")
        conditions = [keyword.value for keyword in node.keywords if keyword.arg in ("onclause", "on")]
        for arg in node.args:
            inner = self.value(arg)
            if inner is not None:
                self._inside(query, inner)
            elif isinstance(arg, ast.Compare | ast.BoolOp | ast.BinOp) or (
                isinstance(arg, ast.Call) and tail(arg.func) in ("and_", "or_")
            ):
                conditions.append(arg)
            elif isinstance(arg, ast.Name | ast.Attribute):
                self._row(query, arg)
        for condition in conditions:
            if not outer:
                self._condition(query, condition)
            elif self.predicates.binds(condition) not in ("", "unseen"):
                query.settled.append(joined)
            self.value(condition)

    def _condition(self, query: Query, node: ast.expr, *, key: bool = False) -> None:
        self.predicates.inside.clear()
        self.predicates.chosen.clear()
        how = self.predicates.binds(node)
        if how and not (key and how == "unseen"):
            self._bind(query, how, node)
        elif not key:
            query.equal += self.predicates.equalities(node)
        for inner in self.predicates.inside:
            self._inside(query, inner)
        self.value(node)

    def _bind(self, query: Query, how: str, node: ast.expr) -> None:
        if how == "unseen":
            query.opaque = True
            return
        names = tuple(dict.fromkeys(self.predicates.chosen))
        where = self._listed(node)
        query.bind(how, where or self.tests, node.lineno, names)

    def _listed(self, node: ast.expr) -> tuple[Test, ...]:
        """The conditions under which the tenant's entry was added to a list or mapping of conditions."""
        while isinstance(node, ast.Starred):
            node = node.value
        if isinstance(node, ast.Call) and node.args and tail(node.func) in ("and_", "or_"):
            return next((found for arg in node.args if (found := self._listed(arg))), ())
        if not isinstance(node, ast.Name) or node.id not in self.names.lists:
            return ()
        added = [tests for entry, tests in self.names.lists[node.id] if self._binding_entry(entry)]
        return min(added, key=len) if added else ()

    def _binding_entry(self, entry: ast.expr) -> bool:
        if isinstance(entry, ast.Constant):
            return isinstance(entry.value, str) and self.words.is_column(entry.value)
        return bool(self.predicates.binds(entry))

    def _keywords(self, query: Query, node: ast.Call) -> None:
        self.predicates.inside.clear()
        self.predicates.chosen.clear()
        how = self.predicates.keywords(node)
        spread = next((k.value for k in node.keywords if k.arg is None), None)
        if how == "unseen":
            query.opaque = True
        elif how:
            where = self._listed(spread) if spread is not None and not self._named(node) else ()
            query.bind(how, where or self.tests, node.lineno, tuple(dict.fromkeys(self.predicates.chosen)))
        for keyword in node.keywords:
            if keyword.arg and keyword.arg not in ("options", "with_for_update", "populate_existing"):
                query.equal.append(self.predicates.equal(keyword.arg.split("__")[0], keyword.value))
            self.value(keyword.value)
        for inner in self.predicates.inside:
            self._inside(query, inner)

    def _named(self, node: ast.Call) -> bool:
        return any(k.arg and any(self.words.is_column(part) for part in k.arg.split("__")) for k in node.keywords)


_TEXTUAL = ast.Constant | ast.JoinedStr | ast.BinOp | ast.Call
