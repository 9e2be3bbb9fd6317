"""D9: rows that point at a row of another tenant now."""

from __future__ import annotations

from psycopg import sql

from stas_tui.isolation.database.case import Case
from stas_tui.isolation.database.keys import blind, carries_tenant, crossing
from stas_tui.isolation.database.live import Refused
from stas_tui.isolation.database.model import Reference
from stas_tui.isolation.database.tables import Held, ident
from storage.check_records import MOST_EXAMPLES, CheckResult


def cross_rows(case: Case) -> CheckResult:
    """Child joined with parent where their tenants differ; keys are told as hashes."""
    answer = case.answer("D9")
    pairs = crossing(case)
    answer.counts = {"foreign keys between tenant tables": len(pairs)}
    with case.live.transaction():
        for child, reference, parent in pairs:
            case.world.step(f"D9 {child.place}")
            if carries_tenant(child, reference, parent):
                answer.proved += 1
                continue
            why = blind(case, child) or blind(case, parent)
            if why and not case.world.dry:
                answer.weak.append(f"{child.place} to {parent.place}: {why}")
                continue
            query = _query(child, reference, parent)
            try:
                hashes = [row[0] for row in case.live.fetch(query)]
            except Refused as error:
                answer.weak.append(f"{child.place} to {parent.place}: {error}; not all rows were looked at")
                continue
            if not hashes:
                answer.proved += 1
                continue
            many = f"{MOST_EXAMPLES} rows or more" if len(hashes) == MOST_EXAMPLES else f"{len(hashes)} rows"
            columns = ", ".join(reference.columns)
            text = f"{many} of {child.place} point by {columns} at a row of {parent.place} that is another tenant's"
            code = f"keys, hashed: {', '.join(value[:12] for value in hashes)}"
            answer.flag("cross-row", child.place, text, code, anchor=reference.name)
    answer.executed += case.live.executed
    if case.scope.held and not pairs:
        answer.proved += 1
    return answer.result(
        f"no row points at another tenant's, by any of {len(pairs)} foreign keys",
        "no table with a tenant column was found; declare [tables] and `columns`",
    )


def _query(child: Held, reference: Reference, parent: Held) -> sql.Composable:
    joined = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(ident("c", own), ident("p", other))
        for own, other in zip(reference.columns, reference.target_columns, strict=True)
    )
    key = child.relation.primary or reference.columns
    hashed = sql.SQL("encode(sha256(convert_to(row({})::text, 'UTF8')), 'hex')").format(
        sql.SQL(", ").join(ident("c", name) for name in key if name)
    )
    return sql.SQL("select {} from {} as c join {} as p on {} where {} is distinct from {} limit {}").format(
        hashed, child.name, parent.name, joined, child.tenant("c"), parent.tenant("p"), sql.Literal(MOST_EXAMPLES)
    )
