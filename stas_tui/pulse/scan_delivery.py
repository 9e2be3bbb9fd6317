"""What became of what was delivered: checks of the delivery branch, image builds, deployments (R37, R105, R106, H1-H3).

Checks count for one commit only, the head of the base branch as the forge tells it now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stas_tui.forges.base import ForgeError
from stas_tui.gates.clean import clean
from stas_tui.health import ci_verdict
from stas_tui.health.ci_verdict import Verdict
from stas_tui.pulse.context import Context
from stas_tui.pulse.scan_sources import DEGRADED, FAILED, OK, UNKNOWN, Said, judged, not_configured
from stas_tui.pulse.sources import Outside, Told
from storage.clock import age
from storage.records import Evidence, Json, Memory, Merge
from storage.watch_records import Check, Deploy, SourceKind

VERDICTS = {
    ci_verdict.GREEN: OK,
    ci_verdict.PASSING: OK,
    ci_verdict.YELLOW: DEGRADED,
    ci_verdict.RED: FAILED,
    ci_verdict.FAILING: FAILED,
}
"""What the words of the summary are as verdicts of the scan; anything else is unknown."""

WORST = (FAILED, DEGRADED, UNKNOWN, OK)


def of_checks(outside: Outside, told: Told, project: str, *, replayed: bool = False) -> list[Check]:
    """The checks of a project as its sources report them, of whatever commit."""
    found = outside.things(Check, told.replayed if replayed else told.good)
    return [check for _, check in found if check.project_id == project]


def with_missing(checks: Sequence[Check], names: Sequence[str], *, project: str, sha: str, since: int) -> list[Check]:
    """The checks, and those of `names` that nobody mentions for this commit as missing since it landed (R105)."""
    here = {check.name for check in checks if check.sha == sha}
    lacking = [name for name in dict.fromkeys(names) if name not in here]
    return [
        *checks,
        *(
            Check(
                key=f"{project}/{sha}/{name}",
                project_id=project,
                sha=sha,
                name=name,
                state="missing",
                required=True,
                since=since,
            )
            for name in lacking
        ),
    ]


def ci(context: Context, outside: Outside, projects: Sequence[str]) -> Said:
    """H1, R135: the pipeline of each project's delivery branch; the worst of them is the verdict."""

    def judge(project: str, checks: list[Check], head: str) -> Verdict:
        required = required_of(context, outside, project)
        return ci_verdict.pipeline_verdict(checks, head=head, required=required, now=outside.now)

    asked = {project: pipeline(context, outside, project) for project in projects}
    return _over_projects(context, outside, asked, "CI", judge)


def pipeline(context: Context, outside: Outside, project: str) -> Told:
    """Who reports a project's checks; those that build images come from elsewhere and count if they are required."""
    required, builds = context.rules.required.get(project, ()), context.rules.builds.get(project, ())
    told = outside.told(SourceKind.CI, project=project)
    if told.configured and set(required) & set(builds):
        return outside.told(SourceKind.CI, SourceKind.BUILDS, project=project)
    return told


def required_of(context: Context, outside: Outside, project: str) -> tuple[str, ...]:
    """The checks that must report; a build whose source is in doubt is not missing, its doubt is told instead."""
    required, builds = context.rules.required.get(project, ()), context.rules.builds.get(project, ())
    if outside.told(SourceKind.BUILDS, project=project).good:
        return required
    return tuple(name for name in required if name not in builds)


def builds(context: Context, outside: Outside, projects: Sequence[str]) -> Said:
    """H2, R136: the jobs that build images for each project's delivery branch; none is Unknown."""

    def judge(project: str, checks: list[Check], head: str) -> Verdict:
        names = context.rules.builds.get(project, ())
        return ci_verdict.builds_verdict(checks, head=head, names=names, now=outside.now)

    asked = {project: outside.told(SourceKind.BUILDS, project=project) for project in projects}
    return _over_projects(context, outside, asked, "builds", judge)


def _over_projects(
    context: Context,
    outside: Outside,
    asked: Mapping[str, Told],
    subject: str,
    judge: Callable[[str, list[Check], str], Verdict],
) -> Said:
    if not any(told.configured for told in asked.values()):
        return not_configured(context, subject)
    each = {project: _one(context, outside, project, told, subject, judge) for project, told in asked.items()}
    worst = min((said.verdict for said in each.values()), key=WORST.index)
    several = len(each) > 1
    ends = [said.expires_at for said in each.values() if said.expires_at is not None]
    ordered = sorted(each.items(), key=lambda pair: WORST.index(pair[1].verdict))
    return Said(
        subject=subject,
        verdict=worst,
        reason="; ".join(f"{project}: {said.reason}" if several else said.reason for project, said in ordered),
        evidence=tuple(proof for _, said in ordered for proof in said.evidence),
        at=min((said.at for said in each.values() if said.at is not None), default=None),
        expires_at=min(ends, default=None),
        data={"projects": {project: [said.verdict, clean(said.reason)] for project, said in each.items()}},
    )


