"""What may belong together, and which change probably caused it. Suggestions only: a person accepts. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stas_tui.triage.changes import SUSPECT_FOR
from stas_tui.triage.order import order
from stas_tui.triage.words import seen_line
from storage.clock import MINUTE, age
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import Deploy, Fact

TOGETHER = 10 * MINUTE
"""Items of one tenant and service that begin within this belong together."""
MOST = 20
"""Suspects that are weighed for one item, the latest before it began."""

_JOINED = frozenset({ItemClass.INCIDENT, ItemClass.MESSAGE, ItemClass.TASK, ItemClass.INFO})
"""What a group is made of: gates are decided, changes judged and sources mended each for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A change that may have caused an item."""

    sha: str
    what: str
    at: int
    why: str
    """`6m before it began, same service`."""
    pr: int | None
    score: float
    """Higher is likelier; comparable only among the suspects of one item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Items that look like one incident: `members` would go under `head`."""

    head: str
    members: tuple[str, ...]
    why: str


def suspects(item: TriageItem, deploys: Sequence[Fact], *, now: int) -> list[Suspect]:
    """Changes within the hour before the item began, the likeliest first.

    What the item's own evidence names comes first, then the same service, the same project, the shorter time.
    """
    return _Landed(deploys, now).suspects(item)


def suggestions(items: Sequence[TriageItem], deploys: Sequence[Fact], *, now: int) -> list[Suggestion]:
    """Groups that a person may accept: the same tenant and service within ten minutes, or the same suspect change.

    What stands below the line, and what a person has grouped or split, is left alone. No item is suggested twice.
    """
    free = [item for item in order(items, now=now) if _free(item)]
    taken: set[str] = set()
    return [*_by_place(free, taken), *_by_change(free, _Landed(deploys, now), taken)]


def _free(item: TriageItem) -> bool:
    untouched = item.note is None or not (item.note.group or item.note.split)
    return untouched and not item.suppressed and item.item_class in _JOINED


def _by_place(free: Sequence[TriageItem], taken: set[str]) -> Iterable[Suggestion]:
    places: dict[tuple[str, str], list[TriageItem]] = {}
    position = {item.key: number for number, item in enumerate(free)}
    for item in free:
        if item.service:
            for tenant in item.tenants:
                places.setdefault((tenant, item.service), []).append(item)
    for (tenant, service), there in places.items():
        why = seen_line(f"tenant {tenant} and service {service} within 10m")
        for bunch in _bunches(there):
            yield from _suggest(sorted(bunch, key=lambda item: position[item.key]), why, taken)


def _bunches(there: list[TriageItem]) -> Iterable[list[TriageItem]]:
    """Runs that begin within ten minutes of their first: no chain of them joins what lies hours apart."""
    bunch: list[TriageItem] = []
    for item in sorted(there, key=lambda item: item.first_seen):
        if bunch and item.first_seen - bunch[0].first_seen > TOGETHER:
            yield bunch
            bunch = []
        bunch.append(item)
    yield bunch


def _by_change(free: Sequence[TriageItem], landed: _Landed, taken: set[str]) -> Iterable[Suggestion]:
    causes: dict[str, list[TriageItem]] = {}
    for item in free:
        if item.item_class is ItemClass.INCIDENT and (found := landed.suspects(item)):
            causes.setdefault(found[0].sha, []).append(item)
    for sha, harmed in causes.items():
        yield from _suggest(harmed, f"same suspect change {seen_line(sha[:8])}", taken)


def _suggest(items: Sequence[TriageItem], why: str, taken: set[str]) -> Iterable[Suggestion]:
    """The first in the order of the law heads the others."""
    keys = [item.key for item in items if item.key not in taken]
    if len(keys) > 1:
        taken.update(keys)
        yield Suggestion(head=keys[0], members=tuple(keys[1:]), why=why)


class _Landed:
    """The changes by the time at which they landed, each commit once."""

    def __init__(self, deploys: Sequence[Fact], now: int) -> None:
        first: dict[tuple[str, str], Deploy] = {}
        for fact in deploys:
            deploy = fact.thing
            if isinstance(deploy, Deploy) and deploy.at <= now:
                known = first.setdefault((deploy.project_id, deploy.sha), deploy)
                if (deploy.at, deploy.key) < (known.at, known.key):
                    first[deploy.project_id, deploy.sha] = deploy
        self._changes = sorted(first.values(), key=lambda deploy: (deploy.at, deploy.sha))
        self._times = [deploy.at for deploy in self._changes]

    def suspects(self, item: TriageItem) -> list[Suspect]:
        """Those within the hour before the item began, the likeliest first."""
        end = bisect_right(self._times, item.first_seen)
        start = max(bisect_left(self._times, item.first_seen - SUSPECT_FOR), end - MOST)
        named = {evidence.ref for evidence in item.evidence if evidence.kind == "commit"}
        found = [_weigh(deploy, item, named) for deploy in self._changes[start:end]]
        return sorted(found, key=lambda suspect: (-suspect.score, -suspect.at, suspect.sha))


def _weigh(deploy: Deploy, item: TriageItem, named: set[str]) -> Suspect:
    before = item.first_seen - deploy.at
    score = 1 - before / SUSPECT_FOR
    words = [f"{age(before)} before it began"]
    for says, weight, word in (
        (deploy.sha in named, 4.0, "worse since this change"),
        (bool(item.service) and deploy.service == item.service, 2.0, "same service"),
        (bool(item.project_id) and deploy.project_id == item.project_id, 1.0, "same project"),
        (deploy.state in ("failure", "error"), 1.0, "the deployment failed"),
    ):
        if says:
            score += weight
            words.append(word)
    if deploy.service and item.service and deploy.service != item.service:
        score -= 1.0
        words.append(f"another service, {seen_line(deploy.service, 40)}")
    if item.project_id and deploy.project_id != item.project_id:
        score -= 2.0
        words.append("another project")
    return Suspect(
        sha=deploy.sha,
        what=seen_line(deploy.what),
        at=deploy.at,
        why=", ".join(words),
        pr=deploy.pr_number,
        score=score,
    )
