"""What went to the human before: messages about the same incident, and those of today (R122, R128)."""

from __future__ import annotations

from stas_tui.gates.contract import RiskLine
from stas_tui.gates.tools.base import Door
from storage.clock import DAY, HOUR, hhmm
from storage.records import Action, ActionState, Json, OutgoingMessage

SAME_INCIDENT_MS = 7 * DAY
"""How long a message is edited for the same incident, instead of a new one being sent."""
QUIET_EPISODE_MS = HOUR
"""What fires again this long after the last message about it is a new incident under the same key."""
_MANY = 3
_SHOWN = 5


def earlier_messages(door: Door, args: Json) -> list[Action]:
    """Messages about the same incident, of any pulse, oldest first; none for a message without one.

    An alert that rests and fires again is a new incident: what a template says about its start tells them apart.
    """
    if "item" not in args:
        return []
    found = [
        action
        for action in door.journal.recent("slack_dm", since=door.journal.now() - SAME_INCIDENT_MS)
        if args_of(action).get("item") == args["item"]
    ]
    since = args.get("template", {}).get("since")
    if since is not None:
        last = max((_when(action) for action in found if went(action) and _when(action) < since), default=None)
        if last is not None and since - last >= QUIET_EPISODE_MS:
            found = [action for action in found if action.requested_at >= since]
    return [action for action in found if _outbox_state(door, action) != "gone"]


def stands(earlier: list[Action]) -> Json | None:
    """The first message that was posted about an incident and can be edited: where it is, since when, whose."""
    for action in earlier:
        observed = (action.outcome or {}).get("observed", {})
        if action.state is ActionState.SUCCEEDED and observed.get("ts") and observed.get("state") == "sent":
            where = {name: observed[name] for name in ("channel", "ts")}
            return {**where, "at": _when(action), "action": action.id}
    return None


def went(action: Action) -> bool:
    """Whether it is out, or may be."""
    return action.state in (ActionState.SUCCEEDED, ActionState.UNKNOWN, ActionState.EXECUTING)


def args_of(action: Action) -> Json:
    """The arguments of an action as they stand."""
    return action.revision.args if action.revision else {}


def today(door: Door) -> list[RiskLine]:
    """Direct messages since midnight UTC, for the gate: how many, and when. Nothing if there were none."""
    now = door.clock.now()
    rows = [f"{hhmm(row.at)} {row.state}" for row in _outbox(door) if row.at >= now - now % DAY]
    if not rows:
        return []
    count = f"{len(rows)} direct messages" if len(rows) > 1 else "1 direct message"
    times = ", ".join(rows[:_SHOWN]) + (" …" if len(rows) > _SHOWN else "")
    return [RiskLine(kind="today", level="warn" if len(rows) > _MANY else "ok", text=f"{count}: {times}")]


def sent_since(door: Door, ms: int) -> int:
    """How many messages went out, or may have, in the last `ms` milliseconds."""
    since = door.clock.now() - ms
    return sum(row.at >= since and row.state in ("sent", "uncertain") for row in _outbox(door))


def _outbox(door: Door) -> list[OutgoingMessage]:
    return [row for row in door.platform.sent(200) if row.channel == "slack"]


def _outbox_state(door: Door, action: Action) -> str:
    row = door.platform.sent_by_key(action.id)
    return row.state if row else ""


def _when(action: Action) -> int:
    return action.finished_at or action.requested_at
