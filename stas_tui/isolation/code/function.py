"""Reads one function: its queries with the conditions around them, and what else it does with the tenant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.parse import Effort
from stas_tui.isolation.code.predicates import Names
from stas_tui.isolation.code.query import Binding, Query, Test
from stas_tui.isolation.code.reader import Reader
from stas_tui.isolation.code.shapes import (
    arguments,
    dotted,
    is_class,
    is_none,
    leaves,
    may_be_missing,
    names_in,
    speaks_of,
    tail,
)
from stas_tui.isolation.code.words import CALLERS, Words

_Def = ast.FunctionDef | ast.AsyncFunctionDef

_GUARD = re.compile(
    r"^_?(check|verify|assert|ensure|require|validate|authorize|authorise|enforce|has|can|is|may|raise|guard|deny)_?"
    r".*(access|owner|permission|permit|member|tenant|org|workspace|scope|role|allowed|authori|visible|policy|belong)"
    r"|^_?(authorize|authorise|check_object_permissions|enforce|can|may|permits?)$"
    r"|^_?(get|fetch|load|find|resolve)_.*(_for_user|_for_tenant|_for_org|_or_403|_authorized|_accessible)$"
)
_STAFF = re.compile(r"(^|_)(is_)?(admin|superuser|staff|system|internal|root|service_account)s?$")
_OWNER = re.compile(r"(^|_)(user|owner|author|creator|member|account|created_by)(_id)?$")
_MISSING_CALLS = listed("get getattr getenv pop getlist first one_or_none scalar_one_or_none")
_ADDS = frozenset({"append", "add", "insert", "extend"})


class FunctionReader:
    """Walks the statements of a function in order."""

    def __init__(
        self,
        node: _Def | None,
        words: Words,
        lines: list[str],
        constants: dict[str, ast.expr],
        effort: Effort,
        outer: Names | None = None,
    ) -> None:
        self.words = words
        self.names = Names()
        if outer is not None:
            self.names.params |= outer.params
            self.names.locals |= outer.locals
            self.names.rows |= outer.rows
        if node is not None:
            for argument, default in arguments(node):
                self.names.params[argument.arg] = may_be_missing(argument, default)
                self.names.locals.pop(argument.arg, None)
        self.reader = Reader(words, self.names, lines, constants, effort)
        self.inner: list[_Def | ast.ClassDef] = []
        self.returned: list[Query] = []
        self.loops = ""
        self._sure: set[str] = set()

    # statements ------------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> None:
        """Read statements one after the other."""
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        reader = self.reader
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.inner.append(node)
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign([target], value)
            case ast.AugAssign(target=target, value=value):
                self._augment(target, value)
            case ast.Return(value=value) if value is not None:
                query = reader.value(value)
                if query is not None:
                    self.returned.append(query)
            case ast.Expr(value=value):
                self._expression(value)
            case ast.If():
                self._if(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While(test=test, body=body, orelse=orelse):
                reader.value(test)
                self.block(body)
                self.block(orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    reader.value(item.context_expr)
                    if isinstance(item.optional_vars, ast.Name):
                        self.names.locals[item.optional_vars.id] = item.context_expr
                self.block(node.body)
            case ast.Try() | ast.TryStar():
                self.block(node.body)
                for handler in node.handlers:
                    self.block(handler.body)
                self.block(node.orelse)
                self.block(node.finalbody)
            case ast.Match(subject=subject, cases=cases):
                reader.value(subject)
                for case in cases:
                    self.block(case.body)
            case ast.Assert(test=test):
                reader.value(test)
                self._sure |= set(_needed(test, self.words))
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        reader.value(child)

    def _assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        for target in targets:
            if isinstance(target, ast.Name):
                before = self.names.queries.get(target.id)
                if before is not None and before.text and _adds_to(value, target.id):
                    assert isinstance(value, ast.BinOp)
                    self.reader.add_text(before, value.right)
                    continue
                self.reader.assign(target.id, value)
                if self.words.holds(target.id):
                    self._tenant_assigned(target.id, value)
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                self.reader.value(value)
                name = target.value.id
                if name in self.names.lists and isinstance(target.slice, ast.Constant):
                    self.names.lists[name].append((target.slice, self.reader.tests))
            else:
                self.reader.value(value)
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        self.names.locals[part.id] = value
                        self.names.queries.pop(part.id, None)

    def _tenant_assigned(self, name: str, value: ast.expr) -> None:
        """A tenant's name gets a value that may be missing, or one that is not."""
        missing = is_none(value) or (isinstance(value, ast.Call) and tail(value.func) in _MISSING_CALLS)
        if missing and not (isinstance(value, ast.Call) and len(value.args) > 1 and not is_none(value.args[-1])):
            self.names.params.setdefault(name, True)
            self._sure.discard(name)
        else:
            self._sure.add(name)

    def _augment(self, target: ast.expr, value: ast.expr) -> None:
        name = target.id if isinstance(target, ast.Name) else ""
        query = self.names.queries.get(name)
        if query is not None and query.text:
            self.reader.add_text(query, value)
            return
        self.reader.value(value)
        if name in self.names.lists and isinstance(value, ast.List | ast.Tuple):
            self.names.lists[name] += [(item, self.reader.tests) for item in value.elts]

    def _expression(self, value: ast.expr) -> None:
        match value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr), args=[*_, entry]) if (
                attr in _ADDS and name in self.names.lists
            ):
                entries = entry.elts if isinstance(entry, ast.List | ast.Tuple) and attr == "extend" else [entry]
                self.names.lists[name] += [(item, self.reader.tests) for item in entries]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update")) if name in self.names.lists:
                keys = [ast.Constant(keyword.arg) for keyword in value.keywords if keyword.arg]
                self.names.lists[name] += [(key, self.reader.tests) for key in keys]
        self.reader.value(value)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.reader.value(node.iter)
        for part in ast.walk(node.target):
            if isinstance(part, ast.Name):
                self.names.locals.pop(part.id, None)
                if self.words.holds(part.id) or self.words.holds(part.id.removesuffix("s")):
                    self.loops = self.loops or part.id
        self.block(node.body)
        self.block(node.orelse)

    def _if(self, node: ast.If) -> None:
        reader, before = self.reader, self.reader.tests
        reader.value(node.test)
        absent = _absent(node.test, self.words)
        reader.tests = (*before, Test(node, True))
        self.block(node.body)
        reader.tests = (*before, Test(node, False))
        self.block(node.orelse)
        reader.tests = before
        for name in absent:
            if leaves(node.body) or _assigns(node.body, name):
                self._sure.add(name)

    # what came of it -------------------------------------------------------------------------------

    def optional(self, query: Query) -> tuple[str, int, bool] | None:
        """(tenant's name, line, surely optional) if the tenant's filter is there only sometimes."""
        found: tuple[str, int, bool] | None = None
        for binding in query.bindings:
            conditional = self._conditional(binding)
            if conditional is None:
                return None
            found = found or (conditional[0], binding.line or query.line, conditional[1])
        return found

    def bound(self, query: Query, seen: tuple[Query, ...] = ()) -> str:
        """How a query is held to a tenant wherever it runs; empty if it is not, or only sometimes."""
        self.reader.effort.spend(1 + len(seen))
        for binding in query.bindings:
            if self._conditional(binding) is None:
                return binding.how
        for used in query.uses:
            if used not in seen and (how := self.bound(used, (*seen, query))):
                return f"subquery: {how}"
        return ""

    def _conditional(self, binding: Binding) -> tuple[str, bool] | None:
        """(tenant's name, surely optional) on which a binding depends; None if it is always there."""
        for name in binding.names:
            if name not in self._sure:
                return name, self.names.params.get(name, False)
        for test in binding.tests:
            assert isinstance(test.node, ast.If)
            other = test.node.orelse if test.taken else test.node.body
            name = self.needed(test)
            if not name or name in self._sure or leaves(other):
                continue
            return name, self.names.params.get(name, False)
        return None

    def returned_early(self, query: Query) -> tuple[str, int, bool] | None:
        """The same for a query that is left open where a twin of it before holds to the tenant if there is one."""
        self.reader.effort.spend(1 + len(self.reader.queries) // 8)
        for other in self.reader.queries:
            if other is query or not set(other.models[:1]) & set(query.models[:1]) or not self.bound(other):
                continue
            if any(equal.kind in ("row", "caller") for equal in query.equal):
                continue
            for test in other.tests:
                name = self.needed(test)
                alone = all(mine.node is not test.node for mine in query.tests) or Test(test.node, False) in query.tests
                if name and alone and name not in self._sure and name in self.names.params:
                    return name, query.line, self.names.params[name]
        return None

    def needed(self, test: Test) -> str:
        """The tenant's name without which a place is not reached; empty if it does not depend on one."""
        names = (_needed if test.taken else _absent)(_condition(test), self.words)
        return next(iter(names), "")

    @staticmethod
    def for_staff(query: Query) -> bool:
        """Whether a query begins under a condition on the caller being staff."""
        return any(_STAFF.search(name) for test in query.tests for name in names_in(_condition(test)))

    def is_sure(self, name: str) -> bool:
        """Whether a tenant's name was found to hold one before."""
        return name in self._sure

    def together(self) -> list[str]:
        """Names that some call gets side by side with the tenant or the caller, which may have checked them."""
        found: set[str] = set()
        for call in self.reader.calls:
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            if len(given) > 1 and any(speaks_of(item, self.words) for item in given):
                found |= {name for item in given for name in names_in(item)}
        for query in self.reader.queries:
            if query.bindings:
                found |= {equal.name for equal in query.equal if equal.name}
        return sorted(name for name in found if name in self.names.params or name in self.names.locals)


def _condition(test: Test) -> ast.expr:
    assert isinstance(test.node, ast.If)
    return test.node.test


def _absent(test: ast.expr, words: Words) -> list[str]:
    """Names of tenants that are missing where a test is true: `not t`, `t is None`, also beside `or`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _holding(operand, words)
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[right]) if is_none(right):
            return _holding(left, words)
        case ast.BoolOp(op=ast.Or(), values=values):
            return [name for value in values for name in _absent(value, words)]
    return []


def _needed(test: ast.expr, words: Words) -> list[str]:
    """Names of tenants that are there where a test is true: `t`, `t is not None`, also beside `and`."""
    match test:
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[right]) if is_none(right):
            return _holding(left, words)
        case ast.BoolOp(op=ast.And(), values=values):
            return [name for value in values for name in _needed(value, words)]
        case ast.Call(func=ast.Name(id="bool" | "len"), args=[first]):
            return _holding(first, words)
    return _holding(test, words)


def _holding(node: ast.expr, words: Words) -> list[str]:
    name = dotted(node)
    return [name] if name and words.holds(name.rpartition(".")[2]) and not is_class(name) else []


def _assigns(body: list[ast.stmt], name: str) -> bool:
    for statement in body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store):
                return True
    return False


def _adds_to(value: ast.expr, name: str) -> bool:
    return (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Add)
        and isinstance(value.left, ast.Name)
        and value.left.id == name
    )


def _of_row(field: ast.Attribute) -> bool:
    return not is_class(tail(field.value)) and dotted(field.value) not in ("self.model", "cls.model", "cls")


def _owns(attr: str, sides: list[ast.expr], words: Words) -> bool:
    """Whether a field says whose a row is."""
    return words.is_column(attr) or (bool(_OWNER.search(attr)) and any(speaks_of(side, words) for side in sides))


def held(node: ast.AST, words: Words) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything in a function that holds the tenant or the caller, the surest first."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [argument.arg for argument, _ in arguments(node)]
        yield from (("param", name) for name in names if words.holds(name))
        yield from (("caller", name) for name in names if name in CALLERS)
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    for part in ast.walk(node):
        if id(part) in called:
            continue
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load) and words.holds(part.attr):
            owner = dotted(part.value)
            if owner and not is_class(owner.rpartition(".")[2]) and owner.rpartition(".")[2] != "model":
                yield "self" if owner == "self" else "field", f"{owner}.{part.attr}"


def guard_of(node: ast.AST, words: Words) -> str:
    """How a function compares a row's tenant, or asks somebody whether the caller may; empty if it does neither."""
    for part in ast.walk(node):
        if isinstance(part, ast.Compare) and isinstance(part.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            sides = [part.left, *part.comparators]
            if any(is_none(side) for side in sides):
                continue
            for side in sides:
                if isinstance(side, ast.Attribute) and _of_row(side) and _owns(side.attr, sides, words):
                    return f"line {part.lineno}"
        elif isinstance(part, ast.Call):
            name = tail(part.func)
            given = [*part.args, *(keyword.value for keyword in part.keywords)]
            if _GUARD.search(name) and any(speaks_of(item, words) for item in [*given, part.func]):
                return f"{name}()"
    return ""
