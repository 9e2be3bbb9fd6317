"""What the checks said stands in a gate's risk block, with its place; a flag asks for the name, unknown never does."""

from __future__ import annotations

from stas_tui.gates.risk import Risk, RiskRow
from stas_tui.gates.risk_checks import warnings, with_checks
from storage.check_records import CheckResult, Lead, Verdict


def risk(**levels: str) -> Risk:
    kinds = ("blast", "rollback", "isolation", "monitoring")
    rows = tuple(RiskRow(kind=kind, level=levels.get(kind, "unknown"), text=f"{kind} by words") for kind in kinds)
    return Risk(rows=rows, level="unknown", g2=False, g2_because="")


def said(check: str, verdict: Verdict, reason: str = "because", *, tenant: str = "", **lead: object) -> CheckResult:
    leads = (Lead(rule="r", text="bad", **lead),) if verdict is Verdict.FLAGGED else ()  # type: ignore[arg-type]
    live = verdict is Verdict.VERIFIED
    return CheckResult(
        check=check, project_id="shop", verdict=verdict, reason=reason, leads=leads, live=live, tenant=tenant
    )


def test_no_checks_leave_the_risk_as_it_was() -> None:
    assert with_checks(risk(), ()) == risk()


def test_R48_a_rehearsal_that_fails_is_irreversible_and_asks_for_the_name() -> None:
    got = with_checks(
        risk(rollback="warn"), [said("C3", Verdict.FLAGGED, "down leaves a column", path="m/7.py", line=9)]
    )
    assert got.row("rollback").level == "crit"
    assert "m/7.py:9" in got.row("rollback").text
    assert got.g2
    assert got.g2_because.startswith("irreversible: C3 down leaves a column")


def test_R48_a_rehearsal_that_works_makes_the_row_good_with_its_evidence() -> None:
    got = with_checks(risk(rollback="warn"), [said("C3", Verdict.VERIFIED, "up, down, up: same schema")])
    assert (got.row("rollback").level, got.row("rollback").text) == ("ok", "up, down, up: same schema")
    assert got.row("rollback").evidence[0].ref == "C3"


def test_a_rehearsal_never_talks_down_destroyed_data() -> None:
    got = with_checks(risk(rollback="crit"), [said("C3", Verdict.VERIFIED)])
    assert got.row("rollback").level == "crit"


def test_R49_a_query_without_tenant_touches_isolation() -> None:
    got = with_checks(risk(), [said("C8", Verdict.FLAGGED, path="a.py", line=3)])
    assert got.row("isolation").level == "crit"
    assert got.g2


def test_R49_what_was_open_before_is_told_and_asks_for_nothing() -> None:
    got = with_checks(risk(isolation="ok"), [said("D10", Verdict.FLAGGED, "reads 3 rows of others", tenant="cobalt")])
    assert got.row("isolation").level == "warn"
    assert "open before this change: cobalt: D10 reads 3 rows of others" in got.row("isolation").text
    assert not got.g2


def test_R50_blind_and_covered() -> None:
    assert with_checks(risk(), [said("C14", Verdict.FLAGGED)]).row("monitoring").level == "warn"
    assert with_checks(risk(), [said("C14", Verdict.VERIFIED)]).row("monitoring").level == "ok"


def test_unknown_changes_nothing_and_is_never_green() -> None:
    unknowns = [said(f"C{n}", Verdict.UNKNOWN) for n in range(1, 16) if n != 3]
    assert with_checks(risk(), unknowns) == risk()


def test_R48_why_a_rehearsal_said_nothing_is_told_and_changes_no_level() -> None:
    got = with_checks(risk(rollback="warn"), [said("C3", Verdict.UNKNOWN, "no answer within 60 s")])
    assert (got.level, got.row("rollback").level) == ("medium", "warn")
    assert got.row("rollback").text == "rollback by words; C3 no answer within 60 s"


def test_R47_the_blast_radius_is_named_with_what_depends() -> None:
    got = with_checks(risk(), [said("C16", Verdict.UNKNOWN, "1 service (db); 2 depending on it")])
    assert got.row("blast").text == "blast by words; 1 service (db); 2 depending on it"


def test_R101_accusations_become_warnings_gravest_first_and_no_more_than_can_be_read() -> None:
    found = [said("C9", Verdict.FLAGGED, path="Dockerfile", line=n) for n in range(1, 12)]
    found.append(said("C13", Verdict.FLAGGED, path="a.py", line=1, severity="crit"))
    lines = warnings(found)
    assert lines[0] == "a.py:1: bad (C13)"
    assert len(lines) == 9
    assert "4 more findings" in lines[-1]
