"""E5: whichever source dies, in whichever way, no place says afterwards that all is well."""

from __future__ import annotations

import re

import pytest

from storage.records import DataState
from storage.watch_records import SourceKind
from tests.door.shop import PERSON, Shop, field
from tests.steps.outside import (
    DEATHS,
    NAMES,
    after,
    alert,
    declared,
    health,
    healthy,
    probed,
    says,
    status,
    step,
    walk,
    watched,
)

RESTS_ON = {
    SourceKind.ALERTS: ({"alerts"}, set()),
    SourceKind.METRICS: ({"error rates"}, {"error rates", "latency"}),
    SourceKind.PROBES: ({"endpoints"}, {"health"}),
    SourceKind.CI: ({"CI"}, {"CI"}),
    SourceKind.BUILDS: ({"builds"}, {"builds"}),
    SourceKind.DEPLOYS: ({"deploys"}, set()),
}
"""By kind of source: the subjects of step 6 and the checks of step 8 that rest on it."""
CALM = re.compile(r"\b(Green|Passing|Verified|no issues)\b")
deaths = pytest.mark.parametrize("death", DEATHS)
kinds = pytest.mark.parametrize("kind", RESTS_ON)


def test_a_world_in_which_every_source_answers_is_calm(shop: Shop) -> None:
    sha = healthy(watched(shop))
    declared(shop)
    probed(shop)
    walk(shop, 8)
    assert {f.subject: f.verdict for f in health(shop).values()} == dict.fromkeys(
        ("alerts", "error rates", "endpoints", "CI", "builds", "deploys", "reports"), "ok"
    )
    assert {name: f.verdict for name, f in after(shop, sha).items()} == dict.fromkeys(
        ("CI", "builds", "error rates", "latency", "health", "isolation"), "ok"
    )
    assert (step(shop, 6).data_state, step(shop, 6).note) == (DataState.OK, "7 ok")
    assert (step(shop, 8).data_state, step(shop, 8).note) == (DataState.OK, "1 merge, 0 reviews")
    summary = shop.summary()
    assert "CI Pipeline: Green" in summary
    assert "Container Builds: Passing" in summary
    assert "1 in last 24h (memory knows 0), no issues reported" in field(summary, "Recent Deploys")
    assert "No answer" not in field(summary, "Urgent Items")


def test_every_verdict_has_its_evidence_age_and_expiry(shop: Shop) -> None:
    healthy(watched(shop))
    walk(shop, 6)
    for name in ("alerts", "error rates", "endpoints", "CI", "builds"):
        found = health(shop)[name]
        assert found.evidence, name
        assert found.at == shop.clock.now()
        assert found.expires_at is not None
        assert found.expires_at > found.at


@kinds
@deaths
def test_a_source_that_dies_before_the_scan_makes_nothing_green(shop: Shop, kind: SourceKind, death: str) -> None:
    sha = healthy(watched(shop))
    kill, said = DEATHS[death]
    kill(shop, kind)
    walk(shop)
    scanned, checked = RESTS_ON[kind]
    for subject in scanned:
        found = health(shop)[subject]
        assert found.verdict == "unknown", (subject, found.reason)
        assert said in found.reason
        assert subject in step(shop, 6).data["not_checked"]
    for name in checked:
        found = after(shop, sha)[name]
        assert found.verdict == "unknown", (name, found.reason)
        assert said in found.reason
    assert step(shop, 6).data_state is DataState.UNKNOWN
    if checked:
        assert step(shop, 8).data_state is DataState.UNKNOWN
    if kind is SourceKind.METRICS:
        cells = [f for f in shop.context.findings.of_pulse(shop.pulse.id) if f.check == "isolation:metrics"]
        assert {cell.verdict for cell in cells} == {"unknown"}
        assert all(said in cell.reason for cell in cells)
    _summary_is_not_calm(shop, kind, said)


@kinds
@deaths
def test_a_source_that_dies_after_the_scan_makes_the_summary_not_green(
    shop: Shop, kind: SourceKind, death: str
) -> None:
    healthy(watched(shop))
    walk(shop)
    kill, said = DEATHS[death]
    kill(shop, kind)
    _summary_is_not_calm(shop, kind, said)
    ended = shop.machine.cut_off(by=PERSON).summary
    assert said in field(ended, "Urgent Items").replace("\\", "")


