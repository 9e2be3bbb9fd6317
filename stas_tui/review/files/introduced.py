"""Only what a change introduces: findings in the new version of a file that its old version did not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from storage.check_records import Lead

Reader = Callable[[str, str], Iterable[Lead]]
"""(path, text) to the findings in it. Raises `Unreadable`."""

LARGEST = 2 * 1024 * 1024
"""Bytes of a file that is read."""


class Unreadable(ValueError):
    """A file could not be understood; the text is a clause."""


def introduced(read: Reader, path: str, before: str | None, after: str) -> tuple[Lead, ...]:
    """What `after` has and `before` had not. Raises `Unreadable` for the new version only.

    An old version that cannot be understood had nothing: then all of the new one counts as introduced.
    """
    found = tuple(read(path, after))
    if before is None or not found:
        return found
    try:
        known = Counter(_identity(lead) for lead in read(path, before))
    except Unreadable:
        return found
    fresh = []
    for lead in found:
        if known[_identity(lead)]:
            known[_identity(lead)] -= 1
        else:
            fresh.append(lead)
    return tuple(fresh)


def _identity(lead: Lead) -> tuple[str, str]:
    """What stays when the file was renamed and its lines moved."""
    return lead.rule, lead.anchor or lead.code
