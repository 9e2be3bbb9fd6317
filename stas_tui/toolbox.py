"""The one door: every effect on the world is a call here, and every read of it is noted.

call -> policy -> intent journaled -> gate (if asked) -> apply -> read back -> outcome journaled
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from stas_tui.forges.base import ForgeError
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
from stas_tui.gates.policy import level_in_mode
from stas_tui.gates.tools.base import Door, Rules
from stas_tui.gates.tools.board import CreateTask, FileFollowUps, TransitionTask
from stas_tui.gates.tools.claim import ClaimTask
from stas_tui.gates.tools.complete import CommitChanges, OpenPullRequest
from stas_tui.gates.tools.messages import AcknowledgeMessage, MessageAgent, Remember, SlackDm
from stas_tui.gates.tools.spawn import SpawnExecutor
from stas_tui.platforms.base import NotFound, PlatformError
from storage.canonical import digest_of
from storage.errors import StasError, StoreError
from storage.journal import CallConflict, Expired, Halted, NewAction, StillRunning
from storage.owner import this_owner
from storage.records import (
    Action,
    ActionState,
    DataState,
    EffectClass,
    GateLevel,
    Json,
    Memory,
    Message,
    Mode,
    Project,
    Reading,
    Task,
    Vision,
)
from storage.redact import redact

_T = TypeVar("_T")

TOOLS: tuple[type[Any], ...] = (
    ClaimTask,
    SpawnExecutor,
    CommitChanges,
    OpenPullRequest,
    TransitionTask,
    CreateTask,
    FileFollowUps,
    Remember,
    MessageAgent,
    SlackDm,
    AcknowledgeMessage,
)


class WrongName(BadCall):
    """A G2 gate was approved without typing the object's name."""


class ObserveMode(BadCall):
    """Nothing is approved in Observe: every effect is a proposal."""


