"""The world: projects, visions, tasks, messages, memories, pull requests and workspaces of the local platform."""

from __future__ import annotations

from storage.world_forge import WorldForge
from storage.world_memories import PERSON, WorldMemories
from storage.world_reviews import WorldReviews
from storage.world_rows import WorldError, clean, column_key
from storage.world_tasks import DONE, Answer, TaskChange, WorldTasks

__all__ = ["DONE", "PERSON", "Answer", "TaskChange", "World", "WorldError", "clean", "column_key"]


class World(WorldTasks, WorldReviews, WorldMemories, WorldForge):
    """All reads and writes of the world database, over a `Store` from `storage.schema_world.open_world`.

    Safe for threads and processes: every write is one transaction that takes the lock first. Text is stored as
    given except that lone surrogates become their visible escape. Raises `StoreError` and its subclasses from
    every method, `WorldError` where a method says so.
    """
