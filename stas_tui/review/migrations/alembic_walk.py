"""Follows `upgrade()` and `downgrade()` through a file without executing it, and collects what they do.

Branches on the dialect are chosen, loops over written-out lists are unrolled, helpers of the same file are followed,
other conditions mark what is under them as done only sometimes.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from stas_tui.review.migrations.alembic_ops import dml_op, enum_op, ops_of_call, table_name
from stas_tui.review.migrations.alembic_parts import ENUMS, table_parts
from stas_tui.review.migrations.alembic_test import decide
from stas_tui.review.migrations.model import Kind, Op, Way
from stas_tui.review.migrations.sql_ops import LONGEST_CODE, ops_of_text
from stas_tui.review.migrations.values import (
    UNKNOWN,
    Expr,
    Scope,
    arguments_of,
    as_text,
    called,
    fold,
    last_name,
    root_name,
)

DEEPEST = 6
"""Helpers that call helpers are followed this far."""
LONGEST_LOOP = 200
MOST_OPS = 5_000

_KNOWN_ROOTS = frozenset(
    {"sqlalchemy", "sqlmodel", "alembic", "geoalchemy2", "pgvector", "sqlalchemy_utils", *sys.stdlib_module_names}
)
_BUILTINS = frozenset(dir(builtins))
_RUNS_SQL = frozenset({"execute", "exec_driver_sql", "scalar", "scalars", "exec", "executemany"})
_CONNECTIONS = frozenset({"bind", "conn", "connection", "session", "engine", "cursor", "db"})
_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Ended(Exception):
    """The function always leaves here."""


class _Batch:
    def __init__(self, table: str) -> None:
        self.table = table


class Module:
    """A migration's file with its names, as far as they can be worked out."""

    def __init__(self, tree: ast.Module, text: str, dialect: str) -> None:
        self.tree = tree
        self.lines = text.split("\n")
        self.dialect = dialect
        self.functions: dict[str, _Function] = {}
        self.modules: dict[str, str] = {}
        """Names to the module that they come from."""
        self.op_names = {"op"}
        self.scope = Scope()
        for node in tree.body:
            self._top(node)

    def _top(self, node: ast.stmt) -> None:
        if isinstance(node, _Function):
            self.functions[node.name] = node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self.modules[name] = alias.name
                if alias.name == "alembic.op":
                    self.op_names.add(name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self.modules[alias.asname or alias.name] = "." if node.level else node.module or "."
                if node.module == "alembic" and alias.name == "op":
                    self.op_names.add(alias.asname or "op")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.scope.bind(target, fold(node.value, self.scope))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.scope.bind(node.target, fold(node.value, self.scope))
        elif isinstance(node, ast.ClassDef):
            self.scope.names[node.name] = _class_names(node, self.scope)

    def way(self, name: str) -> Way:
        """What a function of the file does."""
        function = self.functions.get(name)
        if function is None:
            return Way()
        walker = _Walker(self)
        raises = walker.run(function)
        return Way(ops=tuple(walker.ops[:MOST_OPS]), line=function.lineno, raises=raises)


def _class_names(node: ast.ClassDef, outer: Scope) -> dict[str, object]:
    scope = Scope(outer=outer)
    for one in node.body:
        if isinstance(one, ast.Assign):
            for target in one.targets:
                scope.bind(target, fold(one.value, scope))
    return scope.names


class _Walker:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.ops: list[Op] = []
        self._sometimes = 0
        self._depth = 0
        self._statement_call: ast.expr | None = None
        """The call that stands as a statement of its own, so that only its effect can matter."""

    def run(self, function: _Function) -> int:
        """Follow it; the line on which it always raises, or 0."""
        try:
            self._block(function.body, Scope(outer=self.module.scope))
        except _Ended as end:
            return int(end.args[0])
        return 0

    # statements ------------------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], scope: Scope) -> None:
        for at, node in enumerate(body):
            if isinstance(node, ast.If) and self._leaves(node, scope):
                with self._maybe():
                    self._block(body[at + 1 :], scope)
                return
            self._statement(node, scope)

    def _leaves(self, node: ast.If, scope: Scope) -> bool:
        """Whether the rest is done only if an undecided condition does not leave the function before."""
        leaves = bool(node.body) and isinstance(node.body[-1], ast.Return | ast.Raise)
        if not leaves or node.orelse or decide(node.test, scope, self.module.dialect) is not None:
            return False
        with self._maybe():
            self._try(node.body, scope)
        return True

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.Expr():
                self._statement_call = node.value
                self._value(node.value, scope)
            case ast.Assign():
                self._value(node.value, scope)
                for target in node.targets:
                    scope.bind(target, fold(node.value, scope))
            case ast.AnnAssign() if node.value is not None:
                self._value(node.value, scope)
                scope.bind(node.target, fold(node.value, scope))
            case ast.AugAssign():
                self._value(node.value, scope)
                scope.bind(node.target, fold(ast.BinOp(node.target, node.op, node.value), scope))
            case ast.If():
                self._if(node, scope)
            case ast.For() | ast.AsyncFor():
                self._for(node, scope)
            case ast.While():
                self._value(node.test, scope)
                with self._maybe():
                    self._try(node.body, scope)
            case ast.With() | ast.AsyncWith():
                self._with(node, scope)
            case ast.Try() | ast.TryStar():
                with self._maybe():
                    self._try(node.body, scope)
                    for handler in node.handlers:
                        self._try(handler.body, scope)
                self._block(node.finalbody, scope)
            case ast.Raise():
                raise _Ended(node.lineno)
            case ast.Return():
                if node.value is not None:
                    self._value(node.value, scope)
                raise _Ended(0)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.module.functions.setdefault(node.name, node)
            case ast.ClassDef():
                scope.names[node.name] = _class_names(node, scope)
            case _:
                pass

    def _if(self, node: ast.If, scope: Scope) -> None:
        self._value(node.test, scope)
        chosen = decide(node.test, scope, self.module.dialect)
        if chosen is not None:
            self._block(node.body if chosen else node.orelse, scope)
            return
        with self._maybe():
            self._try(node.body, scope)
            self._try(node.orelse, scope)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._value(node.iter, scope)
        values = fold(node.iter, scope)
        if isinstance(values, dict):
            values = tuple(values)
        if isinstance(values, tuple) and len(values) <= LONGEST_LOOP:
            for value in values:
                scope.bind(node.target, value)
                self._block(node.body, scope)
                if len(self.ops) > MOST_OPS:
                    return
            return
        scope.bind(node.target, UNKNOWN)
        with self._maybe():
            self._try(node.body, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = item.context_expr
            if isinstance(value, ast.Call) and last_name(value.func) == "batch_alter_table":
                arguments = arguments_of(Expr(value, scope))
                table = as_text(arguments.get(0, "table_name")) or ""
                schema = as_text(arguments.get(None, "schema"))
                if not table:
                    self._unclear(value, "the table of a batch is put together at run time")
                if item.optional_vars is not None:
                    name = f"{schema}.{table}" if schema and schema != "public" else table
                    scope.bind(item.optional_vars, _Batch(name or "?"))
            else:
                self._value(value, scope)
                if item.optional_vars is not None:
                    scope.bind(item.optional_vars, fold(value, scope))
        self._block(node.body, scope)

    def _try(self, body: list[ast.stmt], scope: Scope) -> None:
        """Follow what is done only sometimes; that it leaves the function then does not end the walk."""
        try:
            self._block(body, scope)
        except _Ended:
            return

    @contextmanager
    def _maybe(self) -> Iterator[None]:
        self._sometimes += 1
        try:
            yield
        finally:
            self._sometimes -= 1

    # calls -----------------------------------------------------------------------------------------

    def _value(self, node: ast.expr, scope: Scope) -> None:
        """Every call inside an expression, innermost first."""
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                self._value(inner, scope)
            elif isinstance(inner, ast.keyword | ast.comprehension):
                self._value(inner.value if isinstance(inner, ast.keyword) else inner.iter, scope)
        if isinstance(node, ast.Call):
            self._call(node, scope)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        func = node.func
        arguments = arguments_of(Expr(node, scope))
        line, code = node.lineno, self._code(node)
        if isinstance(func, ast.Name):
            self._named(node, func.id, scope)
            return
        if not isinstance(func, ast.Attribute):
            return
        owner = fold(func.value, scope)
        if func.attr in _RUNS_SQL and (node.args or node.keywords):
            self._sql(node, scope, code)
        elif isinstance(owner, _Batch):
            self._emit(ops_of_call(func.attr, arguments, owner.table, line, code))
        elif isinstance(func.value, ast.Name) and func.value.id in self.module.op_names:
            self._emit(ops_of_call(func.attr, arguments, "", line, code))
        elif func.attr in ("create", "drop") and isinstance(owner, Expr) and called(owner, *ENUMS):
            op = enum_op(owner, func.attr, arguments, line, code)
            self._emit(iter(() if op is None else (op,)))
        elif func.attr in ("create", "drop") and called(owner, "Table"):
            assert isinstance(owner, Expr)
            self._emit(_table_object(owner, func.attr, line, code))
        elif func.attr in ("create_all", "drop_all"):
            self._unclear(node, f"{func.attr} makes what the models say today, not what they said then")
        elif func.attr in ("delete", "update") and "query" in ast.unparse(func.value)[:2_000]:
            op = dml_op(Expr(node, scope), line, code)
            self._emit(iter(() if op is None else (op,)))
        elif func.attr in ("add", "add_all", "bulk_insert_mappings", "bulk_save_objects") and node.args:
            self._object_written(node, owner)
        else:
            self._foreign(node, root_name(func.value))

    def _object_written(self, node: ast.Call, owner: object) -> None:
        if isinstance(owner, Expr):
            self._emit(iter((Op(kind=Kind.INSERT, table="?", line=node.lineno, code=self._code(node)),)))

    def _named(self, node: ast.Call, name: str, scope: Scope) -> None:
        function = self.module.functions.get(name)
        if function is None:
            if name not in _BUILTINS and scope.get(name) is UNKNOWN:
                self._foreign(node, name)
            return
        if self._depth >= DEEPEST:
            self._unclear(node, f"{name}() calls itself or goes too deep")
            return
        inner = Scope(outer=self.module.scope)
        _bind_parameters(function, node, scope, inner)
        self._depth += 1
        try:
            self._block(function.body, inner)
        except _Ended as end:
            if end.args[0]:
                raise
        finally:
            self._depth -= 1

    def _foreign(self, node: ast.Call, root: str) -> None:
        """A function of another module may do anything if it is given the connection or called for its effect."""
        module = self.module.modules.get(root, "")
        own = last_name(node.func)
        if not module or module.partition(".")[0] in _KNOWN_ROOTS or own[:1].isupper() or own in _LOGS:
            return
        if node is self._statement_call or self._hands_over(node):
            name = ast.unparse(node.func)[:60]
            self._unclear(node, f"what {name}() of {module} does is not known")

    def _hands_over(self, node: ast.Call) -> bool:
        """Whether a call is given what it would need to change the database."""
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        names = {inner.id for one in given for inner in ast.walk(one) if isinstance(inner, ast.Name)}
        return bool(names & (_CONNECTIONS | self.module.op_names))

    def _sql(self, node: ast.Call, scope: Scope, code: str) -> None:
        argument = node.args[0] if node.args else node.keywords[0].value
        value = fold(argument, scope)
        if isinstance(value, str):
            self._emit(iter(ops_of_text(value, self.module.dialect, argument.lineno)))
            return
        op = dml_op(value, node.lineno, code)
        if op is not None:
            self._emit(iter((op,)))
        elif not (isinstance(value, Expr) and last_name(node.func) in ("scalar", "scalars")):
            self._unclear(node, "the statement is put together at run time")

    def _unclear(self, node: ast.expr, why: str) -> None:
        self._emit(iter((Op(kind=Kind.UNCLEAR, line=node.lineno, code=self._code(node), why=why),)))

    def _emit(self, ops: Iterator[Op]) -> None:
        for op in ops:
            self.ops.append(replace(op, only_if=True) if self._sometimes else op)

    def _code(self, node: ast.expr) -> str:
        line = self.module.lines[node.lineno - 1].strip() if node.lineno <= len(self.module.lines) else ""
        return line[:LONGEST_CODE]


def _bind_parameters(function: _Function, node: ast.Call, scope: Scope, inner: Scope) -> None:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    given = function.args.defaults
    for name, default in zip(names[len(names) - len(given) :], given, strict=True):
        inner.names[name] = fold(default, inner)
    for argument, default_value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        inner.names[argument.arg] = fold(default_value, inner)
    for name in names:
        inner.names.setdefault(name, UNKNOWN)
    for name, value in zip(names, node.args, strict=False):
        inner.names[name] = fold(value, scope)
    for keyword in node.keywords:
        if keyword.arg:
            inner.names[keyword.arg] = fold(keyword.value, scope)


def _table_object(owner: Expr, method: str, line: int, code: str) -> Iterator[Op]:
    table = table_name(owner) or "?"
    if method == "drop":
        yield Op(kind=Kind.DROP_TABLE, table=table, line=line, code=code)
    else:
        parts = table_parts(arguments_of(owner).rest(2), table, line, code)
        yield Op(kind=Kind.CREATE_TABLE, table=table, parts=parts, line=line, code=code)
