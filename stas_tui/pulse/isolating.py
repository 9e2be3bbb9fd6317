"""Step 9: a round of isolation checks for each project, in a process beside this one, and the matrix as findings.

Where the step stands is in its data, so that any process goes on where another one died: a round that was cut off left
its results in the record, and only what has no answer that holds is run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stas_tui.health.spikes import metrics_point
from stas_tui.isolation.base import UNDECLARED
from stas_tui.isolation.cells import Board
from stas_tui.pulse import landed
from stas_tui.pulse.context import ISOLATION_POINTS, Context, Progress
from stas_tui.pulse.matrix import METRICS, accepted_words, answered, leaks, proof
from stas_tui.pulse.scan_sources import Said
from stas_tui.pulse.sources import Outside
from stas_tui.texts.lines import count
from storage.check_records import ALL_TENANTS, Verdict
from storage.errors import StasError, StoreError
from storage.owner import owner_alive
from storage.records import DataState, Evidence, Json, Pulse, Step, StepState
from storage.watch_records import SourceKind, TenantNumbers

if TYPE_CHECKING:
    from stas_tui.pulse.prover import Prover, RoundEnd

STEP = 9
RUNNING, DONE, FRESH, NOT_RUN = "running", "done", "still valid", "not run"
"""What became of a project's round; else `cancelled`, `failed` or `refused`."""


def advance(context: Context, pulse: Pulse) -> Progress:
    """Start the next round, say that one runs, or, when all are over, write down what the matrix says."""
    prover = context.prover
    step = context.pulses.steps(pulse.id)[STEP - 1]
    rounds: dict[str, Json] = {} if step.state is StepState.TODO else dict(step.data.get("rounds", {}))
    if prover is not None:
        for project in prover.projects():
            entry = rounds.get(project)
            if entry is None or entry["outcome"] == RUNNING:
                rounds[project] = entry = _moved_on(context, prover, pulse, project, entry, rounds)
            if entry["outcome"] == RUNNING:
                return _running(context, pulse, project, rounds)
    context.toolbox.killpoint(f"S{STEP}.found")
    return _finish(context, pulse, rounds)


def _moved_on(
    context: Context, prover: Prover, pulse: Pulse, project: str, entry: Json | None, rounds: Mapping[str, Json]
) -> Json:
    """What became of a project's round by now; starts it if it is due."""
    if any(other["outcome"] == "cancelled" for other in rounds.values()):
        return {"outcome": "cancelled", "note": "a person ended the checks"}
    if prover.under(project) is not None:
        return entry or {"outcome": RUNNING, "note": ""}
    if entry is not None and (end := prover.ended(project)) is not None:
        return _ended(entry, end)
    run, _ = prover.last_round(project)
    if run is not None and run.ended_at is None and owner_alive(run.owner):
        return {"outcome": RUNNING, "note": "another process runs them"}
    subject = prover.subject(project)
    if not subject.tenancy:
        return {"outcome": NOT_RUN, "note": subject.problem}
    try:
        due = prover.due(project)
        landed_since = landed.again(context.pulses.steps(pulse.id)[7].data, project)
        checks = (*due, *(probe for probe in landed_since if probe not in due))
        if not checks:
            return {"outcome": FRESH, "note": "every answer still holds"}
        prover.start(project, checks, pulse_id=pulse.id)
    except StoreError:
        raise
    except StasError as error:
        return {"outcome": "failed", "note": str(error)}
    return {"outcome": RUNNING, "note": "", "asked": len(checks)}


def _ended(entry: Json, end: RoundEnd) -> Json:
    return {**entry, "outcome": end.outcome, "note": end.note}


def _running(context: Context, pulse: Pulse, project: str, rounds: Mapping[str, Json]) -> Progress:
    entry = rounds[project]
    told = entry["note"] or count(entry.get("asked", 0), "check")
    step = context.pulses.steps(pulse.id)[STEP - 1]
    if step.state is not StepState.ACTIVE or step.data.get("rounds") != dict(rounds):
        step = _set(context, pulse, StepState.ACTIVE, DataState.UNKNOWN, "checks run", {"rounds": dict(rounds)})
    say = f"Isolation of {project}: {told}"
    return Progress(pulse=pulse, step=step, needs="run", say=say, checks=project)


# what it says --------------------------------------------------------------------------------------


def _finish(context: Context, pulse: Pulse, rounds: Mapping[str, Json]) -> Progress:
    boards, problems = _boards(context)
    verdicts: Counter[str] = Counter()
    numbers = _numbers(context)
    for project, tenants in _rows(context, boards).items():
        problem = problems.get(project, "" if project in boards else UNDECLARED)
        for tenant in tenants or (ALL_TENANTS,):
            for point in ISOLATION_POINTS:
                said = _said(boards.get(project), problem, tenant, point, numbers)
                subject = replace(said, subject=f"{project}/{tenant}")
                context.findings.put(subject.finding(context, pulse, check=f"isolation:{point}"))
                verdicts[said.verdict] += 1
    stopped = {project: entry for project, entry in rounds.items() if entry["outcome"] in _STOPPED}
    data: Json = {
        "tenants": {project: list(tenants) for project, tenants in _rows(context, boards).items()},
        "points": list(ISOLATION_POINTS),
        "rounds": dict(rounds),
        "boards": {project: board.header for project, board in boards.items()},
    }
    note, say = _words(verdicts, boards, stopped)
    known = boards and not verdicts["unknown"] and not stopped
    step = _set(context, pulse, StepState.DONE, DataState.OK if known else DataState.UNKNOWN, note, data)
    return Progress(pulse=pulse, step=step, say=say)


