"""J1: what workers ran, from their lines of the statement log or the statistics of their role (real PostgreSQL)."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.base import UNDECLARED, World
from stas_tui.isolation.catalog import groups
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.jobs import CHECKS, run, trace
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.postgres import server

BOUND = "select name from items where tenant_id = 'a' and id = 7"
OPEN = "select name from items where secret = 'Ada Lovelace'"
BY_KEY = "update items set name = 'x' where id = 7"


def test_the_group_is_in_the_catalogue() -> None:
    assert [spec.id for spec in CHECKS] == ["J1", "J2"]
    (group,) = [group for group in groups() if group.name == "jobs"]
    assert group.checks == CHECKS
    (first, second) = run(World(project_id="p", tenants=(), tenancy=None, clock=SystemClock()))
    assert (first.reason, second.reason) == (UNDECLARED, UNDECLARED)


def ask(log: Path | None = None, **more: Any) -> CheckResult:
    jobs = {"application_name": "worker", **more.pop("jobs", {})}
    database = {"statement_log": str(log) if log else "", **more.pop("database", {})}
    strategy = more.pop("strategy", "row")
    tenancy = Tenancy(
        strategy=strategy, columns=("tenant_id",), completed_by="Ada", tables={"scoped": ("items",)}, jobs=jobs,
        database=database, tenant=({"name": "A", "key": "a"}, {"name": "B", "key": "b"}),
    )  # type: ignore[arg-type]  # fmt: skip
    world = World(
        project_id="p", tenants=("a", "b"), tenancy=tenancy, clock=SystemClock(), only=frozenset({"J1"}), **more
    )
    (result,) = run(world)
    return result


# the statement log as csv ---------------------------------------------------------------------------


def line(sql: str, *, by: str = "worker", transaction: int = 1, level: str = "LOG", detail: str = "") -> str:
    """A row as PostgreSQL writes it (23 fields and more)."""
    row = [""] * 26
    row[0], row[1], row[2], row[5], row[9] = "2026-11-28 07:00:00.000 UTC", "app", "shop", "66.1", f"3/{transaction}"
    row[11], row[13], row[14], row[22] = level, f"execute <unnamed>: {sql}", detail, by
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "postgresql.csv", *(line(BOUND, transaction=n) for n in range(12)))


def add(log: Path, *lines: str) -> Path:
    return write(log, log.read_text(), *lines)


def test_workers_whose_every_statement_binds_are_verified(log: Path) -> None:
    result = ask(add(log, line(OPEN, by="web"), line("select 1"), line("commit")))
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["executions"] == result.counts["transactions"] == 12
    assert (result.counts["statements"], result.counts["of_others"]) == (1, 1)
    assert "statement log postgresql.csv, sha256" in result.target
    assert result.control == "12 executions on tables of tenants were seen, 10 are needed"
    assert result.expires_at is not None


def test_a_job_that_binds_nothing_is_flagged_and_no_value_is_told(log: Path) -> None:
    result = ask(add(log, line(OPEN)))
    assert result.verdict is Verdict.FLAGGED
    assert result.reason == "1 of 2 statements of workers bind a tenant table to no tenant"
    (lead,) = result.leads
    assert (lead.rule, lead.path, lead.accuses) == ("job-unbound", "items", True)
    assert lead.code.startswith("select name from items where secret = ")
    assert "Ada" not in repr(result)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((line(BY_KEY),), "find a row by its key alone"),
        ((line("select 1 from items natural join parts"),), "were not understood"),
        ((line(BOUND.replace("'a'", "'b'"), transaction=3),), "transactions name two tenants"),
        (
            (line("select name from items where tenant_id = $1", transaction=3, detail="Parameters: $1 = 'b'"),),
            "transactions name two tenants",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_not_taken_for_good(log: Path, more: tuple[str, ...], says: str) -> None:
    result = ask(add(log, *more))
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason
    assert len(result.leads) == 1
    assert not result.leads[0].accuses


def test_another_transaction_may_be_anothers(log: Path) -> None:
    assert ask(add(log, line(BOUND.replace("'a'", "'b'"), transaction=99))).verdict is Verdict.VERIFIED


def test_policies_that_are_not_known_do_not_accuse(log: Path) -> None:
    result = ask(add(log, line(OPEN)), strategy="rls")
    assert result.verdict is Verdict.UNKNOWN
    assert "without the database its policies are not known" in result.reason


def test_too_little_and_too_old_say_so(log: Path) -> None:
    write(log, *(line(BOUND) for _ in range(9)))
    assert "9 executions were seen, 10 are needed" in ask(log).reason
    write(log, *(line(BOUND) for _ in range(10)))
    assert ask(log).verdict is Verdict.VERIFIED
    os.utime(log, (1.0, 1.0))
    assert "written last more than a day ago" in ask(log).reason


def test_a_name_that_nobody_has_is_told(log: Path) -> None:
    result = ask(log, jobs={"application_name": "celery"})
    assert result.verdict is Verdict.UNKNOWN
    assert "is the declared name the workers'?" in result.reason


def test_a_role_tells_workers_apart_as_well(log: Path) -> None:
    jobs = {"application_name": "", "role": "app"}
    assert ask(log, jobs=jobs).verdict is Verdict.VERIFIED
    assert ask(add(log, line(OPEN, by="web")), jobs=jobs).verdict is Verdict.FLAGGED


# the statement log as text --------------------------------------------------------------------------


def test_a_prefix_with_the_name_is_read(tmp_path: Path) -> None:
    text = "2026-11-28 07:00:00 UTC [7] {} LOG:  execute <unnamed>: {}\n"
    log = write(tmp_path / "postgresql.log", *[text.format("app@worker", BOUND)] * 6)
    add(
        log,
        *["2026 [7] worker LOG:  duration: 0.2 ms  statement: select name\n\tfrom items\n\twhere tenant_id = 'a'\n"]
        * 6,
    )
    add(log, text.format("app@worker-2", OPEN), text.format("web", OPEN))
    result = ask(log)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert (result.counts["executions"], result.counts["of_others"]) == (12, 2)
    assert ask(add(log, text.format("worker", OPEN))).verdict is Verdict.FLAGGED


def test_a_prefix_without_the_name_is_told(tmp_path: Path) -> None:
    log = write(tmp_path / "postgresql.log", *[f"2026 [7] LOG:  statement: {BOUND}\n"] * 12)
    assert "put %a and %u into log_line_prefix" in ask(log).reason


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in ask(tmp_path / "none").reason
    assert "is no file" in ask(Path("/dev/null")).reason
    assert ask(write(tmp_path / "bytes", "\0\ufffd,,\n")).verdict is Verdict.UNKNOWN


def test_no_trace_names_what_to_declare(log: Path) -> None:
    for result in (ask(), ask(log, jobs={"application_name": ""})):
        assert result.verdict is Verdict.UNKNOWN
        assert "declare the `application_name` of the workers" in result.reason


def test_a_dry_run_opens_no_log(tmp_path: Path) -> None:
    result = ask(tmp_path / "none", dry=True)
    assert "dry run" in result.reason
    assert "would be read" in result.reason


# the statistics of PostgreSQL -----------------------------------------------------------------------

SHOP = """
create extension pg_stat_statements;
create table items (id int primary key, tenant_id text not null, name text, secret text);
"""


def build(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SHOP.encode())


class Shop:
    """A database with the role of its workers, that of the web server, and an account that may only look."""

    def __init__(self) -> None:
        self.worker, self.web, self.watcher = (server().name(stem) for stem in ("worker", "web", "watcher"))
        self.name = str(psycopg.conninfo.conninfo_to_dict(server().fresh("j1", template=build))["dbname"])
        for role in (self.worker, self.web, self.watcher):
            self.admin(f"create role {role} login")
        for role in (self.worker, self.web):
            self.admin(f"grant select, update on items to {role}")
        self.admin(f"grant pg_read_all_stats to {self.watcher}")

    def admin(self, *statements: str) -> None:
        server().run(self.name, *statements)

    def execute(self, statement: str, user: str, times: int = 12) -> None:
        with psycopg.connect(server().dsn(self.name, user), autocommit=True) as connection:
            for _ in range(times):
                connection.execute(statement.encode())

    def ask(self, log: Path | None = None, **more: Any) -> CheckResult:
        database = {"dsn": {"env": "WATCH"}, "app_role": self.web}
        environ = {"WATCH": server().dsn(self.name, self.watcher)}
        jobs = {"application_name": "worker" if log else "", "role": self.worker}
        return ask(log, database=database, jobs=jobs, **{"environ": environ, **more})


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_statistics_of_the_workers_role_are_judged(shop: Shop) -> None:
    shop.execute(BOUND, shop.worker)
    shop.execute(OPEN, shop.web)
    result = shop.ask()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert f"pg_stat_statements of the role {shop.worker}" in result.target
    assert any("read only" in text for text in result.executed)
    shop.execute(OPEN, shop.worker, times=2)
    flagged = shop.ask()
    assert flagged.verdict is Verdict.FLAGGED
    assert "a job ran a statement 2 times that binds items to no tenant" in flagged.leads[0].text
    assert "Ada" not in repr(flagged)


def test_policies_of_the_database_bind(shop: Shop) -> None:
    shop.execute(BOUND, shop.worker)
    shop.execute("select name from items", shop.worker)
    assert shop.ask(strategy="rls").verdict is Verdict.FLAGGED
    shop.admin("alter table items enable row level security")
    result = shop.ask(strategy="rls")
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert "1 of them rest on policies" in result.reason


@pytest.mark.parametrize("power", ["bypassrls", "superuser"])
def test_policies_that_do_not_apply_to_the_workers_bind_nothing(shop: Shop, log: Path, power: str) -> None:
    shop.execute(BOUND, shop.worker)
    shop.execute("select name from items", shop.worker)
    shop.admin("alter table items enable row level security")
    assert shop.ask(strategy="rls").verdict is Verdict.VERIFIED
    shop.admin(f"alter role {shop.worker} {power}")
    assert shop.ask(strategy="rls").verdict is Verdict.FLAGGED
    shop.admin(f"alter role {shop.worker} no{power}")
    text = log.read_text().replace(",app,shop,", f",{shop.worker},{shop.name},")
    write(log, text, line(OPEN).replace(",app,shop,", f",{shop.worker},{shop.name},"))
    assert shop.ask(log, strategy="rls").verdict is Verdict.VERIFIED
    shop.admin(f"alter role {shop.worker} {power}")
    assert shop.ask(log, strategy="rls").verdict is Verdict.FLAGGED


def test_the_role_that_the_log_names_counts_where_none_is_declared(shop: Shop, log: Path) -> None:
    shop.admin("alter table items enable row level security")
    write(log, *(text.replace(",app,shop,", f",{shop.worker},{shop.name},") for text in (log.read_text(), line(OPEN))))
    jobs = {"application_name": "worker"}
    database = {"dsn": {"env": "WATCH"}, "app_role": shop.web}
    environ = {"WATCH": server().dsn(shop.name, shop.watcher)}
    assert ask(log, jobs=jobs, database=database, environ=environ, strategy="rls").verdict is Verdict.VERIFIED
    shop.admin(f"alter role {shop.worker} bypassrls")
    assert ask(log, jobs=jobs, database=database, environ=environ, strategy="rls").verdict is Verdict.FLAGGED


def test_a_statement_that_names_no_tenants_table_need_not_be_understood(shop: Shop) -> None:
    shop.execute(BOUND, shop.worker)
    shop.admin("create table plain (a int)", "create table other (a int)")
    shop.admin(f"grant select on plain, other to {shop.worker}")
    shop.execute("select 1 from plain natural join other", shop.worker)
    result = shop.ask()
    assert result.verdict is Verdict.VERIFIED, result.reason


def test_more_statements_than_are_read_are_no_proof(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MOST_SHAPES", 1)
    result = ask(add(log, line("select name from items where tenant_id = 'a' and name = 'x'")))
    assert result.verdict is Verdict.UNKNOWN
    assert "more different statements than are read" in result.reason


def test_what_stas_asks_itself_is_nobodys_job(log: Path) -> None:
    jobs = {"application_name": "", "role": "app"}
    assert ask(add(log, line(OPEN, by="stas")), jobs=jobs).verdict is Verdict.VERIFIED


def test_another_database_is_another_matter(shop: Shop, log: Path) -> None:
    write(log, log.read_text().replace(",shop,", f",{shop.name},"), line(OPEN))
    result = shop.ask(log)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["of_others"] == 1


def test_statistics_that_are_hidden_or_missing_are_told(shop: Shop) -> None:
    shop.execute(BOUND, shop.worker)
    shop.admin(f"revoke pg_read_all_stats from {shop.watcher}")
    assert "grant it pg_read_all_stats" in shop.ask().reason
    shop.admin("drop extension pg_stat_statements")
    assert "has no pg_stat_statements" in shop.ask().reason


def test_an_account_that_could_write_is_refused(shop: Shop) -> None:
    shop.admin(f"grant insert on items to {shop.watcher}")
    result = shop.ask()
    assert result.verdict is Verdict.UNKNOWN
    assert "could write" in result.reason


def test_a_log_is_judged_with_what_the_database_knows(shop: Shop, log: Path) -> None:
    write(log, log.read_text().replace(",shop,", f",{shop.name},"))
    shop.admin("alter table items enable row level security")
    result = shop.ask(add(log, line(OPEN)), strategy="rls")
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["of_others"] == 1
    assert "PostgreSQL" in result.target


def test_a_log_does_without_a_database_that_cannot_be_reached(shop: Shop, log: Path) -> None:
    assert shop.ask(log, environ={}).verdict is Verdict.VERIFIED
    assert shop.ask(environ={}).verdict is Verdict.UNKNOWN


def test_a_dry_run_lists_and_sends_nothing(shop: Shop) -> None:
    result = shop.ask(dry=True, environ={})
    assert "dry run" in result.reason
    assert any("pg_stat_statements" in text for text in result.executed)
