"""A second process that makes a bad night: it writes all alerts and endpoints of a profile anew every second.

Arguments: the path of `watch.db` and how many alerts there are. It ends when its standard input does.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from storage.clock import MINUTE, SECOND, SystemClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.wake import Bell
from storage.watch import Watch
from storage.watch_records import Alert, Probe, SourceKind, SourceStatus


def alerts(count: int, now: int) -> list[Alert]:
    """As many alerts, a tenth of them critical."""
    return [
        Alert(
            key=f"{n:016x}",
            name=f"Alert{n % 40}",
            severity="critical" if n % 10 == 0 else "warning",
            labels={"tenant": f"tenant-{n % 12:02}", "service": f"service-{n % 24}", "severity": "warning"},
            annotations={"summary": f"alert number {n} says something about a service"},
            starts_at=now - (n + 1) * MINUTE,
            updated_at=now,
        )
        for n in range(count)
    ]


def probes(count: int, second: int) -> list[Probe]:
    """As many endpoints; every tenth fails every other second."""
    return [
        Probe(
            key=f"ledger/e{n}",
            project_id="ledger",
            name=f"e{n}",
            url=f"http://e{n}.example.com/health",
            verdict="failed" if (n + second) % 20 == 0 else "ok",
            word="timeout" if (n + second) % 20 == 0 else "healthy",
        )
        for n in range(count)
    ]


def write(watch: Watch, count: int, second: int, now: int) -> None:
    """One second of the night."""
    for name, kind, things in (
        ("alertmanager", SourceKind.ALERTS, alerts(count, now)),
        ("probes:ledger", SourceKind.PROBES, probes(count, second)),
    ):
        status = SourceStatus(name=name, kind=kind, state=DataState.OK, every_ms=SECOND, asked_at=now, at=now)
        watch.record(status, things)
    watch.beat(now, second)


def main() -> None:
    """Write until nobody listens any more."""
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    clock, bell = SystemClock(), Bell(Path(sys.argv[3]))
    with open_watch(path) as store:
        watch = Watch(store)
        second = 0
        while True:
            write(watch, count, second, clock.now())
            bell.ring()
            second += 1
            if second == 1:
                sys.stdout.write("writing\n")
                sys.stdout.flush()
            if select.select([sys.stdin], [], [], 1.0)[0]:
                return


if __name__ == "__main__":
    main()
