"""Rows that only the code filters, a schema for each tenant, a database for each tenant."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from stas_tui.isolation.database import CHECKS
from storage.check_records import CheckResult, Verdict
from tests.isolation.database.shop import NAMES, ask, shop, tenancy
from tests.postgres import server

EACH = ("acme", "globex")


def by(results: list[CheckResult]) -> dict[str, str]:
    return {f"{r.check} {r.tenant}".strip(): str(r.verdict) for r in results}


def test_rows_that_only_the_code_filters_are_never_verified() -> None:
    results = ask(shop("alter table app.tokens alter tenant_id drop not null"), strategy="row")
    said = by(results)
    assert {check for check, verdict in said.items() if verdict == "n/a"} == {"D4", "D5", "D6"}
    for check in ("D1", "D10 acme", "D10 globex", "D11 acme", "D12", "D3"):
        assert said[check] == "unknown", check
    assert {check for check, verdict in said.items() if verdict == "verified"} == {"D2", "D7", "D8", "D9", "D15"}
    first = next(result for result in results if result.check == "D1")
    assert "the database enforces nothing, the code filters; Q4 and P2 carry the proof" in first.reason
    assert "5 of 5 tenant tables have row level security all the same" in first.reason


class Schemas:
    """A database with a schema and a role for each tenant, and an account that looks."""

    def __init__(self, *faults: str, roles: bool = True) -> None:
        run = server()
        self.dsn = run.fresh("schemas")
        self.name = str(psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"])
        self.looks = run.name("looks")
        self.roles = {tenant: run.name(f"app_{tenant}") for tenant in EACH}
        if not roles:
            self.roles = dict.fromkeys(EACH, run.name("app"))
        statements = [f"create role {self.looks} login noinherit"]
        statements += [f"create role {role}" for role in sorted(set(self.roles.values()))]
        for tenant, role in self.roles.items():
            statements += [
                f"grant {role} to {self.looks}",
                f"create schema {tenant}",
                f"create table {tenant}.orders (id int primary key, tenant_id text)",
                f"create table {tenant}.lines (id int references {tenant}.orders)",
                f"insert into {tenant}.orders values (1, '{tenant}')",
                f"grant usage on schema {tenant} to {role}, {self.looks}",
                f"grant select, insert on all tables in schema {tenant} to {role}",
                f"grant select on all tables in schema {tenant} to {self.looks}",
            ]
        self.names = {**self.roles, "looks": self.looks}
        run.run(self.name, *statements, *(text.format(**self.names) for text in faults))

    def ask(self, *checks: str, context: str = "select set_config('search_path', $1, true)", app: str = "") -> Any:
        text = f"""
