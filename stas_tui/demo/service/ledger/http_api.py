"""The HTTP face: /health, /metrics, and per tenant /entries and /balance."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, Tuple
from urllib.parse import parse_qs, urlsplit

from ledger import VERSION, entries
from ledger.config import Settings
from ledger.metrics import NO_TENANT, Metrics
from ledger.pool import Pool, PoolExhausted
from ledger.tenancy import HEADER, Tenancy, TenantError, read_token_digests

log = logging.getLogger("ledger")
MAX_BODY = 64 * 1024


class Server(ThreadingHTTPServer):
    """The service with its pool, tenants and counters."""

    daemon_threads = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pool = Pool(settings.database, settings.pool_size, settings.pool_wait_s)
        self.tenancy = Tenancy(settings.tenants, read_token_digests(settings.tokens_file))
        self.metrics = Metrics()
        super().__init__((settings.host, settings.port), Handler)

    def server_close(self) -> None:
        super().server_close()
        self.pool.close()


class BadRequest(Exception):
    """The request cannot be understood; answered with 400."""


class Handler(BaseHTTPRequestHandler):
    """One request. The tenant is resolved before anything else is looked at."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        started = time.monotonic()
        path = urlsplit(self.path).path
        tenant = NO_TENANT
        try:
            if method == "GET" and path in ("/health", "/metrics"):
                status, content_type, body = self._open_page(path)
            else:
                tenant = self.server.tenancy.resolve(self.headers.get(HEADER), self.headers.get("Authorization"))
                status, answer = self._tenant_page(method, path, tenant)
                content_type, body = "application/json", json.dumps(answer).encode()
        except TenantError as error:
            status, content_type, body = error.status, "application/json", _problem(error.reason)
            self.close_connection = True
        except (BadRequest, entries.InvalidEntry) as error:
            status, content_type, body = 400, "application/json", _problem(str(error))
            self.close_connection = True
        except PoolExhausted as error:
            status, content_type, body = 503, "application/json", _problem(str(error))
            self.close_connection = True
        except sqlite3.Error as error:
            log.error("tenant=%s path=%s database: %s", tenant, path, error)
            status, content_type, body = 500, "application/json", _problem("the database failed")
            self.close_connection = True
        seconds = time.monotonic() - started
        self.server.metrics.request(tenant, path, status, seconds)
        log.info("tenant=%s %s %s %d %.1fms", tenant, method, path, status, seconds * 1000)
        self._send(status, content_type, body)

    def _open_page(self, path: str) -> Tuple[int, str, bytes]:
        if path == "/health":
            return 200, "application/json", json.dumps({"status": "ok", "version": VERSION}).encode()
        gauges = {
            "ledger_pool_in_use": {tenant: float(n) for tenant, n in self.server.pool.in_use().items()},
            "ledger_pool_exhausted_total": {tenant: float(n) for tenant, n in self.server.pool.exhausted().items()},
            "ledger_pool_size": {"all": float(self.server.pool.size)},
        }
        return 200, "text/plain; version=0.0.4", self.server.metrics.page(gauges).encode()

    def _tenant_page(self, method: str, path: str, tenant: str) -> Tuple[int, Dict[str, object]]:
        query = parse_qs(urlsplit(self.path).query)
        if path == "/entries" and method == "POST":
            body = self._body()
            with self.server.pool.connection(tenant) as connection:
                return 201, entries.add(connection, tenant, body.get("account"), body.get("cents"), body.get("memo", ""))
        if path == "/entries" and method == "GET":
            with self.server.pool.connection(tenant) as connection:
                return 200, {"entries": entries.newest(connection, tenant)}
        if path == "/balance" and method == "GET":
            account = query.get("account", [""])[0]
            with self.server.pool.connection(tenant) as connection:
                return 200, {"account": account, "cents": entries.balance(connection, tenant, account)}
        return 404, {"error": "no such page"}

    def _body(self) -> Dict[str, object]:
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            raise BadRequest("Content-Length is not a number") from None
        if not 0 < length <= MAX_BODY:
            raise BadRequest("the body must have 1 to %d bytes" % MAX_BODY)
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            raise BadRequest("the body is not JSON") from None
        if not isinstance(body, dict):
            raise BadRequest("the body is not a JSON object")
        return body

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are logged once, with their tenant, by `_answer`."""


def _problem(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()
