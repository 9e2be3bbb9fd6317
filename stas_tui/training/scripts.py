"""Runs without a person: what a careful one would do, and what one would do who approves or rejects everything."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final

from stas_tui.training import grammar
from stas_tui.training.engine import Act, Engine, Made
from stas_tui.training.reading import Lesson
from stas_tui.training.words import ON_GATE
from storage.clock import SECOND

FIRST_LOOK: Final = 2 * SECOND
"""The careful one begins to look this long after something came."""
LOOK: Final = SECOND
CAREFUL: Final = 45 * SECOND
"""The careful one decides after a third of the time there is, and after this long at the latest."""
HASTY: Final = 5 * SECOND
"""Everything is approved, or rejected, this long after it came."""

_GATE_FOR: Final = {
    ("slack_withhold", "slack_dm"): "reject",
    ("slack_send", "slack_dm"): "approve",
    ("rollback", "rollback"): "approve",
    ("create_task", "create_task"): "approve",
    ("message_agent", "message_agent"): "approve",
}
"""How an answer is given at a gate that is for just that."""


def ideal(lesson: Lesson, *, seed: int | None = None) -> Engine:
    """A run in which each decision's evidence is opened and then the expected is done, well inside its time."""
    return _Careful(lesson, seed).run()


def approve_all(lesson: Lesson, *, seed: int | None = None) -> Engine:
    """A run in which every gate is approved and nothing else is done."""
    return _Hasty(lesson, seed, "approve").run()


def reject_all(lesson: Lesson, *, seed: int | None = None) -> Engine:
    """A run in which every gate is rejected and nothing else is done."""
    return _Hasty(lesson, seed, "reject").run()


class _Player:
    """Plays an engine to its end. What it means to do is in a queue of its own, ordered by time."""

    def __init__(self, lesson: Lesson, seed: int | None) -> None:
        self.engine = Engine(lesson.scenario, lesson.digest, seed=seed)
        self._number = count()
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._noticed: set[str] = set()

    def run(self) -> Engine:
        self.notice()
        while (due := self.engine.next_at) is not None:
            if self._plans and self._plans[0][0] < due:
                at, _, plan = heapq.heappop(self._plans)
                self.engine.until(at)
                plan()
            else:
                self.engine.until(due)
            self.notice()
        return self.engine

    def at(self, at: int, plan: Callable[[], None]) -> None:
        heapq.heappush(self._plans, (max(at, self.engine.now), next(self._number), plan))

    def new(self, name: str) -> bool:
        """Whether it is seen for the first time."""
        first = name not in self._noticed
        self._noticed.add(name)
        return first

    def do(self, verb: str, target: str, text: str = "") -> None:
        self.engine.act(Act(at=self.engine.now, verb=verb, target=target, text=text))

    def notice(self) -> None:
        raise NotImplementedError


class _Hasty(_Player):
    def __init__(self, lesson: Lesson, seed: int | None, verb: str) -> None:
        super().__init__(lesson, seed)
        self._verb = verb

    def notice(self) -> None:
        for ref in self.engine.actions:
            if self.new(ref):
                self.at(self.engine.came[ref] + HASTY, partial(self.do, self._verb, ref))


class _Careful(_Player):
    def notice(self) -> None:
        for name, made in self.engine.made.items():
            if self.new(name):
                self.at(made.came_at + FIRST_LOOK, partial(self._consider, made))

    def _consider(self, made: Made) -> None:
        """Open the next thing, or wait for it, or decide."""
        now, decision = self.engine.now, made.decision
        if not made.open or (decision.expected == "wait" and self._all_seen(made)):
            return
        unseen = [grammar.opened(text) for text in decision.evidence]
        unseen = [(ref, part) for ref, part in unseen if not self.engine.saw(ref, part)]
        to_come = {inject.ref for inject in self.engine.scenario.inject} - self.engine.came.keys()
        there = [(ref, part) for ref, part in unseen if ref not in to_come]
        last_chance = now + 2 * LOOK >= made.due_at
        if there:
            ref, part = there[0]
            self.do("open", f"{ref}.{part}" if part else ref)
            self.at(now + LOOK, partial(self._consider, made))
        elif not last_chance and (unseen or self._after_others(made) or now < self._good_time(made)):
            self.at(now + LOOK, partial(self._consider, made))
        elif decision.expected != "wait":
            asked = self.engine.actions.get(decision.on)
            verb = _GATE_FOR.get((decision.expected, asked.tool if asked else ""), decision.expected)
            self.do(verb, decision.on, " ".join((*decision.match[:1], *self._edited(verb, decision.on))))

    def _edited(self, verb: str, ref: str) -> list[str]:
        """What an edited request has to hold for every decision about it."""
        decisions = self.engine.scenario.decision if verb == "edit_and_approve" else ()
        return [word for decision in decisions if decision.on == ref for word in decision.edit_has]

    def _all_seen(self, made: Made) -> bool:
        return all(self.engine.saw(*grammar.opened(text)) for text in made.decision.evidence)

    def _good_time(self, made: Made) -> int:
        return made.came_at + min(made.decision.by // 3, CAREFUL)

    def _after_others(self, made: Made) -> bool:
        """An answer at a gate settles everything about it, so what else it needs is done before."""
        return made.decision.expected in ON_GATE and any(
            other.open
            and other is not made
            and other.decision.on == made.decision.on
            and other.decision.expected not in ON_GATE
            and other.decision.expected != "wait"
            for other in self.engine.made.values()
        )
