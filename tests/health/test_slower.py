"""Latency around a merge: the rule alone, and a real Prometheus with an hour and a half of numbers in it (R107)."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stas_tui.config_sources import Prometheus as Source
from stas_tui.health.prometheus import PrometheusSource
from stas_tui.health.slower import Latency, compare_latency
from storage.clock import HOUR, MINUTE
from storage.records import DataState, Merge
from storage.watch_records import Comparison
from tests.health.real import MetricsPage, Prometheus, needs

AT = 1_795_000_000_000
STEP = 15_000
MERGE = Merge(project_id="shop", sha="9f2c", at=AT, author="dev", subject="infra: pool")
Curve = Callable[[float], float | None]
"""Seconds at a minute, counted from the merge."""


def compared(curve: Curve, *, minutes: float = 30, rate: float = 10.0, window_ms: int = 5 * MINUTE) -> Latency:
    times = range(AT - HOUR, AT + int(minutes * MINUTE) + 1, STEP)
    latency = [(at, curve((at - AT) / MINUTE)) for at in times]
    requests = [(at, rate) for at in times]
    now = AT + int(minutes * MINUTE)
    return compare_latency(MERGE, requests, latency, now=now, step_ms=STEP, window_ms=window_ms)


def uneasy(minute: float) -> float:
    return 0.2 * (1 + 0.05 * math.sin(minute * 1.7))


def step_to(value: float, since: float = 0.0, until: float = 99.0) -> Curve:
    return lambda minute: value if since < minute <= until else uneasy(minute)


@pytest.mark.parametrize(
    ("curve", "verdict"),
    [
        (uneasy, "same"),
        (step_to(0.29), "same"),
        (step_to(0.4), "worse"),
        (step_to(0.4, since=16), "worse"),
        (step_to(0.4, until=9), "same"),
        (step_to(0.05), "better"),
        (step_to(0.05, since=20), "same"),
    ],
    ids=["calm", "a little", "twice", "twice in the end", "one slow stretch", "faster", "faster in the end"],
)
def test_R107_two_stretches_in_a_row_have_to_stand_out(curve: Curve, verdict: str) -> None:
    assert compared(curve).verdict == verdict


def test_R107_the_numbers_are_said() -> None:
    found = compared(step_to(0.8))
    assert (found.before, found.after) == (pytest.approx(0.2, abs=0.001), 0.8)
    assert found.reason == "p95 0.2 s before, 0.8 s after"


def test_R107_what_the_percentile_still_sees_of_the_time_before_is_left_out() -> None:
    found = compared(lambda minute: uneasy(minute) if minute <= 5 else 0.8, minutes=16)
    assert (found.verdict, found.after) == ("worse", 0.8)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (lambda: compared(uneasy, minutes=0.5), "2 of 4 latency points after the merge"),
        (lambda: compared(uneasy, minutes=7), "not two stretches after the merge yet"),
        (lambda: compared(uneasy, rate=0.001), "4 of 30 requests before the merge"),
        (lambda: compared(uneasy, rate=0.01), "18 of 30 requests after the merge"),
        (lambda: compared(lambda _: None), "0 of 4 latency points before the merge"),
        (lambda: compared(lambda _: 0.0), "0 of 4 latency points before the merge"),
        (lambda: compared(lambda m: None if m > 0 else 0.2), "0 of 4 latency points after the merge"),
    ],
    ids=["early", "one stretch", "no traffic", "little traffic", "NaN", "zero", "NaN after"],
)
def test_R107_what_was_not_measured_is_never_good(found: Callable[[], Latency], reason: str) -> None:
    assert (found().verdict, found().reason) == ("not measurable", reason)


def test_R107_no_series_and_no_answer_say_so() -> None:
    gone = compare_latency(MERGE, [(AT, 1.0)], None, now=AT + HOUR, step_ms=STEP)
    assert (gone.verdict, gone.reason) == ("not measurable", "no series for latency")
    wrong = compare_latency(MERGE, None, None, now=AT + HOUR, step_ms=STEP, problem="latency: answered 400")
    assert (wrong.verdict, wrong.reason) == ("not measurable", "latency: answered 400")


def test_a_record_from_before_latency_was_compared_is_not_measurable() -> None:
    old = Comparison(
        key="s/acme", sha="s", merged_at=AT, tenant="acme", before=0.0, after=0.0, verdict="same"
    ).to_json()
    for name in [name for name in old if name.startswith("latency")]:
        del old[name]
    assert Comparison.from_json(old).latency == "not measurable"


def test_R107_the_record_stands_as_what_is_worst() -> None:
    def standing(verdict: str, latency: str) -> str:
        values: dict[str, Any] = {"sha": "s", "merged_at": AT, "tenant": "acme", "before": 0.0, "after": 0.0}
        return Comparison(key="s/acme", verdict=verdict, latency=latency, **values).standing

    assert standing("same", "worse") == "slower"
    assert standing("worse", "worse") == "worse"
    assert standing("same", "not measurable") == "same"


# a real Prometheus --------------------------------------------------------------------------------

MERGED_BEFORE_S = 31 * 60
TENANTS = ("acme", "globex", "umbrella", "initech", "tiny")


def samples(now: int) -> Iterator[str]:
    """acme got slow, umbrella fast, globex is as ever, initech has no latency, tiny hardly any requests."""
    merged = now - MERGED_BEFORE_S
    for name in ("t_requests", "t_errors", "t_latency"):
        yield f"# TYPE {name} gauge"
        for tenant in TENANTS:
            if (name, tenant) == ("t_latency", "initech"):
                continue
            for at in range(now - 95 * 60, now + 1, 15):
                seconds = 0.2 * (1 + 0.05 * math.sin(at * 1.7))
                seconds *= {"acme": 8, "umbrella": 0.1}.get(tenant, 1) if at > merged else 1
                rate = 0.001 if tenant == "tiny" else 10
                value = {"t_requests": rate, "t_errors": 0.0, "t_latency": seconds}[name]
                yield f'{name}{{tenant="{tenant}"}} {value} {at}'
    yield "# EOF"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, int]]:
    needs("prometheus", "promtool")
    folder, now = tmp_path_factory.mktemp("merge"), int(time.time())
    (folder / "past.txt").write_text("\n".join(samples(now)) + "\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, str(folder / "past.txt"), str(folder / "p" / "data")], check=True, capture_output=True)
    with MetricsPage() as page, Prometheus(folder / "p", page) as running:
        yield running, now


def source(server: tuple[Prometheus, int], **changes: str) -> PrometheusSource:
    running, now = server
    queries = {f"{name}": f"sum by ({{tenant}}) (t_{name})" for name in ("requests", "errors", "latency")}
    config = Source.model_validate({"url": running.url, **queries, **changes})
    merge = Merge(project_id="shop", sha="9f2c", at=(now - MERGED_BEFORE_S) * 1000, author="dev", subject="infra: pool")
    return PrometheusSource(config, ["acme"], lambda: "", lambda: [merge])


def compared_by(asking: PrometheusSource, now: int) -> tuple[dict[str, Comparison], DataState]:
    answer = asking.ask(now)
    return {one.tenant: one for one in answer.things or () if isinstance(one, Comparison)}, answer.state


def asked(server: tuple[Prometheus, int], **changes: str) -> tuple[dict[str, Comparison], DataState]:
    asking = source(server, **changes)
    try:
        return compared_by(asking, server[1] * 1000)
    finally:
        asking.close()


def test_R107_latency_by_tenant_from_a_real_prometheus(server: tuple[Prometheus, int]) -> None:
    found, _ = asked(server)
    words = {tenant: one.latency for tenant, one in found.items()}
    assert words == {
        "acme": "worse", "globex": "same", "umbrella": "better", "initech": "not measurable", "tiny": "not measurable",
    }  # fmt: skip
    acme = found["acme"]
    assert (acme.verdict, acme.standing) == ("same", "slower")
    assert acme.latency_before == pytest.approx(0.2, rel=0.05)
    assert acme.latency_after == pytest.approx(1.6, rel=0.05)
    assert acme.latency_reason == "p95 0.2 s before, 1.6 s after"
    assert found["initech"].latency_reason == "no series for latency"
    assert "requests before the merge" in found["tiny"].latency_reason


def test_R107_a_wrong_latency_query_leaves_the_errors_compared(server: tuple[Prometheus, int]) -> None:
    found, state = asked(server, latency="sum by (tenant) (")
    assert state is DataState.OK
    assert (found["acme"].verdict, found["acme"].latency) == ("same", "not measurable")
    assert "400: bad_data" in found["acme"].latency_reason


def test_R107_no_latency_at_all_is_not_measurable_for_anybody(server: tuple[Prometheus, int]) -> None:
    found, _ = asked(server, latency="sum by ({tenant}) (no_such_metric)")
    assert {one.latency for one in found.values()} == {"not measurable"}


def test_R107_latency_that_could_not_be_asked_is_asked_again(server: tuple[Prometheus, int]) -> None:
    """Also after the 30 minutes, when errors that were measured are not measured again."""
    now = server[1] * 1000
    asking = source(server, latency="sum by (tenant) (")
    before, _ = compared_by(asking, now)
    asking.queries["latency"] = "sum by (tenant) (t_latency)"
    after, _ = compared_by(asking, now + MINUTE)
    asking.close()
    assert (before["acme"].latency, after["acme"].latency) == ("not measurable", "worse")
