from __future__ import annotations

import base64

import pytest

from widgets.clipboard import OSC52_CAP, copy_plans, osc52
from widgets.keymap import FORBIDDEN, keymap_problems, split_keys

DEFAULTS = {
    "gate.open": "g",
    "gate.approve": "A",
    "gate.edit": "E",
    "gate.reject": "R",
    "gate.defer": "escape",
    "step": "space",
    "list.down": "j,down",
}


def test_the_defaults_are_fine() -> None:
    assert keymap_problems({}, DEFAULTS) == []
    assert keymap_problems({"gate.approve": "Y"}, DEFAULTS) == []


@pytest.mark.parametrize(
    "key", ["enter", "space", "escape", "a", "y", "g", "G", "tab", "f1", "1", "ctrl+y", "ctrl+m", "A,enter"]
)
def test_keys_that_may_never_approve(key: str) -> None:
    problems = keymap_problems({"gate.approve": key, "gate.defer": "q", "step": "s"}, DEFAULTS)
    assert any("cannot approve (gate.approve)" in problem for problem in problems), problems


def test_problems_are_sentences() -> None:
    assert keymap_problems({"nonsense": "x"}, DEFAULTS) == ["No action is called 'nonsense'."]
    assert keymap_problems({"step": "R"}, DEFAULTS) == ["R is bound to both gate.reject and step."]
    assert keymap_problems({"step": " "}, DEFAULTS) == ["step has no key."]
    assert keymap_problems({"gate.open": "a"}, DEFAULTS) == [
        "A cannot approve (gate.approve): it also opens the gate, so that a repeated key would approve."
    ]


@pytest.mark.parametrize("key", sorted(FORBIDDEN))
def test_keys_of_terminals_and_multiplexers(key: str) -> None:
    assert keymap_problems({"step": key}, DEFAULTS) == [
        f"{key} cannot be used for step: terminals and tmux keep it for themselves."
    ]


def test_capitals_have_two_spellings() -> None:
    assert split_keys("shift+a, j ,") == ["A", "j"]
    assert keymap_problems({"gate.approve": "shift+y"}, DEFAULTS) == []


def nothing(name: str) -> str | None:
    return None


def test_native_first_on_ones_own_machine() -> None:
    plans = copy_plans(
        "x", {"TERM": "xterm", "DISPLAY": ":0"}, lambda name: f"/bin/{name}" if name == "xclip" else None
    )
    assert [plan.way for plan in plans] == ["native", "osc52", "file"]
    assert plans[0].command == ("/bin/xclip", "-selection", "clipboard")


def test_over_ssh_the_terminal_copies() -> None:
    environ = {"TERM": "xterm", "DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}
    assert [plan.way for plan in copy_plans("x", environ, lambda name: name)] == ["osc52", "file"]


def test_tmux_and_screen_envelopes() -> None:
    way, sequence = osc52("hi", {"TMUX": "/tmp/tmux"})
    inner = "\x1b]52;c;" + base64.b64encode(b"hi").decode() + "\x07"
    assert (way, sequence) == ("osc52-tmux", "\x1bPtmux;\x1b" + inner + "\x1b\\")
    way, sequence = osc52("h" * 200, {"STY": "1.x"})
    assert way == "osc52-screen"
    assert sequence.replace("\x1bP", "").replace("\x1b\\", "").endswith("\x07")


def test_too_much_for_the_terminal_goes_to_a_file() -> None:
    plans = copy_plans("x" * (OSC52_CAP + 1), {"TERM": "xterm"}, nothing)
    assert [plan.way for plan in plans] == ["file"]
    assert "too many" in plans[0].sentence


def test_what_is_copied_cannot_act() -> None:
    plan = copy_plans("\x1b]52;c;evil\x07rm -rf /\r", {"TERM": "xterm"}, nothing)[0]
    assert plan.text == "␛]52;c;evil␇rm -rf /␍"
    payload = plan.sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")
    assert base64.b64decode(payload).decode() == plan.text


def test_a_dumb_terminal_is_not_asked() -> None:
    assert [plan.way for plan in copy_plans("x", {"TERM": "dumb"}, nothing)] == ["file"]
