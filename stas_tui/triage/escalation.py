"""The ladder: a bell, then a message to the human, then again every ten minutes, at most five times (R122, R128).

It stops when somebody owns the item, puts it aside or closes it, and when the thing itself has ended. The text is made
from trusted fields alone, so that a P0 needs no gate; anything else asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from stas_tui.gates.contract import Answer, answer_of
from stas_tui.gates.slack_rules import MAX_REPEATS
from stas_tui.gates.tools.slack_earlier import args_of, earlier_messages, went
from stas_tui.triage.eyes import Eyes
from stas_tui.triage.history import history
from stas_tui.triage.leases import stopped
from stas_tui.triage.parts import Parts, actor, is_p0, titles
from storage.clock import DAY, MINUTE, hhmm
from storage.errors import StasError
from storage.journal_rows import SYSTEM
from storage.records import ActionState, Json, Priority
from storage.triage import TriageRefused
from storage.triage_records import Escalation, ItemClass, TriageItem, TriageNote
from storage.watch_records import Alert

GRACE = MINUTE
"""Between the bell and the first message: whoever hears the bell can still take the item."""
EVERY = 10 * MINUTE
LATE = DAY
"""A message that was due longer ago than this is not sent any more."""
BELL_ONLY = "no pulse is open: bell only"
UNSEEN = "it is not in the list now, and nobody saw it end: bell only"


_Climb = Callable[[Escalation], Escalation]


class Ladder:
    """Escalations. A message goes through the one door; it needs an open pulse."""

    def __init__(self, parts: Parts, eyes: Eyes) -> None:
        self._parts = parts
        self._eyes = eyes

    def start(self, key: str, *, by: str) -> str:
        """Begin; returns the line that the bell says. What one owns oneself is given back: somebody else is called.

        Raises `TriageRefused` if it is running, owned by somebody else, or put aside.
        """
        who, now = actor(by), self._parts.now()
        item = self._eyes.item(key)
        if item.item_class is ItemClass.GATE:
            raise TriageRefused("A gate is not escalated: it waits for you.", "Decide it.")

        def begin(note: TriageNote) -> TriageNote:
            old = note.escalation
            if old is not None and old.next_at is not None:
                raise TriageRefused(f"It is being escalated already; the next message is due at {hhmm(old.next_at)}.")
            if note.snooze is not None:
                raise TriageRefused("It is put aside.", "Wake it first.")
            if note.lease is not None and note.lease.until > now and note.lease.owner not in (who, self._parts.agent):
                raise TriageRefused(f"{note.lease.owner} owns it since {hhmm(note.lease.since)}.", "Ask them first.")
            return replace(
                note, lease=None, escalation=Escalation(by=who, started_at=now, next_at=now + GRACE, said="bell")
            )

        self._parts.notes.change(
            [key], begin, kind="triage.escalated", by=who, body={"title": titles([item])}, undoable=True
        )
        return f"Escalated: «{item.title}». A message to {self._human} follows at {hhmm(now + GRACE)}."

    def stop(self, key: str, *, by: str) -> None:
        """End it by hand. Raises `TriageRefused` if none is running."""
        who = actor(by)

        def end(note: TriageNote) -> TriageNote:
            if note.escalation is None or note.escalation.next_at is None:
                raise TriageRefused("It is not being escalated.")
            return replace(note, escalation=stopped(note.escalation, "by hand"))

        self._parts.notes.change([key], end, kind="triage.escalation_stopped", by=who, undoable=True)
        self.withdraw([key], f"{who} stopped the escalation")

    def end(self, key: str, why: str, item: TriageItem | None) -> str:
        """End it because of what happened; the sentence to say."""
        note = self._change(key, lambda e: stopped(e, why) or e, "triage.escalation_stopped", {"because": why})
        if note is None:
            return ""
        self.withdraw([key], f"the escalation ended: {why}")
        return f"Escalation of «{item.title if item else key}» ended: {why}."

    def step(self, key: str, item: TriageItem | None, note: TriageNote, now: int) -> str:
        """The next rung, if it is due: one message, the bell in any case. Returns the line that the bell says.

        Without an item nobody can see how it stands, which is no end: the bell rings, no message is made up.
        """
        ladder = note.escalation
        if ladder is None or ladder.next_at is None or ladder.next_at > now:
            return ""
        if now - ladder.next_at > LATE:
            return self.end(key, "too late", item)
        said, action_id, counted = self._tell(item, ladder) if item is not None else (UNSEEN, "", False)
        level, tries = ladder.level + int(counted), ladder.tries + 1
        last = tries >= MAX_REPEATS

        def climb(old: Escalation) -> Escalation:
            if old.next_at != ladder.next_at or old.tries != ladder.tries:
                return old
            rung = replace(old, level=level, tries=tries, said=said, action_id=action_id or old.action_id)
            return stopped(rung, "five times") or rung if last else replace(rung, next_at=now + EVERY)

        body = {"level": level, "tries": tries, "said": said, "action": action_id}
        body["title"] = titles([item]) if item is not None else key
        if self._change(key, climb, "triage.notified", body) is None:
            self._too_late(key)
            return ""
        then = "that was the last time" if last else f"again at {hhmm(now + EVERY)}"
        return f"Still nobody owns «{item.title if item else key}»: {said} ({tries} of {MAX_REPEATS}), {then}."

    def _tell(self, item: TriageItem, ladder: Escalation) -> tuple[str, str, bool]:
        """(what became of it, the action's id, whether it counts as a message)."""
        pulse = self._parts.context.pulses.current()
        if pulse is None:
            return BELL_ONLY, "", False
        args = self._message(item)
        earlier = earlier_messages(self._parts.context.door, args)
        waits = next((action for action in earlier if action.state is ActionState.PENDING), None)
        if waits is not None:
            return "the last message still waits for its gate", waits.id, False
        mine = next((action for action in earlier if action.requested_at >= (ladder.next_at or 0)), None)
        if mine is not None:
            return _what_became(answer_of(mine)), mine.id, True
        out = [action for action in earlier if went(action)]
        if out and not is_p0(item):
            return "only a P0 is repeated: bell only", "", False
        if out:
            args["repeat"] = max(int(args_of(action).get("repeat", 0)) for action in out) + 1
        try:
            answer = self._parts.context.toolbox.call(
                "slack_dm", args, pulse_id=pulse.id, caller=self._parts.agent, caused_by=item.key
            )
        except StasError as error:
            return f"it could not be sent: {error}", "", False
        if answer.action is None:
            return _what_became(answer), "", False
        stands = (answer.action.outcome or {}).get("observed", {}).get("ts", "")
        if stands and "repeat" not in args:
            self._parts.incidents.delivered(item.key, str(stands))
        return _what_became(answer), answer.action.id, True

    def _too_late(self, key: str) -> None:
        """Somebody took the item while the message was being asked for: it must not wait for its gate."""
        note = self._parts.notes.note(key)
        if note is not None and note.escalation is not None and note.escalation.stopped not in ("", "five times"):
            self.withdraw([key], f"the escalation ended: {note.escalation.stopped}")

    def _message(self, item: TriageItem) -> Json:
        """The call's arguments; the template says nothing that does not come from the configuration.

        The same item in the same episode gives the same arguments, so that two processes ask for one message.
        """
        fact = history(self._parts, item.key)
        name = fact.thing.name if fact is not None and isinstance(fact.thing, Alert) else ""
        return {
            "category": "incident",
            "urgent": True,
            "item": item.key,
            "template": {
                "priority": (item.priority or Priority.P1).value,
                "alert": name[:200],
                "tenants": [tenant[:200] for tenant in item.tenants],
                "services": [item.service[:200]] if item.service else [],
                "since": max(item.first_seen, 1),
            },
        }

    # notices that wait -----------------------------------------------------------------------------

    def withdraw(self, keys: Sequence[str], why: str) -> None:
        """Take back the ladder's messages about these items that have not gone out; what a person wrote stays."""
        about = set(keys)
        for action in [*self._parts.journal.pending(), *self._parts.journal.open_actions()]:
            waits = action.state in (ActionState.PENDING, ActionState.APPROVED)
            ours = action.requested_by == self._parts.agent and "template" in args_of(action)
            if waits and ours and action.tool == "slack_dm" and action.caused_by in about:
                self._parts.journal.withdraw(action.id, by=SYSTEM, reason=why)

    @property
    def _human(self) -> str:
        return self._parts.context.rules.human

    def _change(self, key: str, how: _Climb, kind: str, body: Json) -> TriageNote | None:
        """Change the ladder of one item; None if it had stopped already, or another process was first."""

        def change(note: TriageNote) -> TriageNote:
            if note.escalation is None or note.escalation.next_at is None:
                return note
            return replace(note, escalation=how(note.escalation))

        done = self._parts.notes.change([key], change, kind=kind, by=SYSTEM, body=body)
        return done[0] if done else None


def _what_became(answer: Answer) -> str:
    if answer.status == "ok":
        outcome = (answer.action.outcome if answer.action else None) or {}
        state = outcome.get("observed", {}).get("state", "")
        return {"not configured": "kept in the outbox, Slack is not configured"}.get(state, "sent")
    if answer.status == "pending":
        return "the message waits for its gate"
    if answer.status == "unknown":
        return "the message may have arrived"
    return f"the message was {answer.status}" + (f": {answer.reason}" if answer.reason else "")
