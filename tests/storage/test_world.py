"""Projects, visions, tasks, messages, pull requests and workspaces of the world database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.clock import HOUR, ManualClock
from storage.errors import SchemaTooNew
from storage.records import (
    Message,
    MessageType,
    Priority,
    Project,
    PullRequest,
    Task,
    TaskClass,
    Trust,
    Workspace,
)
from storage.schema_world import MIGRATIONS, open_world
from storage.world import Answer, World, WorldError, clean

HOSTILE = "\x1b[2J\x00\u202eevil\u2066 [bold red]x[/] \ud800 \r\n '; drop table tasks; --"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    with open_world(tmp_path / "platform.db") as store:
        world = World(store, clock)
        world.put_project(Project(id="shop", name="Shop", role="sre"))
        yield world


def message(id_: str, **fields: Any) -> Message:
    base: dict[str, Any] = {"type": MessageType.INFO, "sender": "yukihiro", "subject": "s", "body": "b", "at": 1}
    return Message(id=id_, **(base | fields))


def pull(head: str, **fields: Any) -> PullRequest:
    base: dict[str, Any] = {"number": 0, "title": "t", "body": "b", "base": "multi-tenant", "head_sha": "a" * 40}
    return PullRequest(project_id="shop", head=head, **(base | fields))


# the file ------------------------------------------------------------------------------------------


def test_the_file_opens_again_with_its_content_and_only_for_its_owner(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "deep" / "platform.db"
    with open_world(path) as store:
        World(store, clock).put_project(Project(id="a", name="A"))
    with open_world(path) as store:
        assert World(store, clock).projects() == [Project(id="a", name="A")]
    assert path.stat().st_mode & 0o077 == 0


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "platform.db"
    conn = sqlite3.connect(path)
    conn.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    conn.close()
    with pytest.raises(SchemaTooNew):
        open_world(path)


# projects and visions ------------------------------------------------------------------------------


def test_an_archived_project_stays_listed(world: World) -> None:
    world.put_project(Project(id="old", name="Old"))
    assert world.archive_project("old").status == "archived"
    assert [(p.id, p.status) for p in world.projects()] == [("old", "archived"), ("shop", "active")]
    with pytest.raises(WorldError, match="nowhere"):
        world.archive_project("nowhere")


def test_a_vision_keeps_its_time_until_its_text_changes(world: World, clock: ManualClock) -> None:
    assert world.vision("shop") is None
    first = world.set_vision("shop", "No downtime.")
    assert first.sha256 == hashlib.sha256(b"No downtime.").hexdigest()
    clock.advance(HOUR)
    assert world.set_vision("shop", "No downtime.") == first
    second = world.set_vision("shop", "No downtime, ever.")
    assert second.updated_at == clock.now()
    assert world.vision("shop") == second
    with pytest.raises(WorldError):
        world.set_vision("nowhere", "x")


# tasks ---------------------------------------------------------------------------------------------


def test_a_task_comes_back_as_it_was_put(world: World) -> None:
    task = Task(
        id="T-31",
        project_id="shop",
        title="infra: rotate",
        description="why",
        status="review",
        priority=Priority.P1,
        task_class=TaskClass.DEPLOYMENT,
        class_guessed=False,
        assignee="stas",
        branch="feat/T-31",
        pr_number=4,
        pr_open=True,
        acceptance=("a", "b"),
        labels=("x",),
        blocked_by=("T-3",),
        deadline=9,
        created_at=5,
        version=7,
        created_key="k",
    )
    assert world.put_task(task) == task
    assert world.task("shop", "T-31") == task
    assert world.task_by_key("k") == task
    assert world.task("other", "T-31") is None


def test_done_tasks_are_not_listed_and_columns_have_one_spelling(world: World) -> None:
    world.put_task(Task(id="T-1", project_id="shop", title="a", status="Done", created_at=1))
    world.put_task(Task(id="T-2", project_id="shop", title="b", status="In Progress", created_at=3))
    world.put_task(Task(id="T-3", project_id="shop", title="c", status="Quality Gate", created_at=2))
    assert [(t.id, t.status) for t in world.tasks("shop")] == [("T-3", "quality_gate"), ("T-2", "in_progress")]


def test_a_task_of_no_project_or_of_two_is_refused(world: World) -> None:
    world.put_project(Project(id="two", name="Two"))
    world.put_task(Task(id="T-1", project_id="shop", title="a"))
    with pytest.raises(WorldError, match="no project"):
        world.put_task(Task(id="T-2", project_id="nowhere", title="a"))
    with pytest.raises(WorldError, match="shop already"):
        world.put_task(Task(id="T-1", project_id="two", title="a"))
    assert world.tasks("two") == []


def test_a_task_is_created_once_for_each_key(world: World, clock: ManualClock) -> None:
    world.put_task(Task(id="T-41", project_id="shop", title="a"))
    world.put_task(Task(id="T-9999999999999999999999", project_id="shop", title="hostile"))
    first = world.create_task("shop", "infra: x", "d", Priority.P2, key="k1", labels=("infra",))
    assert (first.id, first.created_at, first.labels) == ("T-42", clock.now(), ("infra",))
    assert world.create_task("shop", "another title", "", Priority.P0, key="k1") == first
    assert world.create_task("shop", "infra: x", "d", Priority.P2, key="k2").id == "T-43"
    with pytest.raises(WorldError, match="client key"):
        world.create_task("shop", "x", "", Priority.P2, key="")
    with pytest.raises(WorldError, match="no project"):
        world.create_task("nowhere", "x", "", Priority.P2, key="k3")


def test_similar_tasks_are_open_ones_of_the_project_best_first(world: World) -> None:
    world.put_project(Project(id="two", name="Two"))
    for id_, project, title, status in (
        ("T-1", "shop", "infra: Rotate the database credentials", "review"),
        ("T-2", "shop", "infra: rotate database credentials of tenants", "backlog"),
        ("T-3", "shop", "rotate database credential", "done"),
        ("T-4", "two", "rotate database credentials", "review"),
        ("T-5", "shop", "Paint the login page blue", "review"),
        ("T-6", "shop", HOSTILE, "review"),
    ):
        world.put_task(Task(id=id_, project_id=project, title=title, status=status))
    found = world.similar_tasks("shop", "infra: rotate database credential")
    assert [task.id for task, _ in found] == ["T-1", "T-2"]
    assert found[0][1] == 1.0
    assert 0.35 <= found[1][1] < 1.0
    assert len(world.similar_tasks("shop", "infra: rotate database credential", limit=1)) == 1
    assert world.similar_tasks("shop", "") == []
    assert world.similar_tasks("shop", "!!!") == []


def test_moving_by_table(world: World) -> None:
    world.put_task(Task(id="T-1", project_id="shop", title="a", status="review"))
    assert world.move("shop", "T-1", "done", {"review": ("ready",)}).answer is Answer.WRONG_STATUS
    moved = world.move("shop", "T-1", "Ready", {"review": ("ready",)})
    assert (moved.answer, moved.task and (moved.task.status, moved.task.version)) == (Answer.CHANGED, ("ready", 2))
    assert world.move("shop", "T-1", "ready", {}).answer is Answer.ALREADY
    assert world.move("shop", "T-9", "ready", {}).answer is Answer.MISSING


# messages ------------------------------------------------------------------------------------------


def test_a_message_is_delivered_once(world: World) -> None:
    first = world.deliver(message("m1", trust=Trust.KNOWN, task_id="T-1", pr_number=3, project_id="shop"))
    again = world.deliver(message("m1", subject="changed"))
    assert again == first
    assert world.inbox("stas") == [first]


def test_the_inbox_is_newest_first_without_acknowledged_ones(world: World, clock: ManualClock) -> None:
    for id_, at in (("a", 5), ("b", 9), ("c", 5), ("d", 1)):
        world.deliver(message(id_, at=at))
    assert [m.id for m in world.inbox("stas")] == ["b", "c", "a", "d"]
    assert [m.id for m in world.inbox("stas", 2)] == ["b", "c"]
    assert world.inbox("stas", -1) == []
    seen = world.mark_read("c", "stas")
    assert seen is not None and seen.read_at == clock.now()
    gone = world.acknowledge("b", "stas")
    assert gone is not None and gone.acknowledged_at == gone.read_at == clock.now()
    clock.advance(HOUR)
    assert world.acknowledge("b", "stas") == gone
    assert [m.id for m in world.inbox("stas")] == ["c", "a", "d"]
    assert world.deliver(message("b")) == gone, "a repeated delivery must not bring it back"
    assert world.message("b", "stas") == gone
    assert world.acknowledge("nothing", "stas") is None


def test_an_unknown_type_is_kept_and_can_be_reclassified(world: World) -> None:
    wrong: Any = "page_the_ceo"
    got = world.deliver(message("m1", type=wrong))
    assert (got.type, got.raw_type) == (MessageType.UNKNOWN, "page_the_ceo")
    urgent = world.reclassify("m1", "urgent", "stas")
    assert urgent is not None
    assert (urgent.type, urgent.raw_type) == (MessageType.URGENT, "page_the_ceo")
    assert world.message("m1", "stas") == urgent
    odd = world.reclassify("m1", "odd", "stas")
    assert odd is not None and (odd.type, odd.raw_type) == (MessageType.UNKNOWN, "odd")
    assert world.reclassify("nothing", "info", "stas") is None


def test_a_message_to_another_agent_lands_there_and_is_seen(world: World) -> None:
    sent = world.send(sender="stas", to="finn", channel="agent", text="need a yes\nplease", key="k", urgent=True)
    assert world.send(sender="stas", to="finn", channel="agent", text="other", key="k") == sent
    assert world.inbox("stas") == []
    (arrived,) = world.inbox("finn")
    assert (arrived.sender, arrived.subject, arrived.type) == ("stas", "need a yes", MessageType.URGENT)
    assert world.message(arrived.id, "stas") is None
    world.mark_read(arrived.id, "finn")
    seen = world.sent_by_key("k")
    assert seen is not None and seen == replace(sent, state="seen")
    assert world.sent() == [seen]
    assert world.sent(0) == []


def test_slack_waits_in_the_outbox(world: World) -> None:
    world.send(sender="stas", to="sky", channel="slack", text="x", key="k", state="not configured")
    assert world.inbox("sky") == []
    changed = world.set_sent_state("k", "sent")
    assert changed is not None and changed.state == "sent"
    assert world.set_sent_state("none", "sent") is None
    assert world.sent_by_key("none") is None
    with pytest.raises(WorldError, match="key"):
        world.send(sender="stas", to="sky", channel="slack", text="x", key="")


# pull requests and workspaces ----------------------------------------------------------------------


def test_pull_requests_are_numbered_for_each_project(world: World) -> None:
    first = world.add_pr(pull("feat/a", mergeable=True, conflicts=("x.py",), task_id="T-1"))
    second = world.add_pr(pull("feat/b"))
    elsewhere = world.add_pr(replace(pull("feat/a"), project_id="two"))
    assert (first.number, second.number, elsewhere.number) == (1, 2, 1)
    assert (first.mergeable, second.mergeable, first.conflicts) == (True, None, ("x.py",))
    assert world.add_pr(pull("feat/a", title="again")) == first
    assert world.open_prs("shop") == [second, first]
    assert world.get_pr("shop", 2) == second
    assert world.get_pr("shop", 99) is None
    assert world.open_pr_of("shop", "feat/a") == first
    assert world.open_pr_of("shop", "feat/z") is None


def test_a_merged_pull_request_frees_its_head_and_its_task(world: World) -> None:
    first = world.add_pr(pull("feat/a"))
    world.put_task(Task(id="T-1", project_id="shop", title="a", pr_number=1, pr_open=True))
    merged = world.update_pr("shop", 1, state="merged", merged_at=5, merge_sha="b" * 40)
    assert merged == replace(first, state="merged", merged_at=5, merge_sha="b" * 40)
    task = world.task("shop", "T-1")
    assert task is not None and (task.pr_open, task.pr_number, task.version) == (False, 1, 2)
    second = world.add_pr(pull("feat/a"))
    assert second.number == 2
    assert world.all_prs("shop") == [second, merged]
    with pytest.raises(WorldError, match="#2"):
        world.update_pr("shop", 1, state="open")
    assert world.get_pr("shop", 1) == merged
    with pytest.raises(WorldError, match="#9"):
        world.update_pr("shop", 9, title="x")
    with pytest.raises(TypeError, match="colour"):
        world.update_pr("shop", 1, colour="red")


def test_a_workspace_is_kept_for_each_task(world: World) -> None:
    one = Workspace(
        project_id="shop", task_id="T-1", path="/w/1", branch="feat/T-1", base="multi-tenant", base_sha="a" * 40
    )
    assert world.get_workspace("T-1") is None
    assert world.put_workspace(one) == one
    moved = replace(one, path="/w/2")
    assert world.put_workspace(moved) == moved
    assert world.workspaces() == [moved]
    world.drop_workspace("T-1")
    world.drop_workspace("T-1")
    assert world.workspaces() == []


# hostile text --------------------------------------------------------------------------------------


def test_hostile_text_comes_back_and_finds_itself(world: World) -> None:
    kept = clean(HOSTILE)
    assert kept == HOSTILE.replace("\ud800", "\\ud800")
    world.put_project(Project(id=HOSTILE, name=HOSTILE))
    assert world.project(HOSTILE) == Project(id=kept, name=kept)
    world.put_task(Task(id=HOSTILE, project_id=HOSTILE, title=HOSTILE, labels=(HOSTILE,), created_key=HOSTILE))
    task = world.task(HOSTILE, HOSTILE)
    assert task is not None and (task.title, task.labels) == (kept, (kept,))
    assert world.task_by_key(HOSTILE) == task
    claimed = world.claim(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    assert claimed.answer is Answer.CHANGED
    assert world.claim(HOSTILE, HOSTILE, HOSTILE, HOSTILE).answer is Answer.ALREADY
    stored = world.deliver(message(HOSTILE, subject=HOSTILE, body=HOSTILE * 10_000))
    assert world.message(HOSTILE, "stas") == stored
    assert stored.body == kept * 10_000
    world.set_vision("shop", HOSTILE)
    vision = world.vision("shop")
    assert vision is not None and vision.text == kept
    assert world.add_pr(pull(HOSTILE)) == world.open_pr_of("shop", HOSTILE)


def test_numbers_beyond_64_bits_are_held_at_the_edge(world: World) -> None:
    task = world.put_task(Task(id="T-1", project_id="shop", title="a", deadline=10**30, created_at=-(10**30)))
    assert (task.deadline, task.created_at) == (2**63 - 1, -(2**63))
    assert world.link_pr("shop", "T-1", 10**30).answer is Answer.CHANGED
    assert world.get_pr("shop", 10**30) is None
    assert world.inbox("stas", 10**30) == []
    assert world.sent(10**30) == []
    assert world.memories(10**30) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.text(alphabet=st.characters(), max_size=200), id_=st.text(alphabet=st.characters(), min_size=1))
def test_any_text_is_stored_under_one_rule(world: World, body: str, id_: str) -> None:
    with world.store.write() as conn:
        conn.execute("delete from messages")
    got = world.deliver(message(id_, body=body))
    assert (got.id, got.body) == (clean(id_), clean(body))
    assert world.message(id_, "stas") == got
    assert clean(got.body) == got.body


def test_the_inbox_pages_in_the_order_of_the_routine(world: World) -> None:
    """The list reads ids in order and messages by page; the order is the one that the texts floor proves."""
    from stas_tui.texts.inbox import triage_order
    from storage.records import Message, MessageType, Trust

    kinds = list(MessageType)
    messages = [
        Message(
            id=f"m{n:02d}",
            type=kinds[n % 6],
            sender="qa",
            subject=f"subject {n}",
            body="body",
            at=1_000 + n * 7 % 40,
            trust=Trust.KNOWN if n % 3 else Trust.EXTERNAL,
        )
        for n in range(40)
    ]
    for message in messages:
        world.deliver(message)
    assert world.inbox_order("Stas") == [m.id for m in triage_order(messages)]
    assert world.inbox_count("Stas") == 40
    assert world.inbox_order("Stas", "SUBJECT 7") == ["m07"]
    assert {m.id for m in world.messages_of(["m03", "m09", "nobody"], "Stas")} == {"m03", "m09"}
