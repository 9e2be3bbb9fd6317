"""The watcher as a process beside the dashboard: one for each profile, ended with whoever started it.

The child's standard input is a pipe whose other end only the parent holds. When the parent ends, however it ends, the
pipe closes and the child goes too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.locations import Profile
from storage.errors import StasError

FIRST_S = 0.4
"""Seconds that the dashboard gets to itself before the watcher starts."""
AGAIN_S = 10.0
"""Seconds until one looks again whether the other process that watches is still there."""
MOST_S = 60.0
"""Longest pause before a watcher that died is started again."""
END_S = 3.0
"""Seconds a watcher gets to end by itself."""
LOG_BYTES = 256 * 1024


class WatcherThere(StasError):
    """Another process asks the sources of this profile already."""

    exit_code = exit_codes.USAGE


@contextlib.contextmanager
def only_watcher(profile: Profile) -> Iterator[None]:
    """Be the one process that asks the sources of a profile. Raises `WatcherThere`; `OSError` if no lock is possible.

    The lock goes with the process, whatever ends it.
    """
    handle = os.open(profile.root / ".watch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise WatcherThere(
            "Another process asks the sources of this profile already; nothing was asked.", "`stas sources` shows them."
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def when_parent_ends(then: Callable[[], None]) -> None:
    """Call `then`, on a thread, when standard input ends: its other end is the parent's."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4_096):
                pass
        then()

    threading.Thread(target=wait, name="stas-parent", daemon=True).start()


def watcher_argv(profile: Profile) -> list[str]:
    """The command that watches this profile for as long as its parent lives."""
    home = profile.root.parents[1]
    return [sys.executable, "-m", "stas_tui", "--home", str(home), "--profile", profile.name, "watch", "--with-parent"]


class WatcherChild:
    """Keeps a watcher running beside this process until `close`. It costs a thread that sleeps."""

    def __init__(
        self,
        profile: Profile,
        *,
        argv: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        first_s: float = FIRST_S,
    ) -> None:
        self._profile = profile
        self._argv = list(argv or watcher_argv(profile))
        self._environ = dict(os.environ if environ is None else environ)
        self._first_s = first_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="stas-watcher", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def close(self) -> None:
        """End the child and wait for it: by its pipe first, then by signals."""
        self._over.set()
        with self._lock:
            process = self._process
        if process is not None:
            end_process(process)
        self._thread.join(END_S)

    def __enter__(self) -> WatcherChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self) -> None:
        pause = self._first_s
        tried = 0
        while not self._over.wait(pause):
            started = time.monotonic()
            process = self._start()
            if process is None:
                return
            status = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            if status in (exit_codes.USAGE, exit_codes.CONFIG):
                pause = AGAIN_S
                continue
            tried = 0 if time.monotonic() - started > MOST_S else tried + 1
            pause = min(2.0 ** (tried - 1), MOST_S) if tried else 1.0

    def _start(self) -> subprocess.Popen[bytes] | None:
        """The child; None if it is over already. One that cannot be started is a child that failed at once."""
        with self._lock:
            if self._over.is_set():
                return None
            with log_file(self._profile.root / "watch.log") as log:
                self._process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env=child_environ(self._environ),
                    cwd="/",
                    start_new_session=True,
                )
            return self._process


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a child loads the code from where this process has it."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**environ, "PYTHONPATH": os.pathsep.join([root, *paths])}


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[int]:
    """A file for what a child says; it starts again when it is long, and is nowhere when there is no room."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
        if os.fstat(handle).st_size > LOG_BYTES:
            os.ftruncate(handle, 0)
    except OSError:
        handle = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a child and wait for it: by closing its input first, then by signals."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    for then in (process.terminate, process.kill):
        try:
            process.wait(END_S)
            return
        except subprocess.TimeoutExpired:
            then()
    process.wait()
