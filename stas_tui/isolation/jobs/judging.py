"""The rule for executed statements, on those of workers."""

from __future__ import annotations

from dataclasses import dataclass, field

from stas_tui.isolation.base import World
from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.sql.text import NotUnderstood, masked
from stas_tui.isolation.jobs.trace import Statement, Trace
from storage.check_records import Lead

UNBOUND, BY_KEY, UNPARSED, MIXED = "job-unbound", "job-by-key", "not-understood", "job-two-tenants"


@dataclass(slots=True)
class Judged:
    """What became of the statements of a trace."""

    statements: int = 0
    executions: int = 0
    bound: int = 0
    enforced: int = 0
    leads: list[Lead] = field(default_factory=list)

    def number(self, rule: str) -> int:
        """Statements with a lead of this rule."""
        return sum(lead.rule == rule for lead in self.leads)


def judge(world: World, trace: Trace, schema: Schema, *, enforced: bool) -> Judged:
    """Hold each statement against the rule for executed ones. Raises `Cancelled`."""
    from stas_tui.isolation.code.executed import on_tenants

    judged = Judged()
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


def unclear(judged: Judged) -> list[str]:
    """What was seen and not settled, as clauses."""
    parts = []
    if number := judged.number(UNPARSED):
        parts.append(f"{number} statements were not understood")
    if number := judged.number(BY_KEY):
        parts.append(f"{number} statements find a row by its key alone")
    if number := sum(lead.rule == UNBOUND and not lead.accuses for lead in judged.leads):
        parts.append(f"{number} statements name no tenant, and without the database its policies are not known")
    return parts
