"""A record in which checks have answered in every way, and the matrix screens on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stas_tui.screens.isolation import IsolationScreen
from stas_tui.wiring import Application
from storage.check_records import CheckResult, Lead, Verdict
from storage.clock import DAY, HOUR, MINUTE
from tests.screens.hands import Hands

PROJECT = "ledger"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LEAK = Lead(
    rule="foreign-rows",
    text="cobalt read 3 rows of acme",
    path="public.entries",
    code="select count(*) from entries where tenant_id <> 'cobalt'",
    severity="crit",
)
GAP = Lead(
    rule="unused-tenant",
    text="balance() holds the tenant and does not use it",
    path="ledger/entries.py",
    line=43,
    code="row = connection.execute(SUM, (account,))",
)
QUESTION = Lead(
    rule="shared-key",
    text="the key of this cache names no tenant",
    path="ledger/pool.py",
    line=12,
    code="self._in_use[name]",
    accuses=False,
)


def answer(application: Application, check: str, verdict: Verdict, reason: str, **more: Any) -> CheckResult:
    """A result that has just come; on the running thing it holds for a day."""
    now = application.clock.now()
    live = more.pop("live", True)
    values: dict[str, Any] = {
        "project_id": PROJECT,
        "started_at": now - MINUTE,
        "ended_at": now,
        "expires_at": now + DAY if live else None,
        "target": "PostgreSQL 15.18, database ledger as app" if live else f"commit {COMMIT[:8]}",
        "tool": "stas 1",
    }
    return CheckResult(check=check, verdict=verdict, reason=reason, live=live, **{**values, **more})


def checked(
    application: Application,
    *results: CheckResult,
    outcome: str = "done",
    pulse_id: str | None = None,
    commit: str = COMMIT,
) -> None:
    """One round that said this."""
    checks = application.rounds.checks
    run = checks.begin(
        PROJECT,
        sorted({result.check for result in results}),
        commit=commit,
        tenancy=application.rounds.subject(PROJECT).tenancy,
        pulse_id=pulse_id,
    )
    for result in results:
        checks.put(run, replace(result, ended_at=max(result.ended_at, run.started_at)))
    checks.end(run, outcome)


def sample(application: Application) -> list[CheckResult]:
    """A leak, a flag, a question, proofs and what nobody knows."""
    tenants = application.rounds.subject(PROJECT).tenants
    found = [
        answer(
            application,
            "D10",
            Verdict.FLAGGED if tenant == "cobalt" else Verdict.VERIFIED,
            "foreign rows are visible" if tenant == "cobalt" else "2 own rows, 0 foreign",
            tenant=tenant,
            control="acme has 2 rows",
            executed=("set local role app", "select count(*) from entries"),
            counts={"own": 2, "foreign": 3 if tenant == "cobalt" else 0},
            leads=(LEAK,) if tenant == "cobalt" else (),
        )
        for tenant in tenants
    ]
    found += [answer(application, "P1", Verdict.VERIFIED, "12 of 12 operations refuse", executed=("GET /entries",))]
    found += [
        answer(
            application,
            "G1",
            Verdict.FLAGGED,
            "1 of 400 lines",
            leads=(
                Lead(
                    rule="no-tenant",
                    text="error lines without a tenant",
                    path="ledger.log",
                    line=7,
                    code="ERROR no tenant",
                ),
            ),
        )
    ]
    found += [answer(application, "J1", Verdict.UNKNOWN, "no traced job; name one in [jobs]", live=False, target="")]
    found += [
        answer(application, "Q2", Verdict.FLAGGED, "1 place", live=False, leads=(GAP,)),
        answer(application, "Q7", Verdict.UNKNOWN, "1 place to look at", live=False, leads=(QUESTION,)),
    ]
    return found


def with_answers(application: Application, commit: str = COMMIT) -> None:
    """Two rounds an hour apart; what G1 flags is accepted by the person."""
    before = [result for result in sample(application) if result.check in ("P1", "G1")]
    checked(application, *before, commit=commit)
    application.clock.advance(HOUR)  # type: ignore[attr-defined]
    checked(application, *sample(application), commit=commit)
    application.rounds.accept(
        PROJECT,
        "G1",
        tenant="",
        fingerprint="",
        reason="the new logger comes with the next release",
        by=application.person,
        until=application.clock.now() + 30 * DAY,
    )
    application.clock.advance(38_000)  # type: ignore[attr-defined]


async def open_matrix(hands: Hands, row: int = 0, column: int = 0) -> IsolationScreen:
    """The whole screen, from the panel."""
    await hands.press("4", *["down"] * row, *["right"] * column, "enter")
    await hands.on(IsolationScreen)
    screen = hands.screen
    assert isinstance(screen, IsolationScreen)
    await hands.until(lambda: screen.look is not None, "the matrix is read")
    await hands.pilot.pause()
    return screen
