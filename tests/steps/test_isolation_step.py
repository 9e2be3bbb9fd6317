"""Step 9 (R109-R119, D25): rounds in real processes beside this one, and what they leave in the record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.base import POINTS, UNDECLARED
from stas_tui.pulse.context import Progress
from storage.check_records import Verdict
from storage.clock import DAY
from storage.owner import owner_alive
from storage.records import DataState, StepState
from tests.door.shop import PERSON, Shop
from tests.steps.checking import ROOT, TENANCY, Checked

PATIENCE_S = 60.0


@pytest.fixture
def checked(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checked:
    monkeypatch.setenv("CORE_FILE", str(tmp_path / "looked-at"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    return Checked(shop, tmp_path / "looked-at")


def until(holds: Callable[[], Any], what: str = "") -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(f"it never came to that: {what}")


def test_without_a_tenancy_file_every_cell_is_unknown_and_nothing_is_started(checked: Checked) -> None:
    checked.to_step()
    progress = checked.advance()
    assert (progress.needs, checked.step.state, checked.step.data_state) == ("", StepState.DONE, DataState.UNKNOWN)
    assert set(checked.cells) == {(tenant, point) for tenant in ("acme", "globex") for point in POINTS}
    assert {(f.verdict, f.reason) for f in checked.cells.values()} == {("unknown", UNDECLARED)}
    assert all(f.evidence for f in checked.cells.values())
    assert checked.shop.app.rounds.checks.last_run("shop") is None


def test_a_wrong_tenancy_file_says_what_is_wrong_and_nothing_is_started(checked: Checked) -> None:
    checked.declare('version = 1\nstrategy = "hope"\n')
    checked.to_step()
    assert checked.advance().needs == ""
    assert {f.verdict for f in checked.cells.values()} == {"unknown"}
    assert "strategy" in checked.cells["acme", "queries"].reason
    assert checked.step.data["rounds"]["shop"]["outcome"] == "not run"


def test_a_round_runs_beside_this_process_and_says_how_far_it_is(checked: Checked) -> None:
    checked.declare()
    checked.says("hang")
    checked.to_step()
    progress = checked.advance()
    rounds = checked.shop.app.rounds
    assert (progress.needs, progress.checks, progress.waits) == ("run", "shop", False)
    assert checked.step.state is StepState.ACTIVE
    under = until(lambda: (u := rounds.under("shop")) is not None and u.text == "hanging" and u)
    assert (under.answered, under.asked) == (1, 2)
    assert under.words == "1 of 2 checks: hanging"
    again = checked.advance()
    assert (again.needs, again.checks) == ("run", "shop"), "asking again changes nothing"
    run = rounds.checks.last_run("shop")
    assert run is not None
    assert run.pulse_id == checked.shop.pulse.id
    assert not run.owner.startswith(f"{os.getpid()}:")
    rounds.cancel()
    assert checked.finish().needs == ""


def test_the_matrix_becomes_findings_with_place_evidence_and_end(checked: Checked) -> None:
    checked.declare()
    checked.says("leak")
    checked.to_step()
    progress = checked.finish()
    flagged = checked.cells["acme", "database"]
    assert (flagged.verdict, flagged.reason) == ("flagged", "D1: it leaks")
    assert any(piece.ref == "public.t" and "acme reads others" in piece.text for piece in flagged.evidence)
    assert any("executed" in piece.text for piece in flagged.evidence)
    assert checked.cells["acme", "queries"].verdict == "unknown"
    assert "flagged" in progress.say
    assert checked.step.note == "2 flagged, 16 unknown"
    assert checked.step.data["rounds"]["shop"]["outcome"] == "done"
    assert checked.step.data["boards"]["shop"].startswith("2 flagged")


def test_what_still_holds_is_not_run_again(checked: Checked) -> None:
    checked.declare()
    checked.says("sound")
    checked.to_step()
    checked.finish()
    rounds = checked.shop.app.rounds
    assert {"D1", "D10"}.isdisjoint(rounds.due("shop"))
    checked.shop.clock.advance(DAY)
    assert {"D1", "D10"} <= set(rounds.due("shop"))
    checked.shop.clock.advance(-DAY)
    checked.declare(TENANCY + '\n[[tenant]]\nname = "initech"\nkey = "i"\n')
    assert {"D1", "D10"} <= set(rounds.due("shop")), "another file, another question"


def test_a_person_ends_the_round_and_what_was_found_stands(checked: Checked) -> None:
    checked.declare()
    checked.says("hang")
    checked.to_step()
    checked.advance()
    rounds = checked.shop.app.rounds
    until(lambda: (u := rounds.under("shop")) is not None and u.text == "hanging")
    assert rounds.cancel("shop")
    progress = checked.finish()
    assert progress.needs == ""
    assert "cancelled" in progress.say
    assert checked.step.data["rounds"]["shop"]["outcome"] == "cancelled"
    assert checked.step.data_state is DataState.UNKNOWN
    cell = rounds.look("shop").board.cell("acme", "database")
    assert {said.spec.id: said.verdict for said in cell.said if said.result is not None} == {"D1": Verdict.VERIFIED}
    assert not rounds.cancel("shop"), "nothing runs any more"


def test_a_process_that_breaks_is_told_and_the_pulse_goes_on(checked: Checked) -> None:
    checked.declare()
    checked.shop.app.rounds.command = lambda *_: [sys.executable, "-c", "raise SystemExit(9)"]
    checked.to_step()
    progress = checked.finish()
    assert progress.needs == ""
    assert "ended with status 9" in progress.say
    assert {f.verdict for f in checked.cells.values()} == {"unknown"}


def test_a_program_that_is_not_there_is_told(checked: Checked) -> None:
    checked.declare()
    checked.shop.app.rounds.command = lambda *_: ["/nowhere/stas"]
    checked.to_step()
    assert "could not be started" in checked.advance().say


def test_skipping_the_step_ends_the_round(checked: Checked) -> None:
    checked.declare()
    checked.says("hang")
    checked.to_step()
    checked.advance()
    rounds = checked.shop.app.rounds
    until(lambda: (u := rounds.under("shop")) is not None and u.text)
    checked.shop.machine.skip(by=PERSON, reason="too slow today")
    rounds.wait("shop", PATIENCE_S)
    run = rounds.checks.last_run("shop")
    assert run is not None
    assert run.outcome == "cancelled"
    assert checked.step.state is StepState.SKIPPED


def test_the_step_waits_for_a_round_that_another_process_runs(checked: Checked) -> None:
    checked.declare()
    checked.says("hang")
    checked.to_step()
    rounds = checked.shop.app.rounds
    assert rounds.command is not None
    other = subprocess.Popen(
        list(rounds.command("shop", ["D1", "D10"], None)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        until(lambda: (run := rounds.checks.last_run("shop")) is not None and owner_alive(run.owner))
        progress = checked.advance()
        assert (progress.needs, progress.checks) == ("run", "shop")
        assert "another process" in progress.say
    finally:
        assert other.stdin is not None
        other.stdin.close()
        other.wait(PATIENCE_S)
    checked.says("sound")
    asked: list[Progress] = []
    assert checked.finish(asked.append).needs == ""
    assert len(asked) == 1, "the rest is run here"


def killed_in_step_9(checked: Checked) -> None:
    """A process of Stas begins the round and is killed while its child works."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from stas_tui.config import load\n"
        "from stas_tui.locations import Locations\n"
        "from stas_tui.wiring import build\n"
        "from tests.steps.checking import small_rounds\n"
        "profile = Locations.find(Path(sys.argv[1]), environ={}).profile('default')\n"
        "app = build(profile, load(profile), environ={})\n"
        "small_rounds(app.rounds)\n"
        "app.machine.advance()\n"
        "while (u := app.rounds.under('shop')) is None or u.text != 'hanging': time.sleep(0.02)\n"
        "print('hanging', flush=True); time.sleep(600)\n"
    )
    home = str(checked.shop.folder / "home")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code, home], env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "hanging\n"
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    process.stdout.close()


def test_killed_while_the_round_runs_the_next_start_tells_and_runs_the_rest(checked: Checked) -> None:
    checked.declare()
    checked.says("hang")
    checked.to_step()
    checked.shop.app.close()
    killed_in_step_9(checked)
    checked.reopen()
    rounds = checked.shop.app.rounds
    run = rounds.checks.last_run("shop")
    assert run is not None
    until(lambda: not owner_alive(run.owner), "the child ended with its parent")
    told = checked.shop.machine.recover()
    assert any(each.startswith("The isolation checks of shop were cut off after 1 answer; ") for each in told)
    assert checked.step.state is StepState.ACTIVE
    checked.says("sound")
    asked: list[Progress] = []
    assert checked.finish(asked.append).needs == ""
    assert asked[0].checks == "shop"
    again = rounds.checks.last_run("shop")
    assert again is not None
    assert again.asked == ("D10",), "D1 had answered before the kill, and its answer holds"
    assert checked.shop.machine.recover() == [], "told once"
