"""Scratch databases to rehearse on, PostgreSQL or a SQLite file, and what runs migrations on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Chain, Revision
from stas_tui.review.migrations.plain_sql import DBMATE, FLYWAY, GOOSE, SQL_MIGRATE
from stas_tui.review.migrations.sql_split import statements
from stas_tui.review.rehearsal import walls
from stas_tui.review.rehearsal.answers import Step, step_of
from stas_tui.review.rehearsal.catalogue import gathered, read_postgres
from stas_tui.review.rehearsal.postgres import Address, Server
from stas_tui.review.rehearsal.talk import Child, Limits


class Stage(Protocol):
    """A scratch database that can be put back to how it was."""

    @property
    def what(self) -> str:
        """What it is, for a person."""
        ...

    @property
    def walls(self) -> Mapping[str, str]:
        """Those around the database itself."""
        ...

    @property
    def network(self) -> bool:
        """Whether programs need the network to reach it."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """How a child finds it."""
        ...

    @property
    def url(self) -> str:
        """Its address as SQLAlchemy and most applications write it."""
        ...

    def save(self) -> None:
        """Remember how the database is now."""
        ...

    def restore(self) -> None:
        """Put it back to how it was remembered; nothing may be connected to it."""
        ...

    def catalogue(self) -> dict[str, dict[str, str]]:
        """What it consists of now."""
        ...

    def close(self) -> None:
        """Throw it away."""
        ...


@dataclass(slots=True)
class PostgresStage:
    """A database of a PostgreSQL server."""

    server: Server
    without: tuple[str, ...] = ()
    """Further tables of bookkeeping."""
    address: Address = field(init=False)
    _saved: Address | None = None
    _roles: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.address = self.server.fresh()

    @property
    def what(self) -> str:
        return f"PostgreSQL {self.server.version}, {'private' if self.server.ours else 'given'} server"

    @property
    def walls(self) -> Mapping[str, str]:
        return self.server.walls

    @property
    def network(self) -> bool:
        return not self.address.local

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"dialect": POSTGRESQL, "address": self.address.arguments(), "file": ""}

    @property
    def url(self) -> str:
        from urllib.parse import quote

        a = self.address
        password = f":{quote(a.password, safe='')}" if a.password else ""
        user = f"{quote(a.user, safe='')}{password}"
        if a.local:
            return f"postgresql://{user}@/{a.database}?host={quote(a.host, safe='/')}&port={a.port}"
        host = f"[{a.host}]" if ":" in a.host else a.host
        return f"postgresql://{user}@{host}:{a.port}/{a.database}"

    def save(self) -> None:
        self._saved = self.server.copy(self.address)
        self._roles = self.server.roles()

    def restore(self) -> None:
        assert self._saved is not None
        self.server.drop(self.address)
        self.server.drop_roles(self._roles)
        self.address = self.server.copy(self._saved)

    def catalogue(self) -> dict[str, dict[str, str]]:
        import psycopg

        admin = self.server.admin
        place = Address(admin.host, admin.port, admin.user, self.address.database, admin.password)
        with psycopg.connect(**place.arguments(), connect_timeout=10, application_name="stas") as connection:  # type: ignore[arg-type]
            return read_postgres(connection, roles=self.server.ours, without=self.without)

    def close(self) -> None:
        for address in (self.address, self._saved):
            if address is not None:
                self.server.drop(address)


class SqliteStage:
    """A SQLite file in the rehearsal's folder."""

    network = False

    def __init__(self, here: walls.Place, limits: Limits) -> None:
        self.file = here.made("sqlite") / "scratch.db"
        self._here = here
        self._saved = self.file.with_suffix(".saved")
        self._reader = Child(here, "sqlite", {"file": str(self.file)}, limits)
        self._reader.ask({"do": "run", "sql": ["PRAGMA user_version = 0"], "transaction": False})
        self.what = f"SQLite {self._reader.about['version']}, scratch file"
        self.walls = self._reader.walls

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"dialect": SQLITE, "address": {}, "file": str(self.file)}

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def save(self) -> None:
        self._copy(self.file, self._saved)

    def restore(self) -> None:
        for leftover in ("-wal", "-shm", "-journal"):
            self.file.with_name(self.file.name + leftover).unlink(missing_ok=True)
        self._copy(self._saved, self.file)

    def _copy(self, source: Path, target: Path) -> None:
        if source.exists():
            shutil.copyfile(source, target)
            self._here.give(target)
        else:
            target.unlink(missing_ok=True)

    def catalogue(self) -> dict[str, dict[str, str]]:
        answer = self._reader.ask({"do": "catalogue"})
        if "error" in answer:
            raise OSError(str(answer["error"]))
        return gathered(tuple(row) for row in answer["rows"])

    def close(self) -> None:
        self._reader.close()


