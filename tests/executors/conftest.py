"""Real runs in a temporary folder, and nothing alive after a test."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from executor_helpers import Wanted, until

from stas_tui.executors import procs
from stas_tui.executors.base import Limits, Preset, RunRequest
from stas_tui.executors.command import CommandExecutor
from storage.clock import SystemClock


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def executor(runs: Path) -> CommandExecutor:
    return CommandExecutor(runs, SystemClock())


@pytest.fixture
def wanted(workspace: Path, tmp_path: Path) -> Iterator[Wanted]:
    """Make a request for a Python program given as text; what is left of its runs is killed after the test."""
    made: list[str] = []
    unique = f"{os.getpid()}-{tmp_path.name[:40]}"

    def make(
        code: str,
        run_id: str = "run",
        *,
        prompt: str = "do it\n",
        via: str = "stdin",
        argv: tuple[str, ...] | None = None,
        env_allow: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        where: Path = workspace,
        limits: Limits | None = None,
        action_id: str = "",
    ) -> RunRequest:
        name = f"{run_id}-{unique}"
        made.append(name)
        program = tmp_path / f"{run_id}.py"
        program.write_text(code, "utf-8")
        return RunRequest(
            run_id=name,
            action_id=action_id or f"action-{name}",
            project_id="P",
            task_id="T-1",
            prompt=prompt,
            model="",
            workspace=where,
            base="multi-tenant",
            base_sha="0" * 40,
            preset=Preset(
                name="test",
                argv=argv or (sys.executable, "-I", "-S", str(program)),
                prompt_via=via,
                env_allow=env_allow,
                env=env or {},
            ),
            limits=limits or Limits(),
        )

    yield make
    for name in made:
        for pid in procs.marked(name) | procs.with_argument(str(tmp_path / "runs" / name)):
            procs.send(pid, signal.SIGKILL)
        until(lambda name=name: not procs.marked(name), "the processes of the test end")
