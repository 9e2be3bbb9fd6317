"""Changes that look as if they did harm: CI red on the head, a tenant worse off since, an incident soon after. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stas_tui.health.ci_verdict import MISSING_MS, RED, pipeline_verdict
from stas_tui.triage.identity import deploy_key
from stas_tui.triage.words import Strip, names_of, seen_line, web_links
from storage.clock import DAY, HOUR, age
from storage.records import Evidence, Priority
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import Check, Comparison, Deploy, Fact

SUSPECT_FOR = HOUR
"""An incident that begins this soon after a change makes the change suspect."""
LOOKED_BACK = DAY
"""How long a change is counted and watched."""

_FAILED = ("failure", "error")


@dataclass
class _Change:
    """One commit of one project, with everything that was reported about it."""

    project_id: str
    sha: str
    deploys: list[tuple[Fact, Deploy]] = field(default_factory=list)
    checks: list[tuple[Fact, Check]] = field(default_factory=list)
    worse: list[tuple[Fact, Comparison]] = field(default_factory=list)

    @property
    def at(self) -> int:
        """When it landed, or when its checks began if nobody saw it land."""
        times = [deploy.at for _, deploy in self.deploys] or [check.since or fact.began for fact, check in self.checks]
        return min(times or [comparison.merged_at for _, comparison in self.worse])


@dataclass
class _Case:
    """What speaks against a change."""

    priority: Priority = Priority.P2
    words: list[str] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    """When each charge came up: a change that a person closed comes back only with a new one."""
    evidence: list[Evidence] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


def deploy_items(
    deploys: Sequence[Fact],
    checks: Sequence[Fact],
    comparisons: Sequence[Fact],
    incidents: Iterable[TriageItem],
    strip: Strip,
    now: int,
) -> list[TriageItem]:
    """One item for each suspect commit of the last day, or older if it is still the head."""
    changes = _changes(deploys, checks, comparisons)
    heads = _heads(changes.values())
    latest = _latest(changes.values())
    begun = _Begun(incidents)
    items = []
    for (project_id, sha), change in changes.items():
        case = _Case()
        if heads.get(project_id) == sha:
            _ci(change, case, now)
        _worse(change, case)
        _failed(change, case, latest)
        if change.deploys and now - change.at <= LOOKED_BACK:
            _followed(change, case, begun)
        if case.words:
            items.append(_item(change, case, strip))
    return items


def landed(deploys: Sequence[Fact], now: int) -> int:
    """How many commits landed within the last 24 hours (D23)."""
    things = [fact.thing for fact in deploys]
    return len({(t.project_id, t.sha) for t in things if isinstance(t, Deploy) and now - t.at <= LOOKED_BACK})


def _changes(
    deploys: Sequence[Fact], checks: Sequence[Fact], comparisons: Sequence[Fact]
) -> dict[tuple[str, str], _Change]:
    found: dict[tuple[str, str], _Change] = {}
    projects: dict[str, str] = {}

    def change(project_id: str, sha: str) -> _Change:
        projects.setdefault(sha, project_id)
        return found.setdefault((project_id, sha), _Change(project_id, sha))

    for fact in deploys:
        if isinstance(fact.thing, Deploy):
            change(fact.thing.project_id, fact.thing.sha).deploys.append((fact, fact.thing))
    for fact in checks:
        if isinstance(fact.thing, Check) and fact.gone_at is None:
            change(fact.thing.project_id, fact.thing.sha).checks.append((fact, fact.thing))
    for fact in comparisons:
        if (
            isinstance(fact.thing, Comparison)
            and fact.gone_at is None
            and "worse" in (fact.thing.verdict, fact.thing.latency)
        ):
            change(projects.get(fact.thing.sha, ""), fact.thing.sha).worse.append((fact, fact.thing))
    return found


def _heads(changes: Iterable[_Change]) -> dict[str, str]:
    """The commit of each project that landed last, of those whose checks are watched."""
    found: dict[str, tuple[int, str]] = {}
    for change in changes:
        if change.checks:
            found[change.project_id] = max(found.get(change.project_id, (-1, "")), (change.at, change.sha))
    return {project_id: sha for project_id, (_, sha) in found.items()}


def _latest(changes: Iterable[_Change]) -> dict[tuple[str, str], Deploy]:
    """The last deployment to each environment."""
    found: dict[tuple[str, str], Deploy] = {}
    for change in changes:
        for _, deploy in change.deploys:
            place = (deploy.project_id, deploy.environment)
            if place not in found or (deploy.at, deploy.key) > (found[place].at, found[place].key):
                found[place] = deploy
    return found


class _Begun:
    """When incidents began, by project; those that name no project may be anybody's."""

    def __init__(self, incidents: Iterable[TriageItem]) -> None:
        by_project: dict[str, list[tuple[int, str, str]]] = {}
        for item in incidents:
            if item.item_class is ItemClass.INCIDENT and not item.suppressed:
                by_project.setdefault(item.project_id, []).append((item.first_seen, item.key, item.title))
        self._by_project = {project_id: sorted(begun) for project_id, begun in by_project.items()}

    def first_after(self, project_id: str, at: int) -> tuple[int, str, str] | None:
        """The first that began at `at` or within the hour after it."""
        found = []
        for name in {project_id, ""}:
            begun = self._by_project.get(name, [])
            place = bisect_left(begun, (at, "", ""))
            if place < len(begun) and begun[place][0] <= at + SUSPECT_FOR:
                found.append(begun[place])
        return min(found, default=None)


