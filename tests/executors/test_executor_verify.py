"""The verification steps of a prompt, found and run by Stas itself (R86)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from executor_helpers import until

from stas_tui.executors import procs
from stas_tui.executors.verify import LOG_BYTES, run_verification, verification_commands, verification_environment
from storage.clock import SystemClock
from storage.records import Verification

ROUTINE = """# Execution prompt
## Success Criteria
- docker compose down
## Verification Steps
{commands to run after implementation}
- docker compose build (verify container builds)
- docker compose up -d (verify services start)
- curl health endpoints (verify services healthy)
- curl -f http://localhost:8080/health (verify (really) healthy)
- `./scripts/check.sh --all` (own checks)
- `README.md` is up to date
- Check monitoring dashboards
- make sure that the alerts are quiet
- test the login by hand
- FOO=1 pytest -q tests
1. python -m compileall app
- [ ] ruff check .

### In the cluster
```bash
# a comment
$ kubectl get pods \\
    -n tenants
echo "a" | grep a
```
```json
{"not": "a command"}
```
## Rollback Plan
- git revert HEAD
"""


def test_the_commands_of_a_prompt() -> None:
    assert verification_commands(ROUTINE) == [
        "docker compose build",
        "docker compose up -d",
        "curl -f http://localhost:8080/health",
        "./scripts/check.sh --all",
        "FOO=1 pytest -q tests",
        "python -m compileall app",
        "ruff check .",
        "kubectl get pods -n tenants",
        'echo "a" | grep a',
    ]


@pytest.mark.parametrize(
    "prompt", ["", "no heading\n- make test", "## Verification Steps\n", "```\n## Verification Steps\n- make test\n```"]
)
def test_prompts_without_steps(prompt: str) -> None:
    assert verification_commands(prompt) == []


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A PATH of our own in front, for stand-ins of programs."""
    (tmp_path / "bin").mkdir()
    return verification_environment(
        {"PATH": f"{tmp_path / 'bin'}:{os.defpath}", "HOME": str(tmp_path), "GH_TOKEN": "x"}
    )


def stand_in(tmp_path: Path, name: str, script: str) -> None:
    path = tmp_path / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(tmp_path: Path, env: dict[str, str], *commands: str, timeout_s: float = 20) -> list[Verification]:
    folder = tmp_path / "checkout"
    folder.mkdir(exist_ok=True)
    return run_verification(commands, folder, timeout_s=timeout_s, clock=SystemClock(), env=env)


def test_passed_and_failed(tmp_path: Path, env: dict[str, str]) -> None:
    good, bad, lost = run(tmp_path, env, "echo 'a  b' c", "ls /does/not/exist", "no-such-program --x")
    assert (good.state, good.exit, good.log) == ("passed", 0, "a  b c\n")
    assert (bad.state, bad.detail) == ("failed", f"exit {bad.exit}")
    assert "/does/not/exist" in bad.log
    assert (lost.state, lost.detail) == ("not run", "there is no program no-such-program here")


def test_a_line_without_shell_syntax_gets_no_shell(tmp_path: Path, env: dict[str, str]) -> None:
    plain, piped, variable, broken = run(
        tmp_path, env, "echo a\\;b", "echo one two | wc -w", "A=5 sh -c 'echo $A'", "echo 'open"
    )
    assert plain.log == "a;b\n"
    assert piped.log.strip() == "2"
    assert variable.log == "5\n"
    assert (broken.state, broken.detail) == ("not run", "the line has an open quote")


def test_a_pipe_hides_no_failure_and_no_missing_program(tmp_path: Path, env: dict[str, str]) -> None:
    failing, missing = run(tmp_path, env, "false | cat", "echo a | no-such-program")
    assert failing.state == "failed"
    assert missing.state == "not run"


def test_exit_127_of_an_own_script_is_a_failure(tmp_path: Path, env: dict[str, str]) -> None:
    stand_in(tmp_path, "make", "exit 127")
    assert run(tmp_path, env, "make test")[0].state == "failed"


def test_containers_without_an_engine_are_not_run(tmp_path: Path, env: dict[str, str]) -> None:
    stand_in(tmp_path, "docker", '[ "$1" = info ] && exit 1; echo ran; exit 0')
    build, chained, config = run(
        tmp_path, env, "docker compose build", "cd . && docker compose up -d", "docker compose config"
    )
    assert (build.state, build.detail) == ("not run", "the container engine does not answer")
    assert chained.state == "not run"
    assert config.state == "passed"


def test_containers_with_an_engine_are_run(tmp_path: Path, env: dict[str, str]) -> None:
    stand_in(tmp_path, "docker", "echo ran $*; exit 0")
    assert run(tmp_path, env, "docker compose build")[0].log == "ran compose build\n"


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path, env: dict[str, str]) -> None:
    note = tmp_path / "pids"
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "hang.py").write_text(f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
open({str(note)!r}, "a").write(f"{{os.getpid()}} ")
print("on", flush=True)
while True: time.sleep(60)
""")
    (done,) = run(tmp_path, env, f"{sys.executable} hang.py", timeout_s=1.0)
    assert (done.state, done.exit, done.detail) == ("timeout", None, "longer than 1 s")
    assert "on" in done.log
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 2
    until(lambda: all(procs.identity(pid) is None for pid in pids), "both are gone")


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path, env: dict[str, str]) -> None:
    (done,) = run(tmp_path, env, "sh -c 'sleep 600 & echo $!'")
    assert done.state == "passed"
    assert procs.identity(int(done.log)) is None


def test_output_is_redacted_and_capped(tmp_path: Path, env: dict[str, str]) -> None:
    token = "ghp_" + "a1B2" * 9
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "much.py").write_text(
        f"print('x' * 79 + chr(10), end='')\nprint(('y' * 79 + chr(10)) * 2000 + {token!r})"
    )
    (done,) = run(tmp_path, env, f"{sys.executable} much.py")
    assert done.log.endswith("‹redacted:github-token›\n")
    assert done.log.startswith("[")
    assert "bytes before this were dropped" in done.log
    assert len(done.log.encode()) < LOG_BYTES + 100


def test_no_token_reaches_a_command(tmp_path: Path, env: dict[str, str]) -> None:
    (done,) = run(tmp_path, env, "env")
    names = {line.partition("=")[0] for line in done.log.splitlines()}
    assert "GH_TOKEN" not in names
    assert {"PATH", "HOME", "CI"} <= names


def test_a_folder_that_is_gone(tmp_path: Path, env: dict[str, str]) -> None:
    (done,) = run_verification(["echo a"], tmp_path / "gone", timeout_s=5, clock=SystemClock(), env=env)
    assert done.state == "not run"


def test_a_service_that_was_not_started_here_is_not_asked(tmp_path: Path) -> None:
    """Its refusal would look like a failure of the change."""
    commands = ["docker compose up -d", "curl -fsS http://127.0.0.1:9/health"]
    env = {"PATH": str(tmp_path / "bin")}
    (tmp_path / "bin").mkdir()
    for name in ("curl", "docker"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 7\n")
        (tmp_path / "bin" / name).chmod(0o755)
    started, asked = run_verification(commands, tmp_path, timeout_s=10, clock=SystemClock(), env=env)
    assert (started.state, asked.state) == ("not run", "not run")
    assert "«docker compose up -d» was not run" in asked.detail
    [alone] = run_verification(commands[1:], tmp_path, timeout_s=10, clock=SystemClock(), env=env)
    assert alone.state == "failed"
