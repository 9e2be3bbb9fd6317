"""The executor of a lesson: runs on the clock of the lesson, with the outcome that the scenario wrote."""

from __future__ import annotations

import threading
from pathlib import Path

from stas_tui.executors.base import ExecutorError, RunRequest
from storage.clock import SECOND, Clock
from storage.records import RunState, RunStatus

TAKES_MS = 30 * SECOND
"""How long a run of a lesson takes, on the lesson's clock."""
LOOK_S = 0.2
NOTHING = "nothing was scripted for this task"
EXIT = {"SUCCESS": 0, "PARTIAL": 0, "FAILURE": 1, "BLOCKED": 0}


class SimExecutor:
    """`executors.base.Executor` of a lesson. `script` is how the scenario says what a task's next run brings."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self._clock, self._folder = clock, folder
        self._scripted: dict[str, tuple[str, str]] = {}
        self._runs: dict[str, RunRequest] = {}
        self._started: dict[str, int] = {}
        self._ended: dict[str, tuple[int, str]] = {}
        """When a run ended before its time, and why."""
        self._moved = threading.Condition()

    def script(self, task: str, outcome: str, report: str) -> None:
        """What the next run of a task ends with."""
        self._scripted[task] = (outcome, report)

    def start(self, request: RunRequest) -> RunStatus:
        """Begin a run; one that began already is returned as it is."""
        if request.run_id not in self._runs:
            self._runs[request.run_id] = request
            self._started[request.run_id] = self._clock.now()
            self.directory(request.run_id).mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._status(request.run_id)

    def status(self, run_id: str) -> RunStatus | None:
        """The run as it stands on the lesson's clock."""
        return self._status(run_id) if run_id in self._runs else None

    def find(self, action_id: str) -> RunStatus | None:
        """The run an action started."""
        found = next((run.run_id for run in self._runs.values() if run.action_id == action_id), None)
        return self._status(found) if found else None

    def wait(self, run_id: str, timeout_s: float) -> RunStatus:
        """Wait until the run has ended or the real time is over. Raises `ExecutorError` for a run that is none."""
        if run_id not in self._runs:
            raise ExecutorError(f"There is no run {run_id}.")
        left = timeout_s
        while (status := self._status(run_id)).state is not RunState.FINISHED and left > 0:
            with self._moved:
                self._moved.wait(min(LOOK_S, left))
            left -= LOOK_S
        return status

    def cancel(self, run_id: str) -> RunStatus:
        """End it now."""
        if run_id not in self._runs:
            raise ExecutorError(f"There is no run {run_id}.")
        if self._status(run_id).state is not RunState.FINISHED:
            self._ended[run_id] = (self._clock.now(), "cancelled")
        with self._moved:
            self._moved.notify_all()
        return self._status(run_id)

    def tail(self, run_id: str, offset: int = 0, limit: int = 65_536) -> tuple[bytes, int]:
        """What it printed: its report, once it has ended."""
        if run_id not in self._runs or self._status(run_id).state is not RunState.FINISHED:
            return b"", offset
        text = self.report(run_id).encode()[offset : offset + limit]
        return text, offset + len(text)

    def directory(self, run_id: str) -> Path:
        """The run's folder."""
        return self._folder / run_id

    def live(self) -> list[RunStatus]:
        """Runs that have not ended."""
        found = [self._status(run_id) for run_id in self._runs]
        return [status for status in found if status.state is not RunState.FINISHED]

    def outcome(self, run_id: str) -> tuple[str, str]:
        """(outcome, report) of a run's task as scripted."""
        return self._scripted.get(self._runs[run_id].task_id, ("FAILURE", NOTHING))

    def report(self, run_id: str) -> str:
        """The run's last words, in the routine's own form."""
        outcome, said = self.outcome(run_id)
        return f"STATUS: {outcome}\n\n{said}\n"

    def _status(self, run_id: str) -> RunStatus:
        began, now = self._started[run_id], self._clock.now()
        ended, why = self._ended.get(run_id, (began + TAKES_MS, "exit"))
        if now < ended:
            return RunStatus(run_id=run_id, state=RunState.RUNNING, started_at=began, shim_alive=True, heartbeat_at=now)
        return RunStatus(
            run_id=run_id,
            state=RunState.FINISHED,
            started_at=began,
            ended_at=ended,
            exit=EXIT[self.outcome(run_id)[0]] if why == "exit" else None,
            stop=why,
            stdout_bytes=len(self.report(run_id).encode()),
        )
