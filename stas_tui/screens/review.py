"""The result of a run: what was said, what was seen, and a person's judgment (R86-R91)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.pulse.executing import why_not_accept
from stas_tui.pulse.view import View
from stas_tui.screens.dialogs import AskReason, ShowText
from storage.records import Json, Outcome
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.paint import Line, Palette, Span
from widgets.printable import flat, safe_text, wrap
from widgets.text_view import BuiltScroll
from widgets.tokens import Mark

if TYPE_CHECKING:
    from stas_tui.app import StasApp

OUTCOME_MARKS = {
    Outcome.SUCCESS.value: Mark.OK,
    Outcome.PARTIAL.value: Mark.WARN,
    Outcome.RULE4.value: Mark.HUMAN,
    Outcome.FAILURE.value: Mark.FAIL,
}
CHECK_MARKS = {"passed": Mark.DONE, "failed": Mark.FAIL, "not run": Mark.UNKNOWN, "timeout": Mark.FAIL}
RULES = {1: "repaired a bug", 2: "added a missing guard", 3: "unblocked build or dependency", 4: "architecture"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What the person decided: `accept`, `again`, `park` or `give up`."""

    verb: str
    reason: str = ""
    prompt: str = ""
    ticked: list[int] = field(default_factory=list)


class ResultView(BuiltScroll):
    """The result as rows: class and facts, deviations to tick, verification, files, diff."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, result: Json) -> None:
        super().__init__()
        self.result = result
        self.ticked: set[int] = set()
        self._rows: list[Line] = []

    def build(self, width: int, palette: Palette) -> int:
        """Lay out everything; nothing is folded."""
        result, report = self.result, self.result["report"]
        rows: list[Line] = []
        mark = OUTCOME_MARKS.get(result["outcome"], Mark.UNKNOWN)
        rows.append(
            [
                palette.mark(mark),
                Span(f" {result['outcome']}", palette.mark(mark).ink, bold=True),
                Span(f"  {flat(result['kind'])}", "ink-2"),
            ]
        )
        for fact in result["because"]:
            rows += _wrapped(f"because {fact}", width, "  ", "ink-2")
        rows += [[], [Span("WHAT IT SAYS", "ink-2", bold=True), Span("  said, not seen", "ink-3")]]
        rows += _wrapped(report["summary"] or "nothing", width, "  ")
        if report["deviations"]:
            rows += [
                [],
                [Span("DEVIATIONS", "ink-2", bold=True), Span("  a number ticks one after you looked at it", "ink-3")],
            ]
        for n, deviation in enumerate(report["deviations"]):
            done = n in self.ticked
            glyph = palette.mark(Mark.DONE if done else Mark.TODO)
            rule = RULES.get(deviation["rule"], "")
            rows.append([glyph, Span(f" {n + 1}  rule {deviation['rule']}: {rule}", "ink", bold=True)])
            rows += _wrapped(deviation["what"], width, "     ")
            if deviation["why"]:
                rows += _wrapped(f"why: {deviation['why']}", width, "     ", "ink-2")
            touched = deviation["tenant_isolation"]
            rows += _wrapped(
                f"tenant isolation: {touched}; files: {', '.join(deviation['files']) or 'not named'}",
                width,
                "     ",
                "ink-2" if touched == "none" else "warn",
            )
        if report["blocker"]:
            rows += [[], [Span("BLOCKER", "human", bold=True)], *_wrapped(report["blocker"], width, "  ")]
            for option in report["options"]:
                rows += _wrapped(f"- {option}", width, "  ", "ink-2")
            if report["recommendation"]:
                rows += _wrapped(f"it recommends: {report['recommendation']}", width, "  ", "ink-2")
        rows += [[], [Span("VERIFICATION", "ink-2", bold=True), Span("  run by Stas in a fresh checkout", "ink-3")]]
        if not result["verification"]:
            rows.append([palette.mark(Mark.UNKNOWN), Span(" nothing was run", "ink-2")])
        for check in result["verification"]:
            glyph = palette.mark(CHECK_MARKS.get(check["state"], Mark.UNKNOWN))
            rows.append([glyph, Span(f" {check['state']}  ", glyph.ink), Span(flat(check["command"]))])
            if check["detail"]:
                rows += _wrapped(check["detail"], width, "    ", "ink-3")
        for path in result["undeclared"]:
            rows.append([palette.mark(Mark.WARN), Span(f" not listed in the prompt: {flat(path)}", "warn")])
        if report["rollback"]:
            rows += [[], [Span("ROLLBACK", "ink-2", bold=True)], *_wrapped(report["rollback"], width, "  ")]
        self._rows = [[Span(" "), *row] for row in rows]
        return len(self._rows)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One row."""
        return self._rows[index]


