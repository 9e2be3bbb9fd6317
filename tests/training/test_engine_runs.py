"""Whole runs of the engine: how they end, and that a replay is the same run."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from stas_tui.training.engine import (
    ALL_IS_DECIDED,
    ENDED_BY_INSTRUCTOR,
    QUIET_END_MS,
    TIME_IS_OVER,
    Act,
    Engine,
    Order,
    play,
)
from stas_tui.training.injects import InboxInject
from stas_tui.training.words import LOOKS, VERBS
from tests.training.engine_parts import GATE, NOISE, WRITING, act, engine, kinds, scenario

# the end ------------------------------------------------------------------------------------------------


def test_it_ends_a_while_after_the_last_thing_was_decided() -> None:
    run = play(scenario(GATE), "d", [act("reject", "a1")])
    assert run.ended == ALL_IS_DECIDED
    assert run.now == 240_000 + QUIET_END_MS, "what may still come is waited for"


def test_a_consequence_keeps_it_open() -> None:
    more = """
[[decision]]
id = "after"
on = "broken"
expected = "own"
by = "+5m"
"""
    run = play(scenario(GATE, more), "d", [act("approve", "a1", at=230_000)])
    assert run.came["broken"] == 260_000
    assert run.made["after"].missed is True
    assert (run.ended, run.now) == (ALL_IS_DECIDED, 560_000 + QUIET_END_MS)


def test_at_the_latest_its_time_is_over() -> None:
    run = play(scenario(GATE, WRITING, minutes=3), "d", [])
    assert (run.ended, run.now) == (TIME_IS_OVER, 180_000)
    before = run.digest
    assert list(run.until(10_000_000)) == []
    assert list(run.act(act("reject", "a1", at=200_000))) == []
    assert run.digest == before
    assert run.next_at is None


def test_an_instructor_brings_things_about_and_ends_it() -> None:
    run = engine(GATE)
    said = InboxInject.model_validate({"kind": "inbox", "at": "+0s", "ref": "x", "from": "Sky", "text": "How is it?"})
    run.order(Order(at=20_000, what="say", body={"name": "Sky"}, inject=said))
    assert run.came["x"] == 20_000
    assert [line.actor for line in run.lines[-2:]] == ["instructor", "scenario"]
    run.order(Order(at=30_000, what="end"))
    assert run.ended == ENDED_BY_INSTRUCTOR
    assert kinds(run)[-1] == "training.ended"


# chance, and the same again -----------------------------------------------------------------------------


def test_noise_is_spread_by_the_seed_and_by_nothing_else() -> None:
    def noise(seed: int) -> list[tuple[int, str, str]]:
        run = Engine(scenario(NOISE), "d", seed=seed)
        run.until(300_000)
        return [(line.at, line.body["from"], line.body["text"]) for line in run.lines if line.kind == "inject.inbox"]

    first = noise(7)
    assert len(first) == 40
    assert first == noise(7)
    assert first != noise(8)
    start = scenario().started_at
    assert all(5_000 <= at - start <= 120_000 for at, _, _ in first)
    assert first == sorted(first, key=lambda one: one[0])


def test_the_seed_of_a_run_goes_before_that_of_the_file() -> None:
    own = Engine(scenario(NOISE, seed=8), "d", seed=7)
    file = Engine(scenario(NOISE), "d")
    for run in (own, file):
        run.until(60_000)
    assert own.digest == file.digest


TARGETS = ("", "a1", "a1.whole", "m1", "d1", "d2", "nothing")
ACTS = st.builds(
    Act,
    at=st.integers(0, 700_000),
    verb=st.sampled_from((*VERBS, *LOOKS)),
    target=st.sampled_from(TARGETS),
    text=st.sampled_from(("", "backup", "db-2", "db-1")),
)
MARKS = st.builds(Order, at=st.integers(0, 700_000), what=st.just("mark"), body=st.just({"text": "here"}))


@settings(max_examples=120, deadline=None)
@given(
    inputs=st.lists(ACTS | MARKS, max_size=12),
    steps=st.lists(st.integers(0, 700_000), max_size=6),
    seed=st.integers(0, 5),
)
def test_any_run_done_again_has_the_same_digest(inputs: Sequence[Act | Order], steps: list[int], seed: int) -> None:
    """However time was cut into pieces while it ran."""
    what = scenario(GATE, WRITING, NOISE)
    once = Engine(what, "d", seed=seed)
    pieces = sorted(steps)
    for thing in sorted(inputs, key=lambda one: one.at):
        while pieces and pieces[0] <= thing.at:
            once.until(pieces.pop(0))
        if isinstance(thing, Act):
            once.act(thing)
        else:
            once.order(thing)
    once.until(what.ends_at)
    again = play(what, "d", once.inputs, seed=seed)
    assert again.digest == once.digest
    assert again.ended
    assert (again.verdicts, again.hints, again.opened) == (once.verdicts, once.hints, once.opened)
