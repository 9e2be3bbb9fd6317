"""Rows of the journal and their nouns; what a payload's digest covers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from storage.canonical import digest_of, dump, load, well_formed
from storage.journal_errors import IllegalMove
from storage.journal_time import Boot, Deadline
from storage.records import Action, ActionState, Attempt, EffectClass, Event, GateLevel, Json, Revision

SYSTEM = "system"
"""The actor of what happens by time, recovery and policy."""
POLICY = "policy"
"""Who decided when no person did."""
ACTION_DOMAIN = "stas/action/v1"
ARGS_DOMAIN = "stas/args/v1"


# payloads -----------------------------------------------------------------------------------------


def payload_digest(
    *,
    action_id: str,
    rev: int,
    pulse_id: str,
    tool: str,
    schema: str,
    effect: str,
    level: str,
    args: Json,
    plan: Json,
    preconditions: Json,
) -> str:
    """What an approval binds to. Raises `CanonicalError`."""
    return digest_of(
        {
            "action": action_id,
            "rev": rev,
            "pulse": pulse_id,
            "tool": tool,
            "schema": schema,
            "args": args,
            "plan": plan,
            "preconditions": preconditions,
            "effect_class": effect,
            "level": level,
        },
        ACTION_DOMAIN,
    )


def seal(
    *,
    action_id: str,
    rev: int,
    pulse_id: str,
    tool: str,
    schema: str,
    effect: str,
    level: GateLevel,
    args: Json,
    plan: Json,
    preconditions: Json,
    shown: Json,
    author: str,
    at: int,
) -> Revision:
    """A revision with its digest. Raises `CanonicalError`."""
    digest = payload_digest(
        action_id=action_id,
        rev=rev,
        pulse_id=pulse_id,
        tool=tool,
        schema=schema,
        effect=str(effect),
        level=level.value,
        args=args,
        plan=plan,
        preconditions=preconditions,
    )
    return Revision(
        action_id=action_id,
        rev=rev,
        args=args,
        plan=plan,
        preconditions=preconditions,
        shown=shown,
        digest=digest,
        author=author,
        at=at,
    )


def args_digest(tool: str, args: Json) -> str:
    """Tells whether two calls ask for the same. Raises `CanonicalError`."""
    return digest_of([tool, args], ARGS_DOMAIN)


def insert_revision(conn: sqlite3.Connection, revision: Revision, *, tool: str, level: GateLevel) -> None:
    """Store a revision; it never changes afterwards."""
    conn.execute(
        "insert into revision values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            revision.action_id,
            revision.rev,
            dump(revision.args),
            args_digest(tool, revision.args),
            dump(revision.plan),
            dump(revision.preconditions),
            dump(revision.shown),
            level.value,
            revision.digest,
            revision.author,
            revision.at,
        ),
    )


# rows to nouns ------------------------------------------------------------------------------------


def ask_deadline(row: sqlite3.Row) -> Deadline:
    """Until when a decision counts."""
    return Deadline(row["ask_until"], row["ask_boot"], row["ask_boot_until"])


def approval_deadline(row: sqlite3.Row) -> Deadline:
    """Until when an approved action may start."""
    return Deadline(row["approved_until"], row["approved_boot"] or "", row["approved_boot_until"] or 0)


def time_over(row: sqlite3.Row, now: int, boot: Boot) -> bool:
    """True for a gate or an unused approval whose time has passed."""
    if row["state"] == "pending":
        return ask_deadline(row).over(now, boot)
    return row["state"] == "approved" and approval_deadline(row).over(now, boot)


def lease_deadline(row: sqlite3.Row, extra_ms: int) -> Deadline:
    """Until when an executing action belongs to its owner, plus `extra_ms`."""
    return Deadline(row["lease_until"] + extra_ms, row["lease_boot"] or "", (row["lease_boot_until"] or 0) + extra_ms)


def to_action(row: sqlite3.Row) -> Action:
    """The noun of a row that was read with its revision."""
    return Action(
        id=row["id"],
        pulse_id=row["pulse_id"],
        call_key=row["call_key"],
        tool=row["tool"],
        effect_class=EffectClass(row["effect_class"]),
        requested_by=row["requested_by"],
        level=GateLevel(row["level"]),
        state=ActionState(row["state"]),
        rev=row["rev"],
        digest=row["digest"],
        approved_digest=row["approved_digest"],
        requested_at=row["requested_at"],
        ask_until=row["ask_until"],
        approved_until=row["approved_until"],
        defer_until=row["defer_until"],
        attempts=row["attempts"],
        owner=row["owner"],
        lease_until=row["lease_until"],
        outcome=load(row["outcome"]) if row["outcome"] is not None else None,
        reason=row["reason"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        finished_at=row["finished_at"],
        caused_by=row["caused_by"],
        version=row["version"],
        revision=to_revision(row, digest=row["r_digest"], at=row["r_at"]),
    )


def to_revision(row: sqlite3.Row, *, digest: str, at: int) -> Revision:
    """The noun of a revision's row, or of an action's row that was read with its revision."""
    return Revision(
        action_id=row["action_id"],
        rev=row["rev"],
        args=load(row["args"]),
        plan=load(row["plan"]),
        preconditions=load(row["preconditions"]),
        shown=load(row["shown"]),
        digest=digest,
        author=row["author"],
        at=at,
    )


def to_attempt(row: sqlite3.Row) -> Attempt:
    """The noun of an attempt's row."""
    return Attempt(**{name: row[name] for name in Attempt.__dataclass_fields__})


def to_event(row: sqlite3.Row | Mapping[str, Any]) -> Event:
    """The noun of a log line's row."""
    fields = {name: row[name] for name in Event.__dataclass_fields__}
    return replace(Event(**fields), body=load(row["body"]))


# principals ---------------------------------------------------------------------------------------


def remember_principal(conn: sqlite3.Connection, name: str, kind: str) -> None:
    """Note that a person, an agent or the system itself acted; its row is made at its first act."""
    plain = name.removeprefix(f"{kind}:")
    key = plain if plain == SYSTEM else f"{kind}:{plain}"
    conn.execute(
        "insert into principal(id, kind, display) values(?, ?, ?) on conflict(id) do nothing",
        (key, "system" if plain == SYSTEM else kind, plain),
    )


def person_named(name: str) -> str:
    """The plain name of a person. Raises `IllegalMove` for an agent, the system, or nobody."""
    plain = well_formed(name).strip().removeprefix("human:")
    if not plain or plain in (SYSTEM, POLICY) or plain.startswith(("agent:", "system:")):
        raise IllegalMove("Only a named person decides.", "Tell Stas who you are (stas init).")
    return plain
