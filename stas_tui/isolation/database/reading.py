"""Reads PostgreSQL's catalogue into the model; in a dry run the model is made of what is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stas_tui.isolation.database import statements
from stas_tui.isolation.database.live import Live
from stas_tui.isolation.database.model import (
    Catalogue,
    Column,
    Function,
    Index,
    Policy,
    Reference,
    Relation,
    Role,
    Schema,
    digest,
)
from stas_tui.isolation.declared import Tenancy

PRIVILEGES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
ANY_TABLE = "each_table"
"""How a table is called in a dry run that declares none."""


def read(live: Live, schemas: Sequence[str], role: str, roles: Sequence[str]) -> Catalogue:
    """Read it, in a transaction of the caller's. `role` is the application's, or empty. Raises `Refused`."""
    catalogue = Catalogue(account=live.account)
    rows: list[Any] = []

    def ask(statement: str, **values: object) -> list[Any]:
        found = live.fetch(statement, values)
        rows.append(found)
        return found

    facts = ask(statements.FACTS)
    if facts:
        catalogue.version, catalogue.number, catalogue.database, catalogue.account = facts[0]
    for name, *rights in ask(statements.ROLES):
        catalogue.roles[name] = Role(
            name=name, superuser=rights[0], bypass=rights[1], creates_roles=rights[2],
            creates_databases=rights[3], replicates=rights[4],
        )  # fmt: skip
    member = statements.MEMBER.replace("{set}", "'SET'" if catalogue.number >= 160000 else "'MEMBER'")
    for name in roles:
        if name in catalogue.roles or live.world.dry:
            catalogue.member_of[name] = [row[0] for row in ask(member, role=name)]
    who = role if role in catalogue.roles or live.world.dry else None
    for name, owner, *more in ask(statements.SCHEMAS, schemas=list(schemas), role=who):
        catalogue.schemas[name] = Schema(
            name=name, owner=owner, creates=more[0], uses=more[1], public_creates=more[2], public_uses=more[3]
        )
    for row in ask(statements.RELATIONS, schemas=list(schemas), role=who):
        catalogue.relations[row[0]] = _relation(row)
    oids = list(catalogue.relations)
    relations = catalogue.relations
    for oid, name, type_, required, generated, identity, default in ask(statements.COLUMNS, oids=oids):
        relations[oid].columns[name] = Column(
            name=name, type=type_, required=required, generated=generated, identity=identity, default=default
        )
    for oid, name, columns, expressions, unique, primary, partial in ask(statements.INDEXES, oids=oids):
        relations[oid].indexes.append(
            Index(
                name=name, columns=tuple(columns), expressions=expressions,
                unique=unique, primary=primary, partial=partial,
            )
        )  # fmt: skip
    for oid, name, columns, target, schema, table, keys, action in ask(statements.REFERENCES, oids=oids):
        relations[oid].references.append(
            Reference(
                name=name, columns=tuple(columns), target=target, target_schema=schema, target_table=table,
                target_columns=tuple(keys), on_delete=action,
            )
        )  # fmt: skip
    for oid, name, permissive, command, for_, applies, using, check in ask(statements.POLICIES, oids=oids, role=who):
        relations[oid].policies.append(
            Policy(
                name=name, permissive=permissive, command=command, roles=tuple(for_), applies=applies,
                using=using, check=check,
            )
        )  # fmt: skip
    for view, source in ask(statements.VIEWS, oids=oids):
        catalogue.reads.setdefault(view, set()).add(source)
    for schema, name, arguments, owner, language, volatile, takes, path, granted, everybody, source in ask(
        statements.FUNCTIONS, role=who
    ):
        catalogue.functions.append(
            Function(
                schema=schema, name=name, arguments=arguments, owner=owner, language=language, volatile=volatile,
                takes=takes, path=path, granted=granted, everybody=everybody, source=source,
            )
        )  # fmt: skip
    catalogue.digest = digest(rows)
    return catalogue


def _relation(row: Sequence[Any]) -> Relation:
    return Relation(
        oid=row[0],
        schema=row[1],
        name=row[2],
        kind=row[3],
        owner=row[4],
        rls=row[5],
        forced=row[6],
        populated=row[7],
        invoker=row[8],
        rows=row[9],
        parents=tuple(row[10]),
        partition_key=tuple(row[11]),
        triggers=row[12],
        public=frozenset(row[13]),
        granted=frozenset(row[14] or ()),
    )


def imagined(tenancy: Tenancy, schemas: Sequence[str]) -> Catalogue:
    """What a dry run goes by: the declared tables, or one that stands for each."""
    catalogue = Catalogue(version="(not asked)", database="(not asked)", account="(not asked)")
    names = [*tenancy.tables.scoped, *(entry.name for entry in tenancy.tables.by_parent)] or [ANY_TABLE]
    names += [entry.parent for entry in tenancy.tables.by_parent if entry.parent not in names]
    scoped = set(tenancy.tables.scoped) or set(names) - {entry.name for entry in tenancy.tables.by_parent}
    if tenancy.strategy == "schema":
        own = [tenant.schema_name for tenant in tenancy.tenant]
        names = [f"{schema}.{name.rpartition('.')[2]}" for schema in own for name in names]
    for oid, full in enumerate(names, 1):
        schema, _, name = full.rpartition(".")
        columns = ["id", *(entry.column for entry in tenancy.tables.by_parent if entry.name == full)]
        columns += tenancy.columns[:1] if full in scoped else []
        catalogue.relations[oid] = Relation(
            oid=oid,
            schema=schema or (schemas[0] if schemas else "public"),
            name=name,
            rls=tenancy.strategy == "rls",
            granted=PRIVILEGES,
            columns={column: Column(name=column, type="", required=True) for column in columns},
            indexes=[Index(name="key", columns=("id",), unique=True, primary=True)],
        )
    return catalogue
