"""Which tables hold tenants' rows, and how SQL says whose a row is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stas_tui.isolation.database.model import Catalogue, Relation
from stas_tui.isolation.declared import Tenancy

if TYPE_CHECKING:
    from psycopg import sql

DEEPEST = 5
MIGRATIONS = frozenset(
    {
        "alembic_version", "schema_migrations", "ar_internal_metadata", "django_migrations", "flyway_schema_history",
        "databasechangelog", "databasechangeloglock", "_prisma_migrations", "knex_migrations", "knex_migrations_lock",
        "goose_db_version", "atlas_schema_revisions", "__drizzle_migrations",
    }
)  # fmt: skip
"""Tables in which migration programs keep their own record; nobody has to declare them."""
"""Parents that are followed from a table without a tenant column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A table whose rows belong to tenants, by a column of its own or by its parent's row."""

    relation: Relation
    column: str = ""
    parent: Held | None = None
    link: tuple[str, str] = ("", "")
    """Column of the child, column of the parent."""

    @property
    def place(self) -> str:
        """Its name for a person."""
        return self.relation.place

    @property
    def name(self) -> sql.Composable:
        """Its name in SQL."""
        return named(self.relation)

    @property
    def bound(self) -> frozenset[str]:
        """Columns that tie a row to its tenant."""
        return frozenset({self.column or self.link[0]})

    def tenant(self, alias: str) -> sql.Composable:
        """An expression for the tenant of the row `alias`."""
        from psycopg import sql

        if self.parent is None:
            return ident(alias, self.column)
        over = f"{alias}_p"
        return sql.SQL("(select {} from {} as {} where {} = {})").format(
            self.parent.tenant(over),
            self.parent.name,
            ident(over),
            ident(over, self.link[1]),
            ident(alias, self.link[0]),
        )


def ident(*names: str) -> sql.Composable:
    """A name in SQL; `%` is doubled, as statements are sent with parameters."""
    from psycopg import sql

    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def named(relation: Relation) -> sql.Composable:
    """A relation's name in SQL."""
    return ident(relation.schema, relation.name)


@dataclass(slots=True, kw_only=True)
class Scope:
    """The declared tables, as they are found in the database."""

    held: list[Held] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Declared names that the database does not have, or whose tenant column it does not have."""
    undeclared: list[Relation] = field(default_factory=list)
    """Tables of which nothing is declared and that have no tenant column."""

    def by_oid(self) -> dict[int, Held]:
        """Held tables by oid."""
        return {one.relation.oid: one for one in self.held}


def scope_of(catalogue: Catalogue, tenancy: Tenancy, schemas: tuple[str, ...]) -> Scope:
    """Find the declared tables; without any declared, every table that has a tenant column is one."""
    scope = Scope()
    shared = {
        found.oid
        for name in (*(entry.name for entry in tenancy.tables.shared), *([tenancy.root] if tenancy.root else []))
        if (found := catalogue.find(name, schemas)) is not None
    }
    by_parent = {entry.name for entry in tenancy.tables.by_parent}
    held: dict[int, Held] = {}
    if tenancy.tables.scoped:
        for name in tenancy.tables.scoped:
            relation = catalogue.find(name, schemas)
            column = _column(relation, tenancy) if relation is not None else ""
            if relation is None or not column:
                scope.missing.append(name)
            else:
                held[relation.oid] = Held(relation=relation, column=column)
    else:
        for relation in _tables(catalogue):
            column = _column(relation, tenancy)
            if column and relation.oid not in shared:
                held[relation.oid] = Held(relation=relation, column=column)
    parents = {found.oid: entry for entry in tenancy.tables.by_parent if (found := catalogue.find(entry.name, schemas))}
    scope.missing += sorted(by_parent - {entry.name for entry in parents.values()})
    for _ in range(DEEPEST):
        for oid, entry in parents.items():
            parent = catalogue.find(entry.parent, schemas)
            if oid in held or parent is None or parent.oid not in held:
                continue
            child = catalogue.relations[oid]
            key = _parent_key(child, parent, entry.column)
            if key and entry.column in child.columns:
                held[oid] = Held(relation=child, parent=held[parent.oid], link=(entry.column, key))
    scope.missing += sorted(entry.name for oid, entry in parents.items() if oid not in held)
    scope.held = sorted(held.values(), key=lambda one: (one.relation.schema, one.relation.name))
    scope.undeclared = [
        one
        for one in _tables(catalogue)
        if one.oid not in held and one.oid not in shared and one.schema in schemas and one.name not in MIGRATIONS
    ]
    return scope


def _tables(catalogue: Catalogue) -> Iterator[Relation]:
    for relation in catalogue.relations.values():
        if relation.kind in ("r", "p", "f") and not relation.parents:
            yield relation


def _column(relation: Relation | None, tenancy: Tenancy) -> str:
    if relation is None:
        return ""
    return next((name for name in tenancy.columns if name in relation.columns), "")


def _parent_key(child: Relation, parent: Relation, column: str) -> str:
    for reference in child.references:
        if reference.target == parent.oid and column in reference.columns:
            return reference.target_columns[reference.columns.index(column)]
    return parent.primary[0] if len(parent.primary) == 1 else ""
