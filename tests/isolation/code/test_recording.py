"""The hook in real runs of other processes: texts and numbers are written down, values never, and nothing breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.recording.hook.stas_statements import without_values
from stas_tui.isolation.recording.running import HOOK, NotRun, record
from storage.clock import SystemClock
from tests.postgres import server

SECRET = "Ada Lovelace"


def run(folder: Path, code: str, *, argv: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> int:
    (folder / "app.py").write_text(code)
    command = [sys.executable, *argv, "app.py"]
    return record(command, folder / "r.jsonl", clock=SystemClock(), environ=environ or os.environ, here=folder)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]


def statements(folder: Path) -> dict[str, int]:
    """Texts to numbers, over all processes."""
    texts: dict[tuple[str, int], str] = {}
    calls: dict[tuple[str, int], int] = {}
    for line in lines(folder):
        if "k" in line:
            key = (line["p"], line["k"])
            texts.setdefault(key, line.get("sql", ""))
            calls[key] = max(calls.get(key, 0), line["n"])
    found: dict[str, int] = {}
    for key, text in texts.items():
        found[text] = found.get(text, 0) + calls[key]
    return found


LITE = f"""
import sqlite3
c = sqlite3.connect(":memory:")
c.execute("create table t (id int, tenant text, note text)")
c.execute("insert into t values (1, ?, '{SECRET}')", ("{SECRET}",))
c.executemany("insert into t values (?, ?, ?)", [(2, "{SECRET}", "x"), (3, "b", "y")])
for _ in range(25):
    assert len(c.execute("select * from t where tenant = :t", {{"t": "{SECRET}"}}).fetchall()) == 2
cur = c.cursor()
assert cur.execute("select count(*) from t where note = '{SECRET}' -- {SECRET}").fetchone() == (1,)
class Own(sqlite3.Cursor): pass
assert isinstance(c.cursor(Own), Own) and isinstance(cur, sqlite3.Cursor) and isinstance(c, sqlite3.Connection)
c.cursor(Own).execute("delete from t where id = 3")
c.commit()
"""


def test_statements_of_sqlite_are_counted_without_a_value(tmp_path: Path) -> None:
    assert run(tmp_path, LITE) == 0
    assert statements(tmp_path) == {
        "insert into t values (?, ?, ?)": 2,
        "select * from t where tenant = :t": 25,
        "select count(*) from t where note = ?": 1,
        "delete from t where id = ?": 1,
    }
    assert "Ada" not in (tmp_path / "r.jsonl").read_text()
    assert (tmp_path / "r.jsonl").stat().st_mode & 0o077 == 0
    first, *_, last = lines(tmp_path)
    assert first["command"] == Path(sys.executable).name
    assert last["status"] == 0


def test_sqlalchemy_is_counted_once_and_not_again_by_its_driver(tmp_path: Path) -> None:
    code = f"""
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select, literal, text
t = Table("t", MetaData(), Column("id", Integer), Column("tenant", String))
def load(c):
    return c.execute(select(t.c.id).where(t.c.tenant == "{SECRET}")).all()
engine = create_engine("sqlite://")
with engine.begin() as c:
    t.create(c)
    c.execute(t.insert(), [{{"id": 1, "tenant": "{SECRET}"}}, {{"id": 2, "tenant": "b"}}])
    for _ in range(11):
        assert len(load(c)) == 1
    c.execute(text("select 7 where '{SECRET}' = :x"), {{"x": "{SECRET}"}})
"""
    assert run(tmp_path, code) == 0
    found = statements(tmp_path)
    assert found["SELECT t.id FROM t WHERE t.tenant = ?"] == 11
    assert found["INSERT INTO t (id, tenant) VALUES (?, ?)"] == 1
    assert found["select ? where ? = ?"] == 1
    places = {line["at"][1] for line in lines(tmp_path) if "at" in line and line["sql"].startswith("SELECT t.id")}
    assert places == {"load"}
    assert {line["by"] for line in lines(tmp_path) if "by" in line} == {"sqlalchemy"}
    assert "Ada" not in (tmp_path / "r.jsonl").read_text()


def test_psycopg_is_listened_to_in_all_its_ways(tmp_path: Path) -> None:
    dsn = server().fresh("record")
    code = f"""
