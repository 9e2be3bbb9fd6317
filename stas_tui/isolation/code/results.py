"""From leads to results: what is flagged, what is asked, and what could not be said."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stas_tui.forges.base import ForgeError
from stas_tui.isolation.base import UNDECLARED, World, unknown
from stas_tui.isolation.code.specs import CHECKS
from stas_tui.isolation.code.words import RULES, words_of
from storage.check_records import CheckResult, Verdict
from storage.errors import StoreError

if TYPE_CHECKING:
    from stas_tui.isolation.code.project import Read

EXECUTED = "Q4"
_SETTLES = {"Q1": "Q4", "Q2": "Q4", "Q3": "Q4", "Q5": "P4", "Q6": "P1", "Q7": "P7", "Q8": "J1"}
"""Which check on the running thing would settle what reading cannot."""
_SUBJECTS = {"Q1": "statements", "Q2": "statements", "Q3": "statements", "Q5": "routes", "Q6": "judged", "Q7": "keys"}
_SAID = {
    "Q1": "drop their tenant filter when an argument is missing",
    "Q2": "read a tenant's table without the tenant that is at hand",
    "Q3": "look up by a key that is unique in a tenant only",
    "Q5": "take the tenant from the client and hold it against nothing",
    "Q6": "ask nobody who calls",
    "Q7": "are used without the tenant",
    "Q8": "read a tenant's table and get no tenant",
}
_NOUNS = {"Q1": "queries", "Q2": "queries", "Q3": "queries", "Q5": "places", "Q6": "routes", "Q7": "keys", "Q8": "jobs"}


def results(world: World) -> Iterator[CheckResult]:
    """One result for each wanted check. Raises `Cancelled`."""
    wanted = [spec.id for spec in CHECKS if world.wants(spec.id)]
    reading = [check for check in wanted if check != EXECUTED]
    if world.tenancy is None:
        yield from (unknown(world, check, UNDECLARED) for check in wanted)
        return
    if reading:
        yield from _reading(world, reading)
    if EXECUTED in wanted:
        from stas_tui.isolation.code.executed import executed

        yield executed(world)


def _reading(world: World, checks: list[str]) -> Iterator[CheckResult]:
    from stas_tui.isolation.code.project import read_tree

    started = world.clock.now()
    if world.tree is None:
        yield from (unknown(world, check, "no repository to read; set `repository` of the project") for check in checks)
        return
    if world.dry:
        yield from (
            unknown(world, check, "dry run: the code was not read", target=f"commit {world.tree.commit[:12]}")
            for check in checks
        )
        return
    words = words_of(world.tenancy)
    try:
        try:
            read = read_tree(world.tree, words, world.scans, step=world.step)
        except StoreError:
            world.step("reading everything: what was read before cannot be used")
            read = read_tree(world.tree, words, None, step=world.step)
    except ForgeError as error:
        yield from (unknown(world, check, f"the code could not be read: {error}") for check in checks)
        return
    for check in checks:
        yield _result(world, check, read, started)


def _result(world: World, check: str, read: Read, started: int) -> CheckResult:
    assert world.tree is not None
    leads = read.of(check)
    accusing = [lead for lead in leads if lead.accuses]
    counts = {"files": read.files, "parsed": read.parsed, "unread": read.unread_total, **read.counts.get(check, {})}
    return CheckResult(
        check=check,
        project_id=world.project_id,
        verdict=Verdict.FLAGGED if accusing else Verdict.UNKNOWN,
        reason=_reason(check, read, len(leads), len(accusing)),
        target=f"commit {world.tree.commit[:12]}, {read.files} files, sha256 {read.digest[:16]}",
        started_at=started,
        ended_at=world.clock.now(),
        counts={**counts, "leads": len(leads)},
        leads=tuple(sorted(leads, key=lambda lead: not lead.accuses)),
        tool=f"stas rules {RULES}, Python {platform.python_version()}",
    )


def _reason(check: str, read: Read, leads: int, accusing: int) -> str:
    noun, said = _NOUNS[check], _SAID[check]
    parts = []
    if accusing:
        parts.append(f"{accusing} {noun} {said}")
    elif note := read.notes.get(check, ""):
        parts.append(note)
    if leads > accusing:
        parts.append(f"{leads - accusing} {noun} may {said.replace('are used', 'be used')}; a person must look")
    if not leads and not parts:
        seen = read.counts.get(check, {}).get(_SUBJECTS.get(check, "jobs"), 0)
        if seen:
            parts.append(f"no lead in {seen} {noun}; reading never verifies, {_SETTLES[check]} would settle it")
        else:
            parts.append(f"no {noun} were found in {read.files} files; {_SETTLES[check]} would settle it")
    if read.unread_total:
        first = next(iter(read.unread))
        parts.append(f"{read.unread_total} files could not be parsed, {first} first")
    return "; ".join(parts)
