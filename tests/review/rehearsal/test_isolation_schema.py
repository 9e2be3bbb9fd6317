"""C7: tables that a change makes or alters follow the tenancy file, judged on the rehearsed schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_rehearse import Rehearse
from stas_tui.config_sources import Credential
from stas_tui.isolation.declared import ByParent, NotApplicable, SharedTable, Tables, Tenancy
from stas_tui.review.rehearsal import run
from storage.check_records import CheckResult, Verdict
from tests.postgres import server
from tests.review.migrations.repositories import by_check, change, rules, texts

pytestmark = pytest.mark.usefixtures("postgresql")

POLICY = "create policy own on {0} using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);"
SECURE = "alter table {0} enable row level security; alter table {0} force row level security;" + POLICY
FIRST = (
    "create table tenant (id uuid primary key, name text unique);"
    "create table order_ (id uuid primary key, tenant_id uuid not null references tenant (id), number text,"
    " unique (tenant_id, number));" + SECURE.format("order_")
)
INVOICE = "create table invoice (id uuid primary key, tenant_id uuid not null references tenant (id), number text{0});"
INDEX = "create index on invoice (tenant_id);"


def tenancy(**more: Any) -> Tenancy:
    known: dict[str, Any] = {"strategy": "rls", "root": "tenant", "completed_by": "Ada"}
    return Tenancy(**{**known, **more})


def c7(folder: Path, up: str, declared: Tenancy | None, first: str = FIRST) -> CheckResult:
    base = {"migrations/1_a.up.sql": first, "migrations/1_a.down.sql": "drop table if exists order_, tenant;"}
    more = {"migrations/2_b.up.sql": up, "migrations/2_b.down.sql": "select 1;"}
    found = change(
        folder, base, {**base, **more}, only=frozenset({"C7"}), tenancy=declared,
        rehearsal=Rehearse(server=Credential(env="REHEARSAL_DSN")), environ={"REHEARSAL_DSN": account()},
    )  # fmt: skip
    return by_check(run(found))["C7"]


@cache
def account() -> str:
    """The tests' server, which need not be started for each test, as somebody who may make databases there."""
    name = server().name("rehearser")
    server().run("postgres", f"create role \"{name}\" login createdb password 'pw-of-rehearser'")
    return server().dsn("postgres", name, password="pw-of-rehearser", tcp=True)


def test_a_table_that_follows_is_verified(tmp_path: Path) -> None:
    found = c7(tmp_path, INVOICE.format("") + SECURE.format("invoice") + INDEX, tenancy())
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert found.control == "2 tables of tenants seen in the rehearsed schema"
    assert found.live


@pytest.mark.parametrize(
    ("up", "rule", "sentence"),
    [
        ("create table invoice (id uuid primary key);", "no-tenant-column", "the new table invoice has no tenant_id"),
        (INVOICE.format("") + POLICY.format("invoice"), "row-security-off", "row security is off on invoice"),
        (
            INVOICE.format("") + "alter table invoice enable row level security;",
            "no-policy",
            "invoice has no row security policy",
        ),
        (
            INVOICE.format("") + SECURE.format("invoice") + "create policy all_ on invoice using (true);",
            "policy-always-true",
            "policy all_ of invoice lets every row through",
        ),
        (
            INVOICE.format("")
            + "alter table invoice enable row level security;create policy x on invoice using (number = current_user);",
            "policy-without-tenant",
            "does not name tenant_id",
        ),
        (
            INVOICE.format("") + "alter table invoice enable row level security;create policy x on invoice using"
            " (tenant_id::text = current_setting('app.tenant_id') or current_setting('app.tenant_id') = '');",
            "policy-opens",
            "when no tenant is set",
        ),
        (
            INVOICE.format(", unique (number)") + SECURE.format("invoice"),
            "key-without-tenant",
            "number of invoice is unique over all tenants",
        ),
        ("alter table order_ disable row level security;", "row-security-off", "switches row security of order_ off"),
        ("alter table order_ no force row level security;", "row-security-not-forced", "owner of order_ see every row"),
        ("drop policy own on order_;", "no-policy", "takes the last policy of order_ away"),
        ("alter table order_ drop column tenant_id cascade;", "tenant-column-gone", "takes tenant_id away from order_"),
        ("alter table order_ alter tenant_id drop not null;", "tenant-may-be-null", "lets order_.tenant_id be NULL"),
        ("create policy b on order_ for select using (true);", "policy-always-true", "policy b of order_"),
        ("alter table order_ add unique (number);", "key-without-tenant", "number of order_ is unique"),
    ],
)
def test_what_opens_a_way_between_tenants_is_flagged(tmp_path: Path, up: str, rule: str, sentence: str) -> None:
    found = c7(tmp_path, up, tenancy())
    assert found.verdict is Verdict.FLAGGED, found.reason + texts(found.leads)
    assert rule in rules(found)
    assert sentence in texts(found.leads)
    assert found.leads[0].path == "migrations/2_b.up.sql"


