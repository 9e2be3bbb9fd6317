"""Sets the scene for rehearsals: folder, server, trees, interpreter; and takes it down again whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from stas_tui.config_rehearse import Rehearse
from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.forges.base import ForgeError
from stas_tui.review.base import Change
from stas_tui.review.migrations.find import Pair
from stas_tui.review.migrations.leads import said
from stas_tui.review.migrations.model import POSTGRESQL, SQLITE, Chain, Revision, in_order
from stas_tui.review.rehearsal import walls
from stas_tui.review.rehearsal.answers import Step
from stas_tui.review.rehearsal.given import given_server
from stas_tui.review.rehearsal.postgres import NoServer, Server, private_server
from stas_tui.review.rehearsal.rehearse import Rehearsal, Walk
from stas_tui.review.rehearsal.stage import AlembicRunner, PlainRunner, PostgresStage, Runner, SqliteStage, Stage
from stas_tui.review.rehearsal.talk import ChildGone, Limits, TimeOver
from stas_tui.review.rehearsal.trees import write_tree
from storage.clock import SECOND

NO_ALEMBIC = "Alembic is not installed here; `pip install 'stas-tui[rehearse]'`, or name the project's interpreter"


@dataclass(slots=True)
class Scene:
    """What several rehearsals of one change share."""

    change: Change
    options: Rehearse
    here: walls.Place
    limits: Limits
    stack: ExitStack
    roots: dict[str, Path] = field(default_factory=dict)
    server: Server | None = None

    def root(self, side: str) -> Path:
        """The folder with the files of `base` or `head`. Raises `ForgeError`, `OSError`."""
        if side not in self.roots:
            self.limits.step(f"rehearsal: writing the files of {side}")
            self.roots[side] = write_tree(self.change.base if side == "base" else self.change.head, self.here, side)
        return self.roots[side]

    def postgres(self) -> Server:
        """The server, started when it is first needed. Raises `NoServer`, `WallsMissing`."""
        if self.server is None:
            if self.options.server.named:
                try:
                    dsn = token_of(self.options.server, self.change.environ)
                except CredentialMissing as error:
                    raise NoServer(said(str(error))) from None
                if not dsn:
                    raise NoServer("the connection string of the rehearsal server is not set")
                self.server = self.stack.enter_context(given_server(dsn))
            else:
                self.limits.step("rehearsal: starting a private PostgreSQL")
                made = private_server(self.here, self.change.clock, self.limits.left_s)
                self.server = self.stack.enter_context(made)
        return self.server

    def stage(self, dialect: str) -> Stage:
        """A fresh scratch database. Raises `NoServer`, `WallsMissing`, `ChildGone`, `TimeOver`."""
        if dialect == SQLITE:
            stage: Stage = SqliteStage(self.here, self.limits)
        else:
            stage = PostgresStage(self.postgres())
        self.stack.callback(stage.close)
        return stage

    def runner(self, chain: Chain, side: str, stage: Stage) -> Runner:
        """What runs a chain's migrations from the files of one side."""
        if chain.framework != "alembic":
            return PlainRunner(self.here, chain, stage, self.limits)
        python = Path(self.options.python) if self.options.python else None
        return AlembicRunner(
            self.here, chain, self.root(side), stage, self.limits, python=python, env=self._environment(stage)
        )

    def _environment(self, stage: Stage) -> dict[str, str]:
        address = stage.settings["address"]
        names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname", "PGPASSWORD": "password"}
        libpq = {name: str(address[key]) for name, key in names.items() if address.get(key)}
        urls = dict.fromkeys(self.options.url_env, stage.url)
        return {**dict(self.options.env), **urls, **libpq}


@contextmanager
def scene(change: Change) -> Iterator[Scene]:
    """The scene for a change. Raises `WallsMissing`."""
    options = change.rehearsal or Rehearse()

    def step(what: str) -> None:
        if what:
            change.step(what)
        elif change.cancelled():
            change.step("rehearsal")

    until = change.clock.monotonic() + int(options.seconds * SECOND)
    limits = Limits(change.clock, until, options.seconds, step)
    with walls.place(change.clock) as here, ExitStack() as stack:
        yield Scene(change, options, here, limits, stack)


def rehearsed(scene: Scene, pair: Pair, introduced: Sequence[Revision] | None = None) -> Rehearsal:
    """Rehearse one chain: the revisions that the change adds, or those given. What goes wrong is in its `problem`."""
    report = Rehearsal()
    wanted = pair.introduced if introduced is None else list(introduced)
    problem = _impossible(scene, pair)
    if problem:
        report.problem = problem
        return report
    dialect = scene.options.engine if scene.options.engine != "auto" else pair.chain.dialect
    for attempt in range(2):
        other = _attempt(scene, pair, wanted, dialect, report)
        if not other or other == dialect or other not in (POSTGRESQL, SQLITE) or attempt:
            break
        dialect, report = other, Rehearsal()
    return report


