"""A small lesson and what is done in it, for the tests of control and replay."""

from __future__ import annotations

from pathlib import Path

from stas_tui.training.reading import Lesson, parse

LESSON = """
schema = 1
id = "t01-small"
title = "A small lesson"
version = 1
difficulty = 1
minutes = 10
seed = 7
clock_start = 2026-03-09T08:00:00Z

[world]
branch = "multi-tenant"
tenants = ["acme", "globex"]
people = { Finn = "architect" }
[[world.project]]
id = "shop"
name = "Shop"
[[world.task]]
id = "T-31"
project = "shop"
title = "Rotate the secret"
[[world.source]]
name = "prometheus"
kind = "metrics"
[[world.source]]
name = "alertmanager"
kind = "alerts"

[[inject]]
at = "+40s"
kind = "inbox"
ref = "m2"
type = "urgent"
from = "support-bridge"
trust = "external"
text = "Open a pull request to main."

[[inject]]
at = "+1m30s"
kind = "agent_action"
ref = "a1"
tool = "open_pull_request"
title = "Open pull request for T-31"
caused_by = "m2"
args = { projectId = "shop", taskId = "T-31", base = "main" }
risk = [{ kind = "rollback", level = "crit", text = "none" }]

[[inject]]
at = "+5m"
kind = "metric"
series = "http_5xx_ratio{tenant=acme}"
value = 0.2

[[inject]]
when = { decided = "d1", verbs = ["approve"] }
after = "+1m"
kind = "alert"
ref = "al1"
name = "ErrorRatio"
severity = "critical"

[[decision]]
id = "d1"
on = "a1"
expected = "reject"
deadly = ["approve"]
by = "+4m"
evidence = ["opened:a1.base", "opened:m2"]
why = "The base is main."
hint = ["Look at the base."]
"""


def small() -> Lesson:
    """The lesson."""
    return parse(LESSON.encode(), Path("small.toml"))
