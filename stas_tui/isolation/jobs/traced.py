"""J1: every statement that workers ran binds every table of tenants, by the rule for executed statements."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.code.postgres_log import LogUnreadable
from stas_tui.isolation.code.sql.schema import declared
from stas_tui.isolation.code.sql.scope import version
from stas_tui.isolation.code.sql.text import masked, touches_rows
from stas_tui.isolation.jobs.judging import BY_KEY, UNBOUND, UNPARSED, Judged, judge, unclear
from stas_tui.isolation.jobs.noop import enqueue
from stas_tui.isolation.jobs.own import Own, judged_own
from stas_tui.isolation.jobs.trace import Statement, Trace, read_trace
from storage.check_records import CheckResult, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.database.live import Live
    from stas_tui.isolation.database.model import Catalogue
    from stas_tui.isolation.declared import Database, Tenancy

CHECK = "J1"
LEAST_CALLS = 10
"""Executions on tables of tenants that must have been seen, or nothing was seen of the jobs."""
NO_TRACE = (
    "no trace of a job: declare the `application_name` of the workers in [jobs] with a csv `statement_log` in"
    " [database], or their `role` with pg_stat_statements, or a `noop` that puts a harmless job into the queue"
)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where the statements of real jobs come from."""

    by_log: bool
    by_statistics: bool


def traced(world: World, tenancy: Tenancy) -> CheckResult:
    """The result of J1. Raises `Cancelled`."""
    from stas_tui.isolation.database.live import NotUsable, Refused, open_live

    jobs, database = tenancy.jobs, tenancy.database
    log = database.statement_log if database else ""
    by_log = bool(log and (jobs.application_name or jobs.role))
    by_statistics = bool(database and database.dsn.named and jobs.role) and not by_log
    if database is None or not (by_log or by_statistics or jobs.noop):
        return unknown(world, CHECK, NO_TRACE)
    started = world.clock.now()
    live: Live | None = None
    actions: list[str] = []
    try:
        if database.dsn.named:
            roles = [r for r in (database.app_role, jobs.role, *(tenant.role for tenant in tenancy.tenant)) if r]
            try:
                live = open_live(world, database, database.schemas, roles)
            except NotUsable:
                if by_statistics:
                    raise
        sources = _Sources(by_log=by_log, by_statistics=by_statistics)
        return _with(world, tenancy, database, live, started, sources, actions)
    except (NotUsable, Refused, LogUnreadable) as error:
        ran = tuple(live.executed) if live is not None else ()
        return unknown(world, CHECK, _clause(error), executed=(*ran, *actions))
    finally:
        if live is not None:
            live.close()


def _with(
    world: World, tenancy: Tenancy, database: Database, live: Live | None, started: int, sources: _Sources,
    actions: list[str],
) -> CheckResult:  # fmt: skip
    from stas_tui.isolation.code.executed import known
    from stas_tui.isolation.database.live import DRY

    catalogue = _catalogue(live, database)
    name = catalogue.database if catalogue else ""
    noop = enqueue(world, tenancy, database, name, actions) if tenancy.jobs.noop else None
    trace = None
    if sources.by_log and not world.dry:
        trace = _logged(world, tenancy, database, name)
    elif sources.by_statistics and live is not None:
        trace = _statistics(live, tenancy.jobs.role)
    ran = (*(live.executed if live else ()), *actions)
    if world.dry:
        log = f"; the log {database.statement_log} would be read" if sources.by_log or actions else ""
        beside = f"; {noop.problem}" if noop and noop.problem else ""
        return unknown(world, CHECK, f"{DRY}{log}{beside}", executed=ran)
    schema, where = declared(tenancy), ""
    if catalogue is not None:
        roles = set(trace.roles) if trace is not None else set()
        roles |= {role for job in noop.jobs for role in job.trace.roles} if noop else set()
        schema = known(catalogue, tenancy, {tenancy.jobs.role, *roles})
        where = f"PostgreSQL {catalogue.version}, database {catalogue.database} as {catalogue.account}"
    enforced, jobs = tenancy.strategy == "rls", tenancy.jobs
    own = Own()
    if noop is not None:
        own = judged_own(
            noop, [(job, judge(world, job.trace, schema, enforced=enforced)) for job in noop.jobs], jobs.role
        )
    trace = trace or Trace(source="")
    judged = judge(world, trace, schema, enforced=enforced)
    return _result(world, trace, judged, own, where, ran, started)


