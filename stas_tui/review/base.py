"""What every group of review checks shares: the change between two commits, and what may be asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stas_tui.isolation.base import Cancelled, Spec
from storage.check_records import CheckResult, Verdict
from storage.clock import Clock

if TYPE_CHECKING:
    from stas_tui.config_rehearse import Rehearse
    from stas_tui.isolation.declared import Tenancy
    from stas_tui.isolation.tree import Tree
    from stas_tui.review.runner import Review
    from storage.scans import Scans


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """One file of a change, with its lines."""

    path: str
    """Where it is now; where it was, for a deleted one."""
    status: str
    """`added`, `modified`, `deleted`, `renamed`, `copied` or `type`."""
    old_path: str = ""
    """Where it was, for a renamed or copied one."""
    binary: bool = False
    link: bool = False
    added: tuple[tuple[int, str], ...] = ()
    """(line in the new file from 1, text)."""
    removed: tuple[tuple[int, str], ...] = ()
    """(line in the old file from 1, text)."""

    @property
    def before(self) -> str:
        """Its path in the base, empty for a new file."""
        return "" if self.status == "added" else self.old_path or self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is reviewed: everything between the merge base of two commits and the head. Everything is read-only."""

    project_id: str
    base: Tree
    head: Tree
    files: tuple[ChangedFile, ...]
    clock: Clock
    cut: str = ""
    """Why not all of it could be read; empty if all was. Then nothing about the whole is verified."""
    tenancy: Tenancy | None = None
    plan: str = ""
    """Text of the pull request or prompt, with its rollback and monitoring sections; untrusted."""
    tenants: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    alerts: Mapping[str, Sequence[str]] | None = None
    """Alert names that cover each service; None if no source was asked."""
    health: tuple[str, ...] = ()
    """Names of the health endpoints that are configured."""
    root: Path | None = None
    """The user's own working copy."""
    environ: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    """Ids of the checks that are wanted; empty means all."""
    rehearse: bool = True
    """Whether migrations may be run on a scratch database in a child process."""
    rehearsal: Rehearse | None = None
    """How; None for the defaults."""
    scans: Scans | None = None
    """What was read and rehearsed before; None for none."""
    progress: Callable[[str], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False

    def wants(self, check: str) -> bool:
        """Whether a check is asked for."""
        return not self.only or check in self.only

    def step(self, what: str) -> None:
        """Say what is being read. Raises `Cancelled` if a person ended the run."""
        if self.cancelled():
            raise Cancelled
        self.progress(what)

    def file(self, path: str) -> ChangedFile | None:
        """A changed file by its path."""
        return next((file for file in self.files if file.path == path), None)


BY_READING = "; reading alone does not verify"
BY_REHEARSAL = "; a rehearsal (C3) settles it"
BY_TEXT = ", text only; nobody has rehearsed it"
"""How the reason of a check ends that could only read, and that a rehearsal settles (`settled.py`)."""


class Reviewer(Protocol):
    """A module that holds some of the checks C1-C16."""

    CHECKS: Sequence[Spec]

    def run(self, change: Change) -> Iterator[CheckResult]:
        """Every wanted check that the change concerns. Only bugs of ours and `Cancelled` are raised."""
        ...


def result(change: Change, check: str, verdict: Verdict, reason: str, **more: object) -> CheckResult:
    """A result about the head commit."""
    now = change.clock.now()
    return CheckResult(
        check=check,
        project_id=change.project_id,
        verdict=verdict,
        reason=reason,
        target=f"commit {change.head.commit[:12]}",
        started_at=now,
        ended_at=now,
        **more,  # type: ignore[arg-type]
    )


class Checker(Protocol):
    """Asks the checks for the gates and for the pulse."""

    def planned(self, project_id: str) -> tuple[CheckResult, ...]:
        """What isolation checks flag now and nobody accepted: known before anything is changed."""
        ...

    def real(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> tuple[CheckResult, ...]:
        """What a change between two commits of a git directory does, its migrations rehearsed. Raises `StasError`."""
        ...

    def read(self, project_id: str, git_dir: Path, base: str, head: str, plan: str) -> Review:
        """What every check says by reading; a rehearsal counts where it was made before. Raises `StasError`."""
        ...

    def landed(self, project_id: str, git_dir: Path, base: str, head: str) -> tuple[CheckResult, ...]:
        """V5 for what was merged: whether the live database is at the head. Raises `StasError`."""
        ...

    def alerts(self, project_id: str) -> Mapping[str, Sequence[str]] | None:
        """Alert names that cover each service; None if no server that can be believed told its rules (R50)."""
        ...