_STOPPED = ("cancelled", "failed", "refused")


def _boards(context: Context) -> tuple[dict[str, Board], dict[str, str]]:
    """The matrix of each project, and why nothing can be said by its tenancy file where that is so."""
    prover = context.prover
    if prover is None:
        return {}, {}
    boards = {project: prover.look(project).board for project in prover.projects()}
    return boards, {project: board.problem for project, board in boards.items() if board.problem}


def _rows(context: Context, boards: Mapping[str, Board]) -> dict[str, tuple[str, ...]]:
    """Every project with its tenants."""
    named = {project: tuple(tenants) for project, tenants in context.rules.tenants.items()}
    return {**named, **{project: board.tenants for project, board in boards.items()}}


def _said(board: Board | None, problem: str, tenant: str, point: str, numbers: Callable[[str], Said | None]) -> Said:
    """One cell as a finding: what the checks say, else what sources outside measured, else why nobody knows."""
    cell = board.cell(tenant, point) if board is not None else None
    if cell is not None and answered(cell):
        reason = "; ".join(filter(None, (cell.reason, accepted_words(cell))))
        return Said(
            subject=point,
            verdict=cell.verdict.value,
            reason=reason,
            evidence=proof(cell) or (_declared(cell.reason),),
            at=cell.at,
            expires_at=cell.expires_at,
        )
    measured = numbers(tenant) if point == METRICS and tenant else None
    if measured is not None:
        return measured
    reason = problem if problem or cell is None else cell.reason
    return Said(subject=point, verdict=Verdict.UNKNOWN.value, reason=reason, evidence=(_declared(reason),))


def _declared(reason: str) -> Evidence:
    return Evidence(kind="policy", ref="tenancy file", text=reason)


def _words(verdicts: Mapping[str, int], boards: Mapping[str, Board], stopped: Mapping[str, Json]) -> tuple[str, str]:
    """A note for the stepper, and a sentence."""
    unknown, flagged = verdicts["unknown"], verdicts["flagged"]
    if not sum(verdicts.values()):
        return "no tenants named", "Isolation: no tenants named"
    note = f"{flagged} flagged, {unknown} unknown" if flagged else f"{unknown} cells unknown"
    if not flagged and not unknown:
        note = f"{verdicts['verified']} verified"
    grave = {
        f"{place or 'no place'} ({tenant or project})"
        for project, board in boards.items()
        for tenant, place in _leaks(board)
    }
    told = [f"Isolation: {note}"]
    told += [f"Leak: {', '.join(sorted(grave)[:3])}"] if grave else []
    told += [
        f"The checks of {project} did not come to their end ({entry['outcome']}): {entry['note']}"
        for project, entry in stopped.items()
    ]
    return note, ". ".join(told)


def _leaks(board: Board) -> Sequence[tuple[str, str]]:
    return [(cell.tenant, lead.place) for cell in board.counted for _, lead in leaks(cell)]


def _set(context: Context, pulse: Pulse, state: StepState, data_state: DataState, note: str, data: Json) -> Step:
    return context.pulses.set_step(
        pulse.id, STEP, state=state, data_state=data_state, note=note, data=data, actor=context.agent
    )


def _numbers(context: Context) -> Callable[[str], Said | None]:
    """What the metrics say of a tenant (R116, R117); None if no source of metrics is named."""
    outside = Outside(context)
    told = outside.told(SourceKind.METRICS)
    found = {item.tenant: (source, item) for source, item in outside.things(TenantNumbers, told.good)}

    def of(tenant: str) -> Said | None:
        if not told.configured:
            return None
        source, item = found.get(tenant, ("", None))
        verdict, reason = metrics_point(item)
        asked = (Evidence(kind="query", ref=f"{source}:{tenant}", text=reason, at=told.at),) if item else ()
        doubtful = bool(told.doubts) and verdict != "flagged"
        return Said(
            subject=METRICS,
            verdict="unknown" if doubtful or not told.good else verdict,
            reason="; ".join(filter(None, (reason if told.good else "", told.why))) or "nobody was asked",
            evidence=(*asked, *told.proof),
            at=told.at,
            expires_at=told.expires_at,
        )

    return of


# after a restart, and a person's hand ---------------------------------------------------------------


def recovered(context: Context, pulse: Pulse | None) -> list[str]:
    """What became of a round that ran when the process before this one ended."""
    prover = context.prover
    if prover is None or pulse is None:
        return []
    step = context.pulses.steps(pulse.id)[STEP - 1]
    if step.state is not StepState.ACTIVE:
        return []
    told = []
    for project, entry in step.data.get("rounds", {}).items():
        if entry["outcome"] != RUNNING or prover.under(project) is not None:
            continue
        run, stands = prover.last_round(project)
        if run is None or run.pulse_id != pulse.id:
            told.append(f"The isolation checks of {project} were cut off before the first answer; step 9 runs them.")
        elif run.ended_at is None and owner_alive(run.owner):
            told.append(f"The isolation checks of {project} still run in another process; step 9 waits for them.")
        else:
            what = f"after {count(stands, 'answer')}; what was answered stands, step 9 runs the rest."
            told.append(f"The isolation checks of {project} were cut off {what}")
    return told


def stop(context: Context) -> None:
    """End the rounds of this process, if any runs; what they found stands."""
    if context.prover is not None:
        context.prover.cancel()
