"""Claims under contention: two processes, and sixteen threads (R44, G13)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import storage
from stas_tui.platforms.base import AlreadyClaimed
from stas_tui.platforms.local import LocalPlatform
from storage.clock import SystemClock
from storage.records import Project, Task
from storage.schema_world import open_world
from storage.world import World

RACES = 1000
CLAIMER = Path(__file__).with_name("claimer.py")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "platform.db") as store:
        world = World(store, SystemClock())
        world.put_project(Project(id="shop", name="Shop"))
        yield world


def fill(world: World, count: int) -> list[str]:
    ids = [f"T-{n}" for n in range(count)]
    with world.store.write():
        for id_ in ids:
            world.put_task(Task(id=id_, project_id="shop", title=id_))
    return ids


def test_two_processes_race_for_every_task(world: World) -> None:
    ids = fill(world, RACES)
    env = os.environ | {"PYTHONPATH": str(Path(storage.__file__ or "").parents[1])}
    agents = ("stas", "chieko")
    processes = [
        subprocess.Popen(
            [sys.executable, str(CLAIMER), str(world.store.path), agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        for agent in agents
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(ids) + "\n")
            process.stdin.flush()
        answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    tasks = {task.id: task for task in world.tasks("shop")}
    for id_ in ids:
        winner = tasks[id_].assignee
        assert winner in agents
        loser = agents[1 - agents.index(winner)]
        assert answers[agents.index(winner)][id_] == winner
        assert answers[agents.index(loser)][id_] == f"lost to {winner}"
        assert (tasks[id_].branch, tasks[id_].version) == (f"feat/{id_}-{winner}", 2)


def test_sixteen_threads_share_four_hundred_tasks(world: World) -> None:
    """Every thread takes whatever it can; each task goes to one thread and nobody sees a locked database."""
    threads = 16
    ids = fill(world, 400)
    start = Barrier(threads)

    def work(n: int) -> list[str]:
        agent = f"agent-{n}"
        platform = LocalPlatform(world, agent, world.clock)
        start.wait()
        won = []
        for id_ in ids[n * 25 :] + ids[: n * 25]:
            task = world.task("shop", id_)
            if task is None or task.assignee:
                continue
            try:
                won.append(platform.claim("shop", id_, agent, f"feat/{id_}").id)
            except AlreadyClaimed as error:
                assert error.owner != agent
        return won

    with ThreadPoolExecutor(threads) as pool:
        won = list(pool.map(work, range(threads)))
    assert sorted(id_ for share in won for id_ in share) == sorted(ids)
    assert {task.id: task.assignee for task in world.tasks("shop")} == {
        id_: f"agent-{n}" for n, share in enumerate(won) for id_ in share
    }


def test_one_agent_twice_at_once_is_one_claim(world: World) -> None:
    fill(world, 1)
    start = Barrier(8)

    def work(_: int) -> Task:
        start.wait()
        return LocalPlatform(world, "stas", world.clock).claim("shop", "T-0", "stas", "feat/T-0")

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(work, range(8)))
    assert len(set(got)) == 1
    assert got[0].version == 2
