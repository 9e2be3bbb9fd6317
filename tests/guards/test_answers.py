"""Answers that must not depend on how fast they were found (G10), and what a gate and a line of output may cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from storage import recall
from storage.clock import ManualClock
from storage.journal import Journal, NewAction
from storage.pulses import Pulses
from storage.records import EffectClass, GateLevel, Mode
from storage.schema_record import open_record
from storage.schema_world import open_world
from storage.world import World
from tests.bench.world import fill_memories, fill_messages, questions
from widgets import printable, themes
from widgets.log_view import LogView

MEMORIES = 4_000


def test_G10_windows_give_the_answer_of_the_full_ranking(tmp_path: Path) -> None:
    now = ManualClock().now()
    with open_world(tmp_path / "platform.db") as store:
        fill_memories(store, MEMORIES, now)
        found = 0
        for text in questions(200):
            whole = recall.rank(store.connection, text, 5, now, first_window=1 << 40)
            assert recall.rank(store.connection, text, 5, now, first_window=20) == whole, text
            found += bool(whole)
        assert found > 150, "questions that find nothing prove nothing"


def test_a_whole_gate_is_four_commits(tmp_path: Path) -> None:
    """Request, decision, intent and outcome are durable one by one, and nothing else is."""
    seen: list[str] = []
    with open_record(tmp_path / "stas.db") as store:
        journal = Journal(store, ManualClock())
        pulse = Pulses(store, journal).begin(agent="sre", operator="ann", mode=Mode.SUPERVISED, policy_digest="")
        store.connection.set_trace_callback(lambda sql: seen.append(sql.strip().lower()))
        action = journal.request(
            NewAction(
                pulse_id=pulse.id,
                tool="open_pull_request",
                natural_key="T-1",
                args={},
                plan={},
                preconditions={},
                shown={},
                effect_class=EffectClass.LOOKUP,
                level=GateLevel.GATE,
                requested_by="sre",
            )
        ).action
        journal.decide(action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="ann")
        attempt = journal.claim(action.id, owner="here")
        journal.finish(action.id, n=attempt.n, owner="here", result="succeeded", outcome={})
        store.connection.set_trace_callback(None)
    assert seen.count("commit") == 4
    assert len(seen) <= 120, "statements of a whole gate"


class Output(App[None]):
    """A log view alone."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variable_defaults(True)

    def compose(self) -> ComposeResult:
        yield LogView()


async def test_G7_a_flood_of_lines_draws_a_few_screens() -> None:
    app = Output()
    async with app.run_test(size=(100, 30)) as pilot:
        view = app.query_one(LogView)
        await pilot.pause()
        before = view.lines_drawn
        for start in range(0, 50_000, 500):
            view.write_lines(f"line {n}" for n in range(start, start + 500))
        await pilot.pause(0.3)
        assert view.line_count == 10_000
        assert 0 < view.lines_drawn - before <= 4 * view.visible_rows


@pytest.mark.parametrize("text", ["plain words", "naïve Grüße", "日本語", "\x1b[31mred"])
def test_cleaning_a_line_asks_few_questions_of_each_character(text: str) -> None:
    """The matcher walks a class entry by entry for every character: as single characters this one had thousands."""
    assert printable.safe_text(text)
    assert len(re.findall(r"\\U[0-9a-f]{8}-", printable._UNSAFE.pattern)) in range(10, 60)


def test_G2_the_inbox_is_ordered_from_an_index_alone(tmp_path: Path) -> None:
    """Rows are wide with bodies: an order that touches them costs several times as much on a long inbox."""
    with open_world(tmp_path / "platform.db") as store:
        fill_messages(store, 50, ManualClock().now())
        asked: list[str] = []
        store.connection.set_trace_callback(lambda sql: asked.append(sql) if "from messages" in sql else None)
        assert len(World(store, ManualClock()).inbox_order("Bench")) == 50
        store.connection.set_trace_callback(None)
        assert asked
        for sql in asked:
            plan = " ".join(str(row[3]) for row in store.connection.execute(f"explain query plan {sql}"))
            assert "COVERING INDEX" in plan, sql
