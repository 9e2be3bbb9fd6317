"""The words by which code is read: names that hold a tenant, names that hold the caller, and what is declared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.sql.schema import Schema, declared, plain
from storage.canonical import digest_of

if TYPE_CHECKING:
    from stas_tui.isolation.declared import Tenancy

RULES = 3
"""Goes up whenever the rules would read something else from the same file; part of the cache's key."""

COLUMNS = ("tenant_id", "org_id", "organization_id", "workspace_id")
"""Tenant columns where nothing is declared."""
WORDS = ("tenant", "org", "organization", "workspace")
EXCLUDED = ("tests", "test", "examples", "docs", "node_modules", "vendor", "third_party")

CALLERS = listed(
    "user current_user auth_subject actor principal caller identity session_user auth_user requester viewer"
    " subject auth auth_context api_user request_user logged_in_user membership authenticated_entity role ctx"
    " context current_account current_member"
)
"""Names that hold whoever calls."""

_STAFF = re.compile(
    r"(^|/)(migrations?|alembic|versions|scripts?|bin|cli|management|admin|backoffice|jobs?|(?:bg|background_?)?tasks?|workers?|cron|crons"
    r"|schedulers?|seeds?|seeders|fixtures|commands|maintenance|backfills?|benchmarks?|evals?|tools|dev|debug"
    r"|conftest\.py|manage\.py|[\w-]*(?:_job|_jobs|_task|_tasks|_worker|_cron|_script|_backfill|_migration)\.py)(/|$)"
)
_STAFF_FUNCTION = re.compile(
    r"(^|[._])(migrate|backfill|cleanup|clean_up|purge|reap|sweep|reconcile|rebuild_all|for_all|all_tenants|all_orgs"
    r"|all_organizations|all_workspaces|across_tenants|cron|scheduled|nightly|daily|hourly|periodic|expired|orphaned"
    r"|system|unscoped|admin|internal|superuser|bootstrap|seed|startup)([._]|$)"
)
_WHOSE = listed(
    "current target source my active request session parent own owner default new old from to selected given"
    " effective resolved validated verified caller auth x the this user member raw str safe expected actual"
)
"""What may stand before a tenant's word: `current_tenant`, `x_tenant_id`; `service_account_id` is something else."""
_LAYER = re.compile(r"_(model|db|dbe|orm|entity|table|record|row)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=16_384)
def snake(name: str) -> str:
    """`TaskModel` and `taskModel` as `task_model`."""
    return _CAMEL.sub("_", name).lower().strip("_")


def stem(column: str) -> str:
    """`tenant_id` as `tenant`: the name of the relation or object that the column refers to."""
    for end in ("_id", "_uuid", "_pk", "_key", "_fk"):
        if column.endswith(end) and len(column) > len(end):
            return column[: -len(end)]
    return column


@dataclass(frozen=True)
class Words:
    """What a tenancy file declares of names, or the usual ones where there is none."""

    columns: frozenset[str]
    """Tenant columns, in lower case."""
    words: frozenset[str]
    """Names that hold a tenant: the columns, what they refer to, and what is declared."""
    helpers: frozenset[str] = frozenset()
    binders: frozenset[str] = frozenset()
    """Functions and context managers that set the tenant."""
    arguments: frozenset[str] = frozenset()
    """Arguments of jobs that carry it."""
    models: dict[str, str] = field(default_factory=dict)
    staff: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = EXCLUDED
    schema: Schema = field(default_factory=lambda: Schema(tenant_columns=frozenset(COLUMNS)))
    declared: bool = False
    """Whether anything is declared; without it every lead is a question."""

    @cached_property
    def relations(self) -> frozenset[str]:
        """Attributes of a model that stand for the tenant instead of the column, e.g. `organization`."""
        return frozenset(stem(column) for column in self.columns) | {stem(self.schema.root.rstrip("s"))} - {""}

    @cached_property
    def digest(self) -> str:
        """Identity of everything that changes what is read from a file."""
        parts = [sorted(part) for part in (self.columns, self.words, self.helpers, self.binders, self.arguments)]
        schema = self.schema
        return digest_of([parts, dict(schema.parents), sorted(schema.shared), schema.root], "words")[:16]

    @cached_property
    def rules(self) -> str:
        """Name of the rule set in the cache."""
        return f"code {RULES} {self.digest}"

    @cached_property
    def judged(self) -> str:
        """Identity of everything that changes what is said of the files together."""
        rest = [sorted(self.models.items()), self.staff, self.include, self.exclude, self.declared]
        return digest_of([self.rules, rest, sorted(self.schema.scoped)], "judged")[:16]

    def holds(self, name: str) -> bool:
        """Whether a name holds a tenant: one of the words, also behind one that says whose, as `current_tenant_id`."""
        return _holds(name, self.words)

    def mentions(self, name: str) -> bool:
        """Whether a name speaks of a tenant anywhere, as `get_statement_by_org_ids` does."""
        return _mentions(name, self.words)

    def is_column(self, name: str) -> bool:
        """Whether an attribute is a tenant column, or the relation that it stands for."""
        return name in self.columns or name in self.relations

    def is_root(self, name: str) -> bool:
        """Whether a class or table is the tenant itself."""
        return stem(_LAYER.sub("", snake(name)).rstrip("s")) in self.relations or (
            bool(self.schema.root) and plain(self.models.get(name, name)) == self.schema.root
        )

    def wanted(self, path: str) -> bool:
        """Whether a file is read."""
        if not path.endswith((".py", ".sql")):
            return False
        folder, _, name = path.rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._is_wanted(f"{folder}/" if folder else "")
        return known and not _is_test(name)

    def _is_wanted(self, folder: str) -> bool:
        inside = not self.include or any(folder.startswith(one.rstrip("/") + "/") for one in self.include)
        return inside and not set(folder.split("/")) & set(self.exclude)

    @cached_property
    def _folders(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _staff_paths(self) -> dict[str, bool]:
        return {}

    def is_staff(self, path: str, function: str = "") -> bool:
        """Whether this is a tool of the staff or work over all tenants: listed, and not flagged."""
        known = self._staff_paths.get(path)
        if known is None:
            own = any(path == one or path.startswith(one.rstrip("/") + "/") for one in self.staff)
            known = self._staff_paths[path] = own or bool(_STAFF.search(path))
        last = function.rpartition(".")[2]
        return known or (bool(last) and _is_staff_function(last)) or function in self.staff or last in self.staff


@lru_cache(maxsize=65_536)
def _holds(name: str, words: frozenset[str]) -> bool:
    name = name.strip("_")
    if name in words:
        return True
    first, _, rest = name.partition("_")
    return first in _WHOSE and bool(rest) and _holds(rest, words)


@lru_cache(maxsize=65_536)
def _mentions(name: str, words: frozenset[str]) -> bool:
    parts = snake(name).split("_")
    spans = ("_".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, min(a + 4, len(parts) + 1)))
    return any(span in words or span.removesuffix("s") in words for span in spans)


@lru_cache(maxsize=65_536)
def _is_staff_function(name: str) -> bool:
    return bool(_STAFF_FUNCTION.search(snake(name)))


def _is_test(name: str) -> bool:
    return name.startswith("test_") or name.endswith(("_test.py", "_tests.py")) or name in ("conftest.py", "tests.py")


def words_of(tenancy: Tenancy | None) -> Words:
    """The words of a tenancy file, or the usual ones."""
    if tenancy is None:
        return Words(columns=frozenset(COLUMNS), words=_spread((*COLUMNS, *WORDS)))
    code = tenancy.code
    columns = frozenset(column.lower() for column in tenancy.columns)
    return Words(
        columns=columns,
        words=_spread((*columns, *(word.lower() for word in code.words))),
        helpers=frozenset(code.helpers),
        binders=frozenset(tenancy.jobs.binder),
        arguments=frozenset(tenancy.jobs.argument),
        models={name: plain(table) for name, table in code.models.items()},
        staff=code.staff,
        include=code.include,
        exclude=code.exclude,
        schema=declared(tenancy),
        declared=True,
    )


def _spread(names: Iterable[str]) -> frozenset[str]:
    """The names, what they refer to, and the key of that: `tenant_id`, `tenant`."""
    return frozenset(form for name in names for form in (name, stem(name), f"{stem(name)}_id", f"{stem(name)}_ids"))
