"""Asks the running API as one tenant or as nobody: only the declared address, slowly, and never for too long."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.isolation.base import World
from stas_tui.isolation.declared import Api, Canary, Tenant
from stas_tui.web import Web, WebError
from storage.errors import StasError
from storage.redact import redact

LARGEST = 2 * 1024 * 1024
TIMEOUT_S = 10.0
MOST_FAILURES = 3
_TRIAL = re.compile(r"(^|[.-])(stag(e|ing)|test(ing)?|dev|qa|sandbox|preview|local(host)?|internal|demo)([.-]|\d|$)")


class Stopped(StasError):
    """No further request may be sent in this run."""


class NotAllowed(StasError):
    """The declared address may not be asked."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer. The body lives as long as the check; only its digest is kept."""

    status: int
    digest: str
    headers: Mapping[str, str]
    text: str

    @property
    def shown(self) -> bool:
        """Whether something was given."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was withheld: not for you, not there, or log in first."""
        return self.status in (401, 403, 404) or 300 <= self.status < 400

    def holds(self, canary: Canary) -> bool:
        """Whether it carries a tenant's object: by its marker, else by its id as a whole word."""
        if canary.marker:
            return canary.marker in self.text
        return re.search(rf"(?<![\w-]){re.escape(canary.id)}(?![\w-])", self.text) is not None


@dataclass(slots=True)
class Asker:
    """One run against one API. Raises `Stopped` once it was told to stop, `WebError` for no answer."""

    world: World
    api: Api
    executed: list[str] = field(default_factory=list)
    _web: Web | None = None
    _sent: int = 0
    _failures: int = 0
    _next: float = 0.0
    _stopped: str = ""
    _tokens: dict[str, str] = field(default_factory=dict)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _known: dict[tuple[str, ...], tuple[Seen, str]] = field(default_factory=dict)

    def allow(self) -> None:
        """Raises `NotAllowed` for an address that is no trial machine by its name and that nobody allowed."""
        host = (urlsplit(self.api.base).hostname or "").lower()
        if self.api.production or _loopback(host) or _TRIAL.search(host):
            return
        raise NotAllowed(
            f"{host} is not named as a test or staging machine", "set `production = true` in [api] to read from it"
        )

    def token(self, tenant: Tenant) -> str:
        """The token of a tenant's probe user; empty if none can be had."""
        if tenant.name not in self._tokens:
            try:
                self._tokens[tenant.name] = token_of(tenant.token, self.world.environ)
            except CredentialMissing:
                self._tokens[tenant.name] = ""
        return self._tokens[tenant.name]

    def get(
        self,
        path: str,
        who: Tenant | None,
        *,
        named: Tenant | str | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        method: str = "GET",
    ) -> Seen:
        """Ask as `who`, or as nobody. `named` is another tenant that the request claims to be about.

        The same question is asked once in a run, unless it carries headers of its own.
        """
        who_name = who.name if who else "nobody"
        key = (method, path, who_name, _name(named), repr(sorted((params or {}).items())))
        if not headers and token is None and method == "GET" and key in self._known:
            seen, line = self._known[key]
            self.executed.append(f"{line} (asked before in this run)")
            return seen
        sent = self._headers(who, named, token)
        where = path + ("?" + urlencode(params) if params else "")
        said = f"{method} {where} as {who_name}" + (f", naming {_name(named)}" if named is not None else "")
        said += f", {', '.join(headers)} set" if headers else ""
        if self.world.dry:
            self.executed.append(redact(said))
            raise Stopped("nothing was sent: a dry run")
        self._wait()
        seen = self._send(method, path, params, {**sent, **(headers or {})}, said)
        if not headers and token is None and method == "GET":
            self._known[key] = seen, self.executed[-1]
        return seen

    def close(self) -> None:
        """Let the connection go."""
        if self._web is not None:
            self._web.close()

    def _headers(self, who: Tenant | None, named: Tenant | str | None, token: str | None) -> dict[str, str]:
        sent = {"X-Stas-Probe": self._run}
        bearer = token if token is not None else self.token(who) if who else ""
        about = named if named is not None else who
        tenant = about if isinstance(about, str) else about.key if about else ""
        for header in self.api.header:
            if header.identity and not bearer:
                continue
            if not header.identity and not tenant and named is None:
                continue
            sent[header.name] = header.value.replace("{token}", bearer).replace("{tenant}", tenant)
        return sent

    def _wait(self) -> None:
        if self._stopped:
            raise Stopped(self._stopped)
        if self._sent >= self.api.most_requests:
            self._stopped = f"the limit of {self.api.most_requests} requests was reached"
            raise Stopped(self._stopped)
        self.world.step(f"API request {self._sent + 1}")
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.api.requests_per_s
        self._sent += 1

    def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, headers: dict[str, str], said: str
    ) -> Seen:
        if self._web is None:
            self._web = Web(self.api.base, timeout_s=TIMEOUT_S, largest=LARGEST)
        payload: Any = {} if method == "PATCH" else None
        try:
            reply = self._web.send(method, path, params=params, headers=headers, payload=payload)
        except WebError as error:
            if error.reply is None:
                self.executed.append(redact(f"{said}: {error.word}"))
                raise
            reply = error.reply
        digest = hashlib.sha256(reply.body).hexdigest()
        self.executed.append(redact(f"{said}: {reply.status}, {len(reply.body)} bytes, sha256 {digest[:12]}"))
        self._failures = self._failures + 1 if reply.status >= 500 else 0
        if reply.status == 429:
            self._stopped = "the API asked for patience (429); nothing more was sent"
        elif self._failures >= MOST_FAILURES:
            self._stopped = f"the API failed {MOST_FAILURES} times in a row; nothing more was sent"
        return Seen(reply.status, digest, reply.headers, reply.body.decode("utf-8", "replace"))


def fill(path: str, ids: Mapping[str, str]) -> str | None:
    """The path with every `{kind}` replaced; None if one is not known."""
    try:
        return re.sub(r"\{([^{}]+)\}", lambda match: quote(ids[match[1]], safe=""), path)
    except KeyError:
        return None


def placeholders(path: str) -> list[str]:
    """The kinds that a path asks for, in order."""
    return re.findall(r"\{([^{}]+)\}", path)


def _name(who: Tenant | str | None) -> str:
    return who.name if isinstance(who, Tenant) else who or "nobody"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
