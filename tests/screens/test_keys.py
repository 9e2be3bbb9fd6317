"""The table of keys is true: every binding of every screen and widget stands in it, with its keys and label."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import stas_tui.screens
import widgets
from stas_tui.app import StasApp
from stas_tui.keys import ACTIONS, BY_ID, LIVE_TOGETHER
from stas_tui.screens.help import HelpScreen, help_text
from stas_tui.screens.keymapped import textual_key
from stas_tui.screens.main import MainScreen
from tests.screens.conftest import Open


def our_bindings() -> Iterator[tuple[str, Binding]]:
    """(class name, binding) of everything of ours that has keys."""
    classes: set[type[DOMNode]] = {StasApp}
    for package in (stas_tui.screens, widgets):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(found, DOMNode) and found.__module__ == module.name:
                    classes.add(found)
    for cls in classes:
        for binding in cls.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding), f"{cls.__name__} has a binding without an id"
            yield cls.__name__, binding


BINDINGS = sorted(our_bindings(), key=lambda each: (each[0], each[1].id or ""))


@pytest.mark.parametrize(("where", "binding"), BINDINGS, ids=[f"{where}-{b.id}" for where, b in BINDINGS])
def test_a_binding_stands_in_the_table_with_its_keys_and_label(where: str, binding: Binding) -> None:
    assert binding.id in BY_ID, f"{where}: {binding}"
    action = BY_ID[binding.id]
    assert binding.key.split(",") == [textual_key(key) for key in action.keys]
    assert binding.description == action.label
    assert not binding.key_display, "a fixed picture of a key would lie after a keymap"


def test_every_row_of_the_table_is_bound_somewhere() -> None:
    assert {action.id for action in ACTIONS} == {binding.id for _, binding in BINDINGS}


def test_only_pausing_leaving_and_a_lesson_have_priority_over_an_open_gate() -> None:
    assert {binding.id for _, binding in BINDINGS if binding.priority} == {
        "app.pause_now",
        "app.quit_now",
        "app.hint",
        "app.lesson",
    }


def test_scopes_that_live_together_name_every_scope() -> None:
    assert {action.scope for action in ACTIONS} == {scope for scopes in LIVE_TOGETHER for scope in scopes}


async def test_a_keymap_changes_keys_bar_and_help(dashboard: Open) -> None:
    async with dashboard(keymap={"main.step": "n", "app.help": "f1", "list.filter": "f"}) as hands:
        await hands.sees("n step", "f filter", "f1 help")
        await hands.press("space")
        await hands.pilot.pause()
        assert hands.main.view is not None
        assert hands.main.view.pulse is None
        await hands.press("n")
        await hands.sees("Inbox: 8 new")
        await hands.press("f1")
        await hands.on(HelpScreen)
        await hands.sees("f1 help: Show every key", "n step: Let the pulse do one step.")


async def test_help_lists_the_live_keys_and_is_searchable(dashboard: Open) -> None:
    async with dashboard((80, 24)) as hands:
        text = help_text(hands.main)
        for action in ACTIONS:
            if action.scope == "main":
                assert any(
                    line.strip().startswith(_shown(action.keys[0])) and action.tooltip in line
                    for line in text.splitlines()
                ), action.id
        assert "(not now: nothing waits for you)" in text
        await hands.press("question_mark")
        await hands.on(HelpScreen)
        await hands.press("slash")
        await hands.type("undo")
        await hands.press("enter")
        await hands.sees("1 of 1" if text.lower().count("undo") == 1 else "1 of")
        await hands.press("escape", "escape")
        await hands.on(MainScreen)


def _shown(key: str) -> str:
    return {"ctrl+p": "^p"}.get(key, key)
