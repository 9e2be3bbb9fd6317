"""One item for everything that needs a person, and nothing lost on the way there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.clock import DAY, HOUR, MINUTE, SECOND
from storage.records import ActionState, DataState, MessageType, Priority
from storage.schema_watch import open_watch
from storage.triage_records import ItemClass
from storage.watch import Watch
from storage.watch_records import SourceKind
from tests.triage.looks import only, seen
from tests.triage.samples import (
    HOSTILE,
    NOW,
    OTHER,
    SHA,
    alert,
    check,
    comparison,
    deploy,
    fact,
    gate,
    message,
    probe,
    silence,
    status,
    task,
    tenant,
)

# alerts --------------------------------------------------------------------------------------------


def test_a_firing_alert_is_an_incident() -> None:
    item = only(alerts=[fact(alert(ago=7 * MINUTE), times=3)])
    assert (item.key, item.item_class, item.word, item.suppressed) == (
        "alert:98be5eeda42fa8e5",
        ItemClass.INCIDENT,
        "firing",
        "",
    )
    assert (item.priority, item.count, item.tenants, item.service) == (Priority.P0, 3, ("acme",), "api")
    assert item.first_seen == NOW - 7 * MINUTE, "the age is that of the alert, not of our first look"
    assert item.links == ("https://runbooks.example.test/errors",)
    assert not item.trusted


@pytest.mark.parametrize(
    ("severity", "priority", "kind"),
    [
        ("CRITICAL ", Priority.P0, ItemClass.INCIDENT),
        ("error", Priority.P1, ItemClass.INCIDENT),
        ("warning", Priority.P2, ItemClass.INCIDENT),
        ("page", Priority.P0, ItemClass.INCIDENT),
        ("low", Priority.P3, ItemClass.INCIDENT),
        ("", None, ItemClass.INCIDENT),
        (HOSTILE, None, ItemClass.INCIDENT),
        ("none", Priority.P3, ItemClass.INFO),
        ("info", Priority.P3, ItemClass.INFO),
    ],
)
def test_severity_words_become_priorities(severity: str, priority: Priority | None, kind: ItemClass) -> None:
    item = only(alerts=[fact(alert(severity=severity))])
    assert (item.priority, item.item_class) == (priority, kind)


def test_one_fingerprint_from_two_servers_is_one_item_with_all_evidence_and_the_worse_severity() -> None:
    item = only(
        alerts=[
            fact(alert(severity="warning"), source="am-a", times=2),
            fact(alert(severity="critical"), source="am-b"),
            fact(alert(), source="am-c", gone_at=NOW - MINUTE),
        ]
    )
    assert item.count == 4
    assert item.priority is Priority.P0
    assert {evidence.ref.partition("/")[0] for evidence in item.evidence} == {"am-a", "am-b", "am-c"}
    assert item.word == "firing", "what one server no longer says, another still does"


def test_a_silenced_alert_says_until_when() -> None:
    silenced = alert(state="suppressed", silenced_by=("s-1", "s-2"))
    ends = [fact(silence("s-1", ends_in=HOUR)), fact(silence("s-2", ends_in=2 * HOUR))]
    assert only(alerts=[fact(silenced)], silences=ends).suppressed == "silenced until 13:06Z"
    assert only(alerts=[fact(silenced)]).suppressed == "silenced, until when is not known"
    muted = alert(state="suppressed")
    assert only(alerts=[fact(muted)]).suppressed == "silenced, until when is not known"


def test_a_silence_that_is_over_hides_nothing_even_if_its_source_has_died() -> None:
    silenced = alert(state="suppressed", silenced_by=("s-1",))
    dead = [status(state=DataState.ERROR, ago=HOUR)]
    items = seen(alerts=[fact(silenced)], silences=[fact(silence(ends_in=-SECOND))], sources=dead)
    item = items["alert:98be5eeda42fa8e5"]
    assert item.suppressed == ""
    assert item.word.startswith("firing, as of ")


def test_silenced_on_one_server_only_is_not_silenced() -> None:
    both = [fact(alert(silenced_by=("s-1",)), source="am-a"), fact(alert(), source="am-b")]
    assert only(alerts=both).suppressed == ""


def test_inhibited_alerts_are_children_of_the_alert_at_the_top() -> None:
    items = seen(
        alerts=[
            fact(alert("top")),
            fact(alert("middle", state="suppressed", inhibited_by=("top",))),
            fact(alert("low", state="suppressed", inhibited_by=("middle", "never seen"))),
        ]
    )
    assert items["alert:top"].members == ("alert:low", "alert:middle")
    assert items["alert:top"].suppressed == ""
    for child in ("alert:middle", "alert:low"):
        assert items[child].suppressed.startswith("child of errors ")


@pytest.mark.parametrize("parents", [[], [fact(alert("p"), gone_at=NOW - MINUTE)]], ids=["never seen", "resolved"])
def test_a_child_without_a_parent_that_fires_stands_by_itself(parents: list[Any]) -> None:
    child = fact(alert("c", state="suppressed", inhibited_by=("p",)))
    item = seen(alerts=[child, *parents])["alert:c"]
    assert item.suppressed == ""
    assert "inhibited by what cannot be seen" in item.word


def test_alerts_that_inhibit_each_other_do_not_hide_all_of_them() -> None:
    ring = [fact(alert(key, inhibited_by=(other,))) for key, other in (("b", "c"), ("c", "a"), ("a", "b"))]
    items = seen(alerts=[*ring, fact(alert("d", inhibited_by=("b", "d")))])
    assert [key for key, item in items.items() if not item.suppressed] == ["alert:a"]
    assert items["alert:a"].members == ("alert:b", "alert:c", "alert:d")


def test_an_alert_that_went_is_shown_as_resolved_for_ten_minutes() -> None:
    item = only(alerts=[fact(alert(), gone_at=NOW - 3 * MINUTE)])
    assert (item.word, item.suppressed) == ("resolved", "resolved 3m ago")
    assert seen(alerts=[fact(alert(), gone_at=NOW - 10 * MINUTE - 1)]) == {}


# probes and tenants --------------------------------------------------------------------------------


def test_failed_endpoints_are_incidents_and_skewed_versions_suspect_deployments() -> None:
    items = seen(
        probes=[
            fact(probe("live"), since=NOW - MINUTE, ago=DAY),
            fact(probe("odd", verdict="degraded", word="wrong version")),
            fact(probe("slow", verdict="degraded", word="timeout")),
            fact(probe("fine", verdict="ok", word="healthy")),
            fact(probe("nobody", verdict="unknown", word="not allowed")),
            fact(probe("removed"), gone_at=NOW - MINUTE),
        ]
    )
    assert set(items) == {"probe:ledger/live", "probe:ledger/odd"}
    failed, skewed = items["probe:ledger/live"], items["probe:ledger/odd"]
    assert (failed.item_class, failed.word, failed.priority) == (ItemClass.INCIDENT, "timeout", Priority.P1)
    assert failed.first_seen == NOW - MINUTE, "it has failed for a minute, however long it is watched"
    assert (skewed.item_class, skewed.word) == (ItemClass.DEPLOY, "wrong version")


def test_the_watch_remembers_since_when_an_endpoint_fails(tmp_path: Path) -> None:
    with open_watch(tmp_path / "watch.db") as store:
        watch = Watch(store)
        for minute, verdict in ((9, "ok"), (8, "failed"), (5, "failed"), (1, "failed")):
            at = NOW - minute * MINUTE
            watch.record(status("probes", SourceKind.PROBES, asked_at=at, at=at), [probe(verdict=verdict)])
        assert only(probes=watch.facts("probe")).first_seen == NOW - 8 * MINUTE


def test_a_tenant_that_stands_out_and_fares_worse_since_a_merge_is_one_incident() -> None:
    items = seen(tenants=[fact(tenant()), fact(tenant("globex", remark=""))], comparisons=[fact(comparison())])
    item = items.pop("tenant:acme")
    assert (item.count, item.tenants, item.word) == (2, ("acme",), "outlier; worse")
    assert ("commit", SHA) in {(evidence.kind, evidence.ref) for evidence in item.evidence}
    assert set(items) == {f"deploy:/{SHA}"}, "globex is fine; the commit is suspect"


def test_R107_a_tenant_that_is_only_slower_since_a_merge_is_an_incident_too() -> None:
    slower = {"latency": "worse", "latency_before": 0.2, "latency_after": 1.6, "latency_reason": "p95 0.2 s, 1.6 s"}
    items = seen(comparisons=[fact(comparison(verdict="same", **slower))])
    assert items["tenant:acme"].title == f"tenant acme: p95 0.2 s -> 1.6 s since {SHA[:8]}"
    change = items[f"deploy:/{SHA}"]
    assert "tenant acme: worse p95 0.2 s, 1.6 s" in {evidence.text for evidence in change.evidence}
    assert seen(comparisons=[fact(comparison(verdict="same", latency="not measurable"))]) == {}


def test_R117_a_spike_is_the_tenants_and_most_tenants_at_once_are_the_platforms() -> None:
    assert (
        only(tenants=[fact(tenant(remark="spike: 9.0 % of requests fail; outliers off (2 tenants)"))]).word == "spike"
    )
    names = [f"t{n}" for n in range(5)]
    raised = [
        fact(tenant(name, remark=f"platform: 5 of 6 tenants raised at once; here {n} %"), source="prometheus")
        for n, name in enumerate(names)
    ]
    item = only(tenants=[*raised, fact(tenant("t5", remark="off (6 tenants)"), source="prometheus")])
    assert (item.key, item.word, item.title) == (
        "platform:prometheus",
        "platform",
        "platform: 5 of 6 tenants raised at once",
    )
    assert (item.count, item.tenants, len(item.evidence)) == (5, tuple(names), 5)


@pytest.mark.parametrize("remark", ["", "too few tenants", "no data", "off (3 tenants)"])
def test_other_remarks_are_no_incident(remark: str) -> None:
    assert seen(tenants=[fact(tenant(remark=remark))]) == {}


# changes -------------------------------------------------------------------------------------------


def test_a_quiet_deployment_needs_nobody() -> None:
    assert seen(deploys=[fact(deploy())], checks=[fact(check(state="success"))]) == {}


def test_CI_red_on_the_head_makes_it_suspect_and_an_older_red_does_not() -> None:
    reds = [fact(check(sha=SHA)), fact(check(sha=OTHER, state="success"))]
    item = only(deploys=[fact(deploy(SHA, ago=MINUTE)), fact(deploy(OTHER, ago=HOUR))], checks=reds)
    assert (item.key, item.item_class, item.word) == (f"deploy:ledger/{SHA}", ItemClass.DEPLOY, "CI red")
    assert item.priority is Priority.P1
    assert seen(deploys=[fact(deploy(SHA, ago=HOUR)), fact(deploy(OTHER, ago=MINUTE))], checks=reds) == {}


def test_a_red_head_counts_though_nobody_saw_it_land() -> None:
    assert only(checks=[fact(check())]).word == "CI red"


def test_a_required_check_that_never_reported_is_not_green() -> None:
    late = check(state="missing", required=True, since=NOW - 40 * MINUTE, conclusion="")
    assert only(deploys=[fact(deploy())], checks=[fact(late)]).word == "CI never reported"
    assert seen(checks=[fact(replace(late, since=NOW - 20 * MINUTE))]) == {}


def test_a_change_is_suspect_if_an_incident_begins_within_the_hour_after_it() -> None:
    burning = {"alerts": [fact(alert(ago=3 * MINUTE))]}
    assert seen(deploys=[fact(deploy(ago=9 * MINUTE))], **burning)[f"deploy:ledger/{SHA}"].word == "incident 6m after"
    assert len(seen(deploys=[fact(deploy(ago=3 * MINUTE - 1))], **burning)) == 1, "it landed after the incident began"
    assert len(seen(deploys=[fact(deploy(ago=63 * MINUTE + 1))], **burning)) == 1, "too long before"
    elsewhere = {"probes": [fact(probe(project_id="shop"))]}
    assert len(seen(deploys=[fact(deploy())], **elsewhere)) == 1, "another project's endpoint"
    quiet = {"alerts": [fact(alert(silenced_by=("s",)))]}
    assert len(seen(deploys=[fact(deploy())], **quiet)) == 1, "a silenced alert charges nobody"


def test_all_that_is_known_of_a_commit_is_one_item() -> None:
    item = seen(
        deploys=[
            fact(deploy()),
            fact(deploy(environment="production", state="failure", url="https://ci.example.test")),
        ],
        checks=[fact(check()), fact(check("lint", state="success"))],
        comparisons=[fact(comparison()), fact(comparison("globex"))],
    )[f"deploy:ledger/{SHA}"]
    assert item.word == "CI red, worse for acme and globex, deployment failed, incident 6m after"
    assert (item.count, item.tenants) == (2, ("acme", "globex"))
    assert item.links == ("https://ci.example.test",)


def test_a_failed_deployment_that_was_followed_by_a_good_one_is_over() -> None:
    failed = deploy(SHA, ago=HOUR, state="failure", environment="production")
    assert only(deploys=[fact(failed)]).word == "deployment failed"
    good = deploy(OTHER, ago=MINUTE, state="success", environment="production")
    assert seen(deploys=[fact(failed), fact(good)]) == {}


def test_a_suspect_is_seen_again_only_when_something_new_speaks_against_it() -> None:
    """What a person closed comes back with a new charge, not with the next look."""
    red = fact(check(), ago=5 * MINUTE)
    item = only(deploys=[fact(deploy())], checks=[red])
    assert item.last_seen == NOW - 5 * MINUTE


# gates, messages, tasks ----------------------------------------------------------------------------


def test_a_gate_waits_with_its_deadline_and_the_priority_of_its_task() -> None:
    items = seen(gates=[gate(due_in=4 * MINUTE)], tasks=[task(31)])
    item = items["gate:a-0001"]
    assert (item.item_class, item.deadline, item.priority, item.word) == (
        ItemClass.GATE,
        NOW + 4 * MINUTE,
        Priority.P0,
        "waits",
    )
    assert (item.ref, item.project_id) == ("a-0001", "ledger")
    assert only(gates=[gate(args={"priority": "P3"})]).priority is Priority.P3
    assert only(gates=[gate(args={"priority": HOSTILE, "taskId": 7})]).priority is None


def test_gates_that_are_deferred_halted_overdue_or_unknown() -> None:
    assert only(gates=[gate(defer_until=NOW + HOUR)]).suppressed == "deferred until 12:06Z"
    assert only(gates=[gate(defer_until=NOW - 1)]).suppressed == ""
    assert only(gates=[gate(due_in=-1)]).word == "overdue"
    lost = only(gates=[gate(state=ActionState.UNKNOWN)])
    assert (lost.word, lost.deadline) == ("outcome unknown", None)
    assert seen(gates=[gate(state=ActionState.SUCCEEDED)]) == {}
    halted = seen(gates=[gate()], halted=True)
    assert halted["gate:a-0001"].word == "halted, waits"
    assert halted["halt:stas"].trusted


def test_a_gate_without_a_title_is_named_by_its_tool() -> None:
    assert only(gates=[gate(revision=None)]).title == "a call of «open pull request»"


def test_urgent_messages_of_known_agents_are_trusted_and_others_are_unverified() -> None:
    items = seen(messages=[message(1), message(2, known=False), message(3, kind=MessageType.HELP_REQUEST)])
    assert {key: (item.word, item.trusted) for key, item in items.items()} == {
        "message:M-1": ("urgent", True),
        "message:M-2": ("unverified", False),
    }
    assert seen(messages=[message(acknowledged_at=NOW)]) == {}


def test_a_message_that_was_delivered_twice_is_one_and_as_little_trusted_as_the_least() -> None:
    item = only(messages=[message(1), message(1, known=False), message(1)])
    assert (item.count, len(item.evidence), item.trusted) == (3, 3, False)


def test_open_P0_tasks_of_any_class() -> None:
    items = seen(tasks=[task(1, assignee="stas"), task(2, status="Done"), task(3, priority=Priority.P1), task(4)])
    assert set(items) == {"task:ledger/T-1", "task:ledger/T-4"}
    assert items["task:ledger/T-1"].word == "review, held by stas"
