"""What must never happen: a change, a value of a row in a result, an account that writes; and ways to be unable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.base import Cancelled
from stas_tui.isolation.database import CHECKS, run
from storage.check_records import CheckResult, Verdict
from tests.health.real import until
from tests.isolation.database.shop import (
    ACME,
    APP,
    GLOBEX,
    LOOKS,
    OWNER,
    SECRETS,
    TENANCY,
    ask,
    one,
    shop,
    tenancy,
    world,
)
from tests.postgres import server

EVERY = {spec.id for spec in CHECKS}
FAULTY = (
    "create policy open on app.orders for select using (true)",
    "create view app.cards as select card from app.orders",
    f"grant select on app.cards to {APP}",
    "alter table app.tokens add customer_id bigint references app.customers",
    f"update app.tokens set customer_id = (select id from app.customers where tenant_id = '{GLOBEX}')",
    "alter table app.customers add nick text unique",
    "alter table app.tokens alter tenant_id drop not null",
    "insert into app.tokens (code) values ('tok4n2026abcdefghijkl000')",
)


@pytest.mark.parametrize("faults", [(), FAULTY], ids=["sound", "faulty"])
def test_nothing_changes_and_no_value_of_a_row_is_told(faults: tuple[str, ...]) -> None:
    name = shop(*faults)
    before = server().dump(name)
    results = ask(name, more="write_probe = true")
    assert server().dump(name) == before
    assert {result.check for result in results} == EVERY
    told = repr(results)
    assert not [value for value in SECRETS if value in told]
    assert not [key for key in (ACME, GLOBEX) if key in told]


def test_a_dry_run_lists_statements_and_never_connects() -> None:
    results = ask(
        "no_such_database", dry=True, more="write_probe = true", environ={"DSN": "postgresql://127.0.0.1:1/x"}
    )
    assert {result.check for result in results} == EVERY
    for result in results:
        assert (result.verdict, result.leads, result.live) == (Verdict.UNKNOWN, (), False)
        assert result.executed, result.check
    probe = next(result for result in results if result.check == "D10")
    assert f'set local role "{APP}"' in probe.executed
    assert any("is distinct from $1" in text and '"app"."order_lines"' in text for text in probe.executed)
    write = next(result for result in results if result.check == "D13")
    assert "begin isolation level repeatable read, read write" in write.executed


def refused(name: str, user: str, **more: Any) -> str:
    """Why an account is refused; nothing may have been read then."""
    results = ask(name, user=user, **more)
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert {result.check for result in results} == EVERY
    (reason,) = {result.reason for result in results}
    return reason


@pytest.mark.parametrize(
    ("how", "grants", "why"),
    [
        ("superuser", "", "the right SUPERUSER"),
        ("createrole", "", "the right CREATEROLE"),
        ("createdb", "", "the right CREATEDB"),
        ("", "grant insert on app.plans to {}", "it may INSERT on app.plans"),
        ("", "grant update (name) on app.plans to {}", "it may UPDATE columns of app.plans"),
        ("", "grant truncate on app.orders to {}", "it may TRUNCATE on app.orders"),
        ("", "grant create on schema app to {}", "it may CREATE in the schema app"),
        ("", "alter table app.plans owner to {}", "it owns app.plans"),
        ("noinherit", f"grant {OWNER} to {{}}", "it owns app.customers as shop_owner"),
        ("", "grant pg_write_all_data to {}", "it is a member of pg_write_all_data"),
        ("", f"grant {APP} to {{}}", f"it inherits the rights of {APP}; make it NOINHERIT"),
    ],
)
def test_an_account_that_could_write_is_refused_before_anything_is_read(how: str, grants: str, why: str) -> None:
    name = shop()
    account = server().name("writer")
    server().run(name, f"create role {account} login {how}", grants.format(account) or "select 1")
    reason = refused(name, account)
    assert reason.startswith(f"The account {account} could write, and nothing was read: ")
    assert "docs/isolation-database.md" in reason
    assert why in reason or (how == "noinherit" and f"as {OWNER}" in reason)
    server().run(name, f"drop owned by {account}")


def test_the_applications_own_account_is_refused() -> None:
    assert f"it is {APP}, as which the application writes" in refused(shop(), APP)


def test_what_everybody_may_write_is_told_as_a_fault_and_refuses_no_account() -> None:
    result = one(shop("grant insert on app.tokens to public"), "D6")
    assert result.verdict is Verdict.UNKNOWN
    assert "everybody who can log in may INSERT on app.tokens; only its policies stand before them" in result.reason


def test_a_dead_server_and_a_refused_password() -> None:
    name = shop()
    dead = refused(name, LOOKS, environ={"DSN": "postgresql://u:hunter2secret@127.0.0.1:1/x?connect_timeout=2"})
    assert dead.startswith("The database could not be reached: ")
    account = server().name("locked")
    server().run(name, f"create role {account} login password 'right-one' in role password_required")
    dsn = server().dsn(name, account, password="wrong-one-123")
    wrong = refused(name, LOOKS, environ={"DSN": dsn})
    assert "password authentication failed" in wrong
    assert "wrong-one-123" not in wrong
    assert refused(name, LOOKS, environ={"DSN": ""}).endswith("the variable DSN is not set")
    assert refused(name, LOOKS, environ={"DSN": "host='unclosed"}).startswith("The connection string is not in a form")


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    name = shop()
    asked = world(name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    results = list(run(asked))
    assert {result.reason for result in results} == {"psycopg is not installed; `pip install 'stas-tui[pg]'`"}
    assert {result.check for result in results} == EVERY


def test_without_a_role_what_needs_it_is_unknown_and_says_so() -> None:
    name = shop()
    account = server().name("plain")
    server().run(name, f"create role {account} login bypassrls", f"grant usage on schema app to {account}")
    results = {(r.check, r.tenant): r for r in ask(name, role="", user=account)}
    for check, tenant in (("D2", ""), ("D4", ""), ("D6", ""), ("D10", "acme"), ("D11", "globex"), ("D12", "")):
        assert results[check, tenant].verdict is Verdict.UNKNOWN
        assert "set `app_role` in [database]" in results[check, tenant].reason
    assert results["D5", ""].verdict is Verdict.VERIFIED


def test_a_role_that_is_not_there_or_may_not_be_taken() -> None:
    name = shop()
    account = server().name("alone")
    server().run(name, f"create role {account} login bypassrls", f"grant usage on schema app to {account}")
    gone = one(name, "D4", role="nobody_knows", user=account)
    assert gone.reason == "the database has no role nobody_knows; correct `app_role` in [database]"
    for check, tenant in (("D4", ""), ("D6", ""), ("D10", "acme"), ("D11", "acme")):
        result = one(name, check, tenant, user=account)
        assert result.verdict is Verdict.UNKNOWN
        assert f"the account may not become {APP}: `grant {APP} to` it" in result.reason


def test_a_lock_and_a_slow_view_end_in_time_and_are_unknown() -> None:
    name = shop(
        "create view app.tardy as select o.card from app.orders o, pg_sleep(30)",
        f"grant select on app.tardy to {APP}",
    )
    result = one(name, "D6")
    assert result.verdict is Verdict.UNKNOWN
    assert "view app.tardy: it took longer than 3 s" in result.reason
    with psycopg.connect(server().dsn(name)) as holder:

        def lock(step: str) -> None:
            if step == "D10 acme: app.customers":
                holder.execute("lock table app.tokens in access exclusive mode")

        locked = one(name, "D10", "acme", progress=lock)
    assert locked.verdict is Verdict.UNKNOWN
    assert locked.reason == "app.tokens: a lock was not to be had"


def test_a_connection_that_is_cut_keeps_what_was_said() -> None:
    name = shop()
    said: list[CheckResult] = []

    def cut(step: str) -> None:
        if step.startswith("D10"):
            server().run("postgres", f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")

    said = ask(name, "D1", "D10", progress=cut)
    assert {(r.check, r.tenant): str(r.verdict) for r in said} == {
        ("D1", ""): "verified",
        ("D10", "acme"): "unknown",
        ("D10", "globex"): "unknown",
    }
    assert said[-1].reason == "The connection to the database was lost"


def test_a_person_ends_it_and_no_connection_stays() -> None:
    name = shop()
    steps: list[str] = []
    with pytest.raises(Cancelled):
        ask(name, progress=steps.append, cancelled=lambda: len(steps) > 10)
    query = "select count(*) from pg_stat_activity where datname = %s"
    with psycopg.connect(server().dsn(), autocommit=True) as connection:
        until(lambda: connection.execute(query, (name,)).fetchone() == (0,), "the connection ended")


HOSTILE = ('od"d; drop table x', "naïve\u202etxe.\u200b", "tab\there", "new\nline", "100%s {x} $1")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_data(hostile: str) -> None:
    quoted = '"' + hostile.replace('"', '""') + '"'
    name = shop(
        f"create table app.{quoted} ({quoted} int primary key, tenant_id uuid, other text unique)",
        f"alter table app.{quoted} enable row level security",
        f"create policy {quoted} on app.{quoted} using (true)",
        f"grant select on app.{quoted} to {APP}, {LOOKS}",
        f"insert into app.{quoted} values (1, '{ACME}', 'Zebra Street 7'), (2, '{GLOBEX}', null), (3, null, null)",
        f'create view app.{quoted[:-1]}_v" as select * from app.{quoted}',
        f'grant select on app.{quoted[:-1]}_v" to {APP}',
    )
    before = server().dump(name)
    results = {(r.check, r.tenant): r for r in ask(name)}
    place = f"app.{hostile}"
    for check, tenant, rule in (
        ("D3", "", "rows-without-tenant"),
        ("D5", "", "always-true"),
        ("D7", "", "unique-without-tenant"),
        ("D10", "acme", "foreign-rows"),
        ("D12", "", "rows-without-context"),
    ):
        assert (rule, place) in {(lead.rule, lead.path) for lead in results[check, tenant].leads}, check
    assert f"{place}_v" in {lead.path for lead in results["D6", ""].leads}
    assert server().dump(name) == before


def test_context_statements_are_single_and_only_set() -> None:
    for text in ("delete from app.orders", "select 1; delete from app.orders", "commit"):
        result = one(shop(), "D10", "acme", more=f"context = ['{text}']")
        assert result.verdict is Verdict.UNKNOWN
        assert "context statement is neither a single SELECT nor SET LOCAL" in result.reason
    name = shop()
    before = server().dump(name)
    writes = (
        "create function app.sneak() returns int language sql as 'insert into app.plans values (9, $$x$$) returning 1'"
    )
    server().run(name, writes, f"grant insert on app.plans to {APP}")
    result = one(name, "D10", "acme", more="context = ['select app.sneak()']")
    assert "a read-only transaction refused it" in result.reason
    assert server().dump(name) != before  # the function itself
    with psycopg.connect(server().dsn(name)) as connection:
        assert connection.execute("select count(*) from app.plans").fetchone() == (1,)


def test_a_tenants_key_of_another_type_is_told_without_its_value() -> None:
    text = TENANCY.format(strategy="rls", role=APP, more="", acme="not-a-uuid", globex=GLOBEX)
    result = one(shop(), "D10", "acme", declared=tenancy(text))
    assert result.verdict is Verdict.UNKNOWN
    assert "the tenant's key does not fit the type of the column" in result.reason


def test_the_documented_account_is_enough_for_every_proof() -> None:
    page = (Path(__file__).parents[3] / "docs" / "isolation-database.md").read_text("utf-8")
    account = server().name("documented")
    made = page.partition("```sql\n")[2].partition("```")[0]
    made = made.replace("stas_looks", account).replace("shop_app", APP).replace("schema public", "schema app")
    name = shop()
    if server().version >= 16:
        made = made.replace(f"grant {APP} to {account};", f"grant {APP} to {account} with inherit false, set true;")
    server().run(name, *filter(str.strip, made.split(";")))
    results = ask(name, user=account, more="write_probe = true")
    assert {result.check for result in results if result.verdict is not Verdict.VERIFIED} == {"D14"}
