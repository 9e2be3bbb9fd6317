"""Every act of the main screen: walking, what waits, and the acts on messages, tasks, mode, log and recorded pulses."""

from __future__ import annotations

from collections.abc import Callable

from stas_tui.gates.contract import Answer, BadCall
from stas_tui.gates.tool_words import tool_words
from stas_tui.screens import details, models
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.waiting import Waiting
from storage.records import Action, ActionState, Json, Message, Mode
from widgets.detail import DetailModel

MODES = (Mode.OBSERVE, Mode.SUPERVISED, Mode.TRUSTED)
UNDOABLE = ("transition_task", "create_task")
RECORDED = 200
"""How many recorded pulses can be walked through."""


class Flow(Waiting):
    """What a person does on the main screen. Everything that blocks runs beside it."""

    # looking --------------------------------------------------------------------------------------

    def show_summary(self) -> None:
        """The summary as it stands."""
        self._beside("summary", self._look_at_summary)

    async def _look_at_summary(self) -> None:
        view = self.screen.view
        if view is None or view.pulse is None:
            self.app.say("No pulse is open; space begins one, [ shows the last one.")
            return
        text = await self.app.hand.look(self.machine.summary, view.pulse.id)
        await self.app.push_screen_wait(ShowText(f"Pulse Summary, pulse {view.pulse.number}", text))

    def show_output(self) -> None:
        """The executor's output, live."""
        view = self.screen.view
        if view is None or view.run is None:
            self.app.say("No executor has run in this pulse.")
            return
        from stas_tui.screens.output import OutputScreen

        self.app.push_screen(OutputScreen(view.run))

    def show_log(self) -> None:
        """The log of the pulse."""
        view = self.screen.view
        text = "\n".join(f"{m.at}  {m.text}" for m in details.moments(view)) if view else ""
        self.app.push_screen(ShowText("Log of this pulse", text or "Nothing happened yet."))

    def open_detail(self, model: DetailModel) -> None:
        """Everything about an item; a message counts as shown from now on."""
        kind, key = self.screen.active, model.key
        self.app.opened(kind, key)
        text = ShowText(f"{model.key}  {model.title}", details.as_text(model))
        self.app.push_screen(text, lambda _: self.app.closed(kind, key))
        if self.screen.active == "inbox" and (message := self.screen.inbox.message(model.key)):
            self._beside("shown", lambda: self._shown(message))

    async def _shown(self, message: Message) -> None:
        from stas_tui.gates.inbox_acts import mark_shown

        view = self.screen.view
        pulse_id = view.pulse.id if view and view.pulse else None
        toolbox = self.app.application.context.toolbox
        await self.app.hand.act(mark_shown, toolbox, message, by=self.person or "nobody", pulse_id=pulse_id)

    def open_evidence(self, key: str) -> None:
        """A piece of evidence by its reference."""
        self._beside("evidence", lambda: self._evidence(key))

    async def _evidence(self, key: str) -> None:
        text = await self.app.hand.look(self.app.evidence_text, key)
        self.app.opened("evidence", key)
        await self.app.push_screen_wait(ShowText(f"Evidence {key}", text))

    def look_at(self, step: int) -> None:
        """An earlier or later recorded pulse."""
        self._beside("recorded", lambda: self._look_at(step), exclusive=True)

    async def _look_at(self, step: int) -> None:
        pulses = await self.app.hand.look(self.app.application.context.pulses.latest, RECORDED)
        ids = [pulse.id for pulse in reversed(pulses)]
        view = self.screen.view
        here = self.screen.recorded or (view.pulse.id if view and view.pulse else None)
        place = (ids.index(here) if here in ids else len(ids)) + step
        if not 0 <= place <= len(ids):
            self.app.say("There is no pulse further that way.")
            return
        target = ids[place] if place < len(ids) else None
        current = await self.app.hand.look(self.machine.current)
        self.screen.recorded = None if target is None or (current and current.id == target) else target
        self.app.say(
            f"Recorded pulse {pulses[len(ids) - 1 - place].number}; ] goes back."
            if self.screen.recorded
            else "The present."
        )

    # pull requests --------------------------------------------------------------------------------

    def show_reviews(self) -> None:
        """The pull requests that want a review before their merge."""
        from stas_tui.screens.change_reviews import ReviewsScreen

        self.app.push_screen(ReviewsScreen())

    def review(self, message: Message | None) -> None:
        """The pull request that a message is about, whoever has it (R14)."""
        from stas_tui.texts.inbox import pr_number_of
        from stas_tui.texts.lines import one_line, redacted

        number = pr_number_of(message) if message is not None else None
        repos = self.app.application.context.rules.repos
        project = message.project_id if message is not None and message.project_id in repos else ""
        project = project or (next(iter(repos)) if len(repos) == 1 else "")
        if message is None or number is None:
            self.app.say("This message names no pull request.")
        elif not project:
            self.app.say(f"{message.id} does not say in which project #{number} is; v lists them.")
        else:
            sender = one_line(redacted(message.sender), 40)
            self.app.push_screen(self.app.review_screen(project, number, asked_by=sender, message_id=message.id))

    # messages -------------------------------------------------------------------------------------

    def with_message(self, act: str, key: str) -> None:
        """One of `acknowledge`, `reply`, `accept`, `return`, `file` on a message, through the door."""
        self._beside("message", lambda: self._with_message(act, key))

    async def _with_message(self, act: str, key: str) -> None:
        from stas_tui.gates import inbox_acts

        view = self.screen.view
        if view is None or view.pulse is None:
            self.app.say("Begin a pulse first: space.")
            return
        application = self.app.application
        message = await self.app.hand.look(application.world.message, key, application.settings.agent_name)
        if message is None:
            self.app.say(f"{key} is gone.")
            return
        text: str | None = ""
        if act == "reply":
            text = await self.app.push_screen_wait(
                AskReason(f"Write back to {message.sender}", f"Re: {message.subject}", label="Answer")
            )
            if not text:
                return
        doors: dict[str, tuple[Callable[..., Answer], str]] = {
            "acknowledge": (inbox_acts.acknowledge, f"{key} acknowledged."),
            "reply": (inbox_acts.reply, f"Answered {message.sender}."),
            "accept": (inbox_acts.accept_handoff, f"Handoff {key} accepted; {message.sender} was told."),
            "return": (inbox_acts.return_handoff, f"Handoff {key} went back with what it lacks."),
            "file": (inbox_acts.file_info, f"{key} is kept as a memory."),
        }
        do, done = doors[act]
        more = {"text": text} if act == "reply" else {}
        answer = await self.app.hand.act(
            do, application.context.toolbox, message, pulse_id=view.pulse.id, by=self.person or "nobody", **more
        )
        self._tell_answer(answer, done)

    def _tell_answer(self, answer: Answer, done: str) -> None:
        if answer.status == "ok":
            self.app.say(done)
        elif answer.status == "pending":
            self.app.say("It waits for your approval; g opens it.")
        else:
            self.app.say(f"Not done: {answer.reason or answer.status}", error=True)

    # tasks, steps, mode ---------------------------------------------------------------------------

    def prefer(self, task_id: str) -> None:
        """Take this task first, with a reason."""
        self._beside("prefer", lambda: self._prefer(task_id))

    async def _prefer(self, task_id: str) -> None:
        reason = await self.app.push_screen_wait(
            AskReason(f"Take {task_id} first", "Why before the first of the queue? It stands in the log.")
        )
        if reason:
            await self.app.hand.act(self.machine.prefer, task_id, by=self.person, reason=reason)
            self.app.say(f"{task_id} comes first.")

    def draft_task(self, draft: Json) -> None:
        """A task filled in from a pattern; a person completes it, then it goes through the door."""
        self._beside("draft", lambda: self._draft_task(draft))

    async def _draft_task(self, draft: Json) -> None:
        from stas_tui.screens.task_form import TaskForm

        view = self.screen.view
        args = await self.app.push_screen_wait(TaskForm(draft))
        if args is None or view is None or view.pulse is None:
            return
        toolbox = self.app.application.context.toolbox
        answer = await self.app.hand.act(
            toolbox.call, "create_task", args, pulse_id=view.pulse.id, caller=self.person or "nobody"
        )
        self._tell_answer(answer, f"{answer.result.get('task', 'The task')} is filed.")

    def architect_answered(self, task_id: str) -> None:
        """Record what the architect answered, so that a parked task may be tried again (R88)."""
        self._beside("answered", lambda: self._architect_answered(task_id))

    async def _architect_answered(self, task_id: str) -> None:
        architect = self.app.application.context.rules.architect
        text = await self.app.push_screen_wait(
            AskReason(
                f"What did {architect} answer about {task_id}?",
                "The answer stands in the log; the task's next prompt may rest on it.",
                label="Answer",
            )
        )
        if text:
            await self.app.hand.act(self.machine.architect_answered, task_id, by=self.person or "nobody", text=text)
            self.app.say(f"The answer about {task_id} is recorded; it may be tried again.")

    def cancel_checks(self) -> None:
        """End the isolation checks that run beside this process; what they found stands."""
        self._beside("checks", self._cancel_checks)

    async def _cancel_checks(self) -> None:
        asked = await self.app.hand.answer(self.app.application.rounds.cancel)
        self.app.say("The checks end; what they found stands." if asked else "No isolation checks run here.")

    def skip(self) -> None:
        """Skip the due step, with a reason."""
        self._beside("skip", self._skip)

    async def _skip(self) -> None:
        view = self.screen.view
        if view is None or not view.position:
            self.app.say("No step is due.")
            return
        step = view.steps[view.position - 1]
        reason = await self.app.push_screen_wait(
            AskReason(f"Skip step {step.n} {step.name}", "Why? It stands in the summary.")
        )
        if reason:
            skipped = await self.app.hand.act(self.machine.skip, by=self.person or "nobody", reason=reason)
            self.app.say(f"Step {skipped.n} {skipped.name} is skipped.")

    def look_again(self, n: int) -> None:
        """Run a step that only looks once more."""
        self._beside("again", lambda: self._look_again(n))

    async def _look_again(self, n: int) -> None:
        await self.app.hand.act(self.machine.retry, n, by=self.person or "nobody")
        self.step_on()

    def undo(self) -> None:
        """Take the last logged change of a task back."""
        self._beside("undo", self._undo)

    async def _undo(self) -> None:
        view = self.screen.view
        pulse_id = view.pulse.id if view and view.pulse else ""
        last = await self.app.hand.look(self._last_undoable, pulse_id)
        if last is None or last.revision is None:
            self.app.say("Nothing in this pulse can be taken back.")
            return
        title = str(last.revision.shown.get("title") or tool_words(last.tool))
        answer = await self.app.push_screen_wait(
            Ask(
                "Take this back?",
                f"{title}\nIt is taken back only if nobody moved the task since.",
                {"y": "Take it back"},
            )
        )
        if answer == "y":
            undone = await self.app.hand.act(
                self.app.application.context.toolbox.undo, last.id, self.person or "nobody"
            )
            self._tell_answer(undone, f"Taken back: {title}")

    def _last_undoable(self, pulse_id: str) -> Action | None:
        actions = self.app.application.context.journal.actions(pulse_id) if pulse_id else []
        undone = {a.revision.plan.get("undoes") for a in actions if a.revision and a.state is ActionState.SUCCEEDED}
        found = [
            action
            for action in actions
            if action.tool in UNDOABLE and action.state is ActionState.SUCCEEDED and action.id not in undone
        ]
        return found[-1] if found else None

    def change_mode(self, mode: Mode) -> None:
        """Down one level at once; from Observe up again, by the environment's name."""
        self._beside("mode", lambda: self._change_mode(mode))

    async def _change_mode(self, mode: Mode) -> None:
        if self.screen.view is None or self.screen.view.pulse is None:
            self.app.say("The mode belongs to a pulse; space begins one.")
            return
        if mode is not Mode.OBSERVE:
            lower = MODES[MODES.index(mode) - 1]
            await self.app.hand.answer(self.machine.set_mode, lower, by=self.person or "nobody", reason="lowered")
            self.app.say(f"The mode is {lower.value} now.")
            return
        if not self.person:
            raise BadCall("Nobody is named who could decide; Observe stays.", "Add [[person]] to stas.toml.")
        name = self.app.environment
        typed = await self.app.push_screen_wait(
            AskReason(
                "Raise the mode to Supervised", f"Type the environment's name, {name}, to raise it.", label="Name"
            )
        )
        if typed == name:
            await self.app.hand.answer(
                self.machine.set_mode, Mode.SUPERVISED, by=self.person, reason="raised by the environment's name"
            )
            self.app.say("The mode is supervised now.")
        elif typed:
            self.app.say("That is not the environment's name; Observe stays.", error=True)

    # leaving --------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Leave; asks while something waits or runs."""
        self.screen.run_worker(self._leave(), group="leave", exclusive=True)

    async def _leave(self) -> None:
        view = self.screen.view
        waiting = models.waits(view) if view else 0
        running = view is not None and models.needs_of(view) == "run"
        checking = self.app.application.rounds.under() is not None
        if waiting or running or checking or self.doing:
            what = f"{waiting} still {'waits' if waiting == 1 else 'wait'} for you. " if waiting else ""
            what += "An executor goes on without you. " if running else ""
            what += "The isolation checks end; what they found stands. " if checking else ""
            what += "The step under way is finished first. " if self.doing and not running and not checking else ""
            answer = await self.app.push_screen_wait(
                Ask("Leave Stas?", what + "Nothing is lost, nothing is decided.", {"y": "Leave"})
            )
            if answer != "y":
                return
        self.app.exit()
