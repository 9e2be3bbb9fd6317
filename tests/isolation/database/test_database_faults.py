"""D1-D9, D15 on real PostgreSQL: each planted fault is found and named with its place; nothing is on the sound shop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from storage.check_records import Verdict
from tests.isolation.database.shop import ACME, APP, GLOBEX, OWNER, TENANCY, ask, leads, one, shop, tenancy, verdicts
from tests.postgres import server

NULLIF = "nullif(current_setting('app.tenant_id', true), '')"
ORDERS = "app.orders"


@dataclass(frozen=True)
class Fault:
    check: str
    rule: str
    path: str
    sql: tuple[str, ...]
    asks: bool = False
    """True for rules that ask a person."""
    more: dict[str, Any] = field(default_factory=dict)


def fault(check: str, rule: str, path: str, *sql: str, asks: bool = False, **more: Any) -> Any:
    return pytest.param(Fault(check, rule, path, sql, asks, more), id=f"{check}-{rule}-{len(' '.join(sql))}")


def policy(expression: str, rule: str, *, asks: bool = False) -> Any:
    text = f"alter policy only_tenant on app.orders using ({expression})"
    return fault("D5", rule, ORDERS, text, asks=asks)


FAULTS = [
    fault("D1", "rls-off", ORDERS, "alter table app.orders disable row level security"),
    fault("D1", "undeclared-table", "app.notes", "create table app.notes (id int)", asks=True),
    fault("D3", "rows-without-tenant", "app.tokens", "alter table app.tokens alter tenant_id drop not null",
          "insert into app.tokens (tenant_id, code) values (null, 'x')"),
    fault("D3", "nullable-tenant", "app.tokens", "alter table app.tokens alter tenant_id drop not null", asks=True),
    fault("D4", "rls-inactive", "app.events_old", f"grant select on app.events_old to {APP}"),
    fault("D4", "rls-inactive", ORDERS, "alter table app.orders disable row level security"),
    policy("true", "always-true"),
    policy("tenant_id = tenant_id", "always-true"),
    policy(f"{NULLIF} is null or tenant_id = {NULLIF}::uuid", "opens-without-tenant"),
    policy(f"coalesce(current_setting('app.tenant_id', true), '') = '' or tenant_id = {NULLIF}::uuid",
           "opens-without-tenant"),
    policy(f"tenant_id = coalesce({NULLIF}::uuid, tenant_id)", "opens-without-tenant"),
    policy(f"case when {NULLIF} is null then true else tenant_id = {NULLIF}::uuid end", "opens-without-tenant"),
    policy(f"id = {NULLIF}::uuid", "wrong-column"),
    policy("card is not null", "no-tenant"),
    policy("card is null or tenant_id = app.tenant()", "shared-by-column", asks=True),
    policy("tenant_id = app.tenant() or current_setting('app.staff', true) = 'on'", "other-restriction", asks=True),
    policy("tenant_id in (select t.id from app.tenants t)", "not-understood", asks=True),
    policy("tenant_id = current_setting('app.tenant_id', true)::uuid", "cast-without-nullif", asks=True),
    policy(f"tenant_id = coalesce({NULLIF}, '{ACME}')::uuid", "default-tenant", asks=True),
    fault("D5", "rows-of-nobody", ORDERS, "create policy free on app.orders using (tenant_id is null)", asks=True),
    fault("D5", "extra-permissive", ORDERS, "create policy free on app.orders for select using (card is not null)"),
    fault("D5", "extra-permissive", ORDERS, "create policy free on app.orders for update using (true)"),
    fault("D5", "always-true", ORDERS, "drop policy only_tenant on app.orders",
          "create policy p on app.orders using (tenant_id = app.tenant()) with check (true)"),
    fault("D5", "extra-permissive", ORDERS, "create policy p on app.orders for insert with check (true)"),
    fault("D5", "insert-without-check", ORDERS, "create policy p on app.orders for insert", asks=True),
    fault("D6", "owner-view", "app.cards", "create view app.cards as select card from app.orders",
          f"grant select on app.cards to {APP}"),
    fault("D6", "owner-view", "app.deep", "create view app.cards as select card from app.orders",
          "create view app.deep as select * from app.cards", f"grant select on app.deep to {APP}"),
    fault("D6", "owner-view", "other.cards", "create schema other", "create view other.cards as table app.orders",
          f"grant usage on schema other to {APP}", f"grant select on other.cards to {APP}"),
    fault("D6", "materialised-view", "app.sums", "create materialized view app.sums as select count(*) from app.orders",
          f"grant select on app.sums to {APP}"),
    fault("D6", "definer-function", "app.cards()", "create function app.cards() returns setof text language sql stable"
          " security definer set search_path = app as 'select card from orders'"),
    fault("D6", "definer-path", "app.cards()", "create function app.cards() returns int language sql stable"
          " security definer as 'select 1'"),
    fault("D6", "definer-function", "app.find(x text)", "create function app.find(x text) returns setof text"
          " language plpgsql security definer set search_path = app as"
          " 'begin return query select card from orders; end'", asks=True),
    fault("D6", "public-grant", "app.tokens", "grant select on app.tokens to public", asks=True),
    fault("D6", "public-grant", "app.emails", "grant select on app.emails to public", asks=True),
    fault("D6", "public-grant", "app.tokens", "grant truncate on app.tokens to public"),
    fault("D6", "public-grant", "app.cards", "create view app.cards as select card from app.orders",
          "grant select on app.cards to public"),
    fault("D7", "unique-without-tenant", "app.customers", "alter table app.customers add nick text unique"),
    fault("D7", "unique-without-tenant", "app.customers", "alter table app.customers add nick text",
          "create unique index on app.customers (lower(nick))"),
    fault("D8", "reference-without-tenant", "app.tokens", "alter table app.tokens add customer_id bigint"
          " references app.customers", asks=True),
    fault("D9", "cross-row", "app.tokens", "alter table app.tokens add customer_id bigint references app.customers",
          f"update app.tokens set customer_id = (select id from app.customers where tenant_id = '{GLOBEX}')"
          f" where tenant_id = '{ACME}'"),
    fault("D9", "cross-row", "app.order_lines",
          "alter table app.order_lines add customer_id bigint references app.customers",
          f"update app.order_lines set customer_id = (select id from app.customers where tenant_id = '{GLOBEX}')"),
    fault("D15", "no-tenant-index", ORDERS, "drop index app.orders_tenant_id_idx", asks=True),
]  # fmt: skip


def test_nothing_is_found_on_the_sound_shop() -> None:
    results = ask(shop())
    said = verdicts(results)
    unknown = {check for check, text in said.items() if not text.startswith("verified")}
    assert unknown == {"D13", "D14"}, said
    assert not [lead for result in results for lead in result.leads]
    for result in results:
        assert result.target.startswith("PostgreSQL 1"), result
        assert result.executed or result.check == "D14"
        assert result.expires_at is None or result.expires_at > result.ended_at


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_found_and_named(planted: Fault) -> None:
    result = one(shop(*planted.sql), planted.check)
    found = [lead for lead in leads(result, planted.rule) if lead.path == planted.path]
    assert found, result
    assert found[0].accuses is not planted.asks
    assert result.verdict is (Verdict.UNKNOWN if planted.asks else Verdict.FLAGGED)
    others = {(lead.rule, lead.path) for lead in result.leads if lead.accuses} - {(planted.rule, planted.path)}
    assert planted.check == "D6" or not others, others


@pytest.mark.parametrize(
    "sound",
    [
        "alter policy only_tenant on app.orders using (tenant_id = app.tenant() and card is not null)",
        "alter policy only_tenant on app.orders using (tenant_id = (select app.tenant()))",
        f"alter policy only_tenant on app.orders using (tenant_id::text = {NULLIF})",
        f"alter policy only_tenant on app.orders using (not (tenant_id <> {NULLIF}::uuid))",
        "create policy staff on app.orders to pg_monitor using (true)",
        "create policy narrow on app.orders as restrictive using (card is not null)",
        "drop policy only_tenant on app.orders; create policy all_ on app.orders using (true);"
        "create policy wall on app.orders as restrictive using (tenant_id = app.tenant())",
        "alter policy by_order on app.order_lines using (order_id in (select id from app.orders))",
        "alter table app.orders add token_hash text unique",
        "alter table app.customers add nick text; create unique index on app.customers (tenant_id, lower(nick))",
        "create view app.hidden as select card from app.orders",
        "create materialized view app.hidden as select card from app.orders",
    ],
)
def test_what_looks_like_a_fault_and_is_none_is_silent(sound: str) -> None:
    name = shop(*sound.split(";"))
    for check in ("D5", "D6", "D7"):
        result = one(name, check)
        assert result.verdict is Verdict.VERIFIED, (check, result.reason)
        assert not result.leads


def test_an_owners_view_that_filters_by_itself_is_no_side_door() -> None:
    name = shop(
        "create view app.own as select tenant_id, card from app.orders where tenant_id = app.tenant()",
        f"grant select on app.own to {APP}",
    )
    result = one(name, "D6")
    assert result.verdict is Verdict.VERIFIED
    assert "app.own passes no policy and shows each probe tenant its own rows only" in result.reason


def test_D1_what_is_declared_and_what_is_there() -> None:
    name = shop("create table app.alembic_version (version_num text)")
    text = TENANCY.format(strategy="rls", role=APP, more="", acme=ACME, globex=GLOBEX)
    scoped = text.replace("[tables]", '[tables]\nscoped = ["app.customers", "app.orders", "app.gone", "app.plans"]')
    result = one(name, "D1", declared=tenancy(scoped))
    assert result.verdict is Verdict.UNKNOWN
    assert {(lead.rule, lead.path) for lead in result.leads} == {
        ("declared-missing", "app.gone"),
        ("declared-missing", "app.plans"),
        ("undeclared-table", "app.events"),
        ("undeclared-table", "app.tokens"),
    }
    assert "app.tokens has the column tenant_id; declare it in `scoped` or" in repr(result.leads)


def test_a_column_that_the_role_may_not_read_is_named_as_such() -> None:
    result = one(shop(f"revoke select on app.tokens from {APP}", f"grant select (code) on app.tokens to {APP}"),
                 "D10", "acme")  # fmt: skip
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "app.tokens: permission denied"


def role(how: str) -> str:
    """A role of its own for one test, as the application's: roles are the server's, not the database's."""
    name = server().name("app_fault")
    server().run("postgres", f"create role {name} {how}")
    return name


