"""From settings and tenancy file to the world that the isolation checks look at, and one round of them, kept.

The pulse, the command line and the dashboard all come through here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.config_errors import ConfigError, ConfigMissing
from stas_tui.isolation.base import UNDECLARED, Cancelled, World
from stas_tui.isolation.border import DRAFT
from stas_tui.isolation.catalog import Group, groups
from stas_tui.isolation.cells_take import Look, Subject, take
from stas_tui.isolation.process import only_round
from stas_tui.isolation.runner import LIMIT_S, run
from storage.check_records import CheckResult, CheckRun
from storage.clock import Clock, SystemClock
from storage.errors import StasError, StoreError

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.config_model import Project
    from stas_tui.isolation.declared import Tenancy
    from stas_tui.isolation.tree import Tree
    from stas_tui.locations import Profile
    from storage.checks import Checks
    from storage.pulses import Pulses
    from storage.scans import Scans
    from storage.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What is declared of a project, and how it is shown."""

    tenancy: Tenancy | None
    """None if there is no tenancy file, or one that is wrong."""
    subject: Subject
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round found."""

    results: tuple[CheckResult, ...]
    run: CheckRun | None
    """None for a dry run, of which nothing is kept."""
    cancelled: bool = False


def declared(profile: Profile, project: Project, *, strict: bool = False) -> Declared:
    """What the tenancy file of a project declares; a missing, wrong or uncompleted one is the subject's `problem`.

    Raises `ConfigError` for a wrong file if `strict`.
    """
    from stas_tui.isolation.tenancy import load

    file = profile.tenancy_file(project.id, project.tenancy)
    tenancy, digest, problem = None, "", ""
    try:
        tenancy = load(file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        problem = "" if tenancy.completed_by.strip() else DRAFT
    except ConfigMissing:
        problem = UNDECLARED
    except ConfigError as error:
        if strict:
            raise
        problem = error.what
    names = [*project.tenants, *(tenant.name for tenant in tenancy.tenant)] if tenancy else project.tenants
    subject = Subject(project_id=project.id, tenants=tuple(dict.fromkeys(names)), tenancy=digest, problem=problem)
    return Declared(tenancy=tenancy, subject=subject, file=file)


def look(
    checks: Checks,
    profile: Profile,
    project: Project,
    now: int,
    *,
    pulses: Pulses | None = None,
    only: frozenset[str] = frozenset(),
) -> Look:
    """The matrix of a project as it is now; runs nothing. Raises `StoreError`."""
    return take(checks, declared(profile, project).subject, now, pulses=pulses, only=only)


@contextlib.contextmanager
def world_of(
    profile: Profile,
    settings: Settings,
    project: Project,
    what: Declared,
    *,
    only: frozenset[str] = frozenset(),
    at: str = "",
    dry: bool = False,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda _: None,
    test_run: Path | None = None,
) -> Iterator[World]:
    """What the checks may use, for as long as the block lasts.

    `at` names the commit whose code is read; empty means the base branch as the remote has it. What cannot be opened
    is missing in the world and said to `log`. Raises `ConfigError` for a commit that is not there.
    """
    clock = clock or SystemClock()
    with contextlib.ExitStack() as opened:
        yield World(
            project_id=project.id,
            tenants=what.subject.tenants,
            tenancy=what.tenancy,
            clock=clock,
            tree=code_of(project, at, log),
            root=Path(project.repository) if project.repository else None,
            environ=os.environ if environ is None else environ,
            scans=_scans(profile, opened, log),
            watch=_watch(profile, opened, log),
            prometheus=() if settings.watch.replay else settings.prometheus,
            only=only,
            dry=dry,
            progress=progress,
            cancelled=cancelled,
            test_run=test_run or _recorded(profile, project, what.tenancy),
        )


def _recorded(profile: Profile, project: Project, tenancy: Tenancy | None) -> Path | None:
    """The record of a test run that lies in the profile, where the tenancy file names no other."""
    file = profile.test_run_file(project.id)
    return file if file.is_file() and not (tenancy and tenancy.code.test_run) else None


def prove(
    profile: Profile,
    settings: Settings,
    project: Project,
    *,
    only: Sequence[str] = (),
    at: str = "",
    pulse_id: str | None = None,
    dry: bool = False,
    chosen: Sequence[Group] | None = None,
    limit_s: float = LIMIT_S,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    began: Callable[[CheckRun], None] = lambda _: None,
    show: Callable[[CheckResult], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda _: None,
    test_run: Path | None = None,
) -> Round:
    """Run the wanted checks of a project and keep what they say; a dry run keeps nothing.

    Raises `RoundThere` if the project's checks run already, `ConfigError` for a wrong tenancy file, `StoreError`.
    """
    clock = clock or SystemClock()
    what = declared(profile, project, strict=True)
    chosen = groups() if chosen is None else chosen
    profile.make()
    with (
        contextlib.nullcontext() if dry else only_round(profile, project.id),
        world_of(
            profile,
            settings,
            project,
            what,
            only=frozenset(only),
            at=at,
            dry=dry,
            clock=clock,
            environ=environ,
            progress=progress,
            cancelled=cancelled,
            log=log,
            test_run=test_run,
        ) as world,
    ):
        stream = run(world, chosen, limit_s=limit_s, log=log)
        if dry:
            return _drained(stream, show)
        asked = [spec.id for group in chosen for spec in group.checks if world.wants(spec.id)]
        with open_checks(profile, clock) as checks:
            commit = world.tree.commit if world.tree is not None else ""
            made = checks.begin(project.id, asked, commit=commit, tenancy=what.subject.tenancy, pulse_id=pulse_id)
            began(made)
            return _kept(checks, made, stream, show)


@contextlib.contextmanager
def open_checks(profile: Profile, clock: Clock | None = None) -> Iterator[Checks]:
    """The checks of a profile's record; whoever listens is woken by every change. Raises `StoreError`."""
    from storage.checks import Checks
    from storage.journal import Journal
    from storage.schema_record import open_record
    from storage.wake import Bell

    with open_record(profile.record_db) as store:
        yield Checks(Journal(store, clock or SystemClock(), wake=Bell(profile.runtime_dir).ring))


