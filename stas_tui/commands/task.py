"""`stas task`: the board of the embedded platform, for people who use Stas on a repository of their own."""

from __future__ import annotations

import sys
import uuid
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from storage.records import Json, Task
    from storage.world import World

TITLE_CHARACTERS = 200


class TaskRefused(common.CommandRefused):
    """The board stays as it was."""


def run(args: Namespace) -> int:
    """Add, list, show or move tasks. Raises `StasError`."""
    actions = {"add": _add, "list": _list, "show": _show, "move": _move}
    with common.world(args) as (world, settings):
        return actions[args.what](args, world, settings)


def _add(args: Namespace, world: World, settings: Settings) -> int:
    from stas_tui.platforms.order import guess_class
    from storage.records import Priority, TaskClass

    title = " ".join(args.title.split())
    if not title or len(title) > TITLE_CHARACTERS:
        raise TaskRefused(f"A title has 1 to {TITLE_CHARACTERS} characters.", "Put the rest into --description.")
    labels = tuple(args.label or ())
    task_class, guessed = (TaskClass(args.task_class), False) if args.task_class else guess_class(title, labels)
    task = world.create_task(
        common.project_id(settings, args.project),
        title,
        common.text_from(args.description, "description"),
        Priority(args.priority) if args.priority else None,
        key=f"person:{uuid.uuid4()}",
        labels=labels,
        status=args.column or settings.columns[0],
        task_class=task_class,
        class_guessed=guessed,
        acceptance=tuple(args.acceptance or ()),
    )
    if args.json:
        common.print_json(_json(task))
    else:
        sys.stdout.write(f"{task.id}\n")
        if not task.acceptance:
            common.say("It has no acceptance criteria; the prompt will ask for an outcome with a number.")
    return exit_codes.OK


def _list(args: Namespace, world: World, settings: Settings) -> int:
    from stas_tui.platforms.order import column_label, priority_word, work_order
    from storage.clock import SystemClock
    from widgets.printable import flat

    chosen = [common.project_id(settings, args.project)] if args.project else [p.id for p in settings.project]
    tasks = [task for project in chosen for task in world.tasks(project)]
    if args.json:
        common.print_json([_json(task) for task in tasks])
        return exit_codes.OK
    queue = work_order(tasks, columns=settings.columns, agent=settings.agent_name, now=SystemClock().now())
    rows = [(ranked.task, "next: " + ranked.why if ranked.position == 1 else "ready") for ranked in queue.ready]
    rows += queue.waiting
    rows += [(task, column_label(task.status)) for task in queue.elsewhere]
    for task, why in rows:
        sys.stdout.write(
            f"{flat(task.id)}  {priority_word(task)}  {flat(task.project_id)}  {flat(task.title)}  ({flat(why)})\n"
        )
    if not rows:
        sys.stdout.write("No task is open. `stas task add TITLE` makes one.\n")
    return exit_codes.OK


def _show(args: Namespace, world: World, settings: Settings) -> int:
    from stas_tui.plain_text import indented
    from stas_tui.platforms.order import column_label, priority_word
    from widgets.printable import flat

    task = _found(args.id, world, settings)
    if args.json:
        common.print_json(_json(task))
        return exit_codes.OK
    pr = f"#{task.pr_number} {'open' if task.pr_open else 'not open'}" if task.pr_number is not None else "none"
    lines = [
        f"{flat(task.id)}  {flat(task.title)}",
        f"project {flat(task.project_id)}, {priority_word(task)}, {task.task_class.value}"
        f"{' (guessed)' if task.class_guessed else ''}, column {column_label(task.status)}",
        f"held by {flat(task.assignee) if task.assignee else 'nobody'}, branch {flat(task.branch or 'none')}, "
        f"pull request {pr}",
        *(f"criterion: {flat(criterion)}" for criterion in task.acceptance),
        *(f"label: {flat(label)}" for label in task.labels),
        *indented(task.description, 2),
    ]
    sys.stdout.write("\n".join(lines).rstrip() + "\n")
    return exit_codes.OK


def _move(args: Namespace, world: World, settings: Settings) -> int:
    from storage.world import Answer, column_key

    task = _found(args.id, world, settings)
    change = world.move(task.project_id, task.id, args.column, {task.status: [column_key(args.column)]})
    if change.task is None or change.answer not in (Answer.CHANGED, Answer.ALREADY):
        raise TaskRefused(f"{task.id} was changed meanwhile; it was not moved.", "Look at it and try again.")
    if args.json:
        common.print_json(_json(change.task))
    else:
        sys.stdout.write(f"{task.id} is in {change.task.status}.\n")
    return exit_codes.OK


def _found(task_id: str, world: World, settings: Settings) -> Task:
    for project in settings.project:
        task = world.task(project.id, task_id)
        if task is not None:
            return task
    raise TaskRefused(f"There is no task {task_id}.", "`stas task list` names those that are open.")


def _json(task: Task) -> Json:
    from storage.clock import iso

    return {
        "id": task.id,
        "project": task.project_id,
        "title": task.title,
        "description": task.description,
        "column": task.status,
        "priority": task.priority.value if task.priority else None,
        "class": task.task_class.value,
        "assignee": task.assignee,
        "branch": task.branch,
        "pull_request": task.pr_number,
        "pull_request_open": task.pr_open,
        "acceptance": list(task.acceptance),
        "labels": list(task.labels),
        "created_at": iso(task.created_at),
        "version": task.version,
    }
