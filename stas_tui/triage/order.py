"""The law of the list: one order over everything that needs a person, a pure function of the item and the time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from stas_tui.triage.identity import owned
from storage.clock import MINUTE
from storage.records import Priority
from storage.triage_records import ItemClass, TriageItem

SOON = 5 * MINUTE
"""A gate that is due in less than this comes before everything but incidents."""

Rank = tuple[int, int, int, int, float, int, str]

INCIDENT, GATE_SOON, SOURCE, DEPLOY, UNVERIFIED, GATE, TASK, INFO = range(8)
"""Class ranks, the first first. A dead source comes after what surely burns and what runs out within minutes, and
before everything that could wait for a source to answer again: nobody can tell what it hides. Urgent words of somebody
unknown stand below what was seen, so that no flood of them buries an incident, and above gates with time left."""

_RANKS = {
    ItemClass.INCIDENT: INCIDENT,
    ItemClass.GATE: GATE,
    ItemClass.DEPLOY: DEPLOY,
    ItemClass.SOURCE: SOURCE,
    ItemClass.TASK: TASK,
    ItemClass.MESSAGE: UNVERIFIED,
    ItemClass.RUN: TASK,
    ItemClass.INFO: INFO,
}
_NUMBERS = {Priority.P0: 0, Priority.P1: 1, Priority.P2: 2, Priority.P3: 3, None: 1}
"""Places of the priorities; an unknown one is ordered as P1 (D9)."""


def order(items: Iterable[TriageItem], *, now: int) -> list[TriageItem]:
    """The items in the order of the law. Equal input gives equal output, whatever order it came in.

    An item's place among others depends on nothing but the item and `now`, so a new one moves no two others apart.
    """
    return sorted(items, key=lambda item: rank(item, now))


def rank(item: TriageItem, now: int) -> Rank:
    """(put aside?, class, priority, owned?, deadline, first seen, key); the smaller comes first."""
    return (
        int(bool(item.suppressed)),
        class_rank(item, now),
        worst_first(item.priority),
        int(owned(item.note, now)),
        math.inf if item.deadline is None else item.deadline,
        item.first_seen,
        item.key,
    )


def class_rank(item: TriageItem, now: int) -> int:
    """How serious the kind of the item is: an incident or any P0 first, then a gate due within five minutes, …"""
    kind = item.stands_as or item.item_class
    if kind is ItemClass.MESSAGE:
        return INCIDENT if item.trusted and item.item_class is kind else UNVERIFIED
    if item.priority is Priority.P0:
        return INCIDENT
    if kind is ItemClass.GATE and item.deadline is not None and item.deadline - now < SOON:
        return GATE_SOON
    return _RANKS[kind]


def worst_first(priority: Priority | None) -> int:
    """The place of a priority, P0 at 0."""
    return _NUMBERS[priority]
