"""Numbers by tenant from a real Prometheus that scrapes a page of ours: what we show is what promtool says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.health.base import Answer
from stas_tui.health.prometheus import PrometheusSource
from storage.clock import HOUR, MINUTE, SystemClock
from storage.records import DataState, Merge
from storage.watch_records import AlertRule, Comparison, TenantNumbers
from tests.health.real import Alertmanager, MetricsPage, Prometheus, http_json, needs, until

NOW = SystemClock().now
RULES = """
groups:
- name: api
  rules:
  - {alert: TenantErrors, expr: 'sum by (tenant) (rate(http_requests_total{code="500"}[5s])) > 0.5'}
  - {alert: AllErrors, expr: 'sum(rate(http_requests_total{code="500"}[5s])) > 1000', for: 5m}
  - {alert: Down, expr: 'up == 0'}
  - {record: 'x:y', expr: 'sum(up)'}
"""


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    with MetricsPage() as serving:
        yield serving


@contextmanager
def serving(folder: Path, page: MetricsPage) -> Iterator[Prometheus]:
    needs("prometheus", "promtool")
    page.rates = {"acme": (50, 10), "globex": (60, 0), "": (1, 0)}
    page.extra = 'weird{tenant="acme"} NaN\nweird{tenant="globex"} +Inf\ntwice{tenant="acme",a="1"} 1\n'
    page.extra += 'twice{tenant="acme",a="2"} 2\nmemory{tenant="acme"} 4096\n'
    with Prometheus(folder, page, rules=RULES) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server with six seconds of history, for tests that only ask; what a test writes is its own source's."""
    with MetricsPage() as page, serving(tmp_path_factory.mktemp("prometheus"), page) as running:
        scraped(page, 30)
        yield running


@pytest.fixture
def server(tmp_path: Path, page: MetricsPage) -> Iterator[Prometheus]:
    """A server of one's own, whose page a test may change."""
    with serving(tmp_path / "prometheus", page) as running:
        yield running


def config(url: str, **changes: Any) -> config_sources.Prometheus:
    values: dict[str, Any] = {
        "url": url,
        "requests": "sum by ({tenant}) (rate(http_requests_total[5s]))",
        "errors": 'sum by ({tenant}) (rate(http_requests_total{code=~"5.."}[5s]))',
        "denied": 'sum by ({tenant}) (rate(http_requests_total{code=~"401|403"}[5s]))',
    }
    return config_sources.Prometheus(**{**values, **changes})


def source(server: Prometheus, merges: Sequence[Merge] = (), step_ms: int = 1_000, **changes: Any) -> PrometheusSource:
    return PrometheusSource(
        config(server.url, **changes), ["initech", "acme"], lambda: "", lambda: merges, step_ms=step_ms
    )


def ask(server: Prometheus, merges: Sequence[Merge] = (), **changes: Any) -> Answer:
    asked = source(server, merges, **changes)
    try:
        return asked.ask(NOW())
    finally:
        asked.close()


def numbers(answer: Answer) -> dict[str, TenantNumbers]:
    return {thing.tenant: thing for thing in answer.things or () if isinstance(thing, TenantNumbers)}


def comparisons(answer: Answer) -> dict[str, Comparison]:
    return {thing.tenant: thing for thing in answer.things or () if isinstance(thing, Comparison)}


def scraped(page: MetricsPage, times: int) -> None:
    since = page.scrapes
    until(lambda: page.scrapes >= since + times, f"{times} scrapes")


def told(server: Prometheus, query: str) -> dict[str, float]:
    return {s["metric"].get("tenant", ""): float(s["value"][1]) for s in server.promtool(query)}


def test_R39_R116_a_spike_on_acme_only_and_an_idle_tenant_is_listed_as_no_data(shared: Prometheus) -> None:
    answer = ask(shared, usage={"memory": "memory", "disk": 'sum by ({tenant}) (disk_bytes{kind="ssd"})'})
    shown = numbers(answer)
    assert list(shown) == ["initech", "acme", "globex"]
    acme, globex, idle = shown["acme"], shown["globex"], shown["initech"]
    assert acme.errors == pytest.approx(1 / 6, abs=0.005)
    assert globex.errors == 0.0
    assert (idle.requests, idle.errors, idle.latency, idle.usage) == (None, None, None, {"memory": None, "disk": None})
    assert set(idle.missing) == {"requests", "errors", "denied", "latency", "memory", "disk"}
    assert set(acme.missing) == {"denied", "latency", "disk"}
    assert acme.usage == {"memory": 4096.0, "disk": None}
    assert acme.denied is None
    assert acme.remark.startswith("spike: 16.")
    assert "off (" in acme.remark
    assert "off (" in globex.remark
    assert "spike" not in globex.remark
    assert answer.state is DataState.OK
    assert "no series for denied, latency, disk" in answer.reason
    assert answer.detail["no_series"]["disk"] == 'sum by (tenant) (disk_bytes{kind="ssd"})'
    assert answer.detail["no_series_of"]["disk"] == ("disk_bytes",)
    assert answer.detail["unlabelled"] == {"requests": 1, "errors": 1}


