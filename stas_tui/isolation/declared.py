"""A tenancy file: what is declared of tables, tenants, the database, the API, logs, metrics and settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from stas_tui.config_base import Filled, Table, Text
from stas_tui.config_sources import Credential, Web

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_$]{0,62}$")]
"""A plain SQL name."""

TableName = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_$]{0,62}\.)?[A-Za-z_][A-Za-z0-9_$]{0,62}$")
]
"""`table` or `schema.table`."""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles), StringConstraints(max_length=500)]


class SharedTable(Table):
    """`[[tables.shared]]`: a table that belongs to no tenant, and why."""

    name: TableName
    """`table` or `schema.table`."""
    reason: Filled
    """Why rows of all tenants may stand in it or it holds none."""


class ByParent(Table):
    """`[[tables.by_parent]]`: a table without a tenant column whose rows belong to the tenant of their parent."""

    name: TableName
    """`table` or `schema.table`."""
    parent: TableName
    """Table that the rows belong to; itself scoped or by parent."""
    column: Name
    """Column that names the parent's row."""


class Tables(Table):
    """`[tables]`: which tables hold tenants' rows."""

    scoped: tuple[TableName, ...] = ()
    """Tables with a tenant column. Empty: every table that has one of `columns`."""
    shared: tuple[SharedTable, ...] = ()
    by_parent: tuple[ByParent, ...] = ()


class Canary(Table):
    """`[[tenant.canary]]`: an object made for probing, whose id exists in this tenant only."""

    kind: Text
    """What it is; the same kind in two tenants makes a pair. API routes name it as `{kind}`."""
    id: Text
    """Its id, as it stands in addresses and keys."""
    marker: str = Field("", max_length=200)
    """A text that stands in the object and nowhere else, to find it in lists, logs and answers."""
    table: str = ""
    """Table that holds it, if it is a row."""


class Tenant(Table):
    """`[[tenant]]`: one tenant; two or more with canaries and a token make probing possible."""

    name: Text
    """Its name as in labels and logs, and on the screen."""
    key: Text
    """Its value in the tenant column, header or path."""
    schema_name: str = Field("", alias="schema")
    """Its schema, with the strategy `schema`."""
    role: str = ""
    """Role that acts for this tenant in the database; empty: the application's role acts for all of them."""
    dsn: Credential = Credential()
    """Where the connection string of its own database comes from, with the strategy `database`."""
    token: Credential = Credential()
    """Where its probe user's API token comes from."""
    host: str = ""
    """Its own host name, where tenants have one."""
    canary: tuple[Canary, ...] = ()
    probe: bool = False
    """Whether it was made for probing; only such tenants are read as."""


class Database(Table):
    """`[database]`: how to look into the live database, read-only."""

    dsn: Credential = Credential()
    """Where the connection string comes from. The account must be unable to write; one that could is refused."""
    sqlite: str = ""
    """Path of a SQLite database, absolute; `{tenant}` stands for the tenant's key where each has a file."""
    app_role: str = ""
    """Role that the application connects as."""
    schemas: tuple[Name, ...] = ("public",)
    """Schemas that are looked at."""
    context: tuple[str, ...] = ("select set_config('app.tenant_id', $1, true)",)
    """Statements that tell the database the tenant; `$1` is its key."""
    setting: str = "app.tenant_id"
    """Name of the setting that policies read; empty if there is none."""
    pooler: Credential = Credential()
    """Where the connection string through the application's pooler comes from."""
    statement_log: str = ""
    """Path of a log of executed statements, absolute, in PostgreSQL's csv or stderr form."""
    write_probe: bool = False
    """Whether D13 may try writes inside a transaction that is rolled back; never by default."""
    write_probe_triggers: bool = False
    """Whether D13 may also write into tables with triggers or rules, which run before the roll back."""


class Header(Table):
    """`[[api.header]]`: a header that names the tenant or the caller."""

    name: Text
    """Header name."""
    value: str = "{token}"
    """Its value; `{token}` and `{tenant}` are filled in."""
    identity: bool = True
    """True for the one that proves who calls, False for one that only names the tenant."""


class Route(Table):
    """`[[api.route]]`: a route that is probed."""

    path: Text
    """Path with `{kind}` for a canary's id, e.g. `/invoices/{invoice}`; without one it is a list."""
    open: bool = False
    """Whether anybody may read it by design."""
    reason: str = ""
    """Why it is open."""
    parent: str = ""
    """For a nested path: the kind of the parent's placeholder."""


