"""G1-G4: the output that the running service writes, line by line; never what the code promises to write (R112)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stas_tui.isolation.base import Spec, World
    from storage.check_records import CheckResult

    CHECKS: tuple[Spec, ...]


def __getattr__(name: str) -> tuple[Spec, ...]:
    """`CHECKS`, loaded when it is asked for: the children that count lines need a part of this package only."""
    if name != "CHECKS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stas_tui.isolation.logs.checks import CHECKS

    return CHECKS


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check. Raises `Cancelled`."""
    from stas_tui.isolation.base import unknown
    from stas_tui.isolation.logs.checks import CHECKS

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
    from stas_tui.isolation.logs import verdicts

    yield from verdicts.all_of(world, world.tenancy)
