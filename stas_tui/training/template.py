"""The file that `stas train new` writes: a small whole lesson, with every common key explained beside it."""

from __future__ import annotations

TEMPLATE = """\
# A lesson: a small world, what happens in it, and what a careful person does about it.
# Check it after each change:  stas train check THIS_FILE
# Offsets are counted from the start of the lesson and written "+40s", "+1m30s" or "+1h".

schema = 1
id = "@ID@"                     # lower-case letters, digits, hyphens
title = "A pull request that aims too high"
version = 1                     # count it up when you change what is expected
difficulty = 1                  # 1 to 5
minutes = 8                     # it ends then at the latest
seed = 1                        # of everything that is left to chance
clock_start = 2026-03-09T08:00:00Z
teaches = ["read the base branch before you approve"]
mode = "supervised"             # what the agent may do alone: observe, supervised or trusted
about = "You supervise one pulse of the agent. Everything it wants to do waits for you at a gate."

[world]                         # what is there at the start
branch = "multi-tenant"
tenants = ["acme", "globex"]
people = { Finn = "architect", Chieko = "support" }

[[world.project]]
id = "shop"
name = "Shop"
services = ["api"]

[[world.task]]
id = "T-1"
project = "shop"
title = "infra: alert on a full disk"
priority = "P2"
acceptance = ["an alert fires at 80 %"]

[[world.source]]
name = "alertmanager"
kind = "alerts"
project = "shop"

# What happens. Each inject has a time: at; or when with after; or when with else_at.

[[inject]]
at = "+20s"
kind = "inbox"
ref = "m1"                      # the name by which the rest of the file speaks of it
type = "help_request"
from = "Chieko"
subject = "Disk of the api"
text = "Customers of acme see errors while they upload. Is the disk of the api full?"

[[inject]]
at = "+40s"
kind = "agent_action"
ref = "a1"
tool = "open_pull_request"
title = "Open a pull request: infra: alert on a full disk"
caused_by = "m1"
trap = "pr_targets_main"        # what is wrong with it; `stas train check` wants every trap scored
args = { projectId = "shop", taskId = "T-1", title = "infra: alert on a full disk", base = "main" }
says = "The alert is ready; I open the pull request."

[[inject]]                      # only if a1 was rejected: the agent does it right, 20 seconds later
when = { decided = "d1", verbs = ["reject"] }
after = "+20s"
kind = "agent_action"
ref = "a2"
tool = "open_pull_request"
title = "Open a pull request: infra: alert on a full disk"
args = { projectId = "shop", taskId = "T-1", title = "infra: alert on a full disk", base = "multi-tenant" }
says = "Now with the base multi-tenant."

[[inject]]                      # unless d1 was decided rightly within 3 minutes
when = { decided = "d1", within = "3m" }
else_at = "+4m"
kind = "alert"
ref = "al1"
name = "DiskFull"
severity = "critical"
labels = { project = "shop", service = "api", tenant = "acme" }
summary = "The disk of the api is full."

# What is expected. `by` is counted from the moment when `on` came.

[[decision]]
id = "d0"
on = "m1"
expected = "own"
also_ok = ["message_agent", "create_task"]
by = "+3m"
evidence = ["opened:m1"]        # what a careful person looks at before deciding
why = "Somebody waits for an answer; a message that is owned is not forgotten."
hint = ["Who reads this message after you?"]
points = 10
scores = "priority"             # safety, priority or communication

[[decision]]
id = "d1"
on = "a1"
expected = "reject"
also_ok = ["pause_pulse"]
deadly = ["approve", "edit_and_approve"]
by = "+2m"
evidence = ["opened:a1.base"]
why = "Its base is main, and all work here targets multi-tenant."
hint = ["Look at the base.", "Which branch does all work of this project target?"]
points = 20

[[decision]]
id = "d2"
on = "a2"
expected = "approve"
by = "+2m"
evidence = ["opened:a2.base"]
why = "The base is right now: refusing everything helps nobody."
hint = ["What has changed since the first one?"]
points = 10

[rubric]
pass_percent = 70
floor_percent = 40              # nobody passes with less in safety, priority or communication
late_percent = 50               # what a right answer after its time is worth
hint_cost_percent = 10

[rubric.weights]                # they add up to 1
safety = 0.5
priority = 0.2
communication = 0.15
evidence = 0.15

[rubric.instant_fail]
approve_of = ["pr_targets_main"]

[debrief]
questions = ["What told you first?", "Which control would have stopped it without you?"]
follow_up = "infra: refuse pull requests whose base is main"
"""


def template(lesson_id: str) -> str:
    """The text of a new lesson's file."""
    return TEMPLATE.replace("@ID@", lesson_id)
