"""What the pulse waits for, its first line and its steps, from a look at it. Pure: no widget, no database."""

from __future__ import annotations

from stas_tui.pulse.view import View
from storage.clock import SECOND, age, hhmm
from storage.records import STEP_NAMES, DataState, Step, StepState
from widgets.steps import StepView, Tally
from widgets.tokens import Mark
from widgets.topbar import TopBarModel

WORK_STEP = 7
CHECK_STEP = 9
STALE_MS = 10 * SECOND
"""A look that is older than this is no longer called live."""
STEP_MARKS = {
    StepState.TODO: Mark.TODO,
    StepState.ACTIVE: Mark.RUN,
    StepState.DONE: Mark.DONE,
    StepState.SKIPPED: Mark.SKIP,
    StepState.FAILED: Mark.FAIL,
}


def needs_of(view: View) -> str:
    """What the pulse waits for, from the record alone; see `Progress.needs`."""
    if view.pulse is None or view.pulse.ended_at is not None:
        return ""
    if view.halted:
        return "paused"
    if any(a.pulse_id == view.pulse.id for a in view.gates):
        return "gate"
    if view.position is None:
        return "summary"
    if view.position == WORK_STEP:
        if view.work.get("locked"):
            return "override"
        if view.work.get("phase") == "run":
            return "run"
        if view.work.get("phase") == "review" and view.work.get("result"):
            return "review"
        if view.work.get("phase") == "direct":
            return "direct"
    if view.position == CHECK_STEP and view.steps[CHECK_STEP - 1].state is StepState.ACTIVE and view.checking:
        return "checks"
    return str(view.work.get("needs") or "")


def waits(view: View) -> int:
    """How many things wait for a person."""
    others = needs_of(view) in (
        "override",
        "review",
        "direct",
        "prompt",
        "pull request",
        "memory",
        "summary",
        "workspace",
        "blocked",
    )
    return len(view.gates) + int(others)


def top_bar(
    view: View,
    *,
    environment: str,
    world: str,
    read_only: bool,
    now: int,
    looked_at: int,
    doing: str = "",
    replayed: bool = False,
    needy: int = 0,
) -> TopBarModel:
    """The first line: where, which pulse, who is needed, how fresh; `looked_at` is when nothing newer was known.

    `world` is said loudly if this is not the real one. `needy` is how many things on call need a person: while there
    are some, nobody is told that nothing waits.
    """
    alert = world
    if view.problem:
        alert = "store unavailable"
    elif read_only:
        alert = "read-only"
    if replayed and not view.problem:
        alert = f"{alert} REPLAYED".strip()
    pace = "paused" if view.halted else doing or "step mode"
    return TopBarModel(
        environment=environment,
        pulse=f"pulse {view.pulse.number}" if view.pulse else "no pulse",
        waiting=waits(view),
        quiet=f"{needy} need{'s' if needy == 1 else ''} a person" if needy else "nothing waits for you",
        mode=view.mode.value.upper(),
        pace=pace,
        alert=alert,
        live=Mark.FAIL if view.problem else Mark.UNKNOWN if now - looked_at >= STALE_MS else Mark.OK,
        live_word="not read" if view.problem else "seen" if now - looked_at >= STALE_MS else "live",
        live_age=age(now - looked_at) if now - looked_at >= STALE_MS else "",
        clock=hhmm(now),
    )


def steps(view: View, *, now: int) -> list[StepView]:
    """The eleven steps with their notes and times; before a pulse all of them are to come."""
    if view.pulse is None:
        return [StepView(n=n, name=name, mark=Mark.TODO) for n, name in STEP_NAMES.items()]
    needs = needs_of(view)
    drawn = []
    for step in view.steps:
        mark = STEP_MARKS[step.state]
        if step.n == view.position:
            mark = Mark.HELD if needs == "paused" else Mark.HUMAN if needs not in ("", "run", "checks") else mark
        if step.state is StepState.DONE and step.data_state in (DataState.ERROR, DataState.DENIED):
            mark = Mark.FAIL
        name = f"{step.name}"
        note = f"{step.sub} {step.note}".strip() if step.n == WORK_STEP else step.note
        if step.n == CHECK_STEP and view.checking is not None and step.state is StepState.ACTIVE:
            note = view.checking.text or view.checking.words
        drawn.append(StepView(n=step.n, name=name, mark=mark, note=note, right=_duration(step, now)))
    return drawn


def _duration(step: Step, now: int) -> str:
    if step.started_at is None:
        return ""
    ms = (step.ended_at or now) - step.started_at
    if step.state is StepState.ACTIVE:
        return age(ms)
    return f"{ms / 1000:.1f}s" if ms < 60 * SECOND else age(ms)


def today(view: View) -> list[Tally]:
    """What was decided in the last 24 hours."""
    approved, rejected, deferred = view.today
    return [
        Tally(Mark.DONE, f"{approved} approved"),
        Tally(Mark.FAIL, f"{rejected} rejected"),
        Tally(Mark.HELD, f"{deferred} deferred"),
    ]
