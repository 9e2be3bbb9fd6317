"""What the running system says after a merge: is the database at the head (V5), do tenants still stay apart (V6).

Both need what is declared in the tenancy file. A probe that ran before the merge, or before its deployment, says
nothing about it; step 9 asks such probes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stas_tui.forges.base import Repo
from stas_tui.isolation.base import UNDECLARED
from stas_tui.pulse.context import Context
from stas_tui.pulse.reviewing import NOBODY_LOOKS
from stas_tui.pulse.scan_sources import DEGRADED, FAILED, OK, UNKNOWN, Said
from stas_tui.pulse.sources import Outside
from stas_tui.texts.kinds import FileKind, kind_of
from stas_tui.texts.lines import count, one_line, redacted
from storage.check_records import CheckResult, Verdict
from storage.records import Evidence, Json, Merge
from storage.watch_records import Deploy, SourceKind

if TYPE_CHECKING:
    from stas_tui.isolation.cells_said import Said as CellSaid

SCHEMA, ISOLATION = "schema", "isolation"
PROBES = ("D10", "D11", "D12", "P2")
"""The probes that are asked again after a merge."""
NOT_YET = frozenset({"behind", "differs"})
"""Rules of leads that are as they must be until the new version is deployed."""
NOT_SINCE = "not checked since the "
NOT_YET_OUT = "not deployed yet, as far as is known: "


def touches_schema(merge: Merge) -> bool:
    """Whether a merge holds migrations; for any other one the database has nothing to catch up with."""
    return any(kind_of(path) is FileKind.MIGRATION for path in merge.files)


def arrived(context: Context, project: str, repo: Repo, head: str) -> CheckResult | None:
    """V5 at the head of the base branch; None if nobody can look. Raises `StasError`."""
    checker = context.door.checker
    if checker is None:
        return None
    objects = context.door.forge.landed_objects(repo, head)
    found = checker.landed(project, objects.git_dir, objects.base, objects.head)
    return found[0] if found else None


def schema(result: CheckResult | None, health: Said, problem: str = "") -> Said:
    """V5 for one merge. What the migrations have not made yet is bad news only once the new version runs."""
    if problem:
        return Said(subject=SCHEMA, verdict=UNKNOWN, reason=problem)
    if result is None:
        return Said(subject=SCHEMA, verdict=UNKNOWN, reason=NOBODY_LOOKS)
    verdict, reason = _VERDICTS.get(result.verdict, UNKNOWN), result.reason
    if verdict == FAILED and health.verdict != OK and all(lead.rule in NOT_YET for lead in result.leads):
        verdict, reason = UNKNOWN, f"{NOT_YET_OUT}{result.reason}"
    proof = [Evidence(kind="query", ref="V5", text=one_line(result.target, 120), at=result.ended_at)]
    proof += [
        Evidence(kind="query", ref=one_line(lead.place or lead.rule, 120), text=one_line(lead.text, 120))
        for lead in result.leads[:10]
    ]
    return Said(
        subject=SCHEMA,
        verdict=verdict,
        reason=one_line(redacted(reason), 300),
        evidence=tuple(proof),
        at=result.ended_at,
        expires_at=result.expires_at,
    )


_VERDICTS = {Verdict.VERIFIED: OK, Verdict.FLAGGED: FAILED, Verdict.NOT_APPLICABLE: OK}


def deployed_at(outside: Outside, project: str, shas: Sequence[str]) -> int | None:
    """When the first of these commits was deployed (UTC ms); None if no source that is believed recorded it."""
    told = outside.told(SourceKind.DEPLOYS, project=project)
    made = [one for _, one in outside.things(Deploy, told.good) if one.project_id == project and one.sha in shas]
    return min((one.at for one in made if one.state == "success"), default=None)


def again(validation: Json, project: str) -> tuple[str, ...]:
    """Probes that step 9 asks again although their answers hold: those that ran before what step 8 found had landed."""
    said = [
        merge["checks"].get(ISOLATION, ["", ""])
        for merge in validation.get("merges", ())
        if merge["project"] == project
    ]
    return PROBES if any(reason.startswith(NOT_SINCE) for _, reason in said) else ()


def isolation(context: Context, project: str, merge: Merge, health: Said, out_at: int | None) -> Said:
    """V6 for one merge: what the probes said since it was merged, and deployed if `out_at` (UTC ms) is known.

    Good news needs every probe of every tenant, and endpoints that do not run another version. Raises `StasError`.
    """
    prover = context.prover
    if prover is None or project not in prover.projects():
        return Said(subject=ISOLATION, verdict=UNKNOWN, reason=NOBODY_LOOKS)
    board = prover.look(project).board
    if board.problem:
        return Said(subject=ISOLATION, verdict=UNKNOWN, reason=board.problem)
    every = [one for cell in board.counted for one in cell.said if one.spec.id in PROBES]
    distinct = {(one.spec.id, one.tenant, one.at): one for one in every}
    said = [one for one in distinct.values() if one.verdict is not Verdict.NOT_APPLICABLE]
    if not said:
        return Said(subject=ISOLATION, verdict=UNKNOWN, reason="no probe has a meaning here, by declaration")
    from_ = max(merge.at, out_at or 0)
    what = "deployment" if from_ > merge.at else "merge"
    since = [one for one in said if one.at is not None and one.at > from_]
    flagged = [one for one in since if one.verdict is Verdict.FLAGGED]
    bad = [one for one in flagged if one.accepted is None]
    late = _names([one for one in said if one not in since])
    open_ = [one for one in since if one.verdict is Verdict.UNKNOWN]
    times = [one.at for one in since if one.at is not None]
    if bad:
        first = bad[0]
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        verdict, reason = FAILED, f"{_whom(first)}{first.spec.id} {first.reason}{more}"
    elif late:
        verdict, reason = UNKNOWN, f"{NOT_SINCE}{what}: {late}"
    elif open_:
        verdict, reason = UNKNOWN, f"{_whom(open_[0])}{open_[0].spec.id} {open_[0].reason}"
    elif flagged:
        verdict, reason = DEGRADED, f"{_whom(flagged[0])}{flagged[0].spec.id} is flagged and accepted by a person"
    else:
        verdict, reason = OK, f"{count(len(since), 'probe')} since the {what}, no foreign row"
        if health.verdict != OK and not unsaid(health):
            verdict, reason = UNKNOWN, f"{NOT_YET_OUT}{reason}"
    proof = tuple(
        Evidence(kind="query", ref=f"{one.spec.id} {one.tenant}".strip(), text=one_line(one.reason, 120), at=one.at)
        for one in (*bad, *[one for one in since if one not in bad])[:20]
    )
    return Said(
        subject=ISOLATION,
        verdict=verdict,
        reason=one_line(redacted(reason), 300),
        evidence=proof,
        at=max(times, default=None),
    )


def unsaid(said: Said) -> bool:
    """Whether nobody can look at a subject at all, so that waiting for it would be for ever."""
    return said.reason in (NOBODY_LOOKS, UNDECLARED)


def _whom(one: CellSaid) -> str:
    return f"{one_line(one.tenant, 40)}: " if one.tenant else ""


def _names(said: Sequence[CellSaid]) -> str:
    return ", ".join(sorted({one.spec.id for one in said}, key=PROBES.index))
