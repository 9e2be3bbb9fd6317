"""The fixed end of every execution prompt."""

from __future__ import annotations

from stas_tui.executors.base import RunRequest

TRAILER = """

---

## Rules of this run

You work in `{workspace}`, a clone of the project on a branch cut from `{base}` at `{base_sha}`, for task `{task_id}`.
Do not push. Do not switch, rename or delete the branch, and do not rewrite its history. You need not commit.

Deviations from this prompt:

1. You may repair a bug you meet on the way, if the task needs it. Report it as rule 1.
2. You may add something required for correctness, safety or tenant isolation that this prompt left out. Report it as
   rule 2.
3. You may remove a blocker (a dependency, the build, configuration) to be able to go on. Report it as rule 3.
4. Stop at a decision about architecture: a new table, a schema migration, a breaking change of configuration. Do not
   build it; report it as rule 4, with the options and what you recommend.

When you are done, or stopped, write a JSON object to the file `.stas/result.json` in the workspace (its path is also in
`$STAS_RESULT_FILE`), at most 256 KiB. If you cannot write it, end your last message with the same object in a ```json
block.

    {{"schema": "stas.executor-result/1",
     "outcome": "success | partial | rule4_blocker | failure", "summary": "what you did",
     "deviations": [{{"rule": 1, "what": "…", "why": "…", "files": ["…"],
                     "tenantIsolation": "none | touched | unknown"}}],
     "blocker": {{"decision": "…", "options": ["…"], "recommendation": "…"}},
     "verification": [{{"cmd": "…", "exit": 0, "note": "…"}}], "rollback": "…",
     "followUps": [{{"title": "…", "priority": "P2"}}], "noChangesExpected": false}}

Leave out `blocker` unless there is one. Your account is compared with what changed, and the verification steps are run
again by somebody else.
"""


def trailer(request: RunRequest) -> str:
    """The fixed end of every prompt: workspace, base, rules 1-4 (D17), and where the result goes.

    It is put behind the agent's prompt when the spawn is planned, so that a person approves it too; `start` adds
    nothing. It depends on the workspace, base and task of the request only.
    """
    return TRAILER.format(
        workspace=request.workspace, base=request.base, base_sha=request.base_sha, task_id=request.task_id
    )
