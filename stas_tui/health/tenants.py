"""Judging numbers by tenant: who differs from the others, who from its own past hour, and what a merge changed.

Pure functions. A verdict needs enough requests and errors, and compares the cautious end of what the sample allows
(Wilson's bound at 99 %), so that three requests of a small tenant raise no alarm and hide none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from storage.clock import HOUR, MINUTE
from storage.records import Merge
from storage.watch_records import Comparison, TenantNumbers

if TYPE_CHECKING:
    from stas_tui.health.promql import Points

LEAST_TENANTS = 4
LEAST_REQUESTS = 30.0
LEAST_ERRORS = 3.0
LEAST_POINTS = 4
LEAST_HISTORY = 10
RECENT = 5
"""Minutes at the end of a history that do not count as usual."""
FACTOR, ABOVE = 2.0, 0.01
"""Worse is above twice as much and one point more."""
DEVIATION = 4.5
FLOOR_SHARE, FLOOR_LOG = 0.01, 0.10
ALWAYS_BAD = 0.05
"""A share of errors that is raised whatever the past hour was."""
_Z99 = 2.576

BASELINE_MS = HOUR
WATCHED_MS = 30 * MINUTE

OUTLIER, PLATFORM, SPIKE, OFF = "outlier", "platform", "spike", "off"
"""The first word of `TenantNumbers.remark`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What stands out among the tenants."""

    remarks: Mapping[str, str]
    platform: str = ""
    """One sentence if most tenants are raised at once: then it is the platform's item, and nobody's own (R117)."""
    slow: frozenset[str] = frozenset()
    """Tenants slower than the others now; an outlier if they were in the last round too."""


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole, 0 to 1; without traffic there is no share."""
    if part is None or whole is None or whole <= 0 or part < 0:
        return None
    return min(part / whole, 1.0)


def wilson(bad: float, total: float) -> tuple[float, float]:
    """Between which shares the true one lies with 99 %, given what was seen."""
    if total <= 0:
        return 0.0, 1.0
    p = min(bad / total, 1.0)
    z2 = _Z99**2
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z99 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def deviation(value: float, values: Sequence[float], floor: float) -> float:
    """How far a value lies above the median, in robust standard deviations (R117)."""
    middle = median(values)
    spread = 1.4826 * median(abs(v - middle) for v in values)
    return (value - middle) / max(spread, floor)


def percent(value: float) -> str:
    """A share as people read it."""
    return f"{value * 100:.1f} %"


def worse(bad: float, total: float, usual: float) -> bool:
    """Whether a sample is surely worse than usual: enough of it, twice as much, and one point more."""
    low, _ = wilson(bad, total)
    return total >= LEAST_REQUESTS and bad >= LEAST_ERRORS and low > FACTOR * usual and low > usual + ABOVE


def usual(history: Sequence[float | None]) -> float | None:
    """The middle of the past hour without its last minutes; None if too little of it is known."""
    known = [value for value in history[:-RECENT] if value is not None]
    return median(known) if len(known) >= LEAST_HISTORY else None


def judge(
    numbers: Sequence[TenantNumbers],
    *,
    window_s: float,
    latencies: Mapping[str, Sequence[float | None]] | None = None,
    slow_before: frozenset[str] = frozenset(),
) -> Judgement:
    """What stands out (R117). `window_s` is the time over which the rates were taken; histories are by the minute."""
    measured = [n for n in numbers if _requests(n, window_s) >= LEAST_REQUESTS]
    by_errors = [n for n in measured if n.errors is not None]
    by_latency = [n for n in measured if n.latency is not None and n.latency > 0]
    enough = max(len(by_errors), len(by_latency)) >= LEAST_TENANTS
    off = "" if enough else f"{OFF} ({_count(max(len(by_errors), len(by_latency)))})"
    raised = {n.tenant: why for n in measured if (why := _raised(n, window_s, (latencies or {}).get(n.tenant, ())))}
    slow = _slow(by_latency)
    remarks: dict[str, str] = {}
    platform = ""
    if enough and 2 * len(raised) >= len(measured):
        platform = f"{PLATFORM}: {len(raised)} of {_count(len(measured))} raised at once"
    errors = _erring(by_errors, window_s)
    for n in numbers:
        stands_out = errors.get(n.tenant) or (slow.get(n.tenant) if n.tenant in slow_before else None)
        if stands_out:
            remarks[n.tenant] = f"{OUTLIER}: {stands_out}"
        elif n.tenant in raised and platform:
            remarks[n.tenant] = f"{platform}; here {raised[n.tenant]}"
        elif n.tenant in raised:
            remarks[n.tenant] = f"{SPIKE}: {raised[n.tenant]}" + (f"; outliers {off}" if off else "")
        else:
            remarks[n.tenant] = off
    return Judgement(remarks=remarks, platform=platform, slow=frozenset(slow))


