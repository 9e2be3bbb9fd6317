"""Numbers per tenant as sentences: spikes, the time after a merge, the column of the metrics (R39, R107, R116, H5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.health import spikes
from storage.clock import HOUR, MINUTE
from storage.watch_records import AlertRule, Comparison, TenantNumbers

NOW = 1_795_000_000_000
SHARES = st.one_of(st.none(), st.floats(0, 1))


def numbers(tenant: str = "acme", **fields: Any) -> TenantNumbers:
    values: dict[str, Any] = {"requests": 20.0, "errors": 0.001, "latency": 0.2, "history": (0.001,) * 60}
    return TenantNumbers(key=tenant, tenant=tenant, **{**values, **fields})


def word(**fields: Any) -> tuple[str, str]:
    found = spikes.measure([numbers(**fields)])[1]
    return found.word, found.said


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ({"errors": 0.1667}, "spike", "acme: 16.7 % errors (was 0.1 %)"),
        ({"errors": 0.0}, "calm", "acme: 0 % errors"),
        ({"errors": 0.0015}, "calm", "acme: 0.1 % errors (was 0.1 %)"),
        ({"errors": 0.2, "history": (0.2,) * 60}, "calm", "acme: 20 % errors (was 20 %)"),
        ({"errors": 0.2, "history": ()}, "spike", "acme: 20 % errors (no history)"),
        ({"errors": 0.02, "history": ()}, "unknown", "acme: 2 % errors, no history to compare with"),
        ({"errors": 0.2, "history": (None,) * 60}, "spike", "acme: 20 % errors (no history)"),
        ({"errors": 0.5, "requests": 0.05}, "unknown", "acme: too little traffic (15 requests in 5 min)"),
        ({"errors": None}, "unknown", "acme: no data"),
        ({"errors": None, "requests": 0.0}, "unknown", "acme: no traffic"),
        ({"errors": 0.01, "requests": None}, "unknown", "acme: 1 % errors, traffic not known"),
        ({"errors": 0.3, "requests": None}, "spike", "acme: 30 % errors (was 0.1 %, traffic not known)"),
        ({"remark": "outlier: 3 % errors, median 0"}, "spike", "acme: outlier: 3 % errors, median 0"),
        ({"remark": "off (3 tenants)"}, "calm", "acme: 0.1 % errors (was 0.1 %)"),
    ],
)
def test_a_tenant_against_its_own_history(fields: dict[str, Any], expected: str, said: str) -> None:
    assert word(**fields) == (expected, said)


def test_the_window_of_the_rates_decides_how_many_requests_there_were() -> None:
    found = spikes.measure([numbers(errors=0.2, requests=0.05)], window_s=3_600)
    assert [one.word for one in found] == ["spike", "spike"]


def test_H5_a_spike_of_all_needs_no_tenant_that_stands_out() -> None:
    many = [numbers(f"t{n}", requests=0.05, errors=0.2) for n in range(20)]
    together, *each = spikes.measure(many)
    assert (together.tenant, together.word) == ("", "spike")
    assert {one.word for one in each} == {"unknown"}


def test_a_tenant_that_no_series_names_stays_in_the_list() -> None:
    found = spikes.measure([numbers("acme")], ["acme", "globex"])
    assert [(one.tenant, one.word) for one in found] == [("", "calm"), ("acme", "calm"), ("globex", "unknown")]
    assert spikes.measure([], []) == []


@given(SHARES, st.one_of(st.none(), st.floats(0, 1e6)), st.lists(SHARES, max_size=60))
def test_without_enough_data_nothing_is_calm(
    errors: float | None, requests: float | None, history: list[float | None]
) -> None:
    for one in spikes.measure([numbers(errors=errors, requests=requests, history=tuple(history))]):
        if errors is None or requests is None or requests * spikes.WINDOW_S < spikes.LEAST_REQUESTS:
            assert one.word != spikes.CALM


def compared(tenant: str, verdict: str = "same", **fields: Any) -> Comparison:
    values: dict[str, Any] = {"before": 0.0, "after": 0.167, "points": 30}
    return Comparison(key=f"s/{tenant}", sha="s", merged_at=NOW, tenant=tenant, verdict=verdict, **{**values, **fields})


@pytest.mark.parametrize(
    ("found", "minutes", "expected", "said"),
    [
        ([compared("acme", "worse"), compared("globex")], 1, "worse", "acme 0 % → 16.7 %"),
        ([compared("acme"), compared("globex", "better")], 60, "ok", "no worse for 2 tenants"),
        ([compared("acme"), compared("globex")], 29, "unknown", "no worse so far, 29m of 30m"),
        ([compared("acme")], 60, "unknown", "not measured: globex (no data)"),
        ([], 60, "unknown", "not measured: acme (no data) and globex (no data)"),
        (
            [compared("acme", "not measurable", reason="NaN"), compared("globex")],
            60,
            "unknown",
            "not measured: acme (NaN)",
        ),
        ([compared("acme", "odd word"), compared("globex")], 60, "unknown", "not measured: acme (not measurable)"),
    ],
)
def test_R107_after_a_merge(found: list[Comparison], minutes: int, expected: str, said: str) -> None:
    told = spikes.after_merge(found, ("acme", "globex"), merged_at=NOW, now=NOW + minutes * MINUTE)
    assert told == (expected, said)


@pytest.mark.parametrize(
    ("latencies", "minutes", "expected", "said"),
    [
        (("worse", "same"), 1, "worse", "acme p95 0.2 s → 1.6 s"),
        (("same", "better"), 60, "ok", "no slower for 2 tenants"),
        (("same", "same"), 29, "unknown", "no slower so far, 29m of 30m"),
        (("same", "not measurable"), 60, "unknown", "not measured: globex (no series)"),
    ],
)
def test_R107_latency_after_a_merge(latencies: tuple[str, str], minutes: int, expected: str, said: str) -> None:
    found = [
        compared(tenant, latency=word, latency_before=0.2, latency_after=1.6, latency_reason="no series")
        for tenant, word in zip(("acme", "globex"), latencies, strict=True)
    ]
    told = spikes.slower_after_merge(found, ("acme", "globex"), merged_at=NOW, now=NOW + minutes * MINUTE)
    assert told == (expected, said)


def test_R107_without_tenants_and_comparisons_nothing_is_said_to_be_well() -> None:
    assert spikes.after_merge([], (), merged_at=NOW, now=NOW + HOUR) == ("unknown", "no tenant was compared")


def test_R41_R42_the_largest_comes_first_and_what_lacks_is_named() -> None:
    rows = [numbers("acme", latency=1.8), numbers("globex"), numbers("initech", latency=None)]
    assert spikes.latency_line(rows) == (
        True,
        "p95 acme 1.8 s and globex 0.2 s; the query «latency» has no series for initech",
    )
    assert spikes.latency_line(rows, ("globex",)) == (True, "p95 globex 0.2 s")
    assert spikes.denied_line(rows, ("acme",)) == (False, "the query «denied» has no series for acme")
    assert spikes.denied_line([]) == (False, "the query «denied» has no series")


@pytest.mark.parametrize("remark", ["outlier: x", "spike: x", "platform: 5 of 6 raised at once; here x"])
def test_R117_whatever_stands_out_is_flagged(remark: str) -> None:
    assert spikes.metrics_point(numbers(remark=remark)) == ("flagged", remark)


@pytest.mark.parametrize("lacking", ["requests", "errors", "latency"])
def test_R116_one_missing_number_verifies_nothing(lacking: str) -> None:
    assert spikes.metrics_point(numbers(**{lacking: None})) == ("unknown", f"no data: {lacking}")
    assert spikes.metrics_point(None)[0] == "unknown"
    assert spikes.metrics_point(numbers(remark="off (3 tenants)")) == ("unknown", "not compared: off (3 tenants)")
    assert spikes.metrics_point(numbers())[0] == "verified"


def test_R119_rules_that_hide_a_small_tenant() -> None:
    rule = AlertRule(key="g/a", name="ErrorsHigh", expression="sum(x)", per_tenant=False, hides="sums over tenants")
    assert spikes.rules_line([rule, replace(rule, key="g/b", hides="")]).endswith("small tenant: ErrorsHigh")
    assert spikes.rules_line([]) == ""
