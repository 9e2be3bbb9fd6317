from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.events import AppBlur, AppFocus, Paste
from textual.pilot import Pilot

from storage.records import GateLevel, Mode
from tests.widgets import samples
from tests.widgets.tiny import TinyApp, screen_text, settled
from widgets.form import PlainInput
from widgets.gate_lock import GateLock
from widgets.gate_model import GateBlock, GateModel
from widgets.gate_verbs import GateVerbs
from widgets.gate_view import GateBody, GateView


class GateApp(TinyApp):
    """One gate on the whole screen, with a healthy source and fresh evidence."""

    CSS = TinyApp.CSS + "GateView { height: 100%; }"

    def __init__(self, model: GateModel, *, ascii_only: bool = False) -> None:
        super().__init__(ascii_only=ascii_only)
        self.lock = GateLock(
            self.clock.monotonic, needs_name=model.needs_name, approvable=model.mode is not Mode.OBSERVE
        )
        self.lock.evidence_fresh(True)
        self.lock.source_connected(True)
        self.gate = GateView(model, self.lock)

    def compose(self) -> ComposeResult:
        yield self.gate

    def keep(self, message: Any) -> None:
        self.posted.append(message)

    on_gate_view_verb_chosen = keep
    on_gate_view_lock_changed = keep
    on_gate_body_evidence_asked = keep
    on_plain_input_paste_refused = keep

    @property
    def verbs(self) -> list[tuple[str, str]]:
        """What was answered so far."""
        return [(m.verb, m.digest) for m in self.posted if isinstance(m, GateView.VerbChosen)]


async def held(app: GateApp, pilot: Pilot[None]) -> None:
    """Let the hold pass."""
    app.clock.advance(1_500)
    await settled(pilot, lambda: app.gate._ticker is None)


async def test_keys_that_come_early_do_nothing() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("A", "enter", "a", "y", "space", "A")
        await pilot.pause()
        assert app.verbs == []
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        await pilot.press("A")
        await pilot.pause()
        assert app.verbs == [("approve", samples.DIGEST)]


async def test_a_long_payload_has_to_be_scrolled_to_its_end() -> None:
    app = GateApp(samples.PROMPT_GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "read to the end first")
        app.clock.advance(10_000)
        await pilot.pause()
        await pilot.press("A")
        assert app.verbs == []
        assert "lines more to read" in screen_text(app)
        await pilot.press("pagedown")
        await pilot.pause()
        await pilot.press("A")
        assert app.verbs == []
        await pilot.press("end")
        await settled(pilot, lambda: app.lock.locked_because() is None)
        await settled(pilot, lambda: "read to the end" in screen_text(app))
        await pilot.press("A")
        await pilot.pause()
        assert [verb for verb, _ in app.verbs] == ["approve"]


async def test_every_line_of_the_payload_is_drawn_whole() -> None:
    name = "/".join(f"segment-{n}" for n in range(40))
    model = replace(
        samples.GATE,
        lines=(("branch", name), ("a label that is longer than the column", "short")),
        blocks=(GateBlock("execution prompt", samples.PROMPT),),
    )
    app = GateApp(model)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        body = app.query_one(GateBody)
        drawn = "".join("".join(span.text for span in line[2:]) for _, line in body._rows)
        assert name in drawn.replace(" ", "")
        assert samples.PROMPT.replace("\n", "").replace(" ", "") in drawn.replace(" ", "")
        assert "62 lines" in screen_text(app)
        assert not [
            line for _, line in body._rows if "…" in "".join(span.text for span in line) and line[0].text == "▌"
        ]


async def test_another_revision_locks_again_and_answers_carry_its_digest() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        changed = replace(samples.PROMPT_GATE, digest="c" * 64)
        app.gate.show(changed)
        await pilot.press("A")
        await pilot.pause()
        assert app.verbs == []
        app.clock.advance(2_000)
        for key in ("A", "R", "E", "escape"):
            await pilot.press(key)
            await pilot.pause()
            app.gate.answer_over()
        assert app.verbs == [("reject", "c" * 64), ("edit", "c" * 64), ("defer", "c" * 64)]


async def test_the_same_revision_shown_again_stays_read() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        app.gate.show(replace(samples.GATE, warnings=("the task changed its title",)))
        await pilot.pause()
        assert app.lock.locked_because() is None
        assert "the task changed its title" in "".join(
            span.text for _, line in app.query_one(GateBody)._rows for span in line
        )


async def test_the_window_coming_back_holds_again() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        app.post_message(AppBlur())
        app.post_message(AppFocus())
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await pilot.press("A")
        await pilot.pause()
        assert app.verbs == []