def _attempt(scene: Scene, pair: Pair, wanted: Sequence[Revision], dialect: str, report: Rehearsal) -> str:
    """Fill the report; returns the other kind of database that `env.py` wants, if it does."""
    chain = pair.chain
    asked: list[str] = []
    try:
        stage = scene.stage(dialect)
        report.what, report.walls = stage.what, walls.in_words(stage.walls)

        def before(on: Stage) -> Step:
            step = _schema_of_before(scene, pair, on, wanted, report)
            asked.append(step.dialect)
            return step

        def make(on: Stage) -> Runner:
            runner = scene.runner(pair.head or chain, "head", on)
            report.walls = walls.in_words(runner.walls, network_asked=on.network)
            return runner

        Walk(stage, scene.limits, before, make, report).run(wanted)
    except TimeOver:
        at = f", in {report.trials[-1].revision.id}" if report.trials else ", while the schema of before was made"
        report.problem = f"it took longer than {scene.limits.seconds:g} s{at}"
    except ChildGone as error:
        report.problem = f"the process of the rehearsal ended: {said(str(error), 200)}"
    except (NoServer, walls.WallsMissing, ForgeError) as error:
        report.problem = said(str(error))
    except OSError as error:
        report.problem = f"the rehearsal had no room or no right: {said(error.strerror or str(error), 160)}"
    return next((name for name in asked if name), "")


def _schema_of_before(scene: Scene, pair: Pair, stage: Stage, wanted: Sequence[Revision], report: Rehearsal) -> Step:
    """Make the schema of before the change: the user's dump, or the chain run from its beginning."""
    new = {revision.id for revision in wanted}
    side = "base" if pair.base is not None and (pair.edited or pair.deleted) else "head"
    chain = (pair.base if side == "base" else pair.head) or pair.chain
    old = [revision for revision in in_order(chain.revisions) if side == "base" or revision.id not in new]
    report.base_revisions = len(old)
    if not old and not scene.options.dump:
        return Step(True)
    if scene.options.dump:
        loaded = _load(scene, chain, stage)
        if not loaded.ok:
            return loaded
    runner = scene.runner(chain, side, stage)
    report.tool, report.walls = runner.tool, walls.in_words(runner.walls, network_asked=stage.network)
    try:
        if scene.options.dump:
            heads = replace(chain, revisions={revision.id: revision for revision in old}).heads
            return runner.stamp(heads)
        scene.limits.step(f"rehearsal: {len(old)} migrations from before")
        return runner.many(old)
    finally:
        runner.close()


def _load(scene: Scene, chain: Chain, stage: Stage) -> Step:
    given = Path(scene.options.dump)
    if given.is_absolute():
        try:
            text: str | None = given.read_text("utf-8", "replace")
        except OSError as error:
            return Step(False, error="no dump", means=f"the schema dump cannot be read: {error.strerror}")
    else:
        content = scene.change.base.read(scene.options.dump)
        text = None if content is None else content.decode("utf-8", "replace")
    if text is None:
        return Step(False, error="no dump", means=f"the schema dump {said(scene.options.dump, 120)} is not in the base")
    lines = [line for line in text.split("\n") if not line.startswith(("\\restrict", "\\unrestrict"))]
    scene.limits.step("rehearsal: loading the schema dump")
    runner = PlainRunner(scene.here, replace(chain, framework="goose"), stage, scene.limits)
    try:
        return runner.run("\n".join(lines), transaction=False)
    finally:
        runner.close()


def _impossible(scene: Scene, pair: Pair) -> str:
    """Why there is no need to try; empty if there is."""
    chain = pair.head
    if chain is None:
        return "the change deletes the whole chain"
    engine = scene.options.engine
    dialect = engine if engine != "auto" else chain.dialect
    if dialect not in (POSTGRESQL, SQLITE):
        return f"the migrations are written for {dialect}, and only PostgreSQL and SQLite are rehearsed"
    for revision in chain.revisions.values():
        if revision.problem:
            return f"{said(revision.path, 120)}: {revision.problem}"
        for parent in (*revision.parents, *revision.depends):
            if parent not in chain.revisions and not any(i.startswith(parent) for i in chain.revisions):
                return f"{said(revision.id, 60)} follows {said(parent, 60)}, which is not there (C1)"
    if chain.framework != "alembic":
        return ""
    if scene.options.python:
        if not os.access(scene.options.python, os.X_OK):
            return f"the interpreter {said(scene.options.python, 160)} is not there or cannot be run"
    elif find_spec("alembic") is None:
        return NO_ALEMBIC
    return ""
