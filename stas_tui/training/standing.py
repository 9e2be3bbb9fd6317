"""How a live lesson stands, as JSON that fits into one line of the control socket. Pure."""

from __future__ import annotations

from stas_tui.training import grammar
from stas_tui.training.engine import Engine
from stas_tui.training.injects import Inject, body_of
from stas_tui.training.orders import Present, sources_of
from stas_tui.training.scenario import Decision
from stas_tui.training.telling import Track, one_line, told
from storage.records import Event, Json

PAST, NEXT = 60, 60
"""Most lines of what came and of what comes."""
LONG_PAST_CHARACTERS = 120


def state_of(engine: Engine, *, run: str, speed: float, paused: bool, hints: bool) -> Json:
    """Everything an instructor sees: time, pace, open decisions with their time, what came and what comes.

    `run` is what this run of the lesson is called. Times are milliseconds since its start.
    """
    scenario, present = engine.scenario, Present.of(engine)
    return {
        "run": run,
        "lesson": scenario.id,
        "title": scenario.title,
        "starts_at": scenario.started_at,
        "now": engine.now,
        "ends": scenario.ends_at,
        "speed": speed,
        "paused": paused,
        "hints": hints,
        "ended": engine.ended,
        "open": [
            {
                "id": made.decision.id,
                "on": made.decision.on,
                "due": made.due_at,
                "late": engine.now > made.due_at,
                "expected": made.decision.expected,
                "seen": [part for part in made.decision.evidence if _seen(engine, part)],
                "evidence": list(made.decision.evidence),
            }
            for made in engine.made.values()
            if made.open and not engine.ended
        ],
        "made": [
            {"id": made.decision.id, "verb": made.verb, "quality": made.quality, "at": made.at}
            for made in engine.made.values()
            if made.at is not None
        ],
        "past": [_past(event, scenario.started_at) for event in engine.lines[-PAST:]],
        "next": [] if engine.ended else _next(engine),
        "marks": [{"at": at, "text": text} for text, at in present.marks.items()],
        "sources": sources_of(scenario),
        "tasks": [task.id for task in scenario.world.task],
        "people": list(scenario.world.people),
    }


def _seen(engine: Engine, evidence: str) -> bool:
    ref, part = grammar.opened(evidence)
    return engine.saw(ref, part)


def _past(event: Event, started_at: int) -> Json:
    line = told(event)
    return {
        "at": event.at - started_at,
        "track": line.track.value,
        "who": line.who[:40],
        "title": line.title[:LONG_PAST_CHARACTERS],
        "ref": line.ref,
    }


def _next(engine: Engine) -> list[Json]:
    """What can still come, the earliest first; what depends on a decision says so and comes last."""
    sure: list[tuple[int, Json]] = []
    depends: list[Json] = []
    due = {decision.on: decision for decision in engine.scenario.decision}
    for inject in engine.scenario.inject:
        if inject.ref and inject.ref in engine.came:
            continue
        at = inject.at if inject.at is not None else inject.else_at
        if at is not None and at < engine.now:
            continue
        row = {"ref": inject.ref, "title": _title(inject), "at": at, "decides": _decides(due.get(inject.ref))}
        if inject.when is None and at is not None:
            sure.append((at, {**row, "sure": True}))
        else:
            depends.append({**row, "sure": False, "when": _when(inject)})
    return [row for _, row in sorted(sure, key=lambda pair: pair[0])][:NEXT] + depends[: NEXT // 2]


def _title(inject: Inject) -> str:
    body = body_of(inject)
    kind = str(body["kind"])
    event = Event(
        seq=0, at=0, actor="", kind=f"inject.{kind}", pulse_id=None, action_id=None, body=body, prev="", hash=""
    )
    line = told(event)
    who = "agent " if line.track is Track.GATE else ""
    return one_line(who + line.title)[:LONG_PAST_CHARACTERS]


def _decides(decision: Decision | None) -> str:
    return decision.id if decision is not None else ""


def _when(inject: Inject) -> str:
    if inject.when is None:
        return ""
    verbs = "/".join(inject.when.verbs) or "decided well"
    if inject.after is not None:
        return f"{grammar.offset_text(inject.after)} after {inject.when.decided} is {verbs}"
    at = f"at {grammar.offset_text(inject.else_at)} " if inject.else_at is not None else ""
    return f"{at}unless {inject.when.decided} is {verbs}"
