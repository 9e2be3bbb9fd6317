"""What the real dashboard writes to call a person: in a pseudo-terminal, and through a real tmux."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from tests.screens.hands import open_application

pytestmark = pytest.mark.pty
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
WORDS = "checkout is down in production \x1b]9;HACKED\x07 quiet-canary-words"
OSC = re.compile(rb"\x1b\](0|1|2|9|99|777);([^\x07\x1b]*)(?:\x07|\x1b\\)")
FIXED = re.compile(rb"(?:i=stas;|notify;stas;)?stas DEMO(?:: (?:\d+ (?:P0|gates?|steps?)(?:, )?)+)?")


class Window:
    """A program in a pseudo-terminal, and every byte it wrote."""

    def __init__(self, argv: list[str], environ: Mapping[str, str]) -> None:
        self.written = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(ROOT)
                os.execvpe(argv[0], argv, dict(environ))
            finally:
                os._exit(127)

    def until(self, seen: Callable[[bytes], object], what: str, start: int = 0) -> None:
        """Read until what was written after `start` bytes is as wanted."""
        end = time.monotonic() + PATIENCE_S
        while not seen(self.written[start:]):
            assert time.monotonic() < end, (what, self.written[-2_000:])
            self.read()

    def read(self) -> bool:
        """Read what comes within a moment; False if nothing did."""
        if not select.select([self.fd], [], [], 0.2)[0]:
            return False
        try:
            piece = os.read(self.fd, 65_536)
        except OSError:
            piece = b""
        assert piece, self.written[-2_000:]
        self.written += piece
        return True

    def send(self, data: bytes) -> None:
        os.write(self.fd, data)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def environment(**more: str) -> dict[str, str]:
    keep = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
    known = {name: os.environ[name] for name in keep if name in os.environ}
    return {**known, "TERM": "xterm-256color", "LANG": "C.UTF-8", "DEMO_SPEED": "0", **more}


@pytest.fixture
def open_window() -> Iterator[Callable[[list[str], Mapping[str, str]], Window]]:
    opened: list[Window] = []

    def start(argv: list[str], environ: Mapping[str, str]) -> Window:
        opened.append(Window(argv, environ))
        return opened[-1]

    yield start
    for window in opened:
        window.close()


def another_gate(home: Path) -> None:
    """Another process asks for something, with hostile words in it."""
    with open_application(Locations.find(home).profile("demo")) as other:
        pulse = other.context.pulses.current()
        assert pulse is not None
        answer = other.context.toolbox.call(
            "slack_dm", {"message": WORDS, "category": "incident"}, pulse_id=pulse.id, caller="Stas"
        )
        assert answer.status == "pending"


def waits(before: bytes, gates: int, after: bytes) -> re.Pattern[bytes]:
    """The phrase with so many gates; the demo's world may burn as well."""
    words = b"%d gates?" % gates
    return re.compile(re.escape(before) + rb"stas DEMO: (?:\d+ P0, )?" + words + rb"(?:, 1 step)?" + re.escape(after))


def fixed_phrases_only(written: bytes) -> None:
    for _, text in OSC.findall(written):
        assert FIXED.fullmatch(text), text
    assert b"\x1b]9;HACKED" not in written


@pytest.mark.parametrize(
    ("environ", "notice"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, b"9;"),
        ({"TERM": "xterm-kitty"}, b"99;i=stas;"),
        ({"STAS_NOTICES__DESKTOP": "osc777"}, b"777;notify;stas;"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, b""),
    ],
    ids=["osc9", "osc99", "osc777 by configuration", "none"],
)
def test_a_new_gate_calls_whoever_looks_elsewhere_with_a_count(
    open_window: Callable[[list[str], Mapping[str, str]], Window],
    tmp_path: Path,
    environ: dict[str, str],
    notice: bytes,
) -> None:
    home = tmp_path / "home"
    window = open_window([sys.executable, "-m", "tests.screens.stage", "gate", str(home)], environment(**environ))
    window.until(lambda new: waits(b"\x1b]2;", 1, b"\x07").search(new), "the first title")
    window.until(lambda new: b"\x1b[?1004h" in new, "it asks to be told of the focus")
    assert not re.search(rb"\x1b\](?:9|99|777);", window.written), "nobody looked away yet"
    window.send(b"\x1b[O")
    while window.read():
        pass
    start = len(window.written)
    another_gate(home)
    window.until(lambda new: waits(b"\x1b]2;", 2, b"\x07").search(new), "the second title", start)
    window.until(lambda new: OSC.sub(b"", new).count(b"\x07") == 1, "the bell", start)
    if notice:
        wanted = waits(b"\x1b]" + notice, 2, b"\x1b\\")
        window.until(wanted.search, "the notice", start)
    fixed_phrases_only(window.written)
    if not notice:
        assert not re.search(rb"\x1b\](?:9|99|777);", window.written)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    program = shutil.which("tmux")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tmux is not installed")
        pytest.skip("tmux is not installed")
    socket = str(tmp_path / "tmux.sock")

    def run(*args: str) -> str:
        done = subprocess.run([program, "-S", socket, *args], capture_output=True, text=True, env=environment())
        return done.stdout

    run.__dict__["argv"] = [program, "-S", socket]
    yield run
    run("kill-server")


@pytest.mark.parametrize("passthrough", [False, True], ids=["as it is", "handed on"])
def test_through_tmux_bell_and_title_pass_and_the_notice_only_if_it_is_handed_on(
    open_window: Callable[[list[str], Mapping[str, str]], Window],
    tmux: Callable[..., str],
    tmp_path: Path,
    passthrough: bool,
) -> None:
    home, config = tmp_path / "home", tmp_path / "tmux.conf"
    config.write_text(
        "set -g set-titles on\nset -g set-titles-string '#T'\nset -g focus-events on\nset -g status off\n"
        f"set -g allow-passthrough {'on' if passthrough else 'off'}\nset -g bell-action any\n"
    )
    inner = f"exec {sys.executable} -m tests.screens.stage gate {home}"
    environ = environment(STAS_NOTICES__DESKTOP="osc9", STAS_NOTICES__TMUX_PASSTHROUGH=str(passthrough).lower())
    argv = [*tmux.__dict__["argv"], "-f", str(config), "new-session", "-x", "120", "-y", "36", inner]
    window = open_window(argv, environ)
    window.until(lambda new: waits(b"", 1, b"").search(new), "the first title")
    window.send(b"\x1b[O")
    while window.read():
        pass
    start = len(window.written)
    another_gate(home)
    window.until(lambda new: waits(b"", 2, b"").search(new), "the second title", start)
    window.until(lambda new: OSC.sub(b"", new).count(b"\x07") >= 1, "the bell", start)
    if passthrough:
        window.until(waits(b"\x1b]9;", 2, b"\x1b\\").search, "the notice", start)
    else:
        while window.read():
            pass
        assert b"\x1b]9;" not in window.written
    fixed_phrases_only(window.written[start:])
