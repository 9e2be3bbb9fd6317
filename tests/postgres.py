"""A real PostgreSQL for tests: one server for all workers of a test session, databases cloned from templates.

    server().fresh("shop")                          # connection string of a new empty database, as superuser
    server().fresh("shop", template=build)          # a clone of what `build(dsn)` made once in this session
    server().dsn(database, user, password=...)      # the same database as somebody else
    server().name("app_rw")                         # a role name that no other test has: roles belong to the server

`server()` skips the test where PostgreSQL is missing, except under CI=true, where that is a failure. Connections come
through a socket and are trusted, unless the role is a member of `password_required`; 127.0.0.1 always asks for it.
A guard process ends the server and removes its folder as soon as the last worker is gone, however that went.
Run as root, the server runs as `postgres` or `nobody`, as PostgreSQL refuses root.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

PATIENCE_S = 60.0
ADMIN = "postgres"
ENCODING = "UTF8"
_ACCESS = """
local all +password_required scram-sha-256
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 32MB
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
jit = off
max_wal_senders = 0
wal_level = minimal
max_wal_size = 128MB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
"""
_STATEMENTS = """
shared_preload_libraries = 'pg_stat_statements'
"""
_RUN = "PYTEST_XDIST_TESTRUNUID"


def binaries() -> Path | None:
    """Folder of `initdb` and `postgres`, newest version first; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return next((path for path in found if (path / "initdb").exists() and (path / "postgres").exists()), None)


