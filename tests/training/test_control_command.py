"""`stas train control`, `replay` and `record` as processes: one shot, pipes, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.control import Control
from stas_tui.training.control_client import path_for
from stas_tui.training.engine import Act, play
from stas_tui.training.reading import parse
from stas_tui.training.runs import event_line
from storage.clock import ManualClock
from storage.journal import Journal, NewAction
from storage.pulses import Pulses
from storage.records import EffectClass, GateLevel, Mode
from storage.schema_record import open_record
from tests import nursery
from tests.e2e.piped import Ended, environment, stas
from tests.training.seat import Seat, short_home
from tests.training.worlds import small


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as folder:
        yield folder


@pytest.fixture
def seat() -> Seat:
    return Seat()


@pytest.fixture
def live(seat: Seat, home: Path) -> Iterator[Control]:
    with Control(seat, path_for(Locations.find(home), "small-1")) as control:
        yield control


def piped(home: Path, text: str, *arguments: str) -> Ended:
    home.parent.mkdir(exist_ok=True)
    done = nursery.start("stas_tui", *arguments, env=environment(home), cwd=home.parent)
    done.stdin.write(text)
    done.stdin.close()
    out, err = done.stdout.read(), done.stderr.read()
    status = done.wait()
    done.close()
    return Ended(status, out, err)


def test_one_order_for_scripts(live: Control, seat: Seat, home: Path) -> None:
    done = stas(home, "train", "control", "speed", "5")
    assert (done.status, done.out) == (0, "One second on the wall is 5 s of the lesson.\n")
    assert seat.speed == 5.0
    assert stas(home, "train", "control", "small-1", "inject", "metric", "x{tenant=acme}", "-1").status == 0
    assert stas(home, "train", "control", "small", "mark", "here", "it", "is").out == "Marked at +0s: here it is.\n"
    wrong = stas(home, "train", "control", "inject", "m9")
    assert (wrong.status, wrong.out) == (1, "")
    assert "This lesson has no 'm9'" in wrong.err
    state = json.loads(stas(home, "--json", "train", "control", "state").out)
    assert state["state"]["marks"] == [{"at": 0, "text": "here it is"}]
    told = stas(home, "train", "control", "state").out
    assert told.startswith("TRAINING r1: A small lesson\n+0s of +10m, speed 5, hints on\n")
    assert stas(home, "train", "control", "end").out == "The lesson is ended.\n"
    assert stas(home, "train", "control", "play").status == 1


def test_orders_from_a_pipe_go_on_after_a_wrong_one(live: Control, seat: Seat, home: Path) -> None:
    done = piped(home, "pause\n\ndance\nsay Finn hello there\n", "train", "control")
    assert done.status == 1
    assert done.out == "The lesson stands still.\nFinn said it.\n"
    assert "is no order" in done.err
    assert [event.body.get("text") for event in seat.engine.lines if event.kind == "inject.inbox"] == ["hello there"]


def test_the_live_run_is_found_and_named(live: Control, home: Path) -> None:
    nobody = stas(home.parent / "other", "train", "control", "pause")
    assert (nobody.status, "No lesson is live." in nobody.err) == (2, True)
    with Control(Seat(), path_for(Locations.find(home), "small-2")):
        two = stas(home, "train", "control", "pause")
        assert (two.status, "Name one first: small-1, small-2." in two.err) == (2, True)
        assert stas(home, "train", "control", "small-2", "pause").status == 0
        unclear = stas(home, "train", "control", "small", "pause")
        assert (unclear.status, "Live lessons: small-1, small-2." in unclear.err) == (2, True)


@pytest.fixture
def pulsed(home: Path) -> Path:
    profile = Locations.find(home).profile("default")
    profile.make()
    clock = ManualClock()
    with open_record(profile.record_db) as store:
        journal = Journal(store, clock)
        pulses = Pulses(store, journal)
        pulse = pulses.begin(agent="Stas", operator="ann", mode=Mode.SUPERVISED, policy_digest="x")
        new = NewAction(
            pulse_id=pulse.id,
            tool="slack_dm",
            natural_key="k",
            args={"message": "hello\nSky"},
            plan={},
            preconditions={},
            shown={"title": "Message to Sky"},
            effect_class=EffectClass.KEY,
            level=GateLevel.GATE,
            requested_by="Stas",
        )
        action = journal.request(new).action
        clock.advance(9_000)
        journal.decide(
            action.id, rev=1, digest=action.digest, verdict="reject", voter="ann", reason="routine news", dwell_ms=8_000
        )
        pulses.end(pulse.id, outcome="complete", summary="## Pulse Summary", by="ann")
    return home


def test_a_pulse_is_printed_as_a_lesson_that_loads_and_checks(pulsed: Path, tmp_path: Path) -> None:
    done = stas(pulsed, "train", "record", "1")
    assert (done.status, done.err) == (0, "")
    scenario = parse(done.out.encode(), Path("x.toml")).scenario
    assert [inject.kind for inject in scenario.inject] == ["agent_action", "memory"]
    assert '# expected = "reject"' in done.out
    assert "ann decided so after 8.0 s, with the reason «routine news»." in done.out
    assert stas(pulsed, "train", "record").out == done.out, "the last pulse, and the same every time"
    assert stas(pulsed, "train", "record", "7").status == 2


def test_a_replay_in_a_pipe_is_the_timeline(pulsed: Path) -> None:
    done = stas(pulsed, "train", "replay", "1")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("TRAINING  Pulse 1 of Stas\n")
    assert "asks: Message to Sky" in done.out
    assert "-> ann rejected it at" in done.out
    assert "8.0 s after it came on the screen; reason: «routine news»." in done.out
    told = json.loads(stas(pulsed, "--json", "train", "replay").out)
    assert [line["track"] for line in told["lines"]] == ["frame", "gate", "act", "world", "frame"]


def test_the_log_of_a_training_run_is_replayed_by_file_and_by_folder(home: Path, tmp_path: Path) -> None:
    lesson = small()
    engine = play(lesson.scenario, lesson.digest, [Act(at=100_000, verb="reject", target="a1", text="base")])
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(event_line(event) + "\n" for event in engine.lines))
    outs = {stas(home, "train", "replay", str(path)).out for path in (folder, folder / "log.jsonl")}
    assert len(outs) == 1
    assert "the trainee rejected it at 08:01:40; reason: «base»." in outs.pop()
    (folder / "log.jsonl").write_text("nothing\n")
    refused = stas(home, "train", "replay", str(folder))
    assert (refused.status, "no line of a log" in refused.err) == (1, True)
    unknown = stas(home, "train", "replay", "s02-never-run")
    assert (unknown.status, "No lesson was run yet." in unknown.err) == (2, True)
