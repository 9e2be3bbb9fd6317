"""Profiles of any size for the benchmarks: a world filled in bulk, and a pulse in which every panel has rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from stas_tui.config import load
from stas_tui.locations import Locations, Profile, os_user
from stas_tui.pulse.context import ISOLATION_POINTS
from stas_tui.wiring import build
from storage.clock import DAY, MINUTE, SystemClock
from storage.recall import rowid_for
from storage.records import (
    DataState,
    Finding,
    Memory,
    Message,
    MessageType,
    Mode,
    Priority,
    Project,
    StepState,
    Task,
    TaskClass,
    Trust,
)
from storage.schema_world import open_world
from storage.sqlite import Store
from storage.world import World
from storage.world_rows import encode

TENANTS = 12
SERVICES = 24
TASKS = 60
WORDS = 2_000

_CONFIGURATION = """\
environment = "bench"
agent_name = "Bench"
mode = "supervised"
columns = ["Review"]

[[person]]
name = "{user}"
os_user = "{user}"

[[project]]
id = "ledger"
name = "Ledger"
remote = "{remote}"
isolation_level = "row"
tenants = [{tenants}]
services = ["ledger"]
"""


def make_profile(home: Path, name: str, *, messages: int) -> Profile:
    """A profile with this many open messages, 60 tasks, and a pulse with findings in every panel."""
    profile = Locations.find(home).profile(name)
    profile.make()
    tenants = ", ".join(f'"tenant-{n:02}"' for n in range(TENANTS))
    profile.config_file.write_text(
        _CONFIGURATION.format(user=os_user(), remote=profile.root / "remote.git", tenants=tenants), "utf-8"
    )
    clock = SystemClock()
    now = clock.now()
    with open_world(profile.platform_db) as store:
        world = World(store, clock)
        world.put_project(Project(id="ledger", name="Ledger"))
        world.set_vision("ledger", "Every tenant's ledger is correct and apart from every other.")
        for n in range(TASKS):
            world.put_task(
                Task(
                    id=f"T-{n:03}",
                    project_id="ledger",
                    title=f"Row level policy for table number {n}",
                    description="What stands here is a paragraph of plain text. " * 6,
                    status="review",
                    priority=(Priority.P1, Priority.P2, Priority.P3)[n % 3],
                    task_class=TaskClass.INFRA,
                    created_at=now - n * DAY,
                )
            )
        fill_messages(store, messages, now)
    with build(profile, load(profile)) as application:
        context = application.context
        pulse = context.pulses.begin(agent="Bench", operator=os_user(), mode=Mode.SUPERVISED, policy_digest="")
        for n in range(1, 7):
            context.pulses.set_step(
                pulse.id, n, state=StepState.DONE, data_state=DataState.OK, note="looked at", actor="Bench"
            )
        subjects = [("health", f"service-{n:02}") for n in range(SERVICES)]
        subjects += [(f"isolation:{p}", f"ledger/tenant-{n:02}") for n in range(TENANTS) for p in ISOLATION_POINTS]
        for check, subject in subjects:
            context.findings.put(
                Finding(
                    id=f"{pulse.id}:{check}:{subject}",
                    pulse_id=pulse.id,
                    check=check,
                    subject=subject,
                    verdict="unknown",
                    reason="no source is configured",
                    at=now,
                )
            )
    return profile


def fill_messages(store: Store, count: int, now: int) -> None:
    """Open messages in bulk. The first row of the list says `subject first`."""
    kinds = (MessageType.REVIEW_REQUEST, MessageType.HELP_REQUEST)
    with store.write() as conn:
        for start in range(0, count, 10_000):
            rows = [
                encode(
                    Message(
                        id=f"m-{n:07}",
                        type=MessageType.URGENT if n == 0 else kinds[n % 2],
                        sender=f"agent-{n % 17}",
                        subject="subject first" if n == 0 else f"subject {n} about queue {n % 97}",
                        body=f"Body of message {n}: " + "the deployment of the ledger waits for its review. " * 3,
                        at=now - (count - n) * MINUTE,
                        trust=Trust.KNOWN,
                    )
                )
                | {"recipient": ""}
                for n in range(start, min(start + 10_000, count))
            ]
            names = list(rows[0])
            sql = f"insert into messages ({', '.join(names)}) values ({', '.join(':' + name for name in names)})"
            conn.executemany(sql, rows)


def fill_memories(store: Store, count: int, now: int, *, seed: int = 1) -> None:
    """Memories in bulk over a year, words drawn as in real text: few are common, most are rare."""
    chance = random.Random(seed)
    with store.write() as conn:
        for rows in _memory_rows(count, now, chance):
            names = list(rows[0])
            sql = f"insert into memories ({', '.join(names)}) values ({', '.join(':' + name for name in names)})"
            conn.executemany(sql, rows)
        conn.execute("insert into memories_fts (memories_fts) values ('rebuild')")


def word(n: int) -> str:
    """The n-th commonest word of the memories."""
    return f"w{n:04d}q"


def questions(count: int, seed: int = 7) -> list[str]:
    """One to three words, common ones as often as rare ones."""
    chance = random.Random(seed)
    asked = []
    for _ in range(count):
        places = [min(int(WORDS ** chance.random()), WORDS - 1) for _ in range(chance.randint(1, 3))]
        asked.append(" ".join(word(n) for n in places))
    return asked


def _memory_rows(count: int, now: int, chance: random.Random) -> Iterator[list[dict[str, object]]]:
    weights = [1 / (n + 1) for n in range(WORDS)]
    first = now - 365 * DAY
    for start in range(0, count, 10_000):
        size = min(10_000, count - start)
        drawn = iter(chance.choices(range(WORDS), weights, k=size * 30))
        rows: list[dict[str, object]] = []
        for n in range(start, start + size):
            at = first + n * (365 * DAY) // count
            words = [word(next(drawn)) for _ in range(30)]
            memory = Memory(
                id=f"mem-{n:07}",
                type="lesson",
                title=" ".join(words[:5]),
                text=" ".join(words[5:28]),
                tags=(words[28], words[29]),
                author="Bench",
                at=at,
            )
            values = encode(memory)
            values.pop("score")
            rows.append(values | {"seq": rowid_for(at) + n % 1024, "digest": str(n)})
        yield rows
