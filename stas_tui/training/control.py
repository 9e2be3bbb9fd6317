"""The instructor's way into a live lesson: an owner-only Unix socket with JSON lines, on a thread of its own.

    with Control(director, path_for(locations, run)) as control: ...
    Client(path).ask("speed", {"times": 5})

A line in is `{"what": "speed", "body": {"times": 5}}`; a line out is `{"ok": true, "said": "…"}`, for `state` with
`"state": {…}`. Whatever comes in, and whatever becomes of this thread, the lesson goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import stat
import struct
import threading
import traceback
from collections import deque
from pathlib import Path
from typing import Protocol

from stas_tui.locations import private_dir
from stas_tui.training.control_client import LONGEST_LINE, answers
from storage.clock import Clock, SystemClock
from storage.errors import StasError
from storage.records import Json
from storage.redact import redact

MOST_CLIENTS = 8
IDLE_MS = 10 * 60 * 1_000
"""A client that says nothing for so long is dropped."""
MOST_UNREAD = 4 * LONGEST_LINE
"""Bytes that wait for a client who does not read."""
ACCEPT_AT_ONCE = 16
LEFT_BEHIND_MS = 60 * 1_000
"""A socket that nobody answers is taken away when it is older."""
_LOOK_S = 1.0


class ControlError(StasError):
    """The socket cannot be made: the run has one already, or the folder is not ours."""


class Stand(Protocol):
    """What is controlled. Both are called on the control's thread; orders that cannot be done raise `StasError`."""

    def state(self) -> Json:
        """How the lesson stands; see `standing.state_of`."""
        ...

    def order(self, what: str, body: Json) -> str:
        """Do it and say in one sentence what was done. Raises `StasError`."""
        ...


