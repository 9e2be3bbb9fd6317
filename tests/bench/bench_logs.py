"""G14: counting log lines without a tenant, against `json` line by line in one process, on the same files.

The first file is 1 GB of JSON lines (`--size` megabytes). The second is half as much in another shape: nested, escaped,
with other names in another order, and read with the names that a tenancy file has if it declares none. Below `JUDGED`
megabytes most of the work is starting processes: speeds are printed there and held against no goal. ripgrep and duckdb
take their turns where they are installed. The answers are compared; memory is that of a process that counts a part and
joins its requests.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from rounds import Bench, run
from terminal import Metrics

from stas_tui.isolation.base import World
from stas_tui.isolation.logs.counting import Form
from stas_tui.isolation.logs.reading import look
from storage.clock import SystemClock
from storage.scans import Scans, open_scans

JUDGED = 500
"""Megabytes from which on the speeds are held against their goals."""
FORM = Form("json", tenant=("tenant_id",), request=("request_id",))
OTHER_FORM = Form(
    "json", tenant=("tenant", "tenant_id"), request=("request_id", "trace_id"), level=("level", "severity"),
    logger=("logger", "name"),
)  # fmt: skip
"""As a tenancy file that names no fields."""
ONE_PART = """
import sys
from pathlib import Path
from stas_tui.isolation.logs.counting import Form, count
count(Path(sys.argv[1]), 0, 64 * 1024 * 1024, Form("json", tenant=("tenant_id",)))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
DUCKDB = """
import duckdb, sys
rows = duckdb.sql(
    "select count(*) from read_ndjson(?, columns={tenant_id: 'VARCHAR'}) where coalesce(tenant_id, '') = ''",
    params=[sys.argv[1]],
).fetchone()
print(rows[0])
"""


def write(path: Path, megabytes: int) -> None:
    """Lines like those of a web service; one in twenty names no tenant."""
    dice = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        n = 0
        while file.tell() < megabytes * 1_000_000:
            rows = []
            for _ in range(10_000):
                n += 1
                row = {
                    "ts": f"2026-11-28T04:00:{n % 60:02d}.{n % 1000:03d}Z",
                    "level": dice.choice(("info", "info", "warn", "error")),
                    "logger": "app.http",
                    "msg": "request done " + "x" * 60,
                    "request_id": f"r{n // 3:08x}",
                    "path": f"/invoices/{n}",
                    "ms": n % 700,
                }
                if n % 20:
                    row["tenant_id"] = f"t{n // 3 % 100:03d}"
                rows.append(json.dumps(row))
            file.write("\n".join(rows) + "\n")


def write_other(path: Path, megabytes: int) -> None:
    """Lines of another shape and length; one in six names no tenant, and one in fifty is not ASCII."""
    dice = random.Random(2)
    with path.open("w", encoding="utf-8") as file:
        n = 0
        while file.tell() < megabytes * 1_000_000:
            rows = []
            for _ in range(10_000):
                n += 1
                row: dict[str, object] = {
                    "severity": dice.choice(("INFO", "INFO", "WARNING", "ERROR")),
                    "message": f'user said "{"ok " * dice.randrange(12)}"\n\tat line {n}, c:\\temp',
                    "trace_id": f"{dice.getrandbits(64) | 1 << 63:x}",
                    "http": {"method": "GET", "url": f"/v1/items/{n}?q=a&r=b", "status": 200 + n % 5, "ms": n % 7 / 8},
                    "tags": ["api", "eu", {"tenant": "of another object"}],
                }
                if n % 6:
                    row["tenant"] = f"customer-{n % 700}"
                if n % 3 == 0:
                    row["error"] = {"type": "ValueError", "frames": [{"file": "a.py", "line": n} for _ in range(n % 6)]}
                row |= {"name": f"service.{n % 12}", "ok": True, "user": None}
                rows.append(json.dumps(row | {"city": "Köln"} if n % 50 == 0 else row, ensure_ascii=n % 100 == 0))
            file.write("\n".join(rows) + "\n")


def timed(answers: dict[str, int], name: str, size: int, act: partial[int]) -> Metrics:
    """Gigabytes a second."""
    start = time.perf_counter()
    answers[name] = act()
    return {"gb_s": size / 1e9 / (time.perf_counter() - start)}


