"""A small real world for the door: a bare remote whose main moved on, a board with a few tasks, a program to spawn."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stas_tui.config import load
from stas_tui.executors.base import Executor
from stas_tui.forges.base import Forge, Repo
from stas_tui.forges.hooks import init_remote
from stas_tui.gates.contract import Answer, Override
from stas_tui.gates.tools.base import Door
from stas_tui.locations import Locations, Profile, os_user
from stas_tui.notify.base import Messenger
from stas_tui.platforms.base import Platform
from stas_tui.platforms.local import LocalPlatform
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.machine import Machine
from stas_tui.pulse.proposer import DraftProposer
from stas_tui.toolbox import Toolbox
from stas_tui.wiring import Application, build
from storage.clock import HOUR, MINUTE, ManualClock
from storage.records import (
    Action,
    Event,
    Message,
    MessageType,
    Mode,
    Priority,
    Project,
    Pulse,
    StepState,
    Task,
    TaskClass,
    Trust,
    Workspace,
)
from storage.world import World
from tests.door.shop_texts import BODY, CONFIG, FILES, NOTE, PROGRAM, PROMPT, VISION

T0 = 1_795_000_000_000
"""2026-11-18T11:06:40Z, when the clock of these tests starts."""
AGENT = "Stas"
PERSON = "Ada"
BASE = "multi-tenant"
__all__ = ["AGENT", "BASE", "BODY", "NOTE", "PERSON", "PROMPT", "T0", "Shop", "commit", "field", "git", "like"]
__all__ += ["make_template", "message", "platform_of"]


def git(*args: str | Path, cwd: Path, at: int = T0) -> str:
    """git as a person would run it, at a fixed time (ms); returns its output."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    env["GIT_CONFIG_GLOBAL"] = "/dev/null"
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Dev", f"GIT_{role}_EMAIL": "dev@example.test"}
        env[f"GIT_{role}_DATE"] = f"{at // 1000} +0000"
    done = subprocess.run(["git", *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str], message: str, at: int = T0) -> str:
    """Write files, commit everything, return the sha."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "--allow-empty", "-m", message, cwd=folder, at=at)
    return git("rev-parse", "HEAD", cwd=folder)


def make_template(folder: Path) -> Path:
    """`remote.git` and `person` under `folder`: multi-tenant left main's start by one commit, then main moved on."""
    person = folder / "person"
    person.mkdir(parents=True)
    long_ago = T0 - 20 * 24 * HOUR
    git("init", "-q", "--initial-branch=main", cwd=person)
    commit(person, FILES, "first", long_ago)
    git("checkout", "-q", "-b", BASE, cwd=person)
    commit(person, {"tenants.toml": "acme = 1\n"}, "infra: tenants", long_ago)
    git("checkout", "-q", "main", cwd=person)
    commit(person, {"hotfix.py": "FIX = 1\n"}, "hotfix on main", long_ago)
    git("checkout", "-q", BASE, cwd=person)
    init_remote(folder / "remote.git", seed=person)
    return folder


def message(
    id_: str,
    type_: MessageType = MessageType.INFO,
    subject: str = "note",
    body: str = "",
    *,
    sender: str = "dev",
    at: int = T0 - HOUR,
    trust: Trust = Trust.KNOWN,
    task: str | None = None,
) -> Message:
    """A message of a known agent."""
    return Message(id=id_, type=type_, sender=sender, subject=subject, body=body, at=at, trust=trust, task_id=task)


