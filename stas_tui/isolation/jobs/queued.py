"""J2: waiting jobs carry their tenant. Payloads are counted where they are; no value of them leaves the database."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from stas_tui.isolation.base import LIVE_MS, World, unknown
from storage.check_records import CheckResult, Lead, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Database, Jobs, Tenancy

CHECK = "J2"
MOST_JOBS = 2_000
"""Payloads that are looked at."""
LEAST_JOBS = 5
"""Payloads that must wait, or too little was seen."""
DEPTH = 4
NAMES = ("task", "job", "name", "func", "function", "actor_name", "job_class", "type")
"""Keys below which a payload names its job."""
GIVEN = ("args", "kwargs", "a", "k", "arguments", "params", "data")
"""Keys below which a payload holds what its job gets, where a name names something else."""
LONGEST = 1024 * 1024
"""Bytes of a payload that is looked at."""
NO_QUEUE = "no queue to look into: declare `queue_table` and `queue_column` in [jobs], and [database]"
ENCODED = "their arguments are encoded (body_encoding base64) and cannot be read without taking them apart"

_POSTGRES = """
with sample as (
  select case when octet_length({column}::text) <= %(longest)s then {column}::text::jsonb end as payload
    from {table} where {column} is not null limit %(most)s
), seen as (
  select payload is null as large,
         jsonb_path_exists(payload, %(carries)s, %(names)s, true) as carried,
         jsonb_path_exists(payload, %(calls)s, %(names)s, true)
           or jsonb_path_exists(payload, %(held)s, %(names)s, true) as background,
         jsonb_path_exists(payload, '$.**{{0 to 3}}.body_encoding ? (@ == "base64")', '{{}}', true) as encoded
    from sample
)
select count(*), count(*) filter (where carried), count(*) filter (where not carried and background),
       count(*) filter (where not carried and not background and encoded), count(*) filter (where large)
  from seen
"""
_CARRIES = (
    f'$.**{{0 to {DEPTH}}} ? (@.type() == "object").keyvalue() ? (@.key == $arguments[*]).value'
    ' ? (@.type() != "null" && (@.type() != "string" || @ != ""))'
)
_CALLS = '$[*] ? (@.type() == "object").keyvalue() ? (@.key == $called[*]).value ? (@ == $background[*])'
_HELD = (
    '$[*] ? (@.type() == "object").keyvalue() ? (!(@.key == $given[*])).value'
    ' ? (@.type() == "object").keyvalue() ? (@.key == $called[*]).value ? (@ == $background[*])'
)
_SQLITE = """
with sample as (
  select case when octets <= :longest then payload end as payload from (
    select {table}.{column} as payload, length(cast({table}.{column} as blob)) as octets
      from {table} where {table}.{column} is not null limit :most)
), seen as (
  select coalesce(json_valid(payload), 0) as valid,
         case when json_valid(payload) then exists(
           select 1 from json_tree(payload) where "key" in (select value from json_each(:arguments))
             and type <> 'null' and coalesce(atom, 'x') <> '') end as carried,
         case when json_valid(payload) then exists(
           select 1 from json_tree(payload) as name where name."key" in (select value from json_each(:called))
             and name.atom in (select value from json_each(:background)) and not exists(
               select 1 from json_each(:given) as given
                where instr(replace(name.path, '[', '.') || '.', '.' || given.value || '.') > 0)) end as background,
         case when json_valid(payload) then exists(
           select 1 from json_tree(payload) where "key" = 'body_encoding' and atom = 'base64') end as encoded
    from sample
)
select count(*), sum(carried), sum(not carried and background), sum(not carried and not background and encoded),
       sum(not valid)
  from seen
