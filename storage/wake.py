"""Waking other processes after a change: one byte by unix datagram, and a slow poll where that is not possible."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

_LONGEST_PATH = 100
"""Bytes; the system's bound is 104 to 108."""


class Ear:
    """One listener. Without a socket it only waits, so its owner polls."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """For a selector; -1 without a socket."""
        return -1 if self._sock is None else self._sock.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring; True if one came, False when the time is over. Several rings count as one.

        The end of listening ends a wait that is under way on another thread.
        """
        if self._sock is None:
            time.sleep(timeout_s)
            return False
        handle = self._sock.fileno()
        if handle == -1:
            return False
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(max(timeout_s, 0) * 1000):
            return False
        while True:
            try:
                self._sock.recv(16)
            except BlockingIOError:
                return True
            except OSError:
                if self._sock.fileno() != -1:
                    raise
                return False


class Bell:
    """A runtime directory in which every listening process has a socket.

    The bell is only a hint: whoever is rung reads the record, and reads it from time to time anyway.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextlib.contextmanager
    def listen(self) -> Iterator[Ear]:
        """Listen until the block ends. Falls back to an `Ear` without a socket when none can be made."""
        path = self.directory / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.sock"
        sock = self._bind(path)
        try:
            yield Ear(sock)
        finally:
            if sock is not None:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                    sender.setblocking(False)
                    _poke(sender, path)
                sock.close()
                path.unlink(missing_ok=True)

    def _bind(self, path: Path) -> socket.socket | None:
        if len(os.fsencode(path)) > _LONGEST_PATH or not hasattr(socket, "AF_UNIX"):
            return None
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            sock.bind(os.fspath(path))
            sock.setblocking(False)
        except OSError:
            sock.close()
            return None
        return sock

    def ring(self) -> None:
        """Wake every listener. Never raises: a full socket is already awake, a dead one is removed."""
        try:
            paths = list(self.directory.glob("*.sock"))
        except OSError:
            return
        if not paths:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for path in paths:
                _poke(sender, path)


def _poke(sender: socket.socket, path: Path) -> None:
    try:
        sender.sendto(b"!", os.fspath(path))
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            path.unlink()
    except OSError:
        return
