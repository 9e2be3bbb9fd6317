"""What sources outside say, as frozen nouns: alerts, probes, checks, builds, deployments, numbers per tenant.

All of it is observed, none of it is decided: a person's ownership, snoozes and notes stand in `storage.triage`, keyed
by identity, so that nothing a source says can wipe them. Text in these nouns comes from outside, redacted and not yet
printable. Times are UTC milliseconds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from storage.records import DataState, Json


class SourceKind(StrEnum):
    """What a source can tell."""

    ALERTS = "alerts"
    METRICS = "metrics"
    PROBES = "probes"
    CI = "ci"
    DEPLOYS = "deploys"
    BUILDS = "builds"
    SLACK = "slack"
    FORGE = "forge"
    INBOX = "inbox"
    BOARD = "board"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One row of the source strip: who was asked, when, and how far the answer can be believed."""

    name: str
    """Unique, e.g. `alertmanager` or `ci:ledger`."""
    kind: SourceKind
    state: DataState
    """As of `asked_at`; `age` makes it stale later."""
    every_ms: int
    """How often it is asked; an answer older than three times this is stale."""
    asked_at: int | None = None
    """When it was last asked."""
    at: int | None = None
    """When it last answered well; None if it never did."""
    next_at: int | None = None
    """When it is asked again; in the future while it is backed off or rate-limited."""
    failures: int = 0
    """Failed answers in a row."""
    reason: str = ""
    """One clause why the state is not `ok`, e.g. `refused the connection`, `429, retry in 28s`."""
    project_id: str = ""
    """The project it speaks for; empty means all."""
    replayed: bool = False
    """A recorded answer, played back: never to be taken for the world."""
    detail: Json = field(default_factory=dict)
    """Further facts of the adapter: version, uptime, endpoint, HTTP status, counts of dropped items."""

    def believed(self, now: int) -> DataState:
        """The state as of `now`: an `ok` or `empty` that nobody renewed is stale."""
        if self.state in (DataState.OK, DataState.EMPTY) and (self.at is None or now - self.at > 3 * self.every_ms):
            return DataState.STALE
        return self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What every observed thing has in common. `kind` is its table of contents, `key` its identity within a source."""

    kind: ClassVar[str] = ""
    key: str

    @property
    def standing(self) -> str:
        """How it stands, in a word; a fact's `since` is when that last changed."""
        return ""

    def to_json(self) -> Json:
        """Plain JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """The reverse of `to_json`; unknown members are dropped, tuples restored."""
        values: dict[str, Any] = {}
        for item in dataclasses.fields(cls):
            if item.name in data:
                value = data[item.name]
                values[item.name] = _tuples(value) if isinstance(value, list) else value
        return cls(**values)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Observed):
    """An alert as Alertmanager reports it; `key` is its fingerprint."""

    kind: ClassVar[str] = "alert"
    name: str
    severity: str = ""
    """The label as sent: `critical`, `warning`, …; empty if there is none."""
    state: str = "active"
    """`active`, `suppressed` or `unprocessed`."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    starts_at: int = 0
    updated_at: int = 0
    ends_at: int = 0
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    """Fingerprints of the alerts that hide this one: it is their child, not silenced."""
    generator_url: str = ""
    receivers: tuple[str, ...] = ()

    @property
    def tenant(self) -> str:
        """The tenant label, if it has one."""
        return self.labels.get("tenant", "")

    @property
    def service(self) -> str:
        """The service, job or instance label, whichever comes first."""
        return next((self.labels[n] for n in ("service", "job", "instance") if self.labels.get(n)), "")

    @property
    def summary(self) -> str:
        """What the alert says of itself in one line."""
        return self.annotations.get("summary") or self.annotations.get("description") or self.name

    @property
    def runbook(self) -> str:
        """Address of the runbook, if the alert names one."""
        return self.annotations.get("runbook_url", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(Observed):
    """A silence in Alertmanager; `key` is its id."""

    kind: ClassVar[str] = "silence"
    state: str
    """`active`, `pending` or `expired`."""
    matchers: tuple[tuple[str, str, bool, bool], ...] = ()
    """(label, value, is a regular expression, is equal)."""
    starts_at: int = 0
    ends_at: int = 0
    updated_at: int = 0
    created_by: str = ""
    comment: str = ""
    matches: int = 0
    """How many alerts it hides now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Observed):
    """One health endpoint's last answer; `key` is `project/name`."""

    kind: ClassVar[str] = "probe"
    project_id: str
    name: str
    url: str
    service: str = ""
    tenant: str = ""
    verdict: str = "unknown"
    """`ok`, `degraded` (one of three tries failed), `failed`, `unknown` (not asked)."""
    word: str = ""
    """What happened, one of the fixed words of `stas_tui.health.words`: `healthy`, `timeout`, `refused`, …"""
    status: int | None = None
    version: str = ""
    """The version the endpoint reports, if a field is configured."""
    expected_version: str = ""
    latency_ms: int | None = None
    tries: tuple[str, ...] = ()
    """The word of each try, oldest first."""
    detail: str = ""
    certificate_days: int | None = None

    @property
    def standing(self) -> str:
        """The verdict."""
        return self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Observed):
    """One CI check of one commit; `key` is `project/sha/name`."""

    kind: ClassVar[str] = "check"
    project_id: str
    sha: str
    name: str
    state: str
    """`success`, `failure`, `pending`, `missing`, `neutral`, `flaky`."""
    conclusion: str = ""
    """The forge's own word, e.g. `timed_out`."""
    required: bool = False
    build: bool = False
    """Builds a container image."""
    since: int = 0
    """When it started, or for a missing one when the commit landed."""
    url: str = ""

    @property
    def standing(self) -> str:
        """The state."""
        return self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy(Observed):
    """A deployment, or a merge where no deployments are recorded; `key` is `project/id`."""

    kind: ClassVar[str] = "deploy"
    project_id: str
    sha: str
    at: int
    what: str
    """Subject of the merge or description of the deployment."""
    environment: str = ""
    state: str = ""
    """`success`, `failure`, `in_progress`, …; `merged` if only git knows of it."""
    author: str = ""
    pr_number: int | None = None
    service: str = ""
    url: str = ""

    @property
    def standing(self) -> str:
        """The state."""
        return self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantNumbers(Observed):
    """One tenant's numbers from one metrics source; `key` is the tenant. None is «no data», never 0."""

    kind: ClassVar[str] = "tenant"
    tenant: str
    requests: float | None = None
    """Requests a second."""
    errors: float | None = None
    """Failed share of all requests, 0 to 1."""
    denied: float | None = None
    """Share of requests answered 401 or 403, 0 to 1."""
    latency: float | None = None
    """95th percentile in seconds."""
    usage: dict[str, float | None] = field(default_factory=dict)
    """Further numbers by the name of their query."""
    history: tuple[float | None, ...] = ()
    """The error share over the last hour, oldest first, for a sparkline."""
    missing: tuple[str, ...] = ()
    """Names of queries that answered with no series for this tenant."""
    remark: str = ""
    """`outlier: …`, `platform: …` (most are raised at once), `spike: …` (above its own hour), `off (3 tenants)`, or
    empty."""

    @property
    def standing(self) -> str:
        """The remark without its numbers: whether it is an outlier."""
        return self.remark.partition(" ")[0].rstrip(":,;")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Observed):
    """A tenant before and after a merge (R107); `key` is `sha/tenant`."""

    kind: ClassVar[str] = "comparison"
    sha: str
    merged_at: int
    tenant: str
    before: float | None
    """Error share in the hour before the merge."""
    after: float | None
    """Error share since the merge, at most 30 minutes."""
    verdict: str
    """`worse`, `same`, `better`, `not measurable`."""
    points: int = 0
    reason: str = ""
    latency: str = "not measurable"
    """The verdict on the 95th percentile of the answer time, in the same words; of an older record, nobody asked."""
    latency_before: float | None = None
    """In seconds, the middle of the hour before the merge."""
    latency_after: float | None = None
    latency_reason: str = ""

    @property
    def standing(self) -> str:
        """The verdict on errors; `slower` where only the latency got worse."""
        return "slower" if self.latency == "worse" != self.verdict else self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule(Observed):
    """One alerting rule of Prometheus (R119); `key` is `group/name`."""

    kind: ClassVar[str] = "rule"
    name: str
    expression: str
    per_tenant: bool
    hides: str = ""
    """Why a small tenant would not be seen by it; empty if it would."""


KINDS: dict[str, type[Observed]] = {
    cls.kind: cls for cls in (Alert, Silence, Probe, Check, Deploy, TenantNumbers, Comparison, AlertRule)
}
"""The nouns by their kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An observed thing with its history: what a source no longer mentions is gone, which is not «never was»."""

    source: str
    thing: Observed
    first_seen: int
    last_seen: int
    gone_at: int | None = None
    """When the source first answered without it; None while it is there."""
    times: int = 1
    """How often it came back after it was gone, plus one."""
    since: int = 0
    """When `standing` last changed, or it came (back); 0 if nobody kept it."""

    @property
    def began(self) -> int:
        """When it began to stand as it does."""
        return self.since or self.first_seen
