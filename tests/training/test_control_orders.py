"""Orders of an instructor: each is a line of the log, some move the clock, wrong ones are a sentence and nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.training.engine import Act, Engine, Order, play
from stas_tui.training.injects import AlertInject, ExecutorInject, FaultInject, InboxInject, MetricInject, SlackInject
from stas_tui.training.orders import USAGE, Meant, OrderWrong, Present, meant, split
from stas_tui.training.words import ORDERS
from tests.training.worlds import small


@pytest.fixture
def engine() -> Engine:
    lesson = small()
    return Engine(lesson.scenario, lesson.digest)


def ordered(engine: Engine, line: str) -> Meant:
    what, body = split(line.split())
    return meant(what, body, Present.of(engine))


def test_every_order_of_the_list_can_be_written() -> None:
    assert set(USAGE) == {*ORDERS, "state"}
    for line in USAGE.values():
        words = line.split(";")[0].split(",")[0].split()
        assert split(["on" if word == "N" and words[0] == "hints" else word.replace("N", "5") for word in words])


@pytest.mark.parametrize(
    ("line", "clock", "speed", "to"),
    [
        ("pause", "pause", 1.0, 0),
        ("play", "play", 1.0, 0),
        ("speed 5", "speed", 5.0, 0),
        ("speed x20", "speed", 20.0, 0),
        ("speed 0.5", "speed", 0.5, 0),
    ],
)
def test_the_clock_obeys(engine: Engine, line: str, clock: str, speed: float, to: int) -> None:
    done = ordered(engine, line)
    assert done.clock is not None
    assert (done.clock.what, done.clock.speed, done.clock.to) == (clock, speed, to)
    assert done.order.what == line.split(maxsplit=1)[0]


def test_jump_goes_to_the_next_inject_and_nowhere_when_there_is_none(engine: Engine) -> None:
    done = ordered(engine, "jump")
    assert done.clock is not None
    assert done.clock.to == 40_000
    engine.until(301_000)
    with pytest.raises(OrderWrong, match="nowhere to jump"):
        ordered(engine, "jump")


def test_rewind_to_a_time_and_to_a_mark(engine: Engine) -> None:
    engine.until(50_000)
    engine.order(ordered(engine, "mark here it began").order)
    engine.until(200_000)
    back = ordered(engine, "rewind here it began")
    assert back.clock is not None
    assert (back.clock.to, back.order.at, back.order.body) == (50_000, 50_000, {"from": 200_000, "to": 50_000})
    assert ordered(engine, "rewind +2m").order.at == 120_000
    for wrong in ("rewind +4m", "rewind nowhere", "rewind 2m"):
        with pytest.raises(OrderWrong):
            ordered(engine, wrong)


def test_rewinding_is_playing_again_what_was_done_before(engine: Engine) -> None:
    """A re-simulation: the same lines as if nobody had gone on."""
    engine.until(95_000)
    engine.act(Act(at=95_000, verb="open", target="a1"))
    at_95 = [event.hash for event in engine.lines]
    engine.act(Act(at=120_000, verb="approve", target="a1"))
    engine.until(190_000)
    assert "al1" in engine.came
    back = ordered(engine, "rewind +1m40s").order
    kept = [thing for thing in engine.inputs if thing.at <= back.at]
    again = play(engine.scenario, small().digest, [*kept, back], until=back.at)
    assert [event.hash for event in again.lines][: len(at_95)] == at_95
    assert again.now == 100_000
    assert "al1" not in again.came
    assert again.lines[-1].body == {"what": "rewind", "from": 190_000, "to": 100_000}
    assert again.made["d1"].open


def test_a_planned_inject_can_come_now_and_only_once(engine: Engine) -> None:
    done = ordered(engine, "inject a1")
    engine.order(done.order)
    assert engine.came["a1"] == 0
    assert "d1" in engine.made
    with pytest.raises(OrderWrong, match="a1 came already at \\+0s"):
        ordered(engine, "inject a1")
    engine.until(100_000)
    assert [event.body["ref"] for event in engine.lines if event.kind == "inject.agent_action"] == ["a1"]


def test_what_a_decision_would_bring_can_come_by_order(engine: Engine) -> None:
    engine.order(ordered(engine, "inject al1").order)
    assert isinstance(ordered(Engine(engine.scenario, "x"), "inject al1").order.inject, AlertInject)
    assert engine.came["al1"] == 0


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("inject message Chieko The shop is slow", InboxInject),
        ("inject down prometheus no route", FaultInject),
        ("inject recovered prometheus", FaultInject),
        ("inject metric http_5xx_ratio{tenant=acme} 0.31", MetricInject),
        ("inject result T-31 blocked It needs Finn", ExecutorInject),
        ("say Finn Do not merge today", InboxInject),
        ("say Sky Who decided that?", SlackInject),
    ],
)
def test_the_palette_and_speaking_are_lines_of_the_log(engine: Engine, line: str, kind: type) -> None:
    done = ordered(engine, line)
    assert isinstance(done.order.inject, kind)
    added = engine.order(done.order)
    assert [event.kind.partition(".")[0] for event in added] == ["training", "inject"]
    assert added[0].actor == "instructor"
    again = play(engine.scenario, small().digest, engine.inputs, until=0)
    assert again.digest == engine.digest


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dance", "is no order"),
        ("speed fast", "not how speed is ordered"),
        ("speed 0", "The speed is a number"),
        ("speed 1e9", "The speed is a number"),
        ("speed nan", "no number that can be used"),
        ("pause now", "not how pause is ordered"),
        ("hints maybe", "not how hints is ordered"),
        ("inject", "not how inject is ordered"),
        ("inject m9", "This lesson has no 'm9'. Still to come: m2, a1, al1"),
        ("inject down pager", "no source 'pager'. Its sources: prometheus, alertmanager"),
        ("inject metric http{x 1", "series"),
        ("inject result T-9 SUCCESS", "no task 'T-9'"),
        ("inject result T-31 FINE", "is no outcome"),
        ("say Finn", "not how say is ordered"),
        ("mark " + "x" * 200, "longer than 120"),
        ("say Finn " + "x" * 5_000, "longer than 4000"),
    ],
)
def test_a_wrong_order_is_a_sentence(engine: Engine, line: str, said: str) -> None:
    with pytest.raises(OrderWrong, match=re.escape(said)):
        ordered(engine, line)
    assert engine.inputs == []


def test_nothing_can_be_ordered_after_the_end(engine: Engine) -> None:
    engine.order(ordered(engine, "end").order)
    assert engine.ended == "the instructor ended it"
    with pytest.raises(OrderWrong, match="The lesson is over"):
        ordered(engine, "play")


def test_hints_are_on_or_off(engine: Engine) -> None:
    assert ordered(engine, "hints off").order.body == {"on": False}
    assert ordered(engine, "hints on").order.body == {"on": True}


def test_a_secret_that_an_instructor_types_stays_out_of_the_log(engine: Engine) -> None:
    token = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    for line in (f"say Finn use {token}", f"mark {token}", f"inject message qa {token}"):
        engine.order(ordered(engine, line).order)
    assert token not in repr(engine.lines)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["times", "to", "ref", "new", "from", "text", "on", "name", "series", "value", "source", "task"]
)


@given(what=st.sampled_from([*ORDERS, "state", "", "nothing"]), body=st.dictionaries(_NAMES, _ANY, max_size=4))
def test_whatever_comes_in_is_an_order_or_a_sentence(what: str, body: dict[str, object]) -> None:
    lesson = small()
    present = Present.of(Engine(lesson.scenario, lesson.digest))
    try:
        done = meant(what, body, present)
    except OrderWrong as error:
        assert str(error)
    else:
        assert isinstance(done.order, Order)
        Engine(lesson.scenario, lesson.digest).order(replace(done.order, at=0))
