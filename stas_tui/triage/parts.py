"""What the parts of the desk share: the stores, the sources, and who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stas_tui.config import Settings
from stas_tui.platforms.base import Platform
from stas_tui.pulse.context import Context
from storage.canonical import well_formed
from storage.incidents import HandOvers, Incidents
from storage.journal import Journal
from storage.records import Priority
from storage.redact import redact
from storage.triage import Triage, TriageRefused
from storage.triage_records import TriageItem
from storage.watch import Watch

WORDS = 1_000
"""Characters of a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The objects the desk is made of."""

    context: Context
    settings: Settings
    watch: Watch
    notes: Triage
    incidents: Incidents
    sheets: HandOvers
    exports: Path

    @property
    def journal(self) -> Journal:
        """The log."""
        return self.context.journal

    @property
    def platform(self) -> Platform:
        """Tasks and messages; only read here."""
        return self.context.door.platform

    @property
    def agent(self) -> str:
        """The supervised agent's name."""
        return self.context.agent

    def now(self) -> int:
        """Ledger time."""
        return self.journal.now()


def actor(by: str) -> str:
    """The name of who acts. Raises `TriageRefused` for nobody."""
    name = well_formed(by).strip()
    if not name:
        raise TriageRefused(
            "Nobody is named at this terminal, so nothing can be taken or put aside.",
            "Add yourself as [[person]] to the configuration (stas init).",
        )
    return name


def words(text: str) -> str:
    """A typed reason: redacted, bounded, without blanks around it."""
    return redact(well_formed(text).strip())[:WORDS]


def titles(items: Sequence[TriageItem]) -> str:
    """The items for a line of the log: the first one's title, and how many more."""
    if not items:
        return ""
    first = redact(items[0].title)[:200]
    return first if len(items) == 1 else f"{first} and {len(items) - 1} more"


def is_p0(item: TriageItem) -> bool:
    """Whether it is as bad as it gets."""
    return item.priority is Priority.P0
