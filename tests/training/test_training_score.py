"""The score follows the decisions and the evidence, and no way through it is free."""

from __future__ import annotations

import pytest
from small_lesson import lesson

from stas_tui.training.engine import ALL_IS_DECIDED, ENDED_BY_INSTRUCTOR, Act, Engine, Order
from stas_tui.training.score import Score, score

END = 8 * 60_000


def ran(
    *acts: tuple[int, str, str], changes: tuple[tuple[str, str], ...] = (), until: int = END
) -> tuple[Engine, Score]:
    """The small lesson with these acts: (seconds, verb, target)."""
    one = lesson(*changes)
    engine = Engine(one.scenario, one.digest)
    for at, verb, target in acts:
        engine.act(Act(at=at * 1_000, verb=verb, target=target))
    engine.until(until)
    return engine, score(engine)


RIGHT = (
    (25, "open", "m1"),
    (30, "own", "m1"),
    (45, "open", "a1"),
    (50, "reject", "a1"),
    (75, "open", "a2"),
    (80, "approve", "a2"),
)


def test_everything_right_is_all_of_it() -> None:
    _, result = ran(*RIGHT)
    assert result.percent == 100
    assert result.passed
    assert result.why == "Passed: 100 %, and 70 % were needed."
    assert result.part("communication").percent is None
    assert sum(part.weight for part in result.parts) == pytest.approx(1)
    assert result.part("safety").weight == pytest.approx(0.5 / 0.85)


def test_deciding_right_without_looking_costs_the_evidence() -> None:
    _, result = ran(*(act for act in RIGHT if act[1] != "open"))
    assert result.part("evidence").percent == 0
    assert result.part("safety").percent == 100
    assert result.percent == pytest.approx(100 * 0.7 / 0.85, abs=0.05)


def test_evidence_counts_only_if_it_was_opened_before_the_decision() -> None:
    acts = [act for act in RIGHT if act != (45, "open", "a1")]
    _, result = ran(*acts[:3], (55, "open", "a1"), *acts[3:])
    assert result.part("evidence").percent == pytest.approx(66.7)
    judged = next(one for one in result.decisions if one.made.decision.id == "d1")
    assert judged.unseen == ("opened:a1.base",)


def test_a_late_answer_is_worth_what_the_rubric_says() -> None:
    _, result = ran(*RIGHT[2:], (201, "own", "m1"), changes=(('else_at = "+4m"', 'else_at = "+7m"'),))
    judged = next(one for one in result.decisions if one.made.decision.id == "d0")
    assert judged.made.late
    assert judged.points == 5
    assert result.part("priority").percent == 50


def test_hints_cost_of_their_own_decision() -> None:
    _, result = ran((41, "hint", "d1"), (42, "hint", "d1"), (43, "hint", "d1"), *RIGHT[2:4], *RIGHT[4:])
    judged = next(one for one in result.decisions if one.made.decision.id == "d1")
    assert judged.hints == 2, "there were two"
    assert judged.points == 16
    assert result.hints == 2
    assert next(one for one in result.decisions if one.made.decision.id == "d2").points == 10


def test_hints_never_cost_more_than_there_is() -> None:
    _, result = ran(
        (41, "hint", "d1"),
        (42, "hint", "d1"),
        *RIGHT[2:],
        changes=(("hint_cost_percent = 10", "hint_cost_percent = 80"),),
    )
    assert next(one for one in result.decisions if one.made.decision.id == "d1").points == 0


def test_a_deadly_answer_ends_in_a_fail_with_its_reason_first() -> None:
    _, result = ran(*RIGHT[:3], (50, "edit_and_approve", "a1"))
    assert not result.passed
    assert result.instant_fails == (
        "a1 was answered with edit and approve, which ends in a fail: Its base is main, and all work here targets "
        "multi-tenant.",
    )
    assert result.why == f"Not passed: {result.instant_fails[0]}"


def test_approving_a_listed_trap_ends_in_a_fail_even_where_no_decision_says_so() -> None:
    _, result = ran(*RIGHT[:2], (50, "approve", "a1"), changes=(('deadly = ["approve", "edit_and_approve"]', ""),))
    assert result.instant_fails == ("a1 was approved, and it is a pull request that targets main",)


