"""Going back builds the world as it was: an edited approval stays edited, and a long snooze stays long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stas_tui.training.engine import Act, Engine, play
from stas_tui.training.inputs import LONGEST_DETAIL, InputWrong, as_json, from_json
from stas_tui.training.observer import args_of
from stas_tui.training.runs import RunFolder, recorded
from stas_tui.training.stage import said
from storage.clock import HOUR, MINUTE
from storage.records import ActionState, Json
from tests.training.stage_world import SMALL, Table, lesson, table

LATER = b"""
[[inject]]
at = "+20s"
kind = "alert"
ref = "al2"
name = "CertificateExpires"
severity = "info"
labels = { service = "web" }
summary = "good for 21 days"
"""


def world(at: Table) -> dict[str, Any]:
    """What stands in the simulated world and was not so at the beginning, without ids of this stage."""
    application, stage = at.director.application, at.director.stage
    gates = {ref: at.gate(ref) for ref in stage.gates}
    agent = stage.settings.agent_name
    notes = {item.key: item.note for item in application.desk.look().items if not item.key.startswith("gate:")}
    return {
        "gates": {ref: (gate.state, gate.reason, args_of(gate), gate.rev) for ref, gate in gates.items()},
        "tasks": [(t.title, t.status, t.priority) for t in application.world.tasks("shop")],
        "types": {ref: m.type for ref in ("m1",) if (m := application.world.message(ref, agent))},
        "notes": {
            key: (note.snooze and (note.snooze.until, note.snooze.event, note.snooze.reason), note.lease is not None)
            for key, note in notes.items()
            if note
        },
        "sent": [(line.to, line.channel, line.text) for line in application.world.sent()],
        "posted": [post.delivered.text for post in stage.messenger.posted],
        "halted": application.context.journal.halted()[0],
    }


def alert(at: Table, title: str) -> str:
    items = at.director.application.desk.look().items
    return next(item.key for item in items if item.key.startswith("alert:") and title in item.title)


def go_back(at: Table, to: str) -> None:
    at.director.order("rewind", {"to": to})
    at.director.rebuild()
    assert at.director.unrepeated == []
    at.director.play()


def edit_and_approve(at: Table, ref: str, changes: Json, reason: str = "") -> None:
    """As the gate's editor and then its A do."""
    action, toolbox = at.gate(ref), at.director.application.context.toolbox
    edited = toolbox.edit(
        action.id, rev=action.rev, digest=action.digest, args={**args_of(action), **changes}, author="Ada"
    )
    toolbox.decide(action.id, rev=edited.rev, digest=edited.digest, verdict="approve", voter="Ada", reason=reason)


def test_an_edited_approval_and_a_snooze_of_two_hours_are_done_again_as_they_were(tmp_path: Path) -> None:
    with table(tmp_path, SMALL + LATER) as at:
        at.pass_s(31)
        edit_and_approve(at, "a1", {"base": "multi-tenant"}, "to the branch of the team")
        until = at.director.clock.now() + 2 * HOUR
        at.director.application.desk.snooze([alert(at, "Certificate")], by="Ada", reason="not today", until=until)
        at.pass_s(1)
        before = world(at)
        assert before["gates"]["a1"][0] is ActionState.SUCCEEDED
        assert before["gates"]["a1"][2]["base"] == "multi-tenant"
        assert before["notes"][alert(at, "Certificate")][0] == (until, "", "not today")
        first = at.director.application
        go_back(at, "+32s")
        assert at.director.application is not first
        assert world(at) == before


