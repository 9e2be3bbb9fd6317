"""Facts of the Pulse Summary on the infrastructure: pipeline, builds, deployments, what burns, who is dead (R135-R145).

While a pulse runs they are read afresh from the watch, so that a source that died after the scan makes nothing green;
of an ended pulse they are what the scan found.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from stas_tui.pulse import scan_delivery as delivery
from stas_tui.pulse.context import Context
from stas_tui.pulse.scan_sources import Said, alert_name, firing
from stas_tui.pulse.sources import Outside
from stas_tui.pulse.summary_model import CheckFact, ChecksFacts, DeployFacts, Item
from stas_tui.texts.lines import count
from stas_tui.texts.severity import is_critical
from storage.clock import age, hhmm
from storage.records import DataState, Evidence, Finding, Json, Pulse, Step, StepState
from storage.watch_records import Alert, SourceKind

_CONCLUSIONS = {"ok": "success", "degraded": "pending", "failed": "failure", "unknown": "missing"}
_LISTED = 5
"""Burning incidents by name; the rest is counted."""


def state_of(step: Step) -> tuple[DataState, str]:
    """How far what a step found can be believed, and why not."""
    if step.state is StepState.SKIPPED:
        return DataState.UNKNOWN, step.note or "the step was skipped"
    if step.state in (StepState.TODO, StepState.ACTIVE):
        return DataState.UNKNOWN, "the step was not done"
    if step.state is StepState.FAILED:
        stale = step.data.get("state") == DataState.STALE.value
        return DataState.STALE if stale else DataState.ERROR, step.note
    return step.data_state, "" if step.data_state in (DataState.OK, DataState.EMPTY) else step.note


class Health:
    """What the summary of one pulse says of the infrastructure."""

    def __init__(self, context: Context, pulse: Pulse, steps: Sequence[Step], findings: Sequence[Finding]) -> None:
        self._context = context
        self._scan, self._projects, self._after = steps[5], steps[2], steps[7]
        self._findings = findings
        current = context.pulses.current()
        self._live = current is not None and current.id == pulse.id
        self._outside = Outside(context)

    @cached_property
    def _active(self) -> list[str]:
        return [project["id"] for project in self._projects.data.get("active", ())]

    def checks(self, subject: str) -> ChecksFacts:
        """R135, R136: a pipeline now, on the head of the delivery branch; a scan that did not run knows nothing."""
        found = [finding for finding in self._findings if finding.check == "health" and finding.subject == subject]
        if self._scan.state is not StepState.DONE or not found:
            return ChecksFacts(state=DataState.UNKNOWN, reason=state_of(self._scan)[1] or "it was not looked at")
        if self._live and self._asked(subject):
            return _facts_of(self._now(subject))
        if all(finding.verdict == "unknown" for finding in found):
            return ChecksFacts(state=DataState.UNKNOWN, reason=found[0].reason)
        return ChecksFacts(
            state=DataState.OK,
            checks=tuple(
                CheckFact(name=finding.subject, conclusion=_CONCLUSIONS[finding.verdict], evidence=finding.evidence)
                for finding in found
            ),
            said=tuple(finding.reason for finding in found if finding.reason),
        )

    def _asked(self, subject: str) -> bool:
        kind = SourceKind.CI if subject == "CI" else SourceKind.BUILDS
        return any(self._outside.told(kind, project=project).configured for project in self._active)

    def _now(self, subject: str) -> Said:
        ask = delivery.ci if subject == "CI" else delivery.builds
        return ask(self._context, self._outside, self._active)

    def deploys(self) -> DeployFacts:
        """R137: the list of the scan, with the trouble reported and measured after it."""
        deploys = self._scan.data.get("deploys")
        if deploys is None:
            return DeployFacts(state=DataState.UNKNOWN, reason=state_of(self._scan)[1] or "not asked")
        dead = deploys["state"] == DataState.ERROR.value
        made = deploys.get("deployments")
        return DeployFacts(
            state=DataState.ERROR if dead else DataState.OK,
            reason=deploys["reason"],
            evidence=tuple(
                Evidence(kind="commit", ref=sha, text=subject, at=at) for sha, at, _, subject in deploys["forge"]
            ),
            forge=None if dead else len(deploys["forge"]),
            deployments=len(made) if made else None,
            memory=None if deploys["memory"] is None else len(deploys["memory"]),
            open=self._open(deploys),
            issues=self._issues(deploys),
        )

    def _open(self, deploys: Json) -> str:
        told = self._outside.told(SourceKind.DEPLOYS) if self._live else None
        doubt = told.why if told is not None else deploys.get("doubt", "")
        return "; ".join(filter(None, (self._scan.data.get("reports", ""), doubt)))

    def _issues(self, deploys: Json) -> tuple[Item, ...]:
        said = [(said, "message", ref) for ref, _, said in self._scan.data.get("linked", ())]
        said += [(text, "query", key) for key, text in deploys.get("failed", ())]
        said += [
            (merge["draft"]["title"].removeprefix("infra: "), "commit", merge["sha"])
            for merge in self._after.data.get("merges", ())
            if merge.get("draft")
        ]
        return tuple(Item(text=text, evidence=(Evidence(kind=kind, ref=ref, text=text),)) for text, kind, ref in said)

    # what is urgent -------------------------------------------------------------------------------

    def burning(self) -> tuple[Item, ...]:
        """R145: critical alerts that fire now; what a recording or a dead source said does not count as burning."""
        if not self._live:
            return ()
        fires = firing(self._outside, self._outside.told(SourceKind.ALERTS).good)
        critical = [(source, alert) for source, alert in fires if is_critical(alert.severity)]
        items = [self._burns(source, alert) for source, alert in critical[:_LISTED]]
        if len(critical) > _LISTED:
            items.append(Item(text=f"{count(len(critical) - _LISTED, 'more critical alert')} firing"))
        return tuple(items)

    def _burns(self, source: str, alert: Alert) -> Item:
        since = (
            f", since {hhmm(alert.starts_at)} ({age(self._outside.now - alert.starts_at)})" if alert.starts_at else ""
        )
        text = f"still burning: {alert_name(alert)}{since}"
        return Item(text=text, evidence=(Evidence(kind="query", ref=f"{source}:{alert.key}", text=text),))

    def dead(self) -> tuple[tuple[str, str], ...]:
        """R145: every source that should have answered and cannot be believed, with the reason."""
        if self._live:
            return tuple((doubt.name, doubt.said) for doubt in self._outside.all_doubts())
        return tuple(self._scan.data.get("sources", {}).items())


def _facts_of(said: Said) -> ChecksFacts:
    if said.verdict == "unknown":
        return ChecksFacts(state=DataState.UNKNOWN, reason=said.reason, evidence=said.evidence)
    checks = tuple(
        CheckFact(name=project, conclusion=_CONCLUSIONS[verdict])
        for project, (verdict, _) in said.data["projects"].items()
    )
    return ChecksFacts(state=DataState.OK, checks=checks, said=(said.reason,), evidence=said.evidence)
