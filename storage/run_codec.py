"""The result of a run as JSON and back: what the record keeps of an executor's work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from storage.errors import StoreCorrupt
from storage.records import Deviation, ExecutorReport, Json, Outcome, RunResult, Verification

_DAMAGED = "A stored run result is damaged: "


def run_result_to_json(result: RunResult) -> Json:
    """A JSON object with the fields of `RunResult` by their names; tuples become lists."""
    plain: Json = asdict(result)
    plain["outcome"] = result.outcome.value
    return plain


def run_result_from_json(value: Json) -> RunResult:
    """The inverse of `run_result_to_json`; fields that are missing take their defaults.

    Raises `StoreCorrupt` if it has another shape.
    """
    try:
        report = value["report"]
        return RunResult(
            outcome=Outcome(value["outcome"]),
            kind=str(value["kind"]),
            because=_texts(value.get("because", [])),
            report=ExecutorReport(
                **{
                    **report,
                    "deviations": tuple(_deviation(d) for d in report.get("deviations", [])),
                    "options": _texts(report.get("options", [])),
                    "said_verification": _texts(report.get("said_verification", [])),
                    "follow_ups": tuple(
                        (str(title), str(priority)) for title, priority in report.get("follow_ups", [])
                    ),
                }
            ),
            exit=value.get("exit"),
            seconds=float(value.get("seconds", 0.0)),
            verification=tuple(Verification(**v) for v in value.get("verification", [])),
            undeclared=_texts(value.get("undeclared", [])),
            survivors=tuple(int(pid) for pid in value.get("survivors", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreCorrupt(f"{_DAMAGED}{type(error).__name__}.", "Restore the database from a backup.") from error


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(v) for v in values)


def _deviation(value: Json) -> Deviation:
    return Deviation(**{**value, "files": _texts(value.get("files", []))})
