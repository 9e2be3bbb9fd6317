"""A running service with an empty database."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import unittest
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Dict, Optional, Tuple

from ledger import migrate
from ledger.config import Settings
from ledger.http_api import Server


class ServiceCase(unittest.TestCase):
    """Starts the service on a free port for each test."""

    environment: Dict[str, str] = {}

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        database = str(self.folder / "ledger.db")
        with closing(sqlite3.connect(database)) as connection:
            migrate.up(connection)
        environment = {"LEDGER_TENANTS": "acme,borealis,cobalt", "LEDGER_DATABASE": database, "LEDGER_POOL_WAIT_MS": "100"}
        environment.update(self.environment)
        settings = Settings.from_env(environment)
        self.server = Server(Settings(**{**vars(settings), "port": 0}))
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def ask(
        self, method: str, path: str, tenant: Optional[str] = "acme", body: Optional[object] = None, **headers: str
    ) -> Tuple[int, object]:
        connection = HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=5)
        with closing(connection):
            if tenant is not None:
                headers["X-Tenant"] = tenant
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if answer.getheader("Content-Type") == "application/json" else text
