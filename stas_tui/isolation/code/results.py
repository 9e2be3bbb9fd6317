"""From leads to results: what is flagged, what is asked, and what could not be said."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from stas_tui.forges.base import ForgeError
from stas_tui.isolation.base import UNDECLARED, World, unknown
from stas_tui.isolation.code.documented import Document, document_of, settled
from stas_tui.isolation.code.natural import Keys, Said, keys_of, with_keys
from stas_tui.isolation.code.specs import CHECKS
from stas_tui.isolation.code.words import RULES, words_of
from storage.check_records import CheckResult, Verdict
from storage.errors import StoreError

if TYPE_CHECKING:
    from stas_tui.isolation.code.project import Read

NATURAL, EXECUTED, ROUTES = "Q3", "Q4", "Q6"
MOST_LEADS = 500
"""Leads that stand with a result; the reason and the counts speak of all of them."""
_SETTLES = {
    **dict.fromkeys(("Q1", "Q2", "Q3"), "Q4, which judges the statements that ran,"),
    "Q5": "P4, which asks the running API,", "Q6": "P1, which asks the running API,",
    "Q7": "P7, which asks the running API,", "Q8": "J1, which judges what workers ran,",
}  # fmt: skip
"""Which check on the running thing would settle what reading cannot."""
_SUBJECTS = {"Q1": "statements", "Q2": "statements", "Q3": "statements", "Q5": "routes", "Q6": "judged", "Q7": "keys"}
_SAID = {
    "Q1": ("drops its tenant filter when an argument is missing",
           "drop their tenant filter when an argument is missing"),
    "Q2": ("reads a tenant's table without the tenant that is at hand",
           "read a tenant's table without the tenant that is at hand"),
    "Q3": ("looks up by a natural key without the tenant", "look up by a natural key without the tenant"),
    "Q5": ("takes the tenant from the client and holds it against nothing",
           "take the tenant from the client and hold it against nothing"),
    "Q6": ("asks nobody who calls", "ask nobody who calls"),
    "Q7": ("is used without the tenant", "are used without the tenant"),
    "Q8": ("reads a tenant's table and gets no tenant", "read a tenant's table and get no tenant"),
}  # fmt: skip
"""What a lead says of one, and of several."""
_NOUNS = {
    **dict.fromkeys(("Q1", "Q2", "Q3"), ("query", "queries")), "Q5": ("place", "places"),
    "Q6": ("route", "routes"), "Q7": ("key", "keys"), "Q8": ("job", "jobs"),
}  # fmt: skip


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
        for check in checks:
            listed = keys_of(world).executed if check == NATURAL else ()
            target = f"commit {world.tree.commit[:12]}"
            yield unknown(world, check, "dry run: the code was not read", target=target, executed=listed)
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
    keys = Keys()
    said = Said(leads=read.of(check))
    if check == NATURAL and said.leads:
        assert world.tenancy is not None
        keys = keys_of(world)
        said = with_keys(said.leads, read.naturals, keys, world.tenancy.columns)
    document, notes = Document(), [read.notes[check]] if check in read.notes else []
    if check == ROUTES and read.bare:
        document = document_of(world)
        if document.operations:
            held = settled(read.bare, read.counts[ROUTES]["judged"], document.operations)
            said = Said(leads=held.leads, counts=held.counts)
            notes = held.notes + ([] if not held.leads else [note for note in notes if "looks at the caller" in note])
    leads = said.leads
    accusing = [lead for lead in leads if lead.accuses]
    counts = {"files": read.files, "parsed": read.parsed, "unread": read.unread_total, **read.counts.get(check, {})}
    return CheckResult(
        check=check,
        project_id=world.project_id,
        verdict=Verdict.FLAGGED if accusing else Verdict.UNKNOWN,
        reason="; ".join(
            [
                *_reason(check, read, len(leads), len(accusing), notes),
                *_of_keys(keys, said.counts),
                *([document.problem] if document.problem else []),
            ]
        ),
        target=f"commit {world.tree.commit[:12]}, {read.files} files, sha256 {read.digest[:16]}"
        + "".join(f"; {where}" for where in (keys.where, document.where) if where),
        started_at=started,
        ended_at=world.clock.now(),
        executed=keys.executed,
        counts={**counts, **said.counts, "leads": len(leads)},
        leads=tuple(sorted(leads, key=lambda lead: not lead.accuses)[:MOST_LEADS]),
        tool=f"stas rules {RULES}, Python {platform.python_version()}",
    )


def _of_keys(keys: Keys, counts: Mapping[str, int]) -> list[str]:
    """What the database says of the keys, as clauses."""
    if keys.problem:
        return [f"the database's keys could not be read: {keys.problem}"]
    words = {
        "tenant_keys": "unique in a tenant only",
        "global_keys": "unique over all tenants",
        "no_key": "in no unique key with the tenant",
    }
    said = [f"{counts[kind]} {word}" for kind, word in words.items() if counts.get(kind)]
    return [f"by the keys of the database {', '.join(said)}"] if said else []


def _reason(check: str, read: Read, leads: int, accusing: int, notes: list[str]) -> list[str]:
    parts = []
    if accusing:
        parts.append(f"{_number(check, accusing)} {_SAID[check][accusing > 1]}")
    else:
        parts += notes
    if asked := leads - accusing:
        whether = "it" if asked == 1 else "each of them"
        parts.append(f"{_number(check, asked)} {_SAID[check][asked > 1]}; a person must say whether {whether} may")
    if not leads and not parts:
        seen = read.counts.get(check, {}).get(_SUBJECTS.get(check, "jobs"), 0)
        kind = "routes" if check == "Q5" else _NOUNS[check][1]
        if seen:
            parts.append(f"no lead in {seen} {kind}; reading never verifies, {_SETTLES[check]} would settle it")
        else:
            parts.append(f"{read.files} files were read and hold no {kind}; {_SETTLES[check]} would settle it")
    if read.unread_total:
        first, why = next(iter(read.unread.items()))
        few = "1 file" if read.unread_total == 1 else f"{read.unread_total} files"
        more = "" if read.unread_total == 1 else " first"
        parts.append(f"{few} could not be read, {first}{more}: {why}")
    return parts


def _number(check: str, number: int) -> str:
    return f"{number} {_NOUNS[check][number != 1]}"
