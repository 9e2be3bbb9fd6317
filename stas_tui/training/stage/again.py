"""What the trainee did, done again on a fresh stage: gates through the door, items at the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.gates.contract import Refusal, Shown
from stas_tui.training.stage import said
from stas_tui.training.stage.tools import CHANNEL, WORLD
from storage.clock import MINUTE
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.training.atlas import Atlas
    from stas_tui.training.engine import Act
    from stas_tui.training.stage.stage import Stage
    from storage.records import Action

ASIDE_MS = 15 * MINUTE
"""For how long an item is put aside of which it was not kept until when."""
OWN = frozenset({"create_task", "slack_send", "message_agent"})
"""Acts that are requests of the trainee's own at the door."""
JUDGES = frozenset({"parked", "cancelled"})
"""What an act on a run or its result carries that has no verb of its own."""
NO_REASON = "no reason was kept"


class NotAgain(StasError):
    """An act does not fit the stage any more."""


def do_again(stage: Stage, atlas: Atlas, act: Act) -> None:
    """Do an act on a stage that stands at its time. Acts that only look leave nothing. Raises `StasError`."""
    if JUDGES & act.detail.keys() or (act.target not in stage.gates and act.verb in ("approve", "reject")):
        stage.machine.judge(act.verb, by=stage.application.person, reason=act.text, detail=act.detail)
    elif act.verb in ("approve", "edit_and_approve", "reject"):
        _decide(stage, act)
    elif act.verb in ("own", "snooze", "escalate"):
        _at_the_desk(stage, atlas, act)
    elif act.verb == "pause_pulse":
        stage.machine.pause(by=stage.application.person, reason=act.text)
    elif act.verb == "resume":
        stage.machine.resume(by=stage.application.person, reason=act.text or NO_REASON)
    elif act.verb == "reclassify":
        said.reclassify(stage, act.target, act.text or "info")
    elif act.verb == "ask":
        said.ask(stage, act.target, act.text)
    elif act.verb == "mark_suspicious":
        said.mark_suspicious(stage, act.target, act.text)
    elif act.verb in OWN and "tool" in act.detail:
        _at_the_door(stage, act)
    elif act.verb in OWN or act.verb == "rollback":
        text = f"{act.verb} {act.target}: {act.text}"
        stage.application.context.door.platform.send(
            to=WORLD, channel=CHANNEL, text=text, key=f"again-{act.at}-{act.verb}-{act.target}"
        )


def _decide(stage: Stage, act: Act) -> None:
    action_id = stage.gates.get(act.target)
    if action_id is None:
        raise NotAgain(f"{act.target} is no gate of this stage.")
    context = stage.application.context
    action = context.journal.get(action_id)
    args = act.detail.get("args")
    if act.verb == "edit_and_approve" and isinstance(args, dict):
        try:
            action = context.toolbox.edit(
                action_id, rev=action.rev, digest=action.digest, args=args, author=stage.application.person
            )
        except Refusal as refusal:
            raise NotAgain(f"The edited request was refused: {refusal}") from None
    if act.verb == "reject":
        _answer(stage, action, "reject", act.text or NO_REASON)
    else:
        _answer(stage, action, "approve", str(act.detail.get("reason", "")) if args else act.text)


def _answer(stage: Stage, action: Action, verdict: str, reason: str) -> None:
    assert action.revision is not None
    stage.application.context.toolbox.decide(
        action.id,
        rev=action.rev,
        digest=action.digest,
        verdict=verdict,
        voter=stage.application.person,
        reason=reason,
        typed=Shown.from_json(action.revision.shown).confirm if verdict == "approve" else "",
    )
    stage.settle(action.id)


def _at_the_door(stage: Stage, act: Act) -> None:
    """What the trainee asked for, asked for again; it was allowed then, so a gate that asks is approved."""
    answer = said.call(stage, str(act.detail["tool"]), dict(act.detail.get("args", {})))
    if answer.status == "pending" and answer.action is not None:
        _answer(stage, answer.action, "approve", "")
    elif answer.status != "ok":
        raise NotAgain(f"The door answers: {answer.reason or answer.status}.")


def _at_the_desk(stage: Stage, atlas: Atlas, act: Act) -> None:
    desk, person = stage.application.desk, stage.application.person
    key = atlas.key(act.target)
    if not key:
        raise NotAgain(f"{act.target} does not stand on the list.")
    if act.verb == "own":
        desk.own([key], by=person, reason=act.text, waits_for=str(act.detail.get("waits_for", "")))
    elif act.verb == "snooze":
        event, until = str(act.detail.get("event", "")), act.detail.get("until")
        ends = stage.clock.start + until if isinstance(until, int) else None
        if ends is None and not event:
            ends = stage.clock.now() + ASIDE_MS
        desk.snooze([key], by=person, reason=act.text or NO_REASON, until=ends, event=event)
    else:
        desk.escalate(key, by=person)
