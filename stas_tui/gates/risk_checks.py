"""Lays what the checks said over a risk that was judged from names and words alone (R47-R50).

A check's flag makes a row worse, with its place as evidence; only a result that ran on the real thing makes one better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stas_tui.gates.risk import BLAST, CRIT, ISOLATION, MONITORING, OK, ROLLBACK, UNKNOWN, WARN, Risk, RiskRow
from stas_tui.texts.lines import one_line
from storage.check_records import CheckResult, Lead, Verdict
from storage.records import Evidence

_ROWS = {
    ROLLBACK: ("C1", "C2", "C3", "C4", "C5", "C15"),
    ISOLATION: ("C7", "C8"),
    MONITORING: ("C14",),
}
_PROVES = {ROLLBACK: "C3", MONITORING: "C14"}
"""The check whose `verified` settles a row; isolation has none: not every one of its points is about a change."""
_SAFETY = ("C6", "C9", "C10", "C11", "C12", "C13")
_ORDER = (OK, UNKNOWN, WARN, CRIT)
_BECAUSE = {BLAST: "platform-wide", ROLLBACK: "irreversible", ISOLATION: "touches tenant isolation"}
_IRREVERSIBLE = frozenset({"C3", "C4"})
"""A flag of these is evidence that the way back does not work or data goes."""
MOST_WARNINGS = 8


def with_checks(risk: Risk, results: Sequence[CheckResult]) -> Risk:
    """The risk with every row as the checks left it."""
    if not results:
        return risk
    rows = tuple(_row(row, results) for row in risk.rows)
    levels = {row.level for row in rows}
    reasons = [
        f"{_BECAUSE[row.kind]}: {row.text}"
        for row in rows
        if row.level == CRIT and row.kind in _BECAUSE and row.evidence
    ]
    level = "high" if CRIT in levels else "medium" if WARN in levels else "unknown" if UNKNOWN in levels else "low"
    return Risk(rows=rows, level=level, g2=bool(reasons), g2_because="; ".join(reasons))


def warnings(results: Iterable[CheckResult]) -> list[str]:
    """What is unsafe in the change itself: each accusation with its place, gravest first."""
    found = sorted(
        (lead.severity != "crit", result.check, lead.place, lead.text)
        for result in results
        if result.check in _SAFETY and result.verdict is Verdict.FLAGGED
        for lead in result.leads
        if lead.accuses
    )
    said = [one_line(f"{place}: {text} ({check})", 200) for _, check, place, text in found[:MOST_WARNINGS]]
    return said + (
        [f"{len(found) - MOST_WARNINGS} more findings; `stas review` lists them"] if found[MOST_WARNINGS:] else []
    )


def _row(row: RiskRow, results: Sequence[CheckResult]) -> RiskRow:
    if row.kind == BLAST:
        touched = next((result for result in results if result.check == "C16"), None)
        if touched is None:
            return row
        more = [part for part in touched.reason.split("; ") if part not in row.text]
        return replace(row, text=one_line("; ".join([row.text, *more]), 300))
    own = [result for result in results if result.check in _ROWS.get(row.kind, ())]
    if row.kind == ISOLATION:
        row = _beside(row, [result for result in results if not result.check.startswith("C")])
    flagged = [result for result in own if result.verdict is Verdict.FLAGGED]
    if flagged:
        worst = min(flagged, key=lambda result: _level(row.kind, result) != CRIT)
        proof = tuple(_proof(result, lead) for result in flagged for lead in result.leads[:2] if lead.accuses)
        level = max(row.level, _level(row.kind, worst), key=_ORDER.index)
        place = next((lead.place for lead in worst.leads if lead.accuses and lead.place), "")
        text = one_line(f"{worst.check} {worst.reason}" + (f" at {place}" if place else ""), 200)
        return replace(row, level=level, text=text, evidence=(*row.evidence, *proof)[:8])
    proven = next(
        (r for r in own if r.check == _PROVES.get(row.kind) and r.verdict is Verdict.VERIFIED and row.level != CRIT),
        None,
    )
    if proven is not None:
        proof = (Evidence(kind="run", ref=proven.check, text=one_line(proven.reason, 120), at=proven.ended_at),)
        return replace(row, level=OK, text=one_line(proven.reason, 200), evidence=(*row.evidence, *proof))
    settles = next((r for r in own if r.check == _PROVES.get(row.kind) and r.verdict is Verdict.UNKNOWN), None)
    if row.kind == ROLLBACK and settles is not None:
        return replace(row, text=one_line(f"{row.text}; {settles.check} {settles.reason}", 240))
    return row


def _beside(row: RiskRow, standing: Sequence[CheckResult]) -> RiskRow:
    """What is flagged already and not by this change: told, never a reason to type the name."""
    open_ = [result for result in standing if result.verdict is Verdict.FLAGGED]
    if not open_:
        return row
    first = open_[0]
    who = f"{first.tenant}: " if first.tenant else ""
    more = f" and {len(open_) - 1} more" if len(open_) > 1 else ""
    text = f"{row.text}; open before this change: {who}{first.check} {first.reason}{more}"
    return replace(row, level=max(row.level, WARN, key=_ORDER.index), text=one_line(text, 240))


def _level(kind: str, result: CheckResult) -> str:
    if kind == ISOLATION or (kind == ROLLBACK and result.check in _IRREVERSIBLE):
        return CRIT
    return WARN


def _proof(result: CheckResult, lead: Lead) -> Evidence:
    return Evidence(
        kind="file" if lead.line else "policy",
        ref=lead.place or result.check,
        text=one_line(f"{result.check}: {lead.text}", 120),
        at=result.ended_at,
    )
