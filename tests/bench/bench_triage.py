"""The list of a bad night: 1,000 alerts, 10,000 messages and 1,000 endpoints, gathered, merged with notes and ordered.

The same at a tenth of the size takes turns with it, as does the sorting of as many items by the same law, which is the
least that a list in order can cost. One pass must not grow faster than its input.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rounds import Bench, median, ratio, run
from terminal import Metrics

from stas_tui.triage.arrange import arrange
from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.order import rank
from storage.clock import HOUR, MINUTE, SECOND, ManualClock
from storage.records import DataState, Message, MessageType, Trust
from storage.triage_records import Lease, Snooze, TriageNote
from storage.watch_records import Alert, Deploy, Fact, Probe, SourceKind, SourceStatus

NOW = ManualClock().now()
KINDS = (MessageType.URGENT, MessageType.INFO)


def fact(thing: Alert | Probe | Deploy, n: int) -> Fact:
    """Something that was seen a while ago and just now."""
    return Fact(source="bench", thing=thing, first_seen=NOW - n * SECOND, last_seen=NOW)


def night(alerts: int) -> Sight:
    """As many endpoints as alerts and ten times as many messages; every tenth alert hides the nine after it."""
    return Sight(
        sources=[
            SourceStatus(name=kind.value, kind=kind, state=DataState.OK, every_ms=15_000, asked_at=NOW, at=NOW)
            for kind in SourceKind
        ],
        alerts=[
            fact(
                Alert(
                    key=f"{n:016x}",
                    name=f"Rule{n % 40}",
                    severity=("critical", "warning", "")[n % 3],
                    labels={"tenant": f"t{n % 60}", "service": f"s{n % 9}"},
                    annotations={"summary": f"tenant t{n % 60} errors at {n % 50} % – see the runbook"},
                    inhibited_by=(f"{n - n % 10:016x}",) if n % 10 else (),
                ),
                n,
            )
            for n in range(alerts)
        ],
        messages=[
            Message(
                id=f"M-{n}",
                type=KINDS[n % 2],
                sender=f"agent-{n % 30}",
                subject=f"service s{n % 9} answers slowly since {n}",
                body="",
                at=NOW - n * SECOND,
                trust=Trust.KNOWN if n % 3 else Trust.EXTERNAL,
            )
            for n in range(alerts * 10)
        ],
        probes=[
            fact(
                Probe(
                    key=f"ledger/p{n}",
                    project_id="ledger",
                    name=f"p{n}",
                    url=f"https://p{n}.example.test/health",
                    service=f"s{n % 9}",
                    verdict="failed",
                    word="timeout",
                ),
                n,
            )
            for n in range(alerts)
        ],
        deploys=[
            fact(Deploy(key=f"ledger/{n}", project_id="ledger", sha=f"{n:040x}", at=NOW - n * MINUTE, what="merge"), n)
            for n in range(alerts // 10)
        ],
        configured=frozenset(SourceKind),
    )


def said(sight: Sight) -> dict[str, TriageNote]:
    """A note on every third item: leases, snoozes and groups of ten."""
    keys = [item.key for item in gather(sight, now=NOW)][::3]
    notes = {}
    for n, key in enumerate(keys):
        notes[key] = TriageNote(
            key=key,
            lease=Lease(owner="ann", since=NOW, until=NOW + HOUR) if n % 3 == 0 else None,
            snooze=Snooze(by="ann", at=NOW, reason="later", until=NOW + HOUR) if n % 3 == 1 else None,
            group=keys[n - n % 10] if n % 10 else "",
        )
    return notes


def look(sight: Sight, notes: dict[str, TriageNote]) -> int:
    """One whole pass; the number of items in it."""
    shown = arrange(
        gather(sight, now=NOW),
        notes,
        sources=sight.sources,
        blind=None,
        configured=sight.configured,
        now=NOW,
        deploys=sight.deploys,
        query="-tenant:nobody",
    )
    return len(shown.items)


def timed(act: Callable[[], object]) -> Metrics:
    """Milliseconds on the processor."""
    before = time.process_time()
    act()
    return {"ms": (time.process_time() - before) * 1000}


def bench(bench: Bench) -> None:
    """A night, a tenth of it, and sorting alone."""
    big, small = night(200 if bench.quick else 1_000), night(20 if bench.quick else 100)
    big_notes, small_notes = said(big), said(small)
    items = gather(big, now=NOW)
    assert look(big, big_notes) == len(items)
    taken = bench.take_turns(
        {
            "night": lambda: timed(lambda: look(big, big_notes)),
            "tenth": lambda: timed(lambda: look(small, small_notes)),
            "sorted": lambda: timed(lambda: sorted(items, key=lambda item: rank(item, NOW))),
        }
    )
    bench.table(taken)
    bench.say("G15", "items in the list", len(items))
    bench.say("G15", "the whole pass, ms on the processor", median(taken["night"], "ms"))
    bench.say("G15", "ten times the input, times as long", ratio(taken["night"], taken["tenth"], "ms"), 12)
    bench.say("G15", "times sorting as many items by the law", ratio(taken["night"], taken["sorted"], "ms"))


if __name__ == "__main__":
    run("triage", bench, rounds=15, quick_rounds=5)
