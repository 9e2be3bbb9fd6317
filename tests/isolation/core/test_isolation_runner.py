"""Whatever a group does, each wanted check gets an answer, and what breaks is said and logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from isolation_samples import NOW, answers, group, lead, said, spec, tenancy, world

from stas_tui.isolation.base import LIVE_MS, UNDECLARED, Cancelled, World
from stas_tui.isolation.border import DRAFT, MOST_LEADS
from stas_tui.isolation.catalog import Group
from stas_tui.isolation.runner import run
from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, MINUTE

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE
TOKEN = "ghp_" + "a1B2" * 9


def told(*groups: Group, log: list[str] | None = None, limit_s: float = 30.0, **how: object) -> list[CheckResult]:
    took = log if log is not None else []
    return list(run(world(**how), groups, limit_s=limit_s, grace_s=0.3, log=took.append))


def short(results: list[CheckResult]) -> list[tuple[str, str, Verdict]]:
    return [(r.check, r.tenant, r.verdict) for r in results]


def test_results_come_as_they_are_said() -> None:
    first = threading.Event()

    def slow(_: World) -> Iterator[CheckResult]:
        yield said(VERIFIED, "D1")
        assert first.wait(10)
        yield said(UNKNOWN, "D2")

    stream = run(world(), [group(slow, spec("D1"), spec("D2"))])
    assert next(stream).check == "D1"
    first.set()
    assert next(stream).check == "D2"
    assert list(stream) == []


def test_without_a_tenancy_file_nothing_runs_and_all_is_unknown() -> None:
    def never(_: World) -> Iterator[CheckResult]:
        raise AssertionError("it ran")
        yield

    [one] = told(group(never), tenancy=None)
    assert (one.verdict, one.reason) == (UNKNOWN, UNDECLARED)


def test_nothing_is_good_news_by_a_draft_that_nobody_completed() -> None:
    results = (said(VERIFIED, "D1"), said(FLAGGED, "D2"), said(AWAY, "D3"))
    declared = tenancy(completed_by=" ", not_applicable=({"check": "D4", "reason": "no database"},))
    found = told(group(answers(*results), *(spec(f"D{n}") for n in range(1, 5))), tenancy=declared)
    assert short(found) == [
        ("D4", "", UNKNOWN),
        ("D1", "", UNKNOWN),
        ("D2", "", FLAGGED),
        ("D3", "", UNKNOWN),
    ]
    assert all(DRAFT in r.reason for r in found if r.check != "D2")
    assert "it would be verified: so it is" in found[1].reason


def test_a_check_declared_away_is_not_run_and_says_the_declared_reason() -> None:
    asked: list[frozenset[str]] = []

    def run_(world: World) -> Iterator[CheckResult]:
        asked.append(world.only)
        yield said(VERIFIED, "D2")

    declared = tenancy(not_applicable=({"check": "D1", "reason": "there is no database"},))
    found = told(group(run_, spec("D1"), spec("D2")), tenancy=declared)
    assert short(found) == [("D1", "", AWAY), ("D2", "", VERIFIED)]
    assert found[0].reason == "declared: there is no database"
    assert asked == [frozenset({"D2"})]


def test_only_wanted_checks_are_asked() -> None:
    asked: list[str] = []

    def other(_: World) -> Iterator[CheckResult]:
        asked.append("other")
        yield said(VERIFIED, "P1")

    wanted = group(answers(said(VERIFIED, "D1"), said(VERIFIED, "D2")), spec("D1"), spec("D2"))
    found = told(wanted, group(other, spec("P1")), only=frozenset({"D2"}))
    assert short(found) == [("D2", "", VERIFIED)]
    assert asked == []


def test_a_group_that_is_missing_says_what_to_install() -> None:
    log: list[str] = []
    missing = Group("database", (spec("D1"), spec("D2")), missing="install it", broken=f"ImportError {TOKEN}")
    assert [(r.verdict, r.reason) for r in told(missing, log=log)] == [(UNKNOWN, "install it")] * 2
    assert len(log) == 1
    assert TOKEN not in log[0]


def test_a_check_that_breaks_says_so_alone_and_stands_in_the_log_without_secrets() -> None:
    def run_(world: World) -> Iterator[CheckResult]:
        for one in ("D1", "D2", "D3"):
            if world.wants(one):
                if one == "D2":
                    raise RuntimeError(f"no luck with {TOKEN}\nand more")
                yield said(VERIFIED, one)

    log: list[str] = []
    found = told(group(run_, spec("D1"), spec("D2"), spec("D3")), log=log)
    assert short(found) == [("D1", "", VERIFIED), ("D2", "", UNKNOWN), ("D3", "", VERIFIED)]
    assert found[1].reason.startswith("the check broke (RuntimeError: no luck with ‹redacted:")
    assert found[1].reason.endswith("the log says more")
    assert any("Traceback" in text and "no luck with" in text for text in log)
    assert not any(TOKEN in text for text in log)


def test_a_library_that_is_missing_when_it_is_needed_is_named() -> None:
    def run_(world: World) -> Iterator[CheckResult]:
        if world.wants("D1"):
            yield said(VERIFIED, "D1")
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    found = told(group(run_, spec("D1"), spec("D2")))
    assert short(found) == [("D1", "", VERIFIED), ("D2", "", UNKNOWN)]
    assert found[1].reason == "psycopg is not installed; `pip install 'stas-tui[pg]'`"


def test_tenants_that_a_check_leaves_out_are_unknown() -> None:
    run_ = answers(said(VERIFIED, "D10", tenant="acme"))
    found = told(group(run_, spec("D10", per_tenant=True)))
    assert short(found) == [("D10", "acme", VERIFIED), ("D10", "globex", UNKNOWN)]
    assert found[1].reason == "the check gave no answer"


def test_a_check_that_broke_half_way_is_unknown_for_the_rest_and_says_nothing_twice() -> None:
    def run_(_: World) -> Iterator[CheckResult]:
        yield said(FLAGGED, "D10", tenant="acme")
        raise ValueError("gone")

    found = told(group(run_, spec("D10", per_tenant=True), spec("D11")))
    assert short(found) == [("D10", "acme", FLAGGED), ("D10", "globex", UNKNOWN), ("D11", "", UNKNOWN)]


def test_silence_is_unknown() -> None:
    assert short(told(group(answers(), spec("D1"), spec("D2")))) == [("D1", "", UNKNOWN), ("D2", "", UNKNOWN)]


def test_a_check_that_the_package_does_not_have_is_unknown() -> None:
    half = group(answers(said(VERIFIED, "D1")), spec("D1"))
    whole = Group("database", (spec("D1"), spec("D2")), module=half.module)
    found = told(whole)
    assert short(found) == [("D1", "", VERIFIED), ("D2", "", UNKNOWN)]
    assert found[1].reason == "this Stas has no such check"


@pytest.mark.parametrize(
    "wrong",
    [
        said(VERIFIED, "C9"),
        said(VERIFIED, project_id="other"),
        said(VERIFIED, tenant="nobody"),
    ],
)
def test_an_answer_that_the_group_may_not_give_is_a_fault_of_the_group(wrong: CheckResult) -> None:
    log: list[str] = []
    found = told(group(answers(wrong) if wrong.check == "D1" else lambda _: iter([wrong])), log=log)
    assert [r.verdict for r in found] == [UNKNOWN]
    assert "WrongResult" in found[0].reason
    assert log


def test_a_reading_that_says_it_ran_is_not_believed() -> None:
    found = told(group(answers(said(VERIFIED, "Q1")), spec("Q1", "queries", live=False, ttl_ms=None)))
    assert [r.verdict for r in found] == [UNKNOWN]


def test_questions_alone_flag_nothing() -> None:
    [one] = told(group(answers(said(FLAGGED, leads=(lead(accuses=False),)))))
    assert one.verdict is UNKNOWN
    assert one.leads


def test_a_live_result_ends_when_its_description_says() -> None:
    late, early, without = (
        said(VERIFIED, "D1", expires_at=NOW + 9 * DAY),
        said(VERIFIED, "D2", expires_at=NOW),
        said(VERIFIED, "M2", expires_at=None),
    )
    specs = (spec("D1"), spec("D2"), spec("M2", "metrics", ttl_ms=15 * MINUTE))
    found = told(group(answers(late, early, without), *specs))
    assert [r.expires_at for r in found] == [late.ended_at + LIVE_MS, NOW, without.ended_at + 15 * MINUTE]


def test_secrets_hidden_characters_and_floods_stay_at_the_border() -> None:
    flood = tuple(lead(f"n{n}", code=f"n{n}") for n in range(MOST_LEADS + 7))
    whole = said(
        FLAGGED,
        reason=f"\x1b[31mred {TOKEN}",
        target=TOKEN,
        control=TOKEN,
        executed=(f"select '{TOKEN}'" + "x" * 5_000,),
        counts={"token": TOKEN},
        leads=(lead(f"token {TOKEN}", code=f"TOKEN = '{TOKEN}'", path=f"a/{TOKEN}"), *flood),
    )
    [one] = told(group(answers(whole)))
    assert TOKEN not in repr(one)
    assert "\x1b" not in one.reason
    assert len(one.leads) == MOST_LEADS
    assert one.counts["leads_left_out"] == 8
    assert len(one.executed[0]) <= 2_000


def test_a_lead_keeps_its_identity_at_the_border() -> None:
    mine = lead("wrong", code="session.query(Invoice)", anchor="")
    [one] = told(group(answers(said(FLAGGED, leads=(mine,)))))
    assert one.leads[0].fingerprint == mine.fingerprint


# time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hanging", "verdicts"),
    [({"D2"}, [VERIFIED, UNKNOWN, VERIFIED, VERIFIED]), ({"D2", "D3"}, [VERIFIED, UNKNOWN, UNKNOWN, UNKNOWN])],
)
def test_a_check_that_hangs_is_left_and_the_others_still_answer(hanging: set[str], verdicts: list[Verdict]) -> None:
    release = threading.Event()
    checks = ("D1", "D2", "D3", "D4")

    def run_(world: World) -> Iterator[CheckResult]:
        for one in checks:
            if world.wants(one):
                if one in hanging:
                    release.wait(60)
                yield said(VERIFIED, one)

    found = told(group(run_, *map(spec, checks)), limit_s=0.4)
    release.set()
    assert sorted(r.check for r in found) == list(checks)
    by_check = {r.check: r for r in found}
    assert [by_check[check].verdict for check in checks] == verdicts
    assert by_check["D2"].reason == "it took longer than 0.4 s and was stopped"
    if "D3" in hanging:
        assert by_check["D4"].reason == "not asked: other checks of this group took too long"


def test_a_group_that_is_slow_stops_at_its_next_step() -> None:
    stopped = threading.Event()

    def run_(world: World) -> Iterator[CheckResult]:
        try:
            while True:
                world.step("reading")
                time.sleep(0.01)
        except Cancelled:
            stopped.set()
            raise
        yield

    found = told(group(run_), limit_s=0.3)
    assert stopped.wait(10)
    assert found[0].reason == "it took longer than 0.3 s and was stopped"


def test_a_person_ends_a_round_and_what_came_until_then_stands() -> None:
    over = threading.Event()

    def run_(world: World) -> Iterator[CheckResult]:
        yield said(VERIFIED, "D1")
        over.set()
        while True:
            world.step("reading")
            time.sleep(0.01)

    stream = run(world(cancelled=over.is_set), [group(run_, spec("D1"), spec("D2"))])
    assert next(stream).check == "D1"
    with pytest.raises(Cancelled):
        next(stream)


def test_a_person_ends_a_round_whose_group_hangs() -> None:
    over, release = threading.Event(), threading.Event()

    def run_(_: World) -> Iterator[CheckResult]:
        over.set()
        release.wait(60)
        yield said(VERIFIED)

    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(run(world(cancelled=over.is_set), [group(run_)], grace_s=0.3))
    release.set()
    assert time.monotonic() - began < 20


def test_progress_is_handed_on() -> None:
    steps: list[str] = []
    told(group(answers(said(VERIFIED))), progress=steps.append)
    assert steps == ["D1"]
