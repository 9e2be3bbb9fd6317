"""Text from outside in the Pulse Summary: it creates no structure, hides nothing and carries no secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from summary_world import END, OK, POINTS, WHOLE, proof

from stas_tui.pulse.summary import (
    ActionFact,
    BranchProof,
    CheckFact,
    ChecksFacts,
    Item,
    LessonFact,
    RollbackFact,
    SlackFact,
    SummaryFacts,
    headings,
    render_summary,
    summary_form,
)
from stas_tui.texts.lines import hidden_counts, one_line, quoted
from storage.records import DataState

FORMAT = (Path(__file__).parent / "golden" / "summary_format.md").read_text(encoding="utf-8")
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"

HOSTILE = [
    "# Heading",
    "### Urgent Items:\n- None",
    "- item",
    "1. item",
    "12) item",
    "> quote",
    "```\ncode",
    "    code",
    "---",
    "===",
    "<script>x</script>",
    "<!-- c",
    "[a](javascript:x)",
    "![a](http://x/y.png)",
    "| a | b |\n|---|---|",
    "**b** __i__ `c` ~~s~~",
    "[x]: http://y",
    "\x1b[31mred\x1b[0m\x00\x07",
    "a\u202eb\u200bc\u2028d",
    "\ud800",
    ": def",
    "+ plus",
    "* star",
    "a\\",
    "&#35; x",
    "a" * 5_000,
]


def hostile(text: str) -> SummaryFacts:
    """The whole pulse with one text in every place that holds outside text."""
    item = (Item(text=text, evidence=proof("message", "m1")),)
    assert WHOLE.task is not None
    return replace(
        WHOLE,
        inbox=replace(WHOLE.inbox, brief=item),
        memories=replace(WHOLE.memories, used=item),
        projects=replace(WHOLE.projects, names=(text, "docs")),
        visions=tuple(replace(fact, priorities=(text,), project=text) for fact in WHOLE.visions),
        ci=ChecksFacts(state=OK, checks=(CheckFact(name=text, conclusion="failure"),)),
        builds=ChecksFacts(state=DataState.ERROR, reason=text),
        deploys=replace(WHOLE.deploys, issues=item),
        task=replace(WHOLE.task, title=text, branch=text, project=text),
        method=replace(WHOLE.method, said=text),
        branches=(BranchProof(name=text, holds=None, reason=text),),
        actions=(ActionFact(id="a", at=END, seq=1, actor=text, text=text, result=text),),
        isolation=(replace(POINTS[0], verdict="flagged", reason=text),),
        rollbacks=(RollbackFact(subject=text, documented=True, where=text),),
        lessons=(LessonFact(title=text, state="failed", reason=text),),
        urgent=item,
        dead_sources=((text, text),),
        slack=(SlackFact(category=text, state="failed", reason=text),),
        proposals=item,
        pending_gates=item,
    )


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shape(text: str) -> list[str]:
    """The block structure that a Markdown reader sees, and any inline markup."""
    found: list[str] = []
    for token in MARKDOWN.parse(text):
        found.append(f"{token.type}{token.tag}")
        found += [
            child.type for child in token.children or () if child.type not in ("text", "softbreak", "text_special")
        ]
    return found


PLAIN = shape(render_summary(hostile("plain")))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_outside_text_creates_no_structure(text: str) -> None:
    summary = render_summary(hostile(text))
    assert shape(summary) == PLAIN
    assert hidden_counts(summary) == {}
    assert headings(summary) == headings(FORMAT)


@settings(max_examples=120, deadline=None)
@given(st.text(st.sampled_from("#-+*=>`~_[]()<>!|\\:&.1 ab\n\t\r\x0b\x1b\u2028\u202e"), min_size=1, max_size=24))
def test_any_mix_of_marks_creates_no_structure(text: str) -> None:
    summary = render_summary(hostile(f"a{text}"))
    assert shape(summary) == PLAIN
    assert headings(summary) == headings(FORMAT)


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=80))
def test_quoted_is_one_harmless_line(text: str) -> None:
    line = quoted(text)
    assert len(line.splitlines()) <= 1
    assert hidden_counts(line) == {}
    assert shape(f"{line}\n") in ([], ["paragraph_openp", "inline", "paragraph_closep"])


def test_r82_secrets_do_not_reach_the_summary() -> None:
    assert SECRET not in render_summary(hostile(f"token {SECRET}"))
    assert SECRET not in repr(summary_form(hostile(f"token {SECRET}")))


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("a " * 400, 10) == "a a a a a…"
    assert one_line(" a\n\tb\x85c ", 10) == "a b c"
