"""Counts the parts of a log file in several children at once. They are small, and load nothing but what counts."""

from __future__ import annotations

import errno
import os
import queue
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from stas_tui.isolation.logs.counting import Counted, Form
from stas_tui.isolation.logs.worker import Answer, receive, send

Part = tuple[int, int, bool]
"""(first byte, last byte, whether requests are joined)."""
WORKER = "from stas_tui.isolation.logs.worker import main; main()"
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "PYTHONINTMAXSTRDIGITS")


def count_in_children(path: Path, parts: Sequence[Part], form: Form, children: int) -> Generator[Counted]:
    """What was counted in each part, in order. Closing the iterator ends the children. Raises `OSError`."""
    free: queue.SimpleQueue[_Child] = queue.SimpleQueue()
    started: list[_Child] = []

    def ask(part: Part) -> Counted:
        child = free.get()
        try:
            return child.count(path, part, form)
        finally:
            free.put(child)

    threads = ThreadPoolExecutor(children, thread_name_prefix="stas-logs")
    try:
        for _ in range(children):
            started.append(_Child())
            free.put(started[-1])
        for future in [threads.submit(ask, part) for part in parts]:
            yield future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for child in started:
            child.end()
        threads.shutdown()


class _Child:
    """One process. Raises `OSError` if none can be started."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parents[3])
        environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**environ, "PYTHONPATH": root, "PYTHONUTF8": "1"}, cwd="/", start_new_session=True,
        )  # fmt: skip

    def count(self, path: Path, part: Part, form: Form) -> Counted:
        """Ask it. Raises `OSError`, and whatever the counting raised."""
        start, end, join = part
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            send(self._process.stdin, (os.fsencode(path.absolute()), start, end, form, join))
            number, text, counted = receive(self._process.stdout, Answer)
        except (BrokenPipeError, EOFError, ValueError):
            raise OSError(errno.EPIPE, "a process that counts its lines ended too early") from None
        if counted is None:
            raise OSError(number, text)
        assert isinstance(counted, Counted)
        return counted

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
