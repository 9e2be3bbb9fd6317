"""The commented configuration file that `stas init` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.texts.toml import listed, quoted

if TYPE_CHECKING:
    from stas_tui.init_profile import Plan


def configuration_text(plan: Plan) -> str:
    """The whole file; every line that is not a comment was decided by the plan."""
    people = "\n".join(
        f'[[person]]\nname = {quoted(name)}\nos_user = {quoted(user)}\nroles = ["supervisor"]\n'
        for name, user in plan.persons
    )
    return f"""\
# Configuration of Stas, profile {plan.profile}.
# Every setting: docs/configuration.md. Check it: stas config --check
# Any setting can come from the environment: STAS_THEME=day, STAS_GATES__ASK_TTL_HOURS=8.
# Keep secrets out of this file: export STAS_SLACK__TOKEN instead.

# The routine's AGENT_NAME; Stas does not start without it.
agent_name = {quoted(plan.agent)}

# Named on every screen, so that nobody forgets where they are.
environment = "local"

# Columns of the board from which the agent takes tasks.
columns = {listed(plan.columns)}

# observe, supervised or trusted. Without this line: supervised as soon as a [[person]] is named.
# mode = "supervised"

# theme = "night"
# quiet_hours = "22:00-07:00"

# Who may decide: the user who is logged in on this machine.
{people or _NOBODY}
# Ids of those whom the routine names. Without an id nothing can be sent to them.
[agents]
# Finn = "agent-id-of-finn"
# Sky = "U0123456789"

[[project]]
id = {quoted(plan.project_id)}
name = {quoted(plan.project_name)}
# Your own working copy; Stas only reads it.
repository = {quoted(plan.repository)}
# Holds the branches and receives the pushes; empty means the repository above.
remote = {quoted(plan.remote)}
# Every feature branch starts here and every pull request targets it.
base_branch = {quoted(plan.base)}
# Nothing is ever cut from or pushed to this one.
main_branch = {quoted(plan.main)}
tenants = {listed(plan.tenants)}
# Where tenants are kept apart: database, schema, row or unknown.
isolation_level = "unknown"
services = []

# What is not named here is unknown on every screen, never green.
# [[project.health]]
# name = "api"
# url = "https://staging.example.com/healthz"
# version_field = "version"

# [project.ci]
# github = "owner/name"
# required = ["test"]
# builds = ["image"]

# [[alertmanager]]
# url = "http://127.0.0.1:9093"

# [[prometheus]]
# url = "http://127.0.0.1:9090"

# The program that does the work of an execution prompt.
[executor]
{_executor(plan)}

# What is approved stays what was shown; these say how long a question waits.
[gates]
# ask_ttl_hours = 4
# hold_s = 1.5
# approval_minutes = 10
"""


_NOBODY = """\
# [[person]]
# name = "Ada"
# os_user = "ada"
# roles = ["supervisor"]
"""


def _executor(plan: Plan) -> str:
    if plan.preset:
        return f"preset = {quoted(plan.preset)}"
    if plan.argv:
        return f'argv = {listed(plan.argv)}\n# prompt_via = "stdin"'
    return '# argv = ["your-agent", "--flag"]\n# prompt_via = "stdin"\n# env_allow = ["ONE_CREDENTIAL"]'
