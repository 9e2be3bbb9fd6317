"""The one door: every effect on the world is a call here, and every read of it is noted.

call -> policy -> intent journaled -> gate (if asked) -> apply -> read back -> outcome journaled
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from stas_tui.forges.base import ForgeError
from stas_tui.gates.clean import clean
from stas_tui.gates.contract import (
    Answer,
    BadCall,
    Call,
    Effect,
    NotDone,
    Override,
    Plan,
    Refusal,
    Shown,
    Tool,
    Uncertain,
    answer_of,
    differences,
)
from stas_tui.gates.policy import level_in_mode, refuse_secret_args
from stas_tui.gates.reads import Reads
from stas_tui.gates.recovery import Recovery
from stas_tui.gates.standing import standing
from stas_tui.gates.tools.base import Door, Rules
from stas_tui.platforms.base import PlatformError
from storage.canonical import digest_of
from storage.errors import StasError, StoreError
from storage.journal import CallConflict, Expired, Halted, NewAction, NotApproved, Tampered
from storage.owner import this_owner
from storage.records import Action, ActionState, GateLevel, Json, Mode
from storage.redact import redact


class WrongName(BadCall):
    """A G2 gate was approved without typing the object's name."""


class ObserveMode(BadCall):
    """Nothing is approved in Observe: every effect is a proposal."""


