"""The guard of a training process: no network, no name looked up, no program started, from its first moment on.

Installed it stays until the process ends; Python offers no way to take an audit hook back. Sockets of this machine
(`AF_UNIX`) are left: the control socket of the lesson, and the pair by which the event loop wakes itself.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from typing import Any

SOCKETS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"})
NAMES = frozenset(
    {
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "socket.getservbyname",
    }
)
PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"}
)
NO_NETWORK = "a lesson opens no connection"
NO_PROGRAM = "a lesson starts no program"


class Forbidden(PermissionError):
    """Something that would leave the lesson was tried; nothing happened."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EPERM, why)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in PROGRAMS:
        raise Forbidden(NO_PROGRAM)
    if event in NAMES:
        raise Forbidden(NO_NETWORK)
    if event == "socket.__new__":
        if args[1] not in _LOCAL:
            raise Forbidden(NO_NETWORK)
    elif event in SOCKETS and args[0].family not in _LOCAL:
        raise Forbidden(NO_NETWORK)


_LOCAL: frozenset[int] = frozenset({int(socket.AF_UNIX), -1})
"""Families of sockets that stay on this machine; -1 is a socket that is made from one that is there."""
_installed: list[Callable[[str, tuple[Any, ...]], None]] = []


def install() -> None:
    """From now on, whatever would leave the lesson raises `Forbidden`. Doing it twice does no harm."""
    if not _installed:
        _installed.append(_hook)
        sys.addaudithook(_hook)


def installed() -> bool:
    """Whether this process is guarded."""
    return bool(_installed)
