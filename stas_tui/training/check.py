"""What a lesson's file must hold besides its grammar: everything is scored, can happen, and cannot be won by refusing.

The runs of `scripts` are part of it: the careful one must pass, the two hasty ones must not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from stas_tui.config_errors import Loc
from stas_tui.training import scripts
from stas_tui.training.check_refs import names_that_must_be, sources_that_must_be, what_can_be_opened
from stas_tui.training.check_secrets import secrets
from stas_tui.training.explain import KINDS
from stas_tui.training.grammar import offset_text, opened
from stas_tui.training.injects import ActionInject
from stas_tui.training.reading import Lesson, Problem
from stas_tui.training.scenario import Decision
from stas_tui.training.score import Score, score

MOST_NOISE = 1_000
_GIVEN: Final = re.compile(rf"(?:noise\d+|{'|'.join(KINDS)})-\d+")

Found = Iterator[tuple[Loc, str, str]]
"""(place, what is wrong without its full stop, what to do)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `check` found."""

    problems: tuple[Problem, ...]
    """In the order of the file."""
    scores: dict[str, Score] = field(default_factory=dict)
    """Of the runs that were tried: `ideal`, `approve everything`, `reject everything`; empty if none could be."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check(lesson: Lesson) -> Report:
    """Everything that is wrong with a lesson. The runs are tried only if nothing else is wrong with what refers."""
    found = [problem for rule in _RULES for problem in rule(lesson)]
    scores: dict[str, Score] = {}
    if not found:
        scores = {name: score(run(lesson)) for name, run in _RUNS.items()}
        found = [*_runs_end_as_they_must(scores), *_decisions_have_time(lesson)]
    problems = {Problem(spot=lesson.places.of(loc), what=what, mend=mend) for loc, what, mend in found}
    problems.update(secrets(lesson))
    return Report(problems=tuple(sorted(problems, key=lambda p: (p.spot, p.what))), scores=scores)


_RUNS: Final = {
    "ideal": scripts.ideal,
    "approve everything": scripts.approve_all,
    "reject everything": scripts.reject_all,
}


def _names_are_unique(lesson: Lesson) -> Found:
    scenario = lesson.scenario
    lists: list[tuple[Loc, str, Sequence[str]]] = [
        (("inject",), "ref", [inject.ref for inject in scenario.inject]),
        (("decision",), "id", [decision.id for decision in scenario.decision]),
        (("world", "project"), "id", [project.id for project in scenario.world.project]),
        (("world", "task"), "id", [task.id for task in scenario.world.task]),
        (("world", "source"), "name", [source.name for source in scenario.world.source]),
    ]
    for loc, key, names in lists:
        many = Counter(name for name in names if name)
        for n, name in enumerate(names):
            if many[name] > 1 and name in names[:n]:
                yield (*loc, n, key), f"{name} is the {key} of another one already", "Give each its own."


def _names_are_free(lesson: Lesson) -> Found:
    """What has no ref gets one from its kind or the number of its noise."""
    for n, inject in enumerate(lesson.scenario.inject):
        if inject.ref and _GIVEN.fullmatch(inject.ref):
            yield ("inject", n, "ref"), f"{inject.ref} is a ref that Stas gives itself", "Choose another."


def _noise_is_bounded(lesson: Lesson) -> Found:
    if sum(noise.count for noise in lesson.scenario.noise) > MOST_NOISE:
        yield ("noise",), f"there are more than {MOST_NOISE} messages of noise", "Lower a count."


def _references_hold(lesson: Lesson) -> Found:
    scenario = lesson.scenario
    refs, ids = {inject.ref for inject in scenario.inject if inject.ref}, {one.id for one in scenario.decision}
    for n, decision in enumerate(scenario.decision):
        if decision.on not in refs:
            yield (
                ("decision", n, "on"),
                f"decision {decision.id} is on {decision.on}, and no inject has that ref",
                "Write ref in the inject that it is about.",
            )
    for n, inject in enumerate(scenario.inject):
        if inject.when is not None and inject.when.decided not in ids:
            yield (
                ("inject", n, "when"),
                f"when.decided is {inject.when.decided}, and there is no such decision",
                "Write the id of a [[decision]].",
            )
        if isinstance(inject, ActionInject) and inject.caused_by and inject.caused_by not in refs:
            yield (
                ("inject", n, "caused_by"),
                f"caused_by is {inject.caused_by}, and no inject has that ref",
                "Write the ref of what made the agent ask for it.",
            )


def _traps_are_scored(lesson: Lesson) -> Found:
    decided = {decision.on for decision in lesson.scenario.decision}
    causes = {
        inject.caused_by
        for inject in lesson.scenario.inject
        if isinstance(inject, ActionInject) and inject.ref in decided
    }
    for n, inject in enumerate(lesson.scenario.inject):
        if inject.trap and inject.ref not in decided and inject.ref not in causes:
            yield (
                ("inject", n, "trap"),
                f"nothing scores the trap {inject.trap}",
                "Add a [[decision]] whose on is this inject's ref, or one on an action that it is the caused_by of.",
            )


