"""The demo's executor: a program of its own, as any executor is. It knows the tasks of the demo's story and no others.

Run as `python -I executor.py` in a task's clone, with the prompt in `$STAS_PROMPT_FILE` or on standard input, and
`STAS_TASK_ID`, `STAS_BASE_SHA` and `STAS_RESULT_FILE` in the environment. It applies the patches that lie in `changes/`
beside it, commits on the current branch and writes its result. `DEMO_SPEED` scales its pauses (0: none).

| task | what happens |
| --- | --- |
| T-301 | success |
| T-302 | partial: a repair (rule 1) and a guard that touches tenant isolation (rule 2) |
| T-303 | rule 4: it stops and asks |
| T-304 | exit 3 with a traceback, half an edit uncommitted; success once the prompt says to create the missing file |
| T-305 | one commit, then it hangs with a child; both ignore everything but SIGKILL, and give up after half an hour |
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHANGES = Path(__file__).resolve().parent / "changes"
SCHEMA = "stas.executor-result/1"
TESTS = "python3 -m unittest discover -s tests -t ."
SMOKE = "python3 -m ops.smoke"
HANG_SECONDS = 1800
MIRROR_FILE = "infra/registry-mirror.yml"
CREATE_MIRROR = f"Create `{MIRROR_FILE}`"
"""The words in a prompt after which T-304 can succeed."""

Result = dict[str, Any]

CHILD = """
import signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
time.sleep(float(sys.argv[1]))
"""


class Stop(Exception):
    """The work cannot go on; the text says why."""


def say(line: str, pause: float = 0.25) -> None:
    """One line of progress, then a breath."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    time.sleep(pause * _speed())


def _speed() -> float:
    try:
        return min(max(0.0, float(os.environ.get("DEMO_SPEED", "1"))), 10.0)
    except ValueError:
        return 1.0


