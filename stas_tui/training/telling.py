"""Lines of a lesson's log as a person reads them: who, one sentence, and the whole of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stas_tui.training import grammar
from stas_tui.training.engine import INSTRUCTOR, TRAINEE
from storage.records import Event, Json

SENTENCE = 160
"""Characters of a sentence."""


class Track(StrEnum):
    """Whose line it is."""

    WORLD = "world"
    """Something happened."""
    GATE = "gate"
    """The agent asks a person."""
    ACT = "act"
    """A person decided."""
    LOOK = "look"
    """A person looked at something."""
    INSTRUCTOR = "instructor"
    FRAME = "frame"
    """The lesson itself: begin, end, decisions that are due."""


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One line of the log."""

    track: Track
    who: str
    title: str
    """One sentence."""
    text: str = ""
    """Everything else, on as many lines as it takes."""
    ref: str = ""
    """What it is about."""


VERB_WORDS: dict[str, str] = {
    "approve": "approved",
    "edit_and_approve": "changed and approved",
    "reject": "rejected",
    "ask": "asked about",
    "own": "took",
    "escalate": "escalated",
    "snooze": "put aside",
    "pause_pulse": "paused the pulse",
    "resume": "let the pulse go on",
    "reclassify": "gave another class to",
    "mark_suspicious": "marked as suspicious",
    "create_task": "made a task",
    "slack_send": "sent a message on Slack",
    "slack_withhold": "kept a message back",
    "message_agent": "wrote to an agent",
    "rollback": "rolled back",
    "wait": "waited",
}
"""What a person did, after their name."""


def told(event: Event) -> ToldLine:
    """One line of a log. A kind that is not known is told by its name."""
    room, _, kind = event.kind.partition(".")
    body = event.body
    if room == "inject":
        return _injected(kind, body)
    if room == "act":
        return _act(event.actor, kind, body)
    if event.kind == "training.instructed":
        return ToldLine(Track.INSTRUCTOR, INSTRUCTOR, _instructed(body), _rest(body, "what"))
    if event.kind == "training.hint":
        return ToldLine(Track.FRAME, "hint", one_line(body.get("text", "")), ref=str(body.get("decision", "")))
    if event.kind == "decision.made":
        late = ", late" if body.get("late") else ""
        title = f"{body.get('decision')}: {body.get('verb')} ({body.get('quality')}{late})"
        return ToldLine(Track.FRAME, "lesson", title, ref=str(body.get("decision", "")))
    if event.kind == "decision.late":
        ref = str(body.get("decision", ""))
        return ToldLine(Track.FRAME, "lesson", f"{ref}: nobody decided in time", ref=ref)
    if event.kind == "training.began":
        return ToldLine(Track.FRAME, "lesson", f"{body.get('scenario', 'It')} begins", _rest(body))
    if event.kind == "training.ended":
        return ToldLine(Track.FRAME, "lesson", f"The end: {body.get('why', '')}")
    return ToldLine(Track.FRAME, event.actor, event.kind, _rest(body))