def _requests(n: TenantNumbers, window_s: float) -> float:
    return (n.requests or 0.0) * window_s


def _count(tenants: int) -> str:
    return f"{tenants} tenant{'' if tenants == 1 else 's'}"


def _erring(measured: Sequence[TenantNumbers], window_s: float) -> dict[str, str]:
    """Tenants with far more errors than the others."""
    shares = [n.errors for n in measured if n.errors is not None]
    if len(shares) < LEAST_TENANTS:
        return {}
    middle = median(shares)
    return {
        n.tenant: f"{percent(n.errors)} errors, median {percent(middle)} of {_count(len(shares))}"
        for n in measured
        if n.errors is not None
        and deviation(n.errors, shares, FLOOR_SHARE) > DEVIATION
        and worse(n.errors * _requests(n, window_s), _requests(n, window_s), middle)
    }


def _slow(measured: Sequence[TenantNumbers]) -> dict[str, str]:
    """Tenants far slower than the others; on a scale of factors, because times are never symmetrical."""
    logs = {n.tenant: math.log(n.latency) for n in measured if n.latency}
    if len(logs) < LEAST_TENANTS:
        return {}
    values = list(logs.values())
    middle = math.exp(median(values))
    return {
        tenant: f"p95 {math.exp(log):.2g} s, median {middle:.2g} s of {_count(len(logs))}"
        for tenant, log in logs.items()
        if deviation(log, values, FLOOR_LOG) > DEVIATION
    }


def _raised(n: TenantNumbers, window_s: float, latencies: Sequence[float | None]) -> str:
    """Why a tenant is above its own past hour, or bad without doubt; empty if it is not."""
    if n.errors is not None:
        before = usual(n.history)
        total = _requests(n, window_s)
        if before is not None and worse(n.errors * total, total, before):
            return f"{percent(n.errors)} errors, usually {percent(before)}"
        if wilson(n.errors * total, total)[0] > ALWAYS_BAD and n.errors * total >= LEAST_ERRORS:
            return f"{percent(n.errors)} errors"
    before = usual(latencies)
    if n.latency and before:
        known = [math.log(value) for value in latencies[:-RECENT] if value]
        if known and deviation(math.log(n.latency), known, FLOOR_LOG) > DEVIATION:
            return f"p95 {n.latency:.2g} s, usually {before:.2g} s"
    return ""


def compare_merge(
    merge: Merge,
    tenant: str,
    requests: Points | None,
    errors: Points | None,
    *,
    now: int,
    step_ms: int,
    window_ms: int = 0,
) -> Comparison:
    """One tenant before and after a merge (R107): the hour before against at most 30 minutes after.

    A rate looks back over `window_ms`; as soon as there are enough points that see nothing from before the merge, only
    those count as after.
    """
    end = min(now, merge.at + WATCHED_MS)
    rates = dict(requests or ())
    both = [(at, rate, bad) for at, bad in errors or () if (rate := rates.get(at)) is not None and bad is not None]
    before = [p for p in both if merge.at - BASELINE_MS <= p[0] <= merge.at]
    after = [p for p in both if merge.at < p[0] <= end]
    clean = [p for p in after if p[0] > merge.at + window_ms]
    if len(clean) >= LEAST_POINTS:
        after = clean
    step_s = step_ms / 1000
    total_before, bad_before = (sum(p[i] for p in before) * step_s for i in (1, 2))
    total, bad = (sum(p[i] for p in after) * step_s for i in (1, 2))
    was, now_is = share(bad_before, total_before), share(bad, total)
    verdict, reason = (
        "not measurable",
        _immeasurable(requests, errors, (len(before), total_before), (len(after), total)),
    )
    if not reason and was is not None and now_is is not None:
        _, high = wilson(bad, total)
        verdict = "same"
        if worse(bad, total, was):
            verdict = "worse"
        elif high < was / FACTOR and high < was - ABOVE:
            verdict = "better"
        reason = f"{percent(was)} before, {percent(now_is)} after"
    return Comparison(
        key=f"{merge.sha}/{tenant}",
        sha=merge.sha,
        merged_at=merge.at,
        tenant=tenant,
        before=was,
        after=now_is,
        verdict=verdict,
        points=len(after),
        reason=reason,
    )


def _immeasurable(
    requests: Points | None, errors: Points | None, before: tuple[int, float], after: tuple[int, float]
) -> str:
    """Why nothing can be said; empty if something can."""
    missing = [name for name, points in (("requests", requests), ("errors", errors)) if not points]
    if missing:
        return f"no series for {' and '.join(missing)}"
    for word, (points, total) in (("before", before), ("after", after)):
        if points < LEAST_POINTS:
            return f"{points} of {LEAST_POINTS} points {word} the merge"
        if total < LEAST_REQUESTS:
            return f"{total:.0f} of {LEAST_REQUESTS:.0f} requests {word} the merge"
    return ""