def run(*argv: str) -> str:
    """A command's output. Raises `Stop` with its complaint."""
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise Stop(f"{' '.join(argv[:3])} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def apply(name: str) -> list[str]:
    """Make the edits of one patch and return the paths, in the patch's order."""
    patch = str(CHANGES / f"{name}.patch")
    paths = [line.split("\t")[2] for line in run("git", "apply", "--numstat", patch).splitlines()]
    if _is_there(patch):
        say(f"  {', '.join(paths)}: edited by an earlier attempt")
        return paths
    run("git", "apply", "--whitespace=nowarn", patch)
    for path in paths:
        say(f"  edit {path}", 0.12)
    return paths


def _is_there(patch: str) -> bool:
    argv = ["git", "apply", "--check", "--reverse", patch]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def commit(subject: str) -> None:
    """Commit everything on the current branch under the executor's own name."""
    run("git", "add", "-A")
    run("git", "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", ".stas")
    run(
        *(
            "git",
            "-c",
            "user.name=Demo Executor",
            "-c",
            "user.email=executor@demo.invalid",
            "-c",
            "commit.gpgsign=false",
        ),
        *("commit", "-q", "--no-verify", "-m", subject),
    )
    say(f"commit {run('git', 'rev-parse', '--short=12', 'HEAD').strip()} {subject}")


def verify(*commands: str) -> list[Result]:
    """Run the prompt's commands here and note what they said; a failing one ends the work."""
    noted: list[Result] = []
    for command in commands:
        say(f"$ {command}", 0.1)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, *command.split()[1:]]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, env=environment)
        last = (done.stderr if "unittest" in command else done.stdout).strip().splitlines()[-1:]
        say(f"  {' '.join(last)}", 0.1)
        noted.append({"cmd": command, "exit": done.returncode, "note": " ".join(last)})
        if done.returncode:
            raise Stop(f"{command} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    say("docker compose and curl were not run here; that is the supervisor's part", 0.1)
    return noted


def success(prompt: str) -> Result:
    """T-301: a share of the connection pool for each tenant."""
    say("plan: a share for each tenant in Pool, its key in all environments, an alert, tests")
    apply("T-301")
    checks = verify(TESTS, SMOKE)
    commit("infra: cap the connection pool per tenant")
    return {
        "outcome": "success",
        "summary": "Each tenant holds at most LEDGER_POOL_PER_TENANT (4) of the 16 connections. A test holds acme's "
        "four and serves twelve requests of three other tenants meanwhile.",
        "deviations": [],
        "verification": checks,
        "rollback": "Roll the image tag from before this change out with ops/rollout.sh; the key is ignored by it.",
        "followUps": [{"title": "infra: panel for the share of the pool by tenant", "priority": "P3"}],
    }


def deviates(prompt: str) -> Result:
    """T-302: what was asked, and two things that were not."""
    say("plan: a time budget for each tenant, then statements for all five")
    apply("T-302")
    say("found: a quote in a request's path breaks /metrics; repaired (rule 1)")
    apply("T-302-repair")
    say("found: the job builds a file name from a tenant name that nobody checked; guard added (rule 2)")
    apply("T-302-guard")
    checks = verify(TESTS, SMOKE)
    commit("infra: nightly statements for all five tenants")
    return {
        "outcome": "partial",
        "summary": "Statements run for all five tenants, 30 s for each. Two things outside the prompt were changed.",
        "deviations": [
            {
                "rule": 1,
                "what": "Label values are escaped on /metrics.",
                "why": "A request for a path with a quote made the whole page unreadable, and the alerts blind.",
                "files": ["ledger/metrics.py", "tests/test_metrics.py"],
                "tenantIsolation": "none",
            },
            {
                "rule": 2,
                "what": "The job refuses names that are not tenant names.",
                "why": "It writes <tenant>.json; ../borealis would have overwritten another tenant's file.",
                "files": ["ledger/tenancy.py", "tests/test_isolation.py"],
                "tenantIsolation": "touched",
            },
        ],
        "verification": checks,
        "rollback": "Set LEDGER_FEATURE_STATEMENTS back to acme,borealis and run ops/rollout.sh.",
        "followUps": [{"title": "infra: alert when a statement runs over its budget", "priority": "P2"}],
    }


def rule4(prompt: str) -> Result:
    """T-303: stops at a decision about the architecture."""
    say("read migrations/0001_entries.up.sql, migrations/0002_tenants.up.sql, ledger/entries.py")
    say("entries older than 400 days have nowhere to go: there is no archive table")
    say("STOP rule 4: a new table and a schema migration are not mine to decide; nothing was changed")
    return {
        "outcome": "rule4_blocker",
        "summary": "Stopped before any change: where the old rows go is an architectural decision.",
        "deviations": [],
        "blocker": {
            "decision": "Where do entries older than 400 days live, so that each tenant's remain its own?",
            "options": [
                "A table entries_archive with tenant_id in the same database (migration 0003, reversible)",
                "One archive database for each tenant beside the live one (no migration, five more files to back up)",
                "No archive: keep all rows and add an index on tenant and day (migration 0003, reversible)",
            ],
            "recommendation": "The first: one place to back up, every query stays scoped by tenant_id, and the way "
            "back is one INSERT … SELECT.",
        },
        "verification": [],
        "rollback": "Nothing to undo.",
        "followUps": [],
        "noChangesExpected": True,
    }


def fails(prompt: str) -> Result:
    """T-304: the repository is not as the prompt says, unless a later prompt says otherwise."""
    say("plan: take the base image from the mirror that infra/registry-mirror.yml names")
    apply("T-304")
    if CREATE_MIRROR in prompt:
        say(f"{MIRROR_FILE} is missing, and the prompt says to create it")
        apply("T-304-mirror")
        checks = verify(TESTS, SMOKE)
        commit("infra: build images through the registry mirror")
        return {
            "outcome": "success",
            "summary": "Images are built through the mirror; its addresses stand in infra/registry-mirror.yml.",
            "deviations": [],
            "verification": checks,
            "rollback": "Unset LEDGER_REGISTRY: the default is the public registry.",
            "followUps": [],
        }
    say(f"read {MIRROR_FILE}")
    return {"outcome": "success", "summary": Path(MIRROR_FILE).read_text(encoding="utf-8")}


def hangs(prompt: str) -> Result:
    """T-305: commits the load generator, then never comes back."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("plan: a load generator, then ten minutes of load from five tenants")
    apply("T-305")
    commit("infra: load generator with a count for each tenant")
    child = subprocess.Popen([sys.executable, "-I", "-c", CHILD, str(HANG_SECONDS)], stdin=subprocess.DEVNULL)
    say(f"$ python3 -m ops.load http://127.0.0.1:8080 acme borealis cobalt delta ember (child {child.pid})", 0)
    say("  waiting for the first answer", 0)
    until = time.monotonic() + HANG_SECONDS
    while time.monotonic() < until:
        time.sleep(60)
    child.kill()
    child.wait()
    raise Stop("the load generator never came back")


def unknown(task_id: str) -> Result:
    """Any other task."""
    say(f"the demo's executor has no script for {task_id}; T-301 to T-305 have one")
    return {"outcome": "failure", "summary": f"The demo's executor has no script for {task_id}; nothing was changed."}


SCRIPTS = {"T-301": success, "T-302": deviates, "T-303": rule4, "T-304": fails, "T-305": hangs}


def write_result(result: Result) -> None:
    """The result file, whole or not at all."""
    path = Path(os.environ.get("STAS_RESULT_FILE") or ".stas/result.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps({"schema": SCHEMA, **result}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_prompt() -> str:
    """The prompt from its file or from standard input."""
    path = os.environ.get("STAS_PROMPT_FILE")
    return Path(path).read_text(encoding="utf-8") if path else sys.stdin.read()


def main() -> int:
    """Do the task's script. 0: it came to its end, whatever the outcome; 2: no script; 3: it broke."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    task_id = os.environ.get("STAS_TASK_ID", "")
    prompt = read_prompt()
    base = os.environ.get("STAS_BASE_SHA", "")
    words = len(prompt.split())
    say(f"demo executor: {task_id or 'no task'} on {base[:12] or 'an unnamed commit'}, prompt of {words} words")
    script = SCRIPTS.get(task_id)
    if script is None:
        write_result(unknown(task_id or "a run without a task"))
        return 2
    try:
        result = script(prompt)
    except (Stop, OSError) as error:
        write_result({"outcome": "failure", "summary": f"{type(error).__name__}: {error}"})
        import traceback

        traceback.print_exc()
        if isinstance(error, FileNotFoundError):
            sys.stderr.write(
                f"expected: {MIRROR_FILE} exists, as the prompt says\nfound:    no such file at this commit\n"
            )
        return 3
    write_result(result)
    say(f"done: {result['outcome']}", 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