def _summary_is_not_calm(shop: Shop, kind: SourceKind, said: str) -> None:
    summary = shop.summary().replace("\\", "")
    urgent = field(summary, "Urgent Items")
    assert f"No answer from {NAMES[kind]}" in urgent
    assert said in urgent
    if kind is SourceKind.CI:
        assert "CI Pipeline: Unknown (" in summary
    if kind is SourceKind.BUILDS:
        assert "Container Builds: Unknown (" in summary
    if kind is SourceKind.DEPLOYS:
        assert "no issues reported" not in summary
        assert "issues not known (deploys:shop" in field(summary, "Recent Deploys")
    lines = [line for line in summary.splitlines() if NAMES[kind] in line]
    assert not [line for line in lines if CALM.search(line)]


@deaths
def test_when_all_sources_die_no_calm_word_is_left(shop: Shop, death: str) -> None:
    sha = healthy(watched(shop))
    for kind in RESTS_ON:
        DEATHS[death][0](shop, kind)
    if death == "never asked":
        shop.app.watch.forget_others(())
    walk(shop)
    assert not CALM.search(shop.summary())
    assert {f.subject for f in health(shop).values() if f.verdict == "ok"} == {"reports"}
    assert {f.verdict for f in after(shop, sha).values()} == {"unknown"}


@pytest.mark.parametrize("death", sorted(set(DEATHS) - {"watcher dead", "watcher silent"}))
def test_bad_news_stays_bad_news_when_another_source_dies(shop: Shop, death: str) -> None:
    healthy(watched(shop))
    says(shop, SourceKind.ALERTS, alert())
    DEATHS[death][0](shop, SourceKind.METRICS)
    walk(shop, 6)
    assert health(shop)["alerts"].verdict == "failed"


@pytest.mark.parametrize("kind", [SourceKind.CI, SourceKind.BUILDS])
def test_what_no_configuration_names_is_not_configured_and_not_dead(shop: Shop, kind: SourceKind) -> None:
    says(shop, SourceKind.DEPLOYS)
    reason = "plain git knows no checks"
    shop.app.watch.record(status(shop, kind, state=DataState.UNKNOWN, reason=reason, at=None), ())
    walk(shop, 6)
    assert health(shop)["CI"].reason.startswith("not configured")
    assert health(shop)["builds"].reason.startswith("not configured")
    assert health(shop)["deploys"].reason == "0 in 24 h"
    assert "No answer" not in field(shop.summary(), "Urgent Items")


@pytest.mark.parametrize("asked", [True, False])
def test_what_plain_git_tells_is_read_from_git_itself_and_its_source_is_named_as_dead(shop: Shop, asked: bool) -> None:
    if asked:
        reason = "the remote does not answer"
        row = status(shop, SourceKind.DEPLOYS, state=DataState.ERROR, reason=reason, at=None)
        shop.app.watch.record(row, None)
    walk(shop, 6)
    assert (health(shop)["deploys"].verdict, health(shop)["deploys"].reason) == ("ok", "0 in 24 h")
    said = "error: the remote does not answer" if asked else "never asked"
    assert f"No answer from deploys:shop: {said}" in field(shop.summary(), "Urgent Items")


def test_required_checks_without_a_forge_that_reports_them_are_never_asked_and_not_unconfigured(shop: Shop) -> None:
    shop.configure(extra='\n[project.ci]\nrequired = ["unit"]\n')
    shop.reopen()
    walk(shop, 6)
    assert (health(shop)["CI"].verdict, health(shop)["CI"].reason) == ("unknown", "ci:shop never asked")
    assert "No answer from ci:shop: never asked" in field(shop.summary(), "Urgent Items")


def test_only_an_expiry_that_passed_makes_an_answer_stale(shop: Shop) -> None:
    healthy(watched(shop))
    walk(shop, 6)
    assert "CI Pipeline: Green" in shop.summary()
    expires = health(shop)["CI"].expires_at
    assert expires is not None
    shop.clock.advance(expires - shop.clock.now())
    assert "CI Pipeline: Green" in shop.summary()
    shop.clock.advance(1)
    assert "CI Pipeline: Unknown (" in shop.summary()
