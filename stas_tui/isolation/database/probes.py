"""D10, D11, D12: reading as the application's role, as one tenant, as another, and as nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from stas_tui.isolation.database.answer import Answer, some
from stas_tui.isolation.database.case import NOTHING_BOUND, Case
from stas_tui.isolation.database.enforce import NO_TABLES, cannot_become
from stas_tui.isolation.database.keys import blind
from stas_tui.isolation.database.live import NotBecome, Refused
from stas_tui.isolation.database.tables import Held
from stas_tui.isolation.declared import Tenant
from storage.check_records import CheckResult

MOST_COUNTED = 1_000
MOST_ROWS = 2_000
NOT_PROBED = "is not made for probing (`probe = true` in its [[tenant]]); nothing is read as it"
TWO = "two tenants made for probing are needed (`probe = true` in [[tenant]])"


def cannot_probe(case: Case) -> str:
    """Why nothing can be asked as the application; empty if it can."""
    if not case.enforced:
        return NOTHING_BOUND
    if why := case.why_no_role():
        return why
    if not case.scope.held and not case.world.dry:
        return NO_TABLES
    if not case.database.context:
        return "no statement is declared that tells the database the tenant; set `context` in [database]"
    return ""


def each_tenant(case: Case, check: str) -> Iterator[tuple[str, Tenant | None, CheckResult | None]]:
    """Every tenant by name: the one to read as, or the result that says why it is not read as."""
    why = cannot_probe(case)
    for name in case.world.tenants:
        tenant = next((one for one in case.probes if one.name == name), None)
        if why:
            yield name, None, case.answer(check, name).unknown(why)
        elif tenant is None:
            yield name, None, case.answer(check, name).unknown(f"{name} {NOT_PROBED}")
        else:
            yield name, tenant, None


def read_probe(case: Case) -> Iterator[CheckResult]:
    """D10: as each tenant, the rows that are not its own; the control is that there are such rows at all."""
    for name, tenant, other in each_tenant(case, "D10"):
        if tenant is None:
            assert other is not None
            yield other
            continue
        case.live.executed.clear()
        yield _read_as(case, case.answer("D10", name), tenant)


def _read_as(case: Case, answer: Answer, tenant: Tenant) -> CheckResult:
    tables = readable(case)
    foreign_there = owned = 0
    with case.live.transaction():
        for held in tables:
            case.world.step(f"D10 {tenant.name}: {held.place}")
            try:
                own, foreign = _counts(case, held, tenant)
            except Refused as error:
                answer.weak.append(_why(case, held, error))
                continue
            why = blind(case, held)
            there = None if why else bool(case.live.one(_exists(held, own=False), (tenant.key,)))
            owned += own > 0
            foreign_there += bool(there)
            if case.world.dry:
                continue
            if foreign:
                many = f"more than {MOST_COUNTED}" if foreign > MOST_COUNTED else str(foreign)
                text = f"{case.role}, acting for {tenant.name}, sees {many} rows of {held.place} that are not its own"
                answer.flag("foreign-rows", held.place, text, _shown(held), anchor=f"{held.place} {tenant.name}")
            elif not own:
                answer.weak.append(f"{tenant.name} sees no row of its own in {held.place}: put one there")
            elif why:
                answer.weak.append(f"whether others have rows in {held.place} is not known: {why}")
            elif not there:
                answer.weak.append(f"no other tenant has a row in {held.place}, so none could be seen: put one there")
            else:
                answer.proved += 1
    answer.executed += case.live.executed
    answer.counts = {"tables read": len(tables), "with own rows": owned, "with others' rows": foreign_there}
    answer.control = f"own rows in {owned} and others' rows in {foreign_there} of {len(tables)} tables"
    good = f"{tenant.name} sees its own rows and none of others in all {len(tables)} tables"
    return answer.result(good, f"{case.role} may read none of the tenant tables")


def readable(case: Case) -> list[Held]:
    """Tenant tables that the application's role may read."""
    return [held for held in case.scope.held if held.relation.readable]


