"""J1: every statement that workers ran binds every table of tenants, by the rule for executed statements."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.code.postgres_log import LogUnreadable
from stas_tui.isolation.code.sql.schema import Schema, declared
from stas_tui.isolation.code.sql.scope import version
from stas_tui.isolation.code.sql.text import NotUnderstood, masked, touches_rows
from stas_tui.isolation.jobs.trace import Statement, Trace, read_trace
from storage.check_records import CheckResult, Lead, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.database.live import Live
    from stas_tui.isolation.database.model import Catalogue
    from stas_tui.isolation.declared import Database, Tenancy

CHECK = "J1"
LEAST_CALLS = 10
"""Executions on tables of tenants that must have been seen, or nothing was seen of the jobs."""
NO_TRACE = (
    "no trace of a job: declare the `application_name` of the workers in [jobs] with a csv `statement_log` in"
    " [database], or their `role` with pg_stat_statements"
)
UNBOUND, BY_KEY, UNPARSED, MIXED = "job-unbound", "job-by-key", "not-understood", "job-two-tenants"


@dataclass(slots=True)
class _Judged:
    statements: int = 0
    executions: int = 0
    bound: int = 0
    enforced: int = 0
    leads: list[Lead] = field(default_factory=list)

    def number(self, rule: str) -> int:
        return sum(lead.rule == rule for lead in self.leads)


def traced(world: World, tenancy: Tenancy) -> CheckResult:
    """The result of J1. Raises `Cancelled`."""
    from stas_tui.isolation.database.live import NotUsable, Refused, open_live

    jobs, database = tenancy.jobs, tenancy.database
    log = database.statement_log if database else ""
    by_log = bool(log and (jobs.application_name or jobs.role))
    by_statistics = bool(database and database.dsn.named and jobs.role)
    if database is None or not (by_log or by_statistics):
        return unknown(world, CHECK, NO_TRACE)
    started = world.clock.now()
    live: Live | None = None
    try:
        if database.dsn.named:
            roles = [r for r in (database.app_role, jobs.role, *(tenant.role for tenant in tenancy.tenant)) if r]
            try:
                live = open_live(world, database, database.schemas, roles)
            except NotUsable:
                if not by_log:
                    raise
        return _with(world, tenancy, database, live, started, by_log=by_log)
    except (NotUsable, Refused, LogUnreadable) as error:
        return unknown(world, CHECK, _clause(error), executed=tuple(live.executed) if live is not None else ())
    finally:
        if live is not None:
            live.close()


def _with(
    world: World, tenancy: Tenancy, database: Database, live: Live | None, started: int, *, by_log: bool
) -> CheckResult:
    from stas_tui.isolation.code.executed import known
    from stas_tui.isolation.database.live import DRY

    catalogue = _catalogue(live, database)
    name = catalogue.database if catalogue else ""
    if by_log and world.dry:
        ran = tuple(live.executed) if live else ()
        return unknown(world, CHECK, f"{DRY}; the log {database.statement_log} would be read", executed=ran)
    if by_log:
        world.step(f"reading {database.statement_log}")
        keys = frozenset(tenant.key for tenant in tenancy.tenant)
        jobs = tenancy.jobs
        trace = read_trace(
            Path(database.statement_log),
            application=jobs.application_name,
            role="" if jobs.application_name else jobs.role,
            database=name,
            keys=keys,
        )
    else:
        assert live is not None
        trace = _statistics(live, tenancy.jobs.role)
        if world.dry:
            return unknown(world, CHECK, DRY, executed=tuple(live.executed))
    schema, where = declared(tenancy), ""
    if catalogue is not None:
        schema = known(catalogue, tenancy, {tenancy.jobs.role, *trace.roles})
        where = f"PostgreSQL {catalogue.version}, database {catalogue.database} as {catalogue.account}"
    judged = _judge(world, trace, schema, enforced=tenancy.strategy == "rls")
    ran = tuple(live.executed) if live is not None else ()
    return _result(world, trace, judged, where, ran, started)


def _clause(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:].rstrip(".")


# where statements come from -------------------------------------------------------------------------


def _catalogue(live: Live | None, database: Database) -> Catalogue | None:
    """What the database says of its tables; None without one and in a dry run. Raises `Refused`, `NotUsable`."""
    if live is None:
        return None
    from stas_tui.isolation.database.reading import read

    with live.transaction():
        catalogue = read(live, database.schemas, database.app_role, ())
    return None if live.world.dry else catalogue


def _statistics(live: Live, role: str) -> Trace:
    """What pg_stat_statements counted for the workers' role. Raises `NotUsable`, `Refused`."""
    from psycopg import sql

    from stas_tui.isolation.code import executed_sql
    from stas_tui.isolation.code.statement_log import MOST_SHAPES
    from stas_tui.isolation.database.live import NotUsable, Refused

    trace = Trace(source=f"pg_stat_statements of the role {role}")
    with live.transaction():
        schema = live.one(executed_sql.EXTENSION)
        if schema is None and not live.world.dry:
            raise NotUsable("The database has no pg_stat_statements; create it, or declare a statement_log.")
        name = sql.Identifier(schema or "public")
        try:
            rows = live.fetch(sql.SQL(executed_sql.STATEMENTS).format(schema=name), {"most": MOST_SHAPES + 1})
        except Refused as error:
            if error.state == "55000":
                raise NotUsable("pg_stat_statements is not loaded; add it to shared_preload_libraries.") from None
            raise
    trace.cut = len(rows) > MOST_SHAPES
    for query, calls, user in rows[:MOST_SHAPES]:
        if user != role:
            trace.others += 1
        elif query is None or query == executed_sql.HIDDEN:
            raise NotUsable("The workers' statements are hidden from the account; grant it pg_read_all_stats.")
        elif touches_rows(query):
            trace.statements.append(Statement(query, int(calls)))
    return trace


