"""One look at the record: the matrix of a project as it is now, and how it moved since the last pulse."""

from __future__ import annotations

from dataclasses import dataclass

from stas_tui.isolation.catalog import catalog
from stas_tui.isolation.cells import Board, board
from stas_tui.isolation.trend import Trend, compare
from storage.check_records import CheckRun, KeptResult
from storage.checks import Checks
from storage.owner import owner_alive
from storage.pulses import Pulses


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The project that is looked at, as settings and tenancy file declare it."""

    project_id: str
    tenants: tuple[str, ...]
    """Names of all tenants: those of the settings first, then those that only the tenancy file names."""
    tenancy: str = ""
    """SHA-256 of the tenancy file; empty if there is none that can be read."""
    problem: str = ""
    """Why nothing can be said by the tenancy file: it is missing, wrong, or a draft. Empty if it is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The matrix, and the way to it."""

    board: Board
    trend: Trend
    running: bool = False
    """Whether the latest round is under way in a process that lives."""


def take(
    checks: Checks, subject: Subject, now: int, *, pulses: Pulses | None = None, only: frozenset[str] = frozenset()
) -> Look:
    """The matrix at `now`, compared with the end of the last pulse, else with what was before the latest round.

    `only` names the checks it is made of; empty means all. Reads the record at one moment
    and runs nothing. Raises `StoreError`.
    """
    with checks.moment():
        run = checks.last_run(subject.project_id)
        at, since = _since(run, pulses)
        earlier = checks.standing(subject.project_id, before=at) if at is not None else []
        current = checks.standing(subject.project_id)
        waivers = checks.waivers(subject.project_id)
    specs = [spec for spec in catalog() if not only or spec.id in only]

    def made(kept: list[KeptResult], when: int) -> Board:
        return board(
            subject.project_id,
            subject.tenants,
            specs,
            kept,
            waivers,
            when,
            run=run,
            tenancy=subject.tenancy,
            problem=subject.problem,
        )

    after = made(current, now)
    before = made(earlier, at) if earlier and at is not None else None
    running = run is not None and run.ended_at is None and owner_alive(run.owner)
    return Look(board=after, trend=compare(before, after, since), running=running)


def _since(run: CheckRun | None, pulses: Pulses | None) -> tuple[int | None, str]:
    """The moment to compare with, and what it is called."""
    for pulse in pulses.latest() if pulses is not None else []:
        if pulse.ended_at is not None:
            return pulse.ended_at, f"pulse {pulse.number}"
    return (run.started_at - 1, "the round before") if run is not None else (None, "")
