"""What the rules know of tables: which belong to tenants, by which column, and which columns name one row anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Tenancy

GUESSED_KEYS = frozenset({"id", "uuid", "guid", "pk"})
"""Columns that are taken for globally unique where no catalogue was read."""
_ROOT_KEYS = GUESSED_KEYS | {"slug", "key", "name", "subdomain", "domain"}


def plain(name: str) -> str:
    """A table's name as it is compared: lower case, without quotes, without `public.`."""
    return name.replace('"', "").replace("`", "").lower().removeprefix("public.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Names are as `plain` writes them. Without a catalogue (`columns_of` empty) keys are guessed."""

    tenant_columns: frozenset[str]
    scoped: frozenset[str] = frozenset()
    """Tables with a tenant column; empty: every table that has one."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Tables without one, to the column that names their parent's row."""
    shared: frozenset[str] = frozenset()
    root: str = ""
    """Table of the tenants."""
    columns_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unique: Mapping[str, tuple[frozenset[str], ...]] = field(default_factory=dict)
    """Unique keys of each table, from the catalogue."""
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Columns that refer to another table's row."""
    secured: frozenset[str] = frozenset()
    """Tables on which the database itself filters rows."""

    @property
    def catalogue(self) -> bool:
        """Whether columns and keys were read from a database."""
        return bool(self.columns_of)

    def has(self, table: str, column: str) -> bool | None:
        """Whether a table has a column; None if nobody knows."""
        known = self.columns_of.get(table)
        return None if known is None else column in known

    def tenant(self, table: str, column: str) -> bool:
        """Whether this column names the tenant of a row."""
        return column in self.tenant_columns and self.has(table, column) is not False

    def belongs(self, table: str) -> bool:
        """Whether rows of this table belong to tenants; with no declaration and no catalogue: maybe, so yes."""
        if table in self.shared or table == self.root:
            return False
        if table in self.parents or table in self.scoped:
            return True
        if self.scoped:
            return False
        known = self.columns_of.get(table)
        return not self.catalogue if known is None else bool(known & self.tenant_columns)

    def carries(self, table: str) -> bool:
        """Whether a binding may travel through this table to another: its rows, or it, are a tenant's."""
        return table == self.root or self.belongs(table)

    def is_key(self, table: str, columns: frozenset[str]) -> bool:
        """Whether these columns, held equal, name at most one row anywhere."""
        if table in self.columns_of:
            return any(key <= columns for key in self.unique.get(table, ()))
        return bool(columns & (GUESSED_KEYS | {f"{_singular(table)}_id"}))

    def names_row(self, table: str, column: str) -> bool:
        """Whether a value for this column names one object, of this table or of its parent."""
        if self.is_key(table, frozenset({column})) or self.parents.get(table) == column:
            return True
        if table in self.columns_of:
            return column in self.references.get(table, ())
        return column.endswith("_id") and not self.tenant(table, column)

    def names_root(self, table: str, column: str) -> bool:
        """Whether a value for this column names one tenant."""
        if table != self.root or not self.root:
            return False
        return self.is_key(table, frozenset({column})) or (table not in self.columns_of and column in _ROOT_KEYS)


def _singular(table: str) -> str:
    name = table.rpartition(".")[2]
    if name.endswith("ies"):
        return name[:-3] + "y"
    return name.removesuffix("s")


def declared(tenancy: Tenancy, **more: object) -> Schema:
    """What a tenancy file declares; `more` is what a catalogue adds."""
    return Schema(
        tenant_columns=frozenset(column.lower() for column in tenancy.columns),
        scoped=frozenset(map(plain, tenancy.tables.scoped)),
        parents={plain(table.name): table.column.lower() for table in tenancy.tables.by_parent},
        shared=frozenset(plain(table.name) for table in tenancy.tables.shared),
        root=plain(tenancy.root),
        **more,  # type: ignore[arg-type]
    )
