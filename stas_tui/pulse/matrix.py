"""The isolation matrix as faces draw it, from what is known now or from what a pulse recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stas_tui.isolation.base import POINTS
from stas_tui.isolation.cells import EVERYBODY
from stas_tui.isolation.trend import Move
from storage.check_records import ALL_TENANTS, WORST_FIRST, Verdict
from storage.checks_codec import is_blind
from storage.clock import iso_seconds
from storage.records import Evidence, Finding

if TYPE_CHECKING:
    from stas_tui.isolation.cells import Cell
    from stas_tui.isolation.cells_said import Said
    from stas_tui.isolation.cells_take import Look
    from storage.check_records import Lead

METRICS = "metrics"
GRAVE = "crit"
"""Severity of a lead that is a leak."""
_MOST_OF_ONE = 5
_MOST = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One tenant, or all of them, at one point."""

    project_id: str
    tenant: str
    point: str
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = "not looked at"
    leak: bool = False
    """Whether something grave is flagged that nobody accepted."""
    flagged: bool = False
    """Whether anything is flagged that nobody accepted."""
    unknown: bool = False
    """Whether anything is unknown, also beside a flag."""
    accepted: str = ""
    """Who accepted everything that is flagged or asked here, and until when."""
    at: int | None = None
    expires_at: int | None = None
    move: Move = Move.SAME
    since: str = ""
    """What `move` is compared with: `pulse 12`."""
    cell: Cell | None = field(default=None, repr=False)
    """What it is drawn from; None if it is a finding of a pulse."""
    recorded: tuple[Evidence, ...] = ()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What stands behind it."""
        return proof(self.cell) if self.cell is not None else self.recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixLine:
    """One row: a tenant of a project, or all tenants of it."""

    project_id: str
    tenant: str
    name: str
    """As it is shown; with several projects the project stands in front."""
    squares: Mapping[str, Square] = field(default_factory=dict)
    """By point."""

    @property
    def key(self) -> str:
        """Tells rows apart: `project/tenant`."""
        return f"{self.project_id}/{self.tenant}"


def lines(
    looks: Sequence[Look], findings: Iterable[Finding], tenants: Mapping[str, Sequence[str]]
) -> tuple[MatrixLine, ...]:
    """All rows: of each project all tenants together, then each.

    A project whose checks were ever run is drawn from its matrix; any other from the findings of the pulse, if there
    are any. What sources outside measured stands in for metrics that no check looked at.
    """
    recorded = _recorded(findings)
    by_project = {look.board.project_id: look for look in looks}
    known = dict.fromkeys([*tenants, *by_project, *(project for project, _ in recorded)])
    found: list[MatrixLine] = []
    for project in known:
        look = by_project.get(project)
        if look is not None:
            found += _of_look(look, recorded)
        elif any(project == other for other, _ in recorded):
            found += _of_findings(project, tenants.get(project, ()), recorded)
    if len({line.project_id for line in found}) > 1:
        return tuple(
            MatrixLine(project_id=x.project_id, tenant=x.tenant, name=f"{x.project_id}/{x.name}", squares=x.squares)
            for x in found
        )
    return tuple(found)


def _of_look(look: Look, recorded: Mapping[tuple[str, str], Mapping[str, Finding]]) -> list[MatrixLine]:
    board, project = look.board, look.board.project_id
    rows: dict[str, dict[str, Square]] = {}
    for tenant in board.tenants:
        squares = {cell.point: square(look, cell) for cell in board.row(tenant)}
        measured = recorded.get((project, tenant), {}).get(METRICS)
        if measured is not None and not answered(board.cell(tenant, METRICS)):
            squares[METRICS] = _from_finding(project, tenant, METRICS, measured)
        rows[tenant] = squares
    together = {cell.point: square(look, cell) for cell in board.row(ALL_TENANTS)}
    if rows and not answered(board.cell(ALL_TENANTS, METRICS)):
        together[METRICS] = _together(project, METRICS, [row[METRICS] for row in rows.values()])
    return [_line(project, name, squares) for name, squares in {ALL_TENANTS: together, **rows}.items()]


def answered(cell: Cell) -> bool:
    """Whether any check of the cell was ever run and could look."""
    return any(said.result is not None and not is_blind(said.result) for said in cell.said)


def _of_findings(
    project: str, tenants: Sequence[str], recorded: Mapping[tuple[str, str], Mapping[str, Finding]]
) -> list[MatrixLine]:
    names = dict.fromkeys([*tenants, *(tenant for other, tenant in recorded if other == project and tenant)])
    rows = {
        tenant: {
            point: _from_finding(project, tenant, point, recorded.get((project, tenant), {}).get(point))
            for point in POINTS
        }
        for tenant in names
    }
    own = recorded.get((project, ALL_TENANTS), {})
    together = {
        point: _from_finding(project, ALL_TENANTS, point, own[point])
        if point in own
        else _together(project, point, [row[point] for row in rows.values()])
        for point in POINTS
    }
    return [_line(project, name, squares) for name, squares in {ALL_TENANTS: together, **rows}.items()]


def _line(project: str, tenant: str, squares: Mapping[str, Square]) -> MatrixLine:
    return MatrixLine(project_id=project, tenant=tenant, name=tenant or EVERYBODY, squares=squares)


def square(look: Look, cell: Cell) -> Square:
    """A cell as it is drawn."""
    return Square(
        project_id=look.board.project_id,
        tenant=cell.tenant,
        point=cell.point,
        verdict=cell.verdict,
        reason=cell.reason if answered(cell) else look.board.problem or cell.reason,
        leak=bool(leaks(cell)),
        flagged=cell.open_flags,
        unknown=bool(cell.open_unknown),
        accepted=accepted_words(cell),
        at=cell.at,
        expires_at=cell.expires_at,
        move=look.trend.moves.get((cell.tenant, cell.point), Move.SAME),
        since=look.trend.since,
        cell=cell,
    )


def leaks(cell: Cell) -> tuple[tuple[Said, Lead], ...]:
    """What is grave and accused here, and nobody accepted."""
    return tuple((said, lead) for said, lead in cell.flags if lead.severity == GRAVE and said.accepted is None)


def accepted_words(cell: Cell) -> str:
    """`accepted by Ada until 2027-01-31`, if everything that makes the verdict is; else empty."""
    if cell.accepted_until is None:
        return ""
    who = dict.fromkeys(said.accepted.by for said in cell.said if said.accepted is not None)
    return f"accepted by {', '.join(who)} until {iso_seconds(cell.accepted_until)[:10]}"


def proof(cell: Cell) -> tuple[Evidence, ...]:
    """What stands behind a cell: places, what was executed, controls; the worst check first."""
    found: list[Evidence] = []
    for said in cell.said:
        if said.result is None:
            continue
        found += [
            Evidence(
                kind="file" if lead.line else "query",
                ref=lead.place or said.spec.id,
                text=f"{said.spec.id} {lead.text}",
                at=said.at,
            )
            for lead in said.leads[:_MOST_OF_ONE]
        ]
        if said.result.executed:
            first = " ".join(said.result.executed[0].split())[:160]
            text = f"{said.spec.id} executed {len(said.result.executed)}: {first}"
            found.append(Evidence(kind="query", ref=said.result.target or said.spec.id, text=text, at=said.at))
        if said.result.control:
            found.append(Evidence(kind="probe", ref=said.spec.id, text=f"control: {said.result.control}", at=said.at))
    return tuple(found[:_MOST])


def _recorded(findings: Iterable[Finding]) -> dict[tuple[str, str], dict[str, Finding]]:
    found: dict[tuple[str, str], dict[str, Finding]] = {}
    for finding in findings:
        check, _, point = finding.check.partition(":")
        if check == "isolation" and point in POINTS:
            project, _, tenant = finding.subject.partition("/")
            found.setdefault((project, tenant), {})[point] = finding
    return found


def _from_finding(project: str, tenant: str, point: str, finding: Finding | None) -> Square:
    if finding is None:
        return Square(project_id=project, tenant=tenant, point=point, reason="never asked in this pulse", unknown=True)
    verdict = next((each for each in Verdict if each.value == finding.verdict), Verdict.UNKNOWN)
    return Square(
        project_id=project,
        tenant=tenant,
        point=point,
        verdict=verdict,
        reason=finding.reason,
        flagged=verdict is Verdict.FLAGGED,
        unknown=verdict is Verdict.UNKNOWN,
        at=finding.at,
        expires_at=finding.expires_at,
        recorded=finding.evidence,
    )


def _together(project: str, point: str, squares: Sequence[Square]) -> Square:
    """What holds for all tenants together: the worst of them."""
    if not squares:
        return Square(project_id=project, tenant=ALL_TENANTS, point=point, unknown=True)
    worst = min(squares, key=lambda one: WORST_FIRST.index(one.verdict))
    return Square(
        project_id=project,
        tenant=ALL_TENANTS,
        point=point,
        verdict=worst.verdict,
        reason=f"{worst.tenant}: {worst.reason}",
        leak=any(one.leak for one in squares),
        flagged=any(one.flagged for one in squares),
        unknown=any(one.unknown for one in squares),
        at=worst.at,
        expires_at=worst.expires_at,
        recorded=worst.evidence,
    )
