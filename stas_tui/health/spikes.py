"""What numbers per tenant amount to: spikes, the time after a merge, slow and refused requests (R39, R41, R42, R107).

Pure functions over observed nouns. They say nothing about the freshness of the source: whoever asks looks at that
first. None is «no data», never 0; too little traffic to judge is not calm either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from stas_tui.health.slower import seconds
from stas_tui.health.tenants import (
    ABOVE,
    ALWAYS_BAD,
    FACTOR,
    LEAST_ERRORS,
    LEAST_REQUESTS,
    OUTLIER,
    PLATFORM,
    SPIKE,
    WATCHED_MS,
    usual,
    wilson,
    worse,
)
from stas_tui.texts.lines import count, listed, one_line
from storage.clock import age
from storage.watch_records import AlertRule, Comparison, TenantNumbers

WINDOW_S = 300.0
"""Seconds over which the rates of the default queries are taken: from rates to numbers of requests."""
STANDS_OUT = (OUTLIER, PLATFORM, SPIKE)
"""First words of a remark by which the source itself says that a tenant stands out."""

CALM, UNKNOWN = "calm", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The error share of one tenant, or of all together, against its own history."""

    tenant: str
    """Empty for all tenants together (H5)."""
    word: str
    """`spike`, `calm`, or `unknown` with the reason in `said`."""
    said: str


def measure(
    numbers: Sequence[TenantNumbers], tenants: Collection[str] = (), *, window_s: float = WINDOW_S
) -> list[Measured]:
    """Each tenant by name; `tenants` that no series names are unknown, not calm. All together stand first.

    `window_s` is the time over which the rates were taken.
    """
    known = {item.tenant: item for item in numbers}
    each = [known.get(name) or TenantNumbers(key=name, tenant=name) for name in sorted({*known, *tenants})]
    if not each:
        return []
    return [_together(list(known.values()), window_s), *(_tenant(item, window_s) for item in each)]


def _tenant(item: TenantNumbers, window_s: float) -> Measured:
    name = _name(item.tenant)
    word, said = _judge(item.errors, item.requests, usual(item.history), window_s)
    if word != SPIKE and item.remark.startswith(STANDS_OUT):
        word, said = SPIKE, one_line(item.remark, 120)
    return Measured(tenant=item.tenant, word=word, said=f"{name}: {said}")


def _together(numbers: Sequence[TenantNumbers], window_s: float) -> Measured:
    """H5: the same rule without the label; a platform-wide spike need not stand out for any single tenant."""
    shares = [(item.requests, item.errors, usual(item.history)) for item in numbers]
    counted = [(r, e, b) for r, e, b in shares if r is not None and e is not None]
    total = sum(r for r, _, _ in counted)
    if not counted or not total:
        return Measured(tenant="", word=UNKNOWN, said="all tenants: no data")
    errors = sum(r * e for r, e, _ in counted) / total
    based = [(r, b) for r, _, b in counted if b is not None]
    weight = sum(r for r, _ in based)
    before = sum(r * b for r, b in based) / weight if weight and len(based) == len(counted) else None
    word, said = _judge(errors, total, before, window_s)
    return Measured(tenant="", word=word, said=f"all tenants: {said}")


def _judge(errors: float | None, requests: float | None, before: float | None, window_s: float) -> tuple[str, str]:
    if errors is None:
        return UNKNOWN, "no traffic" if requests == 0 else "no data"
    was = "no history" if before is None else f"was {percent(before)}"
    if requests is None:
        if errors >= max(ALWAYS_BAD, FACTOR * (before or 0.0) + ABOVE):
            return SPIKE, f"{percent(errors)} errors ({was}, traffic not known)"
        return UNKNOWN, f"{percent(errors)} errors, traffic not known"
    number = requests * window_s
    if number < LEAST_REQUESTS:
        return UNKNOWN, f"too little traffic ({number:.0f} requests in {window_s / 60:g} min)"
    if number * errors < LEAST_ERRORS:
        return CALM, f"{percent(errors)} errors"
    if before is None:
        if wilson(number * errors, number)[0] >= ALWAYS_BAD:
            return SPIKE, f"{percent(errors)} errors ({was})"
        return UNKNOWN, f"{percent(errors)} errors, no history to compare with"
    word = SPIKE if worse(number * errors, number, before) else CALM
    return word, f"{percent(errors)} errors ({was})"


def percent(share: float) -> str:
    """`16.7 %`, `0 %`, `0.04 %`."""
    value = share * 100
    text = f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"
    return f"{text.rstrip('0').rstrip('.') or '0'} %"


def _name(tenant: str) -> str:
    return one_line(tenant, 40) or "no name"


# slow and refused requests ------------------------------------------------------------------------


