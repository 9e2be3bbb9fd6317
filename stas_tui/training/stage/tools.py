"""What the scripted agent of a lesson asks for, as a tool behind the real door: same gate, same digest, no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stas_tui.gates.contract import BadCall, Call, Effect, Plan, RiskLine, Shown, Tool
from stas_tui.gates.tools.base import BaseTool, Door
from storage.canonical import tame
from storage.records import Action, EffectClass, Evidence, GateLevel, Json
from storage.redact import redact

PREFIX = "agent_"
"""How the name of a tool of the scripted agent begins; the routine's own tools stay what they are."""
CHANNEL = "training"
WORLD = "the simulated world"
MASKED = "a text held what looks like a secret; it was masked before anybody saw it"


@dataclass(slots=True, kw_only=True)
class Asked:
    """What the scenario says about one gate."""

    ref: str
    tool: str
    title: str
    args: Json
    risk: list[tuple[str, str, str]] = field(default_factory=list)
    """(kind, level, text)."""
    evidence: list[tuple[str, str, str]] = field(default_factory=list)
    """(kind, reference, text)."""
    dangerous: bool = False
    caused_by: str = ""
    prints: str = ""
    """What the executor prints that it starts."""
    masked: bool = False

    @property
    def name(self) -> str:
        """The tool's name at the door."""
        return PREFIX + self.tool

    @property
    def call(self) -> Json:
        """The arguments of the call."""
        return {"ref": self.ref, **self.args}


class Script:
    """Every gate of a lesson, by ref."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}

    def ask(self, body: Json) -> Asked:
        """Take an `inject.agent_action` of the engine."""
        asked = Asked(
            ref=body["ref"],
            tool=body["tool"],
            title=redact(body["title"]),
            args=plain(body["args"]),
            risk=[(row["kind"], row["level"], row["text"]) for row in body["risk"]],
            evidence=[(row["kind"], row["ref"], redact(row["text"])) for row in body["evidence"]],
            dangerous=bool(body["dangerous"]),
            caused_by=body["caused_by"],
            prints=redact(body.get("prints", "")),
        )
        return self.replace(asked)

    def replace(self, asked: Asked) -> Asked:
        """Let another request stand for a ref."""
        self.asked[asked.ref] = asked
        return asked

    def tool(self, door: Door, name: str) -> Tool | None:
        """The scripted tool of a name; None for a name that is none of the script's."""
        from stas_tui.training.stage.spawn import TOOL, ScriptedSpawn

        if name == TOOL:
            return ScriptedSpawn(door, self, name)
        return ScriptedTool(door, self, name) if name.startswith(PREFIX) else None


class ScriptedTool(BaseTool):
    """Plans a gate that shows exactly the arguments; approved, it leaves a line in the simulated world."""

    effect_class = EffectClass.LOOKUP
    gated_in_every_mode = True

    def __init__(self, door: Door, script: Script, name: str) -> None:
        super().__init__(door)
        self.name = name
        self._script = script

    def check(self, args: Mapping[str, Any]) -> Json:
        """`ref` of the scenario, and whatever the scenario asks for. Raises `BadCall`."""
        if args.get("ref") not in self._script.asked:
            raise BadCall("The scenario asks for nothing of this name.")
        return plain(dict(args))

    def natural_key(self, args: Json) -> str:
        """Each inject is one gate."""
        return f"training:{args['ref']}"

    def plan(self, call: Call) -> Plan:
        """The arguments as they are, with what the scenario says around them."""
        asked = self._script.asked[call.args["ref"]]
        now = self.door.clock.now()
        evidence = [Evidence(kind=kind, ref=ref, text=text, at=now) for kind, ref, text in asked.evidence]
        if asked.caused_by:
            evidence.insert(0, Evidence(kind="message", ref=asked.caused_by, text="this is why it asks", at=now))
        levels = [level for _, level, _ in asked.risk]
        return Plan(
            plan={"asks for": asked.tool, **{name: value for name, value in call.args.items() if name != "ref"}},
            shown=Shown(
                title=asked.title,
                risk_level="high" if "crit" in levels else "medium" if "warn" in levels else _calm(levels),
                risk=[RiskLine(kind=kind, level=level, text=text) for kind, level, text in asked.risk],
                evidence=evidence,
                warnings=[MASKED] if asked.masked else [],
                confirm=self.rules.environment if asked.dangerous else "",
                because="cannot be undone" if asked.dangerous else "",
            ),
            level=GateLevel.GATE2 if asked.dangerous else GateLevel.GATE,
        )

    def apply(self, action: Action, key: str) -> Effect:
        """A line in the simulated world, nothing else."""
        assert action.revision is not None
        self.door.platform.send(to=WORLD, channel=CHANNEL, text=action.revision.shown.get("title", ""), key=key)
        effect = self.find(action, key)
        assert effect is not None
        return effect

    def find(self, action: Action, key: str) -> Effect | None:
        """The line under this key."""
        sent = self.door.platform.sent_by_key(key)
        if sent is None:
            return None
        return Effect(requested={"tool": action.tool}, observed={"line": sent.id, "in": WORLD})


def _calm(levels: list[str]) -> str:
    return "low" if levels and set(levels) == {"ok"} else "unknown"


def plain(args: Json) -> Json:
    """Arguments that have one canonical form: a number with a fraction becomes its text."""
    return {name: _plain(value) for name, value in tame(args).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def masked(asked: Asked) -> Asked:
    """The same request with every secret-looking text masked."""
    return Asked(
        ref=asked.ref,
        tool=asked.tool,
        title=asked.title,
        args=_masked(asked.args),
        risk=asked.risk,
        evidence=asked.evidence,
        dangerous=asked.dangerous,
        caused_by=asked.caused_by,
        prints=asked.prints,
        masked=True,
    )


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return value
