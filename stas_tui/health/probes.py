"""Health endpoints: any number of hosts, asked at the same time, each within its own time (R75, R108, H4).

Every request has a connection of its own: one keep-alive client for many hosts is worse than quadratic, and its full
pool makes healthy services look dead. Names are resolved here and the connection goes to the address that was judged,
so that a name cannot change its mind in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from stas_tui.config_sources import HealthEndpoint
from stas_tui.config_sources import Watch as WatchTable
from stas_tui.health import reading, targets, words
from stas_tui.health.base import Answer
from stas_tui.health.reading import Heard
from storage.clock import Clock, SystemClock
from storage.records import DataState
from storage.redact import redact
from storage.watch_records import Probe, SourceKind

if TYPE_CHECKING:
    import ssl

    import httpx

LARGEST = 64 * 1024
"""Bytes of an answer that are read; a longer one cannot be judged."""

_ELSEWHERE = frozenset({words.REFUSED, words.UNREACHABLE, words.TIMEOUT})
"""After these another address of the same host is tried."""


@dataclass(slots=True)
class _Round:
    """What the probes of one round share."""

    transport: httpx.AsyncHTTPTransport
    free: asyncio.Semaphore
    names: dict[tuple[str, int], asyncio.Future[list[str]]] = field(default_factory=dict)
    """Names that are being or have been looked up."""


class ProbeSource:
    """All endpoints of one project. Beside the last word, the words of the last three rounds are kept."""

    kind = SourceKind.PROBES

    def __init__(
        self,
        project_id: str,
        endpoints: Sequence[HealthEndpoint],
        watch: WatchTable,
        expected: Callable[[], str],
        *,
        earlier: Mapping[str, tuple[str, ...]] | None = None,
        context: Callable[[], ssl.SSLContext] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`expected` gives the deployed sha, empty if nobody knows it. `earlier` holds tries of a watcher before this
        one by the probes' keys. `context` gives the TLS settings, when one is needed; by default the roots of the
        system and of certifi count.
        """
        self.name = f"probes:{project_id}"
        self.project_id = project_id
        self.every_s = watch.probe_every_s
        self.longest_s = _longest(endpoints, watch.probes_at_once) + 30.0
        """Seconds that one round may take before something is wrong with it."""
        self._endpoints = tuple(endpoints)
        self._at_once = watch.probes_at_once
        self._allowed = targets.Allowed.of(watch.allow_private)
        self._expected = expected
        self._tries = dict(earlier or {})
        secure = any(endpoint.url.lower().startswith("https") for endpoint in endpoints)
        self._context = (context or _roots) if secure else _no_roots
        self._clock = clock or SystemClock()

    def ask(self, now: int) -> Answer:
        """Ask every endpoint once. Each of them is answered for, whatever it did."""
        if not self._endpoints:
            return Answer(state=DataState.EMPTY, things=(), reason="no health endpoint is configured")
        expected = self._expected()
        heard = asyncio.run(self._sweep(expected, now))
        probes = [self._probe(endpoint, one, expected) for endpoint, one in zip(self._endpoints, heard, strict=True)]
        return answer_of(probes)

    def close(self) -> None:
        """Nothing stays open between rounds."""

    # one round -------------------------------------------------------------------------------------

    async def _sweep(self, expected: str, now: int) -> list[Heard]:
        import httpx

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncHTTPTransport(verify=self._context(), trust_env=False, limits=limits) as transport:
            round_ = _Round(transport, asyncio.Semaphore(self._at_once))
            asked = [self._one(round_, endpoint, expected, now) for endpoint in self._endpoints]
            return list(await asyncio.gather(*asked))

    async def _one(self, round_: _Round, endpoint: HealthEndpoint, expected: str, now: int) -> Heard:
        """One endpoint, with a time limit that begins when it is its turn: waiting is no failure of the endpoint."""
        import httpx

        async with round_.free:
            heard = Heard()
            started = self._clock.monotonic()
            try:
                async with asyncio.timeout(endpoint.timeout_s):
                    await self._exchange(round_, endpoint, heard, now)
                reading.judge(heard, endpoint, expected)
            except TimeoutError:
                heard.say(words.TIMEOUT, f"no {heard.awaited} within {endpoint.timeout_s:g} s")
            except targets.TargetRefused as error:
                heard.say(error.word, str(error))
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                heard.say(*reading.failure(error, tls=endpoint.url.startswith("https")))
            heard.latency_ms = self._clock.monotonic() - started
            return heard

    async def _exchange(self, round_: _Round, endpoint: HealthEndpoint, heard: Heard, now: int) -> None:
        """Find the host, judge its addresses, and read an answer from the first that takes the connection."""
        import httpx

        target = targets.parse(endpoint.url)
        heard.awaited = "name"
        addresses = self._allowed.check(target.host, await _looked_up(round_, target))
        for number, address in enumerate(addresses):
            last = number == len(addresses) - 1
            heard.awaited = "whole answer"
            try:
                response = await round_.transport.handle_async_request(
                    _request(target, address, endpoint.timeout_s / (len(addresses) - number))
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if last or reading.failure(error, tls=False)[0] not in _ELSEWHERE:
                    raise
                continue
            try:
                await reading.read(response, heard, LARGEST, now)
            finally:
                await response.aclose()
            return

    # what it means ---------------------------------------------------------------------------------

    def _probe(self, endpoint: HealthEndpoint, heard: Heard, expected: str) -> Probe:
        key = f"{self.project_id}/{endpoint.name}"
        tries = (*self._tries.get(key, ()), heard.word)[-words.TRIES :]
        self._tries[key] = tries
        return Probe(
            key=key,
            project_id=self.project_id,
            name=endpoint.name,
            url=endpoint.url,
            service=endpoint.service,
            tenant=endpoint.tenant,
            verdict=words.verdict(tries),
            word=heard.word,
            status=heard.status,
            version=redact(heard.version),
            expected_version=expected if endpoint.version_field else "",
            latency_ms=heard.latency_ms,
            tries=tries,
            detail=redact(heard.detail),
            certificate_days=heard.certificate_days,
        )


def answer_of(probes: Sequence[Probe]) -> Answer:
    """The answer of a whole round, with one clause about what is odd in it."""
    verdicts = Counter(probe.verdict for probe in probes)
    said: list[str] = []
    refused = [probe for probe in probes if probe.word in words.NOT_ASKED]
    versions = [probe for probe in probes if probe.version]
    new = sum(probe.word == words.HEALTHY and bool(probe.expected_version) for probe in versions)
    old = sum(probe.word == words.WRONG_VERSION for probe in versions)
    if new and old:
        said.append(f"version skew: {new} of {new + old} new version")
    elif old:
        said.append(f"{old} of {len(probes)} wrong version")
    silent = sum(probe.word in words.NO_CONTACT for probe in probes)
    if silent == len(probes) and len({targets_of(probe) for probe in probes}) > 1:
        said.append("nobody can be reached: is the network of this machine up?")
    elif down := verdicts["failed"]:
        said.append(f"{down} of {len(probes)} failed")
    if refused:
        said.append(f"{len(refused)} of {len(probes)} not asked: {refused[0].detail}")
    return Answer(
        state=DataState.UNKNOWN if len(refused) == len(probes) else DataState.OK,
        things=list(probes),
        reason="; ".join(said),
        detail={"endpoints": len(probes), **{name: verdicts[name] for name in sorted(verdicts)}},
    )


def targets_of(probe: Probe) -> str:
    """The host that a probe speaks to; the address itself if it is none."""
    try:
        return targets.parse(probe.url).host
    except targets.TargetRefused:
        return probe.url


def _request(target: targets.Target, address: str, connect_s: float) -> httpx.Request:
    """One GET to this very address, with the name where the server and the certificate look for it."""
    import httpx

    return httpx.Request(
        "GET",
        httpx.URL(scheme=target.scheme, host=address, port=target.port, raw_path=target.path.encode("ascii")),
        headers={
            "host": target.authority,
            "accept": "*/*",
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": "stas",
        },
        extensions={
            "sni_hostname": target.host,
            "timeout": {"connect": connect_s, "read": None, "write": None, "pool": None},
        },
    )


async def _looked_up(round_: _Round, target: targets.Target) -> list[str]:
    """The addresses of a host, looked up once a round; nobody's time limit ends another's lookup."""
    if targets.real_address(target.host) is not None:
        return [target.host]
    key = (target.host, target.port)
    if key not in round_.names:
        round_.names[key] = _in_thread(lambda: targets.resolve(*key))
    return await asyncio.shield(round_.names[key])


def _in_thread(act: Callable[[], list[str]]) -> asyncio.Future[list[str]]:
    """Run on a thread that nobody waits for at the end: the system's resolver cannot be interrupted."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def deliver(set_: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_(value)

    def run() -> None:
        try:
            found = act()
        except Exception as error:  # noqa: BLE001  handed to whoever asked
            how: tuple[Callable[[Any], None], Any] = (future.set_exception, error)
        else:
            how = (future.set_result, found)
        with contextlib.suppress(RuntimeError):  # the round is over and its loop closed
            loop.call_soon_threadsafe(deliver, *how)

    threading.Thread(target=run, name="stas-resolve", daemon=True).start()
    return future


@cache
def _roots() -> ssl.SSLContext:
    """Roots of certifi and of the system, shared by all: inside one's own walls there are authorities of one's own."""
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


@cache
def _no_roots() -> ssl.SSLContext:
    """For rounds without TLS: it trusts nobody, and is made in no time."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _longest(endpoints: Sequence[HealthEndpoint], at_once: int) -> float:
    times = [endpoint.timeout_s for endpoint in endpoints]
    return sum(times) / at_once + max(times, default=0.0)
