"""Training: how long a lesson takes to begin, to be played by the engine alone, and to go back in.

A lesson is started against `stas demo`, both from the command to their first words. The engine plays the careful run of
the lesson with the most lines, against the least that any log costs: sealing the same lines into a chain of hashes.
Going back to the end of that run builds a fresh stage and does everything again; it is measured against opening a
stage, which is what a lesson costs before anything has happened in it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rounds import Bench, ratio, run
from terminal import Metrics, Terminal, environment, python

from stas_tui.locations import Profile
from stas_tui.training import scripts
from stas_tui.training.catalog import Catalog
from stas_tui.training.director import Director
from stas_tui.training.engine import Engine, Order, play
from stas_tui.training.reading import Lesson
from storage.chain import GENESIS, event_hash
from storage.clock import ManualClock
from storage.records import Event

TIMES = 20
"""How often the engine plays in one turn: one run of it is too short for a clock."""


def start(home: Path, words: list[str], ready: str) -> Metrics:
    """One start, from the fork to its first words."""
    argv = python("-m", "stas_tui", "--home", str(home), *words)
    with Terminal(argv, env=environment(DEMO_SPEED="0")) as terminal:
        ready_ms = terminal.wait_for(ready)
        return {"ready_ms": ready_ms, "ready_cpu_ms": terminal.usage().cpu_ms}


def timed(do: Callable[[], object], times: int = 1) -> Metrics:
    """CPU and wall time of one doing."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        do()
    return {
        "cpu_ms": (time.process_time() - cpu) * 1_000 / times,
        "wall_ms": (time.perf_counter() - wall) * 1_000 / times,
    }


def seal(lines: list[Event]) -> str:
    """The same lines sealed anew; the last hash."""
    prev = GENESIS
    for line in lines:
        prev = event_hash(
            seq=line.seq,
            at=line.at,
            actor=line.actor,
            kind=line.kind,
            pulse_id=None,
            action_id=None,
            body=line.body,
            prev=prev,
        )
    return prev


def stage(lesson: Lesson, folder: Path) -> Director:
    """A fresh stage of a lesson."""
    return Director(lesson, Profile("bench", folder, folder / "run"), real=ManualClock(), person="Ada")


def opened(lesson: Lesson, folder: Path) -> Metrics:
    """A stage is opened, and nothing happens on it."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made: list[Director] = []
        taken = timed(lambda: made.append(stage(lesson, Path(place))))
        made[0].close()
        return taken


def gone_back(lesson: Lesson, careful: Engine, folder: Path) -> Metrics:
    """To the end of the careful run: everything that was done until then is done again."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        director = stage(lesson, Path(place))
        last = careful.inputs[-1].at
        director._inputs = list(careful.inputs)
        director._back = Order(at=last, what="rewind", body={"from": last, "to": last})
        director.leaving = True
        taken = timed(director.rebuild)
        assert director.unrepeated == [], director.unrepeated
        assert len(director.engine.inputs) == len(careful.inputs) + 1
        director.close()
        return taken


def bench(bench: Bench) -> None:
    """Everything in turn."""
    catalog = Catalog()
    lessons = [catalog.find(entry.id) for entry in catalog.entries()]
    played = {lesson.scenario.id: scripts.ideal(lesson) for lesson in lessons}
    longest = max(lessons, key=lambda lesson: len(played[lesson.scenario.id].lines))
    careful = played[longest.scenario.id]
    bench.note(f"{longest.scenario.id}: {len(careful.lines)} lines, {len(careful.inputs)} acts")

    home = bench.folder / "home"
    starts = bench.take_turns(
        {
            "lesson": lambda: start(home, ["train", "run", "--alone", "s00-first-shift"], "Time begins"),
            "demo": lambda: start(home, ["demo"], "no pulse"),
        }
    )
    bench.table(starts)

    def whole() -> None:
        again = play(longest.scenario, longest.digest, careful.inputs)
        assert again.digest == careful.digest

    assert seal(careful.lines) == careful.digest
    engine = bench.take_turns(
        {"play": lambda: timed(whole, TIMES), "seal": lambda: timed(lambda: seal(careful.lines), TIMES)}
    )
    bench.table(engine)
    back = bench.take_turns(
        {"back": lambda: gone_back(longest, careful, bench.folder), "open": lambda: opened(longest, bench.folder)}
    )
    bench.table(back)
    bench.say(
        "", "a lesson's first words, CPU, times `stas demo`", ratio(starts["lesson"], starts["demo"], "ready_cpu_ms")
    )
    bench.say("", "a lesson's first words, times `stas demo`", ratio(starts["lesson"], starts["demo"], "ready_ms"))
    bench.say("", "a whole lesson, CPU, times sealing its lines", ratio(engine["play"], engine["seal"], "cpu_ms"))
    bench.say("", "back to its end, CPU, times opening a stage", ratio(back["back"], back["open"], "cpu_ms"))
    bench.say("", "back to its end, times opening a stage", ratio(back["back"], back["open"], "wall_ms"))


if __name__ == "__main__":
    run("training", bench, rounds=7)
