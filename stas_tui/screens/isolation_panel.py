"""The isolation matrix as the panel of the dashboard: squares, border, and one square in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.trend import Move
from stas_tui.pulse.matrix import MatrixLine, Square
from stas_tui.pulse.prover import Under
from stas_tui.pulse.view import View
from storage.check_records import CheckRun, Verdict
from storage.clock import age
from storage.records import DataState, StepState
from widgets.detail import DetailModel, EvidenceRow, Field
from widgets.matrix import MatrixModel, MatrixRow
from widgets.panel import Count, PanelModel
from widgets.tokens import Mark

POINT_LABELS = {
    "queries": "sql",
    "database": "db",
    "endpoints": "api",
    "jobs": "job",
    "logs": "log",
    "configuration": "cfg",
    "secrets": "sec",
    "flags": "flg",
    "metrics": "met",
}
POINTS_OF_LABELS = {label: point for point, label in POINT_LABELS.items()}
VERDICT_MARKS = {
    Verdict.VERIFIED: Mark.DONE,
    Verdict.FLAGGED: Mark.WARN,
    Verdict.UNKNOWN: Mark.UNKNOWN,
    Verdict.NOT_APPLICABLE: Mark.NOTE,
}
TREND = {Move.BETTER: "+", Move.WORSE: "-"}
"""Beside a square that moved since the last pulse."""
STEP = 9
SHORT_ALL = "all"
LONGEST = 2_000
PREFIX = "isolation:"
"""Before `project/tenant/point` in a reference to everything that stands behind a cell."""


def mark(square: Square) -> Mark:
    """The glyph of a square: a leak is a cross, what somebody accepted is put aside."""
    if square.verdict is Verdict.FLAGGED:
        return Mark.FAIL if square.leak else Mark.WARN if square.flagged else Mark.HELD
    return VERDICT_MARKS[square.verdict]


def word(square: Square) -> str:
    """The verdict in words."""
    if square.leak:
        return "leak"
    return f"{square.verdict.value}, {square.accepted}" if square.accepted else square.verdict.value


def model(lines: Iterable[MatrixLine], points: Sequence[str]) -> MatrixModel:
    """Rows against points; only leaks are filled, and of a project with tenants only those of a tenant."""
    rows, shown = [], tuple(lines)
    with_tenants = {line.project_id for line in shown if line.tenant}
    for line in shown:
        own = bool(line.tenant) or line.project_id not in with_tenants
        squares = [line.squares.get(point) for point in points]
        rows.append(
            MatrixRow(
                name=line.name,
                key=line.key,
                short="" if line.tenant else line.name.removesuffix("all tenants") + SHORT_ALL,
                marks=tuple(mark(square) if square is not None else Mark.UNKNOWN for square in squares),
                leaks=frozenset(n for n, square in enumerate(squares) if own and square is not None and square.leak),
                notes=tuple(TREND.get(square.move, "") if square is not None else "" for square in squares),
            )
        )
    return MatrixModel(checks=tuple(POINT_LABELS.get(point, point) for point in points), rows=tuple(rows))


def square_at(lines: Iterable[MatrixLine], key: str, label: str) -> Square | None:
    """The square under the cursor."""
    point = POINTS_OF_LABELS.get(label, label)
    return next((line.squares.get(point) for line in lines if line.key == key), None)


def name_of(lines: Iterable[MatrixLine], key: str) -> str:
    """How a row is called."""
    return next((line.name for line in lines if line.key == key), key)


def counted(lines: Sequence[MatrixLine]) -> list[Square]:
    """The squares that are counted: those of tenants, of a project without any those of its one row."""
    with_tenants = {line.project_id for line in lines if line.tenant}
    rows = [line for line in lines if line.tenant or line.project_id not in with_tenants]
    return [square for line in rows for square in line.squares.values()]


def counts(lines: Sequence[MatrixLine]) -> list[Count]:
    """How many squares leak, are flagged, accepted, unknown, verified; what there is none of is left out."""
    squares = counted(lines)
    leaks = sum(square.leak for square in squares)
    found = (
        (leaks, "leak" if leaks == 1 else "leaks", Mark.FAIL),
        (sum(square.flagged and not square.leak for square in squares), "flagged", Mark.WARN),
        (sum(bool(square.accepted) for square in squares), "accepted", Mark.HELD),
        (sum(square.unknown for square in squares), "unknown", Mark.UNKNOWN),
        (sum(square.verdict is Verdict.VERIFIED for square in squares), "verified", Mark.DONE),
    )
    return [Count(f"{number} {what}", mark, short=str(number)) for number, what, mark in found if number]


def freshness(view: View, now: int) -> list[Count]:
    """How old the last round is, or how far the one is that runs."""
    if view.checking is not None:
        done, asked = view.checking.answered, view.checking.asked
        told = f"checking, {done} of {asked}" if asked else "checking"
        return [Count(told, Mark.RUN, short=f"{done}/{asked}" if asked else "…")]
    run = view.checked
    if run is None:
        return []
    if run.ended_at is None and view.checked_runs:
        return [Count("checking elsewhere", Mark.RUN, short="…")]
    return [_ended(run, now)]


def panel(view: View, now: int) -> PanelModel:
    """The border of the panel."""
    return PanelModel(
        title="Isolation",
        key="4",
        counts=(*counts(view.isolation), *freshness(view, now)),
        state=DataState.OK if view.isolation else DataState.UNKNOWN,
        sentence=_nothing(view),
    )


def whole(
    look: Look | None, lines: Sequence[MatrixLine], under: Under | None, now: int, problem: str, old: str
) -> PanelModel:
    """The border of the whole screen's matrix; `old` is the age of what is shown if it cannot be read any more."""
    if look is None:
        state = DataState.ERROR if problem else DataState.UNKNOWN
        return PanelModel("Isolation", state=state, sentence=problem or "Reading…")
    run, told = look.board.run, counts(lines)
    if under is not None:
        told.append(Count(under.words, Mark.RUN, short=f"{under.answered}/{under.asked}"))
    elif look.running:
        told.append(Count("another process checks", Mark.RUN, short="…"))
    elif run is None:
        told.append(Count("never checked; r checks", Mark.UNKNOWN, short="never"))
    else:
        told += [_ended(run, now)]
    commit = f" at {run.commit[:9]}" if run is not None and run.commit else ""
    return PanelModel(
        f"Isolation of {look.board.project_id}{commit}",
        counts=tuple(told),
        state=DataState.STALE if problem else DataState.OK,
        sentence=problem,
        age=old if problem else "",
    )


