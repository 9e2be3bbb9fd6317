"""A round of checks as a process beside the dashboard: one at a time for each project, ended with whoever started it.

The child writes its results into the record itself; on its standard output it says in lines of JSON how far it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

from stas_tui import exit_codes
from stas_tui.health.process import child_environ, end_process, log_file
from stas_tui.locations import Profile
from storage.errors import StasError
from storage.records import Json

LOG_NAME = "isolation.log"
"""File in the profile that takes what broke in a child."""
LINE_BYTES = 64 * 1024


class RoundThere(StasError):
    """Another process runs the checks of this project already."""

    exit_code = exit_codes.USAGE


@contextlib.contextmanager
def only_round(profile: Profile, project_id: str) -> Iterator[None]:
    """Be the one process that runs the checks of a project. Raises `RoundThere`; `OSError` if no lock is possible.

    The lock goes with the process, whatever ends it.
    """
    path = profile.root / f".isolation-{project_id}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise RoundThere(
            f"The checks of {project_id} are running already; nothing was started.",
            "`stas isolation show` prints what they found so far.",
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def round_argv(
    profile: Profile, project_id: str, *, checks: Sequence[str] = (), pulse_id: str | None = None
) -> list[str]:
    """The command that runs the checks of a project for as long as its parent lives."""
    home = profile.root.parents[1]
    argv = [sys.executable, "-m", "stas_tui", "--home", str(home), "--profile", profile.name]
    argv += ["isolation", "run", "--with-parent", "--project", project_id]
    argv += [word for check in checks for word in ("--check", check)]
    return argv + (["--pulse", pulse_id] if pulse_id is not None else [])


class RoundChild:
    """One round of checks in a child process. `hear` is called on a thread of its own with each line it says.

    Lines are `{"event": …}`: `began` (run, asked), `step` (text), `result` (check, tenant, verdict, reason), `ended`
    (run, outcome, note, counts), `refused` (reason). When the child is gone, `gone` (status) follows.
    """

    LOG: ClassVar[str] = LOG_NAME
    LINE: ClassVar[int] = LINE_BYTES

    def __init__(
        self,
        profile: Profile,
        project_id: str,
        *,
        checks: Sequence[str] = (),
        pulse_id: str | None = None,
        hear: Callable[[Json], None] = lambda _: None,
        argv: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Raises `OSError` if no process can be started."""
        self._hear = hear
        self.project_id = project_id
        with log_file(profile.root / self.LOG) as log:
            self._process = subprocess.Popen(
                list(argv or round_argv(profile, project_id, checks=checks, pulse_id=pulse_id)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environ(os.environ if environ is None else environ),
                cwd="/",
                start_new_session=True,
            )
        self._thread = threading.Thread(target=self._listen, name="stas-isolation", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def cancel(self) -> None:
        """Ask it to stop; what it found until then stands. It ends by itself soon after."""
        if self.running:
            self._process.terminate()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit status once it is gone and everything it said was heard; None if it still runs after the time."""
        self._thread.join(timeout_s)
        return None if self._thread.is_alive() else self._process.returncode

    def close(self) -> None:
        """End the child and wait for it."""
        end_process(self._process)
        self._thread.join()

    def __enter__(self) -> RoundChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            while line := said.readline(self.LINE):
                with contextlib.suppress(ValueError):
                    data = json.loads(line)
                    if isinstance(data, dict):
                        self._hear(data)
        status = self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._hear({"event": "gone", "status": status})
