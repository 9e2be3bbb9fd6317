"""A server on loopback that behaves as badly as services really do, one way at a time. Standard library only."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any

TEN_MB = 10 * 1024 * 1024
DRIP_S = 0.02
"""Between two bytes of a drip: far below any time limit for one read, so only a limit for the whole ends it."""


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Nasty:
    """Serves `pages` (path -> JSON) well, except that every request whose path starts with `only` meets `how`.

    `how` is a name of `WAYS`, or empty. `requests` has all that came.
    """

    how: str = ""
    only: str = ""
    pages: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Nasty:
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(sock)
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        try:
            while not self.over.is_set():
                request = _read(sock)
                if request is None:
                    return
                self.requests.append(request)
                bad = self.how and request.path.startswith(self.only)
                if bad:
                    WAYS[self.how](self, sock)
                    return
                page = self.pages.get(request.path)
                status = "200 OK" if page is not None else "404 Not Found"
                sock.sendall(_answer(status, json.dumps(page).encode() if page is not None else b'"not here"'))
        except OSError:
            return
        finally:
            with self._lock:
                self._sockets.discard(sock)
            sock.close()

    def drip(self, sock: socket.socket, data: bytes) -> None:
        """One byte at a time until the client gives up."""
        for byte in data:
            if self.over.wait(DRIP_S):
                return
            sock.sendall(bytes([byte]))


def _read(sock: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65_536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        part = sock.recv(65_536)
        if not part:
            return None
        body += part
    method, target, _ = first.split(" ")
    return Request(method, target, headers, body)


def _answer(
    status: str, body: bytes, *headers: str, kind: str = "application/json", length: int | None = None
) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HTML = b"<html><body><h1>Sign in</h1></body></html>"
PIECE = b"[" + b'"x",' * 16_384


def _hang(server: Nasty, sock: socket.socket) -> None:
    server.over.wait()


def _hang_in_body(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"[", length=100))
    server.over.wait()


def _drip_headers(server: Nasty, sock: socket.socket) -> None:
    server.drip(sock, b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1_000)


def _drip_body(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"", length=50_000))
    server.drip(sock, b" " * 50_000)


def _huge(server: Nasty, sock: socket.socket) -> None:
    """No length said: it just goes on."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(TEN_MB // len(PIECE) + 1):
        sock.sendall(f"{len(PIECE):x}\r\n".encode() + PIECE + b"\r\n")
    sock.sendall(b"0\r\n\r\n")


def _huge_said(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"[]", length=10**15))
    server.over.wait()


@cache
def _packed_blanks() -> bytes:
    return gzip.compress(b" " * (6 * TEN_MB), 1)


def _bomb(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", _packed_blanks(), "Content-Encoding: gzip"))


def _odd_coding(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"[]", "Content-Encoding: br"))


def _cut_gzip(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", gzip.compress(b"[" + b" " * 5_000 + b"]")[:-9], "Content-Encoding: gzip"))


def _html(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", HTML, kind="text/html; charset=utf-8"))


def _redirect(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("302 Found", b"", f"Location: {server.url}/elsewhere"))


def _says_more(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"[]", length=500))


def _says_less(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b'{"status":"success","data":[]}', length=9))


def _reset(server: Nasty, sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _closes(server: Nasty, sock: socket.socket) -> None:
    return


def _truncated(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b'[{"fingerprint":"98be","labels":{"alertna'))


def _nested(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b"[" * 200_000))


def _wrong_shape(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("200 OK", b'{"hello": "world"}'))


def _no_http(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def _text_500(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("500 Internal Server Error", b"panic: \x1b[31mnil pointer\x1b[0m", kind="text/plain"))


def _html_502(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("502 Bad Gateway", HTML, kind="text/html"))


def _limited(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("429 Too Many Requests", HTML, "Retry-After: 28", kind="text/html"))


def _denied(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("401 Unauthorized", b"Unauthorized", kind="text/plain"))


def _forbidden(server: Nasty, sock: socket.socket) -> None:
    sock.sendall(_answer("403 Forbidden", HTML, kind="text/html"))


WAYS: dict[str, Callable[[Nasty, socket.socket], None]] = {
    "hang": _hang,
    "hang in body": _hang_in_body,
    "drip headers": _drip_headers,
    "drip body": _drip_body,
    "huge": _huge,
    "huge said": _huge_said,
    "bomb": _bomb,
    "odd coding": _odd_coding,
    "cut gzip": _cut_gzip,
    "html": _html,
    "redirect": _redirect,
    "says more": _says_more,
    "says less": _says_less,
    "reset": _reset,
    "closes": _closes,
    "truncated": _truncated,
    "nested": _nested,
    "wrong shape": _wrong_shape,
    "no http": _no_http,
    "500 text": _text_500,
    "502 html": _html_502,
    "429": _limited,
    "401": _denied,
    "403": _forbidden,
}
WORDS = {
    "hang": "timeout",
    "hang in body": "timeout",
    "drip headers": "timeout",
    "drip body": "timeout",
    "huge": "too large",
    "huge said": "too large",
    "bomb": "too large",
    "odd coding": "broken connection",
    "cut gzip": "broken connection",
    "html": "not JSON",
    "redirect": "redirected",
    "says more": "broken connection",
    "says less": "not JSON",
    "reset": "broken connection",
    "closes": "broken connection",
    "truncated": "not JSON",
    "nested": "not JSON",
    "no http": "broken connection",
}
"""The word of `stas_tui.web.WebError` for each way that is no whole JSON answer."""


def limit_s(way: str) -> float:
    """A time limit for a test of this way: short where it is to be reached, and far away where it is not."""
    return 0.6 if WORDS.get(way) == "timeout" else 30.0
