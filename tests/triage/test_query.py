"""The filter: what it lets pass, and what it says when it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.texts.lines import hidden_counts
from stas_tui.triage.query import LONGEST, Query, QueryError
from storage.clock import HOUR, MINUTE
from storage.records import Priority
from storage.triage_records import ItemClass
from tests.triage.samples import HOSTILE, NOW, item, lease, with_note

ROWS = {
    "inc": with_note(
        item(
            "alert:98be", title="Acme saw Globex", priority=Priority.P0, tenants=("Acme Corp", "globex"), service="API"
        ),
        lease=lease("Ann"),
        seen_at=NOW,
    ),
    "gate": item("gate:a-0007", ItemClass.GATE, title="open PR T-31", replayed=True),
    "late": with_note(item("task:ledger/T-9", ItemClass.TASK, title="late"), lease=lease("ann", ends_in=-MINUTE)),
    "said": item("message:M-1", ItemClass.MESSAGE, title="help", suppressed="snoozed until 14:00Z"),
    "odd": item("alert:odd", title=HOSTILE, priority=Priority.P3, suppressed="silenced until 14:00Z"),
}


def passing(text: str, *, me: str = "ANN") -> set[str]:
    query = Query.parse(text)
    return {name for name, row in ROWS.items() if query.matches(row, me=me, now=NOW)}


ALL = set(ROWS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ALL),
        ("  ", ALL),
        ("acme", {"inc"}),
        ("GLOBEX saw", {"inc"}),
        ('"saw globex"', {"inc"}),
        ('"globex saw"', set()),
        ("T-31", {"gate"}),
        ('"gate:a-0007"', {"gate"}),
        ("ledger/t-9", {"late"}),
        ("api", {"inc"}),
        ("class:gate", {"gate"}),
        ("class:gate,task", {"gate", "late"}),
        ("CLASS:Incident -p:0", {"odd"}),
        ("p:0", {"inc"}),
        ("p:P3", {"odd"}),
        ("p:?", {"gate", "late", "said"}),
        ("p:0,3", {"inc", "odd"}),
        ("owner:me", {"inc"}),
        ("owner:ann", {"inc"}),
        ("owner:none", ALL - {"inc"}),
        ("owner:bob", set()),
        ("-owner:me", ALL - {"inc"}),
        ('tenant:"acme corp"', {"inc"}),
        ("tenant:acme", set()),
        ("tenant:globex service:api", {"inc"}),
        ("is:snoozed", {"said"}),
        ("is:suppressed", {"said", "odd"}),
        ("is:new", ALL - {"inc"}),
        ("is:mine", {"inc"}),
        ("is:replayed", {"gate"}),
        ("is:unverified", {"said"}),
        ("-acme -class:gate", ALL - {"inc", "gate"}),
        ("\x1b[2J", {"odd"}),
    ],
)
def test_what_passes(text: str, names: set[str]) -> None:
    assert passing(text) == names


def test_nobody_is_me_when_nobody_is_named() -> None:
    assert passing("owner:me", me="") == set()
    assert passing("is:mine", me="bob") == set()


def test_a_lease_that_runs_out_is_nobodys() -> None:
    query = Query.parse("owner:none")
    assert not query.matches(ROWS["inc"], me="", now=NOW)
    assert query.matches(ROWS["inc"], me="", now=NOW + HOUR)


@pytest.mark.parametrize(
    ("text", "said", "mend"),
    [
        ("colour:red", "There is no filter colour:.", "class:, is:, owner:, p:, service: and tenant:"),
        ("alert:98be", "There is no filter alert:.", "put a word with a colon in quotes"),
        ("class:alert", "The filter class: does not know alert.", "deploy, gate, incident"),
        ("class:", "The filter class: needs a value.", "deploy, gate, incident"),
        ("class:,", "The filter class: needs a value.", "incident"),
        ("p:4", "The filter p: does not know 4.", "p:0 to p:3"),
        ("is:happy", "The filter is: does not know happy.", "snoozed"),
        ("owner:", "The filter owner: needs a value.", "owner:me, owner:none"),
        ('tenant:""', "The filter tenant: needs a value.", "tenant:acme"),
        ('tenant:"acme', "The filter cannot be read at tenant:\"acme.", "Quotes come in pairs"),
        ('ac"me', 'The filter cannot be read at ac"me.', "Quotes come in pairs"),
        ("acme -", "The filter has a word that is empty.", "after the sign"),
        ("x" * (LONGEST + 1), "The filter is too long.", "500"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_a_sentence(text: str, said: str, mend: str) -> None:
    with pytest.raises(QueryError) as error:
        Query.parse(text)
    assert error.value.what == said
    assert mend in error.value.mend


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_printable_sentence(text: str) -> None:
    try:
        query = Query.parse(text)
    except QueryError as error:
        assert hidden_counts(str(error)) == {}
        assert "\n" not in str(error)
    else:
        for row in ROWS.values():
            query.matches(row, me="ann", now=NOW)


@given(st.sampled_from(["class:gate", "p:?", "owner:me", "is:new", "acme", 'tenant:"acme corp"']))
def test_not_is_the_opposite(text: str) -> None:
    assert passing(f"-{text}") == ALL - passing(text)
