"""J1 with a job of its own: a real worker on a real PostgreSQL runs it, and its statements are found in the log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stas_tui.isolation.base import Cancelled, World
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.jobs import noop, run
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.isolation.jobs.csv_server import CsvServer, csv_server

KEYS = {"A": "0b9f4a52-aaaa", "B": "0b9f4a52-bbbb"}
SCHEMA = """
create role worker login; create role watcher login;
create table items (id int primary key, tenant_id text not null, name text);
insert into items values (1, '0b9f4a52-aaaa', 'Ada Lovelace'), (2, '0b9f4a52-bbbb', 'y');
grant select, update on items to worker; grant select on items to watcher;
"""
ENQUEUE = """
import json, os, pathlib, sys
queue = pathlib.Path(os.environ["QUEUE"])
tenant, trace = sys.argv[1:]
assert (tenant, trace) == (os.environ["STAS_TENANT"], os.environ["STAS_TRACE"])
assert "SECRET_OF_STAS" not in os.environ
(queue / "part").write_text(json.dumps([tenant, trace]))
(queue / "part").rename(queue / f"{trace}.json")
print("Ada Lovelace")
"""
WORKER = """
import json, pathlib, sys, time
import psycopg
queue, dsn, job = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with psycopg.connect(dsn, autocommit=True, application_name="worker") as c:
    while True:
        for file in sorted(queue.glob("*.json")):
            tenant, trace = json.loads(file.read_text())
            file.unlink()
            exec(job)
        time.sleep(0.02)
"""
BY_NAME = """
c.execute("select set_config('application_name', %s, false)", [trace])
"""
GOOD = (
    BY_NAME
    + """
c.execute("select name from items where tenant_id = %s", [tenant])
c.execute("update items set name = name where tenant_id = %s and id = %s", [tenant, 1])
c.execute("reset application_name")
"""
)
IN_A_TRANSACTION = """
with c.transaction():
    c.execute("select %s::text", [trace])
    c.execute("select name from items where tenant_id = %s", [tenant])
