"""Rows of the on-call list: every column has a word, also where nobody said anything, and what is left out is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.triage_rows import item_row
from stas_tui.triage.eyes import URGENT
from stas_tui.triage.identity import UNSHOWN_KEY
from stas_tui.wiring import Application
from storage.records import Message, MessageType, Priority, Trust
from storage.triage_records import ItemClass, TriageItem
from tests.screens.oncall_world import burning, go_to, on_call
from tests.screens.scenes import at_gate, fixed_application

MORE = 12


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("kind", list(ItemClass))
def test_a_priority_that_nobody_gave_is_unknown_and_not_empty(kind: ItemClass, narrow: bool) -> None:
    for priority in (None, *Priority):
        row = item_row(
            TriageItem(key="k", item_class=kind, title="t", priority=priority),
            person="kim",
            marked=False,
            narrow=narrow,
        )
        assert row.cells[1].text == (priority.value if priority else "P?")
        assert row.cells[1].bold == (priority is Priority.P0)


def flood(application: Application) -> None:
    """So many urgent messages of strangers that the last of them are not shown."""
    there = application.world.urgent_count("Stas")
    for n in range(URGENT - there + MORE):
        application.world.deliver(
            Message(
                id=f"F-{n:04}",
                type=MessageType.URGENT,
                sender="release-desk@partner.example",
                subject=f"URGENT {n}",
                body="",
                at=application.clock.now() - n,
                trust=Trust.EXTERNAL,
            ),
            to="Stas",
        )


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_messages_that_are_not_shown_are_said_in_the_list(size: tuple[int, int], night: Application) -> None:
    flood(night)
    async with on_call(night, size) as hands:
        await go_to(hands, UNSHOWN_KEY)
        await hands.sees("12 more urgent messages", "x12")
        await hands.press("tab", "z")
        await hands.sees("500 of 512 are shown: known senders first, then the oldest")
