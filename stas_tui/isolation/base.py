"""What every group of isolation checks shares: its description, what it may use, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.check_records import ALL_TENANTS, CheckResult, Verdict
from storage.clock import DAY, MINUTE, Clock

if TYPE_CHECKING:
    from stas_tui.config_sources import Prometheus
    from stas_tui.isolation.declared import Tenancy
    from stas_tui.isolation.tree import Tree
    from storage.scans import Scans
    from storage.watch import Watch

LIVE_MS = DAY
"""How long a live result is believed."""
METRICS_MS = 15 * MINUTE
"""How long a result from metrics is believed."""

UNDECLARED = "tenancy not declared; `stas tenancy init` drafts it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One check, as the catalogue lists it."""

    id: str
    point: str
    """Column of the matrix: one of `POINTS`."""
    title: str
    """What it proves, in a few words."""
    method: str
    """How, in one sentence, with the rule's source."""
    live: bool
    """Whether it looks at the running thing; others read code and can only flag or ask."""
    per_tenant: bool = False
    """Whether it answers for each tenant; others answer for all at once."""
    ttl_ms: int | None = None
    """How long a result is believed; None for as long as the commit stays."""
    precision: str = ""
    """How often its flag was right where it was measured, e.g. `28 of 29 on public code`; empty if nobody counted."""


POINTS = (
    "queries",
    "database",
    "endpoints",
    "jobs",
    "logs",
    "configuration",
    "secrets",
    "flags",
    "metrics",
)
"""Columns of the matrix, in the order of the routine (R109-R116)."""


class Cancelled(Exception):
    """A person ended the run; what was found until then stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a check may use. Everything is read-only."""

    project_id: str
    tenants: tuple[str, ...]
    """Names of all tenants, declared in the settings or the tenancy file."""
    tenancy: Tenancy | None
    """None if nothing is declared: every check then answers `unknown` with `UNDECLARED`."""
    clock: Clock
    tree: Tree | None = None
    """The code at the commit that is looked at; None without a repository."""
    root: Path | None = None
    """The user's own working copy, for paths that the tenancy file names inside the repository."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Where credentials named by variable come from."""
    scans: Scans | None = None
    """What was read from a blob before, by its hash; None for none."""
    watch: Watch | None = None
    """What the sources outside said last; None if nothing watches."""
    prometheus: tuple[Prometheus, ...] = ()
    """Servers that hold this project's series."""
    test_run: Path | None = None
    """Record of the statements of a test run, where the tenancy file names none or a person named another."""
    only: frozenset[str] = frozenset()
    """Ids of the checks that are wanted; empty means all."""
    dry: bool = False
    """True: print what would be executed in `CheckResult.executed`, execute nothing, answer `unknown`."""
    progress: Callable[[str], None] = lambda _: None
    """Says what is being read now; cheap, may be called often."""
    cancelled: Callable[[], bool] = lambda: False

    def wants(self, check: str) -> bool:
        """Whether a check is asked for."""
        return not self.only or check in self.only

    def step(self, what: str) -> None:
        """Say what is being read. Raises `Cancelled` if a person ended the run."""
        if self.cancelled():
            raise Cancelled
        self.progress(what)


class Group(Protocol):
    """A package with the checks of one subject: code, database, endpoints, jobs, logs, settings, metrics."""

    CHECKS: Sequence[Spec]

    def run(self, world: World) -> Iterator[CheckResult]:
        """Every wanted check of the group, one result for each tenant or one for all.

        What the world does wrong is a result; only bugs of ours and `Cancelled` are raised.
        """
        ...


def unknown(world: World, check: str, reason: str, *, tenant: str = ALL_TENANTS, **more: object) -> CheckResult:
    """A result that says why nothing could be said, and which input would change that."""
    now = world.clock.now()
    return CheckResult(
        check=check,
        project_id=world.project_id,
        tenant=tenant,
        verdict=Verdict.UNKNOWN,
        reason=reason,
        started_at=now,
        ended_at=now,
        **more,  # type: ignore[arg-type]
    )
