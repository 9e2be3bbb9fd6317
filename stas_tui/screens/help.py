"""Help that cannot lie: the live keys of the screen one came from, searchable."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from widgets.content import safe
from widgets.keybar import KeyBar, key_words
from widgets.text_view import TextView

WORDS = """
How a pulse is read
  ✓ done   ◆ needs you   ○ to come   ▶ running   ‖ held   ✖ failed   ◌ unknown: never asked, or no source
  Claims of the agent are «said»; only what Stas collected itself is «seen».
  Executor rules: 1 repaired a bug, 2 added a missing guard, 3 unblocked build or dependency, 4 stop for architecture.
  Modes: Observe proposes only; Supervised asks at every gate; Trusted still asks for claim, spawn and pull request.
"""


class HelpScreen(ModalScreen[None]):
    """Every key that works on the screen below."""

    CSS = """
    HelpScreen { background: $base; layout: vertical; }
    HelpScreen > Static { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    HelpScreen > TextView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "leave", "back", id="help.leave")]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self.keys = help_text(below)

    def compose(self) -> ComposeResult:
        """Title, keys, bar."""
        yield Static(safe("Keys that work here   / searches"))
        yield TextView(self.keys)
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def help_text(screen: Screen[Any]) -> str:
    """The live bindings of a screen, with what each does and whether it works now."""
    rows: dict[str, tuple[list[str], str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        name = binding.tooltip or binding.description
        if not name:
            continue
        keys, _ = rows.setdefault(binding.action, ([], ""))
        key = key_words(binding.key)
        if key not in keys:
            keys.append(key)
        state = "" if active.enabled else "  (not now)"
        rows[binding.action] = (keys, name[0].upper() + name[1:] + state)
    width = max((len(" ".join(keys)) for keys, _ in rows.values()), default=0)
    about = getattr(screen, "HELP", "") or ""
    lines = [about, ""] + [f"  {' '.join(keys):<{width}}   {text}" for keys, text in rows.values()]
    return "\n".join(lines) + "\n" + WORDS
