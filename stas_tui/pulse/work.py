"""Step 7 of the routine, sub-steps A to E: claim, prompt, execute, review, complete.

The phase and everything it needs stand in the pulse's working state, so that any process can go on where another
one died. Each method does one thing and returns; nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable

from stas_tui.forges.base import Repo
from stas_tui.gates.clean import as_json, clean
from stas_tui.gates.contract import Answer, BadCall, Override, answer_of
from stas_tui.platforms.order import work_order
from stas_tui.pulse import completing, executing
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.parking import answer_to, parked
from stas_tui.texts.method import choose_method
from stas_tui.texts.prompt import PromptContext, draft_prompt
from stas_tui.texts.prompt_lint import PromptReport, deploy_like, lint_prompt
from storage.records import ActionState, DataState, Json, Pulse, Step, StepState, Task, Workspace

STEP = 7
PHASE_SUB = {
    "claim": "A",
    "understand": "A",
    "prompt": "B",
    "direct": "C",
    "spawn": "C",
    "run": "C",
    "review": "D",
    "architect": "D",
    "commit": "E",
    "pr": "E",
    "retarget": "E",
    "transition": "E",
    "remember": "E",
}
"""The sub-step on the stepper for each phase of the working state."""

ASK_AGAIN = ("expired", "stale", "withdrawn")
"""Answers after which the same effect is simply asked for anew."""


class Work:
    """Walks step 7 of one pulse."""

    def __init__(self, context: Context, pulse: Pulse) -> None:
        self.context = context
        self.pulse = pulse

    # state ----------------------------------------------------------------------------------------

    @property
    def state(self) -> Json:
        """The working state as it stands in the record."""
        return self.context.pulses.work(self.pulse.id)

    def save(self, **patch: object) -> Json:
        """Change the working state; None removes a key."""
        kept = clean(patch)
        if kept != as_json(patch):
            self.context.journal.record(
                "policy.masked",
                actor="policy",
                pulse_id=self.pulse.id,
                body={"rule": "R82", "what": "a text held what looks like a secret; it was masked before it was kept"},
            )
        return self.context.pulses.save_work(self.pulse.id, kept, actor=self.context.agent)

    def task(self) -> Task:
        """The task being worked on."""
        chosen = self.state["task"]
        return self.context.task(chosen["project"], chosen["id"])

    def workspace(self) -> Workspace:
        """The task's workspace. Raises `BadCall` if it is gone."""
        workspace = self.context.workspace(self.task().id)
        if workspace is None:
            raise BadCall(f"The workspace of {self.task().id} is gone.", "Put it back, or give the task up.")
        return workspace

    def mark(self, note: str, *, sub: str = "", state: StepState = StepState.ACTIVE) -> Step:
        """Write where step 7 stands onto the stepper."""
        phase = self.state.get("phase", "claim")
        data_state = DataState.OK if state in (StepState.DONE, StepState.ACTIVE) else DataState.EMPTY
        return self.context.pulses.set_step(
            self.pulse.id,
            STEP,
            state=state,
            sub=sub or PHASE_SUB.get(phase, ""),
            data_state=data_state,
            note=note,
            actor=self.context.agent,
        )

    def progress(self, say: str, *, needs: str = "", answer: Answer | None = None, note: str = "") -> Progress:
        """Report, with the stepper brought up to date."""
        return Progress(
            pulse=self.pulse,
            step=self.mark(note or say),
            needs=needs,
            say=say,
            answer=answer,
            action=answer.action if answer else None,
        )

    def finish(self, note: str, *, state: StepState = StepState.DONE) -> Progress:
        """End step 7: its phase and its line on the stepper are one change."""
        with self.context.journal.changing():
            self.save(phase="done", needs=None, locked=None)
            step = self.mark(note, state=state, sub=self.state.get("last_sub", ""))
        return Progress(pulse=self.pulse, step=step, say=note)

    # calling through the door ---------------------------------------------------------------------

    def through_the_door(
        self, slot: str, tool: str, args: Json, *, caused_by: str = "", call_key: str | None = None
    ) -> Answer:
        """One effect: ask for it, or go on with the action that was asked for before.

        `slot` names the place in the working state that holds the action's id, so that a restart finds the same
        action. A decided action is performed here. What has to be asked for anew leaves its slot.
        """
        state = self.state
        known = state.get(slot)
        if known is not None:
            answer = self.context.toolbox.perform(known)
        else:
            override = state.get("override")
            answer = self.context.toolbox.call(
                tool,
                args,
                pulse_id=self.pulse.id,
                caller=self.context.agent,
                caused_by=caused_by,
                override=Override(by=override["by"], reason=override["reason"]) if override else None,
                call_key=call_key,
            )
        self.context.toolbox.killpoint(f"S7.{state.get('phase', 'claim')}.answered")
        over = answer.status in (*ASK_AGAIN, "locked", "conflict")
        wanted: Json = {
            slot: answer.action.id if answer.action is not None and not over else None,
            "override": None,
            "locked": {"rule": answer.rule, "what": answer.reason} if answer.status == "locked" else None,
        }
        patch = {name: value for name, value in wanted.items() if state.get(name) != value}
        if patch:
            self.save(**patch)
        return answer

    def drop(self, slot: str, *, by: str, reason: str) -> None:
        """Withdraw the action of a slot that has not started. Raises `BadCall` if it runs or nobody knows."""
        known = self.state.get(slot)
        if known is None:
            return
        action = self.context.journal.get(known)
        if action.state in (ActionState.PENDING, ActionState.APPROVED):
            self.context.journal.withdraw(known, by=by, reason=reason)
        elif action.state in (ActionState.EXECUTING, ActionState.UNKNOWN):
            raise BadCall(f"{action.tool} has started and is not settled yet.", "Step once more, then try again.")

    def asked(self, slot: str) -> Answer | None:
        """The answer of the action in a slot as it stands, without performing it."""
        known = self.state.get(slot)
        return answer_of(self.context.journal.get(known)) if known else None

    def heard(self, answer: Answer) -> str:
        """Tell the agent what it was answered, once; both sides stand in the log."""
        if answer.action is not None and any(
            event.body.get("answered") == answer.status
            for event in self.context.journal.events(action_id=answer.action.id, kinds=["agent.said"])
        ):
            return ""
        said = self.context.proposer.heard(answer.status, answer.reason)
        if said:
            self.context.journal.record(
                "agent.said",
                actor=self.context.agent,
                pulse_id=self.pulse.id,
                action_id=answer.action.id if answer.action else None,
                body={"to": answer.tool, "answered": answer.status, "reason": answer.reason, "said": said},
            )
        return said

    def waiting(self, answer: Answer, what: str) -> Progress | None:
        """The progress if the answer leaves the phase where it is; None if the phase may act on it."""
        if answer.status == "pending":
            return self.progress(f"{what} waits for you", needs="gate", answer=answer)
        if answer.status == "locked":
            return self.progress(answer.reason, needs="override", answer=answer)
        if answer.status == "halted":
            return self.progress(answer.reason, needs="paused", answer=answer)
        if answer.status in ("running", "unknown", "approved", "conflict"):
            return self.progress(f"{what}: {answer.reason or answer.status}", needs="blocked", answer=answer)
        if answer.status == "expired":
            return self.progress(f"{what}: nobody answered in time, nothing was done. It asks again.", answer=answer)
        if answer.status in ASK_AGAIN:
            return self.progress(f"{what}: {answer.reason or answer.status}. It asks again.", answer=answer)
        return None

    # the phases -----------------------------------------------------------------------------------

    def advance(self) -> Progress:
        """Do the next thing."""
        phases: dict[str, Callable[[], Progress]] = {
            "claim": self._claim,
            "understand": self._understand,
            "prompt": self._prompt,
            "direct": lambda: self.progress("Work in the workspace, then say that it is done", needs="direct"),
            "spawn": lambda: executing.spawn(self),
            "run": lambda: executing.watch(self),
            "review": lambda: executing.review(self),
            "architect": lambda: executing.ask_architect(self),
            "commit": lambda: completing.commit(self),
            "pr": lambda: completing.pull_request(self),
            "retarget": lambda: completing.retarget(self),
            "transition": lambda: completing.transition(self),
            "remember": lambda: completing.remember(self),
        }
        phase = self.state.get("phase", "claim")
        if phase == "done":
            return self.finish("over")
        self.context.toolbox.killpoint(f"S7.{phase}")
        return phases[phase]()

    def candidates(self) -> list[tuple[Task, str]]:
        """Ready tasks of all active projects in the order of work, without those refused in this pulse or parked."""
        refused = {*self.state.get("refused", {}), *parked(self.context.journal)}
        tasks = [
            task
            for project in self.context.door.platform.projects()
            if project.status == "active" and project.id in self.context.rules.repos
            for task in self.context.door.platform.tasks(project.id)
        ]
        queue = work_order(
            tasks, columns=self.context.rules.columns, agent=self.context.agent, now=self.context.clock.now()
        )
        return [(ranked.task, ranked.why) for ranked in queue.ready if ranked.task.id not in refused]

    def _claim(self) -> Progress:
        chosen = self.state.get("claiming")
        if chosen is None:
            queue = self.candidates()
            preferred = self.state.get("preferred")
            if preferred:
                queue.sort(key=lambda item: item[0].id != preferred["task"])
            if not queue:
                return self._nothing_to_do()
            task, why = queue[0]
            if preferred and preferred["task"] == task.id:
                why = f"you preferred it: {preferred['reason']}"
            chosen = {"project": task.project_id, "id": task.id, "why": why}
            self.save(claiming=chosen, phase="claim")
        again = self.state.get("claim_again")
        answer = self.through_the_door(
            "claim_action",
            "claim_task",
            {"projectId": chosen["project"], "taskId": chosen["id"]},
            call_key=f"claim:{chosen['project']}:{chosen['id']}:workspace-{again}" if again else None,
        )
        waiting = self.waiting(answer, f"Claim {chosen['id']}")
        if waiting is not None:
            return waiting
        self.heard(answer)
        if answer.status != "ok":
            refused = {**self.state.get("refused", {}), chosen["id"]: answer.reason or answer.status}
            self.save(refused=refused, claiming=None, claim_action=None, claim_again=None, preferred=None)
            return self.progress(f"{chosen['id']} not claimed: {answer.reason or answer.status}")
        if self.context.workspace(chosen["id"]) is None or answer.result.get("problem"):
            problem = answer.result.get("problem") or "the workspace is missing"
            self.save(claim_action=None, claim_again=(again or 0) + 1)
            return self.progress(f"{chosen['id']} is claimed, but {problem}", needs="workspace", answer=answer)
        told = answer_to(self.context.journal, chosen["id"])
        self.save(
            phase="understand",
            task={"project": chosen["project"], "id": chosen["id"], "why": chosen["why"]},
            architect_yes={**self.state.get("architect_yes", {}), **({chosen["id"]: told} if told else {})},
        )
        return self.progress(f"{chosen['id']} claimed", answer=answer)

    def _nothing_to_do(self) -> Progress:
        refused = self.state.get("refused", {})
        if refused:
            reasons = "; ".join(f"{task}: {reason}" for task, reason in refused.items())
            note = f"every candidate was refused ({reasons})"
        else:
            waiting = ", ".join(sorted(parked(self.context.journal)))
            note = "no task is ready" + (f"; {waiting} waits for {self.context.rules.architect}" if waiting else "")
        self.save(method="none", method_why=note)
        return self.finish(note, state=StepState.SKIPPED)

    def _understand(self) -> Progress:
        task = self.task()
        reading = self.context.toolbox.get_task_context(
            task.project_id, task.id, pulse_id=self.pulse.id, caller=self.context.agent
        )
        domain = next((label.partition(":")[2] for label in task.labels if label.startswith("domain:")), "")
        service = next((label.partition(":")[2] for label in task.labels if label.startswith("service:")), "")
        lessons: dict[str, list[Json]] = {}
        for asked in (f"incident for {domain or task.title}", f"deployment pattern for {service or task.project_id}"):
            query = asked.replace("{", " ").replace("}", " ")
            found = self.context.toolbox.recall(query, 3, pulse_id=self.pulse.id, caller=self.context.agent)
            lessons[query] = [{"id": m.id, "title": m.title, "at": m.at} for m in found.value]
        self.save(
            phase="prompt",
            lessons=lessons,
            context={"state": reading.state.value, "acceptance": list(task.acceptance)},
            alignment=self.context.proposer.alignment(task),
        )
        count = sum(len(hits) for hits in lessons.values())
        return self.progress(f"{task.id} understood: {len(task.acceptance)} criteria, {count} lessons")

    def _repo(self, task: Task) -> Repo:
        repo = self.context.repo(task.project_id)
        if repo is None:
            raise BadCall(f"No repository is configured for {task.project_id}.", "Add it to stas.toml.")
        return repo

    def draft(self) -> str:
        """The generated prompt before anybody completed it."""
        task = self.task()
        workspace, repo = self.workspace(), self._repo(task)
        memories = [
            memory for query in self.state.get("lessons", {}) for memory in self.context.door.platform.recall(query, 3)
        ]
        return draft_prompt(
            PromptContext(
                task=task,
                project=self.context.project(task.project_id),
                vision=self.context.door.platform.vision(task.project_id),
                base=workspace.base,
                base_sha=workspace.base_sha,
                tenants=self.context.rules.tenants.get(task.project_id, ()),
                isolation_level=self.context.rules.isolation_level.get(task.project_id, ""),
                paths=self.context.door.forge.paths_at(repo, workspace.base_sha),
                memories=memories,
                agent=self.context.agent,
                services=self.context.rules.services.get(task.project_id, ()),
            )
        )

    def lint(self, text: str) -> PromptReport:
        """The live lint of a prompt for this task; the door lints again before anything is spawned."""
        task = self.task()
        workspace, repo = self.workspace(), self._repo(task)
        vision = self.context.door.platform.vision(task.project_id)
        forge = self.context.door.forge
        return lint_prompt(
            text,
            paths=forge.paths_at(repo, workspace.base_sha),
            vision=vision,
            vision_sha_used=self.state.get("vision_used") or (vision.sha256 if vision else None),
            deploy_like=deploy_like(task, text),
            finn_said_yes=bool(self.state.get("architect_yes", {}).get(task.id)),
            read_file=lambda path: forge.read_file(repo, workspace.base_sha, path),
        )

    def _prompt(self) -> Progress:
        state = self.state
        task = self.task()
        text = state.get("prompt")
        if text is None:
            text = self.context.proposer.prompt_for(self.draft(), task)
            vision = self.context.door.platform.vision(task.project_id)
            self.save(prompt=text, prompt_by=self.context.proposer.name, vision_used=vision.sha256 if vision else None)
        report = self.lint(text)
        method = choose_method(
            task,
            [path for path, _, _ in report.files_to_change],
            tenants_total=len(self.context.rules.tenants.get(task.project_id, ())),
            text=text,
        )
        self.save(method=method.name, method_why=method.why)
        meter = f"{report.filled} of {report.total} sections"
        if report.locked or report.denies:
            reasons = [sentence for _, sentence in report.denies] + list(report.reasons)
            return self.progress(
                f"The prompt is not complete ({meter}): {reasons[0]}", needs="prompt", note=f"prompt {meter}"
            )
        if state.get("rejected_prompt") == text:
            return self.progress(
                "This prompt was rejected; change it or give the task up", needs="prompt", note="prompt rejected"
            )
        self.save(phase="spawn")
        return self.progress(f"Prompt complete: {meter}, {report.words} words", note=f"prompt {meter}")
