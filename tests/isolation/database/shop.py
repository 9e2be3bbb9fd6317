"""A sound database in which row level security keeps tenants apart, and what asks it; faults go into clones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from stas_tui.isolation import database
from stas_tui.isolation.base import World
from stas_tui.isolation.tenancy import load_text
from storage.check_records import CheckResult, Lead
from storage.clock import SystemClock
from tests.postgres import server

ACME, GLOBEX, THIRD = (f"{n}0000000-0000-4000-8000-000000000000" for n in "abc")
NAMES = ("acme", "globex")
OWNER, APP, LOOKS = "shop_owner", "shop_app", "shop_looks"
SECRETS = ("ada@example.org", "4111-1111", "Zebra Street 7", "tok4n2026abcdefghijkl")
"""Values of rows; none of them may stand in a result."""

SOUND = f"""
create schema app authorization {OWNER};
grant usage on schema app to {APP}, {LOOKS};
set role {OWNER};
create function app.tenant() returns uuid language sql stable
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table app.tenants (id uuid primary key, slug text not null unique);
create table app.plans (id int primary key, name text not null unique);
create table app.customers (
  id bigint generated always as identity primary key, tenant_id uuid not null references app.tenants,
  email text not null, address text, balance int not null default 0, unique (tenant_id, email), unique (tenant_id, id));
create table app.orders (
  id uuid primary key default gen_random_uuid(), tenant_id uuid not null references app.tenants,
  customer_id bigint not null, card text,
  foreign key (tenant_id, customer_id) references app.customers (tenant_id, id));
create index on app.orders (tenant_id);
create table app.order_lines (
  order_id uuid not null references app.orders on delete cascade, line int not null, what text,
  primary key (order_id, line));
create table app.tokens (
  id bigint generated always as identity primary key, tenant_id uuid not null references app.tenants, code text unique);
create index on app.tokens (tenant_id);
create table app.events (tenant_id uuid not null, at date not null, what text) partition by range (at);
create table app.events_old partition of app.events for values from ('2020-01-01') to ('2025-01-01');
create table app.events_new partition of app.events for values from ('2025-01-01') to ('2030-01-01');
create index on app.events (tenant_id);
create view app.emails with (security_invoker = true) as select tenant_id, email from app.customers;
create function app.count_plans() returns bigint language sql stable security definer set search_path = app, pg_temp
  as $$ select count(*) from plans $$;
do $$
declare t text;
begin
  foreach t in array array['customers', 'orders', 'tokens', 'events'] loop
    execute format('alter table app.%1$I enable row level security', t);
    execute format('alter table app.%1$I force row level security', t);
    execute format('create policy only_tenant on app.%1$I using (tenant_id = app.tenant())', t);
  end loop;
end $$;
alter table app.order_lines enable row level security;
create policy by_order on app.order_lines
  using (exists (select 1 from app.orders o where o.id = order_lines.order_id));
grant select, insert, update, delete on app.customers, app.orders, app.order_lines, app.tokens, app.events to {APP};
grant select on app.plans, app.tenants, app.emails to {APP};
grant select on all tables in schema app to {LOOKS};
reset role;
insert into app.tenants values ('{ACME}', 'acme'), ('{GLOBEX}', 'globex'), ('{THIRD}', 'third');
insert into app.plans values (1, 'free');
insert into app.customers (tenant_id, email, address)
  select id, 'ada@example.org', 'Zebra Street 7' from app.tenants;
insert into app.orders (tenant_id, customer_id, card) select tenant_id, id, '4111-1111' from app.customers;
insert into app.order_lines select id, 1, 'Zebra Street 7' from app.orders;
insert into app.tokens (tenant_id, code) select id, 'tok4n2026abcdefghijkl' || left(id::text, 6) from app.tenants;
insert into app.events select id, '2024-01-01', 'Zebra Street 7' from app.tenants;
insert into app.events select id, '2026-01-01', 'Zebra Street 7' from app.tenants;
"""

TENANCY = """
strategy = "{strategy}"
completed_by = "ada"
root = "app.tenants"
[tables]
shared = [{{ name = "app.plans", reason = "a list for everybody" }}]
by_parent = [{{ name = "app.order_lines", parent = "app.orders", column = "order_id" }}]
[database]
dsn = {{ env = "DSN" }}
pooler = {{ env = "POOLER" }}
app_role = "{role}"
schemas = ["app"]
{more}
[[tenant]]
name = "acme"
key = "{acme}"
probe = true
[[tenant]]
name = "globex"
key = "{globex}"
probe = true
"""


def roles(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for name, how in (
            (OWNER, "nologin"),
            (APP, "login"),
            (LOOKS, "login noinherit bypassrls"),
        ):
            found = connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone()
            if not found:
                connection.execute(f"create role {name} {how}".encode())
        connection.execute(f"grant {APP} to {LOOKS}".encode())


def sound(dsn: str) -> None:
    """Fill a database with the sound shop."""
    roles(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(SOUND.encode())


def shop(*faults: str) -> str:
    """Name of a new database with the sound shop, and with what is planted into it as superuser."""
    name = psycopg.conninfo.conninfo_to_dict(server().fresh("shop", template=sound))["dbname"]
    assert isinstance(name, str)
    server().run(name, *faults)
    return name


def tenancy(text: str = "", *, strategy: str = "rls", role: str = APP, more: str = "") -> Any:
    """The declaration of the shop."""
    filled = text or TENANCY.format(strategy=strategy, role=role, more=more, acme=ACME, globex=GLOBEX)
    return load_text(filled, Path("tenancy.toml"))


def world(name: str, *checks: str, user: str = LOOKS, environ: dict[str, str] | None = None, **more: Any) -> World:
    """What the checks get. `declared` is the tenancy, else it is made of what is left in `more`."""
    how: dict[str, Any] = {key: more.pop(key) for key in ("dry", "progress", "cancelled", "tenants") if key in more}
    declared = more.pop("declared", None) or tenancy(**more)
    return World(
        project_id="shop",
        tenancy=declared,
        clock=SystemClock(),
        only=frozenset(checks),
        environ={"DSN": server().dsn(name, user), **(environ or {})},
        **{"tenants": NAMES, **how},
    )


def ask(name: str, *checks: str, **more: Any) -> list[CheckResult]:
    """Every result."""
    return list(database.run(world(name, *checks, **more)))


def one(name: str, check: str, tenant: str = "", **more: Any) -> CheckResult:
    """The result of one check, about one tenant or all."""
    return next(result for result in ask(name, check, **more) if result.tenant == tenant)


def leads(result: CheckResult, rule: str) -> Iterator[Lead]:
    return (lead for lead in result.leads if lead.rule == rule)


def verdicts(results: list[CheckResult]) -> dict[str, str]:
    """`D10 acme` to the verdict and, if it is not verified, its reason."""
    return {f"{r.check} {r.tenant}".strip(): f"{r.verdict}: {r.reason}" for r in results}
