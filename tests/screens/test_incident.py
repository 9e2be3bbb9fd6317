"""The incident by keys: a live state document that only grows, written by several people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.handover import MarkdownScreen
from stas_tui.screens.incident import IncidentScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import MINUTE, ManualClock
from tests.screens.hands import Hands
from tests.screens.oncall_world import ACME, RUNBOOK, answers, burning, chooses, go_to, on_call
from tests.screens.scenes import at_gate, fixed_application
from widgets.paper import Paper


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


async def opened(hands: Hands) -> IncidentScreen:
    """The incident of the worst alert, opened by keys."""
    await go_to(hands, ACME)
    await hands.press("I")
    await chooses(hands, "y", "Open an incident?")
    await hands.on(IncidentScreen)
    await hands.sees("investigating")
    assert isinstance(hands.screen, IncidentScreen)
    return hands.screen


async def test_an_incident_is_opened_with_everything_that_is_known(night: Application) -> None:
    async with on_call(night) as hands:
        await opened(hands)
        await hands.sees(
            "Impact ▲ nobody has said it yet: i",
            "commander nobody, operator nobody, scribe nobody",
            "Update ◆ due in 30:00",
            "Share the pool (9f2c41a00): 6m before it began",
            RUNBOOK,
        )
        await hands.press("escape")
        await hands.on(OnCallScreen)
        await hands.press("I")
        await hands.on(IncidentScreen)


async def test_notes_decisions_questions_and_answers_grow_the_timeline(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        screen = await opened(hands)
        for key, text in (("n", "errors fall"), ("d", "roll back"), ("u", "who was hurt"), ("u", "since when")):
            await hands.press(key)
            await answers(hands, text)
            await hands.on(IncidentScreen)
            await hands.sees(text)
        await hands.sees("Open questions 2", "Decisions 1", "question: who was hurt (kim)")
        await hands.press("a")
        await chooses(hands, "1", "Which question?")
        await answers(hands, "acme and globex", "who was hurt")
        await hands.sees("Open questions 1", "who was hurt: acme and globex")
        await hands.press("a")
        await answers(hands, "since the merge", "since when")
        await hands.until(lambda: "Open questions" not in hands.text, "all are answered")
        assert screen.disabled_reason("answer") == "no question is open"
    incident = night.desk.incident(ACME)
    assert incident is not None
    assert [entry.kind for entry in incident.entries if entry.kind in ("note", "decision", "answer")] == [
        *("note", "decision", "answer", "answer")
    ]


async def test_status_impact_and_roles_are_set_and_the_next_update_counts_down(night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    async with on_call(night) as hands:
        await opened(hands)
        night.clock.advance(31 * MINUTE)
        await hands.sees("Update ✖ late by 1m")
        await hands.press("s")
        await chooses(hands, "2", "It is investigating now.")
        await hands.sees("Status ▲ identified", "due in 30:00")
        await hands.press("i")
        await answers(hands, "acme sees rows of globex")
        await hands.sees("Impact ▲ acme sees rows of globex")
        await hands.press("w")
        await chooses(hands, "1", "commander: nobody yet")
        await hands.on(AskReason)
        await hands.press("enter")
        await hands.sees("commander kim")
        await hands.press("s")
        await chooses(hands, "4", "Status")
        await hands.sees("no further update is due")


async def test_what_another_person_writes_appears_by_itself(night: Application) -> None:
    async with on_call(night) as hands:
        await opened(hands)
        night.desk.write(ACME, by="lena", kind="note", text="I look at the pool")
        night.bell.ring()
        await hands.sees("I look at the pool (lena)")


async def test_the_story_stays_where_it_is_read_and_follows_at_the_end(night: Application) -> None:
    night.desk.open_incident(ACME, by="kim")
    for n in range(60):
        night.desk.write(ACME, by="kim", kind="note", text=f"line {n}")
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("enter")
        await hands.on(IncidentScreen)
        story = hands.screen.query_one("#story", Paper)
        await hands.sees("line 0")
        night.desk.write(ACME, by="lena", kind="note", text="the newest")
        night.bell.ring()
        await hands.until(lambda: any("the newest" in str(block) for block in story.blocks), "it is there")
        assert story.top == 0
        await hands.press("end")
        await hands.sees("the newest (lena)")
        night.desk.write(ACME, by="lena", kind="note", text="even newer")
        night.bell.ring()
        await hands.sees("even newer (lena)")


async def test_changes_runbook_and_postmortem_are_read_and_nothing_is_launched(
    night: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with on_call(night) as hands:
        await opened(hands)
        await hands.press("c")
        await hands.on(ShowText)
        await hands.sees("Close in time is no proof.", "Share the pool")
        await hands.press("escape")
        await hands.on(IncidentScreen)
        await hands.press("b")
        await hands.sees("Saved to a file")
        assert [path.read_text() for path in tmp_path.glob("stas-copy-*")] == [RUNBOOK]
        await hands.press("P")
        await hands.on(MarkdownScreen)
        await hands.sees("Postmortem draft")
        assert "kim" not in hands.text
        await hands.press("e")
        await hands.sees("Written to")
        assert list(night.profile.exports.glob("postmortem*.md"))


async def test_who_is_not_named_reads_but_does_not_write(night: Application) -> None:
    night.desk.open_incident(ACME, by="lena")
    night.person = ""
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("I")
        await hands.on(IncidentScreen)
        await hands.sees("investigating")
        await hands.press("n", "s", "i", "w")
        await hands.pilot.pause()
        assert not isinstance(hands.screen, Ask | AskReason)
