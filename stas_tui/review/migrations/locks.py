"""C6: operations that lock a table for long on PostgreSQL, and how large those tables are now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stas_tui.isolation.base import LIVE_MS
from stas_tui.review.base import Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead, said
from stas_tui.review.migrations.live import CannotLook, Live, looking
from stas_tui.review.migrations.model import NOT_KNOWN, POSTGRESQL, Kind, Op, Revision, in_order
from stas_tui.review.migrations.names import limit_of
from stas_tui.review.migrations.sketch import Sketch
from stas_tui.review.migrations.squawk import squawk
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict

LARGE = 100_000
"""Rows from which on a scan or rewrite under a lock is felt; a table of this size takes about a tenth of a second."""

_VOLATILE = re.compile(
    r"\b(gen_random_uuid|uuid_generate_v\d|random|clock_timestamp|nextval|timeofday|identity)\b", re.IGNORECASE
)
_HEAVY = re.compile(r"^(vacuum\s*(\(.*\bfull\b|full\b)|cluster\b|reindex\b(?!.*\bconcurrently\b))", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """An operation that holds a lock as long as it works through a table."""

    rule: str
    revision: Revision
    op: Op
    text: str
    table: str
    fails: bool = False
    """True if it fails outright as soon as the table has one row."""


def check(change: Change, found: Found, *, ask_live: bool = True) -> CheckResult:
    """The result of C6 over all revisions that the change adds."""
    locks: list[Lock] = []
    notes: list[Lead] = []
    for pair in found.pairs:
        if pair.chain.dialect == POSTGRESQL:
            some, more = locks_of(pair)
            locks += some
            notes += more
    tool = ""
    if ask_live:
        extra, tool = squawk(change, found, {(lock.revision.path, lock.op.line) for lock in locks})
        notes += extra
    counts: dict[str, object] = {"operations": len(locks), "notes": len(notes)}
    if not locks:
        other = [p for p in found.pairs if p.chain.dialect != POSTGRESQL and p.introduced]
        what = "no operation that locks a table for long was found"
        if other and len(other) == len([p for p in found.pairs if p.introduced]):
            dialect = other[0].chain.dialect
            what = f"rules are for PostgreSQL, this is {dialect}: a migration there locks the whole database"
        return result(change, "C6", Verdict.UNKNOWN, what, leads=tuple(notes), counts=counts, tool=tool)
    asks = tuple(_lead(lock, lock.text) for lock in locks)
    if not ask_live:
        reason = f"{asks[0].text}; how large the table is was not asked"
        return result(change, "C6", Verdict.UNKNOWN, reason, leads=(*asks, *notes), counts=counts, tool=tool)
    try:
        with looking(change) as live:
            return replace(_sized(change, live, locks, notes, counts), tool=tool)
    except CannotLook as error:
        reason = f"{count(len(locks), 'operation')} may lock for long ({asks[0].text}); how large is not known: {error}"
        return result(change, "C6", Verdict.UNKNOWN, reason, leads=(*asks, *notes), counts=counts, tool=tool)


def _lead(lock: Lock, text: str, *, accuses: bool = False, severity: str = "warn") -> Lead:
    return lead(lock.rule, lock.revision, text, op=lock.op, accuses=accuses, severity=severity)


def _sized(change: Change, live: Live, locks: list[Lock], notes: list[Lead], counts: dict[str, object]) -> CheckResult:
    sizes: dict[str, int | None] = {}
    leads: list[Lead] = []
    for lock in locks:
        change.step(f"C6: the size of {lock.table}")
        if lock.table not in sizes:
            sizes[lock.table] = live.size(lock.table) if lock.table != NOT_KNOWN else None
        rows = sizes[lock.table]
        if rows is None:
            leads.append(_lead(lock, f"{lock.text}; its size is not known"))
        elif lock.fails and rows:
            leads.append(_lead(lock, f"{lock.text}: about {count(rows, 'row')} now", accuses=True, severity="crit"))
        elif rows >= LARGE:
            leads.append(_lead(lock, f"{lock.text}: about {rows:,} rows", accuses=True))
        else:
            leads.append(_lead(lock, f"{lock.text}: about {count(rows, 'row')}, which is short", severity="note"))
    counts |= {f"rows of {said(table, 60)}": rows for table, rows in sizes.items() if rows is not None}
    accused = [one for one in leads if one.accuses]
    if accused:
        made = result(change, "C6", Verdict.FLAGGED, accused[0].text, leads=(*leads, *notes))
    else:
        unsized = [table for table, rows in sizes.items() if rows is None]
        if unsized:
            reason = f"the size of {said(unsized[0], 60)} is not known: {live.trouble or 'its name is not'}"
        else:
            largest = max((rows or 0 for rows in sizes.values()), default=0)
            reason = f"no long lock expected: the largest table in question has about {count(largest, 'row')}"
        made = result(change, "C6", Verdict.UNKNOWN, reason, leads=(*leads, *notes))
    return replace(
        made,
        counts=counts,
        target=live.what,
        executed=tuple(said(one, 500) for one in live.executed),
        live=True,
        expires_at=change.clock.now() + LIVE_MS,
    )


def locks_of(pair: Pair) -> tuple[list[Lock], list[Lead]]:
    """(operations that lock, remarks) of the revisions that the change adds."""
    locks: list[Lock] = []
    notes: list[Lead] = []
    if pair.head is None:
        return locks, notes
    new = {revision.id for revision in pair.introduced}
    sketch = Sketch(dialect=pair.chain.dialect)
    made: set[str] = set()
    """Tables that this change makes: nobody waits for them."""
    for revision in in_order(pair.head.revisions):
        if revision.id not in new:
            sketch.apply_all(revision.up.ops)
            continue
        unchecked = True
        for op in revision.up.ops:
            if op.kind is Kind.CREATE_TABLE:
                made.add(op.table)
            elif op.kind is Kind.RENAME_TABLE and op.table in made:
                made.add(op.to)
            elif op.kind is Kind.SET and op.name == "lock_timeout":
                unchecked = False
            elif op.table not in made:
                locks += _locks(revision, op, sketch)
            sketch.apply(op)
        first = next((op for op in revision.up.ops if op.kind in _ALTERS and op.table not in made), None)
        if unchecked and first is not None:
            text = "alters a table without a lock_timeout: behind one long query everything else queues up"
            notes.append(lead("no-lock-timeout", revision, text, op=first, accuses=False, severity="note"))
        notes += [_renamed(revision, op) for op in revision.up.ops if _renames(op) and op.table not in made]
    return locks, notes


_ALTERS = frozenset(
    {
        Kind.ADD_COLUMN,
        Kind.DROP_COLUMN,
        Kind.ALTER_COLUMN,
        Kind.ADD_CONSTRAINT,
        Kind.DROP_CONSTRAINT,
        Kind.RENAME_COLUMN,
        Kind.RENAME_TABLE,
        Kind.DROP_TABLE,
        Kind.ROW_SECURITY,
    }
)


def _renames(op: Op) -> bool:
    return op.kind in (Kind.RENAME_COLUMN, Kind.RENAME_TABLE)


def _renamed(revision: Revision, op: Op) -> Lead:
    what = f"{op.table}.{op.name}" if op.kind is Kind.RENAME_COLUMN else op.table
    text = f"renames {what} in place: the version that runs meanwhile asks for the old name"
    return lead("rename-in-place", revision, text, op=op, accuses=False, severity="note")


def _locks(revision: Revision, op: Op, sketch: Sketch) -> Iterator[Lock]:
    for rule, text, fails in _rules(op, sketch):
        yield Lock(rule=rule, revision=revision, op=op, text=text, table=op.table or NOT_KNOWN, fails=fails)


def _rules(op: Op, sketch: Sketch) -> Iterator[tuple[str, str, bool]]:
    table = op.table
    match op.kind:
        case Kind.CREATE_INDEX if not op.concurrently:
            yield "index-not-concurrent", f"builds an index on {table} while writes wait", False
        case Kind.ALTER_COLUMN:
            yield from _altered(op, sketch)
        case Kind.ADD_COLUMN:
            if op.nullable is False and op.default == "":
                text = f"adds {table}.{op.name} as NOT NULL without a default, which fails on any row"
                yield "not-null-without-default", text, True
            if op.default and _VOLATILE.search(op.default):
                text = f"adds {table}.{op.name} with a default that differs by row, so the table {table} is rewritten"
                yield "default-rewrites", text, False
        case Kind.ADD_CONSTRAINT if op.what in ("foreign key", "check") and not op.not_valid:
            text = f"adds a {op.what} to {table} without NOT VALID: every row is checked while writes wait"
            yield "constraint-not-valid", text, False
        case Kind.ADD_CONSTRAINT if op.what in ("unique", "primary key") and not op.using:
            text = f"adds a {op.what} to {table}, whose index is built while nobody reads or writes"
            yield "constraint-builds-index", text, False
        case Kind.LOCK:
            yield "explicit-lock", f"locks the table {table}", False
        case Kind.UPDATE | Kind.DELETE if not op.where:
            word = "changes" if op.kind is Kind.UPDATE else "deletes"
            yield "whole-table", f"{word} all rows of {table} in one statement, which stay locked until it ends", False
        case Kind.OTHER if _HEAVY.match(op.code):
            yield "rewrites-table", f"{op.code.split()[0].upper()} rewrites under a lock", False
        case _:
            return


def _altered(op: Op, sketch: Sketch) -> Iterator[tuple[str, str, bool]]:
    facts = sketch.known.get(f"column {op.table}.{op.name}") or {}
    if op.nullable is False and facts.get("nullable") is not False:
        text = f"makes {op.table}.{op.name} NOT NULL: every row is checked while nobody reads or writes"
        yield "not-null-scan", text, False
    if op.type is not None:
        old = str(facts.get("type") or op.existing_type or "")
        if not _same_bytes(old, op.type):
            was = f" from {old}" if old else ""
            text = f"changes the type of {op.table}.{op.name}{was} to {op.type}: the table may be rewritten"
            yield "type-rewrites", text, False


def _same_bytes(old: str, new: str) -> bool:
    """Type changes that PostgreSQL does in the catalogue alone."""
    if old == new:
        return True
    if old.startswith("varchar"):
        limit, before = limit_of(new), limit_of(old)
        if new in ("text", "varchar"):
            return True
        return new.startswith("varchar") and limit is not None and before is not None and limit >= before
    return (old, new) in (("text", "varchar"), ("cidr", "inet"))
