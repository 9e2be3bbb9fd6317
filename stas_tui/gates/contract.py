"""What every tool behind the door promises: plan, apply, find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from storage.errors import StasError
from storage.records import Action, ActionState, EffectClass, Evidence, GateLevel, Json


class Refusal(StasError):
    """The policy says no.

    `deny` is never overridden; `lock` yields to a person's typed reason, which stands in the log and the summary.
    """

    def __init__(self, kind: str, rule: str, what: str, mend: str = "") -> None:
        super().__init__(what, mend)
        self.kind = kind
        self.rule = rule


def deny(rule: str, what: str, mend: str = "") -> Refusal:
    """A refusal that nobody overrides."""
    return Refusal("deny", rule, what, mend)


def lock(rule: str, what: str, mend: str = "") -> Refusal:
    """A refusal that a person may override with a typed reason."""
    return Refusal("lock", rule, what, mend)


class BadCall(StasError):
    """The call's arguments are wrong: unknown tool, unknown id, missing text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's typed reason to go on against a lock."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool, before anything was looked up."""

    pulse_id: str
    tool: str
    args: Json
    caller: str
    caused_by: str = ""
    override: Override | None = None
    call_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLine:
    """One row of a gate's risk block: a glyph's worth of level, then a fact."""

    kind: str
    level: str
    """`ok`, `warn`, `crit`, `unknown`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What stands around the payload in a gate. None of it is hashed, none of it can change what runs."""

    title: str
    step: str = ""
    risk_level: str = "unknown"
    """`low`, `medium`, `high`, `unknown`."""
    risk: Sequence[RiskLine] = ()
    evidence: Sequence[Evidence] = ()
    warnings: Sequence[str] = ()
    confirm: str = ""
    """What a person types before a G2 gate opens: the task's id or the environment's name."""
    because: str = ""
    """Why the gate asks for typing."""
    vision: Sequence[str] = ()
    """Lines of the vision that bear on this, and the agent's sentence on them (R27)."""

    def to_json(self) -> Json:
        """Plain JSON for the journal."""
        return {
            "title": self.title,
            "step": self.step,
            "risk_level": self.risk_level,
            "risk": [[row.kind, row.level, row.text] for row in self.risk],
            "evidence": [[e.kind, e.ref, e.text, e.at, e.digest] for e in self.evidence],
            "warnings": list(self.warnings),
            "confirm": self.confirm,
            "because": self.because,
            "vision": list(self.vision),
        }

    @staticmethod
    def from_json(data: Json) -> Shown:
        """The reverse of `to_json`; missing parts are empty."""
        return Shown(
            title=data.get("title", ""),
            step=data.get("step", ""),
            risk_level=data.get("risk_level", "unknown"),
            risk=[RiskLine(kind=k, level=level, text=text) for k, level, text in data.get("risk", ())],
            evidence=[
                Evidence(kind=kind, ref=ref, text=text, at=at, digest=digest)
                for kind, ref, text, at, digest in data.get("evidence", ())
            ],
            warnings=list(data.get("warnings", ())),
            confirm=data.get("confirm", ""),
            because=data.get("because", ""),
            vision=list(data.get("vision", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A call resolved against the world: what is hashed, shown and run."""

    plan: Json
    preconditions: Json = field(default_factory=dict)
    """Facts that must still hold when it runs; a difference sends the action back to its gate."""
    shown: Shown
    level: GateLevel
    ask_ttl_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What happened when a plan was applied or found again."""

    requested: Json
    observed: Json


class NotDone(StasError):
    """The effect was proved not to have started: the remote refused it, or nothing was sent."""


class Uncertain(StasError):
    """Nobody can tell whether the effect happened: a time-out, a lost connection."""


class Tool(Protocol):
    """One tool of the routine with an effect."""

    name: str
    effect_class: EffectClass
    gated_in_every_mode: bool
    """Claim, spawn and pull request ask a person also in Trusted."""

    def check(self, args: Mapping[str, Any]) -> Json:
        """Arguments in their one canonical form. Raises `BadCall`."""
        ...

    def natural_key(self, args: Json) -> str:
        """What work within a pulse this call is about; the same work twice is the same action."""
        ...

    def already(self, call: Call) -> Json | None:
        """The answer if the world is already as the call wants it; asked before any gate."""
        ...

    def plan(self, call: Call) -> Plan:
        """Resolve the call. Reads only. Raises `Refusal`, `BadCall`."""
        ...

    def intended(self, action: Action) -> Json:
        """The part of the plan that reading back must show."""
        ...

    def preconditions_now(self, action: Action) -> Json:
        """The same keys as the stored preconditions, read afresh."""
        ...

    def apply(self, action: Action, key: str) -> Effect:
        """Do it, from the journal's bytes only, then read back. Raises `NotDone`, `Uncertain`."""
        ...

    def find(self, action: Action, key: str) -> Effect | None:
        """After a crash: what happened, or None if nothing did."""
        ...


def differences(intended: Json, observed: Json) -> list[str]:
    """One sentence for each intended fact that the world does not show."""
    return [
        f"{name}: intended {wanted!r}, observed {observed.get(name)!r}"
        for name, wanted in intended.items()
        if observed.get(name) != wanted
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller of a tool is told.

    `status`: `ok`, `pending`, `rejected`, `refused` (policy, final), `locked` (policy, a person may override),
    `expired`, `withdrawn`, `conflict`, `unknown`, `failed`, `halted`, `stale`.
    """

    status: str
    tool: str
    action: Action | None = None
    result: Json = field(default_factory=dict)
    reason: str = ""
    rule: str = ""
    by: str = ""
    differences: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        """True while a person has to decide."""
        return self.status == "pending"


STATUS_OF_STATE = {
    ActionState.PENDING: "pending",
    ActionState.APPROVED: "approved",
    ActionState.EXECUTING: "running",
    ActionState.UNKNOWN: "unknown",
    ActionState.REJECTED: "rejected",
    ActionState.EXPIRED: "expired",
    ActionState.WITHDRAWN: "withdrawn",
    ActionState.SUCCEEDED: "ok",
    ActionState.FAILED: "failed",
    ActionState.ABANDONED: "failed",
}


def answer_of(action: Action) -> Answer:
    """The answer that an action's state gives."""
    outcome = action.outcome or {}
    return Answer(
        status=STATUS_OF_STATE[action.state],
        tool=action.tool,
        action=action,
        result=dict(outcome.get("observed", {})),
        reason=action.reason,
        by=action.decided_by,
        differences=tuple(outcome.get("differences", ())),
    )
