"""Step 8 of the routine: each merge since the last pulse with its checks, and pull requests to review (R99-R108).

A check is `ok` only if it was measured for this very commit by a source that can be believed; waiting is not passing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.gates.clean import clean
from stas_tui.health import ci_verdict, spikes
from stas_tui.health.words import NO_VERSION, WRONG_VERSION
from stas_tui.pulse import landed, reviewing
from stas_tui.pulse.context import Context, Found
from stas_tui.pulse.scan_delivery import VERDICTS, of_checks, pipeline, required_of, with_missing
from stas_tui.pulse.scan_patterns import Board, draft
from stas_tui.pulse.scan_sources import DEGRADED, FAILED, OK, UNKNOWN, Said, judged
from stas_tui.pulse.sources import Outside, Told
from stas_tui.texts.lines import count, listed, one_line, redacted
from storage.clock import DAY, hhmm, iso_seconds
from storage.errors import StasError
from storage.records import DataState, Evidence, Finding, Json, Merge, Pulse, StepState
from storage.watch_records import Check, Comparison, Probe, SourceKind

NOTHING_CHECKS = reviewing.NOBODY_LOOKS
ERRORS, LATENCY = "error rates", "latency"
POST_MERGE = ("CI", "builds", ERRORS, LATENCY, "health", landed.SCHEMA, landed.ISOLATION)
"""What is looked at after a merge, in the routine's order; the schema only where the merge holds migrations."""
_FELT = (ERRORS, LATENCY, "health", landed.ISOLATION)
"""What users feel when it goes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One merge with what its checks say."""

    merge: Merge
    checks: tuple[Said, ...]
    later: tuple[str, ...] = field(default=())
    """Commits that landed after it: a version of theirs contains it."""

    @property
    def settled(self) -> bool:
        """Nothing about it is open any more; what nobody can look at stays as it is."""
        return all(said.verdict in (OK, FAILED) or landed.unsaid(said) for said in self.checks)

    @property
    def suspect(self) -> tuple[Said, ...]:
        """What went wrong after it."""
        return tuple(said for said in self.checks if said.verdict == FAILED)


def validation(context: Context, pulse: Pulse) -> Found:
    """Step 8: what was merged since the last pulse, each once, and open pull requests that touch infrastructure."""
    since, before = _watched_before(context, pulse)
    over = {entry["sha"] for entry in before if entry.get("settled")}
    open_ = {
        entry["sha"]: entry["at"]
        for entry in before
        if not entry.get("settled") and pulse.started_at - entry["at"] < DAY
    }
    first = min([since, *(at - 1 for at in open_.values())])
    outside, board = Outside(context), Board(context)
    watched: list[Json] = []
    reviews: list[Json] = []
    lost: list[str] = []
    errors: list[str] = []
    unknown = 0
    seen: set[tuple[str, str]] = set()
    for project, repo in context.rules.repos.items():
        try:
            merges = context.door.forge.merges_since(repo, first)
            due = [
                (n, merge)
                for n, merge in enumerate(merges)
                if not (merge.sha in over or (merge.at <= since and merge.sha not in open_))
                and (repo.url, merge.sha) not in seen
            ]
            schema = _schema(context, project, repo, merges, [merge for _, merge in due])
            for n, merge in due:
                seen.add((repo.url, merge.sha))
                later = tuple(one.sha for one in merges[:n])
                one = _watch(context, outside, project, merge, later, schema)
                unknown += sum(said.verdict == UNKNOWN for said in one.checks)
                _keep(context, pulse, one)
                watched.append(_data(board, project, one))
            wanted, missing = reviewing.reviews(context, pulse, project, repo)
            reviews += wanted
            lost += missing
        except ForgeError as error:
            errors.append(f"{project}: not watched since {hhmm(since)}: {error}")
    suspects = [entry["sha"] for entry in watched if entry["draft"] is not None]
    data: Json = {
        "merges": watched,
        "reviews": reviews,
        "lost": lost,
        "errors": errors,
        "since": since,
        "suspects": suspects,
    }
    if errors and not watched:
        return Found(state=DataState.ERROR, note=errors[0], data=clean(data))
    flagged = sum(row["verdict"] == "flagged" for row in reviews)
    note = f"{count(len(watched), 'merge')}, {count(len(reviews), 'review')}" + f", {flagged} flagged" * bool(flagged)
    if suspects:
        note = f"{count(len(suspects), 'suspect')} of {count(len(watched), 'merge')}"
    note += f"; {count(len(errors), 'repository', 'repositories')} not watched" if errors else ""
    calm = watched and not unknown and not errors and not reviews and not lost
    return Found(state=DataState.OK if calm else DataState.UNKNOWN, note=note, data=clean(data))