class Shop:
    """One profile with everything in it; `reopen` is a restart."""

    def __init__(self, folder: Path, template: Path, *, mode: str = "supervised", agent: str = AGENT) -> None:
        self.folder = folder
        self.cause = ""
        """What the calls of a test derive from."""
        shutil.copytree(template, folder / "git")
        self.remote = folder / "git" / "remote.git"
        self.person_clone = folder / "git" / "person"
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)
        self.profile: Profile = Locations.find(folder / "home", environ={}).profile("default")
        self.profile.make()
        self.configure(mode=mode, agent=agent)
        self.clock = ManualClock(T0)
        self.app: Application
        self._open()
        self._seed()

    def configure(self, *, mode: str = "supervised", agent: str = AGENT, extra: str = "") -> None:
        """Write stas.toml."""
        text = CONFIG.format(
            agent=agent,
            mode=mode,
            user=os_user(),
            remote=str(self.remote),
            python=sys.executable,
            program=str(self.program),
        )
        self.profile.config_file.write_text(text + extra)

    def _open(self) -> None:
        self.app = build(self.profile, load(self.profile), clock=self.clock, environ={})
        self.wire()

    def wire(
        self,
        *,
        platform: Callable[[Any], Platform] | None = None,
        forge: Callable[[Any], Forge] | None = None,
        executor: Callable[[Any], Executor] | None = None,
        rules: dict[str, Any] | None = None,
        proposer: DraftProposer | None = None,
        messenger: Messenger | None = None,
    ) -> None:
        """Put real edges, or wrappers around real edges, behind the door."""
        door: Door = self.app.context.door
        changes: dict[str, Any] = {}
        if platform is not None:
            changes["platform"] = platform(door.platform)
        if forge is not None:
            changes["forge"] = forge(door.forge)
        if executor is not None:
            changes["executor"] = executor(door.executor)
        if rules is not None:
            changes["rules"] = dataclasses.replace(door.rules, **rules)
        if messenger is not None:
            changes["messenger"] = messenger
        self.toolbox = Toolbox(dataclasses.replace(door, **changes))
        self.context = Context(
            toolbox=self.toolbox,
            findings=self.app.context.findings,
            proposer=proposer or DraftProposer(),
            watch=self.app.watch,
            prover=self.app.rounds,
        )
        self.machine = Machine(self.context)

    @property
    def world(self) -> World:
        return self.app.world

    @property
    def repo(self) -> Repo:
        return self.toolbox.rules.repos["shop"]

    def _seed(self) -> None:
        self.world.put_project(Project(id="shop", name="Shop"))
        self.world.set_vision("shop", VISION)
        self.task("T-1", "infra: cap the checkout pool", Priority.P1, created_at=T0 - 48 * HOUR)
        self.task("T-2", "infra: smaller image", Priority.P2, created_at=T0 - 24 * HOUR)

    def task(self, id_: str, title: str, priority: Priority | None = Priority.P2, **fields: Any) -> Task:
        values: dict[str, Any] = {
            "id": id_,
            "project_id": "shop",
            "title": title,
            "description": "The pool grows without bound.",
            "priority": priority,
            "task_class": TaskClass.INFRA,
            "class_guessed": False,
            "labels": ("service:checkout", "domain:pool"),
            "acceptance": ("At most 20 connections",),
            "created_at": T0,
        }
        return self.world.put_task(Task(**{**values, **fields}))

    def close(self) -> None:
        for status in self.app.context.door.executor.live():
            self.app.context.door.executor.cancel(status.run_id)
        self.app.close()

    def reopen(self) -> None:
        """Another process: new objects over the same files."""
        self.app.close()
        self._open()

    # the pulse ------------------------------------------------------------------------------------

    def begin(self, mode: Mode | None = None) -> Pulse:
        return self.machine.begin(operator=PERSON, mode=mode or self.app.mode)

    @property
    def pulse(self) -> Pulse:
        pulse = self.machine.current()
        assert pulse is not None
        return pulse

    def look(self, upto: int = 6) -> Pulse:
        """Begin if need be, and walk the steps that only look."""
        if self.machine.current() is None:
            self.begin()
        while (step := self.machine.position()) is not None and step.n <= upto:
            progress = self.machine.advance()
            assert progress.step.n == step.n, progress
        return self.pulse

    def advance_to(self, wanted: Callable[[Progress], bool], *, limit: int = 60) -> Progress:
        """Advance until a progress fits; approves nothing. Waits for runs, with a deadline."""
        deadline = time.monotonic() + 30
        progress = self.machine.advance()
        while not wanted(progress) and limit and time.monotonic() < deadline:
            if progress.checks:
                self.app.rounds.wait(progress.checks, 60)
            if progress.needs == "run" and progress.run is not None:
                self.context.door.executor.wait(progress.run.id, 20)
            limit -= 1
            progress = self.machine.advance()
        assert wanted(progress), (progress.needs, progress.say)
        return progress

    def gate(self, tool: str) -> Action:
        """Advance to the gate of a tool."""
        progress = self.advance_to(lambda p: p.needs == "gate" and p.action is not None and p.action.tool == tool)
        assert progress.action is not None
        return progress.action

    # the door -------------------------------------------------------------------------------------

    def call(
        self, tool: str, *, caused_by: str = "", override: str = "", call_key: str | None = None, **args: Any
    ) -> Answer:
        return self.toolbox.call(
            tool,
            args,
            pulse_id=self.pulse.id,
            caller=AGENT,
            caused_by=caused_by,
            override=Override(by=PERSON, reason=override) if override else None,
            call_key=call_key,
        )

    def approve(self, action: Action, typed: str = "") -> Action:
        """Approve the revision and digest as they are now."""
        fresh = self.context.journal.get(action.id)
        return self.toolbox.decide(
            fresh.id, rev=fresh.rev, digest=fresh.digest, verdict="approve", voter=PERSON, typed=typed
        )

    def reject(self, action: Action, reason: str = "not now") -> Action:
        fresh = self.context.journal.get(action.id)
        return self.toolbox.decide(
            fresh.id, rev=fresh.rev, digest=fresh.digest, verdict="reject", voter=PERSON, reason=reason
        )

    def run(self, answer: Answer, typed: str = "") -> Answer:
        """Approve what waits and perform it."""
        assert answer.status == "pending", answer
        assert answer.action is not None
        self.approve(answer.action, typed)
        return self.toolbox.perform(answer.action.id)

    def claimed(self, task: str = "T-1") -> Workspace:
        """A task claimed through the door, with its workspace."""
        answer = self.run(self.call("claim_task", projectId="shop", taskId=task))
        assert answer.status == "ok", answer
        workspace = self.context.workspace(task)
        assert workspace is not None
        return workspace

    def write(self, workspace: Workspace, files: dict[str, str | bytes]) -> None:
        """What an executor or a person does in a clone."""
        for name, content in files.items():
            path = Path(workspace.path) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def committed(self, workspace: Workspace) -> Answer:
        """A change committed through the door."""
        self.write(workspace, {"services/checkout/pool.py": "LIMIT = 20\n"})
        answer = self.call(
            "commit_changes", projectId="shop", taskId=workspace.task_id, message="infra: cap the checkout pool"
        )
        assert answer.status == "ok", answer
        return answer

    def pr_args(self, **changes: str) -> dict[str, str]:
        return {"projectId": "shop", "taskId": "T-1", "title": "infra: cap the checkout pool", "body": BODY, **changes}

    def prompt_args(self, **changes: str) -> dict[str, str]:
        return {"projectId": "shop", "taskId": "T-1", "executionPrompt": PROMPT, **changes}

    # looking --------------------------------------------------------------------------------------

    def events(self, *kinds: str) -> list[Event]:
        return self.context.journal.events(kinds=list(kinds) or None)

    def actions(self, tool: str) -> list[Action]:
        return [a for a in self.context.journal.actions(self.pulse.id) if a.tool == tool]

    def state(self, n: int) -> StepState:
        return self.context.pulses.steps(self.pulse.id)[n - 1].state

    def summary(self) -> str:
        return self.machine.summary()

    def every_byte(self) -> bytes:
        """All that Stas keeps on this machine except clones and git objects: databases with side files, logs, runs."""
        kept = b""
        for path in sorted(self.profile.root.rglob("*")):
            inside = path.relative_to(self.profile.root).parts
            if path.is_file() and inside[0] not in ("clones", "archive") and path.is_relative_to(self.profile.root):
                kept += path.read_bytes()
        return kept

    def later(self, minutes: float = 1) -> None:
        self.clock.advance(int(minutes * MINUTE))


def field(summary: str, heading: str) -> str:
    """One field of a summary: from its heading to the next one."""
    lines = summary.splitlines()
    start = next(
        i for i, line in enumerate(lines) if line.startswith(f"### {heading}") or line.startswith(f"- {heading}")
    )
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("### ")), len(lines))
    return "\n".join(lines[start:end]).strip()


def like(real: Any, cls: type[Any]) -> Any:
    """The same object as another class: a real edge with a thin layer around it."""
    wrapped = object.__new__(cls)
    wrapped.__dict__.update(real.__dict__)
    return wrapped


def platform_of(real: Any, cls: type[LocalPlatform], **options: Any) -> LocalPlatform:
    """The same world behind another class of platform."""
    return cls(real.world, real.agent, real.clock, **options)
