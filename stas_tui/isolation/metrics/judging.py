"""M2-M6: a tenant against its own seven days, against its peers, and against those that it may hurt. Pure.

None is no data and never 0. A verdict needs a minimum of traffic; below it a tenant is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from stas_tui.health.tenants import DEVIATION, FLOOR_LOG, LEAST_ERRORS, LEAST_TENANTS, deviation, percent, worse
from stas_tui.isolation.metrics.asking import BUCKET_MS, Series, usual
from storage.check_records import Verdict

BUCKET_S = BUCKET_MS / 1000
VOLUME_DEVIATION = 5.5
FLOOR_ROOT = 1.0
SLOWED = 1.5
"""Times its usual latency from which a tenant counts as hurt."""
COST_SHARE, COST_TIMES = 0.10, 3.0
ENOUGH_HISTORY = 10


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of one tenant."""

    verdict: Verdict
    reason: str


def _unknown(reason: str) -> Word:
    return Word(Verdict.UNKNOWN, reason)


def errors(requests: Sequence[float | None], failed: Sequence[float | None], least: int) -> Word:
    """M2: the last quarter of an hour against the same time of day (Wilson's bound at 99 %)."""
    rate, bad = _last(requests), _last(failed)
    if rate is None:
        return _unknown("no data")
    total = rate * BUCKET_S
    if total < least:
        return _unknown(f"{total:.0f} requests in 15 min; {least} are needed to judge")
    wrong = (bad or 0.0) * BUCKET_S
    before = usual(list(requests))
    if len(before) < ENOUGH_HISTORY:
        return _unknown(f"{len(before)} of {ENOUGH_HISTORY} quarters of an hour are known of the days before")
    was = min(sum(usual([value or 0.0 for value in failed])) / sum(before), 1.0) if sum(before) else 0.0
    now = wrong / total
    if wrong >= LEAST_ERRORS and worse(wrong, total, was):
        return Word(Verdict.FLAGGED, f"{percent(now)} of {total:.0f} requests fail, usually {percent(was)}")
    return Word(Verdict.VERIFIED, f"{percent(now)} of {total:.0f} requests fail, usually {percent(was)}")


def latency(requests: Sequence[float | None], seconds: Sequence[float | None], least: int) -> Word:
    """M3: p95 on a scale of factors, in two quarters of an hour running."""
    rate, now = _last(requests), _last(seconds)
    if rate is None or now is None:
        return _unknown("no data")
    if rate * BUCKET_S < least:
        return _unknown(f"{rate * BUCKET_S:.0f} requests in 15 min; {least} are needed to judge")
    before = [math.log(value) for value in usual(list(seconds)) if value > 0]
    if len(before) < ENOUGH_HISTORY:
        return _unknown(f"{len(before)} of {ENOUGH_HISTORY} quarters of an hour are known of the days before")
    two = [value for value in seconds[-2:] if value is not None and value > 0]
    said = f"p95 {now:.3g} s, usually {math.exp(median(before)):.3g} s"
    if len(two) == 2 and all(deviation(math.log(value), before, FLOOR_LOG) > DEVIATION for value in two):
        return Word(Verdict.FLAGGED, said)
    return Word(Verdict.VERIFIED, said)


def volume(requests: Sequence[float | None], least: int) -> Word:
    """M4: traffic neither explodes nor stops; the root of counts has a steady spread."""
    before = [value * BUCKET_S for value in usual(list(requests))]
    if len(before) < ENOUGH_HISTORY:
        return _unknown(f"{len(before)} of {ENOUGH_HISTORY} quarters of an hour are known of the days before")
    often = median(before)
    last = [None if value is None else value * BUCKET_S for value in requests[-3:]]
    if often >= least and len(last) == 3 and all(not value for value in last):
        if all(value is None for value in last):
            return Word(Verdict.FLAGGED, f"no series for 45 min, usually {often:.0f} requests in 15 min")
        return Word(Verdict.FLAGGED, f"no request for 45 min, usually {often:.0f} in 15 min")
    if last[-1] is None:
        return _unknown("no data")
    if often < least and last[-1] < least:
        return _unknown(f"{last[-1]:.0f} requests in 15 min; {least} are needed to judge")
    roots = [math.sqrt(value) for value in before]
    said = f"{last[-1]:.0f} requests in 15 min, usually {often:.0f}"
    two = [value for value in last[-2:] if value is not None]
    if len(two) == 2 and all(deviation(math.sqrt(value), roots, FLOOR_ROOT) > VOLUME_DEVIATION for value in two):
        return Word(Verdict.FLAGGED, said)
    return Word(Verdict.VERIFIED, said)