def _watched_before(context: Context, pulse: Pulse) -> tuple[int, list[Json]]:
    """Since when nobody looked, and the merges told then: each is told until nothing about it is open (R99)."""
    for earlier in context.pulses.latest(5):
        if earlier.number < pulse.number:
            step = context.pulses.steps(earlier.id)[7]
            if step.state is StepState.DONE:
                return earlier.started_at, step.data.get("merges", [])
    return pulse.started_at - DAY, []


# the checks ---------------------------------------------------------------------------------------

Schema = Callable[[Merge, Said], Said | None]


def _watch(
    context: Context, outside: Outside, project: str, merge: Merge, later: tuple[str, ...], schema: Schema
) -> Watched:
    health = _endpoints(outside, project, merge, later)
    checks = (
        _ci(context, outside, project, merge, later),
        _builds(context, outside, project, merge, later),
        _felt(context, outside, project, merge, ERRORS),
        _felt(context, outside, project, merge, LATENCY),
        health,
        schema(merge, health),
        landed.isolation(context, project, merge, health, landed.deployed_at(outside, project, (merge.sha, *later))),
    )
    return Watched(merge=merge, checks=tuple(said for said in checks if said is not None), later=later)


def _schema(context: Context, project: str, repo: Repo, merges: Sequence[Merge], due: Sequence[Merge]) -> Schema:
    """V5, asked once for the head of the branch, and only if one of the merges holds migrations."""
    result, problem = None, ""
    if any(landed.touches_schema(merge) for merge in due):
        try:
            result = landed.arrived(context, project, repo, merges[0].sha)
        except StasError as error:
            problem = f"it could not be looked at: {error}"

    def say(merge: Merge, health: Said) -> Said | None:
        return landed.schema(result, health, problem) if landed.touches_schema(merge) else None

    return say


def _ci(context: Context, outside: Outside, project: str, merge: Merge, later: tuple[str, ...]) -> Said:
    """R105: the required checks of this commit; what never reported is pending, and Yellow after 30 minutes."""

    def judge(checks: Sequence[Check], required: Sequence[str]) -> ci_verdict.Verdict:
        return ci_verdict.pipeline_verdict(checks, head=merge.sha, required=required, now=outside.now)

    told, names = pipeline(context, outside, project), required_of(context, outside, project)
    return _by_checks(outside, "CI", told, project, merge, later, names, judge)


def _builds(context: Context, outside: Outside, project: str, merge: Merge, later: tuple[str, ...]) -> Said:
    """R106: the jobs that build images, for this commit."""

    def judge(checks: Sequence[Check], names: Sequence[str]) -> ci_verdict.Verdict:
        return ci_verdict.builds_verdict(checks, head=merge.sha, names=names, now=outside.now)

    told, names = outside.told(SourceKind.BUILDS, project=project), context.rules.builds.get(project, ())
    return _by_checks(outside, "builds", told, project, merge, later, names, judge)


