"""The stage of a lesson: the real application on simulated edges, changed by the lines of the engine.

    stage = Stage(lesson.scenario, profile, clock)
    stage.apply(event)                     # a line of the engine happens in the world
    stage.application                      # what the real dashboard opens on

Everything here may block and is called off the interface's thread, by one hand at a time.
"""

from __future__ import annotations

from stas_tui.application import Application, Edges, Opened, assemble, opened, rules_of
from stas_tui.gates.contract import Answer
from stas_tui.locations import Profile, os_user
from stas_tui.platforms.local import LocalPlatform
from stas_tui.training.atlas import MESSAGES
from stas_tui.training.bell import HouseBell
from stas_tui.training.clock import VirtualClock
from stas_tui.training.prose import joined
from stas_tui.training.scenario import Scenario
from stas_tui.training.stage.executor import SimExecutor
from stas_tui.training.stage.forge import SimForge
from stas_tui.training.stage.machine import LessonMachine, lesson_machine
from stas_tui.training.stage.names import numbered
from stas_tui.training.stage.outside import SimChecker, SimMessenger, SimRounds, SimSilencer
from stas_tui.training.stage.reports import report_of, words_of
from stas_tui.training.stage.settings import HUMAN, projects_of, settings_of
from stas_tui.training.stage.sources import FAULT, KINDS, SimSources
from stas_tui.training.stage.spawn import printed, prompt_of
from stas_tui.training.stage.tools import Asked, Script, masked
from stas_tui.training.tables import File, PullStart
from storage.records import (
    ActionState,
    Event,
    Json,
    Memory,
    Merge,
    Message,
    MessageType,
    Mode,
    Priority,
    Project,
    Task,
    Trust,
)
from storage.redact import redact
from storage.watch_records import SourceKind

SUBJECT = 80
INBOX, MEMORIES, HEALTH = 1, 2, 6
"""Steps of the pulse."""
_STEPS = {**dict.fromkeys(MESSAGES, INBOX), "inject.memory": MEMORIES, FAULT: HEALTH}


