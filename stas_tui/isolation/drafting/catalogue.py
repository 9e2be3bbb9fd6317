"""Tables, roles and row level security as a live PostgreSQL has them, read with an account that cannot write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stas_tui.isolation.drafting.tables import Column, Found, FoundTable
from storage.errors import StasError

_TABLES = """
select n.nspname, c.relname, c.relrowsecurity, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       (select r.relname from pg_constraint k join pg_class r on r.oid = k.confrelid
         where k.conrelid = c.oid and k.contype = 'f' and k.conkey = array[a.attnum] limit 1)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
 where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
   and n.nspname !~ '^(pg_|information_schema$)'
 order by 1, 2, a.attnum
"""
_ROLES = """
select r.rolname from pg_roles r
 where r.rolcanlogin and not r.rolsuper and r.rolname !~ '^pg_'
   and exists(select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$)'
                 and has_table_privilege(r.oid, c.oid, 'INSERT'))
 order by 1
"""
_SETTINGS = r"""
select distinct m[1] from pg_policies p,
       regexp_matches(coalesce(p.qual, '') || coalesce(p.with_check, ''), 'current_setting\(''([^'']+)''', 'g') m
"""


class DatabaseUnreadable(StasError):
    """The database could not be read for the draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a database says of itself."""

    version: str
    found: Found
    writers: tuple[str, ...]
    """Roles that can log in and write: one of them is likely the application's."""
    settings: tuple[str, ...]
    """Settings that policies read."""


def read(dsn: str) -> Catalogue:
    """Read a database's catalogue; no row of any table is read.

    Raises `DatabaseUnreadable`, also for an account that could write.
    """
    from stas_tui.isolation.database.live import NotUsable, Refused, reading

    try:
        with reading(dsn) as live, live.transaction():
            version = str(live.one("show server_version"))
            rows = live.fetch(_TABLES, None)
            writers = tuple(name for (name,) in live.fetch(_ROLES, None))
            settings = tuple(name for (name,) in live.fetch(_SETTINGS, None))
    except NotUsable as error:
        raise DatabaseUnreadable(f"The database was not read: {error.what}", error.mend) from None
    except Refused as error:
        raise DatabaseUnreadable(f"The database's catalogue could not be read: {error}.") from None
    return Catalogue(version=version, found=_found(rows), writers=writers, settings=settings)


def _found(rows: list[tuple[Any, ...]]) -> Found:
    found = Found()
    columns: dict[str, list[Column]] = {}
    secured: set[str] = set()
    for schema, table, rls, name, type_, required, refers in rows:
        full = table if schema == "public" else f"{schema}.{table}"
        columns.setdefault(full, []).append(Column(name=name, type=type_, nullable=not required, refers=refers or ""))
        if rls:
            secured.add(full)
    for full, own in columns.items():
        found.add(FoundTable(name=full, place="database", columns=tuple(own), rls=full in secured))
    return found
