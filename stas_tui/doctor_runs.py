"""Checks of executor runs: which are alive, and which ended while nobody looked."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.doctor_files import header_row
from stas_tui.doctor_record import BUSY_BOUND_S
from stas_tui.doctor_rows import Row, State
from stas_tui.executors import procs, rundir
from stas_tui.locations import Profile
from storage.errors import StasError
from storage.records import Run
from storage.runs import Runs
from storage.schema_record import MIGRATIONS
from storage.sqlite import Store

WHAT = "Executor runs"


def runs(profile: Profile) -> Iterator[Row]:
    """One row on the runs that the record calls unfinished; nothing is closed or written."""
    row, schema = header_row("runs", WHAT, profile.record_db)
    if row.state is not State.OK or schema != len(MIGRATIONS):
        yield Row("runs", WHAT, State.UNKNOWN, "the record could not be read")
        return
    try:
        with Store(profile.record_db, MIGRATIONS, busy_bound_s=BUSY_BOUND_S) as store:
            unfinished = Runs(store).unfinished()
    except StasError as error:
        yield Row("runs", WHAT, State.FAIL, str(error.what), error.mend)
        return
    dead = [run for run in unfinished if not _alive(profile, run)]
    alive = [run for run in unfinished if run not in dead]
    said = [f"{run.id} works on {run.task_id}" for run in alive]
    if not dead:
        yield Row("runs", WHAT, State.OK, ", ".join(said) or "none is alive")
        return
    said += [f"{run.id} of {run.task_id} is over or lost, and nobody has looked" for run in dead]
    yield Row("runs", WHAT, State.WARN, ", ".join(said), "Open `stas` or run `stas pulse --plain`; it is looked after.")


def _alive(profile: Profile, run: Run) -> bool:
    """Whether the shim of a run lives and has not reported the end; read from its folder alone."""
    if not rundir.valid_run_id(run.id):
        return False
    state = rundir.read(profile.runs / run.id / rundir.STATE) or {}
    return state.get("state") != "finished" and procs.alive(state.get("shim_pid"), state.get("shim"))
