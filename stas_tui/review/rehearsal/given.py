"""A server that the user named for rehearsals: only on this machine, and only in databases that we made on it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

from stas_tui.review.rehearsal.postgres import NO_DRIVER, Address, NoServer, Server

_LOCAL = ("localhost", "localhost.localdomain", "ip6-localhost")
_REFUSED = ("service", "servicefile", "passfile", "sslcert", "sslkey")


def _loopback(host: str) -> bool:
    if host.startswith("/"):
        return True
    if host in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(dsn: str) -> Address:
    """The account that a connection string names. Raises `NoServer` if it is not one of this machine."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise NoServer(NO_DRIVER) from None
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    except ProgrammingError:
        raise NoServer("the connection string of the rehearsal server cannot be read") from None
    if any(name in parts for name in _REFUSED):
        raise NoServer("the rehearsal server's connection string names a service or files; write host, port and user")
    host = parts.get("host", "")
    if not host:
        raise NoServer("the rehearsal server's connection string names no host; write 127.0.0.1 or the socket's folder")
    hosts = host.split(",") + [one for one in parts.get("hostaddr", "").split(",") if one]
    if not all(_loopback(one) for one in hosts):
        raise NoServer(
            "the rehearsal server is not on this machine; migrations are rehearsed on a loopback server only"
        )
    if len(hosts) > 1:
        raise NoServer("the rehearsal server's connection string names several hosts; name one")
    if "user" not in parts:
        raise NoServer("the rehearsal server's connection string names no user")
    port = parts.get("port", "5432")
    return Address(
        host,
        int(port) if port.isdigit() else 5432,
        parts["user"],
        parts.get("dbname", "postgres"),
        parts.get("password", ""),
    )


@contextmanager
def given_server(dsn: str) -> Iterator[Server]:
    """The user's server, after it said that it runs here and takes writes. Raises `NoServer`."""
    address = address_of(dsn)
    import psycopg

    try:
        with psycopg.connect(**address.arguments(), connect_timeout=5, application_name="stas") as connection:  # type: ignore[arg-type]
            query = (
                "select host(inet_server_addr()), pg_is_in_recovery(), current_setting('server_version_num')::int,"
                " (select rolcreatedb or rolsuper from pg_roles where rolname = current_user)"
            )
            row = connection.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        first = str(error).strip().split("\n", 1)[0][:200]
        raise NoServer(f"the rehearsal server does not let us in: {first}") from None
    assert row is not None
    where, replica, number, may = row
    if where is not None and not _loopback(str(where)):
        raise NoServer("the rehearsal server says that it runs on another machine; nothing was made there")
    if replica:
        raise NoServer("the rehearsal server is a replica and takes no writes")
    if not may:
        raise NoServer("the account for the rehearsal server may not create databases; give it CREATEDB")
    yield Server(address, address.user, f"{number // 10_000}.{number % 10_000}", ours=False, walls={})
