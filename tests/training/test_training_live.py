"""A lesson on the real dashboard: seen, decided on the real gate screen, debriefed; and the guard around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Input

from stas_tui.screens.debrief import DebriefScreen
from stas_tui.screens.dialogs import AskReason, ShowText
from stas_tui.screens.gate import GateScreen
from tests.training.live_seat import seat

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)


async def test_a_gate_of_the_lesson_is_rejected_on_the_real_gate_screen(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.sees("TRAINING", "FREEZE until 18:00", "10:00 left")
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU")
        await at.press("g")
        await at.on(GateScreen)
        await at.sees("Open a pull request to main", "no way back is named", "base")
        await at.press("R")
        await at.on(AskReason)
        await at.type("the base is main")
        await at.press("enter")
        await at.until(lambda: not isinstance(at.screen, GateScreen | AskReason))
        await at.pass_s(1)
        assert at.director.engine.made["d1"].verb == "reject"
        assert at.director.engine.made["d1"].quality == "expected"
        assert "a1" in at.director.engine.opened
        await at.pass_s(12)
        await at.pass_s(21)
        await at.on(DebriefScreen)
        await at.sees("TRAINING")


async def test_nobody_decides_before_the_lesson_was_told(tmp_path: Path) -> None:
    async with seat(tmp_path, brief=True) as at:
        await at.on(ShowText)
        await at.sees("One message, one alert, one gate.", "Finn: architect", "f3 gives a hint")
        await at.pass_s(60)
        assert at.director.engine.now == 0
        await at.press("escape")
        await at.until(lambda: at.director.clock.playing)


NEVER = (
    "stas_tui.forges.git",
    "stas_tui.forges.github",
    "stas_tui.forges.github_api",
    "stas_tui.forges.local_git",
    "stas_tui.executors.command",
    "stas_tui.notify.slack",
    "stas_tui.notify.slack_client",
    "stas_tui.notify.silences",
    "stas_tui.wiring",
    "slack_sdk",
    "httpx",
    "git",
    "psycopg",
)
"""What reaches the real world."""


def child(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**environ, "PYTHONPATH": str(ROOT), "EDITOR": "/bin/true"},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )


def test_a_whole_lesson_opens_no_socket_and_loads_no_real_adapter(tmp_path: Path) -> None:
    code = (Path(__file__).parent / "live_child.py").read_text("utf-8")
    done = child(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["ended"], told["verb"]) == ("everything is decided", "reject")
    assert [name for name in told["modules"] if name in NEVER or name.split(".")[0] in NEVER] == []
    local = {"socket.__new__ 1", "socket.__new__ -1"}
    assert {line for line in told["tried"] if line not in local} == set()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import socket; socket.socket()", "no connection"),
        ("import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "no connection"),
        ("import socket; socket.getaddrinfo('localhost', 80)", "no connection"),
        ("import socket; socket.gethostbyname('localhost')", "no connection"),
        ("import urllib.request as u; u.urlopen('http://127.0.0.1:9/')", "no connection"),
        ("import subprocess; subprocess.run(['true'])", "no program"),
        ("import os; os.system('true')", "no program"),
        ("import os; os.fork()", "no program"),
        ("import os; os.execv('/bin/true', ['true'])", "no program"),
        ("import os; os.posix_spawn('/bin/true', ['true'], {})", "no program"),
        ("import os; os.spawnl(os.P_WAIT, '/bin/true', 'true')", "no program"),
        ("import pty; pty.fork()", "no program"),
    ],
)
def test_what_would_leave_the_lesson_is_refused(code: str, why: str) -> None:
    done = child(f"from stas_tui.training import guard; guard.install(); guard.install()\n{code}")
    assert done.returncode == 1
    assert why in done.stderr


def test_the_loop_and_a_socket_of_this_machine_still_work(tmp_path: Path) -> None:
    done = child(
        "from stas_tui.training import guard; guard.install()\n"
        "import asyncio, socket, sys; asyncio.run(asyncio.sleep(0))\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
        "c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); s.accept()[0].close(); print('well')",
        str(tmp_path / "s"),
    )
    assert done.stdout == "well\n", done.stderr
