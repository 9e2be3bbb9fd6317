"""What the checks of one run share: the connection, the catalogue, and which tables hold tenants' rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stas_tui.isolation.base import World
from stas_tui.isolation.database.answer import Answer
from stas_tui.isolation.database.live import Live
from stas_tui.isolation.database.model import Catalogue, Role
from stas_tui.isolation.database.tables import Scope
from stas_tui.isolation.declared import Database, Tenancy, Tenant
from storage.check_records import ALL_TENANTS

NO_ROLE = "the application's role is not declared; set `app_role` in [database]"
NOTHING_BOUND = "declared strategy row: the code filters and the database enforces nothing; Q4 and P2 carry the proof"


@dataclass(slots=True, kw_only=True)
class Case:
    """One run of the checks on one PostgreSQL."""

    world: World
    tenancy: Tenancy
    database: Database
    live: Live
    catalogue: Catalogue
    scope: Scope
    statements: tuple[str, ...] = ()
    """Those that read the catalogue."""

    @property
    def role(self) -> str:
        """The application's role, if it is declared."""
        return self.database.app_role

    @property
    def enforced(self) -> bool:
        """Whether the database is said to keep rows apart."""
        return self.tenancy.strategy == "rls"

    def answer(self, check: str, tenant: str = ALL_TENANTS, *, catalogue: bool = True) -> Answer:
        """The collector of one check. `catalogue` says that it rests on what was read of it."""
        c = self.catalogue
        tool = "psycopg"
        if not self.world.dry:
            import psycopg

            tool = f"psycopg {psycopg.__version__}"
        as_ = f" and {self.role}" if self.role else ""
        digest = f"; catalogue sha256 {c.digest[:12]}" if c.digest else ""
        return Answer(
            world=self.world,
            check=check,
            tenant=tenant,
            tool=tool,
            target=f"PostgreSQL {c.version}, database {c.database} as {c.account}{as_}{digest}",
            live=self.live,
            executed=list(self.statements) if catalogue else [],
        )

    def why_no_role(self) -> str:
        """Why nothing can be asked as the application; empty if it can."""
        if not self.role:
            return NO_ROLE
        if not self.world.dry and self.role not in self.catalogue.roles:
            return f"the database has no role {self.role}; correct `app_role` in [database]"
        return ""

    def role_of(self, tenant: Tenant) -> str:
        """Role that acts for a tenant."""
        return tenant.role or self.role

    def roles(self) -> list[Role]:
        """Every declared role that the database has, the application's first."""
        names = [self.role, *(tenant.role for tenant in self.tenancy.tenant)]
        return [self.catalogue.roles[name] for name in dict.fromkeys(names) if name in self.catalogue.roles]

    @property
    def probes(self) -> Sequence[Tenant]:
        """Tenants made for probing."""
        return self.tenancy.probes
