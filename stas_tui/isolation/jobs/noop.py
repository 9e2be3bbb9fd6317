"""J1's own job: a declared command puts a harmless job for a probe tenant into the queue; the log tells what it ran.

Nothing is run unless a person allowed it by name, and only for tenants that are made for probing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.isolation.code.postgres_log import Entry, Mark, mark_of, opened
from stas_tui.isolation.code.sql.text import touches_rows
from stas_tui.isolation.code.statement_log import MOST_SHAPES, shape
from stas_tui.isolation.jobs.trace import Statement, Trace, keys_in
from storage.redact import redact

if TYPE_CHECKING:
    from stas_tui.isolation.base import World
    from stas_tui.isolation.declared import Database, Jobs, Tenancy, Tenant

COMMAND_S = 20.0
"""Seconds that the command may take."""
LOOK_S = 0.25
"""Seconds between two looks at the log."""
SETTLE_S = 2.0
"""Seconds without a further statement after which a job is taken for done."""
MOST_TENANTS = 5
_GIVEN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables that the command gets beside those that are declared."""
NOT_ALLOWED = "the declared no-op was not run; `write_probe = true` in [jobs] allows it"


@dataclass(slots=True)
class Probed:
    """What became of one job."""

    tenant: Tenant
    word: str
    trace: Trace
    own: int = 0
    """Traced statements that hold the tenant's own key."""
    foreign: int = 0
    """Those that hold the key of another declared tenant."""
    problem: str = ""


@dataclass(slots=True)
class Noop:
    """All of them; `problem` says why there are none."""

    jobs: list[Probed] = field(default_factory=list)
    problem: str = ""


def enqueue(world: World, tenancy: Tenancy, database: Database, name: str, executed: list[str]) -> Noop:
    """Put one job for each probe tenant into the queue and wait for what it runs. `name` is that of the database.

    What is run is said in `executed`, whatever becomes of it. Raises `Cancelled`, `LogUnreadable`.
    """
    jobs, found = tenancy.jobs, Noop()
    found.problem = _refused(tenancy, database)
    if found.problem:
        return found
    file = Path(database.statement_log)
    for tenant in tenancy.probes[:MOST_TENANTS]:
        start = None if world.dry else mark_of(file)
        executed.append(redact(f"run {' '.join(jobs.noop)}, for {tenant.name}"))
        if start is None:
            continue
        word = f"stas-noop-{secrets.token_hex(8)}"
        probed = Probed(tenant, word, Trace(source=f"no-op job for {tenant.name}"))
        found.jobs.append(probed)
        world.step(f"putting a no-op job for {tenant.name} into the queue")
        probed.problem = _run(world, jobs, tenant, word)
        if not probed.problem:
            _await(world, tenancy, file, start, name, probed)
    return found


def _refused(tenancy: Tenancy, database: Database) -> str:
    """Why no job is put into the queue; empty if one may be."""
    if not tenancy.jobs.write_probe:
        return NOT_ALLOWED
    if not tenancy.completed_by.strip():
        return "the declared no-op was not run: the tenancy file is a draft; write your name into `completed_by`"
    if not tenancy.probes:
        return "the declared no-op was not run: no tenant has `probe = true`"
    if not database.statement_log:
        return (
            "the declared no-op was not run: its statements are found in a log; declare `statement_log` in [database]"
        )
    return ""


# the command ----------------------------------------------------------------------------------------


def _run(world: World, jobs: Jobs, tenant: Tenant, word: str) -> str:
    """Run the command; why it cannot have worked, as a clause, or empty. Raises `Cancelled`."""
    argv = [part.replace("{tenant}", tenant.key).replace("{trace}", word) for part in jobs.noop]
    environ = _environ(world.environ, jobs.noop_environ) | {"STAS_TENANT": tenant.key, "STAS_TRACE": word}
    here = world.root if world.root is not None and world.root.is_dir() else Path("/")
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            cwd=here,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its words cannot be passed on"
        return f"the no-op could not be started: {why}"
    try:
        status = _ended(world, process)
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status is None:
        return f"the no-op for {tenant.name} took longer than {COMMAND_S:g} s"
    return f"the no-op for {tenant.name} ended with status {status}; nothing is known of its job" if status else ""


def _ended(world: World, process: subprocess.Popen[bytes]) -> int | None:
    """The status of the command; None if it takes too long. Raises `Cancelled`."""
    until = time.monotonic() + COMMAND_S
    while time.monotonic() < until:
        world.step("waiting for the no-op command")
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK_S)
    return None


def _environ(environ: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: environ[name] for name in (*_GIVEN, *names) if name in environ}


# the trace ------------------------------------------------------------------------------------------


def _await(world: World, tenancy: Tenancy, file: Path, start: Mark, name: str, probed: Probed) -> None:
    """Wait until the job has come and gone, or the time is over. Raises `Cancelled`, `LogUnreadable`."""
    wait_s = tenancy.jobs.noop_wait_s
    until = time.monotonic() + wait_s
    size, seen, quiet = -1, 0, until
    while (now := time.monotonic()) < min(until, quiet):
        world.step(f"waiting for the no-op job of {probed.tenant.name}")
        now_size = mark_of(file).size
        if now_size != size:
            size = now_size
            entries = _traced(file, start, name, probed.word)
            if len(entries) > seen:
                seen, quiet = len(entries), now + SETTLE_S
                _fill(probed, entries, tenancy)
        time.sleep(LOOK_S)
    if not seen:
        probed.problem = f"no statement of the no-op for {probed.tenant.name} came within {wait_s:g} s"


def _traced(file: Path, start: Mark, name: str, word: str) -> list[Entry]:
    """What was logged since the start under the trace word, with all else of the same transactions."""
    with opened(file, since=start) as log:
        entries = [entry for entry in log.entries if not name or entry.database in ("", name)]
    known = {entry.transaction for entry in entries if entry.transaction and _names(entry, word)}
    return [entry for entry in entries if _names(entry, word) or (entry.transaction in known)]


def _names(entry: Entry, word: str) -> bool:
    return any(word in text for text in (entry.application, entry.prefix, entry.sql, entry.values))


def _fill(probed: Probed, entries: Sequence[Entry], tenancy: Tenancy) -> None:
    others = frozenset(tenant.key for tenant in tenancy.tenant if tenant is not probed.tenant)
    shapes: dict[str, Statement] = {}
    probed.own = probed.foreign = 0
    probed.trace.roles = {entry.user for entry in entries}
    for entry in entries:
        text = f"{entry.sql} {entry.values}"
        probed.own += _holds(text, probed.tenant.key)
        probed.foreign += bool(keys_in(text, others))
        if not touches_rows(entry.sql):
            continue
        key = shape(entry.sql)
        if key not in shapes and len(shapes) >= MOST_SHAPES:
            probed.trace.cut = True
            continue
        shapes.setdefault(key, Statement(entry.sql)).calls += 1
    probed.trace.statements = list(shapes.values())


def _holds(text: str, key: str) -> bool:
    """Whether a statement holds a key as a value: quoted, or a number by itself behind an equals sign."""
    return bool(keys_in(text, frozenset({key}))) or (
        key.isdecimal() and re.search(rf"[=,(]\s*{key}\b(?!')", text) is not None
    )
