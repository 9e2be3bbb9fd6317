"""Kill -9 inside an effect: before and after every single write it makes to git, to the world or to a process."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from stas_tui.wiring import Application
from storage.records import ActionState, Outcome, RunState
from tests.crash.scene import Scene, each_effect_once, nothing_by_itself, open_scene, the_pulse_is_whole

WRITES = (
    "platform.claim",
    "forge.provision",
    "runs.add",
    "forge.commit",
    "forge.push",
    "forge.open_pr",
    "platform.link_pr",
    "platform.remember",
    "platform.create_task",
    "platform.send",
)


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_write_of_each_effect(scene: Scene, when: str) -> None:
    """One pulse, killed once at each write; every gate is answered once more only where the world really moved."""
    for write in WRITES:
        ended = scene.start(edge=f"{write}:{when}")
        assert ended.killed, f"{write} was never called: {ended}"
        with scene.look() as app:
            nothing_by_itself(scene, app)
            each_half_is_open(app)
    last = scene.start()
    assert last.done
    with scene.look() as app:
        the_pulse_is_whole(scene, app)
    tools = list(scene.approved.values())
    assert sorted(tools) == sorted(set(tools)), "an approval was lost: something asked twice"
    for ended in (ended for ended in scene.ended[1:] if ended.of("recovered")):
        assert len(ended.told) > 1, f"the half-done effect was not spoken of: {ended.told}"


def each_half_is_open(app: Application) -> None:
    """What was under way stands in the record, so that the next start must look after it."""
    [action] = app.context.journal.open_actions()
    assert action.state in (ActionState.EXECUTING, ActionState.UNKNOWN)


def test_a_tray_killed_half_way_is_filed_whole_and_once(scene: Scene) -> None:
    scene.start(edge="platform.create_task:after:2")
    assert scene.ended[-1].killed
    assert scene.start().done
    with scene.look() as app:
        the_pulse_is_whole(scene, app)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_the_start_of_the_executor(scene: Scene, when: str) -> None:
    """After the start the run is found; before it there is none. Never two for one approval."""
    scene.start(edge=f"executor.start:{when}")
    assert scene.ended[-1].killed
    last = scene.start()
    assert last.done
    with scene.look() as app:
        the_pulse_is_whole(scene, app)
        [pulse] = app.context.pulses.latest(2)
        assert len(app.context.runs.of_pulse(pulse.id)) == 1
    happened = "had happened before" if when == "after" else "was interrupted before it happened"
    assert any("spawn executor" in sentence and happened in sentence for sentence in last.told), last.told


def test_the_executor_outlives_stas_and_is_found_again(tmp_path: Path) -> None:
    with open_scene(tmp_path / "home", speed="0.4") as scene:
        scene.start(edge="executor.wait:before")
        assert scene.ended[-1].killed
        with scene.look() as app:
            [run] = app.context.runs.unfinished()
            assert app.context.door.executor.status(run.id).state is not RunState.FINISHED
        scene.kill_at("S7.run")
        last = scene.start()
        assert last.done
        assert any(f"{run.id} of T-301 is still working" in s for s in scene.ended[1].told), scene.ended[1].told
        with scene.look() as app:
            the_pulse_is_whole(scene, app)
            assert [r.id for r in app.context.runs.of_pulse(run.pulse_id)] == [run.id]


def test_a_killed_shim_closes_the_run_as_lost_and_another_try_needs_its_own_yes(tmp_path: Path) -> None:
    with open_scene(tmp_path / "home", speed="0.4") as scene:
        scene.start(edge="executor.wait:before")
        assert scene.ended[-1].killed
        with scene.look() as app:
            [run] = app.context.runs.unfinished()
        state = json.loads((Path(run.directory) / "state.json").read_text())
        os.kill(int(state["shim_pid"]), signal.SIGKILL)
        last = scene.start()
        assert last.done
        assert any(f"{run.id} of T-301 ended meanwhile: lost" in s for s in last.told), last.told
        with scene.look() as app:
            nothing_by_itself(scene, app)
            each_effect_once(scene, app)
            first, second = app.context.runs.of_pulse(run.pulse_id)
            assert first.result is not None and second.result is not None
            assert first.result.outcome is Outcome.FAILURE
            assert second.result.outcome in (Outcome.SUCCESS, Outcome.PARTIAL)
            assert first.action_id != second.action_id
            assert [tool for tool in scene.approved.values() if tool == "spawn_executor"] == ["spawn_executor"] * 2
            assert second.cause
