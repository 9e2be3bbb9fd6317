"""The local platform keeps the contract of `Platform`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stas_tui.platforms.base import (
    AlreadyClaimed,
    NotClaimable,
    NotFound,
    Platform,
    PlatformError,
    PlatformReader,
    TransitionRefused,
)
from stas_tui.platforms.local import LocalPlatform
from storage.clock import HOUR, ManualClock
from storage.records import Message, MessageType, Priority, Project, PullRequest, Task, TaskClass
from storage.schema_world import open_world
from storage.world import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def platform(tmp_path: Path, clock: ManualClock) -> Iterator[LocalPlatform]:
    with open_world(tmp_path / "platform.db") as store:
        world = World(store, clock)
        world.put_project(Project(id="shop", name="Shop"))
        yield LocalPlatform(world, "stas", clock)


def put(platform: LocalPlatform, id_: str = "T-1", **fields: object) -> Task:
    base = Task(id=id_, project_id="shop", title=id_)
    return platform.world.put_task(replace(base, **fields))  # type: ignore[arg-type]


def test_every_method_of_the_contract_has_its_signature(platform: LocalPlatform) -> None:
    typed: Platform = platform
    assert typed is platform
    names = {name for proto in (PlatformReader, Platform) for name in vars(proto) if not name.startswith("_")}
    assert len(names) > 20
    for name in names:
        assert inspect.signature(getattr(LocalPlatform, name)) == inspect.signature(getattr(Platform, name)), name


def test_an_agent_needs_a_name_and_a_column(platform: LocalPlatform) -> None:
    with pytest.raises(PlatformError, match="name"):
        LocalPlatform(platform.world, "  ", platform.clock)
    with pytest.raises(PlatformError, match="columns"):
        LocalPlatform(platform.world, "stas", platform.clock, columns=())


# reading -------------------------------------------------------------------------------------------


def test_what_is_missing_is_not_empty(platform: LocalPlatform) -> None:
    assert platform.tasks("shop") == []
    assert platform.vision("shop") is None
    assert platform.task_by_key("none") is None
    calls: list[Callable[[], object]] = [
        lambda: platform.tasks("nowhere"),
        lambda: platform.vision("nowhere"),
        lambda: platform.task("shop", "T-9"),
        lambda: platform.claim("shop", "T-9", "stas", "b"),
        lambda: platform.claim("nowhere", "T-1", "stas", "b"),
        lambda: platform.release("shop", "T-9", "stas"),
        lambda: platform.transition("shop", "T-9", "done"),
        lambda: platform.link_pr("shop", "T-9", 1),
        lambda: platform.create_task("nowhere", "x", "", Priority.P2, key="k"),
        lambda: platform.message("m"),
        lambda: platform.mark_read("m"),
        lambda: platform.acknowledge("m"),
        lambda: platform.reclassify("m", "info"),
        lambda: platform.confirm_memory("m", "human:sky"),
    ]
    put(platform)
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_projects_include_archived_ones(platform: LocalPlatform) -> None:
    platform.world.put_project(Project(id="old", name="Old", status="archived"))
    assert [project.status for project in platform.projects()] == ["archived", "active"]


# claims --------------------------------------------------------------------------------------------


def test_a_claim_assigns_and_does_not_move(platform: LocalPlatform) -> None:
    before = put(platform)
    claimed = platform.claim("shop", "T-1", "stas", "feat/T-1")
    assert claimed == replace(before, assignee="stas", branch="feat/T-1", version=2)
    assert platform.task("shop", "T-1") == claimed
    assert platform.claim("shop", "T-1", "stas", "another/branch") == claimed


def test_a_held_task_names_its_holder(platform: LocalPlatform) -> None:
    before = put(platform, assignee="chieko")
    with pytest.raises(AlreadyClaimed, match="chieko") as caught:
        platform.claim("shop", "T-1", "stas", "b")
    assert caught.value.owner == "chieko"
    assert platform.task("shop", "T-1") == before


@pytest.mark.parametrize("status", ["backlog", "ready", "in_progress", "done", "made_up"])
def test_other_columns_are_not_claimable(platform: LocalPlatform, status: str) -> None:
    before = put(platform, status=status)
    with pytest.raises(NotClaimable, match=status):
        platform.claim("shop", "T-1", "stas", "b")
    assert platform.task("shop", "T-1") == before


def test_own_columns_come_from_the_configuration(platform: LocalPlatform) -> None:
    other = LocalPlatform(platform.world, "stas", platform.clock, columns=("In Progress", "Ready"))
    put(platform, status="ready")
    assert other.claim("shop", "T-1", "stas", "b").assignee == "stas"
    assert other.create_task("shop", "x", "", Priority.P2, key="k").status == "in_progress"


def test_an_open_pull_request_is_named(platform: LocalPlatform) -> None:
    put(platform, pr_number=12, pr_open=True)
    with pytest.raises(NotClaimable, match="#12"):
        platform.claim("shop", "T-1", "stas", "b")
    put(platform, pr_number=12, pr_open=False)
    assert platform.claim("shop", "T-1", "stas", "b").assignee == "stas"


def test_releasing(platform: LocalPlatform) -> None:
    put(platform)
    platform.claim("shop", "T-1", "stas", "b")
    with pytest.raises(AlreadyClaimed, match="stas"):
        platform.release("shop", "T-1", "chieko")
    free = platform.release("shop", "T-1", "stas")
    assert (free.assignee, free.branch, free.version) == (None, None, 3)
    assert platform.release("shop", "T-1", "stas") == free
    assert platform.claim("shop", "T-1", "chieko", "b2").assignee == "chieko"


# the board -----------------------------------------------------------------------------------------


def test_forward_one_column_at_a_time_and_back_any(platform: LocalPlatform) -> None:
    put(platform, status="backlog")
    for status in ("Ready", "In Progress", "review", "done"):
        platform.transition("shop", "T-1", status)
    assert platform.task("shop", "T-1").version == 5
    put(platform, "T-2", status="review")
    assert platform.transition("shop", "T-2", "backlog").status == "backlog"


def test_what_the_board_refuses_lists_what_it_allows(platform: LocalPlatform) -> None:
    before = put(platform, status="backlog")
    with pytest.raises(TransitionRefused, match="allowed: ready") as caught:
        platform.transition("shop", "T-1", "done")
    assert (caught.value.current, caught.value.target, caught.value.allowed) == ("backlog", "done", ("ready",))
    assert platform.task("shop", "T-1") == before
    put(platform, "T-2", status="done")
    with pytest.raises(TransitionRefused, match="allowed: nothing"):
        platform.transition("shop", "T-2", "review")


def test_the_column_it_is_in_is_no_error(platform: LocalPlatform) -> None:
    before = put(platform, status="review")
    assert platform.transition("shop", "T-1", "Review") == before


def test_a_board_of_its_own(platform: LocalPlatform) -> None:
    strict = LocalPlatform(platform.world, "stas", platform.clock, allowed={"In Progress": ["QA"]})
    put(platform, status="in_progress")
    assert strict.transition("shop", "T-1", "qa").status == "qa"
    with pytest.raises(TransitionRefused):
        strict.transition("shop", "T-1", "review")


# making tasks --------------------------------------------------------------------------------------


def test_a_created_task_stands_in_the_agents_column(platform: LocalPlatform, clock: ManualClock) -> None:
    task = platform.create_task("shop", "infra: outage of checkout", "why", Priority.P0, key="k")
    assert (task.status, task.task_class, task.class_guessed) == ("review", TaskClass.INCIDENT, True)
    labelled = platform.create_task("shop", "infra: x", "", Priority.P2, key="k2", labels=("Deployment",))
    assert (labelled.task_class, labelled.class_guessed) == (TaskClass.DEPLOYMENT, False)
    clock.advance(HOUR)
    assert platform.create_task("shop", "infra: outage of checkout", "why", Priority.P0, key="k") == task
    assert platform.task_by_key("k") == task
    assert [found.id for found, _ in platform.similar_tasks("shop", "outage of the checkout")] == [task.id]


def test_a_pull_request_is_noted_with_its_state(platform: LocalPlatform) -> None:
    put(platform)
    linked = platform.link_pr("shop", "T-1", 1)
    assert (linked.pr_number, linked.pr_open, linked.version) == (1, True, 2)
    assert platform.link_pr("shop", "T-1", 1) == linked
    pr = PullRequest(number=0, project_id="shop", title="t", body="", base="m", head="h", head_sha="a")
    platform.world.add_pr(pr)
    platform.world.update_pr("shop", 1, state="closed")
    assert platform.task("shop", "T-1").pr_open is False
    assert platform.link_pr("shop", "T-1", 1).pr_open is False


# messages and memories -----------------------------------------------------------------------------


def test_messages_go_through_their_life(platform: LocalPlatform, clock: ManualClock) -> None:
    got = Message(id="m", type=MessageType.INFO, sender="finn", subject="s", body="b", at=clock.now())
    platform.world.deliver(got)
    platform.world.deliver(replace(got, id="theirs"), to="chieko")
    assert platform.inbox() == [got]
    assert platform.mark_read("m").read_at == clock.now()
    assert platform.reclassify("m", "handoff").type is MessageType.HANDOFF
    assert platform.acknowledge("m").acknowledged_at == clock.now()
    assert platform.inbox() == []
    assert platform.message("m").type is MessageType.HANDOFF
    with pytest.raises(NotFound):
        platform.acknowledge("theirs")


def test_sending_and_remembering(platform: LocalPlatform) -> None:
    sent = platform.send(to="finn", channel="agent", text="hello", key="k", category="handoff")
    assert platform.sent() == [sent]
    assert platform.sent_by_key("k") == sent
    finn = LocalPlatform(platform.world, "finn", platform.clock)
    assert [m.sender for m in finn.inbox()] == ["stas"]
    memory = platform.remember(
        "pattern",
        "Infra: x",
        "Change: …",
        shared=True,
        tags=("infrastructure", "deployment", "multi-tenant"),
        author="stas",
    )
    assert platform.find_memory("Infra: x", "Change: …") == memory
    assert (memory.shared, memory.tags) == (True, ("infrastructure", "deployment", "multi-tenant"))
    hidden = platform.remember("t", "rumour", "r", shared=False, tags=(), author="bridge", quarantined=True)
    assert platform.recall("rumour", 5) == []
    assert platform.confirm_memory(hidden.id, "human:sky").quarantined is False
    assert [m.id for m in platform.recall("rumour", 5)] == [hidden.id]
