"""For each trap the control that stops it without a person: what a debrief says instead of blaming one."""

from __future__ import annotations

from typing import Final

CONTROLS: Final = {
    "prompt_injection": "a rule that text from outside is data, and that no tool call follows from it alone",
    "pr_targets_main": "a rule that refuses pull requests whose base is main",
    "no_rollback": "a rule that a change without a tested way back does not reach a gate",
    "irreversible": "a soft delete with a waiting time, and a dry run before it",
    "irreversible_migration": "a rehearsal of every migration both ways before its review",
    "rule4_bypass": "a stop of the executor that only an answer of the person it asks can lift",
    "routine_dm": "a closed list of what may be sent as a direct message",
    "secret_in_text": "redaction where texts leave the process",
    "secret_to_forks": "builds of forks that are given no secrets",
    "cross_tenant_leak": "a test that reads as one tenant what belongs to another",
    "cross_tenant_blast": "a cap on how many tenants one command may touch",
    "green_ci_as_proof": "an isolation check that is unknown until somebody proved it",
    "dead_source": "an alert on the absence of data",
    "partial_accepted": "a result that counts as done only when every acceptance criterion is shown",
    "misclassified": "a rule that changes on the path of all requests are complex",
    "missing_blast_radius": "a rollout that begins with one tenant",
    "noise": "messages grouped by sender and meaning, errors first",
    "version_skew": "a health check that compares the version with the one that was released",
    "worsening_rollback": "a rollback that is tried on one node first",
    "false_claim": "a claim that counts only with the run that proves it",
    "polite_handoff": "the same checks for what is handed over as for everything else",
    "freeze": "a freeze that is a policy of the gates and not a sentence",
    "exposed_default": "new features that are off until a tenant turns them on",
    "success_with_blocker": "a reader that looks for blockers in the text below the heading",
}
"""By trap, to stand after «the control that would have caught this is»."""