def server() -> Server:
    """The server of this test session, started by whoever asks first. Skips, or fails under CI=true, without one."""
    import pytest

    if binaries() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's server is not installed")
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    return _server(os.getpid())


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    bin: Path
    """Folder of its programs, `pg_dump` among them."""
    sockets: str
    port: int
    password: str
    """Of the superuser `postgres`, for connections through 127.0.0.1."""
    locks: Path

    @property
    def version(self) -> int:
        """Its major version."""
        return int((self.locks / "data" / "PG_VERSION").read_text().strip())

    def dsn(
        self,
        database: str = ADMIN,
        user: str = ADMIN,
        *,
        password: str = "",
        tcp: bool = False,
        port: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> str:
        """A connection string as address; `tcp` goes through 127.0.0.1, where the superuser's password is filled in."""
        if tcp and user == ADMIN and not password:
            password = self.password
        who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        port = port or self.port
        where = f"127.0.0.1:{port}" if tcp else ""
        more = {**({} if tcp else {"host": self.sockets, "port": str(port)}), **(options or {})}
        return f"postgresql://{who}@{where}/{quote(database, safe='')}" + (f"?{urlencode(more)}" if more else "")

    def name(self, stem: str) -> str:
        """A name that nobody else has in this session, for roles and databases."""
        return f"{stem}_{os.getpid():x}_{next(_NUMBERS)}"

    def fresh(self, stem: str = "t", *, template: Callable[[str], Any] | None = None) -> str:
        """Connection string of a new database, as superuser. `template(dsn)` fills one that is then cloned.

        Templates are known by the module and name of the function, and filled once in a session.
        """
        name = self.name(re.sub(r"\W", "_", stem)[:40])
        source = "template0" if template is None else self._template(template)
        self._create(name, source)
        return self.dsn(name)

    def _create(self, name: str, source: str) -> None:
        """Files are copied, where the server can: a third of the work of writing each block to its log."""
        strategy = "strategy file_copy" if self.version >= 15 else ""
        self.run(ADMIN, f'create database "{name}" template "{source}" encoding {ENCODING!r} {strategy}')

    def run(self, database: str, *statements: str) -> None:
        """Run statements as superuser, each committed by itself."""
        import psycopg

        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def dump(self, database: str) -> bytes:
        """Everything in a database, schema and rows, as pg_dump writes it."""
        done = subprocess.run([self.bin / "pg_dump", "--restrict-key=tests", self.dsn(database)], capture_output=True)
        if done.returncode and b"restrict-key" in done.stderr:
            done = subprocess.run([self.bin / "pg_dump", self.dsn(database)], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _template(self, build: Callable[[str], Any]) -> str:
        name = "tpl_" + re.sub(r"\W", "_", f"{build.__module__}_{build.__qualname__}")[-58:].lower()
        with _locked(self.locks / f"{name}.lock"):
            done = self.locks / f"{name}.done"
            if not done.exists():
                self.run(ADMIN, f'drop database if exists "{name}"')
                self._create(name, "template0")
                build(self.dsn(name))
                done.touch()
        return name


_NUMBERS = itertools.count(1)
_HELD: list[int] = []
"""Locks that say that this process still uses a server; the system frees them when it is gone."""


@cache
def _server(_: int) -> Server:
    session = os.environ.get(_RUN) or f"{os.getpid()}-{secrets.token_hex(4)}"
    base = _base() / f"stas-pg-{os.getuid()}-{session[:16]}"
    base.mkdir(mode=0o711, exist_ok=True)
    base.chmod(0o711)
    with _locked(base / "door"):
        for folder in sorted(base.glob("s*")):
            if _use(folder, create=False):
                break
        else:
            folder = _start(base)
    state = json.loads((folder / "state.json").read_text())
    return Server(Path(state["bin"]), state["sockets"], state["port"], state["password"], folder)


def _base() -> Path:
    """A folder that another user can reach and whose socket paths are short enough."""
    folder = Path(tempfile.gettempdir())
    reachable = all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))
    return folder if reachable and len(str(folder)) < 40 else Path("/tmp")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _use(folder: Path, *, create: bool) -> bool:
    """Count this process among the users of a server; False if it is about to end."""
    try:
        handle = os.open(folder / "users", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    _HELD.append(handle)
    return True


def _start(base: Path) -> Path:
    programs = binaries()
    assert programs is not None
    folder = base / f"s{secrets.token_hex(3)}"
    folder.mkdir(mode=0o711, parents=True)
    owner = _owner()
    for part in ("data", "run"):
        (folder / part).mkdir(mode=0o700)
        if owner is not None:
            os.chown(folder / part, owner.pw_uid, owner.pw_gid)
    assert _use(folder, create=True)
    data, password = folder / "data", secrets.token_hex(12)
    _program(
        [programs / "initdb", "-D", data, "-U", ADMIN, "-A", "trust", "-E", ENCODING, "--no-locale", "--no-sync"], owner
    )
    sockets = str(folder / "run")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = _CONFIGURATION.format(port=port, sockets=sockets)
    if _has_statements(programs):
        text += _STATEMENTS
    with (data / "postgresql.conf").open("a") as file:
        file.write(text)
    (data / "pg_hba.conf").write_text(_ACCESS)
    command = [sys.executable, __file__, str(programs), str(folder)]
    with (folder / "log").open("ab") as log:
        guard = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    made = Server(programs, sockets, port, password, folder)
    _await(made, guard, folder / "log")
    made.run(ADMIN, "create role password_required", f"alter role {ADMIN} password '{password}'")
    state = {"bin": str(programs), "sockets": sockets, "port": port, "password": password}
    (folder / "state.json").write_text(json.dumps(state))
    _GUARDS.append(guard)
    return folder


_GUARDS: list[subprocess.Popen[bytes]] = []
"""Kept, so that a guard that still runs at the end of the worker is no warning about a forgotten child."""


def _await(made: Server, guard: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg.connect(made.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if guard.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start: {error}\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


def _owner() -> pwd.struct_passwd | None:
    """Who the server runs as, where we are root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("PostgreSQL refuses root, and there is neither postgres nor nobody")


def _as(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _program(command: list[Any], owner: pwd.struct_passwd | None) -> None:
    done = subprocess.run(command, capture_output=True, cwd="/", env=_environment(), **_as(owner))
    assert done.returncode == 0, done.stderr.decode()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _has_statements(programs: Path) -> bool:
    return (programs.parent / "lib" / "pg_stat_statements.so").exists()


def _guard(programs: Path, folder: Path) -> None:
    """Run the server until nobody uses it any more, then end it and remove its folder."""
    child = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data"], cwd="/", env=_environment(), **_as(_owner())
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (folder / "users").open("r+") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        child.send_signal(signal.SIGQUIT)
        child.wait()
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        (folder.parent / "door").unlink()
        folder.parent.rmdir()


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), Path(sys.argv[2]))
