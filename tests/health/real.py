"""Debian's Prometheus and Alertmanager as child processes on loopback, and a metrics page of ours for them.

`needs("prometheus")` skips a test whose program is missing, except under CI=true, where that is a failure.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PATIENCE_S = 60.0
"""How long anything may take that is awaited; a limit for a broken machine, never a measure."""


def needs(*programs: str) -> None:
    """Skip without the programs, or fail where everything has to be there."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} is not installed")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for a condition; returns its first true value."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            value = true()
            if value:
                return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about within {PATIENCE_S:g} s")


def http_json(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request of the test's own, past our client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    try:
        return reply.status, json.loads(text)
    except ValueError:
        return reply.status, text.decode()


class Server:
    """One child process with its folder, its log and its port; the port stays the same over a restart."""

    program: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        for _ in range(3):
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            if until(self._ready_or_over, f"{self.program} ready") == "ready":
                return
            self.port = free_port()  # somebody took it in between
        raise AssertionError((self.folder / "log").read_text()[-2_000:])

    def _ready_or_over(self) -> str:
        assert self.process is not None
        if self.process.poll() is not None:
            return "over"
        return "ready" if http_json(self.port, "GET", "/-/ready")[0] == 200 else ""

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(PATIENCE_S)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Alertmanager(Server):
    """Inhibits a `warning` by a `critical` of the same tenant; sends to nobody."""

    program = "prometheus-alertmanager"
    config = """
route: {receiver: stas, group_by: [alertname], group_wait: 1s, group_interval: 1s}
receivers: [{name: stas}]
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"']
    equal: [tenant]
"""

    def command(self) -> list[str]:
        (self.folder / "config.yml").write_text(self.config)
        return [
            *(self.program, f"--config.file={self.folder / 'config.yml'}", f"--storage.path={self.folder / 'data'}"),
            *(f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="),
        ]

    def post(self, *alerts: Mapping[str, Any]) -> None:
        """Send alerts as Prometheus does."""
        status, body = http_json(self.port, "POST", "/api/v2/alerts", list(alerts))
        assert status == 200, body

    def amtool(self, *args: str) -> Any:
        """What amtool says."""
        command = ["amtool", *args, "-o", "json", f"--alertmanager.url={self.url}"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": str(self.folder)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Prometheus(Server):
    """Scrapes one page five times a second, from its fifth second on; `rules` is a YAML text of groups."""

    program = "prometheus"

    def __init__(self, folder: Path, page: MetricsPage, *, rules: str = "", alertmanager: Alertmanager | None = None):
        super().__init__(folder)
        self.page, self.rules, self.alertmanager = page, rules, alertmanager

    def command(self) -> list[str]:
        text = "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\n"
        text += f"scrape_configs: [{{job_name: api, static_configs: [{{targets: ['127.0.0.1:{self.page.port}']}}]}}]\n"
        if self.rules:
            (self.folder / "rules.yml").write_text(self.rules)
            text += f"rule_files: ['{self.folder / 'rules.yml'}']\n"
        if self.alertmanager is not None:
            target = f"127.0.0.1:{self.alertmanager.port}"
            text += f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"
        (self.folder / "config.yml").write_text(text)
        return [
            *(self.program, f"--config.file={self.folder / 'config.yml'}"),
            *(f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"),
        ]

    def promtool(self, query: str) -> Any:
        """What promtool says to a query, now."""
        command = ["promtool", "query", "instant", "-o", "json", self.url, query]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": str(self.folder)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class MetricsPage:
    """Counters by tenant and status code that grow with every scrape, as the test says: `rates[tenant] = (ok, bad)`.

    A tenant that is not in `rates` has no series. `extra` is text that is served as it is.
    """

    def __init__(self) -> None:
        self.rates: dict[str, tuple[int, int]] = {}
        self.latency: dict[str, float] = {}
        self.extra = ""
        self.scrapes = 0
        self._totals: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def text(self) -> str:
        with self._lock:
            self.scrapes += 1
            lines = ["# TYPE http_requests_total counter"]
            for tenant, (good, bad) in self.rates.items():
                for code, step in (("200", good), ("500", bad)):
                    total = self._totals[tenant, code] = self._totals.get((tenant, code), 0) + step
                    lines.append(f'http_requests_total{{tenant="{tenant}",code="{code}"}} {total}')
            return "\n".join(lines) + "\n" + self.extra

    def __enter__(self) -> MetricsPage:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
