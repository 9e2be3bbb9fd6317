"""Whatever checks say in whatever order: nothing is verified that is not, nothing unknown gets lost."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from isolation_samples import NOW, TENANTS, kept, lead, said, spec, waiver

from stas_tui.isolation.base import POINTS
from stas_tui.isolation.cells import Board, board
from stas_tui.isolation.cells_said import AHEAD_MS
from storage.check_records import ALL_TENANTS, WORST_FIRST, CheckResult, Verdict, Waiver
from storage.clock import DAY, HOUR

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE
SPECS = (
    spec("D1"),
    spec("D2"),
    spec("D10", per_tenant=True),
    spec("Q1", "queries", live=False, ttl_ms=None),
    spec("Q4", "queries"),
    spec("Q5", "queries", live=False, ttl_ms=None),
    spec("P4", "endpoints", per_tenant=True),
)
BY_ID = {one.id: one for one in SPECS}


@st.composite
def results(draw: st.DrawFn) -> CheckResult:
    check = draw(st.sampled_from(SPECS))
    verdict = draw(st.sampled_from(list(Verdict) if check.live else [FLAGGED, UNKNOWN, AWAY]))
    leads = draw(st.lists(st.builds(lead, st.sampled_from("abc"), accuses=st.booleans()), max_size=2))
    if verdict is FLAGGED:
        leads.append(lead(draw(st.sampled_from("abc"))))
    ended = NOW - draw(st.integers(-2, 40)) * HOUR
    live = check.live and (verdict is VERIFIED or draw(st.booleans()))
    return said(
        verdict,
        check.id,
        tenant=draw(st.sampled_from(["", *TENANTS, "gone"])),
        ended_at=ended,
        expires_at=draw(st.sampled_from([None, NOW, ended + DAY])) if live else None,
        live=live,
        leads=tuple(leads),
        target=draw(st.sampled_from(["", "there"])),
    )


WAIVERS = st.lists(
    st.builds(
        waiver,
        st.sampled_from(sorted(BY_ID)),
        st.sampled_from(["", *TENANTS]),
        st.sampled_from(["", lead("a").fingerprint]),
        until=st.sampled_from([NOW, NOW + DAY]),
    ),
    max_size=4,
)
WORLDS = st.lists(results(), max_size=14)


def made(*results: CheckResult, waivers: Sequence[Waiver] = (), now: int = NOW) -> Board:
    return board("shop", TENANTS, SPECS, kept(*results), waivers, now, tenancy="t1")


def holds(one: CheckResult) -> bool:
    alive = one.live and one.expires_at is not None and one.expires_at > NOW and one.ended_at <= NOW + AHEAD_MS
    return one.verdict is VERIFIED and alive


@settings(max_examples=300, deadline=None)
@given(WORLDS, WAIVERS)
def test_nothing_is_verified_without_a_live_result_that_holds(given_: list[CheckResult], waivers: list[Waiver]) -> None:
    found = made(*given_, waivers=waivers)
    for one in found.cells.values():
        if one.verdict is not VERIFIED:
            continue
        rows = TENANTS if one.tenant == ALL_TENANTS else (one.tenant,)
        cells = [found.cell(row, one.point) for row in rows]
        assert {cell.verdict for cell in cells} <= {VERIFIED, AWAY}
        for row in (cell.tenant for cell in cells if cell.verdict is VERIFIED):
            assert any(BY_ID[r.check].point == one.point and r.tenant in ("", row) and holds(r) for r in given_)


@settings(max_examples=300, deadline=None)
@given(WORLDS, WAIVERS)
def test_nothing_unknown_disappears_under_verified(given_: list[CheckResult], waivers: list[Waiver]) -> None:
    found = made(*given_, waivers=waivers)
    for (tenant, point), one in found.cells.items():
        if one.verdict not in (VERIFIED, AWAY):
            continue
        for row in found.tenants if tenant == ALL_TENANTS else [tenant]:
            for check in (s for s in SPECS if s.point == point):
                here = [r for r in given_ if r.check == check.id and r.tenant in ("", row)]
                assert here, "a check that never ran"
                assert not any(r.verdict is FLAGGED for r in here)
                unknown = [r for r in here if not holds(r) and r.verdict is not AWAY]
                assert not unknown or (not check.live and not any(r.leads or not r.target for r in unknown))


@settings(max_examples=200, deadline=None)
@given(WORLDS, WAIVERS)
def test_an_acceptance_changes_no_verdict(given_: list[CheckResult], waivers: list[Waiver]) -> None:
    without, with_ = made(*given_), made(*given_, waivers=waivers)
    assert {key: one.verdict for key, one in without.cells.items()} == {
        key: one.verdict for key, one in with_.cells.items()
    }
    assert without.counts.verified == with_.counts.verified
    for key, one in with_.cells.items():
        assert bool(one.flags) == bool(without.cells[key].flags)


@settings(max_examples=200, deadline=None)
@given(WORLDS)
def test_all_tenants_together_are_no_better_than_the_worst(given_: list[CheckResult]) -> None:
    found = made(*given_)
    for point in POINTS:
        worst = min(WORST_FIRST.index(found.cell(tenant, point).verdict) for tenant in TENANTS)
        assert WORST_FIRST.index(found.cell(ALL_TENANTS, point).verdict) <= worst


@settings(max_examples=200, deadline=None)
@given(WORLDS, st.integers(0, 100 * DAY))
def test_time_alone_verifies_nothing(given_: list[CheckResult], later: int) -> None:
    past = [r for r in given_ if r.ended_at <= NOW]
    now, then = made(*past), made(*past, now=NOW + later)
    for key, one in then.cells.items():
        assert one.verdict is not VERIFIED or now.cells[key].verdict is VERIFIED
