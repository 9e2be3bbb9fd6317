"""The test's side of a crash: the nursery of workers, and what must be true of git and both databases afterwards."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from stas_tui.config import load
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations, Profile
from stas_tui.wiring import Application, build
from storage.records import Action, ActionState, GateLevel

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "ledger"


@dataclass
class Ended:
    """How a worker ended, and what it reported before."""

    status: int
    said: list[dict[str, Any]]

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    @property
    def done(self) -> bool:
        return self.status == 0

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.said if line["kind"] == kind]

    @property
    def told(self) -> list[str]:
        """What recovery said at the start."""
        return [sentence for line in self.of("recovered") for sentence in line["told"]]

    def __str__(self) -> str:
        trouble = "\n".join(line["text"] for line in self.of("trouble"))
        return f"status {self.status}\n{trouble or json.dumps(self.said[-6:], indent=1)}"


@dataclass
class Scene:
    """One demo profile whose workers die, one after the other."""

    home: Path
    profile: Profile
    speed: str
    nursery: subprocess.Popen[str]
    approved: dict[tuple[str, int, str], str] = field(default_factory=dict)
    """Every (action, revision, digest) the person meant to approve, with its tool."""
    effects: set[int] = field(default_factory=set)
    """Small effects that a worker was told are done."""
    ended: list[Ended] = field(default_factory=list)

    def start(self, **order: Any) -> Ended:
        """One start of Stas, with an end of whatever kind."""
        assert self.nursery.stdin is not None and self.nursery.stdout is not None
        order = {"home": str(self.home), "speed": self.speed, "next_effect": self.next_effect, **order}
        self.nursery.stdin.write(json.dumps(order) + "\n")
        self.nursery.stdin.flush()
        ended = Ended(**json.loads(self.nursery.stdout.readline()))
        assert ended.killed or ended.done, str(ended)
        self.approved |= {(a["action"], a["rev"], a["digest"]): a["tool"] for a in ended.of("approve")}
        self.effects |= {line["n"] for line in ended.of("effect")}
        self.ended.append(ended)
        return ended

    @property
    def next_effect(self) -> int:
        return max(self.effects, default=-1) + 1

    def kill_at(self, point: str, **order: Any) -> Ended:
        """A start that must die at a kill point; the record must be whole afterwards."""
        ended = self.start(kill_at=point, **order)
        assert ended.killed, f"{point} was not reached: {ended}"
        return ended

    @contextmanager
    def look(self) -> Iterator[Application]:
        """The profile as a process of its own sees it."""
        settings = load(self.profile)
        with build(self.profile, settings, proposer=ScriptedAgent(settings.demo.seed), environ={}) as app:
            yield app

    def git(self, *args: str) -> str:
        remote = ["git", "--git-dir", str(self.profile.root / "remote.git")]
        return subprocess.run([*remote, *args], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def open_scene(home: Path, *, speed: str = "0") -> Iterator[Scene]:
    """A fresh demo; the remote counts every move of every branch. `speed` is that of the demo's executor."""
    profile = make_demo(Locations.find(home), seed=1, deployed=False)
    scene = Scene(home, profile, speed, _nursery(os.getpid()))
    scene.git("config", "core.logAllRefUpdates", "always")
    try:
        yield scene
    finally:
        stop_runs(profile)


@cache
def _nursery(_: int) -> subprocess.Popen[str]:
    """The nursery of this process, for all its scenes; it ends when its orders do."""
    nursery = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "crash" / "driver.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    atexit.register(nursery.communicate)
    assert nursery.stdout is not None
    assert nursery.stdout.readline() == "ready\n"
    return nursery


def stop_runs(profile: Profile) -> None:
    """End executors that a killed worker left alive."""
    from stas_tui.executors.command import CommandExecutor
    from storage.clock import SystemClock

    executor = CommandExecutor(profile.runs, SystemClock())
    for run in executor.live():
        executor.cancel(run.run_id)


# what must be true ---------------------------------------------------------------------------------


