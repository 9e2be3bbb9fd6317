"""Runs of executors: one row for each spawn, with the class of its result."""

from __future__ import annotations

import dataclasses
import sqlite3

from storage.canonical import dump, load, well_formed
from storage.journal_errors import IllegalMove, NotKnown
from storage.records import (
    Deviation,
    ExecutorReport,
    Json,
    Outcome,
    Run,
    RunResult,
    RunState,
    Verification,
)
from storage.sqlite import Store


class Runs:
    """The runs of one record. Raises `StoreError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run: Run) -> Run:
        """Store a run; the same run of the same action again is returned as it is stored.

        Raises `IllegalMove` if the action already started another run, or the task has this attempt already.
        """
        with self._store.write() as conn:
            old = conn.execute("select * from run where id = ? or action_id = ?", (run.id, run.action_id)).fetchone()
            if old is not None:
                if (old["id"], old["action_id"]) == (run.id, run.action_id):
                    return _run(old)
                raise IllegalMove(f"Action {run.action_id} already started run {old['id']}.")
            taken = conn.execute(
                "select id from run where pulse_id = ? and task_id = ? and attempt = ?",
                (run.pulse_id, run.task_id, run.attempt),
            ).fetchone()
            if taken is not None:
                raise IllegalMove(f"{run.task_id} already has attempt {run.attempt} in this pulse: {taken['id']}.")
            conn.execute(
                "insert into run(id, pulse_id, project_id, task_id, action_id, attempt, prompt_sha256, cause, program, "
                "model, directory, state, started_at, ended_at, result) "
                "values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    run.pulse_id,
                    run.project_id,
                    run.task_id,
                    run.action_id,
                    run.attempt,
                    run.prompt_sha256,
                    well_formed(run.cause),
                    run.program,
                    run.model,
                    run.directory,
                    run.state.value,
                    run.started_at,
                    run.ended_at,
                    None if run.result is None else dump(dataclasses.asdict(run.result)),
                ),
            )
        return self.get(run.id)

    def get(self, run_id: str) -> Run:
        """A run by its id. Raises `NotKnown`."""
        found = self._where("id = ?", run_id)
        if not found:
            raise NotKnown(f"There is no run {well_formed(run_id)[:80]} in the record.")
        return found[0]

    def by_action(self, action_id: str) -> Run | None:
        """The run that an action started."""
        found = self._where("action_id = ?", action_id)
        return found[0] if found else None

    def of_task(self, pulse_id: str, task_id: str) -> list[Run]:
        """The runs of a task in a pulse, first attempt first."""
        return self._where("pulse_id = ? and task_id = ?", pulse_id, task_id)

    def of_pulse(self, pulse_id: str) -> list[Run]:
        """All runs of a pulse, oldest first."""
        return self._where("pulse_id = ?", pulse_id)

    def unfinished(self) -> list[Run]:
        """Runs of any pulse that are starting or running, oldest first."""
        return self._where("state <> 'finished'")

    def update_state(self, run_id: str, state: RunState, ended_at: int | None = None) -> Run:
        """What the run's shim last said. A finished run stays finished. Raises `IllegalMove`, `NotKnown`."""
        with self._store.write() as conn:
            run = self.get(run_id)
            if run.state is RunState.FINISHED and state is not RunState.FINISHED:
                raise IllegalMove(f"Run {run_id} has finished; it cannot be {state} again.")
            conn.execute(
                "update run set state = ?, ended_at = coalesce(?, ended_at) where id = ?",
                (state.value, ended_at, run_id),
            )
        return self.get(run_id)

    def set_result(self, run_id: str, result: RunResult) -> Run:
        """The class of the run's result with its facts. Raises `NotKnown`."""
        with self._store.write() as conn:
            self.get(run_id)
            conn.execute("update run set result = ? where id = ?", (dump(dataclasses.asdict(result)), run_id))
        return self.get(run_id)

    def _where(self, where: str, *params: str) -> list[Run]:
        rows = self._store.read(
            f"select * from run where {where} order by started_at, attempt, id", tuple(map(well_formed, params))
        )
        return [_run(row) for row in rows]


def _run(row: sqlite3.Row) -> Run:
    fields = {field.name: row[field.name] for field in dataclasses.fields(Run)}
    fields["state"] = RunState(row["state"])
    fields["result"] = None if row["result"] is None else _result(load(row["result"]))
    return Run(**fields)


def _result(data: Json) -> RunResult:
    report = dict(data["report"])
    report["deviations"] = tuple(Deviation(**{**d, "files": tuple(d["files"])}) for d in report["deviations"])
    report["follow_ups"] = tuple((title, priority) for title, priority in report["follow_ups"])
    for name in ("options", "said_verification"):
        report[name] = tuple(report[name])
    return RunResult(
        **{
            **data,
            "outcome": Outcome(data["outcome"]),
            "because": tuple(data["because"]),
            "report": ExecutorReport(**report),
            "verification": tuple(Verification(**item) for item in data["verification"]),
            "undeclared": tuple(data["undeclared"]),
            "survivors": tuple(data["survivors"]),
        }
    )