@pytest.mark.parametrize("event", ["evidence_fresh", "source_connected"])
async def test_stale_evidence_greys_approving_with_its_reason(event: str) -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        getattr(app.lock, event)(False)
        app.gate.refresh_lock()
        await pilot.press("A")
        await pilot.pause()
        assert app.verbs == []
        reason = app.gate.disabled_reason("verb('approve')")
        assert reason is not None
        assert reason[:20] in screen_text(app)


async def test_observe_has_no_approve_key_at_all() -> None:
    app = GateApp(replace(samples.GATE, mode=Mode.OBSERVE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.clock.advance(10_000)
        await pilot.press("A")
        await pilot.pause()
        assert app.verbs == []
        assert "Approve" not in screen_text(app)
        assert "Observe only proposes" in screen_text(app)
        app.gate.action_verb("approve")
        await pilot.pause()
        assert app.verbs == []


async def test_the_name_has_to_be_typed_not_pasted() -> None:
    app = GateApp(replace(samples.GATE, level=GateLevel.GATE2, confirm_name="T-311"))
    async with app.run_test(size=(80, 26)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() not in {None, "the gate is not drawn yet"})
        app.clock.advance(2_000)
        await pilot.press("end")
        await settled(pilot, lambda: app.lock.locked_because() == "type the name first")
        line = app.query_one(PlainInput)
        line.focus()
        await pilot.pause()
        line.post_message(Paste("T-311"))
        await settled(pilot, lambda: any(isinstance(m, PlainInput.PasteRefused) for m in app.posted))
        assert app.lock.locked_because() == "type the name first"
        await pilot.press(*"T-311")
        await settled(pilot, lambda: app.lock.locked_because() is None)
        await pilot.press("enter")
        await pilot.pause()
        assert app.verbs == []
        assert isinstance(app.focused, GateBody)
        await pilot.press("A")
        await pilot.pause()
        assert [verb for verb, _ in app.verbs] == ["approve"]


async def test_the_mouse_obeys_the_same_lock() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await pilot.click(GateVerbs, offset=(3, 1))
        await pilot.pause()
        assert app.verbs == []
        await held(app, pilot)
        await pilot.click(GateVerbs, offset=(3, 1))
        await pilot.click(GateVerbs, offset=(20, 1))
        await pilot.pause()
        assert [verb for verb, _ in app.verbs] == ["approve"], "one answer at a time"
        app.gate.answer_over()
        await pilot.click(GateVerbs, offset=(20, 1))
        await pilot.pause()
        assert [verb for verb, _ in app.verbs] == ["approve", "edit"]


async def test_enter_opens_evidence_and_never_approves() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        await pilot.press("enter", "right", "enter", "left", "left", "enter", "space")
        await pilot.pause()
        asked = [m.key for m in app.posted if isinstance(m, GateBody.EvidenceAsked)]
        assert asked == ["e1", "e2", "e3"]
        assert app.verbs == []


async def test_the_whole_digest_is_one_key_away() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "9f3c…17ab" in screen_text(app)
        await pilot.press("d")
        await pilot.pause()
        assert samples.DIGEST in screen_text(app)


async def test_what_was_replaced_is_a_warning() -> None:
    model = replace(samples.GATE, lines=(("branch", "infra/\x1b[2Jx\u202e"),), risks=())
    app = GateApp(model)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "▲ Warning" in screen_text(app)
        assert "1 control character shown as symbols" in screen_text(app)
        assert "\x1b" not in screen_text(app)


async def test_the_countdown_repaints_the_head_only() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        body = app.query_one(GateBody)
        drawn = body.lines_drawn
        app.gate.set_countdown("04:11")
        await pilot.pause()
        assert body.lines_drawn == drawn
        assert "no answer in 04:11 expires it; silence never approves" in screen_text(app)


async def test_a_long_title_wraps_and_is_never_shortened() -> None:
    title = "Post message to " + "-".join(f"channel{n}" for n in range(20))
    app = GateApp(replace(samples.GATE, title=title))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert title.replace(" ", "") in text.replace("\n", "").replace(" ", "").replace("prod-eu", "")
        assert "MEDIUM RISK" in text


async def test_resizing_answers_nothing_and_forgets_nothing() -> None:
    app = GateApp(samples.GATE)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.lock.locked_because() == "opens in a moment")
        await held(app, pilot)
        await pilot.resize_terminal(120, 40)
        await pilot.resize_terminal(60, 18)
        await pilot.pause()
        assert app.verbs == []
        assert app.lock.locked_because() is None
