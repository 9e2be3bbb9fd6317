from __future__ import annotations

import re
from dataclasses import replace

import pytest
from demo_repositories import NOW, SEED

from stas_tui.demo.agent import ScriptedAgent
from stas_tui.demo.briefs import BRIEFS
from stas_tui.demo.repository import service_files
from stas_tui.demo.story import story
from stas_tui.texts.memory_note import lint_memory
from stas_tui.texts.pr_body import lint_pr
from stas_tui.texts.prompt_lint import deploy_like, lint_prompt

STORY = story(seed=SEED, now=NOW)
TASKS = {task.id: task for task in STORY.tasks}
FILES = service_files()
ALERTS = set(re.findall(r"- alert: (\w+)", FILES["monitoring/alerts.yml"].decode()))


@pytest.fixture
def agent() -> ScriptedAgent:
    return ScriptedAgent(SEED)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("task_id", sorted(BRIEFS))
def test_a_prompt_passes_every_row(agent: ScriptedAgent, task_id: str, attempt: int) -> None:
    task, (vision,) = TASKS[task_id], STORY.visions
    text = agent.prompt_for("the draft", task, attempt)
    report = lint_prompt(
        text,
        paths=frozenset(FILES),
        vision=vision,
        vision_sha_used=vision.sha256,
        deploy_like=deploy_like(task, text),
        read_file=FILES.get,
    )
    assert (report.filled, report.total) == (14, 14)
    assert not report.locked
    assert report.reasons == report.denies == report.conflicts == report.manual_steps == ()
    assert {state.state for state in (*report.sections, *report.checks)} == {"filled"}
    assert all(there for _, there in report.files_to_read)
    for path, what, there in report.files_to_change:
        assert what.startswith("exists; " if there else "new; "), path
    assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("task_id", sorted(BRIEFS))
def test_alerts_and_panels_exist(agent: ScriptedAgent, task_id: str) -> None:
    brief = BRIEFS[task_id]
    assert set(brief.alerts) <= ALERTS
    assert set(re.findall(r"`(Ledger\w+)`", agent.prompt_for("", TASKS[task_id]))) <= ALERTS
    for panel in brief.panels:
        assert f'"title": "{panel}"' in FILES["monitoring/dashboard.json"].decode()


@pytest.mark.parametrize("task_id", sorted(BRIEFS))
def test_pull_request_and_memory_are_complete(agent: ScriptedAgent, task_id: str) -> None:
    task = TASKS[task_id]
    facts = {"files": ["a.py", "b.py"], "head_sha": "0123456789abcdef", "verification": [["make test", "passed"]]}
    title, body = agent.pr_for(task, facts)
    assert title.startswith("infra: ")
    assert lint_pr(title, body).reasons == ()
    assert "- Files: a.py, b.py\n" in body
    assert "- Head: 0123456789ab\n" in body
    assert "- Verified by Stas: make test: passed\n" in body
    assert lint_pr(*agent.pr_for(task, {})).reasons == ()
    assert lint_memory(*agent.memory_for(task)) == []


def test_another_attempt_is_another_prompt(agent: ScriptedAgent) -> None:
    for task_id in BRIEFS:
        first, second = (agent.prompt_for("", TASKS[task_id], attempt) for attempt in (1, 2))
        cause, change = agent.cause_for(TASKS[task_id], 1)
        assert cause
        assert change not in first
        assert f"Changed after attempt 1: {change}" in second
    assert agent.cause_for(TASKS["T-304"], 2)[0].startswith("Attempt 2 failed as well")


def test_follow_ups_are_infrastructure_with_a_priority(agent: ScriptedAgent) -> None:
    found = [row for task_id in BRIEFS for row in agent.follow_ups_for(TASKS[task_id])]
    assert len(found) >= 3
    for title, description, priority in found:
        assert title.startswith("infra: ")
        assert description
        assert priority in {"P0", "P1", "P2", "P3"}


def test_the_alignment_speaks_of_the_vision(agent: ScriptedAgent) -> None:
    assert all("vision" in agent.alignment(TASKS[task_id]) for task_id in BRIEFS)


def test_a_task_outside_the_script_keeps_its_draft(agent: ScriptedAgent) -> None:
    task = replace(TASKS["T-308"], id="T-400", title="infra: Something new")
    assert not agent.knows(task)
    assert agent.prompt_for("the {draft}", task) == "the {draft}"
    assert agent.pr_for(task, {})[0] == "infra: something new"
    assert agent.follow_ups_for(task) == []
    assert "no script" in agent.alignment(task)
    assert "outside the demo's script" in agent.cause_for(task, 1)[0]


VERDICTS = ["ok", "approved", "edited", "rejected", "deferred", "expired", "refused", "locked", "stale", "failed"]


@pytest.mark.parametrize("verdict", [*VERDICTS, "withdrawn", "conflict"])
def test_the_agent_names_the_reason_back(verdict: str) -> None:
    said = set()
    for seed in range(8):
        agent = ScriptedAgent(seed)
        answer = agent.heard(verdict, "the limit is\n too {low} for acme")
        assert "the limit is too {low} for acme" in answer
        assert answer == ScriptedAgent(seed).heard(verdict, "the limit is\n too {low} for acme")
        assert agent.heard(verdict, "")
        assert "«»" not in agent.heard(verdict, "")
        said.add(answer)
    assert len(said) == (1 if verdict == "conflict" else 2)


def test_a_long_reason_is_cut(agent: ScriptedAgent) -> None:
    assert len(agent.heard("rejected", "x" * 1_000_000)) < 500


def test_the_health_page_can_be_elsewhere() -> None:
    agent = ScriptedAgent(SEED, health_url="http://127.0.0.1:9/health")
    assert "- curl -fsS http://127.0.0.1:9/health (" in agent.prompt_for("", TASKS["T-301"])
