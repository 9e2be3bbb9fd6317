"""From the configuration to the sources that are asked: names first, which cost nothing, objects when needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.health.base import Answer, Source
from stas_tui.health.belief import ANSWERED, Wanted, beliefs, unattended
from stas_tui.locations import Profile
from storage.clock import SECOND
from storage.errors import StasError
from storage.records import DataState, Merge
from storage.watch import Watch
from storage.watch_records import Deploy, Probe, SourceKind, SourceStatus

if TYPE_CHECKING:
    from stas_tui.config import Project, Settings
    from stas_tui.config_sources import Alertmanager, Prometheus
    from stas_tui.forges.github_api import GithubApi
    from storage.sqlite import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A source that the configuration names."""

    name: str
    kind: SourceKind
    every_s: float
    make: Callable[[], Source]
    """Makes the source itself. Raises `StasError`, e.g. when its token cannot be had."""
    close: Callable[[], None] = lambda: None
    """Closes what several sources share; may be called more than once."""
    project_id: str = ""
    replayed: bool = False
    beside: bool = False
    """As in `Wanted`."""

    @property
    def wanted(self) -> Wanted:
        """Its name, without the means to ask it."""
        return Wanted(
            name=self.name,
            kind=self.kind,
            every_ms=int(self.every_s * SECOND),
            project_id=self.project_id,
            replayed=self.replayed,
            beside=self.beside,
        )


class LateSource:
    """A source that is made when it is first asked, so that a missing token is an answer and no failed start."""

    def __init__(self, plan: Planned) -> None:
        self.name, self.kind, self.project_id = plan.name, plan.kind, plan.project_id
        self.every_s, self.replayed = plan.every_s, plan.replayed
        self._plan = plan
        self._made: Source | None = None

    @property
    def longest_s(self) -> float:
        """Seconds that one question may take."""
        return float(getattr(self._made, "longest_s", 60.0))

    def ask(self, now: int) -> Answer:
        """Make the source if need be, and ask it."""
        if self._made is None:
            try:
                self._made = self._plan.make()
            except StasError as error:
                return Answer(state=DataState.UNKNOWN, reason=str(error))
            self.every_s = self._made.every_s
        return self._made.ask(now)

    def close(self) -> None:
        """Close what was made."""
        if self._made is not None:
            self._made.close()
        self._plan.close()


def planned(settings: Settings, profile: Profile, watch: Watch | None = None) -> list[Planned]:
    """Every source that the configuration names, in the order of the strip; nothing is made or asked.

    With `[watch] replay` these are the recorded ones and no others. Raises `StasError` if a recording is wrong.
    """
    if settings.watch.replay:
        return list(_replayed(profile.root / settings.watch.replay))
    return list(_configured(settings, profile, watch))


def sources_of(settings: Settings, profile: Profile, watch: Watch) -> list[Source]:
    """The sources themselves. `watch` holds what they need to know of each other. Raises as `planned`."""
    return [LateSource(plan) for plan in planned(settings, profile, watch)]


def names_any(settings: Settings) -> bool:
    """Whether there is anything to ask at all."""
    return bool(settings.watch.replay or settings.alertmanager or settings.prometheus or settings.project)


def wanted(settings: Settings, profile: Profile) -> list[Wanted]:
    """The names of all that is planned; a recording that is wrong is one source in error, which nobody can ask."""
    try:
        return [plan.wanted for plan in planned(settings, profile)]
    except StasError as error:
        return [Wanted(name="watch", kind=SourceKind.ALERTS, every_ms=0, problem=str(error))]


def strip(plans: list[Planned], watch: Watch | None, now: int) -> list[SourceStatus]:
    """A row for every planned source and every one that left an answer, as far as it can be believed."""
    known = watch.sources() if watch is not None else []
    nobody = unattended(watch.watcher() if watch is not None else None, now)
    return [belief.status for belief in beliefs((plan.wanted for plan in plans), known, now, nobody_asks=nobody)]


# which there are -----------------------------------------------------------------------------------


def _configured(settings: Settings, profile: Profile, watch: Watch | None) -> Iterator[Planned]:
    every = settings.watch.every_s
    for table in settings.alertmanager:
        make: Callable[[], Source] = partial(_alertmanager, table, every)
        yield Planned(name=table.name, kind=SourceKind.ALERTS, every_s=every, make=make)
    for server in settings.prometheus:
        make = partial(_prometheus, server, settings, watch)
        yield Planned(name=server.name, kind=SourceKind.METRICS, every_s=every, make=make)
    forge = _Forge(settings, profile)
    for project in settings.project:
        if project.health:
            yield Planned(
                name=f"probes:{project.id}",
                kind=SourceKind.PROBES,
                every_s=settings.watch.probe_every_s,
                make=partial(_probes, project, settings, watch),
                project_id=project.id,
            )
        for kind in _told(project):
            yield Planned(
                name=f"{kind.value}:{project.id}",
                kind=kind,
                every_s=every,
                make=partial(forge.source, project, kind),
                close=forge.close,
                project_id=project.id,
                beside=kind is SourceKind.DEPLOYS and not project.ci.github,
            )


def _told(project: Project) -> Iterator[SourceKind]:
    """What the configuration wants to know of a project's pipeline. What landed, plain git can always tell."""
    if project.ci.github or project.ci.required:
        yield SourceKind.CI
    if project.ci.builds or project.ci.compose_build:
        yield SourceKind.BUILDS
    yield SourceKind.DEPLOYS


