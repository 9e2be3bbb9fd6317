"""What every result crosses before it is kept or shown: secrets stay out, lengths are bounded, a live result ends."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.health.border import clean_json
from stas_tui.isolation.base import LIVE_MS, Spec, World
from stas_tui.texts.lines import one_line
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict
from storage.redact import redact

MOST_LEADS = 200
MOST_EXECUTED = 200
LONGEST_TEXT = 600
LONGEST_CODE = 500
LONGEST_EXECUTED = 2_000
_LOOKED_AT = 65_536
LEFT_OUT = "leads_left_out"
"""Count of leads that a result had beyond `MOST_LEADS`."""

DRAFT = "the tenancy file is a draft that nobody completed; read it and set `completed_by`"


class WrongResult(Exception):
    """A group answered something that no check of it may answer: a bug of ours."""


def checked(result: CheckResult, spec: Spec | None, world: World) -> CheckResult:
    """The result as it may be kept. Raises `WrongResult`."""
    if spec is None:
        raise WrongResult(f"an answer for {result.check[:10]!a}, which the group does not have")
    if result.project_id != world.project_id:
        raise WrongResult(f"{spec.id} answers for another project")
    if result.tenant != ALL_TENANTS and result.tenant not in world.tenants:
        raise WrongResult(f"{spec.id} answers for a tenant that is not declared")
    if result.live and not spec.live:
        raise WrongResult(f"{spec.id} reads code and says it ran on the real thing")
    verdict, reason = _judged(result, world)
    return replace(
        result,
        verdict=verdict,
        reason=line(reason),
        target=line(result.target, 200),
        control=line(result.control),
        tool=line(result.tool, 80),
        executed=tuple(_cut(text, LONGEST_EXECUTED) for text in result.executed[:MOST_EXECUTED]),
        counts=_counts(result),
        leads=tuple(_lead(lead) for lead in result.leads[:MOST_LEADS]),
        expires_at=_expiry(result, spec),
    )


def line(text: str, limit: int = LONGEST_TEXT) -> str:
    """A sentence of a check: one printable line without secrets."""
    return one_line(redact(text), limit)


def _judged(result: CheckResult, world: World) -> tuple[Verdict, str]:
    """The verdict and its reason: questions alone never flag, and nothing is good news by an unconfirmed draft."""
    if result.verdict is Verdict.FLAGGED and not any(lead.accuses for lead in result.leads):
        return Verdict.UNKNOWN, f"somebody has to look: {result.reason}"
    leans = result.verdict in (Verdict.VERIFIED, Verdict.NOT_APPLICABLE)
    if leans and world.tenancy is not None and not world.tenancy.completed_by.strip():
        return Verdict.UNKNOWN, f"{DRAFT}; it would be {result.verdict}: {result.reason}"
    return result.verdict, result.reason


def _expiry(result: CheckResult, spec: Spec) -> int | None:
    """A live result is believed for as long as its description says at most."""
    if not result.live:
        return result.expires_at
    latest = result.ended_at + (spec.ttl_ms or LIVE_MS)
    return latest if result.expires_at is None else min(result.expires_at, latest)


def _counts(result: CheckResult) -> dict[str, object]:
    counts: dict[str, object] = clean_json(result.counts)
    left_out = len(result.leads) - MOST_LEADS
    return {**counts, LEFT_OUT: left_out} if left_out > 0 else counts


def _lead(lead: Lead) -> Lead:
    """The lead without secrets. What identifies it stays what it was, if it is no longer than `LONGEST_CODE`."""
    return replace(
        lead,
        text=line(lead.text),
        path=line(lead.path, 300),
        code=_cut(lead.code, LONGEST_CODE),
        anchor=_cut(lead.anchor or lead.code, LONGEST_CODE),
    )


def _cut(text: str, limit: int) -> str:
    """Redacted before it is cut: half a secret is not recognised."""
    return redact(text[:_LOOKED_AT])[:limit]
