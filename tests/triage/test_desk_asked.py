"""What a person asked for and approved happens, also if the program died in between, and once only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.gates.contract import Answer
from stas_tui.pulse.asked import asked_for, carry_out
from storage.records import Action, ActionState
from tests.triage.bench import Bench, alert


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.begin()
        made.say([alert("2", "warning", annotations={"summary": "image size"})])
        yield made


def asked(bench: Bench) -> Action:
    """A task that waits at its gate, asked for by ann."""
    answer: Answer = bench.desk.file_task("alert:2", by="ann")
    assert (answer.status, answer.action is None) == ("pending", False)
    assert answer.action is not None
    return answer.action


def approve(bench: Bench, action: Action) -> None:
    bench.app.context.toolbox.decide(action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="ann")


def tasks(bench: Bench) -> int:
    return len(bench.app.world.tasks("shop"))


def test_it_is_done_with_the_next_step_of_the_pulse(bench: Bench) -> None:
    action = asked(bench)
    bench.app.machine.advance()
    assert tasks(bench) == 0, "nobody approved it yet"
    approve(bench, action)
    bench.app.machine.advance()
    bench.app.machine.advance()
    assert tasks(bench) == 1
    assert bench.app.context.journal.get(action.id).state is ActionState.SUCCEEDED


def test_it_is_done_after_a_restart_as_recovery_says(bench: Bench) -> None:
    action = asked(bench)
    approve(bench, action)
    with bench.again() as later:
        assert any("it goes on when the pulse does" in told for told in later.app.machine.recover())
        assert tasks(later) == 0
        later.app.machine.advance()
        assert tasks(later) == 1


def test_while_the_agent_is_paused_it_waits(bench: Bench) -> None:
    action = asked(bench)
    approve(bench, action)
    bench.app.machine.pause(by="ann", reason="look first")
    bench.app.machine.advance()
    assert tasks(bench) == 0
    bench.app.machine.resume(by="ann", reason="looked")
    bench.app.machine.advance()
    assert tasks(bench) == 1


def test_what_the_agent_asked_for_is_left_to_the_steps(bench: Bench) -> None:
    context = bench.app.context
    pulse = context.pulses.current()
    assert pulse is not None
    args = {"projectId": "shop", "title": "infra: tidy the image", "priority": "P2"}
    answer = context.toolbox.call("create_task", args, pulse_id=pulse.id, caller=context.agent)
    assert answer.action is not None
    approve(bench, answer.action)
    assert not asked_for(context, answer.action)
    assert carry_out(context, pulse.id) == []
    own = asked(bench)
    assert asked_for(context, own)
    context.pulses.save_work(pulse.id, {"some_action": own.id}, actor="Stas")
    assert not asked_for(context, own), "a step goes on with it"