@pytest.mark.parametrize("verb", ["edit_and_approve", "reject"])
def test_a_listed_trap_that_was_edited_or_rejected_is_no_fail(verb: str) -> None:
    changes = (('deadly = ["approve", "edit_and_approve"]', ""),)
    _, result = ran(*RIGHT[:2], (50, verb, "a1"), (60, "approve", "a1"), changes=changes)
    assert not result.instant_fails, "the first answer settles a gate"


def test_nobody_passes_below_the_floor_of_a_part() -> None:
    _, result = ran(*RIGHT[2:])
    assert result.part("priority").percent == 0
    assert result.percent >= 70
    assert not result.passed
    assert result.why == "Not passed: priority 0 %, and each part needs 40 %."


def test_the_evidence_has_no_floor() -> None:
    _, result = ran(*(act for act in RIGHT if act[1] != "open"))
    assert result.passed


def test_what_never_came_up_does_not_count() -> None:
    _, result = ran((25, "open", "m1"), (30, "own", "m1"))
    assert [one.made.decision.id for one in result.decisions] == ["d0", "d1"]
    assert result.part("safety").of == 20


def test_what_was_not_decided_in_time_counts_as_nothing() -> None:
    engine, result = ran()
    assert engine.ended
    assert result.percent == 0
    assert {one.outcome for one in result.decisions} == {"missed"}


def test_a_run_that_was_cut_off_is_not_passed_and_open_decisions_do_not_count() -> None:
    _, result = ran(*RIGHT[:2], until=60_000)
    assert result.why == "Not passed: the run was cut off before its end."
    assert [one.outcome for one in result.decisions] == ["expected", "open"]
    assert result.part("safety").percent is None


def test_leaving_early_is_no_way_through() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    engine.act(Act(at=25_000, verb="open", target="m1"))
    engine.act(Act(at=26_000, verb="own", target="m1"))
    engine.end("the trainee left")
    result = score(engine)
    assert result.percent == 100
    assert not result.passed
    assert "the lesson was left before its end" in result.why


def test_leaving_when_everything_is_decided_is_the_end() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    for at, verb, target in RIGHT:
        engine.act(Act(at=at * 1_000, verb=verb, target=target))
    engine.until(240_000)
    engine.end("the trainee left")
    assert engine.ended == ALL_IS_DECIDED
    assert score(engine).passed


def test_what_the_instructor_ends_is_scored_as_far_as_it_went() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    for at, verb, target in RIGHT[:2]:
        engine.act(Act(at=at * 1_000, verb=verb, target=target))
    engine.order(Order(at=60_000, what="end"))
    assert engine.ended == ENDED_BY_INSTRUCTOR
    result = score(engine)
    assert not result.passed
    assert result.why == "Not passed: the instructor ended it before 1 of its decisions was due; so far 100 %."
    assert [judged.outcome for judged in result.decisions] == ["expected", "open"]


def test_what_the_instructor_ends_after_the_last_decision_is_passed() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    for at, verb, target in RIGHT:
        engine.act(Act(at=at * 1_000, verb=verb, target=target))
    if not engine.ended:
        engine.order(Order(at=engine.now, what="end"))
    assert score(engine).passed


def test_a_run_without_any_decision_is_not_passed() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    engine.order(Order(at=1_000, what="end"))
    assert score(engine).why == "Not passed: the instructor ended it before 2 of its decisions were due; so far 0 %."


def test_an_edit_that_mends_nothing_counts_as_an_approval() -> None:
    changes = (
        (
            'also_ok = ["pause_pulse"]\ndeadly = ["approve", "edit_and_approve"]',
            'also_ok = ["edit_and_approve"]\nedit_has = ["x"]',
        ),
    )
    _, result = ran(*RIGHT[:2], (50, "edit_and_approve", "a1"), changes=changes)
    assert result.instant_fails == ("a1 was approved, and it is a pull request that targets main",)
