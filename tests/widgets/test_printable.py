from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.samples import HOSTILE
from widgets.printable import cell_width, fit, flat, replaced, replaced_sentence, safe_text, shorten, wrap

ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=200)
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufe00-\ufe0f\ufeff]"
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b]52;c;x\x07", "␛]52;c;x␇"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a␍b"),
        ("a\tb", "a   b"),
        ("\x7f\x9b31m", "␡\ufffd31m"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("a\u2028b", "a\ufffdb"),
        ("pa\u200by\u00adpal\ufeff", "paypal"),
        ("x\U000e0041\U000e0100\ufe0f", "x"),
        ("\ud800", "\ufffd"),
        ("\x00", "␀"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        (None, "None"),
        (42, "42"),
    ],
)
def test_each_kind_of_character(raw: object, shown: str) -> None:
    assert safe_text(raw) == shown


@given(ANY_TEXT)
def test_nothing_that_acts_or_hides_is_left(raw: str) -> None:
    text = safe_text(raw)
    assert CONTROL.search(text) is None
    assert safe_text(text) == text
    text.encode()


@given(ANY_TEXT)
def test_replaced_is_empty_exactly_when_text_was_left_alone(raw: str) -> None:
    untouched = raw.replace("\r\n", "\n").expandtabs(4)
    assert (safe_text(raw) == untouched) == (not replaced(raw)) or "\ufffd" in raw


def test_the_gate_can_say_what_was_replaced() -> None:
    counts = replaced(HOSTILE)
    assert counts == {
        "control characters": 6,
        "direction marks": 2,
        "broken characters": 1,
        "invisible characters": 3,
    }
    assert replaced_sentence({"control characters": 2}) == "2 control characters shown as symbols"
    assert replaced_sentence({"invisible characters": 1}) == "1 invisible character left out"
    assert replaced_sentence({}) == ""


def test_flat_is_one_line_and_cut_to_cells() -> None:
    assert flat("  a\n\n b\tc ") == "a b c"
    assert flat("日本語テキスト", 7) == "日本語…"
    assert flat("x" * 1_000_000, 5) == "xxxx…"
    assert flat(" " * 1_000_000 + "x", 5) == "…"
    assert flat("abc", 3) == "abc"


@given(ANY_TEXT, st.integers(0, 30))
def test_shortened_text_fits(raw: str, width: int) -> None:
    assert cell_width(shorten(flat(raw), width)) <= width


@given(ANY_TEXT, st.integers(2, 30))
def test_wrapping_drops_nothing_and_fits(raw: str, width: int) -> None:
    text = safe_text(raw)
    rows = wrap(text, width)
    assert all(cell_width(row.removesuffix(" ")) <= width for row in rows)
    assert "".join(rows) == text.replace("\n", "")


def test_wrapping_keeps_words_whole_where_they_fit() -> None:
    assert wrap("one two three", 8) == ["one two ", "three"]
    assert wrap("one two three", 7) == ["one two ", "three"]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrap("", 10) == [""]
    assert fit("日本", 3) == "日"


def test_plain_mode_can_use_it_without_a_terminal_interface(root: Path) -> None:
    code = (
        "import sys; from widgets.printable import safe_text, flat; flat('plain', 4); import widgets.tokens;"
        "import widgets.keymap, widgets.clipboard, widgets.gate_lock;"
        "sys.exit(any(name in sys.modules for name in ('textual', 'rich')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