def peer_uid(sock: socket.socket) -> int:
    """The user at the other end, as the kernel knows it. Raises `OSError`."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        return int(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1])
    local, peercred, xucred = 0, 1, "=II"
    return int(struct.unpack_from(xucred, sock.getsockopt(local, peercred, 76))[1])


class _Guest:
    """One client."""

    def __init__(self, sock: socket.socket, now: int) -> None:
        self.sock = sock
        self.heard_at = now
        self.unread = bytearray()
        self.answers: deque[bytes] = deque()
        self.last = False
        """To be dropped once its answers are out."""

    @property
    def waiting(self) -> int:
        return sum(map(len, self.answers))


class Control:
    """Answers orders for one stand until it is stopped. `died` says what broke last, if anything did."""

    def __init__(self, stand: Stand, path: Path, *, clock: Clock | None = None, idle_ms: int = IDLE_MS) -> None:
        """The socket is made by `start`."""
        self.path = path
        self.died = ""
        self._stand = stand
        self._clock = clock or SystemClock()
        self._idle_ms = idle_ms
        self._guests: dict[int, _Guest] = {}
        self._thread: threading.Thread | None = None
        self._server: socket.socket | None = None
        self._wake: tuple[int, int] | None = None
        self._inode: tuple[int, int] | None = None

    @property
    def alive(self) -> bool:
        """Whether orders are heard."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Make the socket and listen. Raises `ControlError`, `LocationError`."""
        private_dir(self.path.parent.parent)
        private_dir(self.path.parent)
        _clear(self.path)
        _sweep(self.path.parent)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.bind(os.fspath(self.path))
            self.path.chmod(0o600)
            server.listen(ACCEPT_AT_ONCE)
            server.setblocking(False)
            made = self.path.stat()
        except OSError as error:
            server.close()
            raise ControlError(
                f"The control socket {self.path} cannot be made: {error.strerror or error}.",
                "The lesson goes on without a second terminal.",
            ) from error
        self._inode = (made.st_dev, made.st_ino)
        self._server, self._wake = server, os.pipe()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and take the socket away. Doing it twice does no harm."""
        thread, wake = self._thread, self._wake
        if thread is None or wake is None:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(wake[1], b"!")
        thread.join(timeout=5.0)
        self._thread = None
        if not thread.is_alive():
            for end in wake:
                os.close(end)
            self._wake = None

    def __enter__(self) -> Control:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001  the lesson goes on; whoever wants to know reads `died`
            self.died = redact("".join(traceback.format_exception(error)).strip()[-2_000:])
        finally:
            for guest in list(self._guests.values()):
                guest.sock.close()
            self._guests.clear()
            if self._server is not None:
                self._server.close()
            with contextlib.suppress(OSError):
                now = self.path.lstat()
                if (now.st_dev, now.st_ino) == self._inode:
                    self.path.unlink()

    def _serve(self) -> None:
        assert self._server is not None
        assert self._wake is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake[0], selectors.EVENT_READ)
            selector.register(self._server, selectors.EVENT_READ)
            while True:
                for key, ready in selector.select(_LOOK_S):
                    if key.fileobj == self._wake[0]:
                        return
                    if key.fileobj is self._server:
                        self._let_in(selector)
                        continue
                    guest = self._guests[key.fd]
                    if ready & selectors.EVENT_READ:
                        self._hear(guest)
                    if ready & selectors.EVENT_WRITE:
                        self._send(guest)
                self._tidy(selector)

    def _let_in(self, selector: selectors.BaseSelector) -> None:
        assert self._server is not None
        now = self._clock.monotonic()
        try:
            sock, _ = self._server.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of descriptors, for example: others may leave.
            self.died = f"a client could not be let in: {error}"
            return
        try:
            same = peer_uid(sock) == os.getuid()
        except OSError:
            same = False
        if not same:
            sock.close()
            return
        sock.setblocking(False)
        guest = _Guest(sock, now)
        if len(self._guests) >= MOST_CLIENTS:
            with contextlib.suppress(OSError):
                sock.send(_line({"ok": False, "said": f"{MOST_CLIENTS} are connected already; close one of them."}))
            sock.close()
            return
        self._guests[sock.fileno()] = guest
        selector.register(sock, selectors.EVENT_READ)

    def _hear(self, guest: _Guest) -> None:
        try:
            data = guest.sock.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            guest.last = True
            return
        guest.heard_at = self._clock.monotonic()
        guest.unread += data
        while not guest.last and (end := guest.unread.find(b"\n")) >= 0:
            line = bytes(guest.unread[:end])
            del guest.unread[: end + 1]
            if line.strip():
                self._answer(guest, line)
        if len(guest.unread) > LONGEST_LINE:
            guest.answers.append(_line({"ok": False, "said": f"A line is at most {LONGEST_LINE // 1024} KiB."}))
            guest.last = True
        self._send(guest)

    def _answer(self, guest: _Guest, line: bytes) -> None:
        if len(line) > LONGEST_LINE:
            guest.answers.append(_line({"ok": False, "said": f"A line is at most {LONGEST_LINE // 1024} KiB."}))
        else:
            guest.answers.append(self._said(line))
        if guest.waiting > MOST_UNREAD:
            guest.answers.clear()
            guest.last = True

    def _said(self, line: bytes) -> bytes:
        """The answer to a line, whatever stands in it and whatever becomes of it."""
        try:
            return _line(self._done(line))
        except StasError as error:
            return _line({"ok": False, "said": str(error)})
        except Exception as error:  # noqa: BLE001  one order that breaks must end neither the lesson nor the control
            self.died = redact("".join(traceback.format_exception(error)).strip()[-2_000:])
            return _line({"ok": False, "said": f"The order broke ({type(error).__name__}); the lesson goes on."})

    def _done(self, line: bytes) -> Json:
        try:
            asked = json.loads(line)
        except (ValueError, RecursionError):
            return {"ok": False, "said": 'This is no line of JSON such as {"what": "pause"}.'}
        if not isinstance(asked, dict) or not isinstance(asked.get("what"), str):
            return {"ok": False, "said": 'An order is a line such as {"what": "speed", "body": {"times": 5}}.'}
        body = asked.get("body", {})
        if not isinstance(body, dict):
            return {"ok": False, "said": "The body of an order is a table."}
        if asked["what"] == "state":
            return {"ok": True, "state": self._stand.state()}
        return {"ok": True, "said": self._stand.order(asked["what"], body)}

    def _send(self, guest: _Guest) -> None:
        while guest.answers:
            data = guest.answers.popleft()
            try:
                sent = guest.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                guest.answers.clear()
                guest.last = True
                return
            if sent < len(data):
                guest.answers.appendleft(data[sent:])
                return

    def _tidy(self, selector: selectors.BaseSelector) -> None:
        now = self._clock.monotonic()
        for fd, guest in list(self._guests.items()):
            idle = now - guest.heard_at > self._idle_ms
            if (guest.last and not guest.answers) or idle:
                selector.unregister(guest.sock)
                guest.sock.close()
                del self._guests[fd]
                continue
            wanted = (0 if guest.last else selectors.EVENT_READ) | (selectors.EVENT_WRITE if guest.answers else 0)
            if selector.get_key(guest.sock).events != wanted:
                selector.modify(guest.sock, wanted)


def _line(answer: Json) -> bytes:
    data = json.dumps(answer, ensure_ascii=True, default=str).encode() + b"\n"
    if len(data) <= LONGEST_LINE:
        return data
    return json.dumps({"ok": False, "said": "The answer is longer than a line may be."}).encode() + b"\n"


def _clear(path: Path) -> None:
    """Take the socket of a dead run away. Raises `ControlError`."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} is in the way and is no socket.", "Move it away.")
    if answers(path):
        raise ControlError(f"A live lesson listens at {path} already.", "End it first, or give this run another name.")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _sweep(folder: Path) -> None:
    """Take away what runs left that were killed. A socket that is being made just now is left alone."""
    now = SystemClock().now()
    for path in folder.glob("*.sock"):
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            old = now - found.st_mtime * 1_000 > LEFT_BEHIND_MS
            if old and stat.S_ISSOCK(found.st_mode) and not answers(path):
                path.unlink()
