"""Whether a person accepted what a check says, and accepting it. The flag stays a flag beside its acceptance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict, Waiver
from storage.checks import WaiverRefused


def open_leads(result: CheckResult) -> tuple[Lead, ...]:
    """What a person has to answer for: the accusations of a flag, the questions of anything else but a proof."""
    if result.verdict is Verdict.FLAGGED:
        return tuple(lead for lead in result.leads if lead.accuses)
    return result.leads if result.verdict is Verdict.UNKNOWN else ()


def accepted_by(result: CheckResult, tenant: str, waivers: Iterable[Waiver], now: int) -> Waiver | None:
    """The acceptance under which a result stands for this tenant; None if any of its leads is open.

    An acceptance for all tenants covers each; one for a tenant covers what concerns all in that tenant's row only.
    With several, the one that ends first is answered.
    """
    leads = open_leads(result)
    if not leads:
        return None
    counting = [
        w for w in waivers if w.check == result.check and w.counts_at(now) and w.tenant in (ALL_TENANTS, tenant)
    ]
    if result.tenant not in (ALL_TENANTS, tenant):
        return None
    found = []
    for lead in leads:
        covering = [w for w in counting if w.fingerprint in ("", lead.fingerprint)]
        if not covering:
            return None
        found.append(max(covering, key=lambda w: w.until))
    return min(found, key=lambda w: w.until)


def end_of(day: date) -> int:
    """The last moment of a day, UTC milliseconds."""
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    return int(midnight.timestamp() * 1000) - 1


def worth_accepting(
    results: Sequence[CheckResult], check: str, tenant: str, fingerprint: str = ""
) -> tuple[CheckResult, ...]:
    """The results that an acceptance would be about. Raises `WaiverRefused` if there is nothing to accept."""
    here = [r for r in results if r.check == check and (tenant == ALL_TENANTS or r.tenant in (ALL_TENANTS, tenant))]
    found = tuple(r for r in here if open_leads(r))
    whom = f"for {tenant}" if tenant else "for anybody"
    if not found:
        raise WaiverRefused(
            f"{check} flags and asks nothing {whom} now, so there is nothing to accept.",
            "`stas isolation show` prints what it said. A check without meaning here is declared in the tenancy file.",
        )
    if fingerprint and not any(lead.fingerprint == fingerprint for r in found for lead in open_leads(r)):
        raise WaiverRefused(
            f"{check} has no lead {fingerprint} {whom} now.", "`stas isolation show` prints the leads with their marks."
        )
    return found
