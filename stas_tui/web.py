"""One bounded question over HTTP: never longer than its time, never larger than its bound, never redirected.

Used by every adapter that asks one host at a time. Health endpoints, which are many hosts, are asked by
`stas_tui.health.probes` instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import StasError
from storage.redact import redact

if TYPE_CHECKING:
    import httpx

LARGEST = 8 * 1024 * 1024
"""Bytes of one answer; a longer one is an error, not a truncated truth."""


class WebError(StasError):
    """No usable answer. `word` is one of: `timeout`, `refused`, `TLS failure`, `name not found`, `broken connection`,
    `too large`, `redirected`, `not JSON`, `status N`; `sent` is whether the request may have reached the server."""

    def __init__(self, word: str, what: str, mend: str = "", *, sent: bool = True, reply: Reply | None = None) -> None:
        super().__init__(what, mend)
        self.word, self.sent, self.reply = word, sent, reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    ms: int

    @property
    def text(self) -> str:
        """The body as text, redacted."""
        return redact(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:
        """The body as JSON. Raises `WebError` (`not JSON`), e.g. for a proxy's HTML page."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no content type").partition(";")[0]
            raise WebError(
                "not JSON",
                f"The answer is not JSON ({kind}, {len(self.body)} bytes).",
                "Is the address right?",
                reply=self,
            ) from error

    @property
    def retry_after_s(self) -> float | None:
        """Seconds from `Retry-After`, if it is a number."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isascii() and value.isdigit() else None


class Web:
    """A client for one host. Not for many: one keep-alive client against many hosts is worse than quadratic."""

    def __init__(
        self,
        base: str,
        *,
        timeout_s: float = 10.0,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        largest: int = LARGEST,
    ) -> None:
        self.base = base.rstrip("/")
        self.timeout_s = timeout_s
        self.largest = largest
        self._headers = {"accept": "application/json", "user-agent": "stas", **(headers or {})}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._client: httpx.Client | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """GET a path below the base. Raises `WebError` if there is no whole answer; any status is an answer."""
        return self.send("GET", path, params=params, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        payload: Any = None,
    ) -> Reply:
        """Send one request, once: nothing is repeated here. Raises `WebError`."""
        import httpx

        client = self._client or self._open()
        started = time.monotonic()
        where = path if path.startswith(("http://", "https://")) else self.base + path
        try:
            with client.stream(method, where, params=params, headers=headers, json=payload) as response:
                if response.is_redirect:
                    raise WebError(
                        "redirected",
                        f"{self.base} answers {response.status_code} and points elsewhere.",
                        "Name the final address.",
                    )
                body = self._read(response, started)
                return Reply(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=body,
                    ms=int((time.monotonic() - started) * 1000),
                )
        except httpx.TimeoutException as error:
            sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            raise self._timeout(sent=sent) from error
        except httpx.ConnectError as error:
            word, what = _no_connection(error)
            raise WebError(
                word, f"{self.base} {what}.", "Is it running, and is the address right?", sent=False
            ) from error
        except httpx.HTTPError as error:
            raise WebError(
                "broken connection",
                f"{self.base} broke the connection off: {type(error).__name__}.",
                "Try again later.",
            ) from error
        except httpx.InvalidURL as error:
            raise WebError(
                "not an address", f"{self.base} is no address.", "Mend the configuration.", sent=False
            ) from error

    def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open(self) -> httpx.Client:
        import httpx

        self._client = httpx.Client(
            timeout=self.timeout_s, headers=self._headers, follow_redirects=False, trust_env=False
        )
        return self._client

    def _read(self, response: httpx.Response, started: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self.largest:
                raise WebError("too large", f"{self.base} answered more than {self.largest} bytes.", "Ask for less.")
            if time.monotonic() - started > self.timeout_s:
                raise self._timeout(sent=True)
            parts.append(part)
        return b"".join(parts)

    def _timeout(self, *, sent: bool) -> WebError:
        return WebError("timeout", f"{self.base} gave no whole answer within {self.timeout_s:g} s.", sent=sent)


def _no_connection(error: Exception) -> tuple[str, str]:
    text = str(error).lower()
    if "certificate" in text or "ssl" in text or "tls" in text:
        return "TLS failure", f"cannot be trusted: {redact(str(error))[:200]}"
    if "name or service" in text or "nodename" in text or "getaddrinfo" in text or "temporary failure" in text:
        return "name not found", "has a name that nobody knows"
    return "refused", "refused the connection"