def _exists(held: Held, *, own: bool) -> sql.Composable:
    test = "{} = %s" if own else "{} is distinct from %s"
    return sql.SQL("select exists(select 1 from {} as t where " + test + ")").format(held.name, held.tenant("t"))


def _foreign(held: Held) -> sql.Composable:
    return sql.SQL(
        "select count(*) from (select 1 from {} as t where {} is distinct from %s limit {}) as s"
    ).format(held.name, held.tenant("t"), sql.Literal(MOST_COUNTED + 1))  # fmt: skip


def _counts(case: Case, held: Held, tenant: Tenant) -> tuple[int, int]:
    """Whether it sees own rows, and how many others it sees. Raises `Refused`."""
    with case.live.acting(case.role, tenant):
        own = int(bool(case.live.one(_exists(held, own=True), (tenant.key,))))
        return own, int(case.live.one(_foreign(held), (tenant.key,)) or 0)


def _why(case: Case, held: Held, error: Refused) -> str:
    return f"{held.place}: {cannot_become(case.role, error) if isinstance(error, NotBecome) else error}"


def _shown(held: Held) -> str:
    return " ".join(_foreign(held).as_string(None).replace("%s", "$1").replace("%%", "%").split())


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the rows lie that one tenant sees: table, partition and place in it; equal only for the same row."""

    rows: Sequence[tuple[int, str]]


def pair_probe(case: Case) -> Iterator[CheckResult]:
    """D11: what one tenant sees, another must not see; needs no account that sees everything."""
    seen: dict[tuple[str, int], _Places | Refused] = {}
    results = list(each_tenant(case, "D11"))
    ready = [tenant for _, tenant, _ in results if tenant is not None]
    answers = {tenant.name: case.answer("D11", tenant.name) for tenant in ready}
    case.live.executed.clear()
    if len(ready) >= 2:
        with case.live.transaction():
            for held in readable(case):
                for tenant in ready:
                    case.world.step(f"D11 {tenant.name}: {held.place}")
                    seen[tenant.name, held.relation.oid] = _places(case, held, tenant)
                for tenant in ready:
                    _compare(case, answers[tenant.name], held, tenant, ready, seen)
    for name, reader, other in results:
        if reader is None:
            assert other is not None
            yield other
            continue
        answer = answers[name]
        answer.executed += case.live.executed
        tables = len(readable(case))
        answer.counts = {"tables": tables, "tenants compared": len(ready) - 1}
        if len(ready) < 2:
            yield answer.unknown(TWO)
            continue
        answer.control = f"{name} and another tenant both see rows in {answer.proved} of {tables} tables"
        good = f"what {name} sees in {tables} tables is seen by none of {len(ready) - 1} other tenants, and the reverse"
        yield answer.result(good, f"{case.role} may read none of the tenant tables")


def _places(case: Case, held: Held, tenant: Tenant) -> _Places | Refused:
    query = sql.SQL("select tableoid::int8, ctid::text from {} limit {}").format(held.name, sql.Literal(MOST_ROWS))
    try:
        with case.live.acting(case.role, tenant):
            return _Places([(row[0], row[1]) for row in case.live.fetch(query)])
    except Refused as error:
        return error


def _overlap(case: Case, held: Held, seen: _Places, other: Tenant) -> int:
    """How many of the places another tenant sees too. Raises `Refused`."""
    query = sql.SQL("select count(*) from {} where tableoid = %s::int8::oid and ctid = any(%s::tid[])").format(
        held.name
    )
    by_table: dict[int, list[str]] = {}
    for table, place in seen.rows:
        by_table.setdefault(table, []).append(place)
    with case.live.acting(case.role, other):
        return sum(int(case.live.one(query, (table, places)) or 0) for table, places in by_table.items())


def _compare(
    case: Case,
    answer: Answer,
    held: Held,
    tenant: Tenant,
    ready: Sequence[Tenant],
    seen: dict[tuple[str, int], _Places | Refused],
) -> None:
    mine = seen[tenant.name, held.relation.oid]
    if isinstance(mine, Refused):
        answer.weak.append(_why(case, held, mine))
        return
    if case.world.dry:
        for other in ready:
            if other is not tenant:
                _overlap(case, held, _Places([(0, "(0,0)")]), other)
        return
    if not mine.rows:
        answer.weak.append(f"{tenant.name} sees no row in {held.place}: put one there")
        return
    paired = 0
    for other in ready:
        theirs = seen[other.name, held.relation.oid]
        if other is tenant or isinstance(theirs, Refused):
            continue
        try:
            both = _overlap(case, held, mine, other) or _overlap(case, held, theirs, tenant)
        except Refused as error:
            answer.weak.append(_why(case, held, error))
            return
        if both:
            text = f"{both} rows of {held.place} are seen by {tenant.name} and by {other.name}"
            code = f"compared: {len(mine.rows)} and {len(theirs.rows)} places of rows in one snapshot"
            answer.flag("shared-rows", held.place, text, code, anchor=f"{held.place} {tenant.name} {other.name}")
            return
        paired += bool(theirs.rows)
    if paired:
        answer.proved += 1
    else:
        answer.weak.append(f"no other tenant sees a row in {held.place}, so nothing could be shared: put one there")


def no_context(case: Case) -> CheckResult:
    """D12: nothing is set, or the empty text, as on a fresh and on a used connection."""
    answer = case.answer("D12")
    if why := cannot_probe(case):
        return answer.unknown(why)
    tables = readable(case)
    empty: list[str] = []
    failed: set[int] = set()
    shown: set[int] = set()
    with case.live.transaction():
        unset = _unset(case)
        for word in ("unset", "empty"):
            for held in tables:
                case.world.step(f"D12 {held.place}, {word}")
                try:
                    visible = _visible(case, held, empty=word == "empty")
                except Refused as error:
                    if held.relation.oid not in failed:
                        answer.weak.append(_why(case, held, error))
                    failed.add(held.relation.oid)
                    continue
                if visible:
                    shown.add(held.relation.oid)
                    text = f"{case.role} sees rows of {held.place} while no tenant is set (the setting is {word})"
                    answer.flag("rows-without-context", held.place, text, word, anchor=f"{held.place} {word}")
        for held in tables:
            if case.world.dry or held.relation.oid in failed | shown:
                continue
            if _has_rows(case, held):
                answer.proved += 1
            else:
                empty.append(held.place)
    answer.executed += case.live.executed
    if empty:
        answer.weak.append(f"no row is known to be in {some(empty)}, so none could be seen: put one there")
    if not unset and not case.world.dry:
        answer.weak.append("the setting was set before anything was asked, so `unset` was not tried")
    answer.counts = {"tables read": len(tables), "without rows": len(empty)}
    answer.control = f"rows are known to be in {answer.proved} of {len(tables)} tables"
    return answer.result(
        f"no row is visible in {len(tables)} tables while no tenant is set",
        f"{case.role} may read none of the tenant tables",
    )


def _unset(case: Case) -> bool:
    """Whether the setting was never set on this connection; policies see NULL then."""
    if not case.database.setting:
        return True
    try:
        return case.live.one("select current_setting(%s, true)", (case.database.setting,)) is None
    except Refused:
        return False


def _visible(case: Case, held: Held, *, empty: bool) -> bool:
    """Whether any row shows. An error shows none, except one that says that the role cannot be taken."""
    query = sql.SQL("select exists(select 1 from {})").format(held.name)
    with case.live.acting(case.role, empty=empty):
        try:
            return bool(case.live.one(query))
        except Refused as error:
            if error.state in ("57014", "55P03"):
                raise
            return False


def _has_rows(case: Case, held: Held) -> bool:
    """The control: the account, or a tenant made for probing, sees a row."""
    query = sql.SQL("select exists(select 1 from {})").format(held.name)
    try:
        if case.live.one(query):
            return True
    except Refused:
        pass
    for tenant in case.probes:
        try:
            with case.live.acting(case.role, tenant):
                if case.live.one(query):
                    return True
        except Refused:
            continue
    return False
