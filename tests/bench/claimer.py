"""One of many processes that claim tasks of the same world, for `bench_claims.py`.

Arguments: the database, the agent's name, how many tasks there are. It says `ready`, waits for a line, claims whatever
task is still free in an order of its own, and prints what it got and how long each call took.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from storage.clock import SystemClock
from storage.errors import StoreError
from storage.schema_world import open_world
from storage.world import Answer, World


def main(path: str, agent: str, count: int) -> None:
    """Claim until every task was tried."""
    order = list(range(count))
    random.Random(agent).shuffle(order)
    won: list[int] = []
    took: list[float] = []
    errors, last = 0, 0.0
    with open_world(Path(path)) as store:
        world = World(store, SystemClock())
        print("ready", flush=True)
        sys.stdin.readline()
        started = time.monotonic()
        for n in order:
            before = time.perf_counter()
            try:
                change = world.claim("ledger", f"T-{n:05}", agent, f"feat/{n}")
            except StoreError:
                errors += 1
                continue
            took.append((time.perf_counter() - before) * 1000)
            if change.answer is Answer.CHANGED:
                won.append(n)
                last = time.monotonic()
    print(json.dumps({"won": won, "took": took, "errors": errors, "started": started, "last": last}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
