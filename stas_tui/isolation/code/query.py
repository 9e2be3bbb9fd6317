"""One query in a function, built by a library: its models, what restricts it, and under which conditions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Test:
    """A condition under which a statement is reached: the node of the `if` and the branch."""

    node: ast.AST
    taken: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """Something that restricts a query to a tenant, and the conditions between it and the query itself."""

    how: str
    tests: tuple[Test, ...] = ()
    line: int = 0
    names: tuple[str, ...] = ()
    """Names without which it would not be there, for forms that choose inside one expression."""


@dataclass(frozen=True, slots=True)
class Equal:
    """A column held equal to a value."""

    column: str
    kind: str
    """`param`, `input` (a field of what a client sent), `row` (of a row in hand), `local`, `const`, `caller`."""
    name: str = ""


@dataclass(slots=True, eq=False)
class Query:
    """A statement under construction; a variable that is assigned again and again stays one query."""

    line: int
    verb: str
    code: str
    tests: tuple[Test, ...] = ()
    """Conditions under which it begins."""
    models: list[str] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    equal: list[Equal] = field(default_factory=list)
    uses: list[Query] = field(default_factory=list)
    """Other queries inside it."""
    inner: bool = False
    """Whether it stands inside another."""
    helper: str = ""
    """Name of the function that began it elsewhere."""
    opaque: bool = False
    """Whether it is restricted by something that cannot be seen here."""
    filtered: bool = False
    settled: list[str] = field(default_factory=list)
    """Models that an outer join holds to a tenant by its own condition."""
    finds: bool = False
    """Whether it selects the tenant itself."""
    text: list[tuple[str, str, tuple[Test, ...]]] = field(default_factory=list)
    """Pieces of SQL text, for a statement that is text: whole, and without what is added only sometimes."""
    chosen: tuple[str, ...] = ()
    """Names of tenants on which a part of the text depends."""
    also: list[Query] = field(default_factory=list)
    """Queries that the same variable may hold instead: what is added to this one is added to them."""
    broken: bool = False
    """Whether a piece of the text could not be read."""

    def name(self, model: str) -> None:
        """Add a model."""
        if model and model not in self.models:
            self.models.append(model)

    def bind(self, how: str, tests: tuple[Test, ...], line: int, names: tuple[str, ...] = ()) -> None:
        """Add a binding that is reached under these conditions."""
        depth = 0
        while depth < min(len(tests), len(self.tests)) and tests[depth] == self.tests[depth]:
            depth += 1
        self.bindings.append(Binding(how, tests[depth:], line, names))
        for other in self.also:
            other.bind(how, tests, line, names)
