"""The one table of everything a key can do. Bindings, help, palette, documentation and keymap check read it.

Keys are written as a person types them (`?`, `[`, `A`) or by name (`enter`, `space`, `ctrl+p`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from stas_tui.config_errors import ConfigError, shown


class KeymapError(ConfigError):
    """A keymap that would be ambiguous or dangerous."""


@dataclass(frozen=True, slots=True)
class KeyAction:
    """Something a person can do with one key."""

    id: str
    keys: tuple[str, ...]
    """Default keys, the first of which is shown."""
    label: str
    """One or two words for the footer."""
    tooltip: str
    """One sentence for the help."""
    scope: str = "main"
    """`app` everywhere, `main` the dashboard, `list` a focused list, `gate` an open gate."""
    danger: bool = False
    """Lets something happen to the world: never a lower-case letter, enter or space."""
    fixed: bool = False
    """The key cannot be changed."""


SCOPES: dict[str, str] = {
    "app": "Everywhere",
    "main": "Dashboard",
    "list": "In a list",
    "gate": "In a gate",
}

LIVE_TOGETHER: tuple[tuple[str, ...], ...] = (("app", "main", "list"), ("app", "gate"))
"""Scopes whose keys are heard at the same time and so must not share one."""

ACTIONS: tuple[KeyAction, ...] = (
    KeyAction("app.help", ("?",), "help", "Show every key that works here, searchable.", "app"),
    KeyAction("app.palette", ("ctrl+p",), "commands", "Find a command by its name.", "app"),
    KeyAction("app.pause", ("p",), "pause", "Stop the agent before its next step, at once; again to go on.", "app"),
    KeyAction("app.quit", ("q",), "quit", "Leave Stas; asks if a gate is open. Running executors go on.", "app"),
    KeyAction("main.gate", ("g",), "gate", "Open the gate that waits longest; opening it decides nothing."),
    KeyAction("main.step", ("space",), "step", "Let the pulse do one step."),
    KeyAction("main.panel_1", ("1",), "panel 1", "Go to the first panel."),
    KeyAction("main.panel_2", ("2",), "panel 2", "Go to the second panel."),
    KeyAction("main.panel_3", ("3",), "panel 3", "Go to the third panel."),
    KeyAction("main.panel_4", ("4",), "panel 4", "Go to the fourth panel."),
    KeyAction("main.next_panel", ("tab",), "next", "Go to the next panel."),
    KeyAction("main.previous_panel", ("shift+tab",), "previous", "Go to the previous panel."),
    KeyAction("main.zoom", ("z",), "zoom", "Give the focused panel the whole screen, or give it back."),
    KeyAction("main.back", ("[",), "back", "Show the recorded pulse before this one."),
    KeyAction("main.forward", ("]",), "forward", "Show the recorded pulse after this one."),
    KeyAction("list.down", ("j", "down"), "down", "Move to the next row.", "list"),
    KeyAction("list.up", ("k", "up"), "up", "Move to the previous row.", "list"),
    KeyAction("list.page_down", ("pagedown",), "page down", "Move one page down.", "list"),
    KeyAction("list.page_up", ("pageup",), "page up", "Move one page up.", "list"),
    KeyAction("list.top", ("home",), "top", "Move to the first row.", "list"),
    KeyAction("list.bottom", ("end",), "bottom", "Move to the last row.", "list"),
    KeyAction("list.details", ("enter",), "details", "Open the row; opening never approves anything.", "list"),
    KeyAction("list.evidence", ("e",), "evidence", "Show what Stas itself collected about the row.", "list"),
    KeyAction("list.copy", ("y",), "copy", "Copy the row's text, and say where it went.", "list"),
    KeyAction("list.open", ("o",), "open", "Open a read-only copy in the editor.", "list"),
    KeyAction("list.filter", ("/",), "filter", "Show only the rows that hold a text.", "list"),
    KeyAction("list.next_match", ("n",), "next match", "Go to the next match.", "list"),
    KeyAction("list.previous_match", ("N",), "previous match", "Go to the previous match.", "list"),
    KeyAction("gate.approve", ("A",), "approve", "Let exactly what is shown happen, once.", "gate", danger=True),
    KeyAction("gate.edit", ("E",), "edit", "Change the request; the change is a new request and asks again.", "gate"),
    KeyAction("gate.reject", ("R",), "reject", "Say no, with a reason that the agent gets back.", "gate"),
    KeyAction("gate.defer", ("escape",), "defer", "Close the gate undecided; nothing runs.", "gate", fixed=True),
)

BY_ID: dict[str, KeyAction] = {action.id: action for action in ACTIONS}

NEVER_DANGEROUS = frozenset({"enter", "return", "space", "escape", "tab", "shift+tab", "backspace", "ctrl+m", "ctrl+j"})
"""Keys that no keymap can give to a dangerous action."""

RESERVED = frozenset({"ctrl+c"})
"""Keys that belong to the terminal."""

_NAMED = frozenset(
    {"enter", "space", "escape", "tab", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"}
    | {"up", "down", "left", "right", "comma", "plus", "minus"}
    | {f"f{n}" for n in range(1, 25)}
)


def resolve(keymap: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """The keys of every action, defaults replaced by `keymap` (action id -> keys separated by commas).

    Raises `KeymapError` for an unknown id or key, a fixed action, a key used twice where both would be heard,
    and a dangerous action on a key that is pressed without thinking.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    for action_id, text in (keymap or {}).items():
        keys[action_id] = _checked(action_id, text)
    for scopes in LIVE_TOGETHER:
        owner: dict[str, str] = {}
        for action in ACTIONS:
            if action.scope not in scopes:
                continue
            for key in keys[action.id]:
                if key in owner and owner[key] != action.id:
                    raise KeymapError(
                        f"The key {shown(key)} would mean both {owner[key]} and {action.id}.",
                        "Give one of them another key in [keymap].",
                    )
                owner[key] = action.id
    return keys


def _checked(action_id: str, text: str) -> tuple[str, ...]:
    action = BY_ID.get(action_id)
    if action is None:
        near = difflib.get_close_matches(action_id, BY_ID, n=1)
        raise KeymapError(
            f"[keymap] names {shown(action_id)}, which no action has"
            + (f"; the nearest is {near[0]}." if near else "."),
            "`stas keys` lists every action.",
        )
    keys = tuple(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
    if action.fixed:
        raise KeymapError(f"The key of {action_id} is always {action.keys[0]}.", "Remove it from [keymap].")
    if not keys:
        raise KeymapError(f"[keymap] gives {action_id} no key.", "Name one, or remove the line.")
    for key in keys:
        if not _is_key(key):
            raise KeymapError(
                f"[keymap] gives {action_id} the key {shown(key)}, which is none.",
                "Write a single character, or a name such as f5, enter or ctrl+x.",
            )
        if key in RESERVED:
            raise KeymapError(f"{key} belongs to the terminal and cannot be {action_id}.", "Choose another key.")
        if action.danger and (key in NEVER_DANGEROUS or (len(key) == 1 and not key.isupper())):
            raise KeymapError(
                f"{shown(key)} cannot be {action_id}: it is pressed without thinking.",
                "Choose a capital letter, a function key or a ctrl combination.",
            )
    return keys


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    *modifiers, last = key.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"}:
        return False
    return last in _NAMED or (bool(modifiers) and len(last) == 1 and last.isprintable())
