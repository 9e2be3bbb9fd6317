"""What an executor of a lesson reports, in the routine's own form. Pure."""

from __future__ import annotations

from stas_tui.training.prose import joined
from storage.records import Deviation, ExecutorReport, Json
from storage.redact import redact

OUTCOMES = {"SUCCESS": "success", "PARTIAL": "partial", "FAILURE": "failure", "BLOCKED": "rule4_blocker"}
"""What a report calls itself, by the word of the scenario."""


def report_of(body: Json) -> ExecutorReport:
    """The report of an `inject.executor`. A scenario that names no changed files expects none."""
    return ExecutorReport(
        outcome=OUTCOMES[body["outcome"]],
        summary=redact(joined(body["report"]).strip()),
        deviations=tuple(
            Deviation(
                rule=row["rule"],
                what=redact(row["what"]),
                why=redact(row["why"]),
                files=tuple(row["files"]),
                tenant_isolation=row["isolation"],
            )
            for row in body.get("deviations", ())
        ),
        blocker=redact(body.get("blocker", "")),
        no_changes_expected=not body.get("files"),
    )


def words_of(body: Json) -> str:
    """Its last words, as they stand at the end of what it prints."""
    return redact(f"STATUS: {body['outcome']}\n\n{joined(body['report']).strip()}")
