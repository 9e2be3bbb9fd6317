"""The task that a row of the health scan suggests (R40-R42): drafted by the scan, completed and filed by a person."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.pulse.scan_patterns import SUBJECTS
from storage.records import Finding, Json, Step


def draft_of(steps: Sequence[Step], finding: Finding) -> Json | None:
    """Arguments of `create_task` with `duplicates`, for the pattern a finding tells of; None if it suggests nothing."""
    scan = next((step for step in steps if step.n == 6), None)
    for card in scan.data.get("patterns", ()) if scan is not None else ():
        told = SUBJECTS.get(card["kind"]) == finding.subject and finding.reason.startswith(card["line"])
        if told and card.get("draft"):
            return dict(card["draft"])
    return None
