"""How a pulse ends: a person confirms the Pulse Summary, and exactly that text is published."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stas_tui.gates.contract import BadCall
from stas_tui.pulse import isolating, summary_facts
from stas_tui.pulse.context import Context
from stas_tui.pulse.summary import FormRow, render_summary, summary_form
from storage.records import Pulse, Step


@dataclass(frozen=True)
class Draft:
    """The Pulse Summary of an open pulse as it stood at a time: what a person reads and confirms."""

    pulse_id: str
    at: int
    """Milliseconds since 1970; the end of the pulse in its heading."""
    text: str
    form: tuple[FormRow, ...]
    """The same, field by field with its evidence."""


class SummaryChanged(BadCall):
    """What the summary says is not what the person has read."""

    def __init__(self) -> None:
        super().__init__("The summary changed while it was read; nothing was published.", "Read it again and confirm.")


def draft(context: Context, pulse: Pulse, *, outcome: str = "", at: int | None = None) -> Draft:
    """The summary as the log has it now, its end at `at` or now. Raises `StoreError`."""
    at = context.clock.now() if at is None else at
    facts = summary_facts.facts(context, replace(pulse, outcome=outcome, ended_at=at))
    return Draft(pulse_id=pulse.id, at=at, text=render_summary(facts), form=tuple(summary_form(facts)))


def confirm(context: Context, pulse: Pulse, read: Draft, *, position: Step | None, by: str) -> Pulse:
    """End the pulse as complete and publish exactly what was read (R130); `position` is the step that is not over.

    Raises `BadCall` if a step is not over, `SummaryChanged` if the log says something else by now, apart from the time.
    """
    if position is not None:
        raise BadCall(f"Step {position.n} {position.name} is not over.", "Step on, or skip it with a reason.")
    isolating.stop(context)
    if read.pulse_id != pulse.id or draft(context, pulse, at=read.at).text != read.text:
        raise SummaryChanged
    return context.pulses.end(pulse.id, outcome="complete", summary=read.text, by=by)


def cut_off(context: Context, pulse: Pulse, *, by: str) -> Pulse:
    """End a pulse that did not come to its end, as `interrupted`."""
    isolating.stop(context)
    written = draft(context, pulse, outcome="interrupted")
    return context.pulses.end(pulse.id, outcome="interrupted", summary=written.text, by=by)
