"""How a run went in numbers: four parts in percent, what ends in a fail at once, and whether it was passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stas_tui.training import grammar
from stas_tui.training.engine import ENDED_BY_INSTRUCTOR, ENDED_BY_ITSELF, Engine, Made
from stas_tui.training.words import TRAPS

PARTS: Final = ("safety", "priority", "communication", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision that came up, with its points."""

    made: Made
    counted: bool
    """False while it could still be made, or if the instructor ended the run before its time was over."""
    points: float
    of: int
    hints: int
    seen: tuple[str, ...]
    """Its evidence that was opened before the decision was made, or before its time was over."""
    unseen: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """`expected`, `also ok`, `deadly`, `wrong`, `missed`, or `open` if it does not count."""
        return self.made.quality if self.counted else "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the four parts."""

    name: str
    percent: float | None
    """None if nothing of it came up."""
    weight: float
    """Its share of the whole, 0 to 1, among the parts of which something came up."""
    got: float
    of: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The result of a run."""

    percent: float
    parts: tuple[Part, ...]
    decisions: tuple[Judged, ...]
    """In the order in which they came up."""
    instant_fails: tuple[str, ...]
    """Why it failed at once, one sentence each; empty if nothing did."""
    passed: bool
    why: str
    """Passed or not, in one sentence."""
    pass_percent: int
    hints: int
    whole: bool
    """Whether it came to its end; one that was left or cut off says nothing about progress."""

    def part(self, name: str) -> Part:
        """The part with a name of `PARTS`."""
        return next(part for part in self.parts if part.name == name)


def score(engine: Engine) -> Score:
    """The score of a run as far as it went."""
    rubric = engine.scenario.rubric
    decisions = tuple(_judge(engine, made) for made in engine.made.values())
    parts = _parts(engine, decisions)
    percent = round(sum(100 * part.got / part.of * part.weight for part in parts if part.of), 1)
    fails = tuple(_instant_fails(engine))
    low = [p for p in parts if p.name != "evidence" and p.percent is not None and p.percent < rubric.floor_percent]
    passed, why = _verdict(engine, decisions, percent, fails, low)
    return Score(
        percent=percent,
        parts=parts,
        decisions=decisions,
        instant_fails=fails,
        passed=passed,
        why=why,
        pass_percent=rubric.pass_percent,
        hints=sum(engine.hints.values()),
        whole=engine.ended in ENDED_BY_ITSELF or (engine.ended == ENDED_BY_INSTRUCTOR and not _left(engine, decisions)),
    )


def _judge(engine: Engine, made: Made) -> Judged:
    rubric, decision = engine.scenario.rubric, made.decision
    over = made.missed or (bool(engine.ended) and engine.ended != ENDED_BY_INSTRUCTOR)
    hints = engine.hints.get(decision.id, 0)
    points = 0.0
    if made.at is not None and made.verb in decision.right:
        share = rubric.late_percent / 100 if made.late else 1.0
        points = decision.points * share * max(1 - hints * rubric.hint_cost_percent / 100, 0)
    by = made.due_at if made.at is None else made.at
    seen = [text for text in decision.evidence if engine.saw(*grammar.opened(text), by=by)]
    return Judged(
        made=made,
        counted=made.at is not None or over,
        points=round(points, 2),
        of=decision.points,
        hints=hints,
        seen=tuple(seen),
        unseen=tuple(text for text in decision.evidence if text not in seen),
    )


def _parts(engine: Engine, decisions: Sequence[Judged]) -> tuple[Part, ...]:
    got, of = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    for judged in decisions:
        if judged.counted:
            got[judged.made.decision.scores] += judged.points
            of[judged.made.decision.scores] += judged.of
            got["evidence"] += len(judged.seen)
            of["evidence"] += len(judged.seen) + len(judged.unseen)
    weights = {name: getattr(engine.scenario.rubric.weights, name) if of[name] else 0.0 for name in PARTS}
    whole = sum(weights.values())
    return tuple(
        Part(
            name=name,
            percent=round(100 * got[name] / of[name], 1) if of[name] else None,
            weight=weights[name] / whole if whole else 0.0,
            got=round(got[name], 2),
            of=of[name],
        )
        for name in PARTS
    )


def _instant_fails(engine: Engine) -> Iterator[str]:
    for made in engine.made.values():
        if made.quality == "deadly":
            yield f"{made.decision.on} was answered with {said(made.verb)}, which ends in a fail: {made.decision.why}"
    listed = engine.scenario.rubric.instant_fail.approve_of
    for ref, verb in engine.verdicts.items():
        trap = engine.actions[ref].trap
        if verb == "approve" and trap in listed:
            yield f"{ref} was approved, and it is {TRAPS[trap]}"


def said(verb: str) -> str:
    """A verb as people read it."""
    return verb.replace("_", " ")


def _left(engine: Engine, decisions: Sequence[Judged]) -> int:
    """How many decisions would still have been due when the instructor ended it; those that need not come do not."""
    if engine.ended != ENDED_BY_INSTRUCTOR:
        return 0
    certain = {inject.ref for inject in engine.scenario.inject if inject.at is not None}
    missing = [one for one in engine.scenario.decision if one.id not in engine.made and one.on in certain]
    return len(missing) + sum(not judged.counted for judged in decisions)


def _verdict(
    engine: Engine, decisions: Sequence[Judged], percent: float, fails: Sequence[str], low: Sequence[Part]
) -> tuple[bool, str]:
    rubric = engine.scenario.rubric
    if fails:
        return False, f"Not passed: {fails[0].rstrip('.')}."
    if not engine.ended:
        return False, "Not passed: the run was cut off before its end."
    if engine.ended not in (*ENDED_BY_ITSELF, ENDED_BY_INSTRUCTOR):
        return False, f"Not passed: the lesson was left before its end ({engine.ended})."
    if left := _left(engine, decisions):
        due = "1 of its decisions was" if left == 1 else f"{left} of its decisions were"
        return False, f"Not passed: the instructor ended it before {due} due; so far {percent:g} %."
    if not any(judged.counted for judged in decisions):
        return False, "Not passed: no decision came up."
    if low:
        names = " and ".join(f"{part.name} {part.percent:g} %" for part in low)
        return False, f"Not passed: {names}, and each part needs {rubric.floor_percent} %."
    if percent < rubric.pass_percent:
        return False, f"Not passed: {percent:g} %, and {rubric.pass_percent} % are needed."
    return True, f"Passed: {percent:g} %, and {rubric.pass_percent} % were needed."
