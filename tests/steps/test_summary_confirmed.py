"""What a person confirms is what is published, byte by byte; what changed meanwhile is read again first (R130)."""

from __future__ import annotations

import pytest

from stas_tui.gates.contract import BadCall
from stas_tui.pulse.closing import SummaryChanged
from storage.records import STEP_NAMES
from tests.door.shop import PERSON, Shop


def to_the_end(shop: Shop) -> None:
    """Every step skipped with a reason, as far as the summary."""
    shop.begin()
    for _ in STEP_NAMES:
        if shop.machine.position() is None:
            return
        shop.machine.skip(by=PERSON, reason="not tonight")
    assert shop.machine.position() is None


def test_the_text_that_was_read_is_published_however_long_it_was_read(shop: Shop) -> None:
    to_the_end(shop)
    read = shop.machine.draft()
    shop.later(600)
    ended = shop.machine.confirm(read, by=PERSON)
    assert (ended.outcome, ended.summary) == ("complete", read.text)
    assert shop.context.pulses.get(ended.id).summary == read.text


def test_what_changed_while_it_was_read_is_not_published_unread(shop: Shop) -> None:
    to_the_end(shop)
    read = shop.machine.draft()
    shop.call("create_task", projectId="shop", title="infra: look at the pool", priority="P2")
    with pytest.raises(SummaryChanged):
        shop.machine.confirm(read, by=PERSON)
    assert shop.machine.current() is not None, "the pulse stays open"
    again = shop.machine.draft()
    assert again.text != read.text
    assert shop.machine.confirm(again, by=PERSON).summary == again.text


def test_the_summary_of_another_pulse_ends_nothing(shop: Shop) -> None:
    to_the_end(shop)
    read = shop.machine.draft()
    shop.machine.cut_off(by=PERSON)
    to_the_end(shop)
    with pytest.raises(SummaryChanged):
        shop.machine.confirm(read, by=PERSON)


def test_a_pulse_that_is_not_over_cannot_be_confirmed(shop: Shop) -> None:
    shop.begin()
    with pytest.raises(BadCall, match="Step 1 Inbox is not over"):
        shop.machine.confirm(shop.machine.draft(), by=PERSON)
