"""M1-M8: numbers by tenant from Prometheus; too little traffic is unknown, and no data is never zero (R116-R119)."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import METRICS_MS, Spec, World, unknown
from storage.check_records import CheckResult

_QUIET = "0.11 false alarms a tenant and day on simulated traffic"


def _spec(id_: str, title: str, method: str, *, each: bool = True, precision: str = "") -> Spec:
    return Spec(
        id=id_, point="metrics", title=title, method=method, live=True, per_tenant=each, ttl_ms=METRICS_MS,
        precision=precision,
    )  # fmt: skip


CHECKS = (
    _spec("M1", "Metrics carry the tenant", "requests, errors and latency asked for by the label (R116)", each=False),
    _spec(
        "M2", "No tenant has more errors than it should", "15 min against the same time of seven days", precision=_QUIET
    ),
    _spec("M3", "No tenant is slower than it should be", "p95 against the same time of seven days", precision=_QUIET),
    _spec("M4", "Traffic neither explodes nor stops", "requests against the same time of seven days", precision=_QUIET),
    _spec("M5", "No tenant differs from its peers", "each against its own past, across tenants (R117)"),
    _spec("M6", "No tenant hurts the others", "shares of cost against the others' latency", each=False),
    _spec("M7", "Alert rules know tenants", "expressions that drown a small tenant (R119)", each=False),
    _spec("M8", "Every tenant's share is known", "cost by tenant (R118)"),
)


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check. Raises `Cancelled`."""
    from stas_tui.isolation.metrics import answers

    if world.tenancy is None:
        return
    if not world.prometheus:
        for spec in CHECKS:
            if world.wants(spec.id):
                for tenant in world.tenants if spec.per_tenant else ("",):
                    yield unknown(world, spec.id, "no [[prometheus]] is configured", tenant=tenant)
        return
    yield from answers.all_of(world, world.tenancy.metrics)
