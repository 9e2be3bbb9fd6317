"""A whole gate on disk: request, decision, claim of the attempt, outcome; against bare transactions of the same number.

Every step is durable before the next one begins, so the disk's commit is the floor. The bare side commits as often
into a table of one row with the same settings.
"""

from __future__ import annotations

import sqlite3
import time

from rounds import Bench, median, ratio, run
from terminal import Metrics, quantile

from storage.clock import SystemClock
from storage.journal import Journal, NewAction
from storage.pulses import Pulses
from storage.records import EffectClass, GateLevel, Mode, Pulse
from storage.schema_record import open_record
from storage.sqlite import Store

PLAN = {"base": "multi-tenant", "head_sha": "0" * 40, "body": "What was done and why. " * 200}


class Gates:
    """A record with an open pulse, asked for one gate after another."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.journal = Journal(store, SystemClock())
        self.pulse: Pulse = Pulses(store, self.journal).begin(
            agent="Bench", operator="ann", mode=Mode.SUPERVISED, policy_digest=""
        )
        self.number = 0
        self.commits = 0

    def one(self) -> float:
        """One gate from the request to the outcome; milliseconds."""
        self.number += 1
        new = NewAction(
            pulse_id=self.pulse.id,
            tool="open_pull_request",
            natural_key=f"T-{self.number}",
            args={"task": f"T-{self.number}"},
            plan=PLAN,
            preconditions={"head_sha": "0" * 40},
            shown={"title": "a pull request"},
            effect_class=EffectClass.LOOKUP,
            level=GateLevel.GATE,
            requested_by="agent",
        )
        before = time.perf_counter()
        action = self.journal.request(new).action
        self.journal.decide(action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="ann")
        attempt = self.journal.claim(action.id, owner="bench")
        self.journal.finish(
            action.id, n=attempt.n, owner="bench", result="succeeded", outcome={"observed": {"number": 1}}
        )
        return (time.perf_counter() - before) * 1000

    def count_commits(self) -> int:
        """How many transactions one gate commits."""
        seen: list[str] = []
        self.store.connection.set_trace_callback(lambda sql: seen.append(sql.strip().lower()))
        self.one()
        self.store.connection.set_trace_callback(None)
        return seen.count("commit")


def bare(conn: sqlite3.Connection, commits: int) -> float:
    """That many durable changes of one row; milliseconds."""
    before = time.perf_counter()
    for _ in range(commits):
        conn.execute("begin immediate")
        conn.execute("update bare set n = n + 1, text = ?", ("x" * 500,))
        conn.execute("commit")
    return (time.perf_counter() - before) * 1000


def bench(bench: Bench) -> None:
    """Gates and bare transactions in turn."""
    each = 20 if bench.quick else 100
    with open_record(bench.folder / "stas.db") as store, open_record(bench.folder / "bare.db") as other:
        gates = Gates(store)
        commits = gates.count_commits()
        other.connection.execute("create table bare (n integer, text text)")
        other.connection.execute("insert into bare values (0, '')")

        def whole() -> Metrics:
            took = [gates.one() for _ in range(each)]
            return {"ms.p50": quantile(took, 0.5), "ms.p95": quantile(took, 0.95)}

        def floor() -> Metrics:
            took = [bare(other.connection, commits) for _ in range(each)]
            return {"ms.p50": quantile(took, 0.5), "ms.p95": quantile(took, 0.95)}

        taken = bench.take_turns({"gate": whole, "bare": floor})
    bench.table(taken)
    bench.say("gate", "durable commits for a whole gate", commits, 4)
    bench.say("gate", "request to outcome, ms, p50", median(taken["gate"], "ms.p50"))
    bench.say("gate", "p50, times as many bare commits", ratio(taken["gate"], taken["bare"], "ms.p50"))
    bench.say("gate", "p95, times as many bare commits", ratio(taken["gate"], taken["bare"], "ms.p95"))


if __name__ == "__main__":
    run("gate", bench, rounds=7, quick_rounds=2)
