"""A tenancy file drafted from what was found; a person completes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stas_tui.isolation.drafting.catalogue import Catalogue
from stas_tui.isolation.drafting.tables import Found, FoundTable
from stas_tui.texts.toml import listed, quoted

_TENANT = re.compile(
    r"^(tenant|org|organi[sz]ation|workspace|account|customer|company|team|shop|store|site)(_?(id|uuid|slug|key))?$"
)
_STRONG = re.compile(r"^tenant")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_$]{0,62}\.)?[A-Za-z_][A-Za-z0-9_$]{0,62}\Z")
_BOOKKEEPING = re.compile(r"(^|\.)(alembic_version|schema_migrations|django_migrations|goose_db_version|flyway_\w+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the tables say about tenancy, before a person reads it."""

    strategy: str
    columns: tuple[str, ...]
    key_type: str
    root: str
    scoped: tuple[str, ...]
    by_parent: tuple[tuple[str, str, str], ...]
    """(table, parent, column)."""
    open: tuple[str, ...]
    """Tables of which nothing tells to whom their rows belong; a person says so."""
    bookkeeping: tuple[str, ...]
    remarks: tuple[str, ...] = field(default=())


def draft_of(found: Found, catalogue: Catalogue | None = None) -> Draft:
    """What the tables of a repository and of a database say together; the database wins where both know a table."""
    every = {**found.tables, **(catalogue.found.tables if catalogue else {})}
    tables = {name: table for name, table in every.items() if _NAME.match(name)}
    columns = _tenant_columns(tables.values())
    root = _root(tables, columns)
    scoped = sorted(name for name, table in tables.items() if any(table.column(c) for c in columns) and name != root)
    by_parent = _children(tables, set(scoped), root)
    known = {*scoped, *(name for name, _, _ in by_parent), root}
    bookkeeping = sorted(name for name in tables if _BOOKKEEPING.search(name))
    rest = sorted(name for name in tables if name not in known and name not in bookkeeping)
    secured = [name for name in scoped if tables[name].rls]
    remarks = []
    if secured and len(secured) < len(scoped):
        remarks.append(f"row level security is on for {len(secured)} of {len(scoped)} tables with a tenant column")
    nullable = [n for n in scoped if any((c := tables[n].column(k)) and c.nullable for k in columns)]
    if nullable:
        remarks.append(f"the tenant column may be empty in: {', '.join(nullable[:8])}")
    odd = [_plain(name)[:60] for name in every if name not in tables]
    if odd:
        remarks.append(f"tables whose names cannot be declared: {', '.join(odd[:8])}")
    remarks += [f"could not be read: {text}" for text in found.unread[:10]]
    return Draft(
        strategy="rls" if secured else "row",
        columns=columns or ("tenant_id",),
        key_type=_key_type(tables.values(), columns),
        root=root,
        scoped=tuple(scoped),
        by_parent=tuple(by_parent),
        open=tuple(rest),
        bookkeeping=tuple(bookkeeping),
        remarks=tuple(remarks),
    )


def _tenant_columns(tables: Iterable[FoundTable]) -> tuple[str, ...]:
    """Columns that look like a tenant's: named so and in at least two tables, or beginning with `tenant` in one."""
    counts = Counter(
        column.name
        for table in tables
        for column in table.columns
        if _TENANT.match(column.name) and (column.name.endswith(("_id", "_uuid", "id")) or _STRONG.match(column.name))
    )
    likely = [name for name, times in counts.most_common() if times > 1 or _STRONG.match(name)]
    strong = [name for name in likely if _STRONG.match(name)]
    return tuple(strong or likely[:1])


def _root(tables: dict[str, FoundTable], columns: Sequence[str]) -> str:
    votes = Counter(
        column.refers for table in tables.values() for c in columns if (column := table.column(c)) and column.refers
    )
    for name, _ in votes.most_common():
        if name in tables:
            return name
    for key in columns:
        stem = re.sub(r"_?(id|uuid|slug|key)$", "", key)
        for name in (stem, f"{stem}s"):
            if name in tables:
                return name
    return ""


