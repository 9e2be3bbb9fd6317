"""C2: whether the way back looks complete, by following both ways in a sketch of the database. Never a proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stas_tui.review.base import BY_REHEARSAL, Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead
from stas_tui.review.migrations.model import Kind, Op, Revision, in_order
from stas_tui.review.migrations.sketch import Fault, Sketch
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict

ONE_WAY = ("no-way-down", "irreversible", "empty-way-down")
"""Rules that say that nobody means this migration to be undone (D13)."""

_ROWS = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.TRUNCATE})
_NOTHING = frozenset({Kind.OTHER, Kind.SET, Kind.LOCK, Kind.VALIDATE_CONSTRAINT})
_FAILS = ("constraint-without-name", "cast-without-using")
"""Operations that never succeed, whichever way they stand in."""
_WHOLE = ("table ", "column ", "type ", "view ", "materialized view ")


def check(change: Change, found: Found) -> CheckResult:
    """The result of C2 over all revisions that the change adds or alters."""
    leads: list[Lead] = []
    looked = 0
    hazy = ""
    for pair in found.pairs:
        for revision, said, why in judged(pair):
            looked += 1
            leads += said
            hazy = hazy or (f"{revision.id}: {why}" if why else "")
    counts = {"revisions": looked, "leads": len(leads)}
    accused = [one for one in leads if one.accuses]
    if accused:
        return result(change, "C2", Verdict.FLAGGED, accused[0].text, leads=tuple(leads), counts=counts)
    if not looked:
        reason = "no migration was added; nothing to undo"
    elif hazy:
        reason = f"not all was understood ({hazy}){BY_REHEARSAL}"
    elif leads:
        reason = f"{count(len(leads), 'question')} about the way back{BY_REHEARSAL}"
    else:
        reason = f"no lead in {count(looked, 'revision')}{BY_REHEARSAL}"
    return result(change, "C2", Verdict.UNKNOWN, reason, leads=tuple(leads), counts=counts)


def judged(pair: Pair) -> Iterator[tuple[Revision, list[Lead], str]]:
    """(revision, leads, what was not understood) for each revision that the change adds or alters."""
    if pair.head is None:
        return
    wanted = {r.id for r in pair.introduced} | {new.id for _, new in pair.edited}
    if not wanted:
        return
    sketch = Sketch(dialect=pair.chain.dialect)
    for revision in in_order(pair.head.revisions):
        if revision.id not in wanted:
            sketch.apply_all(revision.up.ops)
            continue
        leads = list(one_way(revision))
        if revision.problem or leads:
            sketch.watch()
            sketch.apply_all(revision.up.ops)
            yield revision, leads, revision.problem
            continue
        found, hazy = _both_ways(sketch, revision)
        yield revision, found, hazy


def one_way(revision: Revision) -> Iterator[Lead]:
    """Why nobody can go back behind this revision, as far as its author says so."""
    if revision.problem:
        return
    acts = [op for op in revision.up.ops if op.kind not in _NOTHING]
    rows_only = bool(acts) and all(op.kind in _ROWS for op in acts)
    if revision.down.missing:
        text = "there is no way down: the migration cannot be undone"
        yield lead("no-way-down", revision, text, anchor=f"{revision.id} none", severity="crit")
    elif revision.down.raises:
        text = "its way down raises an error: it is declared irreversible"
        yield lead(
            "irreversible", revision, text, path=revision.place, line=revision.down.raises,
            anchor=f"{revision.id} raises", severity="crit",
        )  # fmt: skip
    elif acts and not any(op.kind not in _NOTHING for op in revision.down.ops):
        text = "its way down does nothing, while its way up " + ("changes rows" if rows_only else "changes the schema")
        yield lead(
            "empty-way-down", revision, text, path=revision.place, line=revision.down.line,
            anchor=f"{revision.id} empty", accuses=not rows_only, severity="warn" if rows_only else "crit",
        )  # fmt: skip


def _both_ways(sketch: Sketch, revision: Revision) -> tuple[list[Lead], str]:
    sketch.watch()
    sketch.apply_all(revision.up.ops)
    after = sketch.keep()
    hazy = _unclear(revision.up.ops)
    up_faults = list(sketch.faults)
    sketch.faults = []
    sketch.apply_all(revision.down.ops)
    down_faults, differences = list(sketch.faults), sketch.differences()
    hazy = hazy or _unclear(revision.down.ops)
    sketch.known = after
    leads = [_lead(revision, fault, down=False) for fault in up_faults if fault.rule in _FAILS]
    leads += [_lead(revision, fault, down=True) for fault in (*down_faults, *differences)]
    return leads, hazy


def _unclear(ops: Iterable[Op]) -> str:
    return next((f"line {op.line}, {op.why}" for op in ops if op.kind is Kind.UNCLEAR), "")


def _lead(revision: Revision, fault: Fault, *, down: bool) -> Lead:
    sure = fault.sure and fault.rule != "changed"
    if fault.rule in ("left-behind", "not-put-back"):
        sure = sure and fault.text.startswith(_WHOLE)
    way = revision.down if down else revision.up
    return lead(
        fault.rule,
        revision,
        f"its way {'down' if down else 'up'} {fault.text}" if fault.rule in _FAILS else fault.text,
        op=fault.op,
        path=revision.place if down else revision.path,
        line=0 if fault.op is not None else way.line,
        anchor=f"{revision.id} {fault.rule} {fault.text}",
        accuses=sure,
    )
