"""Runs of any command-line program, each owned by a shim process that outlives the dashboard."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stas_tui.executors import environment, procs, rundir
from stas_tui.executors.base import ExecutorError, RunRequest
from stas_tui.executors.presets import command_line
from stas_tui.executors.trailer import trailer
from storage.clock import SECOND, Clock
from storage.records import RunState, RunStatus
from storage.redact import redact, registered_secrets

__all__ = ["CommandExecutor", "trailer"]

SHIM = Path(__file__).with_name("shim.py")

LADDER_MS = 15 * SECOND
"""The shim's whole cancel ladder takes less than this; after it the shim itself is killed."""

_POLL_S = 0.02
_POLL_MOST_S = 0.25


class CommandExecutor:
    """Implements `stas_tui.executors.base.Executor` for programs started by a preset's argument list.

    A run that has a folder was begun: `find` and `status` return it, and the same action never starts another. If its
    starter died before the shim claimed it, or the shim died, it is closed as `lost`; a shim that comes late finds the
    claim taken and starts nothing.
    """

    def __init__(self, runs_dir: Path, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is what the allow-list picks from; by default this process's own environment."""
        self._runs = runs_dir
        self._clock = clock
        self._environ = environ
        for folder in (runs_dir, runs_dir / ".actions", runs_dir / ".locks"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def directory(self, run_id: str) -> Path:
        """The run's folder: prompt.md, stdout.log, stderr.log, state.json, result.json. Raises `ExecutorError`."""
        if not rundir.valid_run_id(run_id):
            raise ExecutorError("A run id holds letters, digits, dots, dashes and underscores only.", "Use such an id.")
        return self._runs / run_id

    def start(self, request: RunRequest) -> RunStatus:
        """Start the run's shim and return once its state file exists.

        Raises `ExecutorError` if another live run holds the workspace, the action already started another run, the
        preset asks for a forbidden variable, or the folder cannot be written.
        """
        directory = self.directory(request.run_id)
        try:
            prompt = request.prompt.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ExecutorError(
                "The prompt holds characters that are no text.", "Remove them and plan it again."
            ) from error
        env = environment.for_run(
            request, os.environ if self._environ is None else self._environ, str(directory / rundir.PROMPT)
        )
        with self._guard():
            begun = self.status(request.run_id)
            if begun is not None:
                return begun
            self._refuse_second(request)
            order = self._order(request, env, directory)
            try:
                self._prepare(request, directory, prompt, order)
            except OSError as error:
                raise ExecutorError(
                    f"The run {request.run_id} could not be prepared: {error.strerror}.",
                    f"Look at {self._runs} and {request.workspace}.",
                ) from error
            self._launch(directory, order, request.limits.start_s)
            status = self.status(request.run_id)
        if status is None:
            raise ExecutorError(f"The folder of run {request.run_id} disappeared.", f"Look at {self._runs}.")
        return status

    def status(self, run_id: str) -> RunStatus | None:
        """The run as its shim last wrote it; None if no such run was ever started. Closes runs whose shim died."""
        directory = self.directory(run_id)
        request = rundir.read(directory / rundir.REQUEST)
        if request is None:
            return None
        state = rundir.read(directory / rundir.STATE)
        if state is None:
            if self._may_still_start(directory, request):
                return RunStatus(run_id=run_id, state=RunState.STARTING, started_at=request.get("created_at"))
            self._close_unstarted(directory, request, "lost", "its starter ended before the program was started")
            state = rundir.read(directory / rundir.STATE) or {}
        if state.get("state") == "finished":
            return _status(run_id, state, shim_alive=False)
        if procs.alive(state.get("shim_pid"), state.get("shim")):
            return _status(run_id, state, shim_alive=True)
        state = rundir.read(directory / rundir.STATE) or state
        if state.get("state") != "finished":
            state = self._close_lost(directory, state)
        return _status(run_id, state, shim_alive=False)

    def find(self, action_id: str) -> RunStatus | None:
        """The run an action started; None if it never began one."""
        noted = rundir.read(rundir.action_file(self._runs, action_id))
        return self.status(str(noted["run_id"])) if noted is not None and "run_id" in noted else None

    def wait(self, run_id: str, timeout_s: float) -> RunStatus:
        """Wait until the run has finished or the time is over. Raises `ExecutorError` for an unknown run."""
        until = self._clock.monotonic() + int(timeout_s * SECOND)
        pause, looked, seen = _POLL_S, 0, -1
        state = self.directory(run_id) / rundir.STATE
        while True:
            stamp = _modified(state)
            now = self._clock.monotonic()
            if stamp != seen or now - looked >= SECOND or now >= until:
                seen, looked = stamp, now
                status = self.status(run_id)
                if status is None:
                    raise ExecutorError(f"There is no run {run_id}.", "Look at the list of runs.")
                if status.state is RunState.FINISHED or now >= until:
                    return status
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_MOST_S)

    def cancel(self, run_id: str) -> RunStatus:
        """The cancel ladder; returns when nothing of the run is left, or names what is. Raises `ExecutorError`."""
        status = self.status(run_id)
        if status is None:
            raise ExecutorError(f"There is no run {run_id}.", "Look at the list of runs.")
        if status.state is RunState.FINISHED:
            return status
        directory = self.directory(run_id)
        try:
            rundir.write(directory / rundir.CANCEL, b"cancel\n")
        except OSError as error:
            raise ExecutorError(f"The run {run_id} could not be asked to stop: {error.strerror}.") from error
        state = rundir.read(directory / rundir.STATE)
        if state is None:
            request = rundir.read(directory / rundir.REQUEST) or {}
            self._close_unstarted(directory, request, "cancelled", "before the program was started")
            state = rundir.read(directory / rundir.STATE) or {}
        if isinstance(state.get("shim_pid"), int):
            procs.send(state["shim_pid"], signal.SIGTERM, str(state.get("shim")))
        status = self.wait(run_id, LADDER_MS / SECOND)
        if status.state is not RunState.FINISHED:
            state = rundir.read(directory / rundir.STATE) or state
            procs.send(state["shim_pid"], signal.SIGKILL, str(state.get("shim")))
            state = self._close_lost(directory, state, "cancelled", "its shim did not answer and was killed")
            status = _status(run_id, state, shim_alive=False)
        return status

    def tail(self, run_id: str, offset: int = 0, limit: int = 65_536) -> tuple[bytes, int]:
        """Redacted output from `offset`, and the offset to go on from. Empty for a run without output."""
        try:
            with (self.directory(run_id) / rundir.STDOUT).open("rb") as file:
                file.seek(max(offset, 0))
                data = file.read(max(limit, 0))
        except FileNotFoundError:
            return b"", offset
        return data, max(offset, 0) + len(data)

    def live(self) -> list[RunStatus]:
        """Runs whose shim is alive, or that are just being started."""
        runs = {
            str(held.get("run_id", "")) for held in map(rundir.read, (self._runs / ".locks").glob("*.json")) if held
        }
        found = [self.status(run_id) for run_id in sorted(runs) if rundir.valid_run_id(run_id)]
        return [status for status in found if status is not None and status.state is not RunState.FINISHED]

    def live_in(self, workspace: Path) -> RunStatus | None:
        """The live run of a workspace, if there is one."""
        held = rundir.read(rundir.lock_file(self._runs, workspace))
        run_id = str(held.get("run_id", "")) if held else ""
        status = self.status(run_id) if rundir.valid_run_id(run_id) else None
        return status if status is not None and status.state is not RunState.FINISHED else None

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        """One start at a time on this machine; the kernel lets go if the holder dies."""
        with (self._runs / ".guard").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _refuse_second(self, request: RunRequest) -> None:
        other = self.find(request.action_id)
        if other is not None:
            raise ExecutorError(
                f"This action already started run {other.run_id}.", "Look at that run; it is not started twice."
            )
        holder = self.live_in(request.workspace)
        if holder is not None:
            raise ExecutorError(
                f"Run {holder.run_id} still works in {request.workspace}.", "Wait for it, or cancel it first."
            )

    def _order(self, request: RunRequest, env: dict[str, str], directory: Path) -> dict[str, Any]:
        credentials = [env[name] for name in request.preset.env_allow if name in env]
        return {
            "run_id": request.run_id,
            "action_id": request.action_id,
            "argv": command_line(
                request.preset,
                model=request.model,
                prompt_file=str(directory / rundir.PROMPT),
                prompt=request.prompt,
            ),
            "env": env,
            "workspace": str(request.workspace),
            "stdin": "prompt" if request.preset.prompt_via == "stdin" else "nothing",
            "limits": {
                "idle_s": request.limits.idle_s,
                "total_s": request.limits.total_s,
                "stdout_bytes": request.limits.stdout_bytes,
                "stderr_bytes": request.limits.stderr_bytes,
            },
            "secrets": [*registered_secrets(), *credentials],
            "lock": str(rundir.lock_file(self._runs, request.workspace)),
        }

    def _prepare(self, request: RunRequest, directory: Path, prompt: bytes, order: dict[str, Any]) -> None:
        """The folder with everything but a state, in one step; then the notes by which it is found."""
        if request.workspace.is_dir():
            rundir.clear_result(request.workspace, request.run_id)
        making = self._runs / f".making-{request.run_id}"
        making.mkdir(mode=0o700, exist_ok=True)
        rundir.write(making / rundir.PROMPT, prompt)
        facts = {
            "schema": "stas.run-request/1",
            "run_id": request.run_id,
            "action_id": request.action_id,
            "project_id": request.project_id,
            "task_id": request.task_id,
            "model": request.model,
            "workspace": str(request.workspace),
            "base": request.base,
            "base_sha": request.base_sha,
            "preset": request.preset.name,
            "argv": [redact(part) for part in request.preset.argv],
            "prompt_via": request.preset.prompt_via,
            "prompt_sha256": hashlib.sha256(prompt).hexdigest(),
            "variables": sorted(order["env"]),
            "limits": {**order["limits"], "start_s": request.limits.start_s},
            "created_at": self._clock.now(),
            "starter_pid": os.getpid(),
            "starter": procs.identity(os.getpid()),
        }
        rundir.write(making / rundir.REQUEST, rundir.encode(facts))
        note = rundir.encode({"run_id": request.run_id, "action_id": request.action_id})
        rundir.write(rundir.action_file(self._runs, request.action_id), note)
        rundir.write(
            rundir.lock_file(self._runs, request.workspace),
            rundir.encode({"run_id": request.run_id, "pid": os.getpid(), "identity": facts["starter"]}),
        )
        making.rename(directory)

    def _launch(self, directory: Path, order: dict[str, Any], start_s: float) -> None:
        trouble = ""
        try:
            with (directory / rundir.SHIM_LOG).open("ab") as log:
                shim = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SHIM), str(directory)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
        except OSError as error:
            trouble = f"the supervising process could not be started: {error.strerror}"
        else:
            with shim:
                try:
                    shim.communicate(rundir.encode(order), timeout=start_s)
                except subprocess.TimeoutExpired:
                    trouble = f"it was not started within {start_s:g} s"
                    _kill_group(shim.pid)
        if not (directory / rundir.STATE).exists():
            request = rundir.read(directory / rundir.REQUEST) or {}
            trouble = trouble or "the supervising process ended at once; see shim.log in the run's folder"
            self._close_unstarted(directory, request, "spawn failed", trouble)

    def _may_still_start(self, directory: Path, request: dict[str, Any]) -> bool:
        """A claim may still come: the starter lives and its time is not over, or a shim of this folder lives."""
        young = self._clock.now() - int(request.get("created_at", 0)) < float(request["limits"]["start_s"]) * SECOND
        if young and procs.alive(request.get("starter_pid"), request.get("starter")):
            return True
        return young and bool(procs.with_argument(str(directory)))

    def _close_unstarted(self, directory: Path, request: dict[str, Any], stop: str, detail: str) -> None:
        """Take the claim, so that no late shim starts the run."""
        now = self._clock.now()
        closed = {
            "schema": rundir.SCHEMA,
            "run_id": directory.name,
            "action_id": request.get("action_id", ""),
            "state": "finished",
            "ended_at": now,
            "stop": stop,
            "detail": detail,
        }
        with _explained(directory):
            claimed = rundir.claim(directory / rundir.STATE, rundir.encode(closed))
        if claimed:
            rundir.release(rundir.lock_file(self._runs, Path(str(request.get("workspace", "")))), directory.name)

    def _close_lost(
        self, directory: Path, state: dict[str, Any], stop: str = "lost", detail: str = "its supervising process died"
    ) -> dict[str, Any]:
        """Kill what carries the run's marker and write the end the shim could not write."""
        survivors = procs.sweep(
            lambda: procs.marked(directory.name), self._clock.monotonic, lambda: time.sleep(_POLL_S), 3 * SECOND
        )
        closed = state | {
            "state": "finished",
            "ended_at": self._clock.now(),
            "stop": stop,
            "detail": detail,
            "survivors": list(survivors),
        }
        with _explained(directory):
            rundir.write(directory / rundir.STATE, rundir.encode(closed))
        request = rundir.read(directory / rundir.REQUEST) or {}
        rundir.release(rundir.lock_file(self._runs, Path(str(request.get("workspace", "")))), directory.name)
        return closed


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExecutorError(
            f"The end of run {directory.name} could not be written: {error.strerror}.", f"Look at {directory}."
        ) from error


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _status(run_id: str, state: Mapping[str, Any], *, shim_alive: bool) -> RunStatus:
    return RunStatus(
        run_id=run_id,
        state=RunState(state.get("state", "starting")),
        started_at=state.get("started_at"),
        ended_at=state.get("ended_at"),
        exit=state.get("exit"),
        stop=str(state.get("stop", "")),
        detail=str(state.get("detail", "")),
        stdout_bytes=int(state.get("stdout_bytes", 0)),
        stderr_bytes=int(state.get("stderr_bytes", 0)),
        dropped_bytes=int(state.get("dropped_bytes", 0)),
        redactions=int(state.get("redactions", 0)),
        shim_alive=shim_alive,
        heartbeat_at=state.get("heartbeat_at"),
        survivors=tuple(int(pid) for pid in state.get("survivors", ())),
    )
