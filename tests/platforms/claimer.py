"""A second process for the claim races: claims every task of a world once, in the order it was given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stas_tui.platforms.base import AlreadyClaimed
from stas_tui.platforms.local import LocalPlatform
from storage.clock import SystemClock
from storage.schema_world import open_world
from storage.world import World


def main(path: str, agent: str) -> None:
    """Say «ready», wait for a line that lists the tasks, then print what became of each."""
    clock = SystemClock()
    with open_world(Path(path)) as store:
        platform = LocalPlatform(World(store, clock), agent, clock)
        print("ready", flush=True)
        answers: dict[str, str] = {}
        for task_id in json.loads(sys.stdin.readline()):
            try:
                answers[task_id] = platform.claim("shop", task_id, agent, f"feat/{task_id}-{agent}").assignee or ""
            except AlreadyClaimed as error:
                answers[task_id] = f"lost to {error.owner}"
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
