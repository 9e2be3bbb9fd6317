"""A shop whose sources outside all answer well, and the ways in which each of them can stop doing so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from storage.check_records import CheckResult, Lead, Verdict
from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.records import DataState, Finding, Step
from storage.watch_records import (
    Alert,
    Check,
    Comparison,
    Deploy,
    Observed,
    Probe,
    SourceKind,
    SourceStatus,
    TenantNumbers,
)
from tests.door.shop import BASE, PERSON, T0, Shop, commit, git

EVERY = 15 * SECOND
TENANTS = ("acme", "globex")
CONFIG = """
[[alertmanager]]
url = "http://127.0.0.1:9093"

[[prometheus]]
url = "http://127.0.0.1:9090"

[project.ci]
github = "acme/shop"
required = ["lint", "unit"]
builds = ["image"]
compose_build = true

[[project.health]]
name = "checkout"
url = "http://127.0.0.1:8080/health"
version_field = "sha"
"""
NAMES = {
    SourceKind.ALERTS: "alertmanager",
    SourceKind.METRICS: "prometheus",
    SourceKind.PROBES: "probes:shop",
    SourceKind.CI: "ci:shop",
    SourceKind.DEPLOYS: "deploys:shop",
    SourceKind.BUILDS: "builds:shop",
}


def watched(shop: Shop) -> Shop:
    """The same shop with every source named in its configuration; pull requests stay where they can be asked here."""
    shop.configure(extra=CONFIG)
    shop.reopen()
    shop.wire(rules={"repos": {"shop": replace(shop.repo, github="")}})
    return shop


def status(shop: Shop, kind: SourceKind, **changes: Any) -> SourceStatus:
    """A source that answered just now."""
    now = shop.clock.now()
    project = "shop" if ":" in NAMES[kind] else ""
    row = SourceStatus(
        name=NAMES[kind], kind=kind, state=DataState.OK, every_ms=EVERY, asked_at=now, at=now, project_id=project
    )
    return replace(row, **changes)


def says(shop: Shop, kind: SourceKind, *things: Observed, **changes: Any) -> None:
    """A source answers with these things; the watcher (this process) lives."""
    state = DataState.OK if things else DataState.EMPTY
    shop.app.watch.record(status(shop, kind, **{"state": state, **changes}), things)
    shop.app.watch.beat(shop.clock.now(), 1)


def land(shop: Shop, name: str, at: int, path: str = "services/checkout/pool.py") -> str:
    """Something merged onto the base branch at a time."""
    git("checkout", "-q", BASE, cwd=shop.person_clone)
    sha = commit(shop.person_clone, {path: f"{name}\n"}, f"infra: {name}", at)
    git("fetch", "-q", shop.person_clone, f"+{BASE}:{BASE}", cwd=shop.remote)
    return sha


def check(sha: str, name: str, state: str = "success", **fields: Any) -> Check:
    return Check(
        key=f"shop/{sha}/{name}",
        project_id="shop",
        sha=sha,
        name=name,
        state=state,
        required=name in ("lint", "unit"),
        build=name == "image",
        since=T0 - 50 * MINUTE,
        **fields,
    )


def alert(key: str = "98be", severity: str = "critical", **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "name": "TenantErrorRateHigh",
        "labels": {"service": "checkout", "tenant": "acme"},
        "annotations": {"summary": "tenant acme errors at 16.67%"},
        "starts_at": T0 - 10 * MINUTE,
        "updated_at": T0,
    }
    return Alert(key=key, severity=severity, **{**values, **fields})


def probe(name: str = "checkout", verdict: str = "ok", word: str = "healthy", **fields: Any) -> Probe:
    key = f"shop/{name}"
    return Probe(key=key, project_id="shop", name=name, url="http://127.0.0.1/", verdict=verdict, word=word, **fields)


def numbers(tenant: str, errors: float | None = 0.001, **fields: Any) -> TenantNumbers:
    values: dict[str, Any] = {"requests": 20.0, "denied": 0.0, "latency": 0.2, "history": (0.001,) * 60}
    return TenantNumbers(key=tenant, tenant=tenant, errors=errors, **{**values, **fields})


def compared(sha: str, tenant: str, verdict: str = "same", **fields: Any) -> Comparison:
    values: dict[str, Any] = {"merged_at": T0 - HOUR, "before": 0.0, "after": 0.0, "points": 30, "latency": "same"}
    return Comparison(key=f"{sha}/{tenant}", sha=sha, tenant=tenant, verdict=verdict, **{**values, **fields})


def healthy(shop: Shop) -> str:
    """One merge an hour ago, and every source says that all is well; returns its sha."""
    sha = land(shop, "cap the pool", T0 - HOUR)
    says(shop, SourceKind.ALERTS)
    says(shop, SourceKind.METRICS, *map(numbers, TENANTS), *(compared(sha, tenant) for tenant in TENANTS))
    says(shop, SourceKind.PROBES, probe(version=sha, expected_version=sha))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit"))
    says(shop, SourceKind.BUILDS, check(sha, "image"))
    deployed = Deploy(
        key="shop/1",
        project_id="shop",
        sha=sha,
        at=T0 - 50 * MINUTE,
        what="rollout",
        environment="live",
        state="success",
    )
    says(shop, SourceKind.DEPLOYS, deployed)
    return sha


def declared(shop: Shop, completed_by: str = PERSON) -> None:
    """A tenancy file of the shop; without a person it is a draft."""
    file = shop.profile.tenancy_file("shop")
    file.parent.mkdir(parents=True, exist_ok=True)
    tenants = "".join(f'[[tenant]]\nname = "{name}"\nkey = "{name}"\n' for name in TENANTS)
    file.write_text(f'version = 1\nstrategy = "rls"\ncompleted_by = "{completed_by}"\n{tenants}')


def probed(shop: Shop, **verdicts: Verdict) -> None:
    """A round of the probes that looked at every tenant just now; `verdicts` by check, verified by default."""
    checks, now = shop.app.rounds.checks, shop.clock.now()
    run = checks.begin("shop", ["D10", "D11", "D12", "P2"])
    for check, tenants in {"D10": TENANTS, "D11": TENANTS, "D12": ("",), "P2": TENANTS}.items():
        verdict = verdicts.get(check, Verdict.VERIFIED)
        leads = (Lead(rule="foreign-rows", text="3 rows of others", path="invoice"),)
        for tenant in tenants:
            checks.put(
                run,
                CheckResult(
                    check=check,
                    project_id="shop",
                    tenant=tenant,
                    verdict=verdict,
                    reason="3 rows of others" if verdict is Verdict.FLAGGED else f"so it is: {verdict}",
                    started_at=now,
                    ended_at=now,
                    expires_at=now + DAY,
                    target="PostgreSQL 15",
                    live=True,
                    leads=leads if verdict is Verdict.FLAGGED else (),
                ),
            )
    checks.end(run, "done")


# ways to stop answering ---------------------------------------------------------------------------


def _fails(state: DataState, reason: str) -> Callable[[Shop, SourceKind], None]:
    def fail(shop: Shop, kind: SourceKind) -> None:
        shop.app.watch.record(status(shop, kind, state=state, reason=reason, at=None))

    return fail


def _old(shop: Shop, kind: SourceKind) -> None:
    shop.app.watch.record(status(shop, kind, at=shop.clock.now() - 4 * EVERY))


def _never(shop: Shop, kind: SourceKind) -> None:
    shop.app.watch.forget_others(set(NAMES.values()) - {NAMES[kind]})


def _replayed(shop: Shop, kind: SourceKind) -> None:
    shop.app.watch.record(status(shop, kind, replayed=True))


def _no_watcher(shop: Shop, kind: SourceKind) -> None:
    """The process that asked has ended; its last answers are seconds old."""
    code = "import sys; from storage.owner import this_owner; sys.stdout.write(this_owner())"
    owner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    with shop.app.watch.store.write() as conn:
        conn.execute("insert or replace into watcher values(1, ?, ?, 3)", (owner, shop.clock.now()))


def _silent(shop: Shop, kind: SourceKind) -> None:
    """The process that asks is there and hangs; its last answers are seconds old."""
    shop.app.watch.beat(shop.clock.now() - 61 * SECOND, 3)


def _restarted(shop: Shop, kind: SourceKind) -> None:
    reason = "restarted 20s ago, the list may be incomplete"
    shop.app.watch.record(status(shop, kind, state=DataState.EMPTY, reason=reason), ())


DEATHS: dict[str, tuple[Callable[[Shop, SourceKind], None], str]] = {
    "stale": (_old, "stale: no answer for three rounds, last answer 11:05Z (1m ago)"),
    "error": (_fails(DataState.ERROR, "refused the connection"), "error: refused the connection"),
    "denied": (_fails(DataState.DENIED, "401"), "denied: 401"),
    "unknown": (_fails(DataState.UNKNOWN, "no token is named"), "unknown: no token is named"),
    "never asked": (_never, "never asked"),
    "replayed": (_replayed, "replayed"),
    "watcher dead": (_no_watcher, "stale: nobody asks it: the watcher does not run"),
    "watcher silent": (_silent, "stale: nobody asks it: the watcher gave no sign of life for 1m"),
    "restarted": (_restarted, "restarted 20s ago"),
}
"""How a source dies, and the words that every place must then say."""


# walking and looking ------------------------------------------------------------------------------


def walk(shop: Shop, upto: int = 9) -> None:
    """Steps 1 to `upto`, with nothing done in step 7."""
    shop.look(6)
    if upto > 6:
        shop.machine.skip(by=PERSON, reason="nothing today")
    for _ in range(8, upto + 1):
        shop.machine.advance()


def step(shop: Shop, n: int) -> Step:
    return shop.context.pulses.steps(shop.pulse.id)[n - 1]


def health(shop: Shop) -> dict[str, Finding]:
    return {finding.subject: finding for finding in shop.context.findings.of_pulse(shop.pulse.id, "health")}


def after(shop: Shop, sha: str) -> dict[str, Finding]:
    """The checks of a merge."""
    found = shop.context.findings.of_pulse(shop.pulse.id)
    marked = {f.check.removeprefix("after merge:"): f for f in found if f.subject == sha}
    return {name: finding for name, finding in marked.items() if name != "pre-merge review"}


__all__ = ["BASE", "DAY", "PERSON", "T0", "Shop"]
