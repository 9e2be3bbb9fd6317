"""What Stas' own no-op jobs prove: each was seen, bound every table of tenants, and named its tenant and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stas_tui.isolation.jobs.judging import MIXED, Judged, unclear
from stas_tui.isolation.jobs.noop import Noop, Probed
from stas_tui.isolation.jobs.trace import Statement
from storage.check_records import Lead


@dataclass(slots=True)
class Own:
    """The part of the result that speaks of them; all empty where none is declared."""

    jobs: int = 0
    statements: int = 0
    executions: int = 0
    enforced: int = 0
    leads: list[Lead] = field(default_factory=list)
    ran: list[Statement] = field(default_factory=list)
    reason: str = ""
    """Why they verify nothing, as clauses."""
    proved: str = ""
    """What they prove; empty if anything is missing."""
    remark: str = ""
    """What is to be said beside whatever the result is."""
    source: str = ""
    control: str = ""


def judged_own(noop: Noop, pairs: Sequence[tuple[Probed, Judged]], role: str) -> Own:
    """Put the jobs of all probe tenants together. `role` is the declared one of the workers; it may be empty."""
    if noop.problem:
        return Own(remark=noop.problem)
    own = Own(jobs=len(pairs), source=f"no-op jobs for {', '.join(job.tenant.name for job, _ in pairs)}")
    missing = []
    for job, judged in pairs:
        own.statements += judged.statements
        own.executions += judged.executions
        own.enforced += judged.enforced
        own.leads += judged.leads
        own.ran += job.trace.statements
        missing += _missing(job, judged, role)
        if job.foreign:
            text = f"the no-op job for {job.tenant.name} ran {job.foreign} statements with the key of another tenant"
            own.leads.append(Lead(rule=MIXED, text=text, accuses=False, anchor=f"no-op {job.tenant.name}"))
    seen = sum(not job.problem for job, _ in pairs)
    own.control = f"{seen} of {len(pairs)} no-op jobs were seen in the log, with {own.executions} executions"
    own.reason = "; ".join(dict.fromkeys(missing))
    if not own.reason and not any(lead.accuses for lead in own.leads):
        own.proved = f"{own.source} bound every tenant table, {own.executions} executions"
        own.proved += f"; {own.enforced} of their statements rest on policies of the database" if own.enforced else ""
    return own


def _missing(job: Probed, judged: Judged, role: str) -> list[str]:
    if job.problem:
        return [job.problem]
    name = job.tenant.name
    parts = [f"of the no-op job for {name} {part}" for part in unclear(judged)]
    if job.foreign:
        parts.append(f"the no-op job for {name} names another tenant; a person must look")
    if job.trace.cut:
        parts.append(f"the no-op job for {name} ran more different statements than are read")
    if judged.enforced and not role and "" in job.trace.roles:
        parts.append("the no-op jobs rest on policies, and the log does not say which role ran them; declare `role`")
    if not judged.executions:
        parts.append(f"the no-op job for {name} touched no tenant's table; one that proves anything has to read one")
    elif not job.own:
        parts.append(f"the statements of the no-op job for {name} hold its key nowhere; let the log have their values")
    return parts
