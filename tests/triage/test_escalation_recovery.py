"""An escalation ends when what stays in the list of its source is well again, and not when nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.records import DataState
from storage.watch_records import Probe, SourceKind, TenantNumbers
from tests.triage.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


TENANTS = ("acme", "globex", "initech", "umbrella")


def test_an_endpoint_that_was_well_before_its_source_died_or_in_a_recording_has_not_ended(bench: Bench) -> None:
    def answers(verdict: str, **more: Any) -> None:
        probe = Probe(key="shop/api", project_id="shop", name="api", url="http://api.example/health", verdict=verdict)
        bench.say([probe], name="probes:shop", kind=SourceKind.PROBES, **more)

    answers("failed")
    bench.desk.escalate("probe:shop/api", by="ann")
    bench.desk.tick()
    bench.clock.advance(6_000)
    answers("ok", replayed=True)
    assert bench.desk.tick() == []
    answers("ok")
    bench.say(None, name="probes:shop", kind=SourceKind.PROBES, state=DataState.ERROR)
    bench.clock.advance(6_000)
    assert bench.desk.tick() == []


# numbers ------------------------------------------------------------------------------------------


def rates(bench: Bench, remark: str, *, tenants: Sequence[str] = TENANTS, **more: Any) -> None:
    """A round of numbers: the first tenant stands out, or is like the others."""
    changes = more.pop("numbers", {})
    numbers = [
        TenantNumbers(key=tenant, tenant=tenant, requests=20.0, errors=0.001, denied=0.0, latency=0.2)
        for tenant in tenants
    ]
    numbers[0] = replace(numbers[0], remark=remark, **changes)
    bench.say(numbers, name="prometheus", kind=SourceKind.METRICS, **{"detail": {"window_s": 300.0}, **more})


def escalated(bench: Bench, remark: str = "outlier: 12.0 % errors", **more: Any) -> None:
    rates(bench, remark, **more)
    bench.desk.escalate("tenant:acme", by="ann")
    bench.desk.tick()


def later(bench: Bench, remark: str, rounds: int = 2, **more: Any) -> list[str]:
    """Rounds of numbers within the minute of grace, and what the desk says after the last."""
    for _ in range(rounds):
        bench.clock.advance(6_000)
        rates(bench, remark, **more)
    return bench.desk.tick()


def test_an_escalated_tenant_ends_when_its_fresh_numbers_are_well_twice(bench: Bench) -> None:
    escalated(bench)
    assert later(bench, "outlier: 9.0 % errors") == []
    assert later(bench, "", rounds=1) == [], "a slow tenant is remarked in the second answer only"
    (line,) = later(bench, "", rounds=1)
    assert line.endswith("ended: resolved.")


@pytest.mark.parametrize(
    ("remark", "more"),
    [
        ("", {"numbers": {"requests": None, "errors": None, "missing": ("requests", "errors")}}),
        ("", {"numbers": {"errors": None}}),
        ("", {"numbers": {"latency": None}}),
        ("", {"numbers": {"requests": 0.01}}),
        ("off (3 tenants)", {}),
        ("", {"replayed": True}),
        ("", {"state": DataState.ERROR}),
        ("", {"state": DataState.UNKNOWN}),
        ("", {"detail": {"window_s": 300.0, "failed": {"history": "timeout"}}}),
        ("", {"tenants": ("zeta", *TENANTS[1:])}),
    ],
)
def test_a_tenant_whose_numbers_nobody_can_judge_has_not_recovered(
    bench: Bench, remark: str, more: dict[str, Any]
) -> None:
    escalated(bench)
    assert later(bench, remark, rounds=3, **more) == []


def test_a_tenant_that_an_answer_in_part_leaves_out_has_not_recovered(bench: Bench) -> None:
    escalated(bench)
    assert later(bench, "", rounds=1) == []
    bench.clock.advance(6_000)
    rates(bench, "")
    for _ in range(2):
        bench.clock.advance(1_000)
        now = bench.clock.now()
        row = next(row for row in bench.app.watch.sources() if row.name == "prometheus")
        bench.app.watch.record(replace(row, asked_at=now, at=now), [], partial=True)
    bench.clock.advance(6_000)
    assert bench.desk.tick() == []


def test_numbers_that_were_well_when_the_watcher_fell_silent_are_no_recovery(bench: Bench) -> None:
    escalated(bench)
    for _ in range(2):
        bench.clock.advance(1_000)
        rates(bench, "")
    bench.app.watch.beat(bench.clock.now() - 61_000, 1)
    bench.clock.advance(6_000)
    assert bench.desk.tick() == []
    bench.app.watch.beat(bench.clock.now(), 2)
    bench.clock.advance(6_000)
    (line,) = bench.desk.tick()
    assert line.endswith("ended: resolved.")


def test_two_tenants_are_never_compared_and_a_spike_of_one_can_end(bench: Bench) -> None:
    escalated(bench, "spike: 12.0 % errors; outliers off (2 tenants)", tenants=TENANTS[:2])
    (line,) = later(bench, "off (2 tenants)", tenants=TENANTS[:2])
    assert line.endswith("ended: resolved.")


def test_what_another_source_still_says_of_a_tenant_keeps_it_going(bench: Bench) -> None:
    escalated(bench)
    well = TenantNumbers(key="acme", tenant="acme", requests=20.0, errors=0.001, denied=0.0, latency=0.2)
    for things, state in (([well], DataState.OK), ([well], DataState.OK), (None, DataState.ERROR)):
        bench.clock.advance(1_000)
        bench.say(things, name="other", kind=SourceKind.METRICS, state=state)
    assert later(bench, "") == [], "the other server knew of this tenant and does not answer"


def test_the_platform_is_well_when_enough_tenants_are_measured_and_none_is_raised(bench: Bench) -> None:
    rates(bench, "platform: 4 of 4 tenants raised at once; here 12.0 % errors")
    bench.desk.escalate("platform:prometheus", by="ann")
    bench.desk.tick()
    assert later(bench, "", tenants=TENANTS[:3]) == [], "three are too few to say so"
    (line,) = later(bench, "")
    assert line.endswith("ended: resolved.")