def latency_line(numbers: Sequence[TenantNumbers], tenants: Collection[str] = ()) -> tuple[bool, str]:
    """R41: (measured, the 95th percentiles, slowest first); without a series it names the query."""
    return _line(numbers, tenants, "latency", "p95", lambda value: f"{value:.2g} s")


def denied_line(numbers: Sequence[TenantNumbers], tenants: Collection[str] = ()) -> tuple[bool, str]:
    """R42: (measured, the shares answered 401 or 403, largest first); without a series it names the query."""
    return _line(numbers, tenants, "denied", "401/403", percent)


def _line(
    numbers: Sequence[TenantNumbers], tenants: Collection[str], query: str, label: str, write: Callable[[float], str]
) -> tuple[bool, str]:
    chosen = [item for item in numbers if not tenants or item.tenant in tenants]
    values = [(value, item.tenant) for item in chosen if (value := getattr(item, query)) is not None]
    lacking = sorted({*tenants} - {tenant for _, tenant in values})
    lacking += [item.tenant for item in chosen if getattr(item, query) is None and item.tenant not in lacking]
    said = listed([f"{_name(tenant)} {write(value)}" for value, tenant in sorted(values, reverse=True)])
    missing = f"the query «{query}» has no series" + (f" for {listed([_name(t) for t in lacking])}" if lacking else "")
    if not values:
        return False, missing
    return True, f"{label} {said}" + (f"; {missing}" if lacking else "")


# after a merge ------------------------------------------------------------------------------------


def after_merge(
    comparisons: Sequence[Comparison], tenants: Collection[str], *, merged_at: int, now: int
) -> tuple[str, str]:
    """R107: (`worse`, `ok` or `unknown`, why) for one merge.

    `ok` only once the 30 minutes are over and every tenant was measured; until then no news is no good news.
    """
    said = {item.tenant: (item.verdict, item.reason, _change(item)) for item in comparisons}
    return _after_merge(said, tenants, "worse", now - merged_at)


def slower_after_merge(
    comparisons: Sequence[Comparison], tenants: Collection[str], *, merged_at: int, now: int
) -> tuple[str, str]:
    """R107, the same for the 95th percentile of the answer time."""
    said = {
        item.tenant: (
            item.latency,
            item.latency_reason,
            f"p95 {seconds(item.latency_before)} → {seconds(item.latency_after)}",
        )
        for item in comparisons
    }
    return _after_merge(said, tenants, "slower", now - merged_at)


def _after_merge(
    said: Mapping[str, tuple[str, str, str]], tenants: Collection[str], word: str, gone: int
) -> tuple[str, str]:
    """What tenants' verdicts, reasons and changes amount to `gone` milliseconds after a merge."""
    bad = [f"{_name(tenant)} {change}" for tenant, (verdict, _, change) in said.items() if verdict == "worse"]
    if bad:
        return "worse", listed(bad)
    open_ = [(n, reason or "not measurable") for n, (verdict, reason, _) in said.items() if verdict not in _MEASURED]
    open_ += [(name, "no data") for name in tenants if name not in said]
    if open_ or not said:
        words = listed([f"{_name(name)} ({one_line(reason, 60)})" for name, reason in sorted(open_)])
        return UNKNOWN, f"not measured: {words}" if words else "no tenant was compared"
    if gone < WATCHED_MS:
        return UNKNOWN, f"no {word} so far, {age(gone)} of {age(WATCHED_MS)}"
    return "ok", f"no {word} for {count(len(said), 'tenant')}"


_MEASURED = ("same", "better")


def _change(item: Comparison) -> str:
    words = ["?" if value is None else percent(value) for value in (item.before, item.after)]
    return f"{words[0]} → {words[1]}"


# isolation matrix: the column of the metrics -------------------------------------------------------


def metrics_point(item: TenantNumbers | None) -> tuple[str, str]:
    """R116, R117: (`verified`, `flagged` or `unknown`, why) for one tenant's numbers."""
    if item is None:
        return UNKNOWN, "no data: no series carries this tenant"
    if item.remark.startswith(STANDS_OUT):
        return "flagged", one_line(item.remark, 160)
    numbers = {"requests": item.requests, "errors": item.errors, "latency": item.latency}
    lacking = [name for name, value in numbers.items() if value is None]
    if lacking:
        return UNKNOWN, f"no data: {listed(lacking)}"
    if item.remark:
        return UNKNOWN, f"not compared: {one_line(item.remark, 120)}"
    return "verified", "requests, errors and latency carry this tenant; none stands out"


def rules_line(rules: Sequence[AlertRule]) -> str:
    """R119: alert rules under which a small tenant would not be seen; empty if there are none."""
    hiding = [rule for rule in rules if rule.hides]
    if not hiding:
        return ""
    names = listed([one_line(rule.name, 40) for rule in hiding])
    return f"{count(len(hiding), 'alert rule')} may hide a small tenant: {names}"
