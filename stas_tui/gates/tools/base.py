"""What the tools behind the door share: their edges, the rules, and the checking of arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stas_tui.executors.base import Executor, Limits, Preset
from stas_tui.forges.base import Forge, Repo
from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, Refusal, Uncertain, deny, lock
from stas_tui.health.belief import Wanted
from stas_tui.notify.base import Messenger, Silencer
from stas_tui.platforms.base import (
    AlreadyClaimed,
    NotClaimable,
    NotFound,
    Platform,
    PlatformError,
    TransitionRefused,
)
from stas_tui.review.base import Checker
from storage.clock import HOUR, Clock
from storage.errors import StasError
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import Action, EffectClass, Json, SecretHit, Step, StepState, Task, Vision
from storage.redact import scan
from storage.runs import Runs

TEXT_LIMIT = 64 * 1024
PROMPT_LIMIT = 256 * 1024
MESSAGE_LIMIT = 8 * 1024

_REFUSALS = (AlreadyClaimed, NotClaimable, NotFound, TransitionRefused)
"""Answers by which a platform proves that it did nothing; any other error may come after the effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The part of the configuration that the door needs."""

    agent: str
    environment: str
    repos: Mapping[str, Repo]
    """By project id."""
    preset: Preset
    model: str = ""
    limits: Limits = field(default_factory=Limits)
    columns: tuple[str, ...] = ("review",)
    tenants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    isolation_level: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    """Names of other agents to the ids the platform knows (D14)."""
    people: tuple[str, ...] = ()
    """Names of the persons who may decide, as the record has them."""
    human: str = "Sky"
    architect: str = "Finn"
    ask_ttl_ms: int = 4 * HOUR
    max_respawns: int = 3
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the checks that must report for every commit, by project id (R105)."""
    builds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the jobs that build container images, by project id (R106)."""
    sources: Callable[[], Sequence[Wanted]] = tuple
    """Every source that the configuration wants asked; read when somebody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Everything a tool may touch. Only the door holds the writing side of the edges."""

    platform: Platform
    forge: Forge
    executor: Executor
    journal: Journal
    pulses: Pulses
    runs: Runs
    clock: Clock
    rules: Rules
    messenger: Messenger | None = None
    """Direct messages to the human; None keeps them in the outbox."""
    silencer: Silencer | None = None
    checker: Checker | None = None
    """What the checks say for a risk block; None leaves it to names and words."""


class BaseTool:
    """Shared behaviour of the tools; see `contract.Tool` for what each promises."""

    name: str
    effect_class: EffectClass
    gated_in_every_mode = False

    def __init__(self, door: Door) -> None:
        self.door = door

    @property
    def rules(self) -> Rules:
        """The configuration's rules."""
        return self.door.rules

    def already(self, call: Call) -> Json | None:
        """Nothing is known to be done already."""
        return None

    def intended(self, action: Action) -> Json:
        """Nothing to compare."""
        return {}

    def preconditions_now(self, action: Action) -> Json:
        """No preconditions."""
        return {}

    def find(self, action: Action, key: str) -> Effect | None:
        """Nothing can be looked up."""
        return None

    def after_error(self, action: Action, key: str, error: PlatformError) -> Effect:
        """The effect, seen on the platform although the answer was lost.

        Raises `NotDone` if the error is a refusal, `Uncertain` if nobody can tell: the platform may have done it.
        """
        if isinstance(error, _REFUSALS):
            raise NotDone(error.what, error.mend) from error
        try:
            effect = self.find(action, key)
        except StasError as blind:
            raise Uncertain(f"{error.what} Whether it happened cannot be seen: {blind.what}", error.mend) from error
        if effect is None:
            raise Uncertain(error.what, error.mend or "It is looked for before anything is repeated.") from error
        return effect

    # looking things up ----------------------------------------------------------------------------

    def repo(self, project_id: str) -> Repo:
        """The configured repository of a project. Raises `BadCall`."""
        try:
            return self.rules.repos[project_id]
        except KeyError:
            known = ", ".join(sorted(self.rules.repos)) or "none"
            raise BadCall(f"No repository is configured for project {project_id}.", f"Configured: {known}.") from None

    def task(self, project_id: str, task_id: str) -> Task:
        """A task of the platform. Raises `BadCall` with the nearest ids."""
        try:
            return self.door.platform.task(project_id, task_id)
        except NotFound as error:
            near = ", ".join(task.id for task in self.door.platform.tasks(project_id)[:5]) or "none"
            raise BadCall(f"There is no task {task_id} in {project_id}.", f"Open tasks: {near}.") from error

    def vision(self, project_id: str) -> Vision | None:
        """The vision as it stands now."""
        return self.door.platform.vision(project_id)

    def steps(self, pulse_id: str) -> list[Step]:
        """The pulse's steps as recorded."""
        return self.door.pulses.steps(pulse_id)

    def overrides(self, call: Call, locks: Sequence[Refusal]) -> list[Json]:
        """Locks that the call's typed reason overrides, as they go into the digest. Raises the first lock otherwise."""
        if locks and call.override is None:
            raise locks[0]
        if call.override is None:
            return []
        if not call.override.reason.strip():
            raise BadCall("An override needs a typed reason.")
        policy.refuse_secrets(scan(call.override.reason, "reason"), "The override")
        return [{"rule": r.rule, "what": r.what, "by": call.override.by, "reason": call.override.reason} for r in locks]

    def change_lane(self, call: Call, project_id: str) -> list[Refusal]:
        """Locks of the order of the routine for a project."""
        vision = self.vision(project_id)
        return policy.order_locks(
            self.steps(call.pulse_id), project_id=project_id, vision_sha=vision.sha256 if vision else None
        )

    def holds_claim(self, project_id: str, task_id: str) -> Task:
        """The task, if it is ours. Raises a `Refusal` otherwise."""
        task = self.task(project_id, task_id)
        if task.assignee != self.rules.agent:
            raise deny("R44", f"{task_id} is not claimed by {self.rules.agent} (held by {task.assignee or 'nobody'}).")
        return task


def text_of(args: Mapping[str, Any], name: str, *, limit: int, required: bool = True, default: str = "") -> str:
    """One text argument, printable as UTF-8 and bounded. Raises `BadCall`."""
    value = args.get(name, default)
    if not isinstance(value, str):
        raise BadCall(f"{name} must be text.")
    value = value.encode("utf-8", "replace").decode()
    if required and not value.strip():
        raise BadCall(f"{name} is missing.")
    if len(value.encode()) > limit:
        raise BadCall(f"{name} is longer than {limit // 1024} KiB.", "Shorten it.")
    return value


def only(args: Mapping[str, Any], *names: str) -> None:
    """Raise `BadCall` for arguments that the tool does not know."""
    unknown = sorted(set(args) - set(names))
    if unknown:
        raise BadCall(f"Unknown argument {', '.join(unknown)}.", f"Known: {', '.join(names)}.")


def scan_texts(**texts: str) -> list[SecretHit]:
    """Places in the call's own texts that look like secrets."""
    return [hit for name, text in texts.items() for hit in scan(text, name)]


def require_prefix(title: str, what: str) -> None:
    """Titles and commit messages start with `infra: ` (D24)."""
    if not title.startswith("infra: ") or not title.removeprefix("infra: ").strip():
        raise BadCall(f"A {what} starts with «infra: » and says what it does.", f"Given: {title!r}.")


__all__ = [
    "BaseTool",
    "Door",
    "Plan",
    "Rules",
    "StepState",
    "deny",
    "lock",
    "only",
    "require_prefix",
    "scan_texts",
    "text_of",
]