def _ended(run: CheckRun, now: int) -> Count:
    """How old a round is that is over, and whether it came to its end."""
    if run.ended_at is None:
        return Count("cut off", Mark.WARN)
    old = age(now - run.ended_at)
    if run.outcome == "done":
        return Count(f"checked {old} ago", ink="ink-3", short=old)
    return Count(f"{run.outcome} {old} ago", Mark.WARN, short=old)


def _nothing(view: View) -> str:
    if view.checking is not None:
        return f"Checking for the first time: {view.checking.words}"
    if view.pulse is not None and view.pulse.ended_at is not None:
        return "This pulse did not look at it."
    if view.steps and view.steps[STEP - 1].state is StepState.DONE:
        return "No project is configured; add one to stas.toml."
    return "Not looked at yet in this pulse; step 9 checks."


def detail(square: Square | None, name: str, *, now: int) -> DetailModel:
    """One square in words."""
    if square is None:
        return DetailModel(key=name, title="", fields=(Field("State", "unknown", "never asked in this pulse"),))
    fields = [Field("State", word(square), square.reason[:LONGEST], mark(square))]
    if square.at is not None:
        holds = f"holds for {age(square.expires_at - now)}" if square.expires_at and square.expires_at > now else ""
        fields.append(Field("Seen", f"{age(now - square.at)} ago", holds))
    if square.move in TREND:
        fields.append(Field("Trend", f"{square.move.value} since {square.since}"))
    if square.cell is not None:
        fields.append(Field("Open", "enter shows its checks, z the whole matrix"))
    place = f"{PREFIX}{square.project_id}/{square.tenant}/{square.point}"
    rows = tuple(
        EvidenceRow(
            place if square.cell is not None else piece.ref,
            f"{piece.text} ({piece.ref})"[:LONGEST],
            piece.kind,
            age(now - piece.at) if piece.at else "",
        )
        for piece in square.evidence
    )
    return DetailModel(key=name, title=square.point, fields=tuple(fields), evidence=rows, raw=square.reason)
