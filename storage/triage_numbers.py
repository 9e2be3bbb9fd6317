"""How well questions are put and answered, counted from the record: gates an hour, time to decide, what expired."""

from __future__ import annotations

from statistics import median

from storage.clock import HOUR, SECOND
from storage.journal import Journal
from storage.records import Json

RUBBER_STAMP_MS = 3 * SECOND
"""An approval faster than this was hardly read."""
MOST_ROWS = 10_000


def numbers(journal: Journal, *, since: int, until: int) -> Json:
    """The numbers of a window (UTC ms). `median_decide_s` is None if nothing was decided. Raises `StoreError`.

    `recorded_s` is how much of the window the record holds; `gates_per_hour` counts those hours only, and is None
    before there is a whole one.
    """
    with journal.store.snapshot() as conn:

        def counted(kind: str) -> int:
            sql = "select count(*) from event where kind = ? and at >= ? and at < ?"
            return int(conn.execute(sql, (kind, since, until)).fetchone()[0])

        waited = conn.execute(
            "select v.at - r.at from vote v join revision r on r.action_id = v.action_id and r.rev = v.rev"
            " where v.at >= ? and v.at < ? and v.rule_id is null order by v.at desc limit ?",
            (since, until, MOST_ROWS),
        ).fetchall()
        fast = conn.execute(
            "select count(*) from vote where verdict = 'approve' and rule_id is null and dwell_ms < ?"
            " and at >= ? and at < ?",
            (RUBBER_STAMP_MS, since, until),
        ).fetchone()[0]
        approvals = conn.execute(
            "select count(*) from vote where verdict = 'approve' and at >= ? and at < ?", (since, until)
        ).fetchone()[0]
        unowned = conn.execute(
            "select coalesce(sum(j.value), 0) from event e, json_each(e.body, '$.unowned_ms') j"
            " where e.kind = 'triage.owned' and e.at >= ? and e.at < ?",
            (since, until),
        ).fetchone()[0]
        gates = counted("gate.requested")
        first = conn.execute("select at from event order by seq limit 1").fetchone()
        recorded = max(until - max(since, first[0]), 0) if first else 0
        return {
            "hours": round((until - since) / HOUR, 2),
            "recorded_s": round(recorded / SECOND),
            "gates": gates,
            "gates_per_hour": round(gates / (recorded / HOUR), 2) if recorded >= HOUR else None,
            "decided": len(waited),
            "median_decide_s": round(median(row[0] for row in waited) / SECOND, 1) if waited else None,
            "expired": counted("gate.expired"),
            "approvals": int(approvals),
            "approvals_under_3_s": int(fast),
            "overrides": counted("policy.overridden"),
            "lapsed_leases": counted("triage.lapsed"),
            "unowned_p0_s": round(unowned / SECOND, 1),
        }
