"""Texts that a person completes: the prompt with its live meter, the pull request, the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from stas_tui.pulse.work import Work
from stas_tui.screens.common import ClickedKeys
from stas_tui.texts.memory_note import memory_report
from stas_tui.texts.pr_body import lint_pr
from stas_tui.texts.sections import SectionState
from storage.errors import StasError
from storage.records import Json
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.form import LabelledInput, Section, SectionMeter
from widgets.keybar import KeyBar

if TYPE_CHECKING:
    from stas_tui.app import StasApp

LINT_S = 0.15
"""Typing pauses this long before the lint runs."""

TEXT_CSS = """
{name} {{ background: $base; layout: vertical; }}
{name} > .title {{ height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }}
{name} #meter {{ width: 40; height: 1fr; border-right: solid $rule; overflow-y: auto; }}
{name} #reasons {{ height: auto; max-height: 6; color: $warn; padding: 0 1; }}
{name} SafeEditor {{ height: 1fr; border: none; background: $base; padding: 0 1; }}
{name} LabelledInput {{ height: 1; }}
{name} SafeEditor:focus {{ border: none; }}
{name}.-narrow #meter {{ display: none; }}
"""


class TextScreen(ClickedKeys, Screen[str | None]):
    """The prompt, the pull request or the memory, linted as one types.

    Results: `saved`, `given up`, `directly`; None leaves it unchanged.
    """

    CSS = TEXT_CSS.format(name="TextScreen")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("f4", "editor", "editor", id="edit.editor"),
        Binding("f5", "directly", "work directly", id="edit.directly"),
        Binding("f8", "give_up", "give up", id="edit.give_up"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = "Complete the text. The meter on the left shows what is missing; the gate stays locked until nothing is."

    app: StasApp

    def __init__(self, what: str, state: Json, work: Work) -> None:
        super().__init__()
        self.what, self.work = what, work
        self._due: Timer | None = None
        self._title, self._text = {
            "prompt": ("", state.get("prompt", "")),
            "pull request": (state.get("pr_title", ""), state.get("pr_body", "")),
            "memory": (state.get("memory_title", ""), state.get("memory_text", "")),
        }[what]

    def compose(self) -> ComposeResult:
        """Title line, meter, text, reasons, keys."""
        yield Static(safe(f"Complete the {self.what}"), classes="title")
        if self.what != "prompt":
            yield LabelledInput("Title", self._title)
        with Horizontal():
            with Vertical(id="meter"):
                yield SectionMeter()
            yield SafeEditor(self._text, id="text")
        yield Static("", id="reasons")
        yield KeyBar(ranks={"edit.directly": 1, "edit.editor": 2})

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(SafeEditor).focus()
        self.run_worker(self._lint(), group="lint", exclusive=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Working directly is chosen instead of a prompt only."""
        return self.what == "prompt" if action == "directly" else True

    def on_text_area_changed(self) -> None:
        """Lint once typing pauses."""
        if self._due is not None:
            self._due.stop()
        self._due = self.set_timer(LINT_S, lambda: self.run_worker(self._lint(), group="lint", exclusive=True))

    def on_input_changed(self) -> None:
        """The title counts too."""
        self.on_text_area_changed()

    async def _lint(self) -> None:
        text, title = self.text, self.title_text
        try:
            sections, reasons = await self.app.hand.look(self._report, text, title)
        except StasError as error:
            sections, reasons = (), [str(error)]
        self.query_one(SectionMeter).show([Section(s.heading, _state(s)) for s in sections])
        told = "\n".join(f"- {reason}" for reason in reasons[:5])
        self.query_one("#reasons", Static).update(safe(told or "Complete: save it and step on."))

    def _report(self, text: str, title: str) -> tuple[tuple[SectionState, ...], list[str]]:
        if self.what == "prompt":
            report = self.work.lint(text)
            reasons = [sentence for _, sentence in report.denies] + list(report.reasons)
            return report.sections, list(dict.fromkeys(reasons))
        if self.what == "pull request":
            pr = lint_pr(title, text)
            return (pr.title, *pr.sections), list(pr.reasons)
        memory = memory_report(title, text)
        return memory.sections, list(memory.reasons)

    @property
    def text(self) -> str:
        """The text as it stands in the editor."""
        return self.query_one("#text", SafeEditor).text

    @property
    def title_text(self) -> str:
        """The title as it stands."""
        return "" if self.what == "prompt" else self.query_one(LabelledInput).value

    def action_save(self) -> None:
        """Keep the text; the lint of the door looks again before anything happens."""
        self.run_worker(self._save(), group="save", exclusive=True)

    async def _save(self) -> None:
        application = self.app.application
        try:
            await self.app.hand.act(
                application.machine.set_text,
                self.what,
                self.text,
                by=application.person or "nobody",
                title=self.title_text,
            )
        except StasError as error:
            self.app.say(str(error), error=True)
            return
        self.dismiss("saved")

    def action_editor(self) -> None:
        """The text in the person's own editor."""
        from stas_tui.screens.outside import open_for_editing

        edited = open_for_editing(self.app, self.what, self.text)
        if edited is not None:
            self.query_one("#text", SafeEditor).text = edited

    def action_give_up(self) -> None:
        """Give the task up."""
        self.dismiss("given up")

    def action_directly(self) -> None:
        """Work in the workspace by hand."""
        self.dismiss("directly")

    def action_leave(self) -> None:
        """Back; what was typed is dropped only if nothing was typed."""
        if self.text == self._text and self.title_text == self._title:
            self.dismiss(None)
        else:
            self.app.say("There are changes: ctrl+o saves them, escape again drops them.")
            self._text, self._title = self.text, self.title_text


class PromptAgain(TextScreen):
    """The prompt for another try, prefilled. Result: its text; None leaves everything as it is."""

    HELP = "Change the prompt: say what the last try lacked. The same bytes would fail the same way."

    def __init__(self, text: str, before: str, work: Work) -> None:
        """`before` is the prompt that failed."""
        super().__init__("prompt", {"prompt": text}, work)
        self._before = before

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only saving, the editor and going back."""
        return action not in ("directly", "give_up")

    def action_save(self) -> None:
        """Use this prompt, if it differs from the one that failed."""
        if self.text == self._before:
            self.app.say("This is the prompt that failed; change it first.", error=True)
        else:
            self.dismiss(self.text)


def _state(section: SectionState) -> str:
    return section.state
