"""Q3: what the live catalogue says of the keys that code looks up by, where a database is declared and can be read.

A key that holds the tenant too is unique in a tenant only; one of the column alone is unique over all tenants. Without
a database, or with one that cannot be read, the leads stand as reading the code gave them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stas_tui.isolation.code.sql.schema import plain
from stas_tui.isolation.code.words import snake
from storage.check_records import Lead

if TYPE_CHECKING:
    from stas_tui.isolation.base import World
    from stas_tui.isolation.database.model import Catalogue, Index, Relation

BY_ROW = ("row", "rls")
"""Strategies in which the rows of all tenants share a table."""
GUESSED = ", unique in a tenant only,"
"""What a lead says of its key before anybody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The catalogue that was read for Q3, or why there is none."""

    catalogue: Catalogue | None = None
    where: str = ""
    """Which server, database and account, for the evidence."""
    problem: str = ""
    """Why a declared database says nothing, as a clause; empty if none is declared."""
    executed: tuple[str, ...] = ()


@dataclass(slots=True)
class Said:
    """Leads with what the catalogue says of their keys."""

    leads: list[Lead] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """`tenant_keys`, `global_keys` and `no_key`: leads by what the database has; none if it was not read."""


def keys_of(world: World) -> Keys:
    """Read the catalogue, or list what would be read in a dry run. Raises `Cancelled`."""
    tenancy = world.tenancy
    if tenancy is None or tenancy.strategy not in BY_ROW or (database := tenancy.database) is None:
        return Keys()
    if database.sqlite or not database.dsn.named:
        return Keys()
    from stas_tui.isolation.database.live import NotUsable, Refused, open_live
    from stas_tui.isolation.database.reading import read

    world.step("reading which keys are unique in a tenant only")
    try:
        live = open_live(world, database, database.schemas, ())
        try:
            with live.transaction():
                catalogue = read(live, database.schemas, "", ())
        finally:
            live.close()
    except (NotUsable, Refused) as error:
        text = str(error).rstrip(".")
        return Keys(problem=text[:1].lower() + text[1:])
    executed = tuple(live.executed)
    if world.dry:
        return Keys(executed=executed)
    where = f"PostgreSQL {catalogue.version}, database {catalogue.database} as {catalogue.account}"
    return Keys(catalogue=catalogue, where=where, executed=executed)


def with_keys(leads: Sequence[Lead], naturals: Mapping[str, Sequence[str]], keys: Keys, columns: Sequence[str]) -> Said:
    """Leads that name the key of the live database. `naturals` are (table or model, column) by fingerprint, `columns`
    the tenant columns. A table that the database does not have leaves its lead as it is."""
    said = Said(leads=list(leads))
    if keys.catalogue is None:
        return said
    tables = {plain(one.place): one for one in keys.catalogue.relations.values() if one.kind in ("r", "p", "f")}
    said.counts = {"tenant_keys": 0, "global_keys": 0, "no_key": 0}
    for number, lead in enumerate(leads):
        subject, column = naturals.get(lead.fingerprint, ("", ""))
        relation = next((tables[name] for name in _forms(subject) if name in tables), None)
        if relation is None or column not in relation.columns:
            continue
        kind, text = _key(relation, column, frozenset(columns))
        said.counts[kind] += 1
        said.leads[number] = replace(lead, text=lead.text.replace(GUESSED, f", {text},"))
    return said


def _key(relation: Relation, column: str, tenants: frozenset[str]) -> tuple[str, str]:
    """(kind of key, what the database says of a column), the weakest that is there."""
    unique = [index for index in relation.indexes if index.unique]
    for index in unique:
        if index.columns == (column,) and not index.partial:
            return "global_keys", f"unique over all tenants in the database ({index.name})"
    for index in unique:
        if _holds(index, column) and tenants & set(index.columns):
            return "tenant_keys", f"unique in a tenant only in the database ({index.name}: {_shown(index)})"
    return "no_key", f"which no unique key of {relation.place} holds together with the tenant"


def _holds(index: Index, column: str) -> bool:
    return column in index.columns or column in index.expressions.replace("(", " ").replace(")", " ").split()


def _shown(index: Index) -> str:
    names = [name for name in index.columns if name]
    return ", ".join([*names, index.expressions] if index.expressions else names)


def _forms(subject: str) -> list[str]:
    """Tables that a model may stand for, or the table itself: `Part`, `PartModel` and `parts`."""
    name = snake(subject)
    for end in ("_model", "_entity", "_table", "_record", "_orm", "_db"):
        name = name.removesuffix(end)
    return [plain(subject), name, f"{name}s", f"{name}es", f"{name[:-1]}ies"] if subject else []
