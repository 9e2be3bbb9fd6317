"""The tables of the configuration file: one model for each, one sentence for each field."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from stas_tui.config_base import Branch, Filled, Id, Table, Text
from stas_tui.config_rehearse import Rehearse
from stas_tui.config_sources import Ci, Credential, HealthEndpoint, Web

_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_QUIET = re.compile(rf"{_CLOCK}-{_CLOCK}")


class Person(Table):
    """`[[person]]`: somebody who may decide. The decider is whoever the operating system says is logged in."""

    name: Filled
    """Name as the record and the agents see it."""
    os_user: Text
    """User name on this machine; this is what identifies the decider."""
    roles: tuple[Text, ...] = ("supervisor",)
    """What the person answers for, in your own words."""
    slack: str = ""
    """Slack member id, e.g. for reports to the person; empty means no Slack."""


class Project(Table):
    """`[[project]]`: a repository in which the agent works."""

    id: Id
    """Short id, part of paths and of the record."""
    name: Text
    """Name on the screen."""
    repository: str = ""
    """Your own working copy, an absolute path; Stas only reads it."""
    remote: str = ""
    """Path or URL that holds the branches and receives the pushes; empty means `repository` itself."""
    base_branch: Branch = "multi-tenant"
    """Branch that all work starts from and every pull request targets (R4)."""
    main_branch: Branch = "main"
    """Branch that nothing may be cut from or pushed to (R5)."""
    tenants: tuple[Text, ...] = ()
    """Names of the tenants, as they appear in labels and logs."""
    isolation_level: Literal["database", "schema", "row", "unknown"] = "unknown"
    """Where tenants are kept apart: `database`, `schema`, `row` or `unknown` (R56)."""
    tenancy: str = ""
    """Path of the file that declares how tenants are kept apart; empty means `tenancy/ID.toml` beside `stas.toml`."""
    services: tuple[Text, ...] = ()
    """Names of the deployed services."""
    health: tuple[HealthEndpoint, ...] = ()
    """Health endpoints; none means health is unknown, not good."""
    ci: Ci = Ci()
    """Where checks, builds and deployments are seen."""
    rehearse: Rehearse = Rehearse()
    """How migrations are rehearsed."""

    @field_validator("remote")
    @classmethod
    def _no_credentials(cls, remote: str) -> str:
        if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", remote):
            raise ValueError("holds a password; remove it and let git's credential helper answer")
        if remote.startswith("-") or re.match(r"[A-Za-z0-9]+::", remote):
            raise ValueError("is no plain path or URL")
        return remote

    @model_validator(mode="after")
    def _consistent(self) -> Project:
        if self.base_branch == self.main_branch:
            raise ValueError("has the same base_branch and main_branch; work must never start from the main branch")
        if not (self.repository or self.remote):
            raise ValueError("has neither repository nor remote; name one")
        return self

    @property
    def where(self) -> str:
        """The path or URL that branches are read from and pushed to."""
        return self.remote or self.repository


class ExecutorLimits(Table):
    """`[executor.limits]`: bounds of one run."""

    start_s: float = Field(60.0, gt=0, le=3_600)
    """Seconds until the program must have started."""
    idle_s: float = Field(900.0, gt=0, le=86_400)
    """Seconds without output after which a run is stopped."""
    total_s: float = Field(7_200.0, gt=0, le=604_800)
    """Seconds after which a run is stopped in any case."""
    stdout_bytes: int = Field(20 * 1024 * 1024, ge=4_096)
    """Bytes of standard output that are kept; the rest is counted and dropped."""
    stderr_bytes: int = Field(5 * 1024 * 1024, ge=4_096)
    """Bytes of standard error that are kept; the rest is counted and dropped."""


class Executor(Table):
    """`[executor]`: the program that does the work of an execution prompt."""

    preset: str = ""
    """Name of a shipped way to run a program; give this or `argv`."""
    argv: tuple[str, ...] = ()
    """Program and arguments, never a shell line; `{model}` and `{prompt_file}` are filled in."""
    prompt_via: Literal["stdin", "file", "arg"] = "stdin"
    """How the program gets the prompt: `stdin`, `file` or `arg`; it is also in the file `$STAS_PROMPT_FILE`."""
    env_allow: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """Names of further environment variables the program may see, e.g. its one credential."""
    model: str = ""
    """Model to ask for, if the program takes one."""
    limits: ExecutorLimits = ExecutorLimits()
    """Bounds of one run."""

    @model_validator(mode="after")
    def _one_way(self) -> Executor:
        if self.preset and self.argv:
            raise ValueError("has both preset and argv; keep one")
        if self.argv and not self.argv[0].strip():
            raise ValueError("has an empty program name in argv")
        return self

    @property
    def configured(self) -> bool:
        """Whether there is any program to spawn."""
        return bool(self.preset or self.argv)


class Gates(Table):
    """`[gates]`: how long questions wait and how they are protected against a stray key."""

    ask_ttl_hours: float = Field(4.0, gt=0, le=72)
    """Hours after which an unanswered gate expires; expired is neither approved nor rejected."""
    hold_s: float = Field(1.5, ge=0.5, le=30)
    """Seconds for which the approve key is dead after a gate opens, changes or regains focus."""
    approval_minutes: float = Field(10.0, ge=0.5, le=60)
    """Minutes for which an approval may still be carried out."""


class Slack(Table):
    """`[slack]`: messages to people; without a token they wait in the outbox."""

    token: SecretStr | None = None
    """Bot token; better given as `STAS_SLACK__TOKEN` than written here."""
    credential: Credential = Credential()
    """Where the bot token comes from, if it is not given above."""
    member: str = Field("", pattern=r"^([UW][A-Z0-9]{2,20})?$")
    """Member id of the person who is told; empty means the id that `[agents]` has for Sky."""
    api: Web = "https://slack.com/api/"
    """Address of the API."""
    timeout_s: float = Field(10.0, gt=0, le=30)
    """Seconds to wait for an answer; after that it is uncertain whether a message arrived."""


class Demo(Table):
    """`[demo]`: marks the simulated world that `stas demo` makes."""

    enabled: bool = False
    """Whether everything outside is simulated."""
    seed: int = Field(1, ge=0, le=2**31)
    """Number from which the simulated world is made; the same number gives the same world."""


def minutes_of_quiet_hours(text: str) -> tuple[int, int] | None:
    """Start and end as minutes after midnight UTC; None for an empty text. Raises `ValueError`."""
    if not text:
        return None
    match = _QUIET.fullmatch(text)
    if not match:
        raise ValueError("is not written as 22:00-07:00 (UTC)")
    h1, m1, h2, m2 = (int(part) for part in match.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if start == end:
        raise ValueError("starts and ends at the same minute")
    return start, end
