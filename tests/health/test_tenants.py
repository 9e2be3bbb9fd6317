"""Judging numbers by tenant: outliers, the platform as a whole, and a merge. Pure, without any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.health.alert_rules import knows_tenant, why_hidden
from stas_tui.health.promql import metric_names, window_s
from stas_tui.health.tenants import Judgement, compare_merge, judge, share, wilson
from storage.clock import HOUR, MINUTE
from storage.records import Merge
from storage.watch_records import Comparison, TenantNumbers

SIX = ("acme", "globex", "hooli", "initech", "stark", "wayne")
STEP = 15_000
AT = 1_795_000_000_000
MERGE = Merge(project_id="shop", sha="9f2c", at=AT, author="dev", subject="infra: pool")


def row(
    tenant: str,
    errors: float | None = 0.01,
    *,
    requests: float | None = 10.0,
    latency: float | None = 0.2,
    usual: float | None = None,
) -> TenantNumbers:
    history = () if usual is None else (usual,) * 60
    return TenantNumbers(key=tenant, tenant=tenant, requests=requests, errors=errors, latency=latency, history=history)


def judged(
    rows: Sequence[TenantNumbers],
    *,
    slow_before: frozenset[str] = frozenset(),
    latencies: Mapping[str, Sequence[float | None]] | None = None,
) -> Judgement:
    return judge(rows, window_s=300.0, slow_before=slow_before, latencies=latencies)


def test_R117_one_of_six_at_ten_times_is_an_outlier() -> None:
    found = judged([row("acme", 0.10), *(row(t) for t in SIX[1:])])
    assert found.remarks["acme"] == "outlier: 10.0 % errors, median 1.0 % of 6 tenants"
    assert {found.remarks[t] for t in SIX[1:]} == {""}
    assert found.platform == ""


def test_R117_all_at_ten_times_is_the_platform_and_no_outlier() -> None:
    found = judged([row(t, 0.10, usual=0.01) for t in SIX])
    assert found.platform == "platform: 6 of 6 tenants raised at once"
    assert not any(remark.startswith("outlier") for remark in found.remarks.values())
    assert found.remarks["acme"].endswith("; here 10.0 % errors, usually 1.0 %")


def test_R117_all_bad_from_the_start_is_the_platform_too() -> None:
    """Nothing is known of their past, e.g. after a start in the middle of an outage."""
    found = judged([row(t, 0.40) for t in SIX])
    assert found.platform
    assert not any(remark.startswith("outlier") for remark in found.remarks.values())


def test_R117_three_tenants_are_too_few_and_it_says_so() -> None:
    found = judged(
        [row("acme", 0.10, usual=0.01), row("globex", usual=0.01), row("hooli"), row("idle", None, requests=None)]
    )
    assert found.remarks["globex"] == "off (3 tenants)"
    assert found.remarks["acme"] == "spike: 10.0 % errors, usually 1.0 %; outliers off (3 tenants)"
    assert found.remarks["idle"] == "off (3 tenants)"


def test_M2_few_requests_or_few_errors_make_no_outlier() -> None:
    tiny = row("acme", 1.0, requests=0.01)  # 3 requests, all failed
    assert judged([tiny, *(row(t) for t in SIX[1:])]).remarks["acme"] == ""
    two = row("acme", 2 / 40, requests=40 / 300)
    assert judged([two, *(row(t, 0.0) for t in SIX[1:])]).remarks["acme"] == ""


def test_M2_a_point_more_is_needed_however_many_times_it_is() -> None:
    assert judged([row("acme", 0.004), *(row(t, 0.0) for t in SIX[1:])]).remarks["acme"] == ""


def test_no_traffic_is_not_calm_and_not_an_outlier() -> None:
    found = judged([row("acme", None, requests=0.0), *(row(t) for t in SIX[1:])])
    assert found.remarks["acme"] == ""


def test_M3_a_slow_tenant_stands_out_in_the_second_round_running() -> None:
    rows = [row("acme", latency=2.0), *(row(t) for t in SIX[1:])]
    first = judged(rows)
    assert first.remarks["acme"] == ""
    assert first.slow == {"acme"}
    second = judged(rows, slow_before=first.slow)
    assert second.remarks["acme"] == "outlier: p95 2 s, median 0.2 s of 6 tenants"


def test_M5_all_slower_than_their_own_hour_is_the_platform() -> None:
    rows = [row(t, latency=2.0) for t in SIX]
    found = judged(rows, latencies=dict.fromkeys(SIX, (0.2,) * 60), slow_before=frozenset(SIX))
    assert found.platform
    assert found.remarks["acme"].endswith("here p95 2 s, usually 0.2 s")


def test_a_history_with_gaps_is_no_history() -> None:
    assert judged([row("acme", 0.04, usual=None)]).remarks["acme"] == "off (1 tenant)"


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(0, 1)),
            st.one_of(st.none(), st.floats(0, 1e6)),
            st.one_of(st.none(), st.floats(0, 1e6)),
            st.one_of(st.none(), st.floats(0, 1)),
        ),
        max_size=12,
    )
)
def test_every_tenant_gets_its_remark_and_nothing_breaks(values: list[tuple[float | None, ...]]) -> None:
    rows = [row(f"t{n}", e, requests=r, latency=lat, usual=u) for n, (e, r, lat, u) in enumerate(values)]
    found = judged(rows, latencies={r.tenant: (r.latency,) * 60 for r in rows})
    assert set(found.remarks) == {r.tenant for r in rows}


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_contains_what_was_seen(bad: int, total: int) -> None:
    bad = min(bad, total)
    low, high = wilson(bad, total)
    assert 0 <= low <= bad / total + 1e-9
    assert bad / total - 1e-9 <= high <= 1


@pytest.mark.parametrize(
    ("part", "whole", "result"),
    [(1.0, 4.0, 0.25), (None, 4.0, None), (1.0, None, None), (0.0, 0.0, None), (5.0, 4.0, 1.0), (-1.0, 4.0, None)],
)
def test_a_share_needs_traffic(part: float | None, whole: float | None, result: float | None) -> None:
    assert share(part, whole) == result


# a merge ------------------------------------------------------------------------------------------


def points(before: float | None, after: float | None, *, minutes: float = 10) -> list[tuple[int, float | None]]:
    start, end = AT - HOUR, AT + int(minutes * MINUTE)
    return [(at, before if at <= AT else after) for at in range(start, end + 1, STEP)]


def compared(
    before: float | None,
    after: float | None,
    *,
    rate: float = 10.0,
    minutes: float = 10,
    now: int | None = None,
    window_ms: int = 0,
) -> Comparison:
    return compare_merge(
        MERGE,
        "acme",
        points(rate, rate, minutes=minutes),
        points(None if before is None else before * rate, None if after is None else after * rate, minutes=minutes),
        now=now or AT + 10 * MINUTE,
        step_ms=STEP,
        window_ms=window_ms,
    )


def test_R107_from_nothing_to_a_sixth_is_worse_within_a_minute() -> None:
    found = compared(0.0, 1 / 6, minutes=1, now=AT + MINUTE)
    assert (found.verdict, found.points) == ("worse", 4)
    assert found.before == 0.0
    assert found.after == pytest.approx(1 / 6)
    assert found.reason == "0.0 % before, 16.7 % after"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.0, 0.0, "same"),
        (0.10, 0.12, "same"),
        (0.001, 0.009, "same"),
        (0.10, 0.0, "better"),
        (0.02, 0.10, "worse"),
        (None, 0.1, "not measurable"),
        (0.1, None, "not measurable"),
    ],
)
def test_R107_the_verdict(before: float | None, after: float | None, verdict: str) -> None:
    assert compared(before, after).verdict == verdict


def test_R107_too_early_and_too_little_say_what_is_missing() -> None:
    assert compared(0.0, 0.5, minutes=0.5, now=AT + 30_000).reason == "2 of 4 points after the merge"
    assert compared(0.0, 0.5, rate=0.01).reason == "6 of 30 requests after the merge"
    gone = compare_merge(MERGE, "acme", None, [], now=AT + HOUR, step_ms=STEP)
    assert (gone.verdict, gone.reason) == ("not measurable", "no series for requests and errors")


def test_R107_nothing_counts_after_thirty_minutes() -> None:
    requests = points(10.0, 10.0, minutes=90)
    errors = [(at, 9.0 if at > AT + 30 * MINUTE else 0.0) for at, _ in requests]
    found = compare_merge(MERGE, "acme", requests, errors, now=AT + 90 * MINUTE, step_ms=STEP)
    assert (found.verdict, found.points) == ("same", 120)


def test_R107_what_a_rate_still_sees_of_the_time_before_is_left_out_when_there_is_enough() -> None:
    """For five minutes the rate blends in the time before; afterwards it is all after."""
    requests = points(10.0, 10.0)
    errors = [(at, 0.0 if at <= AT + 5 * MINUTE else 1.0) for at, _ in requests]
    blended = compare_merge(MERGE, "acme", requests, errors, now=AT + 10 * MINUTE, step_ms=STEP)
    clean = compare_merge(MERGE, "acme", requests, errors, now=AT + 10 * MINUTE, step_ms=STEP, window_ms=5 * MINUTE)
    assert blended.after == pytest.approx(0.05)
    assert clean.after == pytest.approx(0.10)


# reading queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("rate(x[5m])", 300),
        ("rate(x[1h30m])", 5_400),
        ("rate(x[10s:5s])", 10),
        ('x{a="[7d]"} and rate(y[2m])', 120),
        ("x", 300),
        ("rate(x[0s])", 300),
    ],
)
def test_the_window_of_a_query(query: str, seconds: float) -> None:
    assert window_s(query) == seconds


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sum by (tenant) (container_memory_bytes)", ("container_memory_bytes",)),
        ('rate(a:b{c="d(e)"}[5m]) / on(tenant) group_left() sum(f) offset 5m', ("a:b", "f")),
        ("histogram_quantile(0.95, sum by (tenant, le) (rate(x_bucket[5m])))", ("x_bucket",)),
        ("((((", ()),
    ],
)
def test_R118_the_metrics_that_a_query_reads(query: str, names: tuple[str, ...]) -> None:
    assert metric_names(query) == names


@pytest.mark.parametrize(
    ("query", "hidden", "knows"),
    [
        ('sum(rate(x{code=~"5.."}[5m])) / sum(rate(x[5m])) > 0.05', True, False),
        ("sum by (tenant) (rate(x[5m])) > 1", False, True),
        ("sum(x) by (job, tenant) > 3", False, True),
        ("sum by (job) (x) > 3", True, False),
        ("sum without (code) (x) > 1", False, False),
        ("sum without (tenant) (x) > 1", True, False),
        ('sum(rate(x{tenant="acme"}[5m])) > 1', False, True),
        ('sum(rate(x{tenant=~".+"}[5m])) > 1', True, True),
        ('sum(rate(x{tenant!=""}[5m])) > 1', True, True),
        ("count(sum by (tenant) (x) > 3) > 0", False, True),
        ("sum(sum by (tenant) (x)) > 3", True, True),
        ("histogram_quantile(0.9, sum by (le) (rate(x[5m]))) > 1", True, False),
        ("up == 0", False, False),
        ('foo{a="sum(x)", b="tenant="} > 1', False, False),
        ("sum(((", True, False),
    ],
)
def test_R119_which_expressions_hide_a_small_tenant(query: str, hidden: bool, knows: bool) -> None:
    assert bool(why_hidden(query, "tenant")) is hidden
    assert knows_tenant(query, "tenant") is knows
