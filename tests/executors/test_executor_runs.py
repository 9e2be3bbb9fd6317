"""Runs with real programs: what is sent, what is kept, how they end (R84)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from executor_helpers import Wanted, until

from stas_tui.executors import procs, shim
from stas_tui.executors.base import ExecutorError, Limits
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock
from storage.records import RunState
from storage.redact import forget_secrets, register_secret

TOKEN = "ghp_" + "a1B2" * 9


def test_the_prompt_arrives_byte_for_byte(executor: CommandExecutor, wanted: Wanted) -> None:
    prompt = "line one\r\nünïcode ‹x›\n\n  last without end"
    code = """
import hashlib, os, sys
data = sys.stdin.buffer.read()
print(hashlib.sha256(data).hexdigest())
print(hashlib.sha256(open(os.environ["STAS_PROMPT_FILE"], "rb").read()).hexdigest())
"""
    request = wanted(code, prompt=prompt)
    executor.start(request)
    done = executor.wait(request.run_id, 20)
    assert (done.state, done.stop, done.exit, done.survivors) == (RunState.FINISHED, "exit", 0, ())
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    assert executor.tail(request.run_id)[0].decode().split() == [digest, digest]


def test_a_prompt_as_argument_and_as_file(executor: CommandExecutor, wanted: Wanted, tmp_path: Path) -> None:
    program = tmp_path / "show.py"
    program.write_text("import sys; print(sys.argv[1:]); print(repr(sys.stdin.read()))")
    argument = wanted("", "arg", prompt="a b", via="arg", argv=(sys.executable, str(program), "--model", "{model}"))
    executor.start(argument)
    executor.wait(argument.run_id, 20)
    assert executor.tail(argument.run_id)[0] == b"['a b']\n''\n"
    file = wanted("", "file", via="file", argv=(sys.executable, str(program), "{prompt_file}"))
    executor.start(file)
    executor.wait(file.run_id, 20)
    assert str(executor.directory(file.run_id) / "prompt.md") in executor.tail(file.run_id)[0].decode()


def test_the_environment_is_an_allow_list(runs: Path, wanted: Wanted) -> None:
    planted = {
        **{
            "GH_TOKEN": "x",
            "GITHUB_TOKEN": "x",
            "SSH_AUTH_SOCK": "/s",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_PROFILE": "x",
        },
        **{"SLACK_BOT_TOKEN": "x", "STAS_SLACK__TOKEN": "x", "PYTHONPATH": "/x", "SOMETHING": "x", "LC_TIME": "C"},
        **{
            "PATH": os.defpath,
            "HOME": "/home/x",
            "HTTPS_PROXY": "http://proxy",
            "MODEL_KEY": "k-1234567",
            "OTHER_KEY": "x",
        },
    }
    executor = CommandExecutor(runs, SystemClock(), environ=planted)
    request = wanted("import json, os; print(json.dumps(dict(os.environ)))", env_allow=("MODEL_KEY",))
    executor.start(request)
    executor.wait(request.run_id, 20)
    seen = json.loads(executor.tail(request.run_id)[0])
    assert set(seen) - {"LC_CTYPE"} == {
        *("PATH", "HOME", "HTTPS_PROXY", "LC_TIME", "MODEL_KEY", "CI", "GIT_TERMINAL_PROMPT", "NO_COLOR"),
        *("STAS_RUN_ID", "STAS_TASK_ID", "STAS_PROJECT_ID", "STAS_BASE_SHA", "STAS_PROMPT_FILE", "STAS_RESULT_FILE"),
    }
    assert seen["MODEL_KEY"] == "‹redacted:configured›"
    assert seen["STAS_RESULT_FILE"] == str(request.workspace / ".stas" / "result.json")


@pytest.mark.parametrize(
    "name", ["GH_TOKEN", "SSH_AUTH_SOCK", "AWS_SESSION_TOKEN", "SLACK_BOT_TOKEN", "STAS_FORGE_TOKEN"]
)
def test_a_preset_cannot_ask_for_a_token(executor: CommandExecutor, wanted: Wanted, name: str) -> None:
    for request in (wanted("", "one", env_allow=(name,)), wanted("", "two", env={name: "x"})):
        with pytest.raises(ExecutorError, match=name):
            executor.start(request)
        assert executor.status(request.run_id) is None


def test_no_secret_reaches_a_file(executor: CommandExecutor, wanted: Wanted, runs: Path) -> None:
    code = f"""
import json, os, pathlib, sys, time
token = {TOKEN[:20]!r} + {TOKEN[20:]!r}
for part in ("out ", token[:3], token[3:21], token[21:], " end\\n"):
    os.write(1, part.encode()); time.sleep(0.02)
os.write(2, b"err " + token.encode() + b" and correct horse staple")
pathlib.Path(".stas/result.json").write_text(json.dumps({{"schema": "stas.executor-result/1", "summary": token}}))
"""
    register_secret("correct horse staple")
    try:
        request = wanted(code)
        executor.start(request)
        done = executor.wait(request.run_id, 20)
    finally:
        forget_secrets()
    assert done.redactions == 3
    assert executor.tail(request.run_id)[0].decode() == "out ‹redacted:github-token› end\n"
    stderr = (executor.directory(request.run_id) / "stderr.log").read_text()
    assert stderr == "err ‹redacted:github-token› and ‹redacted:configured›"
    kept = json.loads((executor.directory(request.run_id) / "result.json").read_text())
    assert kept["summary"] == "‹redacted:github-token›"
    files = [path for path in runs.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes() or b"correct horse" in path.read_bytes()]


def test_a_flood_is_cut_counted_and_does_not_block(executor: CommandExecutor, wanted: Wanted) -> None:
    code = """