def nothing_by_itself(scene: Scene, app: Application) -> None:
    """The log is whole; what was approved was approved by the person, once, for exactly that digest."""
    report = app.context.journal.verify()
    assert report.ok, report.why
    approvals = app.context.journal.events(kinds=["gate.approved"])
    for event in approvals:
        key = (event.action_id or "", event.body["rev"], event.body["digest"])
        assert key in scene.approved, f"approved by itself: {event}"
        assert event.actor == "ann"
    twice = [key for key, count in Counter((e.action_id, e.body["rev"]) for e in approvals).items() if count > 1]
    assert not twice, f"decided twice: {twice}"
    votes = {(e.action_id, e.body["digest"]) for e in approvals}
    for action in every_action(app):
        started = action.state in (ActionState.EXECUTING, ActionState.UNKNOWN, ActionState.SUCCEEDED)
        if started and action.level is not GateLevel.LOG:
            assert (action.id, action.approved_digest) in votes, action


def every_action(app: Application) -> list[Action]:
    journal, pulses = app.context.journal, app.context.pulses
    return [action for pulse in pulses.latest(100) for action in journal.actions(pulse.id)]


def each_effect_once(scene: Scene, app: Application) -> None:
    """No claim, run, commit, push, pull request, memory, task or message happened twice."""
    world, runs = app.world, app.context.runs
    actions = every_action(app)
    by_action = Counter(run.action_id for pulse in app.context.pulses.latest(100) for run in runs.of_pulse(pulse.id))
    assert all(count == 1 for count in by_action.values()), by_action
    spawned = {a.id for a in actions if a.tool == "spawn_executor" and a.state is ActionState.SUCCEEDED}
    assert spawned == set(by_action), "a run without its recorded spawn, or the reverse"
    folders = {path.name for path in scene.profile.runs.iterdir() if not path.name.startswith(".")}
    assert folders == {f"run-{action_id}" for action_id in by_action}

    for what, names in {
        "task": [t.title for t in world.tasks(PROJECT)],
        "memory": [(m.title, m.text) for m in world.memories()],
        "pull request": [pr.head for pr in world.open_prs(PROJECT)],
    }.items():
        twice = [name for name, count in Counter(names).items() if count > 1]
        assert not twice, f"{what} twice: {twice}"

    talked = [a for a in actions if a.tool in ("message_agent", "slack_dm") and a.state is ActionState.SUCCEEDED]
    assert len(world.sent(10_000)) == len(talked), "a message without its recorded action, or the reverse"

    opened = {a.id for a in actions if a.tool == "open_pull_request" and a.state is ActionState.SUCCEEDED}
    ours = [pr for pr in world.open_prs(PROJECT) if pr.key in {a.id for a in actions}]
    assert {pr.key for pr in ours} == opened, "a pull request without its recorded action, or the reverse"
    for pr in ours:
        assert scene.git("rev-parse", pr.head) == pr.head_sha
        pushes = scene.git("reflog", "show", "--format=%H", pr.head).splitlines()
        assert pushes == [pr.head_sha], f"{pr.head} was pushed more than once"
        trees = scene.git("log", "--format=%T", f"multi-tenant..{pr.head}").splitlines()
        assert len(trees) == len(set(trees)) > 0, f"the same tree was committed twice on {pr.head}"


def the_pulse_is_whole(scene: Scene, app: Application) -> None:
    """The first pulse of the demo came to its end with everything it was for, each once."""
    nothing_by_itself(scene, app)
    each_effect_once(scene, app)
    [pulse] = app.context.pulses.latest(5)
    assert pulse.outcome == "complete"
    actions = app.context.journal.actions(pulse.id)
    done = Counter(a.tool for a in actions if a.state is ActionState.SUCCEEDED)
    assert {tool: done[tool] for tool in ONCE} == dict.fromkeys(ONCE, 1), done
    assert not [a for a in actions if a.state in (ActionState.PENDING, ActionState.EXECUTING, ActionState.UNKNOWN)]
    task = app.world.task(PROJECT, "T-301")
    [pr] = [pr for pr in app.world.open_prs(PROJECT) if pr.task_id == "T-301"]
    assert task is not None
    assert (task.assignee, task.pr_number, pr.base) == ("Stas", pr.number, "multi-tenant")
    [lesson] = [a.outcome for a in actions if a.tool == "remember"]
    assert lesson is not None
    assert [m.author for m in app.world.memories() if m.title == lesson["observed"]["title"]] == ["Stas"]
    assert "### Task Picked Up: Yes" in pulse.summary


ONCE = ("claim_task", "commit_changes", "open_pull_request", "remember", "create_follow_ups", "slack_dm")
