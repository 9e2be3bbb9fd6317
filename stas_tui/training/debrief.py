"""What happened in a run, for those who talk about it afterwards: facts, two tracks, and no blame.

`debrief()` gathers it; `Debrief` writes it as Markdown and JSON. What a lesson declares as a canary, and whatever
looks like a secret, is taken out before anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stas_tui.training import scripts
from stas_tui.training.controls import CONTROLS
from stas_tui.training.engine import INSTRUCTOR, Engine
from stas_tui.training.facts import behaviour, dwell, opened_at
from stas_tui.training.reading import Lesson
from stas_tui.training.scenario import Scenario
from stas_tui.training.score import Judged, Score, score
from stas_tui.training.words import TRAPS
from storage.clock import iso_seconds
from storage.records import Json
from storage.redact import Redactor

SCHEMA = "stas.training.debrief/1"
TRAINING = "TRAINING"
"""The word in the first line of everything that leaves a lesson."""


@dataclass(frozen=True, slots=True)
class Debrief:
    """A debrief as plain data, without secrets; times in it are ms since the start of the lesson."""

    data: Json

    def json_text(self) -> str:
        """The data as JSON in ASCII; its first line holds the word TRAINING."""
        return training_json(self.data)

    def markdown(self) -> str:
        """The debrief for people."""
        from stas_tui.training.debrief_text import markdown

        return markdown(self.data)


def debrief(lesson: Lesson, engine: Engine, *, notes: Sequence[str] = ()) -> Debrief:
    """The debrief of a run as far as it went. The careful run beside it has the same seed."""
    careful = scripts.ideal(lesson, seed=engine.seed)
    scenario, result = lesson.scenario, score(engine)
    data: Json = {
        "schema": SCHEMA,
        "lesson": {
            "id": scenario.id,
            "title": scenario.title,
            "version": scenario.version,
            "difficulty": scenario.difficulty,
            "teaches": list(scenario.teaches),
            "file": lesson.digest,
        },
        "run": {
            "seed": engine.seed,
            "digest": engine.digest,
            "began": iso_seconds(scenario.started_at),
            "length_ms": engine.now,
            "ended": engine.ended or "it was cut off",
        },
        "result": result_json(result),
        "decisions": [_decision(engine, careful, judged) for judged in result.decisions],
        "never_came_up": [one.id for one in scenario.decision if one.id not in engine.made],
        "timeline": list(_timeline(engine, careful)),
        "behaviour": list(behaviour(engine, result)),
        "looked_at": dwell(engine),
        "missed_evidence": [
            {"decision": one.made.decision.id, "evidence": text} for one in result.decisions for text in one.unseen
        ],
        "controls": list(_controls(engine, result.decisions)),
        "instructor": [
            {"at": line.at - scenario.started_at, **line.body} for line in engine.lines if line.actor == INSTRUCTOR
        ],
        "grounded_in": list(scenario.grounded_in),
        "known": scenario.known,
        "questions": list(scenario.debrief.questions),
        "notes": list(notes),
        "follow_up": _follow_up(engine, result.decisions),
    }
    return Debrief(without_secrets(data, scenario))


def training_json(data: Json) -> str:
    """Data as JSON in ASCII for a person to keep; its first line holds the word TRAINING."""
    first, _, rest = json.dumps(data, ensure_ascii=True, indent=2).partition("\n")
    return f'{first} "training": "{TRAINING}",\n{rest}\n'


def without_secrets(value: Any, scenario: Scenario) -> Any:
    """A value of JSON without the lesson's canaries and without whatever else looks like a secret."""
    return _redacted(value, Redactor(scenario.canaries))


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, dict):
        return {redactor.redact(str(key)): _redacted(item, redactor) for key, item in value.items()}
    return [_redacted(item, redactor) for item in value] if isinstance(value, list | tuple) else value


def result_json(result: Score) -> Json:
    """A score as JSON, without its decisions."""
    return {
        "passed": result.passed,
        "why": result.why,
        "instant_fails": list(result.instant_fails),
        "percent": result.percent,
        "pass_percent": result.pass_percent,
        "parts": {
            part.name: {"percent": part.percent, "weight": round(part.weight, 4), "got": part.got, "of": part.of}
            for part in result.parts
        },
        "hints": result.hints,
    }