strategy = "schema"
completed_by = "ada"
[database]
dsn = {{ env = "DSN" }}
schemas = []
app_role = "{app}"
setting = "search_path"
context = ["{context}"]
"""
        for tenant in EACH:
            role = "" if app else f'role = "{self.roles[tenant]}"'
            text += f'[[tenant]]\nname = "{tenant}"\nkey = "{tenant}"\nschema = "{tenant}"\n{role}\n'
        return ask(self.name, *checks, user=self.looks, declared=tenancy(text))


def test_a_schema_and_a_role_for_each_tenant_is_verified() -> None:
    schemas = Schemas()
    before = server().dump(schemas.name)
    results = schemas.ask()
    assert server().dump(schemas.name) == before
    said = by(results)
    for check in ("D1", "D2", "D6", "D9", "D10 acme", "D10 globex", "D11 acme", "D11 globex", "D12"):
        assert said[check] == "verified", [r.reason for r in results if r.check == check.split()[0]]
    assert {c for c, verdict in said.items() if verdict == "n/a"} == {"D3", "D4", "D5", "D7", "D8", "D13", "D15"}
    assert {result.check for result in results} == {spec.id for spec in CHECKS}


@pytest.mark.parametrize(
    ("check", "tenant", "rule", "path", "planted"),
    [
        ("D2", "", "schema-usage", "globex", "grant usage on schema globex to {acme}"),
        ("D2", "", "role-member", "{acme}", "grant {globex} to {acme}"),
        ("D10", "acme", "foreign-schema", "globex.orders",
         "grant usage on schema globex to {acme}; grant select on globex.orders to {acme}"),
        ("D6", "", "view-across", "acme.all_orders", "create view acme.all_orders as select * from globex.orders"),
        ("D6", "", "public-grant", "acme", "grant usage on schema acme to public"),
        ("D6", "", "public-grant", "acme.orders", "grant select on acme.orders to public"),
        ("D9", "", "reference-across", "acme.lines", "alter table acme.lines add other int references globex.orders"),
        ("D9", "", "cross-row", "acme.orders", "insert into acme.orders values (2, 'globex')"),
        ("D12", "", "resolves-without-context", "globex.orders",
         "alter role {acme} set search_path = 'x'; alter database \"{db}\" set search_path = globex"),
    ],
)  # fmt: skip
def test_what_leads_from_one_schema_to_another(check: str, tenant: str, rule: str, path: str, planted: str) -> None:
    schemas = Schemas()
    for text in planted.split(";"):
        server().run(schemas.name, text.format(**schemas.names, db=schemas.name))
    result = next(r for r in schemas.ask(check) if r.tenant == tenant)
    assert result.verdict is Verdict.FLAGGED, result.reason
    assert (rule, path.format(**schemas.names)) in {(lead.rule, lead.path) for lead in result.leads}


def test_a_context_that_ends_in_another_tenants_schema() -> None:
    open_ = Schemas("grant usage on schema globex to {acme}")
    result = next(r for r in open_.ask("D11", context="select set_config('search_path', 'globex', true)"))
    assert {lead.rule for lead in result.leads} == {"path-across", "resolves-across"}
    missing = next(r for r in Schemas().ask("D11", context="select set_config('search_path', 'public', true)"))
    assert missing.verdict is Verdict.UNKNOWN
    assert {lead.rule for lead in missing.leads} == {"not-in-path"}
    shadow = Schemas("create schema shared", "create table shared.orders (id int)",
                     "grant usage on schema shared to {acme}, {globex}")  # fmt: skip
    first = next(r for r in shadow.ask("D11", context="select set_config('search_path', 'shared,' || $1, true)"))
    assert {lead.rule for lead in first.leads} == {"shared-first"}


def test_one_role_for_every_schema_is_unknown() -> None:
    schemas = Schemas(roles=False)
    results = schemas.ask("D1", "D2", "D10", app=schemas.roles["acme"])
    assert {str(result.verdict) for result in results} == {"unknown"}
    assert all("declare `role` in each [[tenant]]" in result.reason for result in results)


class Databases:
    """A database and a role with a password for each tenant."""

    def __init__(self, *, closed: bool = True) -> None:
        run = server()
        self.roles = {tenant: run.name(f"only_{tenant}") for tenant in EACH}
        self.names, self.environ = {}, {}
        for tenant, role in self.roles.items():
            dsn = run.fresh(f"of_{tenant}")
            name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
            self.names[tenant] = name
            run.run("postgres", f"create role {role} login password 'secret-of-{tenant}'")
            run.run(name, "create table orders (id int, tenant_id text)", f"grant select on orders to {role}",
                    f"insert into orders values (1, '{tenant}')")  # fmt: skip
            if closed:
                run.run("postgres", f'revoke connect on database "{name}" from public',
                        f'grant connect on database "{name}" to {role}')  # fmt: skip
            self.environ[f"DSN_{tenant.upper()}"] = run.dsn(name, role, password=f"secret-of-{tenant}", tcp=True)

    def ask(self, *checks: str, dry: bool = False, **environ: str) -> list[CheckResult]:
        text = 'strategy = "database"\ncompleted_by = "ada"\n[database]\n'
        for tenant in EACH:
            text += f'[[tenant]]\nname = "{tenant}"\nkey = "{tenant}"\ndsn = {{ env = "DSN_{tenant.upper()}" }}\n'
        return ask("postgres", *checks, declared=tenancy(text), environ={**self.environ, **environ}, dry=dry)


def test_a_database_for_each_tenant_that_refuses_the_others() -> None:
    databases = Databases()
    results = databases.ask()
    said = by(results)
    for check in ("D1", "D2", "D9", "D10 acme", "D10 globex"):
        assert said[check] == "verified", results
    assert {result.check for result in results} == {spec.id for spec in CHECKS}
    assert "secret-of" not in repr(results)


def test_credentials_that_open_another_tenants_database() -> None:
    results = Databases(closed=False).ask("D10")
    assert by(results) == {"D10 acme": "flagged", "D10 globex": "flagged"}
    assert results[0].reason == "the credentials of acme open the database of globex"


def test_the_same_database_the_same_role_and_rows_of_another() -> None:
    databases = Databases()
    server().run(databases.names["acme"], "insert into orders values (2, 'globex')")
    server().run("postgres", f"alter role {databases.roles['globex']} createdb")
    results = {r.check: r for r in databases.ask("D2", "D9")}
    assert results["D9"].reason.endswith("the database of acme holds 1 rows that name another tenant")
    assert {lead.rule for lead in results["D2"].leads} == {"role-createdb"}
    same = databases.environ["DSN_ACME"]
    shared = {r.check: r for r in databases.ask("D1", "D2", DSN_GLOBEX=same)}
    assert {lead.rule for lead in shared["D1"].leads} == {"shared-database"}
    assert {lead.rule for lead in shared["D2"].leads} == {"shared-role"}


def test_a_database_that_cannot_be_reached_is_unknown_for_its_tenant() -> None:
    databases = Databases()
    results = databases.ask("D1", "D10", DSN_GLOBEX="postgresql://127.0.0.1:1/x?connect_timeout=2")
    assert by(results) == {"D1": "unknown", "D10 acme": "unknown", "D10 globex": "unknown"}
    dry = databases.ask("D10", dry=True)
    assert dry[0].executed == ("log in to every other tenant's database with the credentials of acme; read nothing",)


def test_without_a_declared_database_every_check_says_so() -> None:
    declared = tenancy('strategy = "rls"\ncompleted_by = "ada"\n')
    results = ask("postgres", declared=declared)
    assert {result.reason for result in results} == {"the database is not declared; add [database] to the tenancy file"}
    assert {(r.check, r.tenant) for r in results if r.check == "D10"} == {("D10", name) for name in NAMES}
