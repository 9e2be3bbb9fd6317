"""Checks of the sources outside: each one's state and age as the watcher wrote them down, and how to mend it.

Nothing is asked here. The database is opened only if it already has the schema this Stas knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stas_tui.doctor_files import header_row
from stas_tui.doctor_rows import Row, State
from stas_tui.health.belief import unattended
from stas_tui.locations import Profile
from stas_tui.watching import Planned, planned, strip
from storage.clock import SystemClock, age
from storage.errors import StasError
from storage.records import DataState
from storage.schema_watch import MIGRATIONS, open_watch
from storage.watch import Watch
from storage.watch_records import SourceKind, SourceStatus

if TYPE_CHECKING:
    from stas_tui.config import Settings

BUSY_BOUND_S = 2.0
"""Seconds to wait for a locked database."""

_STATES = {
    DataState.OK: State.OK,
    DataState.EMPTY: State.OK,
    DataState.STALE: State.UNKNOWN,
    DataState.UNKNOWN: State.UNKNOWN,
    DataState.ERROR: State.WARN,
    DataState.DENIED: State.WARN,
}
_MEND = {
    SourceKind.ALERTS: "Check url and credential of its [[alertmanager]].",
    SourceKind.METRICS: "Check url and credential of its [[prometheus]].",
    SourceKind.PROBES: "Check the [[project.health]] tables, and allow_private in [watch].",
    SourceKind.CI: "Check [project.ci] and the credential of [github].",
    SourceKind.BUILDS: "Check [project.ci] and the credential of [github].",
    SourceKind.DEPLOYS: "Check [project.ci], the remote and the credential of [github].",
}


def sources(profile: Profile, settings: Settings) -> Iterator[Row]:
    """One row for the watcher and one for each source that the configuration names."""
    try:
        plans = planned(settings, profile)
    except StasError as error:
        yield Row("watcher", "Sources", State.FAIL, error.what, error.mend)
        return
    if not plans:
        yield Row("watcher", "Sources", State.UNKNOWN, "none is configured: alerts, numbers and health are unknown")
        return
    row, schema = header_row("watcher", "Sources", profile.watch_db)
    if schema is not None and schema > len(MIGRATIONS):
        yield Row(row.id, row.what, State.FAIL, f"schema {schema}; this Stas knows {len(MIGRATIONS)}", "Delete it.")
        return
    if row.state is State.FAIL:
        yield Row(row.id, row.what, row.state, row.detail, "Delete it: the next answers fill it again.")
        return
    if schema != len(MIGRATIONS):
        yield Row(row.id, row.what, State.UNKNOWN, f"{len(plans)} configured, none was ever asked", "Run `stas watch`.")
        return
    try:
        with open_watch(profile.watch_db, busy_bound_s=BUSY_BOUND_S) as store:
            yield from _rows(plans, Watch(store))
    except StasError as error:
        yield Row(row.id, row.what, State.FAIL, error.what, error.mend)


def _rows(plans: list[Planned], watch: Watch) -> Iterator[Row]:
    now, watcher = SystemClock().now(), watch.watcher()
    nobody_asks = unattended(watcher, now)
    if watcher is not None and not nobody_asks:
        said = f"{len(plans)} asked by a watcher, last sign of life {age(now - watcher.at)} ago"
        yield Row("watcher", "Sources", State.OK, said)
    else:
        said = f"{len(plans)} configured, and nobody asks them: {nobody_asks}"
        yield Row("watcher", "Sources", State.UNKNOWN, said, "Open `stas`, or run `stas watch`.")
    for status in strip(plans, watch, now):
        yield _row(status, now)


def _row(status: SourceStatus, now: int) -> Row:
    last = "never answered" if status.at is None else f"answered {age(now - status.at)} ago"
    said = "not asked yet" if status.asked_at is None else f"{status.state.value}, {last}"
    if status.reason and status.asked_at is not None:
        said += f": {status.reason}"
    if status.replayed:
        said += " (replayed)"
    mend = "" if status.asked_at is None or status.state is DataState.STALE else _MEND.get(status.kind, "")
    return Row(f"source:{status.name}", f"Source {status.name}", _STATES[status.state], said, mend)
