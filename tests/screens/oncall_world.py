"""A night on call: alerts, a red deployment, dead sources, seeded as if the watcher had seen them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from stas_tui.app import StasApp
from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import HOUR, MINUTE, SECOND
from storage.records import DataState
from storage.watch_records import Alert, Check, Deploy, Observed, Silence, SourceKind, SourceStatus
from tests.screens.hands import Hands

ACME = "alert:98be5eeda42fa8e5"
INITECH = "alert:12aa34bb56cc78dd"
SHA = "9f2c41a" + "0" * 33
RUNBOOK = "https://runbooks.example/tenant-read"


def status(name: str, kind: SourceKind, now: int, state: DataState = DataState.OK, **more: object) -> SourceStatus:
    """A source's row, answered two seconds ago."""
    values = {"asked_at": now - 2 * SECOND, "at": now - 2 * SECOND, "every_ms": 15 * SECOND, **more}
    return SourceStatus(name=name, kind=kind, state=state, **values)  # type: ignore[arg-type]


def alert(key: str, name: str, summary: str, *, severity: str = "warning", began: int, **more: object) -> Alert:
    """An alert of a service, as Alertmanager would report it."""
    tenant = str(more.pop("tenant", "acme"))
    annotations = {"summary": summary, "runbook_url": RUNBOOK}
    labels = {"alertname": name, "service": "ledger", "severity": severity, "tenant": tenant}
    values = {"labels": labels, "annotations": annotations, "starts_at": began, **more}
    return Alert(key=key, name=name, severity=severity, **values)  # type: ignore[arg-type]


def alerts(now: int) -> list[Alert]:
    """A P0 without an owner, a warning, one that is silenced, one that another hides."""
    return [
        alert(
            "98be5eeda42fa8e5",
            "CrossTenantRead",
            "tenant acme read rows of globex",
            severity="critical",
            began=now - 3 * MINUTE,
        ),
        alert("12aa34bb56cc78dd", "TenantErrorRateHigh", "tenant initech errors at 16.67%", began=now - 7 * MINUTE),
        alert(
            "0a0b0c0d0e0f0001",
            "CertificateExpires",
            "certificate of ledger ends in 20 days",
            began=now - 4 * HOUR,
            silenced_by=("s-1",),
            state="suppressed",
        ),
        alert(
            "0a0b0c0d0e0f0002",
            "SlowAnswers",
            "p95 of ledger above 2 s",
            began=now - 2 * MINUTE,
            inhibited_by=("98be5eeda42fa8e5",),
            state="suppressed",
        ),
    ]


def burning(application: Application, *, more: Sequence[Alert] = (), beat: bool = True) -> None:
    """Write all of it into the watch."""
    watch, now = application.watch, application.clock.now()
    silence = Silence(key="s-1", state="active", ends_at=now + 2 * HOUR, created_by="kim", comment="known", matches=1)
    things: list[Observed] = [*alerts(now), silence, *more]
    watch.record(status("alertmanager", SourceKind.ALERTS, now), things)
    watch.record(
        status(
            "prometheus",
            SourceKind.METRICS,
            now,
            DataState.ERROR,
            at=now - 4 * MINUTE,
            failures=7,
            reason="refused the connection",
            next_at=now + MINUTE,
        )
    )
    merged = Deploy(
        key=f"ledger/{SHA}", project_id="ledger", sha=SHA, at=now - 9 * MINUTE, what="Share the pool", state="merged"
    )
    red = Check(
        key=f"ledger/{SHA}/unit", project_id="ledger", sha=SHA, name="unit", state="failure", since=now - 8 * MINUTE
    )
    watch.record(status("ci:ledger", SourceKind.CI, now, project_id="ledger"), [red])
    watch.record(status("deploys:ledger", SourceKind.DEPLOYS, now, project_id="ledger"), [merged])
    if beat:
        watch.beat(now, 1)


@asynccontextmanager
async def on_call(
    application: Application, size: tuple[int, int] = (80, 24), *keys: str, environ: dict[str, str] | None = None
) -> AsyncIterator[Hands]:
    """The real dashboard, on its list, drawn; the application stays open for another start."""
    app = StasApp(application, environ=environ or {}, on_call=True)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            await hands.on(OnCallScreen)
            await hands.until(lambda: listing(hands).drawn and len(listing(hands).rows), "the list is drawn")
            app.clear_notifications()
            await hands.press(*keys)
            await hands.pilot.pause()
            yield hands
    finally:
        app.hand.close()


def listing(hands: Hands) -> OnCallScreen:
    """The on-call screen, wherever it is in the stack."""
    return next(screen for screen in hands.app.screen_stack if isinstance(screen, OnCallScreen))


async def go_to(hands: Hands, key: str) -> None:
    """Walk the cursor to an item by keys."""
    screen = listing(hands)
    await hands.until(lambda: screen.rows.index_of(key) is not None, f"{key} is in the list")
    await hands.press("home")
    for _ in range(screen.rows.index_of(key) or 0):
        await hands.press("j")
    await hands.until(lambda: screen.table.selected == key, f"on {key}")


async def chooses(hands: Hands, key: str, words: str) -> None:
    """Wait for a dialog that says these words, and press one of its keys."""
    await hands.on(Ask)
    await hands.sees(words)
    await hands.press(key)


async def answers(hands: Hands, text: str, words: str = "") -> None:
    """Wait for a line to type on, type, and send it."""
    await hands.on(AskReason)
    await hands.sees(*([words] if words else []))
    await hands.type(text)
    await hands.press("enter")


def owners(application: Application) -> dict[str, str]:
    """Who owns what, as the record has it."""
    return {item.key: item.owner for item in application.desk.look().items if item.owner}
