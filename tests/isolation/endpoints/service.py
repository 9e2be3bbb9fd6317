"""A small multi-tenant service on loopback, sound or with one fault switched on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKENS = {"token-of-acme-123": "acme", "token-of-globex-456": "globex"}
OWNERS = {"i-1": "acme", "i-2": "globex"}
PARTS = {"p-1": ("i-1", "acme"), "p-2": ("i-2", "globex")}
HOSTS = {"acme.test": "acme", "globex.test": "globex"}
OPENAPI = {
    "openapi": "3.1.0",
    "security": [{"bearer": []}],
    "paths": {
        "/invoices": {"get": {}},
        "/invoices/{invoice}": {"get": {}, "patch": {}},
        "/invoices/{invoice}/parts/{part}": {"get": {}},
        "/health": {"get": {"security": []}},
    },
}


class Service:
    """What the service does wrong, and what it was asked."""

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.cache: dict[str, Any] = {}
        self.base = ""

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and body of one request."""
        self.asked.append((method, path, headers))
        parts = urlsplit(path)
        if "slow down" in self.faults:
            return 429, {}
        if "broken" in self.faults:
            return 500, {}
        if parts.path == "/openapi.json":
            return 200, OPENAPI
        if parts.path == "/health":
            return 200, {"ok": True}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        who = TOKENS.get(token)
        if who is None and "any token" in self.faults and token:
            who = next((name for known, name in TOKENS.items() if known[:5] == token[:5]), None)
        if who is None and "no identity" in self.faults:
            who = "acme"
        if who is None:
            return 401, {"error": "who are you?"}
        if "host" not in self.faults and HOSTS.get(headers.get("host", ""), who) != who:
            return 403, {}
        if "header wins" in self.faults:
            who = headers.get("x-tenant-id") or who
        if "parameter wins" in self.faults:
            who = parse_qs(parts.query).get("tenant", [who])[0]
        return self._data(method, parts.path, parse_qs(parts.query), who)

    def _data(self, method: str, path: str, query: dict[str, list[str]], who: str) -> tuple[int, Any]:
        steps = path.strip("/").split("/")
        if steps == ["invoices"]:
            return 200, self._list(query, who)
        item = OWNERS.get(steps[1])
        if len(steps) == 4:
            owner, (parent, child) = OWNERS.get(steps[1]), PARTS.get(steps[3], ("", ""))
            if owner != who or (child != who and "loose child" not in self.faults):
                return 404, {}
            return 200, {"part": steps[3], "of": parent}
        if item is None or (item != who and not {"no object check", f"open {method}"} & self.faults):
            return 403 if item and "tells" in self.faults else 404, {}
        return 200, {"id": steps[1], "note": f"marker-{item}"}

    def _list(self, query: dict[str, list[str]], who: str) -> Any:
        if "shared cache" in self.faults and "list" in self.cache:
            return self.cache["list"]
        own = [{"id": item, "note": f"marker-{owner}"} for item, owner in OWNERS.items() if owner == who]
        every = [{"id": item, "note": f"marker-{owner}"} for item, owner in OWNERS.items()]
        body = {"items": every if "no list filter" in self.faults else own}
        if "empty lists" in self.faults:
            body = {"items": []}
        if "second page" in self.faults:
            if query.get("page") == ["2"]:
                return {"items": every}
            body["next"] = "/invoices?page=2"  # type: ignore[assignment]
        self.cache["list"] = body
        return body


@contextmanager
def running() -> Iterator[Service]:
    """The service on a free port of 127.0.0.1 for as long as the block lasts."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = service.answer(
                self.command, self.path, {name.lower(): value for name, value in self.headers.items()}
            )
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_POST = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    service.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
