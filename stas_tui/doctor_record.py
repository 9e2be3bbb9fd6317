"""Checks of the databases and of work that is not finished.

A database is opened only if it already has the schema this Stas knows, so that looking never migrates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stas_tui.doctor_files import header_row
from stas_tui.doctor_rows import Row, State
from stas_tui.locations import Profile
from storage.clock import SystemClock, iso_seconds
from storage.errors import StasError, StoreError
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import ActionState
from storage.schema_record import MIGRATIONS as RECORD_MIGRATIONS
from storage.schema_world import MIGRATIONS as WORLD_MIGRATIONS
from storage.sqlite import Migration, Store

BUSY_BOUND_S = 2.0
"""Seconds to wait for a locked database."""


def databases(profile: Profile) -> Iterator[Row]:
    """One row for each of the two databases."""
    yield _database("record", "Record (stas.db)", profile.record_db, RECORD_MIGRATIONS)
    yield _database("world", "Platform (platform.db)", profile.platform_db, WORLD_MIGRATIONS)


def unfinished(profile: Profile) -> Iterator[Row]:
    """An open pulse, gates that wait, and actions of which nobody knows whether they happened."""
    row, schema = header_row("work", "Unfinished work", profile.record_db)
    if row.state is not State.OK or schema != len(RECORD_MIGRATIONS):
        yield Row(row.id, row.what, State.UNKNOWN, "the record could not be read")
        return
    try:
        with Store(profile.record_db, RECORD_MIGRATIONS, busy_bound_s=BUSY_BOUND_S) as store:
            yield _work(Journal(store, SystemClock()), store)
    except StasError as error:
        yield Row(row.id, row.what, State.FAIL, str(error.what), error.mend)


def _work(journal: Journal, store: Store) -> Row:
    pulse = Pulses(store, journal).current()
    unknown = [action for action in journal.open_actions() if action.state is ActionState.UNKNOWN]
    said = [f"pulse {pulse.number} is open since {iso_seconds(pulse.started_at)}" if pulse else "no pulse is open"]
    if waiting := len(journal.pending()):
        said.append(f"{waiting} gate{'s' * (waiting > 1)} waiting")
    going = [
        action for action in journal.open_actions() if action.state in (ActionState.APPROVED, ActionState.EXECUTING)
    ]
    if going:
        said.append("open: " + ", ".join(f"{action.tool} ({action.state.value})" for action in going))
    if not unknown:
        return Row("work", "Unfinished work", State.OK, ", ".join(said))
    said.append("nobody knows whether these happened: " + ", ".join(f"{a.tool} ({a.id})" for a in unknown))
    return Row("work", "Unfinished work", State.WARN, ", ".join(said), "Open `stas` and say what happened.")


def _database(id_: str, what: str, path: Path, migrations: Sequence[Migration]) -> Row:
    row, schema = header_row(id_, what, path)
    if schema is None:
        return row
    known = len(migrations)
    if schema > known:
        return Row(id_, what, State.FAIL, f"schema {schema}; this Stas knows {known}", "Use the Stas that wrote it.")
    if schema < known:
        return Row(id_, what, State.OK, f"{row.detail}; the next start brings it to schema {known}")
    try:
        with Store(path, migrations, busy_bound_s=BUSY_BOUND_S) as store:
            store.data_version()
    except StoreError as error:
        return Row(id_, what, State.FAIL, error.what, error.mend)
    return row
