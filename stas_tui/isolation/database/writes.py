"""D13: one tenant tries to write into another, in a transaction that is rolled back; only if allowed by name.

Of its own rows a tenant inserts a copy that names the other tenant; a policy is asked before any key or NOT NULL is, so
an error of those says that the policy let it pass. No default is evaluated, so no sequence moves.
"""

from __future__ import annotations

from psycopg import sql

from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.live import Refused
from stas_tui.isolation.database.model import Relation
from stas_tui.isolation.database.probes import TWO, cannot_probe
from stas_tui.isolation.database.tables import Held, ident
from stas_tui.isolation.declared import Tenant
from storage.check_records import CheckResult

NOT_ASKED = "writes are never tried unless [database] says write_probe = true"
_CASCADES = ("c", "n", "d")


def write_probe(case: Case) -> CheckResult:
    """Each ordered pair of probe tenants, each tenant table the application may write."""
    answer = case.answer("D13")
    if not case.database.write_probe:
        return answer.unknown(NOT_ASKED)
    if why := cannot_probe(case):
        return answer.unknown(why)
    if len(case.probes) < 2:
        return answer.unknown(TWO)
    for held in case.scope.held:
        if not held.relation.granted & {"INSERT", "UPDATE", "DELETE"} or not held.column:
            continue
        touched = [held.relation, *case.catalogue.below(held.relation), *_cascaded(case, held.relation)]
        watched = [relation.place for relation in touched if relation.triggers]
        if watched and not case.database.write_probe_triggers:
            answer.weak.append(
                f"{watched[0]} has triggers or rules, which would run: set write_probe_triggers = true to allow it"
            )
            continue
        for tenant in case.probes:
            for other in case.probes:
                if other is not tenant:
                    case.world.step(f"D13 {tenant.name}: {held.place}")
                    _table(case, answer, held, tenant, other)
    answer.executed += case.live.executed
    return answer.result(
        f"none of {answer.proved} writes into another tenant was let through",
        f"{case.role} may write into none of the tenant tables",
    )


def _cascaded(case: Case, relation: Relation) -> list[Relation]:
    """Tables whose rows go or change when one of these is deleted."""
    found: dict[int, Relation] = {}
    waiting = [relation.oid]
    while waiting:
        oid = waiting.pop()
        for child in case.catalogue.relations.values():
            cascades = any(r.target == oid and r.on_delete in _CASCADES for r in child.references)
            if cascades and child.oid not in found and child.oid != relation.oid:
                found[child.oid] = child
                waiting.append(child.oid)
    return list(found.values())


def _table(case: Case, answer: Answer, held: Held, tenant: Tenant, other: Tenant) -> None:
    """A transaction of its own for each pair, so that no lock is held for long."""
    rights = held.relation.granted
    with case.live.transaction(write=True):
        if "INSERT" in rights:
            insert = _copy(held)
            own = _try(case, tenant, insert, (tenant.key, tenant.key))
            _judge(
                case, answer, held, tenant, other, "INSERT",
                _try(case, tenant, insert, (other.key, tenant.key)), control=own not in ("refused", "none"),
            )  # fmt: skip
        place = _place(case, held, tenant)
        theirs = _place(case, held, other)
        if "UPDATE" in rights:
            column = ident(held.column)
            move = sql.SQL("update {} set {} = %s where tableoid = %s::int8::oid and ctid = %s::tid").format(
                held.name, column
            )
            touch = sql.SQL("update {} set {} = {} where tableoid = %s::int8::oid and ctid = %s::tid").format(
                held.name, column, column
            )
            moved = _try(case, tenant, move, (other.key, *place)) if place else "none"
            _judge(case, answer, held, tenant, other, "UPDATE to", moved, control=bool(place))
            touched = _try(case, tenant, touch, theirs) if theirs else "none"
            _judge(case, answer, held, tenant, other, "UPDATE of", touched, control=bool(theirs))
        if "DELETE" in rights:
            delete = sql.SQL("delete from {} where tableoid = %s::int8::oid and ctid = %s::tid").format(held.name)
            gone = _try(case, tenant, delete, theirs) if theirs else "none"
            _judge(case, answer, held, tenant, other, "DELETE of", gone, control=bool(theirs))


def _copy(held: Held) -> sql.Composable:
    """Insert a copy of an own row that names a tenant; no default and no generated column is evaluated."""
    names = [column.name for column in held.relation.columns.values() if not column.generated]
    values = [sql.SQL("%s") if name == held.column else ident("t", name) for name in names]
    return sql.SQL("insert into {} ({}) overriding system value select {} from {} as t where {} = %s limit 1").format(
        held.name,
        sql.SQL(", ").join(ident(name) for name in names),
        sql.SQL(", ").join(values),
        held.name,
        ident("t", held.column),
    )


def _place(case: Case, held: Held, tenant: Tenant) -> tuple[int, str] | None:
    """Where a row of a tenant lies, as that tenant sees it."""
    query = sql.SQL("select tableoid::int8, ctid::text from {} as t where {} = %s limit 1").format(
        held.name, ident("t", held.column)
    )
    try:
        with case.live.acting(case.role, tenant):
            rows = case.live.fetch(query, (tenant.key,))
    except Refused:
        return None
    if case.world.dry:
        return (0, "(0,0)")
    return (rows[0][0], rows[0][1]) if rows else None


def _try(case: Case, tenant: Tenant, statement: sql.Composable, values: tuple[object, ...]) -> str:
    """`accepted`, `passed` (only a key or NOT NULL stopped it), `refused`, `none`, or what went wrong."""
    try:
        with case.live.acting(case.role, tenant):
            return "accepted" if case.live.one(statement, values) else "none"
    except Refused as error:
        if error.state == "42501":
            return "refused"
        return "passed" if error.state.startswith("23") else str(error)


def _judge(
    case: Case, answer: Answer, held: Held, tenant: Tenant, other: Tenant, what: str, outcome: str, *, control: bool
) -> None:
    if case.world.dry:
        return
    said = {
        "INSERT": f"INSERT a row for {other.name} into {held.place}",
        "UPDATE to": f"UPDATE a row of its own in {held.place} so that it is {other.name}'s",
        "UPDATE of": f"UPDATE a row of {other.name}'s in {held.place}",
        "DELETE of": f"DELETE a row of {other.name}'s in {held.place}",
    }[what]
    if outcome in ("accepted", "passed"):
        after = "; only a key stopped it, after every policy" if outcome == "passed" else ""
        answer.flag("write", held.place, f"{tenant.name} may {said}{after}", what, anchor=f"{held.place} {what}")
    elif not control:
        why = "its own write was not let through either" if what == "INSERT" else "there is no row to try it on"
        answer.weak.append(f"whether {tenant.name} may {said} is not known: {why}")
    elif outcome in ("refused", "none"):
        answer.proved += 1
    else:
        answer.weak.append(f"whether {tenant.name} may {said} is not known: {outcome}")
