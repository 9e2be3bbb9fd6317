"""D3, D7, D8, D15: the tenant column itself, unique keys, foreign keys and indexes."""

from __future__ import annotations

import re

from psycopg import sql

from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.enforce import NO_TABLES
from stas_tui.isolation.database.live import Refused
from stas_tui.isolation.database.model import RANDOM, TOKEN_NAME, Column, Index, Reference, Relation
from stas_tui.isolation.database.tables import Held, ident
from storage.check_records import CheckResult

MOST_COUNTED = 1_000
LARGE = 1_000
"""Rows from which on a missing index is worth a note."""
SAMPLE = 200
FEWEST = 3
RANDOM_FORM = r"^[A-Za-z0-9_=+/-]{20,}$"
"""What a random token looks like, if it holds three digits at least."""


def tenant_column(case: Case) -> CheckResult:
    """D3: NOT NULL, or at least no row without a tenant."""
    answer = case.answer("D3")
    own = [held for held in case.scope.held if held.relation.kind in ("r", "p")]
    nullable = [held for held in own if not _required(held)]
    answer.counts = {"tenant tables": len(own), "nullable": len(nullable)}
    answer.proved = len(own) - len(nullable)
    with case.live.transaction():
        for held in nullable:
            _nulls(case, answer, held)
    answer.executed += case.live.executed
    return answer.result(f"the tenant column is NOT NULL in all {len(own)} tenant tables", NO_TABLES)


def _required(held: Held) -> bool:
    column = held.relation.columns.get(next(iter(held.bound)))
    return column is None or column.required


def _nulls(case: Case, answer: Answer, held: Held) -> None:
    column = next(iter(held.bound))
    count = sql.SQL("select count(*) from (select 1 from {} where {} is null limit {}) as s").format(
        held.name, ident(column), sql.Literal(MOST_COUNTED + 1)
    )
    why = blind(case, held)
    found = 0
    if not why:
        try:
            found = int(case.live.one(count) or 0)
        except Refused as error:
            why = f"rows of {held.place} were not counted: {error}"
    code = f"alter table {held.place} alter column {column} set not null"
    if found:
        many = f"more than {MOST_COUNTED}" if found > MOST_COUNTED else str(found)
        text = f"{held.place} has {many} rows without a tenant ({column} is null)"
        answer.flag("rows-without-tenant", held.place, text, code)
    elif why:
        answer.weak.append(f"{column} of {held.place} may be NULL, and {why}")
    else:
        text = f"{column} of {held.place} may be NULL; no row is without a tenant now"
        answer.ask("nullable-tenant", held.place, text, code)


def blind(case: Case, held: Held) -> str:
    """Why the account does not see every row of a table; empty if it does."""
    for relation in _chain(held):
        try:
            rows = case.live.fetch(
                "select row_security_active(c.oid), has_any_column_privilege(c.oid, 'SELECT')"
                " from (select %s::int8::oid as oid) as c",
                (relation.oid,),
            )
        except Refused as error:
            return f"whether the account sees all of {relation.place} is not known ({error})"
        if not rows:
            continue
        hidden, may = rows[0]
        if not may:
            return f"the account may not read {relation.place}: grant it SELECT"
        if hidden:
            return f"row level security hides rows of {relation.place} from the account: give it BYPASSRLS"
    return ""


def _chain(held: Held) -> list[Relation]:
    found = [held.relation]
    while held.parent is not None:
        held = held.parent
        found.append(held.relation)
    return found


def uniqueness(case: Case) -> CheckResult:
    """D7: natural keys that are unique over all tenants; they collide, and tell that a value exists elsewhere."""
    answer = case.answer("D7")
    keys = 0
    with case.live.transaction():
        for held in case.scope.held:
            for index in held.relation.indexes:
                if index.unique:
                    keys += 1
                    _unique(case, answer, held, index)
    answer.executed += case.live.executed
    answer.counts = {"unique keys": keys}
    return answer.result(f"all {keys} unique keys of tenant tables carry the tenant or are no natural keys", NO_TABLES)


def _unique(case: Case, answer: Answer, held: Held, index: Index) -> None:
    relation = held.relation
    columns = [relation.columns[name] for name in index.columns if name in relation.columns]
    if held.bound & set(index.columns) or _in_expression(held.bound, index) or _by_parent(case, relation, index):
        answer.proved += 1
        return
    if any(_generated(column) for column in columns) or _random_values(case, held, columns):
        answer.proved += 1
        return
    names = ", ".join(index.columns).replace(", ,", ",").strip(", ") or index.expressions
    what = index.expressions if "" in index.columns else names
    text = f"{what} is unique over all tenants in {held.place}: one tenant's value is refused to another"
    tenant = next(iter(held.bound))
    answer.flag(
        "unique-without-tenant", held.place, text, f"unique index {index.name} ({what}); add {tenant}",
        severity="warn", anchor=index.name,
    )  # fmt: skip


