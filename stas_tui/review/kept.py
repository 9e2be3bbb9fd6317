"""Rehearsals that were made before: the same commits are not rehearsed twice while what was found still holds."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from stas_tui.config_rehearse import Rehearse
from stas_tui.isolation.base import LIVE_MS
from storage.canonical import digest_of, tame
from storage.check_records import CheckResult, Verdict
from storage.checks_codec import result_json, result_of
from storage.clock import MINUTE
from storage.errors import StoreError

if TYPE_CHECKING:
    from stas_tui.review.base import Change

KEPT = frozenset({"rehearsal"})
"""Packages of checks that take minutes and depend on nothing but the commits and what is declared."""
RULES = "rehearsed 1"
"""Changes whenever a rehearsal would find something else in the same commits."""
UNDECIDED_MS = 10 * MINUTE
"""How long an answer that decided nothing stands, so that a gate that is asked again does not wait again."""


def known(change: Change, package: str) -> tuple[CheckResult, ...] | None:
    """What the package said of these commits; None if that is not known, or holds no longer."""
    if change.scans is None or package not in KEPT:
        return None
    try:
        kept = change.scans.known(RULES, [_place(change, package)]).get(_place(change, package))
    except StoreError:
        return None
    if kept is None or kept["until"] <= change.clock.now() or kept["at"] > change.clock.now():
        return None
    if not kept["decided"] and change.rehearse and _seconds(change) > kept["seconds"]:
        return None
    try:
        results = tuple(result_of(data) for data in kept["results"])
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(replace(one, project_id=change.project_id) for one in results if change.wants(one.check))


def keep(change: Change, package: str, results: tuple[CheckResult, ...]) -> None:
    """Keep what the package said. Nothing is kept of a run that left the rehearsal or a check out."""
    if change.scans is None or package not in KEPT or not change.rehearse or change.only:
        return
    now = change.clock.now()
    decided = all(one.verdict is not Verdict.UNKNOWN for one in results)
    ends = [one.expires_at if one.expires_at is not None else now + LIVE_MS for one in results]
    if not results:
        return
    facts = {
        "at": now,
        "until": min(ends) if decided else min(*ends, now + UNDECIDED_MS),
        "decided": decided,
        "seconds": _seconds(change),
        "results": [result_json(one) for one in results],
    }
    with contextlib.suppress(StoreError):
        change.scans.keep(RULES, {_place(change, package): tame(facts)})


def _seconds(change: Change) -> float:
    """What a rehearsal may take; a longer one is tried again where a shorter one decided nothing."""
    return (change.rehearsal or Rehearse()).seconds


def _place(change: Change, package: str) -> str:
    """Everything that the answer depends on, as one digest."""
    how = (change.rehearsal or Rehearse()).model_dump(mode="json", exclude={"seconds"})
    what = change.tenancy.model_dump(mode="json") if change.tenancy else None
    parts = [package, change.base.commit, change.head.commit, how, what, change.cut]
    return digest_of(tame(parts), "stas/rehearsed/v1")
