"""J2: payloads that wait are counted where they are, by the names of their keys; no value leaves the database."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.jobs import queued, run
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.postgres import server

SECRET = "Ada Lovelace"
GOOD = {"task": "invoice", "kwargs": {"tenant_id": 7, "to": SECRET}}
ARQ = [1, {"function": "invoice", "k": {"tenant": "a"}}]
ENCODED = {"properties": {"body_encoding": "base64"}, "body": base64.b64encode(b"[]").decode()}
TENANTS = ({"name": "A", "key": "a"}, {"name": "B", "key": "b"})


def ask(database: dict[str, Any], **more: Any) -> CheckResult:
    jobs = {"queue_table": "waiting", "queue_column": "payload", "background": ("sweep",), **more.pop("jobs", {})}
    tenancy = Tenancy(strategy="row", completed_by="Ada", jobs=jobs, database=database, tenant=TENANTS)  # type: ignore[arg-type]
    world = World(
        project_id="p", tenants=("a", "b"), tenancy=tenancy, clock=SystemClock(), only=frozenset({"J2"}), **more
    )
    (result,) = run(world)
    return result


class Queue(Protocol):
    def fill(self, *payloads: object) -> None: ...

    def ask(self, **more: Any) -> CheckResult: ...


class Lite:
    """A queue in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue.db"
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute("create table waiting (id integer primary key, payload text)")

    def fill(self, *payloads: object) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute("delete from waiting")
            db.executemany("insert into waiting (payload) values (?)", [(as_text(one),) for one in payloads])

    def ask(self, **more: Any) -> CheckResult:
        return ask({"sqlite": str(self.path)}, **more)


class Real:
    """A queue in PostgreSQL, looked into by an account that may read that column."""

    def __init__(self) -> None:
        self.watcher = server().name("watcher")
        self.name = str(psycopg.conninfo.conninfo_to_dict(server().fresh("j2"))["dbname"])
        make = "create table waiting (id int generated always as identity, payload text, note text)"
        self.admin(make, f"create role {self.watcher} login", f"grant select (payload) on waiting to {self.watcher}")

    def admin(self, *statements: str) -> None:
        server().run(self.name, *statements)

    def fill(self, *payloads: object) -> None:
        with psycopg.connect(server().dsn(self.name), autocommit=True) as connection:
            connection.execute("truncate waiting")
            for one in payloads:
                connection.execute("insert into waiting (payload) values (%s)", (as_text(one),))

    def ask(self, **more: Any) -> CheckResult:
        environ = {"WATCH": server().dsn(self.name, self.watcher)}
        return ask({"dsn": {"env": "WATCH"}}, **{"environ": environ, **more})


def as_text(payload: object) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)


