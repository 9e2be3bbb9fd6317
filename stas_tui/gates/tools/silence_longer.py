"""`extend_silence`: a silence that stands lasts longer; the same gate, the same limits as for a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown
from stas_tui.gates.tools.base import only, scan_texts, text_of
from stas_tui.gates.tools.silence_parts import (
    MOST_MINUTES,
    REASON_LIMIT,
    SilenceTool,
    alerts,
    critical,
    effect_of,
    hidden_lines,
    in_order,
    length_locks,
    matchers_of,
    plan_of,
    span,
    warnings,
    wide,
)
from stas_tui.notify.alertmanager_v2 import LONGEST_VALUE, Bad, matcher_text, to_ms, to_rfc3339
from stas_tui.notify.base import NotifyError, NotifyUncertain
from storage.clock import MINUTE
from storage.records import Action, EffectClass, GateLevel, Json

ADDED = "added to its comment"


class ExtendSilence(SilenceTool):
    """Move the end of one silence to a later time. Always asks a person.

    It names the end and no length, so the same call twice is the same silence. From its beginning to the new end it
    obeys the limits of a new one: however often it is extended, nothing stays hidden for ever.
    """

    name = "extend_silence"
    effect_class = EffectClass.CONVERGE
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`source`, `silenceId`, `until` and `reason`; `ends` if the caller says at which end it looked.

        Times are RFC 3339, kept to the millisecond in UTC.
        """
        only(args, "source", "silenceId", "ends", "until", "reason")
        return {
            **{name: text_of(args, name, limit=200) for name in ("source", "silenceId")},
            "ends": _time(args, "ends") if args.get("ends") else "",
            "until": _time(args, "until"),
            "reason": " ".join(text_of(args, "reason", limit=REASON_LIMIT).split()),
        }

    def natural_key(self, args: Json) -> str:
        """Each silence is extended by one call at a time."""
        return f"extend:{args['source']}:{args['silenceId']}"

    def already(self, call: Call) -> Json | None:
        """It ends exactly then."""
        found = self.standing(call.args["source"], call.args["silenceId"])
        if found is None or found["state"] == "expired" or found["ends_at"] != to_ms(call.args["until"]):
            return None
        return {"id": found["id"], "ends_at": found["ends_at"], "changed": False}

    def plan(self, call: Call) -> Plan:
        """The silence as it stands, its end then and now, and what it hides meanwhile."""
        args = call.args
        policy.refuse_secrets(scan_texts(reason=args["reason"]), "The silence")
        found = self._extensible(args)
        now, ends = self.door.clock.now(), to_ms(args["until"])
        minutes = (ends - found["starts_at"]) / MINUTE
        overrides = self.overrides(call, length_locks(minutes))
        matchers = matchers_of(found)
        hidden = self.seen(args["source"], matchers)
        more = (ends - found["ends_at"]) / MINUTE
        added = f" | until {args['until']} by {call.caller}: {args['reason']}"
        full = len(found["comment"]) + len(added) >= LONGEST_VALUE
        return Plan(
            plan={
                "source": args["source"],
                "silence": args["silenceId"],
                "matchers": [matcher_text(m) for m in matchers],
                "starts": to_rfc3339(found["starts_at"]),
                "ends now": to_rfc3339(found["ends_at"]),
                "until": args["until"],
                "comment": found["comment"],
                ADDED: "" if full else added,
                "reason": args["reason"],
                "set by": found["by"],
                "exact": in_order(matchers),
                "starts_at": found["starts_at"],
                "ends_at": ends,
                "overrides": overrides,
            },
            preconditions={"ends": to_rfc3339(found["ends_at"]), "comment": found["comment"]},
            shown=Shown(
                title=f"Extend a silence over {alerts(len(hidden))} by {span(more)}",
                risk_level="high" if critical(hidden) or wide(matchers) else "medium",
                risk=[
                    *hidden_lines(hidden),
                    RiskLine(kind="in all", level="warn" if overrides else "ok", text=span(minutes)),
                    RiskLine(kind="rollback", level="ok", text="it can be ended at any time"),
                ],
                warnings=[
                    *warnings(matchers, hidden),
                    *(["its comment is full: the reason stands in the log only"] if full else []),
                ],
            ),
            level=GateLevel.GATE,
            ask_ttl_ms=min(self.rules.ask_ttl_ms, found["ends_at"] - now),
        )

    def _extensible(self, args: Json) -> Json:
        """The silence, if it stands and may last until then. Raises `BadCall`."""
        source, silence_id, ends = args["source"], args["silenceId"], to_ms(args["until"])
        found = self.standing(source, silence_id)
        if found is None:
            raise BadCall(f"{source} holds no silence {silence_id}.")
        if found["state"] == "expired" or found["ends_at"] <= self.door.clock.now():
            raise BadCall("That silence is over; it cannot be extended.", "Ask for a new one.")
        if args["ends"] and to_ms(args["ends"]) != found["ends_at"]:
            told = f"It ends at {to_rfc3339(found['ends_at'])} now, and not at {args['ends']}"
            raise BadCall(f"{told}: somebody changed it.", "Look at it, then ask again.")
        if ends <= found["ends_at"]:
            raise BadCall(f"It lasts until {to_rfc3339(found['ends_at'])} already.", "Name a later time, or end it.")
        if ends - found["starts_at"] > MOST_MINUTES * MINUTE:
            days = MOST_MINUTES // (24 * 60)
            raise BadCall(f"From its beginning it would last longer than {days} days.", "Change the alert's rule.")
        return found

    def preconditions_now(self, action: Action) -> Json:
        """Its end and its comment as they stand."""
        plan = plan_of(action)
        found = self.standing(plan["source"], plan["silence"])
        if found is None or found["state"] == "expired":
            return {"ends": "over", "comment": ""}
        return {"ends": to_rfc3339(found["ends_at"]), "comment": found["comment"]}

    def intended(self, action: Action) -> Json:
        """The same matchers, the new end, the reason in the comment."""
        plan = plan_of(action)
        return {"matchers": plan["exact"], "ends_at": plan["ends_at"], "comment": plan["comment"] + plan[ADDED]}

    def apply(self, action: Action, key: str) -> Effect:
        """Write it back with its new end, then read it."""
        plan = plan_of(action)
        try:
            silence_id = self.silencer.extend(
                plan["source"],
                plan["silence"],
                plan["ends_at"],
                was=to_ms(plan["ends now"]),
                said=plan[ADDED],
            )
        except NotifyUncertain as error:
            return self.after_lost_answer(action, key, error)
        except NotifyError as error:
            raise NotDone(error.what, error.mend) from error
        return self.read_back(plan["source"], silence_id)

    def find(self, action: Action, key: str) -> Effect | None:
        """The silence with the new end, under its id or under the one that took its place."""
        plan = plan_of(action)
        found = self.silencer.read(plan["source"], plan["silence"])
        if found is None or found["state"] == "expired":
            found = self.silencer.find(plan["source"], plan["comment"] + plan[ADDED])
        if found is None or found["ends_at"] != plan["ends_at"] or in_order(found["matchers"]) != plan["exact"]:
            return None
        return effect_of(found)


def _time(args: Mapping[str, Any], name: str) -> str:
    """A time in its one spelling. Raises `BadCall`."""
    try:
        return to_rfc3339(to_ms(args.get(name)))
    except (Bad, ValueError, OverflowError, OSError):
        raise BadCall(f"{name} must say when it ends.", "A time such as 2027-01-31T14:30:00Z.") from None
