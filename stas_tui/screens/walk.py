"""Walking the pulse from the screen: recover, step, run to the next gate, pause, resume. Nothing here blocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from stas_tui.application import policy_digest
from stas_tui.gates.contract import Refusal
from stas_tui.pulse.context import Progress
from stas_tui.screens import models
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.typed_line import left_lines
from storage.errors import StasError
from storage.records import Pulse

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.pulse.machine import Machine
    from stas_tui.screens.main import MainScreen

RUN_LOOK_S = 2.0
"""How long one wait for a running executor lasts before the record is looked at again."""
CHECK_LOOK_S = 0.5
"""How often the progress of isolation checks is drawn."""


class Walk:
    """At most one advance is under way; asking again while it is says so and does nothing."""

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
        """The machine; called on the threads of the hand only."""
        return self.app.application.machine

    @property
    def person(self) -> str:
        """Who decides here."""
        return self.app.application.person

    # after a restart ------------------------------------------------------------------------------

    def start(self) -> None:
        """Settle what a dead process left, once, and offer to go on."""
        self._go("looking after the last run", self._recover)

    async def _recover(self) -> None:
        interrupted, told, pulse = await self.app.hand.act(self._recovered)
        left = await self.app.hand.answer(left_lines, self.app)
        if pulse is not None and interrupted and told:
            self.screen.run_worker(self._guarded(lambda: self._offer_to_go_on(pulse.number, told, left)), group="offer")
        elif told or left:
            self.app.say("After the restart:\n" + "\n".join([*told, *left]), lasting=True)
        elif pulse is not None and not self.app.application.training:
            self.app.say(f"Pulse {pulse.number} goes on where it stopped.")

    def _recovered(self) -> tuple[bool, list[str], Pulse | None]:
        """Whether a process died on the pulse, what became of what it left, and the open pulse."""
        machine = self.machine
        interrupted = machine.interrupted()
        return interrupted, machine.recover(), machine.current()

    async def _offer_to_go_on(self, number: int, told: list[str], left: list[str]) -> None:
        answer = await self.app.push_screen_wait(
            Ask(
                f"Pulse {number} was interrupted",
                "\n".join([*told, "", "This stands in the log of the pulse as well. The pulse can go on.", *left]),
                {"c": "Go on with it", "i": "Close it as interrupted"},
            )
        )
        if answer == "i":
            await self.app.hand.act(self.machine.cut_off, by=self.person or "nobody")
            self.app.say(f"Pulse {number} is closed as interrupted.")

    # walking --------------------------------------------------------------------------------------

    def step(self) -> None:
        """One step of the pulse."""
        self._stop = False
        self._go("stepping", self._step)

    def step_on(self) -> None:
        """One step after an answer; whatever is under way already, or a lesson, sees the answer by itself."""
        if not self.doing and not self.app.application.training:
            self.step()

    def run(self) -> None:
        """Step until a person is needed."""
        self._stop = False
        self._go("running", self._run)

    async def _step(self) -> None:
        progress = await self._advance()
        if progress.needs == "run":
            progress = await self._wait_for_run(progress)
        await self._tell_unless_paused(progress)

    async def _run(self) -> None:
        progress = None
        while not self._stop:
            progress = await self._advance()
            if progress.needs == "run":
                progress = await self._wait_for_run(progress)
            if progress.waits:
                break
            await self.screen.reload()
        if progress is not None:
            await self._tell_unless_paused(progress)

    async def _tell_unless_paused(self, progress: Progress) -> None:
        """Nothing is laid over what was said about the pause while something goes on beside it."""
        if self._stop and progress.needs == "run":
            await self.screen.reload()
        else:
            await self._tell(progress)

    async def _tell(self, progress: Progress) -> None:
        await self.screen.reload()
        hint = "; g opens it" if progress.needs == "gate" else "; x shows its output" if progress.needs == "run" else ""
        if progress.checks:
            hint = "; X ends them, what they found stands"
        self.app.say("\n".join([progress.say + hint, *self.screen.new_words()]))

    async def _advance(self) -> Progress:
        return await self.app.hand.act(self._advanced)

    def _advanced(self) -> Progress:
        application = self.app.application
        if self.machine.current() is None:
            self.machine.begin(
                operator=self.person or "nobody",
                mode=application.mode,
                policy_digest=policy_digest(application.settings),
            )
        return self.machine.advance()

    async def _wait_for_run(self, progress: Progress) -> Progress:
        executor = self.app.application.context.door.executor
        await self._tell(progress)
        while progress.needs == "run" and not self._stop:
            if progress.checks:
                progress = await self._wait_for_checks(progress)
                continue
            if progress.run is None:
                progress = await self.app.hand.act(self.machine.advance)
                continue
            status = await self.app.hand.wait_for(executor.wait, progress.run.id, RUN_LOOK_S)
            if status.state.value == "finished":
                return await self.app.hand.act(self.machine.advance)
        return progress

    async def _wait_for_checks(self, progress: Progress) -> Progress:
        """Wait while a round of isolation checks runs beside this process; what it reads is drawn meanwhile."""
        rounds = self.app.application.rounds
        while not self._stop:
            await self.app.hand.wait_for(rounds.wait, progress.checks, CHECK_LOOK_S)
            self.screen.draw_checks()
            if rounds.under(progress.checks) is None:
                return await self.app.hand.act(self.machine.advance)
        return progress

    # one at a time --------------------------------------------------------------------------------

    def _go(self, doing: str, act: Callable[[], Awaitable[object]]) -> None:
        """Run an act beside the interface, one at a time; a refusal becomes a sentence."""
        if self.doing:
            self.app.say(f"Still {self.doing}; p pauses.")
            return
        self.doing = doing
        self.screen.draw_time()
        self.screen.run_worker(self._one(act), group="flow", exclusive=False)

    async def _one(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        finally:
            self.doing = ""
            if self.screen.is_mounted:
                await self.screen.reload()

    def _beside(self, group: str, act: Callable[[], Awaitable[object]], *, exclusive: bool = False) -> None:
        """Run an act that may go on beside a step."""
        self.screen.run_worker(self._guarded(act), group=group, exclusive=exclusive)

    async def _guarded(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        if self.screen.is_mounted:
            await self.screen.reload()

    # pause ----------------------------------------------------------------------------------------

    def pause_or_resume(self, *, may_resume: bool = True) -> None:
        """Pause at once, without waiting for anything under way; resume with a reason."""
        self._stop = True
        view = self.screen.view
        if view is None or not view.halted:
            self._beside("pause", self._pause)
        elif may_resume:
            self._beside("pause", self._resume, exclusive=True)
        else:
            self.app.say("It is paused already; p on the main screen resumes.")

    async def _pause(self) -> None:
        view = self.screen.view
        await self.app.hand.answer(self.machine.pause, by=self.person or "nobody", reason="paused at the screen")
        running = view is not None and models.needs_of(view) == "run"
        if view is not None and view.checking is not None:
            self.app.say("Paused: nothing new starts. The checks that run only read; X ends them. p resumes.")
            return
        self.app.say(
            "Paused: nothing new starts. An executor is still running; x shows it, c cancels it there."
            if running
            else "Paused: nothing new starts. p resumes, with a reason."
        )

    async def _resume(self) -> None:
        reason = await self.app.push_screen_wait(AskReason("Resume", "Why can it go on? It stands in the log."))
        if reason:
            await self.app.hand.answer(self.machine.resume, by=self.person or "nobody", reason=reason)
            self.app.say("Resumed.")
