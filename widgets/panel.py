"""A bordered panel: name and key in the border, counts at the bottom right, freshness always in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from storage.records import DataState
from widgets.paint import Line, Painted, Palette, Span, content, palette_of, width_of
from widgets.printable import flat, safe_text, wrap
from widgets.tokens import Mark
from widgets.virtual_list import VirtualList


@dataclass(frozen=True, slots=True)
class Count:
    """One entry at the bottom right of a panel: `◆ 1`, `✖ 1 leak`, `6 new`."""

    text: str
    mark: Mark = Mark.NONE
    ink: str = "ink-2"
    short: str = ""
    """What stands there where the whole is too wide, the last entries first; empty if it cannot be shorter."""


@dataclass(frozen=True, slots=True)
class PanelModel:
    """What a panel's border says, and how far its content can be believed."""

    title: str
    key: str = ""
    """The key that focuses the panel."""
    counts: tuple[Count, ...] = ()
    state: DataState = DataState.OK
    sentence: str = ""
    """Shown instead of the content when `state` is empty, error, denied or unknown; beside the age when stale."""
    age: str = ""
    """How old the data is, in one unit; drawn in the border when stale."""
    news: str = ""
    """What has come while the person looked elsewhere, drawn beside the title: `3 new above`."""


_SENTENCES: dict[DataState, str] = {
    DataState.EMPTY: "Nothing here.",
    DataState.ERROR: "The source could not be read.",
    DataState.DENIED: "The source refused to answer.",
    DataState.UNKNOWN: "Never asked: no source is configured.",
}
_MARKS: dict[DataState, Mark] = {
    DataState.EMPTY: Mark.NONE,
    DataState.ERROR: Mark.FAIL,
    DataState.DENIED: Mark.FAIL,
    DataState.UNKNOWN: Mark.UNKNOWN,
}


class Sentence(Painted):
    """A sentence in place of content, wrapped, with the mark of its state."""

    DEFAULT_CSS = """
    Sentence { height: 1fr; padding: 0 1; background: $base; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""
        self._mark = Mark.NONE

    def say(self, text: str, mark: Mark = Mark.NONE) -> None:
        """Show this sentence."""
        self._text, self._mark = safe_text(text), mark
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The wrapped sentence."""
        first = [] if self._mark is Mark.NONE else [palette.mark(self._mark), Span(" ")]
        indent = width_of(first)
        lines: list[Line] = []
        for number, row in enumerate(wrap(self._text, width - indent)):
            lead = first if number == 0 else [Span(" " * indent)]
            lines.append([*lead, Span(row, "ink-2")])
        return lines


class Panel(Container):
    """A round box around any content. The focused panel is the only one with a coloured border.

    Set `model` to change what the border says; content is replaced by a sentence while there is none to believe.
    """

    DEFAULT_CSS = """
    Panel {
        border: round $rule;
        border-title-align: left;
        border-subtitle-align: right;
        background: $base;
        height: 1fr;
        width: 1fr;
    }
    Panel:focus-within { border: round $focus; }
    App.-ascii Panel { border: ascii $rule; }
    App.-ascii Panel:focus-within { border: ascii $focus; }
    Panel > Sentence { display: none; }
    Panel.-told > * { display: none; }
    Panel.-told > Sentence { display: block; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    ALLOW_MAXIMIZE: ClassVar[bool] = True

    def __init__(self, *children: Widget, model: PanelModel, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(*children, id=id, classes=classes)
        self._model = model
        self._gone = ""
        self._sentence = Sentence()

    def compose(self) -> ComposeResult:
        """The sentence stands beside the content and takes its place when there is nothing to believe."""
        yield self._sentence

    @property
    def model(self) -> PanelModel:
        """What the panel shows."""
        return self._model

    @model.setter
    def model(self, model: PanelModel) -> None:
        if model != self._model:
            self._model = model
            self._apply()

    def on_mount(self) -> None:
        """Draw the border and follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._borders())
        self._apply()

    def on_resize(self) -> None:
        """Border texts depend on the width."""
        self._borders()

    def on_virtual_list_entity_gone(self, message: VirtualList.EntityGone) -> None:
        """Say in the border that the item is gone, until the person moves."""
        self._gone = message.key
        self._borders()

    def on_virtual_list_highlighted(self, message: VirtualList.Highlighted) -> None:
        """The person is on an item again."""
        if self._gone:
            self._gone = ""
            self._borders()

    def _apply(self) -> None:
        state = self._model.state
        told = state in _SENTENCES
        if told:
            self._sentence.say(self._model.sentence or _SENTENCES[state], _MARKS[state])
        self.set_class(told, "-told")
        for child in self.query(VirtualList):
            child.hollow = state is DataState.STALE
        if self.is_mounted:
            self._borders()

    def _borders(self) -> None:
        palette = palette_of(self)
        self.border_title = content(self._title(palette), palette)
        self.border_subtitle = content(self._counts(palette), palette)

    def _title(self, palette: Palette) -> list[Span]:
        model = self._model
        spans = [Span(f"{flat(model.key)} ", "focus")] if model.key else []
        spans.append(Span(flat(model.title), "ink", bold=True))
        if model.news:
            spans += [Span("  "), palette.own("up", "warn"), Span(f" {flat(model.news)}", "warn", bold=True)]
        if model.state is DataState.STALE:
            age = f" {flat(model.age)} old" if model.age else ""
            spans += [Span("  "), palette.mark(Mark.UNKNOWN), Span(f" stale{age}", "warn")]
            if model.sentence:
                spans.append(Span(f", {flat(model.sentence)}", "ink-2"))
        return spans

    def _counts(self, palette: Palette) -> list[Span]:
        counts = self._model.counts
        whole = len(counts)
        while whole and width_of(self._count_line(palette, whole)) > self.size.width - 4:
            whole -= 1
        return self._count_line(palette, whole)

    def _count_line(self, palette: Palette, whole: int) -> list[Span]:
        """The counts, of which the first so many are written out."""
        spans: list[Span] = []
        if self._gone:
            spans += [palette.mark(Mark.HELD), Span(f" {flat(self._gone)} is gone, move to go on", "warn")]
        for number, count in enumerate(self._model.counts):
            if spans:
                spans += [Span(" "), palette.own("dot"), Span(" ")]
            shown = replace(count, text=count.short) if count.short and number >= whole else count
            spans += count_spans(shown, palette, hollow=self._model.state is DataState.STALE)
        return spans


def count_spans(count: Count, palette: Palette, *, hollow: bool = False, gap: str = " ") -> list[Span]:
    """One count as spans: mark, then text in the mark's colour; grey when `hollow` (no longer believed)."""
    if count.mark is Mark.NONE:
        return [Span(flat(count.text), count.ink)]
    mark = palette.mark(count.mark)
    if hollow:
        return [Span(mark.text, "ink-3"), Span(gap + flat(count.text), "ink-3")]
    return [mark, Span(gap + flat(count.text), mark.ink)]
