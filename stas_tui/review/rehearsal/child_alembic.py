"""Alembic inside the jail, in the project's own interpreter: single steps up and down, on the scratch database only.

Whatever address `env.py` wants, every engine that SQLAlchemy makes is connected to the scratch database.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

_PG_DRIVERS = ("psycopg", "psycopg2", "psycopg2cffi")


class WrongDatabase(Exception):
    """`env.py` connects to another kind of database than the rehearsal has."""

    def __init__(self, name: str) -> None:
        super().__init__(f"env.py connects to {name}")
        self.dialect_name = name


class NothingRun(Exception):
    """`env.py` ended without running a migration."""


class Handler:
    """The project's Alembic environment."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.phase = "load"
        self.statements: list[str] = []
        self.settings = settings
        self.script: Any = None
        """Read once: a long chain takes a while to load."""
        self.version_table = "alembic_version"
        ini = settings["ini"]
        root = Path(settings["root"])
        start = (root / ini).parent if ini else root
        os.chdir(start)
        sys.path[:0] = list(dict.fromkeys((str(start), str(root))))
        alembic = importlib.import_module("alembic")
        sqlalchemy = importlib.import_module("sqlalchemy")
        self._use_what_is_there()
        self._redirect()
        config = importlib.import_module("alembic.config").Config
        self.config = config(str(root / ini)) if ini else config()
        self.config.set_main_option("script_location", str(root / settings["folder"]).replace("%", "%%"))
        self.config.set_main_option("sqlalchemy.url", settings["url"].replace("%", "%%"))
        self.about = {"version": f"Alembic {alembic.__version__}, SQLAlchemy {sqlalchemy.__version__}"}

    def _use_what_is_there(self) -> None:
        """Let psycopg stand in for the other drivers of PostgreSQL where those are not installed."""
        registry = importlib.import_module("sqlalchemy.dialects").registry
        place = "sqlalchemy.dialects.postgresql.psycopg"
        if not _there("psycopg"):
            return
        if not _there("psycopg2"):
            for name in ("postgresql", "postgresql.psycopg2"):
                registry.register(name, place, "PGDialect_psycopg")
        if not _there("asyncpg"):
            registry.register("postgresql.asyncpg", place, "PGDialectAsync_psycopg")

    def _redirect(self) -> None:
        event = importlib.import_module("sqlalchemy.event")
        engine = importlib.import_module("sqlalchemy.engine").Engine

        def connect(dialect: Any, _record: Any, arguments: list[Any], keywords: dict[str, Any]) -> None:
            given = _connection(dialect, self.settings)
            arguments[:] = given.pop("", [])
            keywords.clear()
            keywords.update(given)

        def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.statements.append(statement)

        event.listen(engine, "do_connect", connect)
        event.listen(engine, "before_cursor_execute", heard)

    def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """`up`, `down` or `stamp` the revisions named, in that order."""
        self.phase = "load"
        self.statements = []
        runtime = importlib.import_module("alembic.runtime.migration")
        environment = importlib.import_module("alembic.runtime.environment").EnvironmentContext
        if self.script is None:
            self.script = importlib.import_module("alembic.script").ScriptDirectory.from_config(self.config)
        script = self.script
        ids, way = list(request["ids"]), request["do"]
        revisions = [self._fresh(script.get_revision(id_)) for id_ in ids]

        def steps(heads: Any, context: Any) -> list[Any]:
            self.phase = "run"
            self.version_table = context.version_table
            if way == "stamp":
                return list(script._stamp_revs(tuple(ids), heads))
            return [runtime.RevisionStep(script.revision_map, revision, way == "up") for revision in revisions]

        with environment(self.config, script, fn=steps, destination_rev=ids[-1] if ids else None) as context:
            configure = context.configure

            def one_by_one(*arguments: Any, **keywords: Any) -> None:
                configure(*arguments, **{**keywords, "transaction_per_migration": True})

            context.configure = one_by_one
            script.run_env()
        if self.phase == "load":
            raise NothingRun("env.py ended without running a migration")
        return {"ok": True, "version_table": self.version_table}

    def _fresh(self, revision: Any) -> Any:
        """The revision with its file run anew, as a new process would."""
        load = importlib.import_module("alembic.util").load_python_file
        place = Path(revision.path)
        revision.module = load(str(place.parent), place.name)
        return revision


def _there(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _connection(dialect: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """What the driver's `connect` gets: positional arguments under the empty name."""
    if dialect.name == "sqlite" and settings["dialect"] == "sqlite":
        return {"": [settings["file"]]}
    if dialect.name != settings["dialect"]:
        raise WrongDatabase(dialect.name)
    address = dict(settings["address"])
    if dialect.driver in _PG_DRIVERS or dialect.driver == "psycopg_async":
        return address
    name = address.pop("dbname")
    if dialect.driver == "asyncpg":
        return {**address, "database": name}
    if dialect.driver == "pg8000":
        place = address.pop("host")
        port = address.pop("port")
        socket = {"unix_sock": f"{place}/.s.PGSQL.{port}"} if place.startswith("/") else {"host": place, "port": port}
        return {**address, **socket, "database": name}
    raise WrongDatabase(f"{dialect.name} by way of {dialect.driver}")
