"""G13: 16 processes claim 4,000 tasks of one world through the platform's own claim.

Every process tries every task once, in an order of its own, so most calls of many processes find a task held. The rate
is that of the claims won, from the start to the moment when the last task was taken. `share` is what the unluckiest
process got, of an even share.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, environment, python, quantile

from storage.clock import SystemClock
from storage.records import Project, Task
from storage.schema_world import open_world
from storage.world import World
from storage.world_rows import encode

CLAIMER = Path(__file__).with_name("claimer.py")


def fill(path: Path, tasks: int) -> None:
    """A world with free tasks."""
    with open_world(path) as store:
        World(store, SystemClock()).put_project(Project(id="ledger", name="Ledger"))
        rows = [encode(Task(id=f"T-{n:05}", project_id="ledger", title=f"Task {n}")) for n in range(tasks)]
        names = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        with store.write() as conn:
            conn.executemany(f"insert into tasks ({names}) values ({marks})", rows)


def claim(folder: Path, processes: int, tasks: int) -> Metrics:
    """One race on a fresh world."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "platform.db"
        fill(path, tasks)
        runners = [
            subprocess.Popen(
                python(str(CLAIMER), str(path), f"agent-{n}", str(tasks)),
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(processes)
        ]
        for runner in runners:
            assert runner.stdout is not None
            assert runner.stdout.readline() == "ready\n"
        for runner in runners:
            assert runner.stdin is not None
            runner.stdin.write("go\n")
            runner.stdin.flush()
        answers = [json.loads(runner.communicate()[0]) for runner in runners]
    taken = Counter(n for answer in answers for n in answer["won"])
    wall = max(answer["last"] for answer in answers) - min(answer["started"] for answer in answers)
    took = [ms for answer in answers for ms in answer["took"]]
    return {
        "claims_per_s": sum(taken.values()) / wall,
        "call_ms.p99": quantile(took, 0.99),
        "call_ms.max": max(took),
        "twice": float(sum(count - 1 for count in taken.values())),
        "missing": float(tasks - len(taken)),
        "errors": float(sum(answer["errors"] for answer in answers)),
        "share": min(len(answer["won"]) for answer in answers) * processes / tasks,
    }


def bench(bench: Bench) -> None:
    """Sixteen and one in turn."""
    tasks = 400 if bench.quick else 4_000
    many = 4 if bench.quick else 16
    taken = bench.take_turns(
        {"many": lambda: claim(bench.folder, many, tasks), "one": lambda: claim(bench.folder, 1, tasks)}, warm=False
    )
    bench.table(taken)
    all_of_them, one = taken["many"], taken["one"]
    bench.say("G13", "tasks that two processes got", max(r["twice"] for r in all_of_them), 0)
    bench.say("G13", "tasks that nobody got", max(r["missing"] for r in all_of_them), 0)
    bench.say("G13", "busy errors that came out", max(r["errors"] for r in all_of_them), 0)
    bench.say("G13", "claims per second over those of one", ratio(all_of_them, one, "claims_per_s"), 0.4, least=True)
    bench.say("G13", "smallest share, of an even one", median(all_of_them, "share"), 0.01, least=True)


if __name__ == "__main__":
    run("claims", bench, rounds=3, quick_rounds=1)
