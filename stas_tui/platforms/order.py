"""The order of work: which task comes next, and why (R28-R35, D4, D8, D9). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from storage.clock import SECOND, age
from storage.records import Priority, RankedTask, Task, TaskClass
from storage.world import DONE, column_key

KNOWN_COLUMNS = ("backlog", "ready", "in_progress", "review", "done")

Key = tuple[int, int, int, int, tuple[int, int], int, tuple[tuple[int, int, str], ...], str, str]

_CLASS_RANK = {TaskClass.INCIDENT: 0, TaskClass.DEPLOYMENT: 1, TaskClass.INFRA: 2}
_CLASS_WORD = {
    TaskClass.INCIDENT: "an incident",
    TaskClass.DEPLOYMENT: "a deployment task",
    TaskClass.INFRA: "an infrastructure task",
}
_PRIORITY_RANK = {Priority.P0: 0, Priority.P1: 1, None: 1, Priority.P2: 2, Priority.P3: 3}
_CLASS_LABELS = {
    "incident": TaskClass.INCIDENT,
    "outage": TaskClass.INCIDENT,
    "alert": TaskClass.INCIDENT,
    "deploy": TaskClass.DEPLOYMENT,
    "deployment": TaskClass.DEPLOYMENT,
    "release": TaskClass.DEPLOYMENT,
    "rollout": TaskClass.DEPLOYMENT,
    "infra": TaskClass.INFRA,
    "infrastructure": TaskClass.INFRA,
}
_ALONE = "the only task that is ready"
_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[0-9]+|[^0-9]+")


@dataclass(frozen=True, slots=True)
class Queue:
    """The tasks of all projects, sorted into what can be done now and what cannot."""

    ready: tuple[RankedTask, ...]
    """In the order of work; the first is next."""
    waiting: tuple[tuple[Task, str], ...]
    """In own columns, but not to be taken; with the reason."""
    elsewhere: tuple[Task, ...]
    """In other columns; `column_label` says which."""


def work_order(tasks: Sequence[Task], *, columns: Sequence[str], agent: str, now: int) -> Queue:
    """Sort the tasks that are not done; the result does not depend on the order in which they come.

    Only tasks in `columns` are offered. A task of another agent, with an open pull request, or blocked by an
    unfinished task waits. A blocker that is not among `tasks` counts as finished, since platforms list every
    unfinished task. `now` is the time against which deadlines are told.
    """
    unique: dict[tuple[str, str], Task] = {}
    for task in tasks:
        name = (task.project_id, task.id)
        other = unique.get(name)
        if other is None or (task.version, repr(task)) > (other.version, repr(other)):
            unique[name] = task
    ordered = sorted((task for task in unique.values() if column_key(task.status) != DONE), key=order_key)
    unfinished = {(task.project_id, task.id) for task in ordered}
    own = {column_key(name) for name in columns}
    ready: list[Task] = []
    waiting: list[tuple[Task, str]] = []
    elsewhere: list[Task] = []
    for task in ordered:
        if column_key(task.status) not in own:
            elsewhere.append(task)
        elif reason := _waits(task, agent, unfinished):
            waiting.append((task, reason))
        else:
            ready.append(task)
    ranked = tuple(
        RankedTask(task=task, position=place, why=_why(task, runner_up, agent, now) if len(ready) > 1 else _ALONE)
        for place, (task, runner_up) in enumerate(zip_longest(ready, ready[1:]), 1)
    )
    return Queue(ranked, tuple(waiting), tuple(elsewhere))


def order_key(task: Task) -> Key:
    """The place of a task in the order of work: smaller is earlier; two different tasks never share a key."""
    kind = _kind(task)
    return (
        0 if kind is TaskClass.INCIDENT else 1,
        _CLASS_RANK[kind],
        _PRIORITY_RANK[task.priority],
        0 if not task.assignee else 1,
        (1, 0) if task.deadline is None else (0, task.deadline),
        task.created_at,
        _natural(task.id),
        task.id,
        task.project_id,
    )


def priority_word(task: Task) -> str:
    """`P0` to `P3`, or `P?` (D9)."""
    return task.priority.value if task.priority else "P?"


def column_label(status: str) -> str:
    """A column as it is shown; one that nobody knows is named as such (R29)."""
    return column_key(status).replace("_", " ") if column_key(status) in KNOWN_COLUMNS else f"unknown column: {status}"


def guess_class(title: str, labels: Sequence[str] = ()) -> tuple[TaskClass, bool]:
    """The class of a task from its labels, else from its title; the flag is True if it is a guess (R34)."""
    for name in labels:
        found = _CLASS_LABELS.get(name.strip().casefold().removeprefix("type:").strip())
        if found is not None:
            return found, False
    words = {word.casefold() for word in _WORD.findall(title)}
    for kind in (TaskClass.INCIDENT, TaskClass.DEPLOYMENT):
        if any(_CLASS_LABELS.get(word) is kind for word in words):
            return kind, True
    return TaskClass.INFRA, True


def _kind(task: Task) -> TaskClass:
    return TaskClass.INCIDENT if task.priority is Priority.P0 else task.task_class


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers inside ids compare as numbers: T-9 before T-10."""
    return tuple(
        (0, len(digits := part.lstrip("0")), digits) if part[0] in "0123456789" else (1, 0, part)
        for part in _PARTS.findall(text)
    )


