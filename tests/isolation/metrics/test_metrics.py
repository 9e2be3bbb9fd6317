"""M1-M8: a real Prometheus with seven days of numbers in it, and the rules of judging alone."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_sources import Prometheus as Source
from stas_tui.isolation import metrics
from stas_tui.isolation.base import World
from stas_tui.isolation.metrics import judging
from stas_tui.isolation.tenancy import load_text
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.health.real import MetricsPage, Prometheus, needs

QUARTER = 900
DAYS = 7 * 96 + 4
TENANTS = ("acme", "globex", "initech", "umbrella", "stark", "wayne")
RULES = """
groups:
- name: api
  rules:
  - alert: TenantErrors
    expr: sum by (tenant) (t_errors) > 1
  - alert: AllErrors
    expr: sum(t_errors) > 1
"""


def day(n: int, base: float) -> float:
    """A quiet rhythm of the day with a little unrest, the same every time."""
    return base * (1 + 0.3 * math.sin(2 * math.pi * n / 96) + 0.02 * math.sin(n * 1.7))


def samples(now: int) -> Iterator[str]:
    """acme fails now, globex stopped, initech is slow, umbrella is tiny, stark and wayne are as ever."""
    for name in ("t_requests", "t_errors", "t_latency"):
        yield f"# TYPE {name} gauge"
        for tenant in TENANTS:
            for n in range(DAYS * 3):
                at = now - (DAYS * 3 - 1 - n) * 300
                fresh = DAYS * 3 - n <= 10
                requests = day(n // 3, 0.01 if tenant == "umbrella" else 2.0)
                if tenant == "globex" and fresh:
                    requests = 0.0
                errors = requests * (0.2 if tenant == "acme" and fresh else 0.005)
                latency = day(n // 3, 0.2) * (8 if tenant == "initech" and fresh else 1)
                value = {"t_requests": requests, "t_errors": errors, "t_latency": latency}[name]
                yield f'{name}{{tenant="{tenant}"}} {value:.6f} {at}'
    yield "# EOF"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    needs("prometheus", "promtool")
    folder = tmp_path_factory.mktemp("week")
    (folder / "week.txt").write_text("\n".join(samples(int(time.time()))) + "\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=168h"]
    subprocess.run([*command, str(folder / "week.txt"), str(folder / "p" / "data")], check=True, capture_output=True)
    with MetricsPage() as page, Prometheus(folder / "p", page, rules=RULES) as running:
        yield running


def asked(server: Prometheus, check: str, *, declared: str = "", **source: Any) -> dict[str, CheckResult]:
    queries = {
        "requests": "sum by ({tenant}) (t_requests)",
        "errors": "sum by ({tenant}) (t_errors)",
        "latency": "sum by ({tenant}) (t_latency)",
        "usage": {"cpu": "sum by ({tenant}) (t_requests)"},
    }
    tenancy = load_text(f'strategy = "row"\ncompleted_by = "ada"\n[metrics]\n{declared}', Path("t.toml"))
    world = World(
        project_id="shop", tenants=(*TENANTS, "nobody"), tenancy=tenancy, clock=SystemClock(), only=frozenset({check}),
        prometheus=(Source(**{"url": server.url, **queries, **source}),),
    )  # fmt: skip
    return {result.tenant: result for result in metrics.run(world)}


def words(results: dict[str, CheckResult]) -> dict[str, str]:
    return {tenant: str(result.verdict) for tenant, result in results.items()}


EVERYBODY = {"stark": "verified", "wayne": "verified", "nobody": "unknown", "umbrella": "unknown"}


def test_M2_errors_against_the_same_time_of_seven_days(server: Prometheus) -> None:
    results = asked(server, "M2")
    assert words(results) == {**EVERYBODY, "acme": "flagged", "globex": "unknown", "initech": "verified"}
    assert "20.0 % of" in results["acme"].reason
    assert "usually 0.5 %" in results["acme"].reason
    assert "30 are needed" in results["umbrella"].reason
    assert results["nobody"].reason == "no data"
    assert results["acme"].executed == (
        "sum by (tenant) (t_requests) over 7 days",
        "sum by (tenant) (t_errors) over 7 days",
    )


def test_M3_latency(server: Prometheus) -> None:
    results = asked(server, "M3")
    assert words(results) == {**EVERYBODY, "acme": "verified", "globex": "unknown", "initech": "flagged"}


def test_M4_traffic_that_stops(server: Prometheus) -> None:
    results = asked(server, "M4")
    assert words(results) == {**EVERYBODY, "acme": "verified", "globex": "flagged", "initech": "verified"}
    assert results["globex"].reason.startswith("no request for 45 min, usually")


def test_M5_one_tenant_moves_away_from_its_peers(server: Prometheus) -> None:
    results = asked(server, "M5")
    assert {tenant for tenant, word in words(results).items() if word == "flagged"} == {"initech"}


def test_M1_labels_and_missing_series(server: Prometheus) -> None:
    assert words(asked(server, "M1")) == {"": "verified"}
    result = asked(server, "M1", latency="sum by ({tenant}) (no_such_metric)")[""]
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, "no series for latency; name the metrics in [metrics]")
    assert words(asked(server, "M1", requests="sum(t_requests)")) == {"": "flagged"}


def test_M7_R119_rules_that_drown_a_small_tenant(server: Prometheus) -> None:
    result = asked(server, "M7")[""]
    assert (result.verdict, result.reason) == (Verdict.FLAGGED, "1 rule of 2 would not see a small tenant")
    assert result.leads[0].path == "api/AllErrors"


def test_M8_R118_shares(server: Prometheus) -> None:
    results = asked(server, "M8")
    assert words(results)["stark"] == "verified"
    assert results["nobody"].verdict is Verdict.UNKNOWN
    assert "no cost is declared" in asked(server, "M8", usage={})["acme"].reason


def test_a_wrong_query_and_a_dead_server_are_unknown(server: Prometheus) -> None:
    result = asked(server, "M2", requests="sum(")["acme"]
    assert result.verdict is Verdict.UNKNOWN
    assert "400" in result.reason
    dead = asked(server, "M2", url="http://127.0.0.1:9")["acme"]
    assert dead.verdict is Verdict.UNKNOWN
    assert "refuse" in dead.reason


# the rules alone ----------------------------------------------------------------------------------

CALM = [day(n, 2.0) for n in range(DAYS)]
QUICK = [day(n, 0.2) for n in range(DAYS)]


def series(now: dict[str, float], base: list[float]) -> dict[str, list[float | None]]:
    return {tenant: [*base[:-2], base[-2] * times, base[-1] * times] for tenant, times in now.items()}


def test_M6_a_noisy_neighbour_a_slow_platform_and_a_harmless_surge_are_three_things() -> None:
    slow, ever = dict.fromkeys("abcde", 3.0), dict.fromkeys("abcde", 1.0)
    costs = series({**ever, "x": 20.0}, CALM)
    noisy = judging.neighbours(series({**slow, "x": 1.0}, QUICK), costs)
    assert noisy.verdict is Verdict.FLAGGED
    assert noisy.reason.startswith("x takes 80.0 % instead of 16.7 %, and 5 of 5 others are slowed")
    everyone = judging.neighbours(series({**slow, "x": 3.0}, QUICK), series({**ever, "x": 1.0}, CALM))
    assert (everyone.verdict, everyone.reason.partition(":")[0]) == (Verdict.UNKNOWN, "a global slow-down")
    surge = judging.neighbours(series({**ever, "x": 1.0}, QUICK), costs)
    assert (surge.verdict, surge.reason.partition(",")[0]) == (Verdict.VERIFIED, "a surge of x")


def test_R117_all_at_ten_times_is_no_outlier() -> None:
    seconds = series(dict.fromkeys("abcdef", 10.0), QUICK)
    found = judging.peers(seconds, series(dict.fromkeys("abcdef", 1.0), CALM), 30)
    assert {word.verdict for word in found.values()} == {Verdict.VERIFIED}


def test_R117_three_tenants_are_too_few() -> None:
    found = judging.peers(series(dict.fromkeys("abc", 1.0), QUICK), series(dict.fromkeys("abc", 1.0), CALM), 30)
    assert {word.reason for word in found.values()} == {"off (3 tenants with enough traffic and history)"}


def test_no_history_and_no_data_are_never_good() -> None:
    young: list[float | None] = [None] * (DAYS - 5) + [2.0] * 5
    for word in (judging.errors(young, young, 30), judging.latency(young, young, 30), judging.volume(young, 30)):
        assert word.verdict is Verdict.UNKNOWN
    for word in (judging.errors([], [], 30), judging.latency([], [], 30), judging.volume([], 30)):
        assert word.verdict is Verdict.UNKNOWN


def test_a_series_that_went_away_is_told_as_such() -> None:
    gone: list[float | None] = [*CALM[:-3], None, None, None]
    word = judging.volume(gone, 30)
    assert (word.verdict, word.reason.partition(",")[0]) == (Verdict.FLAGGED, "no series for 45 min")


def test_one_bad_quarter_is_not_two() -> None:
    once: list[float | None] = [*QUICK[:-1], QUICK[-1] * 10]
    assert judging.latency(list(CALM), once, 30).verdict is Verdict.VERIFIED


def test_without_prometheus_it_says_so() -> None:
    tenancy = load_text('strategy = "row"\ncompleted_by = "a"', Path("t.toml"))
    world = World(project_id="shop", tenants=("acme",), tenancy=tenancy, clock=SystemClock())
    assert {result.reason for result in metrics.run(world)} == {"no [[prometheus]] is configured"}
