"""A recorded pulse becomes a lesson: without secrets, loadable, the same twice, and the profile keeps every byte."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stas_tui.locations import Locations, Profile
from stas_tui.training.engine import play
from stas_tui.training.reading import parse
from stas_tui.training.record import Recording, recording
from stas_tui.training.record_lesson import inputs, lesson, lesson_text, log_of
from stas_tui.training.replay import timeline_of
from storage.chain import check_chain
from storage.clock import ManualClock, SystemClock
from storage.journal import Journal
from storage.records import (
    Message,
    MessageType,
)
from storage.redact import scan
from storage.schema_record import open_record
from storage.schema_world import open_world
from storage.world import World
from tests.e2e.conftest import agreeable
from tests.e2e.piped import answered
from tests.training.records import AWS, CANARIES, GITHUB, KEY, PASSWORD

ROOT = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
        if path.is_dir() or path.is_file()
    }


# a whole pulse of the demo ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pulsed(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A demo in which a message with secrets lay in the inbox; somebody approved everything."""
    from stas_tui.demo.profile import make_demo

    home = tmp_path_factory.mktemp("recorded") / "home"
    profile = make_demo(Locations.find(home), seed=1)
    body = f"The build prints {GITHUB} and {AWS}\npassword = {PASSWORD}\n{KEY}\n"
    with open_world(profile.platform_db) as store:
        world = World(store, SystemClock())
        world.deliver(
            Message(
                id="M-900",
                type=MessageType.HELP_REQUEST,
                sender="qa",
                subject=f"token {GITHUB}",
                body=body,
                at=SystemClock().now(),
            )
        )
    done = answered(home, agreeable, "--profile", "demo", "pulse", "--plain")
    assert done.status == 0, done.err
    return profile


@pytest.fixture(scope="module")
def recorded(pulsed: Profile) -> Recording:
    return recording(pulsed, "1")


def test_a_real_pulse_becomes_a_lesson_that_loads_and_plays_to_its_end_the_same_way_twice(recorded: Recording) -> None:
    text = lesson_text(recorded)
    one, two = lesson(recorded), parse(text.encode(), Path("again.toml"))
    assert one.digest == two.digest == hashlib.sha256(text.encode()).hexdigest()
    runs = [play(each.scenario, each.digest, inputs(recorded)) for each in (one, two)]
    assert runs[0].ended == "everything is decided"
    assert runs[0].digest == runs[1].digest
    assert len(runs[0].came) == len(recorded.facts)
    asked = [fact.table["title"] for fact in recorded.facts if fact.table["kind"] == "agent_action"]
    assert asked[:2] == ["Claim T-301", "Spawn executor for T-301"]
    assert {one.verb for one in recorded.decided} == {"approve"}
    assert all(one.target in runs[0].came for one in recorded.decided)
    assert runs[0].settled == set(runs[0].actions)
    spawn = next(fact.table for fact in recorded.facts if fact.table.get("tool") == "spawn_executor")
    assert spawn["args"]["executionPrompt"].startswith("# Task")
    assert spawn["dangerous"] is True
    assert {row["kind"] for row in spawn["risk"]} == {"blast radius", "rollback", "isolation", "monitoring"}
    slack = next(fact.table for fact in recorded.facts if fact.table.get("tool") == "slack_dm")
    assert slack["caused_by"] == "M-501"
    assert [f.table["outcome"] for f in recorded.facts if f.table["kind"] == "executor"] == ["SUCCESS"]
    assert "Pulse Summary" in recorded.facts[-1].table["text"]
    [health] = [f.table for f in recorded.facts if str(f.table.get("title", "")).startswith("Step 6")]
    assert "alerts: unknown: " in health["text"]


def test_no_secret_comes_out_of_the_record(recorded: Recording) -> None:
    text = lesson_text(recorded)
    played = play(lesson(recorded).scenario, "d", inputs(recorded)).lines
    shown = timeline_of(log_of(recorded), title="Pulse 1")
    for canary in CANARIES:
        assert canary not in text
        assert canary not in repr(played)
        assert canary not in repr(log_of(recorded))
        assert canary not in repr(shown)
    assert scan(text, "lesson") == []
    assert "M-900" in text, "the message itself is part of the lesson"
    assert "redacted" in text


def test_the_drafts_of_decisions_become_decisions_without_their_signs(recorded: Recording) -> None:
    text = lesson_text(recorded)
    assert parse(text.encode(), Path("bare.toml")).scenario.decision == ()
    head, drafts = text.split("\n# Decisions.")
    body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in drafts.split("\n")[1:])
    whole = parse(f"{head}\n{body}".encode(), Path("whole.toml")).scenario
    assert [one.expected for one in whole.decision] == ["approve"] * len(whole.decision)
    assert len(whole.decision) == 6
    engine = play(whole, "d", inputs(recorded))
    assert {made.quality for made in engine.made.values()} == {"expected"}


def test_the_log_of_a_record_is_sealed_and_keeps_its_own_times_and_names(recorded: Recording, pulsed: Profile) -> None:
    log = log_of(recorded)
    assert check_chain(log, head_seq=len(log), head_hash=log[-1].hash, anchors=()).ok
    with open_record(pulsed.record_db) as store:
        events = Journal(store, ManualClock()).events(kinds=["gate.approved"])
    assert [e.at for e in log if e.kind == "act.approve" and e.body["target"].startswith("a-")] == [
        event.at for event in events
    ]
    assert {e.actor for e in log if e.kind.startswith("act.")} == {events[0].actor}


def test_recording_and_replaying_change_no_byte_open_no_socket_and_start_nothing(
    pulsed: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(pulsed.root.parent.parent)

    def refused(*args: Any, **more: Any) -> None:
        raise AssertionError(f"tried: {args} {more}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "bind", refused)
    monkeypatch.setattr(subprocess, "Popen", refused)
    made = recording(pulsed, "last")
    assert lesson_text(made)
    timeline_of(log_of(made), title="x")
    assert contents(pulsed.root.parent.parent) == before


def test_a_process_of_its_own_opens_nothing_of_the_profile_for_writing(pulsed: Profile) -> None:
    """Seen by an audit hook, which no import can go round."""
    code = (
        "import sys, os\n"
        "root, seen = sys.argv[1], []\n"
        "def hook(event, args):\n"
        "    if event.startswith('socket.') or event in ('subprocess.Popen', 'os.fork', 'os.exec', 'os.posix_spawn'):\n"
        "        seen.append((event, repr(args)))\n"
        "    if event == 'open' and str(args[0]).startswith(root) and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR):\n"
        "        seen.append((event, repr(args)))\n"
        "    if event in ('os.remove', 'os.rename', 'os.mkdir', 'os.chmod') and str(args[0]).startswith(root):\n"
        "        seen.append((event, repr(args)))\n"
        "    if event == 'sqlite3.connect' and root in str(args[0]) and 'mode=ro' not in str(args[0]):\n"
        "        seen.append((event, repr(args)))\n"
        "from pathlib import Path\n"
        "from stas_tui.locations import Locations\n"
        "from stas_tui.training.record import recording\n"
        "from stas_tui.training.record_lesson import lesson_text\n"
        "sys.addaudithook(hook)\n"
        "text = lesson_text(recording(Locations.find(Path(root)).profile('demo'), '1'))\n"
        "assert 'M-501' in text\n"
        "sys.exit(repr(seen) if seen else 0)\n"
    )
    home = pulsed.root.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
