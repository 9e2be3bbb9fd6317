"""One start of Stas in which a person sends a verdict on a pull request: `python verdict_driver.py HOME [EDGE]`.

It dies where `STAS_KILL_AT` says, or before or after the call of a forge's method that EDGE names.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from stas_tui.config import load
from stas_tui.locations import Locations
from stas_tui.pulse.context import Context
from stas_tui.pulse.machine import Machine
from stas_tui.toolbox import Toolbox
from stas_tui.wiring import build
from storage.records import ActionState
from tests.crash.driver import Fatal

BODY = "## Review\n\nThe edge listens on every address: bind it to loopback again."
PROFILE, PROJECT, NUMBER = "default", "shop", 1
PERSON = "Ada"


def main(home: str, edge: str = "") -> None:
    """Recover, ask, approve, carry out; whatever was done before is not done again."""
    profile = Locations.find(Path(home), environ={}).profile(PROFILE)
    with build(profile, load(profile)) as app:
        door = app.context.door
        if edge:
            method, when = edge.split(":")
            door = replace(door, forge=Fatal(door.forge, method, when, 1))
        toolbox = Toolbox(door, killpoint=app.context.toolbox.killpoint)
        machine = Machine(Context(toolbox=toolbox, findings=app.context.findings, proposer=app.context.proposer))
        machine.recover()
        pulse = machine.current() or machine.begin(operator=PERSON, mode=app.mode)
        pr = door.forge.read_pr(door.rules.repos[PROJECT], NUMBER)
        assert pr is not None
        args = {
            "projectId": PROJECT,
            "number": NUMBER,
            "headSha": pr.head_sha,
            "event": "request changes",
            "body": BODY,
        }
        answer = toolbox.call("review_verdict", args, pulse_id=pulse.id, caller=PERSON)
        assert answer.action is not None, answer
        action = app.context.journal.get(answer.action.id)
        if action.state is ActionState.PENDING:
            toolbox.decide(action.id, rev=action.rev, digest=action.digest, verdict="approve", voter=PERSON)
            answer = toolbox.perform(action.id)
        sys.stdout.write(f"{answer.status} {answer.reason}\n")


if __name__ == "__main__":
    sys.path.insert(0, os.environ["PYTHONPATH"])
    main(*sys.argv[1:])
