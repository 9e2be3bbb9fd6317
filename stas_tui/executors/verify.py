"""Running the approved verification steps ourselves, in a fresh checkout (R86, 4.6)."""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stas_tui.executors import environment, procs
from stas_tui.texts.commands import line_of, verification_commands
from storage.clock import SECOND, Clock
from storage.records import Verification
from storage.redact import StreamRedactor

__all__ = ["LOG_BYTES", "run_verification", "verification_commands", "verification_environment"]

LOG_BYTES = 32_768
"""Of each command's output the last bytes are kept."""

_MARKER = "STAS_VERIFY_ID"
_STARTS_SERVICES = re.compile(r"\s*(docker compose|docker-compose|podman compose|podman-compose)\b.*\bup\b")
_ASKS_THIS_MACHINE = re.compile(r"\s*(curl|wget)\b.*(127\.\d+\.\d+\.\d+|\blocalhost\b|\[::1\])")
_ENGINE_S = 10.0
_DRAIN_MS = 1_000
_SWEEP_MS = 3_000
_PROCS = Path(procs.__file__)


def verification_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for `run_verification`: the executors' allow-list, without any credential."""
    return {**environment.allowed(environ), "CI": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1"}


def run_verification(
    commands: Sequence[str], directory: Path, *, timeout_s: float, clock: Clock, env: Mapping[str, str]
) -> list[Verification]:
    """Run each line in the folder, one after the other, each for at most `timeout_s` seconds.

    States: `passed` (exit 0), `failed`, `timeout`, and `not run` when a program or the container engine is missing:
    absence is never a pass. A request to a service of this machine is not run either when the line that would have
    started the services was not: its refusal would say nothing about the change. `env` is the whole environment;
    output is redacted, and its last `LOG_BYTES` are kept. Whatever a command leaves behind is killed.
    """
    shell = shutil.which("bash", path=env.get("PATH")) or "/bin/sh"
    answers: dict[str, str] = {}
    results = []
    unstarted = ""
    for command in commands:
        line = line_of(command, shell)
        reason = line.problem or _missing(line.programs, directory, env)
        if not reason and unstarted and _ASKS_THIS_MACHINE.match(command):
            reason = f"nothing was started here to ask: «{unstarted}» was not run"
        if not reason and line.engine:
            if line.engine not in answers:
                answers[line.engine] = _engine(line.engine, directory, clock, env)
            reason = answers[line.engine]
        if reason:
            results.append(Verification(command=command, state="not run", detail=reason))
            if _STARTS_SERVICES.match(command):
                unstarted = command
        else:
            results.append(_run(command, line.argv, directory, timeout_s, clock, env))
    return results


def _missing(programs: Sequence[str], directory: Path, env: Mapping[str, str]) -> str:
    for program in programs:
        if "/" in program:
            found = os.access(directory / program, os.X_OK)
        else:
            found = shutil.which(program, path=env.get("PATH")) is not None
        if not found:
            return f"there is no program {program} here"
    return ""


def _engine(program: str, directory: Path, clock: Clock, env: Mapping[str, str]) -> str:
    name = "docker" if program == "docker-compose" else program
    if _missing((name,), directory, env):
        return f"there is no program {name} here"
    answer = _run(f"{name} info", (name, "info"), directory, _ENGINE_S, clock, env)
    return "" if answer.state == "passed" else "the container engine does not answer"


def _run(
    command: str, argv: Sequence[str], directory: Path, timeout_s: float, clock: Clock, env: Mapping[str, str]
) -> Verification:
    mark = secrets.token_hex(16)
    started = clock.monotonic()
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROCS), str(os.getpid()), *argv],
            cwd=directory,
            env={**env, _MARKER: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Verification(command=command, state="not run", detail=reason)
    with child:
        log = _Tail()
        ended = _follow(child, log, clock, started + int(timeout_s * SECOND))
        survivors = _clear(child, mark, clock)
        log.drain(child)
    seconds = (clock.monotonic() - started) / SECOND
    exit_code = child.returncode if child.returncode is not None and child.returncode >= 0 else None
    if not ended:
        state, detail, exit_code = "timeout", f"longer than {timeout_s:g} s", None
    elif child.returncode == 0:
        state, detail = "passed", ""
    else:
        state = "failed"
        detail = f"exit {exit_code}" if exit_code is not None else f"ended by signal {-(child.returncode or 0)}"
    if survivors:
        detail = "; ".join(part for part in (detail, f"still alive: {', '.join(map(str, survivors))}") if part)
    return Verification(command=command, state=state, exit=exit_code, seconds=seconds, detail=detail, log=log.text())


class _Tail:
    """The last redacted bytes of an output."""

    def __init__(self) -> None:
        self._stream = StreamRedactor()
        self._kept = bytearray()
        self._dropped = 0

    def take(self, data: bytes) -> None:
        self._keep(self._stream.feed(data))

    def drain(self, child: subprocess.Popen[bytes]) -> None:
        """What is left in the pipe after everything that could write is gone."""
        if child.stdout is None:
            return
        os.set_blocking(child.stdout.fileno(), False)
        try:
            while data := os.read(child.stdout.fileno(), 65_536):
                self.take(data)
        except BlockingIOError:
            return

    def text(self) -> str:
        self._keep(self._stream.flush())
        head = f"[{self._dropped} bytes before this were dropped]\n" if self._dropped else ""
        return head + self._kept.decode("utf-8", "replace")

    def _keep(self, data: bytes) -> None:
        self._kept += data
        over = len(self._kept) - LOG_BYTES
        if over > 0:
            self._dropped += over
            del self._kept[:over]


def _follow(child: subprocess.Popen[bytes], log: _Tail, clock: Clock, until: int) -> bool:
    """Read until the program has ended; True if it did before `until`. A descendant may hold the pipe for 1 s more."""
    if child.stdout is None:
        return False
    drained_by: int | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            now = clock.monotonic()
            if child.poll() is not None:
                drained_by = now + _DRAIN_MS if drained_by is None else drained_by
                if not selector.get_map() or now >= drained_by:
                    return True
            elif now >= until:
                return False
            if not selector.get_map():
                time.sleep(0.01)
                continue
            for _ in selector.select(0.05):
                data = os.read(child.stdout.fileno(), 65_536)
                if data:
                    log.take(data)
                else:
                    selector.unregister(child.stdout)


def _clear(child: subprocess.Popen[bytes], mark: str, clock: Clock) -> tuple[int, ...]:
    """Kill the program, its group and whatever carries its marker."""
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            child.kill()
        child.wait()

    def pause() -> None:
        time.sleep(0.02)

    return procs.sweep(lambda: procs.marked(mark, _MARKER), clock.monotonic, pause, _SWEEP_MS)
