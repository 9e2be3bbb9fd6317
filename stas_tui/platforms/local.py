"""The platform on this machine: tasks, inbox, memories and visions in the world database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stas_tui.platforms.base import AlreadyClaimed, NotClaimable, NotFound, PlatformError, TransitionRefused
from stas_tui.platforms.order import guess_class
from storage.clock import Clock
from storage.records import Memory, Message, OutgoingMessage, Priority, Project, Task, Vision
from storage.world import Answer, TaskChange, World, column_key

ALLOWED: Mapping[str, Sequence[str]] = {
    "backlog": ("ready",),
    "ready": ("in_progress", "backlog"),
    "in_progress": ("review", "ready", "backlog"),
    "review": ("done", "in_progress", "ready", "backlog"),
    "done": (),
}
"""One column forward, any number back; done is final."""


class LocalPlatform:
    """`Platform` over a `World`, seen by one agent.

    `allowed` lists for each column the columns a task may go to; `columns` are the agent's own: tasks in them
    can be claimed, and new tasks are put into the first. The database belongs to one user, so `shared` is noted
    on a memory but hides nothing.
    """

    def __init__(
        self,
        world: World,
        agent: str,
        clock: Clock,
        *,
        allowed: Mapping[str, Sequence[str]] | None = None,
        columns: Sequence[str] = ("review",),
    ) -> None:
        if not agent.strip():
            raise PlatformError("The agent has no name.", "Set the agent's name in the configuration.")
        if not columns:
            raise PlatformError("The agent has no columns.", "Configure at least one, such as Review.")
        self.world = world
        self.agent = agent
        self.clock = clock
        self._allowed = {
            column_key(here): tuple(column_key(there) for there in targets)
            for here, targets in (ALLOWED if allowed is None else allowed).items()
        }
        self._columns = tuple(column_key(name) for name in columns)

    # projects and visions ------------------------------------------------------------------------

    def projects(self) -> list[Project]:
        """Projects the agent is assigned to: all of the world, archived ones included."""
        return self.world.projects()

    def vision(self, project_id: str) -> Vision | None:
        """The living vision document; None if none was ever set. Raises `NotFound`."""
        self._project(project_id)
        return self.world.vision(project_id)

    def _project(self, project_id: str) -> None:
        if self.world.project(project_id) is None:
            raise NotFound(f"There is no project {project_id}.", "See the list of projects.")

    # tasks ---------------------------------------------------------------------------------------

    def tasks(self, project_id: str) -> list[Task]:
        """All tasks of a project that are not done, oldest first. Raises `NotFound`."""
        self._project(project_id)
        return self.world.tasks(project_id)

    def task(self, project_id: str, task_id: str) -> Task:
        """One task. Raises `NotFound`."""
        task = self.world.task(project_id, task_id)
        if task is None:
            raise _no_task(project_id, task_id)
        return task

    def task_by_key(self, key: str) -> Task | None:
        """The task that `create_task` made under this client key."""
        return self.world.task_by_key(key)

    def similar_tasks(self, project_id: str, title: str, limit: int = 5) -> list[tuple[Task, float]]:
        """Open tasks with a like title, with the likeness up to 1, best first (R120)."""
        return self.world.similar_tasks(project_id, title, limit)

    def claim(self, project_id: str, task_id: str, agent: str, branch: str) -> Task:
        """Assign the task to `agent`, atomically; a repeat by the same agent is the same answer (R44).

        Only a free task in the agent's columns without an open pull request can be claimed; it stays in its column.
        Raises `AlreadyClaimed`, `NotClaimable`, `NotFound`.
        """
        if not agent.strip():
            raise PlatformError("A claim needs the name of an agent.")
        change = self.world.claim(project_id, task_id, agent, branch, claimable=self._columns)
        task = _task(change, project_id, task_id)
        if change.answer is Answer.HAS_PR:
            raise NotClaimable(
                f"{task_id} has the open pull request #{task.pr_number} and is waiting for others.",
                "Take the next task of the queue.",
            )
        if change.answer is Answer.WRONG_STATUS:
            raise NotClaimable(
                f"{task_id} cannot be claimed in the column {task.status}; only in {', '.join(self._columns)}.",
                "Take the next task of the queue.",
            )
        return task

    def release(self, project_id: str, task_id: str, agent: str) -> Task:
        """Give a task back; one that nobody holds stays as it is. Raises `AlreadyClaimed`, `NotFound`."""
        return _task(self.world.release(project_id, task_id, agent), project_id, task_id)

    def transition(self, project_id: str, task_id: str, status: str) -> Task:
        """Move a task to another column; the column it is in already is no error.

        Raises `TransitionRefused`, `NotFound`.
        """
        change = self.world.move(project_id, task_id, status, self._allowed)
        task = _task(change, project_id, task_id)
        if change.answer is Answer.WRONG_STATUS:
            raise TransitionRefused(task_id, task.status, column_key(status), self._allowed.get(task.status, ()))
        return task

    def create_task(
        self, project_id: str, title: str, description: str, priority: Priority, *, key: str, labels: Sequence[str] = ()
    ) -> Task:
        """Make a task in the agent's first column, once for each client key. Raises `NotFound`."""
        self._project(project_id)
        task_class, guessed = guess_class(title, labels)
        return self.world.create_task(
            project_id,
            title,
            description,
            priority,
            key=key,
            labels=labels,
            status=self._columns[0],
            task_class=task_class,
            class_guessed=guessed,
        )

    def link_pr(self, project_id: str, task_id: str, pr_number: int) -> Task:
        """Note the pull request on its task. Raises `NotFound`."""
        return _task(self.world.link_pr(project_id, task_id, pr_number), project_id, task_id)

    # messages ------------------------------------------------------------------------------------

    def inbox(self, limit: int = 500) -> list[Message]:
        """Messages to this agent not yet acknowledged, newest first, each id once."""
        return self.world.inbox(self.agent, limit)

    def urgent(self, limit: int = 2_000) -> list[Message]:
        """Urgent messages not yet acknowledged, those of known senders first, then oldest first."""
        return self.world.urgent(self.agent, limit)

    def urgent_count(self) -> int:
        """How many urgent messages are not acknowledged."""
        return self.world.urgent_count(self.agent)

    def inbox_count(self) -> int:
        """How many messages are not acknowledged."""
        return self.world.inbox_count(self.agent)

    def message(self, message_id: str) -> Message:
        """One message. Raises `NotFound`."""
        return _message(self.world.message(message_id, self.agent), message_id)

    def mark_read(self, message_id: str) -> Message:
        """A person or step has seen the message. Raises `NotFound`."""
        return _message(self.world.mark_read(message_id, self.agent), message_id)

    def acknowledge(self, message_id: str) -> Message:
        """The message leaves the inbox; it is kept. Raises `NotFound`."""
        return _message(self.world.acknowledge(message_id, self.agent), message_id)

    def reclassify(self, message_id: str, type_: str) -> Message:
        """Give a message another type (R10); a word that is none of the types makes it `unknown`. Raises `NotFound`."""
        return _message(self.world.reclassify(message_id, type_, self.agent), message_id)

    def sent(self, limit: int = 100) -> list[OutgoingMessage]:
        """What was sent to agents or waits in the Slack outbox, newest first."""
        return self.world.sent(limit)

    def sent_by_key(self, key: str) -> OutgoingMessage | None:
        """The outgoing message that an action made."""
        return self.world.sent_by_key(key)

    def send(
        self,
        *,
        to: str,
        channel: str,
        text: str,
        key: str,
        category: str = "",
        urgent: bool = False,
        state: str = "sent",
    ) -> OutgoingMessage:
        """Deliver to an agent's inbox, or keep a Slack message in the outbox; once for each key."""
        return self.world.send(
            sender=self.agent,
            to=to,
            channel=channel,
            text=text,
            key=key,
            category=category,
            urgent=urgent,
            state=state,
        )

    def mark_sent(self, key: str, state: str) -> OutgoingMessage:
        """Note what became of the outgoing message with this key. Raises `NotFound`."""
        marked = self.world.set_sent_state(key, state)
        if marked is None:
            raise NotFound(f"There is no outgoing message {key}.")
        return marked

    # memories ------------------------------------------------------------------------------------

    def recall(self, query: str, limit: int) -> list[Memory]:
        """At most `limit` (1 to 50) memories ranked by relevance and recency; quarantined ones never."""
        return self.world.recall(query, limit)

    def remember(
        self,
        type_: str,
        title: str,
        text: str,
        *,
        shared: bool,
        tags: Sequence[str],
        author: str,
        quarantined: bool = False,
    ) -> Memory:
        """Store a memory; the same title and text is the same memory."""
        return self.world.remember(type_, title, text, shared=shared, tags=tags, author=author, quarantined=quarantined)

    def find_memory(self, title: str, text: str) -> Memory | None:
        """The memory with exactly this title and text."""
        return self.world.find_memory(title, text)

    def confirm_memory(self, memory_id: str, by: str) -> Memory:
        """One confirmation of a quarantined memory: `human:<name>` is enough, otherwise two sources (D22).

        Raises `NotFound`.
        """
        memory = self.world.confirm_memory(memory_id, by)
        if memory is None:
            raise NotFound(f"There is no memory {memory_id}.")
        return memory


def _no_task(project_id: str, task_id: str) -> NotFound:
    return NotFound(f"Project {project_id} has no task {task_id}.", "Read the queue again.")


def _task(change: TaskChange, project_id: str, task_id: str) -> Task:
    if change.task is None:
        raise _no_task(project_id, task_id)
    if change.answer is Answer.HELD:
        raise AlreadyClaimed(task_id, change.task.assignee or "another agent")
    return change.task


def _message(message: Message | None, message_id: str) -> Message:
    if message is None:
        raise NotFound(f"There is no message {message_id} in this inbox.")
    return message
