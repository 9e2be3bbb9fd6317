"""A nursery of worker processes: everything is imported once, and each order is carried out by a fresh fork.

Reads one JSON order per line and answers with one JSON line: how the worker ended, and the lines it reported. A worker
opens the profile as any start of Stas does, recovers, and walks pulses with a person who approves. It dies where the
order says: at a named kill point, around a named call of an edge, or after a number of milliseconds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stas_tui.config import load
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.gates.contract import Shown
from stas_tui.locations import Locations
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.machine import Machine
from stas_tui.toolbox import Toolbox
from stas_tui.wiring import KILL_VARIABLE, Application, build, policy_digest
from storage.records import Action, Outcome
from tests.nursery import import_all

Order = dict[str, Any]
Report = Callable[..., None]
EDGES = ("platform", "forge", "executor", "runs")
MOST_STEPS = 600
SCRIPTED = ("T-301", "T-302", "T-303", "T-304", "T-305")


class Fatal:
    """An edge that is itself in everything, except that the process dies before or after the nth call of one method."""

    def __init__(self, edge: object, method: str, when: str, count: int) -> None:
        self._edge, self._method, self._when, self._left = edge, method, when, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._edge, name)
        if name != self._method:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = found(*args, **kwargs)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def rigged(app: Application, spec: str) -> Machine:
    """The machine over an edge that kills, e.g. `forge.push:after` or `platform.create_task:before:2`."""
    place, when, *count = spec.split(":")
    edge, _, method = place.partition(".")
    assert edge in EDGES, spec
    door = app.context.toolbox.door
    fatal = Fatal(getattr(door, edge), method, when, int(count[0]) if count else 1)
    assert getattr(fatal, method), spec
    toolbox = Toolbox(replace(door, **{edge: fatal}), killpoint=app.context.toolbox.killpoint)
    return Machine(Context(toolbox=toolbox, findings=app.context.findings, proposer=app.context.proposer))


class Person:
    """Approves what is shown, judges results, and says so before doing it."""

    name = "ann"

    def __init__(self, app: Application, machine: Machine, report: Report, order: Order) -> None:
        self.app, self.machine, self.report = app, machine, report
        self.toolbox = machine.context.toolbox
        self.effects = int(order.get("effects", 0))
        self.next_effect = int(order.get("next_effect", 0))
        self.pulses = int(order.get("pulses", 1))
        self.patience_s = float(order.get("patience_s", 20))
        self._stuck = 0

    def walk(self) -> None:
        """Pulse after pulse until as many as ordered are complete."""
        for _ in range(MOST_STEPS):
            if self.machine.current() is None:
                if len(self.machine.context.pulses.latest(self.pulses + 1)) >= self.pulses:
                    return
                self.machine.begin(
                    operator=self.name, mode=self.app.settings.mode, policy_digest=policy_digest(self.app.settings)
                )
            progress = self.machine.advance()
            self.report("progress", step=progress.step.n, needs=progress.needs, say=progress.say)
            self._stuck = self._stuck + 1 if progress.needs == "blocked" else 0
            assert self._stuck < 5, progress.say
            if self.next_effect < self.effects:
                self.small_effect(self.next_effect)
            if progress.step.n == 6:
                self.choose()
            if progress.needs:
                getattr(self, f"on_{progress.needs}")(progress)
        raise AssertionError(f"no end after {MOST_STEPS} steps")

    def choose(self) -> None:
        """Tasks that the demo's executor knows come first, so that pulses after the first have work to do."""
        known = [task.id for task, _ in self.machine.work().candidates() if task.id in SCRIPTED]
        if known:
            self.machine.prefer(known[0], by=self.name, reason="the executor knows it")

    # what a person does ---------------------------------------------------------------------------

    def on_gate(self, progress: Progress) -> None:
        assert progress.action is not None
        self.approve(progress.action)

    def approve(self, action: Action) -> None:
        assert action.revision is not None
        self.report("approve", action=action.id, rev=action.rev, digest=action.digest, tool=action.tool)
        typed = Shown.from_json(action.revision.shown).confirm
        self.toolbox.decide(
            action.id, rev=action.rev, digest=action.digest, verdict="approve", voter=self.name, typed=typed
        )

    def on_run(self, progress: Progress) -> None:
        if progress.run is None:
            return
        self.report("run", run=progress.run.id, directory=progress.run.directory)
        status = self.toolbox.door.executor.wait(progress.run.id, self.patience_s)
        if status.state.value != "finished":
            self.machine.cancel_run(by=self.name)

    def on_review(self, progress: Progress) -> None:
        work = self.machine.work()
        result = work.state["result"]
        task = work.task()
        tries = len(self.toolbox.door.runs.of_task(work.pulse.id, task.id))
        self.report("review", outcome=result["outcome"], how=result["kind"], tries=tries)
        if result["outcome"] in (Outcome.SUCCESS, Outcome.PARTIAL):
            ticked = list(range(len(result["report"]["deviations"])))
            self.machine.accept(by=self.name, reason="looked at every line", ticked=ticked)
        elif result["outcome"] == Outcome.RULE4:
            self.machine.park(by=self.name)
        elif tries < 3 and task.id != "T-305":
            agent = self.machine.context.proposer
            assert isinstance(agent, ScriptedAgent)
            cause = f"attempt {tries} ended as {result['kind']}"
            self.machine.respawn(by=self.name, cause=cause, prompt=agent.prompt_for("", task, attempt=tries + 1))
        else:
            self.machine.give_up(by=self.name, reason="it does not come to an end")

    def on_prompt(self, progress: Progress) -> None:
        self.machine.give_up(by=self.name, reason="nobody wrote a prompt for it")

    def on_blocked(self, progress: Progress) -> None:
        self.report("blocked", say=progress.say)

    def on_summary(self, progress: Progress) -> None:
        self.report("close")
        self.machine.confirm(self.machine.draft(), by=self.name)

    # small effects --------------------------------------------------------------------------------

    def small_effect(self, n: int) -> None:
        """Effect number `n`, the same call each time it is made; done once it has succeeded."""
        pulse = self.machine.current()
        if pulse is None:
            return
        calls: list[tuple[str, dict[str, Any]]] = [
            ("create_task", {"projectId": "ledger", "title": f"infra: small {n}", "priority": "P0"}),
            ("remember", {"type": "pattern", "title": f"small {n}", "text": f"text of {n}", "shared": False}),
            ("message_agent", {"agentId": "Finn", "message": f"For your information: number {n}"}),
            ("create_task", {"projectId": "ledger", "title": f"infra: small {n}", "priority": "P2"}),
            ("remember", {"type": "pattern", "title": f"small {n}", "text": f"text of {n}", "shared": True}),
            ("message_agent", {"agentId": "Finn", "message": f"Please look at number {n}"}),
        ]
        tool, args = calls[n % len(calls)]
        answer = self.toolbox.call(tool, args, pulse_id=pulse.id, caller="Stas", call_key=f"small-{n}")
        if answer.waits and answer.action is not None:
            self.approve(answer.action)
            answer = self.toolbox.perform(answer.action.id)
        if answer.status == "ok":
            self.report("effect", n=n)
            self.next_effect = n + 1


