"""C5: rows that would stop the way back, because it demands more of them than the way up does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stas_tui.isolation.base import LIVE_MS
from stas_tui.review.base import BY_READING, Change, result
from stas_tui.review.migrations.find import Found, Pair
from stas_tui.review.migrations.leads import lead, said
from stas_tui.review.migrations.live import CannotLook, Live, looking, simple_condition
from stas_tui.review.migrations.model import Kind, Op, Revision, in_order
from stas_tui.review.migrations.names import limit_of, narrows
from stas_tui.review.migrations.sketch import Sketch
from stas_tui.texts.lines import count
from storage.check_records import CheckResult, Lead, Verdict

LATER = "rows written after the release may; ask again before going back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Something the way down demands of the rows that are there."""

    rule: str
    revision: Revision
    op: Op
    text: str
    columns: tuple[str, ...] = ()
    """Columns named in `body` as `{0}`, `{1}`, …."""
    tables: tuple[str, ...] = ()
    """Tables named in `body` as `{t0}`, `{t1}`."""
    body: str = ""
    """What to count; empty if it cannot be asked."""
    noun: str = "row"

    def counted(self, live: Live) -> str | None:
        """The question with quoted names."""
        if not self.body:
            return None
        names = {f"t{at}": live.quote(table) for at, table in enumerate(self.tables)}
        return self.body.format(*(live.quote(column) for column in self.columns), **names)


def check(change: Change, found: Found, *, ask_live: bool = True) -> CheckResult:
    """The result of C5 over all revisions that the change adds."""
    demands = [demand for pair in found.pairs for demand in demands_of(pair)]
    looked = sum(len(pair.introduced) for pair in found.pairs)
    unclear = tuple(hazy for pair in found.pairs for hazy in _not_understood(pair))
    counts: dict[str, object] = {"revisions": looked, "demands": len(demands), "not understood": len(unclear)}
    if not demands:
        reason = f"the way down of {count(looked, 'revision')} demands nothing of rows"
        reason += f"; {count(len(unclear), 'operation')} was not understood" if unclear else BY_READING
        return result(change, "C5", Verdict.UNKNOWN, reason, leads=unclear, counts=counts)
    leads = (*(_lead(demand, demand.text) for demand in demands), *unclear)
    if not ask_live:
        return result(change, "C5", Verdict.UNKNOWN, f"{leads[0].text}; no row was asked", leads=leads, counts=counts)
    try:
        with looking(change) as live:
            return _counted(change, live, demands, unclear, counts)
    except CannotLook as error:
        reason = f"rows may stop the way back ({leads[0].text}); whether some do is not known: {error}"
        return result(change, "C5", Verdict.UNKNOWN, reason, leads=leads, counts=counts)


def _lead(demand: Demand, text: str, *, accuses: bool = False) -> Lead:
    return lead(demand.rule, demand.revision, text, op=demand.op, path=demand.revision.place, accuses=accuses)


def _not_understood(pair: Pair) -> Iterator[Lead]:
    """Operations of the way down that only a run knows: they may demand something of rows."""
    for revision in pair.introduced:
        for op in revision.down.unclear:
            yield lead("not-understood", revision, op.why, op=op, path=revision.place, accuses=False)


def _counted(
    change: Change, live: Live, demands: list[Demand], unclear: tuple[Lead, ...], counts: dict[str, object]
) -> CheckResult:
    leads, open_ = [], 0
    for demand in demands:
        change.step(f"C5: counting for {demand.revision.place}")
        body = demand.counted(live)
        number = live.count(body) if body is not None else None
        if number is None:
            open_ += 1
            leads.append(_lead(demand, f"{demand.text}; it could not be counted"))
        elif number:
            what = f"{count(number, demand.noun)} now {'does' if number == 1 else 'do'} not fit"
            leads.append(_lead(demand, f"{demand.text}: {what}", accuses=True))
        else:
            leads.append(_lead(demand, f"{demand.text}: nothing stands against it now"))
    accused = [one for one in leads if one.accuses]
    leads += unclear
    if accused:
        made = result(change, "C5", Verdict.FLAGGED, accused[0].text, leads=tuple(leads))
    else:
        what = f"; {count(open_, 'demand')} could not be counted" if open_ else ""
        reason = f"no row stands against the way back now{what}; {LATER}"
        made = result(change, "C5", Verdict.UNKNOWN, reason, leads=tuple(leads))
    return replace(
        made,
        counts={**counts, "not fitting": len(accused)},
        target=live.what,
        executed=tuple(said(one, 500) for one in live.executed),
        live=True,
        expires_at=change.clock.now() + LIVE_MS,
    )


