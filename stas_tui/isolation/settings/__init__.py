"""X1-X4: secrets, configuration and flags for each tenant; names, dates and hashes, never a value."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import LIVE_MS, Spec, World, unknown
from storage.check_records import CheckResult


def _spec(id_: str, point: str, title: str, method: str, *, each: bool = True) -> Spec:
    return Spec(id=id_, point=point, title=title, method=method, live=True, per_tenant=each, ttl_ms=LIVE_MS)


CHECKS = (
    _spec(
        "X1", "secrets", "Secrets are each tenant's own where declared", "names and hashes of values compared (R114)"
    ),
    _spec(
        "X2", "configuration", "Every tenant has its configuration", "names of keys in every environment (R65, R113)"
    ),
    _spec(
        "X3", "flags", "Flags can tell tenants apart", "each declared flag evaluated for each tenant (R115)", each=False
    ),
    _spec("X4", "secrets", "Secrets are not overdue", "dates of the store's listing against the allowed age (R114)"),
)


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check; `unknown` where nothing is declared."""
    from stas_tui.isolation.settings import checks

    tenancy = world.tenancy
    if tenancy is None:
        return
    tenants = [tenant for tenant in tenancy.tenant if tenant.name in world.tenants]
    left = [name for name in world.tenants if name not in {tenant.name for tenant in tenants}]
    for spec in CHECKS:
        if not world.wants(spec.id):
            continue
        world.step(f"{spec.id} {spec.title}")
        if spec.id == "X3":
            yield checks.flags(world, tenancy.settings, tenants)
            continue
        each = {"X1": checks.secrets, "X2": checks.configuration, "X4": checks.rotation}[spec.id]
        yield from each(world, tenancy.settings, tenants)
        for name in left:
            yield unknown(world, spec.id, f"the tenancy file does not name {name}", tenant=name)
