"""Rounds of measurements: everything that is compared takes turns in one run, and only ratios leave it."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from terminal import Metrics

ROOT = Path(__file__).resolve().parents[2]
Subject = Callable[[], Metrics]


@dataclass
class Bench:
    """One benchmark: its arguments, a folder to work in, and what it found."""

    name: str
    quick: bool
    rounds: int
    folder: Path
    json: Path | None
    size: int | None = None
    found: dict[str, object] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def take_turns(self, subjects: Mapping[str, Subject], *, warm: bool = True) -> dict[str, list[Metrics]]:
        """Measure each subject once a round, in turn (A B A B); a first turn that is not counted warms caches."""
        if warm:
            for subject in subjects.values():
                subject()
        taken: dict[str, list[Metrics]] = {name: [] for name in subjects}
        for n in range(self.rounds):
            for name, subject in subjects.items():
                taken[name].append(subject())
            self.note(f"round {n + 1} of {self.rounds}")
        self.found["runs"] = {**self.found.get("runs", {}), **taken}  # type: ignore[dict-item]
        return taken

    def note(self, text: str) -> None:
        """Say how far it is, on standard error."""
        sys.stderr.write(f"{self.name}: {text}\n")

    def table(self, taken: Mapping[str, Sequence[Metrics]]) -> None:
        """Print the medians of every figure."""
        names = list(taken)
        print(f"{'':18}" + "".join(f"{name:>22}" for name in names))
        for metric in dict.fromkeys(key for runs in taken.values() for run in runs for key in run):
            cells = [
                f"{median(taken[name], metric):>22.3f}" if has(taken[name], metric) else " " * 22 for name in names
            ]
            print(f"{metric:18}" + "".join(cells))

    def say(self, goal: str, what: str, value: float, limit: float | None = None, *, least: bool = False) -> None:
        """One figure beside its goal; `least` if the goal is a lower bound."""
        held = limit is None or (value >= limit if least else value <= limit)
        verdict = "" if limit is None else f"   goal {'>=' if least else '<='} {limit:g}   {'ok' if held else 'MISSED'}"
        print(f"{goal:4} {what:58} {value:10.3f}{verdict}")
        self.found.setdefault("figures", []).append(  # type: ignore[attr-defined]
            {"goal": goal, "what": what, "value": round(value, 4), "limit": limit, "held": held}
        )
        if not held:
            self.missed.append(f"{goal} {what}")

    def finish(self) -> None:
        """Write the JSON if it was asked for."""
        if self.json is not None:
            machine = {
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "cpus": os.cpu_count(),
                "system": platform.system(),
            }
            data = {"bench": self.name, "quick": self.quick, "machine": machine, "missed": self.missed, **self.found}
            self.json.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def has(runs: Sequence[Metrics], metric: str) -> bool:
    """Whether any run measured this."""
    return any(metric in run for run in runs)


def median(runs: Sequence[Metrics], metric: str) -> float:
    """The median of one figure."""
    return statistics.median(run[metric] for run in runs if metric in run)


def ratio(ours: Sequence[Metrics], baseline: Sequence[Metrics], metric: str, other: str | None = None) -> float:
    """The median over the rounds of ours divided by the baseline in the same round."""
    other = other or metric
    return statistics.median(a[metric] / max(b[other], 1e-9) for a, b in zip(ours, baseline, strict=True))


def run(name: str, bench: Callable[[Bench], None], *, rounds: int = 7, quick_rounds: int = 3, size: str = "") -> None:
    """The command line of a benchmark. `size` says what `--size` counts, if there is one."""
    arguments = argparse.ArgumentParser(prog=f"bench_{name}.py", description=(sys.modules["__main__"].__doc__ or ""))
    arguments.add_argument("--quick", action="store_true", help="few rounds and small data, to see that it works")
    arguments.add_argument("--rounds", type=int, help=f"rounds to take (default {rounds}, quick {quick_rounds})")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    if size:
        arguments.add_argument("--size", type=int, metavar="N", help=size)
    asked = arguments.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for package in ("storage", "widgets", "stas_tui"):
        compileall.compile_dir(ROOT / package, quiet=2)
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        one = Bench(
            name=name,
            quick=asked.quick,
            rounds=asked.rounds or (quick_rounds if asked.quick else rounds),
            folder=Path(folder),
            json=asked.json,
            size=getattr(asked, "size", None),
        )
        bench(one)
        one.finish()
