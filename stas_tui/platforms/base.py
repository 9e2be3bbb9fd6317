"""What Stas needs of the system that holds tasks, messages, memories and visions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from storage.errors import StasError
from storage.records import Memory, Message, OutgoingMessage, Priority, Project, Task, Vision


class PlatformError(StasError):
    """The platform refused or could not answer."""


class NotFound(PlatformError):
    """No such project, task or message."""


class AlreadyClaimed(PlatformError):
    """Somebody else holds the task; `owner` says who (409 of the routine's platform)."""

    def __init__(self, task_id: str, owner: str) -> None:
        super().__init__(f"{task_id} is held by {owner}.", "Take the next task of the queue.")
        self.task_id = task_id
        self.owner = owner


class NotClaimable(PlatformError):
    """The task's status, or its open pull request, forbids the claim (400)."""


class TransitionRefused(PlatformError):
    """The board does not allow this move; `allowed` lists the moves it does."""

    def __init__(self, task_id: str, current: str, target: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{task_id} cannot go from {current} to {target}; allowed: {', '.join(allowed) or 'nothing'}.")
        self.task_id, self.current, self.target, self.allowed = task_id, current, target, tuple(allowed)


class PlatformReader(Protocol):
    """The read-only side; checks and screens see no more than this."""

    def projects(self) -> list[Project]:
        """Projects the agent is assigned to, archived ones included."""
        ...

    def vision(self, project_id: str) -> Vision | None:
        """The living vision document; None if none was ever set. Raises `NotFound`."""
        ...

    def tasks(self, project_id: str) -> list[Task]:
        """All tasks of a project that are not done."""
        ...

    def task(self, project_id: str, task_id: str) -> Task:
        """One task. Raises `NotFound`."""
        ...

    def task_by_key(self, key: str) -> Task | None:
        """The task that `create_task` made under this client key."""
        ...

    def inbox(self, limit: int = 500) -> list[Message]:
        """Messages not yet acknowledged, newest first, each id once."""
        ...

    def urgent(self, limit: int = 2_000) -> list[Message]:
        """Urgent messages not yet acknowledged, those of known senders first, then oldest first."""
        ...

    def urgent_count(self) -> int:
        """How many urgent messages are not acknowledged, whatever `urgent` leaves out."""
        ...

    def inbox_count(self) -> int:
        """How many messages are not acknowledged."""
        ...

    def message(self, message_id: str) -> Message:
        """One message. Raises `NotFound`."""
        ...

    def recall(self, query: str, limit: int) -> list[Memory]:
        """At most `limit` memories ranked by relevance and recency; quarantined ones never."""
        ...

    def sent(self, limit: int = 100) -> list[OutgoingMessage]:
        """What was sent to agents or waits in the Slack outbox, newest first."""
        ...

    def sent_by_key(self, key: str) -> OutgoingMessage | None:
        """The outgoing message that an action made."""
        ...


class Platform(PlatformReader, Protocol):
    """Reads and writes. Only the door (`toolbox`) holds one of these."""

    def claim(self, project_id: str, task_id: str, agent: str, branch: str) -> Task:
        """Assign the task to `agent`, atomically; a repeat by the same agent is the same answer.

        Raises `AlreadyClaimed`, `NotClaimable`, `NotFound`.
        """
        ...

    def release(self, project_id: str, task_id: str, agent: str) -> Task:
        """Give a task back. Raises `AlreadyClaimed` if another agent holds it."""
        ...

    def transition(self, project_id: str, task_id: str, status: str) -> Task:
        """Move a task to another column; the column it is in already is no error. Raises `TransitionRefused`."""
        ...

    def create_task(
        self, project_id: str, title: str, description: str, priority: Priority, *, key: str, labels: Sequence[str] = ()
    ) -> Task:
        """Make a task, once for each client key."""
        ...

    def link_pr(self, project_id: str, task_id: str, pr_number: int) -> Task:
        """Note the pull request on its task."""
        ...

    def mark_read(self, message_id: str) -> Message:
        """A person or step has seen the message."""
        ...

    def acknowledge(self, message_id: str) -> Message:
        """The message leaves the inbox; it is kept."""
        ...

    def reclassify(self, message_id: str, type_: str) -> Message:
        """Give a message another type (R10)."""
        ...

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
        ...

    def find_memory(self, title: str, text: str) -> Memory | None:
        """The memory with exactly this title and text."""
        ...

    def confirm_memory(self, memory_id: str, by: str) -> Memory:
        """One confirmation of a quarantined memory: a person's is enough, otherwise two sources (D22)."""
        ...

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
        ...

    def mark_sent(self, key: str, state: str) -> OutgoingMessage:
        """Note what became of the outgoing message with this key. Raises `NotFound`."""
        ...
