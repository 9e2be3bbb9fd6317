"""The lessons on the real application: what a careful person does at its gates and its list wins them too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stas_tui.training import scripts
from stas_tui.training.catalog import Catalog
from stas_tui.training.engine import Act
from stas_tui.training.prose import joined
from stas_tui.training.reading import Lesson
from stas_tui.training.score import score
from stas_tui.training.stage import said
from storage.clock import HOUR
from storage.records import ActionState
from storage.redact import redact
from tests.training.stage_world import Table, table
from tests.training.test_lessons import IDS


@pytest.fixture(params=IDS)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return Catalog().find(request.param)


def test_its_first_minutes_play_on_the_stage(lesson: Lesson, tmp_path: Path) -> None:
    """Everything that comes is on the real application: messages, and each gate with its exact arguments."""
    with table(tmp_path, lesson.path.read_bytes()) as at:
        for _ in range(36):
            at.pass_s(5)
        director = at.director
        assert director.problem == ""
        asked = dict(director.engine.actions)
        assert asked
        for ref, inject in asked.items():
            revision = at.gate(ref).revision
            assert revision is not None
            assert revision.plan == {"asks for": inject.tool, **inject.args}, f"{ref} is shown as it is asked for"
            assert not revision.shown["warnings"], "nothing of a gate had to be masked"
        agent = director.stage.settings.agent_name
        for line in director.engine.lines:
            if line.kind == "inject.inbox":
                message = director.application.world.message(str(line.body["ref"]), agent)
                assert message is not None
                assert message.body == redact(joined(str(line.body["text"]))).strip()


def test_care_wins_on_the_real_application(lesson: Lesson, tmp_path: Path) -> None:
    """The careful script, done with looks, at gates, on the list and through the door, and heard from the record."""
    wanted = [thing for thing in scripts.ideal(lesson).inputs if isinstance(thing, Act)]
    with table(tmp_path, lesson.path.read_bytes()) as at:
        for act in wanted:
            pass_to(at, act.at)
            if act.verb == "open":
                look(at, act.target)
            else:
                DO.get(act.verb, decide)(at, act)
            at.pass_s(0)
        pass_to(at, lesson.scenario.ends_at)
        result = score(at.director.engine)
        lost = [
            f"{one.made.decision.id} {one.outcome} {one.unseen}"
            for one in result.decisions
            if one.outcome != "expected" or one.unseen
        ]
        assert lost == []
        assert result.passed, result.why


def pass_to(at: Table, ms: int) -> None:
    """Let time pass to a moment of the lesson, in steps that a watcher would make."""
    while not at.director.over and (left := ms - at.director.clock.elapsed()) > 0:
        at.pass_s(min(left, 15_000) / 1_000)


def look(at: Table, target: str) -> None:
    """What the screens say when it is opened."""
    ref, _, part = target.partition(".")
    looks, gate = at.director.looks, at.director.stage.gates.get(ref)
    if gate is not None:
        looks.opened("gate", gate)
        if part == "whole":
            looks.opened("gate.whole", gate)
        return
    kind, key = place(at, ref)
    looks.opened(kind, key)
    if part == "diff":
        looks.opened("pull.diff", key)


def place(at: Table, ref: str) -> tuple[str, str]:
    """(kind, key) under which a screen shows it."""
    body = next(line.body for line in at.director.engine.lines if line.body.get("ref") == ref)
    if body["kind"] == "forge":
        return "pull", f"{body['pull']['project']}/{body['pull']['number']}"
    if body["kind"] == "source_fault":
        return "sources", ""
    if body["kind"] == "alert":
        key = at.director.atlas.key(ref)
        assert key in {item.key for item in at.director.application.desk.look().items}, f"{ref} stands on the list"
        return "item", key
    assert at.director.application.world.message(ref, at.director.stage.settings.agent_name) is not None
    return "inbox", ref


def decide(at: Table, act: Act) -> None:
    """At the gate."""
    at.decide(act.target, "reject" if act.verb == "reject" else "approve", "because of what stands there")


def own(at: Table, act: Act) -> None:
    """On the list."""
    at.director.application.desk.own([at.director.atlas.key(act.target)], by="Ada")


def snooze(at: Table, act: Act) -> None:
    """On the list."""
    key, until = at.director.atlas.key(act.target), at.director.clock.now() + HOUR
    at.director.application.desk.snooze([key], by="Ada", reason="it can wait", until=until)


def mark(at: Table, act: Act) -> None:
    """In the lesson's own menu."""
    assert act.target in {ref for ref, _ in at.director.candidates()[:9]}, "it can be chosen"
    said.mark_suspicious(at.director.stage, act.target, "it gives orders")


