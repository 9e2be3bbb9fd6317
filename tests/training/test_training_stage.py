"""The simulated world behind the real application: what the engine says happens in it, and is judged as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.gates.contract import Shown
from storage.records import ActionState, DataState, GateLevel
from tests.training.stage_world import SMALL, Table, table


def states(at: Table) -> dict[str, DataState]:
    return {status.name: status.state for status in at.director.application.desk.sources()}


def titles(at: Table) -> list[str]:
    return [item.title for item in at.director.application.desk.look().items]


def test_a_message_an_alert_and_a_gate_come_at_their_time(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(5)
        assert titles(at) == []
        at.pass_s(10)
        message = at.director.application.world.message("m1", at.director.stage.settings.agent_name)
        assert message is not None
        assert message.at == at.director.clock.start + 10_000
        at.pass_s(20)
        assert any("HighErrorRate" in title for title in titles(at))
        action = at.gate("a1")
        assert action.state is ActionState.PENDING
        assert action.caused_by == "m1"
        assert action.revision is not None
        assert action.revision.plan == {
            "asks for": "open_pull_request",
            "projectId": "shop",
            "taskId": "T-31",
            "title": "infra: debug webhook",
            "base": "main",
        }
        shown = Shown.from_json(action.revision.shown)
        assert [row.text for row in shown.risk] == ["no way back is named"]
        assert [piece.ref for piece in shown.evidence] == ["m1", "ci/build.yml"]


def test_a_rejected_gate_is_heard_by_the_engine_and_by_the_agent(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        at.decide("a1", "reject", "the base is main")
        at.pass_s(1)
        assert "act.reject" in at.kinds()
        made = at.director.engine.made["d1"]
        assert (made.verb, made.quality) == ("reject", "expected")
        said = at.director.application.context.journal.events(kinds=["agent.said"])[-1].body["said"]
        assert "rejected" in said
        assert "the base is main" in said
        at.pass_s(15)
        assert at.director.application.world.message("m2", at.director.stage.settings.agent_name) is not None
        at.pass_s(30)
        assert at.director.engine.ended == "everything is decided"


def test_an_approved_gate_leaves_a_line_in_the_simulated_world_and_nothing_else(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        before = at.director.stage.forge.prs(at.director.application.context.rules.repos["shop"])
        at.decide("a1", "approve")
        at.pass_s(1)
        assert at.gate("a1").state is ActionState.SUCCEEDED
        sent = at.director.application.context.door.platform.sent()
        assert [(line.to, line.channel) for line in sent] == [("the simulated world", "training")]
        assert at.director.stage.forge.prs(at.director.application.context.rules.repos["shop"]) == before
        assert at.director.engine.made["d1"].quality == "deadly"


def test_a_changed_gate_that_is_approved_is_an_edit(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        action = at.gate("a1")
        assert action.revision is not None
        at.director.application.context.toolbox.edit(
            action.id,
            rev=action.rev,
            digest=action.digest,
            args={**action.revision.args, "base": "multi-tenant"},
            author="Ada",
        )
        at.decide("a1", "approve")
        at.pass_s(1)
        assert "act.edit_and_approve" in at.kinds()


def test_a_dangerous_gate_asks_for_the_name_of_the_environment(tmp_path: Path) -> None:
    data = SMALL.replace(b'caused_by = "m1"\n', b'caused_by = "m1"\ndangerous = true\n')
    with table(tmp_path, data) as at:
        at.pass_s(31)
        action = at.gate("a1")
        assert action.level is GateLevel.GATE2
        assert action.revision is not None
        assert action.revision.shown["confirm"] == "TRAINING"


def test_what_looks_like_a_secret_is_masked_before_anybody_sees_it(tmp_path: Path) -> None:
    secret = b"ghp_" + b"a1B2c3D4e5" * 3 + b"F6g7h8"
    data = SMALL.replace(b'title = "infra: debug webhook"', b'title = "infra: token ' + secret + b'"')
    with table(tmp_path, data) as at:
        at.pass_s(31)
        action = at.gate("a1")
        assert action.revision is not None
        assert secret.decode() not in str(action.revision.plan)
        assert action.revision.shown["warnings"] == [
            "a text held what looks like a secret; it was masked before anybody saw it"
        ]


FAULT = b"""
[[inject]]
at = "+60s"
kind = "source_fault"
ref = "f1"
source = "prometheus"
state = "STATE"
reason = "connection refused"

