"""Kill -9 at every named point; the next start finds everything, repeats nothing, and says what happened."""

from __future__ import annotations

import pytest

from tests.crash.scene import Scene, nothing_by_itself, the_pulse_is_whole

LOOKS = (1, 2, 3, 4, 5, 6, 8, 9)
PHASES = ("claim", "understand", "prompt", "spawn", "run", "review", "commit", "pr", "transition", "remember")
DOORS = ("claim", "spawn", "commit", "pr", "transition", "remember")


def points() -> list[str]:
    """All points of the routine in the order in which a pulse comes by."""
    found: list[str] = []
    for n in range(1, 12):
        found.append(f"S{n}")
        if n in LOOKS:
            found.append(f"S{n}.found")
        if n == 7:
            for phase in PHASES:
                found.append(f"S7.{phase}")
                if phase in DOORS:
                    found.append(f"S7.{phase}.answered")
    return found


def test_each_step_and_each_phase(scene: Scene) -> None:
    """One pulse, killed once at each of the eleven steps and each phase of step 7."""
    for point in points():
        before = waiting(scene)
        scene.kill_at(point)
        ended = scene.ended[-1]
        if len(scene.ended) > 1:
            assert any("was cut off" in sentence for sentence in ended.told), f"nothing said before {point}"
            assert ended.of("waiting")[0]["gates"] == before, f"a gate was lost before {point}"
    assert scene.start().done
    with scene.look() as app:
        the_pulse_is_whole(scene, app)


def waiting(scene: Scene) -> list[list[object]]:
    with scene.look() as app:
        nothing_by_itself(scene, app)
        return [[a.id, a.rev, a.digest] for a in app.context.journal.pending()]


EFFECT_POINTS = ("K1", "K2", "K3", "K4", "K6", "K7", "K10", "K8", "K13:4", "K1", "K3", "K6", "K9", "K13:9")


def test_each_point_of_each_effect(scene: Scene) -> None:
    """One pulse, killed again and again around each of its effects until it is complete."""
    hit: dict[str, int] = {}
    in_flight = 0
    for turn in range(200):
        point = EFFECT_POINTS[turn % len(EFFECT_POINTS)]
        ended = scene.start(kill_at=point)
        if ended.done:
            break
        hit[point] = hit.get(point, 0) + 1
        with scene.look() as app:
            nothing_by_itself(scene, app)
            in_flight += len(app.context.journal.open_actions())
    else:
        pytest.fail("the pulse never came to its end")
    assert set(hit) == set(EFFECT_POINTS), hit
    assert in_flight
    with scene.look() as app:
        the_pulse_is_whole(scene, app)
