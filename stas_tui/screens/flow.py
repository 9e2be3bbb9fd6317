"""What a person does on the main screen: step, run, pause, open what waits. Everything that blocks runs beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from stas_tui.pulse.context import Progress
from stas_tui.screens import models
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.wiring import policy_digest
from storage.errors import StasError
from storage.records import Action, Mode
from widgets.detail import DetailModel

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.pulse.machine import Machine
    from stas_tui.screens.main import MainScreen

MODES = (Mode.OBSERVE, Mode.SUPERVISED, Mode.TRUSTED)


class Flow:
    """The main screen's acts. At most one advance is under way; asking again while it is does nothing."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.doing = ""
        """What is under way, for the top bar: empty, `stepping`, `running`."""
        self._stop = False

    @property
    def app(self) -> StasApp:
        """The application."""
        return self.screen.app

    @property
    def machine(self) -> Machine:
        """The machine; called on the acting thread only."""
        return self.app.application.machine

    @property
    def person(self) -> str:
        """Who decides here."""
        return self.app.application.person

    # walking --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Settle what a dead process left, once, and offer to go on."""
        self._go("looking after the last run", self._recover)

    async def _recover(self) -> None:
        told = await self.app.hand.act(self.machine.recover)
        pulse = await self.app.hand.act(self.machine.current)
        for sentence in told:
            self.app.say(f"After the restart: {sentence}", lasting=True)
        if pulse is not None and told:
            await self._offer_to_go_on(pulse.number)

    async def _offer_to_go_on(self, number: int) -> None:
        answer = await self.app.push_screen_wait(
            Ask(
                f"Pulse {number} was interrupted",
                "What was half done is settled and said above. The pulse can go on where it stopped.",
                {"c": "Go on with it", "i": "Close it as interrupted"},
            )
        )
        if answer == "i":
            await self.app.hand.act(self.machine.close, by=self.person or "nobody", outcome="interrupted")

    def step(self) -> None:
        """One step of the pulse, or open what waits for the person."""
        self._go("stepping", self._step)

    def run(self) -> None:
        """Step until a person is needed."""
        self._stop = False
        self._go("running", self._run)

    async def _step(self) -> Progress:
        progress = await self._advance()
        if progress.needs == "run":
            progress = await self._wait_for_run(progress)
        self.app.say(progress.say)
        return progress

    async def _run(self) -> None:
        while not self._stop:
            progress = await self._advance()
            if progress.needs == "run":
                progress = await self._wait_for_run(progress)
            if progress.waits:
                self.app.say(progress.say)
                return
            await self.screen.reload()

    async def _advance(self) -> Progress:
        pulse = await self.app.hand.act(self.machine.current)
        if pulse is None:
            application = self.app.application
            await self.app.hand.act(
                self.machine.begin,
                operator=self.person or "nobody",
                mode=application.mode,
                policy_digest=policy_digest(application.settings),
            )
        return await self.app.hand.act(self.machine.advance)

    async def _wait_for_run(self, progress: Progress) -> Progress:
        executor = self.app.application.context.door.executor
        while progress.needs == "run" and not self._stop:
            self.app.say(progress.say)
            await self.screen.reload()
            if progress.run is None:
                progress = await self.app.hand.act(self.machine.advance)
                continue
            status = await self.app.hand.wait_for(executor.wait, progress.run.id, 2.0)
            if status.state.value == "finished":
                return await self.app.hand.act(self.machine.advance)
        return progress

    def _go(self, doing: str, act: Callable[[], Awaitable[object]]) -> None:
        """Run an act beside the interface, one at a time; a refusal becomes a sentence."""
        if self.doing:
            self.app.say(f"Still {self.doing}; p pauses.")
            return
        self.doing = doing
        self.screen.draw_time()
        self.screen.run_worker(self._guard(act), group="flow", exclusive=False)

    async def _guard(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except StasError as error:
            self.app.say(str(error), error=True)
        finally:
            self.doing = ""
            if self.screen.is_mounted:
                await self.screen.reload()

    def pause_or_resume(self) -> None:
        """Pause at once, without waiting for anything under way; resume with a reason."""
        self._stop = True
        view = self.screen.view
        if view is not None and view.halted:
            self.screen.run_worker(self._guard_free(self._resume), group="pause")
        else:
            self.screen.run_worker(self._guard_free(self._pause), group="pause")

    async def _guard_free(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except StasError as error:
            self.app.say(str(error), error=True)
        await self.screen.reload()

    async def _pause(self) -> None:
        view = self.screen.view
        await self.app.hand.look(self.machine.pause, by=self.person or "nobody", reason="paused at the screen")
        running = models.needs_of(view) == "run" if view else False
        self.app.say(
            "Paused: nothing new starts. An executor is still running; l shows it, c cancels it there."
            if running
            else "Paused: nothing new starts."
        )

    async def _resume(self) -> None:
        reason = await self.app.push_screen_wait(AskReason("Resume", "Why can it go on? It stands in the log."))
        if reason:
            await self.app.hand.look(self.machine.resume, by=self.person or "nobody", reason=reason)
            self.app.say("Resumed.")

    # what waits -----------------------------------------------------------------------------------

    def open_waiting(self) -> None:
        """Open the gate that waits longest, or whatever else the pulse needs from a person."""
        self.screen.run_worker(self._guard_free(self._open_waiting), group="waiting", exclusive=True)

    async def _open_waiting(self) -> None:
        view = await self.app.hand.look(self.app.hand.view)
        if view.gates:
            await self._gate(min(view.gates, key=lambda action: action.ask_until))
            return
        needs = models.needs_of(view)
        openers: dict[str, Callable[[], Awaitable[None]]] = {
            "paused": self._resume,
            "override": self._override,
            "prompt": lambda: self._text("prompt"),
            "pull request": lambda: self._text("pull request"),
            "memory": lambda: self._text("memory"),
            "review": self._review,
            "direct": self._direct,
            "workspace": self._blocked,
            "blocked": self._blocked,
            "summary": self._summary,
        }
        if needs in openers:
            await openers[needs]()
        else:
            self.app.say("Nothing waits for you.")

    async def _gate(self, action: Action) -> None:
        from stas_tui.screens.gate import GateScreen

        decided = await self.app.push_screen_wait(GateScreen(action))
        if decided in ("approved", "rejected"):
            await self.screen.reload()
            self._go("stepping", self._step)

    async def _override(self) -> None:
        view = self.screen.view
        locked = (view.work.get("locked") or {}) if view else {}
        reason = await self.app.push_screen_wait(
            AskReason(
                "Go on against a lock?",
                f"{locked.get('rule', '')}: {locked.get('what', '')}\nYour reason stands in the log and the summary.",
            )
        )
        if reason:
            await self.app.hand.act(self.machine.override, by=self.person, reason=reason)
            self._go("stepping", self._step)

    async def _text(self, what: str) -> None:
        from stas_tui.screens.text_edit import TextScreen

        work = await self.app.hand.look(self.machine.work)
        state = await self.app.hand.look(lambda: work.state)
        result = await self.app.push_screen_wait(TextScreen(what, state, work))
        if result == "given up":
            await self._give_up()
        elif result == "directly":
            await self._directly()
        elif result == "saved":
            self._go("stepping", self._step)

    async def _directly(self) -> None:
        reason = await self.app.push_screen_wait(
            AskReason("Work directly in the workspace", "Why by hand instead of an executor?")
        )
        if reason:
            await self.app.hand.act(self.machine.work_directly, by=self.person, reason=reason)
            await self._direct()

    async def _direct(self) -> None:
        from pathlib import Path

        from stas_tui.screens.outside import open_shell

        work = await self.app.hand.look(self.machine.work)
        task = await self.app.hand.look(work.task)
        workspace = await self.app.hand.look(self.app.application.context.workspace, task.id)
        answer = await self.app.push_screen_wait(
            Ask(
                f"Working directly on {task.id}",
                f"Workspace: {workspace.path if workspace else 'missing'}",
                {"s": "Open a shell there", "d": "Done: review what changed", "g": "Give the task up"},
            )
        )
        if answer == "s" and workspace is not None:
            open_shell(self.app, Path(workspace.path))
            await self._direct()
        elif answer == "d":
            await self.app.hand.act(self.machine.direct_done, by=self.person)
            self._go("stepping", self._step)
        elif answer == "g":
            await self._give_up()

    async def _review(self) -> None:
        from stas_tui.screens.review import ReviewScreen

        view = await self.app.hand.look(self.app.hand.view)
        answer = await self.app.push_screen_wait(ReviewScreen(view))
        if answer is None:
            return
        if answer.verb == "accept":
            await self.app.hand.act(self.machine.accept, by=self.person, reason=answer.reason, ticked=answer.ticked)
        elif answer.verb == "again":
            await self.app.hand.act(self.machine.respawn, by=self.person, cause=answer.reason, prompt=answer.prompt)
        elif answer.verb == "park":
            await self.app.hand.act(self.machine.park, by=self.person)
        elif answer.verb == "give up":
            await self.app.hand.act(self.machine.give_up, by=self.person, reason=answer.reason)
        self._go("stepping", self._step)

    async def _blocked(self) -> None:
        view = self.screen.view
        step = view.steps[view.position - 1] if view and view.position else None
        answer = await self.app.push_screen_wait(
            Ask(
                "The pulse cannot go on by itself",
                step.note if step else "",
                {"a": "Try again", "g": "Give the task up"},
            )
        )
        if answer == "a":
            self._go("stepping", self._step)
        elif answer == "g":
            await self._give_up()

    async def _give_up(self) -> None:
        reason = await self.app.push_screen_wait(
            AskReason("Give the task up", "The workspace keeps everything; your reason stands in the summary.")
        )
        if reason:
            await self.app.hand.act(self.machine.give_up, by=self.person or "nobody", reason=reason)

    async def _summary(self) -> None:
        from stas_tui.screens.summary import SummaryScreen

        text = await self.app.hand.look(self.machine.summary)
        form = await self.app.hand.look(self.app.summary_form)
        answer = await self.app.push_screen_wait(SummaryScreen(text, form, can_confirm=bool(self.person)))
        if answer == "confirmed":
            pulse = await self.app.hand.act(self.machine.close, by=self.person)
            self.app.say(f"Pulse {pulse.number} is complete.")

    # other keys -----------------------------------------------------------------------------------

    def show_summary(self) -> None:
        """The summary as it stands."""
        self.screen.run_worker(self._guard_free(self._look_at_summary), group="summary")

    async def _look_at_summary(self) -> None:
        view = self.screen.view
        if view is None or view.pulse is None:
            self.app.say("No pulse is open.")
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
        text = "\n".join(f"{m.at}  {m.text}" for m in models.moments(view.timeline)) if view else ""
        self.app.push_screen(ShowText("Log of this pulse", text or "Nothing happened yet."))

    def open_detail(self, model: DetailModel) -> None:
        """Everything about an item."""
        self.app.push_screen(ShowText(f"{model.key}  {model.title}", models.as_text(model)))

    def open_evidence(self, key: str) -> None:
        """A piece of evidence by its reference."""
        self.screen.run_worker(self._guard_free(lambda: self._evidence(key)), group="evidence")

    async def _evidence(self, key: str) -> None:
        text = await self.app.hand.look(self.app.evidence_text, key)
        await self.app.push_screen_wait(ShowText(f"Evidence {key}", text))

    def acknowledge(self, message_id: str) -> None:
        """Take a message off the inbox, through the door."""
        self.screen.run_worker(self._guard_free(lambda: self._acknowledge(message_id)), group="acknowledge")

    async def _acknowledge(self, message_id: str) -> None:
        view = self.screen.view
        if view is None or view.pulse is None:
            self.app.say("Begin a pulse first: space.")
            return
        answer = await self.app.hand.act(
            self.app.application.context.toolbox.call,
            "acknowledge_message",
            {"messageId": message_id},
            pulse_id=view.pulse.id,
            caller=self.person or "nobody",
        )
        self.app.say(f"{message_id} acknowledged." if answer.status == "ok" else f"Not acknowledged: {answer.reason}")

    def prefer(self, task_id: str) -> None:
        """Take this task first, with a reason."""
        self.screen.run_worker(self._guard_free(lambda: self._prefer(task_id)), group="prefer")

    async def _prefer(self, task_id: str) -> None:
        reason = await self.app.push_screen_wait(
            AskReason(f"Take {task_id} first", "Why before the first of the queue? It stands in the log.")
        )
        if reason:
            await self.app.hand.act(self.machine.prefer, task_id, by=self.person, reason=reason)
            self.app.say(f"{task_id} comes first.")

    def skip(self) -> None:
        """Skip the due step, with a reason."""
        self.screen.run_worker(self._guard_free(self._skip), group="skip")

    async def _skip(self) -> None:
        reason = await self.app.push_screen_wait(AskReason("Skip this step", "Why? It stands in the summary."))
        if reason:
            await self.app.hand.act(self.machine.skip, by=self.person or "nobody", reason=reason)

    def change_mode(self, mode: Mode) -> None:
        """Down one level at once; from Observe up again, with a reason."""
        self.screen.run_worker(self._guard_free(lambda: self._change_mode(mode)), group="mode")

    async def _change_mode(self, mode: Mode) -> None:
        if mode is not Mode.OBSERVE:
            lower = MODES[MODES.index(mode) - 1]
            await self.app.hand.act(self.machine.set_mode, lower, by=self.person or "nobody", reason="lowered")
            self.app.say(f"Mode is {lower.value} now.")
            return
        if not self.person:
            self.app.say("Nobody is named who could decide; Observe stays.", error=True)
            return
        reason = await self.app.push_screen_wait(
            AskReason(
                "Raise the mode to Supervised", f"Type the environment's name, {self.app.environment}, to raise it."
            )
        )
        if reason == self.app.environment:
            await self.app.hand.act(self.machine.set_mode, Mode.SUPERVISED, by=self.person, reason="raised by name")
            self.app.say("Mode is supervised now.")
        elif reason:
            self.app.say("That is not the environment's name; Observe stays.", error=True)

    def look_at(self, step: int) -> None:
        """An earlier or later recorded pulse."""
        self.screen.run_worker(self._guard_free(lambda: self._look_at(step)), group="recorded", exclusive=True)

    async def _look_at(self, step: int) -> None:
        pulses = await self.app.hand.look(self.app.application.context.pulses.latest, 200)
        ids = [pulse.id for pulse in reversed(pulses)]
        view = self.screen.view
        here = self.screen.recorded or (view.pulse.id if view and view.pulse else None)
        place = ids.index(here) if here in ids else len(ids)
        place += step
        if not 0 <= place < len(ids) + 1:
            self.app.say("There is no pulse further that way.")
            return
        target = ids[place] if place < len(ids) else None
        current = await self.app.hand.look(self.machine.current)
        self.screen.recorded = None if target is None or (current and current.id == target) else target
        self.app.say(
            f"Recorded pulse {pulses[len(ids) - 1 - place].number}." if self.screen.recorded else "The present."
        )

    def leave(self) -> None:
        """Leave; asks while something waits or runs."""
        self.screen.run_worker(self._leave(), group="leave", exclusive=True)

    async def _leave(self) -> None:
        view = self.screen.view
        waiting = models.waits(view) if view else 0
        running = view is not None and models.needs_of(view) == "run"
        if waiting or running:
            what = f"{waiting} still wait for you. " if waiting else ""
            what += "An executor goes on without you. " if running else ""
            answer = await self.app.push_screen_wait(
                Ask("Leave Stas?", what + "Nothing is lost, nothing is decided.", {"y": "Leave"})
            )
            if answer != "y":
                return
        self.app.exit()
