"""The on-call line of the dashboard: what needs a person, and whether the sources can be believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from stas_tui.notify.terminal import Kind
from stas_tui.screens import sources_page
from stas_tui.screens.hand import FALLBACK_S
from storage.clock import SECOND
from storage.errors import StasError
from storage.triage_records import TriageList
from storage.watch_records import SourceStatus
from widgets.keybar import key_words
from widgets.panel import Count
from widgets.source_strip import SourceStrip, StripModel
from widgets.tokens import Mark

if TYPE_CHECKING:
    from stas_tui.screens.main import MainScreen
    from stas_tui.triage.desk import Desk

LOOK_MS = 10 * SECOND
"""A list that nobody changed is looked at again after this: leases, deadlines and ages are facts of time."""


class OnCallLine:
    """Looks beside the dashboard, lets the desk's time pass, and says what that brought."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.problem = ""
        self._shown: TriageList | None = None
        self._statuses: Sequence[SourceStatus] = ()
        self._looked_at: int | None = None
        self._looks = 0
        self._told = ""
        self._once: set[Kind] = set()
        """What time brought and nobody was called for yet; together with the list it calls once."""
        self.follower: Callable[[], Awaitable[None]] | None = None
        """Who looks as well whenever it is time; a look at the whole list comes back by `take`."""

    @property
    def replayed(self) -> bool:
        """Whether a source plays recorded answers back."""
        return any(status.replayed for status in self._statuses)

    @property
    def known(self) -> bool:
        """Whether the list was looked at, or could not be."""
        return self._shown is not None or bool(self.problem)

    @property
    def needy(self) -> int:
        """How many things need a person, as far as is known."""
        return sum(not item.suppressed for item in self._shown.items) if self._shown else 0

    def watch(self) -> None:
        """Begin."""
        self.screen.run_worker(self._watch(), group="on-call", exclusive=True)

    async def _watch(self) -> None:
        app = self.screen.app
        hand, clock = app.hand, app.application.clock
        desk = await hand.look(lambda: app.application.desk)
        with app.application.bell.listen() as ear:
            while True:
                await self._pass_time(desk)
                if await self._due(clock.now()) or self._once:
                    await self._look_at_all(desk)
                await hand.wait_for(ear.wait, FALLBACK_S)

    async def _pass_time(self, desk: Desk) -> None:
        """Let leases lapse and ladders climb. A record that cannot be written is said once."""
        app = self.screen.app
        try:
            for line in await app.hand.wait_for(desk.tick):
                self._once.add(Kind.P0 if line.p0 else Kind.STEP)
                app.say(line, lasting=True)
            self._told = ""
        except StasError as error:
            if str(error) != self._told:
                self._told = str(error)
                app.say(f"Leases and escalations stand still: {error}", error=True)

    async def _look_at_all(self, desk: Desk) -> None:
        before = self._looks
        try:
            if self.follower is not None:
                await self.follower()
            if self._looks == before:
                self.take(*await self.screen.app.hand.look(self._look, desk))
        except StasError as error:
            self.problem = str(error)
            self._looked_at = self.screen.app.application.clock.now()
            self.draw()
            self._call()

    def take(self, shown: TriageList, statuses: Sequence[SourceStatus]) -> None:
        """A look at the whole list, by whoever looked."""
        self._shown, self._statuses = shown, statuses
        self._looks += 1
        self._looked_at, self.problem = self.screen.app.application.clock.now(), ""
        self.screen.draw_time()
        self._call()

    def _call(self) -> None:
        """Tell title and bell which P0 there are, and what happened; a P0 that somebody owns does not ring."""
        items = self._shown.items if self._shown else ()
        burning = [item for item in items if item.priority == "P0" and not item.suppressed]
        owned = [item.key for item in burning if item.owner]
        once, self._once = self._once, set()
        self.screen.app.alarm([item.key for item in burning], owned=owned, once=once)

    async def _due(self, now: int) -> bool:
        hand = self.screen.app.hand
        changed = await hand.look(hand.changed, "line")
        return changed or self._looked_at is None or abs(now - self._looked_at) >= LOOK_MS

    @staticmethod
    def _look(desk: Desk) -> tuple[TriageList, list[SourceStatus]]:
        return desk.look(), desk.sources()

    def draw(self) -> None:
        """Draw what is known; repaints only if it reads differently."""
        for strip in self.screen.query("#on-call").results(SourceStrip):
            strip.model = self.model(self.screen.app.application.clock.now())

    def model(self, now: int) -> StripModel:
        """What the line says."""
        if self.problem:
            return StripModel(lead=(Count("cannot be read", Mark.FAIL),), key=self._key, sentence=self.problem)
        if self._shown is None:
            return StripModel(key=self._key, sentence="Reading…")
        sources = sources_page.marks(self._statuses, now)
        sentence = sources_page.NONE_CONFIGURED
        return StripModel(sources=sources, lead=needs(self._shown), key=self._key, sentence=sentence)

    @property
    def _key(self) -> str:
        keys = self.screen.app.application.settings.keys.get("main.on_call", ("c",))
        return key_words(keys[0])


def needs(shown: TriageList) -> tuple[Count, ...]:
    """How many things need a person, and how many of them are P0; nothing is said to be fine here."""
    items = [item for item in shown.items if not item.suppressed]
    urgent = sum(item.priority == "P0" for item in items)
    counts = [Count(f"{urgent} P0", Mark.FAIL)] if urgent else []
    words = f"{len(items)} need{'s' if len(items) == 1 else ''} a person" if items else "nothing known needs a person"
    return (*counts, Count(words))
