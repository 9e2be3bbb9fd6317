"""A task drafted from an item: filled in, completed by a person, filed through the door."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from stas_tui.screens.edit_args import EditArgs
from storage.records import Json
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.form import LabelledInput
from widgets.keybar import KeyBar
from widgets.printable import flat

LISTED = 4
ARGUMENTS = ("projectId", "title", "priority", "description")


class TaskForm(EditArgs):
    """The draft as a form. Result: arguments of `create_task`, or None; nothing is filed by opening it."""

    SCOPED_CSS: ClassVar[bool] = False
    HELP = "A task filled in from what is known. Complete it; saving files it through the door."

    def __init__(self, draft: Json) -> None:
        """`draft` may name open tasks that say the same, under `duplicates`."""
        args: Json = {name: str(draft.get(name) or "") for name in ARGUMENTS}
        self.duplicates = [_words(each) for each in draft.get("duplicates") or ()]
        super().__init__(args)
        self.long, self.short = "description", ["title", "priority"]

    def compose(self) -> ComposeResult:
        """What it is for, what says the same already, then the form."""
        yield Static(safe(f"A task for {flat(self.args['projectId'], 40)}; ctrl+o files it"), classes="title")
        if self.duplicates:
            told = "\n".join(f"- open already: {each}" for each in self.duplicates[:LISTED])
            rest = len(self.duplicates) - LISTED
            yield Static(safe(told + (f"\n- and {rest} more" if rest > 0 else "")), id="reasons")
        for name in self.short:
            yield LabelledInput(name, self.args[name], id=f"arg-{name}")
        yield SafeEditor(self.args[self.long], id="text")
        yield KeyBar()


def _words(each: Any) -> str:
    if isinstance(each, dict):
        return flat(" ".join(str(each[name]) for name in ("id", "task", "title", "status") if each.get(name)), 100)
    return flat(each, 100)