def _drained(stream: Iterator[CheckResult], show: Callable[[CheckResult], None]) -> Round:
    results = []
    try:
        for result in stream:
            results.append(result)
            show(result)
    except Cancelled:
        return Round(results=tuple(results), run=None, cancelled=True)
    return Round(results=tuple(results), run=None)


def _kept(checks: Checks, made: CheckRun, stream: Iterator[CheckResult], show: Callable[[CheckResult], None]) -> Round:
    results = []
    outcome, note = "failed", "it broke off"
    try:
        for result in stream:
            checks.put(made, result)
            results.append(result)
            show(result)
        outcome, note = "done", ""
    except (Cancelled, KeyboardInterrupt) as stopped:
        outcome, note = "cancelled", "a person ended it"
        if isinstance(stopped, KeyboardInterrupt):
            raise
    except StasError as error:
        note = str(error)
        raise
    finally:
        ended = checks.end(made, outcome, note)
    return Round(results=tuple(results), run=ended, cancelled=outcome == "cancelled")


# parts of the world --------------------------------------------------------------------------------


def code_of(project: Project, at: str, log: Callable[[str], None] = lambda _: None) -> Tree | None:
    """The code at a commit of the project's repository on this machine, None without one. Raises `ConfigError`."""
    from stas_tui import git_probe
    from stas_tui.forges.git import Git
    from stas_tui.isolation.git_tree import CommitTree

    where = project.repository or git_probe.local_path(project.remote)
    top = git_probe.top_level(Path(where)) if where else None
    if top is None:
        if at:
            raise ConfigError(f"{project.id} has no repository on this machine in which {at[:80]!a} could be found.")
        log(f"{project.id} has no repository on this machine; no code is read")
        return None
    git_dir = git_probe.git(["rev-parse", "--absolute-git-dir"], top).out.rstrip("\n")
    for name in [at] if at else _bases(project):
        found = git_probe.git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"], top)
        if found.ok:
            return CommitTree(Git(), Path(git_dir), found.out.strip())
    if at:
        raise ConfigError(f"The repository of {project.id} has no commit {at[:80]!a}.", "Fetch it, or name another.")
    log(f"the repository of {project.id} has no branch {project.base_branch}; no code is read. Fetch it, or use --at")
    return None


def _bases(project: Project) -> list[str]:
    """Names of what is delivered: the base branch of the remote first, unless the repository itself is the remote."""
    own, theirs = f"refs/heads/{project.base_branch}", f"refs/remotes/origin/{project.base_branch}"
    return [theirs, own] if project.remote and project.repository else [own, theirs]


def _scans(profile: Profile, opened: contextlib.ExitStack, log: Callable[[str], None]) -> Scans | None:
    from storage.scans import Scans, open_scans

    try:
        return Scans(opened.enter_context(open_scans(profile.scan_db)))
    except StoreError as error:
        log(f"nothing that was read before is used: {error}")
        return None


def _watch(profile: Profile, opened: contextlib.ExitStack, log: Callable[[str], None]) -> Watch | None:
    from storage.schema_watch import open_watch
    from storage.watch import Watch

    if not profile.watch_db.exists():
        return None
    try:
        return Watch(opened.enter_context(open_watch(profile.watch_db)))
    except StoreError as error:
        log(f"nothing that sources said is used: {error}")
        return None
