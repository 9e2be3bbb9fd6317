"""G9: memory with an inbox of 100,000 messages after every panel and tab was visited, against the smallest program."""

from __future__ import annotations

from pathlib import Path

from rounds import Bench, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

HELLO = Path(__file__).with_name("hello.py")
TOUR = ("1", "end", "home", "pagedown", "pagedown", "2", "end", "3", "end", "4", "down", "right", "\x1b[Z", "z", "z")


def visited(home: Path) -> Metrics:
    """The dashboard after the tour."""
    argv = python("-m", "stas_tui", "--profile", "full")
    with Terminal(argv, env=environment(STAS_HOME=str(home))) as terminal:
        terminal.wait_for("subject first")
        terminal.calm()
        for key in TOUR:
            terminal.send(key)
            terminal.calm(0.25)
        used = terminal.usage()
        return {"rss_mb": used.rss_mb, "peak_mb": used.peak_mb}


def hello() -> Metrics:
    """The floor."""
    with Terminal(python(str(HELLO)), env=environment()) as terminal:
        terminal.wait_for("hello, ready")
        terminal.calm()
        used = terminal.usage()
        return {"rss_mb": used.rss_mb, "peak_mb": used.peak_mb}


def bench(bench: Bench) -> None:
    """Both in turn."""
    home = bench.folder / "home"
    make_profile(home, "full", messages=2_000 if bench.quick else 100_000)
    taken = bench.take_turns({"stas": lambda: visited(home), "hello": hello}, warm=False)
    bench.table(taken)
    bench.say("G9", "resident memory, times hello", ratio(taken["stas"], taken["hello"], "rss_mb"), 1.5)
    bench.say("G9", "its high-water mark, times hello's", ratio(taken["stas"], taken["hello"], "peak_mb"))


if __name__ == "__main__":
    run("memory", bench, rounds=3, quick_rounds=1)
