"""Kill -9 at random moments, with a printed seed: pulses and small effects go on, and each happens once."""

from __future__ import annotations

import os
import random

import pytest

from storage.records import ActionState
from tests.crash.scene import PROJECT, Scene, each_effect_once, every_action, nothing_by_itself

SEED = int(os.environ.get("STAS_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
"""Set STAS_KILL_SEED to repeat the moments of a campaign."""
FIRST_MS, IN_A_ROW, DOUBLED = 250.0, 3, 6
"""A worker lives so long at most. After so many deaths at the same place it gets twice the time, so many times at most:
no place of a pulse is too long for a campaign to get beyond it."""


def campaign(scene: Scene, kills: int) -> None:
    """Kill until `kills` workers died, then let the last one end its pulses; everything is checked at the end."""
    print(f"seed {SEED}, {kills} kills")
    moments = random.Random(SEED)
    effects, pulses = kills, 1 + kills // 40
    patience, done, stalled = FIRST_MS, 0, 0
    reached: list[tuple[int, str]] = []
    place: tuple[int, list[tuple[int, str]]] = (0, reached)
    while done < kills:
        ended = scene.start(kill_after_ms=moments.uniform(10, patience), effects=effects, pulses=pulses, patience_s=1.5)
        if ended.done:
            effects, pulses = effects + kills, pulses + 1
            continue
        done += 1
        reached = [(line["step"], line["needs"]) for line in ended.of("progress")][-1:] or reached
        before, place = place, (len(scene.effects), reached)
        stalled = stalled + 1 if place == before else 0
        patience = FIRST_MS * 2 ** min(stalled // IN_A_ROW, DOUBLED)
        if done % 10 == 0:
            with scene.look() as app:
                nothing_by_itself(scene, app)
    closed = sum(len(e.of("close")) for e in scene.ended)
    print(f"{len(scene.effects)} small effects, {closed} pulses ended")
    assert len(scene.effects) >= kills // 10, f"seed {SEED}: the campaign got nowhere"
    last = scene.start(effects=scene.next_effect + 3, pulses=pulses, patience_s=1.5)
    assert last.done, f"seed {SEED}: {last}"
    with scene.look() as app:
        nothing_by_itself(scene, app)
        each_effect_once(scene, app)
        actions = every_action(app)
        open_still = [a for a in actions if a.state in (ActionState.EXECUTING, ActionState.UNKNOWN)]
        assert not open_still, f"seed {SEED}: {open_still}"
        titles = {t.title for t in app.world.tasks(PROJECT)}
        titles |= {m.title for m in app.world.memories(100_000)} | {m.text for m in app.world.sent(100_000)}
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
