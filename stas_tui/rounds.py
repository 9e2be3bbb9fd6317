"""Rounds of isolation checks beside this process, and the matrix as every face reads it: kept while nothing changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.config_errors import ConfigError
from stas_tui.pulse.prover import RoundEnd, Under
from storage.check_marks import Mark, mark_of
from storage.clock import MINUTE, Clock
from storage.errors import StasError
from storage.owner import owner_alive
from storage.records import Json
from storage.redact import redact

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.config_model import Project
    from stas_tui.isolation.cells_take import Look, Subject
    from stas_tui.isolation.process import RoundChild
    from stas_tui.locations import Profile
    from storage.check_records import CheckRun, Waiver
    from storage.checks import Checks
    from storage.pulses import Pulses

KEPT_MS = 5 * MINUTE
"""For how long a matrix is shown at most before it is made anew: its sentences hold ages."""
TEXT = 160

Command = Callable[[str, Sequence[str], str | None], Sequence[str]]
"""(project, checks, pulse) to the arguments of the process that runs them."""


class NotStarted(StasError):
    """No process could be started for the checks."""


@dataclass
class _Own:
    """One round of this process."""

    project_id: str
    child: RoundChild | None = None
    asked: int = 0
    answered: set[str] = field(default_factory=set)
    text: str = ""
    end: RoundEnd | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def hear(self, line: Json) -> None:
        """One line of the child; on a thread of its own."""
        event = line.get("event")
        if event == "began":
            self.asked = len(line.get("asked") or ())
        elif event == "step":
            self.text = redact(" ".join(str(line.get("text", "")).split())[: TEXT * 4])[:TEXT]
        elif event == "result":
            self.answered.add(str(line.get("check")))
        elif event == "ended":
            self.end = RoundEnd(outcome=str(line.get("outcome")), note=str(line.get("note") or ""))
        elif event == "refused":
            self.end = RoundEnd(outcome="refused", note=str(line.get("reason")))
        elif event == "gone":
            if self.end is None:
                note = f"its process ended with status {line.get('status')}; isolation.log in the profile says more"
                self.end = RoundEnd(outcome="failed", note=note)
            self.over.set()


@dataclass(frozen=True, slots=True)
class _Known:
    mark: Mark
    file: tuple[int, int, int]
    until: int
    look: Look


class Rounds:
    """The isolation checks of a profile; see `pulse.prover.Prover`."""

    def __init__(
        self,
        profile: Profile,
        settings: Settings,
        checks: Checks,
        pulses: Pulses,
        clock: Clock,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._profile, self._settings = profile, settings
        self.checks = checks
        self._pulses, self._clock = pulses, clock
        self._environ = environ
        self.command: Command | None = None
        """How a round is started; None for this program itself."""
        self._own: dict[str, _Own] = {}
        self._known: dict[str, _Known] = {}
        self._closed = threading.Event()

    # what is declared and known ---------------------------------------------------------------------

    def projects(self) -> Sequence[str]:
        """Ids of the projects, in the order of the configuration."""
        return [project.id for project in self._settings.project]

    def project(self, project_id: str) -> Project:
        """The settings of a project. Raises `ConfigError`."""
        found = self._settings.project_by_id(project_id)
        if found is None:
            raise ConfigError(f"There is no project {project_id[:40]!a} in the configuration.")
        return found

    def subject(self, project_id: str) -> Subject:
        """What is declared of a project now. Raises `ConfigError` for a project that there is not."""
        from stas_tui.proving import declared

        return declared(self._profile, self.project(project_id)).subject

    def file(self, project_id: str) -> Path:
        """Where the tenancy file is, or would be."""
        project = self.project(project_id)
        return self._profile.tenancy_file(project.id, project.tenancy)

    def look(self, project_id: str) -> Look:
        """The matrix of a project as it is now. Raises `StoreError`."""
        return self._look(self.project(project_id), mark_of(self.checks.journal.store, project_id))

    def looks(self) -> Sequence[Look]:
        """The matrices of the projects whose checks were ever run. Raises `StoreError`."""
        found = []
        for project in self._settings.project:
            mark = mark_of(self.checks.journal.store, project.id)
            if mark:
                found.append(self._look(project, mark))
        return found

    def _look(self, project: Project, mark: Mark) -> Look:
        from stas_tui.proving import look

        now, file = self._clock.now(), _stamp(self.file(project.id))
        known = self._known.get(project.id)
        if known is not None and known.mark == mark and known.file == file and known.look.board.at <= now < known.until:
            return known.look
        made = look(self.checks, self._profile, project, now, pulses=self._pulses)
        self._known[project.id] = _Known(mark, file, _until(made, now), made)
        return made

    def due(self, project_id: str) -> Sequence[str]:
        """Checks whose answers no longer hold. Raises `StoreError`, `ForgeError`."""
        from stas_tui.isolation.catalog import catalog
        from stas_tui.isolation.due import due
        from stas_tui.proving import code_of

        project, subject = self.project(project_id), self.subject(project_id)
        tree = code_of(project, "")
        return due(
            catalog(),
            self.checks.standing(project_id),
            subject.tenants,
            self._clock.now(),
            commit=tree.commit if tree is not None else "",
            tenancy=subject.tenancy,
        )

    def last_round(self, project_id: str) -> tuple[CheckRun | None, int]:
        """The latest round in the record, and how many of its results stand. Raises `StoreError`."""
        run = self.checks.last_run(project_id)
        if run is None:
            return None, 0
        return run, sum(one.run.id == run.id for one in self.checks.standing(project_id))

    def source(self, project_id: str, commit: str, path: str) -> bytes | None:
        """A file as it was at the commit that was looked at; None if it is not there.

        Raises `ConfigError` if the commit is not on this machine, `ForgeError`.
        """
        from stas_tui.proving import code_of

        tree = code_of(self.project(project_id), commit)
        return tree.read(path) if tree is not None else None

    # what a person does -----------------------------------------------------------------------------

    def accept(
        self, project_id: str, check: str, *, tenant: str, fingerprint: str, reason: str, by: str, until: int
    ) -> Waiver:
        """A person accepts what a check flags or asks. Raises `WaiverRefused`, `IllegalMove`, `StoreError`."""
        from stas_tui.isolation.waivers import worth_accepting

        standing = [one.result for one in self.checks.standing(project_id)]
        worth_accepting(standing, check, tenant, fingerprint)
        return self.checks.accept(
            project_id, check, tenant=tenant, fingerprint=fingerprint, reason=reason, by=by, until=until
        )

    def draft(self, project_id: str) -> tuple[str, str]:
        """Draft the tenancy file; what was done, and what is next. Raises `FileThere`, `ForgeError`, `NotStarted`."""
        from stas_tui.proving import code_of
        from stas_tui.tenancy_draft import draft, refuse_if_there, write

        project, file = self.project(project_id), self.file(project_id)
        refuse_if_there(file)
        environ = os.environ if self._environ is None else self._environ
        drafted = draft(project.id, project.tenants, code_of(project, ""), file, environ=environ)
        try:
            return write(file, drafted)
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}.", "Check its folder.") from error

    # rounds -----------------------------------------------------------------------------------------

    def start(self, project_id: str, checks: Sequence[str] = (), *, pulse_id: str | None = None) -> None:
        """Start a round in a process beside this one. Raises `RoundThere`, `NotStarted`."""
        from stas_tui.isolation.process import RoundChild, RoundThere

        if self.under(project_id) is not None:
            raise RoundThere(f"The checks of {project_id} are running already; nothing was started.")
        own = _Own(project_id)
        try:
            own.child = RoundChild(
                self._profile,
                project_id,
                checks=checks,
                pulse_id=pulse_id,
                hear=own.hear,
                argv=self.command(project_id, checks, pulse_id) if self.command is not None else None,
                environ=self._environ,
            )
        except OSError as error:
            raise NotStarted(f"The checks of {project_id} could not be started: {error.strerror}.") from error
        self._own[project_id] = own

    def under(self, project_id: str = "") -> Under | None:
        """The round of this process that runs, of this project or of any."""
        for own in tuple(self._own.values()):
            if not own.over.is_set() and project_id in ("", own.project_id):
                return Under(project_id=own.project_id, asked=own.asked, answered=len(own.answered), text=own.text)
        return None

    def ended(self, project_id: str) -> RoundEnd | None:
        """How the last round that this process started for a project ended; None if there is none, or it runs."""
        own = self._own.get(project_id)
        return own.end if own is not None and own.over.is_set() else None

    def wait(self, project_id: str, timeout_s: float) -> None:
        """Return when no round of the project runs in this process, at the latest after this time.

        One that runs elsewhere is waited for all the time. Raises `StoreError`.
        """
        own = self._own.get(project_id)
        if own is not None and not own.over.is_set():
            own.over.wait(timeout_s)
            return
        run = self.checks.last_run(project_id)
        if run is not None and run.ended_at is None and owner_alive(run.owner):
            self._closed.wait(timeout_s)

    def cancel(self, project_id: str = "") -> bool:
        """Ask the rounds of this process to stop, of this project or all; False if none runs."""
        asked = False
        for own in tuple(self._own.values()):
            if own.child is not None and not own.over.is_set() and project_id in ("", own.project_id):
                own.child.cancel()
                asked = True
        return asked

    def close(self) -> None:
        """End every round of this process and wait for it."""
        self._closed.set()
        for own in self._own.values():
            if own.child is not None:
                own.child.close()


def _stamp(file: Path) -> tuple[int, int, int]:
    """What changes when a file does; zeros if there is none."""
    try:
        stat = file.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _until(look: Look, now: int) -> int:
    """When the matrix may read differently although nothing was written."""
    run = look.board.run
    if run is not None and run.ended_at is None:
        return now
    ends = [waiver.until for waiver in look.board.waivers]
    for cell in look.board.cells.values():
        ends += [
            said.result.expires_at
            for said in cell.said
            if said.result is not None and said.result.expires_at is not None
        ]
    return min([now + KEPT_MS, *(end for end in ends if end > now)])
