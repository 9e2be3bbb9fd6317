"""The demo profile: configuration, repository, world, made fresh and marked DEMO."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.demo.deployed import deploy
from stas_tui.demo.recording import FOLDER, write_recording
from stas_tui.demo.repository import build_repository
from stas_tui.demo.story import Story, story
from stas_tui.forges.hooks import init_remote
from stas_tui.locations import Locations, Profile, os_user, private_dir, write_private
from storage.clock import Clock, SystemClock
from storage.errors import StasError
from storage.schema_world import open_world
from storage.world import World

NAME = "demo"

_ENDPOINTS = """\
[[project.health]]
name = "edge"
url = "https://edge.demo.invalid/health"
service = "edge"

[[project.health]]
name = "ledger-a"
url = "http://ledger-a.demo.invalid:8080/health"
service = "ledger"
version_field = "version"

[[project.health]]
name = "ledger-b"
url = "http://ledger-b.demo.invalid:8080/health"
service = "ledger"
version_field = "version"

[[project.health]]
name = "statements"
url = "http://ledger-a.demo.invalid:8080/health/statements"
service = "ledger"
"""


class DemoInUse(StasError):
    """Another process runs the demo of the same home."""

    exit_code = exit_codes.USAGE


_held: dict[Path, int] = {}
"""Locks of this process by path; each is held until the process ends."""


def make_demo(locations: Locations, *, seed: int = 1, clock: Clock | None = None, deployed: bool = True) -> Profile:
    """A fresh demo profile; an earlier one is replaced and its runs are stopped.

    Without `deployed` nothing of the service runs, and how it keeps its tenants apart is not declared. From here to its
    end this process owns the demo of that home. Raises `DemoInUse` if another one does.
    """
    clock = clock or SystemClock()
    profile = locations.profile(NAME)
    _hold(profile)
    _clear(profile)
    profile.make()
    remote = profile.root / "remote.git"
    init_remote(remote)
    now = clock.now()
    repository = build_repository(remote, seed=seed, now_ms=now)
    tale = story(seed=seed, now=now, heads=repository.heads)
    with open_world(profile.platform_db) as store:
        world = World(store, clock)
        for project in tale.projects:
            world.put_project(project)
        for vision in tale.visions:
            world.set_vision(vision.project_id, vision.text)
        for task in tale.tasks:
            world.put_task(task)
        for message in tale.messages:
            world.deliver(message)
        for memory in tale.memories:
            world.put_memory(memory)
        for pr in tale.pull_requests:
            world.add_pr(pr)
    write_recording(profile.root / FOLDER, repository)
    if deployed:
        active = next(project.id for project in tale.projects if project.status == "active")
        deploy(profile, active, tale.tenants, seed=seed, now=now)
    write_private(profile.config_file, _configuration(tale, remote, seed))
    return profile


def _hold(profile: Profile) -> None:
    path = private_dir(profile.root.parent) / ".demo.lock"
    if path in _held:
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise DemoInUse(
            "Another process runs the demo; it was left alone.",
            "Close that one, or give this one a folder with --home.",
        ) from None
    _held[path] = handle


def _clear(profile: Profile) -> None:
    if not profile.root.exists():
        return
    from stas_tui.executors.command import CommandExecutor

    if profile.runs.exists():
        for run in CommandExecutor(profile.runs, SystemClock()).live():
            CommandExecutor(profile.runs, SystemClock()).cancel(run.run_id)
    shutil.rmtree(profile.root)


def _configuration(tale: Story, remote: Path, seed: int) -> str:
    q = json.dumps
    people = "\n".join(f"{q(person.name)} = {q(person.id)}" for person in tale.people if person.id != tale.agent)
    project = next(p for p in tale.projects if p.status == "active")
    return f"""# The demo profile: everything in it is real, and none of it is yours. `stas demo` makes it anew.
environment = "demo"
agent_name = {q(tale.agent)}
mode = "supervised"
columns = ["Review"]

[demo]
enabled = true
seed = {seed}

# Nobody is asked anything: recorded answers are played back, and marked as replayed.
[watch]
replay = {q(FOLDER)}

[[alertmanager]]
name = "alertmanager"
url = "http://alertmanager.demo.invalid:9093"

[[alertmanager]]
name = "alertmanager-office"
url = "http://alertmanager.office.demo.invalid:9093"

[[prometheus]]
name = "prometheus"
url = "http://prometheus.demo.invalid:9090"

[[person]]
name = {q(os_user())}
os_user = {q(os_user())}

[agents]
{people}

[[project]]
id = {q(project.id)}
name = {q(project.name)}
remote = {q(str(remote))}
base_branch = "multi-tenant"
main_branch = "main"
isolation_level = "row"
tenants = {q(list(tale.tenants))}
services = {q(["ledger", "edge"])}

[project.ci]
required = ["test", "image", "smoke"]
builds = ["image"]

{_ENDPOINTS}
"""
