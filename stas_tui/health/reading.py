"""What a health endpoint's answer says: read within a bound, judged against what was configured, failures as words."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stas_tui.config_sources import HealthEndpoint
from stas_tui.health import targets, words
from storage.clock import DAY

if TYPE_CHECKING:
    import httpx

SHORTEST_SHA = 7
"""Characters of a sha below which nothing is compared."""
LONGEST_DETAIL = 200

_SHA = re.compile(r"[0-9a-f]{7,64}")


@dataclass(slots=True)
class Heard:
    """What one try of one endpoint brought."""

    word: str = ""
    detail: str = ""
    awaited: str = "connection"
    """What it waited for last, for the sentence about a time limit."""
    status: int | None = None
    body: bytes = b""
    elsewhere: bool = False
    """It points to another address, which is not followed."""
    encoded: str = ""
    """How the body is packed, though it was asked not to be."""
    version: str = ""
    latency_ms: int | None = None
    certificate_days: int | None = None

    def say(self, word: str, detail: str = "") -> None:
        """The word of this try; the detail is cut to a line."""
        self.word, self.detail = word, " ".join(detail.split())[:LONGEST_DETAIL]


async def read(response: httpx.Response, heard: Heard, largest: int, now: int) -> None:
    """Read status and body; a body beyond the bound is left unread."""
    heard.status = response.status_code
    heard.certificate_days = _certificate_days(response, now)
    heard.encoded = response.headers.get("content-encoding", "identity").lower()
    heard.elsewhere = response.is_redirect
    announced = response.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and (len(announced) > 15 or int(announced) > largest):
        heard.say(words.TOO_LARGE, f"announces more than {largest} bytes")
        return
    parts: list[bytes] = []
    size = 0
    async for part in response.stream:  # type: ignore[union-attr]
        parts.append(part)
        size += len(part)
        if size > largest:
            heard.say(words.TOO_LARGE, f"more than {largest} bytes")
            return
    heard.body = b"".join(parts)


def judge(heard: Heard, endpoint: HealthEndpoint, expected: str) -> None:
    """Compare a whole answer with what was configured: status first, then body, then version (R108).

    A wrong status is said before anything else that is odd, because it is the worse news.
    """
    if heard.status != endpoint.expect_status:
        if heard.elsewhere:
            return heard.say(words.REDIRECTED, f"{heard.status} points elsewhere; name the final address")
        return heard.say(words.WRONG_STATUS, f"{heard.status} instead of {endpoint.expect_status}")
    if heard.word:
        return None
    if heard.encoded not in ("", "identity") and (endpoint.expect_body or endpoint.version_field):
        return heard.say(words.WRONG_BODY, f"packed as {heard.encoded}, though it was asked not to be")
    if endpoint.expect_body and endpoint.expect_body not in heard.body.decode("utf-8", "replace"):
        return heard.say(words.WRONG_BODY, f"does not contain «{endpoint.expect_body}»")
    if endpoint.version_field:
        return _judge_version(heard, endpoint.version_field, expected)
    return heard.say(words.HEALTHY)


def _judge_version(heard: Heard, path: str, expected: str) -> None:
    try:
        found = json_at(json.loads(heard.body), path)
    except (ValueError, RecursionError):
        return heard.say(words.NO_VERSION, "the answer is not JSON")
    if not isinstance(found, str | int | float) or isinstance(found, bool) or not str(found).strip():
        return heard.say(words.NO_VERSION, f"the answer has no {path}")
    heard.version = str(found).strip()[:100]
    if not expected:
        return heard.say(words.HEALTHY, f"version {heard.version} not compared: the deployed one is not known")
    if same_version(heard.version, expected):
        return heard.say(words.HEALTHY)
    return heard.say(words.WRONG_VERSION, f"reachable, runs {heard.version[:12]} instead of {expected[:12]}")


def same_version(reported: str, expected: str) -> bool:
    """Whether both name one commit: equal, or one the beginning of the other from seven characters on."""
    one, other = reported.lower(), expected.lower()
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= SHORTEST_SHA and longer.startswith(shorter) and _SHA.fullmatch(longer) is not None


def json_at(document: Any, path: str) -> Any:
    """The value at `a.b.0` in a JSON document; None if there is none."""
    for name in path.split("."):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(document):
            document = document[int(name[:9])]
        else:
            return None
    return document


def failure(error: BaseException, *, tls: bool) -> tuple[str, str]:
    """The word for what went wrong on the way, and a detail."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ssl.SSLError):
            return words.TLS_FAILURE, getattr(one, "verify_message", "") or one.reason or "handshake failed"
    for one in chain:
        if isinstance(one, TimeoutError):
            return words.TIMEOUT, "no connection in time"
        if isinstance(one, ConnectionRefusedError):
            return words.REFUSED, "nobody listens there"
        if isinstance(one, OSError) and one.errno in targets.UNREACHABLE:
            return words.UNREACHABLE, one.strerror or "no way there"
    name = type(error).__name__
    if name in ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError"):
        return words.NOT_AN_ADDRESS, name
    if name == "ConnectTimeout":
        return words.TIMEOUT, "no connection in time"
    if name == "ConnectError" and tls:
        return words.TLS_FAILURE, "hung up during the handshake"
    if name == "RemoteProtocolError":
        return words.BROKEN, "hung up, or does not speak HTTP"
    return words.BROKEN, name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes, and those of a group."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions


def _certificate_days(response: httpx.Response, now: int) -> int | None:
    """Whole days until the certificate ends; None without TLS."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    if not certificate or "notAfter" not in certificate:
        return None
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"])) * 1000
    return int((ends - now) // DAY)
