"""Urgent messages beyond what a look reads: counted and said, never silently left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.eyes import URGENT
from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.identity import UNSHOWN_KEY
from storage.records import Priority, Trust
from storage.triage_records import ItemClass
from tests.triage.bench import Bench
from tests.triage.looks import listed
from tests.triage.samples import NOW, message


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


def test_as_long_as_all_of_them_are_shown_nothing_is_said(bench: Bench) -> None:
    for n in range(URGENT):
        bench.message(f"urgent {n}", trust=Trust.EXTERNAL, sender="stranger")
    shown = bench.list()
    assert sum(item.item_class is ItemClass.MESSAGE for item in shown.items) == URGENT
    assert UNSHOWN_KEY not in {item.key for item in shown.items}
    assert f"urgent {URGENT} ({URGENT} unverified)" in shown.words


def test_what_is_not_shown_is_a_row_and_part_of_the_count(bench: Bench) -> None:
    for n in range(URGENT + 3):
        bench.message(f"urgent {n}", trust=Trust.EXTERNAL, sender="stranger")
    known = bench.message("503 for four tenants")
    shown = bench.list()
    row = next(item for item in shown.items if item.key == UNSHOWN_KEY)
    assert row.title == "4 more urgent messages are not shown"
    assert f"{URGENT} of {URGENT + 4} are shown: known senders first" in row.evidence[0].text
    assert (row.count, row.word, row.priority, row.suppressed) == (4, "not shown", Priority.P1, "")
    keys = [item.key for item in shown.items]
    assert keys.index(known) < keys.index(UNSHOWN_KEY), "who is known is not buried by it"
    assert keys.index(UNSHOWN_KEY) < keys.index("message:m-1"), "and no stranger stands above it"
    assert f"urgent {URGENT + 4} ({URGENT - 1} unverified, 4 not shown)" in shown.words


def test_once_some_were_taken_off_the_inbox_the_row_is_gone(bench: Bench) -> None:
    keys = [bench.message(f"urgent {n}", trust=Trust.EXTERNAL, sender="stranger") for n in range(URGENT + 1)]
    assert bench.item(UNSHOWN_KEY).title == "1 more urgent message is not shown"
    bench.app.context.door.platform.acknowledge(keys[0].partition(":")[2])
    assert UNSHOWN_KEY not in {item.key for item in bench.list().items}
    assert keys[-1] in {item.key for item in bench.list().items}


def test_the_row_is_of_stas_itself_and_counts_only_while_it_stands_above_the_line() -> None:
    items = gather(Sight(messages=[message()], unshown=7), now=NOW)
    row = next(item for item in items if item.key == UNSHOWN_KEY)
    assert row.trusted
    assert "urgent 8 (7 not shown)" in listed(items).words
