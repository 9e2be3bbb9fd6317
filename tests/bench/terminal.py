"""A terminal for programs under measurement: it starts one in a pty, answers its questions and notes when it paints.

A paint is the end of a synchronized update (mode 2026), or, for a program that uses none, a chunk of output with a
visible character in it. A thread stamps bytes as they arrive, so what is done with them later costs no time in the
figures. CPU times are those of the program itself, from its own CPU clock, and need Linux, as do memory and wake-ups.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Metrics = dict[str, float]

KEYS = {
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "pagedown": b"\x1b[6~",
    "pageup": b"\x1b[5~",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "tab": b"\t",
    "enter": b"\r",
    "escape": b"\x1b",
}
"""Names of keys as `press` takes them; anything else is sent as it is."""

SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]"
)
"""Everything a terminal acts on instead of showing it."""

FRAME_END = b"\x1b[?2026l"
GAP_S = 0.06
"""Silence that ends what a key caused."""

_ANSWERS = (
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[>0?q"), b"\x1bP>|bench\x1b\\"),
    (re.compile(rb"\x1b\[5n"), b"\x1b[0n"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?u"), b"\x1b[?0u"),
    (re.compile(rb"\x1b\]10;\?(?:\x07|\x1b\\)"), b"\x1b]10;rgb:dddd/dddd/dddd\x1b\\"),
    (re.compile(rb"\x1b\]11;\?(?:\x07|\x1b\\)"), b"\x1b]11;rgb:1111/1111/1111\x1b\\"),
)
_LONGEST_QUESTION = 16


class Ended(Exception):
    """The program ended, or did not show what was awaited."""


@dataclass(frozen=True)
class Usage:
    """What a process has used so far."""

    cpu_ms: float
    rss_mb: float
    peak_mb: float
    wakeups: int


class Terminal:
    """One program in one pty of a given size, until `close`."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], size: tuple[int, int] = (120, 40)) -> None:
        columns, rows = size
        self._chunks: list[tuple[float, bytes]] = []
        self._seen = 0
        self._shown = ""
        self._sync = False
        self._lock = threading.Condition()
        self._over = False
        self.bytes = 0
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execvpe(argv[0], list(argv), dict(env))
            finally:
                os._exit(127)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # what the program writes ----------------------------------------------------------------------

    def _read(self) -> None:
        tail = b""
        while True:
            try:
                select.select([self._fd], [], [])
                data = os.read(self._fd, 65_536)
            except OSError:
                data = b""
            now = time.perf_counter()
            with self._lock:
                if data:
                    self._chunks.append((now, data))
                    self.bytes += len(data)
                else:
                    self._over = True
                self._lock.notify_all()
            if not data:
                return
            tail = self._answer(tail, data)

    def _answer(self, tail: bytes, data: bytes) -> bytes:
        text = tail + data
        last = 0
        found = [
            (match.start(), match.end(), answer) for pattern, answer in _ANSWERS for match in pattern.finditer(text)
        ]
        for _, end, answer in sorted(found):
            os.write(self._fd, answer)
            last = max(last, end)
        return text[last:][-_LONGEST_QUESTION:]

    def _next(self, until: float) -> tuple[float, bytes] | None:
        """The next chunk and its time of arrival, or None if none came until then. Raises `Ended`."""
        with self._lock:
            while self._seen >= len(self._chunks):
                if self._over:
                    raise Ended("the program ended")
                left = until - time.perf_counter()
                if left <= 0 or not self._lock.wait(left):
                    return None
            chunk = self._chunks[self._seen]
            self._seen += 1
            return chunk

    def _paint(self, until: float) -> float | None:
        """The time of the next paint, or None."""
        while True:
            chunk = self._next(until)
            if chunk is None:
                return None
            at, data = chunk
            text = SEQUENCE.sub("", data.decode("utf-8", "replace"))
            self._shown = (self._shown + text)[-400_000:]
            self._sync = self._sync or b"\x1b[?2026h" in data
            if FRAME_END in data or (not self._sync and text.strip()):
                return at

    # measuring ------------------------------------------------------------------------------------

    def wait_for(self, text: str, timeout_s: float = 60.0) -> float:
        """Milliseconds from the start until this text stood in a paint. Raises `Ended`."""
        until = time.perf_counter() + timeout_s
        while (at := self._paint(until)) is not None:
            if text in self._shown:
                return (at - self.started) * 1000
        raise Ended(f"{text!r} was not shown in {timeout_s} s; the end of what was: {self._shown[-300:]!r}")

    def calm(self, silence_s: float = 0.5, limit_s: float = 10.0) -> float:
        """Wait until nothing was painted for that long; milliseconds from the start to the last paint."""
        last = time.perf_counter()
        end = last + limit_s
        while (at := self._paint(min(last + silence_s, end))) is not None:
            last = at
        return (last - self.started) * 1000

    def watch(self, seconds: float) -> None:
        """Take what is painted for a while."""
        until = time.perf_counter() + seconds
        while self._paint(until) is not None:
            pass

    def send(self, key: str) -> None:
        """Press a key and look at nothing."""
        data = KEYS.get(key, key.encode())
        while data:
            data = data[os.write(self._fd, data) :]

    def press(self, key: str, timeout_s: float = 5.0) -> Metrics:
        """Press one key: `paint_ms` to its first paint, `settled_ms` to its last, `bytes` for all. Raises `Ended`."""
        before, sent = self.bytes, time.perf_counter()
        self.send(key)
        first = self._paint(sent + timeout_s)
        if first is None:
            raise Ended(f"the key {key} changed nothing")
        last = first
        while (at := self._paint(last + GAP_S)) is not None and last - sent < timeout_s:
            last = at
        return {
            "paint_ms": (first - sent) * 1000,
            "settled_ms": (last - sent) * 1000,
            "bytes": float(self.bytes - before),
        }

    def press_for(self, key: str, text: str, timeout_s: float = 5.0) -> float:
        """Milliseconds from a key to the first paint that shows a text, while other things are painted too."""
        self.watch(0.0)
        self._shown = ""
        sent = time.perf_counter()
        self.send(key)
        while (at := self._paint(sent + timeout_s)) is not None:
            if text in self._shown:
                return (at - sent) * 1000
        raise Ended(f"the key {key} did not show {text!r}")

    def keys(self, keys: Sequence[str], *, seed: int = 1) -> Metrics:
        """Press keys one after another, at times that keep no step with timers: quantiles of what `press` gives."""
        chance = random.Random(seed)
        before = self.usage().cpu_ms
        found = []
        for key in keys:
            time.sleep(chance.uniform(0.0, 0.02))
            found.append(self.press(key))
        result: Metrics = {"key_cpu_ms": (self.usage().cpu_ms - before) / len(found)}
        for name in ("paint_ms", "settled_ms", "bytes"):
            values = [each[name] for each in found]
            result |= {f"{name}.p50": quantile(values, 0.5), f"{name}.p95": quantile(values, 0.95)}
        return result

    def hold(self, key: str, count: int, rate: float) -> Metrics:
        """A held key: `lag_ms` from the last repeat to the last paint."""
        before, start = self.bytes, time.perf_counter()
        last = start
        for n in range(count):
            due = start + n / rate
            while (at := self._paint(due)) is not None:
                last = at
            self.send(key)
        sent = time.perf_counter()
        while (at := self._paint(max(last, sent) + 0.25)) is not None:
            last = at
        return {"lag_ms": max(0.0, last - sent) * 1000, "bytes": (self.bytes - before) / count}

    def idle(self, seconds: float) -> Metrics:
        """Do nothing for a while and see what the program does."""
        self.calm(1.0)
        used, written, start = self.usage(), self.bytes, time.perf_counter()
        time.sleep(seconds)
        took = time.perf_counter() - start
        now = self.usage()
        return {
            "idle_cpu_pct": (now.cpu_ms - used.cpu_ms) / took / 10,
            "idle_wakeups_s": (now.wakeups - used.wakeups) / took,
            "idle_bytes_s": (self.bytes - written) / took,
        }

    def usage(self) -> Usage:
        """CPU, memory and voluntary context switches of the program so far."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace")
        wakeups = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                wakeups += _field((task / "status").read_text("ascii", "replace"), "voluntary_ctxt_switches")
            except (FileNotFoundError, ProcessLookupError):
                continue
        return Usage(
            cpu_ms=_cpu_seconds(self.pid) * 1000,
            rss_mb=_field(status, "VmRSS") / 1024,
            peak_mb=_field(status, "VmHWM") / 1024,
            wakeups=wakeups,
        )

    def close(self, quit_key: str = "") -> None:
        """End the program: by its own key if one is given, else by signals."""
        if quit_key and not self._over:
            self.send(quit_key)
        for number, patience in ((0, 3.0 if quit_key else 0.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
            if number:
                os.kill(self.pid, number)
            until = time.perf_counter() + patience
            while True:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    self._reader.join(2)
                    os.close(self._fd)
                    return
                if time.perf_counter() >= until:
                    break
                time.sleep(0.01)
        raise Ended(f"process {self.pid} does not end")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which this share lies, between neighbours if need be."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def environment(**more: str) -> dict[str, str]:
    """The environment programs are measured in: a fixed kind of terminal, bytecode allowed."""
    unwanted = {"NO_COLOR", "COLUMNS", "LINES", "TMUX", "STY", "TERM_PROGRAM", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted and not name.startswith("STAS_")}
    root = str(Path(__file__).resolve().parents[2])
    return {
        **kept,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": root,
        **more,
    }


def python(*args: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *args]


def _field(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def _cpu_seconds(pid: int) -> float:
    clock = ctypes.c_int()
    problem = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if problem:
        raise Ended(f"no CPU clock for process {pid}: {os.strerror(problem)}")
    return time.clock_gettime(clock.value)
