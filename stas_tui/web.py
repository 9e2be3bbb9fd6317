"""One bounded question over HTTP: never longer than its time, never larger than its bound, never redirected.

Used by every adapter that asks one host at a time. Health endpoints, which are many hosts, are asked by
`stas_tui.health.probes` instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.errors import StasError
from storage.redact import redact

if TYPE_CHECKING:
    import httpx

    from stas_tui.web_wire import Deadline

LARGEST = 8 * 1024 * 1024
"""Bytes of one answer; a longer one is an error, not a truncated truth."""
LONGEST_WAIT_S = 24 * 3_600.0
"""A server that asks for more patience than this is asked again nevertheless."""
REDIRECTS = frozenset((300, 301, 302, 303, 305, 307, 308))
"""Not 304, which is an answer: nothing changed."""


class WebError(StasError):
    """No usable answer; `sent` is whether the request may have reached the server.

    `word` is one of: `timeout`, `refused`, `TLS failure`, `name not found`, `name lookup timeout`, `broken connection`,
    `too large`, `redirected` (its `reply` has headers and no body), `not JSON`, `not an address`, `another host`.
    """

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
        """Seconds from `Retry-After`, if it is a number; at most `LONGEST_WAIT_S`."""
        value = self.headers.get("retry-after", "")
        return min(float(value[:10]), LONGEST_WAIT_S) if value.isascii() and value.isdigit() else None


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
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "gzip",
            "user-agent": "stas",
            **(headers or {}),
        }
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._client: httpx.Client | None = None
        self._deadline: Deadline | None = None
        self._one_at_a_time = threading.Lock()

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
        """Send one request, once. `path` may be a whole address of the same host.

        Raises `WebError`. Callers on several threads wait for each other. Nothing is repeated, except that a GET whose
        kept connection turned out to be closed by the server goes out on a new one.
        """
        where = self._where(path)
        with self._one_at_a_time:
            connections = self._deadline.connections if self._deadline else -1
            try:
                return self._send(method, where, params, headers, payload)
            except WebError as error:
                kept = self._deadline is not None and self._deadline.connections == connections
                if method != "GET" or error.word != "broken connection" or not kept:
                    raise
            return self._send(method, where, params, headers, payload)

    def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _where(self, path: str) -> str:
        """The address; one on another host is refused, because the token would go there."""
        if not path.startswith(("http://", "https://")):
            return self.base + path if path[:1] in ("", "/", "?") else f"{self.base}/{path}"
        if _origin(path) != _origin(self.base):
            raise WebError("another host", f"{self.base} points to another host.", sent=False)
        return path

    def _send(
        self,
        method: str,
        where: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        payload: Any,
    ) -> Reply:
        import httpcore
        import httpx

        from stas_tui.web_wire import NoName

        started = time.monotonic()
        try:
            client, deadline = self._open()
            deadline.start(self.timeout_s)
            with client.stream(method, where, params=params, headers=headers, json=payload) as response:
                if response.status_code in REDIRECTS:
                    raise WebError(
                        "redirected",
                        f"{self.base} answers {response.status_code} and points elsewhere.",
                        "Name the final address.",
                        reply=_reply(response, started, b""),
                    )
                return _reply(response, started, self._read(response))
        except NoName as error:
            raise WebError(
                "name lookup timeout",
                f"The name in {self.base} was not looked up within {self.timeout_s:g} s.",
                "Ask the name servers of this machine, or name an address.",
                sent=False,
            ) from error
        except httpcore.TimeoutException as error:
            raise self._timeout(sent=not isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout)) from error
        except httpcore.ConnectError as error:
            word, what = _no_connection(error)
            raise WebError(
                word, f"{self.base} {what}.", "Is it running, and is the address right?", sent=False
            ) from error
        except (httpcore.UnsupportedProtocol, httpx.InvalidURL, ValueError, OverflowError) as error:
            raise WebError(
                "not an address", f"{self.base} is no address.", "Mend the configuration.", sent=False
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, httpx.StreamError) as error:
            raise self._broken(type(error).__name__) from error

    def _open(self) -> tuple[httpx.Client, Deadline]:
        """The client, made for the first question. Raises `ValueError` for a port that cannot be."""
        if self._client is None or self._deadline is None:
            import httpx

            from stas_tui.web_wire import Deadline, make_wire

            parts = urlsplit(self.base)
            _ = parts.port
            self._deadline = Deadline()
            wire = make_wire(self._deadline, secure=parts.scheme == "https")
            self._client = httpx.Client(transport=wire, headers=self._headers, follow_redirects=False, trust_env=False)
        return self._client, self._deadline

    def _read(self, response: httpx.Response) -> bytes:
        """The whole body, unpacked. A length that is announced and too large is not even begun."""
        from stas_tui.web_wire import BadCoding, TooLarge, Unpacker

        announced = response.headers.get("content-length", "")
        try:
            if announced.isascii() and announced.isdigit() and (len(announced) > 15 or int(announced) > self.largest):
                raise TooLarge
            body = Unpacker(response.headers.get("content-encoding", ""), self.largest)
            for part in response.iter_raw():
                body.take(part)
            return body.whole()
        except TooLarge:
            raise WebError(
                "too large", f"{self.base} answered more than {self.largest} bytes.", "Ask for less."
            ) from None
        except BadCoding:
            raise self._broken("the body cannot be unpacked") from None

    def _broken(self, why: str) -> WebError:
        return WebError("broken connection", f"{self.base} broke the connection off: {why}.", "Try again later.")

    def _timeout(self, *, sent: bool) -> WebError:
        return WebError("timeout", f"{self.base} gave no whole answer within {self.timeout_s:g} s.", sent=sent)


def _reply(response: httpx.Response, started: float, body: bytes) -> Reply:
    return Reply(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
        ms=int((time.monotonic() - started) * 1000),
    )


def _origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", address
    return parts.scheme, parts.netloc.lower()


def _no_connection(error: Exception) -> tuple[str, str]:
    text = str(error).lower()
    if "certificate" in text or "ssl" in text or "tls" in text:
        return "TLS failure", f"cannot be trusted: {redact(str(error))[:200]}"
    if "name or service" in text or "nodename" in text or "getaddrinfo" in text or "temporary failure" in text:
        return "name not found", "has a name that nobody knows"
    return "refused", "refused the connection"