class Stage:
    """One stage, and the application on it. Closed once."""

    def __init__(
        self,
        scenario: Scenario,
        profile: Profile,
        clock: VirtualClock,
        *,
        person: str = "",
        look: dict[str, object] | None = None,
    ) -> None:
        """`person` is the trainee's name, `look` are settings of theirs that change only how it looks.

        Raises `StoreError`, `LocationError`.
        """
        self.scenario, self.clock = scenario, clock
        person = person or os_user()
        self.settings = settings = settings_of(scenario, person=person, os_user=os_user(), more=look)
        self.parts: Opened = opened(profile, settings, clock=clock, bell=HouseBell(), new_id=numbered())
        self.script = Script()
        self.gates: dict[str, str] = {}
        """Action ids by the refs of what the agent asked for."""
        self.evidence: dict[str, str] = {}
        """Evidence of the scenario by its reference."""
        self.lines: list[Event] = []
        """Lines of the engine that happened here."""
        self._dirty: set[int] = set()
        """Steps of the pulse whose facts have changed."""
        self.forge = SimForge(clock)
        self.executor = SimExecutor(clock, profile.runs)
        self.messenger = SimMessenger(clock, settings.agent_id(HUMAN) or HUMAN)
        self.sources = SimSources(self.parts.watch, scenario)
        self.application = self._assembled(profile, person)
        self._furnish()
        self.sources.beat(clock.now())
        machine = self.application.machine
        machine.begin(operator=person, mode=Mode(scenario.mode), policy_digest="")
        assert isinstance(machine, LessonMachine)
        self.machine = machine
        machine.look()

    def _assembled(self, profile: Profile, person: str) -> Application:
        parts, settings, clock = self.parts, self.settings, self.clock
        alerting = [want.name for want in self.sources.wanted() if want.kind is SourceKind.ALERTS]
        silencer = SimSilencer(clock, alerting, self.sources.alerts)
        self.sources.silencer = silencer
        application = assemble(
            parts,
            profile,
            settings,
            Edges(
                platform=LocalPlatform(parts.world, settings.agent_name, clock, columns=settings.columns),
                forge=self.forge,
                executor=self.executor,
                rounds=SimRounds(profile, settings, parts.checks, parts.pulses, clock),
                messenger=self.messenger,
                silencer=silencer,
                checker=SimChecker(),
            ),
            rules=rules_of(settings, profile, sources=self.sources.wanted),
            tools=self.script.tool,
            person=person,
        )
        application.training = self.scenario.title
        application.new_machine = lesson_machine
        return application

    # the world at the start -----------------------------------------------------------------------

    def _furnish(self) -> None:
        world, start, now = self.parts.world, self.scenario.world, self.clock.now()
        for project in projects_of(self.scenario):
            world.put_project(Project(id=project.id, name=project.name))
            if project.vision:
                world.set_vision(project.id, joined(project.vision))
        for task in start.task:
            world.put_task(
                Task(
                    id=task.id,
                    project_id=task.project,
                    title=task.title,
                    description=redact(joined(task.description)),
                    status=task.column,
                    priority=Priority(task.priority),
                    assignee=task.assignee or None,
                    acceptance=task.acceptance,
                    created_at=now,
                )
            )
        for n, memory in enumerate(start.memory, 1):
            self._remember(f"memory-{n}", memory.type, memory.title, memory.text)
        for pull in start.pull:
            self.forge.put(pull)

    def _remember(self, key: str, type_: str, title: str, text: str) -> None:
        self.parts.world.put_memory(
            Memory(
                id=key,
                type=type_,
                title=title,
                text=redact(joined(text)),
                author=self.settings.agent_name,
                at=self.clock.now(),
            )
        )

    # what happens ---------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """A line of the engine happens in the simulated world; lines that change nothing in it are only kept."""
        self.lines.append(event)
        body = event.body
        if event.kind in KINDS or event.kind == FAULT:
            self.sources.change(event.kind, body, event.at)
        if event.kind in MESSAGES:
            self.parts.world.deliver(message_of(event))
        if event.kind == "inject.executor":
            self._report(body)
        elif event.kind == "inject.ci" and body["log"]:
            self.parts.world.deliver(message_of(event))
        elif event.kind == "inject.deploy" and body["state"] == "merged":
            self.forge.landed(
                Merge(
                    project_id=body["project"],
                    sha=body["sha"],
                    at=event.at,
                    author=body["author"],
                    subject=body["what"],
                )
            )
        elif event.kind == "inject.forge":
            self.forge.put(PullStart.model_validate(body["pull"]))
        elif event.kind == "inject.memory":
            self._remember(body["ref"], body["type"], body["title"], body["text"])
        elif event.kind == "inject.agent_action":
            self._ask(body)
        self._dirty.add(_STEPS.get(event.kind, HEALTH if event.kind in KINDS else 0))
        self.parts.bell.ring()

    def _report(self, body: Json) -> None:
        """An executor reports: the run of its task ends with it, if one that was approved still works."""
        run_id = self.executor.running(body["task"])
        if run_id:
            self.executor.end(run_id, body["outcome"], words_of(body))
            self.forge.changed(body["task"], [File.model_validate(file) for file in body.get("files", ())])
            self.machine.ended(run_id, report_of(body), ref=body["ref"])

    def _ask(self, body: Json) -> None:
        asked = self.script.ask(body)
        if body["says"]:
            self.says(body["says"], ref=asked.ref)
        answer = self._call(asked)
        if answer.status == "refused":
            answer = self._call(self.script.replace(masked(asked)))
        if answer.action is not None:
            self.gates[asked.ref] = answer.action.id
        self.evidence |= {ref: joined(text) for _, ref, text in asked.evidence}

    def _call(self, asked: Asked) -> Answer:
        pulse = self.application.machine.current()
        assert pulse is not None
        return self.application.context.toolbox.call(
            asked.name,
            asked.call,
            pulse_id=pulse.id,
            caller=self.settings.agent_name,
            caused_by=asked.caused_by,
        )

    def says(self, text: str, *, ref: str = "") -> None:
        """The agent says something; it stands in the log of the pulse and on the screen."""
        pulse = self.application.machine.current()
        self.application.context.journal.record(
            "agent.said",
            actor=self.settings.agent_name,
            pulse_id=pulse.id if pulse else None,
            body={"said": redact(joined(text).strip()), "ref": ref},
        )

    def settle(self, action_id: str) -> None:
        """What follows a decision: what was approved is done in the simulated world, and the agent says that it heard.

        Other requests, those of the trainee, are carried out as the machine of a real pulse would.
        """
        action = self.application.context.journal.get(action_id)
        ref = self.ref_of(action_id)
        approved, rejected = action.state is ActionState.APPROVED, action.state is ActionState.REJECTED
        heard = f"rejected. I leave it: {action.reason}"
        if approved:
            self.application.context.toolbox.perform(action_id)
            key = self.settings.keys["main.output"][0]
            runs = self._started(action_id, ref)
            heard = (
                f"approved. An executor works on it; {key} shows what it prints." if runs else "approved. I do it now."
            )
        if ref and (approved or rejected):
            self.says(f"{self.script.asked[ref].title} was {heard}", ref=ref)
        self.parts.bell.ring()

    def _started(self, action_id: str, ref: str) -> bool:
        """Have the run print that an approval began, and stand in the pulse; whether there is one."""
        context = self.application.context
        run, revision = context.runs.by_action(action_id), context.journal.get(action_id).revision
        if run is not None and revision is not None and ref:
            self.executor.prints(run.id, printed(self.script.asked[ref]))
            self.machine.spawned(run, gate=ref, prompt=prompt_of(revision.args))
        return run is not None

    def ref_of(self, action_id: str) -> str:
        """The ref of what the agent asked for; empty for what others asked for."""
        return next((ref for ref, gate in self.gates.items() if gate == action_id), "")

    def beat(self) -> None:
        """Time has passed: sources that are due are asked, and the agent looks again at what changed."""
        if self.sources.beat(self.clock.now()):
            self.parts.bell.ring()
        again, self._dirty = sorted(self._dirty - {0}), set()
        if again and not self.application.context.journal.halted()[0]:
            self.machine.look(again)
            self.parts.bell.ring()

    def close(self) -> None:
        """Close the databases."""
        self.application.close()


