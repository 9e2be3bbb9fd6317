"""A debrief says what happened, in both tracks, without blame and without a secret."""

from __future__ import annotations

import json
import re

import pytest
from small_lesson import lesson

from stas_tui.training.controls import CONTROLS
from stas_tui.training.debrief import debrief
from stas_tui.training.debrief_text import WIDTH, offset, plain
from stas_tui.training.engine import Act, Engine, Order
from stas_tui.training.facts import DONE, dwell, seconds
from stas_tui.training.reading import Lesson
from stas_tui.training.scripts import ideal
from stas_tui.training.words import TRAPS, VERBS

CANARY = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


def ran(one: Lesson, *acts: tuple[float, str, str], text: str = "") -> Engine:
    engine = Engine(one.scenario, one.digest)
    for at, verb, target in acts:
        engine.act(Act(at=int(at * 1_000), verb=verb, target=target, text=text))
    engine.until(one.scenario.ends_at)
    return engine


def sheet(*acts: tuple[float, str, str], changes: tuple[tuple[str, str], ...] = ()) -> str:
    one = lesson(*changes)
    return debrief(one, ran(one, *acts)).markdown()


def test_the_word_training_stands_in_the_first_line_of_every_form() -> None:
    made = debrief(lesson(), ideal(lesson()))
    assert made.markdown().startswith("# TRAINING: A pull request that aims too high\n")
    assert "TRAINING" in made.json_text().split("\n")[0]
    assert json.loads(made.json_text()) == {"training": "TRAINING", **made.data}


def test_the_result_begins_with_what_ended_in_a_fail() -> None:
    text = sheet((41.8, "approve", "a1"))
    result = text[text.index("## Result") :]
    assert result.splitlines()[2].startswith("- **a1 was answered with approve, which ends in a fail")
    assert "| safety | 0 % |" in result
    assert "| communication | nothing of it came up |" in result


def test_behaviour_is_told_as_facts() -> None:
    text = sheet((41.8, "approve", "a1"), (100, "open", "m1"), (130, "close", "m1"), (140, "own", "m1"))
    assert "You approved a1 after 1.8 s without opening its base." in text
    assert "You owned m1 after 2 m 0 s, having opened it. You looked at it for 30 s in all." in text


def test_a_decision_that_was_late_or_never_made_is_told_so() -> None:
    text = sheet((41, "open", "m1"), (201, "own", "m1"), changes=(('else_at = "+4m"', 'else_at = "+7m"'),))
    assert "You owned m1 after 3 m 1 s (1.0 s after its time), having opened it." in text
    assert "Nothing was decided about a1: its time went by. a1 was not opened." in text
    assert "a1.base, for d1" in text


def test_the_two_tracks_have_the_decisions_at_their_times() -> None:
    one = lesson()
    text = debrief(one, ran(one, (45, "reject", "a1"))).markdown()
    tracks = dict(re.findall(r"^(came|ideal|actual) +(\S+)$", text, re.MULTILINE))
    assert set(tracks) == {"came", "ideal", "actual"}
    assert all(len(track) == WIDTH for track in tracks.values())
    assert tracks["came"].replace(".", "") == "123"
    assert tracks["ideal"].index("2") > tracks["actual"].index("2")
    assert "1" not in tracks["actual"]


def test_the_timeline_has_both_tracks_the_world_and_the_instructor() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    engine.order(Order(at=10_000, what="mark", body={"text": "hands off the keys"}))
    engine.act(Act(at=45_000, verb="reject", target="a1"))
    engine.until(one.scenario.ends_at)
    data = debrief(one, engine).data
    times = [row["at"] for row in data["timeline"]]
    assert times == sorted(times)
    assert {row["track"] for row in data["timeline"]} == {"world", "ideal", "actual", "instructor"}
    assert "- INSTRUCTOR +0:10 mark: text hands off the keys" in debrief(one, engine).markdown()


def test_each_decision_says_when_evidence_was_opened() -> None:
    text = sheet((41, "open", "a1"), (45, "reject", "a1"), (50, "own", "m1"), (60, "open", "m1"))
    assert "### 2. a1: Open a pull request: infra: alert on a full disk" in text
    assert "- could be known: +0:40; evidence opened: a1.base +0:41" in text
    assert "- ideal: reject +1:20; decided: reject +0:45" in text
    assert "m1 +1:00 (after)" in text
    assert "- also accepted: pause pulse" in text


def test_the_control_is_named_and_nobody_is_blamed() -> None:
    text = sheet((41.8, "approve", "a1"))
    assert "The control that would have caught this is a rule that refuses pull requests whose base is main." in text
    low = text.lower()
    for word in ("mistake", "careless", "fault", "you failed", "should have", "blame", "wrong"):
        assert word not in low


def test_a_run_without_a_flaw_names_no_control() -> None:
    assert "## Controls" not in debrief(lesson(), ideal(lesson())).markdown()


