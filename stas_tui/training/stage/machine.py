"""The pulse of a lesson: the steps that look are walked as ever; what the scripted agent asks for comes by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from stas_tui.executors.result import classify, with_verification
from stas_tui.gates.contract import Answer
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.executing import ReviewRefused
from stas_tui.pulse.machine import STEPS, Machine
from stas_tui.texts.prompt_lint import listed_files
from stas_tui.toolbox import Toolbox
from stas_tui.training.observer import JUDGED
from storage.records import ExecutorReport, Json, Pulse, Run, RunState
from storage.run_codec import run_result_to_json

GOES_ON = "The agent of a lesson goes on by itself; what it asks for waits at its gates"
LEFT = "in a lesson that is left to you"
AGAIN = "In a lesson the agent itself asks for another try."
LOOKS = 6
"""The last of the steps that only look before the work of a pulse."""


class Watching(Toolbox):
    """The door as the steps of a lesson see it: they read, and whatever they would do by themselves is left."""

    def call(self, tool: str, args: Mapping[str, Any], **more: Any) -> Answer:
        """Nothing is asked for: the scenario alone says what the agent does."""
        return Answer(status="refused", tool=tool, reason=LEFT, by="the lesson")


class LessonMachine(Machine):
    """A `Machine` that stands at step 7 while the lesson lasts."""

    def __init__(self, context: Context) -> None:
        super().__init__(replace(context, toolbox=Watching(context.toolbox.door)))
        self._ending = threading.Lock()

    def _advance(self, pulse: Pulse, aside: frozenset[int]) -> Progress:
        step = self.position(aside)
        if step is not None and (step.n in STEPS and step.n <= LOOKS):
            return super()._advance(pulse, aside)
        halted, by, reason = self.context.journal.halted()
        where = step or self.context.pulses.steps(pulse.id)[-1]
        if halted:
            return Progress(pulse=pulse, step=where, needs="paused", say=f"Paused by {by}: {reason or 'no reason'}")
        return Progress(pulse=pulse, step=where, needs="lesson", say=GOES_ON)

    def recover(self) -> list[str]:
        """Nothing: a stage is never older than its process."""
        return []

    def look(self, steps: Iterable[int] = range(1, LOOKS + 1)) -> None:
        """Walk steps that look, or look again: what the agent knows is what is there now."""
        pulse = self._pulse()
        for n in steps:
            self._look(pulse, n)

    # the run of an approved spawn -----------------------------------------------------------------

    def spawned(self, run: Run, *, gate: str, prompt: str) -> None:
        """A run began; `gate` is the ref of what was approved."""
        task = {"project": run.project_id, "id": run.task_id, "why": "its spawn was approved"}
        work = self.work()
        work.save(phase="run", run=run.id, task=task, prompt=prompt, gate=gate, ref=None, result=None, accepted=None)
        work.mark(f"{run.id} runs", sub="C")

    def ended(self, run_id: str, report: ExecutorReport, *, ref: str = "") -> None:
        """The run has ended: its result waits for a person's judgment. `ref` is what the scenario calls the result.

        Nothing is verified: a lesson starts no program.
        """
        with self._ending:
            work = self.work()
            status = self.context.door.executor.status(run_id)
            if status is None or work.state.get("phase") != "run" or work.state.get("run") != run_id:
                return
            changes = self.context.door.forge.changes(work.workspace())
            prompt = work.state["prompt"]
            listed = (*listed_files(prompt), *(file.path for file in changes.files if file.path in prompt))
            result = classify(status=status, report=report, changes=changes, listed_files=listed)
            result = with_verification(result, ())
            with self.context.journal.changing():
                self.context.runs.update_state(run_id, RunState.FINISHED, status.ended_at)
                self.context.runs.set_result(run_id, result)
                work.save(phase="review", result=run_result_to_json(result), ref=ref or None)
                work.mark(f"{result.outcome.value}: {result.kind}", sub="D")

    def cancel_run(self, *, by: str) -> str:
        """Stop the run; it counts as taken back."""
        state = self.work().state
        told = super().cancel_run(by=by)
        self._note(state.get("gate"), "rollback", f"{state['run']} was cancelled", {"cancelled": True}, by)
        self.ended(state["run"], ExecutorReport(outcome=""))
        return told

    def accept(self, *, by: str, reason: str = "", ticked: list[int] | None = None) -> None:
        """The result is good enough. Raises `ReviewRefused`."""
        ref = self.work().state.get("ref")
        super().accept(by=by, reason=reason, ticked=ticked)
        self._note(ref, "approve", reason, {"ticked": ticked or []}, by)
        self._settled("accepted")

    def respawn(self, *, by: str, cause: str, prompt: str) -> None:
        """Nothing. Raises `ReviewRefused`."""
        raise ReviewRefused(AGAIN)

    def park(self, *, by: str) -> None:
        """Put to the architect what the run stopped at. Raises `ReviewRefused`."""
        work = self.work()
        ref, report = work.state.get("ref"), (work.state.get("result") or {}).get("report", {})
        super().park(by=by)
        self._note(ref, "ask", f"{work.state['task']['id']}: {report.get('blocker')}", {"parked": True}, by)
        self._settled(f"parked: {self.context.rules.architect} was asked")

    def give_up(self, *, by: str, reason: str) -> Progress:
        """Refuse the result of the run; the lesson goes on. Raises `ReviewRefused`."""
        work = self._in_review()
        ref, task = work.state.get("ref"), work.state["task"]["id"]
        if not reason.strip():
            raise ReviewRefused("Say why the task is given up; it stands in the log.")
        self.context.journal.record(
            "review.decided",
            actor=by,
            pulse_id=work.pulse.id,
            body={"what": "gave up", "task": task, "reason": reason},
        )
        self._note(ref, "reject", reason, {}, by)
        return self._settled(f"given up: {reason}")

    def judge(self, verb: str, *, by: str, reason: str, detail: Json) -> None:
        """What `accept`, `park`, `give_up` or `cancel_run` did, done again. Raises `ReviewRefused`."""
        if detail.get("cancelled"):
            self.cancel_run(by=by)
        elif detail.get("parked"):
            self.park(by=by)
        elif verb == "approve":
            self.accept(by=by, reason=reason, ticked=[n for n in detail.get("ticked", ()) if isinstance(n, int)])
        else:
            self.give_up(by=by, reason=reason)

    def _settled(self, what: str) -> Progress:
        work = self.work()
        task = work.state["task"]["id"]
        work.save(phase=None, result=None, ref=None, gate=None, architect_asked=None, accepted=None)
        step = work.mark(f"{task} {what}")
        return Progress(pulse=work.pulse, step=step, needs="lesson", say=f"{task} {what}")

    def _note(self, ref: str | None, verb: str, text: str, detail: Json, by: str) -> None:
        """What the trainee made of it, for the lesson; a run that the scenario has no word for is nobody's decision."""
        if ref:
            body = {"ref": ref, "verb": verb, "text": text, "detail": detail}
            self.context.journal.record(JUDGED, actor=by, pulse_id=self._pulse().id, body=body)


def lesson_machine(context: Context) -> LessonMachine:
    """What `Application.new_machine` is in a lesson."""
    return LessonMachine(context)
