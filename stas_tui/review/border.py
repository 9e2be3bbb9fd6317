"""What every result of a review crosses before it is shown, kept or sent: one line, redacted, bounded."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.texts.lines import one_line
from storage.check_records import CheckResult, Lead, Verdict
from storage.redact import redact

MOST_LEADS = 200
LONGEST_TEXT = 600
LONGEST_CODE = 500
LONGEST_EXECUTED = 2_000
_LOOKED_AT = 65_536


def cleaned(result: CheckResult) -> CheckResult:
    """The result without secrets. Questions alone never flag."""
    verdict, reason = result.verdict, result.reason
    if verdict is Verdict.FLAGGED and not any(lead.accuses for lead in result.leads):
        verdict, reason = Verdict.UNKNOWN, f"somebody has to look: {reason}"
    return replace(
        result,
        verdict=verdict,
        reason=_line(reason),
        target=_line(result.target, 200),
        control=_line(result.control),
        tool=_line(result.tool, 120),
        executed=tuple(_cut(text, LONGEST_EXECUTED) for text in result.executed),
        leads=tuple(_lead(lead) for lead in result.leads[:MOST_LEADS]),
    )


def _lead(lead: Lead) -> Lead:
    """The lead without secrets; what identifies it stays what it was."""
    anchor = _cut(lead.anchor or lead.code, LONGEST_CODE)
    return replace(
        lead, text=_line(lead.text), path=_line(lead.path, 300), code=_cut(lead.code, LONGEST_CODE), anchor=anchor
    )


def _line(text: str, limit: int = LONGEST_TEXT) -> str:
    return one_line(redact(text[:_LOOKED_AT]), limit)


def _cut(text: str, limit: int) -> str:
    """Redacted before it is cut: half a secret is not recognised."""
    return redact(text[:_LOOKED_AT])[:limit]
