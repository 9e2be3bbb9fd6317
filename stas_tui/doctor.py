"""`stas doctor`: what Stas needs, whether it is there, and how to mend what is not.

Every check only looks. A check that could not look says `unknown`, never `ok`.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from stas_tui import (
    doctor_extras,
    doctor_files,
    doctor_git,
    doctor_record,
    doctor_sources,
    doctor_terminal,
    git_probe,
)
from stas_tui.config_errors import ConfigError, ConfigMissing
from stas_tui.doctor_rows import Row, State
from stas_tui.locations import Profile, os_user
from storage.sqlite import WAL_SAFE_FROM

if TYPE_CHECKING:
    from stas_tui.config import Settings

SQLITE_FROM = (3, 37)
"""The first SQLite with STRICT tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """What the checks may look at."""

    profile: Profile
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    look_further: Callable[[Profile], Iterable[Row]] | None = None
    """Further rows that a caller brings along; their ids must be new."""

    def examine(self) -> Iterator[Row]:
        """All rows, one after the other as they are known; ids are unique and stable."""
        yield from _machine()
        yield from doctor_files.folders(self.profile)
        settings, row = self._settings()
        yield row
        yield _person(settings)
        if settings is None:
            yield Row("project", "Repositories", State.UNKNOWN, "the configuration could not be read")
        else:
            yield from doctor_git.projects(settings)
            yield _executor(settings)
            yield _agents(settings)
            yield from doctor_sources.sources(self.profile, settings)
        yield from _tools()
        yield from doctor_extras.extras()
        yield from doctor_terminal.terminal(self.environ)
        yield from doctor_record.databases(self.profile)
        yield from doctor_record.unfinished(self.profile)
        if self.look_further is not None:
            yield from self.look_further(self.profile)

    def _settings(self) -> tuple[Settings | None, Row]:
        from stas_tui.config import load

        try:
            settings = load(self.profile)
        except ConfigMissing as error:
            return None, Row("config", "Configuration", State.WARN, error.what, error.mend)
        except ConfigError as error:
            return None, Row("config", "Configuration", State.FAIL, error.what, error.mend)
        return settings, Row("config", "Configuration", State.OK, str(self.profile.config_file))


def worst(rows: Iterable[Row]) -> State:
    """The state of the whole: the worst of the rows; `unknown` counts less than a warning."""
    order = list(State)
    return max((row.state for row in rows), key=order.index, default=State.UNKNOWN)


def as_json(profile: str, rows: Iterable[Row]) -> dict[str, object]:
    """The findings for scripts; the keys are stable."""
    rows = list(rows)
    return {
        "schema": "stas.doctor/1",
        "profile": profile,
        "state": worst(rows).value,
        "rows": [asdict(row) for row in rows],
    }


def _machine() -> Iterator[Row]:
    yield Row("python", "Python", State.OK, platform.python_version())
    yield _git()
    yield _sqlite(sqlite3.sqlite_version_info)


def _git() -> Row:
    version = git_probe.version()
    if version is None:
        return Row("git", "git", State.FAIL, "not found", "Install git 2.38 or newer.")
    shown = ".".join(str(part) for part in version)
    if version < git_probe.GIT_FROM:
        return Row("git", "git", State.FAIL, f"{shown} cannot tell conflicts in advance", "Install git 2.38 or newer.")
    return Row("git", "git", State.OK, shown)


def _sqlite(version: tuple[int, ...]) -> Row:
    shown = ".".join(str(part) for part in version)
    if version < SQLITE_FROM:
        return Row(
            "sqlite", "SQLite", State.FAIL, f"{shown} is too old", "Use a Python built with SQLite 3.37 or newer."
        )
    if version < WAL_SAFE_FROM:
        safe = ".".join(str(part) for part in WAL_SAFE_FROM)
        return Row(
            "sqlite",
            "SQLite",
            State.OK,
            f"{shown}: rollback journal, writers wait for readers (WAL is safe from {safe})",
        )
    return Row("sqlite", "SQLite", State.OK, f"{shown}: write-ahead log")


def _person(settings: Settings | None) -> Row:
    what = "Who decides"
    if settings is None:
        return Row("person", what, State.UNKNOWN, "the configuration could not be read")
    from stas_tui.config import person_for

    user = os_user()
    if not settings.person:
        return Row(
            "person", what, State.WARN, "nobody: the profile only observes", "Add a [[person]] to the configuration."
        )
    person = person_for(settings, user)
    if person is None:
        return Row(
            "person",
            what,
            State.WARN,
            f"you are {user}, and no [[person]] is",
            f'Add a [[person]] with os_user = "{user}".',
        )
    return Row("person", what, State.OK, f"{person.name} ({user}), mode {settings.mode}")


def _executor(settings: Settings) -> Row:
    executor, what = settings.executor, "Executor"
    if settings.demo.enabled and not executor.configured:
        return Row("executor", what, State.OK, "the demo's own script")
    if executor.preset:
        from stas_tui.executors.presets import PRESETS

        if executor.preset not in PRESETS:
            return Row(
                "executor",
                what,
                State.FAIL,
                f"there is no preset {executor.preset}",
                f"Use one of {', '.join(PRESETS)}, or set executor.argv.",
            )
        program, shown = PRESETS[executor.preset].argv[0], f"preset {executor.preset}"
    elif executor.argv:
        program = shown = executor.argv[0]
    else:
        return Row(
            "executor", what, State.UNKNOWN, "none is set: work directly, or let somebody else", "Fill in [executor]."
        )
    found = shutil.which(program)
    if found:
        missing = [name for name in executor.env_allow if name not in os.environ]
        if missing:
            return Row("executor", what, State.WARN, f"{found}; not set: {', '.join(missing)}", "Export what it needs.")
        return Row("executor", what, State.OK, found)
    if executor.preset:
        return Row("executor", what, State.WARN, f"{shown}: no program called {program} on the path", "Install it.")
    return Row("executor", what, State.FAIL, f"{program} was not found", "Install it, or correct executor.argv.")


def _agents(settings: Settings) -> Row:
    missing = [name for name in ("Finn", "Sky") if settings.agent_id(name) is None]
    if missing:
        names = " and ".join(missing)
        return Row(
            "agents", "Addresses", State.WARN, f"no id for {names}: nothing can be sent there", "Fill in [agents]."
        )
    return Row("agents", "Addresses", State.OK, "Finn and Sky have ids")


def _tools() -> Iterator[Row]:
    for program, use in (
        ("gitleaks", "a second look for secrets"),
        ("bwrap", "a sandbox around executors"),
    ):
        found = shutil.which(program)
        if found:
            yield Row(program, program, State.OK, found)
        else:
            yield Row(program, program, State.UNKNOWN, f"not installed (optional: {use})")
    yield _containers()


def _containers() -> Row:
    what = "Container engine"
    for program in ("docker", "podman"):
        if not shutil.which(program):
            continue
        done = git_probe.ask([program, "info", "--format", "{{.ServerVersion}}"], timeout_s=10)
        if done.ok:
            return Row("containers", what, State.OK, f"{program} {done.out.strip()[:40]}".strip())
        return Row(
            "containers",
            what,
            State.WARN,
            f"{program} is installed, but its engine does not answer: {done.reason}",
            "Start it, or do without builds and services in verification.",
        )
    return Row("containers", what, State.UNKNOWN, "none installed (optional: verification with builds and services)")