def message_of(event: Event) -> Message:
    """The message that a line of the engine brings; its paragraphs are lines, a build's output is as it was printed."""
    body, kind = event.body, event.kind
    if kind == "inject.executor":
        sender, type_, trust = f"executor {body['task']}", "info", "known"
        text = f"{body['outcome']}: {body['task']}\n\n{joined(body['report'])}"
        subject = f"{body['task']}: {body['outcome']}"
    elif kind == "inject.ci":
        sender, type_, trust = "CI", "info", "known"
        text, subject = body["log"], f"{body['name']} on {body['sha'][:9]}: {body['state']}"
    elif kind == "inject.slack":
        sender, type_, trust = body["from"], "info", "known"
        text, subject = joined(body["text"]), ""
    else:
        sender, type_, trust = body["from"], body["type"], body["trust"]
        text, subject = joined(body["text"]), body["subject"]
    text = redact(text).strip()
    first = next(iter(text.splitlines()), "")
    return Message(
        id=str(body["ref"]),
        type=MessageType(type_),
        sender=sender,
        subject=redact(subject) or (first if len(first) <= SUBJECT else first[: SUBJECT - 1] + "…"),
        body=text,
        at=event.at,
        trust=Trust.KNOWN if trust == "known" else Trust.EXTERNAL,
        project_id=body.get("project") or None,
        task_id=body.get("task"),
    )