def _waits(task: Task, agent: str, unfinished: set[tuple[str, str]]) -> str:
    if task.assignee and task.assignee != agent:
        return f"held by {task.assignee}"
    if task.pr_open:
        number = f"#{task.pr_number} " if task.pr_number is not None else ""
        return f"waiting for others: pull request {number}is open"
    blockers = [id_ for id_ in dict.fromkeys(task.blocked_by) if (task.project_id, id_) in unfinished]
    return f"blocked by {', '.join(blockers)}" if blockers else ""


def _why(task: Task, runner_up: Task | None, agent: str, now: int) -> str:
    """The first part of the key in which the two differ, in words."""
    if runner_up is None:
        return "the last one that is ready"
    mine, other = order_key(task), order_key(runner_up)
    part = next(i for i in range(len(mine)) if mine[i] != other[i])
    name = f"the next, {runner_up.id},"
    if part == 0 or (part == 2 and _kind(task) is TaskClass.INCIDENT):
        is_what = (
            f"it is an incident ({priority_word(task)})"
            if task.task_class is TaskClass.INCIDENT
            else f"it is {priority_word(task)} and counts as an incident"
        )
        theirs = priority_word(runner_up)
        if part == 0 and task.priority is not Priority.P0:
            theirs = f"{_CLASS_WORD[_kind(runner_up)]} ({theirs})"
        return f"{is_what}, {name} is {theirs}"
    if part == 1:
        return f"it is {_CLASS_WORD[_kind(task)]}, {name} is {_CLASS_WORD[_kind(runner_up)]}"
    if part == 2:
        return f"it is {_ordered_as(task)}, {name} is {_ordered_as(runner_up)}"
    if part == 3:
        return f"nobody holds it, {name} is {'already yours' if runner_up.assignee == agent else 'held'}"
    if part == 4:
        return f"{_deadline(task, now)}, {name} {_later_deadline(task, runner_up)}"
    if part == 5:
        return f"older than {runner_up.id} by {_span(runner_up.created_at - task.created_at)}"
    if part == 8:
        return f"the same in all but the project; {task.project_id} comes before {runner_up.project_id}"
    return f"the same in class, priority and age as {runner_up.id}; its id comes first"


def _ordered_as(task: Task) -> str:
    return priority_word(task) if task.priority else "P?, ordered as P1"


def _deadline(task: Task, now: int) -> str:
    left = (task.deadline or 0) - now
    return f"its deadline is in {_span(left)}" if left >= 0 else f"its deadline passed {_span(-left)} ago"


def _later_deadline(task: Task, runner_up: Task) -> str:
    if runner_up.deadline is None:
        return "has none"
    return f"has {_span(runner_up.deadline - (task.deadline or 0))} more"


def _span(ms: int) -> str:
    return age(ms) if ms >= SECOND else f"{ms} ms"
