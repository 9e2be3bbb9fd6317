"""The nouns of migrations: an operation, what a way up or down does, a revision, and the chain it stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

POSTGRESQL, SQLITE = "postgresql", "sqlite"

NOT_KNOWN = "?"
"""In the place of a table, type or default that is given and cannot be worked out."""


class Kind(StrEnum):
    """What one operation does to a database."""

    CREATE_TABLE = "create table"
    DROP_TABLE = "drop table"
    RENAME_TABLE = "rename table"
    ADD_COLUMN = "add column"
    DROP_COLUMN = "drop column"
    ALTER_COLUMN = "alter column"
    RENAME_COLUMN = "rename column"
    ADD_CONSTRAINT = "add constraint"
    DROP_CONSTRAINT = "drop constraint"
    VALIDATE_CONSTRAINT = "validate constraint"
    CREATE_INDEX = "create index"
    DROP_INDEX = "drop index"
    CREATE_ENUM = "create enum"
    DROP_ENUM = "drop enum"
    ADD_LABEL = "add label"
    CREATE = "create"
    """Anything else that has a name: view, function, trigger, sequence, policy, extension, schema."""
    DROP = "drop"
    RENAME = "rename"
    ROW_SECURITY = "row security"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    SET = "set"
    LOCK = "lock"
    OTHER = "other"
    """Understood, and without effect on what is compared: a comment, a grant, a transaction word."""
    UNCLEAR = "unclear"
    """Not understood; `why` says what about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation. What is not said about a thing is None; names are lower-case unless they were quoted."""

    kind: Kind
    table: str = ""
    """`table` or `schema.table`, without `public.`; empty if it is not about a table or the name is not known."""
    name: str = ""
    """Column, constraint, index, type or other object; empty for an unnamed one."""
    what: str = ""
    """For `CREATE` and `DROP` the kind of object; for constraints `primary key`, `unique`, `foreign key`, `check`;
    for row security `enable`, `disable`, `force`, `no force`."""
    to: str = ""
    """New name, for renames."""
    type: str | None = None
    nullable: bool | None = None
    default: str | None = None
    """SQL text; empty means that there is none."""
    existing_type: str | None = None
    """What the migration says the type was before."""
    existing_nullable: bool | None = None
    columns: tuple[str, ...] | None = None
    """Of an index or constraint."""
    rule: str | None = None
    """What a constraint demands beyond its columns: referenced table and columns with rules, or the condition."""
    labels: tuple[str, ...] = ()
    """Of an enum, or the one that is added."""
    values: tuple[tuple[str, str], ...] = ()
    """Column and expression of an `UPDATE`."""
    where: str = ""
    """Condition of an `UPDATE` or `DELETE`, SQL text."""
    source: str = ""
    """Table that the rows of an `INSERT` or a new table come from."""
    parts: tuple[Op, ...] = ()
    """Columns, constraints and indexes of a new table."""
    unique: bool = False
    concurrently: bool = False
    not_valid: bool = False
    using: str = ""
    """How values are carried over to a new type, SQL text."""
    only_if: bool = False
    """Done only if the thing is there, or is missing: `IF EXISTS`, `IF NOT EXISTS`, a condition in Python."""
    temporary: bool = False
    line: int = 0
    code: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a way up or down does, as far as it can be read."""

    ops: tuple[Op, ...] = ()
    line: int = 0
    """Where it begins; 0 if it does not exist."""
    raises: int = 0
    """Line that always raises an error; 0 if there is none."""

    @property
    def missing(self) -> bool:
        """Whether nobody wrote it."""
        return self.line == 0

    @property
    def empty(self) -> bool:
        """Whether it is written and does nothing."""
        return not self.missing and not self.ops and not self.raises

    @property
    def unclear(self) -> tuple[Op, ...]:
        """What in it was not understood."""
        return tuple(op for op in self.ops if op.kind is Kind.UNCLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One migration."""

    id: str
    path: str
    """File of the way up."""
    down_path: str = ""
    """File of the way down, where it is another one."""
    parents: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    """Revisions that must be there and are no parents."""
    up: Way = Way()
    down: Way = Way()
    line: int = 1
    """Where its identity is declared."""
    problem: str = ""
    """Why the file cannot be read; empty if it can."""
    blobs: tuple[str, ...] = ()
    """Hashes of its files, to see whether it was edited."""
    sql: str = ""
    """For plain SQL the whole text of the way up."""
    sql_down: str = ""
    transaction: bool = True
    """Whether its runner puts it into one transaction."""

    @property
    def place(self) -> str:
        """File of the way down if it is another one."""
        return self.down_path or self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """All migrations of one database in one tree."""

    framework: str
    """`alembic`, `sql pairs`, `dbmate`, `goose`, `sql-migrate` or `flyway`."""
    folder: str
    """Folder that holds the revisions; with Alembic the script folder, which holds `env.py`."""
    dialect: str = POSTGRESQL
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    """By id, in an order in which they can be applied as far as their parents allow."""
    ini: str = ""
    """Path of Alembic's configuration, if there is one."""
    duplicates: tuple[tuple[str, str, str], ...] = ()
    """(id, path that counts, path that has the same id)."""
    oddities: tuple[tuple[str, str], ...] = ()
    """(path, sentence) for files in the folder that are no whole migration."""

    @property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other one follows."""
        followed = {parent for r in self.revisions.values() for parent in (*r.parents, *r.depends)}
        return tuple(id for id in self.revisions if id not in followed)

    @property
    def label(self) -> str:
        """How a sentence names it."""
        return f"{self.folder or 'the repository'} ({self.framework})"


def in_order(revisions: Mapping[str, Revision]) -> list[Revision]:
    """Revisions with each behind its parents and dependencies; what is in a circle comes last."""
    done: dict[str, Revision] = {}
    waiting = sorted(revisions.values(), key=lambda r: r.id)
    while waiting:
        ready = [r for r in waiting if all(p in done or p not in revisions for p in (*r.parents, *r.depends))]
        if not ready:
            break
        for revision in ready:
            done[revision.id] = revision
        waiting = [r for r in waiting if r.id not in done]
    return [*done.values(), *waiting]


def plain_name(name: str) -> str:
    """A table's or type's name without the schema that everybody has."""
    return name.removeprefix("public.")
