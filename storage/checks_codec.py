"""Results of checks as JSON texts and rows, and back."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import Any

from storage.canonical import dump, load, tame
from storage.check_records import CheckResult, CheckRun, KeptResult, Lead, Verdict, Waiver
from storage.records import Json

_PLAIN = ("reason", "target", "started_at", "counts", "control", "tool")
_BODY = ("reason", "target", "started_at", "executed", "counts", "control", "tool")


def result_json(result: CheckResult) -> Json:
    """The whole result as plain JSON; the leads carry their fingerprints."""
    return {
        "check": result.check,
        "project": result.project_id,
        "tenant": result.tenant,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "target": result.target,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "expires_at": result.expires_at,
        "executed": list(result.executed),
        "counts": dict(result.counts),
        "control": result.control,
        "leads": [{**dataclasses.asdict(lead), "fingerprint": lead.fingerprint} for lead in result.leads],
        "tool": result.tool,
        "live": result.live,
    }


def result_of(data: Json) -> CheckResult:
    """The reverse of `result_json`. Raises `KeyError`, `TypeError`, `ValueError` for anything else."""
    leads = [{name: value for name, value in lead.items() if name != "fingerprint"} for lead in data["leads"]]
    return CheckResult(
        check=data["check"],
        project_id=data["project"],
        tenant=data["tenant"],
        verdict=Verdict(data["verdict"]),
        executed=tuple(data["executed"]),
        leads=tuple(Lead(**lead) for lead in leads),
        **{name: data[name] for name in (*_PLAIN, "ended_at", "expires_at", "live")},
    )


def is_blind(result: CheckResult) -> bool:
    """Whether a check looked at nothing at all: it was not run, or could not reach what it looks at."""
    looked = result.executed or result.counts or result.target or result.leads
    return result.verdict is Verdict.UNKNOWN and not looked


def body_of(result: CheckResult) -> str:
    """What has no column of its own."""
    body = {name: getattr(result, name) for name in _BODY}
    return dump(tame({**body, "leads": [dataclasses.asdict(lead) for lead in result.leads]}))


def kept_of(row: sqlite3.Row) -> KeptResult:
    """A result from a row of `check_result` joined with its run, whose columns start with `r_`."""
    body: dict[str, Any] = load(row["body"])
    return KeptResult(
        seq=row["seq"],
        run=run_of(row, "r_"),
        result=CheckResult(
            check=row["check"],
            project_id=row["project_id"],
            tenant=row["tenant"],
            verdict=Verdict(row["verdict"]),
            ended_at=row["ended_at"],
            expires_at=row["expires_at"],
            live=bool(row["live"]),
            executed=tuple(body.pop("executed")),
            leads=tuple(Lead(**lead) for lead in body.pop("leads")),
            **body,
        ),
    )


def run_of(row: sqlite3.Row, prefix: str = "") -> CheckRun:
    """A run from its row."""
    values = {field.name: row[prefix + field.name] for field in dataclasses.fields(CheckRun)}
    return CheckRun(**{**values, "asked": tuple(load(values["asked"]))})


def waiver_of(row: sqlite3.Row) -> Waiver:
    """An acceptance from its row."""
    return Waiver(**{field.name: row[field.name] for field in dataclasses.fields(Waiver)})
