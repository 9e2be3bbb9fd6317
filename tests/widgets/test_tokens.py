from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.design import ColorSystem
from textual.filter import Monochrome

from widgets import themes, tokens
from widgets.printable import cell_width
from widgets.tokens import (
    DAY_TOKENS,
    GLYPHS,
    GROUND_TOKENS,
    LIFTED,
    NIGHT_TOKENS,
    ORNAMENTS,
    STATE_TOKENS,
    TEXT_TOKENS,
    blend,
    contrast,
    spark,
    wants_ascii,
)

BOTH = [pytest.param(NIGHT_TOKENS, id="night"), pytest.param(DAY_TOKENS, id="day")]


def grey(colour: str, ground: str) -> str:
    """A colour as Textual draws it under NO_COLOR."""
    segments = Monochrome().apply([Segment("x", Style(color=colour, bgcolor=ground))], Color.parse("#000000"))
    style = segments[0].style
    assert style is not None
    assert style.color is not None
    triplet = style.color.get_truecolor()
    return f"#{triplet.red:02x}{triplet.green:02x}{triplet.blue:02x}"


def deuteranopia(colour: str) -> tuple[float, float, float]:
    """How a person without green cones sees a colour (Machado et al. 2009, severity 1), linear RGB."""
    red, green, blue = ((v / 255) ** 2.2 for v in tokens.rgb(colour))
    return (
        0.367322 * red + 0.860646 * green - 0.227968 * blue,
        0.280085 * red + 0.672501 * green + 0.047413 * blue,
        -0.011820 * red + 0.042940 * green + 0.968881 * blue,
    )


def test_contrast_is_the_known_ratio() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", BOTH)
def test_every_text_token_is_readable_on_every_ground(theme: dict[str, str]) -> None:
    worst = {(ink, ground): contrast(theme[ink], theme[ground]) for ink in TEXT_TOKENS for ground in GROUND_TOKENS}
    assert {pair: ratio for pair, ratio in worst.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", BOTH)
def test_a_cursor_row_lifts_what_it_would_swallow(theme: dict[str, str]) -> None:
    drawn = {LIFTED.get(ink, ink) for ink in TEXT_TOKENS}
    assert {
        ink: contrast(theme[ink], theme["cursor"]) for ink in drawn if contrast(theme[ink], theme["cursor"]) < 4.5
    } == {}


@pytest.mark.parametrize("theme", BOTH)
def test_filled_blocks_are_readable(theme: dict[str, str]) -> None:
    assert contrast(theme["on-fill"], theme["human"]) >= 4.5
    assert contrast(theme["on-fill"], theme["crit"]) >= 4.5


@pytest.mark.parametrize("theme", BOTH)
def test_it_stays_readable_without_colour(theme: dict[str, str]) -> None:
    for ink in TEXT_TOKENS:
        for ground in GROUND_TOKENS:
            assert contrast(grey(theme[ink], theme[ground]), grey(theme[ground], theme[ink])) >= 4.5, (ink, ground)


@pytest.mark.parametrize("theme", BOTH)
def test_states_stay_apart_for_deuteranopes_by_colour_or_by_weight(theme: dict[str, str]) -> None:
    bold = {look.ink for look in GLYPHS.values() if look.bold}
    for first, second in combinations(("ok", "warn", "crit"), 2):
        apart = sum((a - b) ** 2 for a, b in zip(deuteranopia(theme[first]), deuteranopia(theme[second]), strict=True))
        assert apart**0.5 > 0.08 or (first in bold) != (second in bold), (first, second)


def test_every_state_has_its_own_glyph_of_one_cell() -> None:
    for ascii_only in (False, True):
        glyphs = [tokens.glyph(mark, ascii_only) for mark in GLYPHS]
        assert len(set(glyphs)) == len(glyphs)
        assert all(cell_width(glyph) == 1 for glyph in glyphs)
    assert all(look.plain.isascii() for look in GLYPHS.values())
    assert all(cell_width(normal) == 1 and plain.isascii() and len(plain) == 1 for normal, plain in ORNAMENTS.values())


def test_themes_carry_the_same_roles_and_take_no_name_of_the_framework() -> None:
    assert NIGHT_TOKENS.keys() == DAY_TOKENS.keys()
    generated = ColorSystem(primary="#7cc4ff", dark=True).generate()
    assert not set(NIGHT_TOKENS) & set(generated)
    assert themes.night().variables["ink-2"] == NIGHT_TOKENS["ink-2"]
    assert themes.variable_defaults(False)["human"] == DAY_TOKENS["human"]
    assert set(STATE_TOKENS) < set(NIGHT_TOKENS)


def test_colours_are_written_in_one_file_only(root: Path) -> None:
    for path in (root / "widgets").glob("*.py"):
        if path.name != "tokens.py":
            assert re.search(r"[\"' ]#[0-9a-fA-F]{6}", path.read_text()) is None, path.name


def test_spark_lines() -> None:
    assert spark((0, 4, 8), 3) == "▁▄█"
    assert spark((1, 1), 4, top=8) == "  ▁▁"
    assert spark((None, None), 4) == "┄┄┄┄"
    assert spark((None, 8), 2, ascii_only=True) == ".#"
    assert spark((), 2) == "┄┄"


def test_blend_goes_from_one_to_the_other() -> None:
    assert blend("#000000", "#ffffff", 0) == "#000000"
    assert blend("#000000", "#ffffff", 2) == "#ffffff"
    assert blend("#000000", "#ff0000", 0.5) == "#800000"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "linux", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, False),
        ({"TERM": "xterm", "LANG": "ja_JP.UTF-8"}, True),
        ({"TERM": "xterm", "LC_ALL": "en_US.ISO-8859-1", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "xterm", "LANG": "C"}, False),
        ({}, False),
    ],
)
def test_when_ascii_is_needed(environ: dict[str, str], expected: bool) -> None:
    assert wants_ascii(environ) is expected