class Api(Table):
    """`[api]`: how to ask the running API. Only addresses listed here are asked, with GET and HEAD."""

    base: Web
    """Base address; loopback or staging, production only by `production = true`."""
    production: bool = False
    """Whether a person allowed reading from production."""
    openapi: str = ""
    """Path of the OpenAPI document below the base, or an absolute file."""
    header: tuple[Header, ...] = (Header(name="Authorization", value="Bearer {token}"),)
    tenant_parameter: str = ""
    """Query parameter that names the tenant, if there is one."""
    route: tuple[Route, ...] = ()
    """Routes beyond those of the OpenAPI document, or in its place."""
    requests_per_s: float = Field(5.0, gt=0, le=50)
    """Requests in a second."""
    most_requests: int = Field(200, ge=1, le=5_000)
    """Requests in a run."""
    write_probe: bool = False
    """Whether P8 may send a PATCH with an empty body to a canary; never by default."""


class LogSource(Table):
    """`[[log]]`: output whose lines should name the tenant."""

    path: Text
    """File, absolute; `*` in the name stands for several."""
    format: Literal["json", "logfmt", "pattern"] = "json"
    """How a line is read."""
    pattern: Pattern = ""
    """With `pattern`: a regular expression with groups `tenant`, `level`, `logger`, `request`."""
    tenant: tuple[Text, ...] = ("tenant", "tenant_id")
    """Fields that name the tenant, the first that is there counts."""
    request: tuple[Text, ...] = ("request_id", "trace_id")
    """Fields that name the request or trace."""
    level: tuple[Text, ...] = ("level", "severity")
    """Fields that hold the level."""
    logger: tuple[Text, ...] = ("logger", "name")
    """Fields that name what wrote the line."""
    background: tuple[Text, ...] = ()
    """Loggers whose lines belong to no tenant."""


class Metrics(Table):
    """`[metrics]`: names of the per-tenant series."""

    label: Text = "tenant"
    """Label that names the tenant."""
    requests: str = ""
    """Counter of requests, e.g. `http_requests_total`."""
    errors: str = ""
    """Selector of the failed ones, e.g. `http_requests_total{status=~"5.."}`."""
    latency: str = ""
    """Histogram of durations without `_bucket`, in seconds."""
    cost: tuple[Text, ...] = ()
    """Counters that measure a tenant's share: CPU seconds, rows, pool time."""
    minimum_requests: int = Field(30, ge=1)
    """Requests in 15 minutes below which a tenant is not judged."""


class Jobs(Table):
    """`[jobs]`: how background work carries its tenant."""

    kind: Literal["celery", "arq", "dramatiq", "rq", "other"] = "other"
    """What runs the work."""
    argument: tuple[Text, ...] = ("tenant", "tenant_id")
    """Arguments that carry the tenant."""
    binder: tuple[Text, ...] = ()
    """Names of functions or context managers that set the tenant."""
    queue_table: str = ""
    """Table that holds waiting jobs, with `queue_column`; only names of keys are read."""
    queue_column: str = ""
    """Column with the payload as JSON."""
    redis: Credential = Credential()
    """Where the address of the Redis with waiting jobs comes from: `redis://`, `rediss://` or `unix://`; read only."""
    redis_queue: tuple[Text, ...] = ()
    """Names of the queues in it. Empty: `celery`, `arq:queue`, `default` of dramatiq, or every queue of rq."""
    background: tuple[Text, ...] = ()
    """Names of jobs that belong to no tenant, as they stand in the payload."""
    application_name: str = ""
    """Name that workers give their connections; it tells their statements apart in the statement log."""
    role: str = ""
    """Role that only workers connect as; it tells their statements apart where no log does."""
    noop: tuple[Text, ...] = ()
    """Program and arguments that put a harmless job into the queue, with `{tenant}` and `{trace}`; never a shell."""
    noop_environ: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """Variables that this program gets, beside PATH, HOME, the language and the time zone."""
    noop_wait_s: float = Field(30.0, gt=0, le=300)
    """Seconds to wait for the statements of such a job."""
    write_probe: bool = False
    """Whether J1 may run `noop`, once for each tenant with `probe`; never by default."""