@pytest.mark.parametrize(
    ("up", "rule"),
    [
        (
            INVOICE.format("").replace("not null ", "") + SECURE.format("invoice") + INDEX,
            "tenant-may-be-null",
        ),
        (
            INVOICE.format(", order_id uuid references order_ (id)") + SECURE.format("invoice") + INDEX,
            "reference-without-tenant",
        ),
        ("create view v as select number from order_;", "view-as-owner"),
        ("create materialized view v as select number from order_;", "view-as-owner"),
        (
            "create function f() returns setof order_ language sql security definer as 'select * from order_';",
            "definer-function",
        ),
        ("grant select on order_ to public;", "granted-to-all"),
    ],
)
def test_what_may_open_one_asks(tmp_path: Path, up: str, rule: str) -> None:
    found = c7(tmp_path, up, tenancy())
    assert found.verdict is Verdict.UNKNOWN
    assert rule in rules(found, accusing=False)
    assert not rules(found)


@pytest.mark.parametrize(
    "up",
    [
        INVOICE.format(", token text unique, u uuid unique") + SECURE.format("invoice") + INDEX,
        "create view v with (security_invoker = true) as select number from order_;",
        "create index on order_ (number);",
        "alter table order_ add note text;",
        INVOICE.format(", order_id uuid")
        + SECURE.format("invoice")
        + INDEX
        + "alter table order_ add unique (tenant_id, id);"
        "alter table invoice add foreign key (tenant_id, order_id) references order_ (tenant_id, id);",
    ],
)
def test_what_is_sound_is_not_named(tmp_path: Path, up: str) -> None:
    found = c7(tmp_path, up, tenancy())
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)


def test_shared_tables_and_children_are_as_declared(tmp_path: Path) -> None:
    up = (
        "create table country (code text primary key);"
        "create table line (id uuid primary key, order_id uuid not null references order_ (id));"
        "alter table line enable row level security; alter table line force row level security;"
        "create policy own on line using (exists (select 1 from order_ o where o.id = order_id));"
    )
    tables = Tables(
        shared=(SharedTable(name="country", reason="the same for everybody"),),
        by_parent=(ByParent(name="line", parent="order_", column="order_id"),),
    )
    found = c7(tmp_path, up, tenancy(tables=tables))
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)
    tied = c7(tmp_path / "loose", up.replace(" references order_ (id)", ""), tenancy(tables=tables))
    assert "line.order_id has no foreign key to order_" in texts(tied.leads)


def test_a_project_without_row_security_is_asked_for_columns_and_keys_only(tmp_path: Path) -> None:
    up = "create table invoice (id uuid primary key, tenant_id uuid not null, number text unique);"
    found = c7(tmp_path, up, tenancy(strategy="row"))
    assert rules(found) == {"key-without-tenant"}


def test_on_sqlite_columns_and_keys_are_judged(tmp_path: Path) -> None:
    first = "create table entries (id integer primary key autoincrement, tenant_id text not null);"
    declared = tenancy(strategy="row", root="")
    found = c7(tmp_path, "create table notes (id integer primary key, t text);", declared, first)
    assert rules(found) == {"no-tenant-column"}
    up = "create table notes (id integer primary key, tenant_id text not null, slug text unique);"
    assert rules(c7(tmp_path / "key", up, declared, first)) == {"key-without-tenant"}
    up = "create table notes (tenant_id text not null, slug text, primary key (tenant_id, slug));"
    found = c7(tmp_path / "fine", up, declared, first)
    assert found.verdict is Verdict.VERIFIED, found.reason + texts(found.leads)


def test_nothing_is_verified_from_a_draft_or_without_tables_of_tenants(tmp_path: Path) -> None:
    up = "create index on order_ (number);"
    assert "draft" in c7(tmp_path / "draft", up, tenancy(completed_by="")).reason
    found = c7(tmp_path / "other", "create index on tenant (name);", tenancy(columns=("org_id",)))
    assert found.verdict is Verdict.UNKNOWN
    assert "no table of tenants" in found.reason or "org_id" in texts(found.leads)


def test_what_was_not_declared_or_does_not_apply_is_said(tmp_path: Path) -> None:
    up = "create table invoice (id uuid primary key);"
    assert "tenancy not declared" in c7(tmp_path / "none", up, None).reason
    declared = tenancy(not_applicable=(NotApplicable(check="C7", reason="one tenant only"),))
    found = c7(tmp_path / "na", up, declared)
    assert (found.verdict, found.reason) == (Verdict.NOT_APPLICABLE, "one tenant only")
    found = c7(tmp_path / "schema", up, tenancy(strategy="schema"))
    assert found.verdict is Verdict.UNKNOWN


def test_a_schema_that_could_not_be_made_is_unknown(tmp_path: Path) -> None:
    found = c7(tmp_path, "create table invoice (id nonsense);", tenancy())
    assert found.verdict is Verdict.UNKNOWN
    assert "nonsense" in found.reason
