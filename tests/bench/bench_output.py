"""G7: 50,000 lines of executor output into our view, into Textual's `Log` in batches and into `RichLog`; then keys."""

from __future__ import annotations

from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, Terminal, environment, python, quantile

STREAM = Path(__file__).with_name("stream.py")


def pour(kind: str, lines: int) -> Metrics:
    """CPU and memory that the lines cost on top of the start."""
    with Terminal(python(str(STREAM), kind, str(lines)), env=environment()) as terminal:
        terminal.wait_for("stream ready")
        terminal.calm()
        before = terminal.usage()
        terminal.send("g")
        terminal.wait_for("stream done", 120)
        after = terminal.usage()
        return {"cpu_ms": after.cpu_ms - before.cpu_ms, "more_mb": after.rss_mb - before.rss_mb}


def trickle(keys: int) -> Metrics:
    """Scrolling sideways in our view while 2,000 lines a second arrive."""
    with Terminal(python(str(STREAM), "ours", "0"), env=environment()) as terminal:
        terminal.wait_for("stream ready")
        terminal.calm()
        terminal.send("t")
        terminal.wait_for("step 2")
        found = []
        for n in range(keys):
            terminal.watch(0.13 + n % 7 * 0.007)
            found.append(terminal.press_for("right", "EDGE"))
            terminal.send("left")
        return {"paint_ms.p50": quantile(found, 0.5), "paint_ms.p95": quantile(found, 0.95)}


def bench(bench: Bench) -> None:
    """The three widgets in turn; RichLog gets a tenth of the lines in a quick run."""
    lines = 5_000 if bench.quick else 50_000
    taken = bench.take_turns({kind: (lambda kind=kind: pour(kind, lines)) for kind in ("ours", "log", "richlog")})
    taken |= bench.take_turns({"keys": lambda: trickle(20 if bench.quick else 60)}, warm=False)
    bench.table(taken)
    bench.say("G7", "CPU, times Log.write_lines in batches", ratio(taken["ours"], taken["log"], "cpu_ms"), 1.5)
    bench.say("G7", "CPU, times RichLog", ratio(taken["ours"], taken["richlog"], "cpu_ms"), 0.05)
    bench.say("G7", "memory for the lines, MB", median(taken["ours"], "more_mb"), 10)
    bench.say("G7", "key p95 at 2,000 lines/s, ms", median(taken["keys"], "paint_ms.p95"), 33)


if __name__ == "__main__":
    run("output", bench, rounds=5, quick_rounds=2)
