"""Two processes on one profile: an approved action runs once, a gate is decided once, and the other one sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations, Profile
from stas_tui.wiring import Application, build
from storage.records import Action, ActionState, Mode
from tests.crash.scene import PROJECT, ROOT

RIVAL = ROOT / "tests" / "crash" / "rival.py"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return make_demo(Locations.find(tmp_path / "home"), seed=1, deployed=False)


@pytest.fixture
def app(profile: Profile) -> Iterator[Application]:
    with build(profile, load(profile), environ={}) as made:
        made.machine.begin(operator="ann", mode=Mode.SUPERVISED)
        yield made


def ask(app: Application, count: int, *, approve: bool) -> list[str]:
    """So many gates, in one transaction because each of their own is paid for elsewhere."""
    pulse = app.machine.current()
    assert pulse is not None
    ids = []
    with app.context.journal.changing():
        for n in range(count):
            args = {"projectId": PROJECT, "title": f"infra: race {n}", "priority": "P3"}
            action = app.context.toolbox.call("create_task", args, pulse_id=pulse.id, caller="Stas").action
            assert action is not None
            if approve:
                yes(app, action)
            ids.append(action.id)
    return ids


def yes(app: Application, action: Action) -> None:
    app.context.toolbox.decide(action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="ann")


@contextmanager
def rivals(app: Application, *roles: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Other processes on the same profile, ready for their orders."""
    started = [
        subprocess.Popen(
            [sys.executable, str(RIVAL), str(app.profile.root.parents[1]), role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for role in roles
    ]
    try:
        for rival in started:
            assert rival.stdout is not None
            assert rival.stdout.readline() == "ready\n"
        yield started
    finally:
        for rival in started:
            rival.kill()
            rival.communicate()


def race(app: Application, ids: list[str], *roles: str) -> list[set[str]]:
    """What each of them won."""
    with rivals(app, *roles) as started:
        for rival in started:
            assert rival.stdin is not None
            rival.stdin.write(json.dumps(ids) + "\n")
            rival.stdin.flush()
        return [set(json.loads(rival.communicate(timeout=300)[0])) for rival in started]


@pytest.mark.parametrize("races", [250, pytest.param(1000, marks=pytest.mark.soak)])
def test_races_for_an_approved_action(app: Application, races: int) -> None:
    """Each has one winner, one attempt and one task."""
    ids = ask(app, races, approve=True)
    first, second = race(app, ids, "perform", "perform")
    assert first | second == set(ids)
    assert not first & second
    assert first and second, "there was no race"
    titles = Counter(t.title for t in app.world.tasks(PROJECT) if t.title.startswith("infra: race "))
    assert titles == {f"infra: race {n}": 1 for n in range(races)}
    for action_id in ids:
        assert [a.result for a in app.context.journal.attempts(action_id)] == ["succeeded"]
    assert app.context.journal.verify().ok


def test_two_people_with_opposite_verdicts(app: Application) -> None:
    """Each gate has one decision, and the loser is told who took it."""
    ids = ask(app, 100, approve=False)
    approved, rejected = race(app, ids, "approve", "reject")
    assert approved | rejected == set(ids)
    assert not approved & rejected
    for action_id in ids:
        state = ActionState.APPROVED if action_id in approved else ActionState.REJECTED
        assert app.context.journal.get(action_id).state is state
    assert app.context.journal.verify().ok


@pytest.mark.parametrize("how", ["hear", "poll"])
def test_a_decision_is_seen_by_another_process_within_a_second(app: Application, how: str) -> None:
    """The other process hears the bell, or sees at its next look that the database changed."""
    ids = ask(app, 1, approve=False)
    with rivals(app, how) as [watcher]:
        assert watcher.stdin is not None and watcher.stdout is not None
        watcher.stdin.write(json.dumps(ids) + "\n")
        watcher.stdin.flush()
        assert watcher.stdout.readline() == "listening\n"
        decided = time.monotonic()
        yes(app, app.context.journal.get(ids[0]))
        assert json.loads(watcher.stdout.readline()) == ids
        assert time.monotonic() - decided < 1
