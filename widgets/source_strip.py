"""Every source with its word and its age, dead ones first and loud; it has rows of its own and covers nothing.

Where most of what was asked is played back, the strip says so once and marks what is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.panel import Count, count_spans
from widgets.printable import flat
from widgets.tokens import GLYPHS, Mark

LABEL = " SRC "
GAP = "   "
REASON = 44
"""Cells of a reason on the strip; the page of sources has all of it."""
NAME = 40
LEAST = 24
"""Cells below which what is left of a reason says nothing."""
FORMS = 3
_LOUD = (Mark.FAIL, Mark.WARN)


@dataclass(frozen=True, slots=True)
class SourceMark:
    """One source as the strip shows it."""

    name: str
    word: str
    """`ok`, `empty`, `stale`, or why not: `refused the connection`."""
    mark: Mark = Mark.UNKNOWN
    age: str = ""
    """Of its last good answer, in one unit."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class StripModel:
    """What the strip says."""

    sources: tuple[SourceMark, ...] = ()
    """The worst first."""
    lead: tuple[Count, ...] = ()
    """What stands in front of the sources: how many things need a person."""
    key: str = ""
    """The key that leads there."""
    sentence: str = ""
    """Said while there are no sources, or when what is known cannot be believed."""


class SourceStrip(Painted):
    """One or more lines, as many as the style gives it. Set `model` to change it."""

    ground = "bar"
    DEFAULT_CSS = """
    SourceStrip { height: 2; background: $bar; }
    """

    def __init__(self, model: StripModel | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model or StripModel(sentence="Reading…")

    @property
    def model(self) -> StripModel:
        """What the strip says."""
        return self._model

    @model.setter
    def model(self, model: StripModel) -> None:
        if model != self._model:
            self._model = model
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The sources that fit; how many did not is said."""
        return strip_rows(self._model, width, max(height, 1), palette)


def strip_rows(model: StripModel, width: int, height: int, palette: Palette) -> list[Line]:
    """The strip as `height` rows of at most `width` cells."""
    lines: list[list[Span]] = [_lead(model, palette)]
    if not model.sources:
        lines[0] += [palette.mark(Mark.UNKNOWN), Span(" " + flat(model.sentence), "ink-2")]
        return list(lines)
    asked = [source for source in model.sources if source.mark is not Mark.UNKNOWN]
    replay = sum(source.replayed for source in asked) * 2 > len(asked)
    if replay:
        lines[0] += [palette.mark(Mark.WARN), Span(" REPLAYED  ", "warn", bold=True)]
    fresh = True
    for number, source in enumerate(model.sources):
        left = model.sources[number:]
        gap = [] if fresh else [Span(GAP)]
        world = _world(source, replay)
        entry = _fitting(source, world, lines, gap, left[1:], width, height, palette)
        if entry is None and len(lines) < height and not fresh:
            lines.append([Span(" " * len(LABEL))])
            gap = []
            entry = _fitting(source, world, lines, gap, left[1:], width, height, palette)
        if entry is None:
            lines[-1] += _rest(left, palette, first=not gap)
            break
        lines[-1] += [*gap, *entry]
        fresh = False
    return list(lines)


def _world(source: SourceMark, replay: bool) -> Sequence[Span]:
    """What sets a source apart from what the strip says of them all: it alone is played back, or it alone is not."""
    if source.replayed == replay or source.mark is Mark.UNKNOWN:
        return ()
    return (Span(" replayed", "warn"),) if source.replayed else (Span(" live", "ink-2"),)


def _fitting(
    source: SourceMark,
    world: Sequence[Span],
    lines: Sequence[Sequence[Span]],
    gap: Sequence[Span],
    after: Sequence[SourceMark],
    width: int,
    height: int,
    palette: Palette,
) -> list[Span] | None:
    """The longest form of an entry that fits, with part of its reason if that can be read; None if none does.

    On the last line it stands beside what is said of the rest.
    """
    last = len(lines) == height
    rest = _rest(after, palette) if last and after else []
    for form in range(FORMS) if (last or not gap) and source.mark is not Mark.OK else range(1):
        entry = _entry(source, world, palette, form)
        over = width_of([*lines[-1], *gap, *entry, *rest]) - width
        room = width_of([Span(palette.cut(source.word, REASON))]) - over
        if form == 1 and over > 0 and room >= LEAST:
            return _entry(source, world, palette, form, room)
        if over <= 0:
            return entry
    return None


def _lead(model: StripModel, palette: Palette) -> list[Span]:
    spans: list[Span] = []
    if model.key:
        spans += [Span(" "), Span(flat(model.key), "focus", bold=True), Span(" on call  ", "ink-2")]
        for count in model.lead:
            spans += [*count_spans(count, palette), Span("  ")]
        spans += [palette.own("bar", "ink-3")]
    return [*spans, Span(LABEL, "ink-3")]


def _entry(
    source: SourceMark, world: Sequence[Span], palette: Palette, form: int = 0, room: int = REASON
) -> list[Span]:
    """An entry; where there is little room without its age (1), and without its reason (2)."""
    look = GLYPHS[source.mark]
    loud = source.mark in _LOUD
    word = palette.cut(source.word if form < FORMS - 1 else source.word.split(":", 1)[0], room)
    spans = [
        palette.mark(source.mark),
        Span(" " + palette.cut(source.name, NAME), "ink" if loud else "ink-2", bold=loud),
    ]
    spans.append(Span(" " + word, look.ink if loud else "ink-2", bold=loud))
    spans += world
    if source.age and not form:
        spans.append(Span(" " + flat(source.age), "ink-3"))
    return spans


def _rest(sources: Sequence[SourceMark], palette: Palette, *, first: bool = False) -> list[Span]:
    """`+2 not ok, +3 ok`: what did not fit is never silently good."""
    bad = sum(source.mark is not Mark.OK for source in sources)
    good = len(sources) - bad
    spans = [Span("" if first else GAP)]
    if bad:
        spans.append(Span(f"+{bad} not ok", "warn", bold=True))
    if good:
        spans.append(Span(f"{' ' if bad else ''}+{good} ok", "ink-3"))
    return spans