import os
block = (b"y" * 63 + b"\\n") * 1024
for _ in range(1600):
    view = memoryview(block)
    while view:
        view = view[os.write(1, view):]
"""
    request = wanted(code, limits=Limits(stdout_bytes=1_000_000))
    executor.start(request)
    done = executor.wait(request.run_id, 30)
    assert (done.stop, done.exit) == ("exit", 0)
    log = (executor.directory(request.run_id) / "stdout.log").read_bytes()
    marker = log.rpartition(b"\n[cut here by Stas")
    assert marker[1]
    assert len(marker[0]) <= 1_000_000
    assert len(marker[0]) + done.dropped_bytes == 1600 * 65_536
    assert done.stdout_bytes == len(log)


def test_output_can_be_followed(executor: CommandExecutor, wanted: Wanted, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"""
import os, time
print("first", flush=True)
while not os.path.exists({str(go)!r}): time.sleep(0.01)
print("second")
"""
    request = wanted(code)
    executor.start(request)
    until(lambda: executor.tail(request.run_id)[0] == b"first\n", "the first line is readable")
    _, offset = executor.tail(request.run_id)
    go.touch()
    executor.wait(request.run_id, 20)
    assert executor.tail(request.run_id, offset) == (b"second\n", offset + 7)
    assert executor.tail(request.run_id, 0, 3) == (b"fir", 3)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("/does/not/exist",), "No such file or directory"),
        (("stas-no-such-program",), "No such file or directory"),
        ((__file__,), "Permission denied"),
        (("/bin/echo", "a\0b"), "embedded null byte"),
    ],
)
def test_a_program_that_cannot_be_started(
    executor: CommandExecutor, wanted: Wanted, argv: tuple[str, ...], reason: str
) -> None:
    request = wanted("", argv=argv)
    status = executor.start(request)
    assert (status.state, status.stop) == (RunState.FINISHED, "spawn failed")
    assert reason in status.detail
    assert executor.live() == []
    assert executor.find(request.action_id) == status


def test_a_workspace_that_is_gone(executor: CommandExecutor, wanted: Wanted, tmp_path: Path) -> None:
    status = executor.start(wanted("", where=tmp_path / "gone"))
    assert status.stop == "spawn failed"
    assert "workspace" in status.detail


def test_a_prompt_that_is_no_text_and_an_id_that_is_a_path(executor: CommandExecutor, wanted: Wanted) -> None:
    with pytest.raises(ExecutorError, match="no text"):
        executor.start(wanted("", prompt="a\ud800"))
    for bad in ("../x", ".hidden", "a/b", "", "x" * 200):
        with pytest.raises(ExecutorError):
            executor.status(bad)


def test_a_signal_is_named(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    executor.start(request)
    done = executor.wait(request.run_id, 20)
    assert (done.stop, done.exit) == ("signal", None)
    assert "SIGSEGV" in done.detail


def test_an_exit_code_is_kept(executor: CommandExecutor, wanted: Wanted) -> None:
    request = wanted("raise SystemExit(3)")
    executor.start(request)
    assert executor.wait(request.run_id, 20).exit == 3


@pytest.mark.parametrize(("limits", "stop"), [(Limits(total_s=0.4), "timeout"), (Limits(idle_s=0.4), "idle")])
def test_a_hang_ends_by_its_limit(executor: CommandExecutor, wanted: Wanted, limits: Limits, stop: str) -> None:
    request = wanted("import time\nprint('on', flush=True)\nwhile True: time.sleep(60)", limits=limits)
    executor.start(request)
    done = executor.wait(request.run_id, 20)
    assert (done.state, done.stop, done.survivors) == (RunState.FINISHED, stop, ())
    assert "0.4 s" in done.detail
    assert procs.marked(request.run_id) == set()


def test_output_keeps_a_run_from_being_idle(executor: CommandExecutor, wanted: Wanted) -> None:
    code = "import time\nfor n in range(12): print(n, flush=True); time.sleep(0.1)"
    request = wanted(code, limits=Limits(idle_s=0.8))
    executor.start(request)
    assert executor.wait(request.run_id, 20).stop == "exit"


def test_an_earlier_result_is_not_taken_for_this_one(
    executor: CommandExecutor, wanted: Wanted, workspace: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (workspace / ".stas").mkdir()
    (workspace / ".stas" / "result.json").symlink_to(outside)
    request = wanted("import os; print(os.listdir('.stas'))")
    executor.start(request)
    executor.wait(request.run_id, 20)
    assert executor.tail(request.run_id)[0] == b"[]\n"
    assert outside.read_text() == "{}"


def test_a_linked_result_is_not_copied(executor: CommandExecutor, wanted: Wanted, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("private")
    request = wanted(f"import os; os.symlink({str(outside)!r}, '.stas/result.json')")
    executor.start(request)
    executor.wait(request.run_id, 20)
    assert not (executor.directory(request.run_id) / "result.json").exists()


def test_the_shim_needs_the_standard_library_only() -> None:
    root = Path(shim.__file__).resolve().parents[2]
    code = (
        f"import sys, json; sys.path.append({str(root)!r}); "
        "import stas_tui.executors.shim, stas_tui.executors.supervisor, storage.clock; "
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] not in sys.stdlib_module_names]))"
    )
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert {m.split(".")[0] for m in json.loads(out)} <= {"__main__", "storage", "stas_tui"}
    assert "storage.records" not in json.loads(out)


def test_a_shim_without_a_whole_order_starts_nothing(tmp_path: Path) -> None:
    for order in (b"", b'{"run_id": "x"', b"[]"):
        done = subprocess.run([sys.executable, "-I", "-S", shim.__file__, str(tmp_path)], input=order, check=False)
        assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
