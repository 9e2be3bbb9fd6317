"""A schema for each tenant: who may use which, whether anything leads across, and what names resolve to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from stas_tui.isolation.database.answer import Answer, some
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.enforce import app_role, cannot_become
from stas_tui.isolation.database.live import Refused
from stas_tui.isolation.database.model import Relation
from stas_tui.isolation.database.pool import pool_leak
from stas_tui.isolation.database.tables import ident, named
from stas_tui.isolation.declared import Tenant
from storage.check_records import CheckResult, Verdict

AWAY = "declared: strategy schema, where tables have no tenant column and no policies"
ONE_ROLE = (
    "one role acts for every tenant, so the database keeps no schema from another and search_path is all there is;"
    " declare `role` in each [[tenant]], or let P2 and Q4 carry the proof"
)
UNQUALIFIED = "the application names its tables without a schema"


def checks(case: Case) -> Iterator[CheckResult]:
    """Every wanted check of this strategy."""
    wants = case.world.wants
    if wants("D1"):
        yield there(case)
    if wants("D2"):
        yield roles(case)
    for check in ("D3", "D4", "D5", "D7", "D8", "D13", "D15"):
        if wants(check):
            yield case.answer(check).away(AWAY)
    if wants("D6"):
        yield across(case)
    if wants("D9"):
        yield references(case)
    if wants("D12"):
        yield no_context(case)
    for check, ask in (("D10", foreign_schema), ("D11", resolves)):
        if wants(check):
            for name in case.world.tenants:
                case.live.executed.clear()
                tenant = next((one for one in case.tenancy.tenant if one.name == name), None)
                answer = case.answer(check, name)
                yield ask(case, answer, tenant) if tenant else answer.unknown(f"the tenancy file does not name {name}")
    if wants("D14"):
        yield pool_leak(case)


def _tables(case: Case, schema: str) -> list[Relation]:
    return [one for one in case.catalogue.relations.values() if one.schema == schema and one.kind in ("r", "p", "f")]


def there(case: Case) -> CheckResult:
    """D1: each tenant has a schema of its own, with the same tables."""
    answer = case.answer("D1")
    tenants = case.tenancy.tenant
    every = {table.name for tenant in tenants for table in _tables(case, tenant.schema_name)}
    for number, tenant in enumerate(tenants):
        schema = tenant.schema_name
        same = [other.name for other in tenants[:number] if other.schema_name == schema]
        if same:
            answer.flag("shared-schema", schema, f"{tenant.name} and {same[0]} have the same schema {schema}")
        elif schema not in case.catalogue.schemas and not case.world.dry:
            answer.weak.append(f"the database has no schema {schema}, which is declared for {tenant.name}")
        elif missing := sorted(every - {table.name for table in _tables(case, schema)}):
            answer.ask("missing-table", schema, f"{schema} has no {some(missing)}, which other tenants have")
        else:
            answer.proved += 1
    own = {tenant.role for tenant in tenants if tenant.role}
    answer.counts = {"schemas": len({tenant.schema_name for tenant in tenants}), "roles": len(own) or 1}
    if len(own) < len(tenants):
        answer.weak.append(ONE_ROLE)
    return answer.result(f"each of {len(tenants)} tenants has a schema and a role of its own", "no tenant is declared")


def roles(case: Case) -> CheckResult:
    """D2: as for rows, and no tenant's role may use another's schema."""
    base = app_role(case)
    answer = case.answer("D2")
    own = [tenant for tenant in case.tenancy.tenant if tenant.role]
    case.live.executed.clear()
    with case.live.transaction():
        for tenant in own:
            for other in case.tenancy.tenant:
                if other is tenant or other.role == tenant.role:
                    continue
                try:
                    rows = case.live.fetch(
                        "select has_schema_privilege(r.oid, n.oid, 'USAGE') from pg_roles r, pg_namespace n"
                        " where r.rolname = %s and n.nspname = %s",
                        (tenant.role, other.schema_name),
                    )
                except Refused as error:
                    answer.weak.append(f"rights on {other.schema_name} were not read: {error}")
                    continue
                if rows and rows[0][0]:
                    text = (
                        f"{tenant.role}, the role of {tenant.name}, may use {other.name}'s schema {other.schema_name}"
                    )
                    code = f"revoke usage on schema {other.schema_name} from {tenant.role}"
                    answer.flag(
                        "schema-usage", other.schema_name, text, code, anchor=f"{tenant.role} {other.schema_name}"
                    )
                elif rows:
                    answer.proved += 1
    answer.executed += case.live.executed
    answer.leads = [*base.leads, *answer.leads]
    if base.verdict is Verdict.UNKNOWN and not base.leads:
        answer.weak.append(base.reason)
    if not own:
        answer.weak.append(ONE_ROLE)
    return answer.result("no tenant's role may use another's schema, or bypass anything", ONE_ROLE)


def across(case: Case) -> CheckResult:
    """D6: views that read another tenant's schema, functions with their owner's rights, grants to everybody."""
    answer = case.answer("D6")
    of = {tenant.schema_name: tenant.name for tenant in case.tenancy.tenant}
    for view in case.catalogue.relations.values():
        if view.kind not in ("v", "m"):
            continue
        behind = {case.catalogue.relations[oid].schema for oid in case.catalogue.tables_behind(view.oid)
                  if oid in case.catalogue.relations}  # fmt: skip
        foreign = sorted((behind & set(of)) - {view.schema})
        if foreign and (view.schema in of or len(foreign) > 1):
            text = f"view {view.place} reads the schemas {some(foreign)} with the rights of {view.owner}"
            answer.flag("view-across", view.place, text)
        else:
            answer.proved += 1
    for schema in case.catalogue.schemas.values():
        if schema.name in of and (schema.public_uses or schema.public_creates):
            text = f"everybody who can log in may use {of[schema.name]}'s schema {schema.name}"
            answer.flag("public-grant", schema.name, text, f"revoke all on schema {schema.name} from public")
    for relation in case.catalogue.relations.values():
        if relation.schema in of and relation.public:
            text = f"everybody who can log in may {', '.join(sorted(relation.public))} on {relation.place}"
            answer.flag("public-grant", relation.place, text, f"revoke all on {relation.place} from public")
    for function in case.catalogue.functions:
        named_ = sorted(name for name in of if f"{name}." in function.source and name != function.schema)
        if function.granted and function.path is None:
            text = f"function {function.place} runs with the rights of {function.owner} and has no fixed search_path"
            answer.flag("definer-path", function.place, text, severity="warn")
        elif function.granted and named_:
            text = (
                f"function {function.place} names {some(named_)} and runs with the rights of {function.owner}; read it"
            )
            answer.ask("definer-function", function.place, text)
    answer.proved += bool(of)
    return answer.result(
        "no view, function or grant leads from one tenant's schema to another's", "no tenant is declared"
    )


def references(case: Case) -> CheckResult:
    """D9: foreign keys from one tenant's schema into another's, and rows that name another tenant."""
    answer = case.answer("D9")
    of = {tenant.schema_name: tenant for tenant in case.tenancy.tenant}
    case.live.executed.clear()
    with case.live.transaction():
        for schema, tenant in of.items():
            for table in _tables(case, schema):
                case.world.step(f"D9 {table.place}")
                for reference in table.references:
                    if reference.target_schema in of and reference.target_schema != schema:
                        text = f"{table.place} refers to {reference.target_schema}.{reference.target_table}"
                        answer.flag("reference-across", table.place, f"{text}, which is another tenant's",
                                    reference.name, anchor=reference.name)  # fmt: skip
                column = next((name for name in case.tenancy.columns if name in table.columns), "")
                if column:
                    _foreign_keys(case, answer, table, column, tenant)
                else:
                    answer.proved += 1
    answer.executed += case.live.executed
    return answer.result(f"nothing in {len(of)} schemas points into another", "no tenant's schema has a table")


def _foreign_keys(case: Case, answer: Answer, table: Relation, column: str, tenant: Tenant) -> None:
    query = sql.SQL("select count(*) from (select 1 from {} where {} <> %s limit 1001) as s").format(
        named(table), ident(column)
    )
    try:
        found = int(case.live.one(query, (tenant.key,)) or 0)
    except Refused as error:
        answer.weak.append(f"{table.place}: {error}; let the account read it")
        return
    if found:
        text = f"{table.place} holds {found} rows that name another tenant than {tenant.name} in {column}"
        answer.flag("cross-row", table.place, text)
    else:
        answer.proved += 1


def foreign_schema(case: Case, answer: Answer, tenant: Tenant) -> CheckResult:
    """D10: as a tenant's role, each table of every other tenant's schema; the control is a table of its own."""
    role = case.role_of(tenant)
    if not role:
        return answer.unknown("no role is declared; set `role` in each [[tenant]] or `app_role` in [database]")
    if any(other is not tenant and case.role_of(other) == role for other in case.tenancy.tenant):
        return answer.unknown(ONE_ROLE)
    own = 0
    with case.live.transaction():
        for table in _tables(case, tenant.schema_name):
            own += _reads(case, answer, role, tenant, table) == "read"
        for other in case.tenancy.tenant:
            if other is tenant:
                continue
            for table in _tables(case, other.schema_name):
                case.world.step(f"D10 {tenant.name}: {table.place}")
                got = _reads(case, answer, role, tenant, table)
                if got == "read" and not case.world.dry:
                    text = f"{role}, which acts for {tenant.name}, reads {table.place} of {other.name}"
                    answer.flag("foreign-schema", table.place, text, anchor=f"{table.place} {role}")
                elif got == "denied":
                    answer.proved += 1
    answer.executed += case.live.executed
    answer.control = f"{role} reads {own} tables of its own schema"
    if not own and not case.world.dry:
        answer.weak.append(f"{role} reads no table of its own schema {tenant.schema_name}, so refusals prove nothing")
    return answer.result(
        f"{role} is refused all {answer.proved} tables of other tenants", "other tenants have no table"
    )


def _reads(case: Case, answer: Answer, role: str, tenant: Tenant, table: Relation) -> str:
    """`read`, `denied`, or empty with a reason kept."""
    try:
        with case.live.acting(role, tenant):
            try:
                case.live.one(sql.SQL("select exists(select 1 from {})").format(named(table)))
            except Refused as error:
                if error.state == "42501":
                    return "denied"
                answer.weak.append(f"{table.place} as {role}: {error}")
                return ""
            return "read"
    except Refused as error:
        answer.weak.append(cannot_become(role, error))
        return ""


def resolves(case: Case, answer: Answer, tenant: Tenant) -> CheckResult:
    """D11: in a tenant's context, the bare name of each of its tables means the one in its schema."""
    role = case.role_of(tenant)
    tables = _tables(case, tenant.schema_name)
    with case.live.transaction():
        try:
            with case.live.acting(role, tenant):
                path = case.live.one("select current_schemas(false)::text[]") or []
                found = _resolved(case, tables)
        except Refused as error:
            answer.executed += case.live.executed
            return answer.unknown(cannot_become(role, error) if role else f"the context was refused: {error}")
    answer.executed += case.live.executed
    answer.counts = {"tables": len(tables)}
    if case.world.dry:
        return answer.result("", "")
    others = {other.schema_name: other.name for other in case.tenancy.tenant if other is not tenant}
    for schema in path:
        if schema in others:
            answer.flag(
                "path-across", schema, f"acting for {tenant.name}, search_path holds {others[schema]}'s schema {schema}"
            )
    for table in tables:
        where = found.get(table.name, "")
        if where == tenant.schema_name:
            answer.proved += 1
        elif where in others:
            text = f"acting for {tenant.name}, {table.name} means {where}.{table.name}, which is {others[where]}'s"
            answer.flag("resolves-across", table.place, text, anchor=f"{table.name} {tenant.name}")
        elif where:
            text = (
                f"acting for {tenant.name}, {table.name} means {where}.{table.name}: that schema stands before its own"
            )
            answer.ask("shared-first", table.place, text, anchor=f"{table.name} {tenant.name}")
        else:
            text = (
                f"acting for {tenant.name}, {table.name} means no table: search_path lacks its schema, or needs quotes"
            )
            answer.ask("not-in-path", table.place, text, anchor=f"{table.name} {tenant.name}")
    answer.control = f"search_path is {', '.join(path) or 'empty'}"
    good = f"all {len(tables)} table names mean {tenant.schema_name}'s, and no other tenant's schema is in search_path"
    return answer.result(good, f"the schema {tenant.schema_name} has no table")


