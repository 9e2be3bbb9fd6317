"""Who writes the words that a pulse proposes: an agent, a script, or the generator's own drafts."""

from __future__ import annotations

from typing import Protocol

from storage.records import Json, Task


class Proposer(Protocol):
    """The agent's part of a guided pulse. It proposes texts; it decides and runs nothing."""

    name: str

    def prompt_for(self, draft: str, task: Task, attempt: int = 1) -> str:
        """The execution prompt, made from the generated draft; from the second attempt on it says what changed."""
        ...

    def alignment(self, task: Task) -> str:
        """One sentence on how the plan agrees with the vision (R27)."""
        ...

    def pr_for(self, task: Task, facts: Json) -> tuple[str, str] | None:
        """Title and body of the pull request; None leaves the generated draft."""
        ...

    def memory_for(self, task: Task) -> tuple[str, str] | None:
        """Title and text of the lesson; None leaves the generated draft."""
        ...

    def follow_ups_for(self, task: Task) -> list[tuple[str, str, str]]:
        """(title, description, priority) of further needs the agent saw."""
        ...

    def cause_for(self, task: Task, attempt: int) -> tuple[str, str] | None:
        """(cause, what changes in the prompt) for another try; None leaves it to the person."""
        ...

    def heard(self, verdict: str, reason: str) -> str:
        """What the agent says when it is answered."""
        ...


class DraftProposer:
    """No agent at all: the generated drafts stand, the person completes them."""

    name = "you"

    def prompt_for(self, draft: str, task: Task, attempt: int = 1) -> str:
        """The draft as it is."""
        return draft

    def alignment(self, task: Task) -> str:
        """Nothing is claimed."""
        return ""

    def pr_for(self, task: Task, facts: Json) -> tuple[str, str] | None:
        """The generated draft stands."""
        return None

    def memory_for(self, task: Task) -> tuple[str, str] | None:
        """The generated draft stands."""
        return None

    def follow_ups_for(self, task: Task) -> list[tuple[str, str, str]]:
        """None proposed."""
        return []

    def cause_for(self, task: Task, attempt: int) -> tuple[str, str] | None:
        """The person writes it."""
        return None

    def heard(self, verdict: str, reason: str) -> str:
        """Nobody to answer."""
        return ""
