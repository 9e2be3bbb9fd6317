"""Cancelling, escaping, crashing: nothing of a run is left, and no run becomes a ghost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from executor_helpers import Wanted, until

from stas_tui.executors import procs, rundir
from stas_tui.executors.base import ExecutorError
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock
from storage.records import RunState

ROOT = Path(procs.__file__).resolve().parents[2]

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper and /proc")

STUBBORN = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(60)
"""

ESCAPED = """
import os, sys, time
for depth in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            for fd in (0, 1, 2):
                if depth: os.close(fd)
            while True: time.sleep(60)
        os._exit(0)
print("ready", flush=True)
{end}
"""


def started(executor: CommandExecutor, request: object) -> None:
    executor.start(request)  # type: ignore[arg-type]
    until(lambda: b"ready" in executor.tail(request.run_id)[0], "the program is ready")  # type: ignore[attr-defined]


def test_a_polite_program_is_interrupted_first(executor: CommandExecutor, wanted: Wanted) -> None:
    code = """
import signal, time
def stop(*_):
    print("cleaned up", flush=True)
    raise SystemExit(0)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
while True: time.sleep(60)
"""
    request = wanted(code)
    started(executor, request)
    done = executor.cancel(request.run_id)
    assert (done.state, done.stop, done.exit) == (RunState.FINISHED, "cancelled", 0)
    assert executor.tail(request.run_id)[0] == b"ready\ncleaned up\n"
    assert executor.cancel(request.run_id) == done