"""
SQLITE_S = 3.0
"""Seconds that counting in one file, or waiting for a lock of it, may take."""


class QueueUnreadable(Exception):
    """The queue could not be looked into; the text says why, as a clause."""


@dataclass(slots=True)
class _Seen:
    waiting: int = 0
    carried: int = 0
    background: int = 0
    encoded: int = 0
    broken: int = 0
    """Payloads that are no JSON, or too large to be looked at."""
    most: int = 0
    """Payloads of one place that were looked at, the most of all places."""
    where: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.waiting - self.carried - self.background - self.encoded - self.broken

    def add(self, row: tuple[int | None, ...]) -> None:
        waiting, carried, background, encoded, broken = (int(value or 0) for value in (*row, 0)[:5])
        self.most = max(self.most, waiting)
        self.waiting += waiting
        self.carried += carried
        self.background += background
        self.encoded += encoded
        self.broken += broken


def queued(world: World, tenancy: Tenancy) -> CheckResult:
    """The result of J2. Raises `Cancelled`."""
    from stas_tui.isolation.database.live import DRY, NotUsable, Refused

    jobs, database = tenancy.jobs, tenancy.database
    if database is None or not (jobs.queue_table and jobs.queue_column) or not _looked_into(database):
        return unknown(world, CHECK, NO_QUEUE)
    started = world.clock.now()
    seen = _Seen()
    try:
        if database.sqlite:
            _sqlite(world, tenancy, database, seen)
        else:
            _postgres(world, tenancy, database, seen)
    except (NotUsable, Refused, QueueUnreadable) as error:
        text = str(error)
        return unknown(world, CHECK, text[:1].lower() + text[1:].rstrip("."), executed=tuple(seen.executed))
    if world.dry:
        return unknown(world, CHECK, DRY, executed=tuple(seen.executed))
    return _result(world, jobs, seen, started)


def _looked_into(database: Database) -> bool:
    return bool(database.sqlite or database.dsn.named)


def _given(jobs: Jobs) -> dict[str, list[str]]:
    return {
        "arguments": list(jobs.argument),
        "called": list(NAMES),
        "given": list(GIVEN),
        "background": list(jobs.background),
    }


# where payloads wait --------------------------------------------------------------------------------


def _postgres(world: World, tenancy: Tenancy, database: Database, seen: _Seen) -> None:
    """Count in PostgreSQL. Raises `NotUsable`, `Refused`, `QueueUnreadable`."""
    from psycopg import sql

    from stas_tui.isolation.database.live import Refused, open_live

    jobs = tenancy.jobs
    roles = [r for r in (database.app_role, jobs.role, *(tenant.role for tenant in tenancy.tenant)) if r]
    live = open_live(world, database, database.schemas, roles)
    statement = sql.SQL(_POSTGRES).format(
        column=sql.Identifier(jobs.queue_column), table=sql.Identifier(*jobs.queue_table.split("."))
    )
    paths = {"carries": _CARRIES, "calls": _CALLS, "held": _HELD, "names": json.dumps(_given(jobs))}
    values = {"most": MOST_JOBS, "longest": LONGEST, **paths}
    try:
        with live.transaction():
            rows = live.fetch(statement, values)
    except Refused as error:
        raise QueueUnreadable(_POSTGRES_SAYS.get(error.state, str(error))) from None
    finally:
        seen.executed += live.executed
        live.close()
    seen.where.append(f"the table {jobs.queue_table} as {live.account}" if live.account else jobs.queue_table)
    for row in rows:
        seen.add(tuple(row))


_POSTGRES_SAYS = {
    "42P01": "there is no such queue_table in the database",
    "42703": "the queue_table has no such queue_column",
    "22P02": "a payload of the queue is no JSON",
    "42501": "the account may not read the queue; grant it select on that column",
}


def _sqlite(world: World, tenancy: Tenancy, database: Database, seen: _Seen) -> None:
    """Count in the SQLite file, or in that of each tenant. Raises `QueueUnreadable`."""
    jobs = tenancy.jobs
    paths = [database.sqlite]
    if "{tenant}" in database.sqlite:
        paths = [database.sqlite.replace("{tenant}", tenant.key) for tenant in tenancy.tenant]
    statement = _SQLITE.format(column=_quoted(jobs.queue_column), table=_quoted(jobs.queue_table.rpartition(".")[2]))
    seen.executed += ["pragma query_only = on", " ".join(statement.split())]
    if world.dry:
        return
    for path in paths:
        world.step(f"counting waiting jobs in {Path(path).name}")
        seen.where.append(f"SQLite, {Path(path).name}")
        seen.add(_count(Path(path), statement, jobs))


def _count(path: Path, statement: str, jobs: Jobs) -> tuple[int | None, ...]:
    given: dict[str, str | int] = {name: json.dumps(values) for name, values in _given(jobs).items()}
    given |= {"most": MOST_JOBS, "longest": LONGEST}
    until = time.monotonic() + SQLITE_S
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=SQLITE_S, isolation_level=None)
        ) as connection:
            connection.execute("pragma query_only = on")
            connection.execute("pragma trusted_schema = off")
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            row: tuple[int | None, ...] = connection.execute(statement, given).fetchone()
            return row
    except sqlite3.OperationalError as error:
        text = str(error)
        if text.startswith(("no such table", "no such column")):
            raise QueueUnreadable(f"there is no such queue_table or queue_column in {path.name}") from None
        if text == "interrupted":
            raise QueueUnreadable(f"counting in {path.name} took longer than {SQLITE_S:g} s") from None
        raise QueueUnreadable(f"{path.name} cannot be read: {text.partition(':')[0]}") from None
    except sqlite3.Error as error:
        raise QueueUnreadable(f"{path.name} cannot be read: {type(error).__name__}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _carry(number: int) -> str:
    return "carries" if number == 1 else "carry"


# the verdict ----------------------------------------------------------------------------------------


def _result(world: World, jobs: Jobs, seen: _Seen, started: int) -> CheckResult:
    now = world.clock.now()
    names = " or ".join(jobs.argument)
    judged = seen.waiting - seen.background
    leads: tuple[Lead, ...] = ()
    verdict = Verdict.UNKNOWN
    if seen.missing > 0:
        verdict, reason = Verdict.FLAGGED, f"{seen.missing} of {judged} waiting jobs {_carry(seen.missing)} no {names}"
        text = f"{reason}; declare those that belong to no tenant as `background`"
        leads = (Lead(rule="job-without-tenant", text=text, path=f"{jobs.queue_table}.{jobs.queue_column}"),)
    elif not judged:
        reason = "no job waits" + (f" but {seen.background} that belong to no tenant" if seen.background else "")
    elif seen.broken:
        large = f"larger than {LONGEST // 1024 // 1024} MB"
        reason = f"{seen.broken} of {seen.waiting} payloads are no JSON, or {large}"
    elif seen.encoded:
        reason = f"{seen.encoded} of {seen.waiting} waiting jobs cannot be told: {ENCODED}"
    elif judged < LEAST_JOBS:
        reason = f"only {judged} jobs wait, {LEAST_JOBS} are needed; each of them carries {names}"
    else:
        some = "that were looked at" if seen.most >= MOST_JOBS else "waiting jobs"
        verdict, reason = Verdict.VERIFIED, f"all {judged} {some} carry {names}"
    return CheckResult(
        check=CHECK,
        project_id=world.project_id,
        verdict=verdict,
        reason=reason,
        target=", ".join(seen.where),
        started_at=started,
        ended_at=now,
        expires_at=now + LIVE_MS,
        executed=tuple(seen.executed),
        counts={
            "waiting": seen.waiting,
            "carried": seen.carried,
            "background": seen.background,
            "encoded": seen.encoded,
            "no_json": seen.broken,
            "missing": max(seen.missing, 0),
        },
        control=f"{seen.carried} of {seen.waiting} payloads have the key and a value",
        leads=leads,
        tool="jsonpath" if not seen.where or not seen.where[0].startswith("SQLite") else "json_tree",
        live=True,
    )
