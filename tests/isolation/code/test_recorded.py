"""Q4 on the record of a test run: what the application's own code executed is judged, at the commit it was made at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stas_tui.forges.git import Git
from stas_tui.isolation.base import World
from stas_tui.isolation.code import recorded, run
from stas_tui.isolation.declared import Tenancy
from stas_tui.isolation.git_tree import CommitTree
from stas_tui.isolation.recording.running import record
from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, ManualClock, SystemClock
from tests.isolation.code.test_executed import SCOPED, Shop

APP = """
import sqlite3
def connect():
    c = sqlite3.connect(":memory:")
    c.execute("create table items (id integer primary key, tenant_id text, note text)")
    return c
def of(c, tenant):
    return c.execute("select id from items where tenant_id = ?", (tenant,)).fetchall()
"""
OPEN = """
def everything(c):
    return c.execute("select * from items where note = 'Ada Lovelace'").fetchall()
"""
TESTS = """
import store
def test_items():
    c = store.connect()
    c.execute("insert into items (tenant_id, note) values ('a', 'Ada Lovelace')")
    c.execute("update items set note = 'x'")
    for _ in range(12):
        store.of(c, "a")
    assert c.execute("select count(*) from items").fetchone() == (1,)
    getattr(store, "everything", len)(c if hasattr(store, "everything") else [])
