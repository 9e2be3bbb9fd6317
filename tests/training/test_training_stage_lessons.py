"""Every lesson that comes with Stas can be put on the stage, from its first line to its last."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.training.catalog import Catalog
from stas_tui.training.director import Director
from stas_tui.training.engine import Act
from stas_tui.training.scripts import approve_all, ideal
from storage.clock import ManualClock
from storage.records import ActionState
from tests.training.stage_world import Table, profile

LESSONS = [entry.id for entry in Catalog().entries() if entry.lesson is not None]


def played(folder: Path, name: str, script: object) -> Table:
    """A lesson on the stage, in which the acts of a script are done as a trainee would do them."""
    lesson = Catalog().find(name)
    acts = [thing for thing in script(lesson).inputs if isinstance(thing, Act)]  # type: ignore[operator]
    real = ManualClock()
    director = Director(lesson, profile(folder), real=real, person="Ada")
    director.play()
    at = Table(director, real)
    for act in acts:
        at.pass_s(max(act.at - director.clock.elapsed(), 0) / 1000)
        if act.verb in ("approve", "reject") and act.target in director.stage.gates:
            at.decide(act.target, act.verb, act.text or "no")
            at.pass_s(0.001)
    at.pass_s((lesson.scenario.ends_at - director.clock.elapsed()) / 1000 + 1)
    return at


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("script", [ideal, approve_all], ids=["ideal", "approve all"])
def test_a_lesson_can_be_staged_to_its_end(tmp_path: Path, name: str, script: object) -> None:
    at = played(tmp_path, name, script)
    director = at.director
    try:
        assert director.over
        assert set(director.stage.gates) == set(director.engine.actions), "every request of the agent is a gate"
        decided = {ref for ref in director.engine.settled if ref in director.stage.gates}
        states = {at.gate(ref).state for ref in decided}
        assert states <= {ActionState.SUCCEEDED, ActionState.REJECTED}
        assert director.application.desk.look() is not None
        assert director.state()["ended"]
    finally:
        director.close()
