"""A generated Markdown text as the page that a screen shows."""

from __future__ import annotations

import pytest

from stas_tui.screens.markdown_page import page
from stas_tui.texts.lines import quoted


def test_a_table_stands_in_columns() -> None:
    text = "before\n\n| part | percent |\n|---|---:|\n| safety | 100 % |\n| **all** | **88.5 %** |\n\nafter"
    assert page(text) == "before\n\npart    percent\nsafety  100 %\nall     88.5 %\n\nafter"


def test_a_pipe_of_somebody_else_starts_no_column() -> None:
    assert page("| a | b |\n|---|---|\n| x \\| y | z |") == "a      b\nx | y  z"
    assert page("| a |\n|---|\n| 日本 |") == "a\n日本"


def test_bold_loses_its_marks_and_a_quoted_star_stays() -> None:
    assert page("**Not passed.** and 2 ** 3 ** 4") == "Not passed. and 2 ** 3 ** 4"
    assert page(quoted("**x** | `y`")) == "**x** | `y`"


def test_what_is_fenced_is_not_touched() -> None:
    assert page("```text\n  | a |\n**b** \\*\n```\nc") == "  | a |\n**b** \\*\nc"


@pytest.mark.parametrize("text", ["", "|", "||", "|---|", "```", "| a", "a\n|", "**", "# x\n\n- y"])
def test_anything_is_a_page(text: str) -> None:
    assert "\x00" not in page(text)


def test_headings_and_lists_keep_their_marks() -> None:
    assert page("## Result\n\n- one\n- none") == "## Result\n\n- one\n- none"
