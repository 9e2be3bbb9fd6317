"""Start the service: apply missing migrations, then serve until a signal comes."""

from __future__ import annotations

import logging
import signal
import sqlite3
import sys
import threading
from contextlib import closing

from ledger import VERSION, migrate
from ledger.config import ConfigError, Settings
from ledger.http_api import Server


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = Settings.from_env()
    except ConfigError as error:
        print("ledger: %s" % error, file=sys.stderr)
        return 2
    with closing(sqlite3.connect(settings.database)) as connection:
        migrate.up(connection)
    server = Server(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    logging.info("ledger %s listens on %s:%d for %d tenants", VERSION, *server.server_address[:2], len(settings.tenants))
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
