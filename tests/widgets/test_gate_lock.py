from __future__ import annotations

import pytest

from storage.clock import ManualClock
from widgets.gate_lock import GateLock


def ready(clock: ManualClock, **options: bool) -> GateLock:
    """A lock for which everything holds but the hold."""
    lock = GateLock(clock.monotonic, **options)
    lock.content_changed("d1")
    lock.opened()
    lock.evidence_fresh(True)
    lock.source_connected(True)
    lock.read_to_end()
    return lock


def test_it_opens_only_after_the_hold() -> None:
    clock = ManualClock()
    lock = ready(clock)
    assert lock.locked_because() == "opens in a moment"
    clock.advance(1_499)
    assert lock.locked_because() == "opens in a moment"
    assert lock.remaining_ms() == 1
    clock.advance(1)
    assert lock.locked_because() is None


def test_a_gate_that_was_never_drawn_is_locked() -> None:
    clock = ManualClock()
    lock = GateLock(clock.monotonic)
    clock.advance(10_000)
    assert lock.locked_because() == "the gate is not drawn yet"
    assert lock.remaining_ms() == 1_500


def test_the_end_must_have_been_read() -> None:
    clock = ManualClock()
    lock = GateLock(clock.monotonic)
    lock.content_changed("d1")
    lock.opened()
    clock.advance(5_000)
    assert lock.locked_because() == "read to the end first"


@pytest.mark.parametrize(
    ("event", "value", "reason"),
    [
        ("evidence_fresh", False, "the evidence is stale; refresh it"),
        ("source_connected", False, "the source is not connected"),
    ],
)
def test_stale_evidence_and_a_lost_source_lock_again(event: str, value: bool, reason: str) -> None:
    clock = ManualClock()
    lock = ready(clock)
    clock.advance(2_000)
    getattr(lock, event)(value)
    assert lock.locked_because() == reason
    getattr(lock, event)(True)
    assert lock.locked_because() is None


def test_what_was_never_checked_is_not_good() -> None:
    clock = ManualClock()
    lock = GateLock(clock.monotonic)
    lock.content_changed("d1")
    lock.opened()
    lock.read_to_end()
    clock.advance(2_000)
    assert lock.locked_because() == "the source was not checked yet"
    lock.source_connected(True)
    assert lock.locked_because() == "the evidence was not checked yet"


def test_another_payload_has_to_be_read_and_held_again() -> None:
    clock = ManualClock()
    lock = ready(clock)
    clock.advance(2_000)
    lock.content_changed("d2")
    assert lock.digest == "d2"
    assert lock.locked_because() == "read to the end first"
    lock.read_to_end()
    assert lock.locked_because() == "opens in a moment"
    clock.advance(1_500)
    assert lock.locked_because() is None


def test_the_same_payload_drawn_again_changes_nothing() -> None:
    clock = ManualClock()
    lock = ready(clock)
    clock.advance(2_000)
    lock.content_changed("d1")
    assert lock.locked_because() is None


def test_regained_focus_holds_again() -> None:
    clock = ManualClock()
    lock = ready(clock)
    clock.advance(2_000)
    lock.focus_regained()
    assert lock.locked_because() == "opens in a moment"
    clock.advance(1_500)
    assert lock.locked_because() is None


def test_focus_before_the_gate_is_drawn_starts_nothing() -> None:
    clock = ManualClock()
    lock = GateLock(clock.monotonic)
    lock.focus_regained()
    clock.advance(2_000)
    assert lock.locked_because() == "the gate is not drawn yet"


def test_a_name_has_to_be_typed_and_a_new_payload_forgets_it() -> None:
    clock = ManualClock()
    lock = ready(clock, needs_name=True)
    clock.advance(2_000)
    assert lock.locked_because() == "type the name first"
    lock.typed_name(True)
    assert lock.locked_because() is None
    lock.content_changed("d2")
    lock.read_to_end()
    clock.advance(2_000)
    assert lock.locked_because() == "type the name first"


def test_observe_never_unlocks() -> None:
    clock = ManualClock()
    lock = ready(clock, approvable=False)
    clock.advance(60_000)
    assert lock.locked_because() == "Observe only proposes; nothing can be approved"


def test_while_an_answer_is_given_no_other_one_is_and_then_the_hold_starts_anew() -> None:
    clock = ManualClock()
    lock = ready(clock)
    clock.advance(1_500)
    lock.answer_begins()
    clock.advance(60_000)
    assert lock.locked_because() == "an answer is being given"
    lock.answer_over()
    assert lock.locked_because() == "opens in a moment"
    clock.advance(1_500)
    assert lock.locked_because() is None
