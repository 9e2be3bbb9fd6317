"""What every approval rests on besides its own facts: the mode of the pulse and the configured policy.

Both are hashed with each action, so that a person who approved under one mode or one policy approved nothing under
another. The door adds them for all tools in one place.
"""

from __future__ import annotations

from stas_tui.gates.tools.base import Rules
from storage.canonical import digest_of
from storage.records import Json, Mode


def rules_digest(rules: Rules) -> str:
    """What the door obeys, as one digest: branches, program, limits, columns, names, environment."""
    limits = rules.limits
    return digest_of(
        {
            "agent": rules.agent,
            "environment": rules.environment,
            "repos": [[r.project_id, r.url, r.base, r.main] for _, r in sorted(rules.repos.items())],
            "program": [rules.preset.prompt_via, *rules.preset.argv],
            "variables": sorted(rules.preset.env_allow),
            "set": sorted(rules.preset.env),
            "model": rules.model,
            "limits": [
                str(bound)
                for bound in (limits.start_s, limits.idle_s, limits.total_s, limits.stdout_bytes, limits.stderr_bytes)
            ],
            "columns": list(rules.columns),
            "tenants": {project: list(names) for project, names in rules.tenants.items()},
            "services": {project: list(names) for project, names in rules.services.items()},
            "isolation": dict(rules.isolation_level),
            "agents": dict(rules.agents),
            "people": [rules.human, rules.architect],
            "respawns": rules.max_respawns,
        },
        "stas/rules/v1",
    )


def standing(mode: Mode, rules: Rules) -> Json:
    """The facts that every action carries among its preconditions."""
    return {"mode": mode.value, "policy": rules_digest(rules)[:16]}
