"""How bytes of one host are carried for `stas_tui.web`: every read and write ends with the time of the whole question.

httpx knows a limit for each single read, which a server that drips one byte a second never meets. Imported when the
first question is asked.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpcore

from stas_tui.web_names import LookupTimeout, addresses, shared

if TYPE_CHECKING:
    import httpx

PATIENCE_AT_LEAST_S = 0.001


class Deadline:
    """When the question that is being asked must be over; shared by everything below one client."""

    def __init__(self) -> None:
        self.until = 0.0
        """Monotonic seconds."""
        self.connections = 0
        """How many were opened so far."""

    def start(self, seconds: float) -> None:
        """A new question begins."""
        self.until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the end; not above zero if it is over."""
        return self.until - time.monotonic()


def make_wire(deadline: Deadline, *, secure: bool) -> httpx.BaseTransport:
    """httpcore's pool of connections behind httpx, with a deadline. It raises httpcore's errors as they are.

    The classes stand in here because httpx, whose classes they are, brings a screen library along when it is imported.
    """
    import httpx

    class Body(httpx.SyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            yield from self._stream

        def close(self) -> None:
            self._stream.close()

    class Wire(httpx.BaseTransport):
        def __init__(self) -> None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=httpx.create_ssl_context() if secure else None,
                max_connections=4,
                max_keepalive_connections=1,
                keepalive_expiry=5.0,
                network_backend=_Backend(deadline),
            )

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            url = httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            )
            reply = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
            return httpx.Response(
                reply.status, headers=reply.headers, stream=Body(reply.stream), extensions=reply.extensions
            )

        def close(self) -> None:
            self._pool.close()

    return Wire()


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadline.left()
        if left <= 0:
            raise httpcore.ReadTimeout
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._deadline.left()
        if left <= 0:
            raise httpcore.WriteTimeout
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = max(self._deadline.left(), PATIENCE_AT_LEAST_S)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self._deadline.connections += 1
        until = self._deadline.until
        try:
            found = addresses(host, port, self._deadline.left())
        except LookupTimeout as error:
            raise NoName(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for place, address in enumerate(found, 1):
            seconds = shared(until, len(found) - place + 1)
            try:
                stream = self._inner.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(found):
                    raise
            else:
                return _Stream(stream, self._deadline)
        raise httpcore.ConnectError(f"{host} has no address")


class NoName(httpcore.ConnectTimeout):
    """The name was not looked up in time."""


class TooLarge(Exception):
    """A body goes on after its bound."""


class BadCoding(Exception):
    """A body is packed in a way that was not asked for, or is damaged."""


class Unpacker:
    """Joins the pieces of a body and unpacks gzip, never to more than `largest` bytes."""

    def __init__(self, coding: str, largest: int) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", "gzip"):
            raise BadCoding(coding)
        self._unzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else None
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, raw: bytes) -> None:
        """One piece as it came. Raises `TooLarge`, `BadCoding`."""
        part = raw
        if self._unzip is not None:
            try:
                part = self._unzip.decompress(raw, self._largest - self._size + 1)
            except zlib.error as error:
                raise BadCoding("gzip") from error
        self._size += len(part)
        if self._size > self._largest:
            raise TooLarge
        self._parts.append(part)

    def whole(self) -> bytes:
        """The body. Raises `BadCoding` if a packed one ended in the middle."""
        if self._unzip is not None and self._parts and not self._unzip.eof:
            raise BadCoding("gzip")
        return b"".join(self._parts)
