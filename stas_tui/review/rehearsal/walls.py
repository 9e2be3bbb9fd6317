"""Starting a program inside the jail, and saying in words which walls stand."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stas_tui.executors import procs
from stas_tui.locations import SOCKET_PATH_BYTES
from storage.clock import HOUR, SECOND, Clock
from storage.errors import StasError

MARKER = "STAS_REHEARSAL_ID"
"""Variable by which processes of a rehearsal are recognised."""
PATH = "/usr/local/bin:/usr/bin:/bin"

_JAIL = Path(__file__).with_name("jail.py")
_REPORT_BYTES = 65_536
_END_S = 5.0
_SWEEP_MS = 3_000
LEFT_OVER_MS = 2 * HOUR
"""Age from which a folder that nobody removed is nobody's; a rehearsal takes an hour at most."""
_PREFIX = "stas-rehearsal-"


class WallsMissing(StasError):
    """A program cannot be started inside the jail."""


@dataclass(frozen=True, slots=True)
class Place:
    """The one folder that a rehearsal may write, and the user that it runs as."""

    folder: Path
    user: int | None
    """Numeric user when we are root, else None."""

    def made(self, *parts: str) -> Path:
        """A folder inside, made for that user alone."""
        path = self.folder.joinpath(*parts)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.user is not None:
            os.chown(path, self.user, self.user)
        return path

    def give(self, path: Path) -> None:
        """Hand a file or folder inside, with what is in it, to that user."""
        if self.user is None:
            return
        for below, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(below) / name, self.user, self.user, follow_symlinks=False)
        os.chown(path, self.user, self.user)


@contextmanager
def place(clock: Clock) -> Iterator[Place]:
    """A fresh folder, which is removed with everything in it. Raises `WallsMissing`."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - sockets need a short path
        folder = Path(os.path.realpath(parent)) / f"{_PREFIX}12345678"
        if len(os.fsencode(folder)) + len("/s/.s.PGSQL.5432") <= SOCKET_PATH_BYTES:
            break
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder.parent))
    except OSError as error:
        raise WallsMissing(f"No temporary folder: {error.strerror}.", "Set TMPDIR to one with free space.") from None
    try:
        user = _nobody() if os.geteuid() == 0 else None
        _remove_left_over(folder.parent, {os.geteuid(), user}, clock.now())
        if user is not None:
            os.chown(made, user, user)
        here = Place(made, user)
        here.made("home")
        here.made("tmp")
        yield here
    finally:
        pause = threading.Event()
        procs.sweep(lambda: procs.marked(made.name, MARKER), clock.monotonic, lambda: _rest(pause), _SWEEP_MS)
        shutil.rmtree(made, ignore_errors=True)


def _remove_left_over(parent: Path, users: set[int | None], now: int) -> None:
    """Folders of rehearsals whose process was killed before it could remove them."""
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            old = now - int(found.st_mtime * SECOND) > LEFT_OVER_MS
            if old and found.st_uid in users and stat.S_ISDIR(found.st_mode) and not procs.marked(path.name, MARKER):
                shutil.rmtree(path, ignore_errors=True)


def _rest(pause: threading.Event) -> None:
    pause.wait(0.02)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65_534


def environment(here: Place, more: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a jailed program: nothing is passed on."""
    return {
        "PATH": PATH,
        "HOME": str(here.folder / "home"),
        "TMPDIR": str(here.folder / "tmp"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        **more,
    }


@dataclass(slots=True)
class Jailed:
    """A running program and the walls around it."""

    process: subprocess.Popen[bytes]
    walls: Mapping[str, str]


def start(
    here: Place,
    program: Sequence[str],
    *,
    env: Mapping[str, str],
    keep: Iterable[Path] = (),
    network: bool = False,
    seconds: float,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> Jailed:
    """Start a program inside the jail. Raises `WallsMissing` if it does not come up."""
    ours, theirs = os.pipe()
    settings = {
        "work": str(here.folder),
        "keep": [str(path) for path in keep],
        "hide": _hidden(),
        "user": here.user,
        "network": network,
        "seconds": max(int(seconds), 1),
        "report": theirs,
        "parent": os.getpid(),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_JAIL), json.dumps(settings), *program],
            cwd=here.folder,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(theirs,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        os.close(theirs)
        raise WallsMissing(
            f"The rehearsal's process cannot be started: {error.strerror}.", "Look at the limits."
        ) from None
    os.close(theirs)
    with os.fdopen(ours, "rb") as report:
        said = report.read(_REPORT_BYTES)
    try:
        walls = json.loads(said)
    except ValueError:
        end(process)
        raise WallsMissing(
            "The walls around a rehearsal could not be built on this system.", "Look at what the kernel allows."
        ) from None
    return Jailed(process, walls)


def _hidden() -> list[str]:
    """Folders whose content a rehearsal has no business with: homes, sockets, other people's temporary files."""
    home = os.path.expanduser("~")  # noqa: PTH111 - may be no folder at all
    return [
        path
        for path in ("/root", "/home", "/Users", "/run", "/mnt", "/media", "/srv", home)
        if path.count("/") >= 1 and path != "/"
    ]


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program with what it started, and wait for it."""
    if process.poll() is None:
        process.terminate()  # the jail's keeper kills what is inside and reaps it
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def interpreter_folders(python: Path) -> list[Path]:
    """Folders that an interpreter needs: its environment and what that was made from."""
    found = [python.parent.parent] if (python.parent.parent / "pyvenv.cfg").exists() else []
    return [*found, Path(os.path.realpath(python)).parent.parent]


def in_words(walls: Mapping[str, str], *, network_asked: bool = False) -> str:
    """Which walls stood, for the evidence."""
    closed = walls.get("network")
    network = "no network" if closed == "closed" else "no TCP" if closed else "network open"
    if network_asked and not closed:
        network = "network open, because the given server needs it"
    files = "one writable folder" if walls.get("files") else "files not protected"
    processes = "other processes hidden" if walls.get("processes") else "other processes visible"
    user = ", as an unprivileged user" if walls.get("user") else ""
    return f"{network}, {files}, {processes}{user}, empty environment"
