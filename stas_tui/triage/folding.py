"""Groups that people made: members below the line under a head that shows the worst of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stas_tui.triage.identity import snoozed, tops
from stas_tui.triage.order import (
    DEPLOY,
    GATE,
    GATE_SOON,
    INCIDENT,
    INFO,
    SOURCE,
    TASK,
    UNVERIFIED,
    class_rank,
    worst_first,
)
from stas_tui.triage.words import GROUPED, seen_line
from storage.triage_records import ItemClass, TriageItem

_STANDS_AS = {
    INCIDENT: ItemClass.INCIDENT,
    GATE_SOON: ItemClass.GATE,
    SOURCE: ItemClass.SOURCE,
    DEPLOY: ItemClass.DEPLOY,
    UNVERIFIED: ItemClass.MESSAGE,
    GATE: ItemClass.GATE,
    TASK: ItemClass.TASK,
    INFO: ItemClass.INFO,
}


def fold(standing: Mapping[str, TriageItem], now: int) -> list[TriageItem]:
    """All items, the members of groups below the line.

    A group stands where the worst of it would stand alone. A head that is itself below the line because a source says
    so (silenced, resolved, a child), or that is gone, holds nobody under it: what burns is never hidden by what does
    not.
    """
    parents = {
        key: item.note.group
        for key, item in standing.items()
        if item.note and item.note.group and item.note.group != key and item.note.group in standing
    }
    groups: dict[str, list[TriageItem]] = {}
    for key, top in tops(parents).items():
        if key != top and not standing[top].suppressed:
            groups.setdefault(top, []).append(standing[key])
    folded = dict(standing)
    for top, members in groups.items():
        head = standing[top]
        folded[top] = _head(head, sorted(members, key=lambda item: item.key), now)
        under = GROUPED + seen_line(head.title, 60)
        for member in members:
            own = member.suppressed or snoozed(member.note, member.priority, now)
            folded[member.key] = replace(member, suppressed=own or under)
    return list(folded.values())


def _head(head: TriageItem, members: Sequence[TriageItem], now: int) -> TriageItem:
    """The head with the worst of those members that are not put aside for themselves."""
    lively = [m for m in members if not m.suppressed and not snoozed(m.note, m.priority, now)]
    gates_only = head.item_class is ItemClass.GATE
    deadlines = [
        item.deadline
        for item in (head, *lively)
        if item.deadline is not None and (not gates_only or item.item_class is ItemClass.GATE)
    ]
    worst = min((head, *lively), key=lambda item: worst_first(item.priority))
    most = min((class_rank(item, now) for item in lively), default=class_rank(head, now))
    return replace(
        head,
        priority=worst.priority,
        stands_as=_STANDS_AS[most] if most < class_rank(head, now) else head.stands_as,
        count=head.count + sum(item.count for item in members),
        deadline=min(deadlines, default=None),
        first_seen=min(item.first_seen for item in (head, *lively)),
        last_seen=max(item.last_seen for item in (head, *members)),
        tenants=tuple(dict.fromkeys(tenant for item in (head, *lively) for tenant in item.tenants)),
        members=tuple(dict.fromkeys((*head.members, *sorted(item.key for item in members)))),
    )
