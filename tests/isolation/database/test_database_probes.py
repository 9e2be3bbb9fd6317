"""D10-D14 on real PostgreSQL: leaks are seen, soundness is proved with controls, and what proves nothing is unknown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from storage.check_records import Verdict
from storage.clock import DAY
from tests.isolation.database.pooler import Pooler
from tests.isolation.database.shop import ACME, APP, GLOBEX, LOOKS, NAMES, THIRD, ask, leads, one, shop
from tests.postgres import server

OPEN = "create policy open on app.orders for select using (true)"
WRITES = "write_probe = true"
SHOWS = "create policy shows on app.{} for select using (true)"


@pytest.mark.parametrize("tenant", NAMES)
def test_D10_foreign_rows_are_counted_and_named(tenant: str) -> None:
    result = one(shop(OPEN), "D10", tenant)
    assert result.verdict is Verdict.FLAGGED
    said = f"{APP}, acting for {tenant}, sees 2 rows of app.order_lines that are not its own (and 1 more)"
    assert result.reason == said
    assert {lead.path for lead in leads(result, "foreign-rows")} == {"app.orders", "app.order_lines"}


def test_D10_no_foreign_row_anywhere_is_unknown_not_verified() -> None:
    result = one(shop(f"delete from app.tokens where tenant_id <> '{ACME}'"), "D10", "acme")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no other tenant has a row in app.tokens, so none could be seen: put one there"
    assert result.control == "own rows in 5 and others' rows in 4 of 5 tables"


def test_D10_no_row_of_its_own_is_unknown() -> None:
    result = one(shop(f"delete from app.tokens where tenant_id = '{ACME}'"), "D10", "acme")
    assert result.reason == "acme sees no row of its own in app.tokens: put one there"
    assert result.verdict is Verdict.UNKNOWN


def test_D10_an_account_that_row_level_security_holds_is_no_control() -> None:
    name = shop()
    looks = server().name("looks")
    may = (f"grant {APP} to {looks}", f"grant usage on schema app to {looks}")
    server().run(
        name, f"create role {looks} login noinherit", *may, f"grant select on all tables in schema app to {looks}"
    )
    result = one(name, "D10", "acme", user=looks)
    assert result.verdict is Verdict.UNKNOWN
    assert "row level security hides rows of app.customers from the account: give it BYPASSRLS" in result.reason
    assert one(name, "D11", "acme", user=looks).verdict is Verdict.VERIFIED


def test_only_tenants_made_for_probing_are_read_as() -> None:
    results = ask(shop(), "D10", "D11", tenants=(*NAMES, "third"))
    third = [result for result in results if result.tenant == "third"]
    assert [result.verdict for result in third] == [Verdict.UNKNOWN] * 2
    assert all("third is not made for probing" in result.reason for result in third)
    assert THIRD not in repr(results)


def test_D11_rows_that_two_tenants_see() -> None:
    shared = f"create policy shared on app.tokens for select using (tenant_id = '{THIRD}')"
    for tenant, other in (NAMES, NAMES[::-1]):
        result = one(shop(shared), "D11", tenant)
        assert result.verdict is Verdict.FLAGGED
        assert result.reason == f"1 rows of app.tokens are seen by {tenant} and by {other}"


def test_D11_an_empty_table_is_unknown() -> None:
    result = one(shop(f"delete from app.tokens where tenant_id = '{GLOBEX}'"), "D11", "acme")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no other tenant sees a row in app.tokens, so nothing could be shared: put one there"


@pytest.mark.parametrize(
    ("opens", "word"),
    [
        ("current_setting('app.tenant_id', true) is null or tenant_id = app.tenant()", "unset"),
        ("current_setting('app.tenant_id', true) = '' or tenant_id = app.tenant()", "empty"),
    ],
)
def test_D12_unset_and_empty_are_two_things(opens: str, word: str) -> None:
    result = one(shop(f"alter policy only_tenant on app.orders using ({opens})"), "D12")
    assert result.verdict is Verdict.FLAGGED
    assert {lead.code for lead in leads(result, "rows-without-context")} == {word}
    assert {lead.path for lead in result.leads} == {"app.orders", "app.order_lines"}


def test_D12_without_rows_nothing_is_proved() -> None:
    result = one(shop("delete from app.tokens"), "D12")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no row is known to be in app.tokens, so none could be seen: put one there"


def test_D12_an_error_shows_no_row() -> None:
    cast = "alter policy only_tenant on app.orders using (tenant_id = current_setting('app.tenant_id', true)::uuid)"
    assert one(shop(cast), "D12").verdict is Verdict.VERIFIED


def test_D13_is_never_tried_unless_asked_for() -> None:
    result = one(shop("alter policy only_tenant on app.orders using (true)"), "D13")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "writes are never tried unless [database] says write_probe = true"
    assert not [text for text in result.executed if text.startswith(("insert", "update", "delete"))]


def test_D13_a_sound_shop_lets_no_write_through_and_stays_the_same() -> None:
    name = shop()
    before = server().dump(name)
    result = one(name, "D13", more=WRITES)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["proved"] == 2 * 4 * 4
    assert server().dump(name) == before


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("alter policy only_tenant on app.events with check (true)", "may INSERT a row for globex into app.events"),
        (
            "create policy p on app.tokens for insert with check (true)",
            "may INSERT a row for globex into app.tokens; only a key stopped it, after every policy",
        ),
        (
            f"alter policy only_tenant on app.events with check (true); {SHOWS.format('events')}",
            "may UPDATE a row of its own in app.events so that it is globex's",
        ),
        (
            f"create policy p on app.tokens for update using (true); {SHOWS.format('tokens')}",
            "may UPDATE a row of globex's in app.tokens",
        ),
        (
            f"create policy p on app.tokens for delete using (true); {SHOWS.format('tokens')}",
            "may DELETE a row of globex's in app.tokens",
        ),
    ],
)
def test_D13_what_is_let_through_is_named_and_nothing_stays(planted: str, said: str) -> None:
    name = shop(*planted.split(";"))
    before = server().dump(name)
    result = one(name, "D13", more=WRITES)
    assert result.verdict is Verdict.FLAGGED
    assert f"acme {said}" in [lead.text for lead in result.leads]
    assert server().dump(name) == before


def test_D13_triggers_stop_it_unless_they_are_allowed() -> None:
    name = shop(
        "create function app.seen() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger seen before insert on app.tokens for each row execute function app.seen()",
    )
    result = one(name, "D13", more=WRITES)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith("app.tokens has triggers or rules, which would run")
    allowed = one(name, "D13", more=f"{WRITES}\nwrite_probe_triggers = true")
    assert allowed.verdict is Verdict.VERIFIED


LOCAL = "context = [\"select set_config('app.tenant_id', $1, true)\"]"
SESSION = "context = [\"select set_config('app.tenant_id', $1, false)\"]"


@contextlib.contextmanager
def pooled(name: str, context: str, **how: Any) -> Iterator[tuple[Any, Pooler]]:
    with Pooler(name, APP, **how) as pooler:
        yield one(name, "D14", more=context, environ={"POOLER": pooler.dsn}), pooler


def test_D14_a_setting_of_the_transaction_is_gone_on_the_next_checkout() -> None:
    with pooled(shop(), LOCAL) as (result, pooler):
        assert result.verdict is Verdict.VERIFIED, result.reason
        assert pooler.served == 50
        assert result.control == "48 of 50 checkouts got a server connection that was used before"


def test_D14_a_setting_of_the_session_is_left_over_and_cleared_again() -> None:
    with pooled(shop(), SESSION) as (result, pooler):
        assert result.verdict is Verdict.FLAGGED
        assert result.leads[0].rule == "pool-leak"
        assert result.counts["left over"] > 20
        for _ in range(2):
            with psycopg.connect(pooler.dsn) as next_:
                assert next_.execute("select current_setting('app.tenant_id', true)").fetchone() == ("",)


def test_D14_a_pooler_that_cleans_its_connections() -> None:
    with pooled(shop(), SESSION, reset=True) as (result, _):
        assert result.verdict is Verdict.VERIFIED, result.reason


def test_D14_without_a_pooler_nothing_is_shared() -> None:
    name = shop()
    result = one(name, "D14", environ={"POOLER": server().dsn(name, APP)})
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no two checkouts shared a server connection, so nothing could be left over"


def test_D14_a_context_that_sets_something_else_proves_nothing() -> None:
    other = "context = [\"select set_config('app.other', $1, true)\"]"
    with pooled(shop(), other) as (result, _):
        assert result.verdict is Verdict.UNKNOWN
        assert result.reason == "the context did not change app.tenant_id, so nothing could be left over"


def test_every_result_ends_after_a_day_and_names_its_database() -> None:
    name = shop()
    for result in ask(name, "D1", "D10", "D12"):
        assert result.expires_at == result.ended_at + DAY
        assert f"database {name} as {LOOKS} and {APP}" in result.target