class Settings(Table):
    """`[settings]`: configuration, secrets and flags for each tenant. Names only, never a value."""

    files: tuple[Text, ...] = ()
    """Env, TOML, YAML, JSON or compose files, absolute or in the repository; `{tenant}`, `{environment}` are filled."""
    environments: tuple[Text, ...] = ()
    """Environments that must all have each key (R65)."""
    keys: tuple[Text, ...] = ()
    """Keys every tenant must have (R113)."""
    differing: tuple[Text, ...] = ()
    """Keys whose values must differ between tenants; compared by hash."""
    secrets: tuple[Text, ...] = ()
    """Names of secrets that must be each tenant's own; `{tenant}` stands in the name (R114)."""
    secret_listing: str = ""
    """File or command output as JSON: names of secrets with `created` or `rotated` times; no values."""
    rotate_days: int = Field(90, ge=1, le=3_650)
    """Age in days after which a secret is overdue."""
    flags: str = ""
    """Flag file as JSON or YAML: `{flag: {default, tenants: {…}}}`, absolute or inside the repository."""
    flag: tuple[Text, ...] = ()
    """Flags that must be able to tell tenants apart (R115)."""


class NotApplicable(Table):
    """`[[not_applicable]]`: a check that has no meaning here, and why; the only way to `n/a`."""

    check: Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{1,2}$")]
    """Id of the check."""
    reason: Filled
    """Why it has no meaning here."""


class Code(Table):
    """`[code]`: where the application's code is."""

    include: tuple[Text, ...] = ()
    """Folders that are read; empty means all."""
    exclude: tuple[Text, ...] = ("tests", "test", "examples", "docs", "node_modules", "vendor", "third_party")
    """Folder names that are left out."""
    words: tuple[Text, ...] = ("tenant", "tenant_id", "org", "org_id", "organization_id", "workspace_id", "account_id")
    """Names that hold a tenant in the code."""
    models: dict[str, TableName] = {}
    """Class names of models to tables, where they cannot be read from the code."""
    helpers: tuple[Text, ...] = ()
    """Functions that add the tenant's filter to a query."""
    staff: tuple[Text, ...] = ()
    """Folders or functions of staff tools and jobs over all tenants; listed, not flagged."""
    test_run: str = ""
    """Record of the statements of a test run, as `stas isolation record` writes it, absolute or in the repository."""


class Tenancy(Table):
    """A tenancy file: how one project keeps its tenants apart, as a person declared it."""

    version: Literal[1] = 1
    """Form of the file."""
    strategy: Literal["row", "rls", "schema", "database"]
    """`row` the code filters, `rls` the database does, `schema` or `database` each tenant has its own."""
    columns: tuple[Name, ...] = ("tenant_id",)
    """Columns that name the tenant."""
    key_type: Literal["uuid", "integer", "text"] = "uuid"
    """Type of the tenant's key."""
    root: str = ""
    """Table of the tenants themselves."""
    completed_by: str = ""
    """Person who read and completed the draft; empty means it is still a draft, and nothing is verified from it."""
    tables: Tables = Tables()
    tenant: tuple[Tenant, ...] = ()
    code: Code = Code()
    database: Database | None = None
    api: Api | None = None
    log: tuple[LogSource, ...] = ()
    metrics: Metrics = Metrics()
    jobs: Jobs = Jobs()
    settings: Settings = Settings()
    not_applicable: tuple[NotApplicable, ...] = ()

    @field_validator("tenant")
    @classmethod
    def _tenants_differ(cls, tenants: tuple[Tenant, ...]) -> tuple[Tenant, ...]:
        for what, values in (("name", [t.name for t in tenants]), ("key", [t.key for t in tenants])):
            if len(set(values)) < len(values):
                raise ValueError(f"has two tenants with the same {what}")
        return tenants

    @model_validator(mode="after")
    def _consistent(self) -> Tenancy:
        if self.strategy == "schema" and self.tenant and not all(tenant.schema_name for tenant in self.tenant):
            raise ValueError("has the strategy schema and a tenant without schema")
        return self

    @property
    def probes(self) -> tuple[Tenant, ...]:
        """Tenants made for probing."""
        return tuple(tenant for tenant in self.tenant if tenant.probe)

    def not_applicable_because(self, check: str) -> str:
        """The declared reason why a check has no meaning here; empty if it has."""
        return next((entry.reason for entry in self.not_applicable if entry.check == check), "")
