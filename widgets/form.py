"""Small pieces of forms: a one-line input with a label, and the meter of a prompt's sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from widgets.paint import Line, Painted, Palette, Span, one_line, width_of
from widgets.printable import cell_width, flat
from widgets.tokens import Mark


class PlainInput(Input):
    """One line of typed text: printable whatever is put in, without a blinking cursor.

    With `accept_paste=False` pasted text is dropped and `PasteRefused` posted: a paste must not be able to approve.
    """

    DEFAULT_CSS = """
    PlainInput, PlainInput:focus {
        border: none; height: 1; padding: 0; background: $bar; color: $ink; width: 1fr;
    }
    """

    @dataclass
    class PasteRefused(Message):
        """Text was pasted where it has to be typed."""

    def __init__(self, value: str = "", *, accept_paste: bool = True, limit: int = 500, id: str | None = None) -> None:
        super().__init__(max_length=limit, select_on_focus=False, compact=True, id=id)
        self.cursor_blink = False
        self._accept_paste = accept_paste
        self._first_value = flat(value)

    def on_mount(self) -> None:
        """The first value is put in once there is an application; Textual needs one."""
        if self._first_value:
            self.value = self._first_value

    def validate_value(self, value: str) -> str:
        """Whatever is assigned is printable."""
        return one_line(value)

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text as one printable line, or refuse it."""
        event.prevent_default()
        event.stop()
        if self._accept_paste:
            self.insert_text_at_cursor(flat(event.text))
        else:
            self.post_message(self.PasteRefused())


class LabelledInput(Horizontal):
    """A label and one line to type on, with the reason why it is not accepted yet.

    Posts Textual's `Input.Changed` and `Input.Submitted` of the inner `PlainInput`.
    """

    DEFAULT_CSS = """
    LabelledInput { height: 1; background: $dialog; }
    """

    def __init__(self, label: str, value: str = "", *, accept_paste: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = Caption(label)
        self.input = PlainInput(value, accept_paste=accept_paste)
        """The inner input."""

    def compose(self) -> ComposeResult:
        """Label, then input."""
        yield self._label
        yield self.input

    @property
    def value(self) -> str:
        """What was typed."""
        return self.input.value


class Caption(Painted):
    """A label as wide as its text."""

    ground = "dialog"
    DEFAULT_CSS = """
    Caption { height: 1; width: auto; background: $dialog; }
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = flat(text)
        self.styles.width = cell_width(self._text) + 2

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The label."""
        return [[Span(self._text, "ink-2")]]


@dataclass(frozen=True, slots=True)
class Section:
    """One section of an execution prompt."""

    name: str
    state: str
    """`filled`, `placeholder` or `missing`."""


_SECTION_MARKS = {"filled": Mark.DONE, "placeholder": Mark.WARN, "missing": Mark.FAIL}


class SectionMeter(Painted):
    """The sections of a prompt with their state as glyph and word, and how many are filled."""

    DEFAULT_CSS = """
    SectionMeter { height: auto; background: $base; }
    """

    def __init__(self, sections: Sequence[Section] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sections = tuple(sections)

    def show(self, sections: Sequence[Section]) -> None:
        """Show these sections."""
        grown = len(sections) != len(self._sections)
        self._sections = tuple(sections)
        self._strips = None
        self.refresh(layout=grown)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """One row per section and one for the sum."""
        return len(self._sections) + 1

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The sum, then the sections."""
        filled = sum(section.state == "filled" for section in self._sections)
        done = filled == len(self._sections)
        rows: list[Line] = [[Span(f" {filled} of {len(self._sections)} sections filled", "ok" if done else "warn")]]
        for section in self._sections:
            mark = palette.mark(_SECTION_MARKS.get(section.state, Mark.UNKNOWN))
            word = Span(flat(section.state) + " ", mark.ink if section.state != "filled" else "ink-3")
            name = Span(palette.cut(section.name, max(width - 5 - width_of([word]), 4)))
            room = max(width - 3 - width_of([name, word]), 1)
            rows.append([Span(" "), mark, Span(" "), name, Span(" " * room), word])
        return rows
