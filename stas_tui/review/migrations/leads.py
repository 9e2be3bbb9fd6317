"""How the checks of migrations write down a place: redacted, one line, with an identity that survives moved lines."""

from __future__ import annotations

from stas_tui.review.migrations.model import Op, Revision
from stas_tui.texts.lines import one_line
from storage.check_records import Lead
from storage.redact import redact

LONGEST_TEXT = 300
LONGEST_CODE = 500


def said(text: str, limit: int = LONGEST_TEXT) -> str:
    """Text from a migration or an error as one redacted line."""
    return one_line(redact(text), limit)


def lead(
    rule: str,
    revision: Revision,
    text: str,
    *,
    op: Op | None = None,
    path: str = "",
    line: int = 0,
    anchor: str = "",
    accuses: bool = True,
    severity: str = "warn",
) -> Lead:
    """A lead in a revision's file."""
    code = said(op.code, LONGEST_CODE) if op is not None else ""
    return Lead(
        rule=rule,
        text=f"{said(revision.id, 60)}: {said(text)}",
        path=path or revision.path,
        line=line or (op.line if op is not None else revision.line),
        code=code,
        anchor=said(anchor or f"{revision.id} {code or text}", LONGEST_CODE),
        accuses=accuses,
        severity=severity,
    )
