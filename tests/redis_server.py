"""A real Redis for tests: one for each test that asks, on a unix socket and, if wanted, with TLS on 127.0.0.1.

    with redis_server(tmp_path) as server:
        server.client().rpush("celery", "{}")
        server.url()                            # for somebody who reads

`redis_server()` skips the test where the server is missing, except under CI=true, where that is a failure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server that nobody else uses."""

    path: str
    port: int = 0

    def url(self, *, user: str = "", password: str = "", db: int = 0) -> str:
        """Its address through the socket."""
        who = f"{user}:{password}@" if user or password else ""
        return f"unix://{who}{self.path}" + (f"?db={db}" if db else "")

    def client(self) -> Any:
        """A client that may do everything."""
        import redis

        return redis.Redis(unix_socket_path=self.path)


@contextlib.contextmanager
def redis_server(*options: str, tls: tuple[Path, Path] | None = None) -> Iterator[RedisServer]:
    """A server with these further options; `tls` are certificate and key. It is gone with the block."""
    import pytest

    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Redis' server is not installed")
        pytest.skip("Redis' server is not installed (Debian: apt-get install redis-server)")
    with tempfile.TemporaryDirectory(prefix="stas-redis-") as folder, contextlib.ExitStack() as closing:
        path, port = f"{folder}/s", 0
        argv = [program, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700", "--save", "", "--dir", folder]
        if tls is not None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            argv += ["--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no"]
            argv += ["--tls-cert-file", str(tls[0]), "--tls-key-file", str(tls[1]), "--tls-ca-cert-file", str(tls[0])]
        log = closing.enter_context(Path(folder, "log").open("wb"))
        process = subprocess.Popen([*argv, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        closing.callback(_end, process)
        _await(process, path, Path(folder, "log"))
        yield RedisServer(path, port)


def _await(process: subprocess.Popen[bytes], path: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.01)
            else:
                return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
