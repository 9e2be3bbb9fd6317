"""The isolation block of the Pulse Summary, from what step 9 wrote down: points, flags, counts (D25, R142)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stas_tui.isolation.cells import EVERYBODY
from stas_tui.pulse.summary_model import IsolationPoint, Item
from stas_tui.texts.lines import count, listed, one_line
from storage.records import Finding, Step

INFRA_POINTS = (
    ("R109", "Database queries are tenant-scoped", ("queries", "database")),
    ("R110", "API endpoints validate tenant context", ("endpoints",)),
    ("R111", "Background jobs process tenant data in isolation", ("jobs",)),
    ("R112", "Logging includes tenant context", ("logs",)),
)
"""Requirement, the routine's words, and the columns of the matrix that speak of it."""

_WORST = ("flagged", "unknown", "verified", "n/a")
_MOST_EVIDENCE = 5
_MOST_FLAGS = 12
_STOPPED = ("cancelled", "failed", "refused")
_MATRIX = "isolation:"


def points(findings: Sequence[Finding]) -> tuple[IsolationPoint, ...]:
    """The four points, each as bad as the worst finding that speaks of it; without one it is unknown."""
    return tuple(_point(row, name, columns, findings) for row, name, columns in INFRA_POINTS)


def _point(row: str, name: str, columns: Sequence[str], findings: Sequence[Finding]) -> IsolationPoint:
    here = [f for f in findings if row in f.check.split(":") or f.check in {_MATRIX + column for column in columns}]
    verdict = next((each for each in _WORST if any(f.verdict == each for f in here)), "unknown")
    worst = [f for f in here if f.verdict == verdict]
    return IsolationPoint(
        row=row,
        name=name,
        verdict=verdict,
        reason=_told(worst) if worst else "no source can prove it here",
        evidence=tuple(proof for finding in worst for proof in finding.evidence)[:_MOST_EVIDENCE],
    )


def _told(worst: Sequence[Finding]) -> str:
    """The reason that most give, for whom, and the place to look; how many other reasons there are."""
    reasons: dict[str, list[Finding]] = {}
    for finding in worst:
        reasons.setdefault(finding.reason, []).append(finding)
    reason, those = max(reasons.items(), key=lambda pair: len(pair[1]))
    others = f"; {count(len(reasons) - 1, 'other reason')}" if len(reasons) > 1 else ""
    return f"{_whom(those)}: {reason}{_place(those[0])}{others}"


def _whom(findings: Iterable[Finding]) -> str:
    return listed([f.subject.partition("/")[2] or EVERYBODY for f in findings])


def _place(finding: Finding) -> str:
    """Where to look, of a flag."""
    if finding.verdict != "flagged" or not finding.evidence:
        return ""
    return f", at {one_line(finding.evidence[0].ref, 80)}"


def flags(findings: Sequence[Finding]) -> tuple[Item, ...]:
    """Every flag of the matrix with its place, each once for all it is about; what is accepted says so."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.check.startswith(_MATRIX) and finding.verdict == "flagged":
            found.setdefault((finding.check.removeprefix(_MATRIX), finding.reason), []).append(finding)
    items = [
        Item(text=f"{point} of {_whom(those)}: {reason}{_place(those[0])}", evidence=those[0].evidence[:_MOST_EVIDENCE])
        for (point, reason), those in found.items()
    ]
    more = len(items) - _MOST_FLAGS
    return (*items[:_MOST_FLAGS], Item(text=f"{count(more, 'more flag')}")) if more > 0 else tuple(items)


def counts(step: Step) -> tuple[Item, ...]:
    """The counts of each project's matrix as step 9 left it, and what kept its checks from their end."""
    items = [Item(text=f"{project}: {header}") for project, header in step.data.get("boards", {}).items()]
    for project, entry in step.data.get("rounds", {}).items():
        if entry["outcome"] in _STOPPED:
            items.append(
                Item(text=f"{project}: the checks did not come to their end, {entry['outcome']}: {entry['note']}")
            )
    return tuple(items)
