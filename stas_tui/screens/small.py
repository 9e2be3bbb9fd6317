"""What a window says that is too small to show anything honestly."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from stas_tui.gates.contract import Shown
from storage.clock import hhmm
from widgets.content import safe

if TYPE_CHECKING:
    from stas_tui.app import StasApp

NEEDED = Size(60, 18)


def too_small(size: Size) -> bool:
    """Whether a window of this size shows only one sentence."""
    return size.width < NEEDED.width or size.height < NEEDED.height


class TooSmall(ModalScreen[None]):
    """Lies over everything and takes every key until the window is large enough; decides and closes nothing."""

    CSS = """
    TooSmall { background: $base; }
    TooSmall > Static { width: 100%; height: 100%; color: $ink; background: $base; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []

    app: StasApp

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static(safe(self.sentence))

    @property
    def sentence(self) -> str:
        """The needed size, and what waits until when."""
        size = self.app.size
        told = f"This window is {size.width}x{size.height}; Stas needs {NEEDED.width}x{NEEDED.height}."
        view = self.app.main.view
        if view is not None and view.gates:
            first = min(view.gates, key=lambda action: action.ask_until)
            title = Shown.from_json(first.revision.shown if first.revision else {}).title
            told += f" {title} waits until {hhmm(first.ask_until)}; silence never approves."
        return told

    def on_resize(self, event: events.Resize) -> None:
        """Go as soon as there is room."""
        if not too_small(event.size) and self.app.screen is self:
            self.dismiss(None)
        else:
            self.query_one(Static).update(safe(self.sentence))

    def on_screen_resume(self) -> None:
        """Something above closed; there may be room by now."""
        if not too_small(self.app.size):
            self.dismiss(None)
