"""What an executor said, and what is made of it (R86-R89, D17, D20)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from stas_tui.executors.result import NO_FILE, classify, conclude, read_report, report_from_output, with_verification
from storage.errors import StoreCorrupt
from storage.records import (
    Changes,
    Deviation,
    ExecutorReport,
    FileChange,
    Outcome,
    RunResult,
    RunState,
    RunStatus,
    Verification,
)
from storage.run_codec import run_result_from_json, run_result_to_json

SCHEMA = "stas.executor-result/1"
TOKEN = "ghp_" + "a1B2" * 9
FULL: dict[str, Any] = {
    "schema": SCHEMA,
    "outcome": "partial",
    "summary": "half of it",
    "deviations": [
        {"rule": 2, "what": "added a guard", "why": "it was missing", "files": ["a.py"], "tenantIsolation": "touched"}
    ],
    "verification": [{"cmd": "make test", "exit": 0, "note": "twice"}],
    "rollback": "revert",
    "followUps": [{"title": "more", "priority": "P2"}],
    "noChangesExpected": False,
}


def put(workspace: Path, content: str | bytes | dict[str, Any]) -> Path:
    (workspace / ".stas").mkdir(exist_ok=True)
    data = json.dumps(content) if isinstance(content, dict) else content
    (workspace / ".stas" / "result.json").write_bytes(data.encode() if isinstance(data, str) else data)
    return workspace


def test_a_whole_report(tmp_path: Path) -> None:
    assert read_report(put(tmp_path, FULL)) == ExecutorReport(
        outcome="partial",
        summary="half of it",
        deviations=(
            Deviation(rule=2, what="added a guard", why="it was missing", files=("a.py",), tenant_isolation="touched"),
        ),
        said_verification=("make test: exit 0 (twice)",),
        rollback="revert",
        follow_ups=(("more", "P2"),),
    )


def test_no_report(tmp_path: Path) -> None:
    assert read_report(tmp_path) == ExecutorReport(outcome="", problem=NO_FILE)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        ('{"schema": "other/1", "outcome": "success"}', "schema"),
        ('{"outcome": "success"}', "schema"),
        (f'{{"schema": "{SCHEMA}", "outcome": "fine"}}', "outcome"),
        (f'{{"schema": "{SCHEMA}", "outcome": 1}}', "outcome"),
        (f'{{"schema": "{SCHEMA}", "outcome": "success", "outcome": "failure"}}', "twice"),
        (f'{{"schema": "{SCHEMA}", "outcome": "success", "x": NaN}}', "number"),
        (f'{{"schema": "{SCHEMA}", "x": {"9" * 5000}}}', "not JSON"),
        ({**FULL, "summary": ["a"]}, "not a text"),
        ({**FULL, "deviations": {}}, "not a list"),
        ({**FULL, "deviations": ["x"]}, "not an object"),
        ({**FULL, "deviations": [{"rule": 5, "what": "x"}]}, "rule from 1 to 4"),
        ({**FULL, "deviations": [{"rule": True, "what": "x"}]}, "rule from 1 to 4"),
        ({**FULL, "blocker": 7}, "blocker"),
        ({**FULL, "followUps": [3]}, "not an object"),
        (" " * (256 * 1024 + 1), "larger than 256 KiB"),
    ],
)
def test_a_malformed_report_is_a_problem_and_quotes_nothing(tmp_path: Path, content: Any, problem: str) -> None:
    report = read_report(put(tmp_path, content))
    assert report.outcome == ""
    assert problem in report.problem
    assert report == ExecutorReport(outcome="", problem=report.problem)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = put(tmp_path / "real", FULL)
    for name in ("link", "folder-link", "pipe", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / ".stas").mkdir()
    (tmp_path / "link" / ".stas" / "result.json").symlink_to(real / ".stas" / "result.json")
    (tmp_path / "folder-link" / ".stas").symlink_to(real / ".stas")
    (tmp_path / "pipe" / ".stas").mkdir()
    os.mkfifo(tmp_path / "pipe" / ".stas" / "result.json")
    (tmp_path / "folder" / ".stas" / "result.json").mkdir(parents=True)
    begun = time.monotonic()
    for name in ("link", "folder-link", "pipe", "folder"):
        report = read_report(tmp_path / name)
        assert report.outcome == ""
        assert "not a" in report.problem
        assert report.problem != NO_FILE
    assert time.monotonic() - begun < 5


def test_texts_are_redacted(tmp_path: Path) -> None:
    report = read_report(put(tmp_path, {**FULL, "summary": f"used {TOKEN}", "rollback": TOKEN}))
    assert TOKEN not in repr(report)
    assert report.summary == "used ‹redacted:github-token›"


def test_a_report_in_the_output() -> None:
    block = "```json\n" + json.dumps(FULL, indent=1) + "\n```"
    found = report_from_output(f'said\n```json\n{{"schema": "x"}}\n```\nthen\n{block}\nbye\n')
    assert found is not None
    assert found.summary == "half of it"
    assert report_from_output(f"{block}\n```json\n{{}}\n```") is None
    assert report_from_output("no block") is None
    assert report_from_output("```json\n{broken\n```") is None


def status(stop: str = "exit", exit_code: int | None = 0, **more: Any) -> RunStatus:
    return RunStatus(
        run_id="r", state=RunState.FINISHED, started_at=1_000, ended_at=3_500, stop=stop, exit=exit_code, **more
    )


def changed(*paths: str, **more: Any) -> Changes:
    files = tuple(FileChange(path=p, status="M", insertions=1, deletions=0, size=1) for p in paths)
    values: dict[str, Any] = {"commits": (), "uncommitted": len(files), "patch": "", **more}
    return Changes(base_sha="a", head_sha="b", files=files, **values)


def says(outcome: str, **more: Any) -> ExecutorReport:
    return ExecutorReport(outcome=outcome, **{"summary": "done", **more})


RULE1 = (Deviation(rule=1, what="fixed"),)
RULE4 = (Deviation(rule=4, what="new table"),)
NOTHING = ExecutorReport(outcome="", problem=NO_FILE)
BROKEN = ExecutorReport(outcome="", problem="the result file is not JSON")
DONE = changed("a.py")
NONE = changed()


@pytest.mark.parametrize(
    ("how", "report", "changes", "outcome", "kind"),
    [
        (status("cancelled", None), says("success"), DONE, Outcome.FAILURE, "cancelled"),
        (status("timeout", None), says("success"), DONE, Outcome.FAILURE, "timeout"),
        (status("idle", None), says("rule4_blocker"), DONE, Outcome.FAILURE, "idle"),
        (status("signal", None), says("success"), DONE, Outcome.FAILURE, "signal"),
        (status("lost", None), NOTHING, NONE, Outcome.FAILURE, "lost"),
        (status("spawn failed", None), NOTHING, NONE, Outcome.FAILURE, "spawn failed"),
        (status("", None), says("success"), DONE, Outcome.FAILURE, "lost"),
        (status(survivors=(7,)), says("success"), DONE, Outcome.FAILURE, "survivors"),
        (status(), says("success"), changed("a.py", history_rewritten=True), Outcome.FAILURE, "history rewritten"),
        (status(), says("rule4_blocker", blocker="a table"), NONE, Outcome.RULE4, "blocker"),
        (status(exit_code=1), says("rule4_blocker"), DONE, Outcome.RULE4, "blocker"),
        (status(), says("success", deviations=RULE4), DONE, Outcome.RULE4, "hidden blocker"),
        (status(), says("success", blocker="Finn decides"), DONE, Outcome.RULE4, "hidden blocker"),
        (status(), says("partial", deviations=RULE1 + RULE4), DONE, Outcome.RULE4, "hidden blocker"),
        (status(exit_code=1), says("success"), DONE, Outcome.FAILURE, "contradicts"),
        (status(exit_code=1), says("partial"), DONE, Outcome.FAILURE, "contradicts"),
        (status(exit_code=2), NOTHING, DONE, Outcome.FAILURE, "failed"),
        (status(), says("failure"), DONE, Outcome.FAILURE, "failed"),
        (status(), says("success"), DONE, Outcome.SUCCESS, "ok"),
        (status(), says("success"), NONE, Outcome.FAILURE, "nothing changed"),
        (status(), says("success", no_changes_expected=True), NONE, Outcome.SUCCESS, "ok"),
        (status(), says("success", deviations=RULE1), DONE, Outcome.PARTIAL, "deviations"),
        (status(), says("success"), changed("a.py", "b.py"), Outcome.PARTIAL, "edited unlisted files"),
        (status(), says("success"), changed("a.py", "db/migrations/3.py"), Outcome.PARTIAL, "possible rule 4"),
        (status(), says("success"), changed("a.py", problems=("submodule",)), Outcome.PARTIAL, "workspace problems"),
        (status(), says("partial"), DONE, Outcome.PARTIAL, "ok"),
        (status(), says("partial", summary="", deviations=RULE1), NONE, Outcome.PARTIAL, "deviations"),
        (status(), says("partial", summary=" "), DONE, Outcome.PARTIAL, "no account given"),
        (status(), NOTHING, DONE, Outcome.PARTIAL, "unreported"),
        (status(), BROKEN, DONE, Outcome.PARTIAL, "unreported"),
        (status(), NOTHING, NONE, Outcome.FAILURE, "no-op"),
        (status(), BROKEN, NONE, Outcome.FAILURE, "no-op"),
    ],
)
def test_the_table(how: RunStatus, report: ExecutorReport, changes: Changes, outcome: Outcome, kind: str) -> None:
    result = classify(status=how, report=report, changes=changes, listed_files=["a.py"])
    assert (result.outcome, result.kind) == (outcome, kind)
    assert result.because
    assert all(result.because)
    assert result.seconds == 2.5
    assert result.report is report


@pytest.mark.parametrize("content", ["{}", {"schema": SCHEMA}])
def test_an_empty_result_counts_as_partial(tmp_path: Path, content: Any) -> None:
    result = classify(status=status(), report=read_report(put(tmp_path, content)), changes=NONE, listed_files=[])
    assert (result.outcome, result.kind) == (Outcome.PARTIAL, "no account given")


@pytest.mark.parametrize(
    "more",
    [
        {"blocked_by": "a new table"},
        {"blockedBy": ["a new table"]},
        {"blocker": {"decision": "a new table", "options": ["x"]}},
        {"blocker": {"recommendation": "a new table"}},
    ],
)
def test_a_success_with_a_hidden_blocker_is_rule_4(tmp_path: Path, more: dict[str, Any]) -> None:
    report = read_report(put(tmp_path, {"schema": SCHEMA, "outcome": "success", "summary": "all done", **more}))
    result = classify(status=status(), report=report, changes=DONE, listed_files=["a.py"])
    assert (result.outcome, result.kind) == (Outcome.RULE4, "hidden blocker")
    assert "a new table" in result.because[0]


def test_listed_files_may_be_folders_and_patterns() -> None:
    changes = changed("a/b.py", "docs/x.md", "c.yml", "d.py")
    result = classify(
        status=status(), report=says("success"), changes=changes, listed_files=["a/", "`docs/*.md`", "./c.yml"]
    )
    assert result.undeclared == ("d.py",)


def test_a_timeout_lists_what_is_half_done() -> None:
    result = classify(
        status=status("timeout", None, detail="ran longer than 5 s"),
        report=NOTHING,
        changes=changed("a.py", commits=("abc one", "def two")),
        listed_files=[],
    )
    assert result.because[:3] == (
        "the run took too long and was ended: ran longer than 5 s",
        "half-done: abc one",
        "half-done: def two",
    )


def good() -> RunResult:
    return classify(status=status(), report=says("success"), changes=DONE, listed_files=["a.py"])


@pytest.mark.parametrize(
    ("states", "outcome", "kind"),
    [
        (["passed", "passed"], Outcome.SUCCESS, "ok"),
        (["passed", "failed"], Outcome.PARTIAL, "verification failed"),
        (["timeout"], Outcome.PARTIAL, "verification failed"),
        (["not run"], Outcome.SUCCESS, "ok"),
        ([], Outcome.SUCCESS, "ok"),
    ],
)
def test_our_verification_decides(states: list[str], outcome: Outcome, kind: str) -> None:
    checks = [Verification(command=f"c{n}", state=s, detail="why") for n, s in enumerate(states)]
    result = with_verification(good(), checks)
    assert (result.outcome, result.kind) == (outcome, kind)
    assert result.verification == tuple(checks)
    for check in checks:
        assert (check.state == "passed") == (not any(check.command in b for b in result.because))
    assert states or "no verification command was run" in result.because


def test_verification_never_lifts_a_result() -> None:
    bad = classify(status=status(), report=says("success"), changes=NONE, listed_files=[])
    assert with_verification(bad, [Verification(command="c", state="passed")]).outcome is Outcome.FAILURE


def test_the_file_comes_before_the_output(tmp_path: Path) -> None:
    output = "```json\n" + json.dumps({**FULL, "outcome": "success", "deviations": []}) + "\n```\n"
    arguments: dict[str, Any] = {
        "status": status(),
        "output": output,
        "changes": DONE,
        "listed_files": ["a.py"],
        "checks": (),
    }
    assert conclude(workspace=tmp_path, **arguments).outcome is Outcome.SUCCESS
    put(tmp_path, "broken")
    assert conclude(workspace=tmp_path, **arguments).kind == "unreported"


def test_a_result_as_json_and_back(tmp_path: Path) -> None:
    report = read_report(put(tmp_path, {**FULL, "blocker": {"decision": "d", "options": ["a", "b"]}}))
    result = classify(status=status(survivors=(3, 4)), report=report, changes=changed("x.py"), listed_files=[])
    result = with_verification(result, [Verification(command="c", state="failed", exit=1, seconds=0.5, log="l")])
    assert run_result_from_json(json.loads(json.dumps(run_result_to_json(result)))) == result


@pytest.mark.parametrize(
    "damage", [{"outcome": "GREAT"}, {"report": None}, {"verification": [{"x": 1}]}, {"seconds": "long"}]
)
def test_a_damaged_result_is_named(damage: dict[str, Any]) -> None:
    with pytest.raises(StoreCorrupt, match="damaged"):
        run_result_from_json({**run_result_to_json(good()), **damage})
