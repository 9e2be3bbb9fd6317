"""Everything about one item: summary with timeline and chart, evidence, whole timeline, raw text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.paint import Line, Palette, Span, content, palette_of, width_of
from widgets.printable import cell_width, flat, safe_text, wrap
from widgets.text_view import BuiltScroll
from widgets.tokens import GLYPHS, PLAIN_SPARKS, SPARKS, Mark, blend

TABS = ("Summary", "Evidence", "Timeline", "Raw")
LABEL = 7
TWO_COLUMNS = 84
CHART_ROWS = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One labelled fact: `Why  P0 incident …`. The note follows in a fainter ink."""

    label: str
    value: str
    note: str = ""
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    at: str
    """`14:01:10`"""
    text: str
    mark: Mark = Mark.NOTE


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One thing Stas collected itself."""

    key: str
    text: str
    source: str = ""
    age: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A series with its caption; the colour grows with the value."""

    caption: str
    values: tuple[float | None, ...]
    now: str = ""
    before: str = ""
    mark: Mark = Mark.OK


@dataclass(frozen=True, slots=True)
class DetailModel:
    """What the detail panel shows."""

    key: str = ""
    title: str = ""
    fields: tuple[Field, ...] = ()
    timeline: tuple[Moment, ...] = ()
    evidence: tuple[EvidenceRow, ...] = ()
    raw: str = ""
    chart: Chart | None = None
    empty: str = "Nothing is selected."


