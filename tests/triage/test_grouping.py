"""What may belong together and which change did it: suggestions with a reason, never more."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.grouping import MOST, suggestions, suspects
from storage.clock import HOUR, MINUTE, SECOND
from storage.records import Evidence, Priority
from storage.triage_records import ItemClass, TriageItem
from tests.triage.samples import HOSTILE, NOW, OTHER, SHA, comparison, deploy, fact, item, with_note


def placed(key: str, *, ago: int = 3 * MINUTE, **more: Any) -> TriageItem:
    values = {"tenants": ("acme",), "service": "api", "first_seen": NOW - ago, **more}
    return item(key, **values)


def groups(*items: TriageItem, deploys: Any = ()) -> list[set[str]]:
    found = suggestions(items, deploys, now=NOW)
    keys = [key for each in found for key in (each.head, *each.members)]
    assert len(set(keys)) == len(keys), "no item is suggested twice"
    return [{each.head, *each.members} for each in found]


def test_the_same_tenant_and_service_within_ten_minutes() -> None:
    near, far = placed("b", ago=13 * MINUTE), placed("c", ago=13 * MINUTE + 1)
    assert groups(placed("a"), near) == [{"a", "b"}]
    assert groups(placed("a"), far) == []
    found = suggestions([placed("a"), near], [], now=NOW)[0]
    assert found.why == "tenant acme and service api within 10m"


def test_no_chain_of_ten_minutes_joins_what_lies_an_hour_apart() -> None:
    chain = [placed(f"{n:02}", ago=n * 6 * MINUTE) for n in range(11)]
    assert max(len(group) for group in groups(*chain)) == 2


@pytest.mark.parametrize(
    "other",
    [{"tenants": ("globex",)}, {"service": "web"}, {"tenants": ()}, {"service": ""}, {"suppressed": "silenced"}],
)
def test_what_differs_or_is_put_aside_is_not_suggested(other: dict[str, Any]) -> None:
    assert groups(placed("a"), placed("b", **other)) == []


def test_what_names_no_tenant_or_service_is_not_thrown_together() -> None:
    assert groups(*(item(f"alert:{n}", tenants=("acme",)) for n in range(5))) == []
    assert groups(*(item(f"alert:{n}", service="api") for n in range(5))) == []


@pytest.mark.parametrize("kind", [ItemClass.GATE, ItemClass.DEPLOY, ItemClass.SOURCE, ItemClass.RUN])
def test_gates_changes_and_sources_are_no_members(kind: ItemClass) -> None:
    other = item("x", kind, tenants=("acme",), service="api")
    assert groups(placed("a"), other) == []


def test_what_a_person_grouped_or_split_is_left_alone() -> None:
    for said in ({"group": "z"}, {"split": True}):
        assert groups(placed("a"), with_note(placed("b"), **said)) == []


def test_the_worst_item_is_the_head() -> None:
    rows = [placed("a", priority=Priority.P2, ago=9 * MINUTE), placed("b", priority=Priority.P0)]
    found = suggestions(rows, [], now=NOW)
    assert (found[0].head, found[0].members) == ("b", ("a",))


def test_incidents_with_the_same_suspect_change() -> None:
    landed = [fact(deploy(SHA, ago=9 * MINUTE))]
    harmed = [item("alert:1"), item("alert:2", tenants=("globex",)), item("task:3", ItemClass.TASK)]
    assert groups(*harmed, deploys=landed) == [{"alert:1", "alert:2"}]
    assert suggestions(harmed, landed, now=NOW)[0].why == "same suspect change 9f2c0000"
    assert groups(*harmed) == []


# suspects ------------------------------------------------------------------------------------------


def shas(one: TriageItem, *deploys: Any) -> list[str]:
    return [each.sha for each in suspects(one, [fact(each) for each in deploys], now=NOW)]


def test_only_what_landed_within_the_hour_before_is_suspect() -> None:
    one = item(first_seen=NOW)
    assert shas(one, deploy(SHA, ago=0)) == [SHA]
    assert shas(one, deploy(SHA, ago=HOUR)) == [SHA]
    assert shas(one, deploy(SHA, ago=HOUR + 1)) == []
    assert shas(item(first_seen=NOW - MINUTE), deploy(SHA, ago=MINUTE - 1)) == []


def test_the_later_one_is_likelier_but_the_same_service_more_so() -> None:
    near, far = deploy(SHA, ago=5 * MINUTE, service=""), deploy(OTHER, ago=50 * MINUTE, service="")
    assert shas(item(), near, far) == [SHA, OTHER]
    same = deploy(OTHER, ago=50 * MINUTE, service="api")
    assert shas(placed("a"), near, same) == [OTHER, SHA]
    wrong = deploy(SHA, ago=5 * MINUTE, service="web")
    assert shas(placed("a"), wrong, far) == [OTHER, SHA]
    foreign = deploy(SHA, ago=5 * MINUTE, service="", project_id="shop")
    assert shas(item(project_id="ledger"), foreign, far) == [OTHER, SHA]


def test_what_the_evidence_names_comes_first() -> None:
    measured = item(service="api", evidence=(Evidence(kind="commit", ref=OTHER, text="worse"),))
    found = suspects(
        measured, [fact(deploy(SHA, ago=4 * MINUTE)), fact(deploy(OTHER, ago=40 * MINUTE, service=""))], now=NOW
    )
    assert [each.sha for each in found] == [OTHER, SHA]
    assert found[0].why == "37m before it began, worse since this change"
    assert found[1].why == "1m before it began, same service"


def test_a_tenant_that_fares_worse_since_a_merge_accuses_that_merge() -> None:
    sight = Sight(comparisons=[fact(comparison(sha=OTHER))], deploys=[])
    harmed = next(each for each in gather(sight, now=NOW) if each.item_class is ItemClass.INCIDENT)
    assert shas(harmed, deploy(SHA, ago=4 * MINUTE), deploy(OTHER, ago=9 * MINUTE))[0] == OTHER


def test_one_commit_is_one_suspect_since_it_landed_first() -> None:
    both = [
        fact(deploy(environment="production", ago=5 * MINUTE, state="success")),
        fact(deploy(ago=9 * MINUTE, pr_number=7)),
    ]
    found = suspects(item(), both, now=NOW)
    assert [(each.sha, each.at, each.pr) for each in found] == [(SHA, NOW - 9 * MINUTE, 7)]
    assert "\x1b" not in found[0].what + found[0].why


def test_a_storm_of_deployments_is_weighed_in_bounds() -> None:
    storm = [fact(deploy(f"{n:040x}", ago=4 * MINUTE + n * SECOND, what=HOSTILE)) for n in range(500)]
    found = suspects(item(), storm, now=NOW)
    assert len(found) == MOST
    assert found[0].sha == f"{0:040x}"
