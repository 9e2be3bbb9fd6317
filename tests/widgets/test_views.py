from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Paste
from textual.widget import Widget

from storage.records import DataState
from tests.widgets import samples
from tests.widgets.hostile_app import HostileApp
from tests.widgets.test_printable import CONTROL
from tests.widgets.tiny import Holder, TinyApp, screen_text, settled
from widgets.detail import Detail
from widgets.editor import SafeEditor
from widgets.form import LabelledInput, PlainInput, Section, SectionMeter
from widgets.keybar import KeyBar, KeyHint, fit_hints, key_words
from widgets.line_scroll import LineScroll
from widgets.log_view import LogView
from widgets.paint import Painted, Palette, Span, draw, spread, width_of
from widgets.panel import Panel, PanelModel
from widgets.printable import cell_width
from widgets.rows import Column, StaticRows
from widgets.stepline import PanelTabs, StepLine
from widgets.stepper import Stepper
from widgets.tokens import NIGHT_TOKENS
from widgets.topbar import TopBar, TopBarModel
from widgets.virtual_list import VirtualList

# painting -----------------------------------------------------------------------------------------


def test_a_row_is_exactly_as_wide_as_asked_and_clean() -> None:
    palette = Palette(NIGHT_TOKENS)
    for width in (0, 1, 5, 40, 200):
        strip = draw([Span(samples.HOSTILE), Span("日本語" * 20)], width, palette)
        assert cell_width(strip.text) == width
        assert "\x1b" not in strip.text
        assert "\n" not in strip.text


def test_spread_keeps_the_right_end() -> None:
    line = spread([Span("a long name of something")], [Span("0.1s")], 12)
    assert "".join(span.text for span in line) == "a long  0.1s"
    assert width_of(line) == 12


# panel --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "sentence", "shown"),
    [
        (DataState.EMPTY, "Inbox is empty. Last checked 12 s ago.", "Inbox is empty. Last checked 12 s ago."),
        (DataState.ERROR, "The platform did not answer. Run stas doctor.", "✖ The platform did not answer."),
        (DataState.UNKNOWN, "", "◌ Never asked: no source is configured."),
        (DataState.DENIED, "", "✖ The source refused to answer."),
    ],
)
async def test_a_panel_without_data_says_why(state: DataState, sentence: str, shown: str) -> None:
    content = VirtualList(StaticRows(samples.queue_rows()), samples.QUEUE_COLUMNS)
    panel = Panel(content, model=samples.QUEUE)
    app = Holder(panel)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert "T-311" in screen_text(app)
        panel.model = PanelModel("Queue", "2", state=state, sentence=sentence)
        await pilot.pause()
        assert shown in screen_text(app)
        assert "T-311" not in screen_text(app)
        panel.model = samples.QUEUE
        await pilot.pause()
        assert "T-311" in screen_text(app)


# bars ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120, 200])
async def test_environment_mode_badge_and_clock_are_always_on_top(width: int) -> None:
    app = Holder(TopBar(samples.TOP))
    async with app.run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        for word in ("prod-eu", "1 WAITS FOR YOU", "SUPERVISED"):
            assert word in line
        assert ("14:07Z" in line) == (width >= 70)


async def test_the_bar_says_when_nothing_waits_and_the_badge_opens_the_gate() -> None:
    bar = TopBar(replace(samples.TOP, waiting=0))
    app = Holder(bar)
    async with app.run_test(size=(120, 3)) as pilot:
        await pilot.pause()
        assert "nothing waits for you" in screen_text(app)
        bar.model = replace(samples.TOP, waiting=2, alert="read-only: disk full")
        await pilot.pause()
        assert "2 WAIT FOR YOU" in screen_text(app)
        assert "▲ read-only: disk full" in screen_text(app)
        await pilot.click(TopBar, offset=(32, 0))
        await pilot.click(TopBar, offset=(2, 0))
        assert [type(message).__name__ for message in app.posted] == ["GateAsked"]


