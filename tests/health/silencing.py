"""What the tests of silences share: one Alertmanager for each file, and helpers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.notify.base import SilenceWish
from stas_tui.notify.silences import AlertmanagerSilences
from storage.clock import HOUR, SystemClock
from tests.health.real import Alertmanager, http_json, needs, until

NOW = SystemClock().now
UNKNOWN_ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    needs("prometheus-alertmanager", "amtool")
    with Alertmanager(tmp_path_factory.mktemp("alertmanager")) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet_before(request: pytest.FixtureRequest) -> None:
    """Every test starts without unexpired silences."""
    if "server" in request.fixturenames:
        running: Alertmanager = request.getfixturevalue("server")
        for silence in http_json(running.port, "GET", "/api/v2/silences")[1]:
            http_json(running.port, "DELETE", f"/api/v2/silence/{silence['id']}")


def silences_of(url: str, name: str = "alertmanager", timeout_s: float = 10.0) -> AlertmanagerSilences:
    return AlertmanagerSilences([config_sources.Alertmanager(name=name, url=url, timeout_s=timeout_s)], lambda _: "")


def wish(**changes: Any) -> SilenceWish:
    now = NOW()
    values: dict[str, Any] = {
        "source": "alertmanager",
        "matchers": [("alertname", "DiskFull", False, True), ("tenant", "acme|globex", True, True)],
        "starts_at": now,
        "ends_at": now + HOUR,
        "by": "human:Ada",
        "comment": "stas:own:alert:1: the disk is being changed",
    }
    return SilenceWish(**{**values, **changes})


def fire(server: Alertmanager, *alerts: tuple[str, str, str]) -> None:
    server.post(
        *({"labels": {"alertname": name, "severity": severity, "tenant": tenant}} for name, severity, tenant in alerts)
    )
    until(lambda: len(http_json(server.port, "GET", "/api/v2/alerts")[1]) >= len(alerts), "the alerts")
