"""Reads many files in several children at once; a file on which a child hangs or dies is said to be unread."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from stas_tui.isolation.code.words import Words
from stas_tui.isolation.code.worker import READY, packed

FILE_S = 30.0
"""Seconds that one file may take."""
WORKER = "stas_tui.isolation.code.worker"
START_S = 60.0
"""Seconds that a child may take until it can read."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")

Facts = dict[str, Any]
Item = tuple[str, str, bytes]
"""(blob hash, path, content)."""


class ReaderBroken(RuntimeError):
    """No reader could be started: a fault of the installation, and of no file."""


def read_in_children(
    items: Iterable[Item], words: Words, count: int, *, argv: list[str] | None = None, file_s: float | None = None
) -> Iterator[tuple[str, Facts]]:
    """(blob hash, facts) of every item, in any order. Closing the iterator ends the children."""
    todo: queue.Queue[Item | None] = queue.Queue(maxsize=4 * count)
    done: queue.SimpleQueue[tuple[str, Facts] | BaseException] = queue.SimpleQueue()
    over = threading.Event()
    children = [
        _Child(words, argv or [sys.executable, "-m", WORKER], FILE_S if file_s is None else file_s)
        for _ in range(count)
    ]
    threads = [threading.Thread(target=_work, args=(child, todo, done, over), daemon=True) for child in children]
    for thread in threads:
        thread.start()
    waiting = 0
    try:
        for item in items:
            while True:
                with suppress(queue.Full):
                    todo.put(item, timeout=0.05)
                    break
                while not done.empty():
                    waiting -= 1
                    yield _answer(done.get())
            waiting += 1
            while not done.empty():
                waiting -= 1
                yield _answer(done.get())
        while waiting:
            waiting -= 1
            yield _answer(done.get())
    finally:
        over.set()
        for child in children:
            child.end()
        for thread in threads:
            thread.join()


def _answer(item: tuple[str, Facts] | BaseException) -> tuple[str, Facts]:
    if isinstance(item, BaseException):
        raise item
    return item


def _work(
    child: _Child,
    todo: queue.Queue[Item | None],
    done: queue.SimpleQueue[tuple[str, Facts] | BaseException],
    over: threading.Event,
) -> None:
    while not over.is_set():
        with suppress(queue.Empty):
            item = todo.get(timeout=0.05)
            if item is None:
                return
            try:
                done.put((item[0], child.read(item[1], item[2])))
            except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits for the answer
                if not over.is_set():
                    done.put(error)
                return


class _Child:
    """One process, started when it is first asked, and again after a file that was its end."""

    def __init__(self, words: Words, argv: list[str], file_s: float) -> None:
        self._hello = json.dumps(packed(words)).encode() + b"\n"
        self._argv, self._file_s = argv, file_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False

    def read(self, path: str, data: bytes) -> Facts:
        """The facts of a file, or why there are none. Raises `OSError`, `ReaderBroken` if no reader starts."""
        process = self._running()
        try:
            head = json.dumps({"path": path, "bytes": len(data)}).encode()
            self._write(process, head + b"\n" + data)
            line = self._line(process, self._file_s)
        except (BrokenPipeError, ValueError):
            line = b""
        if line is None:
            self._stop()
            return {"u": f"reading it took longer than {self._file_s:g} s"}
        if not line.endswith(b"\n"):
            self._stop()
            return {"u": "the reader broke on it"}
        facts: Facts = json.loads(line)
        return facts

    def end(self) -> None:
        """End the process for good."""
        with self._lock:
            self._ended = True
        self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process is not None:
                return self._process
            if self._ended:
                raise ReaderBroken("the readers were ended")
            process = self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=_environ(os.environ), cwd="/", start_new_session=True,
            )  # fmt: skip
        try:
            self._write(process, self._hello)
            ready = self._line(process, START_S)
        except (BrokenPipeError, ValueError):
            ready = b""
        if ready != READY:
            self._stop()
            raise ReaderBroken("a reader of files did not start")
        return process

    @staticmethod
    def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.flush()

    @staticmethod
    def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """The next line that a child says; None if it says nothing for so long."""
        assert process.stdout is not None
        said = select.select([process.stdout], [], [], seconds)[0]
        return process.stdout.readline() if said else None

    def _stop(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[3])
    return {**{name: environ[name] for name in _KEPT if name in environ}, "PYTHONPATH": root, "PYTHONUTF8": "1"}