def test_the_numbers_are_those_of_promtool(server: Prometheus, page: MetricsPage) -> None:
    """Frozen counters: after the page stopped growing both see the same rates."""
    scraped(page, 4)
    page.rates = dict.fromkeys(page.rates, (0, 0))
    asked = source(server, requests="sum by ({tenant}) (http_requests_total)", latency="memory")
    queries = asked.queries
    until(lambda: (scraped(page, 2), told(server, queries["requests"]).get("acme", 0) > 0)[1], "numbers")
    until(lambda: _steady(server, queries["requests"], page), "a steady page")
    shown = numbers(asked.ask(NOW()))
    asked.close()
    said = told(server, queries["requests"])
    assert {t: n.requests for t, n in shown.items() if n.requests is not None} == {t: v for t, v in said.items() if t}
    assert shown["acme"].latency == told(server, "memory")["acme"]


def _steady(server: Prometheus, query: str, page: MetricsPage) -> bool:
    before = told(server, query)
    scraped(page, 2)
    return told(server, query) == before


def test_R116_what_is_no_number_is_no_data_and_never_zero(shared: Prometheus) -> None:
    until(lambda: told(shared, "weird"), "the series")
    said = told(shared, "weird")
    assert math.isnan(said["acme"])
    assert math.isinf(said["globex"])
    answer = ask(shared, latency="weird", usage={"twice": "twice"})
    shown = numbers(answer)
    assert (shown["acme"].latency, shown["globex"].latency) == (None, None)
    assert "latency" not in shown["acme"].missing
    assert shown["acme"].usage == {"twice": None}
    assert answer.detail["repeated"] == {"twice": ["acme"]}


def test_nothing_measured_is_empty_with_its_queries_and_all_tenants(shared: Prometheus) -> None:
    names = ("requests", "errors", "denied", "latency")
    answer = ask(shared, **dict.fromkeys(names, "sum by ({tenant}) (no_such_metric)"))
    assert answer.state is DataState.EMPTY
    assert answer.reason.startswith("no series for requests, errors, denied, latency")
    assert list(numbers(answer)) == ["initech", "acme"]
    assert all(n.errors is None and n.requests is None for n in numbers(answer).values())


def test_a_bad_query_for_a_further_number_leaves_the_others(shared: Prometheus) -> None:
    answer = ask(shared, latency="sum by (tenant) (")
    assert answer.state is DataState.OK
    assert numbers(answer)["globex"].errors == 0.0
    assert numbers(answer)["globex"].latency is None
    assert "latency unknown: latency: /api/v1/query answered 400: bad_data" in answer.reason
    assert "parse error" in answer.detail["failed"]["latency"]


def test_a_bad_query_for_errors_is_an_error(shared: Prometheus) -> None:
    answer = ask(shared, errors="sum by (tenant) (")
    assert (answer.state, answer.things) == (DataState.ERROR, None)
    assert answer.reason.startswith("errors: /api/v1/query answered 400: bad_data: ")


def test_a_number_without_tenants_is_no_number_by_tenant(shared: Prometheus) -> None:
    answer = ask(shared, latency="scalar(sum(up))")
    assert "latency: /api/v1/query gave a scalar" in answer.reason


