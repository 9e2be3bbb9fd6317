"""What a person decides on the on-call list: own, make louder, group, close, and the saved views."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.screens import triage_detail
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.triage_acts_base import keys_of, listed, short, titles, versions_of
from stas_tui.screens.triage_waiting import WaitingActs
from storage.triage_records import SavedView


class Acts(WaitingActs):
    """All acts by their names; each is one event of the record with who and why."""

    # closing --------------------------------------------------------------------------------------

    async def do_dismiss(self) -> None:
        """Close it with a reason; it comes back if it is seen again."""
        items = self.screen.chosen()
        reason = await self.app.push_screen_wait(
            AskReason(f"Close {titles(items)}?", f"{listed(items)}\nWhy is it done? It comes back if it is seen again.")
        )
        if reason:
            await self.app.hand.answer(
                self.desk.dismiss, keys_of(items), by=self.person, reason=reason, seen=versions_of(items)
            )
            self.done(items, f"Closed: {titles(items)}. u takes it back.")

    # louder ---------------------------------------------------------------------------------------

    async def do_escalate(self) -> None:
        """The ladder and where it stands; starting and stopping it are keys of the dialog."""
        item = self.screen.selected_item()
        if item is None:
            return
        ladder = item.note.escalation if item.note else None
        runs = ladder is not None and ladder.next_at is not None
        where = triage_detail.ladder_words(item, self.app.application.clock.now())
        human = self.app.application.context.rules.human
        steps = (
            f"now: a bell at this terminal\n"
            f"after 1 minute: a message to {human}, from a template of facts Stas trusts\n"
            f"then every 10 minutes, at most {triage_detail.STEPS_OF_LADDER} messages\n"
            f"owning it, putting it aside or its end stops the ladder\n"
            f"Now: {where}."
        )
        answers = {"x": "Stop the ladder"} if runs else {"y": "Start the ladder"}
        answer = await self.app.push_screen_wait(Ask(f"Make it louder: {short(item.title)}", steps, answers))
        if answer == "y":
            await self.app.hand.answer(self.desk.escalate, item.key, by=self.person)
        elif answer == "x":
            await self.app.hand.answer(self.desk.stop_escalation, item.key, by=self.person)
            self.app.say(f"The ladder stopped: {short(item.title)}.")

    # groups ---------------------------------------------------------------------------------------

    async def do_group(self) -> None:
        """What is marked goes under the first of it; without marks, what looks like one incident is offered."""
        rows = self.screen.rows
        items = sorted(self.screen.chosen(), key=lambda item: rows.index_of(item.key) or 0)
        if len(items) < 2:
            await self._suggested()
            return
        head, *under = items
        answer = await self.app.push_screen_wait(
            Ask("Group them?", f"Under: {short(head.title)}\n{listed(under)}", {"y": "Group them"})
        )
        if answer == "y":
            await self.app.hand.answer(self.desk.group, keys_of(under), under=head.key, by=self.person)
            self.done(items, f"{len(under)} under {short(head.title)}. U takes it apart, u takes it back.")

    async def _suggested(self) -> None:
        found = await self.app.hand.look(self.desk.suggestions)
        rows = self.screen.rows
        known = [s for s in found if rows.item(s.head) is not None and any(rows.item(m) for m in s.members)]
        here = self.screen.table.selected
        known.sort(key=lambda each: here not in (each.head, *each.members))
        if not known:
            self.app.say("Nothing looks like one incident. Mark two or more with space, then G groups them.")
            return
        first = known[0]
        head = rows.item(first.head)
        members = [item for key in first.members if (item := rows.item(key)) is not None]
        assert head is not None
        answer = await self.app.push_screen_wait(
            Ask(
                "These look like one incident",
                f"{first.why}\nUnder: {short(head.title)}\n{listed(members)}",
                {"y": "Group them"},
            )
        )
        if answer == "y":
            await self.app.hand.answer(self.desk.group, keys_of(members), under=head.key, by=self.person)
            self.app.say(f"{len(members)} under {short(head.title)}. U takes it apart.")

    async def do_ungroup(self) -> None:
        """Out of its group, or the group it heads dissolved."""
        item = self.screen.selected_item()
        if item is not None:
            await self.app.hand.answer(self.desk.ungroup, item.key, by=self.person)
            self.app.say(f"Taken apart: {short(item.title)}. It is not suggested again.")

    async def do_undo(self) -> None:
        """Take the last act back."""
        self.app.say(await self.app.hand.answer(self.desk.undo, by=self.person))

    # views ----------------------------------------------------------------------------------------

    async def do_views(self) -> None:
        """Use a saved filter, or keep this one under a name."""
        saved = await self.app.hand.look(self.desk.views)
        now = self.screen.rows.query
        choices = {str(n): f"{view.name}: {view.query}" for n, view in enumerate(saved[:9], 1)}
        if now:
            choices["s"] = f"save this filter: {now}"
        if saved:
            choices["d"] = "remove a view"
        if not choices:
            self.app.say("No view is saved. Type a filter with / first, then v saves it under a name.")
            return
        answer = await self.app.push_screen_wait(Ask("Views", f"Now: {now or 'everything'}", choices))
        if answer == "s":
            name = await self.app.push_screen_wait(AskReason("Save the filter", now, label="Name"))
            if name:
                await self.app.hand.answer(self.desk.save_view, SavedView(name=name, query=now))
                self.app.say(f"Saved as {name}.")
        elif answer == "d":
            await self._remove(saved[:9])
        elif answer is not None:
            self.screen.use(saved[int(answer) - 1].query)

    async def _remove(self, saved: Sequence[SavedView]) -> None:
        choices = {str(n): view.name for n, view in enumerate(saved, 1)}
        answer = await self.app.push_screen_wait(Ask("Remove which view?", "The list stays as it is.", choices))
        if answer is not None:
            name = saved[int(answer) - 1].name
            await self.app.hand.answer(self.desk.save_view, SavedView(name=name, query=""))
            self.app.say(f"The view {name} is removed.")
