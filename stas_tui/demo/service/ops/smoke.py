"""Start the service on a free port with an empty database and ask it what a person would ask.

    python3 -m ops.smoke

Exits with 0 if the service starts, says that it is healthy, keeps two tenants apart and shows its metrics.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Optional
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ledger import VERSION, migrate
from ledger.config import Settings
from ledger.http_api import Server


def ask(base: str, path: str, tenant: Optional[str] = None, body: Optional[object] = None) -> str:
    headers = {} if tenant is None else {"X-Tenant": tenant}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(base + path, data=data, headers=headers), timeout=5) as answer:
        return answer.read().decode()


def status_of(base: str, path: str) -> int:
    try:
        with urlopen(base + path, timeout=5) as answer:
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "smoke.db")
        with closing(sqlite3.connect(database)) as connection:
            migrate.up(connection)
        server = Server(Settings(database=database, port=0, tenants=("acme", "borealis")))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            base = "http://127.0.0.1:%d" % server.server_address[1]
            ask(base, "/entries", "acme", {"account": "cash", "cents": 500})
            checks = {
                "health answers with this version": json.loads(ask(base, "/health"))["version"] == VERSION,
                "the tenant reads its own balance": json.loads(ask(base, "/balance?account=cash", "acme"))["cents"] == 500,
                "another tenant reads nothing of it": json.loads(ask(base, "/entries", "borealis"))["entries"] == [],
                "a request without a tenant is refused": status_of(base, "/entries") == 400,
                "metrics carry the tenant": 'tenant="acme"' in ask(base, "/metrics"),
            }
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
    for name, good in checks.items():
        print("%s  %s" % ("ok  " if good else "FAIL", name))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
