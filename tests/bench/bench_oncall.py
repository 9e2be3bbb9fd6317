"""G6 on call: keys in the list while 1,000 alerts and 1,000 endpoints change every second beside 10,000 messages.

The quiet subject is the same list on the same data that nobody writes. The writer is a process of its own, as the
watcher is.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

from stas_tui.locations import Profile
from storage.schema_watch import open_watch
from storage.watch import Watch

NIGHT = Path(__file__).with_name("night.py")
SOURCES = '\n[[alertmanager]]\nurl = "http://127.0.0.1:9"\n'


@contextmanager
def writer(profile: Profile, count: int) -> Iterator[None]:
    """The night, for as long as the block lasts."""
    argv = python(str(NIGHT), str(profile.watch_db), str(count), str(profile.runtime_dir))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as night:
        assert night.stdout is not None
        assert night.stdin is not None
        night.stdout.readline()
        try:
            yield
        finally:
            night.stdin.close()
            night.wait(10)


def keys(home: Path, name: str, count: int, seconds: float) -> Metrics:
    """Cursor keys in the list, then what it costs to watch it."""
    argv = python("-m", "stas_tui", "--profile", name, "oncall")
    with Terminal(argv, env=environment(STAS_HOME=str(home))) as terminal:
        terminal.wait_for("On call")
        terminal.watch(4.0)
        found = terminal.keys([("down", "down", "up", "up")[n % 4] for n in range(count)])
        watched = terminal.idle(seconds)
    return {
        **{name: found[name] for name in ("paint_ms.p50", "paint_ms.p95", "key_cpu_ms")},
        "cpu_pct": watched["idle_cpu_pct"],
        "bytes_s": watched["idle_bytes_s"],
    }


def bench(bench: Bench) -> None:
    """The same list, written and unwritten, in turn."""
    alerts, messages = (100, 1_000) if bench.quick else (1_000, 10_000)
    pressed, seconds = (16, 2.0) if bench.quick else (80, 10.0)
    home = bench.folder / "home"
    profiles = {name: make_profile(home, name, messages=messages) for name in ("night", "quiet")}
    for profile in profiles.values():
        with profile.config_file.open("a", encoding="utf-8") as file:
            file.write(SOURCES)
        with writer(profile, alerts):
            pass

    def night() -> Metrics:
        with writer(profiles["night"], alerts):
            return keys(home, "night", pressed, seconds)

    taken = bench.take_turns({"night": night, "quiet": lambda: keys(home, "quiet", pressed, seconds)}, warm=False)
    bench.table(taken)
    with open_watch(profiles["night"].watch_db) as store:
        known = len(Watch(store).facts("alert"))
    bench.say("G6", "alerts that are known", known, alerts, least=True)
    bench.say("G6", "key to paint, p95, ms", median(taken["night"], "paint_ms.p95"), 33)
    bench.say("G6", "key to paint, p95, times quiet", ratio(taken["night"], taken["quiet"], "paint_ms.p95"), 3.5)
    bench.say("G6", "CPU while everything changes every second, % of a core", median(taken["night"], "cpu_pct"), 20)


if __name__ == "__main__":
    run("oncall", bench, rounds=3, quick_rounds=1)
