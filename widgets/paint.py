"""Spans of meaning to coloured rows: the single place where text reaches the screen.

Every widget describes its rows as `Span`s (text, colour token); `draw` makes the text printable, resolves the tokens of
the current theme and returns one row of exactly the asked width. A widget cannot forget to clean outside text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.content import Content
from textual.content import Span as ContentSpan
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.widget import Widget

from widgets.printable import cell_width, fit, flat, safe_text
from widgets.tokens import DAY_TOKENS, GLYPHS, LIFTED, NIGHT_TOKENS, Mark, glyph, ornament

if TYPE_CHECKING:
    from textual.app import App

ASCII_CLASS = "-ascii"
"""Set this class on the App to draw with ASCII glyphs only."""


_PLAIN_RULE = {ord("─"): "-"}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one row: text of any origin with a colour token, and a fill token if it is a filled block."""

    text: str
    ink: str = "ink"
    bold: bool = False
    underline: bool = False
    fill: str = ""


Line = Sequence[Span]


class Palette:
    """The tokens of one theme as styles, and which set of glyphs to use."""

    def __init__(self, tokens: dict[str, str], ascii_only: bool = False) -> None:
        self.tokens = tokens
        self.ascii_only = ascii_only
        self._styles: dict[tuple[str, str, bool, bool], Style] = {}

    def colour(self, token: str) -> str:
        """A token, or a `#rrggbb` value, as `#rrggbb`."""
        return token if token.startswith("#") else self.tokens[token]

    def style(self, ink: str, ground: str, bold: bool = False, underline: bool = False) -> Style:
        """The rich style of an ink on a ground; `crit` is always bold."""
        key = (ink, ground, bold, underline)
        style = self._styles.get(key)
        if style is None:
            style = Style(
                color=self.colour(ink),
                bgcolor=self.colour(ground),
                bold=bold or ink == "crit",
                underline=underline,
            )
            self._styles[key] = style
        return style

    def mark(self, mark: Mark, *, hollow: bool = False) -> Span:
        """A mark's glyph in its colour; `hollow` draws what was known but is stale."""
        if hollow and mark in {Mark.OK, Mark.WARN, Mark.FAIL}:
            mark = Mark.UNKNOWN
        look = GLYPHS[mark]
        return Span(glyph(mark, self.ascii_only), look.ink, bold=look.bold)

    def cut(self, raw: object, width: int) -> str:
        """Any value as one line of at most `width` cells, with the ellipsis of this set of glyphs. For titles only."""
        text = flat(raw, width)
        if self.ascii_only:
            if text.endswith("…") and not str(raw).rstrip().endswith("…"):
                text = text[:-1] + ornament("ellipsis", True)
            text = text.translate(_PLAIN_RULE)
        return text

    def own(self, name: str, ink: str = "ink-3") -> Span:
        """One of our own drawing characters."""
        return Span(ornament(name, self.ascii_only), ink)


_palettes: WeakKeyDictionary[App[Any], tuple[tuple[str, bool], Palette]] = WeakKeyDictionary()


def palette_of(widget: Widget) -> Palette:
    """The palette of the widget's application: its current theme with our tokens as fallbacks."""
    app = widget.app
    key = (app.theme, app.has_class(ASCII_CLASS))
    known = _palettes.get(app)
    if known is not None and known[0] == key:
        return known[1]
    tokens = dict(NIGHT_TOKENS if app.current_theme.dark else DAY_TOKENS)
    for name, value in app.theme_variables.items():
        if name in tokens:
            try:
                tokens[name] = Color.parse(value).hex6.lower()
            except ColorParseError:
                continue
    palette = Palette(tokens, key[1])
    _palettes[app] = (key, palette)
    return palette


def one_line(text: str) -> str:
    """Text as `draw` puts it on a row: printable, line feeds as spaces."""
    if text.isascii() and text.isprintable():
        return text
    return safe_text(text).replace("\n", " ")


def width_of(spans: Iterable[Span]) -> int:
    """How many cells the spans take."""
    return sum(cell_width(one_line(span.text)) for span in spans)


def draw(spans: Iterable[Span], width: int, palette: Palette, ground: str = "base", *, lift: bool = False) -> Strip:
    """One row of exactly `width` cells. `lift` draws dim inks one ink stronger, for cursor rows."""
    segments: list[Segment] = []
    left = width
    for span in spans:
        if left <= 0:
            break
        text = one_line(span.text[: left * 8 + 64])
        cells = cell_width(text)
        if cells > left:
            text = fit(text, left)
            cells = cell_width(text)
        if not text:
            continue
        ink = LIFTED.get(span.ink, span.ink) if lift and not span.fill else span.ink
        segments.append(Segment(text, palette.style(ink, span.fill or ground, span.bold, span.underline)))
        left -= cells
    if left > 0:
        segments.append(Segment(" " * left, palette.style("ink", ground)))
    return Strip(segments, width)


def spread(left: Sequence[Span], right: Sequence[Span], width: int, gap: int = 1) -> list[Span]:
    """A row with one group at each end; the left group is cut if both do not fit."""
    room = width - width_of(right)
    kept: list[Span] = []
    used = 0
    for span in left:
        text = one_line(span.text)
        cells = cell_width(text)
        if used + cells > room - gap:
            text = fit(text, room - gap - used)
            kept.append(Span(text, span.ink, span.bold, span.underline, span.fill))
            used += cell_width(text)
            break
        kept.append(span)
        used += cells
    return [*kept, Span(" " * max(room - used, 0)), *right]


def centred(text: str, width: int) -> str:
    """Text in the middle of `width` cells; the odd cell goes to the right."""
    room = max(width - cell_width(text), 0)
    return " " * (room // 2) + text + " " * (room - room // 2)


def content(spans: Iterable[Span], palette: Palette) -> Content:
    """The spans for a place that takes `Content`, such as a border title."""
    text = ""
    styles: list[ContentSpan] = []
    for span in spans:
        piece = one_line(span.text)
        style = VisualStyle(
            foreground=Color.parse(palette.colour(span.ink)),
            background=Color.parse(palette.colour(span.fill)) if span.fill else None,
            bold=span.bold or span.ink == "crit",
            underline=span.underline,
        )
        styles.append(ContentSpan(len(text), len(text) + len(piece), style))
        text += piece
    return Content(text, spans=styles)


class Painted(Widget):
    """A widget of fixed rows computed from its model; subclasses say what the rows are."""

    ground: ClassVar[str] = "base"
    """The token behind the text."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: tuple[tuple[int, int, int], list[Strip]] | None = None

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The rows to draw; missing ones are blank, those beyond `height` are not drawn."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draw again after the model changed; repaints only if a row differs."""
        if self._strips is not None and self.is_mounted:
            key, before = self._strips
            if key == self._paint_key() and self._painted_rows() == before:
                return
        self._strips = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row, from the cache while neither size, theme nor model changed."""
        key = self._paint_key()
        if self._strips is None or self._strips[0] != key:
            self._strips = (key, self._painted_rows())
        strips = self._strips[1]
        if y < len(strips):
            return strips[y]
        return draw((), self.content_size.width, palette_of(self), self.ground)

    def _paint_key(self) -> tuple[int, int, int]:
        size = self.content_size
        return size.width, size.height, id(palette_of(self))

    def _painted_rows(self) -> list[Strip]:
        width, height = self.content_size
        palette = palette_of(self)
        return [draw(row, width, palette, self.ground) for row in self.rows(width, height, palette)[:height]]

    def notify_style_update(self) -> None:
        """Forget drawn rows when the theme or the glyph set may have changed."""
        self._strips = None
        super().notify_style_update()