def test_every_trap_has_a_control_and_every_verb_a_word() -> None:
    assert CONTROLS.keys() == TRAPS.keys()
    assert DONE.keys() == set(VERBS)


def test_the_follow_up_is_one_task_of_p2() -> None:
    one = lesson()
    assert debrief(one, ideal(one)).data["follow_up"] == {
        "title": "infra: refuse pull requests whose base is main",
        "priority": "P2",
        "project": "shop",
        "description": "From the debrief of the lesson small-one: A pull request that aims too high.",
    }
    without = lesson(('follow_up = "infra: refuse pull requests whose base is main"', ""))
    missing = debrief(without, ran(without, (45, "approve", "a1"))).data["follow_up"]
    assert missing["title"] == "infra: a rule that refuses pull requests whose base is main"


def test_what_is_publicly_known_stands_in_it_and_questions_and_notes() -> None:
    one = lesson(
        ("seed = 1 ", 'grounded_in = ["A known incident, 2017"]\nknown = """\nFirst.\n\nSecond."""\nseed = 1 ')
    )
    text = debrief(one, ideal(one), notes=["look at | pipes"]).markdown()
    assert "## What is publicly known\n\n- A known incident, 2017\n\nFirst.\n\nSecond." in text
    assert "- What told you first?" in text
    assert "- look at \\| pipes" in text


@pytest.mark.parametrize("where", ["title", "text", "why", "act", "note", "known", "arg"])
def test_a_canary_leaves_in_no_form(where: str) -> None:
    changes = [("seed = 1 ", f'canaries = ["{CANARY}", "harmless-looking-canary"]\nseed = 1 ')]
    pieces = {
        "title": ('title = "A pull request that aims too high"', 'title = "{}"'),
        "text": ('subject = "Disk of the api"', 'subject = "{}"'),
        "why": ('why = "Its base is main', 'why = "{} Its base is main'),
        "known": ("difficulty = 1 ", 'known = "{}"\ndifficulty = 1 '),
        "arg": ('title = "Open a pull request: infra: alert on a full disk"\ncaused', 'title = "{}"\ncaused'),
    }
    for canary in (CANARY, "harmless-looking-canary"):
        more = [(pieces[where][0], pieces[where][1].format(canary))] if where in pieces else []
        one = lesson(*changes, *more)
        engine = ran(one, (45, "approve", "a1"), text=canary if where == "act" else "")
        made = debrief(one, engine, notes=[canary] if where == "note" else [])
        assert canary not in made.markdown()
        assert canary not in made.json_text()
        assert "redacted" in made.json_text()


def test_text_from_a_lesson_cannot_act_on_a_terminal_or_break_the_page() -> None:
    assert plain("a\x1b[2J|b\n\u202e`c`") == "a \\[2J\\|b \\`c\\`"
    text = sheet(changes=(('subject = "Disk of the api"', 'subject = "x | y \\u001b]0;z\\u0007 <b>"'),))
    assert "\x1b" not in text
    assert "### 1. m1: x \\| y " in text
    assert "<b>" not in text.replace("\\<b", "")


def test_noise_is_not_in_the_timeline() -> None:
    noise = '\n[[noise]]\ncount = 30\nfrom = ["bot"]\ntexts = ["fine"]\nend = "+3m"\n'
    one = lesson(('follow_up = "infra: refuse pull requests whose base is main"\n', f'follow_up = ""\n{noise}'))
    assert not [row for row in debrief(one, ideal(one)).data["timeline"] if row.get("text") == "fine"]


def test_a_run_that_was_cut_off_has_a_debrief() -> None:
    one = lesson()
    engine = Engine(one.scenario, one.digest)
    engine.until(50_000)
    text = debrief(one, engine).markdown()
    assert "it ended because it was cut off" in text
    assert "Nothing was decided about a1: the run ended first." in text


def test_nothing_came_up_yet() -> None:
    one = lesson()
    assert "## Result" in debrief(one, Engine(one.scenario, one.digest)).markdown()


def test_time_spent_on_a_thing_ends_with_the_next_thing() -> None:
    one = lesson()
    engine = ran(
        one, (30, "open", "m1"), (45, "open", "a1"), (46, "open", "a1.base"), (50, "close", "a1"), (60, "open", "m1")
    )
    spent = dwell(engine)
    assert spent["a1"] == 5_000
    assert spent["m1"] == 15_000 + engine.now - 60_000


@pytest.mark.parametrize(("ms", "words"), [(0, "0.0 s"), (1_849, "1.8 s"), (12_000, "12 s"), (200_000, "3 m 20 s")])
def test_spans_as_people_say_them(ms: int, words: str) -> None:
    assert seconds(ms) == words


def test_times_in_a_table() -> None:
    assert [offset(ms) for ms in (None, 0, 65_000, 3_600_000)] == ["—", "+0:00", "+1:05", "+60:00"]
