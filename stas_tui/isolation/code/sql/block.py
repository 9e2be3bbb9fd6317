"""One query block: its tables, subqueries and conditions, and which condition may bind which table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stas_tui.isolation.code.sql.schema import Schema, plain

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(slots=True, eq=False)
class Source:
    """A table or a subquery under the name by which its block knows it."""

    alias: str
    table: str = ""
    """Name of the table; empty for a subquery."""
    inner: tuple[Block, ...] = ()
    """Blocks of a subquery or common table expression: one, or the branches of a union."""
    pushed: bool = True
    """Whether a condition outside may be held against the rows inside; False where several read the same expression."""
    values: bool = False
    """Whether its rows are values that were given: VALUES, UNNEST of a parameter."""


@dataclass(slots=True, eq=False)
class Block:
    """SELECT, UPDATE, DELETE or the query of an INSERT, with everything that restricts its rows."""

    schema: Schema
    outer: Block | None = None
    sources: dict[str, Source] = field(default_factory=dict)
    conditions: list[tuple[exp.Expr, frozenset[str] | None]] = field(default_factory=list)
    """Conditions that all hold, each with the sources whose rows it restricts; None means all."""
    outputs: dict[str, exp.Expr] = field(default_factory=dict)
    star: bool = False
    """Whether `*` is selected."""
    inside: dict[int, Block] = field(default_factory=dict)
    """Blocks of subqueries inside conditions, by the identity of their expression."""
    loose: list[Block] = field(default_factory=list)
    """Blocks that may lean on this one and bind nothing in it: scalar subqueries, LATERAL, NOT EXISTS."""
    write: str = ""
    """Name of the table that is written to, if any."""
    inserted: Source | None = None
    """Source of the rows of an INSERT … VALUES; `outputs` holds the first row by column."""

    def resolve(self, column: exp.Column) -> tuple[Block, Source, str] | None:
        """Whose column it is, looking outwards; None if that cannot be told."""
        name, qualifier = column.name.lower(), column.table.lower()
        block: Block | None = self
        while block is not None:
            if qualifier:
                if qualifier in block.sources:
                    return block, block.sources[qualifier], name
            elif found := block.owner(name):
                return block, found, name
            block = block.outer
        return None

    def owner(self, column: str) -> Source | None:
        """The source that an unqualified column belongs to."""
        sources = list(self.sources.values())
        has = [source for source in sources if self._has(source, column) is True]
        maybe = [source for source in sources if self._has(source, column) is None]
        if len(has) == 1:
            return has[0]
        return None if has or not maybe else maybe[0]

    def _has(self, source: Source, column: str) -> bool | None:
        if source.table:
            return self.schema.has(source.table, column)
        if any(block.output(column) for block in source.inner):
            return True
        return None if any(block.star for block in source.inner) else False

    def output(self, name: str) -> tuple[Source, str] | None:
        """The source and column behind an output column, if it is a column as it stands in a table."""
        from sqlglot import exp

        expression = self.outputs.get(name)
        if expression is not None:
            column = bare(expression)
            found = self.resolve(column) if isinstance(column, exp.Column) else None
            return (found[1], found[2]) if found and found[0] is self else None
        if self.star and len(self.sources) == 1:
            return next(iter(self.sources.values())), name
        if self.star and (owner := self.owner(name)):
            return owner, name
        return None

    def tables(self) -> Iterator[tuple[Block, Source]]:
        """Every table of this block and of all blocks inside it."""
        for source in self.sources.values():
            if source.table:
                yield self, source
            for block in source.inner:
                yield from block.tables()
        for block in (*self.inside.values(), *self.loose):
            yield from block.tables()


def bare(expression: exp.Expr) -> exp.Expr:
    """The expression without casts, parentheses, aliases and changes of case."""
    from sqlglot import exp

    while isinstance(expression, exp.Cast | exp.Paren | exp.Alias | exp.Lower | exp.Upper | exp.Trim):
        expression = expression.this
    return expression


def table_name(table: exp.Table) -> str:
    """A table's name as `plain` writes it."""
    return plain(f"{table.db}.{table.name}" if table.db else table.name)