class Toolbox:
    """All tools of the routine, by their names, behind one policy and one journal."""

    def __init__(self, door: Door, *, killpoint: Callable[[str], None] = lambda _: None) -> None:
        self.door = door
        self._killpoint = killpoint
        self._tools: dict[str, Tool] = {cls.name: cls(door) for cls in TOOLS}
        self._owner = this_owner()

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
            caused_by=caused_by,
            override=override,
            call_key=call_key,
        )
        try:
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
        for overridden in plan.plan.get("overrides", ()):
            self._note("policy.overridden", request, overridden, actor=overridden["by"])
        level = level_in_mode(plan.level, pulse.mode, always_asks=handler.gated_in_every_mode)
        try:
            requested = self.door.journal.request(self._new_action(handler, request, plan, level))
        except CallConflict as conflict:
            return replace(answer_of(conflict.existing), status="conflict", reason=str(conflict))
        action = requested.action
        self._killpoint("K2")
        if action.state is ActionState.APPROVED:
            return self.perform(action.id)
        return answer_of(action)

    def _new_action(self, handler: Tool, call: Call, plan: Plan, level: GateLevel) -> NewAction:
        return NewAction(
            pulse_id=call.pulse_id,
            tool=call.tool,
            natural_key=handler.natural_key(call.args),
            args=call.args,
            plan=plan.plan,
            preconditions=plan.preconditions,
            shown=plan.shown.to_json(),
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

        Anything but `approved` answers with its state. A world that moved sends the action back to its gate.
        """
        action = self.door.journal.get(action_id)
        if action.state is not ActionState.APPROVED:
            return answer_of(action)
        handler = self._tool(action.tool)
        stale = self._stale(handler, action)
        if stale is not None:
            return stale
        try:
            attempt = self.door.journal.claim(action_id, owner=self._owner)
        except Expired:
            return answer_of(self.door.journal.get(action_id))
        except Halted as halted:
            return replace(answer_of(action), status="halted", reason=str(halted))
        self._killpoint("K6")
        if not self.door.journal.may_start(attempt):
            return self._finish(action, attempt.n, "not_done", None, "the lease was nearly over")
        try:
            effect = handler.apply(action, action.id)
            self._killpoint("K8")
        except NotDone as error:
            return self._finish(action, attempt.n, "failed", None, str(error))
        except (Uncertain, StasError) as error:
            return self._finish(action, attempt.n, "unknown", None, str(error))
        except Exception as error:
            self._finish(action, attempt.n, "unknown", None, f"unexpected {type(error).__name__}")
            raise
        return self._finish(action, attempt.n, "succeeded", self._outcome(handler, action, effect), "")

    def _finish(self, action: Action, n: int, result: str, outcome: Json | None, detail: str) -> Answer:
        done = self.door.journal.finish(
            action.id, n=n, owner=self._owner, result=result, outcome=outcome, detail=redact(detail)
        )
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
        """Back to the gate if a precondition moved; None if the approval still fits the world."""
        revision = action.revision
        assert revision is not None
        try:
            moved = differences(revision.preconditions, handler.preconditions_now(action))
            if not moved:
                return None
            fresh = handler.plan(self._call_of(action))
        except Refusal as refusal:
            self._note("policy.refused", self._call_of(action), {"rule": refusal.rule, "what": refusal.what})
            self.door.journal.withdraw(action.id, by="policy", reason=str(refusal))
            return replace(answer_of(self.door.journal.get(action.id)), status="refused", rule=refusal.rule)
        except (ForgeError, PlatformError, NotDone) as error:
            return replace(answer_of(action), status="failed", reason=f"Not started: {error}")
        if action.level is GateLevel.LOG:
            self.door.journal.withdraw(action.id, by="policy", reason="the world moved before it ran")
            return replace(answer_of(self.door.journal.get(action.id)), status="stale", reason="; ".join(moved))
        back = self.door.journal.go_stale(
            action.id,
            plan=fresh.plan,
            preconditions=fresh.preconditions,
            shown={
                **fresh.shown.to_json(),
                "warnings": [*fresh.shown.warnings, *(f"changed since: {m}" for m in moved)],
            },
            why="; ".join(moved),
        )
        return replace(answer_of(back), reason=f"the world changed after the approval: {'; '.join(moved)}")

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
            action_id, rev=rev, digest=digest, verdict=verdict, voter=voter, reason=reason, dwell_ms=dwell_ms
        )

    def edit(self, action_id: str, *, rev: int, digest: str, args: Mapping[str, Any], author: str) -> Action:
        """A new revision with changed arguments: planned afresh, policy asked again, old votes void.

        Raises `BadCall`, `Refusal`; the old revision then stands.
        """
        action = self.door.journal.get(action_id)
        handler = self._tool(action.tool)
        call = replace(self._call_of(action), args=handler.check(args))
        plan = handler.plan(call)
        mode = self.door.pulses.get(action.pulse_id).mode
        level = level_in_mode(plan.level, mode, always_asks=handler.gated_in_every_mode)
        return self.door.journal.revise(
            action_id,
            rev=rev,
            digest=digest,
            args=call.args,
            plan=plan.plan,
            preconditions=plan.preconditions,
            shown=plan.shown.to_json(),
            author=author,
            level=GateLevel.GATE if level is GateLevel.LOG else level,
        )

    # after a crash --------------------------------------------------------------------------------

    def recover(self) -> list[str]:
        """Settle what a dead process left half done. Returns a sentence for each action.

        Nothing is started here: what was proved not to have happened waits as approved (or asks again).
        """
        told = []
        for found in self.door.journal.open_actions():
            action = found
            name = f"{action.tool} ({Shown.from_json(action.revision.shown if action.revision else {}).title})"
            if action.state is ActionState.EXECUTING:
                try:
                    action = self.door.journal.take_over(action.id, owner=self._owner)
                except StillRunning:
                    told.append(f"{name} is being done by another process.")
                    continue
            if action.state is ActionState.UNKNOWN:
                told.append(self._reconcile(name, action))
            elif action.state is ActionState.APPROVED:
                told.append(f"{name} was approved and not started; it goes on when the pulse does.")
        return told

    def _reconcile(self, name: str, action: Action) -> str:
        if action.effect_class is EffectClass.OPAQUE:
            return f"{name} was interrupted and cannot be looked up; say what happened."
        handler = self._tool(action.tool)
        action = self.door.journal.get(action.id)
        self._killpoint("K10")
        try:
            effect = handler.find(action, action.id)
        except (StasError, OSError) as error:
            return f"{name} was interrupted; whether it happened cannot be seen yet: {error}"
        if effect is None:
            self.door.journal.reconcile(action.id, found=False, outcome=None, detail="looked for it: not there")
            return f"{name} was interrupted before it happened; nothing was done twice."
        self.door.journal.reconcile(
            action.id, found=True, outcome=self._outcome(handler, action, effect), detail="found after a restart"
        )
        return f"{name} had happened before the interruption; it was found and recorded."

    # reads ----------------------------------------------------------------------------------------

    def check_inbox(self, *, pulse_id: str, caller: str) -> Reading[list[Message]]:
        """Messages that nobody acknowledged yet."""
        return self._read("check_inbox", {}, pulse_id, caller, "inbox", self.door.platform.inbox, [])

    def recall(self, query: str, limit: int, *, pulse_id: str, caller: str) -> Reading[list[Memory]]:
        """At most `limit` memories, best first (T12)."""
        if "{" in query or "}" in query:
            raise BadCall("A recall query still holds a placeholder.", "Say what to search for (R51).")

        def ask() -> list[Memory]:
            return self.door.platform.recall(query, limit)[:limit]

        return self._read("recall", {"query": query, "limit": limit}, pulse_id, caller, "memory", ask, [])

    def get_my_projects(self, *, pulse_id: str, caller: str) -> Reading[list[Project]]:
        """Projects the agent is assigned to (T1)."""
        return self._read("get_my_projects", {}, pulse_id, caller, "platform", self.door.platform.projects, [])

    def get_project_vision(self, project_id: str, *, pulse_id: str, caller: str) -> Reading[Vision | None]:
        """The vision document; `empty` if none was ever set (T2)."""
        return self._read(
            "get_project_vision",
            {"projectId": project_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.vision(project_id),
            None,
        )

    def get_ready_tasks(self, project_id: str, *, pulse_id: str, caller: str) -> Reading[list[Task]]:
        """All open tasks of a project; the order law makes the queue of them (T3)."""
        return self._read(
            "get_ready_tasks",
            {"projectId": project_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.tasks(project_id),
            [],
        )

    def get_task_context(self, project_id: str, task_id: str, *, pulse_id: str, caller: str) -> Reading[Task | None]:
        """One task with everything known of it (T6)."""
        return self._read(
            "get_task_context",
            {"projectId": project_id, "taskId": task_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.task(project_id, task_id),
            None,
        )

    def _read(
        self, tool: str, args: Json, pulse_id: str, caller: str, source: str, ask: Callable[[], _T], nothing: _T
    ) -> Reading[_T]:
        at = self.door.clock.now()
        try:
            value = ask()
        except (PlatformError, ForgeError, StoreError, OSError) as error:
            state = DataState.EMPTY if isinstance(error, NotFound) and nothing is None else DataState.ERROR
            reading = Reading(state, nothing, source, at, str(error))
        else:
            empty = value is None or (isinstance(value, Sequence) and not value)
            reading = Reading(DataState.EMPTY if empty else DataState.OK, value, source, at)
        count = len(reading.value) if isinstance(reading.value, list) else int(reading.value is not None)
        self.door.journal.record(
            "tool.read",
            actor=caller,
            pulse_id=pulse_id,
            body={"tool": tool, "args": args, "state": reading.state.value, "count": count, "reason": reading.reason},
        )
        return reading

    # helpers --------------------------------------------------------------------------------------

    def _tool(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
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

    def _note(self, kind: str, call: Call, body: Json, *, actor: str = "") -> None:
        subject: Json = {name: call.args[name] for name in ("projectId", "taskId", "messageId") if name in call.args}
        self.door.journal.record(
            kind,
            actor=actor or ("policy" if kind.startswith("policy.") else call.caller),
            pulse_id=call.pulse_id,
            body={"tool": call.tool, "caused_by": call.caused_by} | subject | dict(body),
        )
