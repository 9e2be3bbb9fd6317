"""G10: recall in windows with a proof, against the ranking of every match, over 1,000,000 memories (`--size`).

Both run in this process, in turn for each of 200 seeded questions of one to three words; the answers are compared.
The full ranking is the same code with a first window larger than the index.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

from rounds import Bench, run
from terminal import quantile
from world import fill_memories, questions

from storage import recall
from storage.clock import ManualClock, SystemClock
from storage.schema_world import open_world
from storage.world import World

QUESTIONS = 200
EVERYTHING = 1 << 40
T = TypeVar("T")


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds and the answer."""
    before = time.perf_counter()
    answer = act()
    return (time.perf_counter() - before) * 1000, answer


def bench(bench: Bench) -> None:
    """Every question both ways, and through the world's own method."""
    size = bench.size or (20_000 if bench.quick else 1_000_000)
    now = SystemClock().now()
    with open_world(bench.folder / "platform.db") as store:
        bench.note(f"writing {size} memories")
        fill_memories(store, size, now)
        world = World(store, ManualClock(now))
        conn = store.connection
        asked = questions(QUESTIONS)
        for text in asked[:20]:
            recall.rank(conn, text, 5, now, first_window=EVERYTHING)
        full, windows, whole, typing, different = [], [], [], [], 0
        for text in asked:
            all_ms, everything = timed(lambda text=text: recall.rank(conn, text, 5, now, first_window=EVERYTHING))
            win_ms, windowed = timed(lambda text=text: recall.rank(conn, text, 5, now))
            api_ms, _ = timed(lambda text=text: world.recall(text, 5))
            newest_ms, _ = timed(
                lambda text=text: conn.execute(
                    "select rowid from memories_fts where memories_fts match ? order by rowid desc limit 50",
                    (text.split()[0],),
                ).fetchall()
            )
            full.append(all_ms)
            windows.append(win_ms)
            whole.append(api_ms)
            typing.append(newest_ms)
            different += windowed != everything
    for name, values in (("full", full), ("windows", windows), ("world.recall", whole), ("newest 50", typing)):
        quantiles = "  ".join(f"p{int(q * 100)} {quantile(values, q):8.2f}" for q in (0.5, 0.95, 1.0))
        print(f"{name:14} {quantiles}  ms")
    bench.found["questions"] = {"memories": size, "full": full, "windows": windows, "recall": whole}
    bench.say("G10", "questions with another answer than the full ranking", different, 0)
    bench.say("G10", "p95, times the p95 of the full ranking", quantile(windows, 0.95) / quantile(full, 0.95), 0.4)
    over = statistics.median(a / b for a, b in zip(whole, windows, strict=True))
    bench.say("G10", "world.recall, times its own ranking, median", over, 1.2)
    bench.say("G10", "newest 50 as one types, p95, ms", quantile(typing, 0.95), 16)


if __name__ == "__main__":
    run("recall", bench, rounds=1, quick_rounds=1, size="memories (default 1,000,000; quick 20,000)")
