"""Prometheus with parts missing, of another shape, or hostile: what cannot be read is no data, and the rest stands."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.health.base import Answer
from stas_tui.health.prometheus import PrometheusSource
from storage.records import DataState, Merge
from storage.watch_records import AlertRule, TenantNumbers
from tests.health.nasty import Nasty, limit_s
from tests.health.recorded import HOSTILE, NOW, VECTOR, ask, good_prometheus, prometheus


def rows(answer: Answer) -> dict[str, TenantNumbers]:
    return {thing.tenant: thing for thing in answer.things or () if isinstance(thing, TenantNumbers)}


@pytest.mark.parametrize("way", ["hang", "500 text", "html", "wrong shape", "429"])
@pytest.mark.parametrize("path", ["/api/v1/query_range", "/api/v1/rules"])
def test_R119_numbers_stand_although_another_part_fails(way: str, path: str) -> None:
    with Nasty(how=way, only=path, pages=good_prometheus()) as server:
        answer = ask(prometheus(server))
    assert answer.state is DataState.OK
    assert rows(answer)["acme"].requests == 2.0
    assert "unknown: " in answer.reason
    if path.endswith("rules"):
        assert answer.detail["rules"] == "unknown"
        assert answer.partial


def test_after_a_hang_nothing_more_is_asked_in_the_round() -> None:
    with Nasty(how="hang", only="/api/v1/query_range", pages=good_prometheus()) as server:
        merge = Merge(project_id="shop", sha="9f2c", at=NOW - 1_000, author="dev", subject="x")
        config = config_sources.Prometheus(url=server.url, timeout_s=limit_s(server.how))
        answer = ask(PrometheusSource(config, [], str, lambda: [merge]))
        assert [request.path for request in server.requests].count("/api/v1/query_range") == 1
        assert "/api/v1/rules" not in [request.path for request in server.requests]
    assert answer.detail["failed"]["history"] == "timeout"
    assert answer.partial


@pytest.mark.parametrize(
    "result",
    [
        [None, "x", 7, {}],
        [{"metric": {"tenant": "acme"}}],
        [{"metric": {"tenant": "acme"}, "value": "2"}],
        [{"metric": {"tenant": "acme"}, "value": [1, 2]}],
        [{"metric": {"tenant": "acme"}, "value": [1, "two"]}],
        [{"metric": {"tenant": "acme"}, "value": [1, "NaN"]}],
        [{"metric": {"tenant": "acme"}, "value": [1, "-Inf"]}],
        [{"metric": {"tenant": "acme"}, "value": [1, "9" * 5_000]}],
        [{"metric": {"tenant": ["acme"]}, "value": [1, "1"]}],
        [{"metric": [], "value": [1, "1"]}],
    ],
)
def test_E6_values_that_are_none_are_no_data(result: Any) -> None:
    page = {"status": "success", "data": {"resultType": "vector", "result": result}}
    with Nasty(pages=good_prometheus(**{"/api/v1/query": page})) as server:
        answer = ask(prometheus(server, cpu="cpu"))
    row = rows(answer)["acme"]
    assert (row.requests, row.errors, row.denied, row.latency, row.usage) == (None, None, None, None, {"cpu": None})


@pytest.mark.parametrize(
    "page",
    [
        [],
        "ok",
        {"status": "success"},
        {"status": "success", "data": []},
        {"status": "success", "data": {"resultType": "vector", "result": {}}},
        {"status": "success", "data": {"resultType": "matrix", "result": []}},
        {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"},
        {"status": "error"},
    ],
)
def test_E6_another_shape_of_the_whole_is_an_error(page: Any) -> None:
    with Nasty(pages=good_prometheus(**{"/api/v1/query": page})) as server:
        answer = ask(prometheus(server))
    assert (answer.state, answer.things) == (DataState.ERROR, None)
    assert "/api/v1/query" in answer.reason


def test_warnings_are_kept() -> None:
    page = {**VECTOR, "warnings": ["a store was unreachable", 7, *(f"w{n}" for n in range(50))]}
    with Nasty(pages=good_prometheus(**{"/api/v1/query": page})) as server:
        answer = ask(prometheus(server))
    assert answer.detail["warnings"][0] == "a store was unreachable"
    assert len(answer.detail["warnings"]) == 8


@pytest.mark.parametrize(
    "groups",
    [
        [None, 7, {}, {"rules": "x"}, {"rules": [None, {"type": "alerting"}, {"type": "alerting", "name": 5}]}],
        [{"name": 5, "rules": [{"type": "alerting", "name": "A", "query": "sum(("}]}],
        [{"name": HOSTILE, "rules": [{"type": "alerting", "name": HOSTILE, "query": HOSTILE, "alerts": [None, 5]}]}],
    ],
)
def test_E6_odd_rules_do_no_harm(groups: Any) -> None:
    page = {"status": "success", "data": {"groups": groups}}
    with Nasty(pages=good_prometheus(**{"/api/v1/rules": page})) as server:
        answer = ask(prometheus(server))
    assert rows(answer)["acme"].requests == 2.0
    assert all(len(thing.key) <= 500 for thing in answer.things or () if isinstance(thing, AlertRule))


def test_two_rules_of_one_name_keep_two_keys() -> None:
    rule = {"type": "alerting", "name": "A", "query": "up"}
    page = {
        "status": "success",
        "data": {"groups": [{"name": "g", "rules": [rule, rule]}, {"name": "g", "rules": [rule]}]},
    }
    with Nasty(pages=good_prometheus(**{"/api/v1/rules": page})) as server:
        answer = ask(prometheus(server))
    assert [thing.key for thing in answer.things or () if isinstance(thing, AlertRule)] == ["g/A", "g/A#2", "g/A#3"]


def test_a_usage_query_cannot_take_the_place_of_the_errors() -> None:
    with Nasty(pages=good_prometheus()) as server:
        source = prometheus(server, errors="vector(0)")
        assert "http_requests_total" in source.queries["errors"]
        source.close()
