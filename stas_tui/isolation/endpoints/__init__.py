"""P1-P8: the running API asked by two tenants, with controls; read only, slow, and only where it was allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stas_tui.isolation.base import World, unknown
from stas_tui.isolation.endpoints.specs import CHECKS
from storage.check_records import CheckResult

__all__ = ["CHECKS", "run"]

_EACH = ("P2", "P3", "P4", "P5", "P6", "P8")


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check; `unknown` with the missing input where it cannot be asked. Raises `Cancelled`."""
    from stas_tui.isolation.endpoints import lists, swap
    from stas_tui.isolation.endpoints.asking import Asker, NotAllowed
    from stas_tui.isolation.endpoints.routes import routes_of

    tenancy = world.tenancy
    if tenancy is None or tenancy.api is None:
        yield from _nothing(world, "the running API is not declared; add [api] to the tenancy file")
        return
    asker = Asker(world, tenancy.api)
    try:
        asker.allow()
    except NotAllowed as error:
        yield from _nothing(world, str(error))
        return
    probes = [tenant for tenant in tenancy.probes if world.dry or asker.token(tenant)]
    without = [tenant.name for tenant in tenancy.probes if tenant not in probes]
    try:
        routes = routes_of(asker, tenancy.api, world.root)
        if world.wants("P1"):
            yield swap.no_token(asker, routes, probes or tenancy.tenant)
        if world.wants("P7"):
            yield lists.cached(asker, routes, probes)
        each = {
            "P2": swap.swapped, "P3": lists.listed, "P4": lists.forged,
            "P5": lists.mixed, "P6": swap.nested, "P8": swap.written,
        }  # fmt: skip
        for check, ask in each.items():
            if not world.wants(check):
                continue
            for name in world.tenants:
                owner = next((tenant for tenant in probes if tenant.name == name), None)
                if owner is None:
                    yield unknown(world, check, _why(name, without), tenant=name)
                else:
                    yield ask(asker, routes, owner, [other for other in probes if other is not owner])
    finally:
        asker.close()


def _why(name: str, without: Sequence[str]) -> str:
    if name in without:
        return f"no token for {name}: set the variable or command that [[tenant]] token names"
    return f"{name} is not made for probing (probe = true with a token and canaries); its data is never asked for"


def _nothing(world: World, reason: str) -> Iterator[CheckResult]:
    for spec in CHECKS:
        if world.wants(spec.id):
            for tenant in world.tenants if spec.id in _EACH else ("",):
                yield unknown(world, spec.id, reason, tenant=tenant)