import asyncio, os, psycopg
from psycopg import sql
with psycopg.connect(os.environ["DSN"]) as c:
    c.execute("create table t (id int, tenant text)")
    c.execute("insert into t values (%s, %s)", (1, "{SECRET}"))
    c.cursor().executemany("insert into t values (%s, %s)", [(2, "b"), (3, "{SECRET}")])
    c.execute(sql.SQL("select * from {{}} where tenant = {{}}").format(sql.Identifier("t"), sql.Literal("{SECRET}")))
    c.execute(b"select 1 from t where tenant = %(t)s", {{"t": "{SECRET}"}})
    with c.cursor("named") as cursor:
        cursor.execute("select id from t where tenant = %s", ("b",))
        assert cursor.fetchall() == [(2,)]
    with c.cursor().copy("copy t (id, tenant) from stdin") as copy:
        copy.write_row((4, "{SECRET}"))
    assert [row for row in c.cursor().stream("select id from t order by id limit 1")] == [(1,)]
    try:
        c.execute("select nothing from t where tenant = '{SECRET}'")
    except psycopg.errors.UndefinedColumn:
        pass
    else:
        raise SystemExit("it must fail")
async def main():
    async with await psycopg.AsyncConnection.connect(os.environ["DSN"]) as c:
        await c.execute("select 2 as two")
asyncio.run(main())
"""
    assert run(tmp_path, code, environ={**os.environ, "DSN": dsn}) == 0
    assert statements(tmp_path) == {
        "insert into t values (%s, %s)": 2,
        'select * from "t" where tenant = ?': 1,
        "select ? from t where tenant = %(t)s": 1,
        "select id from t where tenant = %s": 1,
        "copy t (id, tenant) from stdin": 1,
        "select id from t order by id limit ?": 1,
        "select nothing from t where tenant = ?": 1,
        "select ? as two": 1,
    }
    assert "Ada" not in (tmp_path / "r.jsonl").read_text()


# nothing breaks -------------------------------------------------------------------------------------


def test_a_run_that_is_killed_leaves_what_it_did(tmp_path: Path) -> None:
    assert run(tmp_path, LITE + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n") == 128 + signal.SIGKILL
    found = statements(tmp_path)
    assert found["select * from t where tenant = :t"] == 10, "it says what is sure"
    assert found["delete from t where id = ?"] == 1
    assert lines(tmp_path)[-1]["status"] == 137


def test_children_and_threads_have_numbers_of_their_own(tmp_path: Path) -> None:
    code = """
import os, sqlite3, subprocess, sys, threading
def work():
    c = sqlite3.connect(":memory:")
    for _ in range(13):
        c.execute("select 1")
work()
child = os.fork()
if not child:
    work()
    raise SystemExit(0)
os.waitpid(child, 0)
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
subprocess.run([sys.executable, "-c", "import sqlite3; sqlite3.connect(':memory:').execute('select 1')"], check=True)
"""
    assert run(tmp_path, code) == 0
    assert statements(tmp_path) == {"select ?": 13 + 13 + 4 * 13 + 1}
    assert len({line["p"] for line in lines(tmp_path) if "p" in line}) == 3


@pytest.mark.parametrize("file", ["/dev/full", "/proc/self/none", "."])
def test_a_record_that_cannot_be_written_breaks_nothing(tmp_path: Path, file: str) -> None:
    (tmp_path / "app.py").write_text(LITE)
    environ = {**os.environ, "PYTHONPATH": str(HOOK), "STAS_STATEMENTS": file}
    done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, env=environ, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_errors_are_those_of_the_driver(tmp_path: Path) -> None:
    code = """
import sqlite3
c = sqlite3.connect(":memory:")
for wrong, kind in ((("select",), sqlite3.OperationalError), ((7,), TypeError), ((), TypeError),
                    (("select ?", (object(),)), (sqlite3.InterfaceError, sqlite3.ProgrammingError))):
    try:
        c.execute(*wrong)
    except kind:
        continue
    raise SystemExit(str(wrong))
try:
    c.cursor(7)
except TypeError:
    pass
else:
    raise SystemExit("a factory that is none")
"""
    assert run(tmp_path, code) == 0


def test_connections_of_its_own_kind_are_left_alone_and_told(tmp_path: Path) -> None:
    code = """
import sqlite3
class Own(sqlite3.Connection):
    def cursor(self):
        return super().cursor()
c = sqlite3.connect(":memory:", factory=Own)
assert type(c) is Own
assert c.cursor().execute("select 1").fetchone() == (1,)
sqlite3.connect(":memory:", 5.0, 0, None, True, Own).close()
class Plain(sqlite3.Connection):
    pass
