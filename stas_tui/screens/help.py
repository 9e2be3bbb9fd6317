"""Help that cannot lie: the live keys of the screen one came from, searchable."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from stas_tui.keys import ACTIONS, BY_ID, SCOPES
from stas_tui.screens.common import PAUSE_KEY, ClickedKeys
from widgets.content import safe
from widgets.keybar import ExplainsDisabled, KeyBar, key_words
from widgets.text_view import TextView

WORDS = """How a pulse is read
  ✓ done   ◆ needs you   ○ to come   ▶ running   ‖ held   ✖ failed   ◌ unknown: never asked, or no source
  Claims of the agent are «said»; only what Stas collected itself is «seen».
  Executor rules: 1 repaired a bug, 2 added a missing guard, 3 unblocked build or dependency, 4 stop for architecture.
  Modes: Observe proposes only; Supervised asks at every gate; Trusted still asks for claim, spawn and pull request.
"""


class HelpScreen(ClickedKeys, ModalScreen[None]):
    """Every key that works on the screen below."""

    CSS = """
    HelpScreen { background: $base; layout: vertical; }
    HelpScreen > Static { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    HelpScreen > TextView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", id="page.back"),
        Binding("question_mark", "leave", "help", id="app.help", show=False),
        Binding("slash", "search", "search", id="text.search"),
        PAUSE_KEY,
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self.keys = help_text(below)

    def compose(self) -> ComposeResult:
        """Title, keys, bar."""
        yield Static(safe("Keys that work here"))
        yield TextView(self.keys)
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

    def action_search(self) -> None:
        """Find a key or a word."""
        self.query_one(TextView).action_search()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def help_text(screen: Screen[Any]) -> str:
    """The live bindings of a screen by where they work, with what each does, and why it does not work now."""
    live: dict[str, tuple[list[str], str]] = {}
    for active in screen.active_bindings.values():
        action = BY_ID.get(active.binding.id or "")
        if action is None:
            continue
        keys, _ = live.setdefault(action.id, ([], ""))
        key = key_words(active.binding.key)
        if key not in keys:
            keys.append(key)
        live[action.id] = (keys, "" if active.enabled else f"  (not now{_why(active)})")
    width = max((len(" ".join(keys)) for keys, _ in live.values()), default=0)
    lines = [getattr(screen, "HELP", "") or "", ""]
    for scope, title in SCOPES.items():
        rows = [(action, *live[action.id]) for action in ACTIONS if action.scope == scope and action.id in live]
        if rows:
            lines += [
                title,
                *(f"  {' '.join(keys):<{width}}   {a.label}: {a.tooltip}{state}" for a, keys, state in rows),
                "",
            ]
    return "\n".join(lines) + WORDS


def _why(active: ActiveBinding) -> str:
    reason = active.node.disabled_reason(active.binding.action) if isinstance(active.node, ExplainsDisabled) else None
    return f": {reason}" if reason else ""
