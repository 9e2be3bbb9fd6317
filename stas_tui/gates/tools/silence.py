"""`silence_alert` and `end_silence`: keeping Alertmanager quiet, only on request, with a reason and an end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown, Uncertain, lock
from stas_tui.gates.tools.base import BaseTool, only, scan_texts, text_of
from stas_tui.notify.alertmanager_v2 import Matcher, matcher_text, to_rfc3339
from stas_tui.notify.base import NotifyError, NotifyUncertain, Silencer, SilenceWish
from stas_tui.texts.severity import is_critical
from storage.canonical import digest_of
from storage.clock import HOUR, MINUTE
from storage.errors import StasError
from storage.records import Action, EffectClass, GateLevel, Json
from storage.watch_records import Alert

LONGEST_MINUTES = 24 * 60
"""A longer silence needs a typed reason."""
MOST_MINUTES = 30 * LONGEST_MINUTES
"""A longer one is no silence but a change of the rules."""
MOST_MATCHERS = 32
NAMED = 12
"""Alerts that are listed by name in a gate; the others are counted."""
_LETTERS = re.compile(r"[A-Za-z0-9]{3}")


class _SilenceTool(BaseTool):
    @property
    def silencer(self) -> Silencer:
        """The writing side of the Alertmanagers. Raises `BadCall`."""
        if self.door.silencer is None:
            raise BadCall("No Alertmanager is configured.", "Add an [[alertmanager]] table.")
        return self.door.silencer

    def seen(self, source: str, matchers: Sequence[Matcher]) -> Sequence[Alert]:
        """The alerts that matchers fit now. Raises `BadCall` if they cannot be seen."""
        try:
            return self.silencer.hides(source, matchers)
        except NotifyError as error:
            raise BadCall(error.what, error.mend) from error

    def standing(self, source: str, silence_id: str) -> Json | None:
        """A silence as it stands. Raises `BadCall` if it cannot be read."""
        try:
            return self.silencer.read(source, silence_id)
        except NotifyError as error:
            raise BadCall(error.what, error.mend) from error


class SilenceAlert(_SilenceTool):
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
            "reason": " ".join(text_of(args, "reason", limit=1_000).split()),
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
        locks = []
        if args["minutes"] > LONGEST_MINUTES:
            hours = args["minutes"] / 60
            locks.append(lock("silence", f"A silence of {hours:.0f} h outlives the day.", "Shorten it, or say why."))
        overrides = self.overrides(call, locks)
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
            "exact": _sorted(matchers),
            "starts_at": now,
            "ends_at": ends,
            "overrides": overrides,
        }
        return Plan(
            plan=plan,
            shown=Shown(
                title=f"Silence {len(hidden)} alert{'' if len(hidden) == 1 else 's'} for {_span(args['minutes'])}",
                risk_level="high" if _critical(hidden) or _wide(matchers) else "medium",
                risk=[
                    *_hidden_lines(hidden),
                    RiskLine(kind="rollback", level="ok", text="it can be ended at any time"),
                ],
                warnings=_warnings(matchers, hidden, args["fingerprint"]),
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
        plan = _plan(action)
        return {"matchers": plan["exact"], "ends_at": plan["ends_at"], "comment": plan["comment"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Write it once, then read back."""
        plan = _plan(action)
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
            return self._after_lost_answer(action, key, error)
        except NotifyError as error:
            raise NotDone(error.what, error.mend) from error
        try:
            found = self.silencer.read(plan["source"], silence_id)
        except NotifyError as error:
            raise Uncertain(f"It was taken, and cannot be read back: {error.what}", error.mend) from error
        if found is None:
            raise Uncertain("It was taken and is not there.", "Look in Alertmanager.")
        return _effect(found)

    def _after_lost_answer(self, action: Action, key: str, error: NotifyError) -> Effect:
        try:
            effect = self.find(action, key)
        except StasError as blind:
            raise Uncertain(f"{error.what} Whether it happened cannot be seen: {blind.what}", error.mend) from error
        if effect is None:
            raise Uncertain(error.what, error.mend) from error
        return effect

    def find(self, action: Action, key: str) -> Effect | None:
        """The unexpired silence with the plan's comment, matchers and end."""
        plan = _plan(action)
        found = self.silencer.find(plan["source"], plan["comment"])
        if found is None or _sorted(found["matchers"]) != plan["exact"] or found["ends_at"] != plan["ends_at"]:
            return None
        return _effect(found)


