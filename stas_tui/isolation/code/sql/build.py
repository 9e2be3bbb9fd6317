"""From a statement's tree to query blocks: joins, common table expressions, unions, writes, subqueries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stas_tui.isolation.code.sql.block import Block, Source, table_name
from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.sql.text import NotUnderstood

if TYPE_CHECKING:
    from sqlglot import exp

_Ctes = Mapping[str, Source]


def blocks_of(tree: exp.Expr, schema: Schema) -> tuple[Block, ...]:
    """The blocks at the top of a statement: one, or the branches of a union. Raises `NotUnderstood`."""
    return _Builder(schema).top(tree)


class _Builder:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._used: dict[int, int] = {}

    def top(self, tree: exp.Expr) -> tuple[Block, ...]:
        from sqlglot import exp

        ctes, extra = self._ctes(tree, {}, None)
        if isinstance(tree, exp.Update):
            blocks: tuple[Block, ...] = (self._update(tree, ctes),)
        elif isinstance(tree, exp.Delete):
            blocks = (self._delete(tree, ctes),)
        elif isinstance(tree, exp.Insert):
            blocks = self._insert(tree, ctes)
        elif isinstance(tree, exp.Merge):
            blocks = (self._merge(tree, ctes),)
        elif isinstance(tree, exp.TruncateTable):
            blocks = tuple(self._bare(table) for table in tree.expressions)
        elif isinstance(tree, exp.Query):
            blocks = self._query(tree, ctes, None)
        else:
            raise NotUnderstood(f"the rules do not know {type(tree).__name__.upper()}")
        return (*blocks, *extra)

    # queries ---------------------------------------------------------------------------------------

    def _query(self, tree: exp.Expr, ctes: _Ctes, outer: Block | None) -> tuple[Block, ...]:
        from sqlglot import exp

        while isinstance(tree, exp.Subquery | exp.Paren) and not tree.args.get("joins"):
            tree = tree.this
        own, extra = self._ctes(tree, ctes, outer)
        if isinstance(tree, exp.SetOperation):
            found = (*self._query(tree.this, own, outer), *self._query(tree.expression, own, outer))
            return (*found, *extra)
        if isinstance(tree, exp.Select):
            block = self._select(tree, own, outer)
            block.loose += extra
            return (block,)
        if isinstance(tree, exp.Update | exp.Delete | exp.Insert):
            return _Builder(self._schema).top(tree)
        if isinstance(tree, exp.Values):
            return (Block(self._schema, outer),)
        raise NotUnderstood(f"the rules do not know {type(tree).__name__} here")

    def _ctes(self, tree: exp.Expr, known: _Ctes, outer: Block | None) -> tuple[dict[str, Source], list[Block]]:
        """Sources of `WITH`, and the blocks of expressions that nothing reads or that write."""
        from sqlglot import exp

        found = dict(known)
        with_ = tree.args.get("with_")
        if with_ is None:
            return found, []
        made = []
        for cte in with_.expressions:
            name = cte.alias.lower()
            inner = cte.this
            if with_.args.get("recursive") and isinstance(inner, exp.SetOperation):
                anchor = self._query(inner.this, found, outer)
                itself = {**found, name: Source(name, inner=anchor, pushed=False)}
                blocks = (*anchor, *self._query(inner.expression, itself, outer))
            else:
                blocks = self._query(inner, found, outer)
            _rename(blocks, [column.name.lower() for column in cte.args["alias"].args.get("columns") or ()])
            found[name] = Source(name, inner=blocks)
            made.append(found[name])
        uses: dict[str, int] = {}
        for table in tree.find_all(exp.Table):
            uses[table.name.lower()] = uses.get(table.name.lower(), 0) + 1
        for source in made:
            source.pushed = uses.get(source.alias, 0) == 1
        return found, [block for source in made if not uses.get(source.alias) for block in source.inner]

    def _select(self, tree: exp.Select, ctes: _Ctes, outer: Block | None) -> Block:
        from sqlglot import exp

        block = Block(self._schema, outer)
        if (start := tree.args.get("from_")) is not None:
            self._from(block, start.this, ctes)
        self._joins(block, tree.args.get("joins") or (), ctes)
        for item in tree.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                block.star = True
            else:
                block.outputs[item.alias_or_name.lower()] = item
                self._loose(block, item, ctes)
        for name in ("where", "having", "qualify"):
            if (clause := tree.args.get(name)) is not None:
                self._condition(block, clause.this, None, ctes)
        for name in ("group", "order", "distinct", "windows", "limit"):
            clause = tree.args.get(name)
            for item in clause if isinstance(clause, list) else [clause] if clause is not None else []:
                self._loose(block, item, ctes)
        return block

    def _from(self, block: Block, item: exp.Expr, ctes: _Ctes) -> str:
        """Add what stands after FROM or JOIN; returns its alias."""
        from sqlglot import exp

        if isinstance(item, exp.Table) and isinstance(item.this, exp.Func):
            return self._add(block, Source(item.alias.lower() or f"function {len(block.sources)}"))
        if isinstance(item, exp.Table):
            alias = (item.alias or item.name).lower()
            cte = None if item.db else ctes.get(item.name.lower())
            source = Source(alias, inner=cte.inner, pushed=cte.pushed) if cte else Source(alias, table_name(item))
            alias = self._add(block, source)
            self._joins(block, item.args.get("joins") or (), ctes)
            return alias
        if isinstance(item, exp.Subquery) and not isinstance(item.this, exp.Table):
            inner = self._query(item.this, ctes, None)
            names = item.args["alias"].args.get("columns") if item.args.get("alias") else None
            _rename(inner, [column.name.lower() for column in names or ()])
            return self._add(block, Source(item.alias.lower() or f"query {len(block.sources)}", inner=inner))
        if isinstance(item, exp.Subquery | exp.Paren):
            alias = self._from(block, item.this, ctes)
            self._joins(block, item.args.get("joins") or (), ctes)
            return alias
        if isinstance(item, exp.Lateral):
            if isinstance(item.this, exp.Subquery):
                inner = self._query(item.this, ctes, block)
                return self._add(block, Source(item.alias.lower() or f"lateral {len(block.sources)}", inner=inner))
            return self._add(block, Source(item.alias.lower() or f"function {len(block.sources)}"))
        if isinstance(item, exp.Values | exp.Unnest):
            return self._add(block, _values(item, len(block.sources)))
        raise NotUnderstood(f"the rules do not know {type(item).__name__} as a table")

    @staticmethod
    def _add(block: Block, source: Source) -> str:
        block.sources[source.alias] = source
        return source.alias

    def _joins(self, block: Block, joins: object, ctes: _Ctes) -> None:
        from sqlglot import exp

        for join in joins:  # type: ignore[attr-defined]
            before = frozenset(block.sources)
            alias = self._from(block, join.this, ctes)
            new = frozenset(block.sources) - before
            side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
            if str(join.args.get("method") or "").upper() == "NATURAL":
                raise NotUnderstood("the rules do not know NATURAL JOIN: its columns are not written")
            restricted: frozenset[str] | None
            if side == "LEFT":
                restricted = new
            elif side == "RIGHT":
                restricted = before
            elif side == "FULL":
                restricted = frozenset()
            else:
                restricted = new if kind in ("SEMI", "ANTI") else None
            if (on := join.args.get("on")) is not None:
                self._condition(block, on, restricted, ctes)
            for column in join.args.get("using") or ():
                left = next((name for name in before if self._schema_has(block, name, column.name)), None)
                if left is not None:
                    both = exp.EQ(this=exp.column(column.name, left), expression=exp.column(column.name, alias))
                    block.conditions.append((both, restricted))

    def _schema_has(self, block: Block, alias: str, column: str) -> bool:
        table = block.sources[alias].table
        return not table or self._schema.has(table, column.lower()) is not False

    # conditions ------------------------------------------------------------------------------------

    def _condition(self, block: Block, expression: exp.Expr, sides: frozenset[str] | None, ctes: _Ctes) -> None:
        from sqlglot import exp

        block.conditions.append((expression, sides))
        for query in _outermost(expression):
            parent = query.parent
            while isinstance(parent, exp.Subquery | exp.Paren):
                parent = parent.parent
            inner = self._query(query, ctes, block)
            binds = isinstance(parent, exp.Exists | exp.In | exp.EQ | exp.Any) and len(inner) == 1
            if binds and not _negated(query, expression):
                block.inside[id(query)] = inner[0]
            else:
                block.loose += inner

    def _loose(self, block: Block, expression: exp.Expr, ctes: _Ctes) -> None:
        for query in _outermost(expression):
            block.loose += self._query(query, ctes, block)

    # writes ----------------------------------------------------------------------------------------

    def _bare(self, table: exp.Expr) -> Block:
        block = Block(self._schema)
        self._from(block, table, {})
        block.write = next(iter(block.sources.values())).table
        return block

    def _update(self, tree: exp.Update, ctes: _Ctes) -> Block:
        block = self._bare(tree.this)
        if (more := tree.args.get("from_")) is not None:
            self._from(block, more.this, ctes)
            self._joins(block, more.args.get("joins") or (), ctes)
        self._joins(block, tree.args.get("joins") or (), ctes)
        if (where := tree.args.get("where")) is not None:
            self._condition(block, where.this, None, ctes)
        for assignment in tree.expressions:
            self._loose(block, assignment, ctes)
        return block

    def _delete(self, tree: exp.Delete, ctes: _Ctes) -> Block:
        block = self._bare(tree.this)
        for more in tree.args.get("using") or ():
            self._from(block, more, ctes)
        if (where := tree.args.get("where")) is not None:
            self._condition(block, where.this, None, ctes)
        return block

    def _merge(self, tree: exp.Merge, ctes: _Ctes) -> Block:
        block = self._bare(tree.this)
        self._from(block, tree.args["using"], ctes)
        self._condition(block, tree.args["on"], None, ctes)
        return block

    def _insert(self, tree: exp.Insert, ctes: _Ctes) -> tuple[Block, ...]:
        from sqlglot import exp

        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        columns = [c.name.lower() for c in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        block = Block(self._schema, write=table_name(target))
        source = tree.expression
        if isinstance(source, exp.Values) or source is None:
            block.inserted = block.sources["excluded"] = Source("excluded", block.write)
            rows = source.expressions if source is not None else []
            first = rows[0].expressions if rows and isinstance(rows[0], exp.Tuple) else rows[:1]
            block.outputs = dict(zip(columns, first, strict=False))
            block.star = not columns
            for row in rows:
                self._loose(block, row, ctes)
            return (block,)
        inner = self._query(source, ctes, None)
        names = columns or [*(inner[0].outputs if inner else ())]
        _rename(inner, columns)
        block.sources["written"] = Source("written", block.write)
        block.sources["selected"] = Source("selected", inner=inner)
        for name in names:
            block.conditions.append(
                (exp.EQ(this=exp.column(name, "written"), expression=exp.column(name, "selected")), None)
            )
        return (block,)


def _values(item: exp.Expr, number: int) -> Source:
    from sqlglot import exp

    given = all(not isinstance(node, exp.Column) for node in item.find_all(exp.Column) if node.table)
    return Source(item.alias.lower() or f"values {number}", values=given)


def _rename(blocks: tuple[Block, ...], names: list[str]) -> None:
    """Give the output columns the names that the outside knows them by."""
    for block in blocks:
        if names and not block.star:
            block.outputs = dict(zip(names, block.outputs.values(), strict=False))


def _outermost(expression: exp.Expr) -> list[exp.Expr]:
    """Queries inside an expression that stand in no other query of it."""
    from sqlglot import exp

    if isinstance(expression, exp.Select | exp.SetOperation):
        return [expression]
    found = []
    for child in expression.iter_expressions():
        found += _outermost(child)
    return found


def _negated(query: exp.Expr, top: exp.Expr) -> bool:
    """Whether the query stands under NOT, where it restricts nothing outside of itself."""
    from sqlglot import exp

    node = query.parent
    while node is not None:
        if isinstance(node, exp.Not):
            return True
        if node is top:
            return False
        node = node.parent
    return False
