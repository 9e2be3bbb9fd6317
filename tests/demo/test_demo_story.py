from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from demo_repositories import NOW, SEED

import stas_tui.demo
from stas_tui.demo.repository import OWN_BRANCH, REVIEW_BRANCH, DemoRepository, service_files
from stas_tui.demo.story import Story, story
from stas_tui.platforms.order import work_order
from storage.clock import DAY, HOUR, MINUTE
from storage.records import MessageType, TaskClass, Trust
from storage.redact import scan

HERE = Path(stas_tui.demo.__file__).parent


@pytest.fixture
def tale() -> Story:
    return story(seed=SEED, now=NOW)


def test_the_same_seed_and_time_give_the_same_story(tale: Story) -> None:
    assert story(seed=SEED, now=NOW) == tale
    other = story(seed=SEED + 1, now=NOW)
    assert other != tale
    assert [message.id for message in other.messages] == [message.id for message in tale.messages]


def test_the_queue_offers_the_task_that_succeeds_first(tale: Story) -> None:
    order = work_order(tale.tasks, columns=("Review",), agent=tale.agent, now=NOW)
    assert [ranked.task.id for ranked in order.ready] == ["T-301", "T-302", "T-304", "T-303", "T-305"]
    assert order.ready[0].task.task_class is TaskClass.INCIDENT
    assert {task.id for task, _ in order.waiting} == {"T-306", "T-307", "T-308"}


def test_everything_that_is_named_exists(tale: Story) -> None:
    tasks = {task.id for task in tale.tasks}
    projects = {project.id for project in tale.projects}
    numbers = {pr.number for pr in tale.pull_requests}
    people = {person.id for person in tale.people}
    for message in tale.messages:
        assert message.project_id in projects
        assert message.task_id is None or message.task_id in tasks
        assert message.pr_number is None or message.pr_number in numbers
        assert (message.sender in people) == (message.trust is Trust.KNOWN)
        assert set(re.findall(r"T-\d+", message.body)) <= tasks
    for task in tale.tasks:
        assert task.project_id in projects
        assert set(task.blocked_by) <= tasks
        assert task.pr_number is None or task.pr_number in numbers
        assert task.assignee is None or task.assignee in people
    for pr in tale.pull_requests:
        assert pr.task_id is None or pr.task_id in tasks
    for records in (tale.tasks, tale.messages, tale.memories, tale.people):
        assert len({record.id for record in records}) == len(records)


def test_pull_requests_carry_the_heads_of_their_branches(repository: DemoRepository) -> None:
    prs = story(seed=SEED, now=NOW, heads=repository.heads).pull_requests
    assert {pr.head: pr.head_sha for pr in prs} == {
        branch: repository.heads[branch] for branch in (OWN_BRANCH, REVIEW_BRANCH)
    }


def test_the_inbox_has_every_kind_and_a_trap(tale: Story) -> None:
    kinds = [message.type for message in tale.messages]
    assert [kinds.count(kind) for kind in (MessageType.URGENT, MessageType.INFO)] == [2, 3]
    assert {MessageType.HELP_REQUEST, MessageType.HANDOFF, MessageType.REVIEW_REQUEST} <= set(kinds)
    ages = [NOW - message.at for message in tale.messages]
    assert ages == sorted(ages)
    assert 6 * MINUTE <= ages[0] < 7 * MINUTE
    assert ages[-1] < 5 * HOUR + MINUTE
    (trap,) = [message for message in tale.messages if message.trust is Trust.EXTERNAL]
    for hidden in ("\u200b", "\u202e", "\x1b["):
        assert hidden in trap.body
    assert "target main" in trap.body


def test_the_handoff_lacks_a_way_back_and_nothing_else(tale: Story) -> None:
    (handoff,) = [message for message in tale.messages if message.type is MessageType.HANDOFF]
    for word in ("What:", "Task:", "PR:", "Acceptance:"):
        assert word in handoff.body
    assert "roll" not in handoff.body.lower()


def test_memories_know_one_deployment_less_than_the_repository(tale: Story) -> None:
    fresh = [memory for memory in tale.memories if memory.type == "deployment" and NOW - memory.at < DAY]
    assert len(fresh) == 2
    incidents = [memory for memory in tale.memories if memory.type == "incident"]
    assert all("What broke:" in memory.text and "Fix:" in memory.text for memory in incidents)
    assert sum("Cause:" not in memory.text for memory in incidents) == 1
    assert [memory.id for memory in tale.memories if memory.quarantined] == ["mem-14"]
    assert len(tale.memories) >= 12


def test_the_vision_has_the_headings_that_gates_quote(tale: Story) -> None:
    (vision,) = tale.visions
    for heading in ("## Deployment strategy", "## Scale", "## Architecture", "## Tenants"):
        assert heading in vision.text
    assert "no downtime" in vision.text.lower()
    assert vision.sha256 == hashlib.sha256(vision.text.encode()).hexdigest()
    for tenant in tale.tenants:
        assert tenant in vision.text


def test_tenants_are_those_of_the_service(tale: Story) -> None:
    assert f"LEDGER_TENANTS: {','.join(tale.tenants)}\n" in service_files()["docker-compose.yml"].decode()


def test_nothing_looks_like_a_secret(tale: Story) -> None:
    texts = {str(path.relative_to(HERE)): path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert len(texts) > 50
    for name, path in texts.items():
        assert scan(path.read_text(encoding="utf-8"), name) == []
    assert scan(repr(tale), "story") == []
