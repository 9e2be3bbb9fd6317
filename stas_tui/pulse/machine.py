"""The machine that walks a pulse through its eleven steps, one thing at a time.

Everything it knows stands in the record: any process may go on where another one stopped or died. It never waits
for a person or an executor; it says what is needed and returns.
"""

from __future__ import annotations

from collections.abc import Callable

from stas_tui.gates.contract import BadCall
from stas_tui.gates.policy import refuse_secrets
from stas_tui.pulse import after, closing, executing, isolating, look, validating
from stas_tui.pulse.asked import carry_out
from stas_tui.pulse.closing import Draft
from stas_tui.pulse.context import Context, Found, Progress
from stas_tui.pulse.executing import ReviewRefused
from stas_tui.pulse.work import Work
from storage.clock import MINUTE
from storage.errors import StasError
from storage.owner import owner_alive, this_owner
from storage.pulses import DrivenElsewhere
from storage.records import STEP_NAMES, DataState, Json, Mode, Pulse, Run, RunState, Step, StepState
from storage.redact import scan

DRIVE_LEASE_MS = 2 * MINUTE
OVER = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)

STEPS: dict[int, Callable[[Context, Pulse], Found]] = {
    1: look.inbox,
    2: look.memories,
    3: look.projects,
    4: look.visions,
    5: look.queue,
    6: look.health,
    8: validating.validation,
}
"""The steps that only look and are done at once; 9 looks too, beside this process. The others have effects."""

LOOKING = frozenset({*STEPS, isolating.STEP})
"""Steps that may look once more."""

WAITS_FOR = ("prompt", "pull request", "memory", "workspace", "blocked", "override")
"""Needs that nothing else in the record tells; `advance` writes them into the working state."""

EFFECT_OF_STEP = {10: "tray_action", 11: "slack_action"}
"""Where the working state keeps the action of a step that may be skipped."""