def _by_checks(
    outside: Outside,
    subject: str,
    told: Told,
    project: str,
    merge: Merge,
    later: Sequence[str],
    names: Sequence[str],
    judge: Callable[[Sequence[Check], Sequence[str]], ci_verdict.Verdict],
) -> Said:
    """The verdict on one merge; `later` are the commits that landed after it, the newest first.

    Sources read the head alone: of an older commit counts what they last saw, and what was open then stays unknown.
    """
    if not told.configured:
        return Said(subject=subject, verdict=UNKNOWN, reason=NOTHING_CHECKS)
    checks = of_checks(outside, told, project)
    if later:
        checks += [c for c in outside.gone(Check, told.good, since=outside.now - DAY) if c.state in _FINAL]
        here = {check.name for check in checks if check.sha == merge.sha}
        open_ = [name for name in names if name not in here]
        if open_ or not here:
            verdict = judge([c for c in checks if c.sha == merge.sha and c.state == "failure"], ())
            said = f"not seen to end before {later[0][:8]} landed: {listed(open_) or 'no check was'}"
            word = FAILED if VERDICTS.get(verdict.word) == FAILED else UNKNOWN
            said = verdict.reason if word == FAILED else said
            return judged(subject, told, word, said, verdict.evidence[:20])
    else:
        checks = with_missing(checks, names, project=project, sha=merge.sha, since=merge.at)
    verdict = judge(checks, names)
    recorded = judge(of_checks(outside, told, project, replayed=True), names) if told.replayed else None
    word = VERDICTS.get(verdict.word, UNKNOWN)
    said = recorded.reason if recorded else ""
    return judged(subject, told, word, verdict.reason, verdict.evidence[:20], recorded=said)


_FINAL = ("success", "failure", "neutral", "flaky")


def _felt(context: Context, outside: Outside, project: str, merge: Merge, subject: str) -> Said:
    """R107: errors or latency of each tenant before and after; good only when the 30 minutes are over."""
    told = outside.told(SourceKind.METRICS)
    if not told.configured:
        return Said(subject=subject, verdict=UNKNOWN, reason=NOTHING_CHECKS)
    judge = spikes.after_merge if subject == ERRORS else spikes.slower_after_merge
    tenants = context.rules.tenants.get(project, ())
    found = [one for _, one in outside.things(Comparison, told.good) if one.sha == merge.sha]
    word, said = judge(found, tenants, merged_at=merge.at, now=outside.now)
    again = [one for _, one in outside.things(Comparison, told.replayed) if one.sha == merge.sha]
    recorded = judge(again, tenants, merged_at=merge.at, now=outside.now)[1] if again else ""
    ref = told.good[0].name if told.good else ""
    proof = [
        Evidence(kind="query", ref=f"{ref}:{one_line(one.tenant, 40)}", text=_measured(one, subject))
        for one in found[:20]
    ]
    verdict = {"worse": FAILED, "ok": OK}.get(word, UNKNOWN)
    return judged(subject, told, verdict, said, proof, recorded=recorded)


def _measured(one: Comparison, subject: str) -> str:
    if subject == ERRORS:
        return f"{one.verdict}, {one.points} points"
    return one_line(redacted(f"{one.latency}: {one.latency_reason}"), 120)


def _endpoints(outside: Outside, project: str, merge: Merge, later: Sequence[str]) -> Said:
    """R108: every endpoint is healthy and runs this commit or one that landed after it."""
    told = outside.told(SourceKind.PROBES, project=project)
    if not told.configured:
        return Said(subject="health", verdict=UNKNOWN, reason=NOTHING_CHECKS)

    def probes(replayed: bool) -> list[Probe]:
        sources = told.replayed if replayed else told.good
        return [probe for _, probe in outside.things(Probe, sources) if probe.project_id == project]

    found = probes(False)
    verdict, said = deployed(found, merge.sha, later)
    recorded = deployed(probes(True), merge.sha, later)[1] if told.replayed else ""
    proof = [
        Evidence(kind="probe", ref=probe.key, text=one_line(redacted(f"{probe.word} {probe.version[:12]}")))
        for probe in found[:20]
    ]
    return judged("health", told, verdict, said, proof, recorded=recorded)


