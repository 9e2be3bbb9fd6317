"""Whether a tenant is slower since a merge than in the hour before it (R107). Pure functions.

Times are compared on a scale of factors, in robust standard deviations of the hour before, and a single slow stretch is
no verdict: two in a row have to stand out. Without traffic or without a series nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from stas_tui.health.tenants import (
    BASELINE_MS,
    DEVIATION,
    FLOOR_LOG,
    LEAST_POINTS,
    LEAST_REQUESTS,
    WATCHED_MS,
    deviation,
)
from storage.records import Merge

if TYPE_CHECKING:
    from stas_tui.health.promql import Points

STRETCHES = 2
"""Stretches of time after a merge that have to stand out one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The 95th percentile of one tenant around a merge, in seconds; the middle of what was measured."""

    before: float | None = None
    after: float | None = None
    verdict: str = "not measurable"
    """`worse`, `same`, `better` or `not measurable`."""
    reason: str = ""


def compare_latency(
    merge: Merge,
    requests: Points | None,
    latency: Points | None,
    *,
    now: int,
    step_ms: int,
    window_ms: int = 0,
    problem: str = "",
) -> Latency:
    """One tenant's 95th percentiles before and after a merge: the hour before against at most 30 minutes after.

    A percentile looks back over `window_ms`; stretches are at least so long, and as soon as there are enough points
    that see nothing from before the merge, only those count as after. `problem` is why no latency could be asked.
    """
    end = min(now, merge.at + WATCHED_MS)
    known = [(at, value) for at, value in latency or () if value is not None and value > 0]
    before = [value for at, value in known if merge.at - BASELINE_MS <= at <= merge.at]
    after = [(at, value) for at, value in known if merge.at < at <= end]
    clean = [(at, value) for at, value in after if at > merge.at + window_ms]
    if len(clean) >= LEAST_POINTS:
        after = clean
    was = median(before) if before else None
    is_now = median([value for _, value in after]) if after else None
    if why := problem or _immeasurable(merge, requests, latency, (len(before), len(after)), end, step_ms):
        return Latency(before=was, after=is_now, reason=why)
    assert was is not None
    assert is_now is not None
    logs = [math.log(value) for value in before]
    apart = [deviation(math.log(value), logs, FLOOR_LOG) for value in _stretches(after, window_ms, step_ms)]
    if len(apart) < STRETCHES:
        return Latency(before=was, after=is_now, reason="not two stretches after the merge yet")
    verdict = "same"
    if any(min(pair) > DEVIATION for pair in pairwise(apart)):
        verdict = "worse"
    elif max(apart) < -DEVIATION:
        verdict = "better"
    return Latency(
        before=was, after=is_now, verdict=verdict, reason=f"p95 {seconds(was)} before, {seconds(is_now)} after"
    )


def seconds(value: float | None) -> str:
    """An answer time as people read it."""
    return "?" if value is None else f"{value:.2g} s"


def _stretches(after: Sequence[tuple[int, float]], window_ms: int, step_ms: int) -> list[float]:
    """The middle of each stretch of time, oldest first; a last one that has only begun is left out."""
    long = max(window_ms, LEAST_POINTS * step_ms)
    parts: dict[int, list[float]] = {}
    for at, value in after:
        parts.setdefault((at - after[0][0]) // long, []).append(value)
    return [median(values) for _, values in sorted(parts.items()) if 2 * len(values) * step_ms >= long]


def _immeasurable(
    merge: Merge, requests: Points | None, latency: Points | None, points: tuple[int, int], end: int, step_ms: int
) -> str:
    """Why nothing can be said; empty if something can."""
    missing = [name for name, found in (("requests", requests), ("latency", latency)) if not found]
    if missing:
        return f"no series for {' and '.join(missing)}"
    spans = (merge.at - BASELINE_MS, merge.at), (merge.at + 1, end)
    for word, number, (first, last) in zip(("before", "after"), points, spans, strict=True):
        if number < LEAST_POINTS:
            return f"{number} of {LEAST_POINTS} latency points {word} the merge"
        total = sum(rate for at, rate in requests or () if rate is not None and first <= at <= last) * step_ms / 1000
        if total < LEAST_REQUESTS:
            return f"{total:.0f} of {LEAST_REQUESTS:.0f} requests {word} the merge"
    return ""
