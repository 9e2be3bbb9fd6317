"""What a pulse and its faces ask of the isolation checks: the matrix, what is due, and rounds beside this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stas_tui.isolation.cells_take import Look, Subject
    from storage.check_records import CheckRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """A round of checks that runs beside this process, as far as it is."""

    project_id: str
    asked: int
    """Checks that it runs; 0 until it says so."""
    answered: int
    """How many of them have an answer."""
    text: str
    """What is being read now."""

    @property
    def words(self) -> str:
        """`12 of 46 checks: reading app/models.py`."""
        count = f"{self.answered} of {self.asked} checks" if self.asked else "starting"
        return f"{count}: {self.text}" if self.text else count


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """How a round of this process ended."""

    outcome: str
    """`done`, `cancelled`, `failed` or `refused`."""
    note: str = ""
    """Why it did not come to its end."""


class Prover(Protocol):
    """The isolation checks of all projects. Reads may be called from any thread; none of them waits for a round."""

    def projects(self) -> Sequence[str]:
        """Ids of the projects, in the order of the configuration."""
        ...

    def subject(self, project_id: str) -> Subject:
        """What is declared of a project now; `problem` says why nothing can be said by it."""
        ...

    def file(self, project_id: str) -> Path:
        """Where the tenancy file is, or would be."""
        ...

    def look(self, project_id: str) -> Look:
        """The matrix of a project as it is now. Raises `StoreError`."""
        ...

    def looks(self) -> Sequence[Look]:
        """The matrices of the projects whose checks were ever run. Cheap while nothing changed. Raises `StoreError`."""
        ...

    def due(self, project_id: str) -> Sequence[str]:
        """Checks whose answers no longer hold. Raises `StoreError`."""
        ...

    def last_round(self, project_id: str) -> tuple[CheckRun | None, int]:
        """The latest round in the record, and how many of its results stand. Raises `StoreError`."""
        ...

    def start(self, project_id: str, checks: Sequence[str] = (), *, pulse_id: str | None = None) -> None:
        """Start a round in a process beside this one; no checks named means all. Raises `StasError`."""
        ...

    def under(self, project_id: str = "") -> Under | None:
        """The round of this process that runs, of this project or of any."""
        ...

    def ended(self, project_id: str) -> RoundEnd | None:
        """How the last round that this process started for a project ended; None if it started none."""
        ...

    def wait(self, project_id: str, timeout_s: float) -> None:
        """Return when no round runs in this process, at the latest after this time; one elsewhere takes all of it."""
        ...

    def cancel(self, project_id: str = "") -> bool:
        """Ask the round of this process to stop; False if none runs. What it found stands."""
        ...
