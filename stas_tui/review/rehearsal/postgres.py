"""A private PostgreSQL for one rehearsal: made in its folder, reachable by its socket alone, thrown away after."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stas_tui.review.rehearsal import walls
from storage.clock import Clock

if TYPE_CHECKING:
    import psycopg

NO_SERVER = (
    "no PostgreSQL to rehearse on: install its server (Debian: `apt install postgresql`), or name one of your own as"
    " `[project.rehearse] server`"
)
NO_DRIVER = "psycopg is not installed; `pip install 'stas-tui[rehearse]'`"
MARK = "made by Stas for a rehearsal; may be dropped"
"""Comment on every database that we make, and the only sign by which we drop one."""
PREFIX = "stas_rehearsal_"

_ADMIN, _OWNER = "stas", "rehearsal"
_START_S = 30.0
_CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0700
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
max_connections = 40
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
jit = off
max_wal_senders = 0
wal_level = minimal
timezone = 'UTC'
log_timezone = 'UTC'
"""
_PLACES = ("/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr")


class NoServer(Exception):
    """There is nothing to rehearse on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a rehearsal's database is, for programs in the jail."""

    host: str
    """Folder of a socket, or a loopback address."""
    port: int
    user: str
    database: str
    password: str = ""

    @property
    def local(self) -> bool:
        """Whether it is reached by a socket in the file system, so that the network can stay closed."""
        return self.host.startswith("/")

    def arguments(self) -> dict[str, object]:
        """For psycopg; every place that could come from the environment is set."""
        found: dict[str, object] = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database}
        return {**found, "password": self.password} if self.password else found


@dataclass(slots=True)
class Server:
    """A server with an account that may make databases. Every database that it hands out was made by it."""

    admin: Address
    owner: str
    """Role that owns the databases and runs the migrations; no superuser on a private server."""
    version: str
    ours: bool
    """True for a private server, False for one that the user named."""
    walls: Mapping[str, str]

    def fresh(self, template: str = "template0") -> Address:
        """A new database, empty or a copy of one of ours."""
        name = f"{PREFIX}{secrets.token_hex(6)}"
        self._run(
            f'CREATE DATABASE "{name}" OWNER "{self.owner}" TEMPLATE "{template}"',
            f"COMMENT ON DATABASE \"{name}\" IS '{MARK}'",
        )
        return Address(self.admin.host, self.admin.port, self.owner, name, self.admin.password)

    def copy(self, address: Address) -> Address:
        """A new database with everything that another has now; its connections are closed for that."""
        self._close_connections(address)
        return self.fresh(address.database)

    def drop(self, address: Address) -> None:
        """Remove a database that we made; one without our mark stays."""
        if not address.database.startswith(PREFIX):
            return
        self._close_connections(address)
        with self._connected() as connection:
            query = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
            row = connection.execute(query.encode(), (address.database,)).fetchone()
            if row is not None and row[0] == MARK:
                connection.execute(f'DROP DATABASE "{address.database}"'.encode())

    def roles(self) -> set[str]:
        """Roles of the whole server."""
        with self._connected() as connection:
            return {str(row[0]) for row in connection.execute(b"select rolname from pg_roles").fetchall()}

    def drop_roles(self, kept: set[str]) -> None:
        """Remove the roles that were not there, once no database has anything of theirs; on a private server only."""
        if not self.ours:
            return
        for role in sorted(self.roles() - kept):
            quoted = role.replace('"', '""')
            self._run(f'DROP ROLE "{quoted}"')

    def _close_connections(self, address: Address) -> None:
        query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
        with self._connected() as connection:
            connection.execute(query.encode(), (address.database,)).fetchall()

    def _run(self, *statements: str) -> None:
        with self._connected() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        import psycopg

        with psycopg.connect(
            **self.admin.arguments(), autocommit=True, connect_timeout=10, application_name="stas"  # type: ignore[arg-type]
        ) as connection:  # fmt: skip
            yield connection