def _logged(world: World, tenancy: Tenancy, database: Database, name: str) -> Trace:
    """What the workers ran by their log. Raises `LogUnreadable`, `Cancelled`."""
    world.step(f"reading {database.statement_log}")
    jobs = tenancy.jobs
    return read_trace(
        Path(database.statement_log),
        application=jobs.application_name,
        role="" if jobs.application_name else jobs.role,
        database=name,
        keys=frozenset(tenant.key for tenant in tenancy.tenant),
    )


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


# the verdict ----------------------------------------------------------------------------------------


def _result(
    world: World, trace: Trace, judged: Judged, own: Own, where: str, ran: tuple[str, ...], started: int
) -> CheckResult:
    from stas_tui.isolation.code.executed import MOST_LEADS

    now = world.clock.now()
    leads = list({lead.fingerprint: lead for lead in (*own.leads, *judged.leads)}.values())
    flagged = sum(lead.accuses for lead in leads)
    missing = [own.reason] if own.reason else []
    if trace.source:
        missing += _missing(trace, judged, now, enough=bool(own.proved))
    reason = "; ".join(missing)
    verdict = (
        Verdict.FLAGGED
        if flagged
        else Verdict.UNKNOWN
        if reason or not (trace.source or own.proved)
        else Verdict.VERIFIED
    )
    if flagged:
        beside = f"; {reason}" if reason else ""
        total = judged.statements + own.statements
        reason = f"{flagged} of {total} statements of workers bind a tenant table to no tenant{beside}"
    elif verdict is Verdict.VERIFIED:
        reason = "; ".join(said for said in (own.proved, _said(judged)) if said)
    reason = "; ".join(part for part in (reason, own.remark) if part)
    texts = [f"{one.calls} {masked(one.sql)}" for one in (*trace.statements, *own.ran)]
    digest = hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:12]
    return CheckResult(
        check=CHECK,
        project_id=world.project_id,
        verdict=verdict,
        reason=reason,
        target=", ".join(part for part in (where, trace.source, own.source, f"sha256 {digest}") if part),
        started_at=started,
        ended_at=now,
        expires_at=now + LIVE_MS,
        executed=ran,
        counts={
            "statements": judged.statements,
            "executions": judged.executions,
            "bound": judged.bound,
            "by_policy": judged.enforced + own.enforced,
            "by_key": judged.number(BY_KEY),
            "unbound": judged.number(UNBOUND),
            "not_understood": judged.number(UNPARSED),
            "transactions": trace.transactions,
            "of_others": trace.others,
            "own_jobs": own.jobs,
            "own_executions": own.executions,
        },
        control=own.control
        or f"{judged.executions} executions on tables of tenants were seen, {LEAST_CALLS} are needed",
        leads=tuple(sorted(leads, key=lambda lead: not lead.accuses)[:MOST_LEADS]),
        tool=version(),
        live=True,
    )


def _said(judged: Judged) -> str:
    if not judged.statements:
        return ""
    said = f"all {judged.statements} statements of workers bind every tenant table, {judged.executions} executions"
    return said + (f"; {judged.enforced} of them rest on policies of the database" if judged.enforced else "")


def _missing(trace: Trace, judged: Judged, now: int, *, enough: bool) -> list[str]:
    """Why what was seen of the workers does not verify. Where `enough` was proved, too little is no reason."""
    parts = unclear(judged)
    if trace.mixed:
        parts.append(f"{trace.mixed} transactions name two tenants; a person must look")
    if trace.cut:
        parts.append("there were more different statements than are read")
    if enough:
        return parts
    if not trace.named:
        return ["the log does not say who ran a statement; log as csv, or put %a and %u into log_line_prefix"]
    if not judged.statements:
        return ["no statement of a worker on a tenant's table was seen; is the declared name the workers'?"]
    if trace.last is not None and now - trace.last > LIVE_MS:
        parts.append("the log was written last more than a day ago")
    if judged.executions < LEAST_CALLS:
        parts.append(f"{judged.executions} executions were seen, {LEAST_CALLS} are needed")
    return parts
