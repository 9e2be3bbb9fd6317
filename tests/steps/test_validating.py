"""Step 8 with sources: each merge once, four checks for its own commit, a draft where it is suspect (R99-R108)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import MINUTE
from storage.records import DataState, Finding, Merge, StepState
from storage.watch_records import SourceKind
from tests.door.shop import PERSON, T0, Shop, field, like
from tests.steps.outside import (
    TENANTS,
    after,
    check,
    compared,
    healthy,
    land,
    numbers,
    probe,
    says,
    step,
    walk,
    watched,
)


class DeadForge(LocalGitForge):
    """Answers for the head of a branch, and for no merge."""

    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        raise ForgeError("forge is down")


def merged(shop: Shop, minutes: int) -> str:
    """A shop whose last merge is so many minutes old; nothing is known of it yet, and every source answers."""
    healthy(watched(shop))
    return land(shop, "fresh", T0 - minutes * MINUTE)


def entry(shop: Shop, sha: str) -> dict[str, Any]:
    [found] = [merge for merge in step(shop, 8).data["merges"] if merge["sha"] == sha]
    return dict(found)


def told(shop: Shop, sha: str) -> dict[str, Finding]:
    walk(shop, 8)
    return after(shop, sha)


# CI and builds ------------------------------------------------------------------------------------


def test_R105_green_for_an_older_commit_does_not_count(shop: Shop) -> None:
    found = told(shop, merged(shop, 10))
    assert {found["CI"].verdict, found["builds"].verdict} == {"unknown"}


@pytest.mark.parametrize(("minutes", "verdict"), [(10, "unknown"), (29, "unknown"), (31, "degraded")])
def test_R105_a_required_check_that_never_reported_is_pending_and_yellow_after_half_an_hour(
    shop: Shop, minutes: int, verdict: str
) -> None:
    found = told(shop, merged(shop, minutes))["CI"]
    assert found.verdict == verdict
    assert f"lint ({minutes}m) and unit ({minutes}m)" in found.reason


def test_R105_one_required_check_of_two_is_not_ok(shop: Shop) -> None:
    sha = merged(shop, 10)
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "image"))
    found = told(shop, sha)["CI"]
    assert found.verdict == "degraded"
    assert "pending: unit (10m)" in found.reason


def test_R106_a_named_build_that_never_reported_is_unknown(shop: Shop) -> None:
    sha = merged(shop, 40)
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit"))
    says(shop, SourceKind.BUILDS)
    found = told(shop, sha)["builds"]
    assert found.verdict == "unknown"
    assert "image (40m)" in found.reason


def test_R105_an_older_merge_keeps_what_its_checks_said_while_it_was_the_head(shop: Shop) -> None:
    sha = healthy(watched(shop))
    shop.later()
    head = land(shop, "newer", T0 - 5 * MINUTE)
    says(shop, SourceKind.CI, check(head, "lint"), check(head, "unit", "pending"))
    says(shop, SourceKind.BUILDS, check(head, "image"))
    walk(shop, 8)
    assert {after(shop, sha)[name].verdict for name in ("CI", "builds")} == {"ok"}
    assert (after(shop, head)["CI"].verdict, after(shop, head)["builds"].verdict) == ("degraded", "ok")


@pytest.mark.parametrize(("state", "verdict"), [("pending", "unknown"), ("missing", "unknown"), ("failure", "failed")])
def test_R105_a_check_that_was_open_when_another_commit_landed_is_unknown_and_not_late(
    shop: Shop, state: str, verdict: str
) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit", state))
    shop.later()
    head = land(shop, "newer", T0 - 5 * MINUTE)
    says(shop, SourceKind.CI, check(head, "lint"), check(head, "unit"))
    found = told(shop, sha)["CI"]
    assert found.verdict == verdict
    said = "failed: unit" if state == "failure" else f"not seen to end before {head[:8]} landed: unit"
    assert found.reason == said


# error rates --------------------------------------------------------------------------------------


def test_R107_no_worse_is_good_only_when_the_half_hour_is_over(shop: Shop) -> None:
    sha = merged(shop, 12)
    says(
        shop,
        SourceKind.METRICS,
        *map(numbers, TENANTS),
        *(compared(sha, tenant, merged_at=T0 - 12 * MINUTE) for tenant in TENANTS),
    )
    found = told(shop, sha)["error rates"]
    assert (found.verdict, found.reason) == ("unknown", "no worse so far, 12m of 30m")


def test_R107_a_tenant_that_got_worse_is_named_and_drafts_a_P0(shop: Shop) -> None:
    sha = healthy(watched(shop))
    says(
        shop,
        SourceKind.METRICS,
        *map(numbers, TENANTS),
        compared(sha, "acme", "worse", after=0.167),
        compared(sha, "globex"),
    )
    found = told(shop, sha)["error rates"]
    assert (found.verdict, found.reason) == ("failed", "acme 0 % → 16.7 %")
    draft = entry(shop, sha)["draft"]
    assert draft["priority"] == "P0"
    assert draft["title"] == f"infra: error rates went wrong after commit {sha[:8]}"
    assert "acme 0 % → 16.7 %" in draft["description"]
    assert "not proved" in draft["description"]
    assert step(shop, 8).note == "1 suspect of 1 merge"
    shop.machine.advance()
    shop.machine.advance()
    tray = shop.context.pulses.work(shop.pulse.id)["tray"]["items"]
    assert [(item["title"], item["priority"]) for item in tray] == [(draft["title"], "P0")]
    assert f"error rates went wrong after commit {sha[:8]}" in field(shop.summary(), "Recent Deploys")


def test_R107_a_tenant_that_got_slower_is_named_beside_its_errors(shop: Shop) -> None:
    sha = healthy(watched(shop))
    slow = compared(sha, "acme", latency="worse", latency_before=0.2, latency_after=1.6, latency_reason="p95 0.2 s")
    says(shop, SourceKind.METRICS, *map(numbers, TENANTS), slow, compared(sha, "globex"))
    checks = told(shop, sha)
    assert checks["error rates"].verdict == "ok"
    assert (checks["latency"].verdict, checks["latency"].reason) == ("failed", "acme p95 0.2 s → 1.6 s")
    assert checks["latency"].evidence[1].text == "worse: p95 0.2 s"
    draft = entry(shop, sha)["draft"]
    assert (draft["priority"], draft["title"]) == ("P0", f"infra: latency went wrong after commit {sha[:8]}")
    shop.machine.advance()
    shop.machine.advance()
    assert f"latency went wrong after commit {sha[:8]}" in field(shop.summary(), "Recent Deploys")


def test_R107_latency_that_nobody_measured_keeps_the_merge_open(shop: Shop) -> None:
    sha = healthy(watched(shop))
    odd = compared(sha, "globex", latency="not measurable", latency_reason="no series for latency")
    says(shop, SourceKind.METRICS, *map(numbers, TENANTS), compared(sha, "acme"), odd)
    checks = told(shop, sha)
    assert checks["error rates"].verdict == "ok"
    said = "not measured: globex (no series for latency)"
    assert (checks["latency"].verdict, checks["latency"].reason) == ("unknown", said)
    assert not entry(shop, sha)["settled"]


@pytest.mark.parametrize(
    ("verdict", "reason", "said"),
    [("not measurable", "NaN", "globex (NaN)"), ("not measurable", "", "globex (not measurable)")],
)
def test_R107_a_tenant_that_cannot_be_measured_leaves_it_unknown(
    shop: Shop, verdict: str, reason: str, said: str
) -> None:
    sha = healthy(watched(shop))
    odd = compared(sha, "globex", verdict, reason=reason)
    says(shop, SourceKind.METRICS, *map(numbers, TENANTS), compared(sha, "acme"), odd)
    found = told(shop, sha)["error rates"]
    assert (found.verdict, found.reason) == ("unknown", f"not measured: {said}")


def test_R107_a_tenant_nobody_compared_leaves_it_unknown(shop: Shop) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.METRICS, *map(numbers, TENANTS), compared(sha, "acme"))
    assert told(shop, sha)["error rates"].reason == "not measured: globex (no data)"


# health -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "verdict", "said"),
    [
        (("new", "new"), "ok", "2 of 2 healthy, 2 on"),
        (("short", "new"), "ok", "2 of 2 healthy, 2 on"),
        (("later", "new"), "ok", "2 of 2 healthy, 2 on"),
        (("not compared", "new"), "ok", "2 of 2 healthy, 1 on"),
        (("old", "new"), "degraded", "version skew: 1 of 2 on"),
        (("old", "old"), "unknown", "not deployed: 2 of 2 run another version"),
        (("", "new"), "unknown", "healthy, but no version is told by p0"),
        (("", ""), "unknown", "healthy, but no version is told by p0 and p1"),
        (("not compared", "not compared"), "unknown", "healthy, but no version is told by p0 and p1"),
    ],
)
def test_R108_the_version_is_that_of_the_merge_or_of_a_later_one(
    shop: Shop, versions: tuple[str, ...], verdict: str, said: str
) -> None:
    sha = healthy(watched(shop))
    later = land(shop, "later", T0 - 20 * MINUTE)
    names = {"new": sha, "short": sha[:7], "later": later, "old": "1" * 40}
    probes = [
        probe(
            f"p{n}",
            "degraded" if name == "old" else "ok",
            "wrong version" if name == "old" else "healthy",
            version=names.get(name, ""),
            expected_version="" if name == "not compared" else later,
        )
        for n, name in enumerate(versions)
    ]
    says(shop, SourceKind.PROBES, *probes)
    found = told(shop, sha)["health"]
    assert found.verdict == verdict, found.reason
    assert found.reason.startswith(said)


@pytest.mark.parametrize("word", ["timeout", "refused", "TLS failure"])
def test_R108_an_endpoint_in_trouble_is_told_in_its_word_and_drafts_a_P0(shop: Shop, word: str) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.PROBES, probe(verdict="failed", word=word))
    found = told(shop, sha)["health"]
    assert (found.verdict, found.reason) == ("failed", f"1 of 1 not healthy: checkout {word}")
    assert entry(shop, sha)["draft"]["priority"] == "P0"


def test_a_pipeline_that_fails_drafts_a_P1(shop: Shop) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit", "failure"), check(sha, "image"))
    assert told(shop, sha)["CI"].verdict == "failed"
    assert entry(shop, sha)["draft"]["priority"] == "P1"


# which merges -------------------------------------------------------------------------------------


def told_in_the_next_pulse(shop: Shop, minutes: int = 20) -> list[str]:
    """The commits of step 8 in a pulse that begins later; the sources have answered meanwhile."""
    shop.machine.cut_off(by=PERSON)
    shop.later(minutes)
    walk(shop, 8)
    return [merge["sha"] for merge in step(shop, 8).data["merges"]]


def test_R99_a_merge_that_is_settled_is_told_once_and_an_open_one_is_followed(shop: Shop) -> None:
    sha = healthy(watched(shop))
    fresh = land(shop, "fresh", T0 - 5 * MINUTE)
    walk(shop, 8)
    settled = {merge["sha"]: merge["settled"] for merge in step(shop, 8).data["merges"]}
    assert settled == {sha: True, fresh: False}
    assert told_in_the_next_pulse(shop) == [fresh]
    assert told_in_the_next_pulse(shop) == [fresh]


def test_R99_a_pulse_that_never_came_to_step_8_has_watched_nothing(shop: Shop) -> None:
    healthy(watched(shop))
    walk(shop, 8)
    shop.later(10)
    sha = land(shop, "between", shop.clock.now())
    shop.later()
    shop.machine.cut_off(by=PERSON)
    walk(shop, 3)
    assert told_in_the_next_pulse(shop) == [sha]


def test_R99_a_dead_forge_says_since_when_nobody_watched(shop: Shop) -> None:
    healthy(watched(shop))
    shop.wire(forge=lambda real: like(real, DeadForge))
    walk(shop, 8)
    assert step(shop, 8).state is StepState.FAILED
    assert step(shop, 8).note == "shop: not watched since 11:06Z: forge is down"


def test_a_replayed_check_is_marked_and_proves_nothing(shop: Shop) -> None:
    sha = healthy(watched(shop))
    says(shop, SourceKind.CI, check(sha, "lint"), check(sha, "unit"), check(sha, "image"), replayed=True)
    found = told(shop, sha)["CI"]
    assert found.verdict == "unknown"
    assert found.reason == f"replayed: 3 checks succeeded for {sha[:8]}"
    assert step(shop, 8).data_state is DataState.UNKNOWN


# step 9: the column of the metrics -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, "verified", "requests, errors and latency carry this tenant"),
        ({"remark": "outlier: errors 8.1 of the median"}, "flagged", "outlier: errors 8.1 of the median"),
        ({"remark": "too few tenants (2)"}, "unknown", "not compared: too few tenants (2)"),
        ({"latency": None}, "unknown", "no data: latency"),
        ({"errors": None, "requests": None, "latency": None}, "unknown", "no data: requests, errors and latency"),
    ],
)
def test_R116_R117_the_metrics_of_a_tenant(shop: Shop, changes: dict[str, Any], verdict: str, said: str) -> None:
    healthy(watched(shop))
    says(shop, SourceKind.METRICS, numbers("acme", **{"errors": 0.001, **changes}))
    walk(shop, 9)
    cells = {f.subject: f for f in shop.context.findings.of_pulse(shop.pulse.id) if f.check == "isolation:metrics"}
    assert cells["shop/acme"].verdict == verdict
    assert cells["shop/acme"].reason.startswith(said)
    assert cells["shop/acme"].evidence
    assert cells["shop/globex"].verdict == "unknown"
    assert cells["shop/globex"].reason == "no data: no series carries this tenant"
    others = [f for f in shop.context.findings.of_pulse(shop.pulse.id) if f.check == "isolation:logs"]
    assert {f.verdict for f in others} == {"unknown"}
