"""Paragraphs of lessons are lines again; whatever is no prose stays as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.training.prose import SHORT, joined

FULL = "a line of prose that is as long as a line of a file usually is"


def test_the_lines_of_a_paragraph_become_one() -> None:
    text = f"{FULL}\n{FULL},\nand ends.\n\n{FULL}\nhere.\n"
    assert joined(text) == f"{FULL} {FULL}, and ends.\n\n{FULL} here.\n"


@pytest.mark.parametrize(
    "line",
    [
        "    tenantctl delete --yes",
        "\tcode",
        "- a list",
        "* a list",
        "1. first",
        "2) second",
        "> quoted",
        "| a | table |",
        "$ make deploy",
        "## heading",
        "+key = request.path",
        "@@ -1,2 +1,3 @@",
        "--- note for the automation that reads this ---",
        "===",
        "STATUS: SUCCESS",
        "db-1   primary   eu",
        "a\tb",
    ],
)
def test_what_is_no_prose_stays_on_its_own_line(line: str) -> None:
    assert joined(f"{FULL}\n{line}\n{FULL}\n{FULL}") == f"{FULL}\n{line}\n{FULL} {FULL}"


def test_a_fenced_block_is_left_alone() -> None:
    text = f"{FULL}\n```\n{FULL}\n{FULL}\n```\n{FULL}\n{FULL}"
    assert joined(text) == f"{FULL}\n```\n{FULL}\n{FULL}\n```\n{FULL} {FULL}"


def test_a_short_line_ended_by_itself() -> None:
    text = "Thanks a lot,\nFinn\narchitect"
    assert all(len(line) < SHORT for line in text.split("\n"))
    assert joined(text) == text


def test_a_word_of_a_command_at_the_beginning_is_prose() -> None:
    text = f"{FULL}\n`edgectl rules drop ID` takes a rule back, and\n--tenants limits it."
    assert "\n" not in joined(text)


@given(st.text(alphabet="ab -.:\n\t>`1", max_size=400))
def test_no_sign_is_lost_and_twice_is_once(text: str) -> None:
    once = joined(text)
    assert "".join(once.split()) == "".join(text.split())
    assert [line for line in once.split("\n") if not line.strip()] == [x for x in text.split("\n") if not x.strip()]
    assert joined(once) == once
