"""What the sources outside say to the health scan: alerts, error rates, endpoints (step 6; R39, R43, H4, H5).

A verdict is `ok` only if every source of the kind answered in time and what it says is good; anything in doubt makes it
`unknown` with the reason, and bad news stays bad news beside a doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stas_tui.gates.clean import clean
from stas_tui.health import spikes
from stas_tui.health.tenants import SPIKE
from stas_tui.pulse.context import Context
from stas_tui.pulse.sources import Outside, Told
from stas_tui.texts.lines import count, listed, one_line, redacted
from stas_tui.texts.severity import is_critical, is_news, severity_rank
from storage.clock import HOUR
from storage.records import Evidence, Finding, Json, Pulse
from storage.watch_records import Alert, AlertRule, Probe, SourceKind, SourceStatus, TenantNumbers

NOT_CONFIGURED = {
    "alerts": "not configured: nothing tells what is firing",
    "error rates": "not configured: spikes are only what agents report",
    "CI": "not configured: no checks of the delivery branch are read",
    "builds": "not configured: no container builds are read",
}
"""Sources of the health scan that a profile may lack: unknown, never green."""

OK, DEGRADED, FAILED, UNKNOWN = "ok", "degraded", "failed", "unknown"
_SHOWN = 20
"""Pieces of evidence of one kind; the rest is counted in the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What became of one subject of the scan."""

    subject: str
    verdict: str
    reason: str
    evidence: tuple[Evidence, ...] = ()
    at: int | None = None
    """When the sources answered; None for now."""
    expires_at: int | None = None
    data: Json = field(default_factory=dict)
    """For panels and the summary."""

    def finding(self, context: Context, pulse: Pulse, *, check: str = "health", n: int = 0) -> Finding:
        """As it stands in the record; `n` tells findings of the same subject apart."""
        return Finding(
            id=f"{pulse.id}:{check}:{self.subject}" + (f":{n}" if n else ""),
            pulse_id=pulse.id,
            check=check,
            subject=self.subject,
            verdict=self.verdict,
            reason=clean(self.reason),
            evidence=self.evidence,
            at=self.at or context.clock.now(),
            expires_at=self.expires_at,
        )


def not_configured(context: Context, subject: str) -> Said:
    """A subject for which nobody is named: unknown, with the configuration as evidence."""
    text = f"no source of {subject} is named for environment {context.rules.environment}"
    proof = (Evidence(kind="policy", ref="stas.toml", text=text),)
    return Said(subject=subject, verdict=UNKNOWN, reason=NOT_CONFIGURED[subject], evidence=proof)


def judged(
    subject: str, told: Told, verdict: str, said: str, evidence: Sequence[Evidence], *, recorded: str = ""
) -> Said:
    """A verdict on what believed sources say, with every doubt beside it: good news needs the absence of doubt.

    `recorded` is what replayed sources say; it is shown and never judged.
    """
    if told.doubts:
        verdict = verdict if told.good and verdict in (DEGRADED, FAILED) else UNKNOWN
    elif not told.good:
        verdict = UNKNOWN
    parts = [said if told.good else "", told.recorded(recorded)] if told.configured else ["nobody was asked"]
    return Said(
        subject=subject,
        verdict=verdict,
        reason="; ".join(filter(None, parts)),
        evidence=(*evidence, *told.proof),
        at=told.at,
        expires_at=told.expires_at,
    )


# alerts -------------------------------------------------------------------------------------------


def alerts(context: Context, outside: Outside) -> Said:
    """How many fire and which is worst; silenced ones and children of others are counted apart."""
    told = outside.told(SourceKind.ALERTS)
    if not told.configured:
        return not_configured(context, "alerts")
    found = firing(outside, told.good)
    verdict, said = _alerts(outside, told.good)
    _, recorded = _alerts(outside, told.replayed)
    proof = [
        Evidence(kind="query", ref=f"{source}:{alert.key}", text=alert_line(alert), at=alert.starts_at or None)
        for source, alert in found[:_SHOWN]
    ]
    return judged("alerts", told, verdict, said, proof, recorded=recorded)


def firing(outside: Outside, sources: Sequence[SourceStatus]) -> list[tuple[str, Alert]]:
    """(source, alert) of what fires and nobody silenced or inhibited, worst first, then oldest."""
    found = [(source, alert) for source, alert in outside.things(Alert, sources) if alert.state != "suppressed"]
    return sorted(found, key=lambda pair: (severity_rank(pair[1].severity), pair[1].starts_at, pair[1].key))


def alert_name(alert: Alert) -> str:
    """`critical TenantErrorRateHigh on api (acme)`; text from outside, redacted."""
    where = f" on {alert.service}" if alert.service else ""
    tenant = f" ({alert.tenant})" if alert.tenant else ""
    return one_line(redacted(f"{alert.severity or 'no severity'} {alert.name}{where}{tenant}"), 100)


def alert_line(alert: Alert) -> str:
    """The name of an alert with what it says of itself."""
    summary = f": {redacted(alert.summary)}" if alert.summary != alert.name else ""
    return one_line(f"{alert_name(alert)}{summary}", 160)


def _alerts(outside: Outside, sources: Sequence[SourceStatus]) -> tuple[str, str]:
    every = [alert for _, alert in outside.things(Alert, sources)]
    burning = [alert for _, alert in firing(outside, sources)]
    concerns = [alert for alert in burning if is_news(alert.severity)]
    hidden = [alert for alert in every if alert.state == "suppressed"]
    children = sum(bool(alert.inhibited_by) for alert in hidden)
    silenced = [alert for alert in hidden if not alert.inhibited_by]
    parts = [f"{len(concerns)} firing" if concerns else "none firing"]
    if concerns:
        worst = concerns[0]
        parts[0] += f", worst {alert_name(worst)}"
    parts += [f"{len(silenced)} silenced"] if silenced else []
    parts += [count(children, "child", "children")] if children else []
    parts += [f"{len(burning) - len(concerns)} for information"] if len(burning) > len(concerns) else []
    gone = len(outside.gone(Alert, sources, since=outside.now - HOUR)) if sources else 0
    parts += [f"{gone} gone within the hour"] if gone else []
    verdict = FAILED if any(is_critical(alert.severity) for alert in burning) else DEGRADED if concerns else OK
    if verdict == OK and any(is_news(alert.severity) for alert in hidden):
        verdict = DEGRADED
    return verdict, ", ".join(parts)


# error rates --------------------------------------------------------------------------------------


def all_tenants(context: Context) -> list[str]:
    """Every tenant that the configuration names."""
    return sorted({name for names in context.rules.tenants.values() for name in names})


def error_rates(context: Context, outside: Outside) -> Said:
    """R39, H5: spikes over all tenants and by tenant, measured; a tenant without numbers keeps it from being ok."""
    told = outside.told(SourceKind.METRICS)
    if not told.configured:
        return not_configured(context, "error rates")
    measured = measure(context, outside, told.good)
    verdict, said = _rates(measured)
    hides = spikes.rules_line([rule for _, rule in outside.things(AlertRule, told.good)])
    if hides:
        said, verdict = f"{said}; {hides}", DEGRADED if verdict == OK else verdict
    recorded = measure(context, outside, told.replayed)
    ref = told.good[0].name if told.good else ""
    proof = [Evidence(kind="query", ref=f"{ref}:{one.tenant or 'all'}", text=one.said) for one in measured[:_SHOWN]]
    return judged("error rates", told, verdict, said, proof if ref else (), recorded=_rates(recorded)[1])


def measure(context: Context, outside: Outside, sources: Sequence[SourceStatus]) -> list[spikes.Measured]:
    """The error share of all tenants and of each, as these sources tell it; named tenants without numbers too."""
    if not sources:
        return []
    window = min(float(row.detail.get("window_s") or spikes.WINDOW_S) for row in sources)
    numbers = [item for _, item in outside.things(TenantNumbers, sources)]
    return spikes.measure(numbers, all_tenants(context), window_s=window)


def _rates(measured: Sequence[spikes.Measured]) -> tuple[str, str]:
    if not measured:
        return UNKNOWN, "no series carries a tenant"
    spiking = [one for one in measured if one.word == SPIKE]
    blind = [one for one in measured if one.word == spikes.UNKNOWN and one.tenant]
    open_ = f"not judged: {listed([one.said for one in blind])}" if blind else ""
    if spiking:
        said = f"spike: {listed([one.said for one in spiking])}"
        verdict = FAILED if any(not one.tenant for one in spiking) else DEGRADED
        return verdict, f"{said}; {open_}" if open_ else said
    if blind or measured[0].word == spikes.UNKNOWN:
        return UNKNOWN, open_ or measured[0].said
    return OK, f"no spike over {count(len(measured) - 1, 'tenant')} ({measured[0].said})"


# endpoints ----------------------------------------------------------------------------------------


def endpoints(context: Context, outside: Outside) -> Said | None:
    """H4: what each health endpoint did, in its own word, and whether they run the same version; None if none is named.

    An endpoint that was never reached is not healthy: the word says what happened.
    """
    told = outside.told(SourceKind.PROBES)
    if not told.configured:
        return None
    probes = [probe for _, probe in outside.things(Probe, told.good)]
    verdict, said = probes_say(probes)
    _, recorded = probes_say([probe for _, probe in outside.things(Probe, told.replayed)])
    worst = sorted(probes, key=lambda probe: (_RANK.get(probe.verdict, 2), probe.key))
    proof = [
        Evidence(kind="probe", ref=probe.key, text=one_line(redacted(f"{probe.word or probe.verdict} {probe.detail}")))
        for probe in worst[:_SHOWN]
    ]
    return judged("endpoints", told, verdict, said, proof, recorded=recorded)


_RANK = {"failed": 0, "degraded": 1, "unknown": 2, "ok": 3}


def probes_say(probes: Sequence[Probe]) -> tuple[str, str]:
    """The verdict on a list of endpoints and their words, worst first, with the time of the answer elsewhere."""
    if not probes:
        return UNKNOWN, "no endpoint was answered for"
    bad = sorted((p for p in probes if p.verdict != "ok"), key=lambda p: (_RANK.get(p.verdict, 2), p.key))
    skew = version_skew(probes)
    verdict = next(
        (v for v in (FAILED, DEGRADED, UNKNOWN) if any(p.verdict == v for p in bad)), DEGRADED if bad else OK
    )
    if not bad:
        said = f"{len(probes)} of {len(probes)} healthy"
    else:
        words = listed([one_line(redacted(f"{p.name} {p.word or p.verdict}"), 60) for p in bad])
        said = f"{len(bad)} of {len(probes)} not healthy: {words}"
    if skew:
        return (DEGRADED if verdict in (OK, UNKNOWN) else verdict), f"{said}; {skew}"
    return verdict, said


def version_skew(probes: Sequence[Probe]) -> str:
    """R108: `version skew: 7 of 8 on 9f2c41ab` if endpoints of a project report more than one version."""
    projects = sorted({probe.project_id for probe in probes})
    said = []
    for project in projects:
        versions = [probe.version for probe in probes if probe.project_id == project and probe.version]
        common = max(sorted(set(versions)), key=versions.count, default="")
        wanted = next((p.expected_version for p in probes if p.project_id == project and p.expected_version), "")
        shown = wanted if wanted in versions else common
        if len(set(versions)) > 1:
            said.append(f"{versions.count(shown)} of {len(versions)} on {one_line(redacted(shown), 40)[:12]}")
    return f"version skew: {'; '.join(said)}" if said else ""
