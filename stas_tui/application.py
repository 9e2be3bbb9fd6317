"""The parts of one process of Stas, put together from edges that it is given; no real adapter is known here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stas_tui.executors.base import Executor, Limits, Preset
from stas_tui.executors.presets import preset as preset_named
from stas_tui.forges.base import Forge, Repo
from stas_tui.gates.contract import Tool
from stas_tui.gates.tools.base import Door, Rules
from stas_tui.health.belief import Wanted
from stas_tui.locations import Profile, os_user
from stas_tui.notify.base import Messenger, Silencer
from stas_tui.platforms.base import Platform
from stas_tui.pulse.context import Context
from stas_tui.pulse.proposer import DraftProposer, Proposer
from stas_tui.review.base import Checker
from stas_tui.rounds import Rounds
from stas_tui.toolbox import Toolbox
from stas_tui.watching import wanted
from storage.canonical import digest_of
from storage.checks import Checks
from storage.clock import HOUR, MINUTE, Clock
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


class Attention(Protocol):
    """Who is told what a person looks at; called on the interface's own thread, so it must not block."""

    def opened(self, kind: str, key: str) -> None:
        """Something stands on the screen: `kind` is what it is (`gate`, `message`, `item`, ...), `key` which one."""
        ...

    def closed(self, kind: str, key: str) -> None:
        """It left the screen."""
        ...


class Unobserved:
    """Nobody is told: the attention of real life."""

    def opened(self, kind: str, key: str) -> None:
        """Nothing."""

    def closed(self, kind: str, key: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The databases of a profile and what stands on them, before any edge is there."""

    record: Store
    world: World
    watch: Watch
    bell: Bell
    journal: Journal
    pulses: Pulses
    checks: Checks
    clock: Clock

    @property
    def stores(self) -> tuple[Store, ...]:
        """Every database, to be closed."""
        return self.record, self.world.store, self.watch.store


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Everything outside that an application is put together from."""

    platform: Platform
    forge: Forge
    executor: Executor
    rounds: Rounds
    messenger: Messenger | None = None
    silencer: Silencer | None = None
    checker: Checker | None = None


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
    attention: Attention = field(default_factory=Unobserved)
    """Who is told what a person looks at."""
    training: str = ""
    """What is being trained, one line; empty in real life."""
    new_machine: Callable[[Context], Machine] | None = None
    """Makes the machine; None for the one that walks a real pulse."""

    @cached_property
    def machine(self) -> Machine:
        """What walks the pulse; made when it is first needed, which is after the first screen."""
        from stas_tui.pulse.machine import Machine

        return self.new_machine(self.context) if self.new_machine is not None else Machine(self.context)

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
            stamped=self.stamped,
        )

    def stamped(self, text: str) -> str:
        """A text as it leaves Stas; one from a lesson begins with a line that says so."""
        if not self.training or "TRAINING" in text.partition("\n")[0]:
            return text
        return f"TRAINING: {self.training}. Nothing in here is real.\n\n{text}"

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


def opened(
    profile: Profile,
    settings: Settings,
    *,
    clock: Clock,
    bell: Bell | None = None,
    killpoint: Callable[[str], None] = lambda _: None,
    new_id: Callable[[str], str] | None = None,
) -> Opened:
    """Open the databases of a profile, all or none. Raises `StoreError`, `LocationError`.

    `new_id` makes the ids of actions and pulses from a prefix, `a` or `p`; random ones by default.
    """
    profile.make()
    stores: list[Store] = []
    try:
        stores.append(open_record(profile.record_db))
        stores.append(open_world(profile.platform_db))
        stores.append(open_watch(profile.watch_db))
    except BaseException:
        for store in stores:
            store.close()
        raise
    record, world_store, watch_store = stores
    bell = bell or Bell(profile.runtime_dir)
    journal = Journal(
        record,
        clock,
        approval_ttl_ms=int(settings.gates.approval_minutes * MINUTE),
        killpoint=killpoint,
        wake=bell.ring,
        new_id=partial(new_id, "a") if new_id else None,
    )
    return Opened(
        record=record,
        world=World(world_store, clock),
        watch=Watch(watch_store),
        bell=bell,
        journal=journal,
        pulses=Pulses(record, journal, new_id=partial(new_id, "p") if new_id else None),
        checks=Checks(journal),
        clock=clock,
    )


def assemble(
    parts: Opened,
    profile: Profile,
    settings: Settings,
    edges: Edges,
    *,
    rules: Rules,
    proposer: Proposer | None = None,
    tools: Callable[[Door, str], Tool | None] | None = None,
    killpoint: Callable[[str], None] = lambda _: None,
    person: str | None = None,
) -> Application:
    """Put the parts together; without a proposer the generated drafts stand, without a person the settings name them.

    `tools` knows further tools by their names.
    """
    door = Door(
        platform=edges.platform,
        forge=edges.forge,
        executor=edges.executor,
        journal=parts.journal,
        pulses=parts.pulses,
        runs=Runs(parts.record),
        clock=parts.clock,
        rules=rules,
        messenger=edges.messenger,
        silencer=edges.silencer,
        checker=edges.checker,
    )
    context = Context(
        toolbox=Toolbox(door, killpoint=killpoint, tools=partial(tools, door) if tools else None),
        findings=Findings(parts.record),
        proposer=proposer or DraftProposer(),
        watch=parts.watch,
        prover=edges.rounds,
    )
    return Application(
        profile=profile,
        settings=settings,
        context=context,
        bell=parts.bell,
        clock=parts.clock,
        world=parts.world,
        rounds=edges.rounds,
        person=decider(settings) if person is None else person,
        stores=parts.stores,
        watch=parts.watch,
    )


def decider(settings: Settings) -> str:
    """The name of the person at this terminal, empty if the configuration does not know them."""
    from stas_tui.config import person_for

    person = person_for(settings, os_user())
    return person.name if person else ""


def rules_of(settings: Settings, profile: Profile, *, sources: Callable[[], Sequence[Wanted]] | None = None) -> Rules:
    """The part of the settings that the door obeys; `sources` are those wanted, by default the configured ones."""
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
        sources=sources or partial(wanted, settings, profile),
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
