"""What somebody did in a run, as facts: what was opened before a decision, for how long, and how soon it was made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stas_tui.training import grammar
from stas_tui.training.engine import Act, Engine
from stas_tui.training.score import Judged, Score

DONE: Final = {
    "approve": "approved",
    "edit_and_approve": "edited and approved",
    "reject": "rejected",
    "ask": "asked about",
    "own": "owned",
    "escalate": "escalated",
    "snooze": "put aside",
    "pause_pulse": "paused the pulse for",
    "resume": "resumed the pulse for",
    "reclassify": "reclassified",
    "mark_suspicious": "marked as suspicious",
    "create_task": "made a task for",
    "slack_send": "sent a Slack message for",
    "slack_withhold": "withheld the Slack message of",
    "message_agent": "wrote to an agent about",
    "rollback": "rolled back for",
    "wait": "waited with",
}
"""Each decision as something that was done, before the name of what it was about."""
_PARTS: Final = {"diff": "its difference", "base": "its base", "log": "its output", "says": "what the agent says"}


def seconds(ms: int) -> str:
    """`1.8 s`, `42 s`, `3 m 20 s`."""
    if ms < 10_000:
        return f"{ms / 1_000:.1f} s"
    minutes, rest = divmod(ms // 1_000, 60)
    return f"{minutes} m {rest} s" if minutes else f"{rest} s"


def opened_at(engine: Engine, evidence: str) -> int | None:
    """When a piece of evidence was seen first; None if never."""
    ref, part = grammar.opened(evidence)
    if not engine.saw(ref, part):
        return None
    names = [ref, f"{ref}.{part}", f"{ref}.evidence"] if part else [ref]
    seen = [at for name in names if (at := engine.opened.get(name)) is not None]
    return min(at for at in seen if engine.saw(ref, part, by=at))


def dwell(engine: Engine) -> dict[str, int]:
    """How long each thing was looked at, ms, by ref: from `open` to `close`, to the next thing, or to the end."""
    spent: dict[str, int] = {}
    here: str | None = None
    since = 0

    def leave(at: int) -> None:
        if here is not None:
            spent[here] = spent.get(here, 0) + at - since

    for thing in engine.inputs:
        if not isinstance(thing, Act) or thing.verb not in ("open", "close"):
            continue
        ref = thing.target.partition(".")[0]
        if thing.verb == "open" and ref != here:
            leave(thing.at)
            here, since = ref, thing.at
        elif thing.verb == "close" and thing.target == here:
            leave(thing.at)
            here = None
    leave(engine.now)
    return spent


def behaviour(engine: Engine, result: Score) -> Iterator[str]:
    """One sentence for each decision: what was done, after how long, and what was opened before."""
    looked = dwell(engine)
    for judged in result.decisions:
        made = judged.made
        on = made.decision.on
        if made.at is None:
            late = "its time went by" if judged.counted else "the run ended first"
            yield f"Nothing was decided about {on}: {late}. {_looked(judged, engine)}"
            continue
        done = DONE[made.verb]
        late = f" ({seconds(made.at - made.due_at)} after its time)" if made.late else ""
        took = f" You looked at it for {seconds(looked[on])} in all." if on in looked else ""
        yield f"You {done} {on} after {seconds(made.at - made.came_at)}{late}{_before(judged)}.{took}"
    for decision, given in engine.hints.items():
        yield f"You asked for {given} hint{'s' if given > 1 else ''} about {decision}."


def _before(judged: Judged) -> str:
    if not judged.made.decision.evidence:
        return ""
    with_ = f", having opened {_listed(judged, judged.seen)}" if judged.seen else ""
    without = f" without opening {_listed(judged, judged.unseen)}" if judged.unseen else ""
    return with_ + (" and" if with_ and without else "") + without


def _looked(judged: Judged, engine: Engine) -> str:
    if judged.made.decision.on in engine.opened:
        return f"{judged.made.decision.on} was opened."
    return f"{judged.made.decision.on} was not opened."


def _listed(judged: Judged, texts: tuple[str, ...]) -> str:
    """`its base and m2`."""
    words = []
    for text in texts:
        ref, part = grammar.opened(text)
        if ref == judged.made.decision.on:
            words.append(_PARTS.get(part, f"its {part}") if part else "it")
        else:
            words.append(f"the {part} of {ref}" if part else ref)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
