"""J2: waiting jobs carry their tenant. Payloads are counted where they are; no value of them leaves the database."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.jobs.counted import (
    DEPTH,
    GIVEN,
    LEAST_JOBS,
    LONGEST,
    MOST_JOBS,
    NAMES,
    QueueUnreadable,
    Seen,
)
from storage.check_records import CheckResult, Lead, Verdict

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Database, Jobs, Tenancy

CHECK = "J2"
NO_QUEUE = (
    "no queue to look into: declare `queue_table` and `queue_column` in [jobs], and [database]; or `redis` in [jobs]"
)
ENCODED = "their arguments are encoded and cannot be read without taking them apart"
HIDDEN = "they get their values by position or inside of an object; pass the tenant by its name"

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


def queued(world: World, tenancy: Tenancy) -> CheckResult:
    """The result of J2. Raises `Cancelled`."""
    from stas_tui.isolation.database.live import DRY, NotUsable, Refused

    jobs, started = tenancy.jobs, world.clock.now()
    if not _in_table(tenancy) and not jobs.redis.named:
        return unknown(world, CHECK, NO_QUEUE)
    seen, found = Seen(), []
    for place, count in _places(world, tenancy):
        before = seen.missing
        try:
            count(seen)
        except (NotUsable, Refused, QueueUnreadable) as error:
            seen.troubled(_clause(error))
        if seen.missing > before:
            found.append((place, seen.missing - before))
    if world.dry or (seen.trouble and not seen.waiting):
        return unknown(world, CHECK, seen.trouble or DRY, executed=tuple(seen.executed))
    return _result(world, jobs, seen, found, started)


def _clause(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:].rstrip(".") if not text.startswith("Redis") else text


def _in_table(tenancy: Tenancy) -> bool:
    jobs, database = tenancy.jobs, tenancy.database
    named = bool(jobs.queue_table and jobs.queue_column)
    return named and database is not None and bool(database.sqlite or database.dsn.named)


def _places(world: World, tenancy: Tenancy) -> Iterator[tuple[str, Callable[[Seen], None]]]:
    """Each place where jobs wait by declaration, and what counts there."""
    jobs, database = tenancy.jobs, tenancy.database
    if _in_table(tenancy) and database is not None:
        count = _sqlite if database.sqlite else _postgres
        yield f"{jobs.queue_table}.{jobs.queue_column}", lambda seen: count(world, tenancy, database, seen)
    if jobs.redis.named:
        from stas_tui.isolation.jobs.redis_queue import count_in_redis

        yield "Redis", lambda seen: count_in_redis(world, jobs, seen)


def _given(jobs: Jobs) -> dict[str, list[str]]:
    return {
        "arguments": list(jobs.argument),
        "called": list(NAMES),
        "given": list(GIVEN),
        "background": list(jobs.background),
    }


# where payloads wait --------------------------------------------------------------------------------


def _postgres(world: World, tenancy: Tenancy, database: Database, seen: Seen) -> None:
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


def _sqlite(world: World, tenancy: Tenancy, database: Database, seen: Seen) -> None:
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


def _result(world: World, jobs: Jobs, seen: Seen, found: list[tuple[str, int]], started: int) -> CheckResult:
    now = world.clock.now()
    names = " or ".join(jobs.argument)
    judged = seen.waiting - seen.background
    verdict = Verdict.UNKNOWN
    if seen.missing > 0:
        verdict, reason = Verdict.FLAGGED, _without(seen.missing, judged, names)
        reason += f"; {seen.trouble}" if seen.trouble else ""
    elif reason := _untold(seen, judged, names):
        pass
    else:
        some = "that were looked at" if seen.most >= MOST_JOBS else "waiting jobs"
        verdict, reason = Verdict.VERIFIED, f"all {judged} {some} carry {names}"
    leads = tuple(
        Lead(
            rule="job-without-tenant",
            text=f"{_without(number, judged, names)}; declare those that belong to no tenant as `background`",
            path=place,
        )
        for place, number in found
    )
    tools = [tool for word, tool in _TOOLS.items() if any(where.startswith(word) for where in seen.where)]
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
            "hidden": seen.hidden,
            "no_json": seen.broken,
            "missing": max(seen.missing, 0),
        },
        control=f"{seen.carried} of {seen.waiting} payloads have the key and a value",
        leads=leads,
        tool=", ".join(tools) or "jsonpath",
        live=True,
    )


_TOOLS = {"SQLite": "json_tree", "the table": "jsonpath", "Redis": "redis-py"}


def _without(number: int, judged: int, names: str) -> str:
    return f"{number} of {judged} waiting jobs {_carry(number)} no {names}"


def _untold(seen: Seen, judged: int, names: str) -> str:
    """Why what was seen does not verify; empty if it does."""
    parts = [seen.trouble] if seen.trouble else []
    if not judged:
        but = f" but {seen.background} that belong to no tenant" if seen.background else ""
        parts.append(f"no job waits{but}")
    elif seen.broken:
        large = f"larger than {LONGEST // 1024 // 1024} MB"
        parts.append(f"{seen.broken} of {seen.waiting} payloads are no JSON, or {large}")
    elif seen.encoded:
        parts.append(f"{seen.encoded} of {seen.waiting} waiting jobs cannot be told: {ENCODED}")
    elif seen.hidden:
        parts.append(f"{seen.hidden} of {seen.waiting} waiting jobs cannot be told: {HIDDEN}")
    elif judged < LEAST_JOBS:
        parts.append(f"only {judged} jobs wait, {LEAST_JOBS} are needed; each of them carries {names}")
    return "; ".join(parts)
