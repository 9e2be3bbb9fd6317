"""The list as it is drawn: what sources say, merged with what people have said about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from stas_tui.texts.lines import count, listed
from stas_tui.triage.changes import landed
from stas_tui.triage.folding import fold
from stas_tui.triage.identity import HALT_KEY, UNSHOWN_KEY, owned, snoozed
from stas_tui.triage.order import order
from stas_tui.triage.query import Query
from stas_tui.triage.words import CHILD, GROUPED, Blind, Doubt, doubts, unwatched
from storage.clock import age
from storage.records import Priority
from storage.triage_records import ItemClass, TriageItem, TriageList, TriageNote
from storage.watch_records import Fact, SourceKind, SourceStatus

_MOST_DOUBTS = 3
"""Doubts that the first line names; the others are counted."""
ALL_CLEAR = "all clear"


def arrange(
    items: Iterable[TriageItem],
    notes: Mapping[str, TriageNote],
    *,
    sources: Sequence[SourceStatus],
    blind: Blind | None,
    configured: frozenset[SourceKind],
    now: int,
    query: str = "",
    me: str = "",
    deploys: Sequence[Fact] = (),
) -> TriageList:
    """The whole list, in time that grows with the number of items and no faster than sorting them.

    `me` is who looks, for `owner:me`; `deploys` are counted in the first line. Raises `QueryError`.
    """
    wanted = Query.parse(query)
    standing = _noted(items, notes, now)
    _lift_children(standing)
    every = order((_aside(item, now) for item in fold(standing, now)), now=now)
    above = [item for item in every if not item.suppressed]
    gates = [item for item in every if item.item_class is ItemClass.GATE and _open(item)]
    counts = _counts(above, gates, landed(deploys, now), now)
    known = doubts(sources, blind=blind, configured=configured, now=now)
    return TriageList(
        at=now,
        items=tuple(item for item in every if wanted.matches(item, me=me, now=now)) if wanted.terms else tuple(every),
        dead=tuple(dict.fromkeys(doubt.name for doubt in known if doubt.name)),
        never=unwatched(configured),
        words=(*counts, *_moods(known, bool(above or gates))),
        doubts=tuple(map(str, known)),
        total=len(above),
        query=wanted.text,
    )


def calm(shown: TriageList) -> str:
    """The one sentence for a list with nothing above the line; empty if something stands there.

    It says «all clear» only if every source that is configured answered well and one of them is a source of alerts.
    """
    if any(not item.suppressed for item in shown.items):
        return ""
    if not shown.words:
        return "Nobody has looked yet."
    aside = len(shown.items)
    below = f" {count(aside, 'item is', 'items are')} put aside below." if aside else ""
    if shown.total:
        return f"Nothing matches the filter; {count(shown.total, 'item')} outside it {_need(shown.total)} a person."
    if shown.doubts:
        return f"Nothing is known to need you, but this is not calm: {listed(shown.doubts, 4)}.{below}"
    blind = f" Nobody watches {listed(shown.never, 6)}: no source is configured." if shown.never else ""
    return f"All clear: every source that is configured has answered, and nothing needs you.{blind}{below}"


def _need(number: int) -> str:
    return "needs" if number == 1 else "need"


# merging -------------------------------------------------------------------------------------------


def _noted(items: Iterable[TriageItem], notes: Mapping[str, TriageNote], now: int) -> dict[str, TriageItem]:
    """The items with what was said about them, without those that were closed and not seen since."""
    found: dict[str, TriageItem] = {}
    for item in items:
        note = notes.get(item.key)
        if note is None:
            found[item.key] = item
        elif note.dismissed_at is None or item.last_seen > note.dismissed_at:
            found[item.key] = replace(item, note=_as_of(note, now))
    return found


def _as_of(note: TriageNote, now: int) -> TriageNote:
    """A lease that has run out owns nothing, whether or not somebody has written that down yet."""
    if note.lease is None or owned(note, now):
        return note
    return replace(note, lease=None, lapsed_at=note.lapsed_at or note.lease.until)


def _lift_children(standing: dict[str, TriageItem]) -> None:
    """Children that a person split off stand alone, and so do those whose parent is not in the list any more."""
    for key, item in standing.items():
        if item.members:
            standing[key] = replace(item, members=tuple(m for m in item.members if _stays(standing.get(m))))
    under = {member for item in standing.values() for member in item.members}
    for key, item in standing.items():
        if item.suppressed.startswith(CHILD) and key not in under:
            standing[key] = replace(item, suppressed="")


def _stays(child: TriageItem | None) -> bool:
    return child is not None and not (child.note and child.note.split)


def _aside(item: TriageItem, now: int) -> TriageItem:
    """An item that a person put aside says until when."""
    if item.suppressed or not (reason := snoozed(item.note, item.priority, now)):
        return item
    return replace(item, suppressed=reason)


# the first line ------------------------------------------------------------------------------------


def _open(gate: TriageItem) -> bool:
    """Whether it waits for a decision, also as part of a group: its time runs out there too."""
    return not gate.suppressed or gate.suppressed.startswith(GROUPED)


def _counts(above: Sequence[TriageItem], gates: Sequence[TriageItem], changes: int, now: int) -> list[str]:
    words = []
    p0 = [item for item in above if item.priority is Priority.P0]
    incidents = [item for item in above if (item.stands_as or item.item_class) is ItemClass.INCIDENT]
    others = [item for item in incidents if item.priority is not Priority.P0]
    if p0:
        words.append(f"P0 {len(p0)}{_unowned(p0, now)}")
    if others:
        words.append(f"incidents {len(others)}{_unowned(others, now)}")
    if gates:
        words.append(f"gates {len(gates)}{_due(gates, now)}")
    if messages := [item for item in above if item.item_class is ItemClass.MESSAGE]:
        unverified = sum(not item.trusted for item in messages)
        unshown = sum(item.count for item in above if item.key == UNSHOWN_KEY)
        told = [f"{n} {word}" for n, word in ((unverified, "unverified"), (unshown, "not shown")) if n]
        words.append(f"urgent {len(messages) + unshown}" + (f" ({', '.join(told)})" if told else ""))
    suspects = sum(item.item_class is ItemClass.DEPLOY for item in above)
    if changes or suspects:
        suspected = f" ({suspects} suspect)" if suspects else ""
        words.append(f"deploys 24h {changes}{suspected}" if changes else f"deploys suspect {suspects}")
    if incidents:
        tenants = len({tenant for item in incidents for tenant in item.tenants})
        unsure = "?" if any(not item.tenants for item in incidents) else ""
        words.append(f"tenants hit {tenants or ''}{unsure}")
    if any(item.key == HALT_KEY for item in above):
        words.append("halted")
    return words


def _unowned(items: Sequence[TriageItem], now: int) -> str:
    alone = [item for item in items if not owned(item.note, now)]
    if not alone:
        return ""
    number = "" if len(alone) == len(items) == 1 else f"{len(alone)} "
    return f" ({number}unowned {age(now - min(item.first_seen for item in alone))})"


def _due(gates: Sequence[TriageItem], now: int) -> str:
    due = [(item.deadline, item.priority is not Priority.P0, item) for item in gates if item.deadline is not None]
    if not due:
        return ""
    deadline, _, gate = min(due, key=lambda each: each[:2])
    mark = "P0 " if gate.priority is Priority.P0 else ""
    return f" ({mark}due {age(deadline - now)})" if deadline > now else f" ({mark}overdue {age(now - deadline)})"


def _moods(known: Sequence[Doubt], anything: bool) -> list[str]:
    """Why nobody should be calm, or that somebody may be; what answers from a recording comes after what is dead."""
    doubted = [doubt.short for doubt in known if not (doubt.mild and anything)]
    doubted.sort(key=lambda short: short.endswith(" replayed"))
    more = len(doubted) - _MOST_DOUBTS
    if not doubted and not anything:
        return [ALL_CLEAR]
    return [*doubted[:_MOST_DOUBTS], *([f"{more} more in doubt"] if more > 0 else [])]