def test_hints_never_leave_the_screen_and_the_least_important_go_first() -> None:
    palette = Palette(NIGHT_TOKENS)
    for width in range(0, 130):
        shown = fit_hints(samples.HINTS, width, palette)
        keys = [hint.key for hint in shown]
        if "z" in keys:
            assert len(keys) >= 8
        assert keys == [hint.key for hint in samples.HINTS if hint.key in keys]
    assert [hint.key for hint in fit_hints(samples.HINTS, 80, palette)] == ["g", "space", "p", "1-4", "/", "^p", "?"]


def test_keys_are_written_as_people_write_them() -> None:
    assert [key_words(key) for key in ("ctrl+p", "question_mark", "escape", "g")] == ["^p", "?", "esc", "g"]


class BoundApp(TinyApp):
    """Bindings of which one is greyed."""

    BINDINGS = [
        Binding("p", "pause", "pause", id="pause"),
        Binding("space", "step", "step", id="step"),
        Binding("g", "open_gate", "gate", id="gate.open"),
        Binding("x", "secret", "hidden", show=False),
    ]
    locked = True

    def compose(self) -> ComposeResult:
        yield KeyBar(human="gate.open")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "step" and self.locked else True

    def disabled_reason(self, action: str) -> str | None:
        return "Health was not checked yet." if action == "step" else None

    def on_key_bar_refused(self, message: KeyBar.Refused) -> None:
        self.posted.append(message.hint.reason)


async def test_the_key_bar_follows_the_live_bindings_and_says_why_a_key_is_grey() -> None:
    app = BoundApp()
    async with app.run_test(size=(60, 4)) as pilot:
        bar = app.query_one(KeyBar)
        await settled(pilot, lambda: len(bar.hints) == 3)
        assert screen_text(app).splitlines()[-1].strip() == "◆ g gate   p pause   space step"
        assert [hint.enabled for hint in bar.hints] == [True, True, False]
        await pilot.click(KeyBar, offset=(25, 0))
        await pilot.pause()
        assert app.posted == ["Health was not checked yet."]
        app.locked = False
        app.refresh_bindings()
        await settled(pilot, lambda: all(hint.enabled for hint in bar.hints))


async def test_a_clicked_key_is_pressed() -> None:
    app = Holder(KeyBar([KeyHint("a", "one"), KeyHint("b", "two")]))
    async with app.run_test(size=(60, 4)) as pilot:
        await pilot.pause()
        await pilot.click(KeyBar, offset=(9, 0))
        await pilot.pause()
        assert [message.hint.key for message in app.posted] == ["b"]


