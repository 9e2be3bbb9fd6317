"""Short ways to say what a check said, and groups of checks made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from stas_tui.isolation.base import LIVE_MS, Spec, World
from stas_tui.isolation.catalog import Group
from stas_tui.isolation.declared import Tenancy
from storage.check_records import CheckResult, CheckRun, KeptResult, Lead, Verdict, Waiver
from storage.clock import DAY, HOUR, ManualClock

NOW = ManualClock().now()
TENANTS = ("acme", "globex")

Run = Callable[[World], Iterator[CheckResult]]


def spec(id_: str = "D1", point: str = "database", **more: Any) -> Spec:
    values = {"title": f"proves {id_}", "method": "looks", "live": True, "ttl_ms": LIVE_MS, **more}
    return Spec(id=id_, point=point, **values)


def lead(text: str = "wrong here", **more: Any) -> Lead:
    return Lead(**{"rule": "a-rule", "text": text, "path": "app/a.py", "line": 3, "code": text, **more})


def said(verdict: Verdict, check: str = "D1", **more: Any) -> CheckResult:
    """A result that just came, live, believed for a day."""
    values: dict[str, Any] = {
        "project_id": "shop",
        "reason": f"so it is: {verdict}",
        "started_at": NOW - HOUR,
        "ended_at": NOW - HOUR,
        "expires_at": NOW + DAY,
        "live": True,
        "target": "a server",
    }
    if verdict is Verdict.FLAGGED:
        values["leads"] = (lead(),)
    return CheckResult(check=check, verdict=verdict, **{**values, **more})


def blind(check: str = "D1", **more: Any) -> CheckResult:
    """A check that could not look."""
    return said(Verdict.UNKNOWN, check, target="", live=False, expires_at=None, **more)


def round_(id_: str = "k-1", **more: Any) -> CheckRun:
    values: dict[str, Any] = {"asked": (), "owner": "1:1:x", "started_at": NOW - HOUR, "tenancy": "t1"}
    return CheckRun(id=id_, project_id="shop", **{**values, **more})


def kept(*results: CheckResult, run: CheckRun | None = None) -> list[KeptResult]:
    return [KeptResult(seq=n, run=run or round_(), result=result) for n, result in enumerate(results, 1)]


def waiver(check: str = "D1", tenant: str = "", fingerprint: str = "", **more: Any) -> Waiver:
    values: dict[str, Any] = {"at": NOW - HOUR, "until": NOW + DAY, "by": "Ada", "reason": "known", "id": "w-1"}
    return Waiver(project_id="shop", check=check, tenant=tenant, fingerprint=fingerprint, **{**values, **more})


def tenancy(**more: Any) -> Tenancy:
    return Tenancy(**{"strategy": "row", "completed_by": "Ada", **more})


def world(**more: Any) -> World:
    values: dict[str, Any] = {"tenants": TENANTS, "tenancy": tenancy(), "clock": ManualClock()}
    return World(project_id="shop", **{**values, **more})


def group(run: Run, *specs: Spec, name: str = "made") -> Group:
    """A group as a package would be one."""
    module = ModuleType(name)
    checks = specs or (spec(),)
    module.CHECKS = checks  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    return Group(name, tuple(checks), module=module)


def answers(*results: CheckResult) -> Run:
    """A group that says these and respects what is wanted."""

    def run(world: World) -> Iterator[CheckResult]:
        for result in results:
            if world.wants(result.check):
                world.step(result.check)
                yield result

    return run
