"""D1-D15: the database's catalogue and what each tenant sees in it; read-only, and rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import World, unknown
from stas_tui.isolation.database.specs import CHECKS
from storage.check_records import CheckResult

__all__ = ["CHECKS", "run"]


def run(world: World) -> Iterator[CheckResult]:
    """Every wanted check; `unknown` with the missing input where it cannot be asked. Raises `Cancelled`."""
    tenancy = world.tenancy
    if tenancy is None or tenancy.database is None:
        yield from _nothing(world, "the database is not declared; add [database] to the tenancy file")
        return
    if tenancy.database.sqlite:
        from stas_tui.isolation.database import sqlite

        yield from sqlite.checks(world, tenancy)
        return
    from stas_tui.isolation.database.live import NO_DRIVER, NotUsable

    try:
        import psycopg  # noqa: F401
    except ImportError:
        yield from _nothing(world, NO_DRIVER)
        return
    from stas_tui.isolation.database import apart, ask

    said: set[tuple[str, str]] = set()
    try:
        for result in apart.checks(world, tenancy) if tenancy.strategy == "database" else ask.checks(world, tenancy):
            said.add((result.check, result.tenant))
            yield result
    except NotUsable as error:
        for left in _nothing(world, str(error).rstrip(".")):
            if (left.check, left.tenant) not in said:
                yield left


def _nothing(world: World, reason: str) -> Iterator[CheckResult]:
    for spec in CHECKS:
        if world.wants(spec.id):
            for tenant in (world.tenants or ("",)) if spec.per_tenant else ("",):
                yield unknown(world, spec.id, reason, tenant=tenant)