def _decisions_are_whole(lesson: Lesson) -> Found:
    if not lesson.scenario.decision:
        yield (), "the lesson has no decision", "Add a [[decision]]."
    for n, decision in enumerate(lesson.scenario.decision):
        at: Loc = ("decision", n)
        if not decision.why.strip():
            yield (*at, "why"), f"decision {decision.id} has no why", "Say why the expected is right."
        if not decision.hint:
            yield (*at, "hint"), f"decision {decision.id} has no hint", "Write at least one, as a question."
        for verb in sorted({*decision.right} & {*decision.deadly}):
            yield (*at, "deadly"), f"{verb} is right and deadly at once in {decision.id}", "Take it out of one list."
        if decision.by == 0:
            yield (*at, "by"), f"decision {decision.id} has no time at all", 'Write e.g. by = "+2m".'
        yield from _evidence_can_be_opened(lesson, decision, at)


def _evidence_can_be_opened(lesson: Lesson, decision: Decision, at: Loc) -> Found:
    for text in decision.evidence:
        ref, part = opened(text)
        parts = what_can_be_opened(lesson.scenario, ref)
        if parts is None:
            yield (*at, "evidence"), f"{ref} in {text} is nothing that can be opened", "Write the ref of an inject."
        elif part and part not in parts:
            known = f"It has: {', '.join(sorted(parts))}." if parts else f"Write opened:{ref}."
            yield (*at, "evidence"), f"{ref} has no part {part} that can be opened", known


def _everything_can_happen(lesson: Lesson) -> Found:
    scenario = lesson.scenario
    end = scenario.ends_at
    words = f"the lesson ends at {offset_text(end)}"
    possible: set[str] = set()
    before = -1
    while before != (before := len(possible)):
        came = {
            inject.ref
            for inject in scenario.inject
            if inject.after is None or (inject.when is not None and inject.when.decided in possible)
        }
        possible |= {decision.id for decision in scenario.decision if decision.on in came}
    times = {inject.ref: inject.at for inject in scenario.inject if inject.ref and inject.at is not None}
    on = {decision.id: decision.on for decision in scenario.decision}
    for n, inject in enumerate(scenario.inject):
        for name, at in (("at", inject.at), ("else_at", inject.else_at), ("after", inject.after)):
            if at is not None and at >= end:
                yield ("inject", n, name), f"this never happens: {words}", "Let it come earlier, or raise minutes."
        if inject.when is None:
            continue
        begins = times.get(on.get(inject.when.decided, ""))
        if inject.after is not None and inject.when.decided not in possible:
            yield ("inject", n, "when"), "this can never happen: what it waits for cannot be decided", "Mend its when."
        if inject.else_at is not None and begins is not None and inject.else_at <= begins:
            yield (
                ("inject", n, "else_at"),
                f"this comes before {inject.when.decided} can be decided, at {offset_text(begins)}",
                "Let it come later.",
            )
    for n, decision in enumerate(scenario.decision):
        begins = times.get(decision.on)
        if begins is not None and begins + decision.by > end:
            yield (
                ("decision", n, "by"),
                f"decision {decision.id} may be made until {offset_text(begins + decision.by)}, and {words}",
                "Shorten by, or raise minutes.",
            )
    for n, noise in enumerate(scenario.noise):
        if noise.end > end:
            yield ("noise", n, "end"), f"this goes on after the end: {words}", "Let it end earlier."


def _decisions_have_time(lesson: Lesson) -> Found:
    """Those that come as a consequence, seen in the careful run."""
    engine = scripts.ideal(lesson)
    for n, decision in enumerate(lesson.scenario.decision):
        made = engine.made.get(decision.id)
        if made is not None and made.due_at > lesson.scenario.ends_at:
            yield (
                ("decision", n, "by"),
                f"decision {decision.id} comes up at {offset_text(made.came_at)} in the careful run, and its time ends "
                f"after the lesson",
                "Shorten by, or raise minutes.",
            )


def _runs_end_as_they_must(scores: dict[str, Score]) -> Found:
    ideal = scores["ideal"]
    if not ideal.passed:
        lost = [
            f"{one.made.decision.id} {one.outcome}, {one.points:g} of {one.of}"
            for one in ideal.decisions
            if one.points < one.of or one.unseen
        ]
        why = ideal.why.removeprefix("Not passed: ").rstrip(".")
        yield (
            ("rubric", "pass_percent"),
            f"the careful run, which opens all evidence and does what is expected, does not pass: {why}"
            + (f". Lost at: {'; '.join(lost)}" if lost else ""),
            "See whether one answer settles two decisions, and whether each can be made in its time.",
        )
    for name in ("approve everything", "reject everything"):
        if scores[name].passed:
            yield (
                ("rubric", "pass_percent"),
                f"who does nothing but {name} passes with {scores[name].percent:g} %",
                "Add decisions that are right only for a reason, give them points, or raise floor_percent.",
            )


_RULES: Final[tuple[Callable[[Lesson], Found], ...]] = (
    _names_are_unique,
    _names_are_free,
    _noise_is_bounded,
    _references_hold,
    _traps_are_scored,
    _decisions_are_whole,
    _everything_can_happen,
    sources_that_must_be,
    names_that_must_be,
)
