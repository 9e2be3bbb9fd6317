"""A rehearsal is made once for the same commits, for as long as what it found holds; nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_rehearse import Rehearse
from stas_tui.review.base import Change
from stas_tui.review.runner import review
from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, MINUTE, ManualClock
from storage.scans import Scans, open_scans
from tests.review.worlds import Repository

FIRST = {
    "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT);\n",
    "migrations/0001_a.down.sql": "DROP TABLE a;\n",
}
SECOND = {
    "migrations/0002_b.up.sql": "ALTER TABLE a ADD COLUMN b TEXT;\n",
    "migrations/0002_b.down.sql": "SELECT 1;\n",
}
SOUND = {**SECOND, "migrations/0002_b.down.sql": "ALTER TABLE a DROP COLUMN b;\n"}


class Bench:
    """Changes of one repository with one memory; `steps` are what the last review said that it did."""

    def __init__(self, folder: Path, scans: Scans) -> None:
        self.repository = Repository(folder)
        self.scans = scans
        self.clock = ManualClock()
        self.steps: list[str] = []

    def change(self, base: str, head: str, **more: Any) -> Change:
        change = self.repository.change(base, head)
        values: dict[str, Any] = {"scans": self.scans, "clock": self.clock, "progress": self.steps.append, **more}
        fields = {name: getattr(change, name) for name in ("project_id", "base", "head", "files", "cut")}
        return Change(**{**fields, **values})

    def c3(self, base: str, head: str, **more: Any) -> CheckResult:
        self.steps.clear()
        found = review(self.change(base, head, **more), ["rehearsal"])
        return next(result for result in found.results if result.check == "C3")

    @property
    def rehearsed(self) -> bool:
        return any(step.startswith("rehearsal: ") for step in self.steps)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_scans(tmp_path / "scan.db") as store:
        yield Bench(tmp_path / "shop", Scans(store))


@pytest.mark.parametrize(("files", "verdict"), [(SECOND, Verdict.FLAGGED), (SOUND, Verdict.VERIFIED)])
def test_asked_again_it_says_the_same_without_a_second_rehearsal(
    bench: Bench, files: dict[str, str], verdict: Verdict
) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(files)
    first = bench.c3(base, head)
    assert (first.verdict, bench.rehearsed) == (verdict, True)
    assert bench.c3(base, head) == first
    assert not bench.rehearsed


def test_what_was_rehearsed_before_counts_where_nobody_rehearses(bench: Bench) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(SECOND)
    assert bench.c3(base, head, rehearse=False).verdict is Verdict.UNKNOWN
    bench.c3(base, head)
    assert bench.c3(base, head, rehearse=False).verdict is Verdict.FLAGGED


def test_another_head_or_another_declaration_is_another_rehearsal(bench: Bench) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(SECOND)
    bench.c3(base, head)
    moved = bench.repository.commit(SOUND)
    assert bench.c3(base, moved).verdict is Verdict.VERIFIED
    assert bench.rehearsed
    bench.c3(base, head, rehearsal=Rehearse(engine="sqlite"))
    assert bench.rehearsed


def test_it_holds_for_a_day(bench: Bench) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(SOUND)
    first = bench.c3(base, head)
    assert first.expires_at is not None
    bench.clock.advance(DAY + MINUTE)
    again = bench.c3(base, head)
    assert bench.rehearsed
    assert again.expires_at is not None
    assert again.expires_at > first.expires_at


def test_what_decided_nothing_stands_for_ten_minutes_and_not_against_more_time(bench: Bench) -> None:
    broken = {**FIRST, "migrations/0001_a.up.sql": "CREATE TABLE a (id INTEGER);\nINSERT INTO missing VALUES (1);\n"}
    base, head = bench.repository.commit(broken), bench.repository.commit(SOUND)
    short, long = Rehearse(seconds=60), Rehearse(seconds=120)
    asked = "C3, C7: The way back works"
    first = bench.c3(base, head, rehearsal=short)
    assert first.verdict is Verdict.UNKNOWN
    started = len(bench.steps)
    assert bench.c3(base, head, rehearsal=short) == first
    assert bench.steps == [asked]
    assert started > 1
    bench.c3(base, head, rehearsal=long)
    assert len(bench.steps) > 1
    bench.c3(base, head, rehearsal=long)
    assert bench.steps == [asked]
    bench.clock.advance(11 * MINUTE)
    bench.c3(base, head, rehearsal=long)
    assert len(bench.steps) > 1


def test_half_a_question_is_not_kept_as_the_whole_answer(bench: Bench) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(SECOND)
    bench.c3(base, head, only=frozenset({"C3"}))
    found = review(bench.change(base, head), ["rehearsal"])
    assert {result.check for result in found.results} == {"C3", "C7"}


def test_a_memory_that_cannot_be_read_costs_a_rehearsal_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    base, head = bench.repository.commit(FIRST), bench.repository.commit(SECOND)
    bench.c3(base, head)
    with bench.scans.store.write() as conn:
        conn.execute("update reading set facts = json_set(facts, '$.results[0].verdict', 'splendid')")
    assert bench.c3(base, head).verdict is Verdict.FLAGGED
    assert bench.rehearsed
