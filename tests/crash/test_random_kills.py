"""Kill -9 at random moments, with a printed seed: pulses and small effects go on, and each happens once."""

from __future__ import annotations

import os
import random

import pytest

from storage.records import ActionState
from tests.crash.scene import PROJECT, Scene, each_effect_once, every_action, nothing_by_itself

SEED = int(os.environ.get("STAS_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
"""Set STAS_KILL_SEED to repeat the moments of a campaign."""
IN_A_ROW = 4
"""After so many deaths without any progress a worker gets more time."""


def campaign(scene: Scene, kills: int) -> None:
    """Kill until `kills` workers died, then let the last one end its pulses; everything is checked at the end."""
    print(f"seed {SEED}, {kills} kills")
    moments = random.Random(SEED)
    effects, pulses = kills, 1 + kills // 40
    patience, done, stalled = 250.0, 0, 0
    while done < kills:
        ended = scene.start(kill_after_ms=moments.uniform(10, patience), effects=effects, pulses=pulses, patience_s=1.5)
        if ended.done:
            effects, pulses = effects + kills, pulses + 1
            continue
        done += 1
        stalled = 0 if ended.of("progress") else stalled + 1
        patience = 900.0 if stalled > IN_A_ROW else 250.0
        if done % 10 == 0:
            with scene.look() as app:
                nothing_by_itself(scene, app)
    print(f"{len(scene.effects)} small effects, {sum(len(e.of('close')) for e in scene.ended)} pulses ended")
    last = scene.start(effects=scene.next_effect + 3, pulses=pulses, patience_s=1.5)
    assert last.done, f"seed {SEED}: {last}"
    with scene.look() as app:
        nothing_by_itself(scene, app)
        each_effect_once(scene, app)
        actions = every_action(app)
        open_still = [a for a in actions if a.state in (ActionState.EXECUTING, ActionState.UNKNOWN)]
        assert not open_still, f"seed {SEED}: {open_still}"
        titles = {t.title for t in app.world.tasks(PROJECT)}
        titles |= {m.title for m in app.world.memories()} | {m.text for m in app.world.sent(100_000)}
        for n in scene.effects:
            names = {
                f"infra: small {n}",
                f"small {n}",
                f"For your information: number {n}",
                f"Please look at number {n}",
            }
            assert names & titles, f"seed {SEED}: effect {n} was acknowledged and is lost"


def test_fifty_random_kills(scene: Scene) -> None:
    campaign(scene, int(os.environ.get("STAS_KILLS", "50")))


@pytest.mark.soak
def test_a_thousand_random_kills(scene: Scene) -> None:
    campaign(scene, int(os.environ.get("STAS_KILLS", "1000")))
