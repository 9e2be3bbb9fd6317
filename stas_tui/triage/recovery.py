"""Whether what stays in the list of its source is well again: only a fresh answer of its own says so. Pure.

An alert vanishes when it is over. An endpoint and the numbers of a tenant stay, so that what they say has to be read;
no data, too little of it, an old answer and a recording say nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from stas_tui.health.belief import ANSWERED
from stas_tui.health.spikes import WINDOW_S
from stas_tui.health.tenants import LEAST_REQUESTS, LEAST_TENANTS, OFF, PLATFORM
from stas_tui.triage.gather import Sight
from stas_tui.triage.identity import platform_key, probe_key, tenant_key
from storage.watch_records import Fact, Observed, Probe, SourceStatus, TenantNumbers

STAYS = ("probe", "tenant", "platform")
"""Kinds of keys of what does not vanish when it is over."""

T = TypeVar("T", bound=Observed)
Said = tuple[SourceStatus, T]


def well_again(key: str, sight: Sight) -> bool:
    """Whether every source that tells of this endpoint, tenant or platform says now that it is well.

    Numbers have to be well in two answers in a row: after a restart a slow tenant is remarked in the second only.
    """
    sources = {source.name: source for source in sight.sources}
    if key.startswith("probe:"):
        probes = _fresh(Probe, [fact for fact in sight.probes if probe_key(fact.thing.key) == key], sources)
        return bool(probes) and all(probe.verdict == "ok" for _, probe in probes)
    facts = [fact for fact in sight.tenants if _tells_of(fact, key)]
    said = _fresh(TenantNumbers, facts, sources) if all(fact.last_seen > fact.began for fact in facts) else []
    if key.startswith("platform:"):
        enough = sum(_measured(source, one) for source, one in said) >= LEAST_TENANTS
        return enough and all(one.standing != PLATFORM for _, one in said)
    tenants = Counter(fact.source for fact in sight.tenants)
    return bool(said) and all(_well(source, one, of=tenants[source.name]) for source, one in said)


def _tells_of(fact: Fact, key: str) -> bool:
    thing = fact.thing
    return isinstance(thing, TenantNumbers) and key in (tenant_key(thing.tenant), platform_key(fact.source))


def _fresh(cls: type[T], facts: Sequence[Fact], sources: Mapping[str, SourceStatus]) -> list[Said[T]]:
    """What their sources said of them in their last answer; nothing unless all of it can be believed."""
    found = []
    for fact in facts:
        source = sources.get(fact.source)
        if source is None or source.state not in ANSWERED or source.replayed or not isinstance(fact.thing, cls):
            return []
        if fact.gone_at is not None or fact.last_seen < (source.asked_at or 0):
            return []
        found.append((source, fact.thing))
    return found


def _measured(source: SourceStatus, one: TenantNumbers) -> bool:
    """Whether there is enough of everything that a tenant is judged by."""
    if not {"history", "latency"}.isdisjoint(source.detail.get("failed", ())):
        return False
    requests = (one.requests or 0.0) * float(source.detail.get("window_s") or WINDOW_S)
    return requests >= LEAST_REQUESTS and one.errors is not None and one.latency is not None


def _well(source: SourceStatus, one: TenantNumbers, *, of: int) -> bool:
    """Measured, and nothing remarked. Where there are too few tenants to compare, that they are not says nothing."""
    return _measured(source, one) and (not one.standing or (one.standing == OFF and of < LEAST_TENANTS))
