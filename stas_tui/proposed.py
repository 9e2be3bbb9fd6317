"""From a repository and a range of commits to the change that the review's checks are asked about."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes, git_probe
from stas_tui.forges.git import Git
from stas_tui.review.base import Change
from stas_tui.review.changes import changed_files, commits_of
from storage.check_records import Verdict
from storage.clock import Clock, SystemClock
from storage.errors import StasError, StoreError

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.config_model import Project
    from stas_tui.config_rehearse import Rehearse
    from stas_tui.forges.base import ForgeReader, PullObjects, Repo
    from stas_tui.isolation.declared import Tenancy
    from stas_tui.locations import Profile
    from stas_tui.review.runner import Review
    from storage.check_records import CheckResult
    from storage.checks import Checks
    from storage.records import PullRequest
    from storage.scans import Scans
    from storage.watch import Watch

GATE_S = 60.0
"""Seconds that a rehearsal may take while a gate waits for it; then the row says that it did not finish."""


class NoRepository(StasError):
    """There is no git repository where one was named."""

    exit_code = exit_codes.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a change is to be looked at."""

    plan: str = ""
    """Text of the pull request or prompt."""
    only: frozenset[str] = frozenset()
    rehearse: bool = True
    seconds: float | None = None
    """What a rehearsal may take at most; None for what the project's settings say."""
    scans: Scans | None = None
    alerts: Mapping[str, Sequence[str]] | None = None
    clock: Clock = field(default_factory=SystemClock)
    progress: Callable[[str], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False


def change_of(
    repository: Path,
    text: str,
    asked: Asked,
    *,
    project: Project | None = None,
    profile: Profile | None = None,
    tenancy_file: Path | None = None,
) -> Change:
    """The change `BASE..HEAD` of a repository. Raises `NoRepository`, `RangeWrong`, `ForgeError`, `ConfigError`."""
    from stas_tui.isolation.tenancy import load

    top = git_probe.top_level(repository)
    if top is None:
        raise NoRepository(f"There is no git repository at {repository}.", "Name one with --repository.")
    git_dir = Path(git_probe.git(["rev-parse", "--absolute-git-dir"], top).out.rstrip("\n"))
    base, head = commits_of(Git(), git_dir, text)
    file = tenancy_file or (tenancy_of(project, profile) if project and profile else None)
    return between(
        git_dir, base, head, asked, name=top.name, project=project, tenancy=load(file) if file else None, root=top
    )


def between(
    git_dir: Path,
    base: str,
    head: str,
    asked: Asked,
    *,
    name: str = "",
    project: Project | None = None,
    tenancy: Tenancy | None = None,
    root: Path | None = None,
) -> Change:
    """The change between two commits of a git directory. Raises `ForgeError`."""
    from stas_tui.isolation.git_tree import CommitTree

    git = Git()
    files, cut = changed_files(git, git_dir, base, head)
    return Change(
        project_id=project.id if project else name,
        base=CommitTree(git, git_dir, base),
        head=CommitTree(git, git_dir, head),
        files=files,
        clock=asked.clock,
        cut=cut,
        tenancy=tenancy,
        plan=asked.plan,
        tenants=project.tenants if project else (),
        services=project.services if project else (),
        alerts=asked.alerts,
        health=tuple(f"{endpoint.name} {endpoint.service}" for endpoint in project.health) if project else (),
        root=root,
        environ=os.environ,
        only=asked.only,
        rehearse=asked.rehearse,
        rehearsal=_within(project.rehearse, asked.seconds) if project else None,
        scans=asked.scans,
        progress=asked.progress,
        cancelled=asked.cancelled,
    )


def _within(how: Rehearse, seconds: float | None) -> Rehearse:
    return how if seconds is None or how.seconds <= seconds else how.model_copy(update={"seconds": seconds})


@contextlib.contextmanager
def scans_of(profile: Profile) -> Iterator[Scans | None]:
    """What was read and rehearsed before, for as long as the block lasts; None if it cannot be opened."""
    from storage.scans import Scans, open_scans

    try:
        store = open_scans(profile.scan_db)
    except StoreError:
        yield None
        return
    with store:
        yield Scans(store)


def tenancy_of(project: Project, profile: Profile) -> Path | None:
    """The tenancy file of a project, None if there is none."""
    file = profile.tenancy_file(project.id, project.tenancy)
    return file if file.exists() else None


class PullMissing(StasError):
    """A forge has no pull request of this number (R14)."""

    exit_code = exit_codes.USAGE

    def __init__(self, repo: Repo, number: int) -> None:
        where = f"on GitHub in {repo.github}" if repo.github else f"in {repo.project_id}"
        super().__init__(f"There is no pull request {number} {where}.", "Ask whoever named it which one is meant.")


def pull_of(forge: ForgeReader, repo: Repo, number: int) -> tuple[PullRequest, PullObjects]:
    """A pull request as its forge has it now, with its commits. Raises `PullMissing`, `ForgeError`."""
    pr = forge.read_pr(repo, number)
    if pr is None:
        raise PullMissing(repo, number)
    return pr, forge.pull_objects(repo, pr)


class DoorChecker:
    """Asks the checks for the risk block of a gate; see `review.base.Checker`."""

    def __init__(self, settings: Settings, profile: Profile, watch: Watch, checks: Checks, clock: Clock) -> None:
        self._settings = settings
        self._profile = profile
        self._watch = watch
        self._checks = checks
        self._clock = clock

    def planned(self, project_id: str) -> tuple[CheckResult, ...]:
        """What isolation checks flag now and nobody accepted. Raises `StoreError`."""
        project = self._settings.project_by_id(project_id)
        return () if project is None else self._open_flags(project)

    def real(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> tuple[CheckResult, ...]:
        """What every check of a review says about the change, and what is flagged beside it. Raises `StasError`.

        Migrations are rehearsed, for at most `GATE_S`; what was rehearsed before is not rehearsed again.
        """
        from stas_tui.review.runner import review

        asked = Asked(plan=plan, seconds=GATE_S, clock=self._clock)
        with self.changing(project_id, git_dir, base, head, asked) as change:
            return (*review(change).results, *self.planned(project_id))

    def read(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> Review:
        """The same without a rehearsal, unless one was made before. Raises `StasError`."""
        from stas_tui.review.runner import review

        asked = Asked(plan=plan, rehearse=False, clock=self._clock)
        with self.changing(project_id, git_dir, base, head, asked) as change:
            return review(change)

    def landed(self, project_id: str, git_dir: Path, base: str, head: str) -> tuple[CheckResult, ...]:
        """V5 for what was merged: whether the live database is at the head. Raises `StasError`."""
        from stas_tui.review.runner import arrived

        asked = Asked(seconds=GATE_S, alerts={}, clock=self._clock)
        with self.changing(project_id, git_dir, base, head, asked) as change:
            return tuple(arrived(change))

    @contextlib.contextmanager
    def changing(self, project_id: str, git_dir: Path, base: str, head: str, asked: Asked) -> Iterator[Change]:
        """The change between two commits, with everything that is known of its project. Raises `StasError`."""
        from stas_tui.isolation.tenancy import load

        project = self._settings.project_by_id(project_id)
        file = tenancy_of(project, self._profile) if project else None
        alerts = self.alerts(project_id) if asked.alerts is None else asked.alerts
        with scans_of(self._profile) as scans:
            asked = replace(asked, alerts=alerts, scans=scans)
            tenancy = load(file) if file else None
            yield between(git_dir, base, head, asked, name=project_id, project=project, tenancy=tenancy)

    def alerts(self, project_id: str) -> Mapping[str, Sequence[str]] | None:
        """Alert names that cover each service; None if no server that can be believed told its rules (R50)."""
        from stas_tui.health.alert_rules import covering
        from stas_tui.health.belief import beliefs, unattended
        from stas_tui.watching import wanted
        from storage.watch_records import AlertRule

        project = self._settings.project_by_id(project_id)
        if project is None:
            return None
        now = self._clock.now()
        known = beliefs(
            wanted(self._settings, self._profile),
            self._watch.sources(),
            now,
            nobody_asks=unattended(self._watch.watcher(), now),
        )
        good = {one.status.name for one in known if one.believed}
        rules = [f.thing for f in self._watch.facts(AlertRule.kind) if f.source in good]
        found = [rule for rule in rules if isinstance(rule, AlertRule)]
        return covering(found, project.services) if found else None

    def _open_flags(self, project: Project) -> tuple[CheckResult, ...]:
        from stas_tui.proving import look

        board = look(self._checks, self._profile, project, self._clock.now()).board
        found: dict[int, CheckResult] = {}
        for cell in board.counted:
            for said in cell.said:
                if said.verdict is Verdict.FLAGGED and said.accepted is None and said.result is not None:
                    found[id(said.result)] = said.result
        return tuple(found.values())
