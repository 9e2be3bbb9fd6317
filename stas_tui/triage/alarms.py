"""Incidents as sources report them: alerts, endpoints that fail, tenants that fare worse than they should. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from stas_tui.health.slower import seconds
from stas_tui.health.tenants import OUTLIER, PLATFORM, SPIKE
from stas_tui.health.words import DOUBTFUL
from stas_tui.triage.identity import alert_key, platform_key, probe_key, tenant_key, tops
from stas_tui.triage.order import worst_first
from stas_tui.triage.words import CHILD, Strip, seen_line, severity_class, severity_priority, web_links
from storage.clock import MINUTE, age, hhmm
from storage.records import Evidence, Priority
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import Alert, Comparison, Fact, Probe, Silence, TenantNumbers

RESOLVED_FOR = 10 * MINUTE
"""How long an alert that went is still shown, as resolved."""

Report = tuple[Fact, Alert]


def alert_items(alerts: Sequence[Fact], silences: Sequence[Fact], strip: Strip, now: int) -> list[TriageItem]:
    """One item for each fingerprint, whatever number of servers report it; inhibited ones under their parents."""
    reports: dict[str, list[Report]] = {}
    for fact in alerts:
        if isinstance(fact.thing, Alert):
            reports.setdefault(fact.thing.key, []).append((fact, fact.thing))
    ends = _ends(silences)
    items: dict[str, TriageItem] = {}
    firing: dict[str, list[Report]] = {}
    for fingerprint, every in reports.items():
        if live := [report for report in every if report[0].gone_at is None]:
            firing[fingerprint] = live
            items[fingerprint] = _firing(fingerprint, live, every, ends, strip, now)
        elif (gone := max(fact.gone_at or 0 for fact, _ in every)) >= now - RESOLVED_FOR:
            item = _alert(fingerprint, every, every, strip)
            items[fingerprint] = replace(item, word="resolved", suppressed=f"resolved {age(now - gone)} ago")
    _families(items, firing)
    return list(items.values())


def _ends(silences: Sequence[Fact]) -> dict[str, int]:
    """When each known silence ends or ended, by id."""
    found: dict[str, int] = {}
    for fact in silences:
        if isinstance(fact.thing, Silence):
            end = fact.thing.ends_at if fact.thing.state != "expired" else min(fact.thing.ends_at, fact.last_seen)
            found[fact.thing.key] = max(end, found.get(fact.thing.key, 0))
    return found


def _firing(
    fingerprint: str, live: list[Report], every: list[Report], ends: Mapping[str, int], strip: Strip, now: int
) -> TriageItem:
    item = _alert(fingerprint, live, every, strip)
    word = "firing" + strip.as_of((fact.source for fact, _ in live), item.last_seen)
    return replace(item, word=word, suppressed=_silenced([alert for _, alert in live], ends, now))


def _alert(fingerprint: str, shown: list[Report], every: list[Report], strip: Strip) -> TriageItem:
    worst = min(shown, key=lambda report: (worst_first(severity_priority(report[1].severity)), report[0].source))[1]
    alerts = [alert for _, alert in shown]
    classes = {severity_class(alert.severity) for alert in alerts}
    summary, name = seen_line(worst.summary), seen_line(worst.name, 60)
    title = summary if name in summary else f"{summary} ({name})" if summary else name
    return TriageItem(
        key=alert_key(fingerprint),
        item_class=ItemClass.INCIDENT if ItemClass.INCIDENT in classes else ItemClass.INFO,
        title=title or "alert without a name",
        priority=severity_priority(worst.severity),
        first_seen=min(alert.starts_at or fact.first_seen for fact, alert in shown),
        last_seen=max(fact.last_seen for fact, _ in shown),
        count=sum(fact.times for fact, _ in every),
        tenants=tuple(sorted({alert.tenant for alert in alerts} - {""})),
        service=worst.service,
        evidence=tuple(
            Evidence(
                kind="event",
                ref=f"{fact.source}/{fingerprint}",
                text=seen_line(f"{fact.source}: {alert.name}, {alert.severity or 'no severity'}: {alert.summary}"),
                at=fact.last_seen,
            )
            for fact, alert in every
        ),
        links=web_links(*(link for alert in alerts for link in (alert.runbook, alert.generator_url))),
        replayed=strip.replayed(fact.source for fact, _ in shown),
        ref=fingerprint,
    )


def _silenced(alerts: list[Alert], ends: Mapping[str, int], now: int) -> str:
    """`silenced until …` if every server silences it. A silence that is known to be over hides nothing any more."""
    until: int | None = 0
    for alert in alerts:
        if not alert.silenced_by:
            if alert.state == "suppressed" and not alert.inhibited_by:
                until = None
                continue
            return ""
        lasting = [ends.get(silence) for silence in alert.silenced_by]
        if not any(end is None or end > now for end in lasting):
            return ""
        known = [end for end in lasting if end is not None]
        until = None if until is None or len(known) < len(lasting) else max(until, *known)
    return "silenced, until when is not known" if until is None else f"silenced until {hhmm(until)}"


def _families(items: dict[str, TriageItem], firing: Mapping[str, list[Report]]) -> None:
    """Put what every server inhibits under the alert that hides it, if that is there to be seen."""
    parents = {}
    for fingerprint, live in firing.items():
        if not all(alert.inhibited_by for _, alert in live):
            continue
        hiding = {parent for _, alert in live for parent in alert.inhibited_by}
        known = [parent for parent in hiding if parent in firing and parent != fingerprint]
        if known:
            parents[fingerprint] = min(known)
        else:
            word = f"{items[fingerprint].word}, inhibited by what cannot be seen"
            items[fingerprint] = replace(items[fingerprint], word=word)
    members: dict[str, list[str]] = {}
    for child, top in tops(parents).items():
        if child != top:
            members.setdefault(top, []).append(items[child].key)
            own = items[child].suppressed
            items[child] = replace(items[child], suppressed=own or CHILD + seen_line(items[top].title, 60))
    for top, children in members.items():
        items[top] = replace(items[top], members=tuple(sorted(children)))


def probe_items(probes: Sequence[Fact], strip: Strip) -> list[TriageItem]:
    """Endpoints that fail, and those that answer, but not as the version that was deployed."""
    found: dict[str, list[TriageItem]] = {}
    for fact in probes:
        probe = fact.thing
        if not isinstance(probe, Probe) or fact.gone_at is not None:
            continue
        doubtful = probe.verdict == "degraded" and probe.word in DOUBTFUL
        if probe.verdict != "failed" and not doubtful:
            continue
        word = seen_line(probe.word, 40) or probe.verdict
        item = TriageItem(
            key=probe_key(probe.key),
            item_class=ItemClass.DEPLOY if doubtful else ItemClass.INCIDENT,
            title=seen_line(f"{probe.service or probe.project_id} endpoint {probe.name}: {word}"),
            priority=Priority.P2 if doubtful else Priority.P1,
            first_seen=fact.began,
            last_seen=fact.last_seen,
            count=fact.times,
            tenants=(probe.tenant,) if probe.tenant else (),
            service=probe.service,
            word=word + strip.as_of((fact.source,), fact.last_seen),
            evidence=(
                Evidence(
                    kind="probe",
                    ref=probe.key,
                    text=seen_line(f"{probe.url}: {', '.join(probe.tries) or word} {probe.detail}"),
                    at=fact.last_seen,
                ),
            ),
            links=web_links(probe.url),
            replayed=strip.replayed((fact.source,)),
            project_id=probe.project_id,
            ref=probe.key,
        )
        found.setdefault(item.key, []).append(item)
    return [_together(reports) for reports in found.values()]


def tenant_items(tenants: Sequence[Fact], comparisons: Sequence[Fact], strip: Strip) -> list[TriageItem]:
    """Tenants that stand out or fare worse since a merge (R107); most of them at once are one item (R117)."""
    found: dict[str, list[TriageItem]] = {}
    for fact in (*tenants, *comparisons):
        thing = fact.thing
        if fact.gone_at is not None:
            continue
        commit: tuple[Evidence, ...] = ()
        if isinstance(thing, Comparison) and "worse" in (thing.verdict, thing.latency):
            said, word = f"{_changes(thing)} since {thing.sha[:8]}", "worse"
            merged = f"merged {hhmm(thing.merged_at)}"
            commit = (Evidence(kind="commit", ref=thing.sha, text=merged, at=thing.merged_at),)
        elif isinstance(thing, TenantNumbers) and thing.standing in (OUTLIER, SPIKE, PLATFORM):
            said, word = thing.remark, thing.standing
        else:
            continue
        whole = word == PLATFORM
        item = TriageItem(
            key=platform_key(fact.source) if whole else tenant_key(thing.tenant),
            item_class=ItemClass.INCIDENT,
            title=seen_line(said.partition(";")[0] if whole else f"tenant {thing.tenant}: {said}"),
            priority=Priority.P1,
            first_seen=fact.began,
            last_seen=fact.last_seen,
            count=fact.times,
            tenants=(thing.tenant,),
            word=word + strip.as_of((fact.source,), fact.last_seen),
            evidence=(
                Evidence(
                    kind="query",
                    ref=f"{fact.source}/{thing.key}",
                    text=seen_line(f"{thing.tenant}: {said}"),
                    at=fact.last_seen,
                ),
                *commit,
            ),
            replayed=strip.replayed((fact.source,)),
            ref=fact.source if whole else thing.tenant,
        )
        found.setdefault(item.key, []).append(item)
    return [_together(reports) for reports in found.values()]


def _changes(item: Comparison) -> str:
    """What got worse: the errors, the latency or both."""
    errors = f"errors {_share(item.before)} -> {_share(item.after)}" if item.verdict == "worse" else ""
    slower = f"p95 {seconds(item.latency_before)} -> {seconds(item.latency_after)}" if item.latency == "worse" else ""
    return ", ".join(filter(None, (errors, slower)))


def _share(value: float | None) -> str:
    return "no data" if value is None else f"{value:.1%}"


def _together(reports: Sequence[TriageItem]) -> TriageItem:
    """One thing that was reported several times: the worst of it, the longest time, all the evidence."""
    worst = min(reports, key=lambda item: (worst_first(item.priority), item.first_seen, item.title))
    if len(reports) == 1:
        return worst
    return replace(
        worst,
        word="; ".join(dict.fromkeys(item.word for item in reports)),
        first_seen=min(item.first_seen for item in reports),
        last_seen=max(item.last_seen for item in reports),
        count=sum(item.count for item in reports),
        tenants=_each(tenant for item in reports for tenant in item.tenants),
        evidence=tuple(evidence for item in reports for evidence in item.evidence),
        links=_each(link for item in reports for link in item.links),
        replayed=all(item.replayed for item in reports),
    )


def _each(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
