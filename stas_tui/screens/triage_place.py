"""Where a person stands in the on-call list: kept when it rests, restored at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.timer import Timer

from storage.errors import StasError
from storage.records import Json

if TYPE_CHECKING:
    from stas_tui.screens.triage import OnCallScreen

REST_S = 1.0
"""How long a cursor has to rest before its place is kept."""


class Place:
    """Filter, cursor, marks and fold of one list. Nothing is kept before the list was drawn once."""

    def __init__(self, screen: OnCallScreen) -> None:
        self.screen = screen
        self._kept: Json = {}
        self._timer: Timer | None = None

    async def restore(self) -> str:
        """Read the place, put marks and fold back, and return the filter."""
        app, rows = self.screen.app, self.screen.rows
        try:
            self._kept = await app.hand.look(self._read)
        except StasError as error:
            self.screen.tell(str(error), error=True)
        rows.folded = bool(self._kept.get("folded", True))
        rows.marks = {str(key): None for key in self._kept.get("marks") or ()}
        return str(self._kept.get("query") or "")

    def _read(self) -> Json:
        return self.screen.app.application.desk.place()

    @property
    def cursor(self) -> str:
        """The key on which the cursor stood."""
        return str(self._kept.get("cursor") or "")

    def here(self) -> Json:
        """The place as it is now."""
        screen = self.screen
        return {
            "query": screen.query_text,
            "cursor": screen.table.selected or "",
            "marks": list(screen.rows.marks),
            "folded": screen.rows.folded,
        }

    def keep_soon(self) -> None:
        """Keep it once nothing has moved for a moment."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.screen.set_timer(REST_S, self.keep)

    def keep(self) -> None:
        """Keep it, if it is another than was kept and the filter could be read."""
        place = self.here() if self.screen.drawn else self._kept
        if place != self._kept:
            self._kept = place
            self.screen.app.run_worker(self._write(place), group="place")

    async def _write(self, place: Json) -> None:
        app = self.screen.app
        try:
            await app.hand.answer(app.application.desk.remember_place, place)
        except StasError as error:
            app.say(str(error), error=True)
