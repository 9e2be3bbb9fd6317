"""From results, acceptances and the time to the matrix: nothing is verified that is not, nothing unknown gets lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from isolation_samples import NOW, TENANTS, blind, kept, lead, round_, said, spec, waiver

from stas_tui.isolation.base import Spec
from stas_tui.isolation.cells import Board, Cell, board
from stas_tui.isolation.cells_said import AHEAD_MS, NOT_RUN, ago
from storage.check_records import ALL_TENANTS, CheckResult, Verdict, Waiver
from storage.clock import DAY, HOUR, MINUTE, SECOND

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE
D1, D2 = spec("D1"), spec("D2")
D10 = spec("D10", per_tenant=True)
Q1 = spec("Q1", "queries", live=False, ttl_ms=None)
Q4 = spec("Q4", "queries")
Q5 = spec("Q5", "queries", live=False, ttl_ms=None)
P4 = spec("P4", "endpoints", per_tenant=True)


def made(
    specs: Sequence[Spec],
    *results: CheckResult,
    waivers: Sequence[Waiver] = (),
    now: int = NOW,
    tenants: Sequence[str] = TENANTS,
    tenancy: str | None = "t1",
) -> Board:
    return board("shop", tenants, specs, kept(*results), waivers, now, tenancy=tenancy)


def cell(*results: CheckResult, specs: Sequence[Spec] = (D1, D2), tenant: str = "acme", **how: object) -> Cell:
    point = specs[0].point
    return made(specs, *results, **how).cell(tenant, point)  # type: ignore[arg-type]


def none(check: str = "Q1", **more: object) -> CheckResult:
    """A reading that found no lead."""
    values = {"live": False, "expires_at": None, "target": "commit abc", "counts": {"files": 7}, **more}
    return said(UNKNOWN, check, **values)


# one cell ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        (FLAGGED, UNKNOWN, FLAGGED),
        (FLAGGED, VERIFIED, FLAGGED),
        (FLAGGED, AWAY, FLAGGED),
        (UNKNOWN, VERIFIED, UNKNOWN),
        (UNKNOWN, AWAY, UNKNOWN),
        (VERIFIED, AWAY, VERIFIED),
        (VERIFIED, VERIFIED, VERIFIED),
        (AWAY, AWAY, AWAY),
    ],
)
def test_a_cell_is_as_bad_as_the_worst_in_it(first: Verdict, second: Verdict, merged: Verdict) -> None:
    for pair in ((first, second), (second, first)):
        found = cell(said(pair[0], "D1"), said(pair[1], "D2"))
        assert (found.verdict, found.word) == (merged, merged.value)
        assert found.said[0].verdict is merged


def test_what_was_never_run_is_unknown_beside_what_is_verified() -> None:
    found = cell(said(VERIFIED, "D1"))
    assert found.verdict is UNKNOWN
    assert found.reason == f"D2: {NOT_RUN}"
    assert [one.spec.id for one in found.open_unknown] == ["D2"]


def test_a_point_without_any_check_is_unknown() -> None:
    found = made([D1], said(VERIFIED)).cell("acme", "logs")
    assert (found.verdict, found.reason, found.at) == (UNKNOWN, "no check looks at this", None)


def test_a_live_result_that_has_run_out_says_what_it_was() -> None:
    old = said(VERIFIED, ended_at=NOW - 26 * HOUR, expires_at=NOW - 2 * HOUR, reason="12 tables read")
    found = cell(old, specs=[D1])
    assert found.verdict is UNKNOWN
    assert found.reason == "D1: was verified 26 h ago: 12 tables read"
    assert found.said[0].was is VERIFIED
    assert cell(old, specs=[D1], now=NOW - 2 * HOUR - 1).verdict is VERIFIED


def test_a_flag_that_has_run_out_is_unknown_and_keeps_its_place() -> None:
    found = cell(said(FLAGGED, expires_at=NOW), specs=[D1])
    assert (found.verdict, found.said[0].was) == (UNKNOWN, FLAGGED)
    assert found.reason.startswith("D1: was flagged 60 min ago")
    assert not found.flags
    assert [one.place for _, one in found.questions] == ["app/a.py:3"]


def test_a_result_from_the_future_is_not_believed() -> None:
    ahead = said(VERIFIED, ended_at=NOW + AHEAD_MS + 1)
    assert cell(ahead, specs=[D1]).verdict is UNKNOWN
    assert "lies in the future" in cell(ahead, specs=[D1]).reason


def test_a_flag_of_the_code_holds_until_the_code_is_read_again() -> None:
    found = cell(said(FLAGGED, "Q1", live=False, expires_at=None), specs=[Q1], now=NOW + 400 * DAY)
    assert found.verdict is FLAGGED


def test_what_was_declared_away_is_unknown_once_the_declaration_has_changed() -> None:
    away = said(AWAY, live=False, expires_at=None)
    assert cell(away, specs=[D1]).verdict is AWAY
    changed = cell(away, specs=[D1], tenancy="t2")
    assert changed.verdict is UNKNOWN
    assert "was n/a 60 min ago, and the tenancy file has changed since" in changed.reason
    assert cell(said(VERIFIED), specs=[D1], tenancy="t2").verdict is VERIFIED, "it ran on the real thing"


def test_ages_are_those_of_what_makes_the_verdict() -> None:
    first, second = said(VERIFIED, "D1", ended_at=NOW - 3 * HOUR), said(VERIFIED, "D2", expires_at=NOW + HOUR)
    found = cell(first, second)
    assert (found.at, found.expires_at) == (NOW - 3 * HOUR, NOW + HOUR)
    assert cell(first, said(FLAGGED, "D2")).expires_at is None


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (119 * SECOND, "119 s"), (40 * MINUTE, "40 min"), (26 * HOUR, "26 h"), (5 * DAY, "5 d"), (-1, "0 s")],
)
def test_ago(ms: int, text: str) -> None:
    assert ago(ms) == text


# tenants -------------------------------------------------------------------------------------------


def test_what_concerns_all_counts_in_each_row() -> None:
    for verdict in (FLAGGED, UNKNOWN, VERIFIED, AWAY):
        found = made([D1], said(verdict))
        assert {found.cell(row, "database").verdict for row in found.rows} == {verdict}


def test_what_a_check_of_each_tenant_says_of_all_proves_nothing_of_one() -> None:
    found = made([D10], said(VERIFIED, "D10"), said(VERIFIED, "D10", tenant="acme"))
    assert found.cell("acme", "database").verdict is VERIFIED
    assert found.cell("globex", "database").verdict is UNKNOWN
    assert found.cell(ALL_TENANTS, "database").verdict is UNKNOWN
    assert made([D10], said(VERIFIED, "D10"), tenants=()).cell(ALL_TENANTS, "database").verdict is UNKNOWN
    assert made([D10], said(FLAGGED, "D10")).cell("globex", "database").verdict is FLAGGED


def test_the_row_of_all_tenants_names_whom_it_is_about() -> None:
    found = made([D10], said(VERIFIED, "D10", tenant="acme"), said(FLAGGED, "D10", tenant="globex", reason="2 rows"))
    assert found.cell("acme", "database").verdict is VERIFIED
    everybody = found.cell(ALL_TENANTS, "database")
    assert (everybody.verdict, everybody.reason) == (FLAGGED, "D10 for globex: 2 rows")
    assert len(everybody.said) == 2


def test_results_of_tenants_that_are_not_declared_are_in_no_row() -> None:
    found = made([D10], said(FLAGGED, "D10", tenant="gone"), said(VERIFIED, "D10", tenant="acme"))
    assert found.rows == (ALL_TENANTS, *TENANTS)
    assert found.cell("acme", "database").verdict is VERIFIED


def test_counts_speak_of_cells_and_count_unknown_beside_flagged() -> None:
    results = (said(FLAGGED, "D1", tenant="acme"), said(VERIFIED, "Q4"), said(AWAY, "P4"))
    found = made([D1, D2, Q4, P4], *results)
    counts = found.counts
    assert (counts.flagged, counts.accepted, counts.verified, counts.not_applicable) == (1, 0, 2, 2)
    assert counts.unknown == 2, "a flagged cell whose other check never ran counts too"
    assert found.header == f"1 flagged, {counts.unknown} unknown, 2 verified, 2 n/a"
    assert made([D1], tenants=()).counts.unknown == 1


# reading and proof ---------------------------------------------------------------------------------


def test_a_reading_without_lead_is_settled_by_the_proof_on_the_running_thing() -> None:
    found = cell(none("Q1"), said(VERIFIED, "Q4"), specs=[Q1, Q4])
    assert found.verdict is VERIFIED
    assert [(one.spec.id, one.settled_by) for one in found.said] == [("Q1", "Q4"), ("Q4", "")]
    assert not found.open_unknown


@pytest.mark.parametrize(
    "reading",
    [
        none("Q1", leads=(lead(accuses=False),)),
        blind("Q1", counts={}),
        none("Q5"),
    ],
    ids=["it asks", "it read nothing", "another check settles it"],
)
def test_a_reading_that_is_not_settled_keeps_its_cell_unknown(reading: CheckResult) -> None:
    found = cell(reading, said(VERIFIED, "Q4"), specs=[Q1 if reading.check == "Q1" else Q5, Q4])
    assert found.verdict is UNKNOWN
    assert len(found.open_unknown) == 1


@pytest.mark.parametrize(
    "proof",
    [
        said(UNKNOWN, "Q4"),
        said(FLAGGED, "Q4"),
        said(VERIFIED, "Q4", expires_at=NOW),
        said(AWAY, "Q4"),
    ],
)
def test_only_a_proof_that_holds_settles(proof: CheckResult) -> None:
    assert cell(none("Q1"), proof, specs=[Q1, Q4]).verdict is not VERIFIED


def test_a_proof_for_one_tenant_settles_that_row_only_and_never_makes_one_alone() -> None:
    found = made([Q4, Q5, P4], said(VERIFIED, "Q4"), none("Q5"), said(VERIFIED, "P4", tenant="acme"))
    assert found.cell("acme", "queries").verdict is VERIFIED
    assert found.cell("globex", "queries").verdict is UNKNOWN
    assert found.cell(ALL_TENANTS, "queries").verdict is UNKNOWN
    alone = made([Q5, P4], none("Q5"), said(VERIFIED, "P4", tenant="acme"))
    assert alone.cell("acme", "queries").verdict is UNKNOWN


def test_a_settled_reading_beside_nothing_but_declared_away_is_unknown() -> None:
    found = made([Q4, Q5, P4], said(AWAY, "Q4"), none("Q5"), said(VERIFIED, "P4", tenant="acme"))
    assert found.cell("acme", "endpoints").verdict is VERIFIED
    assert found.cell("acme", "queries").verdict is UNKNOWN


def test_a_reading_whose_declaration_is_gone_is_settled_by_nothing() -> None:
    found = made([Q1, Q4], none("Q1"), said(VERIFIED, "Q4"), tenancy="t2")
    assert found.cell("acme", "queries").verdict is VERIFIED
    away = said(AWAY, "Q1", live=False, expires_at=None)
    assert made([Q1, Q4], away, said(VERIFIED, "Q4"), tenancy="t2").cell("acme", "queries").verdict is UNKNOWN


# acceptances ---------------------------------------------------------------------------------------


def test_an_accepted_flag_stays_a_flag_and_says_until_when() -> None:
    found = cell(said(FLAGGED), specs=[D1], waivers=[waiver()])
    assert found.verdict is FLAGGED
    assert found.word == "flagged, accepted until 2026-11-19"
    assert not found.open_flags
    assert found.flags


@pytest.mark.parametrize(
    "of",
    [
        waiver("D2"),
        waiver(tenant="globex"),
        waiver(fingerprint="another"),
        waiver(until=NOW),
        waiver(at=NOW + 1),
        waiver(ended_at=NOW - 1, ended_by="Ada"),
    ],
    ids=["other check", "other tenant", "other lead", "past its end", "not begun", "ended by a person"],
)
def test_what_does_not_accept(of: Waiver) -> None:
    found = cell(said(FLAGGED), specs=[D1], waivers=[of])
    assert found.open_flags
    assert found.accepted_until is None


def test_a_new_lead_opens_an_accepted_flag_again() -> None:
    old, new = lead("old"), lead("new")
    only = waiver(fingerprint=old.fingerprint)
    assert not cell(said(FLAGGED, leads=(old,)), specs=[D1], waivers=[only]).open_flags
    found = cell(said(FLAGGED, leads=(old, new)), specs=[D1], waivers=[only])
    assert found.open_flags
    both = [only, waiver(fingerprint=new.fingerprint, until=NOW + HOUR)]
    assert cell(said(FLAGGED, leads=(old, new)), specs=[D1], waivers=both).accepted_until == NOW + HOUR


def test_one_accepted_flag_hides_no_other() -> None:
    found = cell(said(FLAGGED, "D1"), said(FLAGGED, "D2"), waivers=[waiver("D1")])
    assert found.open_flags
    assert found.word == "flagged"


def test_accepting_for_one_tenant_leaves_the_others_and_the_row_of_all_open() -> None:
    found = made([D1], said(FLAGGED), waivers=[waiver(tenant="acme")])
    assert [found.cell(row, "database").open_flags for row in found.rows] == [True, False, True]
    each = made([D1], said(FLAGGED), waivers=[waiver(tenant=tenant) for tenant in TENANTS])
    assert not each.cell(ALL_TENANTS, "database").open_flags


def test_an_accepted_question_is_unknown_and_no_longer_open() -> None:
    ask = said(UNKNOWN, leads=(lead(accuses=False),))
    found = cell(ask, specs=[D1], waivers=[waiver()])
    assert (found.verdict, found.open_unknown) == (UNKNOWN, ())
    assert found.word.startswith("unknown, accepted until")
    assert cell(said(UNKNOWN), specs=[D1], waivers=[waiver()]).open_unknown, "there is no question to answer"
    old = said(FLAGGED, expires_at=NOW)
    assert cell(old, specs=[D1], waivers=[waiver()]).open_unknown, "nobody knows what it would flag now"


def test_a_row_comes_from_the_round_it_was_run_in() -> None:
    [one] = kept(said(VERIFIED), run=round_(commit="abc"))
    found = board("shop", ["acme"], [D1], [one], [], NOW)
    assert found.cell("acme", "database").said[0].commit == "abc"