def test_what_was_asked_for_said_and_taken_is_there_again(tmp_path: Path) -> None:
    with table(tmp_path, SMALL + LATER) as at:
        at.pass_s(31)
        stage, desk = at.director.stage, at.director.application.desk
        desk.own([alert(at, "HighErrorRate")], by="Ada", reason="mine")
        desk.snooze([alert(at, "Certificate")], by="Ada", reason="then", until=None, event="task:shop/T-31")
        said.reclassify(stage, "m1", "info")
        said.ask(stage, "a1", "What is the base?")
        assert said.message_agent(stage, "Finn", "The ticket text holds orders.").status == "ok"
        filed = said.create_task(
            stage, {"projectId": "shop", "title": "infra: verify backups", "priority": "P2", "description": "now"}
        )
        assert filed.status == "pending"
        assert filed.action is not None
        at.director.application.context.toolbox.decide(
            filed.action.id, rev=filed.action.rev, digest=filed.action.digest, verdict="approve", voter="Ada"
        )
        at.pass_s(1)
        before = world(at)
        assert "infra: verify backups" in [title for title, _, _ in before["tasks"]]
        assert before["types"] == {"m1": "info"}
        assert before["sent"]
        go_back(at, "+32s")
        assert world(at) == before


def test_an_edit_that_the_policy_refuses_now_is_told_and_nothing_is_approved(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7h8"
    with table(tmp_path) as at:
        at.pass_s(31)
        at.director._act(Act(at=31_000, verb="edit_and_approve", target="a1", detail={"args": {"ref": "nothing"}}))
        at.director._act(Act(at=31_000, verb="ask", target="a1", text="x", detail={"args": {"note": secret}}))
        assert secret not in str(at.director.engine.lines)
        at.director.order("rewind", {"to": "+31s"})
        at.director.rebuild()
        assert len(at.director.unrepeated) == 1
        assert "edit_and_approve a1" in at.director.unrepeated[0]
        assert at.gate("a1").state is ActionState.PENDING


def test_the_detail_stands_in_inputs_and_log_and_only_where_there_is_one(tmp_path: Path) -> None:
    one = lesson(SMALL + LATER)
    folder = RunFolder.create(tmp_path / "training", one, seed=7, began=0)
    with table(tmp_path, SMALL + LATER, folder=folder) as at:
        at.pass_s(31)
        until = at.director.clock.now() + 90 * MINUTE
        at.director.application.desk.snooze([alert(at, "Certificate")], by="Ada", reason="later", until=until)
        at.decide("a1", "reject", "the base is main")
        at.pass_s(1)
        bodies = {line.kind: line.body for line in at.director.engine.lines}
        assert bodies["act.snooze"]["detail"] == {"until": 31_000 + 90 * MINUTE}
        assert "detail" not in bodies["act.reject"]
        at.director.end("enough")
        at.director.debrief()
        digest = at.director.engine.digest
    kept = recorded(folder.path)
    assert kept.again().digest == digest
    assert [act.detail for act in kept.inputs if isinstance(act, Act) and act.verb == "snooze"] == [
        {"until": 31_000 + 90 * MINUTE}
    ]


def test_a_run_without_details_has_the_digest_that_it_always_had() -> None:
    one = lesson()
    acts = [Act(at=31_000, verb="open", target="a1.base"), Act(at=35_000, verb="reject", target="a1", text="main")]
    engine = play(one.scenario, one.digest, acts)
    bare = [{name: body for name, body in line.body.items() if name != "detail"} for line in engine.lines]
    assert bare == [line.body for line in engine.lines]
    with_detail = play(
        one.scenario, one.digest, [*acts[:1], Act(at=35_000, verb="reject", target="a1", detail={"x": 1})]
    )
    assert with_detail.digest != engine.digest
    assert with_detail.made["d1"].verb == engine.made["d1"].verb


def test_inputs_with_details_come_back_as_they_were() -> None:
    act = Act(at=5, verb="edit_and_approve", target="a1", text="t", detail={"args": {"base": "b", "n": 1, "l": ["x"]}})
    assert from_json(json.loads(json.dumps(as_json(act)))) == act
    assert "detail" not in as_json(Act(at=5, verb="approve", target="a1"))
    Engine(lesson().scenario, "d").act(act)


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ("x", "no table"),
        (["x"], "no table"),
        ({"n": float("nan")}, "plain JSON"),
        ({"n": 2**60}, "plain JSON"),
        ({"t": "x" * LONGEST_DETAIL}, "longer"),
    ],
)
def test_a_detail_that_is_none_is_refused(detail: object, why: str) -> None:
    with pytest.raises(InputWrong, match=why):
        from_json({"at": 5, "verb": "snooze", "target": "al1", "detail": detail})
