"""Tiny applications for the widget tests: both themes, no animation, fixed clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from storage.clock import ManualClock
from widgets import themes
from widgets.paint import ASCII_CLASS

WIDE = (120, 36)
NARROW = (80, 24)


class TinyApp(App[None]):
    """An application with our themes and nothing else."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: $base; }"

    def __init__(self, *, ascii_only: bool = False, day: bool = False) -> None:
        super().__init__()
        self.animation_level = "none"
        themes.register(self)
        if day:
            self.theme = themes.DAY
        self.set_class(ascii_only, ASCII_CLASS)
        self.clock = ManualClock()
        self.posted: list[Any] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tokens for themes that do not know them."""
        return themes.variable_defaults(self.current_theme.dark)


def screen_text(app: App[Any]) -> str:
    """The screen as the eye reads it: one line per row, no colours."""
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row).rstrip() for row in rows) + "\n"


def picture(app: App[Any]) -> str:
    """The screen as SVG without what changes from run to run."""
    return re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="stas", simplify=True))


async def settled(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most two seconds."""
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not happen within two seconds")


class Holder(TinyApp):
    """Some widgets, one below the other; every message of theirs is kept."""

    def __init__(self, *widgets: Widget, ascii_only: bool = False) -> None:
        super().__init__(ascii_only=ascii_only)
        self.widgets = widgets

    def compose(self) -> ComposeResult:
        yield from self.widgets

    def on_mount(self) -> None:
        for widget in self.widgets:
            if widget.can_focus:
                widget.focus()
                return

    def keep(self, message: Any) -> None:
        self.posted.append(message)

    on_built_scroll_read_to_end = keep
    on_matrix_cell_opened = keep
    on_matrix_cell_highlighted = keep
    on_detail_evidence_opened = keep
    on_detail_tab_changed = keep
    on_panel_tabs_tab_chosen = keep
    on_stepper_step_chosen = keep
    on_top_bar_gate_asked = keep
    on_key_bar_pressed = keep
    on_key_bar_refused = keep
    on_plain_input_paste_refused = keep