c.execute("select 'of somebody else' from items")
"""


@pytest.fixture(scope="module")
def database() -> Iterator[CsvServer]:
    with csv_server() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(SCHEMA.encode())
        yield server


class Jobs:
    """A queue with a worker that runs `job` for what comes."""

    def __init__(self, folder: Path, database: CsvServer) -> None:
        self.queue, self.database = folder / "queue", database
        self.queue.mkdir()
        (folder / "enqueue.py").write_text(ENQUEUE)
        self.folder = folder
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self, job: str) -> None:
        dsn = self.database.dsn("worker")
        self.worker = subprocess.Popen([sys.executable, "-c", WORKER, self.queue, dsn, job])

    def ask(self, *, allowed: bool = True, environ: dict[str, str] | None = None, **more: Any) -> CheckResult:
        command = (sys.executable, str(self.folder / "enqueue.py"), "{tenant}", "{trace}")
        jobs = {
            "noop": command,
            "noop_environ": ("QUEUE",),
            "noop_wait_s": 20,
            "write_probe": allowed,
            **more.pop("jobs", {}),
        }
        tenants = [{"name": name, "key": key, "probe": more.get("probe", True)} for name, key in KEYS.items()]
        log = {"statement_log": str(self.database.log), **more.pop("database", {})}
        tenancy = Tenancy(
            strategy=more.pop("strategy", "row"), completed_by=more.pop("completed_by", "Ada"),
            tables={"scoped": ("items",)}, jobs=jobs, database=log, tenant=tenants,  # type: ignore[arg-type]
        )  # fmt: skip
        more.pop("probe", None)
        mine = {"QUEUE": str(self.queue), "PATH": os.environ["PATH"], "SECRET_OF_STAS": "x", **(environ or {})}
        world = World(
            project_id="p", tenants=(), tenancy=tenancy, clock=SystemClock(), only=frozenset({"J1"}), environ=mine,
            **more,
        )  # fmt: skip
        (result,) = run(world)
        return result


@pytest.fixture
def jobs(tmp_path: Path, database: CsvServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr(noop, "SETTLE_S", 0.5)
    made = Jobs(tmp_path, database)
    yield made
    if made.worker is not None:
        made.worker.kill()
        made.worker.wait()


def test_jobs_that_bind_their_tenant_are_verified(jobs: Jobs) -> None:
    jobs.start(GOOD)
    result = jobs.ask()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.reason == "no-op jobs for A, B bound every tenant table, 4 executions"
    assert result.control == "2 of 2 no-op jobs were seen in the log, with 4 executions"
    assert (result.counts["own_jobs"], result.counts["own_executions"]) == (2, 4)
    assert result.executed[-1].startswith(f"run {sys.executable} ")
    assert result.executed[-1].endswith("{tenant} {trace}, for B")
    assert result.live
    assert "Ada" not in repr(result)


def test_a_transaction_that_names_the_trace_belongs_to_the_job_and_others_do_not(jobs: Jobs) -> None:
    jobs.start(IN_A_TRANSACTION)
    result = jobs.ask()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.counts["own_executions"] == 2


def test_a_job_that_reads_everybodys_rows_is_flagged(jobs: Jobs) -> None:
    jobs.start(GOOD.replace(' where tenant_id = %s", [tenant]', " where name = 'Ada Lovelace'\"", 1))
    result = jobs.ask()
    assert result.verdict is Verdict.FLAGGED
    assert [lead.rule for lead in result.leads] == ["job-unbound"]
    assert "Ada" not in repr(result)


def test_a_job_that_names_another_tenant_asks_a_person(jobs: Jobs) -> None:
    jobs.start(GOOD.replace('[tenant])\nc.execute("update', f'[{KEYS["B"]!r}])\nc.execute("update'))
    result = jobs.ask()
    assert result.verdict is Verdict.UNKNOWN
    assert "the no-op job for A names another tenant; a person must look" in result.reason
    assert "for B names" not in result.reason
    assert [lead.rule for lead in result.leads] == ["job-two-tenants"]


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (BY_NAME + "c.execute('select 1')\nc.execute('reset application_name')", "touched no tenant's table"),
        (GOOD.replace("[tenant", "['c'"), "hold its key nowhere"),
        (GOOD.replace('tenant_id = %s and id = %s", [tenant, 1]', 'id = %s", [1]'), "find a row by its key alone"),
    ],
)
def test_what_proves_nothing_is_told(jobs: Jobs, job: str, says: str) -> None:
    jobs.start(job)
    result = jobs.ask()
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason


def test_a_job_that_never_comes_is_waited_for_until_the_deadline(jobs: Jobs) -> None:
    started = time.monotonic()
    result = jobs.ask(jobs={"noop_wait_s": 0.6})
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith("no statement of the no-op for A came within 0.6 s")
    assert 1.2 <= time.monotonic() - started < 15
    assert len(list(jobs.queue.glob("*.json"))) == 2
    assert len(result.executed) == 2


def test_policies_bind_where_the_catalogue_says_so(jobs: Jobs) -> None:
    with psycopg.connect(jobs.database.dsn(), autocommit=True) as admin:
        admin.execute("alter table items enable row level security")
        admin.execute("create policy p on items using (tenant_id = current_setting('app.tenant_id', true))")
        try:
            jobs.start(
                BY_NAME
                + "with c.transaction():\n"
                + "    c.execute(\"select set_config('app.tenant_id', %s, true)\", [tenant])\n"
                + "    c.execute('select name from items')\n"
                + "c.execute('reset application_name')\n"
            )
            more = {"database": {"dsn": {"env": "WATCH"}}, "environ": {"WATCH": jobs.database.dsn("watcher")}}
            result = jobs.ask(strategy="rls", **more)
            assert result.verdict is Verdict.VERIFIED, result.reason
            assert result.counts["by_policy"] == 2
            assert "2 of their statements rest on policies of the database" in result.reason
            assert "PostgreSQL" in result.target
            admin.execute("alter role worker bypassrls")
            assert jobs.ask(strategy="rls", **more).verdict is Verdict.FLAGGED
        finally:
            for statement in ("alter role worker nobypassrls", "drop policy p on items"):
                admin.execute(statement.encode())
            admin.execute("alter table items disable row level security")


def test_real_jobs_are_judged_beside_it(jobs: Jobs) -> None:
    jobs.start(GOOD)
    quiet = jobs.ask(jobs={"application_name": "nobody"})
    assert quiet.verdict is Verdict.VERIFIED, quiet.reason
    with psycopg.connect(jobs.database.dsn("worker"), autocommit=True, application_name="mailer") as mailer:
        mailer.execute("select name from items")
    loud = jobs.ask(jobs={"application_name": "mailer"})
    assert loud.verdict is Verdict.FLAGGED
    assert loud.counts["own_executions"] == 4


# allowed, or not ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"allowed": False}, "`write_probe = true` in [jobs] allows it"),
        ({"completed_by": " "}, "the tenancy file is a draft"),
        ({"probe": False}, "no tenant has `probe = true`"),
        ({"database": {"statement_log": ""}}, "declare `statement_log` in [database]"),
    ],
)
def test_nothing_is_run_unless_it_may_be(jobs: Jobs, more: dict[str, Any], says: str) -> None:
    result = jobs.ask(**more)
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason
    assert list(jobs.queue.iterdir()) == []
    assert result.executed == ()


def test_a_no_op_that_is_not_allowed_takes_nothing_from_the_real_jobs(jobs: Jobs) -> None:
    with psycopg.connect(jobs.database.dsn("worker"), autocommit=True, application_name="importer") as importer:
        for _ in range(12):
            importer.execute("select name from items where tenant_id = %s", [KEYS["A"]])
    result = jobs.ask(allowed=False, jobs={"application_name": "importer"})
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.reason.endswith("the declared no-op was not run; `write_probe = true` in [jobs] allows it")


def test_a_dry_run_says_what_would_be_run(jobs: Jobs) -> None:
    result = jobs.ask(dry=True)
    assert "dry run" in result.reason
    assert [text.rpartition(", ")[2] for text in result.executed] == ["for A", "for B"]
    assert list(jobs.queue.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("/nothing/of/that/name",), "the no-op could not be started: No such file or directory"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "the no-op for A ended with status 3"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "ended with status -9"),
        (("a\0b",), "its words cannot be passed on"),
    ],
)
def test_a_command_that_fails_is_told(jobs: Jobs, command: tuple[str, ...], says: str) -> None:
    try:
        result = jobs.ask(jobs={"noop": command})
    except ValueError:
        assert "\0" in command[0], "refused as a declaration"
        return
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason


def test_a_command_that_hangs_is_ended_with_its_children(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noop, "COMMAND_S", 1.5)
    code = "import os, pathlib, sys, time; os.fork() or pathlib.Path(sys.argv[1], str(os.getpid())).touch()"
    code += "; time.sleep(60)"
    (tmp_path / "pids").mkdir()
    result = jobs.ask(jobs={"noop": (sys.executable, "-c", code, str(tmp_path / "pids"))})
    assert "the no-op for A took longer than 1.5 s" in result.reason
    children = [int(file.name) for file in (tmp_path / "pids").iterdir()]
    assert len(children) == 2
    until = time.monotonic() + 20
    while any(_alive(child) for child in children):
        assert time.monotonic() < until
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_person_may_end_the_waiting(jobs: Jobs) -> None:
    turns = iter(range(1_000))
    with pytest.raises(Cancelled):
        jobs.ask(cancelled=lambda: next(turns) > 8)


ANEW = """
import os, sys
of = f"tenant_id = '{os.environ['STAS_TENANT']}' /* {os.environ['STAS_TRACE']} */"
with open(sys.argv[1], "w" if os.path.getsize(sys.argv[1]) > 10_000 else "a") as log:
    log.write(f"2026-11-28 07:00:01.000 UTC [2] LOG:  statement: select name from items where {of}\\n")
"""


def test_a_log_that_is_not_there_or_begins_anew_is_told_or_read(jobs: Jobs, tmp_path: Path) -> None:
    missing = jobs.ask(database={"statement_log": str(tmp_path / "none.csv")})
    assert missing.verdict is Verdict.UNKNOWN
    assert "none.csv cannot be read" in missing.reason
    assert missing.executed == (), "nothing was run"
    log = tmp_path / "own.log"
    log.write_text("2026-11-28 07:00:00.000 UTC [1] LOG:  statement: select name from items\n" * 1_000)
    (tmp_path / "anew.py").write_text(ANEW)
    anew = jobs.ask(
        database={"statement_log": str(log)}, jobs={"noop": (sys.executable, str(tmp_path / "anew.py"), str(log))}
    )
    assert anew.verdict is Verdict.VERIFIED, anew.reason
