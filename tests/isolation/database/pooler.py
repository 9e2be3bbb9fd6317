"""A pooler for tests: clients take turns on a few connections to the real server, which are cleaned only if told to be.

It speaks as much of PostgreSQL's protocol as that takes: the startup of both sides, and framed messages in between.
"""

from __future__ import annotations

import itertools
import select
import socket
import struct
import threading
from types import TracebackType

from tests.postgres import server

_SSL, _GSS = 80877103, 80877104
_VERSION = 196608


class Pooler:
    """Listens on loopback while it is entered. `reset` cleans a connection before the next client gets it."""

    def __init__(self, database: str, user: str, *, connections: int = 2, reset: bool = False) -> None:
        self._database, self._user, self._reset = database, user, reset
        self._size = connections
        self.served = 0

    @property
    def dsn(self) -> str:
        """Where clients connect to."""
        return f"postgresql://{self._user}@127.0.0.1:{self._port}/{self._database}?sslmode=disable&gssencmode=disable"

    def __enter__(self) -> Pooler:
        self._backends = [_Backend(self._database, self._user) for _ in range(self._size)]
        self._turns = itertools.cycle(self._backends)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for backend in self._backends:
            backend.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self.served += 1
                self._serve(client, next(self._turns))

    def _serve(self, client: socket.socket, backend: _Backend) -> None:
        _client_startup(client)
        client.sendall(_message(b"R", struct.pack("!i", 0)) + backend.greeting)
        while True:
            ready, _, _ = select.select([client, backend.socket], [], [])
            if backend.socket in ready:
                client.sendall(backend.socket.recv(65536))
            if client in ready:
                kind, body = _read(client)
                if kind in (b"", b"X"):
                    break
                backend.socket.sendall(_message(kind, body))
        if self._reset:
            backend.query("discard all")


class _Backend:
    """One connection to the server, with what the server said of itself."""

    def __init__(self, database: str, user: str) -> None:
        running = server()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{running.sockets}/.s.PGSQL.{running.port}")
        words = (b"user", user.encode(), b"database", database.encode(), b"client_encoding", b"UTF8", b"")
        body = struct.pack("!i", _VERSION) + b"\0".join(words) + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.greeting = self._until_ready(leave_out=b"R")

    def query(self, text: str) -> None:
        self.socket.sendall(_message(b"Q", text.encode() + b"\0"))
        self._until_ready()

    def _until_ready(self, leave_out: bytes = b"") -> bytes:
        said = b""
        while True:
            kind, body = _read(self.socket)
            assert kind not in (b"", b"E"), body
            if kind != leave_out:
                said += _message(kind, body)
            if kind == b"Z":
                return said


def _client_startup(client: socket.socket) -> None:
    while True:
        (length,) = struct.unpack("!i", _exactly(client, 4))
        body = _exactly(client, length - 4)
        if struct.unpack("!i", body[:4])[0] not in (_SSL, _GSS):
            return
        client.sendall(b"N")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read(from_: socket.socket) -> tuple[bytes, bytes]:
    """One message, or nothing at the end."""
    kind = from_.recv(1)
    if not kind:
        return b"", b""
    (length,) = struct.unpack("!i", _exactly(from_, 4))
    return kind, _exactly(from_, length - 4)


def _exactly(from_: socket.socket, number: int) -> bytes:
    got = b""
    while len(got) < number:
        part = from_.recv(number - len(got))
        if not part:
            raise ConnectionError("the other side ended in the middle of a message")
        got += part
    return got
