"""V5: the live database is at the repository's head, and consists of what the migrations make."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stas_tui.forges.base import ForgeError
from stas_tui.isolation.base import LIVE_MS, UNDECLARED
from stas_tui.review.base import Change, result
from stas_tui.review.migrations.find import Pair, chains
from stas_tui.review.migrations.leads import said
from stas_tui.review.migrations.live import NO_DATABASE, SQLITE_S, CannotLook, postgres, what
from stas_tui.review.migrations.model import SQLITE, Chain
from stas_tui.review.rehearsal.catalogue import LIVE, Catalogue, differences, gathered, read_postgres
from stas_tui.review.rehearsal.conduct import rehearsed, scene
from stas_tui.review.rehearsal.rehearse import MOST_DIFFERENCES
from stas_tui.review.rehearsal.walls import WallsMissing
from stas_tui.texts.lines import count, listed
from storage.check_records import CheckResult, Lead, Verdict

if TYPE_CHECKING:
    import psycopg

_BOOKS = (
    ("alembic_version", "version_num", ""),
    ("schema_migrations", "version", ""),
    ("schema_migrations", "number", ""),
    ("goose_db_version", "version_id", "is_applied"),
    ("flyway_schema_history", "version", "success"),
    ("gorp_migrations", "id", ""),
)
"""(table, column, column that must be true): where runners note what was applied."""

_OF_THE_PLACE = ("owner", "statistics")
"""Attributes that differ from place to place without meaning anything."""


@dataclass(slots=True)
class Live:
    """What the live database says."""

    what: str
    catalogue: Catalogue = field(default_factory=dict)
    applied: tuple[str, ...] | None = None
    """Revisions noted as applied; None if there are no such notes or they cannot be read."""
    notes: str = ""
    """Table of the notes, or why they cannot be read."""


def v5(change: Change) -> CheckResult:
    """The result of V5."""
    database = change.tenancy.database if change.tenancy else None
    if change.tenancy is None:
        return result(change, "V5", Verdict.UNKNOWN, UNDECLARED)
    if database is None or not (database.dsn.named or database.sqlite):
        return result(change, "V5", Verdict.UNKNOWN, NO_DATABASE)
    try:
        found = chains(change.head, None, SQLITE if database.sqlite else "")
    except ForgeError as error:
        return result(change, "V5", Verdict.UNKNOWN, f"the migrations could not be read: {error}")
    fitting = [chain for chain in found if chain.dialect == SQLITE or not database.sqlite]
    if len(fitting) != 1:
        names = listed([said(chain.label, 60) for chain in fitting]) or "none"
        reason = f"which migrations belong to the live database is not clear: {names}"
        return result(change, "V5", Verdict.UNKNOWN, reason)
    chain = fitting[0]
    try:
        live = _sqlite(database.sqlite) if database.sqlite else _postgres(change)
    except CannotLook as error:
        return result(change, "V5", Verdict.UNKNOWN, str(error))
    leads = list(_revision_leads(chain, live))
    if any(lead.accuses for lead in leads):
        return _made(change, Verdict.FLAGGED, leads[0].text, live, leads)
    if live.applied is None:
        leads = []
    return _compared(change, chain, live, database.schemas)


def _made(
    change: Change, verdict: Verdict, reason: str, live: Live, leads: Iterable[Lead] = (), **more: Any
) -> CheckResult:
    made = result(change, "V5", verdict, reason, leads=tuple(leads), live=True, **more)
    expires = change.clock.now() + LIVE_MS
    return replace(made, target=f"{live.what} against commit {change.head.commit[:12]}", expires_at=expires)


def _revision_leads(chain: Chain, live: Live) -> Iterable[Lead]:
    """What the notes of the runner say that the repository does not."""
    if live.applied is None:
        return
    known = {id_.lstrip("0") or "0": id_ for id_ in chain.revisions}
    applied = {one.lstrip("0") or "0" for one in live.applied}
    heads = {head.lstrip("0") or "0" for head in chain.heads}
    unknown = sorted(applied - known.keys() - {"0"})
    if unknown:
        names = listed([said(one, 40) for one in unknown])
        text = f"the live database says that {names} is applied, and no file has that id"
        yield Lead(rule="unknown-revision", text=text, path=live.notes, severity="crit")
    if missing := sorted(heads - applied):
        names = listed([said(known.get(one, one), 40) for one in missing])
        at = listed([said(one, 40) for one in live.applied[-3:]]) or "nothing"
        text = f"the head {names} is not applied: the live database is at {at}"
        yield Lead(rule="behind", text=text, path=live.notes, severity="crit")


def _compared(change: Change, chain: Chain, live: Live, schemas: Iterable[str]) -> CheckResult:
    if not change.rehearse:
        return _made(
            change, Verdict.UNKNOWN, "the revision is right; the catalogue was not rehearsed in this run", live
        )
    pair = Pair(None, chain)
    try:
        with scene(change) as stage:
            rehearsal = rehearsed(stage, pair, introduced=[])
    except WallsMissing as error:
        return _made(change, Verdict.UNKNOWN, str(error), live)
    if rehearsal.head is None or rehearsal.problem:
        return _made(change, Verdict.UNKNOWN, f"nothing to compare with: {rehearsal.problem}", live)
    wanted = None if chain.dialect == SQLITE else tuple(schemas)
    found = differences(_comparable(rehearsal.head, wanted), _comparable(live.catalogue, wanted))
    leads = [
        Lead(
            rule="differs",
            text=said(one.text(LIVE)),
            path=said(one.object, 200),
            anchor=f"{one.object} {one.attribute}",
        )
        for one in found[:MOST_DIFFERENCES]
    ]
    counts = {"objects": len(rehearsal.head), "differences": len(found)}
    more: dict[str, Any] = {"counts": counts, "control": rehearsal.walls, "tool": rehearsal.tool}
    if leads:
        rest = f", and {count(len(found) - 1, 'more difference')}" if len(found) > 1 else ""
        return _made(change, Verdict.FLAGGED, f"{leads[0].text}{rest}", live, leads, **more)
    if live.applied is None:
        reason = f"the catalogue is what the migrations make, but which revision is applied is not noted: {live.notes}"
        return _made(change, Verdict.UNKNOWN, reason, live, **more)
    heads = listed([said(head, 40) for head in chain.heads])
    reason = f"the live database is at {heads}, and its {len(rehearsal.head)} objects are what the migrations make"
    return _made(change, Verdict.VERIFIED, reason, live, **more)


def _comparable(catalogue: Catalogue, schemas: tuple[str, ...] | None) -> dict[str, dict[str, str]]:
    """Objects of the declared schemas, without owners, grants, roles and what depends on the place."""
    found: dict[str, dict[str, str]] = {}
    for name, facts in catalogue.items():
        kind = name.partition(" ")[0]
        if kind in ("role", "extension", "schema", "publication", "default") or name.startswith("event trigger"):
            continue
        rest = name.rpartition(" ")[2] if kind == "materialized" else name.partition(" ")[2]
        if schemas is not None and rest.partition(".")[0].strip('"') not in schemas:
            continue
        found[name] = {k: v for k, v in facts.items() if k not in _OF_THE_PLACE and not k.startswith("grants")}
    return found


# the live database --------------------------------------------------------------------------------


def _postgres(change: Change) -> Live:
    assert change.tenancy is not None
    assert change.tenancy.database is not None
    change.step("V5: reading the live database")
    with postgres(change) as reading, reading.transaction():
        connection = reading.connection
        assert connection is not None
        import psycopg

        live = Live(what(reading))
        try:
            live.applied, live.notes = _noted(connection, change.tenancy.database.schemas)
            live.catalogue = read_postgres(connection)
        except psycopg.Error as error:
            raise CannotLook(f"the catalogue cannot be read: {said(str(error), 160)}") from None
    return live


def _noted(
    connection: psycopg.Connection[tuple[Any, ...]], schemas: Iterable[str]
) -> tuple[tuple[str, ...] | None, str]:
    import psycopg

    query = (
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema = any(%s) and table_name = any(%s)"
    )
    books = sorted({table for table, _, _ in _BOOKS})
    there = {(t, c): s for s, t, c in connection.execute(query.encode(), (list(schemas), books)).fetchall()}
    for table, column, flag in _BOOKS:
        if (table, column) not in there:
            continue
        condition = f' where "{flag}"' if flag and (table, flag) in there else ""
        try:
            with connection.transaction(force_rollback=True):
                statement = f'select "{column}"::text from "{there[table, column]}"."{table}"{condition} limit 100000'
                rows = connection.execute(statement.encode()).fetchall()
        except psycopg.Error as error:
            return None, f"{table} cannot be read ({said(str(error).split(chr(10))[0], 100)})"
        return tuple(_number(str(row[0])) for row in rows if row[0] is not None), table
    return None, "no runner keeps notes there that the account may see"


def _number(text: str) -> str:
    """`0002_x.sql`, as one runner notes it, is 0002."""
    head = text.partition("_")[0]
    return head if text.endswith(".sql") and head.isdigit() else text


def _sqlite(path: str) -> Live:
    file = Path(path)
    if "{tenant}" in path:
        raise CannotLook("each tenant has a file of its own; name one database to compare")
    if not file.is_file():
        raise CannotLook(f"the live database {said(file.name, 80)} is not there")
    asked: list[dict[str, object]] = [{"file": path}, {"do": "catalogue"}]
    statements = [f'select cast("{column}" as text) from "{table}"' for table, column, _ in _BOOKS]
    asked += [{"do": "rows", "sql": statement} for statement in statements]
    child = Path(__file__).with_name("child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(child), "sqlite"],
            input="".join(f"{json.dumps(line)}\n" for line in asked).encode(),
            capture_output=True,
            timeout=SQLITE_S,
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CannotLook(f"the live database cannot be read ({type(error).__name__})") from None
    if len(answers) < len(asked) or "rows" not in answers[1]:
        why = str(answers[1].get("error", "")) if len(answers) > 1 else ""
        raise CannotLook(f"the live database cannot be read: {said(why, 160) or 'no answer'}")
    live = Live(f"SQLite, {said(file.name, 80)}", gathered(tuple(row) for row in answers[1]["rows"]))
    live.notes = "no runner keeps notes there"
    for (table, column, _), answer in zip(_BOOKS, answers[2:], strict=True):
        rows = answer.get("rows")
        if rows and all(row[0] != column for row in rows):  # SQLite takes an unknown name in quotes for a text
            live.applied, live.notes = tuple(str(row[0]) for row in rows), table
            break
    return live