def _in_expression(names: frozenset[str], index: Index) -> bool:
    return any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", index.expressions) for name in names)


def _generated(column: Column) -> bool:
    random = column.identity or column.type == "uuid" or RANDOM.search(column.default) is not None
    return random or TOKEN_NAME.search(column.name) is not None


def _by_parent(case: Case, relation: Relation, index: Index) -> bool:
    """Whether the key holds a reference to a tenant's row: it is unique inside that tenant then."""
    held = case.scope.by_oid()
    return any(
        set(reference.columns) <= set(index.columns) and (reference.target in held) for reference in relation.references
    )


def _random_values(case: Case, held: Held, columns: list[Column]) -> bool:
    """Whether a column holds random tokens, told by the server from a sample; no value leaves it."""
    for column in columns:
        if not column.type.startswith(("text", "character varying", "bytea", "character(")):
            continue
        text = sql.SQL("encode({0}, 'hex')") if column.type == "bytea" else sql.SQL("{0}::text")
        query = sql.SQL(
            "select count(*), count(*) filter (where v ~ {token} and length(regexp_replace(v, '[^0-9]', '', 'g')) >= 3)"
            " from (select {value} as v from {table} where {column} is not null limit {sample}) as s"
        ).format(
            token=sql.Literal(RANDOM_FORM),
            value=text.format(ident(column.name)),
            table=held.name,
            column=ident(column.name),
            sample=sql.Literal(SAMPLE),
        )
        try:
            rows = case.live.fetch(query)
        except Refused:
            continue
        if rows and rows[0][0] >= FEWEST and rows[0][0] == rows[0][1]:
            return True
    return False


def references(case: Case) -> CheckResult:
    """D8: foreign keys between tenant tables that do not carry the tenant; the server checks them past all policies."""
    answer = case.answer("D8")
    looked = 0
    for child, reference, parent in crossing(case):
        looked += 1
        if carries_tenant(child, reference, parent):
            answer.proved += 1
            continue
        columns = ", ".join(reference.columns)
        text = (
            f"{child.place} ({columns}) refers to {parent.place} without the tenant: it may name another tenant's row"
        )
        answer.ask(
            "reference-without-tenant", child.place, text, f"foreign key {reference.name}: ({columns})",
            anchor=reference.name,
        )  # fmt: skip
    answer.counts = {"foreign keys between tenant tables": looked}
    if not looked and case.scope.held:
        answer.proved += 1
    return answer.result(f"all {looked} foreign keys between tenant tables carry the tenant", NO_TABLES)


def crossing(case: Case) -> list[tuple[Held, Reference, Held]]:
    """Foreign keys between two tables with tenants, except the one by which a child belongs to its parent."""
    held = case.scope.by_oid()
    found = []
    for child in case.scope.held:
        for reference in child.relation.references:
            parent = held.get(reference.target)
            if parent is None or (child.parent is not None and reference.columns == (child.link[0],)):
                continue
            if child.column and reference.columns == (child.column,):
                continue
            found.append((child, reference, parent))
    return found


def carries_tenant(child: Held, reference: Reference, parent: Held) -> bool:
    """Whether the key ties the child's tenant to the parent's."""
    pairs = set(zip(reference.columns, reference.target_columns, strict=True))
    return bool(child.column and parent.column) and (child.column, parent.column) in pairs


def indexes(case: Case) -> CheckResult:
    """D15: without an index that begins with the tenant, every tenant's read walks over the rows of all."""
    answer = case.answer("D15")
    for held in case.scope.held:
        relation = held.relation
        column = next(iter(held.bound))
        leads = any(index.columns[:1] == (column,) and not index.partial for index in relation.indexes)
        if leads or column in relation.partition_key or 0 <= relation.rows < LARGE or relation.kind == "f":
            answer.proved += 1
        else:
            size = f"about {relation.rows} rows" if relation.rows >= 0 else "never analysed"
            answer.ask(
                "no-tenant-index", held.place, f"no index of {held.place} begins with {column} ({size})",
                f"create index concurrently on {held.place} ({column})", severity="note",
            )  # fmt: skip
    return answer.result(f"an index begins with the tenant in every tenant table over {LARGE} rows", NO_TABLES)