def one_line(text: object) -> str:
    """The text as one line, cut to a sentence's length."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= SENTENCE else flat[: SENTENCE - 1] + "…"


def payload(body: Json) -> str:
    """What was asked for, one value after the other, long ones on lines of their own."""
    return "\n".join(_pair(name, value) for name, value in body.items())


def _pair(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "\n".join([f"{name}:", *(f"  {line}" for line in payload(value).split("\n"))])
    if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        items = [payload(item) if isinstance(item, dict) else str(item) for item in value]
        return "\n".join([f"{name}:", *("  - " + item.replace("\n", "\n    ") for item in items)])
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{name}: {text}" if "\n" not in text else f"{name}:\n{text}"


def _injected(kind: str, body: Json) -> ToldLine:
    ref = str(body.get("ref", ""))
    if kind == "agent_action":
        return ToldLine(Track.GATE, "agent", f"asks: {one_line(body.get('title', ''))}", gate_text(body), ref)
    title = _TITLES[kind](body) if kind in _TITLES else kind
    who = str(body.get("from", "") or body.get("source", "") or kind)
    return ToldLine(Track.WORLD, who, one_line(title), _whole(kind, body), ref)


def gate_text(body: Json) -> str:
    """Everything that a gate shows: what is asked for, what the agent says, risk and evidence."""
    parts = [f"Tool      {body.get('tool', '')}"]
    if body.get("caused_by"):
        parts.append(f"Because   {body['caused_by']}")
    if body.get("dangerous"):
        parts.append("Approved only by typing a name")
    if body.get("args"):
        parts += ["", "ASKED FOR", payload(body["args"])]
    if body.get("says"):
        parts += ["", "THE AGENT SAYS", str(body["says"])]
    if body.get("risk"):
        parts += ["", "RISK", *(f"{row.get('kind')}, {_level(row)}: {row.get('text')}" for row in body["risk"])]
    if body.get("evidence"):
        parts += ["", "EVIDENCE", *(f"{row.get('ref')}: {row.get('text')}" for row in body["evidence"])]
    return "\n".join(parts)


def _level(row: Json) -> str:
    level = str(row.get("level", ""))
    return {"warn": "warning", "crit": "critical"}.get(level, level)


_TITLES: Mapping[str, Callable[[Json], str]] = {
    "inbox": lambda b: f"{b.get('type', 'info')}: {b.get('subject') or b.get('text', '')}",
    "human": lambda b: f"{b.get('subject') or b.get('text', '')}",
    "alert": lambda b: f"alert {b.get('name')} is {b.get('state')} ({b.get('severity')})",
    "metric": lambda b: f"{b.get('series')} is {b.get('value')}",
    "probe": lambda b: f"{b.get('name')}: {b.get('state')}",
    "ci": lambda b: f"{b.get('name')} of {str(b.get('sha', ''))[:8]}: {b.get('state')}",
    "deploy": lambda b: f"{b.get('what')}: {b.get('state')}",
    "forge": lambda b: f"pull request #{(b.get('pull') or {}).get('number')}: {(b.get('pull') or {}).get('title')}",
    "memory": lambda b: f"{b.get('title')}",
    "executor": lambda b: f"executor on {b.get('task')}: {b.get('outcome')}",
    "slack": lambda b: f"on Slack: {b.get('text', '')}",
    "source_fault": lambda b: f"source {b.get('state')}: {b.get('reason', '')}",
}


def _whole(kind: str, body: Json) -> str:
    long = {"memory": "text", "executor": "report", "inbox": "text", "human": "text", "slack": "text"}.get(kind)
    return str(body.get(long, "")) if long else _rest(body, "ref", "kind", "trap")


def _act(actor: str, verb: str, body: Json) -> ToldLine:
    target, text = str(body.get("target", "")), str(body.get("text", ""))
    who = actor if actor != TRAINEE else "trainee"
    if verb in ("open", "close", "hint"):
        words = {"open": "opened", "close": "closed", "hint": "asked for a hint for"}[verb]
        return ToldLine(Track.LOOK, who, f"{words} {target}", text, target)
    title = f"{VERB_WORDS.get(verb, verb)} {target}".strip()
    return ToldLine(Track.ACT, who, one_line(f"{title}: {text}" if text else title), text, target)


def _instructed(body: Json) -> str:
    what = body.get("what", "")
    match what:
        case "speed":
            return f"speed {body.get('times')}"
        case "jump":
            return f"jump to {_offset(body.get('to'))}"
        case "rewind":
            return f"rewind from {_offset(body.get('from'))} to {_offset(body.get('to'))}"
        case "hints":
            return f"hints {'on' if body.get('on') else 'off'}"
        case "mark":
            return f"marked: {one_line(body.get('text', ''))}"
        case "say":
            return f"spoke as {body.get('name', '')}"
        case "inject":
            return f"injected {body.get('ref') or body.get('new') or ''}".rstrip()
        case _:
            return str(what)


def _offset(ms: object) -> str:
    return grammar.offset_text(ms) if isinstance(ms, int) else "?"


def _rest(body: Json, *but: str) -> str:
    return payload({name: value for name, value in body.items() if name not in but and value not in ("", None, [], {})})
