"""How records become rows of the world database and come back.

Text rule: SQLite stores UTF-8, so a lone surrogate cannot be kept as it is; it becomes its visible escape
(`\\udc80`), the same on every write and on every look-up. NUL and all other characters are kept unchanged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from storage.clock import Clock
from storage.errors import StasError
from storage.records import (
    Memory,
    Message,
    MessageType,
    OutgoingMessage,
    Priority,
    Project,
    PullRequest,
    PullReview,
    Task,
    TaskClass,
    Trust,
    Vision,
    Workspace,
)
from storage.sqlite import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = int | float | str | None
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class WorldError(StasError):
    """The world cannot hold what was asked of it."""


class WorldBase:
    """What every part of the world works with."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock


def clean(text: str) -> str:
    """`text` as it is stored: lone surrogates become `\\udXXX`, everything else stays."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def column_key(status: str) -> str:
    """A kanban column in its one spelling: `In Progress` is `in_progress`."""
    return "_".join(clean(status).casefold().replace("-", " ").replace("_", " ").split())


def bounded(limit: int) -> int:
    """A row limit that SQLite takes: none below zero, which would mean no limit."""
    return max(0, min(limit, _INT_MAX))


def plain(value: object) -> Value:
    """A field as SQLite stores it: lists as JSON, flags as 0 or 1, numbers held inside 64 bits."""
    match value:
        case None | float():
            return value
        case int():
            return max(_INT_MIN, min(int(value), _INT_MAX))
        case str():
            return clean(str(value))
        case tuple() | list():
            return json.dumps([clean(str(item)) for item in value], ensure_ascii=False)
        case _:
            raise TypeError(f"no column can hold a {type(value).__name__}")


def encode(record: DataclassInstance) -> dict[str, Value]:
    """All fields of a record by column name."""
    return {field.name: plain(getattr(record, field.name)) for field in fields(record)}


def columns(record: type[DataclassInstance], without: Sequence[str] = ()) -> str:
    """The column list of a record, quoted for SQL."""
    return ", ".join(f'"{field.name}"' for field in fields(record) if field.name not in without)


PROJECT = columns(Project)
VISION = columns(Vision)
TASK = columns(Task)
MESSAGE = columns(Message)
OUTGOING = columns(OutgoingMessage)
MEMORY = columns(Memory, ("score",))
PULL_REQUEST = columns(PullRequest)
PULL_REVIEW = columns(PullReview)
WORKSPACE = columns(Workspace)


def save(conn: sqlite3.Connection, table: str, values: Mapping[str, Value], key: Sequence[str]) -> None:
    """Insert a row, or replace the columns of the one with the same key."""
    names = ", ".join(f'"{name}"' for name in values)
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in values if name not in key)
    conn.execute(
        f"insert into {table} ({names}) values ({', '.join('?' * len(values))})"
        f" on conflict ({', '.join(key)}) do update set {changed}",
        tuple(values.values()),
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def priority_of(value: str | None) -> Priority | None:
    """A priority word, or None for anything else (D9)."""
    return Priority(value) if value is not None and value in Priority.__members__ else None


def message_type(value: str, raw: str = "") -> tuple[MessageType, str]:
    """The class of a message and, if the word is none of ours, the word itself (D21)."""
    word = clean(str(value))
    if word in set(MessageType):
        return MessageType(word), raw
    return MessageType.UNKNOWN, raw or word


def project_of(row: sqlite3.Row) -> Project:
    """A row of `projects`."""
    return Project(**dict(row))


def vision_of(row: sqlite3.Row) -> Vision:
    """A row of `visions`."""
    return Vision(**dict(row))


def task_of(row: sqlite3.Row) -> Task:
    """A row of `tasks`."""
    v: dict[str, Any] = dict(row)
    known = v["task_class"] in set(TaskClass)
    v["priority"] = priority_of(v["priority"])
    v["task_class"] = TaskClass(v["task_class"]) if known else TaskClass.INFRA
    v["class_guessed"] = bool(v["class_guessed"]) or not known
    v["pr_open"] = bool(v["pr_open"])
    for name in ("acceptance", "labels", "blocked_by"):
        v[name] = _list(v[name])
    return Task(**v)


def message_of(row: sqlite3.Row | dict[str, Any]) -> Message:
    """A row of `messages`."""
    v: dict[str, Any] = dict(row)
    v["type"], v["raw_type"] = message_type(v["type"], v["raw_type"])
    v["trust"] = Trust.KNOWN if v["trust"] == Trust.KNOWN else Trust.EXTERNAL
    return Message(**v)


def outgoing_of(row: sqlite3.Row) -> OutgoingMessage:
    """A row of `outgoing`."""
    v: dict[str, Any] = dict(row)
    v["urgent"] = bool(v["urgent"])
    return OutgoingMessage(**v)


def memory_of(row: sqlite3.Row | dict[str, Any], score: float = 0.0) -> Memory:
    """A row of `memories` with its rank in one recall."""
    v: dict[str, Any] = dict(row)
    v["tags"], v["confirmations"] = _list(v["tags"]), _list(v["confirmations"])
    v["shared"], v["quarantined"] = bool(v["shared"]), bool(v["quarantined"])
    return Memory(**v, score=score)


def pull_request_of(row: sqlite3.Row) -> PullRequest:
    """A row of `pull_requests`."""
    v: dict[str, Any] = dict(row)
    v["mergeable"] = None if v["mergeable"] is None else bool(v["mergeable"])
    v["conflicts"] = _list(v["conflicts"])
    return PullRequest(**v)


def pull_review_of(row: sqlite3.Row) -> PullReview:
    """A row of `pull_reviews`."""
    return PullReview(**dict(row))


def workspace_of(row: sqlite3.Row) -> Workspace:
    """A row of `workspaces`."""
    return Workspace(**dict(row))