def deployed(probes: Sequence[Probe], sha: str, later: Sequence[str]) -> tuple[str, str]:
    """The verdict on endpoints after a merge: in trouble, running it, running something else, or not saying what."""
    if not probes:
        return UNKNOWN, "no endpoint was answered for"
    tells = [probe for probe in probes if probe.version]
    old = [probe for probe in tells if not _runs(probe.version, (sha, *later))]
    sick = [p for p in probes if p.verdict == "failed" or (p.verdict == "degraded" and p.word not in _VERSIONS)]
    mute = [probe for probe in probes if not probe.version and (probe.expected_version or not tells)]
    open_ = [probe for probe in probes if probe.verdict == "unknown"]
    new = len(tells) - len(old)
    versions = f"version skew: {new} of {len(tells)} on {sha[:8]} or later" if old and new else ""
    if sick:
        words = listed([one_line(redacted(f"{p.name} {p.word or p.verdict}"), 60) for p in sick])
        verdict = FAILED if any(p.verdict == "failed" for p in sick) else DEGRADED
        return verdict, f"{len(sick)} of {len(probes)} not healthy: {words}" + (f"; {versions}" if versions else "")
    if versions:
        return DEGRADED, versions
    if old:
        return UNKNOWN, f"not deployed: {len(old)} of {len(tells)} run another version"
    if open_ or mute:
        names = listed([one_line(redacted(probe.name), 40) for probe in (open_ or mute)])
        return UNKNOWN, f"not asked: {names}" if open_ else f"healthy, but no version is told by {names}"
    return OK, f"{len(probes)} of {len(probes)} healthy, {new} on {sha[:8]} or later"


_VERSIONS = (WRONG_VERSION, NO_VERSION)
"""Words that compare with the head of today; here the commit of the merge counts."""


def _runs(version: str, shas: Sequence[str]) -> bool:
    told = version.strip().lower()
    return any(sha == told or (len(told) >= 7 and sha.startswith(told)) for sha in shas)


# what is kept -------------------------------------------------------------------------------------


def _keep(context: Context, pulse: Pulse, one: Watched) -> None:
    merge = one.merge
    proof = Evidence(kind="commit", ref=merge.sha, text=clean(merge.subject), at=merge.at)
    for said in one.checks:
        check = f"after merge:{said.subject}"
        context.findings.put(
            Finding(
                id=f"{pulse.id}:{check}:{merge.sha}",
                pulse_id=pulse.id,
                check=check,
                subject=merge.sha,
                verdict=said.verdict,
                reason=clean(said.reason),
                evidence=(proof, *said.evidence),
                at=said.at or context.clock.now(),
                expires_at=said.expires_at,
            )
        )


def _data(board: Board, project: str, one: Watched) -> Json:
    merge = one.merge
    return {
        "project": project,
        "sha": merge.sha,
        "subject": clean(merge.subject),
        "at": merge.at,
        "pr": merge.pr_number,
        "checks": {said.subject: [said.verdict, clean(said.reason)] for said in one.checks},
        "settled": one.settled,
        "draft": _draft(board, project, one),
    }


def _draft(board: Board, project: str, one: Watched) -> Json | None:
    """The task about a change that is suspect: P0 where users feel it, P1 where only the pipeline does (R107)."""
    merge, bad = one.merge, one.suspect
    if not bad:
        return None
    felt = any(said.subject in _FELT for said in bad)
    where = f"pull request #{merge.pr_number}" if merge.pr_number else f"commit {merge.sha[:8]}"
    return draft(
        board,
        project=project,
        title=f"infra: {listed([said.subject for said in bad])} went wrong after {where}",
        lines=[
            f"{merge.sha[:12]} landed at {iso_seconds(merge.at)}: {one_line(redacted(merge.subject), 120)}.",
            *(f"{said.subject}: {one_line(redacted(said.reason), 240)}." for said in bad),
            "The change is suspect by time; whether it is the cause is not proved.",
        ],
        evidence=[
            Evidence(kind="commit", ref=merge.sha, text=one_line(redacted(merge.subject), 120), at=merge.at),
            *(proof for said in bad for proof in said.evidence),
        ],
        priority="P0" if felt else "P1",
    )
