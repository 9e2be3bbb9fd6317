"""Q4: every statement that ran binds every tenant table, as pg_stat_statements, a log or a test run has it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.code.executed_statistics import read_statistics
from stas_tui.isolation.code.postgres_log import LogUnreadable
from stas_tui.isolation.code.recorded import RecordUnreadable, add_record, read_record, record_of
from stas_tui.isolation.code.sql.schema import Schema, declared, plain
from stas_tui.isolation.code.sql.scope import Use, uses_of, version
from stas_tui.isolation.code.sql.text import NotUnderstood, masked
from stas_tui.isolation.code.statement_log import MOST_SHAPES, Ran, Window, read_log
from stas_tui.isolation.code.words import words_of
from stas_tui.isolation.database.live import DRY, Live, NotUsable, Refused, open_live
from storage.check_records import CheckResult, Lead, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.database.model import Catalogue, Relation, Role
    from stas_tui.isolation.declared import Database, Tenancy

CHECK = "Q4"
LONG = 10_000
"""Characters from which on a statement may take a while."""
MOST_LEADS = 200
"""Leads that stand with a result; the counts speak of all of them."""
LEAST_CALLS = 10
"""Executions that each tenant table must have in the window, or nothing was seen of it."""

UNBOUND, BY_KEY, UNPARSED = "executed-unbound", "executed-by-key", "not-understood"


@dataclass(slots=True)
class _Judged:
    """What became of the statements of a window."""

    statements: int = 0
    executions: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    """Executions by tenant table."""
    bound: int = 0
    enforced: int = 0
    """Statements on tables on which the database itself filters rows."""
    leads: list[Lead] = field(default_factory=list)

    def number(self, rule: str) -> int:
        """Statements with a lead of this rule."""
        return sum(lead.rule == rule for lead in self.leads)


def executed(world: World) -> CheckResult:
    """The result of Q4. Raises `Cancelled`."""
    tenancy = world.tenancy
    assert tenancy is not None
    database, record = tenancy.database, record_of(world, tenancy)
    started = world.clock.now()
    if record is None and (database is None or not (database.dsn.named or database.statement_log)):
        return unknown(
            world,
            CHECK,
            "no source of executed statements; declare `dsn` of a PostgreSQL with pg_stat_statements, or"
            " `statement_log`, in [database]; or let `stas isolation record` write down a test run",
        )
    live: Live | None = None
    window = Window()
    try:
        if database is not None and database.dsn.named:
            live = _opened(world, database, tenancy, window, beside=record is not None)
        return _with(world, tenancy, database, live, window, record, started)
    except (NotUsable, Refused, LogUnreadable, RecordUnreadable) as error:
        ran = tuple(live.executed) if live is not None else ()
        return unknown(world, CHECK, _clause(error), executed=ran)
    finally:
        if live is not None:
            live.close()


def _opened(world: World, database: Database, tenancy: Tenancy, window: Window, *, beside: bool) -> Live | None:
    """The connection; None if there is none but a log or the record of a test run will do without."""
    roles = [role for role in (database.app_role, *(tenant.role for tenant in tenancy.tenant)) if role]
    try:
        return open_live(world, database, database.schemas, roles)
    except NotUsable as error:
        if not database.statement_log and not beside:
            raise
        if not database.statement_log:
            window.remarks.append(f"the database was not asked: {_clause(error)}")
        return None


def _clause(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:].rstrip(".")


def _with(
    world: World, tenancy: Tenancy, database: Database | None, live: Live | None, window: Window,
    record: Path | None, started: int,
) -> CheckResult:  # fmt: skip
    schema, where, name = declared(tenancy), "", ""
    if live is not None and database is not None:
        schema, where, name = _schema(live, tenancy, database)
    remarks = window.remarks
    files = [f"the log {database.statement_log}"] if database is not None and database.statement_log else []
    if database is not None and database.statement_log and not world.dry:
        world.step(f"reading {database.statement_log}")
        window = read_log(Path(database.statement_log), role=database.app_role, database=name)
    elif live is not None and database is not None and not files:
        try:
            window = read_statistics(live, database)
        except (NotUsable, Refused) as error:
            if record is None:
                raise
            remarks.append(f"pg_stat_statements was not read: {_clause(error)}")
    window.remarks += [remark for remark in remarks if remark not in window.remarks]
    if record is not None:
        files.append(f"the record {record}")
    if world.dry:
        reason = f"{DRY}; {' and '.join(files)} would be read" if files else DRY
        return unknown(world, CHECK, reason, executed=tuple(live.executed) if live else ())
    if record is not None:
        world.step(f"reading {record}")
        add_record(world, window, read_record(record, words_of(tenancy)), record.name)
    enforced = tenancy.strategy == "rls"
    if enforced and not schema.catalogue:
        for ran in window.statements:
            ran.sure = ran.sure and not ran.recorded
    judged = _judge(world, window, schema, enforced=enforced)
    return _result(world, schema, window, judged, where, tuple(live.executed) if live else (), started)


# what the database says ----------------------------------------------------------------------------


def _schema(live: Live, tenancy: Tenancy, database: Database) -> tuple[Schema, str, str]:
    """(what is known of the tables, what was looked at, name of the database). Raises `Refused`."""
    from stas_tui.isolation.database.reading import read

    with live.transaction():
        catalogue = read(live, database.schemas, database.app_role, ())
    if live.world.dry:
        return declared(tenancy), "", ""
    where = f"PostgreSQL {catalogue.version}, database {catalogue.database} as {catalogue.account}"
    return known(catalogue, tenancy, [database.app_role]), where, catalogue.database


def known(catalogue: Catalogue, tenancy: Tenancy, roles: Iterable[str]) -> Schema:
    """Columns, keys and references of a catalogue, together with what is declared.

    Tables count as filtered by the database if their policies apply to each of these roles, as far as they are known.
    """
    who = [catalogue.roles[name] for name in roles if name in catalogue.roles]
    columns: dict[str, frozenset[str]] = {}
    unique: dict[str, tuple[frozenset[str], ...]] = {}
    references: dict[str, frozenset[str]] = {}
    secured = set()
    for relation in catalogue.relations.values():
        table = plain(relation.place)
        columns[table] = frozenset(relation.columns)
        unique[table] = tuple(
            frozenset(index.columns)
            for index in relation.indexes
            if index.unique and not index.partial and not index.expressions and all(index.columns)
        )
        references[table] = frozenset(c for one in relation.references if len(one.columns) == 1 for c in one.columns)
        if relation.rls and not any(_past_policies(role, relation) for role in who):
            secured.add(table)
    return declared(tenancy, columns_of=columns, unique=unique, references=references, secured=frozenset(secured))


def _past_policies(role: Role, relation: Relation) -> bool:
    """Whether no policy of a table applies to a role: superusers, BYPASSRLS, and its owner unless that is forced."""
    return role.superuser or role.bypass or (relation.owner == role.name and not relation.forced)


# the rule ------------------------------------------------------------------------------------------


class Counted(Protocol):
    """A statement that ran, and how often."""

    sql: str
    calls: int


_Counted = TypeVar("_Counted", bound=Counted)


def on_tenants(
    world: World, statements: Sequence[_Counted], schema: Schema
) -> Iterator[tuple[_Counted, list[Use] | NotUnderstood]]:
    """The statements that touch tables of tenants with how each binds them, or why one was not understood.

    Raises `Cancelled`.
    """
    for number, one in enumerate(statements, 1):
        if number % 50 == 1 or len(one.sql) > LONG:
            world.step(f"statement {number} of {len(statements)}")
        try:
            uses = [use for use in uses_of(one.sql, schema) if schema.belongs(use.table)]
        except NotUnderstood as error:
            if may_touch(one.sql, schema):
                yield one, error
            continue
        if uses:
            yield one, uses


def _judge(world: World, window: Window, schema: Schema, *, enforced: bool) -> _Judged:
    judged = _Judged()
    for ran, uses in on_tenants(world, window.statements, schema):
        judged.statements += 1
        if isinstance(uses, NotUnderstood):
            judged.leads.append(_lead(ran, "", UNPARSED, f"a statement was not understood: {uses}", accuses=False))
            continue
        judged.executions += ran.calls
        for table in {use.table for use in uses}:
            judged.calls[table] = judged.calls.get(table, 0) + ran.calls
        judged.leads += _leads(ran, uses, schema, judged, enforced=enforced)
    return judged


def _leads(ran: Ran, uses: list[Use], schema: Schema, judged: _Judged, *, enforced: bool) -> Iterator[Lead]:
    left = [use for use in uses if not use.how]
    if enforced and left and all(use.table in schema.secured for use in left):
        judged.enforced += 1
        return
    left = [use for use in left if not (enforced and use.table in schema.secured)]
    open_ = sorted({use.table for use in left if not use.by_key})
    keyed = sorted({use.table for use in left if use.by_key})
    if open_:
        text = f"a statement that ran {ran.calls} times{_place(ran)} binds {', '.join(open_)} to no tenant"
        yield _lead(ran, open_[0], UNBOUND, text, accuses=ran.sure)
    elif keyed:
        text = f"a statement that ran {ran.calls} times{_place(ran)} finds {', '.join(keyed)} by key alone"
        text += "; P2 shows who may"
        yield _lead(ran, keyed[0], BY_KEY, text, accuses=False)
    else:
        judged.bound += 1


def _place(ran: Ran) -> str:
    if not ran.recorded:
        return ""
    return f" in a test run ({ran.place})" if ran.place else " in a test run"


def may_touch(sql: str, schema: Schema) -> bool:
    """Whether a statement that was not understood names a table of tenants; without a catalogue any may."""
    tables = [table for table in {*schema.columns_of, *schema.scoped, *schema.parents} if schema.belongs(table)]
    text = masked(sql).lower()
    return not tables or any(table.rpartition(".")[2] in text for table in tables)


def _lead(ran: Ran, table: str, rule: str, text: str, *, accuses: bool) -> Lead:
    shown = masked(ran.sql)
    severity = "crit" if accuses else "warn"
    return Lead(
        rule=rule,
        text=text,
        path=table,
        code=shown[:500],
        accuses=accuses,
        severity=severity,
        anchor=f"{shown} {ran.place}".rstrip(),
    )


# the verdict ---------------------------------------------------------------------------------------


def _result(
    world: World,
    schema: Schema,
    window: Window,
    judged: _Judged,
    where: str,
    ran: tuple[str, ...],
    started: int,
) -> CheckResult:
    now = world.clock.now()
    tables = sorted(t for t in {*schema.columns_of, *schema.scoped, *schema.parents} if schema.belongs(t))
    seldom = [table for table in tables if judged.calls.get(table, 0) < LEAST_CALLS]
    reason = _missing(window, judged, tables, seldom, now)
    if judged.enforced and not (world.tenancy and world.tenancy.database and world.tenancy.database.app_role):
        beside = f"{judged.enforced} statements rest on policies; declare `app_role`, to which they must apply"
        reason = f"{reason}; {beside}" if reason else beside
    flagged = sum(lead.accuses for lead in judged.leads)
    verdict = Verdict.FLAGGED if flagged else Verdict.UNKNOWN if reason else Verdict.VERIFIED
    if flagged:
        beside = f"; {reason}" if reason else ""
        reason = f"{flagged} of {judged.statements} statements bind a tenant table to no tenant{beside}"
    elif not reason:
        reason = f"all {judged.statements} statements bind every tenant table, {judged.executions} executions"
        if judged.enforced:
            reason += f"; {judged.enforced} of them rest on policies of the database"
        if window.recorded:
            reason += f"; {window.recorded} different ones come from a test run"
    reason = "; ".join([reason, *window.remarks])
    digest = hashlib.sha256("\n".join(sorted(f"{one.calls} {one.sql}" for one in window.statements)).encode())
    parts = [where, window.source, f"sha256 {digest.hexdigest()[:12]}"]
    order = {UNBOUND: 0, UNPARSED: 1, BY_KEY: 2}
    return CheckResult(
        check=CHECK,
        project_id=world.project_id,
        verdict=verdict,
        reason=reason,
        target=", ".join(part for part in parts if part),
        started_at=started,
        ended_at=now,
        expires_at=now + LIVE_MS,
        executed=ran,
        counts={
            "statements": judged.statements,
            "executions": judged.executions,
            "bound": judged.bound,
            "by_policy": judged.enforced,
            "by_key": judged.number(BY_KEY),
            "unbound": judged.number(UNBOUND),
            "not_understood": judged.number(UNPARSED),
            "hidden": window.hidden,
            "left_out": window.left_out,
            "of_a_test_run": window.recorded,
            "tables": len(tables),
            "tables_seldom_read": len(seldom),
        },
        control=f"{len(tables) - len(seldom)} of {len(tables)} tenant tables have at least {LEAST_CALLS} executions",
        leads=tuple(sorted(judged.leads, key=lambda lead: order[lead.rule])[:MOST_LEADS]),
        tool=version(),
        live=True,
    )


def _missing(window: Window, judged: _Judged, tables: list[str], seldom: list[str], now: int) -> str:
    """Why all that was seen does not verify; empty if it does."""
    parts = []
    if window.hidden:
        parts.append(f"{window.hidden} statements are hidden from the account; grant it pg_read_all_stats")
    if number := judged.number(UNPARSED):
        parts.append(f"{number} statements were not understood")
    if number := judged.number(BY_KEY):
        parts.append(f"{number} statements find a row by its key alone; P2 settles them")
    if number := sum(lead.rule == UNBOUND and not lead.accuses for lead in judged.leads):
        parts.append(f"{number} statements of a test run bind nothing; a person must say whose they are")
    parts += window.problems
    if window.cut:
        parts.append(f"only {MOST_SHAPES} different statements were read")
    if window.last is not None and now - window.last > LIVE_MS:
        parts.append("the log was written last more than a day ago")
    if not judged.statements:
        parts.append("no statement on a tenant's table was seen")
    elif not tables:
        parts.append("which tables belong to tenants is not declared")
    elif seldom:
        more = f" and {len(seldom) - 3} more" if len(seldom) > 3 else ""
        parts.append(f"fewer than {LEAST_CALLS} executions on {', '.join(seldom[:3])}{more}")
    return "; ".join(parts)
