"""Q4 on a real PostgreSQL: what the application executed is read from pg_stat_statements or its log, and judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.code import run, statement_log
from stas_tui.isolation.declared import Tenancy
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.postgres import server

SHOP = """
create extension pg_stat_statements;
create table tenants (id int primary key, slug text unique);
create table items (id int primary key, tenant_id int not null references tenants, name text, secret text);
create table parts (id int primary key, tenant_id int not null, item_id int references items, slug text,
  unique (tenant_id, slug));
create table notes (id int primary key, item_id int references items, body text);
create table countries (id int primary key, code text);
insert into tenants values (1, 'a'), (2, 'b');
insert into items values (1, 1, 'x', 'Ada Lovelace'), (2, 2, 'y', '');
"""
SCOPED = (
    "select name from items where tenant_id = %s and id = %s",
    "select p.slug from parts p join items i on i.id = p.item_id where i.tenant_id = %s and p.id = %s",
    "select body from notes n join items i on i.id = n.item_id where i.tenant_id = %s and n.id = %s",
)
BY_PARENT = {"name": "notes", "parent": "items", "column": "item_id"}


def build(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SHOP.encode())


class Shop:
    """An application's database with its role, and an account that may only look."""

    def __init__(self) -> None:
        self.app, self.watcher = server().name("app"), server().name("watcher")
        self.name = psycopg.conninfo.conninfo_to_dict(server().fresh("q4", template=build))["dbname"]
        everything = f"grant select, insert, update, delete on all tables in schema public to {self.app}"
        looking = f"grant pg_read_all_stats to {self.watcher}"
        self.admin(f"create role {self.app} login", f"create role {self.watcher} login", everything, looking)

    def admin(self, *statements: str) -> None:
        server().run(str(self.name), *statements)

    def execute(self, *statements: str, times: int = 12, values: tuple[object, ...] = (1, 1), user: str = "") -> None:
        """Run statements as the application."""
        with psycopg.connect(server().dsn(str(self.name), user or self.app), autocommit=True) as connection:
            for statement in statements:
                for _ in range(times):
                    connection.execute(statement.encode(), values or None)

    def world(self, **more: Any) -> World:
        database = {"dsn": {"env": "WATCH"}, "app_role": self.app, **more.pop("database", {})}
        tenancy = Tenancy(
            strategy=more.pop("strategy", "row"), columns=("tenant_id",), root="tenants", completed_by="Ada",
            tables={"by_parent": (BY_PARENT,)}, database=database,  # type: ignore[arg-type]
        )  # fmt: skip
        world = World(
            project_id="shop", tenants=("a", "b"), tenancy=tenancy, clock=SystemClock(), only=frozenset({"Q4"}),
            environ={"WATCH": server().dsn(str(self.name), self.watcher)},
        )  # fmt: skip
        return replace(world, **more)

    def check(self, **more: Any) -> CheckResult:
        (result,) = run(self.world(**more))
        return result


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_statements_that_all_bind_are_verified(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("insert into items (id, tenant_id, name) values (%s, %s, 'Ada') on conflict do nothing", times=2)
    shop.execute("select code from countries where id = %s or id = %s")
    result = shop.check()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.live
    assert result.expires_at is not None
    assert result.control == "3 of 3 tenant tables have at least 10 executions"
    assert result.counts["statements"] == result.counts["bound"] == 4
    assert result.counts["executions"] == 38
    assert "pg_stat_statements" in result.target
    assert "sha256" in result.target
    assert result.tool.startswith("sqlglot ")
    assert any("pg_stat_statements" in text for text in result.executed)
    assert any("read only" in text for text in result.executed)


def test_a_statement_that_binds_nothing_is_flagged_with_its_counts_and_no_value(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("select * from items where secret = 'Ada Lovelace'", times=3, values=())
    result = shop.check()
    assert result.verdict is Verdict.FLAGGED
    (lead,) = [lead for lead in result.leads if lead.accuses]
    assert (lead.rule, lead.path) == ("executed-unbound", "items")
    assert "ran 3 times" in lead.text
    assert lead.code == "select * from items where secret = $1"
    assert "Ada" not in repr(result)
    assert "1 of 4 statements bind a tenant table to no tenant" in result.reason


def test_joins_over_a_key_of_the_tenant_only_are_flagged(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute(
        "select p.id from items i join parts p on p.slug = i.name where i.tenant_id = %s and i.id = %s", times=1
    )
    (lead,) = [lead for lead in shop.check().leads if lead.accuses]
    assert lead.path == "parts"


def test_a_row_by_its_key_is_open_until_the_probe_settles_it(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("select name from items where id = %s", values=(1,))
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "P2 settles" in result.reason
    assert [(lead.rule, lead.accuses) for lead in result.leads] == [("executed-by-key", False)]


def test_a_table_that_was_hardly_read_is_not_verified(shop: Shop) -> None:
    shop.execute(*SCOPED[:2])
    shop.execute(SCOPED[2], times=9)
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "fewer than 10 executions on notes" in result.reason


def test_other_roles_are_left_out(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.admin("select count(*) from items")
    result = shop.check()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["left_out"] > 0
    assert shop.check(database={"app_role": ""}).verdict is Verdict.FLAGGED


def test_policies_bind_where_the_database_is_said_to_filter(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("select name from items", times=2, values=())
    assert shop.check(strategy="rls").verdict is Verdict.FLAGGED
    shop.admin("alter table items enable row level security")
    result = shop.check(strategy="rls")
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert "1 of them rest on policies of the database" in result.reason
    assert shop.check().verdict is Verdict.FLAGGED


def test_hidden_statements_are_not_taken_for_good(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.admin(f"revoke pg_read_all_stats from {shop.watcher}")
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "hidden from the account; grant it pg_read_all_stats" in result.reason
    assert result.counts["hidden"] > 0


def test_a_statement_that_is_not_understood_is_not_taken_for_good(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("select 1 from items natural join parts", values=(), times=1)
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "1 statements were not understood" in result.reason
    assert [lead.rule for lead in result.leads] == ["not-understood"]


def test_without_the_extension_it_says_what_to_do(shop: Shop) -> None:
    shop.admin("drop extension pg_stat_statements")
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "create extension pg_stat_statements" in result.reason


def test_an_account_that_could_write_is_refused(shop: Shop) -> None:
    shop.admin(f"grant insert on items to {shop.watcher}")
    result = shop.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "could write" in result.reason


def test_a_dry_run_lists_and_sends_nothing(shop: Shop) -> None:
    result = shop.check(dry=True, environ={})
    assert result.verdict is Verdict.UNKNOWN
    assert "dry run" in result.reason
    assert any("pg_stat_statements" in text for text in result.executed)


def test_no_source_is_said() -> None:
    tenancy = Tenancy(strategy="row")
    world = World(project_id="p", tenants=(), tenancy=tenancy, clock=SystemClock(), only=frozenset({"Q4"}))
    (result,) = run(world)
    assert result.verdict is Verdict.UNKNOWN
    assert "statement_log" in result.reason


def test_a_log_is_read_instead_where_one_is_declared(shop: Shop, tmp_path: Path) -> None:
    log = tmp_path / "postgresql.log"
    line = "2026-01-01 10:00:00 UTC [7] LOG:  execute <unnamed>: {}\n"
    statements = [s.replace("%s", "$1", 1).replace("%s", "$2") for s in SCOPED]
    log.write_text("".join(line.format(s) for s in statements * 10))
    result = shop.check(database={"statement_log": str(log)})
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert "statement log postgresql.log" in result.target
    log.write_text(log.read_text() + line.format("select * from items where name = 'Ada'"))
    flagged = shop.check(database={"statement_log": str(log)})
    assert flagged.verdict is Verdict.FLAGGED
    assert "Ada" not in repr(flagged)


def test_a_log_alone_does_with_what_is_declared(tmp_path: Path, answer: Callable[[Path], CheckResult]) -> None:
    log = tmp_path / "postgresql.log"
    log.write_text("x LOG:  statement: select * from items where tenant_id = 4\n" * 10)
    assert answer(log).verdict is Verdict.VERIFIED
    log.write_text("x LOG:  statement: select * from items where tenant_id = 4\n" * 9)
    assert "fewer than 10 executions on items" in answer(log).reason
    log.write_text("x LOG:  statement: select * from items where name = 'a'\n")
    assert answer(log).verdict is Verdict.FLAGGED
    assert "cannot be read" in answer(tmp_path / "none").reason


def test_what_a_log_does_not_hold_is_not_taken_for_good(
    tmp_path: Path, answer: Callable[[Path], CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "postgresql.log"
    bound = "x LOG:  statement: select * from items where tenant_id = 4\n" * 10
    log.write_text(bound)
    os.utime(log, (1.0, 1.0))
    assert answer(log).verdict is Verdict.UNKNOWN
    assert answer(log).reason == "the log was written last more than a day ago"
    log.write_text(bound + "x LOG:  statement: select name from items where tenant_id = 4\n")
    assert answer(log).verdict is Verdict.VERIFIED
    monkeypatch.setattr(statement_log, "MOST_SHAPES", 1)
    assert answer(log).verdict is Verdict.UNKNOWN
    assert "different statements were read" in answer(log).reason


@pytest.fixture
def answer() -> Callable[[Path], CheckResult]:
    def ask(log: Path) -> CheckResult:
        tenancy = Tenancy(
            strategy="row", tables={"scoped": ("items",)}, database={"statement_log": str(log)}, completed_by="Ada"
        )  # type: ignore[arg-type]
        world = World(project_id="p", tenants=(), tenancy=tenancy, clock=SystemClock(), only=frozenset({"Q4"}))
        (result,) = run(world)
        return result

    return ask


# policies -------------------------------------------------------------------------------------------


def open_but_enforced(shop: Shop) -> None:
    shop.execute(*SCOPED)
    shop.execute("select name from items where name <> %s and id <> %s", values=("x", 1))
    shop.admin("alter table items enable row level security")


@pytest.mark.parametrize("power", ["bypassrls", "superuser"])
def test_policies_that_do_not_apply_to_the_role_bind_nothing(shop: Shop, power: str) -> None:
    open_but_enforced(shop)
    assert shop.check(strategy="rls").verdict is Verdict.VERIFIED
    shop.admin(f"alter role {shop.app} {power}")
    assert shop.check(strategy="rls").verdict is Verdict.FLAGGED


def test_an_owner_is_past_its_policies_unless_they_are_forced(shop: Shop) -> None:
    open_but_enforced(shop)
    shop.admin(f"alter table items owner to {shop.app}")
    assert shop.check(strategy="rls").verdict is Verdict.FLAGGED
    shop.admin("alter table items force row level security")
    assert shop.check(strategy="rls").verdict is Verdict.VERIFIED


def test_policies_prove_nothing_for_a_role_that_is_not_declared(shop: Shop) -> None:
    open_but_enforced(shop)
    result = shop.check(strategy="rls", database={"app_role": ""})
    assert result.verdict is not Verdict.VERIFIED
    assert "1 statements rest on policies; declare `app_role`" in result.reason