def test_the_past_hour_is_kept_for_the_sparkline(shared: Prometheus) -> None:
    """Asked a minute ahead, so that the newest point of the grid is one that Prometheus has data for."""
    asked = source(
        shared,
        requests="sum by ({tenant}) (rate(http_requests_total[2m]))",
        errors='sum by ({tenant}) (rate(http_requests_total{code="500"}[2m]))',
    )
    rows = numbers(asked.ask((NOW() // MINUTE + 1) * MINUTE))
    asked.close()
    history = rows["acme"].history
    assert len(history) == 60
    assert history[0] is None
    assert history[-1] == pytest.approx(1 / 6, abs=0.02)
    assert rows["initech"].history == ()


def test_R119_rules_that_hide_a_small_tenant_are_named(shared: Prometheus) -> None:
    def rules() -> dict[str, AlertRule]:
        return {thing.name: thing for thing in ask(shared).things or () if isinstance(thing, AlertRule)}

    found = until(rules, "the rules")
    assert set(found) == {"TenantErrors", "AllErrors", "Down"}
    assert found["AllErrors"].hides.startswith("sum over all tenants")
    assert (found["TenantErrors"].hides, found["TenantErrors"].per_tenant) == ("", True)
    assert (found["Down"].hides, found["Down"].per_tenant) == ("", False)
    assert found["TenantErrors"].key == "api/TenantErrors"
    groups = http_json(shared.port, "GET", "/api/v1/rules?type=alert")[1]["data"]["groups"]
    assert {r["query"] for r in groups[0]["rules"]} == {r.expression for r in found.values()}


def test_R107_a_merge_made_acme_worse_and_left_globex_the_same(server: Prometheus, page: MetricsPage) -> None:
    page.rates = {"acme": (60, 0), "globex": (60, 1), "tiny": (1, 0)}
    scraped(page, 30)
    merge = Merge(project_id="shop", sha="9f2c", at=NOW(), author="dev", subject="infra: pool")
    early = Merge(project_id="shop", sha="0ld", at=merge.at - 2 * HOUR, author="dev", subject="before all data")
    page.rates = {"acme": (50, 10), "globex": (60, 1), "tiny": (1, 0)}

    def measured() -> Any:
        answer = ask(server, [merge, early])
        acme = next(c for c in answer.things or () if isinstance(c, Comparison) and c.key == "9f2c/acme")
        return answer if acme.verdict != "not measurable" and acme.points >= 8 else None

    answer = until(measured, "a verdict")
    found = {(c.sha, c.tenant): c for c in answer.things if isinstance(c, Comparison)}
    acme = found["9f2c", "acme"]
    assert (acme.verdict, acme.key) == ("worse", "9f2c/acme")
    assert acme.before is not None
    assert acme.after is not None
    assert acme.before < 0.02 < acme.after
    assert found["9f2c", "globex"].verdict == "same"
    assert found["9f2c", "initech"].verdict == "not measurable"
    assert "no series" in found["9f2c", "initech"].reason
    assert found["0ld", "acme"].verdict == "not measurable"
    assert not answer.partial


def test_a_merge_that_has_just_landed_is_not_measurable_yet(shared: Prometheus) -> None:
    merge = Merge(project_id="shop", sha="9f2c", at=NOW(), author="dev", subject="infra: pool")
    found = comparisons(ask(shared, [merge]))
    assert found["acme"].verdict == "not measurable"
    assert "points after the merge" in found["acme"].reason


def test_a_whole_path_from_a_page_to_an_alert(tmp_path: Path, page: MetricsPage) -> None:
    """Errors on the page fire the rule, Prometheus sends it, and Alertmanager's alert carries the tenant."""
    from tests.health.test_alertmanager import alerts
    from tests.health.test_alertmanager import ask as ask_alertmanager

    needs("prometheus", "prometheus-alertmanager")
    page.rates = {"acme": (50, 10), "globex": (60, 0)}
    with (
        Alertmanager(tmp_path / "alertmanager") as alertmanager,
        Prometheus(tmp_path / "prometheus", page, rules=RULES, alertmanager=alertmanager),
    ):
        answer = until(lambda: (a := ask_alertmanager(alertmanager)).things and a, "an alert")
    [alert] = alerts(answer).values()
    assert (alert.name, alert.tenant) == ("TenantErrors", "acme")


def test_few_requests_a_round(server: Prometheus, page: MetricsPage) -> None:
    """Four queries; the past hour once a minute; the rules every five minutes."""
    asked = source(server)

    def count(handler: str) -> int:
        text = http_text(server.port)
        return sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in text.splitlines()
            if line.startswith("prometheus_http_requests_total{") and f'handler="/api/v1/{handler}"' in line
        )

    now = NOW()
    for n in range(4):
        asked.ask(now + n * 15_000)
    asked.close()
    assert (count("query"), count("query_range"), count("rules")) == (16, 3, 1)


def http_text(port: int) -> str:
    return str(http_json(port, "GET", "/metrics")[1])
