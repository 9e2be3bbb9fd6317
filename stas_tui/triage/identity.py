"""Who an item is, and what the notes of people about it mean at a given time. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from stas_tui.triage.events import event_words
from storage.canonical import well_formed
from storage.clock import MINUTE, hhmm
from storage.records import Priority
from storage.triage_records import TriageNote

P0_SNOOZE = 15 * MINUTE
"""The longest that a P0 is put aside."""

HALT_KEY = "halt:stas"
"""Identity of the item that says that everything is halted."""
WATCHER_KEY = "source:watcher"
"""Identity of the item that says that nobody asks the sources."""
UNSHOWN_KEY = "source:urgent-messages"
"""Identity of the item that says how many urgent messages are not shown."""
LONGEST = 400
"""Characters of an identity; a longer one ends in a digest of the whole."""


def _identity(kind: str, name: str) -> str:
    text = f"{kind}:{well_formed(name)}"
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: LONGEST - 17]}~{digest}"


def alert_key(fingerprint: str) -> str:
    """Identity of an alert: the fingerprint of its labels, whichever server reports it."""
    return _identity("alert", fingerprint)


def probe_key(key: str) -> str:
    """Identity of an endpoint; `key` is `project/name`."""
    return _identity("probe", key)


def tenant_key(tenant: str) -> str:
    """Identity of a tenant whose numbers went wrong."""
    return _identity("tenant", tenant)


def platform_key(source: str) -> str:
    """Identity of what befalls most tenants of a source of numbers at once: nobody's own, the platform's."""
    return _identity("platform", source)


def gate_key(action_id: str) -> str:
    """Identity of a gate."""
    return _identity("gate", action_id)


def message_key(message_id: str) -> str:
    """Identity of a message."""
    return _identity("message", message_id)


def task_key(project_id: str, task_id: str) -> str:
    """Identity of a task."""
    return _identity("task", f"{project_id}/{task_id}")


def deploy_key(project_id: str, sha: str) -> str:
    """Identity of a change that was deployed or merged: its commit."""
    return _identity("deploy", f"{project_id}/{sha}")


def source_key(name: str) -> str:
    """Identity of a source."""
    return _identity("source", name)


def tops(parents: Mapping[str, str]) -> dict[str, str]:
    """For each key with a parent, the key at the top of its line. A ring has its smallest key on top.

    A key that is its own top is the top of a ring.
    """
    found: dict[str, str] = {}
    for start in parents:
        line: dict[str, None] = {}
        at = start
        while at in parents and at not in found and at not in line:
            line[at] = None
            at = parents[at]
        if at in line:
            keys = list(line)
            top = min(keys[keys.index(at) :])
        else:
            top = found.get(at, at)
        found.update(dict.fromkeys(line, top))
    return found


def owned(note: TriageNote | None, now: int) -> bool:
    """Whether somebody's lease holds: its time has not run out, or the event it waits for keeps it."""
    lease = note.lease if note else None
    return lease is not None and (lease.until > now or bool(lease.waits_for))


def snoozed(
    note: TriageNote | None, priority: Priority | None, now: int, *, say: Callable[[str], str] = event_words
) -> str:
    """`snoozed until 14:30Z`, or until an event as `say` puts it; empty if it is not put aside.

    A P0 is never put aside for more than 15 minutes, and one that became a P0 since wakes at once.
    """
    snooze = note.snooze if note else None
    if snooze is None or (priority is Priority.P0 and snooze.priority not in ("", Priority.P0)):
        return ""
    ends = [] if snooze.until is None else [snooze.until]
    if priority is Priority.P0:
        ends.append(snooze.at + P0_SNOOZE)
    if not ends:
        return f"snoozed until {say(snooze.event)}" if snooze.event else ""
    if min(ends) <= now:
        return ""
    return f"snoozed until {hhmm(min(ends))}" + (f" or {say(snooze.event)}" if snooze.event else "")
