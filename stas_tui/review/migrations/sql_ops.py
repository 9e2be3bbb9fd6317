"""What one SQL statement does, as operations: sqlglot where it understands, a few patterns where it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from stas_tui.review.migrations.model import SQLITE, Kind, Op
from stas_tui.review.migrations.names import folded, folded_path
from stas_tui.review.migrations.sql_split import statements

LONGEST_CODE = 500

_NAME = r'((?:"(?:[^"]|"")*"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$]+))?)'
_IF = r"(if\s+(?:not\s+)?exists\s+)?"
_STRING = r"'((?:[^']|'')*)'"
_TABLE = rf"^alter\s+table\s+{_IF}(?:only\s+)?{_NAME}\s+"
_OBJECTS = (
    r"(function|procedure|aggregate|trigger|constraint\s+trigger|event\s+trigger|rule|view|materialized\s+view|sequence"
    r"|policy|extension|schema|domain|type|role|user|publication|subscription|statistics|server|collation|operator|cast)"
)

_Found = Callable[[re.Match[str], dict[str, object]], "Op | None"]
"""Makes the operation of a match; None leaves the statement to sqlglot."""


def _op(kind: Kind, base: dict[str, object], **more: object) -> Op:
    return Op(kind=kind, **{**base, **more})  # type: ignore[arg-type]


def ops_of_text(text: str, dialect: str, line: int = 1) -> tuple[Op, ...]:
    """The operations of a text of SQL; lines count from `line`."""
    return tuple(op for one in statements(text) for op in ops_of(one.text, dialect, line + one.line - 1))


def ops_of(sql: str, dialect: str, line: int = 1) -> list[Op]:
    """The operations of one statement; at least one."""
    base: dict[str, object] = {"line": line, "code": " ".join(sql.split())[:LONGEST_CODE]}
    for pattern, make in _patterns():
        if match := pattern.match(sql):
            found = make(match, base)
            if found is None:
                break
            return [found]
    from stas_tui.review.migrations.sql_tree import ops_of_tree

    return ops_of_tree(sql, "sqlite" if dialect == SQLITE else "postgres", base)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], _Found], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), make) for pattern, make in _rules())


def _rules() -> Iterator[tuple[str, _Found]]:
    yield (
        _TABLE + r"(enable|disable|force|no\s+force)\s+row\s+level\s+security\s*$",
        lambda m, b: _op(Kind.ROW_SECURITY, b, table=folded_path(m[2]), what=" ".join(m[3].lower().split())),
    )
    yield (
        _TABLE + rf"validate\s+constraint\s+{_NAME}\s*$",
        lambda m, b: _op(Kind.VALIDATE_CONSTRAINT, b, table=folded_path(m[2]), name=folded(m[3])),
    )
    yield (
        _TABLE + rf"rename\s+constraint\s+{_NAME}\s+to\s+{_NAME}\s*$",
        lambda m, b: _op(
            Kind.RENAME, b, table=folded_path(m[2]), what="constraint", name=folded(m[3]), to=folded(m[4])
        ),
    )
    yield (
        _TABLE + rf"set\s+schema\s+{_NAME}\s*$",
        lambda m, b: _op(
            Kind.RENAME_TABLE,
            b,
            table=folded_path(m[2]),
            to=folded_path(f"{m[3]}.{m[2].rpartition('.')[2]}"),
        ),
    )
    yield (
        _TABLE + rf"add\s+(?:constraint\s+{_NAME}\s+)?(unique|primary\s+key)\s+using\s+index\s+{_NAME}",
        lambda m, b: _op(
            Kind.ADD_CONSTRAINT,
            b,
            table=folded_path(m[2]),
            name=folded(m[3] or m[5]),
            what=" ".join(m[4].lower().split()),
            using=folded(m[5]),
        ),
    )
    yield (
        _TABLE
        + r"(owner\s+to|set\s*\(|reset\s*\(|replica\s+identity|cluster\s+on|set\s+without|(enable|disable)\s+trigger"
        r"|set\s+tablespace|set\s+(un)?logged)",
        lambda m, b: _op(Kind.OTHER, b, table=folded_path(m[2])),
    )
    yield (
        _TABLE + r"(attach|detach)\s+partition|^alter\s+table\s+.*\b(no\s+)?inherit\b",
        lambda m, b: _op(Kind.UNCLEAR, b, why="partitions or inheritance change"),
    )
    yield (
        rf"^alter\s+type\s+{_NAME}\s+add\s+value\s+{_IF}{_STRING}",
        lambda m, b: _op(Kind.ADD_LABEL, b, name=folded_path(m[1]), labels=(m[3],), only_if=bool(m[2])),
    )
    yield (
        rf"^alter\s+type\s+{_NAME}\s+rename\s+value\s+{_STRING}\s+to\s+{_STRING}",
        lambda m, b: _op(Kind.RENAME, b, what="label", table=folded_path(m[1]), name=m[2], to=m[3]),
    )
    yield (
        rf"^alter\s+type\s+{_NAME}\s+rename\s+to\s+{_NAME}\s*$",
        lambda m, b: _op(Kind.RENAME, b, what="type", name=folded_path(m[1]), to=folded_path(m[2])),
    )
    yield (
        rf"^create\s+(?:or\s+replace\s+)?(?:trusted\s+)?(policy|trigger|constraint\s+trigger|rule)\s+{_IF}{_NAME}"
        rf".*?\bon\s+{_NAME}",
        lambda m, b: _op(
            Kind.CREATE,
            b,
            what=m[1].lower().split()[-1],
            name=folded(m[3]),
            table=folded_path(m[4]),
            rule=" ".join(str(b["code"]).split()),
        ),
    )
    yield (
        rf"^drop\s+(policy|trigger|rule)\s+{_IF}{_NAME}\s+on\s+{_NAME}",
        lambda m, b: _op(
            Kind.DROP, b, what=m[1].lower(), name=folded(m[3]), table=folded_path(m[4]), only_if=bool(m[2])
        ),
    )
    yield (r"^create\s+type\s+\S+\s+as\s+enum\b", lambda m, b: None)
    yield (r"^create\s+(or\s+replace\s+)?(temp(orary)?\s+)?(materialized\s+)?view\b", lambda m, b: None)
    yield (
        rf"^create\s+(or\s+replace\s+)?{_OBJECTS}\s+{_IF}{_NAME}",
        lambda m, b: _op(
            Kind.CREATE,
            b,
            what=" ".join(m[2].lower().split()),
            name=folded_path(m[4]),
            only_if=bool(m[3]),
            where="replace" if m[1] else "",
        ),
    )
    yield (
        rf"^alter\s+{_OBJECTS}\s+{_IF}{_NAME}\s+rename\s+to\s+{_NAME}",
        lambda m, b: _op(
            Kind.RENAME,
            b,
            what=" ".join(m[1].lower().split()),
            name=folded_path(m[3]),
            to=folded_path(m[4]),
        ),
    )
    yield (
        rf"^alter\s+({_OBJECTS}|default\s+privileges|system|database|index)\b(?!.*\brename\b)",
        lambda m, b: _op(Kind.OTHER, b),
    )
    yield (
        r"^set\s+(?:local\s+|session\s+)?([\w.]+)\s*(?:=|\bto\b)\s*(.+)$",
        lambda m, b: _op(Kind.SET, b, name=m[1].lower(), default=m[2].strip(" '\"")),
    )
    yield (
        r"^select\s+(?:pg_catalog\.)?set_config\s*\(\s*'([\w.]+)'\s*,\s*'([^']*)'",
        lambda m, b: _op(Kind.SET, b, name=m[1].lower(), default=m[2]),
    )
    yield rf"^lock\s+(?:table\s+)?(?:only\s+)?{_NAME}", lambda m, b: _op(Kind.LOCK, b, table=folded_path(m[1]))
    yield (
        r"^(comment\s+on|grant|revoke|analyze|vacuum|reindex|cluster|begin|commit|rollback|start\s+transaction|end\s*$"
        r"|savepoint|release|reset|pragma|refresh\s+materialized|discard|notify|select\s+(?:pg_catalog\.)?setval\s*\("
        r"|checkpoint|security\s+label|set\s+(?:constraints|role|session\s+authorization|transaction)|explain|show)\b",
        lambda m, b: _op(Kind.OTHER, b),
    )
    yield r"^do\b", lambda m, b: _op(Kind.UNCLEAR, b, why="a DO block is not read")
    yield (
        r"^(call|execute|prepare|copy|merge|import\s+foreign)\b",
        lambda m, b: _op(Kind.UNCLEAR, b, why=f"{m[1].split()[0].upper()} is not read"),
    )