@pytest.fixture(params=["sqlite", "postgres"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Queue:
    return Lite(tmp_path) if request.param == "sqlite" else Real()


def test_jobs_that_all_carry_their_tenant_are_verified(queue: Queue) -> None:
    queue.fill(GOOD, GOOD, GOOD, ARQ, ARQ, {"task": "sweep"})
    result = queue.ask()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.reason == "all 5 waiting jobs carry tenant or tenant_id"
    assert result.control == "5 of 6 payloads have the key and a value"
    assert result.counts["background"] == 1
    assert result.live
    assert result.expires_at is not None
    assert SECRET not in repr(result)


@pytest.mark.parametrize(
    "bad",
    [
        {"task": "invoice", "kwargs": {"to": SECRET}},
        {"task": "invoice", "kwargs": {"tenant_id": None, "to": SECRET}},
        {"task": "invoice", "kwargs": {"tenant_id": "", "to": SECRET}},
        {"task": "invoice", "kwargs": {"to": "tenant_id", "text": "sweep", "from": SECRET}},
        {"task": "invoice", "kwargs": {"tenant_ids": [7], "to": SECRET}},
        [SECRET, "tenant_id"],
        {"task": "invoice", "kwargs": {"name": "sweep", "from": SECRET}},
        {"task": "invoice", "args": [{"type": "sweep", "from": SECRET}]},
        [1, {"function": "invoice", "k": {"job": "sweep", "from": SECRET}}],
    ],
)
def test_jobs_that_carry_none_are_flagged_and_no_value_is_told(queue: Queue, bad: object) -> None:
    queue.fill(GOOD, GOOD, {"task": "sweep"}, bad)
    result = queue.ask()
    assert result.verdict is Verdict.FLAGGED, result.reason
    assert result.reason == "1 of 3 waiting jobs carries no tenant or tenant_id"
    (lead,) = result.leads
    assert (lead.rule, lead.path, lead.accuses) == ("job-without-tenant", "waiting.payload", True)
    assert SECRET not in repr(result)


@pytest.mark.parametrize(
    ("payloads", "says"),
    [
        ((), "no job waits"),
        (({"task": "sweep"},), "no job waits but 1 that belong to no tenant"),
        (({"headers": {"task": "sweep"}},), "no job waits but 1 that belong to no tenant"),
        (([1, {"function": "sweep"}],), "no job waits but 1 that belong to no tenant"),
        (
            (GOOD, GOOD, GOOD, GOOD, GOOD, {**GOOD, "x": "y" * 1_100_000}),
            "1 of 6 payloads are no JSON, or larger than 1 MB",
        ),
        ((GOOD, GOOD), "only 2 jobs wait, 5 are needed; each of them carries tenant or tenant_id"),
        ((GOOD, GOOD, GOOD, GOOD, GOOD, ENCODED), "1 of 6 waiting jobs cannot be told"),
        ((GOOD, GOOD, GOOD, GOOD, GOOD, "gAJ9cQAu"), "no JSON"),
    ],
)
def test_what_cannot_be_told_is_unknown(queue: Queue, payloads: tuple[object, ...], says: str) -> None:
    queue.fill(*payloads)
    result = queue.ask()
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason
    assert result.leads == ()


def test_a_sample_is_called_one(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.fill(*[GOOD] * 9)
    monkeypatch.setattr(queued, "MOST_JOBS", 6)
    result = queue.ask()
    assert result.counts["waiting"] == 6
    assert result.reason == "all 6 that were looked at carry tenant or tenant_id"


@pytest.mark.parametrize("jobs", [{"queue_table": "nowhere"}, {"queue_column": "nothing"}])
def test_a_queue_that_is_not_there_is_told(queue: Queue, jobs: dict[str, str]) -> None:
    queue.fill(GOOD)
    result = queue.ask(jobs=jobs)
    assert result.verdict is Verdict.UNKNOWN
    assert "there is no such" in result.reason or "has no such" in result.reason


def test_names_are_quoted(queue: Queue) -> None:
    queue.fill(GOOD)
    for name in ('waiting" --', "waiting; drop table waiting", "payload' or '1"):
        assert queue.ask(jobs={"queue_table": name}).verdict is Verdict.UNKNOWN
        assert queue.ask(jobs={"queue_column": name}).verdict is Verdict.UNKNOWN
    assert queue.ask().counts["waiting"] == 1


def test_a_dry_run_lists_and_sends_nothing(queue: Queue) -> None:
    queue.fill(GOOD)
    result = queue.ask(dry=True, environ={})
    assert result.verdict is Verdict.UNKNOWN
    assert "dry run" in result.reason
    assert any("waiting" in text for text in result.executed)
    assert result.counts == {}


@pytest.mark.parametrize(
    ("database", "jobs"),
    [({}, {}), ({"sqlite": "x.db"}, {"queue_table": ""}), ({"sqlite": "x.db"}, {"queue_column": ""})],
)
def test_no_queue_names_what_to_declare(database: dict[str, str], jobs: dict[str, str]) -> None:
    result = ask(database, jobs=jobs)
    assert result.verdict is Verdict.UNKNOWN
    assert "declare `queue_table` and `queue_column`" in result.reason


# SQLite ---------------------------------------------------------------------------------------------


def test_a_file_for_each_tenant_is_looked_into(tmp_path: Path) -> None:
    for key, payload in (("a", GOOD), ("b", {"task": "x"})):
        (tmp_path / key).mkdir()
        Lite(tmp_path / key).fill(payload, payload)
    result = ask({"sqlite": str(tmp_path / "{tenant}" / "queue.db")})
    assert result.verdict is Verdict.FLAGGED
    assert result.reason == "2 of 4 waiting jobs carry no tenant or tenant_id"
    (tmp_path / "b" / "queue.db").unlink()
    assert "queue.db cannot be read" in ask({"sqlite": str(tmp_path / "{tenant}" / "queue.db")}).reason
    assert not (tmp_path / "b" / "queue.db").exists()


def test_a_file_that_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Lite(tmp_path)
    queue.fill(*[{**GOOD, "x": list(range(2_000))}] * 50)
    monkeypatch.setattr(queued, "SQLITE_S", 0.0)
    assert queue.ask().reason == "counting in queue.db took longer than 0 s"


def test_a_file_that_is_no_database_is_told_and_stays(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_text("nothing of the kind " * 50)
    assert "cannot be read: DatabaseError" in ask({"sqlite": str(tmp_path / "queue.db")}).reason
    assert (tmp_path / "queue.db").read_text().startswith("nothing")


# PostgreSQL -----------------------------------------------------------------------------------------


def test_a_schema_may_stand_before_the_table(tmp_path: Path) -> None:
    queue = Real()
    queue.admin("create schema jobs", "create table jobs.waiting (payload jsonb)")
    queue.admin(f"grant usage on schema jobs to {queue.watcher}", f"grant select on jobs.waiting to {queue.watcher}")
    for _ in range(5):
        queue.admin("""insert into jobs.waiting values ('{"tenant": "a"}')""")
    result = queue.ask(jobs={"queue_table": "jobs.waiting"})
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert f"the table jobs.waiting as {queue.watcher}" in result.target


def test_an_account_that_may_not_read_is_told(tmp_path: Path) -> None:
    queue = Real()
    queue.admin(f"revoke select (payload) on waiting from {queue.watcher}")
    assert "grant it select on that column" in queue.ask().reason


def test_an_account_that_could_write_is_refused(tmp_path: Path) -> None:
    queue = Real()
    queue.admin(f"grant delete on waiting to {queue.watcher}")
    result = queue.ask()
    assert result.verdict is Verdict.UNKNOWN
    assert "could write" in result.reason
