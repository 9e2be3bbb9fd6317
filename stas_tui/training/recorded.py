"""A recorded pulse as it is read: from copies of a profile's databases, never from the files themselves.

Nothing is written to the profile, no socket is opened and no process is started.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.locations import Profile
from storage.clock import ManualClock
from storage.copies import copy_of
from storage.errors import StasError
from storage.findings import Findings
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import Action, Event, Finding, Message, Pulse, Revision, Run, Step, Task
from storage.runs import Runs
from storage.schema_record import open_record
from storage.schema_world import open_world
from storage.world import World

MOST_MESSAGES = 200
"""So many messages of the inbox become part of a lesson; urgent ones come first."""


class NothingRecorded(StasError):
    """There is no such pulse in the profile."""

    exit_code = exit_codes.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call of the agent, and everything that became of it."""

    action: Action
    first: Revision
    """What was asked for first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything that a record knows of one pulse, as it stands there."""

    pulse: Pulse
    events: tuple[Event, ...]
    """From its begin to its end, also those that name no pulse."""
    asked: tuple[Asked, ...]
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    messages: tuple[Message, ...]
    """Those whose text the profile still has."""
    tasks: tuple[Task, ...]

    def step(self, n: int) -> Step | None:
        """One of the eleven steps."""
        return next((step for step in self.steps if step.n == n), None)


def read(profile: Profile, which: str) -> Material:
    """A pulse by its number, its id, or `last`. Raises `NothingRecorded`, `StoreError`."""
    if not profile.record_db.exists():
        raise NothingRecorded(
            f"The profile {profile.name} has no record: no pulse has run in it.", "Name another with --profile."
        )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stas-")))
        journal = stack.enter_context(_record(profile, folder))
        pulses = Pulses(journal.store, journal)
        pulse = _pulse(pulses, which, profile)
        events = _events(journal, pulse)
        step_rows = tuple(pulses.steps(pulse.id))
        asked = tuple(
            Asked(action=action, first=journal.revisions(action.id)[0]) for action in journal.actions(pulse.id)
        )
        world = stack.enter_context(_world(profile, folder)) if profile.platform_db.exists() else None
        return Material(
            pulse=pulse,
            events=events,
            asked=asked,
            steps=step_rows,
            findings=tuple(Findings(journal.store).of_pulse(pulse.id)),
            runs=tuple(Runs(journal.store).of_pulse(pulse.id)),
            messages=tuple(_messages(world, pulse, step_rows, asked)) if world else (),
            tasks=tuple(task for project in world.projects() for task in world.tasks(project.id)) if world else (),
        )


@contextmanager
def _record(profile: Profile, folder: Path) -> Iterator[Journal]:
    copy_of(profile.record_db, folder / "stas.db")
    with open_record(folder / "stas.db") as store:
        yield Journal(store, ManualClock())


@contextmanager
def _world(profile: Profile, folder: Path) -> Iterator[World]:
    copy_of(profile.platform_db, folder / "platform.db")
    with open_world(folder / "platform.db") as store:
        yield World(store, ManualClock())


def _pulse(pulses: Pulses, which: str, profile: Profile) -> Pulse:
    latest = pulses.latest(1)
    if not latest:
        raise NothingRecorded(f"The profile {profile.name} has no pulse in its record.", "Name another with --profile.")
    if which == "last":
        return latest[0]
    found: list[Pulse] = []
    if which.isascii() and which.isdecimal() and len(which) < 10:
        found = [pulse for pulse in pulses.latest(latest[0].number) if pulse.number == int(which)]
    else:
        found = [pulse for pulse in pulses.latest(latest[0].number) if pulse.id == which]
    if not found:
        raise NothingRecorded(
            f"There is no pulse {which[:40]!a} in the profile {profile.name}.",
            f"Its last is {latest[0].number}; `last` names it too.",
        )
    return found[0]


def _events(journal: Journal, pulse: Pulse) -> tuple[Event, ...]:
    own = journal.events(pulse_id=pulse.id)
    if not own:
        return ()
    first, last = own[0].seq, own[-1].seq
    if pulse.ended_at is None:
        return tuple(journal.events(after=first - 1))
    ended = next((event.seq for event in own if event.kind == "pulse.ended"), last)
    return tuple(event for event in journal.events(after=first - 1, limit=ended - first + 1))


def _messages(world: World, pulse: Pulse, steps: Sequence[Step], asked: Sequence[Asked]) -> list[Message]:
    """What stood in the inbox, what came meanwhile, and what an action names as its cause."""
    inbox = next((step for step in steps if step.n == 1), None)
    order = inbox.data.get("order", []) if inbox is not None else []
    ids = [str(each) for each in order if isinstance(each, str)][:MOST_MESSAGES]
    ids = list(dict.fromkeys([*ids, *(one.action.caused_by for one in asked if one.action.caused_by)]))
    until = pulse.ended_at
    found = {message.id: message for message in world.messages_of(ids, pulse.agent)}
    for message in world.inbox(pulse.agent, limit=MOST_MESSAGES):
        if message.at >= pulse.started_at and (until is None or message.at <= until):
            found.setdefault(message.id, message)
    places = {name: place for place, name in enumerate(ids)}
    return sorted(found.values(), key=lambda message: (places.get(message.id, len(places)), message.at, message.id))