# steps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [14, 20, 26, 36])
async def test_all_steps_are_shown_at_every_height(height: int) -> None:
    app = Holder(Stepper(samples.STEPS, samples.TODAY))
    async with app.run_test(size=(40, height)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        for step in samples.STEPS:
            assert f"{step.n:>2}  {step.name}" in text
        assert "C spawn" in text
        assert "04:12" in text
        assert ("14 approved" in text) == (height >= 18 and height != 26)


async def test_a_step_is_chosen_with_the_mouse() -> None:
    stepper = Stepper(samples.STEPS)
    app = Holder(stepper)
    async with app.run_test(size=(40, 30)) as pilot:
        await pilot.click(Stepper, offset=(5, 4))
        await pilot.pause()
        assert [message.n for message in app.posted] == [2]


async def test_a_short_pulse_and_no_pulse_on_the_line() -> None:
    line = StepLine()
    app = Holder(line)
    async with app.run_test(size=(80, 2)) as pilot:
        await pilot.pause()
        assert "no pulse" in screen_text(app)
        line.show(samples.STEPS)
        await pilot.pause()
        assert "◆ 7 Work 04:12" in screen_text(app)
        assert "7 of 11" in screen_text(app)


async def test_tabs_shed_counts_before_names() -> None:
    tabs = PanelTabs(samples.TABS, "2")
    app = Holder(tabs)
    async with app.run_test(size=(48, 2)) as pilot:
        await pilot.pause()
        line = screen_text(app).splitlines()[0]
        assert "4 Isolation" in line
        assert len(line) <= 48
        await pilot.click(PanelTabs, offset=(14, 0))
        await pilot.pause()
        assert [message.key for message in app.posted] == ["2"]


# forms --------------------------------------------------------------------------------------------


async def test_a_pasted_text_is_one_printable_line_or_refused() -> None:
    free, strict = LabelledInput("Reason:"), LabelledInput("Type T-311:", accept_paste=False)
    app = Holder(free, strict)
    async with app.run_test(size=(60, 6)) as pilot:
        free.input.focus()
        await pilot.pause()
        free.input.post_message(Paste("because\n\x1b]52;c;x\x07 of\tthis"))
        await settled(pilot, lambda: free.value != "")
        assert free.value == "because ␛]52;c;x␇ of this"
        strict.input.post_message(Paste("T-311"))
        await settled(pilot, lambda: bool(app.posted))
        assert strict.value == ""
        assert "Reason:" in screen_text(app)
        strict.input.value = "a\x1bb"
        assert strict.value == "a␛b"


async def test_the_input_does_not_blink() -> None:
    line = PlainInput("x")
    app = Holder(line)
    async with app.run_test(size=(60, 6)):
        assert not line.cursor_blink


async def test_the_section_meter_counts() -> None:
    meter = SectionMeter(
        [Section("Objective", "filled"), Section("Rollback", "placeholder"), Section("Tests", "missing")]
    )
    app = Holder(meter)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "1 of 3 sections filled" in text
        assert "▲ Rollback" in text
        assert "missing" in text
        meter.show([Section("Objective", "filled")])
        await pilot.pause()
        assert "1 of 1 sections filled" in screen_text(app)


async def test_the_editor_edits_what_can_be_seen() -> None:
    editor = SafeEditor("a\x1b[2Jb\u200bc")
    app = Holder(editor)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        assert editor.text == "a␛[2Jbc"
        assert editor.changed_by_loading == "1 control character shown as symbols; 1 invisible character left out"
        editor.post_message(Paste("\x1b]0;x\x07\r\nend"))
        await settled(pilot, lambda: "end" in editor.text)
        assert editor.text.startswith("␛]0;x␇\nend")
        editor.load_text("clean")
        assert (editor.text, editor.changed_by_loading) == ("clean", "")


# hostile text -------------------------------------------------------------------------------------


async def test_every_widget_draws_hostile_text_as_symbols() -> None:
    app = HostileApp()
    async with app.run_test(size=(160, 190)) as pilot:
        await settled(pilot, lambda: app.query_one("#log", LogView).line_count > 0)
        await pilot.pause()
        silent = []
        for widget in app.query("*"):
            if isinstance(widget, (Painted, LineScroll, SafeEditor)) and widget.size.height and widget.size.width:
                rows = [widget.render_line(y).text for y in range(widget.size.height)]
                text = "\n".join([*rows, str(widget.border_title or ""), str(widget.border_subtitle or "")])
                assert CONTROL.search(text.replace("\n", "")) is None, widget
                if "␛" not in text:
                    silent.append(type(widget).__name__)
        assert silent == ["GateVerbs"]


# a foreign theme ----------------------------------------------------------------------------------


def every_widget() -> Iterable[Widget]:
    yield TopBar(TopBarModel())
    yield Panel(VirtualList(StaticRows(samples.queue_rows()), (Column("a", 5), Column("b"))), model=samples.QUEUE)
    yield Detail(samples.DETAIL)
    yield KeyBar(samples.HINTS)


@pytest.mark.parametrize("theme", ["nord", "textual-light", "ansi-dark"])
async def test_themes_of_the_framework_work_through_fallbacks(theme: str) -> None:
    app = Holder(*every_widget())
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = theme
        await pilot.pause()
        assert "T-311" in screen_text(app)