class EndSilence(_SilenceTool):
    """Let a silence expire now. Asks a person: what it hid pages again."""

    name = "end_silence"
    effect_class = EffectClass.CONVERGE
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`source`, `silenceId`."""
        only(args, "source", "silenceId")
        return {name: text_of(args, name, limit=200) for name in ("source", "silenceId")}

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
        found = self.standing(source, silence_id)
        if found is None:
            raise BadCall(f"{source} holds no silence {silence_id}.")
        matchers: list[Matcher] = [(m[0], m[1], m[2], m[3]) for m in found["matchers"]]
        hidden = self.seen(source, matchers) if found["state"] == "active" else ()
        return Plan(
            plan={
                "source": source,
                "silence": silence_id,
                "matchers": [matcher_text(m) for m in matchers],
                "ends": to_rfc3339(found["ends_at"]),
                "comment": found["comment"],
                "set by": found["by"],
            },
            shown=Shown(
                title=f"End a silence over {len(hidden)} alert{'' if len(hidden) == 1 else 's'}",
                risk_level="low",
                risk=_hidden_lines(hidden),
            ),
            level=GateLevel.GATE,
        )

    def intended(self, action: Action) -> Json:
        """It is over."""
        return {"state": "expired"}

    def apply(self, action: Action, key: str) -> Effect:
        """End it and read back."""
        plan = _plan(action)
        try:
            self.silencer.end(plan["source"], plan["silence"])
        except NotifyUncertain as error:
            raise Uncertain(error.what, error.mend) from error
        except NotifyError as error:
            raise NotDone(error.what, error.mend) from error
        return self._seen_now(plan)

    def find(self, action: Action, key: str) -> Effect | None:
        """It happened if it is over or gone."""
        effect = self._seen_now(_plan(action))
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


def _plan(action: Action) -> Json:
    assert action.revision is not None
    return action.revision.plan


def _sorted(matchers: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return sorted(list(m) for m in matchers)


def _effect(found: Json) -> Effect:
    return Effect(
        requested={"comment": found["comment"]},
        observed={
            "id": found["id"],
            "matchers": _sorted(found["matchers"]),
            "ends_at": found["ends_at"],
            "comment": found["comment"],
            "state": found["state"],
        },
    )


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes * MINUTE / HOUR:g} h"


def _critical(hidden: Sequence[Alert]) -> bool:
    return any(is_critical(alert.severity) for alert in hidden)


def _wide(matchers: Sequence[Matcher]) -> list[Matcher]:
    """Matchers that fit nearly anything: a regular expression without three letters in a row, or a negation."""
    return [m for m in matchers if (m[2] and not _LETTERS.search(m[1])) or not m[3]]


def _hidden_lines(hidden: Sequence[Alert]) -> list[RiskLine]:
    tenants = sorted({alert.tenant for alert in hidden if alert.tenant})
    names = [f"{a.name}{f' ({a.tenant})' if a.tenant else ''}" for a in hidden[:NAMED]]
    more = f" and {len(hidden) - NAMED} more" if len(hidden) > NAMED else ""
    return [
        RiskLine(
            kind="hides now",
            level="crit" if _critical(hidden) else "warn" if hidden else "ok",
            text=f"{len(hidden)}: {', '.join(names)}{more}" if hidden else "no alert",
        ),
        RiskLine(
            kind="tenants",
            level="warn" if len(tenants) > 1 else "ok",
            text=", ".join(tenants[:NAMED]) + (f" and {len(tenants) - NAMED} more" if len(tenants) > NAMED else "")
            or "none named",
        ),
    ]


def _warnings(matchers: Sequence[Matcher], hidden: Sequence[Alert], fingerprint: str) -> list[str]:
    found = [f"{matcher_text(m)} fits nearly anything" for m in _wide(matchers)]
    if _critical(hidden):
        found.append("it hides a critical alert")
    if not hidden:
        found.append("it hides nothing now: are the labels right?")
    if not fingerprint and not any(m[0] == "alertname" and not m[2] and m[3] for m in matchers):
        found.append("it names no single alert: later alerts with these labels are hidden too")
    return found
