"""Results and acceptances in a real record: appended, pruned by number, guarded by the database itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from isolation_samples import NOW, blind, lead, said

from storage.check_records import CheckResult, CheckRun, Verdict
from storage.checks import KEPT_OF_PULSES, KEPT_RESULTS, KEPT_RUNS, LONGEST_WAIVER, Checks, WaiverRefused
from storage.clock import DAY, HOUR, ManualClock
from storage.journal import IllegalMove, Journal
from storage.pulses import Pulses
from storage.records import Mode, Pulse
from storage.schema_record import MIGRATIONS, open_record
from storage.sqlite import Store

FLAGGED, UNKNOWN, VERIFIED, AWAY = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def checks(tmp_path: Path, clock: ManualClock) -> Iterator[Checks]:
    with open_record(tmp_path / "stas.db") as store:
        yield Checks(Journal(store, clock))


def a_round(checks: Checks, *results: CheckResult, outcome: str = "done", pulse: str | None = None) -> CheckRun:
    run = checks.begin("shop", sorted({r.check for r in results}), commit="abc", tenancy="t1", pulse_id=pulse)
    for result in results:
        checks.put(run, result)
    return checks.end(run, outcome)


def a_pulse(checks: Checks) -> Pulse:
    pulses = Pulses(checks.journal.store, checks.journal)
    return pulses.begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")


def standing(checks: Checks, **how: int) -> list[tuple[str, str, Verdict]]:
    return [(k.result.check, k.result.tenant, k.result.verdict) for k in checks.standing("shop", **how)]


def test_a_result_comes_back_whole_with_its_round(checks: Checks) -> None:
    whole = said(
        FLAGGED,
        "D10",
        tenant="acme",
        control="globex has 5 rows",
        counts={"foreign": 2, "share": 0.5},
        executed=("select count(*) from invoice",),
        leads=(lead(severity="crit", anchor="policy p"), lead("ask", accuses=False, line=0)),
        tool="psycopg 3",
    )
    run = a_round(checks, whole)
    [found] = checks.standing("shop")
    assert found.result == whole
    assert found.run == run
    assert (run.outcome, run.commit, run.tenancy, run.asked) == ("done", "abc", "t1", ("D10",))
    assert [k.result for k in checks.history("shop", "D10", "acme")] == [whole]
    assert checks.standing("other") == []


def test_the_log_seals_a_round_by_what_it_found(checks: Checks) -> None:
    a_round(checks, said(VERIFIED), said(UNKNOWN, "D2"))
    a_round(checks, said(VERIFIED), said(UNKNOWN, "D2", reason="another reason"))
    first, second = checks.journal.events(kinds=["isolation.ran"])
    assert first.body["results"] == {"verified": 1, "unknown": 1}
    assert first.body["digest"] != second.body["digest"]
    assert checks.journal.verify().ok


def test_what_stands_is_the_latest_round_of_each_check(checks: Checks) -> None:
    a_round(checks, said(VERIFIED, "D1"), said(FLAGGED, "D2", tenant="acme"), said(VERIFIED, "D2", tenant="globex"))
    a_round(checks, said(UNKNOWN, "D2", tenant="acme"))
    assert standing(checks) == [("D1", "", VERIFIED), ("D2", "acme", UNKNOWN)], "a tenant left out is not proved"


def test_a_flag_stays_while_everything_since_has_looked_at_nothing(checks: Checks) -> None:
    a_round(checks, said(FLAGGED, "D10", tenant="acme"), said(VERIFIED, "D10", tenant="globex"))
    a_round(checks, blind("D10"))
    a_round(checks, blind("D10"))
    assert standing(checks) == [("D10", "acme", FLAGGED), ("D10", "", UNKNOWN)]
    a_round(checks, said(UNKNOWN, "D10", tenant="globex"), blind("D10", tenant="acme"))
    assert ("D10", "acme", FLAGGED) in standing(checks), "another tenant was looked at, not this one"
    a_round(checks, said(VERIFIED, "D10", tenant="acme"))
    a_round(checks, blind("D10"))
    assert standing(checks) == [("D10", "", UNKNOWN)]


def test_what_one_round_says_after_its_flag_does_not_take_it_back(checks: Checks) -> None:
    a_round(checks, said(FLAGGED, "D10", tenant="acme"), said(UNKNOWN, "D10"))
    a_round(checks, blind("D10"))
    assert ("D10", "acme", FLAGGED) in standing(checks)


def test_a_flag_about_all_ends_with_any_later_look(checks: Checks) -> None:
    a_round(checks, said(FLAGGED, "Q1", live=False, expires_at=None))
    a_round(checks, blind("Q1"))
    assert standing(checks) == [("Q1", "", FLAGGED), ("Q1", "", UNKNOWN)]
    a_round(checks, said(UNKNOWN, "Q1", live=False, expires_at=None, target="commit def"))
    assert standing(checks) == [("Q1", "", UNKNOWN)]


def test_what_stood_at_an_earlier_moment_can_be_asked(checks: Checks) -> None:
    a_round(checks, said(FLAGGED, ended_at=NOW - 5 * HOUR))
    a_round(checks, said(VERIFIED, ended_at=NOW - HOUR))
    assert standing(checks, before=NOW - 6 * HOUR) == []
    assert standing(checks, before=NOW - 2 * HOUR) == [("D1", "", FLAGGED)]
    assert standing(checks) == [("D1", "", VERIFIED)]


def test_history_is_pruned_by_number_and_keeps_what_pulses_asked_for(checks: Checks) -> None:
    pulse = a_pulse(checks)
    for _ in range(KEPT_OF_PULSES + 2):
        a_round(checks, said(VERIFIED), pulse=pulse.id)
    for _ in range(KEPT_RESULTS + 3):
        a_round(checks, said(VERIFIED), said(UNKNOWN, "D2", tenant="acme"))
    rows = checks.history("shop", "D1", limit=100)
    assert len(rows) == KEPT_RESULTS + KEPT_OF_PULSES
    assert sum(row.run.pulse_id == pulse.id for row in rows) == KEPT_OF_PULSES
    assert len(checks.history("shop", "D2", "acme", limit=100)) == KEPT_RESULTS


def test_rounds_without_results_are_pruned_too(checks: Checks) -> None:
    for _ in range(KEPT_RUNS + 5):
        a_round(checks)
    assert checks.journal.store.read("select count(*) from check_run")[0][0] == KEPT_RUNS
    last = checks.last_run("shop")
    assert last is not None
    assert last.outcome == "done"


def test_a_round_whose_process_died_is_closed_by_the_next(checks: Checks) -> None:
    dead = checks.begin("shop", ["D1"])
    checks.put(dead, said(FLAGGED))
    a_round(checks, said(UNKNOWN, "D2"))
    ended = checks.run(dead.id)
    assert ended is not None
    assert (ended.outcome, ended.note) == ("failed", "its process ended before it did")
    assert standing(checks) == [("D1", "", FLAGGED), ("D2", "", UNKNOWN)]


def test_a_result_of_another_project_is_refused(checks: Checks) -> None:
    run = checks.begin("shop", ["D1"])
    with pytest.raises(ValueError, match="a result of other"):
        checks.put(run, said(VERIFIED, project_id="other"))


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("update check_result set verdict = 'verified'", "results never change"),
        ("delete from check_result where verdict = 'flagged'", "the latest result of a check is kept"),
        ("update check_run set note = 'x'", "a round of checks only ends, once"),
        ("update check_waiver set until = until + 1", "an acceptance only ends, once"),
        ("delete from check_waiver", "acceptances are kept"),
        (
            'insert into check_result(run_id, project_id, "check", tenant, verdict, live, blind, ended_at, body)'
            " select run_id, project_id, 'D9', tenant, 'verified', 1, 0, ended_at, body from check_result",
            "CHECK constraint",
        ),
        (
            'insert into check_result(run_id, project_id, "check", tenant, verdict, live, blind, ended_at, expires_at,'
            " body) select run_id, project_id, 'D9', tenant, 'verified', 0, 0, ended_at, ended_at + 1, body"
            " from check_result",
            "CHECK constraint",
        ),
        (
            'insert into check_waiver(id, project_id, "check", tenant, reason, by, at, until)'
            " values('w', 'shop', 'D1', '', ' ', 'Ada', 1, 2)",
            "CHECK constraint",
        ),
        (
            'insert into check_waiver(id, project_id, "check", tenant, reason, by, at, until)'
            " values('w', 'shop', 'D1', '', 'because', 'Ada', 1, 40000000000)",
            "CHECK constraint",
        ),
    ],
)
def test_the_database_refuses(checks: Checks, sql: str, why: str) -> None:
    a_round(checks, said(FLAGGED))
    checks.accept("shop", "D1", reason="known", by="Ada", until=NOW + DAY)
    with pytest.raises(sqlite3.IntegrityError, match=why), checks.journal.store.write() as conn:
        conn.execute(sql)


# acceptances ---------------------------------------------------------------------------------------


def test_an_acceptance_has_a_person_a_reason_and_an_end(checks: Checks) -> None:
    made = checks.accept("shop", "D5", tenant="acme", fingerprint="f0", reason=" old data ", by="Ada", until=NOW + DAY)
    assert (made.check, made.tenant, made.fingerprint, made.reason, made.by) == ("D5", "acme", "f0", "old data", "Ada")
    assert checks.waivers("shop") == [made]
    assert made.counts_at(NOW)
    assert not made.counts_at(made.until)
    [event] = checks.journal.events(kinds=["isolation.accepted"])
    assert (event.actor, event.body["reason"], event.body["until"]) == ("Ada", "old data", NOW + DAY)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"reason": "  "}, "needs a reason"),
        ({"until": NOW}, "lies in the future"),
        ({"until": NOW + LONGEST_WAIVER + 1}, "a year at most"),
        ({"reason": "x" * 1_001}, "longer than"),
    ],
)
def test_what_cannot_be_accepted(checks: Checks, how: dict[str, object], why: str) -> None:
    with pytest.raises(WaiverRefused, match=why):
        checks.accept("shop", "D5", **{"reason": "known", "by": "Ada", "until": NOW + DAY, **how})  # type: ignore[arg-type]
    assert checks.waivers("shop") == []


@pytest.mark.parametrize("by", ["", "agent:sre", "system"])
def test_only_a_person_accepts_and_ends(checks: Checks, by: str) -> None:
    with pytest.raises(IllegalMove, match="Only a named person"):
        checks.accept("shop", "D5", reason="known", by=by, until=NOW + DAY)
    made = checks.accept("shop", "D5", reason="known", by="Ada", until=NOW + DAY)
    with pytest.raises(IllegalMove, match="Only a named person"):
        checks.end_waiver(made.id, by=by)


def test_an_acceptance_is_ended_once_and_stays_in_the_list(checks: Checks, clock: ManualClock) -> None:
    made = checks.accept("shop", "D5", reason="known", by="Ada", until=NOW + DAY)
    clock.advance(HOUR)
    ended = checks.end_waiver(made.id, by="Bob")
    assert (ended.ended_at, ended.ended_by) == (NOW + HOUR, "Bob")
    assert not ended.counts_at(NOW + HOUR)
    assert checks.waivers("shop") == [ended]
    with pytest.raises(WaiverRefused, match="Bob ended that"):
        checks.end_waiver(made.id, by="Ada")
    with pytest.raises(WaiverRefused, match="There is no acceptance w-none"):
        checks.end_waiver("w-none", by="Ada")
    assert [e.actor for e in checks.journal.events(kinds=["isolation.acceptance_ended"])] == ["Bob"]


# schema --------------------------------------------------------------------------------------------


def test_a_record_of_the_second_version_gets_checks_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "stas.db"
    with Store(path, MIGRATIONS[:2]) as old:
        journal = Journal(old, ManualClock())
        Pulses(old, journal).begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")
        head = journal.head()
    with open_record(path) as store:
        checks = Checks(Journal(store, ManualClock()))
        assert store.read("pragma user_version")[0][0] == len(MIGRATIONS)
        assert checks.journal.head() == head
        a_round(checks, said(VERIFIED))
        assert standing(checks) == [("D1", "", VERIFIED)]
        assert checks.journal.verify().ok
