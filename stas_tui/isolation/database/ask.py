"""One run against one PostgreSQL: connect, read the catalogue once, then each wanted check in its own transaction."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.isolation.base import World
from stas_tui.isolation.database import doors, enforce, keys, policies, probes, rows, schemas, writes
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.live import Live, NotUsable, Refused, open_live, roles_of
from stas_tui.isolation.database.pool import pool_leak
from stas_tui.isolation.database.reading import imagined, read
from stas_tui.isolation.database.tables import scope_of
from stas_tui.isolation.declared import Tenancy
from storage.check_records import CheckResult


def checks(world: World, tenancy: Tenancy) -> Iterator[CheckResult]:
    """Every wanted check. Raises `NotUsable`, `Cancelled`."""
    assert tenancy.database is not None
    own = tuple(tenant.schema_name for tenant in tenancy.tenant if tenant.schema_name)
    in_schemas = tenancy.strategy == "schema"
    names = tuple(dict.fromkeys((*tenancy.database.schemas, *(own if in_schemas else ()))))
    roles = roles_of(tenancy)
    live = open_live(world, tenancy.database, names, roles)
    try:
        case = _case(world, tenancy, live, names, roles)
        yield from schemas.checks(case) if in_schemas else _by_row(case)
    finally:
        live.close()


def _case(world: World, tenancy: Tenancy, live: Live, names: tuple[str, ...], roles: tuple[str, ...]) -> Case:
    assert tenancy.database is not None
    world.step("reading the database's catalogue")
    with live.transaction():
        try:
            catalogue = read(live, names, tenancy.database.app_role, roles)
        except Refused as error:
            raise NotUsable(f"The catalogue could not be read: {error}.") from None
    if world.dry:
        catalogue = imagined(tenancy, names)
    statements = tuple(live.executed)
    live.executed.clear()
    return Case(
        world=world,
        tenancy=tenancy,
        database=tenancy.database,
        live=live,
        catalogue=catalogue,
        scope=scope_of(catalogue, tenancy, names),
        statements=statements,
    )


def _by_row(case: Case) -> Iterator[CheckResult]:
    """D12 comes first of those that set a tenant: the setting has to be untouched for it."""
    single = {
        "D12": probes.no_context,
        "D1": enforce.strategy,
        "D2": enforce.app_role,
        "D3": keys.tenant_column,
        "D4": enforce.active,
        "D5": policies.shape,
        "D6": doors.side_doors,
        "D7": keys.uniqueness,
        "D8": keys.references,
        "D9": rows.cross_rows,
    }
    each = {"D10": probes.read_probe, "D11": probes.pair_probe}
    after = {"D13": writes.write_probe, "D14": pool_leak, "D15": keys.indexes}
    for check, ask in single.items():
        if case.world.wants(check):
            case.live.executed.clear()
            yield ask(case)
    for check, ask_each in each.items():
        if case.world.wants(check):
            case.live.executed.clear()
            yield from ask_each(case)
    for check, ask in after.items():
        if case.world.wants(check):
            case.live.executed.clear()
            yield ask(case)
