"""What an executor says about its run, and what Stas makes of it (R86-R89, D17, D20)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from stas_tui.executors import rundir
from storage.records import (
    Changes,
    Deviation,
    ExecutorReport,
    Json,
    Outcome,
    RunResult,
    RunStatus,
    Verification,
)
from storage.redact import redact

SCHEMA = "stas.executor-result/1"
OUTCOMES = ("success", "partial", "rule4_blocker", "failure")
NO_FILE = "no result file was written"

_TEXT = 8_000
_ITEMS = 200
_FENCE = re.compile(r"^[ \t]{0,3}```[ \t]*json[ \t]*\r?\n(.*?)^[ \t]{0,3}```[ \t]*\r?$", re.M | re.S | re.I)
_SCHEMA_PATHS = re.compile(
    r"(?i)(?:^|/)(?:migrations?|alembic/versions|db/migrate|flyway|liquibase)/|(?:^|/)(?:schema|structure)\.(?:sql|rb|prisma)$"
    r"|\.(?:ddl|prisma)$"
)


class _Malformed(ValueError):
    """The text is no result; the message says why and quotes nothing of it."""


def read_report(workspace: Path) -> ExecutorReport:
    """What the result file says, redacted; whatever is wrong with the file stands in `problem`.

    `.stas/result.json` must be a regular file of at most 256 KiB in a plain folder, with the schema
    `stas.executor-result/1`. Nothing is raised: a bad file is a fact about the run.
    """
    try:
        data = rundir.read_result(workspace)
        if data is None:
            return ExecutorReport(outcome="", problem=NO_FILE)
        return _report(_parsed(data))
    except (rundir.ResultRefused, _Malformed) as error:
        return ExecutorReport(outcome="", problem=str(error))


def report_from_output(tail: str) -> ExecutorReport | None:
    """The result in the last fenced `json` block of the output: the second choice, if there is no file (4.6).

    None if the last such block is not a result.
    """
    blocks = _FENCE.findall(tail[-2 * rundir.RESULT_LIMIT :])
    if not blocks or len(blocks[-1]) > rundir.RESULT_LIMIT:
        return None
    try:
        value = _parsed(blocks[-1].encode("utf-8", "surrogatepass"))
        return _report(value) if value.get("schema") == SCHEMA else None
    except _Malformed:
        return None


def _no_constant(_: str) -> float:
    raise _Malformed("the result file holds a number that JSON does not know")


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Malformed("the result file names a field twice")
    return value


def _parsed(data: bytes) -> Json:
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _Malformed("the result file is not UTF-8") from None
    except _Malformed:
        raise
    except (ValueError, RecursionError):
        raise _Malformed("the result file is not JSON") from None
    if not isinstance(value, dict):
        raise _Malformed("the result file is not a JSON object")
    if value and value.get("schema") != SCHEMA:
        raise _Malformed(f"the result file does not name the schema {SCHEMA}")
    return value


def _report(value: Json) -> ExecutorReport:
    outcome = value.get("outcome", "")
    if not isinstance(outcome, str) or (outcome and outcome not in OUTCOMES):
        raise _Malformed(f"the outcome is none of {', '.join(OUTCOMES)}")
    blocker = value.get("blocker") or value.get("blocked_by") or value.get("blockedBy") or {}
    if isinstance(blocker, str | list):
        blocker = {"decision": blocker if isinstance(blocker, str) else "; ".join(map(str, blocker[:20]))}
    if not isinstance(blocker, dict):
        raise _Malformed("the blocker is not an object")
    decision = _text(blocker, "decision") or (
        _text(blocker, "recommendation") or "(no decision named)" if blocker else ""
    )
    return ExecutorReport(
        # an empty structured result counts as PARTIAL (D20)
        outcome=outcome or "partial",
        summary=_text(value, "summary"),
        deviations=tuple(_deviation(d) for d in _list(value, "deviations")),
        blocker=decision,
        options=tuple(_clean(o) for o in _list(blocker, "options")),
        recommendation=_text(blocker, "recommendation"),
        said_verification=tuple(_said(v) for v in _list(value, "verification")),
        rollback=_text(value, "rollback"),
        follow_ups=tuple((_text(f, "title"), _text(f, "priority")) for f in map(_object, _list(value, "followUps"))),
        no_changes_expected=value.get("noChangesExpected") is True,
    )


def _clean(value: object) -> str:
    if not isinstance(value, str):
        raise _Malformed("a text of the result is not a text")
    return redact(value[:_TEXT])


def _text(value: Json, name: str) -> str:
    found = value.get(name)
    return "" if found is None else _clean(found)


def _list(value: Json, name: str) -> list[Any]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _Malformed(f"{name} is not a list")
    return found[:_ITEMS]


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise _Malformed("an entry of the result is not an object")
    return value


def _deviation(value: Any) -> Deviation:
    entry = _object(value)
    rule = entry.get("rule")
    if isinstance(rule, bool) or not isinstance(rule, int) or not 1 <= rule <= 4:
        raise _Malformed("a deviation names no rule from 1 to 4")
    isolation = entry.get("tenantIsolation")
    return Deviation(
        rule=rule,
        what=_text(entry, "what"),
        why=_text(entry, "why"),
        files=tuple(_clean(f) for f in _list(entry, "files")),
        tenant_isolation=isolation if isolation in ("none", "touched") else "unknown",
    )


def _said(value: Any) -> str:
    entry = _object(value)
    exit_code = entry.get("exit")
    said = f"exit {exit_code}" if isinstance(exit_code, int) else "no exit code"
    note = _text(entry, "note")
    return f"{_text(entry, 'cmd')}: {said}" + (f" ({note})" if note else "")


def _declared(path: str, listed: Sequence[str]) -> bool:
    for entry in listed:
        name = entry.strip().strip("`").removeprefix("./")
        if path == name or (name.endswith("/") and path.startswith(name)):
            return True
        if any(c in name for c in "*?[") and fnmatchcase(path, name):
            return True
    return False


_ENDED = {
    "cancelled": "was cancelled",
    "timeout": "took too long and was ended",
    "idle": "printed nothing for too long and was ended",
    "signal": "did not end by itself",
    "lost": "was lost: its keeper died",
    "spawn failed": "could not be started",
    "": "ended for a reason that nobody knows",
}
"""How a run ended that did not end by itself."""


def classify(*, status: RunStatus, report: ExecutorReport, changes: Changes, listed_files: Sequence[str]) -> RunResult:
    """The class of a finished run: how it ended, what it says, what changed (R86-R89, D20).

    `listed_files` are the paths the prompt names: exact, `folder/`, or with wildcards. Changed files outside them are
    `undeclared`. The order of the tests is the order of trust: how the process ended outweighs what it wrote.
    """
    undeclared = tuple(f.path for f in changes.files if not _declared(f.path, listed_files))
    facts = _facts(status, report, changes)

    def conclude(outcome: Outcome, kind: str, *because: str) -> RunResult:
        return RunResult(
            outcome=outcome,
            kind=kind,
            because=tuple(b for b in (*because, *facts) if b),
            report=report,
            exit=status.exit,
            seconds=max((status.ended_at or 0) - (status.started_at or status.ended_at or 0), 0) / 1_000,
            undeclared=undeclared,
            survivors=status.survivors,
        )

    if status.stop != "exit":
        half_done = [f"half-done: {commit}" for commit in changes.commits]
        why = f"the run {_ENDED.get(status.stop or '', f'ended: {status.stop}')}"
        why += f": {status.detail}" if status.detail else ""
        kind = status.stop or "lost"
        return conclude(Outcome.FAILURE, kind, why, *half_done, report.blocker and f"it reported: {report.blocker}")
    if status.survivors:
        left = ", ".join(str(pid) for pid in status.survivors)
        return conclude(Outcome.FAILURE, "survivors", f"processes could not be stopped: {left}")
    if changes.history_rewritten:
        return conclude(Outcome.FAILURE, "history rewritten", "the branch no longer descends from its recorded base")
    stops = [d for d in report.deviations if d.rule == 4]
    if report.outcome == "rule4_blocker" or stops or report.blocker:
        named = report.blocker or next((d.what for d in stops), "") or "it names no decision"
        hidden = (
            "" if report.outcome == "rule4_blocker" else f"it calls itself {report.outcome or 'nothing'} all the same"
        )
        return conclude(
            Outcome.RULE4, "hidden blocker" if hidden else "blocker", f"a decision is needed: {named}", hidden
        )
    if status.exit != 0:
        if report.outcome in ("success", "partial"):
            return conclude(Outcome.FAILURE, "contradicts", f"it says {report.outcome}, but exit {status.exit}")
        return conclude(Outcome.FAILURE, "failed", f"exit {status.exit}")
    if report.outcome == "failure":
        return conclude(Outcome.FAILURE, "failed", "it says that it failed")
    if report.outcome == "":
        reason = report.problem or "it said nothing"
        if changes.empty:
            return conclude(Outcome.FAILURE, "no-op", reason, "nothing changed")
        return conclude(Outcome.PARTIAL, "unreported", reason)
    if report.outcome == "partial":
        if not report.summary.strip() and not report.deviations:
            return conclude(Outcome.PARTIAL, "no account given", "it says partial and nothing else")
        return conclude(Outcome.PARTIAL, "deviations" if report.deviations else "ok", "it says partial")
    return _success(conclude, report, changes, undeclared)


def _success(conclude: Any, report: ExecutorReport, changes: Changes, undeclared: tuple[str, ...]) -> RunResult:
    """A run that says success and ended with 0: what speaks against it."""
    result: RunResult
    if changes.empty and not report.no_changes_expected:
        result = conclude(Outcome.FAILURE, "nothing changed", "it says success, but nothing changed")
    elif report.deviations:
        rules = ", ".join(str(d.rule) for d in report.deviations)
        result = conclude(Outcome.PARTIAL, "deviations", f"deviations by rule {rules}")
    elif schema := [path for path in undeclared if _SCHEMA_PATHS.search(path)]:
        result = conclude(
            Outcome.PARTIAL, "possible rule 4", f"schema files the prompt did not list: {', '.join(schema)}"
        )
    elif undeclared:
        result = conclude(
            Outcome.PARTIAL, "edited unlisted files", f"files the prompt did not list: {', '.join(undeclared)}"
        )
    elif changes.problems:
        result = conclude(Outcome.PARTIAL, "workspace problems")
    else:
        result = conclude(Outcome.SUCCESS, "ok", "it says success, ended with 0 and changed what the prompt lists")
    return result


def _facts(status: RunStatus, report: ExecutorReport, changes: Changes) -> list[str]:
    count = len(changes.files)
    facts = [f"{count} file{'s' if count != 1 else ''} changed, {len(changes.commits)} commits"]
    facts += [f"workspace: {problem}" for problem in changes.problems]
    if report.problem and report.problem != NO_FILE:
        facts.append(f"report: {report.problem}")
    if any(d.tenant_isolation != "none" for d in report.deviations):
        facts.append("a deviation may touch tenant isolation")
    if status.redactions:
        facts.append(f"{status.redactions} secrets were redacted from its output")
    return facts


def with_verification(result: RunResult, checks: Sequence[Verification]) -> RunResult:
    """The result with our own run of the verification steps (R86).

    One that failed or timed out makes a SUCCESS a PARTIAL; one that did not run leaves it and is named.
    """
    bad = [c for c in checks if c.state in ("failed", "timeout")]
    because = [f"verification {c.state}: {c.command}" + (f" ({c.detail})" if c.detail else "") for c in bad]
    because += [f"not run: {c.command} ({c.detail})" for c in checks if c.state == "not run"]
    if not checks:
        because.append("no verification command was run")
    if bad and result.outcome is Outcome.SUCCESS:
        result = replace(result, outcome=Outcome.PARTIAL, kind="verification failed")
    return replace(
        result, verification=tuple(checks), because=(*because, *result.because) if bad else (*result.because, *because)
    )


def conclude(
    *,
    status: RunStatus,
    workspace: Path,
    output: str,
    changes: Changes,
    listed_files: Sequence[str],
    checks: Sequence[Verification],
) -> RunResult:
    """Read the report, from the output if there is no file, classify the run and add our verification."""
    report = read_report(workspace)
    if report.problem == NO_FILE:
        report = report_from_output(output) or report
    result = classify(status=status, report=report, changes=changes, listed_files=listed_files)
    return with_verification(result, checks)
