"""Better, worse and the same: expiry and silence are never better."""

from __future__ import annotations

import pytest
from isolation_samples import NOW, blind, kept, lead, said, spec

from stas_tui.isolation.cells import Board, board
from stas_tui.isolation.trend import Move, compare
from storage.check_records import CheckResult, Verdict

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE
BETTER, WORSE, SAME, NEW = Move.BETTER, Move.WORSE, Move.SAME, Move.NEW


def made(*results: CheckResult, tenants: tuple[str, ...] = ("acme",)) -> Board:
    return board("shop", tenants, [spec("D1")], kept(*results), [], NOW, tenancy="t1")


def moved(before: CheckResult, after: CheckResult) -> Move:
    return compare(made(before), made(after), "pulse 1").moves["acme", "database"]


@pytest.mark.parametrize(
    ("before", "after", "move"),
    [
        (VERIFIED, VERIFIED, SAME),
        (VERIFIED, UNKNOWN, WORSE),
        (VERIFIED, FLAGGED, WORSE),
        (VERIFIED, AWAY, SAME),
        (UNKNOWN, VERIFIED, BETTER),
        (UNKNOWN, FLAGGED, WORSE),
        (UNKNOWN, AWAY, SAME),
        (FLAGGED, VERIFIED, BETTER),
        (FLAGGED, UNKNOWN, BETTER),
        (FLAGGED, AWAY, SAME),
        (AWAY, FLAGGED, WORSE),
        (AWAY, UNKNOWN, WORSE),
        (AWAY, VERIFIED, SAME),
    ],
)
def test_moves(before: Verdict, after: Verdict, move: Move) -> None:
    assert moved(said(before), said(after)) is move


@pytest.mark.parametrize(
    "after",
    [said(FLAGGED, expires_at=NOW), said(VERIFIED, expires_at=NOW), blind()],
    ids=["the flag ran out", "what came after ran out", "nobody could look"],
)
def test_a_flag_that_nobody_sees_any_more_is_not_better(after: CheckResult) -> None:
    assert moved(said(FLAGGED), after) is SAME
    assert compare(made(said(FLAGGED)), made(after)).went == ()


def test_leads_make_a_flag_better_or_worse() -> None:
    one, two = lead("one"), lead("two")
    both = said(FLAGGED, leads=(one, two))
    assert moved(said(FLAGGED, leads=(one,)), both) is WORSE
    assert moved(both, said(FLAGGED, leads=(one,))) is BETTER
    assert moved(both, both) is SAME
    trend = compare(made(said(FLAGGED, leads=(one,))), made(said(FLAGGED, leads=(two,))), "pulse 1")
    assert [seen.lead.text for seen in trend.came] == ["two"]
    assert [(seen.check, seen.lead.text, seen.tenants) for seen in trend.went] == [("D1", "one", ("acme", ""))]


def test_a_lead_that_moved_with_its_file_is_the_same() -> None:
    here, there = lead("one", line=3), lead("one", line=300)
    trend = compare(made(said(FLAGGED, leads=(here,))), made(said(FLAGGED, leads=(there,))), "pulse 1")
    assert (trend.came, trend.went, trend.changed) == ((), (), frozenset())


def test_without_an_earlier_look_all_is_new() -> None:
    trend = compare(None, made(said(FLAGGED)), "pulse 1")
    assert (trend.since, trend.moves["acme", "database"], len(trend.came)) == ("", NEW, 1)
    assert compare(made(said(FLAGGED)), made(said(FLAGGED), tenants=("acme", "new"))).moves["new", "database"] is NEW