def _children(tables: dict[str, FoundTable], scoped: set[str], root: str) -> list[tuple[str, str, str]]:
    """Tables without a tenant column that must refer to a scoped one, step by step."""
    found: list[tuple[str, str, str]] = []
    owned = set(scoped)
    while True:
        more = []
        for name, table in sorted(tables.items()):
            if name in owned or name == root or _BOOKKEEPING.search(name):
                continue
            link = next((c for c in table.columns if c.refers in owned and c.refers != name and not c.nullable), None)
            if link is not None:
                more.append((name, link.refers, link.name))
        if not more:
            return found
        found += more
        owned |= {name for name, _, _ in more}


def _key_type(tables: Iterable[FoundTable], columns: Sequence[str]) -> str:
    written = " ".join(col.type for table in tables for c in columns if (col := table.column(c)))
    if "uuid" in written:
        return "uuid"
    return "integer" if re.search(r"int|serial|number", written) else "text"


def text_of(
    draft: Draft, *, project: str, tenants: Sequence[str], catalogue: Catalogue | None, dsn_env: str = ""
) -> str:
    """The file; what nobody could know stands in it as a comment with an example."""
    role = catalogue.writers[0] if catalogue and len(catalogue.writers) == 1 else ""
    setting = catalogue.settings[0] if catalogue and catalogue.settings else "app.tenant_id"
    remarks = "".join(f"# Seen: {_plain(text)}\n" for text in draft.remarks)
    shared = "".join(
        f'\n[[tables.shared]]\nname = {quoted(name)}\nreason = "migration bookkeeping"\n' for name in draft.bookkeeping
    )
    children = "".join(
        f"\n[[tables.by_parent]]\nname = {quoted(name)}\nparent = {quoted(parent)}\ncolumn = {quoted(column)}\n"
        for name, parent, column in draft.by_parent
    )
    unclear = "".join(
        f"\n# To whom do the rows of {_plain(name)} belong? Nothing told. Keep one of:\n"
        f'# [[tables.shared]]\n# name = {quoted(name)}\n# reason = "…"\n'
        for name in draft.open
    )
    people = "".join(_tenant(name) for name in tenants)
    writers = ", ".join(catalogue.writers) if catalogue else ""
    sources = "the code and the database" if catalogue else "the code"
    return f"""\
# How {_plain(project)} keeps its tenants apart. Drafted by Stas from {sources}; read it, correct it,
# and write your name into `completed_by`. Until then nothing is verified from it.
# Every setting: docs/tenancy.md. Check it: stas tenancy check
{remarks}
version = 1
completed_by = ""

# row: the code filters. rls: the database does. schema, database: each tenant has its own.
strategy = {quoted(draft.strategy)}
columns = {listed(draft.columns)}
key_type = {quoted(draft.key_type)}
# Table of the tenants themselves.
root = {quoted(draft.root)}

[tables]
scoped = {listed(draft.scoped)}
{shared}{children}{unclear}
[code]
# Folders to read; empty means all. Functions that add the tenant's filter stand in `helpers`.
include = []
helpers = []

# The live database, read with an account that cannot write. Without it, everything about it stays unknown.
{"" if dsn_env else "# "}[database]
{"" if dsn_env else "# "}dsn = {{ env = {quoted(dsn_env or "STAS_DATABASE_DSN")} }}
{"" if dsn_env else "# "}app_role = {quoted(role)}{f"  # can write: {_plain(writers)}" if writers else ""}
{"" if dsn_env else "# "}setting = {quoted(setting)}

# The running API, asked with GET only, by two tenants made for probing.
# [api]
# base = "http://127.0.0.1:8000"
# openapi = "/openapi.json"

# [[log]]
# path = "/var/log/app/*.log"
# tenant = ["tenant"]

# [metrics]
# label = "tenant"
# requests = "http_requests_total"
# errors = 'http_requests_total{{status=~"5.."}}'
# latency = "http_request_duration_seconds"
{people}"""


def _tenant(name: str) -> str:
    return f"""
[[tenant]]
name = {quoted(name)}
# Its value in the tenant column.
key = {quoted(name)}
# Two tenants made for probing: an object that exists only there, and a user's token.
# probe = true
# token = {{ env = "STAS_PROBE_TOKEN_1" }}
# [[tenant.canary]]
# kind = "invoice"
# id = "…"
"""


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:300]
