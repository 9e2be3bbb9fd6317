"""Changing the words of a gated request, and striking proposals off a tray. The change is a new request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import ClickedKeys
from stas_tui.screens.text_edit import TEXT_CSS
from storage.records import Action, Json
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.form import LabelledInput
from widgets.keybar import KeyBar
from widgets.rows import Cell, Column, ListRow, StaticRows
from widgets.tokens import Mark
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp

FIXED = frozenset({"projectId", "taskId", "headSha", "ref"})
"""What the request is about; another object is another request."""


def editor_for(action: Action) -> Screen[Json | None]:
    """The screen that fits a request's arguments; its result is the new arguments, or None."""
    assert action.revision is not None
    args = action.revision.args
    return EditTray(args) if isinstance(args.get("items"), list) else EditArgs(args)


class EditArgs(ClickedKeys, Screen[Json | None]):
    """The words of a gated request: its longest text in an editor, its short ones above."""

    CSS = TEXT_CSS.format(name="EditArgs")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("f4", "editor", "editor", id="edit.editor"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = "Change the request. What you save is a new request: it is planned, checked and asked again."

    app: StasApp

    def __init__(self, args: Json) -> None:
        super().__init__()
        self.args = args
        texts = [n for n, v in args.items() if isinstance(v, str) and n not in FIXED]
        self.long = max(texts, key=lambda name: len(args[name]), default="")
        self.short = [name for name in texts if name != self.long and "\n" not in args[name]]

    def compose(self) -> ComposeResult:
        """Short texts as lines, the long one as an area."""
        yield Static(safe("Change the request; it asks again afterwards"), classes="title")
        for name in self.short:
            yield LabelledInput(name, self.args[name], id=f"arg-{name}")
        yield SafeEditor(self.args.get(self.long, ""), id="text")
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(SafeEditor).focus()

    def action_save(self) -> None:
        """Return the changed arguments."""
        changed = dict(self.args)
        for name in self.short:
            changed[name] = self.query_one(f"#arg-{name}", LabelledInput).value
        if self.long:
            changed[self.long] = self.query_one(SafeEditor).text
        self.dismiss(changed)

    def action_editor(self) -> None:
        """The text in the person's own editor."""
        from stas_tui.screens.outside import open_for_editing

        edited = open_for_editing(self.app, self.long or "request", self.query_one(SafeEditor).text)
        if edited is not None:
            self.query_one(SafeEditor).text = edited

    def action_leave(self) -> None:
        """Back without a change."""
        self.dismiss(None)


class EditTray(ClickedKeys, Screen[Json | None]):
    """A tray of proposals: what is struck out is not asked for."""

    CSS = TEXT_CSS.format(name="EditTray") + "EditTray VirtualList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "strike", "strike out / keep", id="tray.strike"),
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = "Strike out what should not be filed. What you save is a new request and asks again."

    app: StasApp

    def __init__(self, args: Json) -> None:
        super().__init__()
        self.args = args
        self.items: list[Json] = args["items"]
        self.struck: set[int] = set()
        self.rows = StaticRows()
        self._draw()

    def compose(self) -> ComposeResult:
        """One proposal a row."""
        yield Static(safe("Strike out what should not be filed; it asks again afterwards"), classes="title")
        yield VirtualList(self.rows, (Column("", 6), Column("proposal"), Column("why", 24, ink="ink-3", rank=1)))
        yield KeyBar()

    def on_mount(self) -> None:
        """The list has the keyboard."""
        self.query_one(VirtualList).focus()

    def _draw(self) -> None:
        self.rows.replace(
            [
                ListRow(
                    key=str(n),
                    version=str(n in self.struck),
                    cells=(
                        Cell("out" if n in self.struck else "file", ink="ink-3" if n in self.struck else "ok"),
                        Cell(f"{item['priority']} {item['title']}", ink="ink-3" if n in self.struck else ""),
                        Cell(str(item.get("why", ""))),
                    ),
                    state=Mark.SKIP if n in self.struck else Mark.DONE,
                )
                for n, item in enumerate(self.items)
            ]
        )

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter, or a second click."""
        self.action_strike()

    def action_strike(self) -> None:
        """Strike the proposal under the cursor out, or keep it after all."""
        key = self.query_one(VirtualList).selected
        if key is not None:
            self.struck ^= {int(key)}
            self._draw()
            self.query_one(VirtualList).changed()

    def action_save(self) -> None:
        """Return the tray without what was struck out."""
        kept = [item for n, item in enumerate(self.items) if n not in self.struck]
        if not kept:
            self.app.say("Everything is struck out: reject the gate instead (escape, R).")
            return
        self.dismiss({**self.args, "items": kept})

    def action_leave(self) -> None:
        """Back without a change."""
        self.dismiss(None)