def ours(path: Path, folder: Path | None = None, form: Form = FORM) -> int:
    """As the check counts: on all cores, in parts."""
    if folder is None:
        return _looked(path, None, form)
    with open_scans(folder / "scan.db") as store:
        return _looked(path, Scans(store), form)


def _looked(path: Path, scans: Scans | None, form: Form) -> int:
    world = World(project_id="bench", tenants=(), tenancy=None, clock=SystemClock(), scans=scans)
    return look(world, path, form).counted.without


def by_json(path: Path, name: str = "tenant_id") -> int:
    """The baseline."""
    with path.open("rb") as file:
        return sum(not json.loads(line).get(name) for line in file)


def by_program(argv: list[str]) -> int:
    """Another program's count."""
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def bench(bench: Bench) -> None:
    """Everything in turn, then what was appended."""
    path = bench.folder / "app.log"
    megabytes = bench.size or (80 if bench.quick else 1_000)
    write(path, megabytes)
    bench.note(f"{megabytes} MB written")
    judged = megabytes >= JUDGED
    size = path.stat().st_size
    answers: dict[str, int] = {}
    subjects = {"ours": partial(timed, answers, "ours", size, partial(ours, path))}
    subjects["json"] = partial(timed, answers, "json", size, partial(by_json, path))
    if program := shutil.which("rg"):
        argv = [program, "-c", "--invert-match", '"tenant_id"', str(path)]
        subjects["ripgrep"] = partial(timed, answers, "ripgrep", size, partial(by_program, argv))
    if importlib.util.find_spec("duckdb"):
        argv = [sys.executable, "-c", DUCKDB, str(path)]
        subjects["duckdb"] = partial(timed, answers, "duckdb", size, partial(by_program, argv))
    taken = bench.take_turns(subjects)
    bench.table(taken)
    bench.say("G14", "lines counted otherwise than by json", abs(answers["ours"] - answers["json"]), 0)
    speed = {name: sorted(run["gb_s"] for run in runs)[len(runs) // 2] for name, runs in taken.items()}
    bench.say(
        "G14", "speed, times json line by line", speed["ours"] / speed["json"], 10 if judged else None, least=True
    )
    for name, limit in (("duckdb", 0.8), ("ripgrep", 0.35)):
        if name in speed:
            bench.say("G14", f"speed, times {name}", speed["ours"] / speed[name], limit if judged else None, least=True)
    _another(bench, megabytes // 2, judged)
    shown = subprocess.run([sys.executable, "-c", ONE_PART, str(path)], capture_output=True, text=True, check=True)
    bench.say("G14", "memory of a process that counts, MB", int(shown.stdout) / 1024, 40)
    start = time.perf_counter()
    ours(path, bench.folder)
    full = time.perf_counter() - start
    with path.open("ab") as file:
        file.write(path.read_bytes()[: size // 1_000].rpartition(b"\n")[0] + b"\n")
    start = time.perf_counter()
    ours(path, bench.folder)
    share = 100 * (time.perf_counter() - start) / full
    bench.say("G14", "a thousandth appended, % of the full scan", share, 1 if judged else None)


def _another(bench: Bench, megabytes: int, judged: bool) -> None:
    """The same on lines of another shape."""
    path = bench.folder / "other.log"
    write_other(path, megabytes)
    bench.note(f"{megabytes} MB of another shape written")
    size, answers = path.stat().st_size, dict[str, int]()
    act = partial(ours, path, form=OTHER_FORM)
    subjects = {"ours": partial(timed, answers, "ours", size, act)}
    subjects["json"] = partial(timed, answers, "json", size, partial(by_json, path, "tenant"))
    taken = bench.take_turns(subjects)
    bench.table(taken)
    different = abs(answers["ours"] - answers["json"])
    bench.say("G14", "lines of another shape counted otherwise than by json", different, 0)
    speed = {name: sorted(run["gb_s"] for run in runs)[len(runs) // 2] for name, runs in taken.items()}
    goal = 10 if judged else None
    bench.say("G14", "the same, speed, times json line by line", speed["ours"] / speed["json"], goal, least=True)
    path.unlink()


if __name__ == "__main__":
    run("logs", bench, rounds=5, quick_rounds=2, size="megabytes of log")