def programs() -> Path | None:
    """Folder with `initdb` and `postgres` of the newest installed server; None if there is none."""
    found: dict[Path, float] = {}
    for base in _PLACES:
        for pattern in ("*/bin/initdb", "pgsql-*/bin/initdb", "postgresql*/bin/initdb"):
            for path in Path(base).glob(pattern):
                if os.access(path, os.X_OK) and (path.parent / "postgres").exists():
                    version = re.search(r"(\d+(?:\.\d+)?)", str(path.parent.parent.name))
                    found[path.parent] = float(version[1]) if version else 0.0
    if found:
        return max(found, key=lambda folder: found[folder])
    named = shutil.which("initdb")
    folder = Path(os.path.realpath(named)).parent if named else None
    return folder if folder is not None and (folder / "postgres").exists() else None


@contextmanager
def private_server(here: walls.Place, clock: Clock, seconds: float) -> Iterator[Server]:
    """Start a server in the rehearsal's folder and end it again. Raises `NoServer`, `WallsMissing`."""
    try:
        import psycopg
    except ImportError:
        raise NoServer(NO_DRIVER) from None
    folder = programs()
    if folder is None:
        raise NoServer(NO_SERVER)
    here.made("s")
    keep = [Path(os.path.realpath(folder)).parent]
    env = walls.environment(here, {walls.MARKER: here.folder.name})
    data = here.folder / "data"
    _initialise(here, folder, data, keep, env)
    with (data / "postgresql.conf").open("a", encoding="ascii") as file:
        file.write(f"{_CONFIGURATION}unix_socket_directories = '{here.folder / 's'}'\n")
    with (here.folder / "server.log").open("wb") as log:
        command = [str(folder / "postgres"), "-D", str(data)]
        out = log.fileno()
        jailed = walls.start(here, command, env=env, keep=keep, seconds=seconds * 4, stdout=out, stderr=out)
    try:
        admin = Address(str(here.folder / "s"), 5432, _ADMIN, "postgres")
        version = _wait(admin, jailed.process, clock, here)
        server = Server(admin, _OWNER, version, ours=True, walls=jailed.walls)
        with psycopg.connect(**admin.arguments(), autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(f'CREATE ROLE "{_OWNER}" LOGIN CREATEROLE CREATEDB'.encode())
        yield server
    finally:
        walls.end(jailed.process)


def _initialise(here: walls.Place, folder: Path, data: Path, keep: list[Path], env: dict[str, str]) -> None:
    options = ["-U", _ADMIN, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = [str(folder / "initdb"), "-D", str(data), *options]
    jailed = walls.start(
        here, command, env=env, keep=keep, seconds=_START_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        out, _ = jailed.process.communicate(timeout=_START_S)
    except subprocess.TimeoutExpired:
        raise NoServer(f"`initdb` did not end within {_START_S:.0f} s") from None
    finally:
        walls.end(jailed.process)
    if jailed.process.returncode:
        last = out.decode("utf-8", "replace").strip().split("\n")[-1][:200]
        raise NoServer(f"`initdb` failed: {last}")


def _wait(admin: Address, process: subprocess.Popen[bytes], clock: Clock, here: walls.Place) -> str:
    import threading

    import psycopg

    until = clock.monotonic() + int(_START_S * 1_000)
    pause = threading.Event()
    while True:
        try:
            with psycopg.connect(**admin.arguments(), connect_timeout=5) as connection:  # type: ignore[arg-type]
                number = connection.info.server_version
                return f"{number // 10_000}.{number % 10_000}"
        except psycopg.OperationalError:
            if process.poll() is not None or clock.monotonic() >= until:
                lines = (here.folder / "server.log").read_text("utf-8", "replace").strip().split("\n")
                raise NoServer(f"the private PostgreSQL did not start: {lines[-1][:200]}") from None
            pause.wait(0.02)
