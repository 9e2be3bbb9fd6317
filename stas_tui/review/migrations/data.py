"""C4: rows and values that a migration loses on its way up, and how many of them the live database holds now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stas_tui.isolation.base import LIVE_MS
from stas_tui.review.base import BY_READING, Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead, said
from stas_tui.review.migrations.live import CannotLook, Live, looking, simple_condition
from stas_tui.review.migrations.model import NOT_KNOWN, POSTGRESQL, Kind, Op, Revision, in_order
from stas_tui.review.migrations.names import limit_of, narrows
from stas_tui.review.migrations.sketch import Sketch
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """An operation that may lose something."""

    rule: str
    revision: Revision
    op: Op
    text: str
    table: str = ""
    where: str = ""
    """Condition on the rows that are hit; `{c}` stands for the quoted `column`. `?` if it cannot be asked."""
    column: str = ""
    noun: str = "row"
    asks: bool = False
    """True if it is often no loss: what was copied before, what is overwritten."""

    def body(self, live: Live) -> str | None:
        """What to count; None if it cannot be counted."""
        if not self.table or NOT_KNOWN in (self.table, self.where):
            return None
        where = self.where.replace("{c}", live.quote(self.column)) if self.column else self.where
        return f"from {live.quote(self.table)}" + (f" where {where}" if where else "")


def check(change: Change, found: Found, *, ask_live: bool = True) -> CheckResult:
    """The result of C4 over all revisions that the change adds."""
    losses: list[Loss] = []
    unclear: list[Lead] = []
    looked = 0
    for pair in found.pairs:
        for _, lost, hazy in losing(pair):
            looked += 1
            losses += lost
            unclear += hazy
    counts: dict[str, object] = {"revisions": looked, "operations": len(losses), "not understood": len(unclear)}
    if not losses:
        if unclear:
            reason = f"no loss among what was understood; {count(len(unclear), 'operation')} was not"
        else:
            reason = f"no operation that loses rows was found{BY_READING}"
        return result(change, "C4", Verdict.UNKNOWN, reason, leads=tuple(unclear), counts=counts)
    leads = [_lead(loss, loss.text) for loss in losses]
    if not ask_live:
        reason = f"{leads[0].text}; how many rows was not asked"
        return result(change, "C4", Verdict.UNKNOWN, reason, leads=(*leads, *unclear), counts=counts)
    try:
        with looking(change) as live:
            return _counted(change, live, losses, unclear, counts)
    except CannotLook as error:
        reason = f"{count(len(losses), 'operation')} may lose data ({leads[0].text}); how much is not known: {error}"
        return result(change, "C4", Verdict.UNKNOWN, reason, leads=(*leads, *unclear), counts=counts)


def _lead(loss: Loss, text: str, *, accuses: bool = False) -> Lead:
    severity = "warn" if loss.asks else "crit"
    return lead(loss.rule, loss.revision, text, op=loss.op, accuses=accuses, severity=severity)


def _counted(
    change: Change, live: Live, losses: list[Loss], unclear: list[Lead], counts: dict[str, object]
) -> CheckResult:
    leads: list[Lead] = []
    open_: list[str] = []
    for loss in losses:
        change.step(f"C4: counting for {loss.revision.path}")
        body = loss.body(live)
        number = live.count(body) if body is not None else None
        if number is None:
            open_.append(live.trouble if body is not None else "its condition is not one that can be asked")
            leads.append(_lead(loss, f"{loss.text}; how much could not be counted"))
        elif number:
            counts[f"{loss.rule} {said(loss.table, 60)} {said(loss.column, 60)}".strip()] = number
            leads.append(_lead(loss, f"{loss.text}: {count(number, loss.noun)} now", accuses=not loss.asks))
        else:
            counts[f"{loss.rule} {said(loss.table, 60)} {said(loss.column, 60)}".strip()] = 0
    more = {
        "counts": counts,
        "target": live.what,
        "executed": tuple(said(one, 500) for one in live.executed),
        "live": True,
        "expires_at": change.clock.now() + LIVE_MS,
    }
    accused = [one for one in leads if one.accuses]
    if accused:
        made = result(change, "C4", Verdict.FLAGGED, accused[0].text, leads=(*leads, *unclear))
    elif open_:
        reason = f"{count(len(open_), 'operation')} could not be counted: {open_[0]}"
        made = result(change, "C4", Verdict.UNKNOWN, reason, leads=(*leads, *unclear))
    elif unclear or leads:
        reason = f"{count(len(unclear) + len(leads), 'operation')} to look at; the others lose nothing now"
        made = result(change, "C4", Verdict.UNKNOWN, reason, leads=(*leads, *unclear))
    else:
        reason = f"{count(len(losses), 'operation')} would lose nothing that is there now"
        made = result(change, "C4", Verdict.VERIFIED if not change.cut else Verdict.UNKNOWN, reason, live=True)
    return replace(made, **more)  # type: ignore[arg-type]


def losing(pair: Pair) -> Iterator[tuple[Revision, list[Loss], list[Lead]]]:
    """(revision, what it loses, what was not understood) for each revision that the change adds."""
    if pair.head is None:
        return
    new = {revision.id for revision in pair.introduced}
    sketch = Sketch(dialect=pair.chain.dialect)
    made: set[str] = set()
    for revision in in_order(pair.head.revisions):
        if revision.id not in new:
            sketch.apply_all(revision.up.ops)
            continue
        losses = list(_losses(revision, sketch, made, pair.chain.dialect))
        hazy = [lead("not-understood", revision, op.why, op=op, accuses=False) for op in revision.up.unclear]
        yield revision, losses, hazy


def _losses(revision: Revision, sketch: Sketch, made: set[str], dialect: str) -> Iterator[Loss]:
    """What a revision loses; `made` are tables and columns that this change itself makes."""
    copied: dict[str, str] = {}
    ops = revision.up.ops
    for at, op in enumerate(ops):
        loss = _loss(revision, op, sketch, made, copied, dialect)
        if loss is not None:
            rebuilt = loss.rule == "drop-table" and _rebuilt(ops[at + 1 :], op.table, copied)
            if rebuilt:
                yield from _columns_left_out(revision, op, sketch, copied[op.table])
            else:
                yield loss
        if op.kind is Kind.CREATE_TABLE:
            made.add(f"table {op.table}")
            if op.source:
                copied[op.source] = op.table
        elif op.kind is Kind.ADD_COLUMN:
            made.add(f"column {op.table}.{op.name}")
        elif op.kind is Kind.INSERT and op.source:
            copied[op.source] = op.table
        elif op.kind is Kind.UPDATE:
            for _, value in op.values:
                copied.update({f"{op.table}.{word}": op.table for word in _words(value)})
        elif op.kind is Kind.RENAME_TABLE and f"table {op.table}" in made and op.to not in copied:
            made.add(f"table {op.to}")
        sketch.apply(op)


def _words(text: str) -> list[str]:
    import re

    return re.findall(r"[A-Za-z_]\w*", text)


def _rebuilt(rest: tuple[Op, ...], table: str, copied: dict[str, str]) -> bool:
    """Whether another table with the same rows takes the place of this one (SQLite's way of altering)."""
    return table in copied and any(
        op.kind is Kind.RENAME_TABLE and op.table == copied[table] and op.to == table for op in rest
    )


def _columns_left_out(revision: Revision, op: Op, sketch: Sketch, copy: str) -> Iterator[Loss]:
    def columns(table: str) -> set[str]:
        start = f"column {table}."
        return {key[len(start) :] for key, facts in sketch.known.items() if key.startswith(start) and facts is not None}

    for column in sorted(columns(op.table) - columns(copy)):
        text = f"column {op.table}.{column} is not taken over into the new table"
        yield Loss(
            rule="drop-column", revision=revision, op=op, text=text, table=op.table, column=column,
            where="{c} is not null", noun="value",
        )  # fmt: skip


def _loss(
    revision: Revision, op: Op, sketch: Sketch, made: set[str], copied: dict[str, str], dialect: str
) -> Loss | None:
    table = op.table
    new_table = f"table {table}" in made
    base = {"revision": revision, "op": op, "table": table}
    known = sketch.known.get(f"table {table}")
    match op.kind:
        case Kind.DROP_TABLE if not new_table and not (known or {}).get("temporary"):
            if op.only_if and not known:
                return None
            moved = f", after its rows went to {copied[table]}" if table in copied else ""
            text = f"drops the table {table}{moved}"
            return Loss(rule="drop-table", text=text, asks=bool(moved), **base)  # type: ignore[arg-type]
        case Kind.DROP_COLUMN if not new_table and f"column {table}.{op.name}" not in made:
            moved = ", after its values were copied" if f"{table}.{op.name}" in copied else ""
            text = f"drops the column {table}.{op.name}{moved}"
            return Loss(
                rule="drop-column", text=text, column=op.name, where="{c} is not null", noun="value",
                asks=bool(moved), **base,  # type: ignore[arg-type]
            )  # fmt: skip
        case Kind.TRUNCATE if not new_table:
            return Loss(rule="truncate", text=f"empties the table {table}", **base)  # type: ignore[arg-type]
        case Kind.DELETE if not new_table:
            text = f"deletes rows of {table}" + ("" if op.where else " without a condition")
            where = (simple_condition(op.where) or NOT_KNOWN) if op.where else ""
            return Loss(rule="delete", text=text, where=where, asks=table in copied, **base)  # type: ignore[arg-type]
        case Kind.UPDATE if not new_table:
            return _overwritten(op, made, base)
        case Kind.ALTER_COLUMN if op.type is not None and not new_table:
            return _narrowed(op, sketch, dialect, base)
        case Kind.DROP if op.what == "schema":
            text = f"drops the schema {op.name} with what is in it"
            return Loss(rule="drop-schema", text=text, where=NOT_KNOWN, **base)  # type: ignore[arg-type]
        case _:
            return None


def _overwritten(op: Op, made: set[str], base: dict[str, object]) -> Loss | None:
    """Values that an UPDATE writes over; filling what is NULL or new loses nothing."""
    lost = [name for name, _ in op.values if f"column {op.table}.{name}" not in made]
    lost = [name for name in lost if not _is_null(op.where, name)]
    if op.values and not lost:
        return None
    names = ", ".join(lost) or "values"
    where = (simple_condition(op.where) or NOT_KNOWN) if op.where else ""
    text = f"writes over {names} of {op.table}"
    return Loss(rule="overwrite", text=text, where=where, asks=True, **base)  # type: ignore[arg-type]


def _is_null(where: str, column: str) -> bool:
    import re

    return bool(re.search(rf"\b{re.escape(column)}\b\s*(is\s+null|==\s*None|\.is_\(None\))", where, re.IGNORECASE))


def _narrowed(op: Op, sketch: Sketch, dialect: str, base: dict[str, object]) -> Loss | None:
    facts = sketch.known.get(f"column {op.table}.{op.name}") or {}
    old = str(facts.get("type") or op.existing_type or "")
    if not old or op.type is None:
        return None
    less = narrows(old, op.type)
    if not less:
        return None
    limit = limit_of(op.type)
    cuts = bool(op.using) and limit is not None
    fails = "" if cuts or dialect != POSTGRESQL else ", and the upgrade fails on a value that does not fit"
    where = f"length(cast({{c}} as text)) > {limit}" if limit is not None else "{c} is not null"
    text = f"makes {op.table}.{op.name} {op.type}: {less}{fails}"
    return Loss(rule="narrow", text=text, column=op.name, where=where, noun="value", **base)  # type: ignore[arg-type]
