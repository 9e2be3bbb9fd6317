"""Opening what stands in the list, and what goes through the door: gates, tasks, silences, answers."""

from __future__ import annotations

from stas_tui.gates.contract import Answer
from stas_tui.screens import sources_page, triage_detail
from stas_tui.screens.asked import after_gate
from stas_tui.screens.details import as_text
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.silence_acts import change_silence
from stas_tui.screens.triage_acts_base import ActsBase, short
from storage.clock import HOUR, MINUTE
from storage.records import ActionState, Json
from storage.triage_records import ItemClass, TriageItem

TIMES = {"1": ("15 minutes", 15 * MINUTE), "2": ("1 hour", HOUR), "3": ("4 hours", 4 * HOUR)}
NO_PULSE = "Begin a pulse first: its log has to hold this. c goes to the dashboard, space begins one."


class DoorActs(ActsBase):
    """Acts that open a screen or ask the door for an effect; an effect waits as a gate where the policy says so."""

    # opening --------------------------------------------------------------------------------------

    async def do_open(self) -> None:
        """A gate as a gate, an incident with its state document, anything else as its whole text."""
        item = self.screen.selected_item()
        if item is None:
            return
        if self.person:
            await self.app.hand.answer(self.desk.opened, item.key, by=self.person)
        if item.item_class is ItemClass.GATE:
            await self._gate(item.ref)
            return
        incident = await self.app.hand.look(self.desk.incident, item.key)
        if incident is not None:
            await self._incident(item)
            return
        model = triage_detail.detail(
            item,
            person=self.person,
            now=self.app.application.clock.now(),
            suspects=await self.app.hand.look(self.desk.suspects, item.key),
        )
        self.app.opened("item", item.key)
        await self.app.push_screen_wait(ShowText(f"{item.key}  {item.title}", as_text(model)))
        self.app.closed("item", item.key)

    async def _gate(self, action_id: str) -> None:
        from stas_tui.screens.gate import GateScreen

        action = await self.app.hand.answer(self.app.application.context.journal.get, action_id)
        if action.state is not ActionState.PENDING:
            self.app.say("This gate was decided meanwhile.")
            return
        decided = await self.app.push_screen_wait(GateScreen(action))
        self._own = True
        if not await after_gate(self.app, decided, action) and decided in ("approved", "rejected"):
            self.app.main.flow.step_on()

    async def do_gate(self) -> None:
        """What waits longest, as on the dashboard."""
        self.app.main.flow.open_waiting()

    async def do_incident(self) -> None:
        """The state document; one that does not exist yet is begun."""
        item = self.screen.selected_item()
        if item is None:
            return
        found = await self.app.hand.look(self.desk.incident, item.key)
        if found is None:
            if not self.person:
                self.app.say("Nobody opened an incident for it, and nobody is named who could.")
                return
            answer = await self.app.push_screen_wait(
                Ask("Open an incident?", f"{short(item.title)}\nIt gets a state document.", {"y": "Open it"})
            )
            if answer != "y":
                return
            await self.app.hand.answer(self.desk.open_incident, item.key, by=self.person)
        await self._incident(item)

    async def _incident(self, item: TriageItem) -> None:
        from stas_tui.screens.incident import IncidentScreen

        await self.app.push_screen_wait(IncidentScreen(item))

    async def do_sources(self) -> None:
        """Every source, with everything that is known of it."""
        statuses = await self.app.hand.look(self.desk.sources)
        text = sources_page.sources_text(statuses, self.app.application.clock.now())
        self.app.opened("sources", "")
        await self.app.push_screen_wait(ShowText("Sources", text))

    async def do_numbers(self) -> None:
        """How well questions are put and answered, counted from the log."""
        text = await self.app.hand.look(self.desk.numbers_text)
        await self.app.push_screen_wait(ShowText("Numbers", text))

    async def do_hand_over(self) -> None:
        """Write the sheet, or read the one that waits."""
        from stas_tui.screens.handover import hand_over

        await hand_over(self.app)

    # through the door -----------------------------------------------------------------------------

    async def do_task(self) -> None:
        """A task filled in from the item; a person completes it, then it goes through the door."""
        from stas_tui.screens.task_form import TaskForm

        item = self.screen.selected_item()
        pulse_id = self._pulse()
        if item is None or not pulse_id:
            return
        draft = await self.app.hand.look(self.desk.draft_task, item.key)
        args = await self.app.push_screen_wait(TaskForm(draft))
        if args is not None:
            filed = await self.app.hand.act(self.desk.file_task, item.key, by=self.person, changes=args)
            self._tell_answer(filed)

    async def do_silence(self) -> None:
        """A silence is asked for, or the one that stands is made longer or ended; each waits as a gate."""
        item = self.screen.selected_item()
        pulse_id = self._pulse()
        if item is None or not pulse_id:
            return
        if silences := await self.app.hand.look(self.desk.silences, item.key):
            await change_silence(self.app, item, silences)
            return
        choices = {key: label for key, (label, _) in TIMES.items()}
        answer = await self.app.push_screen_wait(
            Ask("Ask for a silence of how long?", f"{short(item.title)}\nIt waits as a gate first.", choices)
        )
        if answer is None:
            return
        reason = await self.app.push_screen_wait(
            AskReason(f"Silence for {choices[answer]}", f"{short(item.title)}\nThe reason becomes its comment.")
        )
        if reason:
            minutes = TIMES[answer][1] // MINUTE
            args: Json = {
                "source": item.evidence[0].ref.rpartition("/")[0] if item.evidence else "",
                "fingerprint": item.ref,
                "minutes": minutes,
                "reason": reason,
                "item": item.key,
            }
            self._tell_answer(
                await self.app.hand.act(
                    self.app.application.context.toolbox.call,
                    "silence_alert",
                    args,
                    pulse_id=pulse_id,
                    caller=self.person,
                    caused_by=item.key,
                )
            )

    async def do_acknowledge(self) -> None:
        """Take a message off the inbox."""
        self._message("acknowledge")

    async def do_reply(self) -> None:
        """Answer a message's sender."""
        self._message("reply")

    def _message(self, act: str) -> None:
        item = self.screen.selected_item()
        if item is not None and self._pulse():
            self.app.main.flow.with_message(act, item.ref)

    def _pulse(self) -> str:
        view = self.app.main.view
        if view is None or view.pulse is None or view.pulse.ended_at is not None:
            self.app.say(NO_PULSE)
            return ""
        return view.pulse.id

    def _tell_answer(self, answer: Answer) -> None:
        task = answer.result.get("task")
        if answer.status == "ok":
            again = " is open already" if answer.result.get("duplicate") else " is filed"
            self.app.say(f"{task}{again}." if task else "Done.")
        elif answer.status == "pending":
            self.app.say("It waits for your approval; g opens it.")
        else:
            self.app.say(
                f"{answer.status}: {answer.reason}" if answer.reason else f"It was {answer.status}.", error=True
            )