def _replayed(folder: Path) -> Iterator[Planned]:
    from stas_tui.health.replay import replayed_sources

    for source in replayed_sources(folder):
        yield Planned(
            name=source.name,
            kind=source.kind,
            every_s=source.every_s,
            make=partial(_itself, source),
            project_id=source.project_id,
            replayed=True,
        )


def _itself(source: Source) -> Source:
    return source


def _alertmanager(table: Alertmanager, every_s: float) -> Source:
    from stas_tui.credentials import token_of
    from stas_tui.health.alertmanager import AlertmanagerSource

    return AlertmanagerSource(table, lambda: token_of(table.credential), every_s=every_s)


def _prometheus(table: Prometheus, settings: Settings, watch: Watch | None) -> Source:
    from stas_tui.credentials import token_of
    from stas_tui.health.prometheus import PrometheusSource

    return PrometheusSource(
        table,
        list(dict.fromkeys(tenant for project in settings.project for tenant in project.tenants)),
        lambda: token_of(table.credential),
        partial(merges, watch) if watch is not None else list,
        every_s=settings.watch.every_s,
    )


def _probes(project: Project, settings: Settings, watch: Watch | None) -> Source:
    from stas_tui.health.probes import ProbeSource

    expected = partial(deployed_sha, watch, project.id, settings.environment) if watch is not None else str
    earlier = _earlier_tries(watch, f"probes:{project.id}") if watch is not None else {}
    return ProbeSource(project.id, project.health, settings.watch, expected, earlier=earlier)


@dataclass(kw_only=False)
class _Forge:
    """What the sources of checks, builds and deployments share, made when the first of them is asked."""

    settings: Settings
    profile: Profile
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _made: dict[str, list[Source]] = field(default_factory=dict)
    _api: GithubApi | None = None
    _store: Store | None = None

    def source(self, project: Project, kind: SourceKind) -> Source:
        """The one of a project's three that tells of this. Raises `StasError`."""
        with self._lock:
            if project.id not in self._made:
                self._made[project.id] = self._make(project)
            return next(source for source in self._made[project.id] if source.kind is kind)

    def close(self) -> None:
        """Close the book of pull requests and the connections to the forge."""
        with self._lock:
            if self._api is not None:
                self._api.close()
            if self._store is not None:
                self._store.close()
                self._store = None

    def _make(self, project: Project) -> list[Source]:
        from stas_tui.forges.base import Repo
        from stas_tui.forges.local_git import LocalGitForge
        from stas_tui.health.ci import ci_sources, github_api
        from storage.clock import SystemClock
        from storage.schema_world import open_world
        from storage.world import World

        clock, settings, profile = SystemClock(), self.settings, self.profile
        if project.ci.github and self._api is None:
            self._api = github_api(settings.github, clock)
        if self._store is None:
            self._store = open_world(profile.platform_db)
        world = World(self._store, clock)
        return ci_sources(
            project,
            settings.watch,
            github=settings.github,
            api=self._api,
            forge=LocalGitForge(prs=world, workspaces=world, root=profile.clones, archive=profile.archive, clock=clock),
            repo=Repo(
                project_id=project.id,
                url=project.where,
                base=project.base_branch,
                main=project.main_branch,
                checkout=project.repository,
                github=project.ci.github,
            ),
            clock=clock,
            scratch=profile.root / "builds",
        )


# what they know of each other ----------------------------------------------------------------------


def deployed_sha(watch: Watch, project_id: str, environment: str, now: int | None = None) -> str:
    """The sha that runs, as the sources tell: the last deployment that succeeded, in this environment if any is named
    so, else the last merge. Empty while no source that can be believed knows of one.
    """
    from storage.clock import SystemClock

    now = SystemClock().now() if now is None else now
    deploys = [deploy for deploy in _deploys(watch, now) if deploy.project_id == project_id]
    done = [deploy for deploy in deploys if deploy.state == "success"]
    here = [deploy for deploy in done if deploy.environment == environment]
    merged = [deploy for deploy in deploys if deploy.state == "merged"]
    last = max(here or done or merged, key=lambda deploy: deploy.at, default=None)
    return last.sha if last is not None else ""


def merges(watch: Watch) -> list[Merge]:
    """What landed lately on a base branch, as the sources tell, for numbers before and after (R107)."""
    from storage.clock import SystemClock

    return [
        Merge(
            sha=deploy.sha,
            project_id=deploy.project_id,
            subject=deploy.what,
            author=deploy.author,
            at=deploy.at,
            pr_number=deploy.pr_number,
        )
        for deploy in _deploys(watch, SystemClock().now())
        if deploy.state in ("merged", "success")
    ]


def _deploys(watch: Watch, now: int) -> list[Deploy]:
    """Deployments and merges of sources that can be believed."""
    fresh = {status.name for status in watch.sources() if status.believed(now) in ANSWERED}
    return [fact.thing for fact in watch.facts(Deploy.kind) if fact.source in fresh and isinstance(fact.thing, Deploy)]


def _earlier_tries(watch: Watch, source: str) -> dict[str, tuple[str, ...]]:
    """The tries of a watcher that ran until just now."""
    from storage.clock import SystemClock

    status = watch.source(source)
    if status is None or status.believed(SystemClock().now()) not in ANSWERED:
        return {}
    return {
        fact.thing.key: fact.thing.tries
        for fact in watch.facts(Probe.kind)
        if fact.source == source and isinstance(fact.thing, Probe)
    }
