"""Opening what waits for the person: a gate, a lock, a text, a result, the summary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.screens import models
from stas_tui.screens.asked import after_gate
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.walk import Walk
from storage.records import Action, Json, Workspace

if TYPE_CHECKING:
    from stas_tui.pulse.work import Work


class Waiting(Walk):
    """`open_waiting` opens the gate that waits longest, else whatever the pulse needs."""

    def open_waiting(self) -> None:
        """Open it; opening decides nothing."""
        self._beside("waiting", self._open_waiting, exclusive=True)

    async def _open_waiting(self) -> None:
        view = await self.app.hand.look(self.app.hand.view)
        if view.gates:
            await self._gate(min(view.gates, key=lambda action: action.ask_until))
            return
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
        needs = models.needs_of(view)
        if needs in openers:
            await openers[needs]()
        else:
            self.app.say("Nothing waits for you.")

    async def _gate(self, action: Action) -> None:
        from stas_tui.screens.gate import GateScreen

        decided = await self.app.push_screen_wait(GateScreen(action))
        if not await after_gate(self.app, decided, action) and decided in ("approved", "rejected"):
            self.step_on()

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
            self.step_on()

    async def _text(self, what: str) -> None:
        from stas_tui.screens.text_edit import TextScreen

        work, state = await self.app.hand.look(self._work)
        result = await self.app.push_screen_wait(TextScreen(what, state, work))
        if result == "given up":
            await self._give_up()
        elif result == "directly":
            await self._directly(state)
        elif result == "saved":
            self.step_on()

    def _work(self) -> tuple[Work, Json]:
        work = self.machine.work()
        return work, work.state

    async def _directly(self, state: Json) -> None:
        why = state.get("method_why") or ""
        reason = await self.app.push_screen_wait(
            AskReason("Work directly in the workspace", f"Why by hand instead of an executor? {why}".strip())
        )
        if reason:
            await self.app.hand.act(self.machine.work_directly, by=self.person, reason=reason)
            await self.screen.reload()
            await self._direct()

    async def _direct(self) -> None:
        from stas_tui.screens.outside import open_shell

        task_id, workspace = await self.app.hand.look(self._place)
        answers = {"d": "Done: review what changed", "g": "Give the task up"}
        if workspace is not None:
            answers = {"s": "Open a shell there", **answers}
        answer = await self.app.push_screen_wait(
            Ask(
                f"Working directly on {task_id}",
                f"Workspace: {workspace.path if workspace else 'missing'}\nEscape leaves it open; g comes back here.",
                answers,
            )
        )
        if answer == "s" and workspace is not None:
            open_shell(self.app, Path(workspace.path))
            await self._direct()
        elif answer == "d":
            await self.app.hand.act(self.machine.direct_done, by=self.person)
            self.step_on()
        elif answer == "g":
            await self._give_up()

    def _place(self) -> tuple[str, Workspace | None]:
        task = self.machine.work().task()
        return task.id, self.app.application.context.workspace(task.id)

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
        self.step_on()

    async def _blocked(self) -> None:
        view = self.screen.view
        step = view.steps[view.position - 1] if view and view.position else None
        answers = {"a": "Try again"}
        if step is not None and step.n == models.WORK_STEP:
            answers["g"] = "Give the task up"
        answer = await self.app.push_screen_wait(
            Ask("The pulse cannot go on by itself", step.note if step else "", answers)
        )
        if answer == "a":
            self.step_on()
        elif answer == "g":
            await self._give_up()

    async def _give_up(self) -> None:
        reason = await self.app.push_screen_wait(
            AskReason("Give the task up", "The workspace keeps everything; your reason stands in the summary.")
        )
        if reason:
            await self.app.hand.act(self.machine.give_up, by=self.person or "nobody", reason=reason)
            self.app.say("Given up. Space goes on with the pulse.")

    async def _summary(self) -> None:
        from stas_tui.screens.summary import SummaryScreen

        draft = await self.app.hand.look(self.machine.draft)
        answer = await self.app.push_screen_wait(SummaryScreen(draft, can_confirm=bool(self.person)))
        if answer == "confirmed":
            pulse = await self.app.hand.act(self.machine.confirm, draft, by=self.person)
            self.app.say(f"Pulse {pulse.number} is complete.")
