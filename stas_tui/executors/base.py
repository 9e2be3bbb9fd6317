"""What Stas needs of a program that does the work of an execution prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from storage.errors import StasError
from storage.records import RunStatus


class ExecutorError(StasError):
    """A run could not be started, read or stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run: seconds and bytes."""

    start_s: float = 60.0
    idle_s: float = 15 * 60.0
    total_s: float = 2 * 3600.0
    stdout_bytes: int = 20 * 1024 * 1024
    stderr_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A way to run a program, as data.

    `argv` is a list, never a shell string; `{model}` and `{prompt_file}` are substituted.
    """

    name: str
    argv: tuple[str, ...]
    prompt_via: str = "stdin"
    """`stdin`, `file` or `arg`. The prompt is always also in `$STAS_PROMPT_FILE`."""
    env_allow: tuple[str, ...] = ()
    """Names of further environment variables to pass, e.g. the preset's one credential."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything a run needs; `prompt` is sent byte for byte."""

    run_id: str
    action_id: str
    project_id: str
    task_id: str
    prompt: str
    model: str
    workspace: Path
    base: str
    base_sha: str
    preset: Preset
    limits: Limits = Limits()


class Executor(Protocol):
    """Starts runs that outlive the dashboard, and finds them again by id."""

    def start(self, request: RunRequest) -> RunStatus:
        """Start the run's shim and return once its state file exists.

        A run id that was started already is returned as it is. A program that cannot be started is not an
        exception: the status ends with stop `spawn failed`. Raises `ExecutorError` if another live run holds
        the workspace.
        """
        ...

    def status(self, run_id: str) -> RunStatus | None:
        """The run as its shim last wrote it; None if no such run was ever started.

        A run whose shim died is swept and closed with stop `lost`.
        """
        ...

    def find(self, action_id: str) -> RunStatus | None:
        """The run an action started."""
        ...

    def wait(self, run_id: str, timeout_s: float) -> RunStatus:
        """Wait until the run has finished or the time is over."""
        ...

    def cancel(self, run_id: str) -> RunStatus:
        """The cancel ladder: interrupt, terminate, kill, sweep. The status names any process that is left."""
        ...

    def tail(self, run_id: str, offset: int = 0, limit: int = 65_536) -> tuple[bytes, int]:
        """Redacted output from `offset`, and the offset to go on from."""
        ...

    def directory(self, run_id: str) -> Path:
        """The run's folder: prompt.md, stdout.log, stderr.log, state.json, result.json."""
        ...

    def live(self) -> list[RunStatus]:
        """Runs whose shim is alive."""
        ...
