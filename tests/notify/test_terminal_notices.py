"""Bell, title and desktop notice as a pure thing: what is written, and when."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.notify.terminal import (
    Desktop,
    Emit,
    Flavour,
    Kind,
    Notices,
    desktop_of,
    notice_sequence,
    phrase,
)

T = 1_795_000_000_000
OSC9 = Desktop(flavour=Flavour.OSC9)


@pytest.mark.parametrize(
    ("environ", "flavour"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, "osc9"),
        ({"TERM_PROGRAM": "WezTerm"}, "osc9"),
        ({"TERM_PROGRAM": "WarpTerminal"}, "osc9"),
        ({"TERM_PROGRAM": "ghostty", "TERM": "xterm-ghostty"}, "osc777"),
        ({"TERM": "xterm-ghostty"}, "osc777"),
        ({"TERM": "xterm-kitty"}, "osc99"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "osc99"),
        ({"TERM": "foot-extra"}, "osc777"),
        ({"TERM": "rxvt-unicode-256color"}, "osc777"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "osc777"),
        ({"TERM_PROGRAM": "Apple_Terminal", "TERM": "xterm-256color"}, ""),
        ({"TERM": "alacritty", "VTE_VERSION": "7600"}, ""),
        ({"TERM": "xterm-256color", "ALACRITTY_WINDOW_ID": "1", "KITTY_WINDOW_ID": "1"}, ""),
        ({"TERM": "xterm-256color", "WT_SESSION": "x", "VTE_VERSION": "1"}, ""),
        ({"TERM_PROGRAM": "vscode", "VTE_VERSION": "7600"}, ""),
        ({"TERM": "linux"}, ""),
        ({"TERM": "xterm-256color"}, ""),
        ({}, ""),
    ],
)
def test_one_flavour_by_terminal_and_none_where_none_is_known(environ: Mapping[str, str], flavour: str) -> None:
    assert desktop_of(environ) == Desktop(flavour=Flavour(flavour))
    assert desktop_of(environ, "off") == Desktop()
    assert desktop_of(environ, "osc99").flavour is Flavour.OSC99


@pytest.mark.parametrize(
    "environ",
    [
        {"TMUX": "/tmp/tmux-1/default,1,0", "TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "KITTY_WINDOW_ID": "1"},
        {"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"},
        {"TERM": "screen-256color", "TMUX": "x", "KITTY_WINDOW_ID": "1"},
    ],
)
def test_inside_tmux_nothing_unless_it_hands_it_on(environ: Mapping[str, str]) -> None:
    assert desktop_of(environ) == Desktop()
    assert desktop_of(environ, "osc9") == Desktop()
    assert desktop_of(environ, tmux_passthrough=True) == Desktop(flavour=Flavour.OSC99, wrapped=True)
    assert desktop_of({**environ, "LC_TERMINAL": "iTerm2"}, tmux_passthrough=True).flavour is Flavour.OSC9
    assert desktop_of(environ, "osc9", tmux_passthrough=True) == Desktop(flavour=Flavour.OSC9, wrapped=True)
    assert desktop_of({"TERM": "tmux"}, tmux_passthrough=True) == Desktop()


@pytest.mark.parametrize("environ", [{"STY": "1.x", "TERM": "screen"}, {"TERM": "screen.xterm-kitty"}])
def test_inside_screen_never(environ: Mapping[str, str]) -> None:
    assert desktop_of(environ, "osc9", tmux_passthrough=True) == Desktop()


def test_the_bytes() -> None:
    text = "stas: 1 P0"
    assert notice_sequence(OSC9, text) == "\x1b]9;stas: 1 P0\x1b\\"
    assert notice_sequence(Desktop(Flavour.OSC99), text) == "\x1b]99;i=stas;stas: 1 P0\x1b\\"
    assert notice_sequence(Desktop(Flavour.OSC777), text) == "\x1b]777;notify;stas;stas: 1 P0\x1b\\"
    assert notice_sequence(Desktop(), text) == ""
    wrapped = notice_sequence(Desktop(Flavour.OSC9, wrapped=True), text)
    assert wrapped == "\x1bPtmux;\x1b\x1b]9;stas: 1 P0\x1b\x1b\\\x1b\\"


def test_the_phrase_is_fixed_words_and_counts() -> None:
    assert phrase("stas", {Kind.P0: 1, Kind.GATE: 2}) == "stas: 1 P0, 2 gates"
    assert phrase("stas DEMO", {Kind.P0: 3, Kind.GATE: 1, Kind.STEP: 1}) == "stas DEMO: 3 P0, 1 gate, 1 step"
    assert phrase("stas", {}) == "stas"


def test_a_new_P0_or_gate_rings_once_and_the_title_follows() -> None:
    notices = Notices()
    assert notices.offer(T, {}) == Emit(title="stas")
    assert notices.offer(T, {Kind.GATE: ["a-1"]}) == Emit(title="stas: 1 gate", bell=True)
    assert notices.offer(T + 60_000, {Kind.GATE: ["a-1"]}) == Emit()
    assert notices.offer(T + 61_000, {Kind.GATE: ["a-2"]}) == Emit(bell=True), "as many, but another one"
    assert notices.offer(T + 90_000, {}) == Emit(title="stas")
    assert notices.offer(T + 99_000, {Kind.GATE: ["a-2"]}).bell, "it came back"


def test_what_comes_within_5_s_rings_together() -> None:
    notices = Notices()
    assert notices.offer(T, {Kind.P0: ["1"]}).bell
    for n in range(2, 6):
        assert notices.offer(T + n * 900, {Kind.P0: [str(i) for i in range(1, n + 1)]}).bell is False
    assert notices.due_at == T + 5_000
    assert notices.due(T + 4_999) == Emit()
    assert notices.due(T + 5_000) == Emit(bell=True)
    assert notices.due_at is None
    assert notices.due(T + 20_000) == Emit()


def test_a_clock_that_was_set_back_does_not_silence_the_bell() -> None:
    notices = Notices()
    assert notices.offer(T, {Kind.P0: ["1"]}).bell
    assert notices.offer(T - 3_600_000, {Kind.P0: ["1", "2"]}).bell


def test_owning_or_solving_an_item_cancels_what_is_pending() -> None:
    for solve in (True, False):
        notices = Notices()
        notices.offer(T, {Kind.P0: ["1"]})
        notices.offer(T + 1_000, {Kind.P0: ["1", "2"]})
        if solve:
            notices.offer(T + 2_000, {Kind.P0: ["1"]})
        else:
            notices.cancel("2")
        assert notices.due_at is None
        assert notices.due(T + 9_000) == Emit()


def test_what_is_owned_counts_and_does_not_ring() -> None:
    notices = Notices()
    assert notices.offer(T, {Kind.P0: ["1"]}, owned=["1"]) == Emit(title="stas: 1 P0")
    assert notices.offer(T + 9_000, {Kind.P0: ["1"]}) == Emit(), "it is not new when it is given back"


def test_in_quiet_hours_only_a_P0_sounds_and_the_title_still_counts() -> None:
    quiet = [True]
    notices = Notices(is_quiet=lambda _: quiet[0])
    assert notices.offer(T, {Kind.GATE: ["a"], Kind.STEP: ["s"]}) == Emit(title="stas: 1 gate, 1 step")
    assert notices.offer(T + 10_000, {Kind.GATE: ["a"], Kind.P0: ["p"]}).bell
    quiet[0] = False
    assert notices.offer(T + 20_000, {Kind.GATE: ["a"], Kind.P0: ["p"]}) == Emit(), "it does not ring afterwards"
    assert notices.offer(T + 30_000, {Kind.GATE: ["b"], Kind.P0: ["p"]}).bell


def test_the_desktop_notice_comes_only_while_nobody_looks() -> None:
    notices = Notices(desktop=OSC9)
    assert notices.offer(T, {Kind.P0: ["1"]}).notice == ""
    notices.focus(False)
    assert notices.offer(T + 10_000, {Kind.P0: ["1", "2"]}).notice == "\x1b]9;stas: 2 P0\x1b\\"
    notices.offer(T + 11_000, {Kind.P0: ["1", "2", "3"]})
    notices.focus(True)
    assert notices.due(T + 15_000) == Emit(bell=True)


def test_bell_and_title_can_be_switched_off() -> None:
    notices = Notices(bell=False, title=False, desktop=OSC9)
    notices.focus(False)
    assert notices.offer(T, {Kind.P0: ["1"]}) == Emit(notice="\x1b]9;stas: 1 P0\x1b\\")


@given(
    name=st.text(max_size=20),
    keys=st.lists(st.text(max_size=30), max_size=4),
    flavour=st.sampled_from(Flavour),
    wrapped=st.booleans(),
)
def test_E4_E6_no_text_from_outside_is_ever_written(
    name: str, keys: list[str], flavour: Flavour, wrapped: bool
) -> None:
    def said(keys: list[str]) -> list[Emit]:
        notices = Notices("stas", desktop=Desktop(flavour, wrapped))
        notices.focus(False)
        return [notices.offer(T, {Kind.P0: keys}), notices.offer(T + 9_000, {Kind.GATE: keys})]

    plain = [f"k{n}" for n, _ in enumerate(set(keys))]
    assert said(keys) == said(plain), "only how many there are can be told"
    hostile = Notices(name).offer(T, {}).title
    assert all(c.isascii() and (c.isalnum() or c == " ") for c in hostile)


def test_what_only_happened_rings_is_merged_and_is_not_counted() -> None:
    notices = Notices()
    first = notices.offer(T, {}, once=[Kind.STEP])
    assert (first.bell, first.title) == (True, "stas")
    assert not notices.offer(T + 1_000, {}, once=[Kind.STEP]).bell
    assert not notices.offer(T + 2_000, {}).bell, "what waits for its bell is not forgotten by the next look"
    assert notices.due_at == T + 5_000
    assert notices.due(T + 5_000).bell
    assert notices.due_at is None
    assert not notices.offer(T + 20_000, {}).bell


def test_in_quiet_hours_only_what_happened_to_a_p0_sounds() -> None:
    notices = Notices(is_quiet=lambda now: now < T + 60_000)
    assert not notices.offer(T, {}, once=[Kind.STEP]).bell
    assert notices.offer(T + 1_000, {}, once=[Kind.STEP, Kind.P0]).bell
    assert not notices.offer(T + 70_000, {}).bell, "what was quiet does not ring when they end"
