"""The executor of a lesson: a run prints on the lesson's clock, and ends when the scenario has it report."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.executors.base import ExecutorError, RunRequest
from storage.clock import SECOND, Clock
from storage.records import RunState, RunStatus

LINE_MS = 2 * SECOND
"""A line of what a run prints comes so long after the one before, on the lesson's clock."""
EXIT = {"SUCCESS": 0, "PARTIAL": 0, "FAILURE": 1, "BLOCKED": 0}
"""With what the program of a run ends that reports so."""


@dataclass(slots=True)
class _Run:
    request: RunRequest
    started_at: int
    prints: Sequence[str] = ()
    ended_at: int | None = None
    stop: str = ""
    exit: int | None = None
    words: str = ""
    """Its last words."""
    moved: threading.Event = field(default_factory=threading.Event)


class SimExecutor:
    """`executors.base.Executor` of a lesson. `prints` and `end` are the scenario's hand."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self._clock, self._folder = clock, folder
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    # the scenario's hand --------------------------------------------------------------------------

    def prints(self, run_id: str, lines: Sequence[str]) -> None:
        """What a run prints while it works, line by line."""
        self._known(run_id).prints = tuple(lines)

    def running(self, task_id: str) -> str:
        """The run that works on a task now, the latest if there are several; empty if none does."""
        found = [id_ for id_, run in self._runs.items() if run.request.task_id == task_id and run.ended_at is None]
        return found[-1] if found else ""

    def end(self, run_id: str, outcome: str, words: str) -> None:
        """A run has come to its end and says so. One that ended before is not changed."""
        self._end(self._known(run_id), "exit", EXIT[outcome], words)

    # what every executor can ----------------------------------------------------------------------

    def start(self, request: RunRequest) -> RunStatus:
        """Begin a run; one that began already is returned as it is."""
        if request.run_id not in self._runs:
            self.directory(request.run_id).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._runs[request.run_id] = _Run(request, self._clock.now())
        return self._status(request.run_id)

    def status(self, run_id: str) -> RunStatus | None:
        """The run as it stands on the lesson's clock."""
        return self._status(run_id) if run_id in self._runs else None

    def find(self, action_id: str) -> RunStatus | None:
        """The run an action started."""
        found = next((id_ for id_, run in self._runs.items() if run.request.action_id == action_id), None)
        return self._status(found) if found else None

    def wait(self, run_id: str, timeout_s: float) -> RunStatus:
        """Wait until the run has ended or the real time is over. Raises `ExecutorError` for a run that is none."""
        self._known(run_id).moved.wait(max(timeout_s, 0))
        return self._status(run_id)

    def cancel(self, run_id: str) -> RunStatus:
        """End it now. Raises `ExecutorError` for a run that is none."""
        self._end(self._known(run_id), "cancelled", None, "")
        return self._status(run_id)

    def tail(self, run_id: str, offset: int = 0, limit: int = 65_536) -> tuple[bytes, int]:
        """What it printed until now; its last words stand at the end."""
        text = self._printed(self._runs[run_id]).encode()[offset : offset + limit] if run_id in self._runs else b""
        return text, offset + len(text)

    def directory(self, run_id: str) -> Path:
        """The run's folder; nothing is in it."""
        return self._folder / run_id

    def live(self) -> list[RunStatus]:
        """Runs that have not ended."""
        return [self._status(run_id) for run_id, run in self._runs.items() if run.ended_at is None]

    # inside ---------------------------------------------------------------------------------------

    def _known(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise ExecutorError(f"There is no run {run_id}.")
        return self._runs[run_id]

    def _end(self, run: _Run, stop: str, code: int | None, words: str) -> None:
        with self._lock:
            if run.ended_at is None:
                run.stop, run.exit, run.words = stop, code, words
                run.ended_at = self._clock.now()
        run.moved.set()

    def _printed(self, run: _Run) -> str:
        until = self._clock.now() if run.ended_at is None else run.ended_at
        lines = run.prints if run.stop == "exit" else run.prints[: 1 + max(until - run.started_at, 0) // LINE_MS]
        return "".join(f"{line}\n" for line in (*lines, *filter(None, [run.words])))

    def _status(self, run_id: str) -> RunStatus:
        run, now = self._runs[run_id], self._clock.now()
        over = run.ended_at is not None
        return RunStatus(
            run_id=run_id,
            state=RunState.FINISHED if over else RunState.RUNNING,
            started_at=run.started_at,
            ended_at=run.ended_at,
            exit=run.exit,
            stop=run.stop,
            stdout_bytes=len(self._printed(run).encode()),
            shim_alive=not over,
            heartbeat_at=None if over else now,
        )
