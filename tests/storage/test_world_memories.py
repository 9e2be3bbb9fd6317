"""Memories: kept once, quarantined until confirmed, found only when free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.clock import ManualClock
from storage.records import Memory
from storage.schema_world import open_world
from storage.world import World, WorldError


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    with open_world(tmp_path / "platform.db") as store:
        yield World(store, clock)


def remember(world: World, text: str, *, author: str = "stas", quarantined: bool = False) -> Memory:
    return world.remember(
        "lesson", f"on {text}", text, shared=False, tags=("ops",), author=author, quarantined=quarantined
    )


def index_is_sound(world: World) -> None:
    with world.store.write() as conn:
        conn.execute("insert into memories_fts (memories_fts, rank) values ('integrity-check', 1)")


def test_the_same_title_and_text_is_the_same_memory(world: World, clock: ManualClock) -> None:
    first = remember(world, "failover")
    assert first.at == clock.now()
    clock.advance(5)
    assert remember(world, "failover") == first
    shared = world.remember("lesson", "on failover", "failover", shared=True, tags=("db", "ops"), author="stas")
    assert (shared.id, shared.shared, shared.tags, shared.at) == (first.id, True, ("ops", "db"), first.at)
    assert world.find_memory("on failover", "failover") == shared
    assert world.find_memory("on", " failoverfailover") is None
    assert [m.id for m in world.recall("db", 5)] == [first.id], "an added tag must be searchable"
    assert len(world.memories()) == 1
    index_is_sound(world)


def test_put_memory_replaces_by_id_and_moves_in_time(world: World) -> None:
    world.put_memory(Memory(id="m", type="t", title="alpha", text="one", at=1_000))
    world.put_memory(Memory(id="n", type="t", title="beta", text="two", at=2_000))
    moved = world.put_memory(Memory(id="m", type="t", title="gamma", text="three", at=3_000, score=9.0))
    assert moved.score == 0.0
    assert [m.id for m in world.memories()] == ["m", "n"]
    assert world.recall("alpha", 5) == []
    assert [m.id for m in world.recall("gamma", 5)] == ["m"]
    index_is_sound(world)


def test_quarantine_ends_with_a_person(world: World) -> None:
    memory = remember(world, "suspicious", author="bridge", quarantined=True)
    assert world.recall("suspicious", 5) == []
    free = world.confirm_memory(memory.id, "human:sky")
    assert free is not None and (free.quarantined, free.confirmations) == (False, ("human:sky",))
    assert [m.id for m in world.recall("suspicious", 5)] == [memory.id]
    assert world.confirm_memory(memory.id, "finn") == free
    index_is_sound(world)


def test_quarantine_ends_with_two_other_sources(world: World) -> None:
    memory = remember(world, "rumour", author="Bridge", quarantined=True)
    for by in ("bridge", "finn", "Finn ", "finn"):
        held = world.confirm_memory(memory.id, by)
        assert held is not None and held.quarantined, by
    (held,) = world.memories(quarantined=True)
    assert held.confirmations == ("finn",)
    free = world.confirm_memory(memory.id, "yukihiro")
    assert free is not None and not free.quarantined
    assert world.memories(quarantined=True) == []
    assert world.memory(memory.id) == free
    assert [m.id for m in world.recall("rumour", 5)] == [memory.id]


def test_writing_a_quarantined_memory_again_is_no_way_around(world: World) -> None:
    memory = remember(world, "claim", author="bridge", quarantined=True)
    assert remember(world, "claim", author="bridge").quarantined
    assert remember(world, "claim", author="stas").quarantined
    assert remember(world, "claim", author="stas").quarantined
    assert world.recall("claim", 5) == []
    free = remember(world, "claim", author="human:sky")
    assert (free.id, free.quarantined) == (memory.id, False)


@pytest.mark.parametrize("by", ["", "  ", "human:", "human:  "])
def test_nobody_cannot_confirm(world: World, by: str) -> None:
    memory = remember(world, "x", quarantined=True)
    with pytest.raises(WorldError, match="name"):
        world.confirm_memory(memory.id, by)
    assert world.confirm_memory("none", "human:sky") is None


def test_loading_many_is_searchable_and_all_or_nothing(world: World) -> None:
    remember(world, "before")
    many = [Memory(id=f"m{i}", type="t", title=f"load{i % 3}", text="bulk", at=7) for i in range(3_000)]
    many.append(Memory(id="q", type="t", title="load0", text="hidden", quarantined=True))
    assert world.load_memories(many) == 3_001
    assert world.recall("hidden", 5) == []
    assert [m.title for m in world.recall("before", 5)] == ["on before"]
    assert len(world.recall("load1", 50)) == 50
    with pytest.raises(WorldError, match="m0"):
        world.load_memories([Memory(id="new", type="t", title="new", text=""), many[0]])
    assert world.memory("new") is None
    index_is_sound(world)


def test_hostile_memories_are_kept_and_searchable(world: World) -> None:
    text = "before\x00after \ud800 \u202e \x1b[31m [link=x] zebra"
    memory = world.remember("t", text, text, shared=True, tags=(text, "]\"',"), author=text)
    assert memory.text == text.replace("\ud800", "\\ud800")
    assert world.find_memory(text, text) == memory
    for word in ("after", "zebra"):
        assert [m.id for m in world.recall(word, 5)] == [memory.id]
    big = world.remember("t", "one line", "x" * 1_000_000, shared=True, tags=(), author="a")
    assert len(big.text) == 1_000_000
    index_is_sound(world)
