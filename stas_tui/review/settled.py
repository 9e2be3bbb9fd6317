"""What a rehearsal settles that other checks of the way back could only read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stas_tui.review.base import BY_READING, BY_REHEARSAL, BY_TEXT
from stas_tui.review.border import cleaned
from storage.check_records import CheckResult, Verdict

REHEARSAL = "C3"
_ENDINGS = {"C1": BY_READING, "C2": BY_REHEARSAL, "C4": BY_READING, "C5": BY_READING, "C15": BY_TEXT}
"""How the reason of each check ends that a rehearsal settles. Any other reason stays as it is."""
_ANSWERED = frozenset({"C2"})
"""Checks whose questions a rehearsal answers. Those of the others are about rows, and a scratch database has none."""


def settled(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """The results, with those made `verified` that were only read where C3 is. A flag is never taken back."""
    results = tuple(results)
    proof = next((one for one in results if one.check == REHEARSAL and one.verdict is Verdict.VERIFIED), None)
    return results if proof is None else tuple(_settled(one, proof) for one in results)


def _settled(result: CheckResult, proof: CheckResult) -> CheckResult:
    ending = _ENDINGS.get(result.check)
    if ending is None or result.verdict is not Verdict.UNKNOWN or not result.reason.endswith(ending):
        return result
    if any(lead.accuses or result.check not in _ANSWERED for lead in result.leads):
        return result
    if ending == BY_TEXT and not _only_migrations(result):
        return result
    made = replace(
        result,
        verdict=Verdict.VERIFIED,
        reason=f"{result.reason.removesuffix(ending)}; settled by {REHEARSAL}: {proof.reason}",
        leads=(),
        live=True,
        expires_at=proof.expires_at,
        control=proof.control,
    )
    return cleaned(made)


def _only_migrations(plan: CheckResult) -> bool:
    """Whether a plan has steps that can be run, and everything that needs a way back is a migration."""
    needs = plan.counts.get("files that need a way back")
    return bool(plan.counts.get("steps")) and needs == plan.counts.get("of them migrations")