@pytest.mark.parametrize(
    ("how", "planted", "rule"),
    [
        ("superuser", "", "role-superuser"),
        ("bypassrls", "", "role-bypassrls"),
        ("createrole", "", "role-createrole"),
        ("replication", "", "role-replication"),
        ("login", f"grant {OWNER} to {{}}", "role-member"),
        ("login", "grant pg_execute_server_program to {}", "role-member"),
        ("login", "alter table app.tokens owner to {}", "role-owner"),
        ("login", "grant truncate on app.tokens to {}", "role-truncate"),
        ("login", "grant create on schema app to {}", "schema-create"),
    ],
)
def test_D2_every_way_round_for_the_role(how: str, planted: str, rule: str) -> None:
    made, looks = role(how), role("login noinherit")
    name = shop(f"grant usage on schema app to {made}", f"grant {made} to {looks}", planted.format(made) or "select 1")
    result = one(name, "D2", role=made, user=looks)
    assert rule in {lead.rule for lead in result.leads}, result
    assert result.verdict is (Verdict.UNKNOWN if rule == "role-truncate" else Verdict.FLAGGED)
    if planted and "owner to" not in planted:
        server().run(name, f"drop owned by {made}")


def test_D2_create_for_everybody_is_named_as_such() -> None:
    result = one(shop("grant create on schema app to public"), "D2")
    assert result.leads[0].code == "create on schema app is granted to everybody"
    assert result.verdict is Verdict.FLAGGED


def test_D4_an_owner_without_force_is_not_held_by_its_policies() -> None:
    made = role("login")
    name = shop("alter table app.orders no force row level security", f"alter table app.orders owner to {made}",
                f"grant usage on schema app to {made}")  # fmt: skip
    looks = role("login noinherit bypassrls")
    server().run(name, f"grant {made} to {looks}")
    result = one(name, "D4", role=made, user=looks)
    assert [lead.path for lead in leads(result, "rls-inactive")] == ["app.orders"]
    assert [lead.path for lead in leads(one(name, "D2", role=made, user=looks), "role-owner")] == ["app.orders"]
