"""What the stepper and the step line show."""

from __future__ import annotations

from dataclasses import dataclass

from widgets.tokens import Mark


@dataclass(frozen=True, slots=True)
class StepView:
    """One of the eleven steps as it is drawn."""

    n: int
    name: str
    mark: Mark = Mark.TODO
    """done, human, run, todo, skip, fail, warn or held."""
    note: str = ""
    """One short line; never longer than the stepper is wide."""
    right: str = ""
    """A duration (`1.8s`) when done, the time so far while it runs."""

    @property
    def current(self) -> bool:
        """Whether this is the step at which the pulse stands."""
        return self.mark in {Mark.HUMAN, Mark.RUN, Mark.HELD}


@dataclass(frozen=True, slots=True)
class Tally:
    """One line of the block below the steps: `✓ 14 approved`."""

    mark: Mark
    text: str
