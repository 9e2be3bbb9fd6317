"""Recall: the same answer as ranking everything, for any question, from any window."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import recall
from storage.clock import DAY, HOUR, MINUTE, ManualClock
from storage.records import Memory
from storage.schema_world import open_world
from storage.world import World

WORD_TEXT = """
    deployment database rollback timeout tenant worker incident queue cache certificate disk memory latency
    migration secret container image pipeline release network gateway proxy index backup
"""
WORDS = WORD_TEXT.split()
ROWS = 20_000


def sentence(rng: random.Random, vocabulary: list[str], weights: list[float], n: int) -> str:
    return " ".join(rng.choices(vocabulary, weights, k=n))


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """20,000 memories over two years, with words as unevenly spread as in real text."""
    rng = random.Random(20)
    clock = ManualClock()
    vocabulary = WORDS + [f"term{n}" for n in range(3_000)]
    weights = [1 / (n + 1) for n in range(len(vocabulary))]
    memories = [
        Memory(
            id=f"m{n}",
            type="lesson",
            title=sentence(rng, vocabulary, weights, 4),
            text=sentence(rng, vocabulary, weights, rng.randint(5, 40)),
            tags=tuple(rng.choices(WORDS, k=2)),
            at=clock.now() - rng.randrange(730 * DAY),
            quarantined=n % 50 == 0,
        )
        for n in range(ROWS)
    ]
    with open_world(tmp_path_factory.mktemp("recall") / "platform.db") as store:
        world = World(store, clock)
        world.load_memories(memories)
        yield world


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    with open_world(tmp_path / "platform.db") as store:
        yield World(store, clock)


def tell(world: World, *texts: str, at: int | None = None) -> None:
    for text in texts:
        world.put_memory(Memory(id=text, type="t", title=text, text="", at=world.clock.now() if at is None else at))


def titles(world: World, query: str, limit: int = 5) -> list[str]:
    return [memory.title for memory in world.recall(query, limit)]


# the same answer as ranking everything ---------------------------------------------------------------


def everything(world: World, words: list[str], limit: int, since: int = 0) -> list[tuple[int, float]]:
    """The full ranking, written down independently of the windows: one query over every match."""
    with world.store.snapshot() as conn:

        def count(match: str) -> int:
            return int(
                conn.execute("select count(*) from memories_fts where memories_fts match ?", (match,)).fetchone()[0]
            )

        rows = int(conn.execute("select count(*) from memories where quarantined = 0").fetchone()[0])
        found = {word: count(f'"{word}"') for word in words}
        rare = [word for word in words if 0 < found[word] <= rows / 2]
        common = [word for word in words if found[word] > rows / 2]
        kept = rare or common
        if not kept:
            return []
        sql = """
            select rowid, -bm25(memories_fts, 3.0, 1.0, 2.0) / (1.0 + max(:now - (rowid >> 10), 0) / 2592000000.0)
              * (case when rowid in (select rowid from memories_fts where memories_fts match :all)
                 then :boost else 1.0 end) as score
            from memories_fts where memories_fts match :any and rowid >= :low order by score desc, rowid desc limit :k
        """
        boosted = len(kept) > 1 and all(found[word] for word in words)
        ranked = conn.execute(
            sql,
            {
                "now": world.clock.now(),
                "all": " AND ".join(f'"{word}"' for word in kept),
                "any": " OR ".join(f'"{word}"' for word in kept),
                "boost": 1.5 if boosted else 1.0,
                "low": since << 10,
                "k": limit,
            },
        ).fetchall()
        result = [(int(row[0]), float(row[1])) for row in ranked]
        if rare and common and len(result) < limit:
            taken = {seq for seq, _ in result}
            rest = conn.execute(
                "select rowid from memories_fts where memories_fts match ? and rowid >= ? order by rowid desc",
                (" OR ".join(f'"{word}"' for word in common), since << 10),
            )
            result += [(row[0], 0.0) for row in rest if row[0] not in taken][: limit - len(result)]
        return result


def test_windows_give_the_full_ranking(big: World) -> None:
    rng = random.Random(3)
    plain = [word for word in WORDS if word != "deployment"] + [f"term{n}" for n in range(200)]
    now, complete = big.clock.now(), 0
    for _ in range(220):
        words = rng.sample(plain, rng.randint(1, 4))
        limit = rng.choice((1, 3, 5, 20))
        days = rng.choice((0, 0, 0, 10, 200))
        query = " ".join(words) + (f" in the last {days} days" if days else "")
        want = everything(big, words, limit, now - days * DAY if days else 0)
        with big.store.snapshot() as conn:
            got = recall.rank(conn, query, limit, now, first_window=rng.choice((1, 10, 100, 1_000)))
        assert [(found.seq, found.score) for found in got] == want, query
        complete += len(want) == limit
    assert complete > 150, "the queries must have enough matches to let the proof work"


def test_the_proof_reads_only_part_of_the_matches(big: World) -> None:
    """The newest window is enough for a frequent word; a full ranking would read every match."""
    ranked: list[str] = []
    conn = big.store.connection
    conn.set_trace_callback(lambda sql: ranked.append(sql) if "bm25" in sql else None)
    try:
        found = big.recall("rollback", 5)
    finally:
        conn.set_trace_callback(None)
    matches = big.store.read("select count(*) from memories_fts where memories_fts match 'rollback'")[0][0]
    assert len(found) == 5
    assert matches > recall.FIRST_WINDOW
    assert len(ranked) == 1
    assert "rowid >= 0 " not in ranked[0]


def test_the_limit_holds_and_quarantined_ones_never_come(big: World) -> None:
    for limit, want in ((1, 1), (7, 7), (50, 50), (1_000, 50), (0, 1), (-3, 1)):
        found = big.recall("deployment database", limit)
        assert len(found) == want
        assert not any(memory.quarantined for memory in found)
        assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)


def test_twenty_thousand_memories_stay_cheap(big: World) -> None:
    tracemalloc.start()
    started = time.perf_counter()
    for query in ("deployment issues", "infrastructure incidents", "multi-tenant deployment patterns") * 4:
        assert len(big.recall(query, 5)) == 5
    spent = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert spent < 6.0


# ranking ---------------------------------------------------------------------------------------------


def test_holding_every_word_counts_more_than_one_word_often(world: World) -> None:
    tell(world, "cache cache cache", "cache timeout in the gateway of tenants", *(f"other {n}" for n in range(20)))
    assert titles(world, "cache timeout") == ["cache timeout in the gateway of tenants", "cache cache cache"]


def test_newer_wins_among_equals(world: World, clock: ManualClock) -> None:
    for days in (400, 1, 90):
        tell(world, f"disk full {days}", at=clock.now() - days * DAY)
    tell(world, *(f"other {n}" for n in range(10)))
    assert titles(world, "disk") == ["disk full 1", "disk full 90", "disk full 400"]


def test_a_word_of_most_memories_does_not_rank_but_still_fills(world: World, clock: ManualClock) -> None:
    for n in range(6):
        tell(world, f"service alpha{n}", at=clock.now() - n * DAY)
    tell(world, "quiet storm service", at=clock.now() - 300 * DAY)
    found = world.recall("service storm", 4)
    assert [m.title for m in found] == ["quiet storm service", "service alpha0", "service alpha1", "service alpha2"]
    assert [m.score > 0 for m in found] == [True, False, False, False]
    assert titles(world, "service", 2) == ["service alpha0", "service alpha1"]
    assert titles(world, "service absent", 2) == ["service alpha0", "service alpha1"]


def test_forms_of_a_word_find_each_other(world: World) -> None:
    tell(world, "Deployed shop 1.2", "two deployments today", "deploying is hard", "deploy key", *map(str, range(20)))
    assert len(titles(world, "deployment issues", 9)) == 4
    assert len(titles(world, "deploys", 9)) == 4
    tell(world, "incident of May")
    assert titles(world, "infrastructure incidents") == ["incident of May"]


def test_title_counts_more_than_text(world: World) -> None:
    world.put_memory(Memory(id="a", type="t", title="other words", text="certificate", at=5))
    world.put_memory(Memory(id="b", type="t", title="certificate", text="other words", at=5))
    tell(world, *(f"filler {n}" for n in range(10)))
    assert [m.id for m in world.recall("certificate", 5)] == ["b", "a"]


# questions in natural language -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "deployments in last 24 hours",
        "deployments within the past 24h",
        "Deployments over the LAST day",
        "deployments from the previous 1440 minutes",
        "deployments during the last one day",
    ],
)
def test_a_named_window_rolls_with_the_clock(world: World, clock: ManualClock, query: str) -> None:
    for hours in (1, 23, 25, 900):
        tell(world, f"deployment {hours}h ago", at=clock.now() - hours * HOUR)
    assert titles(world, query) == ["deployment 1h ago", "deployment 23h ago"]
    clock.advance(2 * HOUR)
    assert titles(world, query) == ["deployment 1h ago"]
    clock.advance(DAY)
    assert titles(world, query) == []


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ("last 90 mins", 90 * MINUTE),
        ("past two weeks", 14 * DAY),
        ("the last month", 30 * DAY),
        ("in the last 3 d", 3 * DAY),
        ("last 12hrs", 12 * HOUR),
        ("past year", 365 * DAY),
        ("last week, or better the last 2 hours", 2 * HOUR),
        ("last 999999 years", None),
        ("past incidents", None),
        ("last 5 deployments", None),
        ("the last daylight", None),
        ("last", None),
    ],
)
def test_windows_that_are_named(query: str, length: int | None) -> None:
    now = ManualClock().now()
    since = recall.parse(query, now).since
    assert since == (now - length if length else 0 if "999999" in query else None)


def test_only_a_window_gives_its_newest_and_nothing_gives_nothing(world: World, clock: ManualClock) -> None:
    tell(world, "old", at=clock.now() - 2 * DAY)
    tell(world, "new one", "new two")
    world.put_memory(Memory(id="q", type="t", title="hidden", text="", at=clock.now(), quarantined=True))
    assert titles(world, "in the last 24 hours") == ["new two", "new one"]
    for query in ("", "   ", "?!", '"', "\x00", "\u202e"):
        assert titles(world, query) == []


def test_stop_words_count_only_alone() -> None:
    asked = recall.parse("what is the state of the disk", 0)
    assert asked.words == (("state",), ("disk",))
    assert recall.parse("to be or not", 0).words == (("to",), ("be",), ("or",), ("not",))
    assert len(recall.parse(" ".join(f"w{n}" for n in range(1_000)), 0).words) == 16


@pytest.mark.parametrize(
    "query",
    [
        'what\'s "up" AND (',
        "NEAR(disk full, 3)",
        "title: disk",
        "disk*",
        "^disk -full +x",
        "disk OR",
        "NOT disk",
        "{disk} [full]",
        "'; drop table memories; --",
        "disk\x00full",
        "disk \ud800",
        pytest.param("disk " * 100_000, id="endless"),
    ],
)
def test_syntax_of_the_index_is_only_text(world: World, query: str) -> None:
    tell(world, "disk full up", *(f"other word{n}" for n in range(9)))
    assert titles(world, query) == ([] if "drop table" in query else ["disk full up"])
    assert len(world.memories()) == 10


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    query=st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet="ab\"'*()^:-+ {}ANDORT\x00", max_size=40)
)
def test_no_question_raises(world: World, query: str) -> None:
    if not world.memories(1):
        tell(world, "a b AND", "aa", "ORT")
    assert len(world.recall(query, 5)) <= 5


def test_memories_of_the_future_and_of_no_time(world: World, clock: ManualClock) -> None:
    tell(world, "disk zero", at=0)
    tell(world, "disk before time", at=-(10**15))
    tell(world, "disk future", at=clock.now() + DAY)
    tell(world, "disk far", at=10**18)
    assert set(titles(world, "disk")) == {"disk zero", "disk before time", "disk future", "disk far"}
    assert set(titles(world, "disk in the last hour")) == {"disk future", "disk far"}