def reclassify(at: Table, act: Act) -> None:
    """In the lesson's own menu."""
    assert act.target in {ref for ref, _ in at.director.candidates()[:9]}, "it can be chosen"
    classes = said.classes_of(at.director.stage, act.target)
    said.reclassify(at.director.stage, act.target, act.text if act.text in classes else "urgent")


def task(at: Table, act: Act) -> None:
    """With the form, and at its gate if it has one."""
    answer = said.create_task(
        at.director.stage,
        {"projectId": "shop", "title": f"infra: {act.text}", "priority": "P1", "description": "So that it holds."},
    )
    assert answer.action is not None, answer.reason
    approve(at, answer.action.id)


def message(at: Table, act: Act) -> None:
    """From the lesson's own menu."""
    answer = said.message_agent(at.director.stage, "Finn", f"It is about: {act.text}.")
    assert answer.action is not None, answer.reason
    approve(at, answer.action.id)


def slack(at: Table, act: Act) -> None:
    """From the lesson's own menu, and at its gate."""
    answer = said.slack(at.director.stage, f"Production is degraded: {act.text}.", "incident")
    assert answer.action is not None, answer.reason
    approve(at, answer.action.id)


def approve(at: Table, action_id: str) -> None:
    """What a person asked for waits at a gate of its own."""
    context = at.director.application.context
    action = context.journal.get(action_id)
    if action.state is ActionState.PENDING:
        context.toolbox.decide(action_id, rev=action.rev, digest=action.digest, verdict="approve", voter="Ada")


def pause(at: Table, act: Act) -> None:
    """With its key."""
    at.director.application.machine.pause(by="Ada", reason="I look")


def resume(at: Table, act: Act) -> None:
    """With its key."""
    at.director.application.machine.resume(by="Ada", reason="I have looked")


DO: Mapping[str, Callable[[Table, Act], None]] = {
    "own": own,
    "snooze": snooze,
    "mark_suspicious": mark,
    "reclassify": reclassify,
    "create_task": task,
    "message_agent": message,
    "slack_send": slack,
    "pause_pulse": pause,
    "resume": resume,
}


def change(at: Table, ref: str, **args: str) -> None:
    """Change what is asked for and approve it, as the gate screen does."""
    action = at.gate(ref)
    assert action.revision is not None
    at.director.application.context.toolbox.edit(
        action.id, rev=action.rev, digest=action.digest, args={**action.revision.args, **args}, author="Ada"
    )
    at.decide(ref, "approve")
    at.pass_s(1)


@pytest.mark.parametrize(
    ("args", "quality"),
    [
        ({"rollout": "canary: umbra first", "diff": "match  [^;]*;[^<]*<script"}, "also ok"),
        ({"rollout": "canary: umbra first"}, "deadly"),
        ({"mode": "observe"}, "deadly"),
    ],
)
def test_an_edit_at_the_real_gate_counts_by_what_it_says(tmp_path: Path, args: dict[str, str], quality: str) -> None:
    lesson = Catalog().find("s03-one-regex")
    with table(tmp_path, lesson.path.read_bytes()) as at:
        at.pass_s(250)
        change(at, "a2", **args)
        assert at.director.engine.made["rollout"].quality == quality
        at.pass_s(60)
        assert ("down" in at.director.engine.came) is (quality == "deadly")
