"""`slack_dm` (T11, R122-R128): one message for each incident, edited afterwards, and never sent twice for one yes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stas_tui.gates import policy, slack_rules, slack_template
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown, Uncertain, deny
from stas_tui.gates.tools.base import MESSAGE_LIMIT, BaseTool, only, scan_texts, text_of
from stas_tui.gates.tools.messages import caused, sent_effect
from stas_tui.gates.tools.slack_earlier import args_of, earlier_messages, sent_since, stands, today, went
from stas_tui.notify.base import (
    Delivered,
    DirectMessage,
    Messenger,
    NotifyError,
    NotifyGone,
    NotifyLimited,
    NotifyUncertain,
)
from stas_tui.platforms.base import NotFound, PlatformError
from storage.clock import HOUR, SECOND, hhmm, hhmmss
from storage.records import Action, ActionState, EffectClass, GateLevel, Json, OutgoingMessage

SETTLE_MS = 30 * SECOND
"""So long after an unclear answer the service may still deliver; only then is «not there» a proof."""
UNGATED_PER_HOUR = 10
"""Template messages without a gate; the next ones ask."""
KEPT = "kept in the outbox: Slack is not configured"
_DELIVERED = ("sent", "edited", "seen", "answered", "gone")


@dataclass(frozen=True, slots=True)
class _Text:
    """What will be said, and how it came about."""

    text: str
    template: bool = False
    ungated: bool = False
    warnings: list[str] = field(default_factory=list)


class SlackDm(BaseTool):
    """A direct message to the human, in one of five categories. Without a messenger it is kept in the outbox."""

    name = "slack_dm"
    effect_class = EffectClass.LOOKUP

    def check(self, args: Mapping[str, Any]) -> Json:
        """`message` or `template`, `category` (chosen by a person; none is refused), `urgent?`, `item?`, `repeat?`.

        `item` is the identity key of the incident: its second message edits the first. `repeat` (1 to 5, with `item`)
        is a reminder of an unowned P0 as a message of its own. `template` holds fields of `slack_template`.
        """
        only(args, "message", "urgent", "category", "item", "repeat", "template")
        urgent = args.get("urgent")
        if urgent is not None and not isinstance(urgent, bool):
            raise BadCall("urgent must be true or false.")
        category = text_of(args, "category", limit=40, required=False)
        if urgent is None:
            urgent = slack_rules.default_urgent(category) if category in slack_rules.CATEGORIES else True
        template = args.get("template")
        if template is not None and args.get("message"):
            raise BadCall("A message has either its own words or a template.")
        checked: Json = {
            "message": "" if template is not None else text_of(args, "message", limit=MESSAGE_LIMIT),
            "urgent": urgent,
            "category": category,
        }
        item = text_of(args, "item", limit=1_000, required=False)
        repeat = args.get("repeat", 0)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 0:
            raise BadCall("repeat must be a number from 1.")
        if repeat and not item:
            raise BadCall("A reminder belongs to an incident: item is missing.")
        checked |= {"item": item} if item else {}
        checked |= {"repeat": repeat} if repeat else {}
        checked |= {"template": slack_template.check_fields(template)} if template is not None else {}
        return checked

    def natural_key(self, args: Json) -> str:
        """One message for each category, incident and reminder in a pulse."""
        parts = [
            args["category"] or "none",
            args.get("item", ""),
            f"repeat {args['repeat']}" if "repeat" in args else "",
        ]
        return f"slack:{':'.join(part for part in parts if part)}"

    # planning --------------------------------------------------------------------------------------

    def plan(self, call: Call) -> Plan:
        """The text as it will look, and whether it is posted, edits what stands, or stays in the outbox."""
        args = call.args
        made = self._text(args)
        plan: Json = {
            "to": self.rules.human,
            "category": args["category"],
            "urgent": args["urgent"],
            "message": made.text,
        }
        plan |= {name: args[name] for name in ("item", "repeat", "template") if name in args}
        messenger, why_not = self._ready()
        earlier = earlier_messages(self.door, args)
        self._check_repeat(call, earlier)
        preconditions: Json = {}
        warnings = list(made.warnings)
        level = GateLevel.LOG if made.ungated else GateLevel.GATE
        if messenger is None:
            plan["delivery"] = KEPT + (f" ({why_not})" if why_not else "")
            warnings.append("Slack is not configured: it stays in the outbox, nothing is sent")
        else:
            self._refuse_while_open(call, earlier)
            at = stands(earlier) if "repeat" not in args else None
            plan["member"] = messenger.to
            plan["delivery"] = (
                f"edits the message of {hhmm(at['at'])}, notifies nobody" if at else f"direct message to {messenger.to}"
            )
            plan |= {"edits": at} if at else {}
            preconditions = {"member": messenger.to, "stands": at["ts"] if at else ""}
            warnings += [f"Slack listens again in {round(messenger.limited_s)} s"] if messenger.limited_s else []
            if level is GateLevel.LOG and not at and sent_since(self.door, HOUR) >= UNGATED_PER_HOUR:
                level = GateLevel.GATE
                warnings.append(f"{UNGATED_PER_HOUR} messages went out in the last hour: this one asks")
        interrupts = f"{self.rules.human}, category {args['category']}"
        notifies = "edits" not in plan
        return Plan(
            plan=plan,
            preconditions=preconditions,
            shown=Shown(
                title=f"Slack message to {self.rules.human}",
                step="11",
                risk_level="low",
                risk=[
                    RiskLine(kind="interrupts", level="warn", text=interrupts)
                    if notifies
                    else RiskLine(kind="interrupts", level="ok", text="nobody: an edit does not notify"),
                    *today(self.door),
                ],
                evidence=caused(call),
                warnings=warnings,
            ),
            level=level,
        )

    def _text(self, args: Json) -> _Text:
        """The words, checked before anything is composed. Raises `Refusal` (R82, R127, R128)."""
        if "template" in args:
            made = slack_template.make(args["template"], self.rules, repeat=args.get("repeat", 0))
            if args.get("repeat") and not (made.urgent_class and made.nobody):
                raise deny("R128", "Only a P0 that nobody owns is repeated.", "Edit the message that stands.")
            if args["category"] in slack_rules.CATEGORIES and args["category"] not in slack_template.CATEGORIES:
                raise deny("R127", "This category needs words of its own.", "Write a message instead.")
            left_out = [f"left out, because it is not from the configuration: {what}" for what in made.left_out]
            ungated = made.urgent_class and "item" in args
            text = _Text(made.text, template=True, ungated=ungated, warnings=left_out)
        else:
            text = _Text(slack_rules.readable(args["message"]))
        problem = slack_rules.category_problem(args["category"], text.text)
        if problem:
            raise deny("R127", problem, "Use message_agent or the summary for routine updates.")
        policy.refuse_secrets(scan_texts(message=text.text), "The message")
        if text.template:
            return text
        known = [name for names in (*self.rules.tenants.values(), *self.rules.services.values()) for name in names]
        masked, count = slack_rules.withheld(args["category"], text.text, known)
        places = f"{count} places" if count > 1 else "1 place"
        return _Text(masked, warnings=[f"withheld in {places}: it looks like data, tenants go as ids"] if count else [])

    def _ready(self) -> tuple[Messenger | None, str]:
        """The messenger if it can send, and otherwise why not; nothing for none at all."""
        messenger = self.door.messenger
        why_not = messenger.ready() if messenger else ""
        return (None if why_not else messenger), why_not

    def _check_repeat(self, call: Call, earlier: list[Action]) -> None:
        """At most five reminders for each incident, each once (R128)."""
        args, n = call.args, call.args.get("repeat", 0)
        if not n:
            return
        reminders = [action for action in earlier if went(action) and args_of(action).get("repeat")]
        for action in reminders:
            if args_of(action)["repeat"] == n and (action.pulse_id, args_of(action)) != (call.pulse_id, args):
                raise deny("R128", f"Reminder {n} went out at {hhmm(action.requested_at)}.", "Count on.")
        if n > slack_rules.MAX_REPEATS:
            raise deny("R128", f"A P0 is repeated at most {slack_rules.MAX_REPEATS} times.", "Call the person instead.")

    def _refuse_while_open(self, call: Call, earlier: list[Action]) -> None:
        """No second message about an incident while nobody knows whether the first arrived; a reminder is one."""
        if "repeat" in call.args:
            return
        key = self.natural_key(call.args)
        for action in earlier:
            unclear = action.state in (ActionState.UNKNOWN, ActionState.EXECUTING)
            if unclear and (action.pulse_id, self.natural_key(args_of(action))) != (call.pulse_id, key):
                raise deny(
                    "R122",
                    f"A message of {hhmm(action.requested_at)} about the same incident may have arrived.",
                    "Look for it first: it is settled when its pulse goes on, or by a person.",
                )

    # doing -----------------------------------------------------------------------------------------

    def intended(self, action: Action) -> Json:
        """Recipient, text, category."""
        assert action.revision is not None
        plan = action.revision.plan
        return {"to": plan["to"], "message": plan["message"], "category": plan["category"]}

    def preconditions_now(self, action: Action) -> Json:
        """Who is told, and which message stands, read afresh."""
        assert action.revision is not None
        if "member" not in action.revision.plan:
            return {}
        messenger, _ = self._ready()
        args = action.revision.args
        earlier = [other for other in earlier_messages(self.door, args) if other.id != action.id]
        at = stands(earlier) if "repeat" not in args else None
        return {"member": messenger.to if messenger else "", "stands": at["ts"] if at else ""}

    def apply(self, action: Action, key: str) -> Effect:
        """Note it in the outbox as uncertain, send or edit, note what became of it."""
        assert action.revision is not None
        plan = action.revision.plan
        if "member" not in plan:
            try:
                return sent_effect(self._note(plan, key, "not configured"))
            except PlatformError as error:
                return self.after_error(action, key, error)
        messenger, why_not = self._ready()
        if messenger is None or messenger.to != plan["member"]:
            raise NotDone(f"Slack is not configured as it was: {why_not or 'another member'}.", "Ask again.")
        try:
            row = self._note(plan, key, "uncertain")
        except PlatformError as error:
            raise NotDone(f"The outbox cannot be written, so nothing was sent: {error.what}", error.mend) from error
        if row.state in _DELIVERED:
            raise Uncertain("It was sent before under the same yes.", "It is looked for.")
        self._mark(plan, key, "uncertain")
        message = _message(plan)
        edits: Json = plan.get("edits", {})
        try:
            if edits:
                at = Delivered(channel=edits["channel"], ts=edits["ts"], text="")
                seen = messenger.edit(at, message, key=key)
            else:
                seen = messenger.post(message, key=key)
        except NotifyLimited as error:
            self._mark(plan, key, "limited")
            again = self.door.clock.now() + round(error.retry_after_s * SECOND)
            raise NotDone(
                f"Slack takes no message before {hhmmss(again)} UTC (in {round(error.retry_after_s)} s).",
                "Nothing was sent; ask again then.",
            ) from error
        except NotifyUncertain as error:
            raise Uncertain(
                f"It may have arrived: {error.what}", "It is looked for before anything is repeated."
            ) from error
        except NotifyGone as error:
            self._mark(plan, key, "failed")
            self._forget(edits["action"])
            raise NotDone(
                f"The message of {hhmm(edits['at'])} is gone: {error.what}", "Ask again for a new one."
            ) from error
        except NotifyError as error:
            self._mark(plan, key, "failed")
            raise NotDone(error.what, error.mend) from error
        return self._delivered(plan, key, seen)

    def find(self, action: Action, key: str) -> Effect | None:
        """The message that carries this key, looked for in Slack. Raises while «not there» is no proof yet.

        Without an outbox row nothing was sent: the row is written first.
        """
        assert action.revision is not None
        plan = action.revision.plan
        row = self.door.platform.sent_by_key(key)
        if "member" not in plan:
            return sent_effect(row) if row else None
        if row is None:
            return None
        messenger, why_not = self._ready()
        if messenger is None:
            raise Uncertain(f"Slack cannot be asked: {why_not or 'it is not configured'}.", "Configure it, or say it.")
        attempts = self.door.journal.attempts(action.id)
        seen = messenger.find(key, since=attempts[0].started_at if attempts else action.requested_at)
        if seen is not None:
            return self._delivered(plan, key, seen)
        if row.state in _DELIVERED:
            return sent_effect(row)
        last = max((attempt.ended_at or attempt.started_at for attempt in attempts), default=0)
        left = last + SETTLE_MS - self.door.clock.now()
        if 0 < left <= SETTLE_MS:
            raise Uncertain(f"It is not there, and may still come: look again in {-(-left // SECOND)} s.")
        self._mark(plan, key, "failed")
        return None

    def _delivered(self, plan: Json, key: str, seen: Delivered) -> Effect:
        row = self._mark(plan, key, "edited" if "edits" in plan else "sent")
        effect = sent_effect(row)
        message = plan["message"] if seen.text.split() == plan["message"].split() else seen.text
        return Effect(
            requested={"member": plan["member"]},
            observed={**effect.observed, "message": message, "channel": seen.channel, "ts": seen.ts},
        )

    def _note(self, plan: Json, key: str, state: str) -> OutgoingMessage:
        """The outbox row of this key; one that is there already stays as it is."""
        return self.door.platform.send(
            to=plan["to"],
            channel="slack",
            text=plan["message"],
            key=key,
            category=plan["category"],
            urgent=plan["urgent"],
            state=state,
        )

    def _mark(self, plan: Json, key: str, state: str) -> OutgoingMessage:
        self._note(plan, key, state)
        return self.door.platform.mark_sent(key, state)

    def _forget(self, key: str) -> None:
        """A message that cannot be edited any more does not stand."""
        try:
            self.door.platform.mark_sent(key, "gone")
        except NotFound as error:
            raise Uncertain(error.what, "The message that was to be edited is gone.") from error


def _message(plan: Json) -> DirectMessage:
    return DirectMessage(
        text=plan["message"], category=plan["category"], urgent=plan["urgent"], item=plan.get("item", "")
    )
