"""A migration is a program: what it tries outside of its scratch database has no effect, and its time ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_rehearse import Rehearse
from stas_tui.executors import procs
from stas_tui.isolation.base import Cancelled
from stas_tui.review.base import Change
from stas_tui.review.rehearsal import run, walls
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.review.migrations.repositories import alembic, by_check, change

linux = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
FIRST = ("first", "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True))", "op.drop_table('t')")
SQLITE = {"alembic.ini": "[alembic]\nscript_location = db\nsqlalchemy.url = sqlite:///x.db\n"}


def proposed(folder: Path, up: str, **more: Any) -> Change:
    """A change whose migration runs some code and then does something sound, on SQLite because that is quick."""
    more.setdefault("only", frozenset({"C3"}))
    second = ("second", f"{textwrap.dedent(up)}\nop.create_index('i', 't', ['id'])", "op.drop_index('i')")
    return change(folder, alembic(FIRST, start=SQLITE), alembic(FIRST, second, start=SQLITE), **more)


def c3(folder: Path, up: str, **more: Any) -> CheckResult:
    return by_check(run(proposed(folder, up, **more)))["C3"]


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder for rehearsals of this test alone, with a name that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="s-"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_the_harmless_one_passes(tmp_path: Path) -> None:
    found = c3(tmp_path, "x = 1")
    assert found.verdict is Verdict.VERIFIED, found.reason


@linux
def test_the_network_cannot_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        listening.setblocking(False)
        found = c3(tmp_path, f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 3)")
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert found.verdict is Verdict.UNKNOWN
    assert "reaches for something outside" in found.reason
    assert "no network" in found.control


@linux
def test_sockets_of_this_machine_cannot_be_reached(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = f"{folder}/engine.sock"
        listening.bind(path)
        listening.listen()
        listening.setblocking(False)
        Path(folder).chmod(0o755)
        Path(path).chmod(0o777)
        found = c3(tmp_path, f"import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})")
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert found.verdict is Verdict.UNKNOWN


@linux
@pytest.mark.parametrize(
    "place", ["{tmp}/written", "/tmp/stas-test-written", "/var/tmp/stas-test-written", "{repository}/x"]
)
def test_nothing_is_written_outside(tmp_path: Path, place: str) -> None:
    tmp_path.chmod(0o777)
    aim = place.format(tmp=tmp_path, repository=Path(__file__).parents[3])
    code = f"""
        try:
            open({aim!r}, "w").write("x")
        except OSError:
            pass
    """
    found = c3(tmp_path / "r", code)
    assert not Path(aim).exists()
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert "one writable folder" in found.control


@linux
def test_no_secret_of_the_environment_is_there_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", "correct-horse-battery")
    code = """
        import os, pathlib
        seen = [repr(dict(os.environ))]
        for place in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                seen.append(place.read_text(errors="replace"))
            except OSError:
                pass
        raise ValueError("horse" if "correct-horse" in "".join(seen) else "nothing " + ",".join(sorted(os.environ)))
    """
    found = c3(tmp_path, code, environ=os.environ)
    assert found.verdict is Verdict.FLAGGED
    assert "ValueError: nothing " in found.reason, found.reason
    assert "APP_SECRET" not in found.reason


@linux
def test_homes_are_empty(tmp_path: Path) -> None:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    code = f"""
        import os, pathlib
        names = [p for p in pathlib.Path({str(home)!r}).rglob("*") if p.is_file() and "lib/python" not in str(p)]
        raise ValueError(f"saw {{[str(n) for n in names if n.suffix != '' and '/bin/' not in str(n)][:3]}}")
    """
    kept = [Path(sys.prefix), Path(sys.base_prefix)]
    if any(path.is_relative_to(home) and path == home for path in kept):
        pytest.skip("the interpreter is the home itself")
    marker = home / ".stas-test-marker.txt"
    marker.write_text("x")
    try:
        found = c3(tmp_path, code)
    finally:
        marker.unlink()
    assert "stas-test-marker" not in found.reason
    assert "ValueError: saw" in found.reason


@pytest.mark.parametrize("code", ["import time\nwhile True:\n    time.sleep(1)", "while True: pass"])
def test_one_that_hangs_is_ended_when_the_time_is_over(tmp_path: Path, code: str, scratch: Path) -> None:
    clock = SystemClock()
    started = clock.monotonic()
    found = c3(tmp_path, code, rehearsal=Rehearse(seconds=5))
    assert found.verdict is Verdict.UNKNOWN
    assert "took longer than 5 s, in r2" in found.reason
    assert clock.monotonic() - started < 20_000
    assert not list(scratch.iterdir())


@pytest.mark.usefixtures("postgresql")
def test_a_statement_that_hangs_is_ended_too(tmp_path: Path, scratch: Path) -> None:
    second = ("second", "op.execute('select pg_sleep(600)')", "op.execute('select 1')")
    found = change(
        tmp_path, alembic(FIRST), alembic(FIRST, second), only=frozenset({"C3"}), rehearsal=Rehearse(seconds=10)
    )
    result = by_check(run(found))["C3"]
    assert "took longer than 10 s" in result.reason
    assert not list(scratch.iterdir())


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    mark = "61234.25"
    code = f"""
        import subprocess
        subprocess.Popen(["sleep", {mark!r}], start_new_session=True)
    """
    found = c3(tmp_path, code)
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert not procs.with_argument(mark)


def test_a_folder_that_a_killed_rehearsal_left_is_removed_and_a_younger_one_is_not(scratch: Path) -> None:
    old, young, theirs = (Path(tempfile.mkdtemp(prefix=p)) for p in ("stas-rehearsal-", "stas-rehearsal-", "other-"))
    (old / "data").mkdir()
    now = SystemClock().now()
    for path in (old, theirs):
        os.utime(path, (now / 1_000 - 3 * 3_600,) * 2)
    with walls.place(SystemClock()):
        assert not old.exists()
    assert sorted(path.name for path in scratch.iterdir()) == sorted((young.name, theirs.name))


def test_a_person_can_end_it(tmp_path: Path, scratch: Path) -> None:
    running = threading.Event()
    found = proposed(tmp_path, "import time\ntime.sleep(600)", rehearsal=Rehearse(seconds=100))

    def progress(what: str) -> None:
        if what == "rehearsal: r2 up":
            running.set()

    with pytest.raises(Cancelled):
        list(run(replace(found, progress=progress, cancelled=running.is_set)))
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)",
        "import os\nos.close(0)\nos.close(1)\nos.close(2)\nos._exit(3)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "raise SystemExit(0)",
        "raise KeyboardInterrupt",
    ],
)
def test_one_that_ends_its_own_process_is_never_good_news(tmp_path: Path, code: str) -> None:
    found = c3(tmp_path, code)
    assert found.verdict is not Verdict.VERIFIED
    assert found.reason


def test_answers_that_a_migration_makes_up_are_not_believed(tmp_path: Path) -> None:
    code = """
        import os
        for number in range(3, 64):
            try:
                os.write(number, b'{"ok": true}\\n')
            except OSError:
                pass
    """
    found = c3(tmp_path, code)
    assert found.verdict is not Verdict.VERIFIED


def test_what_it_prints_goes_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = c3(tmp_path, "print('\\x1b[2J' + 'x' * 100000)")
    assert found.verdict is Verdict.VERIFIED, found.reason
    assert capfd.readouterr() == ("", "")


def test_errors_are_one_redacted_line(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    found = c3(tmp_path, f"raise ValueError('\\x1b[31m\\u202e {token}\\nsecond line')")
    assert found.verdict is Verdict.FLAGGED
    assert found.reason.isprintable()
    assert token not in found.reason


def test_files_of_the_tree_that_would_lead_outside_are_left_out(tmp_path: Path) -> None:
    from collections.abc import Mapping

    from stas_tui.isolation.tree import Blob
    from stas_tui.review.rehearsal.trees import write_tree

    class Hostile:
        commit = "c"

        def files(self) -> Mapping[str, Blob]:
            names = ["../out", "a/../../out", "/out", "ok/file", ".git/config", "x/.git/hooks/y", "l", "n" * 300]
            return {name: Blob(name, 1, link=name == "l") for name in names}

        def read(self, path: str) -> bytes | None:
            return None

        def read_many(self, shas: list[str]) -> Mapping[str, bytes]:
            return dict.fromkeys(shas, b"x")

    here = walls.Place(tmp_path, None)
    root = write_tree(Hostile(), here, "tree")
    assert [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()] == ["ok/file"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree"]


@linux
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="takes a right away, as root")
def test_without_name_spaces_the_kernels_own_lock_still_holds(tmp_path: Path) -> None:
    """A system that allows no name spaces: files stay protected, and it is said that processes are visible."""
    tmp_path.chmod(0o777)
    code = f"""
import subprocess, sys
from pathlib import Path
from stas_tui.review.rehearsal import walls
from storage.clock import SystemClock
inside = "open('ok', 'w').write('x'); open({str(tmp_path / "out")!r}, 'w')"
with walls.place(SystemClock()) as here:
    jailed = walls.start(here, [sys.executable, "-I", "-c", inside], env=walls.environment(here, {{}}), seconds=5,
                         stderr=subprocess.PIPE)
    out = jailed.process.communicate()[1].decode()
    print(walls.in_words(jailed.walls), "|", out.strip().split("\\n")[-1], "|", (here.folder / "ok").exists())
"""
    command = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "/usr/bin/python3", "-B", "-c", code]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if "files not protected" in done.stdout:
        pytest.skip("this kernel has no Landlock")
    assert "one writable folder, other processes visible, as an unprivileged user" in done.stdout, done
    assert "Permission denied" in done.stdout
    assert done.stdout.strip().endswith("True")
    assert not (tmp_path / "out").exists()
