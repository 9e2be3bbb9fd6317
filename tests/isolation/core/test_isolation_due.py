"""Which checks run again: what was verified holds until it runs out, what was read for its commit, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from isolation_samples import NOW, TENANTS, blind, kept, lead, round_, said, spec

from stas_tui.isolation.due import due
from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, HOUR, MINUTE

LIVE = spec("D1")
EACH = spec("D10", per_tenant=True)
READ = spec("Q1", "queries", live=False, ttl_ms=None)


def asked(
    *results: CheckResult, now: int = NOW, commit: str = "c1", tenancy: str = "t1", **run: Any
) -> tuple[str, ...]:
    found = kept(*results, run=round_(**{"commit": "c1", **run}))
    return due([LIVE, EACH, READ], found, TENANTS, now, commit=commit, tenancy=tenancy)


def read(verdict: Verdict = Verdict.UNKNOWN, **more: Any) -> CheckResult:
    return said(verdict, "Q1", live=False, expires_at=None, target="commit c1", **more)


HOLDS = (
    said(Verdict.VERIFIED),
    said(Verdict.VERIFIED, "D10", tenant="acme"),
    said(Verdict.VERIFIED, "D10", tenant="globex"),
    read(),
)


def test_what_was_never_asked_is_due_in_the_order_of_the_catalogue() -> None:
    assert asked() == ("D1", "D10", "Q1")


def test_what_holds_is_not_run_again() -> None:
    assert asked(*HOLDS) == ()


def test_what_ran_out_is_due() -> None:
    assert asked(*HOLDS, now=NOW + DAY) == ("D1", "D10")


def test_another_commit_makes_what_was_read_due_and_nothing_else() -> None:
    assert asked(*HOLDS, commit="c2") == ("Q1",)
    assert asked(*HOLDS, commit="") == ("Q1",), "without a repository nothing that was read holds"


def test_another_tenancy_file_makes_everything_due() -> None:
    assert asked(*HOLDS, tenancy="t2") == ("D1", "D10", "Q1")


def test_a_tenant_without_an_answer_makes_its_check_due() -> None:
    assert asked(*[each for each in HOLDS if each.tenant != "globex"]) == ("D10",)


@pytest.mark.parametrize("verdict", [Verdict.FLAGGED, Verdict.UNKNOWN])
def test_a_flag_or_a_question_on_the_running_thing_is_asked_again(verdict: Verdict) -> None:
    assert asked(said(verdict), *HOLDS[1:]) == ("D1",)


def test_a_flag_of_the_code_holds_for_its_commit() -> None:
    assert asked(*HOLDS[:3], read(Verdict.FLAGGED, leads=(lead(),))) == ()


def test_what_could_not_look_is_asked_again() -> None:
    assert asked(*HOLDS[:3], blind("Q1")) == ("Q1",)


def test_what_lies_in_the_future_is_asked_again() -> None:
    assert asked(said(Verdict.VERIFIED, ended_at=NOW + HOUR), *HOLDS[1:]) == ("D1",)
    assert asked(said(Verdict.VERIFIED, ended_at=NOW + MINUTE), *HOLDS[1:]) == ()


def test_what_is_declared_away_is_not_asked() -> None:
    away = said(Verdict.NOT_APPLICABLE, live=False, expires_at=None)
    assert asked(away, *HOLDS[1:]) == ()
