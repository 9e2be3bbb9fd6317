"""What isolation checks flag as follow-ups: each place once, with its evidence; what is accepted is none (R120)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stas_tui.isolation.cells import EVERYBODY, Board
from stas_tui.isolation.cells_said import Said
from stas_tui.texts import follow_ups
from stas_tui.texts.follow_ups import FollowUp
from stas_tui.texts.lines import listed, one_line
from storage.check_records import ALL_TENANTS, Lead, Verdict
from storage.records import Evidence, Json, Priority, Task

MOST = 10
"""Gaps that one pulse proposes; the gravest come first, the rest stays on the matrix."""
_ROTATION = ("X1", "X4")
_MONITORING = ("M1", "M7", "M8")
_RANK = {"crit": 0, "warn": 1, "note": 2}


def kind_of(check: str) -> str:
    """The kind of follow-up (R121) that a check's flag asks for."""
    if check in _ROTATION:
        return follow_ups.ROTATION_KIND
    return follow_ups.MONITORING_KIND if check in _MONITORING else follow_ups.ISOLATION_KIND


def gaps(board: Board) -> tuple[FollowUp, ...]:
    """What is flagged and accepted by nobody, the gravest first, leads of one place together."""
    found: dict[tuple[str, str], tuple[Said, Lead, dict[str, None]]] = {}
    for cell in board.counted:
        for said, lead in cell.flags:
            if said.accepted is None:
                found.setdefault((said.spec.id, lead.fingerprint), (said, lead, {}))[2][cell.tenant] = None
    ordered = sorted(found.values(), key=lambda each: _RANK.get(each[1].severity, 1))
    proposals = [_gap(said, (lead,), list(tenants)) for said, lead, tenants in ordered]
    return follow_ups.merge((), proposals)[:MOST]


def _gap(said: Said, leads: Sequence[Lead], tenants: Iterable[str]) -> FollowUp:
    first = leads[0]
    names = [tenant or EVERYBODY for tenant in tenants]
    verb = "flags" if said.verdict is Verdict.FLAGGED else "asks about"
    why = f"{said.spec.id} {verb} it for {listed(names) or EVERYBODY}: {first.text}"
    subject = first.path or said.spec.title
    priority = Priority.P1 if any(lead.severity == "crit" for lead in leads) else Priority.P2
    return follow_ups.propose(kind_of(said.spec.id), subject, why, _proof(said, leads), priority=priority)


def _proof(said: Said, leads: Sequence[Lead]) -> tuple[Evidence, ...]:
    found = []
    for lead in leads:
        code = f": {one_line(lead.code, 160)}" if lead.code else ""
        found.append(
            Evidence(
                kind="file" if lead.line else "query",
                ref=f"{said.spec.id} {lead.place}".strip(),
                text=one_line(f"{lead.text}{code}", 400),
                at=said.at,
            )
        )
    if said.result is not None and said.result.target:
        found.append(Evidence(kind="query", ref=said.spec.id, text=f"looked at {said.result.target}", at=said.at))
    return tuple(found)


def gathered(board: Board) -> list[tuple[str, str, str, str]]:
    """Gaps as (title, description, priority, why) for the tray of step 10."""
    return [(gap.title, gap.description, gap.priority.value, gap.why) for gap in gaps(board)]


def draft_of(project_id: str, said: Said, leads: Sequence[Lead], tenants: Sequence[str], tasks: Sequence[Task]) -> Json:
    """Arguments of `create_task` for these leads, with `duplicates`: open tasks that say the same."""
    gap = _gap(said, leads, [tenant for tenant in tenants if tenant != ALL_TENANTS])
    (marked,) = follow_ups.with_duplicates([gap], tasks)
    titles = {task.id: task.title for task in tasks}
    return {
        "projectId": project_id,
        "title": gap.title,
        "priority": gap.priority.value,
        "description": gap.description,
        "duplicates": [{"id": task_id, "title": titles.get(task_id, "")} for task_id in marked.duplicates],
    }
