"""The statements of the workers in PostgreSQL's log: those of one application name or role, by transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.isolation.code.postgres_log import Entry, opened
from stas_tui.isolation.code.sql.text import touches_rows
from stas_tui.isolation.code.statement_log import MOST_SHAPES, shape

MOST_TRANSACTIONS = 200_000
"""Transactions that are told apart."""
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_OWN = "stas"


@dataclass(slots=True)
class Statement:
    """One shape of a statement, and how often workers ran it."""

    sql: str
    calls: int = 0


@dataclass(slots=True)
class Trace:
    """What workers ran in a stretch of time."""

    source: str
    statements: list[Statement] = field(default_factory=list)
    transactions: int = 0
    """Transactions that name a declared tenant; 0 where the log does not tell them apart."""
    mixed: int = 0
    """Those of them that name two declared tenants."""
    others: int = 0
    """Statements of anything but the workers."""
    last: int | None = None
    """When it was written last, UTC milliseconds."""
    cut: bool = False
    roles: set[str] = field(default_factory=set)
    """Roles as which workers ran them; empty text where the log does not say."""
    named: bool = True
    """Whether the log says at all who ran a statement."""


def read_trace(
    path: Path, *, application: str = "", role: str = "", database: str = "", keys: frozenset[str] = frozenset()
) -> Trace:
    """What the workers of this application name or role ran; `keys` are the declared tenants'.

    Raises `LogUnreadable`. Where the log is not csv, its prefix has to hold the application name (`%a`) or the role
    (`%u`) as a word.
    """
    who = application or role
    word = re.compile(rf"(?<![\w.-]){re.escape(who)}(?![\w.-])")
    shapes: dict[str, Statement] = {}
    tenants: dict[str, set[str]] = {}
    named = False
    with opened(path) as log:
        trace = Trace(source=f"statement log {path.name}", last=log.last)
        for ran in log.entries:
            name = _name(ran, word, who) if ran.prefix else ran.application if application else ran.user
            named |= bool(name or ran.user)
            if name != who or ran.application == _OWN or (database and ran.database not in ("", database)):
                trace.others += 1
                continue
            if ran.transaction and (here := keys_in(f"{ran.sql} {ran.values}", keys)):
                if ran.transaction in tenants or len(tenants) < MOST_TRANSACTIONS:
                    tenants.setdefault(ran.transaction, set()).update(here)
                else:
                    trace.cut = True
            if not touches_rows(ran.sql):
                continue
            trace.roles.add(ran.user)
            key = shape(ran.sql)
            if key not in shapes and len(shapes) >= MOST_SHAPES:
                trace.cut = True
                continue
            shapes.setdefault(key, Statement(ran.sql)).calls += 1
    trace.statements = list(shapes.values())
    trace.transactions = len(tenants)
    trace.mixed = sum(len(found) > 1 for found in tenants.values())
    trace.named = named or not trace.others
    return trace


def _name(ran: Entry, word: re.Pattern[str], who: str) -> str:
    """Who ran a statement by the prefix of its line; empty if that does not name the one that is looked for."""
    return who if word.search(ran.prefix) else ""


def keys_in(text: str, keys: frozenset[str]) -> set[str]:
    """Declared tenants' keys that stand in a statement as a value of its own."""
    return {value for value in _QUOTED.findall(text) if value in keys} if keys else set()
