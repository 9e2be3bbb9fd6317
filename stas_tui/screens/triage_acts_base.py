"""What every act on the on-call list shares: one at a time, beside the interface, a refusal as a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stas_tui.gates.contract import Refusal
from stas_tui.triage.events import NEXT_PULSE, Offer, event_words
from storage.errors import StasError
from storage.triage_records import TriageItem

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.triage import OnCallScreen
    from stas_tui.triage.desk import Desk

TITLE = 60
ANSWER = 66
"""Characters of an answer; a dialog has room for them beside the key."""
LISTED = 6
"""So many titles of what an act is about stand in its dialog; the number of the rest is said."""


class ActsBase:
    """One act at a time of each kind; asking again while its dialog is open changes nothing."""

    def __init__(self, screen: OnCallScreen) -> None:
        self.screen = screen
        self._own = False
        """Whether the person's own act may have taken the item under the cursor away."""

    @property
    def app(self) -> StasApp:
        """The application."""
        return self.screen.app

    @property
    def desk(self) -> Desk:
        """The desk; called on the threads of the hand only."""
        return self.app.application.desk

    @property
    def person(self) -> str:
        """Who acts."""
        return self.app.application.person

    def begin(self, name: str) -> None:
        """Begin an act by its name."""
        self.screen.run_worker(self._guarded(name), group=f"act-{name}", exclusive=True)

    async def _guarded(self, name: str) -> None:
        try:
            await getattr(self, f"do_{name}")()
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        if self.screen.alive:
            await self.screen.reload()
            if self._own and self.screen.alive:
                self._own = False
                self.screen.table.settle()

    def done(self, items: Sequence[TriageItem], sentence: str) -> None:
        """Say it; marks were for this one act."""
        for item in items:
            self.screen.rows.marks.pop(item.key, None)
        self._own = True
        self.app.say(sentence)


def keys_of(items: Sequence[TriageItem]) -> list[str]:
    """Their identities."""
    return [item.key for item in items]


def versions_of(items: Sequence[TriageItem]) -> dict[str, int]:
    """What was on the screen: an item that changed since is refused."""
    return {item.key: item.note.version if item.note else 0 for item in items}


def short(title: str, longest: int = TITLE) -> str:
    """A title as it fits into a sentence."""
    line = " ".join(title[: longest * 8].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def titles(items: Sequence[TriageItem]) -> str:
    """One title, or how many there are."""
    return short(items[0].title) if len(items) == 1 else f"{len(items)} items"


def listed(items: Sequence[TriageItem], most: int = LISTED) -> str:
    """What an act is about, line by line, at most `most` of them; the rest as a number."""
    lines = [f"- {short(item.title)}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"- and {len(items) - most} more")
    return "\n".join(lines)


def choices_of(offers: Sequence[Offer]) -> dict[str, str]:
    """Events as answers of a dialog: a letter for each, `n` the next pulse, `t` one that is typed."""
    found = {chr(ord("a") + n): short(f"until {offer.words}", ANSWER) for n, offer in enumerate(offers)}
    return {**found, "n": f"until {event_words(NEXT_PULSE)}", "t": "until something else: type the event"}


def event_of(answer: str, offers: Sequence[Offer]) -> str:
    """The event behind an answer of `choices_of` other than `t`."""
    return NEXT_PULSE if answer == "n" else offers[ord(answer) - ord("a")].event
