"""G8: what a dashboard that nobody touches costs, against the smallest Textual program."""

from __future__ import annotations

from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

HELLO = Path(__file__).with_name("hello.py")
NOTICES_S = 8.0
"""What the first screen says in passing is gone by then."""


def idle(argv: list[str], ready: str, seconds: float, **env: str) -> Metrics:
    """Start, wait for calm, then watch nothing happen."""
    with Terminal(argv, env=environment(**env)) as terminal:
        terminal.wait_for(ready)
        terminal.watch(NOTICES_S)
        return terminal.idle(seconds)


def bench(bench: Bench) -> None:
    """Both in turn."""
    home, seconds = bench.folder / "home", 2.0 if bench.quick else 20.0
    make_profile(home, "idle", messages=1_000)
    stas = python("-m", "stas_tui", "--profile", "idle")
    taken = bench.take_turns(
        {
            "stas": lambda: idle(stas, "subject first", seconds, STAS_HOME=str(home)),
            "hello": lambda: idle(python(str(HELLO)), "hello, ready", seconds),
        },
        warm=False,
    )
    bench.table(taken)
    ours = taken["stas"]
    bench.say("G8", "CPU, times hello", ratio(ours, taken["hello"], "idle_cpu_pct"), 2)
    bench.say("G8", "CPU, % of a core", median(ours, "idle_cpu_pct"), 0.5)
    bench.say("G8", "bytes to the terminal per second", median(ours, "idle_bytes_s"), 0)
    bench.say("G8", "wake-ups per second", median(ours, "idle_wakeups_s"), 15)


if __name__ == "__main__":
    run("idle", bench, rounds=3, quick_rounds=1)
