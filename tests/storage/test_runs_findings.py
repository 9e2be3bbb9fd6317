from __future__ import annotations

from dataclasses import replace

import pytest

from storage.findings import Findings
from storage.journal import IllegalMove, NotKnown
from storage.records import (
    Deviation,
    Evidence,
    ExecutorReport,
    Finding,
    Outcome,
    Run,
    RunResult,
    RunState,
    Verification,
)
from storage.runs import Runs


@pytest.fixture
def runs(desk):
    return Runs(desk.store)


def run_of(desk, n: int = 1, **changes) -> Run:
    action = desk.ask(f"spawn-{n}")
    base = Run(
        id=f"r-{n}",
        pulse_id=desk.pulse.id,
        project_id="stas",
        task_id="T-1",
        action_id=action.id,
        attempt=n,
        prompt_sha256="ab" * 32,
        cause="" if n == 1 else "tests failed",
        program="fake",
        model="m",
        directory="runs/r-1",
        state=RunState.STARTING,
        started_at=desk.clock.now() + n,
    )
    return replace(base, **changes)


RESULT = RunResult(
    outcome=Outcome.RULE4,
    kind="ok",
    because=("exit 0", "it reported a blocker"),
    report=ExecutorReport(
        outcome="rule4_blocker",
        summary="s\x1b[31m \ud800",
        deviations=(Deviation(rule=1, what="w", files=("a.py", "b.py")),),
        blocker="needs a decision",
        options=("a", "b"),
        said_verification=("make test",),
        follow_ups=(("clean up", "P2"),),
    ),
    exit=0,
    seconds=12.5,
    verification=(Verification(command="make test", state="passed", exit=0, seconds=1.0),),
    undeclared=("x",),
    survivors=(41,),
)


def test_a_run_comes_back_as_it_was_stored(desk, runs) -> None:
    run = runs.add(run_of(desk))
    assert runs.get("r-1") == run == runs.by_action(run.action_id)
    assert runs.add(run) == run
    assert runs.by_action("a-none") is None
    with pytest.raises(NotKnown):
        runs.get("r-none")


def test_a_result_comes_back_with_all_its_parts(desk, runs) -> None:
    runs.add(run_of(desk))
    assert runs.set_result("r-1", RESULT).result == RESULT
    with pytest.raises(NotKnown):
        runs.set_result("r-none", RESULT)
    assert runs.add(run_of(desk, 2, result=RESULT)).result == RESULT


def test_runs_of_a_task_in_order_and_those_still_going(desk, runs) -> None:
    first, second = runs.add(run_of(desk, 1)), runs.add(run_of(desk, 2))
    other = runs.add(run_of(desk, 3, task_id="T-2", attempt=1))
    assert runs.of_task(desk.pulse.id, "T-1") == [first, second]
    assert runs.of_pulse(desk.pulse.id) == [first, second, other]
    ended = runs.update_state("r-1", RunState.FINISHED, ended_at=9)
    assert (ended.state, ended.ended_at) == (RunState.FINISHED, 9)
    assert runs.update_state("r-2", RunState.RUNNING).state is RunState.RUNNING
    assert [r.id for r in runs.unfinished()] == ["r-2", "r-3"]
    with pytest.raises(IllegalMove):
        runs.update_state("r-1", RunState.RUNNING)


def test_one_action_starts_one_run_and_an_attempt_is_made_once(desk, runs) -> None:
    run = runs.add(run_of(desk))
    with pytest.raises(IllegalMove, match="already started run r-1"):
        runs.add(replace(run, id="r-9", attempt=2))
    with pytest.raises(IllegalMove, match="already has attempt 1"):
        runs.add(run_of(desk, 2, attempt=1))


def finding(desk, n: int = 1, **changes) -> Finding:
    base = Finding(
        id=f"f-{n}",
        pulse_id=desk.pulse.id,
        check="disk",
        subject="host-1 \ud800",
        verdict="ok",
        reason="12 % used",
        evidence=(Evidence(kind="query", ref="q", text="12 \udfff", at=3, digest="d"),),
        at=n,
        expires_at=None,
    )
    return replace(base, **changes)


def test_findings_are_replaced_by_id_and_listed_by_check(desk) -> None:
    findings = Findings(desk.store)
    findings.put(finding(desk, 1))
    second = replace(finding(desk, 2), verdict="failed")
    findings.put(second)
    findings.put(finding(desk, 3, check="tls"))
    stored = findings.of_pulse(desk.pulse.id)
    assert [f.id for f in stored] == ["f-1", "f-2", "f-3"]
    assert stored[0].evidence == finding(desk).evidence
    assert [f.id for f in findings.of_pulse(desk.pulse.id, "tls")] == ["f-3"]
    assert findings.latest("disk", "host-1 \ud800").verdict == "failed"
    findings.put(replace(second, verdict="degraded", evidence=()))
    assert findings.latest("disk", "host-1 \ud800") == replace(
        second, verdict="degraded", evidence=(), subject="host-1 \ufffd"
    )
    assert findings.latest("disk", "host-2") is None
