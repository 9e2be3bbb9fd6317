"""A small GitHub on loopback that behaves as badly as the real one: everything that goes wrong in the world can be made
to go wrong here.

Every body that it means as GitHub's is validated against GitHub's published shape; what is not valid is in `wrong`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from github_shapes import answer_of, check
from github_world import GithubWorld, Reply

DESCRIBED_WRONGLY = ("head.repo: None is not of type 'object'", "conclusion: 'stale' is not one of")
"""GitHub's description has no room for what GitHub sends when a fork was deleted, or a check was given up."""


@dataclass
class Fault:
    """What goes wrong with the next matching requests."""

    kind: str
    """`truncated`, `short`, `html`, `slow`, `lost`, `primary`, `secondary`, `secondary without time`, `limit 429`,
    `500`, `denied`, `elsewhere`, `wrong shape`."""
    method: str = "GET"
    path: str = ".*"
    times: int = 1


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    payload: Any = None


class GithubDouble(GithubWorld):
    """The world behind a server. Thread-safe."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self.remaining = 4_999
        self.dies_after_a_write = False
        """Answers 502 to everything once it has written."""
        self.ahead_ms = 0
        """How far its clock is before ours."""
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._release = threading.Event()

    # for tests -------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[GithubDouble]:
        self._thread.start()
        try:
            yield self
        finally:
            self._release.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def fail(self, kind: str, method: str = "GET", path: str = ".*", times: int = 1) -> None:
        self.faults.append(Fault(kind, method, path, times))

    def seen(self, method: str, path: str = "") -> list[Asked]:
        return [one for one in self.asked if one.method == method and path in one.path]

    # the wire --------------------------------------------------------------------------------------

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((double.now() + double.ahead_ms) / 1000)

            def do_GET(self) -> None:
                double.serve(self)

            do_POST = do_PATCH = do_GET

        return Handler

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(http.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        size = int(http.headers.get("Content-Length") or 0)
        payload = json.loads(http.rfile.read(size)) if size else None
        headers = {name.lower(): value for name, value in http.headers.items()}
        asked = Asked(http.command, http.path, headers, payload=payload)
        with self._lock:
            self.asked.append(asked)
            fault = next((f for f in self.faults if f.times > 0 and f.method == asked.method
                          and re.search(f.path, http.path)), None)  # fmt: skip
            if fault:
                fault.times -= 1
            dead = self.dies_after_a_write and self.seen("POST") and asked.method == "GET"
            fault = Fault("500") if dead else fault
            reply = self._decided(asked, parts.path, query, fault.kind if fault else "")
        asked.status = reply.status
        self._write(http, reply, fault.kind if fault else "")

    def _decided(self, asked: Asked, path: str, query: dict[str, str], fault: str) -> Reply:
        now = (self.now() + self.ahead_ms) // 1000
        limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": str(self.remaining),
                  "X-RateLimit-Reset": str(now + 600)}  # fmt: skip
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme and token not in self.tokens:
            return self._error(401, "Bad credentials")
        if fault in ("primary", "limit 429"):
            status = 403 if fault == "primary" else 429
            reply = self._error(status, "API rate limit exceeded for user ID 5.")
            reply.headers = {**limits, "X-RateLimit-Remaining": "0"}
            return reply
        if fault.startswith("secondary"):
            reply = self._error(403, "You have exceeded a secondary rate limit. Please wait a few minutes.")
            reply.headers = {**limits} if fault.endswith("time") else {**limits, "Retry-After": "28"}
            return reply
        if fault == "denied":
            return self._error(403, "Resource not accessible by personal access token")
        if fault == "500":
            return self._error(502, "Server Error")
        if fault == "elsewhere":
            return Reply(301, {"message": "Moved"}, {"Location": "http://elsewhere.example.test/repos/acme/shop"})
        login = self.tokens.get(token)
        reply = self.answer(asked.method, path, query, asked.payload, login)
        template = re.sub(r"^/repositories/42", f"/repos/{self.name}", path)
        schema = answer_of(asked.method, template, reply.status)
        if schema is not None:
            lines = [line for line in check(schema, reply.body) if not any(text in line for text in DESCRIBED_WRONGLY)]
            self.wrong += [f"{asked.method} {path} {reply.status} {line}" for line in lines]
        elif reply.status == 200:
            self.wrong.append(f"{asked.method} {path}: GitHub describes no such answer")
        if fault == "wrong shape":
            return Reply(200, {"surprise": [1, {"id": []}]})
        reply.headers = {**limits, **reply.headers}
        if asked.method == "GET" and reply.status == 200:
            etag = f'W/"{hashlib.sha256(json.dumps(reply.body, sort_keys=True).encode()).hexdigest()}"'
            reply.headers["ETag"] = etag
            if asked.headers.get("if-none-match") == etag:
                return Reply(304, None, reply.headers)
        return reply

    def _write(self, http: BaseHTTPRequestHandler, reply: Reply, fault: str) -> None:
        if fault == "lost":
            http.close_connection = True
            return
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        kind = "application/json; charset=utf-8"
        if fault == "html":
            body, kind = b"<!doctype html><title>Unicorn!</title>", "text/html"
        elif fault == "truncated":
            body = body[: len(body) // 2]
        elif fault == "slow":
            body += b" " * 64
        http.send_response(reply.status)
        http.send_header("Content-Type", kind)
        http.send_header("Content-Length", str(len(body) + (100 if fault == "short" else 0)))
        for name, value in reply.headers.items():
            http.send_header(name, value)
        http.end_headers()
        try:
            if fault == "slow":
                for byte in body:
                    http.wfile.write(bytes([byte]))
                    http.wfile.flush()
                    if self._release.wait(0.05):
                        break
            else:
                http.wfile.write(body)
        except OSError:
            http.close_connection = True
        if fault in ("short", "slow"):
            http.close_connection = True
