"""The demo's executor, run as a program in a real clone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_repositories import NOW, SEED, git

import stas_tui.demo.executor as program
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.demo.story import story
from stas_tui.texts.prompt_lint import listed_files

PROGRAM = str(Path(program.__file__))
TASKS = {task.id: task for task in story(seed=SEED, now=NOW).tasks}
AGENT = ScriptedAgent(SEED)

Result = dict[str, Any]


def environment(folder: Path, task_id: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "STAS_TASK_ID": task_id,
        "STAS_BASE_SHA": git(folder, "rev-parse", "HEAD").strip(),
        "STAS_RESULT_FILE": str(folder / ".stas" / "result.json"),
        "DEMO_SPEED": "0",
        **more,
    }


def execute(folder: Path, task_id: str, prompt: str = "") -> tuple[subprocess.CompletedProcess[str], Result]:
    done = subprocess.run(
        [sys.executable, "-I", PROGRAM],
        cwd=folder,
        env=environment(folder, task_id),
        input=prompt or AGENT.prompt_for("", TASKS[task_id]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    result = json.loads((folder / ".stas" / "result.json").read_text())
    assert result["schema"] == "stas.executor-result/1"
    return done, result


def changed(folder: Path) -> set[str]:
    return set(git(folder, "diff", "--name-only", "origin/multi-tenant", "HEAD").split())


def check_in_fresh_checkout(folder: Path, into: Path) -> None:
    git(folder.parent, "clone", "-q", "--no-hardlinks", str(folder), str(into))
    for arguments in (["-m", "unittest", "discover", "-s", "tests", "-t", "."], ["-m", "ops.smoke"]):
        done = subprocess.run([sys.executable, "-B", *arguments], cwd=into, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_success_is_real(clone: Callable[[str], Path], tmp_path: Path) -> None:
    folder = clone("T-301")
    (folder / ".stas").mkdir()
    (folder / ".stas" / "prompt.md").write_text("left by the caller")
    done, result = execute(folder, "T-301")
    assert done.returncode == 0, done.stderr
    assert result["outcome"] == "success"
    assert result["deviations"] == []
    assert [check["exit"] for check in result["verification"]] == [0, 0]
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "log", "--format=%s", "origin/multi-tenant..HEAD").splitlines() == [
        "infra: cap the connection pool per tenant"
    ]
    assert git(folder, "branch", "--show-current").strip() == "infra/T-301"
    assert changed(folder) == set(listed_files(AGENT.prompt_for("", TASKS["T-301"])))
    assert "LedgerTenantPoolSaturated" in (folder / "monitoring" / "alerts.yml").read_text()
    check_in_fresh_checkout(folder, tmp_path / "fresh")


def test_the_new_test_of_the_success_fails_without_its_change(clone: Callable[[str], Path]) -> None:
    folder = clone("T-301")
    execute(folder, "T-301")
    pool = folder / "ledger" / "pool.py"
    text = pool.read_text()
    broken = text.replace("self._in_use.get(tenant, 0) < self.per_tenant and ", "")
    assert broken != text
    pool.write_text(broken)
    done = subprocess.run(
        [sys.executable, "-B", "-m", "unittest", "tests.test_pool"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "test_a_greedy_tenant_leaves_the_rest_of_the_pool_to_the_others" in done.stderr
    assert done.returncode == 1


def test_deviations_are_reported_and_are_surprises(clone: Callable[[str], Path], tmp_path: Path) -> None:
    folder = clone("T-302")
    done, result = execute(folder, "T-302")
    assert done.returncode == 0, done.stderr
    assert result["outcome"] == "partial"
    assert [(d["rule"], d["tenantIsolation"]) for d in result["deviations"]] == [(1, "none"), (2, "touched")]
    surprises = changed(folder) - set(listed_files(AGENT.prompt_for("", TASKS["T-302"])))
    assert surprises == {path for deviation in result["deviations"] for path in deviation["files"]}
    check_in_fresh_checkout(folder, tmp_path / "fresh")


def test_its_own_files_are_never_committed(clone: Callable[[str], Path]) -> None:
    folder = clone("T-301")
    (folder / ".git" / "info" / "exclude").write_text("")
    (folder / ".stas").mkdir()
    (folder / ".stas" / "prompt.md").write_text("left by the caller")
    assert execute(folder, "T-301")[0].returncode == 0
    assert not any(path.startswith(".stas") for path in changed(folder))


def test_rule_4_stops_before_any_change(clone: Callable[[str], Path]) -> None:
    folder = clone("T-303")
    done, result = execute(folder, "T-303")
    assert done.returncode == 0
    assert result["outcome"] == "rule4_blocker"
    assert result["blocker"]["decision"].endswith("?")
    assert len(result["blocker"]["options"]) == 3
    assert result["blocker"]["recommendation"]
    assert changed(folder) == set()
    assert git(folder, "status", "--porcelain") == ""


def test_failure_leaves_a_traceback_and_half_an_edit(clone: Callable[[str], Path]) -> None:
    folder = clone("T-304")
    done, result = execute(folder, "T-304")
    assert done.returncode == 3
    assert result["outcome"] == "failure"
    assert "Traceback" in done.stderr
    assert "expected: infra/registry-mirror.yml exists" in done.stderr
    assert changed(folder) == set()
    assert git(folder, "status", "--porcelain").split() == ["M", "Dockerfile", "M", "docker-compose.yml"]


def test_the_failure_is_mended_by_the_prompt_of_the_second_attempt(
    clone: Callable[[str], Path], tmp_path: Path
) -> None:
    first = clone("T-304")
    assert execute(first, "T-304")[0].returncode == 3
    prompt = AGENT.prompt_for("", TASKS["T-304"], 2)
    done, result = execute(first, "T-304", prompt)
    assert done.returncode == 0, done.stderr
    assert result["outcome"] == "success"
    assert changed(first) == set(listed_files(prompt))
    check_in_fresh_checkout(first, tmp_path / "fresh")


def test_a_task_outside_the_story_changes_nothing(clone: Callable[[str], Path]) -> None:
    folder = clone("T-999")
    done, result = execute(folder, "T-999", "anything")
    assert done.returncode == 2
    assert result["outcome"] == "failure"
    assert "T-999" in result["summary"]
    assert changed(folder) == set()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_hang_outlives_everything_but_kill(clone: Callable[[str], Path], tmp_path: Path) -> None:
    folder = clone("T-305")
    prompt = tmp_path / "prompt.md"
    prompt.write_text(AGENT.prompt_for("", TASKS["T-305"]))
    run = subprocess.Popen(
        [sys.executable, "-I", PROGRAM],
        cwd=folder,
        env=environment(folder, "T-305", STAS_PROMPT_FILE=str(prompt)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    child = 0
    try:
        assert run.stdout is not None
        for line in run.stdout:
            if "(child " in line:
                child = int(line.split("(child ")[1].split(")")[0])
            if "waiting for the first answer" in line:
                break
        assert child
        assert alive(child)
        run.send_signal(signal.SIGINT)
        run.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.5)
        assert changed(folder) == {"ops/load.py"}
        assert not (folder / ".stas" / "result.json").exists()
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(10)
        if run.stdout is not None:
            run.stdout.close()
    deadline = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < deadline, "the child survived"
        time.sleep(0.02)


def test_every_patch_applies_to_the_service(clone: Callable[[str], Path]) -> None:
    folder = clone("patches")
    patches = sorted(program.CHANGES.glob("*.patch"))
    assert len(patches) == 7
    for patch in patches:
        git(folder, "apply", "--check", str(patch))


@pytest.mark.parametrize(
    ("text", "speed"), [("0", 0.0), ("2", 2.0), ("-1", 0.0), ("99", 10.0), ("fast", 1.0), ("nan", 0.0)]
)
def test_the_speed_is_bounded(text: str, speed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_SPEED", text)
    assert program._speed() == speed
