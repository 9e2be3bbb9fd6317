"""`stas` with one group of checks of its own: run as a program, it takes the same arguments.

D1 and D10 look at a file outside, `$CORE_FILE`: `sound`, `leak` or `hang`, and unknown without one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from stas_tui import cli
from stas_tui.isolation.base import LIVE_MS, Spec, World, unknown
from stas_tui.isolation.catalog_outline import OUTLINE
from storage.check_records import CheckResult, Lead, Verdict

CHECKS = (
    Spec(id="D1", point="database", title="The file is sound", method="reads it", live=True, ttl_ms=LIVE_MS),
    Spec(
        id="D10",
        point="database",
        title="The file is sound for each",
        method="reads it",
        live=True,
        per_tenant=True,
        ttl_ms=LIVE_MS,
    ),
)


def run(world: World) -> Iterator[CheckResult]:
    path = Path(world.environ.get("CORE_FILE", "/nowhere"))
    for check, tenant in (("D1", ""), *(("D10", name) for name in world.tenants)):
        if not world.wants(check):
            continue
        world.step(f"{check} {tenant}")
        if world.dry:
            yield unknown(world, check, "not executed", tenant=tenant, executed=(f"read {path}",))
            continue
        text = path.read_text("utf-8").strip() if path.exists() else ""
        if not text:
            yield unknown(world, check, f"there is no {path.name}; write one", tenant=tenant)
            continue
        while text == "hang" and check == "D10":
            world.step("hanging")
            time.sleep(0.02)
        leaks = text == "leak" and tenant != "globex"
        now = world.clock.now()
        yield CheckResult(
            check=check,
            project_id=world.project_id,
            tenant=tenant,
            verdict=Verdict.FLAGGED if leaks else Verdict.VERIFIED,
            reason="it leaks" if leaks else "it is sound",
            target=str(path),
            started_at=now,
            ended_at=now,
            executed=(f"read {path}",),
            leads=(Lead(rule="leak", text=f"{tenant or 'somebody'} reads others", path="public.t", code="t"),)
            if leaks
            else (),
            live=True,
        )


def main() -> int:
    module = ModuleType("stas_tui.isolation.made")
    module.CHECKS, module.run = CHECKS, run  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    OUTLINE.clear()
    OUTLINE["made"] = CHECKS
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
