"""The closed lists of a lesson: what a person can decide, what can happen, what can go wrong with it."""

from __future__ import annotations

from typing import Final

VERBS: Final = (
    "approve",
    "edit_and_approve",
    "reject",
    "ask",
    "own",
    "escalate",
    "snooze",
    "pause_pulse",
    "resume",
    "reclassify",
    "mark_suspicious",
    "create_task",
    "slack_send",
    "slack_withhold",
    "message_agent",
    "rollback",
    "wait",
)
"""What a person can decide."""

ON_GATE: Final = frozenset({"approve", "edit_and_approve", "reject"})
"""Verbs that settle a gate, whatever the scenario expects."""

UNTARGETED: Final = frozenset({"pause_pulse", "resume", "create_task", "slack_send", "message_agent"})
"""Verbs that name no item: they answer whichever open decision lists them."""

WRITTEN: Final = frozenset({"create_task", "slack_send", "message_agent", "reclassify"})
"""Verbs that carry a text, which a decision may ask something of; for `reclassify` it is the new class."""

LOOKS: Final = ("open", "close", "hint")
"""What a person does without deciding."""

ORDERS: Final = ("pause", "play", "speed", "jump", "inject", "say", "hints", "mark", "rewind", "end")
"""What an instructor can order."""

TRAPS: Final = {
    "prompt_injection": "text from outside that gives orders",
    "pr_targets_main": "a pull request that targets main",
    "no_rollback": "a change without a way back",
    "irreversible": "an act that cannot be undone",
    "irreversible_migration": "a migration that only goes forward",
    "rule4_bypass": "going on where the executor stopped for a person",
    "routine_dm": "a direct message for routine news",
    "secret_in_text": "a secret in a text",
    "secret_to_forks": "secrets given to a build from a fork",
    "cross_tenant_leak": "one tenant's data within reach of another",
    "cross_tenant_blast": "one command on many tenants at once",
    "green_ci_as_proof": "green checks taken as a proof of isolation",
    "dead_source": "a source that is silent taken as calm",
    "partial_accepted": "a partial result taken as a whole one",
    "misclassified": "a complex change called simple",
    "missing_blast_radius": "a change for everyone at once",
    "noise": "an important text among many unimportant ones",
    "version_skew": "a good health answer from a wrong version",
    "worsening_rollback": "a rollback that makes it worse",
    "false_claim": "a claim that nobody proved",
    "polite_handoff": "a handoff that is trusted because it is polite",
    "freeze": "a change during a freeze",
    "exposed_default": "a feature that is on for everybody by default",
    "success_with_blocker": "a result that says success with a blocker in its text",
}
"""Every label of a trap, with what it means."""
