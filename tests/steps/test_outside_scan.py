"""Step 6 with sources: alerts, error rates, endpoints, CI, builds, deployments (R36-R39, R119, R135-R137, H1-H5)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from storage.clock import HOUR, MINUTE
from storage.records import DataState, Priority, Project, Task
from storage.watch_records import AlertRule, Deploy, Observed, SourceKind
from tests.door.shop import T0, Shop, field, message, platform_of
from tests.steps.outside import (
    CONFIG,
    TENANTS,
    alert,
    check,
    compared,
    health,
    healthy,
    land,
    numbers,
    probe,
    says,
    status,
    walk,
    watched,
)


def scan(shop: Shop, kind: SourceKind, *things: Observed, **changes: Any) -> str:
    """A healthy shop in which one source says something else; returns the sha of its one merge."""
    sha = healthy(watched(shop))
    says(shop, kind, *things, **changes)
    walk(shop, 6)
    return sha


def p0(shop: Shop) -> list[Task]:
    return [task for task in shop.world.tasks("shop") if task.priority is Priority.P0]


# alerts -------------------------------------------------------------------------------------------


def test_alerts_are_counted_worst_first_and_the_hidden_ones_apart(shop: Shop) -> None:
    scan(
        shop,
        SourceKind.ALERTS,
        alert("1", "warning", name="QueueLong", labels={"job": "billing"}),
        alert("2", "critical"),
        alert("3", "critical", state="suppressed", silenced_by=("s-1",)),
        alert("4", "warning", state="suppressed", inhibited_by=("2",)),
        alert("5", "none", name="Watchdog", labels={}),
    )
    found = health(shop)["alerts"]
    assert found.verdict == "failed"
    assert found.reason == (
        "2 firing, worst critical TenantErrorRateHigh on checkout (acme), 1 silenced, 1 child, 1 for information"
    )
    assert [proof.ref for proof in found.evidence][:2] == ["alertmanager:2", "alertmanager:1"]
    assert found.evidence[0].text.endswith("tenant acme errors at 16.67%")


@pytest.mark.parametrize(
    ("severity", "state", "verdict"),
    [
        ("page", "active", "failed"),
        ("warning", "active", "degraded"),
        ("", "active", "degraded"),
        ("info", "active", "ok"),
        ("critical", "suppressed", "degraded"),
        ("critical", "unprocessed", "failed"),
    ],
)
def test_a_silenced_alert_still_burns_and_a_watchdog_does_not(
    shop: Shop, severity: str, state: str, verdict: str
) -> None:
    silenced = ("s-1",) if state == "suppressed" else ()
    scan(shop, SourceKind.ALERTS, alert("1", severity, state=state, silenced_by=silenced))
    assert health(shop)["alerts"].verdict == verdict


def test_a_resolved_alert_is_gone_and_not_never_there(shop: Shop) -> None:
    healthy(watched(shop))
    says(shop, SourceKind.ALERTS, alert())
    shop.later()
    says(shop, SourceKind.ALERTS)
    walk(shop, 6)
    assert health(shop)["alerts"].reason == "none firing, 1 gone within the hour"


def test_a_replayed_alert_is_shown_as_such_and_makes_no_task(shop: Shop) -> None:
    scan(shop, SourceKind.ALERTS, alert(), replayed=True)
    found = health(shop)["alerts"]
    assert found.verdict == "unknown"
    assert found.reason == "replayed: 1 firing, worst critical TenantErrorRateHigh on checkout (acme)"
    assert p0(shop) == []
    assert "burning" not in shop.summary()


# error rates --------------------------------------------------------------------------------------


def test_R39_a_measured_spike_is_told_for_its_tenant_alone(shop: Shop) -> None:
    healthy(watched(shop))
    says(shop, SourceKind.METRICS, numbers("acme", 0.1667), numbers("globex", 0.0, requests=2_000.0))
    shop.world.deliver(message("m-1", subject="5xx error rate spike on acme", at=T0 - HOUR))
    walk(shop, 6)
    rates = health(shop)["error rates"]
    assert (rates.verdict, rates.reason) == ("degraded", "spike: acme: 16.7 % errors (was 0.1 %)")
    mention = health(shop)["error spikes"]
    assert mention.verdict == "degraded"
    assert "measured: acme: 16.7 % errors" in mention.reason
    assert "not measured" not in mention.reason
    assert {proof.kind for proof in mention.evidence} == {"message", "query"}


def test_R39_a_mention_that_was_measured_and_not_found_is_not_confirmed_and_not_ok(shop: Shop) -> None:
    healthy(watched(shop))
    shop.world.deliver(message("m-1", subject="5xx error rate spike on acme", at=T0 - HOUR))
    walk(shop, 6)
    found = health(shop)["error spikes"]
    assert found.verdict == "unknown"
    assert "not confirmed: no spike measured" in found.reason


def test_R39_metrics_that_are_down_leave_it_mentioned_not_measured(shop: Shop) -> None:
    healthy(watched(shop))
    shop.app.watch.record(status(shop, SourceKind.METRICS, state=DataState.ERROR, reason="502", at=None))
    shop.world.deliver(message("m-1", subject="5xx error rate spike on acme", at=T0 - HOUR))
    walk(shop, 6)
    assert "mentioned, not measured (prometheus error: 502" in health(shop)["error spikes"].reason


def test_a_tenant_without_a_series_keeps_the_rates_unknown(shop: Shop) -> None:
    scan(shop, SourceKind.METRICS, numbers("acme"))
    found = health(shop)["error rates"]
    assert (found.verdict, found.reason) == ("unknown", "not judged: globex: no data")


def test_H5_a_spike_of_the_whole_platform_is_worse_than_that_of_a_tenant(shop: Shop) -> None:
    scan(shop, SourceKind.METRICS, *(numbers(tenant, 0.2) for tenant in TENANTS))
    found = health(shop)["error rates"]
    assert found.verdict == "failed"
    assert found.reason.startswith("spike: all tenants: 20 % errors (was 0.1 %)")


def test_R119_an_alert_rule_that_hides_a_small_tenant_is_a_concern(shop: Shop) -> None:
    rule = AlertRule(
        key="g/ErrorsHigh", name="ErrorsHigh", expression="sum(rate(x[5m]))", per_tenant=False, hides="sums"
    )
    scan(shop, SourceKind.METRICS, *map(numbers, TENANTS), rule)
    found = health(shop)["error rates"]
    assert found.verdict == "degraded"
    assert "1 alert rule may hide a small tenant: ErrorsHigh" in found.reason


# endpoints ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["timeout", "refused", "wrong version", "TLS failure", "wrong body"])
def test_H4_each_endpoint_has_its_own_word(shop: Shop, word: str) -> None:
    verdict = "degraded" if word == "wrong version" else "failed"
    scan(shop, SourceKind.PROBES, probe("checkout"), probe("billing", verdict, word))
    found = health(shop)["endpoints"]
    assert (found.verdict, found.reason) == (verdict, f"1 of 2 not healthy: billing {word}")
    assert found.evidence[0].ref == "shop/billing"


def test_R108_seven_of_eight_on_the_new_version_is_skew(shop: Shop) -> None:
    probes = [probe(f"p{n}", version="9f2c41ab" if n else "11111111", expected_version="9f2c41ab") for n in range(8)]
    scan(shop, SourceKind.PROBES, *probes)
    found = health(shop)["endpoints"]
    assert found.verdict == "degraded"
    assert found.reason == "8 of 8 healthy; version skew: 7 of 8 on 9f2c41ab"


def test_a_thousand_failing_endpoints_make_one_short_row(shop: Shop) -> None:
    scan(shop, SourceKind.PROBES, *(probe(f"p{n:04}", "failed", "timeout") for n in range(1_000)))
    found = health(shop)["endpoints"]
    assert found.reason.startswith("1000 of 1000 not healthy: p0000 timeout")
    assert "997 more" in found.reason
    assert len(found.evidence) < 30


# CI and builds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "verdict", "word"),
    [
        (("success", "failure", "success"), "failed", "Red"),
        (("success", "pending", "success"), "degraded", "Yellow"),
        (("success", "flaky", "success"), "degraded", "Yellow"),
        (("success", "success", "success"), "ok", "Green"),
    ],
)
def test_H1_R135_the_pipeline_of_the_head_in_scan_and_summary(
    shop: Shop, states: tuple[str, ...], verdict: str, word: str
) -> None:
    sha = healthy(watched(shop))
    names = ("lint", "unit", "image")
    says(shop, SourceKind.CI, *(check(sha, name, state) for name, state in zip(names, states, strict=True)))
    walk(shop, 6)
    assert health(shop)["CI"].verdict == verdict
    lines = shop.summary().splitlines()
    at = lines.index(f"- CI Pipeline: {word}")
    assert lines[at + 1].strip()


@pytest.mark.parametrize(("state", "word"), [("success", "Green"), ("failure", "Red"), ("pending", "Yellow")])
def test_H1_a_build_that_is_required_counts_for_the_pipeline_wherever_it_is_reported(
    shop: Shop, state: str, word: str
) -> None:
    sha = healthy(watched(shop))
    shop.configure(extra=CONFIG.replace('["lint", "unit"]', '["lint", "unit", "image"]'))
    shop.reopen()
    says(shop, SourceKind.BUILDS, check(sha, "image", state))
    walk(shop, 6)
    assert f"CI Pipeline: {word}" in shop.summary()
    shop.app.watch.record(status(shop, SourceKind.BUILDS, state=DataState.ERROR, reason="502", at=None))
    assert "CI Pipeline: Unknown (" in shop.summary()


def test_H1_checks_of_an_older_commit_do_not_count(shop: Shop) -> None:
    sha = healthy(watched(shop))
    land(shop, "newer", T0 - MINUTE)
    walk(shop, 6)
    for name in ("CI", "builds"):
        assert health(shop)[name].verdict == "unknown"
        assert f"those of {sha[:8]} do not count" in health(shop)[name].reason
    assert "CI Pipeline: Unknown (" in shop.summary()


def test_R136_a_failed_image_is_failing_and_an_open_one_unknown(shop: Shop) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.BUILDS, check(sha, "image", "failure"))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit"), check(sha, "image", "failure"))
    walk(shop, 6)
    assert "Container Builds: Failing" in shop.summary()
    says(shop, SourceKind.BUILDS, check(sha, "image", "pending"))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit"), check(sha, "image", "pending"))
    assert "Container Builds: Unknown (pending: image" in shop.summary()


def test_a_second_project_without_a_pipeline_is_not_green(shop: Shop) -> None:
    healthy(watched(shop))
    shop.world.put_project(Project(id="docs", name="Docs"))
    walk(shop, 6)
    found = health(shop)["CI"]
    assert found.verdict == "unknown"
    assert found.reason.startswith("docs: not configured; shop: 2 checks") or "docs: not configured" in found.reason


# deployments --------------------------------------------------------------------------------------


def deploy(n: int, state: str = "success", at: int = T0 - HOUR) -> Deploy:
    return Deploy(
        key=f"shop/{n}", project_id="shop", sha=f"{n}" * 40, at=at, what="rollout", environment="live", state=state
    )


def test_R37_H3_forge_deployments_and_memory_stand_side_by_side(shop: Shop) -> None:
    scan(shop, SourceKind.DEPLOYS, deploy(1), deploy(2), deploy(3, at=T0 - 25 * HOUR))
    found = health(shop)["deploys"]
    assert found.verdict == "ok"
    assert found.reason == "1 in 24 h (deployments 2: 2 succeeded; memory knows 0)"
    assert "1 in last 24h (2 deployments recorded; memory knows 0)" in field(shop.summary(), "Recent Deploys")


def test_R137_a_failed_deployment_is_an_issue(shop: Shop) -> None:
    scan(shop, SourceKind.DEPLOYS, deploy(1, "failure"))
    assert health(shop)["deploys"].verdict == "failed"
    said = field(shop.summary(), "Recent Deploys")
    assert "1 issue reported: live 11111111 failed (1h ago): rollout" in said


def test_R137_a_dead_inbox_is_not_no_issues(shop: Shop) -> None:
    class DeadInbox(LocalPlatform):
        def inbox(self, limit: int = 500) -> list[Any]:
            raise PlatformError("inbox is down")

    shop.wire(platform=lambda real: platform_of(real, DeadInbox))
    walk(shop, 6)
    said = field(shop.summary(), "Recent Deploys")
    assert "no issues" not in said
    assert "issues not known (inbox: inbox is down)" in said


def test_a_comparison_of_another_commit_is_no_part_of_the_scan(shop: Shop) -> None:
    scan(shop, SourceKind.METRICS, *map(numbers, TENANTS), compared("f" * 40, "acme", "worse"))
    assert health(shop)["error rates"].verdict == "ok"
