"""The demo through pipes: a whole pulse, and what is left of it when nobody answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from stas_tui.locations import Locations, Profile
from storage.clock import SystemClock
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import ActionState
from storage.schema_record import open_record
from storage.schema_world import open_world
from storage.world import World
from tests.e2e.conftest import agreeable
from tests.e2e.piped import answered, environment, stas
from tests.interruptible import HEARING


def git(profile: Profile, *args: str) -> str:
    return subprocess.run(
        ["git", "--git-dir", str(profile.root / "remote.git"), *args], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_whole_pulse_through_pipes(home: Path) -> None:
    """R1-R3, R92-R98: read back from git and from both databases, not from what was printed."""
    done = answered(home, agreeable, "demo", "--plain")
    assert (done.status, done.err) == (0, "")
    assert "Pulse 1 is complete." in done.out
    assert re.search(r"^Output of run-\S+, indented", done.out, re.MULTILINE)
    assert re.search(r"^Stas says: ", done.out, re.MULTILINE)

    profile = Locations.find(home).profile("demo")
    with open_world(profile.platform_db) as store:
        world = World(store, SystemClock())
        task = world.task("ledger", "T-301")
        assert task is not None
        assert (task.assignee, task.status, task.pr_open) == ("Stas", "review", True)
        [pr] = [pr for pr in world.open_prs("ledger") if pr.task_id == "T-301"]
        assert any(m.author == "Stas" and m.shared and m.title.startswith("Infra: ") for m in world.memories())
    assert (pr.base, pr.head, pr.head_sha) == ("multi-tenant", task.branch, git(profile, "rev-parse", pr.head))
    assert git(profile, "log", "-1", "--format=%s", pr.head).startswith("infra: ")
    assert git(profile, "rev-list", "--count", f"multi-tenant..{pr.head}") == "1"

    summary = stas(home, "summary", "1", "--json")
    told = json.loads(summary.out)
    assert told["outcome"] == "complete"
    assert told["markdown"] in done.out, "the summary that was confirmed is the one that was published"
    assert "unbroken" in stas(home, "log", "--verify").out
    assert stas(home, "gates").out == "Nothing waits for you.\n"


def test_without_a_terminal_every_gate_stays_undecided(home: Path) -> None:
    done = stas(home, "demo")
    assert done.status == 0
    assert "stays undecided" in done.err
    assert done.out.count("## Pulse Summary") == 1
    assert "3 left undecided; nothing of it was done:" in done.out
    waiting = json.loads(stas(home, "gates", "--json").out)
    assert {row["tool"] for row in waiting} == {"claim_task", "create_follow_ups", "slack_dm"}
    assert {row["state"] for row in waiting} == {"pending"}
    one = stas(home, "gates", waiting[0]["id"])
    assert one.out.count("END OF GATE") == 1
    assert waiting[0]["digest"] in one.out
    assert stas(home, "gates", "A-nothing").status == 1


def test_pulse_without_plain_and_without_a_terminal_is_plain(home: Path) -> None:
    stas(home, "demo")
    done = stas(home, "pulse")
    assert done.status == 0
    assert "Pulse 1 is open; it goes on where it stopped." in done.out
    assert done.out.count("GATE  Claim T-301") == 1


def test_end_of_input_in_the_middle_of_an_edit_decides_nothing(home: Path) -> None:
    stas(home, "demo")
    done = answered(home, lambda text: "edit\nhalf a text" if "GATE  Slack" in text else None)
    assert done.status == 0
    profile = Locations.find(home).profile("demo")
    with open_record(profile.record_db) as store:
        journal = Journal(store, SystemClock())
        assert all(action.state is ActionState.PENDING and action.rev == 1 for action in journal.pending())


def test_ctrl_c_is_no_decision(home: Path) -> None:
    stas(home, "demo")
    process = subprocess.Popen(
        [*HEARING, sys.executable, "-m", "stas_tui", "pulse", "--plain"],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    heard = b""
    try:
        while not heard.endswith(b"defer)\n"):
            part = os.read(process.stdout.fileno(), 65_536)
            assert part, heard
            heard += part
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    assert b"Interrupted: nothing was decided." in rest
    profile = Locations.find(home).profile("demo")
    with open_record(profile.record_db) as store:
        journal = Journal(store, SystemClock())
        pulse = Pulses(store, journal).current()
        assert pulse is not None
        assert {a.state for a in journal.actions(pulse.id) if a.tool == "claim_task"} == {ActionState.PENDING}
        assert Pulses(store, journal).driver(pulse.id) is None, "the next process may drive at once"