# the rule -------------------------------------------------------------------------------------------


def _judge(world: World, trace: Trace, schema: Schema, *, enforced: bool) -> _Judged:
    from stas_tui.isolation.code.executed import on_tenants

    judged = _Judged()
    for one, uses in on_tenants(world, trace.statements, schema):
        judged.statements += 1
        if isinstance(uses, NotUnderstood):
            judged.leads.append(_lead(one, "", UNPARSED, f"a job's statement was not understood: {uses}"))
            continue
        judged.executions += one.calls
        left = [use for use in uses if not use.how and not (enforced and use.table in schema.secured)]
        open_ = sorted({use.table for use in left if not use.by_key})
        keyed = sorted({use.table for use in left if use.by_key})
        if open_:
            text = f"a job ran a statement {one.calls} times that binds {', '.join(open_)} to no tenant"
            surely = not enforced or bool(schema.columns_of)
            judged.leads.append(_lead(one, open_[0], UNBOUND, text, accuses=surely))
        elif keyed:
            text = f"a job found {', '.join(keyed)} by key alone {one.calls} times; whose key it is cannot be seen"
            judged.leads.append(_lead(one, keyed[0], BY_KEY, text))
        elif any(not use.how for use in uses):
            judged.enforced += 1
        else:
            judged.bound += 1
    if trace.mixed:
        text = f"{trace.mixed} of {trace.transactions} transactions of workers name two declared tenants"
        judged.leads.append(Lead(rule=MIXED, text=text, accuses=False, anchor="transactions"))
    return judged


def _lead(one: Statement, table: str, rule: str, text: str, *, accuses: bool = False) -> Lead:
    shown = masked(one.sql)
    severity = "crit" if accuses else "warn"
    return Lead(rule=rule, text=text, path=table, code=shown[:500], accuses=accuses, severity=severity, anchor=shown)


def _result(world: World, trace: Trace, judged: _Judged, where: str, ran: tuple[str, ...], started: int) -> CheckResult:
    from stas_tui.isolation.code.executed import MOST_LEADS

    now = world.clock.now()
    reason = _missing(trace, judged, now)
    flagged = sum(lead.accuses for lead in judged.leads)
    verdict = Verdict.FLAGGED if flagged else Verdict.UNKNOWN if reason else Verdict.VERIFIED
    if flagged:
        beside = f"; {reason}" if reason else ""
        reason = f"{flagged} of {judged.statements} statements of workers bind a tenant table to no tenant{beside}"
    elif not reason:
        reason = (
            f"all {judged.statements} statements of workers bind every tenant table, {judged.executions} executions"
        )
        reason += f"; {judged.enforced} of them rest on policies of the database" if judged.enforced else ""
    lines = "\n".join(sorted(f"{one.calls} {masked(one.sql)}" for one in trace.statements))
    digest = hashlib.sha256(lines.encode()).hexdigest()[:12]
    return CheckResult(
        check=CHECK,
        project_id=world.project_id,
        verdict=verdict,
        reason=reason,
        target=", ".join(part for part in (where, trace.source, f"sha256 {digest}") if part),
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
            "transactions": trace.transactions,
            "of_others": trace.others,
        },
        control=f"{judged.executions} executions on tables of tenants were seen, {LEAST_CALLS} are needed",
        leads=tuple(sorted(judged.leads, key=lambda lead: not lead.accuses)[:MOST_LEADS]),
        tool=version(),
        live=True,
    )


def _missing(trace: Trace, judged: _Judged, now: int) -> str:
    """Why what was seen does not verify; empty if it does."""
    if not trace.named:
        return "the log does not say who ran a statement; log as csv, or put %a and %u into log_line_prefix"
    if not judged.statements:
        return "no statement of a worker on a tenant's table was seen; is the declared name the workers'?"
    parts = []
    if number := judged.number(UNPARSED):
        parts.append(f"{number} statements were not understood")
    if number := judged.number(BY_KEY):
        parts.append(f"{number} statements find a row by its key alone")
    if number := sum(lead.rule == UNBOUND and not lead.accuses for lead in judged.leads):
        parts.append(f"{number} statements name no tenant, and without the database its policies are not known")
    if trace.mixed:
        parts.append(f"{trace.mixed} transactions name two tenants; a person must look")
    if trace.cut:
        parts.append("there were more different statements than are read")
    if trace.last is not None and now - trace.last > LIVE_MS:
        parts.append("the log was written last more than a day ago")
    if judged.executions < LEAST_CALLS:
        parts.append(f"{judged.executions} executions were seen, {LEAST_CALLS} are needed")
    return "; ".join(parts)