def demands_of(pair: Pair) -> Iterator[Demand]:
    """What the way down of each added revision demands of rows."""
    if pair.head is None:
        return
    new = {revision.id for revision in pair.introduced}
    sketch = Sketch(dialect=pair.chain.dialect)
    for revision in in_order(pair.head.revisions):
        sketch.apply_all(revision.up.ops)
        if revision.id not in new:
            continue
        kept = sketch.keep()
        made: set[str] = set()
        for op in revision.down.ops:
            if op.kind is Kind.CREATE_TABLE:
                made.add(op.table)
            elif op.kind is Kind.RENAME_TABLE and op.table in made:
                made.add(op.to)
            elif op.table not in made and (demand := _demand(revision, op, sketch)):
                yield demand
            sketch.apply(op)
        sketch.known = kept


def _demand(revision: Revision, op: Op, sketch: Sketch) -> Demand | None:
    base = {"revision": revision, "op": op, "tables": (op.table,)}
    match op.kind:
        case Kind.ALTER_COLUMN if op.nullable is False:
            return Demand(
                rule="not-null-again", text=f"its way down makes {op.table}.{op.name} NOT NULL",
                columns=(op.name,), body="from {t0} where {0} is null", **base,  # type: ignore[arg-type]
            )  # fmt: skip
        case Kind.ALTER_COLUMN if op.type is not None:
            return _narrowed(op, sketch, base)
        case Kind.ADD_COLUMN if op.nullable is False and op.default == "":
            return Demand(
                rule="column-without-default", body="from {t0}",
                text=f"its way down adds {op.table}.{op.name} as NOT NULL without a default, which fails on any row",
                **base,  # type: ignore[arg-type]
            )  # fmt: skip
        case Kind.ADD_CONSTRAINT if op.what in ("unique", "primary key") and op.columns:
            return _unique(op, base)
        case Kind.CREATE_INDEX if op.unique and op.columns:
            return _unique(op, base)
        case Kind.ADD_CONSTRAINT if op.what == "check":
            condition = simple_condition(op.rule) if op.rule else None
            body = f"from {{t0}} where not ({condition.replace('{', '{{').replace('}', '}}')})" if condition else ""
            return Demand(
                rule="check-again", text=f"its way down puts a check on {op.table} back", body=body,
                **base,  # type: ignore[arg-type]
            )  # fmt: skip
        case Kind.ADD_CONSTRAINT if op.what == "foreign key" and op.columns:
            return _reference(op, base)
        case _:
            return None


def _narrowed(op: Op, sketch: Sketch, base: dict[str, object]) -> Demand | None:
    facts = sketch.known.get(f"column {op.table}.{op.name}") or {}
    old = str(facts.get("type") or op.existing_type or "")
    less = narrows(old, op.type or "") if old else ""
    if not less:
        return None
    limit = limit_of(op.type or "")
    body = f"from {{t0}} where length(cast({{0}} as text)) > {limit}" if limit is not None else ""
    text = f"its way down makes {op.table}.{op.name} {op.type} again: {less}"
    return Demand(rule="narrow-again", text=text, columns=(op.name,), body=body, noun="value", **base)  # type: ignore[arg-type]


def _unique(op: Op, base: dict[str, object]) -> Demand:
    columns = op.columns or ()
    plain = all(column.replace("_", "").isalnum() for column in columns) and not op.rule
    places = [f"{{{at}}}" for at in range(len(columns))]
    there = " and ".join(f"{place} is not null" for place in places)
    body = f"from {{t0}} where {there} group by {', '.join(places)} having count(*) > 1" if plain else ""
    text = f"its way down makes {', '.join(columns)} of {op.table} unique again"
    return Demand(rule="unique-again", text=text, columns=columns, body=body, noun="group of rows", **base)  # type: ignore[arg-type]


def _reference(op: Op, base: dict[str, object]) -> Demand:
    import re

    match = re.match(r"references\s+([\w.]+)\s*\(([\w,\s]+)\)", op.rule or "", re.IGNORECASE)
    text = f"its way down ties {', '.join(op.columns or ())} of {op.table} to another table again"
    if match is None or op.columns is None or "," in match[2] or len(op.columns) != 1:
        return Demand(rule="reference-again", text=text, **base)  # type: ignore[arg-type]
    body = (
        "from {t0} as child where child.{0} is not null"
        " and not exists (select 1 from {t1} as parent where parent.{1} = child.{0})"
    )
    more = {**base, "tables": (op.table, match[1].lower().removeprefix("public."))}
    return Demand(
        rule="reference-again", text=text, columns=(op.columns[0], match[2].strip()), body=body,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
