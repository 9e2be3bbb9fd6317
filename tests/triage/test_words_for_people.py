"""How triage names things for people: tools, events, and a generated sheet as it is read and as it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.gates.tool_words import tool_words
from stas_tui.gates.tools.every import TOOLS
from stas_tui.screens.triage_detail import moment
from stas_tui.texts.lines import one_line, quoted, redacted, unquoted
from stas_tui.triage.saying import said
from storage.records import Event
from storage.triage_records import IncidentEntry
from tests.triage.looks import only
from tests.triage.samples import HOSTILE, gate
from widgets.tokens import Mark

MARKDOWN = st.text(alphabet="ab 1.)#+-=:_*`[]<>|~\\", max_size=40)


def event(kind: str, **body: object) -> Event:
    return Event(seq=1, at=0, actor="ann", kind=kind, action_id=None, pulse_id=None, body=body, prev="", hash="")


# tools ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("create_task", "create task"),
        ("open_pull_request", "open pull request"),
        ("retarget_pr", "retarget pull request"),
        ("slack_dm", "Slack message"),
        ("nobody_knows it", "nobody knows it"),
    ],
)
def test_a_tool_is_said_in_words(tool: str, words: str) -> None:
    assert tool_words(tool) == words


def test_every_tool_has_words_of_its_own() -> None:
    said_of = [tool_words(tool.name) for tool in TOOLS]
    assert len(set(said_of)) == len(TOOLS)
    assert not [words for words in said_of if "_" in words]


def test_the_list_and_the_log_name_a_tool_alike() -> None:
    item = only(gates=[gate(revision=None)])
    words = tool_words("open_pull_request")
    assert item.title == f"a call of «{words}»"
    assert item.evidence[0].text.startswith(f"{words} asked for by ")
    assert said(event("gate.requested", tool="open_pull_request")) == f"asked for: {words}"
    assert said(event("action.allowed", tool="open_pull_request")) == f"did at once: {words}"


def test_the_name_of_a_tool_is_one_harmless_line() -> None:
    assert said(event("gate.requested", tool=HOSTILE)).isprintable()
    assert tool_words(HOSTILE).isprintable()


# the timeline --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ("cause", Mark.HUMAN),
        ("withdrawn", Mark.HUMAN),
        ("role", Mark.HUMAN),
        ("decision", Mark.DONE),
        ("note", Mark.NOTE),
    ],
)
def test_what_a_person_named_bears_the_mark_of_a_person(kind: str, mark: Mark) -> None:
    assert moment(IncidentEntry(id=1, incident="alert:1", at=0, by="ann", kind=kind, text="the pool")).mark is mark


# sheets --------------------------------------------------------------------------------------------


@given(MARKDOWN | st.text(max_size=40))
def test_what_is_read_is_what_was_meant_and_what_is_kept_cannot_style(text: str) -> None:
    plain = one_line(redacted(text))
    assert unquoted(quoted(text)) == (plain or ("(no visible text)" if text.strip() else ""))
