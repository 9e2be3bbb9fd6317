"""The one place where a configuration becomes objects; nothing else constructs edges or opens stores."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.credentials import token_of
from stas_tui.executors.base import Limits, Preset
from stas_tui.executors.command import CommandExecutor
from stas_tui.executors.presets import preset as preset_named
from stas_tui.forges.base import Repo
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.gates.tools.base import Door, Rules
from stas_tui.locations import Profile, os_user
from stas_tui.notify.silences import AlertmanagerSilences
from stas_tui.notify.slack import SlackMessenger
from stas_tui.platforms.local import LocalPlatform
from stas_tui.proposed import DoorChecker
from stas_tui.pulse.context import Context
from stas_tui.pulse.proposer import DraftProposer, Proposer
from stas_tui.rounds import Rounds
from stas_tui.toolbox import Toolbox
from stas_tui.watching import wanted
from storage.canonical import digest_of
from storage.checks import Checks
from storage.clock import HOUR, MINUTE, Clock, SystemClock
from storage.findings import Findings
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import Mode
from storage.runs import Runs
from storage.schema_record import open_record
from storage.schema_watch import open_watch
from storage.schema_world import open_world
from storage.sqlite import Store
from storage.wake import Bell
from storage.watch import Watch
from storage.world import World

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.pulse.machine import Machine
    from stas_tui.triage.desk import Desk

KILL_VARIABLE = "STAS_KILL_AT"
"""For crash tests: the process kills itself at this point, e.g. `K8`, or `K8:2` for the second time it comes by.

`K1` to `K10` and `K13`: the journal's and the door's points around an effect. `S1` to `S11`: a step is entered;
`S3.found`: what step 3 found is not written yet. `S7.commit`: a phase of step 7 is entered; `S7.commit.answered`: the
door has answered, and the working state does not know yet.
"""


@dataclass(kw_only=True)
class Application:
    """Everything one process of Stas needs for one profile."""

    profile: Profile
    settings: Settings
    context: Context
    bell: Bell
    clock: Clock
    world: World
    watch: Watch
    rounds: Rounds
    """The isolation checks and the rounds that run beside this process."""
    person: str
    """The decider's name; empty if nobody is named, then nothing can be decided."""
    stores: tuple[Store, ...] = field(repr=False)

    @cached_property
    def machine(self) -> Machine:
        """What walks the pulse; made when it is first needed, which is after the first screen."""
        from stas_tui.pulse.machine import Machine

        return Machine(self.context)

    @cached_property
    def desk(self) -> Desk:
        """Where a person on call works; made when it is first needed."""
        from stas_tui.triage.desk import Desk

        return Desk(
            context=self.context,
            watch=self.watch,
            settings=self.settings,
            person=self.person,
            exports=self.profile.exports,
        )

    @property
    def mode(self) -> Mode:
        """The mode in which a new pulse starts."""
        return self.settings.mode if self.person else Mode.OBSERVE

    def close(self) -> None:
        """End the checks that run beside this process, then close the databases."""
        self.rounds.close()
        for store in self.stores:
            store.close()

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build(
    profile: Profile,
    settings: Settings,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    proposer: Proposer | None = None,
    new_id: Callable[[str], str] | None = None,
) -> Application:
    """Open the stores of a profile and put the parts together; without a proposer the generated drafts stand.

    `new_id` makes the ids of actions and pulses from a prefix, `a` or `p`; random ones by default.

    Raises `StoreError`, `LocationError`.
    """
    environ = os.environ if environ is None else environ
    clock = clock or SystemClock()
    killpoint = _killpoint(environ.get(KILL_VARIABLE, ""))
    profile.make()
    record = open_record(profile.record_db)
    try:
        world_store = open_world(profile.platform_db)
    except BaseException:
        record.close()
        raise
    try:
        watch_store = open_watch(profile.watch_db)
    except BaseException:
        record.close()
        world_store.close()
        raise
    world = World(world_store, clock)
    bell = Bell(profile.runtime_dir)
    journal = Journal(
        record,
        clock,
        approval_ttl_ms=int(settings.gates.approval_minutes * MINUTE),
        killpoint=killpoint,
        wake=bell.ring,
        new_id=partial(new_id, "a") if new_id else None,
    )
    pulses = Pulses(record, journal, new_id=partial(new_id, "p") if new_id else None)
    checks = Checks(journal)
    rounds = Rounds(profile, settings, checks, pulses, clock)
    door = Door(
        platform=LocalPlatform(world, settings.agent_name, clock, columns=settings.columns),
        forge=_forge(profile, settings, world, clock, environ),
        executor=CommandExecutor(profile.runs, clock),
        journal=journal,
        pulses=pulses,
        runs=Runs(record),
        clock=clock,
        rules=rules_of(settings, profile),
        messenger=SlackMessenger(
            settings.slack, settings.agent_id("Sky"), token=partial(token_of, settings.slack.credential, environ)
        ),
        silencer=AlertmanagerSilences(settings.alertmanager) if settings.alertmanager else None,
        checker=DoorChecker(settings, profile, Watch(watch_store), checks, clock),
    )
    context = Context(
        toolbox=Toolbox(door, killpoint=killpoint),
        findings=Findings(record),
        proposer=proposer or DraftProposer(),
        watch=Watch(watch_store),
        prover=rounds,
    )
    return Application(
        profile=profile,
        settings=settings,
        context=context,
        bell=bell,
        clock=clock,
        world=world,
        rounds=rounds,
        person=decider(settings),
        stores=(record, world_store, watch_store),
        watch=Watch(watch_store),
    )