def _wrapped(text: str, width: int, indent: str, ink: str = "ink") -> list[Line]:
    rows: list[Line] = []
    for line in safe_text(text).split("\n"):
        rows += [[Span(indent + row, ink)] for row in wrap(line, width - len(indent) - 2)]
    return rows


class ReviewScreen(Screen[Judgment | None]):
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
        Binding("l", "output", "output", id="review.output"),
        Binding("escape", "leave", "back", id="review.leave"),
        *(Binding(str(n), f"tick({n - 1})", "tick", show=n == 1, key_display="1-9") for n in range(1, 10)),
    ]
    HELP = "The result of a run. Accepting goes on to commit and pull request; each deviation is ticked first."

    app: StasApp

    def __init__(self, view: View) -> None:
        super().__init__()
        self.look = view
        self.result: Json = view.work["result"]

    def compose(self) -> ComposeResult:
        """Title, result, keys."""
        task = self.look.work.get("task") or {}
        run = self.look.run
        facts = f"  {run.id}, try {run.attempt}, {run.model}" if run else "  worked directly"
        yield Static(safe(f"Result for {task.get('id', '')}{facts}"), classes="title")
        yield ResultView(self.result)
        yield KeyBar()

    def on_mount(self) -> None:
        """The result has the keyboard."""
        self.query_one(ResultView).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what this class of result allows."""
        outcome = self.result["outcome"]
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
        if action != "accept":
            return None
        ticked = sorted(self.query_one(ResultView).ticked) if self.is_mounted else []
        return why_not_accept(self.result, reason="given later", ticked=ticked) or None

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A clicked key."""
        self.call_later(self.run_action, message.hint.action)

    def on_key_bar_refused(self, message: KeyBar.Refused) -> None:
        """Why not."""
        self.app.say(message.hint.reason)

    def action_tick(self, index: int) -> None:
        """Tick a deviation, or take the tick back."""
        view = self.query_one(ResultView)
        view.ticked ^= {index}
        view.rebuild(new_content=False)
        self.refresh_bindings()

    @work(exclusive=True, group="judge")
    async def action_accept(self) -> None:
        """Accept; asks for a reason where something was not seen."""
        ticked = sorted(self.query_one(ResultView).ticked)
        reason = ""
        problem = why_not_accept(self.result, reason="", ticked=ticked)
        if problem:
            answer = await self.app.push_screen_wait(AskReason("Accept the result", problem))
            if answer is None:
                return
            reason = answer
        self.dismiss(Judgment(verb="accept", reason=reason, ticked=ticked))

    @work(exclusive=True, group="judge")
    async def action_again(self) -> None:
        """Another try: a cause, then a changed prompt."""
        cause = await self.app.push_screen_wait(
            AskReason("Spawn again", "What was the cause, and what changes now? At most three more tries in a pulse.")
        )
        if cause is None:
            return
        from stas_tui.screens.text_edit import EditArgs
        from storage.records import Action

        action = await self.app.hand.look(self._spawned)
        if not isinstance(action, Action):
            return
        args = await self.app.push_screen_wait(EditArgs(action))
        if args is not None:
            self.dismiss(Judgment(verb="again", reason=cause, prompt=args["executionPrompt"]))

    def _spawned(self) -> object:
        run = self.look.run
        return self.app.application.context.journal.get(run.action_id) if run else None

    def action_park(self) -> None:
        """Ask the architect."""
        self.dismiss(Judgment(verb="park"))

    @work(exclusive=True, group="judge")
    async def action_give_up(self) -> None:
        """Leave the task."""
        reason = await self.app.push_screen_wait(
            AskReason("Give the task up", "The workspace keeps everything; your reason stands in the summary.")
        )
        if reason:
            self.dismiss(Judgment(verb="give up", reason=reason))

    @work(exclusive=True, group="judge")
    async def action_diff(self) -> None:
        """The whole change."""
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