class Detail(BuiltScroll):
    """The panel at the bottom. `left` and `right` change the tab; `enter` opens the evidence under the cursor."""

    DEFAULT_CSS = """
    Detail {
        border: round $rule;
        border-title-align: left;
        border-subtitle-align: right;
        height: 1fr;
        scrollbar-gutter: auto;
    }
    Detail:focus { border: round $focus; }
    App.-ascii Detail { border: ascii $rule; }
    App.-ascii Detail:focus { border: ascii $focus; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "tab(-1)", "previous tab", id="detail.left", show=False),
        Binding("right,l", "tab(1)", "next tab", id="detail.right", show=False),
        Binding("enter", "open", "open evidence", id="detail.open", show=False),
    ]

    @dataclass
    class TabChanged(Message):
        """Another tab is shown."""

        tab: str

    @dataclass
    class EvidenceOpened(Message):
        """A person asked for a piece of evidence."""

        key: str

    def __init__(self, model: DetailModel | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model or DetailModel()
        self._tab = 0
        self._cursor = 0
        self._rows: list[Line] = []

    @property
    def model(self) -> DetailModel:
        """What the panel shows."""
        return self._model

    @model.setter
    def model(self, model: DetailModel) -> None:
        if model == self._model:
            return
        same = model.key == self._model.key
        self._model = model
        self._cursor = min(self._cursor, max(len(model.evidence) - 1, 0)) if same else 0
        self._borders()
        self.rebuild(new_content=not same)

    @property
    def tab(self) -> str:
        """The name of the open tab."""
        return TABS[self._tab]

    def show_tab(self, name: str) -> None:
        """Open a tab by its name; ValueError if there is none of that name."""
        self._tab = TABS.index(name)
        self._borders()
        self.rebuild()
        self.post_message(self.TabChanged(name))

    def on_mount(self) -> None:
        """Write the borders and follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._borders())
        self._borders()

    def _borders(self) -> None:
        if not self.is_attached:
            return
        palette, model = palette_of(self), self._model
        title = [Span(flat(model.key), "ink", bold=True), Span("  " if model.key else ""), Span(flat(model.title))]
        self.border_title = content(title, palette)
        self.border_subtitle = content(self._tab_spans(), palette)

    def _tab_spans(self) -> list[Span]:
        counts = {"Evidence": len(self._model.evidence), "Timeline": len(self._model.timeline)}
        spans: list[Span] = []
        for index, name in enumerate(TABS):
            if index:
                spans.append(Span("  "))
            active = index == self._tab
            label = f"{name} {counts[name]}" if name in counts else name
            spans.append(Span(label, "ink" if active else "ink-3", bold=active, underline=active))
        return spans

    def build(self, width: int, palette: Palette) -> int:
        """The rows of the open tab."""
        model = self._model
        inner = width - 2
        if not (model.key or model.fields or model.raw):
            rows: list[Line] = [[Span(flat(model.empty), "ink-3")]]
        elif self.tab == "Evidence":
            rows = _evidence_rows(model.evidence, inner, self._cursor) or [
                [Span("No evidence was collected.", "ink-3")]
            ]
        elif self.tab == "Timeline":
            rows = timeline_rows(model.timeline, inner, palette) or [[Span("Nothing happened yet.", "ink-3")]]
        elif self.tab == "Raw":
            rows = [[Span(row)] for row in wrap(safe_text(model.raw), inner)]
        else:
            rows = summary_rows(model, inner, self.size.height, palette)
        self._rows = [[Span(" "), *row] for row in rows]
        return len(self._rows)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One built row."""
        return self._rows[index]

    def on_resize(self) -> None:
        """The chart is shown only where it fits."""
        self._built = None

    def action_tab(self, step: int) -> None:
        """The next or previous tab."""
        self.show_tab(TABS[(self._tab + step) % len(TABS)])

    def action_line_down(self) -> None:
        """Down one row, or to the next piece of evidence."""
        if not self._step(1):
            super().action_line_down()

    def action_line_up(self) -> None:
        """Up one row, or to the previous piece of evidence."""
        if not self._step(-1):
            super().action_line_up()

    def _step(self, step: int) -> bool:
        if self.tab != "Evidence" or not self._model.evidence:
            return False
        self._cursor = max(0, min(self._cursor + step, len(self._model.evidence) - 1))
        self.rebuild(new_content=False)
        return True

    def action_open(self) -> None:
        """Ask for the evidence under the cursor; on other tabs, show the evidence."""
        if self.tab != "Evidence":
            self.show_tab("Evidence")
        elif self._cursor < len(self._model.evidence):
            self.post_message(self.EvidenceOpened(self._model.evidence[self._cursor].key))

    def on_click(self, event: events.Click) -> None:
        """A click on a tab's name opens it."""
        if event.y != self.outer_size.height - 1:
            return
        spans = self._tab_spans()
        edge = self.outer_size.width - 3 - width_of(spans)
        for number, span in enumerate(spans):
            cells = width_of([span])
            if number % 2 == 0 and edge <= event.x < edge + cells:
                self.show_tab(TABS[number // 2])
            edge += cells


def summary_rows(model: DetailModel, width: int, height: int, palette: Palette) -> list[Line]:
    """Facts on the left, the timeline beside them where there is room, the chart below if it fits."""
    two = width >= TWO_COLUMNS and bool(model.timeline)
    right = min(max(width * 2 // 5, 34), 46) if two else 0
    left_width = width - right - (2 if two else 0)
    left: list[Line] = []
    for field in model.fields:
        left += field_rows(field, left_width, palette)
    rows: list[Line] = left
    if two:
        room = max(len(left), height - CHART_ROWS - 2 if model.chart else height)
        moments = timeline_rows(model.timeline[-max(room, 1) :], right, palette)[-max(room, 1) :]
        rows = []
        for number in range(max(len(left), len(moments))):
            start = list(left[number]) if number < len(left) else []
            end = moments[number] if number < len(moments) else []
            rows.append([*start, Span(" " * max(left_width + 2 - width_of(start), 1)), *end])
    if model.chart is not None and len(rows) + 2 + CHART_ROWS <= height:
        rows = [*rows, [], *chart_rows(model.chart, width, palette)]
    return rows


def field_rows(field: Field, width: int, palette: Palette) -> list[Line]:
    """One labelled fact, wrapped."""
    indent = max(LABEL, cell_width(flat(field.label)) + 1)
    mark = [] if field.mark is Mark.NONE else [palette.mark(field.mark), Span(" ")]
    value, note = flat(field.value), flat(field.note)
    value_ink = GLYPHS[field.mark].ink if mark else "ink"
    room = width - indent - width_of(mark)
    rows: list[Line] = []
    place = 0
    for number, row in enumerate(wrap(f"{value} {note}" if note else value, room)):
        start = Span(flat(field.label) + " " * (indent - cell_width(flat(field.label))), "ink-3")
        lead = [start, *mark] if number == 0 else [Span(" " * (indent + width_of(mark)))]
        split = max(0, min(len(row), len(value) - place))
        rows.append([*lead, Span(row[:split], value_ink), Span(row[split:], "ink-3")])
        place += len(row)
    return rows


def timeline_rows(moments: Sequence[Moment], width: int, palette: Palette) -> list[Line]:
    """Lines of a timeline, wrapped."""
    rows: list[Line] = []
    for moment in moments:
        at = flat(moment.at)
        ink = "human" if moment.mark is Mark.HUMAN else "ink-2"
        indent = cell_width(at) + 4
        for number, row in enumerate(wrap(flat(moment.text), width - indent)):
            lead = [Span(at + "  ", "ink-3"), palette.mark(moment.mark), Span(" ")]
            rows.append([*(lead if number == 0 else [Span(" " * indent)]), Span(row, ink)])
    return rows


def _evidence_rows(evidence: Sequence[EvidenceRow], width: int, cursor: int) -> list[Line]:
    rows: list[Line] = []
    for number, item in enumerate(evidence):
        fill = "cursor" if number == cursor else ""
        origin = "  ".join(part for part in (flat(item.source), flat(item.age)) if part)
        name = f"E{number + 1}"
        indent = len(name) + 2
        texts = wrap(flat(item.text), width - indent - cell_width(origin) - 2)
        for place, text in enumerate(texts):
            lead = Span(name + "  ", "focus", fill=fill) if place == 0 else Span(" " * indent, fill=fill)
            tail = origin if place == 0 else ""
            room = width - indent - cell_width(text) - cell_width(tail)
            dim = "ink-2" if fill else "ink-3"
            rows.append([lead, Span(text, fill=fill), Span(" " * max(room, 0) + tail, dim, fill=fill)])
    return rows


def chart_rows(chart: Chart, width: int, palette: Palette) -> list[Line]:
    """A caption, then bars over two rows, one cell per value, newest at the right."""
    target = GLYPHS[chart.mark].ink
    caption: list[Span] = [Span(flat(chart.caption), "ink-3")]
    if chart.now:
        caption += [Span("   now ", "ink-2"), Span(flat(chart.now), target, bold=True)]
    if chart.before:
        caption += [Span(f"   {flat(chart.before)}", "ink-2")]
    values = chart.values[-width:]
    top = max((value for value in values if value is not None), default=0.0)
    ramp = PLAIN_SPARKS if palette.ascii_only else SPARKS
    cold, hot = palette.colour("ink-3"), palette.colour(target if target != "ok" else "ink-2")
    rows: list[list[Span]] = [[] for _ in range(CHART_ROWS)]
    for value in values:
        eighths = 0 if value is None else max(round((value / top if top > 0 else 0) * 8 * CHART_ROWS), 1)
        share = (value or 0.0) / top if top > 0 else 0.0
        for number in range(CHART_ROWS):
            level = max(0, min(8, eighths - 8 * (CHART_ROWS - 1 - number)))
            gap = value is None and number == CHART_ROWS - 1
            rows[number].append(
                palette.own("gap", "ink-3") if gap else Span(ramp[level], blend(cold, hot, round(share, 1)))
            )
    return [caption, *([Span(" " * (width - len(values))), *row] for row in rows)]
