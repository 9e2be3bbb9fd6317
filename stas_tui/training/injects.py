"""What can happen in a lesson: each kind of inject with its keys, when it comes, and noise."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stas_tui.training.tables import (
    DeviationStart,
    Duration,
    File,
    Line,
    Offset,
    PullStart,
    Ref,
    Series,
    Source,
    Table,
    Text,
    Trap,
    Verb,
)
from storage.records import Json


class When(Table):
    """A condition: how a decision was made."""

    decided: Ref
    verbs: tuple[Verb, ...] = ()
    """The answers that count; by default those that are right for an `else_at`, and needed for an `after`."""
    within: Duration | None = None
    """Counted from when the decision could be made."""


class Inject(Table):
    """Something that happens: at a time, `after` a decision was made as `when` says, or at `else_at` if it was not."""

    ref: Ref = ""
    at: Offset | None = None
    when: When | None = None
    after: Offset | None = None
    else_at: Offset | None = None
    trap: Trap = ""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        times = [self.at is not None, self.after is not None, self.else_at is not None]
        if sum(times) != 1:
            raise ValueError("an inject has one time: at, or when with after, or when with else_at")
        if (self.when is None) != (self.at is not None):
            raise ValueError("after and else_at need a when, and at has none")
        if self.when is not None and self.after is not None and not self.when.verbs:
            raise ValueError("when with after names the verbs that bring it about")
        return self


class InboxInject(Inject):
    """A message in the agent's inbox."""

    kind: Literal["inbox", "human"]
    type: Literal["urgent", "help_request", "handoff", "review_request", "info"] = "info"
    sender: Line = Field(alias="from")
    trust: Literal["known", "external", "unknown"] = "known"
    subject: str = Field(default="", max_length=200)
    text: Text
    project: str = ""


class AlertInject(Inject):
    """An alert begins, changes or ends."""

    kind: Literal["alert"]
    name: Line
    severity: Literal["critical", "warning", "info"] = "warning"
    state: Literal["firing", "resolved"] = "firing"
    labels: dict[str, str] = {}
    summary: Text = ""
    runbook: str = ""
    source: Source = "alertmanager"


class MetricInject(Inject):
    """A number of a tenant or of everybody."""

    kind: Literal["metric"]
    series: Series
    value: float
    source: Source = "prometheus"


class ProbeInject(Inject):
    """What a health endpoint answers."""

    kind: Literal["probe"]
    name: Line
    project: Ref
    service: str = ""
    state: Literal["healthy", "timeout", "refused", "failed"] = "healthy"
    status: int | None = None
    version: str = ""
    expected_version: str = ""
    source: Source = "probes"


class CiInject(Inject):
    """What a check of a commit says."""

    kind: Literal["ci"]
    project: Ref
    name: Line
    sha: Line
    state: Literal["success", "failure", "pending", "missing", "neutral"]
    required: bool = True
    build: bool = False
    log: Text = ""
    """What its output says, as a message of the agent `CI`."""
    source: Source = "ci"


class DeployInject(Inject):
    """A deployment or a merge."""

    kind: Literal["deploy"]
    project: Ref
    sha: Line
    what: Line
    state: Literal["success", "failure", "in_progress", "merged"] = "success"
    author: str = ""
    service: str = ""
    environment: str = "production"
    source: Source = "deploys"


class ForgeInject(Inject):
    """A pull request is opened or changed."""

    kind: Literal["forge"]
    pull: PullStart


class MemoryInject(Inject):
    """Something stands in the memories from now on."""

    kind: Literal["memory"]
    title: Line
    text: Text
    type: Line = "note"


class ExecutorInject(Inject):
    """An executor reports; it becomes a message of the agent with the report as its text.

    A run of the task that was approved and still works ends with it.
    """

    kind: Literal["executor"]
    task: Ref
    project: Ref
    outcome: Literal["SUCCESS", "PARTIAL", "FAILURE", "BLOCKED"]
    report: Text
    deviations: tuple[DeviationStart, ...] = ()
    blocker: str = Field(default="", max_length=400)
    """The decision that it stopped at."""
    files: tuple[File, ...] = ()
    """What it changed in the workspace."""


class RiskStart(Table):
    """A row of a gate's risk block."""

    kind: Literal["blast radius", "rollback", "isolation", "monitoring"]
    level: Literal["ok", "warn", "crit", "unknown"]
    text: Line


class EvidenceStart(Table):
    """Evidence that stands in a gate."""

    kind: Line = "file"
    ref: Line
    text: Text


class ActionInject(Inject):
    """The scripted agent asks for something; it waits at a gate."""

    kind: Literal["agent_action"]
    tool: Ref
    title: Line
    args: dict[str, Any] = {}
    """What is asked for: texts, numbers, lists of texts."""
    caused_by: str = ""
    says: Text = ""
    """What the agent says to it."""
    risk: tuple[RiskStart, ...] = ()
    evidence: tuple[EvidenceStart, ...] = ()
    dangerous: bool = False
    """Asks for the name of the environment before it can be approved."""
    prints: Text = ""
    """What the executor prints that `spawn_executor` starts, a line every two seconds."""


class SlackInject(Inject):
    """The human answers on Slack, or a message that was sent turns out not to have arrived."""

    kind: Literal["slack"]
    sender: Line = Field(default="Sky", alias="from")
    text: Text


class FaultInject(Inject):
    """A source stops answering, or answers again."""

    kind: Literal["source_fault"]
    source: Source
    state: Literal["down", "no_data", "error", "recovered"] = "down"
    reason: Line = "no answer"


AnyInject = Annotated[
    InboxInject
    | AlertInject
    | MetricInject
    | ProbeInject
    | CiInject
    | DeployInject
    | ForgeInject
    | MemoryInject
    | ExecutorInject
    | ActionInject
    | SlackInject
    | FaultInject,
    Field(discriminator="kind"),
]


class Noise(Table):
    """Many messages of no importance, spread by a seeded generator."""

    count: int = Field(ge=1, le=500)
    sender: tuple[Line, ...] = Field(alias="from", min_length=1)
    texts: tuple[Line, ...] = Field(min_length=1)
    begin: Offset = 0
    end: Offset

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end < self.begin:
            raise ValueError("noise ends before it begins")
        return self


SPARE = frozenset({"prints", "deviations", "blocker", "files"})
"""Keys that stand in the log only if they say something, so that files without them keep their digests."""


def body_of(inject: Inject) -> Json:
    """What happened, as it stands in the log: without when and why."""
    body = inject.model_dump(
        mode="json", by_alias=True, exclude={"at", "when", "after", "else_at"}, exclude_defaults=False
    )
    return {name: value for name, value in body.items() if value or name not in SPARE}
