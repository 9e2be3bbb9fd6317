"""The tables that name what Stas asks about the world outside: alerts, metrics, endpoints, forge, notices."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from stas_tui.config_base import Id, Table, Text

WEB = r"^https?://[^\s/@?#]+(/[^\s]*)?$"
"""An address for a browser, without user name or password."""


def _network(text: str) -> str:
    """A host name, an address, or a network such as `10.0.0.0/8`."""
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", text) and not re.fullmatch(r"[\d.]+", text):
            return text.lower()
        raise ValueError("is no host name, address or network") from None


Network = Annotated[str, AfterValidator(_network)]
"""A host, an address or a network in which private targets may be asked."""

Web = Annotated[str, StringConstraints(pattern=WEB, max_length=2_000)]
"""An http or https address without credentials."""


class Credential(Table):
    """`[….credential]`: where a token comes from; never the file itself."""

    env: Annotated[str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    """Name of an environment variable that holds the token."""
    command: tuple[str, ...] = ()
    """Program and arguments that print the token, never a shell line, e.g. `["gh", "auth", "token"]`."""
    keyring: str = ""
    """Service and user in the system's keyring, as `service/user`; needs the extra `keyring`."""

    @model_validator(mode="after")
    def _one_place(self) -> Credential:
        if sum(map(bool, (self.env, self.command, self.keyring))) > 1:
            raise ValueError("names more than one of env, command and keyring; keep one")
        if self.keyring and not all(self.keyring.partition("/")[::2]):
            raise ValueError("has a keyring that is not written as service/user")
        return self

    @property
    def named(self) -> bool:
        """Whether there is any place to take a token from."""
        return bool(self.env or self.command or self.keyring)


class HealthEndpoint(Table):
    """`[[project.health]]`: an address that says whether a service is alive (R31, R108)."""

    name: Text
    """Name on the screen."""
    url: Web
    """Address that is asked with GET; no user name or password in it."""
    service: str = ""
    """Service that the endpoint speaks for, one of `services`."""
    tenant: str = ""
    """Tenant that the endpoint speaks for; empty means all."""
    expect_status: int = Field(200, ge=100, le=599)
    """Status code that means healthy."""
    expect_body: str = Field("", max_length=200)
    """Text that a healthy answer contains; empty means any answer will do."""
    version_field: str = Field("", max_length=200)
    """Where in a JSON answer the deployed sha stands, as names joined with dots; empty means it is not compared."""
    timeout_s: float = Field(5.0, gt=0, le=60)
    """Seconds to wait for a whole answer."""


class Ci(Table):
    """`[project.ci]`: where the project's checks, builds and deployments are seen (R105, R106, R135-R137)."""

    github: str = Field("", pattern=r"^([A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100})?$")
    """Repository on the forge as `owner/name`; empty means that only plain git is read."""
    required: tuple[Text, ...] = ()
    """Names of checks that must report for every commit of the base branch; a missing one is pending, not green."""
    builds: tuple[Text, ...] = ()
    """Names of the jobs that build container images."""
    environments: tuple[Text, ...] = ()
    """Environments whose deployments count; empty means all."""
    compose_build: bool = False
    """Let `docker compose build` run in a fresh checkout of the base branch when an engine answers."""


class Watch(Table):
    """`[watch]`: how often sources are asked, and which private addresses may be."""

    every_s: float = Field(15.0, ge=1, le=3_600)
    """Seconds between two questions to the same source."""
    probe_every_s: float = Field(30.0, ge=1, le=3_600)
    """Seconds between two rounds over the health endpoints."""
    probes_at_once: int = Field(32, ge=1, le=256)
    """Health endpoints that are asked at the same time."""
    allow_private: tuple[Network, ...] = ()
    """Hosts and networks inside your own walls (loopback, private, link-local) that health endpoints may name."""
    replay: str = ""
    """Folder with recorded answers that are played back instead of asking anybody; marked REPLAYED on screen."""


class Alertmanager(Table):
    """`[[alertmanager]]`: an Alertmanager whose alerts become incidents; API version 2."""

    name: Id = "alertmanager"
    """Name on the screen."""
    url: Web
    """Address of its root, e.g. `http://127.0.0.1:9093`."""
    credential: Credential = Credential()
    """Bearer token, if it wants one."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """Seconds to wait for a whole answer."""


class Prometheus(Table):
    """`[[prometheus]]`: a Prometheus from which numbers per tenant are read (R107, R116-R119)."""

    name: Id = "prometheus"
    """Name on the screen."""
    url: Web
    """Address of its root, e.g. `http://127.0.0.1:9090`."""
    credential: Credential = Credential()
    """Bearer token, if it wants one."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """Seconds to wait for a whole answer."""
    tenant_label: str = Field("tenant", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Label that names the tenant."""
    requests: str = "sum by ({tenant}) (rate(http_requests_total[5m]))"
    """Requests a second by tenant; `{tenant}` is replaced by the label, in the following queries too."""
    errors: str = 'sum by ({tenant}) (rate(http_requests_total{code=~"5.."}[5m]))'
    """Failed requests a second by tenant."""
    denied: str = 'sum by ({tenant}) (rate(http_requests_total{code=~"401|403"}[5m]))'
    """Requests a second that were refused for who asked (R42)."""
    latency: str = "histogram_quantile(0.95, sum by ({tenant}, le) (rate(http_request_duration_seconds_bucket[5m])))"
    """95th percentile of the answer time by tenant, in seconds."""
    usage: dict[str, str] = {}
    """Further queries by tenant, by the name on the screen, e.g. `cpu = "sum by ({tenant}) (…)"` (R118)."""


class Github(Table):
    """`[github]`: the forge that holds the pull requests, where a project names one."""

    api: Web = "https://api.github.com"
    """Address of the API; for an enterprise server `https://HOST/api/v3`."""
    credential: Credential = Credential(env="GITHUB_TOKEN")
    """Where the token comes from."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """Seconds to wait for a whole answer."""


class Notices(Table):
    """`[notices]`: how the terminal calls a person who looks elsewhere."""

    bell: bool = True
    """Ring the terminal's bell for a new P0 or gate."""
    title: bool = True
    """Write counts into the window's title."""
    desktop: Literal["auto", "off", "osc9", "osc99", "osc777"] = "auto"
    """Desktop notice: `auto` for what the terminal is known to speak (off inside tmux), or one flavour."""
    tmux_passthrough: bool = False
    """Wrap desktop notices for tmux; only where its option `allow-passthrough` is on."""
