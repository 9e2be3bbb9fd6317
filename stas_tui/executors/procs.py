"""Processes as the system shows them: who is alive, who descends from whom, who carries a run's marker.

Standard library only: a run's shim uses it. On Linux everything comes from `/proc`; elsewhere from `ps`, which is
weaker (no subreaper, so an escaped process is found by its marker only).

Run as a program, `procs.py PARENT COMMAND…` replaces itself by the command and has the kernel kill it with its parent.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

RUN_MARKER = "STAS_RUN_ID"
"""The variable by which processes of a run are recognised, however they detached themselves."""

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@functools.cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper() -> bool:
    """Have orphaned descendants adopted by this process; False where the system cannot."""
    libc = _libc()
    return libc is not None and libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent() -> bool:
    """Have the kernel kill this process when its parent dies; False where the system cannot."""
    libc = _libc()
    return libc is not None and libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0


@functools.cache
def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[bytes] | None:
    try:
        raw = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return raw[raw.rfind(b")") + 2 :].split()


def _ps(*columns: str) -> Iterator[list[str]]:
    args = ["ps", "-A"]
    for column in columns:
        args += ["-o", f"{column}="]
    out = subprocess.run(args, capture_output=True, text=True, errors="replace", check=False).stdout
    for line in out.splitlines():
        yield line.split(None, len(columns) - 1)


def _linux() -> bool:
    return sys.platform == "linux"


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None if it is dead or a zombie."""
    if _linux():
        fields = _stat(pid)
        return None if fields is None or fields[0] in (b"Z", b"X") else f"{_boot()}:{fields[19].decode('ascii')}"
    for row in _ps("pid", "state", "lstart"):
        if len(row) == 3 and row[0] == str(pid):
            return None if row[1].startswith("Z") else row[2]
    return None


def alive(pid: object, known: object) -> bool:
    """True if the process with that number is still the one that had that identity."""
    return isinstance(pid, int) and pid > 0 and isinstance(known, str) and identity(pid) == known


def descendants(root: int) -> set[int]:
    """Living children of a process, their children, and so on."""
    parents: dict[int, int] = {}
    if _linux():
        for entry in os.scandir(_PROC):
            if entry.name.isdigit():
                fields = _stat(int(entry.name))
                if fields is not None and fields[0] not in (b"Z", b"X"):
                    parents[int(entry.name)] = int(fields[1])
    else:
        parents = {int(row[0]): int(row[1]) for row in _ps("pid", "ppid", "state") if not row[2].startswith("Z")}
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def marked(value: str, name: str = RUN_MARKER) -> set[int]:
    """Living processes whose environment carries `name=value`, without this process and its ancestors."""
    found: set[int] = set()
    if _linux():
        wanted = f"{name}={value}".encode()
        for entry in os.scandir(_PROC):
            if not entry.name.isdigit():
                continue
            try:
                carries = wanted in (_PROC / entry.name / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if carries and identity(int(entry.name)) is not None:
                found.add(int(entry.name))
    else:
        out = subprocess.run(
            ["ps", "-A", "-E", "-ww", "-o", "pid=,command="],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        ).stdout
        found = {
            int(row[0])
            for row in (line.split() for line in out.splitlines())
            if row and row[0].isdigit() and f"{name}={value}" in row[1:]
        }
    return found - _own_line()


def _own_line() -> set[int]:
    line = {os.getpid()}
    pid = os.getppid()
    while pid > 1 and pid not in line:
        line.add(pid)
        fields = _stat(pid) if _linux() else None
        pid = int(fields[1]) if fields else 0
    return line


def with_argument(text: str) -> set[int]:
    """Living processes that were started with exactly this argument."""
    if not _linux():
        return {int(row[0]) for row in _ps("pid", "command") if len(row) == 2 and text in row[1].split()}
    found = set()
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        try:
            arguments = (_PROC / entry.name / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(text) in arguments and identity(int(entry.name)) is not None:
            found.add(int(entry.name))
    return found - {os.getpid()}


def send(pid: int, number: int, known: str | None = None) -> bool:
    """Send a signal; with `known`, only to the process of that identity. False if it is gone or not ours."""
    try:
        if known is None or not hasattr(os, "pidfd_open"):
            if known is None or identity(pid) == known:
                os.kill(pid, number)
                return True
            return False
        handle = os.pidfd_open(pid)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        if identity(pid) != known:
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


def sweep(
    find: Callable[[], set[int]], monotonic: Callable[[], int], pause: Callable[[], None], bound_ms: int = 3_000
) -> tuple[int, ...]:
    """Kill what `find` names until it names nothing; returns what was still alive after `bound_ms`.

    `pause` waits a moment between rounds and reaps what is ours to reap.
    """
    until = monotonic() + bound_ms
    while True:
        left = find()
        if not left:
            return ()
        for pid in left:
            send(pid, signal.SIGKILL)
        pause()
        if monotonic() >= until:
            return tuple(sorted(find()))


def main(arguments: list[str]) -> int:
    """`PARENT COMMAND…`: become the command, bound to the life of the parent."""
    die_with_parent()
    if os.getppid() != int(arguments[0]):
        return 125
    try:
        os.execvp(arguments[1], arguments[1:])  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{arguments[1]}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
