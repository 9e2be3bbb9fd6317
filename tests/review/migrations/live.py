"""A live database with an account that can only read, declared in a tenancy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from stas_tui.config_sources import Credential
from stas_tui.isolation.declared import Database, Tenancy
from tests.postgres import server


def postgres(*statements: str, completed_by: str = "Ada") -> tuple[Tenancy, dict[str, str], str]:
    """(tenancy, environment with the address, administrator's address) of a database with these statements run."""
    here = server()
    dsn = here.fresh("live")
    reader = here.name("reader")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(f'create role "{reader}" login'.encode())
        connection.execute(f'grant pg_read_all_data to "{reader}"'.encode())
        connection.execute(b"analyze")
        name = connection.info.dbname
    tenancy = Tenancy(strategy="row", database=Database(dsn=Credential(env="LIVE_DSN")), completed_by=completed_by)
    return tenancy, {"LIVE_DSN": here.dsn(name, reader), "PATH": "/usr/bin:/bin"}, dsn


def sqlite(file: Path, *statements: str) -> Tenancy:
    """A tenancy whose live database is a SQLite file with these statements run."""
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return Tenancy(strategy="row", database=Database(sqlite=str(file)), completed_by="Ada")
