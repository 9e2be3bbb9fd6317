"""The pulse of a lesson: the steps that look are walked as ever; what the scripted agent asks for comes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from stas_tui.gates.contract import Answer
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.machine import STEPS, Machine
from stas_tui.toolbox import Toolbox
from storage.records import Pulse

GOES_ON = "The agent of a lesson goes on by itself; what it asks for waits at its gates"
LEFT = "in a lesson that is left to you"
LOOKS = 6
"""The last of the steps that only look before the work of a pulse."""


class Watching(Toolbox):
    """The door as the steps of a lesson see it: they read, and whatever they would do by themselves is left."""

    def call(self, tool: str, args: Mapping[str, Any], **more: Any) -> Answer:
        """Nothing is asked for: the scenario alone says what the agent does."""
        return Answer(status="refused", tool=tool, reason=LEFT, by="the lesson")


class LessonMachine(Machine):
    """A `Machine` that stands at step 7 while the lesson lasts."""

    def __init__(self, context: Context) -> None:
        super().__init__(replace(context, toolbox=Watching(context.toolbox.door)))

    def _advance(self, pulse: Pulse, aside: frozenset[int]) -> Progress:
        step = self.position(aside)
        if step is not None and (step.n in STEPS and step.n <= LOOKS):
            return super()._advance(pulse, aside)
        halted, by, reason = self.context.journal.halted()
        where = step or self.context.pulses.steps(pulse.id)[-1]
        if halted:
            return Progress(pulse=pulse, step=where, needs="paused", say=f"Paused by {by}: {reason or 'no reason'}")
        return Progress(pulse=pulse, step=where, needs="lesson", say=GOES_ON)

    def recover(self) -> list[str]:
        """Nothing: a stage is never older than its process."""
        return []

    def look(self, steps: Iterable[int] = range(1, LOOKS + 1)) -> None:
        """Walk steps that look, or look again: what the agent knows is what is there now."""
        pulse = self._pulse()
        for n in steps:
            self._look(pulse, n)


def lesson_machine(context: Context) -> LessonMachine:
    """What `Application.new_machine` is in a lesson."""
    return LessonMachine(context)