"""


class Project:
    """A repository with tests that is run with the hook."""

    def __init__(self, root: Path) -> None:
        self.root, self.file = root / "shop", root / "r.jsonl"
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write(APP)
        (self.root / "test_store.py").write_text(TESTS)
        self.commit()

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, text: str) -> None:
        (self.root / "store.py").write_text(text)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def test(self, *more: str) -> int:
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, *more, "."]
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return record(command, self.file, clock=SystemClock(), environ=environ, here=self.root)

    def check(self, **more: Any) -> CheckResult:
        code = {"test_run": str(self.file), **more.pop("code", {})}
        tenancy = Tenancy(
            strategy=more.pop("strategy", "row"), completed_by="Ada", tables={"scoped": ("items",)}, code=code
        )  # type: ignore[arg-type]
        tree = CommitTree(Git(), self.root / ".git", self.git("rev-parse", "HEAD"))
        world = World(
            project_id="shop", tenants=("a",), tenancy=tenancy, clock=SystemClock(), only=frozenset({"Q4"}), tree=tree
        )
        (result,) = run(replace(world, **more))
        return result


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_test_run_whose_statements_all_bind_verifies(project: Project) -> None:
    assert project.test() == 0
    result = project.check()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.reason == (
        "all 1 statements bind every tenant table, 12 executions; 1 different ones come from a test run"
    )
    assert result.target.startswith(f"test run r.jsonl at commit {project.git('rev-parse', 'HEAD')[:12]}, sha256 ")
    assert (result.counts["of_a_test_run"], result.counts["left_out"]) == (1, 3)
    assert result.live
    assert result.expires_at is not None


def test_a_statement_of_the_application_that_binds_nothing_is_flagged_with_its_place(project: Project) -> None:
    project.write(APP + OPEN)
    project.commit()
    assert project.test() == 0
    result = project.check()
    assert result.verdict is Verdict.FLAGGED
    (lead,) = result.leads
    assert lead.text == ("a statement that ran 1 times in a test run (store.py, everything) binds items to no tenant")
    assert lead.accuses
    assert "Ada" not in repr(result)


def test_what_nobody_is_seen_to_run_asks_a_person(project: Project) -> None:
    project.test()
    said = project.file.read_text().replace('["store.py", "of"]', '["", ""]').replace("tenant_id = ?", "note = ?")
    project.file.write_text(said)
    result = project.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "1 statements of a test run bind nothing; a person must say whose they are" in result.reason
    assert [lead.accuses for lead in result.leads] == [False]


def test_where_policies_do_it_and_nobody_read_them_a_test_run_asks(project: Project) -> None:
    project.write(APP + OPEN)
    project.commit()
    project.test()
    assert project.check(strategy="rls").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("commit", "the tests ran at commit "),
        ("changed", "the working copy had changes that no commit holds"),
        ("old", "the test run is more than a day old"),
        ("failed", "the test run ended with status 1"),
        ("killed", "the test run has not ended, or was killed"),
        ("bare", "it does not say at which commit the tests ran"),
        ("torn", "1 of its lines cannot be read"),
        ("trouble", "recording broke off in a process (OSError)"),
        ("unheard", "not listened to were connections"),
        ("more", "there were more different statements than are read"),
        ("few", "fewer than 10 executions on items"),
    ],
)
def test_what_keeps_a_record_from_proving_anything_is_told(project: Project, how: str, says: str) -> None:
    if how == "changed":
        project.write(APP + "\n# later\n")
    if how == "failed":
        (project.root / "test_other.py").write_text("def test_no():\n    assert False\n")
        project.commit()
    project.test()
    lines = project.file.read_text().splitlines(keepends=True)
    more: dict[str, Any] = {}
    match how:
        case "commit":
            project.write(APP + "\n# later\n")
            project.commit()
        case "old":
            clock = ManualClock(SystemClock().now() + DAY + 60_000)
            more = {"clock": clock}
        case "killed":
            lines.pop()
        case "bare":
            lines.pop(0)
        case "torn":
            lines[-1] = lines[-1].rstrip("\n")[:-3]
            lines = [*lines[:-1], '{"ended": 1, "status": 0}\n', lines[-1]]
        case "trouble":
            lines.insert(1, '{"p": "x", "trouble": "OSError"}\n')
        case "unheard":
            lines.insert(1, '{"p": "x", "unheard": "connections"}\n')
        case "more":
            lines.insert(1, '{"p": "x", "more": true}\n')
        case "few":
            lines = [line for line in lines if '"n": 1' not in line or '"sql"' in line]
    project.file.write_text("".join(lines))
    result = project.check(**more)
    assert result.verdict is Verdict.UNKNOWN, result.reason
    assert says in result.reason


@pytest.mark.parametrize("kind", ["none", "folder", "pipe"])
def test_a_record_that_is_no_file_is_told(project: Project, kind: str) -> None:
    if kind == "folder":
        project.file.mkdir()
    elif kind == "pipe":
        os.mkfifo(project.file)
    result = project.check()
    assert result.verdict is Verdict.UNKNOWN
    assert "r.jsonl" in result.reason


def test_a_record_full_of_anything_is_read_to_its_end(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.test()
    good = project.file.read_bytes()
    bad = [b"[" * 100_000, b"{}", b"null", b"\xff\xfe", b"7", b'{"p": 1}', b'{"p": "a", "k": 1, "n": 9}']
    bad += [b'{"p": "a", "k": 1, "n": -5, "sql": "select 1", "at": ["x"]}', b"x" * 2_000_000]
    project.file.write_bytes(b"\n".join(bad) + b"\n" + good)
    result = project.check()
    assert f"{len(bad)} of its lines cannot be read" in result.reason
    assert result.counts["bound"] == 1
    project.file.write_bytes(
        good + json.dumps({"p": "a", "k": 1, "n": 10**30, "sql": "select 1", "at": ["", ""]}).encode() + b"\n"
    )
    assert project.check().verdict is Verdict.VERIFIED
    monkeypatch.setattr(recorded, "MOST_BYTES", 200)
    assert "more different statements than are read" in project.check().reason


def test_a_dry_run_reads_nothing_of_it(project: Project) -> None:
    result = project.check(dry=True)
    assert result.reason == f"a dry run: nothing was sent; the record {project.file} would be read"


def test_the_record_that_a_person_names_comes_first(project: Project, tmp_path: Path) -> None:
    project.test()
    assert "nowhere cannot be read" in project.check(test_run=tmp_path / "nowhere").reason
    inside = project.check(code={"test_run": "../r.jsonl"}, root=project.root)
    assert inside.verdict is Verdict.VERIFIED


# beside a live database -----------------------------------------------------------------------------


def shop_with(project: Project, **more: Any) -> CheckResult:
    shop = Shop()
    times = more.pop("times", 12)
    if times:
        shop.execute(*SCOPED, times=times)
    for statement in more.pop("admin", ()):
        shop.admin(statement)
    tree = CommitTree(Git(), project.root / ".git", project.git("rev-parse", "HEAD"))
    return shop.check(test_run=project.file, tree=tree, **more)


def test_both_sources_are_judged_together(project: Project) -> None:
    project.test()
    result = shop_with(project)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert "pg_stat_statements, test run r.jsonl" in result.target
    assert result.reason.endswith("1 different ones come from a test run")
    project.write(APP + OPEN)
    project.commit()
    project.test()
    assert shop_with(project).verdict is Verdict.FLAGGED


def test_a_record_that_proves_nothing_takes_nothing_from_another_source(project: Project) -> None:
    project.write(APP + OPEN)
    project.test()
    result = shop_with(project)
    assert result.verdict is Verdict.VERIFIED
    assert "the record of the test run r.jsonl was left out: the working copy had changes" in result.reason


def test_the_catalogue_says_what_binds_where_there_are_no_statistics(project: Project) -> None:
    project.write(APP.replace("tenant_id = ?", "id = ?"))
    project.commit()
    project.test()
    result = shop_with(project, times=0, admin=("drop extension pg_stat_statements",))
    assert result.verdict is Verdict.UNKNOWN
    assert "pg_stat_statements was not read: the database has no pg_stat_statements" in result.reason
    assert "1 statements find a row by its key alone" in result.reason
    assert "PostgreSQL" in result.target
    unreached = shop_with(project, times=0, environ={})
    assert "the database was not asked: " in unreached.reason
