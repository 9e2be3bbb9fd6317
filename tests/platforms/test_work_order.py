"""The order of work: total, stable, explained (R28-R35, D4, D8, D9)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stas_tui.platforms.order import Queue, column_label, guess_class, order_key, work_order
from storage.clock import DAY, HOUR, MINUTE, ManualClock
from storage.records import Priority, Task, TaskClass

NOW = ManualClock().now()


def task(id_: str, **fields: Any) -> Task:
    return replace(Task(id=id_, project_id="shop", title=id_, priority=Priority.P2, created_at=NOW - DAY), **fields)


def order(*tasks: Task, columns: tuple[str, ...] = ("Review",)) -> Queue:
    return work_order(tasks, columns=columns, agent="stas", now=NOW)


def ids(queue: Queue) -> list[str]:
    return [ranked.task.id for ranked in queue.ready]


TASKS = st.builds(
    task,
    st.one_of(st.sampled_from(["T-1", "T-2", "T-9", "T-10", "T-010", "10", "", "a1b", "²"]), st.text(max_size=6)),
    project_id=st.sampled_from(["shop", "two"]),
    priority=st.sampled_from([None, *Priority]),
    task_class=st.sampled_from(TaskClass),
    status=st.sampled_from(["review", "Review", "ready", "done", "odd column"]),
    assignee=st.sampled_from([None, "", "stas", "chieko"]),
    deadline=st.sampled_from([None, NOW, NOW + HOUR, 0]),
    created_at=st.sampled_from([0, NOW - DAY, NOW, NOW + 1]),
    pr_open=st.booleans(),
    pr_number=st.sampled_from([None, 3]),
    blocked_by=st.sampled_from([(), ("T-1",), ("T-2", "T-9"), ("nothing",)]),
    version=st.integers(1, 3),
)


# properties ----------------------------------------------------------------------------------------


@given(tasks=st.lists(TASKS, max_size=14), seed=st.integers())
def test_the_order_does_not_depend_on_the_input(tasks: list[Task], seed: int) -> None:
    shuffled = list(tasks)
    random.Random(seed).shuffle(shuffled)
    assert order(*tasks) == order(*shuffled) == order(*tasks, *shuffled)


@given(tasks=st.lists(TASKS, max_size=14, unique_by=lambda one: (one.project_id, one.id)))
def test_every_open_task_has_exactly_one_place_and_a_reason(tasks: list[Task]) -> None:
    queue = order(*tasks)
    placed = [ranked.task for ranked in queue.ready] + [one for one, _ in queue.waiting] + list(queue.elsewhere)
    assert sorted(map(repr, placed)) == sorted(repr(one) for one in tasks if one.status != "done")
    assert [ranked.position for ranked in queue.ready] == list(range(1, len(queue.ready) + 1))
    assert all(ranked.why for ranked in queue.ready)
    assert all(reason for _, reason in queue.waiting)


@given(one=TASKS, two=TASKS, three=TASKS)
def test_the_key_is_a_total_order(one: Task, two: Task, three: Task) -> None:
    a, b, c = order_key(one), order_key(two), order_key(three)
    assert (a < b) + (b < a) + (a == b) == 1
    if a == b:
        assert (one.project_id, one.id) == (two.project_id, two.id)
    if a < b < c:
        assert a < c


@given(tasks=st.lists(TASKS, max_size=14))
def test_ready_is_what_can_be_claimed(tasks: list[Task]) -> None:
    for ranked in order(*tasks).ready:
        one = ranked.task
        assert one.status.lower() == "review"
        assert not one.pr_open
        assert one.assignee in (None, "", "stas")


# the parts of the key ------------------------------------------------------------------------------


def test_each_part_decides_when_those_before_are_equal() -> None:
    queue = order(
        task("T-12", task_class=TaskClass.INFRA, priority=Priority.P3),
        task("T-11"),
        task("T-10"),
        task("T-9", created_at=NOW - 2 * DAY),
        task("T-8", deadline=NOW + 2 * HOUR),
        task("T-13", assignee="stas", deadline=NOW),
        task("T-7", priority=None),
        task("T-6", priority=Priority.P1, created_at=NOW - 30 * DAY),
        task("T-5", task_class=TaskClass.DEPLOYMENT, priority=Priority.P3),
        task("T-4", task_class=TaskClass.INCIDENT, priority=Priority.P3),
        task("T-3", task_class=TaskClass.INCIDENT, priority=Priority.P1),
        task("T-2", task_class=TaskClass.INFRA, priority=Priority.P0),
    )
    assert [(ranked.task.id, ranked.why) for ranked in queue.ready] == [
        ("T-2", "it is P0 and counts as an incident, the next, T-3, is P1"),
        ("T-3", "it is an incident (P1), the next, T-4, is P3"),
        ("T-4", "it is an incident (P3), the next, T-5, is a deployment task (P3)"),
        ("T-5", "it is a deployment task, the next, T-6, is an infrastructure task"),
        ("T-6", "older than T-7 by 29d"),
        ("T-7", "it is P?, ordered as P1, the next, T-8, is P2"),
        ("T-8", "its deadline is in 2h, the next, T-9, has none"),
        ("T-9", "older than T-10 by 1d"),
        ("T-10", "the same in class, priority and age as T-11; its id comes first"),
        ("T-11", "nobody holds it, the next, T-13, is already yours"),
        ("T-13", "it is P2, the next, T-12, is P3"),
        ("T-12", "the last one that is ready"),
    ]


def test_an_incident_before_the_rest_says_so() -> None:
    queue = order(task("T-31", task_class=TaskClass.INCIDENT, priority=Priority.P0), task("T-33", priority=Priority.P1))
    assert queue.ready[0].why == "it is an incident (P0), the next, T-33, is P1"


def test_two_equal_tasks_the_older_wins_and_the_reason_names_the_age() -> None:
    queue = order(task("T-40"), task("T-41", created_at=NOW - DAY - 3 * HOUR))
    assert (ids(queue), queue.ready[0].why) == (["T-41", "T-40"], "older than T-40 by 3h")
    queue = order(task("T-40"), task("T-41", created_at=NOW - DAY - 5))
    assert queue.ready[0].why == "older than T-40 by 5 ms"


def test_deadlines_are_told_from_now() -> None:
    queue = order(task("T-1", deadline=NOW - 10 * MINUTE), task("T-2", deadline=NOW + HOUR))
    assert queue.ready[0].why == "its deadline passed 10m ago, the next, T-2, has 1h more"


def test_the_same_id_in_two_projects() -> None:
    queue = order(task("T-1", project_id="two"), task("T-1"))
    assert [ranked.task.project_id for ranked in queue.ready] == ["shop", "two"]
    assert queue.ready[0].why == "the same in all but the project; shop comes before two"


def test_a_single_task_and_none() -> None:
    assert order(task("T-1")).ready[0].why == "the only task that is ready"
    assert order() == Queue((), (), ())


# what is not offered -------------------------------------------------------------------------------


def test_what_waits_says_for_what() -> None:
    queue = order(
        task("T-1", assignee="stas", pr_open=True, pr_number=12),
        task("T-2", pr_open=True),
        task("T-3", assignee="chieko", pr_open=True, blocked_by=("T-5",)),
        task("T-4", blocked_by=("T-5", "T-6", "T-7", "T-5")),
        task("T-5", status="backlog"),
        task("T-6", status="done"),
        task("T-8", blocked_by=("T-8",)),
        task("T-9", blocked_by=("T-6", "T-100")),
    )
    assert {one.id: reason for one, reason in queue.waiting} == {
        "T-1": "waiting for others: pull request #12 is open",
        "T-2": "waiting for others: pull request is open",
        "T-3": "held by chieko",
        "T-4": "blocked by T-5",
        "T-8": "blocked by T-8",
    }
    assert ids(queue) == ["T-9"]


def test_the_best_that_is_blocked_gives_way_to_the_next() -> None:
    queue = order(task("T-1", priority=Priority.P0, blocked_by=("T-3",)), task("T-2"), task("T-3", status="ready"))
    assert ids(queue) == ["T-2"]
    assert [one.id for one in queue.elsewhere] == ["T-3"]


def test_a_blocker_of_another_project_is_another_task() -> None:
    assert ids(order(task("T-1", blocked_by=("T-2",)), task("T-2", project_id="two", status="backlog"))) == ["T-1"]


def test_an_own_claim_without_pull_request_can_be_resumed() -> None:
    assert ids(order(task("T-1", assignee="stas"))) == ["T-1"]


def test_other_columns_are_listed_and_unknown_ones_named() -> None:
    queue = order(task("T-1", status="Ready"), task("T-2", status="Mystery"), task("T-3", status="REVIEW"))
    assert ids(queue) == ["T-3"]
    assert [column_label(one.status) for one in queue.elsewhere] == ["ready", "unknown column: Mystery"]
    assert column_label("in_progress") == "in progress"
    assert ids(order(task("T-1", status="in_progress"), columns=("In Progress",))) == ["T-1"]


def test_classes_are_guessed_and_say_so() -> None:
    assert guess_class("infra: x", ("P1", "type:incident")) == (TaskClass.INCIDENT, False)
    assert guess_class("infra: Deployment of shop stuck") == (TaskClass.DEPLOYMENT, True)
    assert guess_class("infra: outage after deploy") == (TaskClass.INCIDENT, True)
    assert guess_class("Tidy the shelf", ("nonsense",)) == (TaskClass.INFRA, True)