class Machine:
    """One profile's pulse: begin, advance, pause, skip, override, judge, close."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._owner = this_owner()

    # the life of a pulse --------------------------------------------------------------------------

    def current(self) -> Pulse | None:
        """The pulse that has not ended, if there is one."""
        return self.context.pulses.current()

    def begin(self, *, operator: str, mode: Mode, policy_digest: str = "") -> Pulse:
        """Start a pulse. Raises if one is open, or if the agent has no name (R1)."""
        agent = self.context.agent
        if not agent.strip() or "{{" in agent:
            raise BadCall("AGENT_NAME is not filled in; no pulse starts without it.", "Set agent_name in stas.toml.")
        return self.context.pulses.begin(agent=agent, operator=operator, mode=mode, policy_digest=policy_digest)

    def recover(self) -> list[str]:
        """After a restart: settle half-done effects, look after runs, and say what happened.

        May be killed and repeated at any point. Starts nothing and decides nothing.
        """
        pulse = self.current()
        cut_off = self.interrupted()
        told = []
        if cut_off:
            step = self.position()
            where = f"in step {step.n} {step.name}" if step else "after the last step"
            told.append(f"Stas was cut off {where}{f' {step.sub}' if step and step.sub else ''}; it goes on there.")
        told += self.context.toolbox.recover()
        for run in self.context.runs.unfinished():
            try:
                told.append(self._look_after(run))
            except StasError as error:
                told.append(f"{run.id} of {run.task_id} cannot be looked at: {error}")
        told += isolating.recovered(self.context, pulse)
        if told:
            self.context.journal.record(
                "control.recovered", actor="system", pulse_id=pulse.id if pulse else None, body={"told": told}
            )
        if pulse is not None and cut_off:
            self._take_the_wheel_from_the_dead(pulse)
        return told

    def _look_after(self, run: Run) -> str:
        status = self.context.door.executor.status(run.id)
        if status is None:
            self.context.runs.update_state(run.id, RunState.FINISHED, self.context.clock.now())
            return f"{run.id} of {run.task_id} left no trace: its folder is gone; it counts as lost."
        if status.state is RunState.FINISHED:
            self.context.runs.update_state(run.id, RunState.FINISHED, status.ended_at)
            return f"{run.id} of {run.task_id} ended meanwhile: {status.stop}."
        return f"{run.id} of {run.task_id} is still working; it was found again."

    def _take_the_wheel_from_the_dead(self, pulse: Pulse) -> None:
        try:
            with self.context.pulses.drive(pulse.id, self._owner, DRIVE_LEASE_MS):
                return
        except DrivenElsewhere:
            return

    def interrupted(self) -> bool:
        """True if the open pulse was being advanced by a process that no longer lives."""
        pulse = self.current()
        driver = self.context.pulses.driver(pulse.id) if pulse is not None else None
        return driver is not None and driver != self._owner and not owner_alive(driver)

    # walking --------------------------------------------------------------------------------------

    def position(self, aside: frozenset[int] = frozenset()) -> Step | None:
        """The step that is due; None when all eleven are over. Steps set `aside` are passed by, undecided."""
        pulse = self._pulse()
        for step in self.context.pulses.steps(pulse.id):
            if step.state not in OVER and step.n not in aside:
                return step
        return None

    def advance(self, aside: frozenset[int] = frozenset()) -> Progress:
        """Do the next thing and say what is needed then."""
        pulse = self._pulse()
        with self.context.pulses.drive(pulse.id, self._owner, DRIVE_LEASE_MS):
            progress = self._advance(pulse, aside)
            if progress.needs != "paused" and not aside:
                self._note_needs(pulse, progress.needs)
            return progress

    def _advance(self, pulse: Pulse, aside: frozenset[int]) -> Progress:
        halted, by, reason = self.context.journal.halted()
        step = self.position(aside)
        if halted:
            where = step or self.context.pulses.steps(pulse.id)[-1]
            return Progress(pulse=pulse, step=where, needs="paused", say=f"Paused by {by}: {reason or 'no reason'}")
        carry_out(self.context, pulse.id)
        if step is None:
            last = self.context.pulses.steps(pulse.id)[-1]
            return Progress(pulse=pulse, step=last, needs="summary", say="Read the summary and confirm the end")
        self.context.toolbox.killpoint(f"S{step.n}")
        if step.n == 7:
            return self._guarded(pulse, step, lambda: Work(self.context, pulse).advance())
        if step.n == isolating.STEP:
            return self._guarded(pulse, step, lambda: isolating.advance(self.context, pulse))
        if step.n == 10:
            return self._guarded(pulse, step, lambda: after.follow_ups(self.context, pulse))
        if step.n == 11:
            return self._guarded(pulse, step, lambda: after.report(self.context, pulse))
        return self._look(pulse, step.n)

    def _note_needs(self, pulse: Pulse, needs: str) -> None:
        """What only this advance knows, for faces that only read the record; written when it changes."""
        wanted = needs if needs in WAITS_FOR else None
        if self.context.pulses.work(pulse.id).get("needs") != wanted:
            self.context.pulses.save_work(pulse.id, {"needs": wanted}, actor=self.context.agent)

    def _look(self, pulse: Pulse, n: int) -> Progress:
        self._set(pulse, n, StepState.ACTIVE, DataState.UNKNOWN, "", None)
        try:
            found = STEPS[n](self.context, pulse)
        except StasError as error:
            failed = self._set(pulse, n, StepState.FAILED, DataState.ERROR, str(error), None)
            return Progress(pulse=pulse, step=failed, say=f"{STEP_NAMES[n]} failed: {error}")
        self.context.toolbox.killpoint(f"S{n}.found")
        state = StepState.FAILED if found.state in (DataState.ERROR, DataState.DENIED) else found.step_state
        step = self._set(pulse, n, state, found.state, found.note, found.data)
        return Progress(pulse=pulse, step=step, say=f"{STEP_NAMES[n]}: {found.note}")

    def _guarded(self, pulse: Pulse, step: Step, act: Callable[[], Progress]) -> Progress:
        try:
            return act()
        except StasError as error:
            self.context.journal.record(
                "step.stumbled", actor="system", pulse_id=pulse.id, body={"step": step.n, "what": str(error)}
            )
            return Progress(pulse=pulse, step=step, needs="blocked", say=str(error))

    def _set(self, pulse: Pulse, n: int, state: StepState, data_state: DataState, note: str, data: Json | None) -> Step:
        return self.context.pulses.set_step(
            pulse.id, n, state=state, data_state=data_state, note=note, data=data, actor=self.context.agent
        )

    # a person's hand ------------------------------------------------------------------------------

    def pause(self, *, by: str, reason: str = "") -> None:
        """Stop new effects at once, everywhere. A running executor goes on until it is cancelled."""
        self.context.journal.halt(by=by, reason=reason)

    def resume(self, *, by: str, reason: str) -> None:
        """Go on after a pause. Raises without a reason."""
        self.context.journal.lift(by=by, reason=reason)

    def skip(self, *, by: str, reason: str) -> Step:
        """Skip the step that is due, with a typed reason (R2)."""
        pulse = self._pulse()
        step = self.position()
        if step is None:
            raise BadCall("No step is left to skip.")
        if not reason.strip():
            raise BadCall("Skipping a step needs a reason; it stands in the summary.")
        if step.n == 7:
            return executing.give_up(Work(self.context, pulse), by=by, reason=reason).step
        if step.n == isolating.STEP:
            isolating.stop(self.context)
        with self.context.journal.changing():
            if step.n in EFFECT_OF_STEP:
                Work(self.context, pulse).drop(EFFECT_OF_STEP[step.n], by=by, reason=f"skipped: {reason.strip()}")
            return self.context.pulses.set_step(
                pulse.id, step.n, state=StepState.SKIPPED, note=f"skipped by {by}: {reason.strip()}", actor=by
            )

    def retry(self, n: int, *, by: str) -> Step:
        """Run a step that looks again: a failed one, or one whose facts have aged."""
        if n not in LOOKING:
            raise BadCall(f"Step {n} cannot be run again on its own.")
        return self.context.pulses.set_step(self._pulse().id, n, state=StepState.TODO, note="", actor=by)

    def override(self, *, by: str, reason: str) -> None:
        """Go on against the lock that was named, with a typed reason for the log and the summary."""
        if not reason.strip():
            raise BadCall("An override needs a typed reason.")
        work = self.work()
        if not work.state.get("locked"):
            raise BadCall("Nothing is locked now; there is nothing to go on against.")
        work.save(override={"by": by, "reason": reason.strip()}, locked=None, needs=None)

    def prefer(self, task_id: str, *, by: str, reason: str) -> None:
        """Take another task than the first of the queue (R35)."""
        work = self.work()
        if work.state.get("phase", "claim") != "claim" or work.state.get("claim_action"):
            raise BadCall("A task is being claimed already.", "Reject that gate first.")
        if not reason.strip():
            raise BadCall("Say why this task comes first; it stands in the log.")
        if task_id not in [task.id for task, _ in work.candidates()]:
            raise BadCall(f"{task_id} is not ready to be claimed.")
        work.save(preferred={"task": task_id, "by": by, "reason": reason.strip()}, claiming=None)

    def set_mode(self, mode: Mode, *, by: str, reason: str = "") -> None:
        """Lower the mode at once; raising it needs a reason."""
        self.context.pulses.set_mode(self._pulse().id, mode, by=by, reason=reason)

    def work(self) -> Work:
        """Step 7 of the open pulse."""
        return Work(self.context, self._pulse())

    def set_text(self, what: str, text: str, *, by: str, title: str = "") -> None:
        """A person's words for the prompt, the pull request or the memory; linted at the next advance."""
        work = self.work()
        phase = work.state.get("phase")
        refuse_secrets(scan(f"{title}\n{text}" if title else text, what), f"The {what}")
        slot, patch = self._text(what, text, by, title, phase)
        with self.context.journal.changing():
            work.drop(slot, by=by, reason="the text was changed before it ran")
            work.save(**patch, needs=None, **{slot: None})
            self.context.journal.record(
                "text.edited", actor=by, pulse_id=work.pulse.id, body={"what": what, "bytes": len(text.encode())}
            )

    @staticmethod
    def _text(what: str, text: str, by: str, title: str, phase: object) -> tuple[str, Json]:
        """The slot whose action carries a text, and the change of the working state. Raises `BadCall`."""
        if what == "prompt":
            if phase not in ("prompt", "spawn"):
                raise BadCall("The prompt can be changed only before it is spawned.")
            return "spawn_action", {"prompt": text, "prompt_by": by, "phase": "prompt"}
        if what == "pull request":
            return "pr_action", {"pr_title": title, "pr_body": text}
        if what == "memory":
            return "remember_action", {"memory_title": title, "memory_text": text}
        raise BadCall(f"There is no text called {what}.")

    def work_directly(self, *, by: str, reason: str) -> None:
        """Work in the workspace by hand instead of spawning (R83, R85)."""
        work = self.work()
        if work.state.get("phase") not in ("prompt", "spawn"):
            raise BadCall("Working directly is chosen before the spawn.")
        if work.state.get("method") == "spawn_executor" and not reason.strip():
            raise ReviewRefused("This task counts as complex; say why it is done by hand.")
        with self.context.journal.changing():
            work.drop("spawn_action", by=by, reason="a person works directly")
            why = reason or work.state.get("method_why")
            work.save(phase="direct", method="direct", method_why=why, spawn_action=None, needs=None)

    def direct_done(self, *, by: str) -> None:
        """The work by hand is done; the same review follows (R91)."""
        work = self.work()
        if work.state.get("phase") != "direct":
            raise BadCall("Nothing is being worked on by hand.")
        work.save(phase="review", run=None, result=None)

    def accept(self, *, by: str, reason: str = "", ticked: list[int] | None = None) -> None:
        """The result is good enough for step E. Raises `ReviewRefused`."""
        executing.accept(self._in_review(), by=by, reason=reason, ticked=ticked or [])

    def respawn(self, *, by: str, cause: str, prompt: str) -> None:
        """Another try. Raises `ReviewRefused`."""
        executing.respawn(self._in_review(), by=by, cause=cause, prompt=prompt)

    def propose_again(self) -> tuple[str, str]:
        """(cause, prompt) that the agent proposes for another try, for the person to change (R90). Reads only.

        Without a proposal the cause is empty and the prompt is the one that ran. Raises `ReviewRefused`.
        """
        work = self._in_review()
        task = work.task()
        attempt = self.context.runs.get(work.state["run"]).attempt if work.state.get("run") else 1
        proposed = self.context.proposer.cause_for(task, attempt)
        if proposed is None:
            return "", work.state["prompt"]
        return proposed[0], self.context.proposer.prompt_for(work.draft(), task, attempt + 1)

    def park(self, *, by: str) -> None:
        """Ask the architect and park the task."""
        executing.park(self._in_review(), by=by)

    def architect_answered(self, task_id: str, *, by: str, text: str) -> None:
        """A person records what the architect answered to what Rule 4 stopped at (R88).

        From then on the task may be tried again, in this pulse or a later one, and its prompts may rest on the answer.
        Raises `BadCall` without the answer's words.
        """
        if not text.strip():
            raise BadCall("Write down what the architect answered; it stands in the log.")
        work = self.work()
        said = {**work.state.get("architect_yes", {}), task_id: {"by": by, "text": text.strip()}}
        with self.context.journal.changing():
            self.context.journal.record(
                "architect.answered",
                actor=by,
                pulse_id=work.pulse.id,
                body={"task": task_id, "architect": self.context.rules.architect, "text": text.strip()},
            )
            work.save(architect_yes=said)

    def give_up(self, *, by: str, reason: str) -> Progress:
        """Leave the task; step 7 is over."""
        return executing.give_up(self.work(), by=by, reason=reason)

    def cancel_run(self, *, by: str) -> str:
        """Stop the running executor by the cancel ladder; returns what became of it."""
        work = self.work()
        run_id = work.state.get("run")
        if work.state.get("phase") != "run" or run_id is None:
            raise BadCall("No executor is running.")
        self.context.journal.record("run.cancelled", actor=by, pulse_id=work.pulse.id, body={"run": run_id})
        status = self.context.door.executor.cancel(run_id)
        left = f"; still alive: {', '.join(map(str, status.survivors))}" if status.survivors else "; nothing is left"
        return f"{run_id} ended: {status.stop}{left}"

    def _in_review(self) -> Work:
        work = self.work()
        if work.state.get("phase") != "review" or work.state.get("result") is None:
            raise ReviewRefused("There is no result to judge.")
        return work

    # the end --------------------------------------------------------------------------------------

    def summary(self, pulse_id: str | None = None) -> str:
        """The Pulse Summary as the log has it now, or the published one of an ended pulse."""
        pulse = self.context.pulses.get(pulse_id) if pulse_id else self._pulse()
        if pulse.ended_at is not None and pulse.summary:
            return pulse.summary
        return closing.draft(self.context, pulse).text

    def draft(self) -> Draft:
        """The summary of the open pulse for a person to read and confirm."""
        return closing.draft(self.context, self._pulse())

    def confirm(self, draft: Draft, *, by: str) -> Pulse:
        """End the pulse and publish exactly the summary that was read; open gates are withdrawn, live runs go on.

        Raises `BadCall` if a step is not over, `SummaryChanged` if the log says something else by now.
        """
        return closing.confirm(self.context, self._pulse(), draft, position=self.position(), by=by)

    def cut_off(self, *, by: str) -> Pulse:
        """End a pulse that did not come to its end, as `interrupted`; its summary says so."""
        return closing.cut_off(self.context, self._pulse(), by=by)

    def _pulse(self) -> Pulse:
        pulse = self.current()
        if pulse is None:
            raise BadCall("No pulse is open.", "Begin one.")
        return pulse
