"""Alerts and silences of a real Alertmanager: what we show is what amtool says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui import config_sources
from stas_tui.health.alertmanager import AlertmanagerSource
from stas_tui.health.base import Answer
from stas_tui.notify.alertmanager_v2 import to_ms, to_rfc3339
from storage.clock import DAY, MINUTE, SystemClock
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Alert, Silence, SourceKind, SourceStatus
from tests.health.real import Alertmanager, http_json, needs, until

NOW = SystemClock().now


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    needs("prometheus-alertmanager", "amtool")
    with Alertmanager(tmp_path / "alertmanager") as running:
        yield running


def source(server: Alertmanager, **options: Any) -> AlertmanagerSource:
    return AlertmanagerSource(config_sources.Alertmanager(url=server.url), lambda: "", **{"settling_s": 0.0, **options})


def ask(server: Alertmanager, **options: Any) -> Answer:
    asked = source(server, **options)
    try:
        return asked.ask(NOW())
    finally:
        asked.close()


def alerts(answer: Answer) -> dict[str, Alert]:
    return {thing.labels["alertname"]: thing for thing in answer.things or () if isinstance(thing, Alert)}


def silences(answer: Answer) -> list[Silence]:
    return [thing for thing in answer.things or () if isinstance(thing, Silence)]


def fire(server: Alertmanager, *names: str, **labels: str) -> None:
    server.post(
        *(
            {
                "labels": {"alertname": name, "severity": "critical", "tenant": "acme", **labels},
                "annotations": {"summary": f"{name} is on", "runbook_url": "https://runbooks.example.test/x"},
                "generatorURL": "http://prometheus.example.test/graph",
            }
            for name in names
        )
    )


def silence(server: Alertmanager, name: str, comment: str = "quiet") -> str:
    now = NOW()
    status, body = http_json(
        server.port,
        "POST",
        "/api/v2/silences",
        {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            "startsAt": to_rfc3339(now),
            "endsAt": to_rfc3339(now + 30 * MINUTE),
            "createdBy": "Ada",
            "comment": comment,
        },
    )
    assert status == 200, body
    return str(body["silenceID"])


def settled(server: Alertmanager, count: int) -> None:
    """Suppression is computed a moment after an alert came; wait until no alert is unprocessed."""

    def calm() -> bool:
        _, found = http_json(server.port, "GET", "/api/v2/alerts")
        return len(found) == count and all(a["status"]["state"] != "unprocessed" for a in found)

    until(calm, f"{count} alerts processed")


def test_what_is_shown_is_what_amtool_says(server: Alertmanager) -> None:
    fire(server, "TenantErrorRateHigh", "DiskFull")
    fire(server, "Slow", severity="warning")
    fire(server, "OtherTenant", tenant="globex", severity="warning")
    quiet = silence(server, "DiskFull")
    settled(server, 4)
    answer = ask(server)
    told = {a["fingerprint"]: a for a in server.amtool("alert", "query", "--silenced", "--inhibited", "--active")}
    shown = alerts(answer)
    assert {a.key for a in shown.values()} == set(told)
    hiding = {shown["TenantErrorRateHigh"].key, shown["DiskFull"].key}
    for alert in shown.values():
        raw = told[alert.key]
        assert alert.labels == raw["labels"]
        assert alert.annotations == raw["annotations"]
        assert alert.state == raw["status"]["state"]
        assert list(alert.silenced_by) == raw["status"]["silencedBy"]
        assert len(alert.inhibited_by) == len(raw["status"]["inhibitedBy"])
        assert set(alert.inhibited_by) <= hiding, "of several it names any one, another each time"
        assert (alert.starts_at, alert.ends_at) == (to_ms(raw["startsAt"]), to_ms(raw["endsAt"]))
        assert alert.generator_url == raw["generatorURL"]
    assert (answer.state, answer.reason, answer.partial) == (DataState.OK, "", False)
    assert shown["DiskFull"].silenced_by == (quiet,)
    assert shown["DiskFull"].inhibited_by == ()
    assert shown["Slow"].silenced_by == ()
    assert set(shown["Slow"].inhibited_by) <= {shown["TenantErrorRateHigh"].key, shown["DiskFull"].key}
    assert shown["Slow"].inhibited_by
    assert shown["OtherTenant"].state == "active"
    [held] = silences(answer)
    [said] = server.amtool("silence", "query")
    assert (held.key, held.comment, held.created_by) == (said["id"], said["comment"], said["createdBy"])
    assert held.matchers == (("alertname", "DiskFull", False, True),)
    assert (held.state, held.matches, held.ends_at) == ("active", 1, to_ms(said["endsAt"]))
    assert answer.detail["version"] == http_json(server.port, "GET", "/api/v2/status")[1]["versionInfo"]["version"]
    assert (answer.detail["silenced"], answer.detail["inhibited"]) == (1, 1)


def test_a_resolved_alert_vanishes_and_the_watch_says_gone(server: Alertmanager, tmp_path: Path) -> None:
    fire(server, "TenantErrorRateHigh", "DiskFull")
    settled(server, 2)
    watch = Watch(open_watch(tmp_path / "watch.db"))
    first = ask(server)
    _keep(watch, first, 1_000)
    server.post(
        {
            "labels": {"alertname": "DiskFull", "severity": "critical", "tenant": "acme"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2026-01-01T00:01:00Z",
        }
    )
    settled(server, 1)
    second = ask(server)
    _keep(watch, second, 2_000)
    assert set(alerts(second)) == {"TenantErrorRateHigh"}
    gone = [fact for fact in watch.facts("alert", gone_since=1) if fact.gone_at]
    assert [fact.thing.labels["alertname"] for fact in gone if isinstance(fact.thing, Alert)] == ["DiskFull"]
    watch.store.close()


def _keep(watch: Watch, answer: Answer, at: int) -> None:
    status = SourceStatus(
        name="alertmanager", kind=SourceKind.ALERTS, state=answer.state, every_ms=15_000, asked_at=at, at=at
    )
    watch.record(status, answer.things, partial=answer.partial)


def test_after_a_restart_an_empty_list_is_not_calm_and_nothing_is_gone(server: Alertmanager, tmp_path: Path) -> None:
    fire(server, "TenantErrorRateHigh")
    quiet = silence(server, "Elsewhere")
    settled(server, 1)
    watch = Watch(open_watch(tmp_path / "watch.db"))
    _keep(watch, ask(server), 1_000)
    server.restart()
    answer = ask(server, settling_s=3_600.0)
    assert answer.state is DataState.UNKNOWN
    assert answer.partial
    assert "restarted " in answer.reason
    assert "may be incomplete" in answer.reason
    assert [held.key for held in silences(answer)] == [quiet]
    _keep(watch, answer, 2_000)
    [fact] = watch.facts("alert")
    assert fact.gone_at is None
    fire(server, "Other")
    settled(server, 1)
    again = ask(server, settling_s=3_600.0)
    assert (again.state, again.partial) == (DataState.OK, True)
    assert "restarted " in again.reason
    watch.store.close()


def test_a_restart_is_seen_by_the_servers_own_clock(server: Alertmanager) -> None:
    """Ours is a year ahead."""
    asked = source(server, settling_s=3_600.0)
    answer = asked.ask(NOW() + 365 * DAY)
    asked.close()
    assert "restarted " in answer.reason
    assert answer.partial


def test_a_server_that_has_run_for_a_while_and_has_no_alerts_is_empty(server: Alertmanager) -> None:
    answer = ask(server)
    assert (answer.state, answer.reason, answer.partial, list(answer.things or ())) == (DataState.EMPTY, "", False, [])


def test_a_repost_keeps_its_beginning_and_moves_its_freshness(server: Alertmanager) -> None:
    fire(server, "TenantErrorRateHigh")
    settled(server, 1)
    first = alerts(ask(server))["TenantErrorRateHigh"]

    def fresher() -> Alert | None:
        fire(server, "TenantErrorRateHigh")
        now = alerts(ask(server))["TenantErrorRateHigh"]
        return now if now.updated_at > first.updated_at else None

    second = until(fresher, "a repost")
    assert (second.key, second.starts_at) == (first.key, first.starts_at)


def test_expired_silences_are_left_out(server: Alertmanager) -> None:
    quiet = silence(server, "DiskFull")
    assert http_json(server.port, "DELETE", f"/api/v2/silence/{quiet}")[0] == 200
    assert http_json(server.port, "GET", "/api/v2/silences")[1][0]["status"]["state"] == "expired"
    assert silences(ask(server)) == []


def test_a_dead_server_is_an_error_and_what_was_known_stays(server: Alertmanager) -> None:
    server.stop()
    answer = ask(server)
    assert (answer.state, answer.things) == (DataState.ERROR, None)
    assert "/api/v2/alerts" in answer.reason
    assert "refused" in answer.reason


def test_a_thousand_alerts(server: Alertmanager) -> None:
    server.post(*({"labels": {"alertname": f"A{n}", "tenant": f"t{n % 7}"}} for n in range(1_000)))
    settled(server, 1_000)
    answer = ask(server)
    assert len(alerts(answer)) == 1_000
    assert len({alert.key for alert in alerts(answer).values()}) == 1_000