def _forge(
    profile: Profile, settings: Settings, world: World, clock: Clock, environ: Mapping[str, str]
) -> LocalGitForge:
    """Plain git, with pull requests on GitHub for the projects that name a repository there."""
    if not any(project.ci.github for project in settings.project):
        return LocalGitForge(prs=world, workspaces=world, root=profile.clones, archive=profile.archive, clock=clock)
    from stas_tui.forges.github import GithubForge
    from stas_tui.health.ci import github_api

    return GithubForge(
        api=github_api(settings.github, clock, environ),
        prs=world,
        workspaces=world,
        root=profile.clones,
        archive=profile.archive,
        clock=clock,
    )


def decider(settings: Settings) -> str:
    """The name of the person at this terminal, empty if the configuration does not know them."""
    from stas_tui.config import person_for

    person = person_for(settings, os_user())
    return person.name if person else ""


def rules_of(settings: Settings, profile: Profile) -> Rules:
    """The part of the settings that the door obeys."""
    executor = settings.executor
    if executor.argv:
        preset = Preset(
            name="configured", argv=executor.argv, prompt_via=executor.prompt_via, env_allow=executor.env_allow
        )
    else:
        preset = preset_named(executor.preset) if executor.preset else Preset(name="none", argv=())
    if settings.demo.enabled and not executor.configured:
        preset = demo_preset()
    limits = executor.limits
    return Rules(
        agent=settings.agent_name,
        environment=settings.environment,
        repos={
            p.id: Repo(
                project_id=p.id,
                url=p.where,
                base=p.base_branch,
                main=p.main_branch,
                checkout=p.repository,
                github=p.ci.github,
            )
            for p in settings.project
        },
        preset=preset,
        model=executor.model,
        limits=Limits(
            start_s=limits.start_s,
            idle_s=limits.idle_s,
            total_s=limits.total_s,
            stdout_bytes=limits.stdout_bytes,
            stderr_bytes=limits.stderr_bytes,
        ),
        columns=tuple(column.strip().lower().replace(" ", "_") for column in settings.columns),
        tenants={p.id: p.tenants for p in settings.project},
        services={p.id: p.services for p in settings.project},
        isolation_level={p.id: p.isolation_level for p in settings.project},
        agents=dict(settings.agents),
        people=tuple(person.name for person in settings.person),
        ask_ttl_ms=int(settings.gates.ask_ttl_hours * HOUR),
        required={p.id: p.ci.required for p in settings.project},
        builds={p.id: p.ci.builds for p in settings.project},
        sources=partial(wanted, settings, profile),
    )


def policy_digest(settings: Settings) -> str:
    """What the policy of a pulse is made of, as one digest in the record."""
    return digest_of(
        {
            "projects": [[p.id, p.where, p.base_branch, p.main_branch] for p in settings.project],
            "columns": list(settings.columns),
            "mode": settings.mode.value,
        },
        "stas/policy/v1",
    )


def demo_preset() -> Preset:
    """The demo's own executor, run by this interpreter."""
    program = Path(__file__).parent / "demo" / "executor.py"
    return Preset(
        name="demo",
        argv=(sys.executable, "-I", str(program)),
        env_allow=("DEMO_SPEED",),
    )


def _killpoint(spec: str) -> Callable[[str], None]:
    if not spec:
        return lambda _: None
    name, _, count = spec.partition(":")
    left = [int(count or 1)]

    def at(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)

    return at
