"""The nouns of checks on isolation and on changes: what a check said, where to look, and what a person accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from storage.canonical import digest_of
from storage.records import Json


class Verdict(StrEnum):
    """What a check may say. The order in which several are merged into one cell is `WORST_FIRST`."""

    FLAGGED = "flagged"
    """A concrete counter-example, with a place to look."""
    UNKNOWN = "unknown"
    """Not run, not understood, too little data, control negative, or older than its time to live."""
    VERIFIED = "verified"
    """Run on the real thing, its control was positive, nothing was found; never by reading code alone."""
    NOT_APPLICABLE = "n/a"
    """Only by declaration in the tenancy file, with its reason."""


WORST_FIRST = (Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED, Verdict.NOT_APPLICABLE)

ALL_TENANTS = ""
"""The tenant of a result that is about all of them at once."""

MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One place to look: a line of code, a statement, a policy, a request."""

    rule: str
    """Short stable name of the rule, e.g. `optional-filter`."""
    text: str
    """One sentence for a person, redacted: what is wrong here, and never a row of a tenant."""
    path: str = ""
    """File inside the repository, or the name of a table, policy, route, metric."""
    line: int = 0
    """From 1; 0 where lines make no sense."""
    code: str = ""
    """The line, statement or request itself, redacted, at most 500 characters."""
    accuses: bool = True
    """False for rules that are often wrong on sound code: they ask a person, and never flag a cell by themselves."""
    severity: str = "warn"
    """`crit`, `warn` or `note`."""
    anchor: str = ""
    """What keeps its identity when lines move (function, statement text); empty means `code`."""

    @property
    def fingerprint(self) -> str:
        """Identity across commits: rule, path and anchor, not the line."""
        return digest_of([self.rule, self.path, self.anchor or self.code], "lead")[:16]

    @property
    def place(self) -> str:
        """`path:line`, as an editor takes it."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check said about one tenant, or about all of them, and why it may be believed."""

    check: str
    """Id of the check, e.g. `D10`, `C3`."""
    project_id: str
    verdict: Verdict
    reason: str
    """Why this verdict, as a clause; for `unknown` also which input would settle it."""
    tenant: str = ALL_TENANTS
    target: str = ""
    """What was looked at: `commit 1a2b3c4d`, `PostgreSQL 15.18, database app as app_rw`, an address."""
    started_at: int = 0
    ended_at: int = 0
    """UTC milliseconds."""
    expires_at: int | None = None
    """When it stops being believed; None for a static result, which holds for its commit."""
    executed: tuple[str, ...] = ()
    """Statements or requests, redacted, in order."""
    counts: Json = field(default_factory=dict)
    """Names to numbers: what was looked at, what was found."""
    control: str = ""
    """The control and how it came out; empty if the check has none."""
    leads: tuple[Lead, ...] = ()
    """Places to look. With a verdict other than `flagged` they are questions, not accusations."""
    tool: str = ""
    """What did it, with version, e.g. `sqlglot 30.30`."""
    live: bool = False
    """Whether it ran on the real thing. A static result is never `verified`."""

    def __post_init__(self) -> None:
        if self.verdict is Verdict.VERIFIED and not self.live:
            raise ValueError(f"{self.check}: reading alone never verifies")
        if self.verdict is Verdict.FLAGGED and not self.leads:
            raise ValueError(f"{self.check}: a flag needs a place to look")
        if not self.reason:
            raise ValueError(f"{self.check}: a verdict needs its reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A person's acceptance of a flag until a date. The flag stays visible beside it."""

    id: str
    project_id: str
    check: str
    tenant: str
    fingerprint: str
    """Lead that is accepted; empty for everything the check flags."""
    reason: str
    by: str
    at: int
    until: int
    """UTC milliseconds; in the future when it is given, and at most a year."""
    ended_at: int | None = None
    ended_by: str = ""

    def counts_at(self, now: int) -> bool:
        """Whether it still holds: neither ended by a person nor past its end."""
        return self.ended_at is None and self.at <= now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """One round of checks over one project."""

    id: str
    project_id: str
    asked: tuple[str, ...]
    """Ids of the checks that were asked for."""
    owner: str
    """The process that ran them, as `storage.owner` writes it."""
    started_at: int
    pulse_id: str | None = None
    """Pulse in which it was asked for; None if a person asked outside of one."""
    commit: str = ""
    """Sha of the code that was read; empty without a repository."""
    tenancy: str = ""
    """SHA-256 of the tenancy file it was run with; empty without one."""
    ended_at: int | None = None
    outcome: str = ""
    """Empty while it runs, then `done`, `cancelled` or `failed`."""
    note: str = ""
    """Why it did not come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """A result as the record holds it, with the round it comes from."""

    seq: int
    """Its place in the record; a later result has a higher one."""
    run: CheckRun
    result: CheckResult