def no_context(case: Case) -> CheckResult:
    """D12: without a tenant no bare table name means a tenant's table."""
    answer = case.answer("D12")
    of = {tenant.schema_name: tenant.name for tenant in case.tenancy.tenant}
    tables = {table.name: table for schema in of for table in _tables(case, schema)}
    case.live.executed.clear()
    with case.live.transaction():
        try:
            with case.live.acting(case.role):
                found = _resolved(case, list(tables.values()))
        except Refused as error:
            answer.executed += case.live.executed
            return answer.unknown(cannot_become(case.role, error))
    answer.executed += case.live.executed
    for name, table in tables.items():
        where = found.get(name, "")
        if where in of:
            text = f"without a tenant, {name} means {where}.{name}, which is {of[where]}'s"
            answer.flag("resolves-without-context", table.place, text, anchor=name)
        else:
            answer.proved += not case.world.dry
    answer.counts = {"table names": len(tables)}
    return answer.result(
        f"without a tenant none of {len(tables)} table names means a tenant's table", "no table was found"
    )


def _resolved(case: Case, tables: Sequence[Relation]) -> dict[str, str]:
    """Bare names to the schema that they mean now. Raises `Refused`."""
    rows = case.live.fetch(
        "select t.name, n.nspname::text from unnest(%s::text[]) t(name)"
        " join pg_class c on c.oid = to_regclass(quote_ident(t.name)) join pg_namespace n on n.oid = c.relnamespace",
        ([table.name for table in tables],),
    )
    return dict(rows)
