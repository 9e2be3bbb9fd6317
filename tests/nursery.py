"""Programs of ours as processes of their own, without a new interpreter for each.

Most of the time of a short command goes into starting Python and importing. A nursery imports everything once; each
program is a fork of it, with its own environment, folder and pipes, and ends as any process does: exit status, signals,
standard output to the last byte. How the program starts from nothing is what tests with `sys.executable` are for.

    run("stas_tui", "gates", env=environ, cwd=folder)      # as `subprocess.run` of `python -m stas_tui gates`
    start("stas_tui", "pulse", env=environ, cwd=folder)    # as `subprocess.Popen`, with three pipes

There is one nursery in a process for each set of variables that an interpreter reads at its start (`PYTHONPATH`, `LANG`
and their like). It ends when the process that asked for it does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TEXTUAL")
_NOT_BEFORE = ("stas_tui.__main__", "stas_tui.demo.service", "stas_tui.screens", "stas_tui.app")
"""Not imported ahead: programs, and what only a terminal needs."""
_LATER = ("httpx", "yaml", "pydantic_settings", "rfc8785", "sqlglot.dialects.postgres", "sqlglot.dialects.sqlite")
"""What our modules import inside functions."""


@dataclass
class Started:
    """A program under way."""

    pid: int
    stdin: IO[str]
    stdout: IO[str]
    stderr: IO[str]
    _status: IO[bytes]
    returncode: int | None = None

    def wait(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        if self.returncode is None:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def communicate(self, timeout: float = PATIENCE_S) -> tuple[str, str]:
        """Close its input, and read what it says until it and everybody who has its pipes closed them."""
        self.stdin.close()
        said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.stdout, selectors.EVENT_READ, said["out"])
            waiting.register(self.stderr, selectors.EVENT_READ, said["err"])
            while waiting.get_map():
                ready = waiting.select(timeout)
                if not ready:
                    self.kill()
                    raise subprocess.TimeoutExpired(str(self.pid), timeout, bytes(said["out"]), bytes(said["err"]))
                for key, _ in ready:
                    more = os.read(key.fd, 1 << 16)
                    key.data.extend(more)
                    if not more:
                        waiting.unregister(key.fileobj)
        self.wait()
        self.close()
        return said["out"].decode("utf-8"), said["err"].decode("utf-8")

    def close(self) -> None:
        """Close our ends of its pipes."""
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


def start(program: str, *arguments: str, env: Mapping[str, str], cwd: Path) -> Started:
    """Start a module (`stas_tui`) or a file (`/…/x.py`) as a program with pipes for its three streams."""
    return _nursery(os.getpid(), frozenset((k, v) for k, v in env.items() if k.startswith(_AT_START))).bear(
        program, arguments, env, cwd
    )


def run(
    program: str, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, timeout: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without input."""
    child = start(program, *arguments, env=env, cwd=cwd)
    out, err = child.communicate(timeout)
    assert child.returncode is not None
    return subprocess.CompletedProcess([program, *arguments], child.returncode, out, err)


class _Nursery:
    def __init__(self, variables: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_AT_START)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env={**kept, **variables, "PYTHONPATH": variables.get("PYTHONPATH", str(ROOT))},
                stdin=subprocess.PIPE,  # a fork's streams are what its nursery's were when it began: pipes
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
            )
        self._orders = ours
        atexit.register(self._end)

    def bear(self, program: str, arguments: tuple[str, ...], env: Mapping[str, str], cwd: Path) -> Started:
        order = {"program": program, "arguments": arguments, "env": dict(env), "cwd": str(cwd)}
        given, stdin = os.pipe()
        stdout, said = os.pipe()
        stderr, complained = os.pipe()
        status, told = os.pipe()
        theirs = [given, said, complained, told]
        try:
            socket.send_fds(self._orders, [json.dumps(order).encode()], theirs)
        finally:
            for handle in theirs:
                os.close(handle)
        news = os.fdopen(status, "rb")
        line = news.readline()
        assert line, "the nursery ended: " + self._process.communicate()[1].decode()
        return Started(
            int(line),
            os.fdopen(stdin, "w", encoding="utf-8"),
            os.fdopen(stdout, encoding="utf-8"),
            os.fdopen(stderr, encoding="utf-8"),
            news,
        )

    def _end(self) -> None:
        self._orders.close()
        self._process.communicate(timeout=PATIENCE_S)


@cache
def _nursery(_: int, variables: frozenset[tuple[str, str]]) -> _Nursery:
    return _Nursery(dict(variables))


# the nursery itself -------------------------------------------------------------------------------


def import_all() -> None:
    """Import what programs of ours import, for whoever forks."""
    for house in ("storage", "stas_tui"):
        for module in pkgutil.walk_packages([str(ROOT / house)], f"{house}."):
            if not module.name.startswith(_NOT_BEFORE):
                importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _bear_all(orders: socket.socket) -> dict[str, object] | None:
    """Fork for each order. Returns in each child, with its order, and at the end with None."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is orders:
                    text, handles, _, _ = socket.recv_fds(orders, 1 << 20, 4)
                    if not text:
                        return None
                    child = os.fork()
                    if child == 0:
                        for other in waiting.get_map().values():
                            if isinstance(other.fileobj, int):
                                os.close(other.fileobj)
                                os.close(other.data[1])
                        for number, handle in enumerate(handles[:3]):
                            os.dup2(handle, number)
                        for handle in handles:
                            os.close(handle)
                        order: dict[str, object] = json.loads(text)
                        return order
                    for handle in handles[:3]:
                        os.close(handle)
                    os.write(handles[3], b"%d\n" % child)
                    waiting.register(os.pidfd_open(child), selectors.EVENT_READ, (child, handles[3]))
                else:
                    child, told = key.data
                    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                    waiting.unregister(key.fileobj)
                    os.close(key.fd)
                    with contextlib.suppress(BrokenPipeError):
                        os.write(told, b"%d\n" % status)
                    os.close(told)


def _become(order: dict[str, object]) -> None:
    """Be the program of an order."""
    program, arguments, env = order["program"], order["arguments"], order["env"]
    assert isinstance(program, str)
    assert isinstance(arguments, list)
    assert isinstance(env, dict)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(str(order["cwd"]))
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")
    else:
        sys.path[0] = str(order["cwd"])
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as socket_:
        import_all()
        mine = _bear_all(socket_)
    if mine is not None:
        _become(mine)
