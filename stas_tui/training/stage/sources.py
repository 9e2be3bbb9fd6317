"""The sources of a lesson: what they say stands in the watch as a real watcher would have put it there.

Every source is asked every 15 seconds of the lesson. One that is down leaves failures, one that gives no data is no
longer heard and grows stale: how far each can be believed is judged by `health.belief`, as in real life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from stas_tui.health.belief import Wanted
from stas_tui.health.tenants import judge
from stas_tui.training import grammar
from stas_tui.training.prose import joined
from stas_tui.training.scenario import Scenario
from stas_tui.training.stage.names import digest, sha
from stas_tui.training.stage.outside import SimSilencer
from storage.clock import SECOND
from storage.records import DataState, Json
from storage.watch import Watch
from storage.watch_records import Alert, Check, Deploy, Observed, Probe, SourceKind, SourceStatus, TenantNumbers

EVERY_MS = 15 * SECOND
BEAT_MS = 10 * SECOND
"""How often the watcher of a lesson says that it lives."""
WINDOW_S = 300.0
REQUESTS = 20.0
"""Requests a second of every tenant of a lesson, so that its shares can be judged as real ones are."""
KINDS = {
    "inject.alert": SourceKind.ALERTS,
    "inject.metric": SourceKind.METRICS,
    "inject.probe": SourceKind.PROBES,
    "inject.ci": SourceKind.CI,
    "inject.deploy": SourceKind.DEPLOYS,
}
"""Lines of the engine that a source tells, with the kind of source."""
FAULT = "inject.source_fault"
_ERRORS = ("5xx", "error")
_DENIED = ("401", "403", "denied")
_LATENCY = ("latency", "p95", "duration")


@dataclass(slots=True)
class _Source:
    name: str
    kind: SourceKind
    project: str
    facts: dict[str, Observed] = field(default_factory=dict)
    fault: str = ""
    """`down`, `error` or `no_data` while it does not answer well."""
    reason: str = ""
    failures: int = 0
    asked_at: int = 0

    def status(self, at: int) -> SourceStatus:
        good = not self.fault
        state = (DataState.OK if self.facts else DataState.EMPTY) if good else DataState.ERROR
        return SourceStatus(
            name=self.name,
            kind=self.kind,
            state=state,
            every_ms=EVERY_MS,
            asked_at=at,
            at=at if good else None,
            next_at=at + EVERY_MS,
            failures=self.failures,
            reason=self.reason,
            project_id=self.project,
        )


class SimSources:
    """All sources of a lesson. Not thread-safe: one hand moves it."""

    def __init__(self, watch: Watch, scenario: Scenario) -> None:
        self._watch = watch
        self._environment = "production"
        self._tenants = scenario.world.tenants
        self._sources = {each.name: each for each in _named(scenario)}
        self._rounds, self._beat_at = 0, 0
        self.silencer: SimSilencer | None = None
        """Where silences are kept."""
        for source in self._sources.values():
            if source.kind is SourceKind.METRICS:
                for tenant in self._tenants:
                    source.facts[tenant] = _numbers(tenant)

    @property
    def names(self) -> list[str]:
        """Names of all sources."""
        return list(self._sources)

    def wanted(self) -> list[Wanted]:
        """What the configuration of a real installation would want asked."""
        return [
            Wanted(name=each.name, kind=each.kind, every_ms=EVERY_MS, project_id=each.project)
            for each in self._sources.values()
        ]

    def alerts(self, name: str) -> list[Alert]:
        """The alerts of a server, whether they are silenced or not."""
        found = self._sources.get(name)
        return [fact for fact in found.facts.values() if isinstance(fact, Alert)] if found is not None else []

    def beat(self, at: int) -> bool:
        """Ask every source that is due at this time; whether any was."""
        asked = False
        for source in self._sources.values():
            if at - source.asked_at >= EVERY_MS or not source.asked_at:
                asked = True
                self._ask(source, at)
        self._rounds += asked
        if asked or at - self._beat_at >= BEAT_MS:
            self._watch.beat(at, self._rounds)
            self._beat_at = at
        return asked

    def change(self, kind: str, body: Json, at: int) -> None:
        """What a line of the engine changes; it is seen at once, unless its source does not answer."""
        if kind == FAULT:
            self._fault(body, at)
            return
        source = self._source(str(body["source"]), KINDS[kind])
        _FACTS[kind](self, source, body, at)
        if source.kind is SourceKind.METRICS:
            _judge(source)
        if not source.fault:
            self._ask(source, at)

    def _ask(self, source: _Source, at: int) -> None:
        rounds = max((at - source.asked_at) // EVERY_MS, 1) if source.asked_at else 1
        source.asked_at = at
        if source.fault == "no_data":
            return
        source.failures = source.failures + rounds if source.fault else 0
        self._watch.record(source.status(at), None if source.fault else self._said(source))

    def _said(self, source: _Source) -> list[Observed]:
        """Everything that a source says now; of a server of alerts also which are silenced, and by what."""
        if source.kind is not SourceKind.ALERTS or self.silencer is None:
            return list(source.facts.values())
        said: list[Observed] = list(self.silencer.silences(source.name))
        for alert in self.alerts(source.name):
            by = self.silencer.hushed(source.name, alert)
            said.append(replace(alert, state="suppressed", silenced_by=by) if by else alert)
        return said

    def _fault(self, body: Json, at: int) -> None:
        source = self._source(str(body["source"]), SourceKind.METRICS)
        recovered = body["state"] == "recovered"
        source.fault = "" if recovered else str(body["state"])
        source.reason = "" if recovered else str(body["reason"])
        source.failures = 0
        self._ask(source, at)

    def _source(self, name: str, kind: SourceKind) -> _Source:
        """A source by its name; one that nobody named before is there from now on."""
        return self._sources.setdefault(name, _Source(name, kind, ""))

    # facts ----------------------------------------------------------------------------------------

    def _alert(self, source: _Source, body: Json, at: int) -> None:
        labels = {"alertname": str(body["name"]), "severity": str(body["severity"]), **body["labels"]}
        key = fingerprint(body)
        if body["state"] == "resolved":
            source.facts.pop(key, None)
            return
        before = source.facts.get(key)
        notes = {"summary": joined(str(body["summary"])).strip()} if body["summary"] else {}
        notes |= {"runbook_url": str(body["runbook"])} if body["runbook"] else {}
        source.facts[key] = Alert(
            key=key,
            name=str(body["name"]),
            severity=str(body["severity"]),
            labels=labels,
            annotations=notes,
            starts_at=before.starts_at if isinstance(before, Alert) else at,
            updated_at=at,
        )

    def _metric(self, source: _Source, body: Json, at: int) -> None:
        series, value = grammar.series(str(body["series"])), float(body["value"])
        tenant = series.tenant or "platform"
        found = source.facts.get(tenant)
        numbers = found if isinstance(found, TenantNumbers) else TenantNumbers(key=tenant, tenant=tenant)
        if any(word in series.name for word in _ERRORS):
            history = (*numbers.history, numbers.errors)[-60:]
            numbers = replace(numbers, errors=value, history=history)
        elif any(word in series.name for word in _DENIED):
            numbers = replace(numbers, denied=value)
        elif any(word in series.name for word in _LATENCY):
            numbers = replace(numbers, latency=value)
        elif series.name.startswith("requests"):
            numbers = replace(numbers, requests=value)
        rest = ",".join(f"{name}={label}" for name, label in series.labels.items() if name != "tenant")
        name = f"{series.name}{{{rest}}}" if rest else series.name
        source.facts[tenant] = replace(numbers, usage={**numbers.usage, name: value})

    def _probe(self, source: _Source, body: Json, at: int) -> None:
        key = probe_of(body)
        healthy = body["state"] == "healthy"
        skewed = healthy and body["expected_version"] and body["version"] != body["expected_version"]
        word = {"failed": "wrong status"}.get(str(body["state"]), str(body["state"]))
        word = "wrong version" if skewed else word
        source.facts[key] = Probe(
            key=key,
            project_id=str(body["project"]),
            name=str(body["name"]),
            url=f"https://{body['name']}.training.invalid/health",
            service=str(body["service"]),
            verdict="degraded" if skewed else "ok" if healthy else "failed",
            word=word,
            status=body["status"] if body["status"] is not None else 200 if healthy else None,
            version=str(body["version"]),
            expected_version=str(body["expected_version"]),
            tries=(word,) * 3,
        )

    def _check(self, source: _Source, body: Json, at: int) -> None:
        key = check_of(body)
        before = source.facts.get(key)
        source.facts[key] = Check(
            key=key,
            project_id=str(body["project"]),
            sha=str(body["sha"]),
            name=str(body["name"]),
            state=str(body["state"]),
            required=bool(body["required"]),
            build=bool(body["build"]),
            since=before.since if isinstance(before, Check) else at,
        )

    def _deploy(self, source: _Source, body: Json, at: int) -> None:
        key = f"{body['project']}/{digest(body['sha'], body['service'], body['environment'], length=8)}"
        source.facts[key] = Deploy(
            key=key,
            project_id=str(body["project"]),
            sha=str(body["sha"]),
            at=at,
            what=str(body["what"]),
            environment=str(body["environment"]),
            state=str(body["state"]),
            author=str(body["author"]),
            service=str(body["service"]),
        )


_FACTS = {
    "inject.alert": SimSources._alert,
    "inject.metric": SimSources._metric,
    "inject.probe": SimSources._probe,
    "inject.ci": SimSources._check,
    "inject.deploy": SimSources._deploy,
}


def fingerprint(body: Json) -> str:
    """Identity of an alert inject: its name and labels, as Alertmanager does it."""
    return digest("alert", body["name"], *sorted(map(str, body["labels"].items())), length=16)


def probe_of(body: Json) -> str:
    """Identity of a probe inject."""
    return f"{body['project']}/{body['name']}"


def check_of(body: Json) -> str:
    """Identity of a CI inject."""
    return f"{body['project']}/{body['sha']}/{body['name']}"


def head_of(project: str, branch: str, number: int = 0) -> str:
    """The commit at the head of a branch of the simulated forge."""
    return sha(project, branch, number)


def _named(scenario: Scenario) -> Iterable[_Source]:
    named: dict[str, _Source] = {}
    for start in scenario.world.source:
        named[start.name] = _Source(start.name, SourceKind(start.kind), start.project)
    for inject in scenario.inject:
        name, kind = getattr(inject, "source", ""), KINDS.get(f"inject.{inject.kind}")
        if name and kind is not None and name not in named:
            named[name] = _Source(name, kind, "")
    return named.values()


def _numbers(tenant: str) -> TenantNumbers:
    return TenantNumbers(key=tenant, tenant=tenant, requests=REQUESTS, errors=0.0)


def _judge(source: _Source) -> None:
    """What stands out among the tenants, by the rule that real numbers are judged by."""
    numbers = [fact for fact in source.facts.values() if isinstance(fact, TenantNumbers)]
    judged = judge(numbers, window_s=WINDOW_S)
    remarks: Mapping[str, str] = judged.remarks
    source.facts |= {n.key: replace(n, remark=remarks.get(n.tenant, "")) for n in numbers}