def _one(
    context: Context,
    outside: Outside,
    project: str,
    told: Told,
    subject: str,
    judge: Callable[[str, list[Check], str], Verdict],
) -> Said:
    if not told.configured:
        return Said(subject=subject, verdict=UNKNOWN, reason="not configured")
    repo = context.repo(project)
    try:
        head = context.door.forge.branch_head(repo, repo.base) if repo is not None else ""
    except ForgeError as error:
        return judged(subject, told, UNKNOWN, f"the head of the base branch is not known: {error}", ())
    verdict = judge(project, of_checks(outside, told, project), head)
    recorded = judge(project, of_checks(outside, told, project, replayed=True), head) if told.replayed else None
    return judged(
        subject,
        told,
        VERDICTS.get(verdict.word, UNKNOWN),
        verdict.reason,
        verdict.evidence[:20],
        recorded=recorded.reason if recorded else "",
    )


# deployments --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What three sides know of the 24 hours before the pulse."""

    merges: list[Merge]
    forge_error: str
    """Which projects' forge could not be asked; empty if all answered."""
    known: list[Memory] | None
    """What memory knows; None if it could not be asked."""


def deploys(context: Context, outside: Outside, delivered: Delivered, projects: Sequence[str], *, since: int) -> Said:
    """R37, H3: forge, deployments and memory side by side; where they differ, each says its number."""
    told = outside.told(SourceKind.DEPLOYS)
    made = [
        deploy
        for _, deploy in outside.things(Deploy, told.good)
        if deploy.project_id in projects and deploy.state != "merged"
    ]
    recent = [deploy for deploy in made if deploy.at >= since]
    line = ci_verdict.deploys_line(made if told.good else None, since=since, now=outside.now)
    failed = [deploy for deploy in recent if deploy.state in ("failure", "error")]
    merges, known, error = delivered.merges, delivered.known, delivered.forge_error
    sides = []
    if told.good and (recent or not told.doubts) and _records_deployments(outside, told, projects):
        sides.append(f"deployments {line.word}" + (f": {line.reason}" if recent else ""))
    memory = "memory was not asked" if known is None else f"memory knows {len(known)}"
    if error or known is None or len(known) != len(merges):
        sides.append(memory)
    if error:
        verdict, reason = UNKNOWN, f"forge not asked, {', '.join(sides)}: {error}"
    else:
        verdict, reason = OK, f"{len(merges)} in 24 h" + (f" ({'; '.join(sides)})" if sides else "")
    if failed:
        verdict = FAILED
    if told.doubts:
        verdict = verdict if verdict == FAILED else UNKNOWN
        again = [deploy for _, deploy in outside.things(Deploy, told.replayed) if deploy.project_id in projects]
        played = ci_verdict.deploys_line(again, since=since, now=outside.now)
        reason += f"; {told.recorded(f'deployments {played.word}, {played.reason}')}"
    proof = [Evidence(kind="commit", ref=m.sha, text=clean(m.subject), at=m.at) for m in merges]
    proof += [Evidence(kind="memory", ref=m.id, text=clean(m.title), at=m.at) for m in known or ()]
    return Said(
        subject="deploys",
        verdict=verdict,
        reason=reason,
        evidence=(*proof, *line.evidence, *told.proof),
        expires_at=told.expires_at,
        data={"deploys": _data(delivered, told, recent, failed, outside.now)},
    )


def _records_deployments(outside: Outside, told: Told, projects: Sequence[str]) -> bool:
    """Whether anybody reports deployments: plain git knows merges only, and those the forge tells already."""
    things = [deploy for _, deploy in outside.things(Deploy, told.good) if deploy.project_id in projects]
    return not things or any(deploy.state != "merged" for deploy in things)


def _data(delivered: Delivered, told: Told, recent: list[Deploy], failed: list[Deploy], now: int) -> Json:
    known = delivered.known
    return {
        "state": "error" if delivered.forge_error else "ok",
        "forge": [[m.sha, m.at, m.author, m.subject] for m in delivered.merges],
        "memory": None if known is None else [[m.id, m.at, m.title] for m in known],
        "deployments": [[d.sha, d.at, d.environment, d.state, d.what] for d in recent] if told.good else None,
        "differ": not delivered.forge_error and known is not None and len(delivered.merges) != len(known),
        "reason": delivered.forge_error,
        "doubt": told.why,
        "failed": [
            [d.key, f"{d.environment or 'deployment'} {d.sha[:8]} failed ({age(now - d.at)} ago): {d.what}"]
            for d in failed
        ],
    }