class Toolbox(Recovery, Reads):
    """All tools of the routine, by their names, behind one policy and one journal.

    `killpoint` is called with a name where a crash test may kill the process: here `K7` before and `K8` after an
    effect; the journal has the other K points, the routine its own (see `wiring.KILL_VARIABLE`).
    """

    def __init__(
        self,
        door: Door,
        *,
        killpoint: Callable[[str], None] = lambda _: None,
        tools: Callable[[str], Tool | None] | None = None,
    ) -> None:
        """`tools` knows further tools by their names, which are none of the routine's own."""
        self.door = door
        self.killpoint = killpoint
        self._further = tools
        self._owner = this_owner()
        self._unreported: dict[str, dict[str, Any]] = {}

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        from stas_tui.gates.tools.every import TOOLS

        return {cls.name: cls(self.door) for cls in TOOLS}

    @property
    def rules(self) -> Rules:
        """The configuration's part that the door obeys."""
        return self.door.rules

    # effects --------------------------------------------------------------------------------------

    def call(
        self,
        tool: str,
        args: Mapping[str, Any],
        *,
        pulse_id: str,
        caller: str,
        caused_by: str = "",
        override: Override | None = None,
        call_key: str | None = None,
    ) -> Answer:
        """Ask for an effect. Returns its answer, or `pending` with the action that waits for a person.

        Raises `BadCall` for wrong arguments, `StoreError` if the journal cannot be written (nothing happened).
        """
        handler = self._tool(tool)
        pulse = self.door.pulses.get(pulse_id)
        if pulse.ended_at is not None:
            raise BadCall(f"Pulse {pulse.number} has ended.", "Start a new one.")
        request = Call(
            pulse_id=pulse_id,
            tool=tool,
            args=handler.check(args),
            caller=caller,
            caused_by=redact(caused_by),
            override=override,
            call_key=call_key,
        )
        try:
            refuse_secret_args(tool, request.args)
            already = handler.already(request)
            if already is not None:
                self._note("tool.answered", request, {"result": already, "because": "it is already so"})
                return Answer(status="ok", tool=tool, result=already)
            plan = handler.plan(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        except (ForgeError, PlatformError) as error:
            self._note("tool.failed", request, {"what": redact(str(error))})
            return Answer(status="failed", tool=tool, reason=str(error))
        self._note_overrides(request, plan)
        level = level_in_mode(plan.level, pulse.mode, always_asks=handler.gated_in_every_mode)
        try:
            requested = self.door.journal.request(self._new_action(handler, request, plan, level))
        except CallConflict as conflict:
            return replace(answer_of(conflict.existing), status="conflict", reason=str(conflict))
        except Halted as halted:
            return Answer(status="halted", tool=tool, reason=str(halted))
        action = requested.action
        if action.state in (ActionState.APPROVED, ActionState.UNKNOWN):
            return self.perform(action.id)
        return answer_of(action)

    def _new_action(self, handler: Tool, call: Call, plan: Plan, level: GateLevel) -> NewAction:
        return NewAction(
            pulse_id=call.pulse_id,
            tool=call.tool,
            natural_key=handler.natural_key(call.args),
            args=call.args,
            plan=plan.plan,
            preconditions=plan.preconditions | self._standing(call.pulse_id),
            shown=clean(plan.shown.to_json()),
            effect_class=handler.effect_class,
            level=level,
            requested_by=call.caller,
            ask_ttl_ms=plan.ask_ttl_ms or self.rules.ask_ttl_ms,
            caused_by=call.caused_by,
            schema=digest_of({"tool": call.tool, "version": 1}, "stas/tool/v1"),
            call_key=call.call_key,
        )

    def perform(self, action_id: str) -> Answer:
        """Run an approved action: check that the world still is as approved, apply, read back, record.

        A gate or an approval whose time is over ends here. A world that moved sends the action back to its gate; facts
        that cannot be read leave the approval unused. An action that a dead process left half done is settled first.
        Anything but `approved` answers with its state.
        """
        unreported = self._unreported.get(action_id)
        if unreported is not None:
            return self._report(action_id, unreported)
        try:
            self.door.journal.end_if_over(action_id)
        except Expired:
            return answer_of(self.door.journal.get(action_id))
        action = self.settled(self.door.journal.get(action_id))
        if action.state is not ActionState.APPROVED:
            return answer_of(action)
        handler = self._tool(action.tool)
        stale = self._stale(handler, action)
        if stale is not None:
            return stale
        try:
            attempt = self.door.journal.claim(action_id, owner=self._owner)
        except (Expired, NotApproved, Tampered) as error:
            now = self.door.journal.get(action_id)
            return replace(answer_of(now), reason=now.reason or str(error))
        except Halted as halted:
            return replace(answer_of(action), status="halted", reason=str(halted))
        if not self.door.journal.may_start(attempt):
            return self._finish(action, attempt.n, "not_done", None, "the lease was nearly over")
        self.killpoint("K7")
        try:
            effect = handler.apply(action, action.id)
            self.killpoint("K8")
            outcome = self._outcome(handler, action, effect)
        except NotDone as error:
            return self._finish(action, attempt.n, "failed", None, str(error))
        except (Uncertain, StasError) as error:
            return self._finish(action, attempt.n, "unknown", None, str(error))
        except Exception as error:
            self._finish(action, attempt.n, "unknown", None, f"unexpected {type(error).__name__}")
            raise
        return self._finish(action, attempt.n, "succeeded", outcome, "")

    def _finish(self, action: Action, n: int, result: str, outcome: Json | None, detail: str) -> Answer:
        return self._report(action.id, {"n": n, "result": result, "outcome": outcome, "detail": redact(detail)})

    def _report(self, action_id: str, report: dict[str, Any]) -> Answer:
        """Store what became of an attempt; kept for the next try while the record cannot be written."""
        try:
            done = self.door.journal.finish(action_id, owner=self._owner, **report)
        except StoreError:
            self._unreported[action_id] = report
            raise
        except BaseException:
            self._unreported.pop(action_id, None)
            raise
        self._unreported.pop(action_id, None)
        return answer_of(done)

    def _outcome(self, handler: Tool, action: Action, effect: Effect) -> Json:
        intended = handler.intended(action)
        return {
            "intended": intended,
            "requested": effect.requested,
            "observed": effect.observed,
            "differences": differences(intended, effect.observed),
        }

    def _stale(self, handler: Tool, action: Action) -> Answer | None:
        """Back to the gate if a precondition moved; None if the approval still fits the world.

        What the policy forbids by now, and what is gone, is withdrawn with the reason.
        """
        revision = action.revision
        assert revision is not None
        try:
            now = handler.preconditions_now(action) | self._standing(action.pulse_id)
            moved = differences(revision.preconditions, now)
            if not moved:
                return None
            fresh = handler.plan(self._call_of(action))
        except Refusal as refusal:
            self._withdraw(action, refusal)
            return self._refused(self._call_of(action), refusal)
        except (BadCall, NotDone) as error:
            self._withdraw(action, error)
            return replace(answer_of(self.door.journal.get(action.id)), status="failed")
        except (StasError, OSError) as error:
            return replace(answer_of(action), reason=f"Not started, the approval still stands: {error}")
        if action.level is GateLevel.LOG:
            self._withdraw(action, "the world moved before it ran")
            return replace(answer_of(self.door.journal.get(action.id)), status="stale", reason="; ".join(moved))
        back = self.door.journal.go_stale(
            action.id,
            plan=fresh.plan,
            preconditions=fresh.preconditions | self._standing(action.pulse_id),
            shown={
                **clean(fresh.shown.to_json()),
                "warnings": [*fresh.shown.warnings, *(f"changed since: {m}" for m in moved)],
            },
            why="; ".join(moved),
        )
        return replace(answer_of(back), reason=f"the world changed after the approval: {'; '.join(moved)}")

    def _withdraw(self, action: Action, why: object) -> None:
        self.door.journal.withdraw(action.id, by="policy", reason=redact(str(why)))

    def _standing(self, pulse_id: str) -> Json:
        return standing(self.door.pulses.get(pulse_id).mode, self.rules)

    def undo(self, action_id: str, by: str) -> Answer:
        """Take a logged action back: a move, or a P0 task of the last five minutes. Raises `TooLate`, `BadCall`."""
        action = self.door.journal.get(action_id)
        return self.call("undo_action", {"actionId": action_id}, pulse_id=action.pulse_id, caller=by)

    def _call_of(self, action: Action) -> Call:
        assert action.revision is not None
        overrides = action.revision.plan.get("overrides", ())
        override = Override(by=overrides[0]["by"], reason=overrides[0]["reason"]) if overrides else None
        return Call(
            pulse_id=action.pulse_id,
            tool=action.tool,
            args=action.revision.args,
            caller=action.requested_by,
            caused_by=action.caused_by,
            override=override,
        )

    # decisions ------------------------------------------------------------------------------------

    def decide(
        self,
        action_id: str,
        *,
        rev: int,
        digest: str,
        verdict: str,
        voter: str,
        reason: str = "",
        dwell_ms: int | None = None,
        typed: str = "",
    ) -> Action:
        """A person's answer to the revision and digest that were on screen. Runs nothing.

        Raises `ObserveMode`, `WrongName`, and the journal's `StaleDecision`, `AlreadyDecided`, `Expired`,
        `ReasonRequired`.
        """
        action = self.door.journal.get(action_id)
        if verdict == "approve":
            if self.door.pulses.get(action.pulse_id).mode is Mode.OBSERVE:
                raise ObserveMode(
                    "Observe mode approves nothing; every effect stays a proposal.", "Raise the mode first."
                )
            assert action.revision is not None
            name = Shown.from_json(action.revision.shown).confirm
            if action.level is GateLevel.GATE2 and typed.strip() != name:
                raise WrongName(f"Type {name} to approve this.")
        return self.door.journal.decide(
            action_id, rev=rev, digest=digest, verdict=verdict, voter=voter, reason=redact(reason), dwell_ms=dwell_ms
        )

    def edit(self, action_id: str, *, rev: int, digest: str, args: Mapping[str, Any], author: str) -> Action:
        """A new revision with changed arguments: planned afresh, policy asked again, old votes void.

        Raises `BadCall`, `Refusal`; the old revision then stands.
        """
        action = self.door.journal.get(action_id)
        handler = self._tool(action.tool)
        call = replace(self._call_of(action), args=handler.check(args))
        try:
            refuse_secret_args(action.tool, call.args)
            plan = handler.plan(call)
        except Refusal as refusal:
            self._refused(replace(call, caller=author), refusal)
            raise
        mode = self.door.pulses.get(action.pulse_id).mode
        level = level_in_mode(plan.level, mode, always_asks=handler.gated_in_every_mode)
        return self.door.journal.revise(
            action_id,
            rev=rev,
            digest=digest,
            args=call.args,
            plan=plan.plan,
            preconditions=plan.preconditions | self._standing(action.pulse_id),
            shown=clean(plan.shown.to_json()),
            author=author,
            level=GateLevel.GATE if level is GateLevel.LOG else level,
        )

    # helpers --------------------------------------------------------------------------------------

    def _tool(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            if self._further is not None and (further := self._further(name)) is not None:
                return further
            raise BadCall(f"There is no tool {name}.", f"Tools: {', '.join(sorted(self._tools))}.") from None

    def _refused(self, call: Call, refusal: Refusal) -> Answer:
        kind = "policy.refused" if refusal.kind == "deny" else "policy.locked"
        self._note(kind, call, {"rule": refusal.rule, "what": refusal.what, "mend": refusal.mend})
        return Answer(
            status="refused" if refusal.kind == "deny" else "locked",
            tool=call.tool,
            reason=str(refusal),
            rule=refusal.rule,
            by="policy",
        )

    def _note_overrides(self, call: Call, plan: Plan) -> None:
        """Each lock that a person overrode for this call, once."""
        overrides: list[Json] = list(plan.plan.get("overrides", ()))
        if not overrides:
            return
        noted = self.door.journal.events(pulse_id=call.pulse_id, kinds=["policy.overridden"])
        for overridden in overrides:
            if not any({"tool": call.tool, **overridden}.items() <= event.body.items() for event in noted):
                self._note("policy.overridden", call, overridden, actor=overridden["by"])

    def _note(self, kind: str, call: Call, body: Json, *, actor: str = "") -> None:
        subject: Json = {name: call.args[name] for name in ("projectId", "taskId", "messageId") if name in call.args}
        self.door.journal.record(
            kind,
            actor=actor or ("policy" if kind.startswith("policy.") else call.caller),
            pulse_id=call.pulse_id,
            body=clean({"tool": call.tool, "caused_by": call.caused_by} | subject | dict(body)),
        )
