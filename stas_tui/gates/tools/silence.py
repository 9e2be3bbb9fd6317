"""`silence_alert` and `end_silence`: keeping Alertmanager quiet, only on request, with a reason and an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown, Uncertain
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
from stas_tui.notify.alertmanager_v2 import Matcher, matcher_text, to_rfc3339
from stas_tui.notify.base import NotifyError, NotifyUncertain, SilenceWish
from storage.canonical import digest_of
from storage.clock import MINUTE
from storage.records import Action, EffectClass, GateLevel, Json

MOST_MATCHERS = 32


class SilenceAlert(SilenceTool):
    """Write one silence into Alertmanager. Always asks a person; never without an end."""

    name = "silence_alert"
    effect_class = EffectClass.LOOKUP
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`source`, `minutes`, `reason`, either `matchers` or `fingerprint`, and `item`: the item it is about.

        A matcher is `{"label", "value", "regex"?, "equal"?}`; a fingerprint stands for all labels of that alert.
        """
        only(args, "source", "matchers", "fingerprint", "minutes", "reason", "item")
        minutes = args.get("minutes")
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= MOST_MINUTES:
            raise BadCall("minutes must say when the silence ends.", f"From 1 to {MOST_MINUTES}.")
        fingerprint = text_of(args, "fingerprint", limit=200, required=False)
        matchers = _matchers(args.get("matchers"))
        if bool(fingerprint) == bool(matchers):
            raise BadCall("Either matchers or the fingerprint of an alert says what is silenced.")
        return {
            "source": text_of(args, "source", limit=200),
            "matchers": matchers,
            "fingerprint": fingerprint,
            "minutes": minutes,
            "reason": " ".join(text_of(args, "reason", limit=REASON_LIMIT).split()),
            "item": " ".join(text_of(args, "item", limit=300, required=False).split()),
        }

    def natural_key(self, args: Json) -> str:
        """One for each set of matchers; a caller that silences the same again later gives a call key."""
        what = args["fingerprint"] or digest_of(args["matchers"], "stas/silence/v1")[:16]
        return f"silence:{args['source']}:{what}"

    def plan(self, call: Call) -> Plan:
        """Exactly which labels, from when to when, with which comment, and what that would hide now."""
        args = call.args
        policy.refuse_secrets(scan_texts(reason=args["reason"], item=args["item"]), "The silence")
        overrides = self.overrides(call, length_locks(args["minutes"]))
        matchers = self._resolved(args)
        hidden = self.seen(args["source"], matchers)
        now = self.door.clock.now()
        ends = now + args["minutes"] * MINUTE
        item = args["item"] or args["fingerprint"] or f"m-{digest_of(args['matchers'], 'stas/silence/v1')[:8]}"
        plan: Json = {
            "source": args["source"],
            "matchers": [matcher_text(m) for m in matchers],
            "starts": to_rfc3339(now),
            "ends": to_rfc3339(ends),
            "comment": f"stas:own:{item}: {args['reason']}",
            "by": call.caller,
            "exact": in_order(matchers),
            "starts_at": now,
            "ends_at": ends,
            "overrides": overrides,
        }
        return Plan(
            plan=plan,
            shown=Shown(
                title=f"Silence {alerts(len(hidden))} for {span(args['minutes'])}",
                risk_level="high" if critical(hidden) or wide(matchers) else "medium",
                risk=[
                    *hidden_lines(hidden),
                    RiskLine(kind="rollback", level="ok", text="it can be ended at any time"),
                ],
                warnings=warnings(matchers, hidden, one_alert=bool(args["fingerprint"])),
            ),
            level=GateLevel.GATE,
            ask_ttl_ms=min(self.rules.ask_ttl_ms, args["minutes"] * MINUTE),
        )

    def _resolved(self, args: Json) -> list[Matcher]:
        if not args["fingerprint"]:
            return [(m["label"], m["value"], m["regex"], m["equal"]) for m in args["matchers"]]
        alert = next((a for a in self.seen(args["source"], ()) if a.key == args["fingerprint"]), None)
        if alert is None:
            raise BadCall(f"{args['source']} has no alert {args['fingerprint']} now.", "It may be resolved.")
        matchers: list[Matcher] = [(name, value, False, True) for name, value in sorted(alert.labels.items())]
        if not any(a.key == alert.key for a in self.seen(args["source"], matchers)):
            raise BadCall(
                "Its labels cannot be matched exactly: one is too long, or looks like a secret.", "Give matchers."
            )
        return matchers

    def intended(self, action: Action) -> Json:
        """Matchers, end and comment."""
        plan = plan_of(action)
        return {"matchers": plan["exact"], "ends_at": plan["ends_at"], "comment": plan["comment"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Write it once, then read back."""
        plan = plan_of(action)
        if self.door.clock.now() >= plan["ends_at"]:
            raise NotDone("Its time is over: it would end before it begins.", "Ask again.")
        wish = SilenceWish(
            source=plan["source"],
            matchers=[(m[0], m[1], m[2], m[3]) for m in plan["exact"]],
            starts_at=plan["starts_at"],
            ends_at=plan["ends_at"],
            by=plan["by"],
            comment=plan["comment"],
        )
        try:
            silence_id = self.silencer.set(wish)
        except NotifyUncertain as error:
            return self.after_lost_answer(action, key, error)
        except NotifyError as error:
            raise NotDone(error.what, error.mend) from error
        return self.read_back(plan["source"], silence_id)

    def find(self, action: Action, key: str) -> Effect | None:
        """The unexpired silence with the plan's comment, matchers and end."""
        plan = plan_of(action)
        found = self.silencer.find(plan["source"], plan["comment"])
        if found is None or in_order(found["matchers"]) != plan["exact"] or found["ends_at"] != plan["ends_at"]:
            return None
        return effect_of(found)


class EndSilence(SilenceTool):
    """Let a silence expire now. Asks a person: what it hid pages again."""

    name = "end_silence"
    effect_class = EffectClass.CONVERGE
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`source`, `silenceId`, and `reason` if there is one to be told."""
        only(args, "source", "silenceId", "reason")
        reason = " ".join(text_of(args, "reason", limit=REASON_LIMIT, required=False).split())
        return {name: text_of(args, name, limit=200) for name in ("source", "silenceId")} | {"reason": reason}

    def natural_key(self, args: Json) -> str:
        """Each silence once."""
        return f"unsilence:{args['source']}:{args['silenceId']}"

    def already(self, call: Call) -> Json | None:
        """It is over, or was never there."""
        found = self.standing(call.args["source"], call.args["silenceId"])
        if found is not None and found["state"] != "expired":
            return None
        return {"id": call.args["silenceId"], "state": "expired", "changed": False}

    def plan(self, call: Call) -> Plan:
        """The silence, and what it hides now."""
        source, silence_id = call.args["source"], call.args["silenceId"]
        policy.refuse_secrets(scan_texts(reason=call.args["reason"]), "The reason")
        found = self.standing(source, silence_id)
        if found is None:
            raise BadCall(f"{source} holds no silence {silence_id}.")
        matchers = matchers_of(found)
        hidden = self.seen(source, matchers) if found["state"] == "active" else ()
        return Plan(
            plan={
                "source": source,
                "silence": silence_id,
                "matchers": [matcher_text(m) for m in matchers],
                "ends": to_rfc3339(found["ends_at"]),
                "comment": found["comment"],
                "set by": found["by"],
                "reason": call.args["reason"],
            },
            shown=Shown(
                title=f"End a silence over {alerts(len(hidden))}",
                risk_level="low",
                risk=hidden_lines(hidden),
            ),
            level=GateLevel.GATE,
        )

    def intended(self, action: Action) -> Json:
        """It is over."""
        return {"state": "expired"}

    def apply(self, action: Action, key: str) -> Effect:
        """End it and read back."""
        plan = plan_of(action)
        try:
            self.silencer.end(plan["source"], plan["silence"])
        except NotifyUncertain as error:
            raise Uncertain(error.what, error.mend) from error
        except NotifyError as error:
            raise NotDone(error.what, error.mend) from error
        return self._seen_now(plan)

    def find(self, action: Action, key: str) -> Effect | None:
        """It happened if it is over or gone."""
        effect = self._seen_now(plan_of(action))
        return effect if effect.observed["state"] == "expired" else None

    def _seen_now(self, plan: Json) -> Effect:
        try:
            found = self.silencer.read(plan["source"], plan["silence"])
        except NotifyError as error:
            raise Uncertain(f"Whether it ended cannot be seen: {error.what}", error.mend) from error
        state = "expired" if found is None else found["state"]
        return Effect(requested={"id": plan["silence"]}, observed={"id": plan["silence"], "state": state})


def _matchers(raw: Any) -> list[Json]:
    if raw is None:
        return []
    if not isinstance(raw, list | tuple) or len(raw) > MOST_MATCHERS:
        raise BadCall(f"matchers must be a list of at most {MOST_MATCHERS}.")
    found = []
    for item in raw:
        if not isinstance(item, Mapping):
            raise BadCall('A matcher is {"label", "value", "regex", "equal"}.')
        only(item, "label", "value", "regex", "equal")
        flags = {"regex": item.get("regex", False), "equal": item.get("equal", True)}
        if not all(isinstance(flag, bool) for flag in flags.values()):
            raise BadCall("regex and equal must be true or false.")
        value = text_of(item, "value", limit=2_000, required=False)
        found.append({"label": text_of(item, "label", limit=200), "value": value, **flags})
    return found
