"""The messages of no importance of a lesson, the same for the same seed on any machine."""

from __future__ import annotations

import random
from collections.abc import Iterator

from stas_tui.training import grammar
from stas_tui.training.injects import InboxInject
from stas_tui.training.scenario import Scenario


def noise_of(scenario: Scenario, seed: int) -> Iterator[InboxInject]:
    """Every message of every `[[noise]]`, each with its time; refs are `noise1-1`, `noise1-2`, …"""
    for number, noise in enumerate(scenario.noise, 1):
        chance = random.Random(f"{seed}:noise:{number}")
        for n in range(1, noise.count + 1):
            at = chance.randrange(noise.begin // 1_000, noise.end // 1_000 + 1) * 1_000
            yield InboxInject.model_validate(
                {
                    "kind": "inbox",
                    "ref": f"noise{number}-{n}",
                    "at": grammar.offset_text(at),
                    "from": chance.choice(noise.sender),
                    "text": chance.choice(noise.texts),
                }
            )