def _ci(change: _Change, case: _Case, now: int) -> None:
    checks = [check for _, check in change.checks]
    verdict = pipeline_verdict(checks, head=change.sha, required=(), now=now)
    late = [c for c in checks if c.required and c.state == "missing" and c.since and now - c.since > MISSING_MS]
    if verdict.word == RED:
        failed = [(fact, check) for fact, check in change.checks if check.state == "failure"]
        case.words.append("CI red")
        case.priority = Priority.P1
        case.seen += [fact.began for fact, _ in failed]
        case.evidence += [
            Evidence(
                kind="run",
                ref=check.url or check.key,
                text=seen_line(f"{check.name}: {check.conclusion or check.state}"),
                at=fact.last_seen,
            )
            for fact, check in failed
        ]
    elif late:
        case.words.append("CI never reported")
        case.seen += [check.since + MISSING_MS for check in late]
        case.evidence += [
            Evidence(kind="run", ref=c.url or c.key, text=seen_line(f"{c.name}: missing {age(now - c.since)}"), at=now)
            for c in late
        ]
    else:
        return
    case.facts += [fact for fact, _ in change.checks]


def _worse(change: _Change, case: _Case) -> None:
    if not change.worse:
        return
    tenants = sorted({comparison.tenant for _, comparison in change.worse})
    case.words.append(f"worse for {names_of(tenants)}")
    case.priority = Priority.P1
    for fact, comparison in change.worse:
        case.seen.append(fact.began)
        case.facts.append(fact)
        text = seen_line(f"tenant {comparison.tenant}: worse {_reasons(comparison)}")
        case.evidence.append(Evidence(kind="query", ref=comparison.key, text=text, at=fact.last_seen))


def _reasons(item: Comparison) -> str:
    said = (item.verdict, item.reason), (item.latency, item.latency_reason)
    return ", ".join(reason for verdict, reason in said if verdict == "worse")


def _failed(change: _Change, case: _Case, latest: dict[tuple[str, str], Deploy]) -> None:
    for fact, deploy in change.deploys:
        if deploy.state in _FAILED and latest.get((deploy.project_id, deploy.environment)) is deploy:
            if "deployment failed" not in case.words:
                case.words.append("deployment failed")
            case.priority = Priority.P1
            case.seen.append(fact.began)
            case.facts.append(fact)


def _followed(change: _Change, case: _Case, begun: _Begun) -> None:
    first = begun.first_after(change.project_id, change.at)
    if first is None:
        return
    at, key, title = first
    case.words.append(f"incident {age(at - change.at)} after")
    case.seen.append(at)
    case.facts += [fact for fact, _ in change.deploys]
    case.evidence.append(Evidence(kind="event", ref=key, text=title, at=at))


def _item(change: _Change, case: _Case, strip: Strip) -> TriageItem:
    deploys = sorted(change.deploys, key=lambda pair: (pair[1].at, pair[1].key))
    what = deploys[-1][1].what if deploys else "a commit that nobody saw land"
    names = [fact.source for fact in case.facts]
    evidence = [
        Evidence(kind="commit", ref=change.sha, text=seen_line(f"{d.state or 'no state'}: {d.what}"), at=d.at)
        for _, d in deploys
    ]
    links = [deploy.url for _, deploy in deploys] + [
        check.url for _, check in change.checks if check.state == "failure"
    ]
    return TriageItem(
        key=deploy_key(change.project_id, change.sha),
        item_class=ItemClass.DEPLOY,
        title=seen_line(f"{change.sha[:8]} {what}"),
        priority=case.priority,
        first_seen=change.at,
        last_seen=max(change.at, *case.seen),
        count=max(len(deploys), 1),
        tenants=tuple(sorted({comparison.tenant for _, comparison in change.worse})),
        service=next((deploy.service for _, deploy in deploys if deploy.service), ""),
        word=", ".join(case.words) + strip.as_of(names, max(fact.last_seen for fact in case.facts)),
        evidence=(*evidence, *case.evidence),
        links=web_links(*links),
        replayed=strip.replayed(names),
        project_id=change.project_id,
        ref=change.sha,
    )
