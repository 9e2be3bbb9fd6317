"""G2 to G5: keys on every list and tab, and an inbox of 100,000 rows against one of 100.

One dashboard on each inbox, asked in turn. `inbox` moves the cursor inside the panel, `scroll` pages through the
zoomed inbox, `queue` to `matrix` are the other panels, `detail` changes its tabs. A key's bytes are all that is
written to the terminal for it, the detail of the new row included.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

HELLO = Path(__file__).with_name("hello.py")
WALKS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "inbox": (("1", "home"), ("down", "down", "up", "up")),
    "queue": (("2", "home"), ("down", "down", "up", "up")),
    "infra": (("3", "home"), ("down", "down", "up", "up")),
    "matrix": (("4",), ("down", "right", "left", "up")),
    "detail": (("1", "shift-tab"), ("right", "left")),
    "tabs": ((), ("1", "2", "3", "4")),
    "scroll": (("1", "home", "z"), ("pagedown", "pagedown", "pageup", "pageup")),
}
"""What is pressed first, then the keys that are measured, over and over."""
SHIFT_TAB = "\x1b[Z"


def walk(terminal: Terminal, name: str, keys: int) -> Metrics:
    """Bring the dashboard to a list or tab, then measure its keys."""
    before, cycle = WALKS[name]
    for key in before:
        terminal.send(SHIFT_TAB if key == "shift-tab" else key)
        terminal.calm(0.25)
    found = terminal.keys([cycle[n % len(cycle)] for n in range(keys)])
    if name == "scroll":
        terminal.send("z")
        terminal.calm(0.25)
    return found


def dashboard(home: Path, profile: str, keys: int, *, every: bool) -> Metrics:
    """One start and every walk; the figures are called `walk paint_ms.p50` and so on."""
    argv = python("-m", "stas_tui", "--profile", profile)
    with Terminal(argv, env=environment(STAS_HOME=str(home))) as terminal:
        result: Metrics = {"ready_ms": terminal.wait_for("subject first")}
        terminal.calm()
        result["start_cpu_ms"] = terminal.usage().cpu_ms
        for name in WALKS if every else ("inbox", "scroll"):
            result |= {f"{name} {metric}": value for metric, value in walk(terminal, name, keys).items()}
        terminal.send("home")
        terminal.calm(0.25)
        result |= {f"held {metric}": value for metric, value in terminal.hold("down", 90, 30).items()}
        result["rss_mb"] = terminal.usage().rss_mb
        return result


def hello(keys: int) -> Metrics:
    """The floor: what a key costs in the smallest program."""
    with Terminal(python(str(HELLO)), env=environment()) as terminal:
        terminal.wait_for("hello, ready")
        terminal.calm()
        return {f"hello {metric}": value for metric, value in terminal.keys(["down"] * keys).items()}


def bench(bench: Bench) -> None:
    """Both sizes and the floor in turn."""
    home, keys = bench.folder / "home", 12 if bench.quick else 40
    make_profile(home, "small", messages=100)
    make_profile(home, "full", messages=2_000 if bench.quick else 100_000)
    taken = bench.take_turns(
        {
            "full": lambda: dashboard(home, "full", keys, every=True),
            "small": lambda: dashboard(home, "small", keys, every=False),
            "hello": lambda: hello(keys),
        },
        warm=not bench.quick,
    )
    bench.table(taken)
    full, small, floor = taken["full"], taken["small"], taken["hello"]
    for metric, limit in (
        ("start_cpu_ms", 1.05),
        ("inbox key_cpu_ms", 1.05),
        ("inbox paint_ms.p50", 1.05),
        ("inbox paint_ms.p95", 1.15),
        ("rss_mb", 1.05),
    ):
        bench.say("G2", f"100,000 rows over 100: {metric}", ratio(full, small, metric), limit)
    for name in WALKS:
        bench.say("G3", f"{name}: key to paint, p95, ms", median(full, f"{name} paint_ms.p95"), 16)
        p50 = ratio(full, floor, f"{name} paint_ms.p50", "hello paint_ms.p50")
        bench.say("G3", f"{name}: key to paint, p50, times hello", p50, 2.5)
    for name in WALKS:
        extra = median(full, f"{name} settled_ms.p50") - median(full, f"{name} paint_ms.p50")
        bench.say("G4", f"{name}: settled after the first paint, p50, ms", extra, 0)
    for name in ("inbox", "queue", "infra", "matrix"):
        bench.say("G4", f"{name}: KB for a cursor step, p50", median(full, f"{name} bytes.p50") / 1024, 1.5)
    bench.say("G4", "scroll: KB for a page of the zoomed inbox, p50", median(full, "scroll bytes.p50") / 1024, 12)
    bench.say("G5", "held key, 90 at 30/s: ms from the last to calm", median(full, "held lag_ms"), 33)


if __name__ == "__main__":
    run("lists", bench, rounds=5, quick_rounds=1)