assert sqlite3.connect(":memory:", factory=Plain).execute("select 2").fetchone() == (2,)
"""
    assert run(tmp_path, code) == 0
    assert [line["unheard"] for line in lines(tmp_path) if "unheard" in line] == [
        "connections of sqlite3 of its own kind"
    ]
    assert statements(tmp_path) == {"select ?": 1}


def test_a_sitecustomize_of_the_project_is_loaded_too(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import sys\nsys.own = True\n")
    code = f"""
import sys, sitecustomize, sqlite3
assert sys.own and sitecustomize.__file__.startswith({str(tmp_path)!r}), sitecustomize.__file__
assert not any("recording/hook" in path for path in sys.path)
sqlite3.connect(":memory:").execute("select 1")
"""
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "own")}
    assert run(tmp_path, code, environ=environ) == 0
    assert statements(tmp_path) == {"select ?": 1}
    assert run(tmp_path, "import sitecustomize\nassert sitecustomize.__file__.endswith('hook/sitecustomize.py')") == 0


def test_a_broken_sitecustomize_of_the_project_breaks_as_before(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import nothing_of_that_name\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "own")}
    done = subprocess.run([sys.executable, "-c", "print(1)"], env=environ, capture_output=True, text=True, timeout=60)
    environ["PYTHONPATH"] = os.pathsep.join([str(HOOK), environ["PYTHONPATH"]])
    ours = subprocess.run([sys.executable, "-c", "print(1)"], env=environ, capture_output=True, text=True, timeout=60)
    assert (ours.returncode, ours.stdout) == (done.returncode, done.stdout)
    assert "nothing_of_that_name" in done.stderr
    assert "nothing_of_that_name" in ours.stderr


def test_without_the_variable_nothing_is_changed() -> None:
    code = "import sqlite3; real = sqlite3.connect; import stas_statements; assert sqlite3.connect is real"
    environ = {**os.environ, "PYTHONPATH": str(HOOK)}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)


def test_it_can_be_loaded_as_a_plugin_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(f"def test_it():\n    exec({LITE!r})\n")
    environ = {**os.environ, "STAS_STATEMENTS": str(tmp_path / "r.jsonl")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    command += ["-p", "stas_tui.isolation.recording.hook.stas_statements", "test_x.py"]
    environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statements(tmp_path)["select * from t where tenant = :t"] == 25
    assert {line["at"][0] for line in lines(tmp_path) if "at" in line} == {"test_x.py"}


def test_the_hook_needs_the_standard_library_alone(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(LITE)
    environ = {"PYTHONPATH": str(HOOK), "STAS_STATEMENTS": str(tmp_path / "r.jsonl"), "PATH": os.environ["PATH"]}
    code = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]; exec(open('app.py').read())"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, check=True, timeout=60)
    assert len(statements(tmp_path)) == 4


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotRun, match="could not be started"):
        record(["nothing-of-that-name"], tmp_path / "r", clock=SystemClock(), environ=os.environ, here=tmp_path)
    with pytest.raises(NotRun, match="could not be written"):
        record(["true"], tmp_path / "r" / "x", clock=SystemClock(), environ=os.environ, here=tmp_path)


# values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        ("select  1\n from t", "select ? from t"),
        ("select * from t where a = 'it''s' and b = E'x\\'y' and c = $$z$$ and d = $q$w$q$", None),
        ("select x::numeric(10, 2), cast(y as varchar(20)) from t1 where id = $1 and a = ANY(%(ids)s)",
         "select x::numeric(10, 2), cast(y as varchar(20)) from t1 where id = $1 and a = ANY(%(ids)s)"),
        ('select "t"."a_1" from "t" where "t"."b" = ?', 'select "t"."a_1" from "t" where "t"."b" = ?'),
        ('select * from t where mail = "ada@example.com"', "select * from t where mail = ?"),
        ("select 1.5e3, -2, .5, 0xFF, 1_000", "select ?, -?, ?, ?, ?"),
        ("select a /* Ada 'x */ from t -- it's", "select a from t"),
        ("select 'never closed", "select ?"),
        ("select a from t /* never closed", "select a from t"),
        ("select :a, :b_2, ?1, %s from t where c = x'ABCD' or d = N'Ada'",
         "select :a, :b_2, ?1, %s from t where c = ? or d = ?"),
    ],
)  # fmt: skip
def test_texts_lose_their_values_and_keep_their_placeholders(sql: str, plain: str | None) -> None:
    assert without_values(sql) == (plain or "select * from t where a = ? and b = ? and c = ? and d = ?")


def test_mysql_writes_texts_in_double_quotes() -> None:
    assert without_values('select `a` from t where b = "Ada"', quoted=True) == "select `a` from t where b = ?"
