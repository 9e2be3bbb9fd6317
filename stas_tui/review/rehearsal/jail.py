"""Becomes a program that can reach and change as little as this system allows: run as `jail.py SETTINGS PROGRAM…`.

Standard library only; it replaces itself by the program. SETTINGS is JSON: `work` (the one folder that may be written),
`keep` (folders inside hidden ones that must stay readable), `hide` (folders that are emptied for the program), `user`
(numeric user and group to become when started by root, or null), `network` (true leaves it open), `seconds` (of
processor time), `report` (file descriptor that is told, as JSON, which walls stand), `parent` (process to die with).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
_NOSUID, _NODEV = 0x2, 0x4
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _RDONLY = 442, -100, 0x8000, 0x1
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_WRITES = 0b1_1111_1111_0010
"""Landlock's rights that change files: write, remove, make of every kind."""
_REFER, _TRUNCATE, _CONNECT_TCP = 1 << 13, 1 << 14, 1 << 1
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 38, 4
_OF_THEIR_OWN = ("/tmp", "/dev/shm", "/var/tmp")  # noqa: S108 - these are made empty for the program


class _Attributes(ctypes.Structure):
    _fields_ = [
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("spread", ctypes.c_uint64),
        ("ns", ctypes.c_uint64),
    ]


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Build the walls, say which stand, and become the program."""
    settings = json.loads(arguments[0])
    walls: dict[str, str] = {}
    if sys.platform != "linux":
        walls["system"] = f"{sys.platform} has none of the walls that are used"
        return _become(settings, walls, arguments[1:])
    libc = _libc()
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != settings["parent"]:
        return 125
    root = os.geteuid() == 0
    if _allowed(libc, root, settings["network"]):
        _leave(libc, root, settings["network"])
        walls["processes"] = "hidden"
        if not settings["network"]:
            walls["network"] = "closed"
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        if first := os.fork():
            return _keep(settings, first)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        _arrange(libc, settings, walls)
        if program := os.fork():
            return _tend(settings, program)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    user = settings["user"] if root else None
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        walls["user"] = "changed"
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _landlock(libc, settings, walls)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return _become(settings, walls, arguments[1:])


def _allowed(libc: Any, root: bool, network: bool) -> bool:
    """Whether this system lets us have name spaces of our own and mount in them; tried in a child that is then gone."""
    child = os.fork()
    if not child:
        try:
            _leave(libc, root, network)
            _mount(libc, "none", "/", "", _REC | _PRIVATE)
            _mount(libc, "tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV)  # noqa: S108
            _set_writable(libc, "/", False, recursive=True)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _leave(libc: Any, root: bool, network: bool) -> None:
    """Leave the system's name spaces for own ones. Raises `OSError` if that is not allowed."""
    uid, gid = os.geteuid(), os.getegid()
    flags = _NEWNS | _NEWPID | _NEWIPC | (0 if network else _NEWNET) | (0 if root else _NEWUSER)
    if libc.unshare(flags) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if not root:
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", "ascii")


def _let_go(settings: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.close(settings["report"])
    for descriptor in (0, 1):
        os.close(descriptor)


def _keep(settings: dict[str, Any], first: int) -> int:
    """Outside: wait for the first process inside, and end everything inside when asked to end."""
    _let_go(settings)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _, status = os.waitpid(first, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _tend(settings: dict[str, Any], program: int) -> int:
    """Inside, as the first process: take over orphans, and when the program ends all of them end."""
    _let_go(settings)
    while True:
        pid, status = os.wait()
        if pid == program:
            return os.waitstatus_to_exitcode(status) & 0xFF


# files --------------------------------------------------------------------------------------------


def _arrange(libc: Any, settings: dict[str, Any], walls: dict[str, str]) -> None:
    """Empty the hidden folders, put what is kept back into them, and make everything else read-only."""
    work = settings["work"]
    hidden = _outermost(path for path in (*settings["hide"], *_OF_THEIR_OWN) if Path(path).is_dir())
    kept = _outermost((work, *settings["keep"]))
    handles = {path: os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in kept if Path(path).is_dir()}
    _mount(libc, "none", "/", "", _REC | _PRIVATE)
    for path in hidden:
        _mount(libc, "tmpfs", path, "tmpfs", _NOSUID | _NODEV, "mode=1777" if path in _OF_THEIR_OWN else "mode=755")
    for path, handle in handles.items():
        inside = any(path.startswith(f"{other}/") for other in hidden)
        if inside:
            Path(path).mkdir(parents=True, exist_ok=True)
        if inside or path == work:
            _mount(libc, f"/proc/self/fd/{handle}", path, "", _BIND | _REC)
        os.close(handle)
    if not _try_mount(libc, "proc", "/proc", "proc", _NOSUID | _NODEV):
        _mount(libc, "tmpfs", "/proc", "tmpfs", _NOSUID | _NODEV)
    _set_writable(libc, "/", False, recursive=True)
    for path in (work, *(path for path in _OF_THEIR_OWN if path in hidden)):
        _set_writable(libc, path, True, recursive=False)
    os.chdir(work)
    walls["files"] = "one folder"


def _outermost(paths: Any) -> list[str]:
    found: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths}):
        if not any(path == other or path.startswith(f"{other}/") for other in found):
            found.append(path)
    return found


def _try_mount(libc: Any, source: str, target: str, kind: str, flags: int, data: str = "") -> bool:
    done = libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)
    return bool(done == 0)


def _mount(libc: Any, source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    if not _try_mount(libc, source, target, kind, flags, data):
        raise OSError(ctypes.get_errno(), f"cannot mount {target}: {os.strerror(ctypes.get_errno())}")


def _set_writable(libc: Any, path: str, writable: bool, *, recursive: bool) -> None:
    attributes = _Attributes(0 if writable else _RDONLY, _RDONLY if writable else 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    size = ctypes.sizeof(attributes)
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, ctypes.byref(attributes), size) < 0:
        raise OSError(ctypes.get_errno(), f"cannot protect {path}: {os.strerror(ctypes.get_errno())}")


def _landlock(libc: Any, settings: dict[str, Any], walls: dict[str, str]) -> None:
    """The kernel's own lock for processes without rights: writing in one folder only, and no TCP where it can that."""
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return
    files = _WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    closed = version >= 4 and not settings["network"]
    rules = _Ruleset(files, _CONNECT_TCP if closed else 0, 0)
    size = ctypes.sizeof(rules) if version >= 6 else 16 if version >= 4 else 8
    handle = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), size, 0)
    if handle < 0:
        return
    for path in (settings["work"], "/dev", *(_OF_THEIR_OWN if "files" in walls else ())):
        with contextlib.suppress(FileNotFoundError):
            beneath = _Beneath(files, os.open(path, os.O_PATH | os.O_CLOEXEC))
            libc.syscall(_LANDLOCK_ADD, handle, 1, ctypes.byref(beneath), 0)
            os.close(beneath.parent)
    if libc.syscall(_LANDLOCK_RESTRICT, handle, 0) == 0:
        walls["files"] = "one folder"
        if closed:
            walls.setdefault("network", "no TCP")
    os.close(handle)


def _become(settings: dict[str, Any], walls: dict[str, str], program: list[str]) -> int:
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 4 * 1024**3),
        (resource.RLIMIT_CPU, int(settings["seconds"]) + 10),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))
    with os.fdopen(settings["report"], "w", encoding="utf-8") as report:
        json.dump(walls, report)
    os.chdir(settings["work"])
    try:
        os.execvp(program[0], program)  # noqa: S606 - a list of arguments, no shell
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be run here: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
