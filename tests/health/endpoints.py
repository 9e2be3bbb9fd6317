"""Health endpoints on loopback, as many as one wants, all served by one thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType

from stas_tui.config_sources import HealthEndpoint
from stas_tui.config_sources import Watch as WatchTable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ("127.0.0.0/8", "::1/128")


class Endpoints:
    """An event loop on a thread; `add` opens a port."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        """What was asked, request line and headers."""
        self.busiest = 0
        """Most requests that were open at the same time."""
        self._open = 0
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Endpoints:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, serve: Serve | bytes, *, tls: ssl.SSLContext | None = None, reads: bool = True) -> int:
        """A new port that answers with these bytes, or as the coroutine does; without `reads` before any question."""
        return asyncio.run_coroutine_threadsafe(self._add(serve, tls, reads), self._loop).result(10)

    async def _add(self, serve: Serve | bytes, tls: ssl.SSLContext | None, reads: bool) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            self._open += 1
            self.busiest = max(self.busiest, self._open)
            try:
                if reads:
                    self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                if isinstance(serve, bytes):
                    writer.write(serve)
                    await writer.drain()
                else:
                    await serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self._open -= 1
                self._tasks.discard(task)
                writer.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()


def http(body: bytes = b'{"status":"ok"}', status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def endpoint(port: int, name: str = "api", *, host: str = "127.0.0.1", **fields: object) -> HealthEndpoint:
    """An endpoint of the configuration."""
    url = fields.pop("url", f"http://{host}:{port}/health")
    return HealthEndpoint.model_validate({"name": name, "url": url, **fields})


def table(*allowed: str, **fields: object) -> WatchTable:
    """`[watch]` that may ask loopback, or only what is named."""
    return WatchTable.model_validate({"allow_private": allowed or LOOPBACK, **fields})


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
