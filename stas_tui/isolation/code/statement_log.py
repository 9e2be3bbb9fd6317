"""The statements of PostgreSQL's log: the shape of each once, with how often it ran."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.isolation.code.postgres_log import opened
from stas_tui.isolation.code.sql.text import masked, touches_rows

MOST_SHAPES = 5_000
"""Different statements that are kept; more than that are not normalised by their writer."""
_LONG = 20_000
"""Characters from which on a statement is one of its own, whatever its values are."""
_OWN = "stas"
"""Name under which Stas itself connects."""
_LISTS = re.compile(r"\(\s*(?:\?|\$\d+)(?:\s*,\s*(?:\?|\$\d+))+\s*\)")


@dataclass(slots=True)
class Ran:
    """One statement: a text that ran, and how often statements of this shape did."""

    sql: str
    calls: int = 0
    user: str = ""
    """Role that ran it; empty if the log does not say."""
    place: str = ""
    """File and function of the application that ran it, from a test run; empty if nobody says."""
    recorded: bool = False
    """Whether a test run had it written down."""
    sure: bool = True
    """Whether it is surely the application's own; what somebody else may have run asks, and accuses nobody."""


@dataclass(slots=True)
class Window:
    """What ran in a stretch of time."""

    statements: list[Ran] = field(default_factory=list)
    source: str = ""
    hidden: int = 0
    """Statements whose text could not be seen."""
    left_out: int = 0
    """Statements of other roles, of other databases and of Stas itself."""
    since: int | None = None
    """UTC milliseconds; None if nobody says."""
    last: int | None = None
    """When it was written last, UTC milliseconds."""
    cut: bool = False
    """Whether there were more shapes than are kept."""
    problems: list[str] = field(default_factory=list)
    """What else keeps it from proving anything, as clauses."""
    remarks: list[str] = field(default_factory=list)
    """What else is to be said, as clauses."""
    recorded: int = 0
    """Statements that a test run adds."""


def shape(sql: str) -> str:
    """A statement without values, with every list of values as one: what runs with other values is the same."""
    if len(sql) > _LONG:
        return f"{masked(sql[:_LONG])} {hashlib.sha256(sql.encode('utf-8', 'replace')).hexdigest()}"
    return _LISTS.sub("(?)", masked(sql, most=_LONG))


def read_log(path: Path, *, role: str = "", database: str = "") -> Window:
    """What a log says. `role` and `database` leave out others where the log names them. Raises `LogUnreadable`."""
    shapes: dict[tuple[str, str], Ran] = {}
    with opened(path) as log:
        window = Window(source=f"statement log {path.name}", last=log.last)
        for ran in log.entries:
            others = (role and ran.user and ran.user != role) or (database and ran.database not in ("", database))
            if others or ran.application == _OWN:
                window.left_out += 1
                continue
            if not touches_rows(ran.sql):
                continue
            key = (shape(ran.sql), ran.user)
            if key not in shapes:
                if len(shapes) >= MOST_SHAPES:
                    window.cut = True
                    continue
                shapes[key] = Ran(ran.sql, user=ran.user)
            shapes[key].calls += 1
    window.statements = list(shapes.values())
    return window
