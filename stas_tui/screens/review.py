"""A person's judgment of a run's result: what was said, what was seen, and four answers (R86-R91)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.pulse.executing import why_not_accept
from stas_tui.pulse.view import View
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.dialogs import AskReason, ShowText
from stas_tui.screens.result_view import ResultView
from storage.records import Json, Outcome
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.app import StasApp

_OWN = frozenset({"accept", "again", "park", "give_up", "diff", "output", "tick", "leave"})
MOST_DEVIATIONS = 9
"""As many deviations have a key of their own; a run with more is ticked from the first on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What the person decided: `accept`, `again`, `park` or `give up`."""

    verb: str
    reason: str = ""
    prompt: str = ""
    ticked: list[int] = field(default_factory=list)


class ReviewScreen(ClickedKeys, Screen[Judgment | None]):
    """Judge a result. Nothing is selected beforehand; escape decides nothing."""

    CSS = """
    ReviewScreen { background: $base; layout: vertical; }
    ReviewScreen > .title { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    ReviewScreen > ResultView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "accept", "accept", id="review.accept"),
        Binding("R", "again", "again", id="review.again"),
        Binding("P", "park", "ask the architect", id="review.park"),
        Binding("G", "give_up", "give up", id="review.give_up"),
        Binding("d", "diff", "diff", id="review.diff"),
        Binding("x", "output", "output", id="review.output"),
        *(
            Binding(str(n), f"tick({n - 1})", "tick", id=f"review.tick_{n}", show=n == 1, tooltip="Tick a deviation.")
            for n in range(1, MOST_DEVIATIONS + 1)
        ),
        Binding("escape", "leave", "back", id="review.leave"),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = "The result of a run. Accepting goes on to commit and pull request; each deviation is ticked first."

    app: StasApp

    def __init__(self, view: View) -> None:
        super().__init__()
        self.look = view
        self.work_state: Json = view.work
        self.result: Json = view.work["result"]
        self._answering = False

    def compose(self) -> ComposeResult:
        """Title, result, keys."""
        task = self.look.work.get("task") or {}
        run = self.look.run
        facts = f"  {run.id}, try {run.attempt}, {run.model}" if run else "  worked directly"
        yield Static(safe(flat(f"Result for {task.get('id', '')}{facts}")), classes="title")
        yield ResultView(self.result)
        yield KeyBar()

    def on_mount(self) -> None:
        """The result has the keyboard."""
        self.query_one(ResultView).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what this class of result allows."""
        outcome = self.result["outcome"]
        if action in self.app.LEFT_OUT:
            return False
        if self._answering and action in _OWN:
            return None
        if action in ("accept", "again", "park", "give_up") and not self.app.application.person:
            return None
        if action == "tick":
            index = parameters[0]
            return isinstance(index, int) and index < len(self.result["report"]["deviations"])
        if action == "park":
            return bool(outcome == Outcome.RULE4.value)
        if action == "accept":
            return None if self.disabled_reason("accept") else True
        if action == "again":
            return bool(outcome != Outcome.RULE4.value)
        return True

    def disabled_reason(self, action: str) -> str | None:
        """Why accepting is greyed."""
        if not self.app.application.person and action in ("accept", "again", "park", "give_up"):
            return "nobody is named who could decide; add [[person]] to stas.toml"
        if action != "accept":
            return None
        ticked = sorted(self.query_one(ResultView).ticked) if self.is_mounted else []
        return why_not_accept(self.work_state, reason="given later", ticked=ticked) or None

    def action_tick(self, index: int) -> None:
        """Tick a deviation, or take the tick back."""
        view = self.query_one(ResultView)
        view.ticked ^= {index}
        view.rebuild(new_content=False)
        self.refresh_bindings()

    def action_accept(self) -> None:
        """Accept; asks for a reason where something was not seen."""
        self._answer(self._accept)

    def action_again(self) -> None:
        """Another try: a cause, then a changed prompt; both are prefilled by what the agent proposes."""
        self._answer(self._again)

    def action_give_up(self) -> None:
        """Leave the task."""
        self._answer(self._give_up)

    def action_diff(self) -> None:
        """The whole change."""
        self._answer(self._diff)

    def _answer(self, act: Callable[[], Awaitable[None]]) -> None:
        """One at a time: keys that arrive with the first, typed ahead or on a slow line, are for what it opens."""
        if not self._answering:
            self._answering = True
            self.run_worker(self._to_its_end(act), group="judge")

    async def _to_its_end(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        finally:
            self._answering = False

    async def _accept(self) -> None:
        ticked = sorted(self.query_one(ResultView).ticked)
        reason = ""
        problem = why_not_accept(self.work_state, reason="", ticked=ticked)
        if problem:
            answer = await self.app.push_screen_wait(AskReason("Accept the result", problem))
            if answer is None:
                return
            reason = answer
        self.dismiss(Judgment(verb="accept", reason=reason, ticked=ticked))

    async def _again(self) -> None:
        from stas_tui.screens.text_edit import PromptAgain

        machine = self.app.application.machine
        cause, prompt = await self.app.hand.look(machine.propose_again)
        reason = await self.app.push_screen_wait(
            AskReason(
                "Spawn again",
                "What was the cause, and what changes now? At most three more tries in a pulse.",
                label="Cause",
                value=cause,
            )
        )
        if reason is None:
            return
        work = await self.app.hand.look(machine.work)
        text = await self.app.push_screen_wait(PromptAgain(prompt, self.work_state["prompt"], work))
        if text is not None:
            self.dismiss(Judgment(verb="again", reason=reason, prompt=text))

    def action_park(self) -> None:
        """Ask the architect."""
        self.dismiss(Judgment(verb="park"))

    async def _give_up(self) -> None:
        reason = await self.app.push_screen_wait(
            AskReason("Give the task up", "The workspace keeps everything; your reason stands in the summary.")
        )
        if reason:
            self.dismiss(Judgment(verb="give up", reason=reason))

    async def _diff(self) -> None:
        patch = await self.app.hand.look(self._patch)
        await self.app.push_screen_wait(ShowText("Everything that changed against the base", patch))

    def _patch(self) -> str:
        context = self.app.application.context
        workspace = context.workspace((self.look.work.get("task") or {}).get("id", ""))
        return context.door.forge.changes(workspace).patch if workspace else "The workspace is gone."

    def action_output(self) -> None:
        """The executor's output."""
        if self.look.run is not None:
            from stas_tui.screens.output import OutputScreen

            self.app.push_screen(OutputScreen(self.look.run))

    def action_leave(self) -> None:
        """Back, nothing decided."""
        self.dismiss(None)
