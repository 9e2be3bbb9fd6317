"""What the instructor sees: the strip, the open decisions, what came and what comes."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.training import grammar
from stas_tui.training.telling import Track
from storage.clock import countdown
from storage.records import Json
from widgets.paint import Line, Painted, Palette, Span, spread, width_of
from widgets.printable import flat
from widgets.rows import Cell, ListRow
from widgets.tokens import Mark

TRACK_MARKS = {
    Track.WORLD: Mark.NOTE,
    Track.GATE: Mark.HUMAN,
    Track.ACT: Mark.DONE,
    Track.LOOK: Mark.TODO,
    Track.INSTRUCTOR: Mark.RUN,
    Track.FRAME: Mark.NONE,
}
WHO, WHO_ROOMY, ROOMY = 12, 16, 100
"""Cells for whose line it is, and from which width on there is room for longer names."""


class Strip(Painted):
    """Where the lesson is, how fast it goes, and whether it is there at all."""

    ground = "bar"
    DEFAULT_CSS = """
    Strip { height: 1; background: $bar; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._state: Json = {}
        self._gone = False

    def show(self, state: Json) -> None:
        """A state."""
        self._state, self._gone = state, False
        self.repaint()

    def gone(self) -> None:
        """The lesson does not answer."""
        self._gone = True
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """One line; the title gives way first."""
        state = self._state
        left = [Span(" "), Span(" TRAINING ", "on-fill", bold=True, fill="human"), Span("  ")]
        if not state and not self._gone:
            return [[*left, Span("asking how it stands", "ink-3")]]
        right = self._right(palette)
        room = width - width_of(left) - width_of(right) - 2
        title = palette.cut(flat(f"{state.get('lesson', '')}  {state.get('title', '')}"), max(room, 1))
        return [spread([*left, Span(title, "ink-2")], right, width)]

    def _right(self, palette: Palette) -> list[Span]:
        state = self._state
        if self._gone:
            return [palette.mark(Mark.FAIL), Span(" no answer ", "crit", bold=True)]
        if state.get("ended"):
            return [palette.mark(Mark.DONE), Span(f" over: {flat(state['ended'])} ", "ink-2")]
        now, ends = int(state.get("now", 0)), int(state.get("ends", 0))
        mark, word = (Mark.HELD, "paused") if state.get("paused") else (Mark.RUN, f"x{state.get('speed', 1):g}")
        hints = "hints on" if state.get("hints") else "hints off"
        return [
            palette.mark(mark),
            Span(f" {word:6}", "ink", bold=True),
            Span(f"  {grammar.offset_text(now)}", "ink", bold=True),
            Span(f" of {grammar.offset_text(ends)}", "ink-2"),
            Span(f"  {hints} ", "ink-2"),
        ]


class Open(Painted):
    """The decisions that can be made now, with their time."""

    DEFAULT_CSS = """
    Open { height: auto; background: $base; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._state: Json = {}

    def show(self, state: Json) -> None:
        """A state."""
        more = len(state.get("open", [])) != len(self._state.get("open", []))
        self._state = state
        self.repaint()
        if more:
            self.refresh(layout=True)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """One row for each, at least one."""
        return max(len(self._state.get("open", [])), 1)

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """What is expected, until when, and what the trainee has opened of what matters."""
        rows = self._state.get("open", [])
        if not rows:
            made = len(self._state.get("made", []))
            tail = f"; {made} made" if made else ""
            return [[palette.mark(Mark.NOTE), Span(f" Nothing has to be decided now{tail}.", "ink-2")]]
        hidden = len(rows) - height
        lines = [self._row(row, palette) for row in rows]
        if hidden > 0:
            lines[height - 1] = [Span(f"  and {hidden + 1} more", "ink-3")]
        return lines

    def _row(self, row: Json, palette: Palette) -> Line:
        left = int(row["due"]) - int(self._state.get("now", 0))
        late = left < 0
        time = f"late by {countdown(-left)}" if late else f"{countdown(left)} left"
        seen, wanted = len(row.get("seen", [])), len(row.get("evidence", []))
        opened = f"evidence opened {seen} of {wanted}" if wanted else "no evidence asked for"
        return [
            palette.mark(Mark.HUMAN),
            Span(f" {flat(row['id'])} on {flat(row['on'])}", "ink", bold=True),
            Span(f"  {time}", "crit" if late else "ink", bold=late),
            Span(f"  expected: {flat(row['expected'])}", "ink-2"),
            Span(f"  {opened}", "ink-2"),
        ]


class Came(Painted):
    """The last lines of the log, the newest at the bottom."""

    DEFAULT_CSS = """
    Came { height: 1fr; background: $base; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._past: list[Json] = []

    def show(self, state: Json) -> None:
        """A state."""
        self._past = list(state.get("past", []))
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Time, whose line it is, the sentence."""
        if not self._past:
            return [[Span("Nothing came yet.", "ink-3")]]
        return [past_row(row, width, palette) for row in self._past[-height:]] if height > 0 else []


def past_row(row: Json, width: int, palette: Palette) -> Line:
    """One line of a log."""
    track = Track(row["track"])
    who = WHO_ROOMY if width >= ROOMY else WHO
    ink = {"gate": "human", "instructor": "focus", "frame": "ink-3", "look": "ink-2"}.get(track.value, "ink")
    head = [
        Span(f"{grammar.offset_text(int(row['at'])):>9} ", "ink-3"),
        palette.mark(TRACK_MARKS[track]),
        Span(f" {palette.cut(flat(row['who']), who):{who}} ", "ink-2"),
    ]
    return [*head, Span(palette.cut(flat(row["title"]), max(width - width_of(head), 1)), ink)]


class Coming:
    """What can still come, as rows of a list."""

    def __init__(self) -> None:
        self._rows: list[Json] = []
        self._now = 0

    def show(self, state: Json) -> None:
        """A state."""
        self._rows, self._now = list(state.get("next", [])), int(state.get("now", 0))

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> ListRow:
        """When, ref, what."""
        row = self._rows[index]
        if row.get("sure"):
            when, mark = f"in {countdown(int(row['at']) - self._now)}", Mark.TODO
        else:
            when, mark = "if", Mark.UNKNOWN
        what = self._what(row)
        cells = (Cell(when), Cell(flat(row.get("ref", ""))), Cell(what))
        return ListRow(key=self._key(index), version=f"{when}{what}", cells=cells, state=mark)

    def whole(self, key: str) -> str:
        """Everything about one, on as many lines as it takes; empty if there is none."""
        index = self.index_of(key)
        if index is None:
            return ""
        row = self._rows[index]
        when = f"{grammar.offset_text(int(row['at']))}  " if row.get("sure") else ""
        return f"{when}{self._what(row)}"

    @staticmethod
    def _what(row: Json) -> str:
        when = f", {flat(row['when'])}" if row.get("when") else ""
        decides = f"  (decision {flat(row['decides'])})" if row.get("decides") else ""
        return f"{flat(row['title'])}{when}{decides}"

    def index_of(self, key: str) -> int | None:
        """Where it is now."""
        return next((n for n in range(len(self._rows)) if self._key(n) == key), None)

    def ref_of(self, key: str) -> str:
        """What it is called; empty if it has no name."""
        index = self.index_of(key)
        return str(self._rows[index].get("ref", "")) if index is not None else ""

    def _key(self, index: int) -> str:
        row = self._rows[index]
        return str(row.get("ref") or f"{row.get('at')}:{row.get('title')}")