def peers(seconds: Series, requests: Series, least: int) -> dict[str, Word]:
    """M5: who moved away from its own past while the others did not (R117)."""
    ratios: dict[str, float] = {}
    for tenant, values in seconds.items():
        rate, now = _last(requests.get(tenant, ())), _last(values)
        before = usual(list(values))
        if rate is not None and rate * BUCKET_S >= least and now and len(before) >= ENOUGH_HISTORY:
            ratios[tenant] = math.log(now / max(median(before), 1e-9))
    if len(ratios) < LEAST_TENANTS:
        return {tenant: _unknown(f"off ({len(ratios)} tenants with enough traffic and history)") for tenant in seconds}
    logs = list(ratios.values())
    words = {}
    for tenant in seconds:
        if tenant not in ratios:
            words[tenant] = _unknown("too little traffic or history to compare")
            continue
        times = math.exp(ratios[tenant])
        said = f"{times:.2g} times its usual p95, the others {math.exp(median(logs)):.2g} times"
        far = deviation(ratios[tenant], logs, FLOOR_LOG) > DEVIATION
        words[tenant] = Word(Verdict.FLAGGED if far else Verdict.VERIFIED, said)
    return words


def neighbours(seconds: Series, costs: Series) -> Word:
    """M6: at least half of the others are slowed and one tenant takes far more than its usual share."""
    slowed = {}
    for tenant, values in seconds.items():
        now, before = _last(values), usual(list(values))
        if now is not None and len(before) >= ENOUGH_HISTORY and median(before) > 0:
            slowed[tenant] = now / median(before)
    if len(slowed) < LEAST_TENANTS:
        return _unknown(f"off ({len(slowed)} tenants with a latency and its history)")
    shares = _shares(costs)
    if not shares:
        return _unknown("no cost by tenant; name counters in [metrics] cost")
    loud = {
        t: (now, was) for t, (now, was) in shares.items() if now >= COST_SHARE and now >= COST_TIMES * max(was, 1e-9)
    }
    for tenant, (now, was) in sorted(loud.items(), key=lambda item: -item[1][0]):
        others = [times for name, times in slowed.items() if name != tenant]
        hurt = sum(times > SLOWED for times in others)
        if 2 * hurt >= len(others):
            takes = f"{tenant} takes {percent(now)} instead of {percent(was)}"
            said = f"{takes}, and {hurt} of {len(others)} others are slowed"
            return Word(Verdict.FLAGGED, said)
    hurt = sum(times > SLOWED for times in slowed.values())
    if 2 * hurt >= len(slowed):
        return _unknown(f"a global slow-down: {hurt} of {len(slowed)} tenants, and no single one takes more than usual")
    if loud:
        return Word(Verdict.VERIFIED, f"a surge of {', '.join(sorted(loud)[:3])}, and the others are not slowed")
    return Word(Verdict.VERIFIED, f"{hurt} of {len(slowed)} tenants are slower than usual")


def _shares(costs: Series) -> Mapping[str, tuple[float, float]]:
    """Tenant to its share of all cost now and usually."""
    now = {t: value for t, values in costs.items() if (value := _last(values)) is not None}
    before = {t: median(known) for t, values in costs.items() if len(known := usual(list(values))) >= ENOUGH_HISTORY}
    total, usually = sum(now.values()), sum(before.values())
    if total <= 0 or usually <= 0:
        return {}
    return {t: (value / total, before.get(t, 0.0) / usually) for t, value in now.items()}


def _last(values: Sequence[float | None]) -> float | None:
    return values[-1] if values else None
