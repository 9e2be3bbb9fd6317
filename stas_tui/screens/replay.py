"""Going through a log again: line by line, with a stop at every gate and the question what one would have done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, ClickedKeys
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.instructor_parts import ROOMY, TRACK_MARKS, WHO, WHO_ROOMY
from stas_tui.screens.little import LittleApp
from stas_tui.screens.told_line import ToldLine
from stas_tui.training.replay import QUESTION, Gate, Own, Session, Timeline, compared
from stas_tui.training.telling import VERB_WORDS, Track
from storage.clock import SECOND, hhmmss, iso_seconds
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.paint import Line, Painted, Palette, Span, spread, width_of
from widgets.printable import flat
from widgets.text_view import TextView
from widgets.tokens import Mark

SLOWEST, FASTEST = 0.25, 64.0
LONGEST_WAIT_S = 5.0
"""However long a wait was recorded, playing waits no longer."""
ANSWER_KEYS = {
    "a": "approve",
    "c": "edit_and_approve",
    "r": "reject",
    "k": "ask",
    "s": "escalate",
    "p": "pause_pulse",
    "w": "wait",
}
ANSWER_LABELS = {
    "a": "Approve it",
    "c": "Change it, then approve",
    "r": "Reject it",
    "k": "Ask the agent or a person first",
    "s": "Escalate it",
    "p": "Pause the pulse",
    "w": "Wait and decide nothing yet",
}


class Where(Painted):
    """The title, the line, the recorded time, and whether a gate waits for an answer."""

    ground = "bar"
    DEFAULT_CSS = """
    Where { height: 1; background: $bar; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.playing = False
        self.speed = 1.0

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """One line."""
        session = self._session
        moments = session.timeline.moments
        left = [Span(" "), Span(" TRAINING ", "on-fill", bold=True, fill="human"), Span("  ")]
        pace = f"x{self.speed:g}" if self.playing else "still"
        at = moments[session.position].at if moments else 0
        right = [
            palette.mark(Mark.RUN if self.playing else Mark.HELD),
            Span(f" {pace:6}", "ink", bold=True),
            Span(f" line {session.position + 1} of {len(moments)}", "ink-2"),
            Span(f"  {hhmmss(at)}Z ", "ink", bold=True),
        ]
        room = max(width - width_of(left) - width_of(right) - 2, 1)
        return [spread([*left, Span(palette.cut(flat(session.timeline.title), room), "ink-2")], right, width)]


class Lines(Painted):
    """The lines around the one that is looked at; what comes later is not shown before it is reached."""

    DEFAULT_CSS = """
    Lines { height: 2fr; background: $base; padding: 0 1; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """As many lines as there is room for, the present one among them."""
        session = self._session
        shown = session.reached + 1 if session.timeline.moments else 0
        if not shown:
            return [[Span("This log has no lines.", "ink-3")]]
        top = min(max(session.position - height // 2, 0), max(shown - height, 0))
        lines = [self._row(index, width, palette) for index in range(top, min(top + height, shown))]
        rest = len(session.timeline.moments) - shown
        if rest and len(lines) < height:
            lines.append([Span(f"           {rest} more lines", "ink-3")])
        return lines

    def _row(self, index: int, width: int, palette: Palette) -> Line:
        session = self._session
        moment = session.timeline.moments[index]
        line = moment.line
        here = index == session.position
        who = WHO_ROOMY if width >= ROOMY else WHO
        gate = session.timeline.gate_at(index)
        ink = {Track.GATE: "human", Track.FRAME: "ink-3", Track.LOOK: "ink-2"}.get(line.track, "ink")
        head = [
            palette.mark(Mark.RUN) if here else Span(" "),
            Span(f" {hhmmss(moment.at)} ", "ink-2" if here else "ink-3"),
            palette.mark(TRACK_MARKS[line.track]),
            Span(f" {palette.cut(flat(line.who), who):{who}} ", "ink-2"),
        ]
        tail: list[Span] = []
        if gate is not None and (own := session.answers.get(gate.ref)) is not None:
            tail = [Span(f"  you {VERB_WORDS.get(own.verb, own.verb)}", "ink-2")]
        room = max(width - width_of(head) - width_of(tail), 1)
        return [*head, Span(palette.cut(flat(line.title), room), ink, bold=here), *tail]


class ReplayScreen(ClickedKeys, ToldLine, Screen[None]):
    """One log."""

    CSS = """
    ReplayScreen { background: $base; layout: vertical; }
    ReplayScreen #title { height: auto; max-height: 3; padding: 0 1; color: $ink; text-style: bold; background: $base;
        border-top: solid $rule; }
    ReplayScreen #text { height: 3fr; padding: 0; }
    ReplayScreen #told { max-height: 6; }
    ReplayScreen #told.-question { color: $human; text-style: bold; }
    App.-ascii ReplayScreen #title { border-top: ascii $rule; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "line(-1)", "back", id="replay.back", show=False),
        Binding("right", "line(1)", "forward", id="replay.forward"),
        Binding("left_square_bracket", "gate(-1)", "gate before", id="replay.gate_before", show=False),
        Binding("right_square_bracket", "gate(1)", "next gate", id="replay.gate_after"),
        Binding("space", "play", "play", id="replay.play"),
        Binding("minus", "speed(0.5)", "slower", id="replay.slower", show=False),
        Binding("plus", "speed(2)", "faster", id="replay.faster", show=False),
        Binding("home", "first", "beginning", id="replay.first", show=False),
        Binding("end", "last", "end", id="replay.last", show=False),
        Binding("enter", "answer", "answer", id="replay.answer"),
        Binding("x", "pass", "no answer", id="replay.pass"),
        Binding("pageup", "read(-1)", "page up", id="replay.up", show=False),
        Binding("pagedown", "read(1)", "page down", id="replay.down", show=False),
        Binding("c", "compare", "compare", id="replay.compare"),
        Binding("q,escape", "leave", "leave", id="replay.leave"),
        HELP_KEY,
    ]

    app: ReplayApp

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.session = Session(timeline)
        self._timer: Timer | None = None
        self._compared = False
        self._where = Where(self.session)
        self._track = Lines(self.session)

    def compose(self) -> ComposeResult:
        """Where one is, the lines, the whole of this line, the question, the keys."""
        yield self._where
        yield self._track
        yield Static("", id="title")
        text = TextView("", id="text")
        text.can_focus = False
        yield text
        yield self.told_line()
        yield KeyBar(ranks={"replay.pass": 2, "replay.compare": 1})

    def on_mount(self) -> None:
        """Show the first line."""
        self._show()

    # moving ---------------------------------------------------------------------------------------

    def action_line(self, step: int) -> None:
        """A line back or forward."""
        self._stop()
        self._go(self.session.position + step)

    def action_gate(self, step: int) -> None:
        """The next gate or the one before."""
        self._stop()
        before = self.session.position
        self.session.gate(step)
        self._show(stuck=step > 0 and self.session.position == before)

    def action_first(self) -> None:
        """The first line."""
        self._stop()
        self._go(0)

    def action_last(self) -> None:
        """As far as one may."""
        self._stop()
        self._go(len(self.session.timeline.moments) - 1)

    def _go(self, to: int) -> None:
        before = self.session.position
        self.session.go(to)
        self._show(stuck=to > before and self.session.position == before)

    # playing --------------------------------------------------------------------------------------

    def action_play(self) -> None:
        """Go on by itself, or stand still."""
        if self._timer is not None:
            self._stop()
            self._show()
        elif self.session.waits is None and not self.session.over:
            self._where.playing = True
            self._plan()
            self._show()
        else:
            self._show(stuck=True)

    def action_speed(self, factor: float) -> None:
        """Faster or slower."""
        self._where.speed = min(max(self._where.speed * factor, SLOWEST), FASTEST)
        self._where.repaint()

    def _plan(self) -> None:
        moments, here = self.session.timeline.moments, self.session.position
        wait = (moments[here + 1].at - moments[here].at) / SECOND / self._where.speed
        self._timer = self.set_timer(min(max(wait, 0.02), LONGEST_WAIT_S), self._played)

    def _played(self) -> None:
        self._timer = None
        self.session.go(self.session.position + 1)
        if self.session.waits is None and self.session.position < len(self.session.timeline.moments) - 1:
            self._plan()
        else:
            self._where.playing = False
        self._show()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._where.playing = False

    # answering ------------------------------------------------------------------------------------

    @work(exclusive=True, group="answer")
    async def action_answer(self) -> None:
        """What one would have done, and why."""
        gate = self.session.waits
        if gate is None:
            self._show(note=f"Nothing waits for an answer here; {self._key('gate_after')} goes to the next gate.")
            return
        key = await self.app.push_screen_wait(Ask(QUESTION, gate.title, ANSWER_LABELS))
        if key is None:
            return
        reason = await self.app.push_screen_wait(
            AskReason(QUESTION, "Why? It will stand beside the recorded reason. Escape goes on without one.")
        )
        if self.session.waits is gate:
            self.session.answer(ANSWER_KEYS[key], reason or "")
            self._show()

    def action_pass(self) -> None:
        """Past this gate without an answer."""
        if self.session.leave() is None:
            self._show(note="Nothing waits for an answer on this line.")
        else:
            self._show()

    @work(exclusive=True, group="compare")
    async def action_compare(self) -> None:
        """Both answers side by side."""
        await self._compare()

    async def _compare(self) -> None:
        reached = [side for side in self.session.sides() if side.gate.index <= self.session.reached]
        answered = [side for side in reached if side.own is not None or side.gate.ref in self.session.passed]
        text = compared(answered) if answered else "You have not answered at any gate yet."
        self.query_one("#text", TextView).show(text)
        self.query_one("#title", Static).update(safe("Both answers, side by side"))
        self._tell("left and right go back to the lines.")

    # showing --------------------------------------------------------------------------------------

    def _show(self, *, note: str = "", stuck: bool = False) -> None:
        session = self.session
        self._where.repaint()
        self._track.repaint()
        moments = session.timeline.moments
        if not moments:
            return
        moment = moments[session.position]
        gate = session.timeline.gate_at(session.position)
        self.query_one("#title", Static).update(safe(f"{moment.line.who}: {flat(moment.line.title)}"))
        text = moment.line.text or "Nothing more stands in this line."
        self.query_one("#text", TextView).show(f"{iso_seconds(moment.at)}\n\n{text}")
        if gate is not None and session.waits is not None:
            again = "It goes on when you have answered. " if stuck else ""
            ways = f"{self._key('answer')} answers, {self._key('pass')} goes past without an answer."
            self._tell(f"{again}{QUESTION} {ways}", question=True)
        elif gate is not None:
            self._tell(_both(gate, session.answers.get(gate.ref)))
        elif session.over and not self._compared:
            self._compared = True
            self.run_worker(self._compare(), exclusive=True, group="compare")
        else:
            self._tell(note)

    def _key(self, action: str) -> str:
        """The key of one of the actions here."""
        return self.app.keys[f"replay.{action}"][0]

    def _tell(self, sentence: str, *, question: bool = False) -> None:
        self.tell(sentence)
        self.query_one("#told").set_class(question, "-question")

    def action_read(self, step: int) -> None:
        """Read on, or upwards."""
        view = self.query_one("#text", TextView)
        if step > 0:
            view.action_page_down()
        else:
            view.action_page_up()

    def action_leave(self) -> None:
        """Leave."""
        self.app.exit()


def _both(gate: Gate, own: Own | None) -> str:
    if own is None:
        mine = "You: no answer."
    else:
        why = f"; reason: «{flat(own.reason)}»" if own.reason else "; no reason"
        mine = f"You: {VERB_WORDS.get(own.verb, own.verb)} it{why}."
    return f"{mine}\nRecord: {gate.reference.said() if gate.reference else 'nobody answered.'}"


class ReplayApp(LittleApp):
    """Going through one log."""

    CSS = LittleApp.CSS + ReplayScreen.CSS
    TITLE = "stas TRAINING replay"

    def __init__(self, timeline: Timeline, **look: Any) -> None:
        """`look` is what `LittleApp` takes. Raises `KeymapError`."""
        super().__init__(**look)
        self._timeline = timeline

    def get_default_screen(self) -> Screen[None]:
        """The only screen."""
        return ReplayScreen(self._timeline)
