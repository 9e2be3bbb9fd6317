"""A database for each tenant: different ones, roles without a way across, credentials that are refused elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.base import World
from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.live import Live, NotUsable, Refused, address, connect, refuse_writers
from stas_tui.isolation.database.tables import ident
from stas_tui.isolation.declared import Database, Tenancy, Tenant
from storage.check_records import CheckResult

if TYPE_CHECKING:
    from psycopg import sql

AWAY = "declared: strategy database, where each tenant's rows are in a database of its own"
_PASSED_ON = ("host", "hostaddr", "port", "dbname")
REFUSED = ("28P01", "28000", "42501", "3D000")
"""SQLSTATEs of a refused login: wrong password, no entry for the role, no CONNECT, no such database."""


@dataclass(slots=True)
class Apart:
    """Each tenant's connection string, and where it leads."""

    world: World
    tenancy: Tenancy
    database: Database
    dsns: dict[str, str]
    why: dict[str, str]
    facts: dict[str, dict[str, Any]]


def checks(world: World, tenancy: Tenancy) -> Iterator[CheckResult]:
    """Every wanted check of this strategy."""
    apart = _look(world, tenancy)
    if world.wants("D1"):
        yield different(apart)
    if world.wants("D2"):
        yield roles(apart)
    for check in ("D3", "D4", "D5", "D6", "D7", "D8", "D11", "D12", "D13", "D14", "D15"):
        if world.wants(check):
            yield _answer(apart, check).away(AWAY)
    if world.wants("D9"):
        yield rows(apart)
    if world.wants("D10"):
        for name in world.tenants:
            tenant = next((one for one in tenancy.tenant if one.name == name), None)
            answer = _answer(apart, "D10", name)
            if tenant is None:
                yield answer.unknown(f"the tenancy file does not name {name}")
            else:
                yield credentials(apart, answer, tenant)


def _answer(apart: Apart, check: str, tenant: str = "") -> Answer:
    names = sorted({f"{fact['dbname']} as {fact['user']}" for fact in apart.facts.values()})
    version = next((fact["version"] for fact in apart.facts.values()), "")
    return Answer(
        world=apart.world,
        check=check,
        tenant=tenant,
        tool="psycopg",
        target=f"PostgreSQL {version}, {', '.join(names)}" if names else "PostgreSQL, not reached",
    )


_LOOK = """
select current_setting('server_version'), current_database()::text, session_user::text, r.rolsuper, r.rolcreatedb,
       r.rolcreaterole, r.rolreplication, coalesce(inet_server_addr()::text, ''), coalesce(inet_server_port(), 0),
       pg_postmaster_start_time()::text
  from pg_roles r where r.rolname = session_user
"""


def _look(world: World, tenancy: Tenancy) -> Apart:
    """Log in once as each tenant; nothing but the catalogue's row of the account is read."""
    assert tenancy.database is not None
    apart = Apart(world, tenancy, tenancy.database, {}, {}, {})
    for tenant in tenancy.tenant:
        try:
            if world.dry:
                continue
            world.step(f"connecting to the database of {tenant.name}")
            dsn = address(tenant.dsn, world, f"the connection string of {tenant.name} (`dsn` in its [[tenant]])")
            live = Live(world, apart.database, connect(dsn))
            try:
                with live.transaction():
                    row = live.fetch(_LOOK)[0]
            finally:
                live.close()
        except (NotUsable, Refused) as error:
            apart.why[tenant.name] = str(error).rstrip(".")
            continue
        apart.dsns[tenant.name] = dsn
        apart.facts[tenant.name] = {
            "version": row[0], "dbname": row[1], "user": row[2], "super": row[3], "createdb": row[4],
            "createrole": row[5], "replication": row[6], "server": (*row[7:],),
        }  # fmt: skip
    return apart


def _listed(answer: Answer, *texts: str) -> None:
    answer.executed += [" ".join(text.split()) for text in texts]


def _unreached(apart: Apart, answer: Answer) -> None:
    for name, why in apart.why.items():
        answer.weak.append(f"{name}: {why}")


def different(apart: Apart) -> CheckResult:
    """D1: no two tenants have the same database."""
    answer = _answer(apart, "D1")
    _listed(answer, "for each tenant, with its own connection string: begin read only", _LOOK, "rollback")
    seen: dict[tuple[Any, ...], str] = {}
    for name, fact in apart.facts.items():
        key = (fact["dbname"], fact["server"])
        if key in seen:
            text = f"{name} and {seen[key]} have the same database {fact['dbname']}"
            answer.flag("shared-database", fact["dbname"], text, anchor=f"{seen[key]} {name}")
        seen.setdefault(key, name)
    answer.proved = len(seen)
    answer.counts = {"databases": len(seen)}
    _unreached(apart, answer)
    return answer.result(f"{len(seen)} tenants have {len(seen)} databases", "no tenant with a `dsn` is declared")


