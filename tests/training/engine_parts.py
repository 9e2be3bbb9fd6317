"""A small lesson in parts, for the tests of the engine."""

from __future__ import annotations

import tomllib
from typing import Any

from stas_tui.training.engine import Act, Engine
from stas_tui.training.scenario import Scenario

HEAD = """
schema = 1
id = "engine"
title = "For the engine"
version = 1
difficulty = 1
minutes = 10
seed = 7
clock_start = 2026-03-09T08:00:00Z
"""
GATE = """
[[inject]]
at = "+10s"
kind = "inbox"
ref = "m1"
from = "Finn"
text = "Please look."

[[inject]]
at = "+1m"
kind = "agent_action"
ref = "a1"
tool = "run_command"
title = "Reset the replica"
args = { command = "rm", target = "db-1" }

[[inject]]
when = { decided = "d1", verbs = ["approve"] }
after = "+30s"
kind = "inbox"
ref = "broken"
type = "urgent"
from = "Chieko"
text = "It is gone."

[[inject]]
when = { decided = "d1", within = "2m" }
else_at = "+4m"
kind = "inbox"
ref = "nudge"
from = "Finn"
text = "Well?"

[[decision]]
id = "d1"
on = "a1"
expected = "reject"
also_ok = ["pause_pulse"]
deadly = ["approve"]
edit_has = ["db-2"]
edit_lacks = ["db-1"]
by = "+3m"
why = "It is the primary."
hint = ["Which host?", "Look at the target."]
"""
WRITING = """
[[decision]]
id = "d2"
on = "m1"
expected = "create_task"
also_ok = ["escalate", "reclassify"]
match = ["backup", "restore"]
by = "+5m"
"""
NOISE = """
[[noise]]
count = 40
from = ["mailer", "imports"]
texts = ["done", "still done", "nothing to do"]
begin = "+5s"
end = "+2m"
"""


def scenario(*parts: str, **changes: Any) -> Scenario:
    return Scenario.model_validate({**tomllib.loads(HEAD + "".join(parts)), **changes})


def engine(*parts: str, **changes: Any) -> Engine:
    return Engine(scenario(*parts, **changes), "d")


def kinds(of: Engine) -> list[str]:
    return [line.kind for line in of.lines]


def act(verb: str, target: str = "", text: str = "", at: int = 70_000) -> Act:
    return Act(at=at, verb=verb, target=target, text=text)