@linux
def test_a_stubborn_program_is_killed(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted(STUBBORN)
    started(executor, request)
    done = executor.cancel(request.run_id)
    assert (done.stop, done.survivors) == ("cancelled", ())
    assert procs.marked(request.run_id) == set()


@linux
def test_escaped_descendants_are_killed_on_cancel(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted(ESCAPED.format(end="while True: time.sleep(60)"))
    started(executor, request)
    until(lambda: len(procs.marked(request.run_id)) >= 3, "the descendants escaped")
    done = executor.cancel(request.run_id)
    assert (done.stop, done.survivors) == ("cancelled", ())
    assert procs.marked(request.run_id) == set()


@linux
def test_escaped_descendants_are_killed_when_the_program_ends(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted(ESCAPED.format(end=""))
    executor.start(request)
    done = executor.wait(request.run_id, 20)
    assert (done.stop, done.exit, done.survivors) == ("exit", 0, ())
    assert procs.marked(request.run_id) == set()


@linux
def test_a_descendant_without_the_marker_is_still_a_descendant(
    executor: CommandExecutor, wanted: Wanted, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    code = f"""
import subprocess, sys
sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleeper, env={{}}, start_new_session=True)
open({str(note)!r}, "w").write(str(child.pid))
print("ready", flush=True)
child.wait()
"""
    request = wanted(code)
    started(executor, request)
    pid = int(note.read_text())
    assert pid not in procs.marked(request.run_id)
    executor.cancel(request.run_id)
    assert procs.identity(pid) is None


@linux
def test_a_killed_shim_leaves_no_process_and_the_run_is_lost(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted(ESCAPED.format(end="while True: time.sleep(60)"))
    started(executor, request)
    state = json.loads((executor.directory(request.run_id) / "state.json").read_text())
    os.kill(state["shim_pid"], signal.SIGKILL)
    until(lambda: procs.identity(state["shim_pid"]) is None, "the shim is dead")
    until(lambda: procs.identity(state["pid"]) is None, "the program died with its shim")
    status = executor.status(request.run_id)
    assert status is not None
    assert (status.state, status.stop, status.survivors) == (RunState.FINISHED, "lost", ())
    assert procs.marked(request.run_id) == set()
    assert executor.live() == []
    assert executor.status(request.run_id) == status
    again = wanted("print('next')", "next")
    executor.start(again)
    assert executor.wait(again.run_id, 20).exit == 0


@linux
def test_a_shim_that_does_not_answer_is_killed_by_cancel(
    executor: CommandExecutor, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stas_tui.executors.command.LADDER_MS", 500)
    request = wanted(STUBBORN)
    started(executor, request)
    state = json.loads((executor.directory(request.run_id) / "state.json").read_text())
    os.kill(state["shim_pid"], signal.SIGSTOP)
    done = executor.cancel(request.run_id)
    assert (done.state, done.stop, done.survivors) == (RunState.FINISHED, "cancelled", ())
    assert procs.marked(request.run_id) == set()


def test_one_live_run_in_a_workspace(executor: CommandExecutor, wanted: Wanted, tmp_path: Path) -> None:
    first = wanted(STUBBORN.replace("signal.SIG_IGN", "signal.SIG_DFL"), "first")
    started(executor, first)
    with pytest.raises(ExecutorError, match=first.run_id):
        executor.start(wanted("", "second"))
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = wanted("", "third", where=other)
    executor.start(elsewhere)
    assert executor.wait(elsewhere.run_id, 20).exit == 0
    assert [s.run_id for s in executor.live()] == [first.run_id]
    executor.cancel(first.run_id)
    last = wanted("", "last")
    executor.start(last)
    assert executor.wait(last.run_id, 20).exit == 0
    assert executor.live() == []


def test_a_lock_of_a_dead_process_is_recovered(
    executor: CommandExecutor, wanted: Wanted, runs: Path, workspace: Path
) -> None:
    held = {"run_id": "never-made", "pid": os.getpid(), "identity": "another boot"}
    rundir.write(rundir.lock_file(runs, workspace), rundir.encode(held))
    request = wanted("")
    executor.start(request)
    assert executor.wait(request.run_id, 20).exit == 0


def test_starting_twice_is_starting_once(executor: CommandExecutor, wanted: Wanted, tmp_path: Path, runs: Path) -> None:
    note = tmp_path / "starts"
    request = wanted(f"open({str(note)!r}, 'a').write('x')")
    others = [CommandExecutor(runs, SystemClock()) for _ in range(3)]
    threads = [threading.Thread(target=each.start, args=(request,)) for each in (executor, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    executor.wait(request.run_id, 20)
    assert executor.start(request).state is RunState.FINISHED
    assert note.read_text() == "x"
    twin = wanted("", "twin", action_id=request.action_id)
    with pytest.raises(ExecutorError, match=request.run_id):
        executor.start(twin)


def test_another_object_and_another_process_find_the_run(executor: CommandExecutor, wanted: Wanted, runs: Path) -> None:
    request = wanted("import time\nprint('ready', flush=True)\ntime.sleep(60)")
    started(executor, request)
    second = CommandExecutor(runs, SystemClock())
    found = second.find(request.action_id)
    assert found is not None
    assert (found.run_id, found.state, found.shim_alive) == (request.run_id, RunState.RUNNING, True)
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock
print(CommandExecutor(Path({str(runs)!r}), SystemClock()).cancel({request.run_id!r}).stop)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "cancelled\n"
    assert executor.wait(request.run_id, 1).stop == "cancelled"


def test_a_run_outlives_the_process_that_started_it(
    executor: CommandExecutor, wanted: Wanted, runs: Path, workspace: Path, tmp_path: Path
) -> None:
    request = wanted("import time\nprint('ready', flush=True)\ntime.sleep(60)")
    code = f"""
import os, signal, sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from stas_tui.executors.base import Preset, RunRequest
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock
CommandExecutor(Path({str(runs)!r}), SystemClock()).start(RunRequest(
    run_id={request.run_id!r}, action_id={request.action_id!r}, project_id="P", task_id="T", prompt="x", model="",
    workspace=Path({str(workspace)!r}), base="b", base_sha="0",
    preset=Preset(name="t", argv={request.preset.argv!r})))
os.kill(os.getpid(), signal.SIGKILL)
"""
    starter = subprocess.run([sys.executable, "-c", code], check=False)
    assert starter.returncode == -signal.SIGKILL
    until(lambda: b"ready" in executor.tail(request.run_id)[0], "the program is ready")
    status = executor.status(request.run_id)
    assert status is not None
    assert (status.state, status.shim_alive) == (RunState.RUNNING, True)
    assert executor.cancel(request.run_id).survivors == ()


@pytest.mark.parametrize(
    ("point", "begun"),
    [("action_file", False), ("lock_file", False), ("rename", False), ("Popen", True), ("communicate", True)],
)
def test_a_caller_killed_in_the_middle_of_a_start(
    executor: CommandExecutor, wanted: Wanted, runs: Path, workspace: Path, tmp_path: Path, point: str, begun: bool
) -> None:
    """Killed before the run's folder stands: it was never begun. Later: it is closed as lost, never started again."""
    note = tmp_path / "note"
    request = wanted(f"open({str(note)!r}, 'a').write('x')")
    targets = {
        "action_file": "rundir.action_file",
        "lock_file": "rundir.lock_file",
        "rename": "Path.rename",
        "Popen": "subprocess.Popen",
        "communicate": "subprocess.Popen.communicate",
    }
    code = f"""
import os, signal, subprocess, sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from stas_tui.executors import rundir
from stas_tui.executors.base import Preset, RunRequest
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock
executor = CommandExecutor(Path({str(runs)!r}), SystemClock())
wait = 1 if {point!r} == "lock_file" else 0
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
request = RunRequest(
    run_id={request.run_id!r}, action_id={request.action_id!r}, project_id="P", task_id="T", prompt="x", model="",
    workspace=Path({str(workspace)!r}), base="b", base_sha="0",
    preset=Preset(name="t", argv={request.preset.argv!r}))
executor._refuse_second = lambda request: None
if {point!r} == "lock_file":
    executor._order = lambda request, env, directory: {{"env": env, "limits": {{}}}}
{targets[point]} = die
executor.start(request)
"""
    starter = subprocess.run([sys.executable, "-c", code], check=False)
    assert starter.returncode == -signal.SIGKILL
    until(lambda: not procs.with_argument(str(runs / request.run_id)), "a shim without an order ends")
    found = executor.find(request.action_id)
    assert (found is not None) == begun
    if found is not None:
        assert (found.state, found.stop) == (RunState.FINISHED, "lost")
        assert executor.start(request) == found
        assert not note.exists()
        request = wanted("", "next")
    executor.start(request)
    assert executor.wait(request.run_id, 20).exit == 0


def test_a_late_shim_finds_the_claim_taken(
    executor: CommandExecutor, wanted: Wanted, runs: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    request = wanted(f"open({str(note)!r}, 'a').write('x')")
    directory = executor.directory(request.run_id)
    order = executor._order(request, {"PATH": os.defpath}, directory)
    executor._prepare(request, directory, b"x", order)
    facts = json.loads((directory / "request.json").read_text())
    rundir.write(directory / "request.json", rundir.encode(facts | {"starter": "somebody else"}))
    status = executor.status(request.run_id)
    assert status is not None
    assert status.stop == "lost"
    executor._launch(directory, order, 20)
    assert executor.status(request.run_id) == status
    assert not note.exists()


def test_a_run_being_started_is_cancelled_before_its_program(
    executor: CommandExecutor, wanted: Wanted, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    request = wanted(f"open({str(note)!r}, 'a').write('x')")
    directory = executor.directory(request.run_id)
    order = executor._order(request, {"PATH": os.defpath}, directory)
    executor._prepare(request, directory, b"x", order)
    status = executor.status(request.run_id)
    assert status is not None
    assert status.state is RunState.STARTING
    assert [s.run_id for s in executor.live()] == [request.run_id]
    assert executor.cancel(request.run_id).stop == "cancelled"
    executor._launch(directory, order, 20)
    assert not note.exists()
    assert executor.live() == []
