"""Good answers of Alertmanager and Prometheus as they were seen, to be spoiled one way at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from stas_tui import config_sources
from stas_tui.health.alertmanager import AlertmanagerSource
from stas_tui.health.base import Answer
from stas_tui.health.prometheus import PrometheusSource
from storage.canonical import dump, tame
from tests.health.nasty import Nasty, limit_s

NOW = 1_795_447_996_000
HOSTILE = "\x1b]0;owned\x07[red]\u202e\udcff" + "A" * 10_000

ALERT: dict[str, Any] = {
    "fingerprint": "98be5eeda42fa8e5",
    "startsAt": "2026-11-23T15:32:44.564Z",
    "endsAt": "2026-11-23T15:36:44.564123456+01:00",
    "updatedAt": "2026-11-23T15:32:44.569Z",
    "labels": {"alertname": "TenantErrorRateHigh", "severity": "critical", "tenant": "acme"},
    "annotations": {"summary": "errors at 16.67%"},
    "receivers": [{"name": "stas"}],
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
}
SILENCE: dict[str, Any] = {
    "id": "11111111-2222-4333-8444-555555555555",
    "status": {"state": "active"},
    "matchers": [{"name": "tenant", "value": "acme", "isRegex": False}],
    "startsAt": "2026-11-23T15:32:44.564Z",
    "endsAt": "2026-11-24T15:32:44.564Z",
    "updatedAt": "2026-11-23T15:32:44.564Z",
    "createdBy": "Ada",
    "comment": "quiet",
}
STATUS: dict[str, Any] = {
    "uptime": "2020-01-01T00:00:00.000Z",
    "versionInfo": {"version": "0.25.0"},
    "cluster": {"status": "disabled"},
}
VECTOR: dict[str, Any] = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {"tenant": "acme"}, "value": [1795447996.937, "2"]}]},
}
NO_MATRIX: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": []}}
NO_RULES: dict[str, Any] = {"status": "success", "data": {"groups": []}}


def good_alertmanager(**changes: Any) -> dict[str, Any]:
    pages = {"/api/v2/alerts": [ALERT], "/api/v2/silences": [SILENCE], "/api/v2/status": STATUS}
    return copy.deepcopy({**pages, **changes})


def good_prometheus(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(
        {"/api/v1/query": VECTOR, "/api/v1/query_range": NO_MATRIX, "/api/v1/rules": NO_RULES, **changes}
    )


def alertmanager(server: Nasty, token: Callable[[], str] = str) -> AlertmanagerSource:
    return AlertmanagerSource(config_sources.Alertmanager(url=server.url, timeout_s=limit_s(server.how)), token)


def prometheus(server: Nasty, token: Callable[[], str] = str, **usage: str) -> PrometheusSource:
    config = config_sources.Prometheus(url=server.url, timeout_s=limit_s(server.how), usage=usage)
    return PrometheusSource(config, ["acme"], token)


SOURCES = {"alertmanager": (alertmanager, good_alertmanager), "prometheus": (prometheus, good_prometheus)}


def ask(source: Any, now: int = NOW) -> Answer:
    try:
        answer: Answer = source.ask(now)
    finally:
        source.close()
    dump(tame([thing.to_json() for thing in answer.things or ()]))
    dump(tame(answer.detail))
    return answer
