"""G1: from the command to a useful first screen, on an inbox of 100,000 messages, against the smallest Textual program.

`ready` is the first paint with a row of the inbox in it. `cpu` is what the program itself used until then, `calm cpu`
until nothing was painted for half a second.
"""

from __future__ import annotations

from pathlib import Path

from rounds import Bench, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

HELLO = Path(__file__).with_name("hello.py")


def start(argv: list[str], ready: str, **env: str) -> Metrics:
    """One start, from the fork to calm."""
    with Terminal(argv, env=environment(**env)) as terminal:
        ready_ms = terminal.wait_for(ready)
        at_ready = terminal.usage()
        calm_ms = terminal.calm()
        calm = terminal.usage()
        return {
            "ready_ms": ready_ms,
            "ready_cpu_ms": at_ready.cpu_ms,
            "calm_ms": calm_ms,
            "calm_cpu_ms": calm.cpu_ms,
            "rss_mb": calm.rss_mb,
            "start_bytes": float(terminal.bytes),
        }


def bench(bench: Bench) -> None:
    """Start both in turn."""
    home = bench.folder / "home"
    make_profile(home, "full", messages=1_000 if bench.quick else 100_000)
    taken = bench.take_turns(
        {
            "stas": lambda: start(python("-m", "stas_tui", "--profile", "full"), "subject first", STAS_HOME=str(home)),
            "hello": lambda: start(python(str(HELLO)), "hello, ready"),
        }
    )
    bench.table(taken)
    ours, hello = taken["stas"], taken["hello"]
    bench.say("G1", "ready, times hello", ratio(ours, hello, "ready_ms"), 1.35)
    bench.say("G1", "CPU until ready, times hello", ratio(ours, hello, "ready_cpu_ms"), 1.4)
    bench.say("G1", "CPU until calm, times hello", ratio(ours, hello, "calm_cpu_ms"))


if __name__ == "__main__":
    run("start", bench, rounds=11)
