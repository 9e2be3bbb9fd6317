"""Numbered migrations, each with a way up and a way down.

    python3 -m ledger.migrate up | down | status
"""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Dict, List, Optional

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(up|down)\.sql")


class MigrationError(Exception):
    """A migration is incomplete or could not be applied; the database is as it was before it."""


def available(folder: Path = FOLDER) -> Dict[int, Dict[str, Path]]:
    """All migrations by number, each with its `up` and `down` file."""
    found: Dict[int, Dict[str, Path]] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError("%s is not named NNNN_name.up.sql or NNNN_name.down.sql" % path.name)
        found.setdefault(int(match.group(1)), {})[match.group(2)] = path
    for number, steps in found.items():
        if set(steps) != {"up", "down"}:
            raise MigrationError("migration %04d needs both an up and a down file" % number)
    return found


def applied(connection: sqlite3.Connection) -> List[int]:
    """Numbers of the migrations that are in the database, ascending."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY)")
    return [row[0] for row in connection.execute("SELECT number FROM schema_migrations ORDER BY number")]


def up(connection: sqlite3.Connection, folder: Path = FOLDER) -> List[int]:
    """Apply what is missing; returns the numbers applied."""
    done = set(applied(connection))
    missing = [number for number in sorted(available(folder)) if number not in done]
    for number in missing:
        _run(connection, available(folder)[number]["up"], "INSERT INTO schema_migrations VALUES (%d)" % number)
    return missing


def down(connection: sqlite3.Connection, folder: Path = FOLDER) -> Optional[int]:
    """Undo the newest migration; returns its number, or None if nothing was applied."""
    done = applied(connection)
    if not done:
        return None
    number = done[-1]
    steps = available(folder).get(number)
    if steps is None:
        raise MigrationError("migration %04d is applied, but its files are not here" % number)
    _run(connection, steps["down"], "DELETE FROM schema_migrations WHERE number = %d" % number)
    return number


def _run(connection: sqlite3.Connection, path: Path, mark: str) -> None:
    try:
        connection.executescript("BEGIN IMMEDIATE;\n%s\n%s;\nCOMMIT;" % (path.read_text(), mark))
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.rollback()
        raise MigrationError("%s: %s" % (path.name, error)) from error


def main(arguments: List[str]) -> int:
    from ledger.config import Settings

    command = arguments[0] if arguments else "status"
    with closing(sqlite3.connect(Settings.from_env().database)) as connection:
        if command == "up":
            print("applied:", ", ".join("%04d" % number for number in up(connection)) or "nothing to do")
        elif command == "down":
            undone = down(connection)
            print("undone:", "nothing" if undone is None else "%04d" % undone)
        elif command == "status":
            print("applied:", ", ".join("%04d" % number for number in applied(connection)) or "none")
        else:
            print("usage: python3 -m ledger.migrate up | down | status", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
