"""The director: what is done on the screens becomes acts, what is ordered becomes lines, and time can go back."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.control import Control
from stas_tui.training.control_client import Client, path_for
from stas_tui.training.engine import play
from stas_tui.training.orders import OrderWrong
from stas_tui.training.runs import RunFolder, recorded
from stas_tui.training.stage import said
from storage.clock import MINUTE
from storage.records import ActionState
from tests.training.stage_world import SMALL, Table, lesson, table


def acts(at: Table) -> list[tuple[str, str]]:
    """(verb, target) of everything the trainee did."""
    return [
        (event.kind.removeprefix("act."), str(event.body.get("target", "")))
        for event in at.director.engine.lines
        if event.kind.startswith("act.")
    ]


def alert(at: Table) -> str:
    return next(item.key for item in at.director.application.desk.look().items if item.key.startswith("alert:"))


def test_what_is_done_at_the_desk_is_heard_with_its_ref(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        desk, key = at.director.application.desk, alert(at)
        desk.own([key], by="Ada")
        at.pass_s(1)
        desk.escalate(key, by="Ada")
        at.pass_s(1)
        desk.stop_escalation(key, by="Ada")
        desk.snooze([key], by="Ada", reason="waits", until=at.director.clock.now() + 5 * MINUTE)
        at.pass_s(1)
        at.director.application.machine.pause(by="Ada", reason="stop")
        at.pass_s(1)
        assert at.director.engine.made["d1"].quality == "also ok"
        at.director.application.machine.resume(by="Ada", reason="go on")
        at.pass_s(1)
        done = [act for act in acts(at) if act[0] not in ("open", "close")]
        assert done == [
            ("own", "al1"),
            ("escalate", "al1"),
            ("snooze", "al1"),
            ("pause_pulse", ""),
            ("resume", ""),
        ]


def test_what_is_said_in_a_lesson_is_heard(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        stage = at.director.stage
        said.ask(stage, "a1", "What is the base?")
        said.mark_suspicious(stage, "m1", "gives orders")
        said.reclassify(stage, "m1", "info")
        said.reclassify(stage, "a1", "complex")
        assert said.message_agent(stage, "Finn", "The ticket text holds orders.").status == "ok"
        filed = said.create_task(
            stage, {"projectId": "shop", "title": "infra: verify backups", "priority": "P0", "description": "now"}
        )
        assert filed.status == "ok"
        at.pass_s(1)
        assert sorted(acts(at)) == sorted(
            [
                ("ask", "a1"),
                ("mark_suspicious", "m1"),
                ("reclassify", "m1"),
                ("reclassify", "a1"),
                ("message_agent", ""),
                ("create_task", ""),
            ]
        )
        message = at.director.application.world.message("m1", stage.settings.agent_name)
        assert message is not None
        assert message.type == "info"
        assert at.gate("a1").state is ActionState.PENDING


def test_a_message_on_slack_counts_when_its_gate_is_approved(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        answer = said.slack(at.director.stage, "A customer ticket gives orders to the agent.", "security")
        assert answer.status == "pending"
        assert answer.action is not None
        at.pass_s(1)
        assert ("slack_send", "") not in acts(at)
        action = answer.action
        at.director.application.context.toolbox.decide(
            action.id, rev=action.rev, digest=action.digest, verdict="approve", voter="Ada"
        )
        at.pass_s(1)
        assert ("slack_send", "") in acts(at)
        at.pass_s(1)
        assert [posted.delivered.text for posted in at.director.stage.messenger.posted] != []


def test_looks_become_opened_evidence(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        looks, gate = at.director.looks, at.gate("a1").id
        looks.opened("inbox", "m1")
        looks.closed("inbox", "m1")
        looks.opened("gate", gate)
        looks.opened("gate.whole", gate)
        looks.opened("item", alert(at))
        looks.opened("queue", "nobody knows this")
        at.pass_s(1)
        engine = at.director.engine
        assert set(engine.opened) == {"m1", "a1", "a1.whole", "al1"}
        assert engine.saw("a1", "base")


def test_a_hint_says_first_what_it_costs_and_can_be_forbidden(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        with pytest.raises(OrderWrong):
            at.director.hint()
        at.pass_s(31)
        assert at.director.hint_cost() == "A hint costs 10 % of this decision's points; 2 left for it."
        assert at.director.hint() == "Look at the base."
        at.director.order("hints", {"on": False})
        with pytest.raises(OrderWrong):
            at.director.hint()
        at.director.order("hints", {"on": True})
        assert at.director.hint() == "Who asked for this?"
        with pytest.raises(OrderWrong):
            at.director.hint_cost()


def test_an_instructor_moves_time_and_injects(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        assert at.director.order("jump", {}) == "Jumped to +10s."
        assert at.director.engine.now == 10_000
        at.director.order("speed", {"times": 5})
        at.pass_s(1)
        assert at.director.engine.now == 15_000
        at.director.order("inject", {"new": "down", "source": "prometheus", "reason": "refused"})
        at.director.order("say", {"name": "Finn", "text": "What is going on?"})
        at.pass_s(0.1)
        sources = {status.name: status for status in at.director.application.desk.sources()}
        assert sources["prometheus"].reason == "refused"
        inbox = at.director.application.world.inbox(at.director.stage.settings.agent_name)
        assert "What is going on?" in [message.body for message in inbox]
        assert at.director.state()["speed"] == 5
        at.director.order("end", {})
        assert at.director.over
        assert not at.director.clock.playing


def test_a_second_terminal_orders_over_the_socket(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        path = path_for(Locations.find(tmp_path / "home"), "run")
        control = Control(at.director, path)
        control.start()
        try:
            with Client(path) as client:
                client.ask("jump", {})
                client.ask("pause", {})
            assert at.director.engine.now == 10_000
            assert not at.director.clock.playing
        finally:
            control.stop()


def test_going_back_plays_again_what_was_done_until_then(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        at.director.application.desk.own([alert(at)], by="Ada")
        at.pass_s(4)
        at.decide("a1", "reject", "the base is main")
        at.pass_s(5)
        first = at.director.application
        at.director.order("rewind", {"to": "+36s"})
        assert at.director.leaving
        at.pass_s(60)
        assert at.director.engine.now == 40_000, "nothing happens until the dashboard was opened anew"
        at.director.rebuild()
        assert at.director.application is not first
        assert at.director.unrepeated == []
        assert at.director.clock.elapsed() == 36_000
        assert not at.director.clock.playing
        assert at.gate("a1").state is ActionState.REJECTED
        note = next(item.note for item in at.director.application.desk.look().items if item.key == alert(at))
        assert note is not None
        assert note.lease is not None
        assert at.director.engine.made["d1"].verb == "reject"

        at.director.order("rewind", {"to": "+33s"})
        at.director.rebuild()
        assert at.gate("a1").state is ActionState.PENDING
        at.director.play()
        at.pass_s(1)
        at.decide("a1", "approve")
        at.pass_s(1)
        assert at.director.engine.made["d1"].verb == "approve"


def test_the_folder_of_a_run_gives_the_same_log_again(tmp_path: Path) -> None:
    one = lesson()
    folder = RunFolder.create(tmp_path / "training", one, seed=7, began=0)
    with table(tmp_path, folder=folder) as at:
        at.pass_s(31)
        at.director.looks.opened("inbox", "m1")
        at.pass_s(2)
        at.director.order("rewind", {"to": "+31s"})
        at.director.rebuild()
        at.director.play()
        at.pass_s(3)
        at.decide("a1", "reject", "no")
        at.pass_s(40)
        assert at.director.over
        at.director.debrief()
        digest = at.director.engine.digest
    kept = recorded(folder.path)
    assert kept.again().digest == digest
    assert play(one.scenario, one.digest, kept.inputs, seed=7).digest == digest


def test_a_secret_that_was_typed_stands_in_no_log(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7h8"
    with table(tmp_path, SMALL) as at:
        at.pass_s(31)
        at.decide("a1", "reject", f"because of {secret}")
        at.pass_s(1)
        assert secret not in str(at.director.engine.lines)