def work(order: Order, report: Report) -> None:
    """One start of Stas."""
    os.environ["DEMO_SPEED"] = order["speed"]
    profile = Locations.find(Path(order["home"])).profile("demo")
    settings = load(profile)
    environ = {KILL_VARIABLE: order.get("kill_at", "")}
    with build(profile, settings, proposer=ScriptedAgent(settings.demo.seed), environ=environ) as app:
        machine = rigged(app, order["edge"]) if order.get("edge") else app.machine
        report("recovered", told=machine.recover())
        report("waiting", gates=[[a.id, a.rev, a.digest] for a in app.context.journal.pending()])
        Person(app, machine, report, order).walk()


def child(order: Order, out: int) -> None:
    def report(kind: str, **facts: Any) -> None:
        os.write(out, (json.dumps({"kind": kind, **facts}) + "\n").encode())

    code = 0
    try:
        work(order, report)
    except BaseException:
        report("trouble", text=traceback.format_exc())
        code = 3
    os._exit(code)


def carry_out(order: Order) -> Order:
    """Fork, wait, and kill the worker in its time."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        child(order, writing)
    os.close(writing)
    watch = os.pidfd_open(pid)
    lines = bytearray()
    left_ms = order.get("kill_after_ms")
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.register(watch, select.POLLIN)
    import time

    until = None if left_ms is None else time.monotonic() + left_ms / 1000
    over = False
    while not over:
        wait = None if until is None else max(0.0, (until - time.monotonic()) * 1000)
        ready = dict(poll.poll(wait))
        if not ready and until is not None:
            os.kill(pid, signal.SIGKILL)
            until = None
        if reading in ready and ready[reading] & select.POLLIN:
            lines += os.read(reading, 1 << 16)
        over = watch in ready
    _, status = os.waitpid(pid, 0)
    os.set_blocking(reading, False)
    try:
        while chunk := os.read(reading, 1 << 16):
            lines += chunk
    except BlockingIOError:
        pass
    os.close(reading)
    os.close(watch)
    said = [json.loads(line) for line in lines.decode().splitlines() if line.endswith("}")]
    return {"status": status, "said": said}


def main() -> None:
    import_all()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
