"""What a database says of itself, as far as tenants are concerned: relations, policies, functions, roles."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

RANDOM = re.compile(
    r"gen_random|uuid_generate|uuidv?\d|nextval\(|random\(|gen_salt|ulid|nanoid|cuid|ksuid", re.IGNORECASE
)
"""Defaults that nobody chooses: random, or from a sequence."""
TOKEN_NAME = re.compile(
    r"(^|_)(token|secret|api_?key|key_hash|hash|digest|checksum|sha\d*|nonce|jti|uuid|guid|uid|ulid|session_id)(_|$)",
    re.IGNORECASE,
)
"""Names of columns that hold random values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `default` is the expression as the server prints it."""

    name: str
    type: str
    required: bool
    """NOT NULL, or a valid CHECK that says so."""
    generated: bool = False
    identity: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index; a key that is an expression stands in `columns` as an empty name."""

    name: str
    columns: tuple[str, ...]
    expressions: str = ""
    unique: bool = False
    primary: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key; `target` is the oid of the table it points at."""

    name: str
    columns: tuple[str, ...]
    target: int
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A row level security policy; `command` is `*`, `r`, `a`, `w` or `d`."""

    name: str
    permissive: bool
    command: str
    roles: tuple[str, ...]
    applies: bool
    """Whether it is for the application's role; true if none is declared."""
    using: str | None
    check: str | None


@dataclass(slots=True, kw_only=True)
class Relation:
    """A table, partition, view, materialised view or foreign table."""

    oid: int
    schema: str
    name: str
    kind: str = "r"
    """`r`, `p`, `v`, `m` or `f`, as in pg_class."""
    owner: str = ""
    rls: bool = False
    forced: bool = False
    populated: bool = True
    invoker: bool = False
    """A view with `security_invoker`."""
    rows: int = -1
    """The planner's estimate; -1 if nobody ever counted."""
    parents: tuple[int, ...] = ()
    """Tables that it is a partition or a child of."""
    partition_key: tuple[str, ...] = ()
    triggers: int = 0
    """Triggers of the user's, and rules."""
    public: frozenset[str] = frozenset()
    """Privileges of everybody."""
    granted: frozenset[str] = frozenset()
    """Privileges of the application's role, on the whole or on columns of it."""
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: list[Index] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)

    @property
    def place(self) -> str:
        """`schema.name`, or the bare name in `public`."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def readable(self) -> bool:
        """Whether the application's role may read it."""
        return "SELECT" in self.granted

    @property
    def primary(self) -> tuple[str, ...]:
        """Columns of the primary key."""
        return next((index.columns for index in self.indexes if index.primary), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that runs with the rights of its owner."""

    schema: str
    name: str
    arguments: str
    owner: str
    language: str
    volatile: bool
    takes: int
    path: str | None
    """Its fixed search_path; None if it has none."""
    granted: bool
    """Whether the application's role may call it."""
    everybody: bool
    """Whether everybody may."""
    source: str

    @property
    def place(self) -> str:
        """`schema.name(arguments)`."""
        return f"{self.schema}.{self.name}({self.arguments})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, and what it may do anywhere."""

    name: str
    superuser: bool = False
    bypass: bool = False
    creates_roles: bool = False
    creates_databases: bool = False
    replicates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema; what the application's role may do in it."""

    name: str
    owner: str
    creates: bool = False
    uses: bool = False
    public_creates: bool = False
    public_uses: bool = False


@dataclass(slots=True, kw_only=True)
class Catalogue:
    """Everything that was read, and the statements it was read with."""

    version: str = ""
    number: int = 0
    database: str = ""
    account: str = ""
    relations: dict[int, Relation] = field(default_factory=dict)
    reads: dict[int, set[int]] = field(default_factory=dict)
    """View to what its query names."""
    functions: list[Function] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=dict)
    member_of: dict[str, list[str]] = field(default_factory=dict)
    """Declared role to every role that it inherits or may become."""
    schemas: dict[str, Schema] = field(default_factory=dict)
    digest: str = ""
    """SHA-256 of the rows of the catalogue that were read."""

    def find(self, name: str, schemas: Iterable[str]) -> Relation | None:
        """A table by its declared name, `table` or `schema.table`."""
        schema, _, table = name.rpartition(".")
        for where in [schema] if schema else schemas:
            for relation in self.relations.values():
                if relation.schema == where and relation.name == table and relation.kind in ("r", "p", "f"):
                    return relation
        return None

    def below(self, relation: Relation) -> list[Relation]:
        """Its partitions and children, and theirs."""
        found: dict[int, Relation] = {}
        waiting = [relation.oid]
        while waiting:
            oid = waiting.pop()
            for child in self.relations.values():
                if oid in child.parents and child.oid not in found:
                    found[child.oid] = child
                    waiting.append(child.oid)
        return sorted(found.values(), key=lambda child: (child.schema, child.name))

    def tables_behind(self, oid: int) -> set[int]:
        """Tables that a view reads, through other views too."""
        found: set[int] = set()
        waiting = [oid]
        seen = set(waiting)
        while waiting:
            for source in self.reads.get(waiting.pop(), ()):
                found.add(source)
                if source not in seen:
                    seen.add(source)
                    waiting.append(source)
        return found


def digest(rows: object) -> str:
    """SHA-256 of what was read."""
    return hashlib.sha256(repr(rows).encode("utf-8", "backslashreplace")).hexdigest()
