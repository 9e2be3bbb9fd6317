"""A PostgreSQL of its own that logs every statement as csv, as production would be set for a while."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.postgres import binaries

PATIENCE_S = 60.0
SETTINGS = {
    "listen_addresses": "", "logging_collector": "on", "log_destination": "csvlog", "log_filename": "s.log",
    "log_statement": "all", "log_file_mode": "0644", "fsync": "off", "autovacuum": "off", "shared_buffers": "16MB",
    "lc_messages": "C", "log_timezone": "UTC",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CsvServer:
    """A running server."""

    sockets: str
    log: Path

    def dsn(self, user: str = "postgres", database: str = "postgres") -> str:
        return f"host={self.sockets} user={user} dbname={database}"


@contextmanager
def csv_server() -> Iterator[CsvServer]:
    """It is gone with the block."""
    programs = binaries()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's server is not installed")
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="stas-csv-", dir="/tmp"))
    owner = _owner()
    who: dict[str, Any] = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    try:
        folder.chmod(0o755)
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "-g"]
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, cwd="/", **who)
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        options += ["-c", f"unix_socket_directories={folder}", "-c", f"log_directory={folder}"]
        with (folder / "out").open("wb") as out:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *options], stdout=out, stderr=out, cwd="/", **who
            )
        try:
            made = CsvServer(str(folder), folder / "s.csv")
            _await(made, server, folder / "out")
            yield made
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(20)
            server.kill()
            server.wait()
    finally:
        shutil.rmtree(folder)


def _owner() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("PostgreSQL refuses root, and there is neither postgres nor nobody")


def _await(made: CsvServer, server: subprocess.Popen[bytes], out: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg.connect(made.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError:
            assert server.poll() is None, out.read_text()
            assert time.monotonic() < until, out.read_text()
            time.sleep(0.05)
        else:
            return
