"""J1 and J2: what background jobs really did, and whether those that wait carry their tenant (R111)."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import LIVE_MS, UNDECLARED, Spec, World, unknown
from storage.check_records import CheckResult

CHECKS = (
    Spec(
        id="J1",
        point="jobs",
        title="A job for one tenant touches that tenant only",
        method="the statements of the workers, and of a no-op job of its own if a person allowed it, from the statement"
        " log or pg_stat_statements, under the rule of Q4",
        live=True,
        ttl_ms=LIVE_MS,
    ),
    Spec(
        id="J2",
        point="jobs",
        title="Waiting jobs carry their tenant",
        method="counts queued payloads with and without the declared keys, in a table or in Redis; no value is kept",
        live=True,
        ttl_ms=LIVE_MS,
    ),
)


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check, one result each. Raises `Cancelled`."""
    wanted = [spec.id for spec in CHECKS if world.wants(spec.id)]
    if world.tenancy is None:
        yield from (unknown(world, check, UNDECLARED) for check in wanted)
        return
    for check in wanted:
        if check == "J1":
            from stas_tui.isolation.jobs.traced import traced

            yield traced(world, world.tenancy)
        else:
            from stas_tui.isolation.jobs.queued import queued

            yield queued(world, world.tenancy)
