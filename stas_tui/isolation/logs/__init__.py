"""G1-G4: the output that the running service writes, line by line; never what the code promises to write (R112)."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import LIVE_MS, Spec, World, unknown
from storage.check_records import CheckResult


def _spec(id_: str, title: str, method: str, *, each: bool = False) -> Spec:
    return Spec(id=id_, point="logs", title=title, method=method, live=True, per_tenant=each, ttl_ms=LIVE_MS)


CHECKS = (
    _spec("G1", "Log lines name the tenant", "every line decoded; 95 % of request lines and every error line (R112)"),
    _spec("G2", "One request has one tenant", "lines joined by request or trace id"),
    _spec("G3", "No secret stands in the logs", "known forms of secrets in the last lines"),
    _spec("G4", "One tenant's marker never stands under another", "markers of canaries looked for", each=True),
)


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check. Raises `Cancelled`."""
    from stas_tui.isolation.logs import verdicts

    if world.tenancy is None:
        return
    if not world.tenancy.log:
        for spec in CHECKS:
            if world.wants(spec.id):
                for tenant in world.tenants if spec.per_tenant else ("",):
                    yield unknown(world, spec.id, "no log is declared; add [[log]] to the tenancy file", tenant=tenant)
        return
    try:
        import msgspec  # noqa: F401
    except ImportError:
        for spec in CHECKS:
            if world.wants(spec.id):
                yield unknown(world, spec.id, "msgspec is not installed; install Stas again")
        return
    yield from verdicts.all_of(world, world.tenancy)
