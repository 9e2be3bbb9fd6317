"""Slack's limits are ours to keep: whatever is too long is cut with a pointer, and never refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stas_tui.notify.base import DirectMessage
from stas_tui.notify.slack_blocks import CUT, compose, shown_text
from tests.notify.slack_double import _problem


def message(text: str, **fields: str) -> DirectMessage:
    return DirectMessage(text=text, category="incident", urgent=True, fields=fields)


def test_a_long_text_is_spread_over_sections_whole() -> None:
    text = "\n".join(f"line {n} of checkout & <co>" for n in range(400))
    composed = compose(message(text), "a-1")
    sections = [b["text"]["text"] for b in composed.blocks if b["type"] == "section"]
    assert shown_text("\n".join(sections)) == text
    assert composed.cut is False
    assert composed.blocks[-1]["elements"][0]["text"] == "Stas · a-1"


def test_what_does_not_fit_points_to_the_record() -> None:
    composed = compose(message("x" * 400_000, a="y" * 5_000), "a-1")
    assert len(composed.blocks) == 50
    assert composed.cut is True
    assert composed.blocks[-1]["elements"][0]["text"] == f"{CUT} under a-1"
    assert composed.text.endswith(CUT)
    wide = compose(message("x", a="y" * 5_000), "a-1")
    assert wide.cut is True
    assert wide.blocks[-1]["elements"][0]["text"].startswith(CUT)


def test_more_than_ten_fields_are_more_sections() -> None:
    composed = compose(message("x", **{f"f{n}": str(n) for n in range(23)}), "a-1")
    assert [len(b["fields"]) for b in composed.blocks if "fields" in b] == [10, 10, 3]


@given(
    text=st.text(alphabet=st.sampled_from("&<>a\n é"), min_size=1, max_size=9_000).filter(str.strip),
    fields=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=3_000), max_size=15),
)
def test_no_text_is_ever_refused_for_its_length(text: str, fields: dict[str, str]) -> None:
    composed = compose(message(text, **fields), "a-1")
    assert _problem({"text": composed.text, "blocks": composed.blocks}) is None
    assert composed.cut or shown_text(composed.text) == text
