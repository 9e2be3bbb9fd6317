"""Health endpoints over real sockets: every way to fail has its own word, and nobody is called dead who is not."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoints, endpoint, http, table, unused_port
from nasty import Nasty

from stas_tui.health import words
from stas_tui.health.base import Answer
from stas_tui.health.probes import LARGEST, ProbeSource
from stas_tui.health.reading import same_version
from storage.clock import DAY, SystemClock
from storage.records import DataState
from storage.watch_records import Probe, SourceKind

NEW = "9f2c4be1d0a7c3e58b16f42a90d7731c5e8ab604"
OLD = "1234567890abcdef1234567890abcdef12345678"


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    with Endpoints() as served:
        yield served


def source(*asked: Any, expected: str = "", **options: Any) -> ProbeSource:
    watch = options.pop("watch", None) or table()
    return ProbeSource("shop", asked, watch, lambda: expected, **options)


def ask(source_: ProbeSource) -> Answer:
    return source_.ask(SystemClock().now())


def probes(source_: ProbeSource) -> list[Probe]:
    return [thing for thing in ask(source_).things or () if isinstance(thing, Probe)]


def one(asked: Any, **options: Any) -> Probe:
    [probe] = probes(source(asked, **options))
    return probe


def test_a_healthy_endpoint(endpoints: Endpoints) -> None:
    port = endpoints.add(http())
    asked = source(endpoint(port, service="ledger", tenant="acme", expect_body='"ok"'))
    answer = ask(asked)
    assert (asked.name, asked.kind, answer.state, answer.reason) == ("probes:shop", SourceKind.PROBES, "ok", "")
    [probe] = answer.things or ()
    assert isinstance(probe, Probe)
    assert (probe.key, probe.verdict, probe.word, probe.status) == ("shop/api", "ok", words.HEALTHY, 200)
    assert (probe.service, probe.tenant, probe.tries) == ("ledger", "acme", (words.HEALTHY,))
    assert probe.latency_ms is not None
    [head] = endpoints.heads
    assert head.startswith("GET /health HTTP/1.1\r\n")
    assert f"127.0.0.1:{port}\r\n" in head


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3_600)


def test_R108_timeout_refusal_status_body_and_version_are_different_words(endpoints: Endpoints) -> None:
    version = endpoints.add(http(b'{"build": {"sha": "%s"}}' % OLD.encode()))
    found = probes(
        source(
            endpoint(endpoints.add(_hang), "hangs", timeout_s=0.3),
            endpoint(unused_port(), "gone"),
            endpoint(endpoints.add(http(status="503 Service Unavailable")), "503"),
            endpoint(endpoints.add(http(b"maintenance")), "body", expect_body="alive"),
            endpoint(version, "old", version_field="build.sha"),
            endpoint(version, "none", version_field="build.number"),
            endpoint(endpoints.add(http(b"<html>")), "html", version_field="sha"),
            endpoint(endpoints.add(http(b"", "302 Found", "Location: /login")), "moved"),
            endpoint(0, "lost", url="http://no-such-host.invalid/health"),
            expected=NEW,
        )
    )
    assert {probe.name: probe.word for probe in found} == {
        "hangs": words.TIMEOUT,
        "gone": words.REFUSED,
        "503": words.WRONG_STATUS,
        "body": words.WRONG_BODY,
        "old": words.WRONG_VERSION,
        "none": words.NO_VERSION,
        "html": words.NO_VERSION,
        "moved": words.REDIRECTED,
        "lost": words.NAME_NOT_FOUND,
    }
    by_name = {probe.name: probe for probe in found}
    assert "0.3 s" in by_name["hangs"].detail
    assert by_name["503"].status == 503
    assert by_name["old"].version == OLD
    assert by_name["old"].expected_version == NEW
    assert "reachable" in by_name["old"].detail
    assert not any(head.startswith("GET /login") for head in endpoints.heads), "a redirect is not followed"


NASTY = {
    "hang": words.TIMEOUT,
    "hang in body": words.TIMEOUT,
    "drip headers": words.TIMEOUT,
    "drip body": words.TIMEOUT,
    "huge": words.TOO_LARGE,
    "huge said": words.TOO_LARGE,
    "redirect": words.REDIRECTED,
    "says more": words.BROKEN,
    "says less": words.HEALTHY,
    "reset": words.BROKEN,
    "closes": words.BROKEN,
    "no http": words.BROKEN,
    "500 text": words.WRONG_STATUS,
}


@pytest.mark.parametrize("way", sorted(NASTY))
def test_nasty_servers_end_in_a_word_within_the_time_for_the_whole(way: str) -> None:
    with Nasty(how=way) as server:
        probe = one(endpoint(server.port, timeout_s=0.6))
    assert probe.word == NASTY[way]
    assert (probe.verdict == "ok") == (probe.word == words.HEALTHY)
    assert probe.latency_ms is not None
    assert probe.word in words.WORDS


def test_a_packed_body_is_not_unpacked_and_not_believed(endpoints: Endpoints) -> None:
    packed = endpoints.add(http(gzip.compress(b"ok" * 100), "200 OK", "Content-Encoding: gzip"))
    probe = one(endpoint(packed, expect_body="ok"))
    assert (probe.word, probe.verdict) == (words.WRONG_BODY, "degraded")
    assert "gzip" in probe.detail
    with Nasty(how="bomb") as server:
        assert one(endpoint(server.port, expect_body="ok")).verdict != "ok"


def test_a_body_at_the_bound_is_read_and_one_byte_more_is_too_large(endpoints: Endpoints) -> None:
    fits, larger = endpoints.add(http(b"x" * LARGEST)), endpoints.add(http(b"x" * (LARGEST + 1)))
    found = probes(source(endpoint(fits, "fits", expect_body="x"), endpoint(larger, "larger", expect_body="x")))
    assert [probe.word for probe in found] == [words.HEALTHY, words.TOO_LARGE]
    assert found[1].verdict == "degraded"


def test_a_secret_in_an_answer_does_not_get_in(endpoints: Endpoints) -> None:
    token = "ghp_" + "a1B2" * 9
    port = endpoints.add(http(b'{"version": "%s"}' % token.encode()))
    probe = one(endpoint(port, version_field="version"), expected=NEW)
    assert probe.word == words.WRONG_VERSION
    assert token not in str(probe.to_json())


# versions and skew ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "same"),
    [(NEW, True), (NEW[:7], True), (NEW[:12].upper(), True), (NEW[:6], False), (OLD[:9], False), ("2.4.0", False)],
)
def test_a_version_is_the_deployed_sha_or_its_beginning(reported: str, same: bool, endpoints: Endpoints) -> None:
    assert same_version(reported, NEW) is same
    port = endpoints.add(http(b'{"v": ["%s"]}' % reported.encode()))
    probe = one(endpoint(port, version_field="v.0"), expected=NEW)
    assert (probe.word == words.HEALTHY) is same


def test_an_unknown_deployed_version_is_said_and_not_compared(endpoints: Endpoints) -> None:
    port = endpoints.add(http(b'{"v": "2.4.0"}'))
    probe = one(endpoint(port, version_field="v"))
    assert (probe.word, probe.version, probe.expected_version) == (words.HEALTHY, "2.4.0", "")
    assert "not compared" in probe.detail


def test_R108_seven_of_eight_new_is_version_skew(endpoints: Endpoints) -> None:
    new, old = endpoints.add(http(b'{"v": "%s"}' % NEW.encode())), endpoints.add(http(b'{"v": "%s"}' % OLD.encode()))
    asked = [endpoint(new, f"api-{n}", version_field="v") for n in range(7)]
    answer = ask(source(*asked, endpoint(old, "api-7", version_field="v"), expected=NEW))
    assert answer.state is DataState.OK
    assert answer.reason == "version skew: 7 of 8 new version"


# tries ---------------------------------------------------------------------------------------------


def test_H4_one_failure_is_degraded_and_two_of_three_are_failed(endpoints: Endpoints) -> None:
    answers = iter([b"", http(), b"", http(), http(), http()])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(answers))

    asked = source(endpoint(endpoints.add(serve)))
    verdicts = []
    for _ in range(6):
        [probe] = probes(asked)
        verdicts.append(probe.verdict)
    assert verdicts == ["degraded", "degraded", "failed", "degraded", "degraded", "ok"]
    assert len(probe.tries) == words.TRIES
    assert len(endpoints.heads) == 6, "one request a round: nobody is hammered"


def test_tries_of_a_watcher_before_this_one_count() -> None:
    port = unused_port()
    probe = one(endpoint(port), earlier={"shop/api": (words.HEALTHY, words.REFUSED)})
    assert (probe.verdict, probe.tries) == ("failed", (words.HEALTHY, words.REFUSED, words.REFUSED))


def test_a_wrong_version_never_makes_an_endpoint_failed() -> None:
    assert words.verdict([words.WRONG_VERSION] * 3) == "degraded"
    assert words.verdict([words.TIMEOUT, words.REFUSED, words.HEALTHY]) == "failed"
    assert words.verdict([words.TIMEOUT, words.TIMEOUT, words.NOT_ALLOWED]) == "unknown"
    assert words.verdict([]) == "unknown"


def test_nobody_reachable_asks_for_our_own_network() -> None:
    answer = ask(source(*(endpoint(0, name, url=f"http://{name}.invalid/") for name in "abc")))
    assert "network of this machine" in answer.reason


def test_a_proxy_of_the_environment_is_not_used(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    assert one(endpoint(endpoints.add(http()))).word == words.HEALTHY


# who may be asked ----------------------------------------------------------------------------------


def test_a_private_target_that_is_not_listed_is_not_asked(endpoints: Endpoints) -> None:
    port = endpoints.add(http())
    answer = ask(source(endpoint(port), watch=table("10.0.0.0/8")))
    [probe] = answer.things or ()
    assert isinstance(probe, Probe)
    assert (probe.verdict, probe.word) == ("unknown", words.NOT_ALLOWED)
    assert "allow_private" in probe.detail
    assert answer.state is DataState.UNKNOWN
    assert "not asked" in answer.reason
    assert endpoints.heads == []


def resolver(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The system's resolver answers these, one after another; returns the names it is asked for."""
    real, asked, left = socket.getaddrinfo, [], list(answers)

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *args, **options)
        asked.append(str(host))
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in left.pop(0)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_judged_by_all_its_addresses(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    port = endpoints.add(http())
    resolver(monkeypatch, ["127.0.0.1", "10.1.2.3"])
    probe = one(endpoint(port, host="shop.example"))
    assert (probe.word, endpoints.heads) == (words.NOT_ALLOWED, [])
    assert "10.1.2.3" in probe.detail


def test_the_connection_goes_to_the_address_that_was_judged(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = endpoints.add(http())
    asked = resolver(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    found = probes(source(endpoint(port, "a", host="Shop.example"), endpoint(port, "b", host="shop.example")))
    assert [probe.word for probe in found] == [words.HEALTHY] * 2
    assert asked == ["shop.example"], "looked up once a round"
    assert all(f"shop.example:{port}\r\n" in head for head in endpoints.heads)


def test_another_address_of_the_same_host_is_tried(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    port = endpoints.add(http())
    resolver(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    assert one(endpoint(port, host="shop.example")).word == words.HEALTHY


# many ----------------------------------------------------------------------------------------------


def test_waiting_for_a_turn_is_no_failure_and_no_more_are_asked_than_allowed(endpoints: Endpoints) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(http())

    port = endpoints.add(slow)
    asked = [endpoint(port, f"api-{n}", timeout_s=0.8) for n in range(24)]
    found = probes(source(*asked, watch=table(probes_at_once=3)))
    assert {probe.word for probe in found} == {words.HEALTHY}
    assert endpoints.busiest <= 3


def test_a_dead_one_does_not_touch_the_others(endpoints: Endpoints) -> None:
    good = [endpoint(endpoints.add(http()), f"good-{n}") for n in range(20)]
    bad = [endpoint(endpoints.add(_hang), f"bad-{n}", timeout_s=0.3) for n in range(20)]
    found = {probe.name: probe.word for probe in probes(source(*good, *bad))}
    assert {word for name, word in found.items() if name.startswith("good")} == {words.HEALTHY}
    assert {word for name, word in found.items() if name.startswith("bad")} == {words.TIMEOUT}


# TLS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for shop.example that is good for 30 days, signed by itself."""
    if shutil.which("openssl") is None:
        assert os.environ.get("CI") != "true", "openssl is needed"
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "30", "-subj", "/CN=shop"),
            *("-addext", "subjectAltName=DNS:shop.example"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def secure(authority: Path, endpoints: Endpoints) -> tuple[int, list[str | None]]:
    """A port that speaks TLS, and the names it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    return endpoints.add(http(), tls=context), asked


def trusting(authority: Path) -> Callable[[], ssl.SSLContext]:
    return lambda: ssl.create_default_context(cafile=authority / "cert.pem")


def test_tls_with_the_name_in_the_handshake_and_the_days_left(
    secure: tuple[int, list[str | None]], authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, asked = secure
    resolver(monkeypatch, ["127.0.0.1"])
    probe = one(endpoint(0, url=f"https://shop.example:{port}/"), context=trusting(authority))
    assert (probe.word, asked) == (words.HEALTHY, ["shop.example"])
    assert probe.certificate_days == 29


def test_a_certificate_nobody_trusts_or_for_another_name_is_a_tls_failure(
    secure: tuple[int, list[str | None]], authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _ = secure
    resolver(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    stranger = one(endpoint(0, url=f"https://shop.example:{port}/"))
    other = one(endpoint(0, url=f"https://other.example:{port}/"), context=trusting(authority))
    assert (stranger.word, other.word) == (words.TLS_FAILURE, words.TLS_FAILURE)
    assert "self-signed" in stranger.detail.replace("self signed", "self-signed")
    assert "other.example" in other.detail


def test_no_tls_where_tls_is_expected_is_a_tls_failure(endpoints: Endpoints) -> None:
    probe = one(endpoint(0, url=f"https://127.0.0.1:{endpoints.add(http(), reads=False)}/"))
    assert probe.word == words.TLS_FAILURE


def test_days_left_are_counted_from_now(
    secure: tuple[int, list[str | None]], authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _ = secure
    resolver(monkeypatch, ["127.0.0.1"])
    asked = source(endpoint(0, url=f"https://shop.example:{port}/"), context=trusting(authority))
    [probe] = asked.ask(SystemClock().now() + 20 * DAY).things or ()
    assert isinstance(probe, Probe)
    assert probe.certificate_days == 9
