"""What a run's shim does: start the program, keep its output, its time and its descendants, and write down the end.

Standard library only, besides Stas' own modules that keep the same rule.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stas_tui.executors import procs, rundir
from stas_tui.executors.runlog import Log
from storage.clock import Clock
from storage.redact import StreamRedactor

HEARTBEAT_MS = 1_000
INTERRUPT_MS = 2_000
TERMINATE_MS = 2_000
DRAIN_MS = 1_000
"""How long output of descendants is awaited after the program itself ended."""

_READ = 65_536
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGCHLD)


class Supervisor:
    """One run from its claim to its last state."""

    def __init__(self, directory: Path, order: dict[str, Any], clock: Clock, ready: Callable[[], None]) -> None:
        self._dir = directory
        self._order = order
        self._clock = clock
        self._ready: Callable[[], None] | None = ready
        self._limits: dict[str, Any] = order["limits"]
        self._secrets = [str(s) for s in order["secrets"]]
        self._state: dict[str, Any] = {
            "schema": rundir.SCHEMA,
            "run_id": order["run_id"],
            "action_id": order["action_id"],
            "state": "starting",
            "shim_pid": os.getpid(),
            "shim": procs.identity(os.getpid()),
            "started_at": clock.now(),
        }
        self._child: subprocess.Popen[bytes] | None = None
        self._exit: int | None = None
        self._cancelled = False
        self._stop = ""
        self._rung = 0
        self._rung_until: int | None = None
        self._logs: list[Log] = []
        self._selector = selectors.DefaultSelector()
        self._open: set[int] = set()
        self._wake = (-1, -1)
        self._heard = 0
        self._finished = False

    def run(self) -> None:
        """Claim the run, start the program, and stay until it and its descendants are gone."""
        if not rundir.claim(self._dir / rundir.STATE, rundir.encode(self._state)):
            self._announce()
            return
        procs.become_subreaper()
        self._listen()
        try:
            self._hold_workspace()
            if (self._dir / rundir.CANCEL).exists():
                self._finish("cancelled", "before the program was started")
            elif self._spawn():
                self._loop()
        finally:
            if not self._finished:
                self._sweep()
            self._announce()

    def _announce(self) -> None:
        if self._ready is not None:
            self._ready()
            self._ready = None

    def _hold_workspace(self) -> None:
        held = {"run_id": self._order["run_id"], "pid": os.getpid(), "identity": self._state["shim"]}
        rundir.write(Path(self._order["lock"]), rundir.encode(held))

    def _listen(self) -> None:
        receive, send = os.pipe()
        for end in (receive, send):
            os.set_blocking(end, False)
        self._wake = (receive, send)
        signal.set_wakeup_fd(send, warn_on_full_buffer=False)
        self._selector.register(receive, selectors.EVENT_READ)
        signal.signal(signal.SIGTERM, self._ask_to_cancel)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _noted)

    def _ask_to_cancel(self, _number: int, _frame: object) -> None:
        self._cancelled = True

    def _spawn(self) -> bool:
        order = self._order
        parent = os.getpid()

        def in_child() -> None:
            for number in _RESET:
                signal.signal(number, signal.SIG_DFL)
            procs.die_with_parent()
            if os.getppid() != parent:
                os._exit(125)

        try:
            with contextlib.ExitStack() as stack:
                source = self._dir / rundir.PROMPT if order["stdin"] == "prompt" else Path(os.devnull)
                self._child = subprocess.Popen(
                    [str(a) for a in order["argv"]],
                    cwd=order["workspace"],
                    env={str(k): str(v) for k, v in order["env"].items()},
                    stdin=stack.enter_context(source.open("rb")),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    preexec_fn=in_child,  # noqa: PLW1509 - the shim has one thread
                    bufsize=0,
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            where = f"{order['argv'][0]}: {reason}" if order["argv"] else "the preset names no program"
            if isinstance(error, OSError) and error.filename and os.fspath(error.filename) == str(order["workspace"]):
                where = f"the workspace {order['workspace']}: {reason}"
            self._finish("spawn failed", where)
            return False
        for stream, name, limit in (
            (self._child.stdout, rundir.STDOUT, self._limits["stdout_bytes"]),
            (self._child.stderr, rundir.STDERR, self._limits["stderr_bytes"]),
        ):
            if stream is None:
                continue
            os.set_blocking(stream.fileno(), False)
            _widen(stream.fileno())
            log = Log(self._dir / name, int(limit), self._secrets)
            self._logs.append(log)
            self._selector.register(stream, selectors.EVENT_READ, log)
            self._open.add(stream.fileno())
        self._state |= {"state": "running", "pid": self._child.pid, "started_at": self._clock.now()}
        self._save(durable=True)
        self._announce()
        return True

    def _loop(self) -> None:
        started = self._heard = self._clock.monotonic()
        beat = started + HEARTBEAT_MS
        drained_by: int | None = None
        while True:
            now = self._clock.monotonic()
            if self._exit is None:
                self._reap()
            if self._exit is not None:
                drained_by = now + DRAIN_MS if drained_by is None else drained_by
                if not self._open or now >= drained_by:
                    break
            elif not self._stop:
                self._watch(now, started)
            elif self._rung_until is not None and now >= self._rung_until and not self._climb(now):
                break
            if now >= beat:
                beat = now + HEARTBEAT_MS
                self._beat()
            moments = [beat, drained_by if self._exit is not None else self._rung_until]
            if not self._stop and self._exit is None:
                moments += [started + _ms(self._limits["total_s"]), self._heard + _ms(self._limits["idle_s"])]
            self._wait(max(min(m for m in moments if m is not None) - now, 0))
        self._end()

    def _watch(self, now: int, started: int) -> None:
        if self._cancelled:
            self._begin_to_stop("cancelled", now)
        elif now - started >= _ms(self._limits["total_s"]):
            self._begin_to_stop("timeout", now)
        elif now - self._heard >= _ms(self._limits["idle_s"]):
            self._begin_to_stop("idle", now)

    def _begin_to_stop(self, stop: str, now: int) -> None:
        self._stop = stop
        self._climb(now)

    def _climb(self, now: int) -> bool:
        """The next rung of the ladder: interrupt the leader, terminate its group, kill. False when none is left."""
        self._rung += 1
        pid = self._child.pid if self._child else 0
        if self._rung == 1:
            procs.send(pid, signal.SIGINT)
            self._rung_until = now + INTERRUPT_MS
        elif self._rung == 2:
            _send_group(pid, signal.SIGTERM)
            self._rung_until = now + TERMINATE_MS
        elif self._rung == 3:
            _send_group(pid, signal.SIGKILL)
            self._rung_until = now + DRAIN_MS
        return self._rung <= 3

    def _wait(self, timeout_ms: int) -> None:
        for key, _ in self._selector.select(timeout_ms / 1_000):
            if key.fd == self._wake[0]:
                _empty(key.fd)
            else:
                self._read(key.fd, key.data)

    def _read(self, fd: int, log: Log) -> bool:
        """One read; False when there is nothing now or nothing any more."""
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(fd)
            self._open.discard(fd)
            return False
        self._heard = self._clock.monotonic()
        log.take(data)
        return True

    def _reap(self) -> None:
        """Collect ended children: the leader, and orphans that were adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._child is not None and pid == self._child.pid:
                self._exit = self._child.returncode = os.waitstatus_to_exitcode(status)

    def _beat(self) -> None:
        if (self._dir / rundir.CANCEL).exists():
            self._cancelled = True
        try:
            self._save(durable=False)
        except FileNotFoundError:
            self._cancelled = True
        except OSError as error:
            self._state["detail"] = f"the state could not be written: {error.strerror}"

    def _save(self, *, durable: bool) -> None:
        self._state["heartbeat_at"] = self._clock.now()
        if self._logs:
            self._state |= {
                "stdout_bytes": self._logs[0].written,
                "stderr_bytes": self._logs[1].written,
                "dropped_bytes": sum(log.dropped for log in self._logs),
                "redactions": sum(log.redactions for log in self._logs),
            }
        rundir.write(self._dir / rundir.STATE, rundir.encode(self._state), durable=durable)

    def _left(self) -> set[int]:
        return procs.descendants(os.getpid()) | procs.marked(str(self._order["run_id"]))

    def _sweep(self) -> tuple[int, ...]:
        def pause() -> None:
            time.sleep(0.01)
            self._reap()

        self._reap()
        survivors = procs.sweep(self._left, self._clock.monotonic, pause)
        self._reap()
        return survivors

    def _end(self) -> None:
        survivors = self._sweep()
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                until = self._clock.monotonic() + DRAIN_MS
                while self._read(key.fd, key.data) and self._clock.monotonic() < until:
                    pass
        stop, detail = self._stop, ""
        if not stop:
            stop = "exit"
            if self._exit is not None and self._exit < 0:
                stop, detail = "signal", f"ended by {_signal_name(-self._exit)}"
        elif stop == "timeout":
            detail = f"ran longer than {self._limits['total_s']:g} s"
        elif stop == "idle":
            detail = f"no output for {self._limits['idle_s']:g} s"
        self._finish(stop, detail, survivors)

    def _finish(self, stop: str, detail: str, survivors: tuple[int, ...] = ()) -> None:
        for log in self._logs:
            log.close()
            detail = "; ".join(part for part in (detail, log.trouble) if part)
        if self._child is not None:
            for stream in (self._child.stdout, self._child.stderr):
                if stream is not None:
                    stream.close()
        detail = "; ".join(part for part in (detail, self._keep_result()) if part)
        self._state |= {
            "state": "finished",
            "ended_at": self._clock.now(),
            "exit": self._exit if self._exit is not None and self._exit >= 0 else None,
            "stop": stop,
            "detail": detail,
            "survivors": list(survivors),
        }
        self._save(durable=True)
        self._finished = True
        rundir.release(Path(self._order["lock"]), str(self._order["run_id"]))

    def _keep_result(self) -> str:
        """A redacted copy of the result file in the run's folder."""
        try:
            data = rundir.read_result(Path(self._order["workspace"]))
        except rundir.ResultRefused:
            return ""
        if data is None:
            return ""
        stream = StreamRedactor(self._secrets)
        try:
            rundir.write(self._dir / rundir.RESULT, stream.feed(data) + stream.flush())
        except OSError as error:
            return f"the result could not be kept: {error.strerror}"
        return ""


def _noted(_number: int, _frame: object) -> None:
    """Wakes the loop; a handler, not `SIG_IGN`, because ignored signals would stay ignored in the program."""


def _ms(seconds: object) -> int:
    return int(float(str(seconds)) * 1_000)


def _empty(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, 512):
            pass


def _widen(fd: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1024 * 1024)


def _send_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