def _decision(engine: Engine, careful: Engine, judged: Judged) -> Json:
    made, decision = judged.made, judged.made.decision
    best = careful.made.get(decision.id)
    return {
        "id": decision.id,
        "on": decision.on,
        "what": title_of(engine, decision.on),
        "could_be_known_at": made.came_at,
        "due_at": made.due_at,
        "evidence": [
            {"evidence": text, "opened_at": opened_at(engine, text), "in_time": text in judged.seen}
            for text in decision.evidence
        ],
        "decided_at": made.at,
        "verb": made.verb,
        "late": made.late,
        "outcome": judged.outcome,
        "expected": decision.expected,
        "also_accepted": list(decision.also_ok),
        "ideal_at": best.at if best is not None else None,
        "points": judged.points,
        "of": judged.of,
        "scores": decision.scores,
        "hints": judged.hints,
        "why": decision.why,
    }


def title_of(engine: Engine, ref: str) -> str:
    """What a ref is, in the words of the lesson: a title, a subject, a name, or the beginning of a text."""
    for line in engine.lines:
        if line.body.get("ref") == ref and line.kind.startswith("inject."):
            for key in ("title", "subject", "name", "series", "what", "text"):
                if text := str(line.body.get(key) or "").strip():
                    return text.splitlines()[0][:120]
            return line.kind.removeprefix("inject.").replace("_", " ")
    return ref


def _timeline(engine: Engine, careful: Engine) -> Iterator[Json]:
    """Both tracks in the order of time: what came, what the careful run did, what was done."""
    rows: list[tuple[int, int, Json]] = []
    start = engine.scenario.started_at
    for line in engine.lines:
        at, body = line.at - start, line.body
        if line.kind.startswith("inject.") and not str(body["ref"]).startswith("noise"):
            rows.append(
                (at, 0, {"track": "world", "what": str(body["ref"]), "text": title_of(engine, str(body["ref"]))})
            )
        elif line.kind.startswith("act."):
            what = {"verb": line.kind.removeprefix("act."), "what": str(body.get("target", ""))}
            rows.append((at, 2, {"track": "actual", **what, "text": str(body.get("text", ""))}))
        elif line.actor == INSTRUCTOR:
            rows.append((at, 3, {"track": "instructor", "verb": str(body["what"]), "text": str(body.get("text", ""))}))
        elif line.kind == "decision.late":
            rows.append((at, 2, {"track": "actual", "verb": "nothing yet", "what": str(body["decision"]), "text": ""}))
    for line in careful.lines:
        if line.kind.startswith("act."):
            what = {"verb": line.kind.removeprefix("act."), "what": str(line.body.get("target", ""))}
            rows.append((line.at - start, 1, {"track": "ideal", **what, "text": str(line.body.get("text", ""))}))
    for at, _, row in sorted(rows, key=lambda row: row[:2]):
        yield {"at": at, **row}


def _controls(engine: Engine, decisions: Sequence[Judged]) -> Iterator[Json]:
    """For each decision that went otherwise and had a trap: the control that needs no attention."""
    traps = {inject.ref: inject.trap for inject in engine.scenario.inject if inject.ref}
    causes = {ref: asked.caused_by for ref, asked in engine.actions.items()}
    for judged in decisions:
        on = judged.made.decision.on
        trap = traps.get(on) or traps.get(causes.get(on, ""))
        if trap and judged.counted and judged.made.quality not in ("expected", "also ok"):
            yield {"decision": judged.made.decision.id, "trap": TRAPS[trap], "control": CONTROLS[trap]}


def _follow_up(engine: Engine, decisions: Sequence[Judged]) -> Json:
    """One task that is proposed: the lesson's, else one for the first control that was missing."""
    title = engine.scenario.debrief.follow_up.strip()
    if not title:
        missing = next(_controls(engine, decisions), None)
        if missing is None:
            trap = next((inject.trap for inject in engine.scenario.inject if inject.trap), "")
            title = CONTROLS[trap] if trap else f"talk about {engine.scenario.title}"
        else:
            title = missing["control"]
    title = title if title.lower().startswith("infra:") else f"infra: {title}"
    project = next((project.id for project in engine.scenario.world.project), "")
    return {
        "title": title,
        "priority": "P2",
        "project": project,
        "description": f"From the debrief of the lesson {engine.scenario.id}: {engine.scenario.title}.",
    }
