"""A second Stas on one profile: says «ready», waits for a line, then wants everything that the first one wants."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from stas_tui.config import load
from stas_tui.locations import Locations
from stas_tui.wiring import Application, build
from storage.journal import AlreadyDecided
from storage.owner import this_owner
from storage.records import ActionState


def watch(app: Application, action_id: str, *, by_bell: bool) -> None:
    """As a dashboard does: woken by the bell, or looking whether the database changed."""
    record, until = app.stores[0], time.monotonic() + 20
    with app.bell.listen() as ear:
        before = record.data_version()
        print("listening", flush=True)
        while time.monotonic() < until:
            if by_bell:
                assert ear.wait(20), "nobody rang"
            elif record.data_version() == before:
                time.sleep(0.05)
                continue
            before = record.data_version()
            if app.context.journal.get(action_id).state is not ActionState.PENDING:
                print(json.dumps([action_id]), flush=True)
                return


def main(home: str, role: str) -> None:
    """`perform` runs approved actions, `approve` and `reject` decide waiting ones; prints what this process won.

    `hear` and `poll` wait until the last action's gate is decided elsewhere, by the bell or by looking.
    """
    profile = Locations.find(Path(home)).profile("demo")
    with build(profile, load(profile), environ={}) as app:
        toolbox, journal = app.context.toolbox, app.context.journal
        print("ready", flush=True)
        ids: list[str] = json.loads(sys.stdin.readline())
        if role in ("hear", "poll"):
            watch(app, ids[-1], by_bell=role == "hear")
            return
        won = []
        for action_id in ids:
            if role == "perform":
                toolbox.perform(action_id)
                mine = journal.attempts(action_id)[0].owner == this_owner()
            else:
                action = journal.get(action_id)
                try:
                    toolbox.decide(
                        action_id, rev=1, digest=action.digest, verdict=role, voter=f"{role}r", reason="because"
                    )
                    mine = True
                except AlreadyDecided as told:
                    assert told.by != f"{role}r"
                    mine = False
            if mine:
                won.append(action_id)
        print(json.dumps(won), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