def roles(apart: Apart) -> CheckResult:
    """D2: no tenant's role may do what reaches other databases, and no two tenants have the same role."""
    answer = _answer(apart, "D2")
    _listed(answer, _LOOK)
    seen: dict[tuple[Any, ...], str] = {}
    for name, fact in apart.facts.items():
        for word in ("super", "createdb", "createrole", "replication"):
            if fact[word]:
                text = (
                    f"{fact['user']}, the role of {name}, has the right {word.upper()}: other databases are open to it"
                )
                answer.flag(f"role-{word}", fact["user"], text, anchor=f"{name} {word}")
        key = (fact["user"], fact["server"])
        if key in seen:
            text = f"{name} and {seen[key]} log in as the same role {fact['user']}"
            answer.flag("shared-role", fact["user"], text, anchor=f"{seen[key]} {name}")
        seen.setdefault(key, name)
        answer.proved += 1
    _unreached(apart, answer)
    return answer.result(f"{len(seen)} tenants have roles of their own without rights beyond", "no `dsn` is declared")


def credentials(apart: Apart, answer: Answer, tenant: Tenant) -> CheckResult:
    """D10: what opens one tenant's database must not open another's; the control is its own login."""
    _listed(answer, f"log in to every other tenant's database with the credentials of {tenant.name}; read nothing")
    if apart.world.dry:
        return answer.result("", "")
    if tenant.name not in apart.dsns:
        return answer.unknown(apart.why.get(tenant.name, "no `dsn` is declared for it"))
    for other in apart.tenancy.tenant:
        if other is tenant or other.name not in apart.dsns:
            continue
        apart.world.step(f"D10 {tenant.name}: the database of {other.name}")
        said = _login(apart, tenant, other)
        if not said:
            text = f"the credentials of {tenant.name} open the database of {other.name}"
            place = apart.facts[other.name]["dbname"]
            answer.flag(
                "credentials",
                place,
                text,
                f"revoke connect on database {place} from public",
                anchor=f"{tenant.name} {other.name}",
            )
        elif said in REFUSED:
            answer.proved += 1
        else:
            answer.weak.append(f"whether {tenant.name} is refused at {other.name} is not known: {said}")
    answer.control = f"its own database let {tenant.name} in"
    for name, why in apart.why.items():
        if name != tenant.name:
            answer.weak.append(f"the database of {name} was not tried: {why}")
    return answer.result(
        f"the credentials of {tenant.name} are refused by {answer.proved} other databases", "there is no other tenant"
    )


def _login(apart: Apart, tenant: Tenant, other: Tenant) -> str:
    """Empty if the server let it in; else the SQLSTATE, or what went wrong."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    mine = conninfo_to_dict(apart.dsns[tenant.name])
    theirs = conninfo_to_dict(apart.dsns[other.name])
    for name in _PASSED_ON:
        mine.pop(name, None)
        if name in theirs:
            mine[name] = theirs[name]
    try:
        psycopg.connect(
            make_conninfo("", **mine), autocommit=True, connect_timeout=5, application_name="stas"
        ).close()  # fmt: skip
    except psycopg.Error as error:
        text = str(error).lower()
        if error.sqlstate:
            return error.sqlstate
        for words, state in (
            ("password authentication failed", "28P01"), ("no pg_hba.conf entry", "28000"),
            ("permission denied for database", "42501"), ("does not exist", "3D000"),
            ("not permitted to log in", "28000"),
            ("does not have connect privilege", "42501"), ("authentication failed", "28000"),
        ):  # fmt: skip
            if words in text:
                return state
        return "the server did not answer"
    return ""


def rows(apart: Apart) -> CheckResult:
    """D9: where a table has a tenant column all the same, it names its own tenant only."""
    answer = _answer(apart, "D9")
    _listed(
        answer,
        "for each table with a tenant column: select count(*) from (select 1 from TABLE where COLUMN <> $1 limit 1001)",
    )
    for tenant in apart.tenancy.tenant:
        if tenant.name not in apart.dsns:
            continue
        live = Live(apart.world, apart.database)
        try:
            live.connection = connect(apart.dsns[tenant.name])
            refuse_writers(live, ())
            with live.transaction():
                _rows_of(apart, answer, live, tenant)
        except (NotUsable, Refused) as error:
            answer.weak.append(f"{tenant.name}: {str(error).rstrip('.')}")
        finally:
            live.close()
    _unreached(apart, answer)
    return answer.result("no database holds rows that name another tenant", "no `dsn` is declared")


def _rows_of(apart: Apart, answer: Answer, live: Live, tenant: Tenant) -> None:
    from psycopg import sql

    found = live.fetch(
        "select n.nspname::text, c.relname::text, a.attname::text from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
        " where c.relkind in ('r', 'p') and not c.relispartition and a.attname = any(%s) and a.attnum > 0"
        " and n.nspname = any(%s)",
        (list(apart.tenancy.columns), list(apart.database.schemas)),
    )
    answer.proved += not found
    for schema, table, column in found:
        query: sql.Composable = sql.SQL(
            "select count(*) from (select 1 from {} where {} <> %s limit 1001) as s"
        ).format(ident(schema, table), ident(column))
        place = table if schema == "public" else f"{schema}.{table}"
        try:
            wrong = int(live.one(query, (tenant.key,)) or 0)
        except Refused as error:
            answer.weak.append(f"{place} of {tenant.name}: {error}")
            continue
        if wrong:
            text = f"{place} in the database of {tenant.name} holds {wrong} rows that name another tenant"
            answer.flag("cross-row", place, text, anchor=f"{place} {tenant.name}")
        else:
            answer.proved += 1