[[inject]]
at = "+5m"
kind = "source_fault"
source = "prometheus"
state = "recovered"
"""


@pytest.mark.parametrize(("state", "soon", "later"), [("down", "error", "error"), ("no_data", "ok", "stale")])
def test_a_source_fails_and_grows_stale_as_a_real_one_does(tmp_path: Path, state: str, soon: str, later: str) -> None:
    with table(tmp_path, SMALL + FAULT.replace(b"STATE", state.encode())) as at:
        at.pass_s(59)
        assert states(at)["prometheus"] == DataState.OK
        at.pass_s(2)
        assert states(at)["prometheus"] == soon
        at.pass_s(60)
        assert states(at)["prometheus"] == later
        assert states(at)["alertmanager"] == DataState.OK, "the others are asked on"
        at.pass_s(200)
        assert states(at)["prometheus"] == DataState.OK


def test_a_metric_is_judged_by_the_rule_that_real_numbers_are_judged_by(tmp_path: Path) -> None:
    metric = b"""
[[inject]]
at = "+40s"
kind = "metric"
ref = "x1"
series = "http_5xx_ratio{tenant=globex}"
value = 0.31
"""
    with table(tmp_path, SMALL + metric) as at:
        at.pass_s(41)
        assert any("globex" in title for title in titles(at))
        assert not any("initech" in title for title in titles(at))


def test_pausing_for_an_hour_of_wall_time_changes_nothing(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        lines, now, looked = len(at.director.engine.lines), at.director.clock.now(), at.gate("a1")
        at.director.order("pause", {})
        at.pass_s(3600)
        assert len(at.director.engine.lines) == lines + 1
        assert at.director.clock.now() == now
        assert at.gate("a1") == looked
        assert states(at)["prometheus"] == DataState.OK
        at.director.order("play", {})
        at.pass_s(1)
        assert at.director.clock.now() == now + 1000


def test_the_same_lesson_gives_the_same_world_twice(tmp_path: Path) -> None:
    def record(folder: Path) -> list[tuple[str, str, str]]:
        with table(folder) as at:
            at.pass_s(31)
            at.decide("a1", "reject", "no")
            at.pass_s(1)
            journal = at.director.application.context.journal
            return [(event.kind, event.actor, event.hash) for event in journal.events(kinds=["gate.requested"])] + [
                ("engine", "", at.director.engine.digest)
            ]

    assert record(tmp_path / "one") == record(tmp_path / "two")


def test_a_silence_that_was_approved_hides_its_alert_until_it_ends(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(31)
        application = at.director.application
        alert = next(item for item in application.desk.look().items if item.key.startswith("alert:"))
        pulse = application.machine.current()
        assert pulse is not None
        asked = application.context.toolbox.call(
            "silence_alert",
            {"source": "alertmanager", "fingerprint": alert.ref, "minutes": 5, "reason": "known", "item": alert.key},
            pulse_id=pulse.id,
            caller="Ada",
        )
        assert asked.status == "pending", asked.reason
        assert asked.action is not None
        application.context.toolbox.decide(
            asked.action.id, rev=asked.action.rev, digest=asked.action.digest, verdict="approve", voter="Ada"
        )
        at.pass_s(1)
        assert application.context.journal.get(asked.action.id).state is ActionState.SUCCEEDED
        at.pass_s(16)
        hidden = next(item for item in application.desk.look().items if item.key == alert.key)
        assert "silence" in hidden.suppressed
        at.pass_s(300)
        shown = next(item for item in application.desk.look().items if item.key == alert.key)
        assert shown.suppressed == ""


def test_the_agent_of_a_lesson_does_only_what_its_lesson_says(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        at.pass_s(25)
        step = at.director.application.context.pulses.steps(at.director.application.machine.current().id)[5]  # type: ignore[union-attr]
        assert "HighErrorRate" in str(step.data), "the critical alert was seen"
        assert [task.id for task in at.director.application.world.tasks("shop")] == ["T-31"]
        assert at.director.application.context.journal.pending() == []
        progress = at.director.application.machine.advance()
        assert progress.needs == "lesson"
