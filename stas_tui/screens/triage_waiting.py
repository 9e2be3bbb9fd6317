"""Whose an item is and until when: own it, also until an event, give it back, put it aside until a time or an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.triage_acts_base import LISTED, choices_of, event_of, keys_of, listed, titles, versions_of
from stas_tui.screens.triage_door import TIMES, DoorActs
from stas_tui.triage.events import Offer, event_words, parse
from storage.records import Priority
from storage.triage_records import TriageItem

AROUND = 9
"""Rows of a dialog besides what it lists and its choices: frame, title, hint, the way back, the number of the rest."""
P0_LONGEST = "A P0 is put aside for 15 minutes at most."


class WaitingActs(DoorActs):
    """Acts that give an item to somebody or put it aside for a while."""

    # whose it is ----------------------------------------------------------------------------------

    async def do_own(self) -> None:
        """Take a lease; what another person holds needs a typed reason."""
        await self._take(self.screen.chosen())

    async def do_own_until(self) -> None:
        """Take a lease that lasts until an event, at most 24 hours."""
        items = self.screen.chosen()
        offers = await self._offers(items)
        choices = choices_of(offers)
        hint = f"{self._listed(items, choices)}\nYours until then, at most 24 hours; then the usual time counts."
        answer = await self.app.push_screen_wait(Ask("Own until what happens?", hint, choices))
        event = await self._event(answer, offers, items)
        if event:
            await self._take(items, event)

    async def _take(self, items: Sequence[TriageItem], event: str = "") -> None:
        others = sorted({item.owner for item in items if item.owner not in ("", self.person)})
        reason: str | None = ""
        if others:
            reason = await self.app.push_screen_wait(
                AskReason(
                    f"Take over from {', '.join(others)}?",
                    f"{listed(items)}\nSomebody holds it already. Why do you take it? They are told by the log.",
                )
            )
            if not reason:
                return
        await self._thread(event)(
            self.desk.own,
            keys_of(items),
            by=self.person,
            reason=reason or "",
            waits_for=event,
            seen=versions_of(items),
        )
        until = f" until {event_words(event)}" if event else ""
        self.done(items, f"Yours{until}: {titles(items)}. R gives it back.")

    async def do_release(self) -> None:
        """Give back what is one's own."""
        items = [item for item in self.screen.chosen() if item.owner == self.person]
        await self.app.hand.answer(self.desk.release, keys_of(items), by=self.person, seen=versions_of(items))
        self.done(items, f"Given back: {titles(items)}. Nobody owns it now.")

    # putting aside --------------------------------------------------------------------------------

    async def do_snooze(self) -> None:
        """Until a time or an event, with a reason; a P0 at most 15 minutes. What is put aside can be woken."""
        items = self.screen.chosen()
        offers = await self._offers(items)
        p0 = any(item.priority is Priority.P0 for item in items)
        times = {key: label for key, (label, _) in TIMES.items() if key == "1" or not p0}
        choices = times | choices_of(offers)
        if all(item.note is not None and item.note.snooze is not None for item in items):
            choices = {"w": "wake it now", **choices}
        hint = self._listed(items, choices) + (f"\n{P0_LONGEST}" if p0 else "")
        answer = await self.app.push_screen_wait(Ask("Put aside until when?", hint, choices))
        if answer == "w":
            await self.app.hand.answer(self.desk.wake, keys_of(items), by=self.person)
            self.done(items, f"Awake again: {titles(items)}.")
        elif answer in TIMES:
            await self._put_aside(items, TIMES[answer][0], until=TIMES[answer][1])
        elif event := await self._event(answer, offers, items):
            at_most = ", 15 minutes at most" if p0 else ""
            await self._put_aside(items, f"until {event_words(event)}{at_most}", event=event)

    async def _put_aside(
        self, items: Sequence[TriageItem], words: str, *, until: int | None = None, event: str = ""
    ) -> None:
        reason = await self.app.push_screen_wait(
            AskReason(f"Put aside: {words}", f"{listed(items)}\nWhy can it wait? It stands on the sheet.")
        )
        if not reason:
            return
        await self._thread(event)(
            self.desk.snooze,
            keys_of(items),
            by=self.person,
            reason=reason,
            until=None if until is None else self.app.application.clock.now() + until,
            event=event,
            seen=versions_of(items),
        )
        self.done(items, f"Put aside, {words}: {titles(items)}. It stands below the line.")

    def _thread(self, event: str) -> Callable[..., Awaitable[None]]:
        """The forge is asked about a pull request, and nobody else's word waits for its answer."""
        hand = self.app.hand
        return hand.wait_for if event.startswith("pr:") else hand.answer

    def _listed(self, items: Sequence[TriageItem], choices: Mapping[str, str]) -> str:
        """What it is about, in so many lines that no choice is pushed off the screen."""
        room = self.app.size.height - len(choices) - AROUND
        return listed(items, max(min(room, LISTED), 1))

    # events ---------------------------------------------------------------------------------------

    async def _offers(self, items: Sequence[TriageItem]) -> list[Offer]:
        """What these items, and what is grouped under them, can wait for."""
        keys = [key for item in items for key in (item.key, *item.members)]
        return await self.app.hand.look(self.desk.offers, keys)

    async def _event(self, answer: str | None, offers: Sequence[Offer], items: Sequence[TriageItem]) -> str:
        """The event that was chosen or typed; empty if the person went back. Raises `TriageRefused` for none."""
        if answer is None:
            return ""
        if answer != "t":
            return event_of(answer, offers)
        project = next((item.project_id for item in items if item.project_id), "") or self._first_project()
        typed = await self.app.push_screen_wait(
            AskReason(
                "Until what happens?",
                f"pr:{project}/17 until pull request 17 is merged or closed\n"
                f"ci:{project}/9f2c41a until CI of that commit has finished\n"
                f"task:{project}/T-3 until that task moves to another column",
                label="Event",
            )
        )
        return parse(typed).text if typed else ""

    def _first_project(self) -> str:
        projects = self.app.application.settings.project
        return projects[0].id if projects else "PROJECT"