class Runner(Protocol):
    """Runs migrations of one tree on a stage."""

    tool: str
    walls: Mapping[str, str]
    """Those around the program."""

    def many(self, revisions: Sequence[Revision]) -> Step:
        """All of them up, in order."""
        ...

    def up(self, revision: Revision) -> Step:
        """One up."""
        ...

    def down(self, revision: Revision) -> Step:
        """One down."""
        ...

    def stamp(self, revisions: Sequence[str]) -> Step:
        """Note them as applied without running them, where the runner keeps such notes."""
        ...

    def close(self) -> None:
        """End it."""
        ...


MakeRunner = Callable[[Stage], Runner]


class AlembicRunner:
    """Alembic in the project's own interpreter."""

    def __init__(
        self,
        here: walls.Place,
        chain: Chain,
        root: Path,
        stage: Stage,
        limits: Limits,
        *,
        python: Path | None,
        env: Mapping[str, str],
    ) -> None:
        settings = {"root": str(root), "ini": chain.ini, "folder": chain.folder, "url": stage.url, **stage.settings}
        host = str(settings["address"].get("host", ""))
        keep = (Path(host),) if host.startswith("/") and not host.startswith(str(here.folder)) else ()
        self._child = Child(here, "alembic", settings, limits, python=python, env=env, keep=keep, network=stage.network)
        self.tool = str(self._child.about.get("version", ""))
        self.walls = self._child.walls
        self._failed = step_of(self._child.about)

    def _ask(self, way: str, ids: Sequence[str], file: str = "") -> Step:
        if not self._failed.ok:
            return self._failed
        return step_of(self._child.ask({"do": way, "ids": list(ids)}), file)

    def many(self, revisions: Sequence[Revision]) -> Step:
        return self._ask("up", [revision.id for revision in revisions]) if revisions else Step(True)

    def up(self, revision: Revision) -> Step:
        return self._ask("up", [revision.id], revision.path)

    def down(self, revision: Revision) -> Step:
        return self._ask("down", [revision.id], revision.path)

    def stamp(self, revisions: Sequence[str]) -> Step:
        return self._ask("stamp", revisions)

    def close(self) -> None:
        self._child.close()


class PlainRunner:
    """Files of SQL, as their runner sends them."""

    def __init__(self, here: walls.Place, chain: Chain, stage: Stage, limits: Limits) -> None:
        self._chain = chain
        self._sqlite = stage.settings["dialect"] == SQLITE
        kind = "sqlite" if self._sqlite else "postgres"
        host = str(stage.settings["address"].get("host", ""))
        keep = (Path(host),) if host.startswith("/") and not host.startswith(str(here.folder)) else ()
        self._child = Child(here, kind, stage.settings, limits, keep=keep, network=stage.network)
        self.walls = self._child.walls
        self.tool = f"{'SQLite' if self._sqlite else 'psycopg'} {self._child.about.get('version', '')}".strip()

    def run(self, text: str, *, transaction: bool) -> Step:
        """A text of SQL."""
        pieces = [one.text for one in statements(text)]
        if self._sqlite:
            transaction = True
        elif self._chain.framework not in (GOOSE, SQL_MIGRATE, DBMATE, FLYWAY):
            pieces = [text] if pieces else []  # sent as one text, which the server takes as one transaction
        if not pieces:
            return Step(True)
        return step_of(self._child.ask({"do": "run", "sql": pieces, "transaction": transaction}))

    def many(self, revisions: Sequence[Revision]) -> Step:
        for revision in revisions:
            step = self.up(revision)
            if not step.ok:
                return step
        return Step(True)

    def up(self, revision: Revision) -> Step:
        return self.run(revision.sql, transaction=revision.transaction and self._chain.framework != "sql pairs")

    def down(self, revision: Revision) -> Step:
        return self.run(revision.sql_down, transaction=revision.transaction and self._chain.framework != "sql pairs")

    def stamp(self, revisions: Sequence[str]) -> Step:
        return Step(True)

    def close(self) -> None:
        self._child.close()
