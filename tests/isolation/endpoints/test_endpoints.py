"""P1-P8 against a sound service and one with each fault: faults are found, soundness is proved, doubt stays unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation import endpoints
from stas_tui.isolation.base import Cancelled, World
from stas_tui.isolation.tenancy import load_text
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.isolation.endpoints.service import Service, running

ENVIRON = {"T_ACME": "token-of-acme-123", "T_GLOBEX": "token-of-globex-456"}
TENANTS = """
[[tenant]]
name = "acme"
key = "acme"
probe = true
token = { env = "T_ACME" }
[[tenant.canary]]
kind = "invoice"
id = "i-1"
marker = "marker-acme"
[[tenant.canary]]
kind = "part"
id = "p-1"

[[tenant]]
name = "globex"
key = "globex"
probe = true
token = { env = "T_GLOBEX" }
[[tenant.canary]]
kind = "invoice"
id = "i-2"
marker = "marker-globex"
[[tenant.canary]]
kind = "part"
id = "p-2"
"""


@pytest.fixture(scope="module")
def live() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(live: Service) -> Service:
    live.faults.clear()
    live.asked.clear()
    live.cache.clear()
    return live


def world(service: Service, api: str = "", declared: str = TENANTS, **more: Any) -> World:
    text = f"""
strategy = "row"
completed_by = "ada"
[api]
base = "{service.base}"
openapi = "/openapi.json"
requests_per_s = 50
{api}
{declared}
"""
    tenancy = load_text(text, Path("tenancy.toml"))
    how: dict[str, Any] = {"environ": ENVIRON, "tenants": ("acme", "globex"), **more}
    return World(project_id="shop", tenancy=tenancy, clock=SystemClock(), **how)


def asked(
    service: Service, check: str, api: str = "", *, tenants: str = TENANTS, **more: Any
) -> dict[str, CheckResult]:
    results = endpoints.run(world(service, api, tenants, only=frozenset({check}), **more))
    return {result.tenant: result for result in results}


def verdicts(results: dict[str, CheckResult]) -> set[Verdict]:
    return {result.verdict for result in results.values()}


WRITE = "write_probe = true"
HOSTS = TENANTS.replace('key = "acme"', 'key = "acme"\nhost = "acme.test"').replace(
    'key = "globex"', 'key = "globex"\nhost = "globex.test"'
)


@pytest.mark.parametrize("check", ["P1", "P2", "P3", "P4", "P6", "P7"])
def test_a_sound_service_is_verified(service: Service, check: str) -> None:
    results = asked(service, check)
    assert verdicts(results) == {Verdict.VERIFIED}, results
    for result in results.values():
        assert result.live
        assert result.executed
        assert result.counts["proved"] > 0
        assert result.expires_at is not None


@pytest.mark.parametrize(
    ("check", "fault", "rule"),
    [
        ("P1", "no identity", "no-token"),
        ("P2", "no object check", "swap"),
        ("P3", "no list filter", "list"),
        ("P3", "second page", "list"),
        ("P4", "header wins", "forged-tenant"),
        ("P5", "any token", "tampered-token"),
        ("P6", "loose child", "nested"),
        ("P7", "shared cache", "cache"),
    ],
)
def test_a_planted_fault_is_flagged_with_its_route(service: Service, check: str, fault: str, rule: str) -> None:
    service.faults.add(fault)
    flagged = [result for result in asked(service, check).values() if result.verdict is Verdict.FLAGGED]
    assert flagged
    assert {lead.rule for result in flagged for lead in result.leads} == {rule}
    assert all(lead.path.startswith("/invoices") for result in flagged for lead in result.leads)


def test_a_parameter_that_names_another_tenant_must_not_win(service: Service) -> None:
    api = 'tenant_parameter = "tenant"'
    assert verdicts(asked(service, "P4", api)) == {Verdict.VERIFIED}
    service.faults.add("parameter wins")
    results = asked(service, "P4", api)
    assert verdicts(results) == {Verdict.FLAGGED}
    assert "the parameter tenant" in results["acme"].reason


def test_a_token_belongs_to_its_host_where_tenants_have_one(service: Service) -> None:
    assert verdicts(asked(service, "P5", tenants=HOSTS)) == {Verdict.VERIFIED}
    service.faults.add("host")
    assert verdicts(asked(service, "P5", tenants=HOSTS)) == {Verdict.FLAGGED}


def test_without_hosts_a_tampered_token_alone_proves_nothing(service: Service) -> None:
    results = asked(service, "P5")
    assert verdicts(results) == {Verdict.UNKNOWN}
    assert "no tenant declares a host" in results["acme"].reason


def test_writes_are_tried_only_by_name(service: Service) -> None:
    service.faults.add("open PATCH")
    results = asked(service, "P8")
    assert verdicts(results) == {Verdict.UNKNOWN}
    assert all(method == "GET" for method, _, _ in service.asked)
    assert verdicts(asked(service, "P8", WRITE)) == {Verdict.FLAGGED}
    service.faults.clear()
    assert verdicts(asked(service, "P8", WRITE)) == {Verdict.VERIFIED}


def test_a_list_that_shows_the_owner_nothing_proves_nothing(service: Service) -> None:
    service.faults.add("empty lists")
    results = asked(service, "P3")
    assert verdicts(results) == {Verdict.UNKNOWN}
    assert "nothing could leak there" in results["acme"].reason


def test_a_canary_that_is_gone_proves_nothing(service: Service) -> None:
    gone = TENANTS.replace('id = "i-1"', 'id = "i-9"')
    result = asked(service, "P2", tenants=gone)["acme"]
    assert result.verdict is Verdict.UNKNOWN
    assert "does not show acme its own canary (404)" in result.reason


def test_an_answer_that_tells_that_an_id_exists_is_remarked(service: Service) -> None:
    service.faults.add("tells")
    result = asked(service, "P2")["acme"]
    assert result.verdict is Verdict.VERIFIED
    assert "403 against 404" in result.reason


@pytest.mark.parametrize(("fault", "words", "most"), [("slow down", "429", 2), ("broken", "failed 3 times", 4)])
def test_it_stops_when_the_service_suffers(service: Service, fault: str, words: str, most: int) -> None:
    service.faults.add(fault)
    api = '[[api.route]]\npath = "/invoices"\n[[api.route]]\npath = "/invoices/{invoice}"\n'
    results = list(endpoints.run(world(service, api)))
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert any(words in result.reason for result in results)
    assert len(service.asked) <= most


def test_no_more_requests_than_allowed(service: Service) -> None:
    results = list(endpoints.run(world(service, "most_requests = 4")))
    assert len(service.asked) == 4
    assert any("the limit of 4 requests" in result.reason for result in results)


def test_every_request_says_who_asks_and_only_reads(service: Service) -> None:
    list(endpoints.run(world(service)))
    assert service.asked
    assert {method for method, _, _ in service.asked} == {"GET"}
    assert all(headers["x-stas-probe"] for _, _, headers in service.asked)


def test_no_body_and_no_token_is_kept(service: Service) -> None:
    service.faults |= {"no object check", "no list filter"}
    text = repr(list(endpoints.run(world(service))))
    assert "marker-acme" not in text
    assert "token-of-acme" not in text


def test_a_dry_run_sends_nothing_and_lists_what_it_would(service: Service) -> None:
    results = list(endpoints.run(world(service, '[[api.route]]\npath = "/invoices"\n', dry=True)))
    assert service.asked == []
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert any("GET /invoices as" in line for result in results for line in result.executed)


@pytest.mark.parametrize("base", ["https://api.example.com", "http://10.0.0.5:8000"])
def test_what_may_be_production_is_not_asked(service: Service, base: str) -> None:
    it = world(service)
    assert it.tenancy is not None
    assert it.tenancy.api is not None
    api = it.tenancy.api.model_copy(update={"base": base})
    shut = World(
        project_id="shop", tenants=it.tenants, tenancy=it.tenancy.model_copy(update={"api": api}), clock=it.clock
    )
    results = list(endpoints.run(shut))
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert "production = true" in results[0].reason


def test_tenants_that_are_not_made_for_probing_are_never_asked_for(service: Service) -> None:
    results = asked(service, "P2") | {
        result.tenant: result
        for result in endpoints.run(
            World(
                project_id="shop", tenants=("initech",), tenancy=world(service).tenancy, clock=SystemClock(),
                only=frozenset({"P2"}), environ=ENVIRON,
            )
        )
    }  # fmt: skip
    assert results["initech"].verdict is Verdict.UNKNOWN
    assert "not made for probing" in results["initech"].reason


def test_a_missing_token_names_what_to_set(service: Service) -> None:
    results = asked(service, "P2", environ={"T_ACME": ENVIRON["T_ACME"]})
    assert "no token for globex" in results["globex"].reason
    assert results["acme"].verdict is Verdict.UNKNOWN


def test_a_dead_service_is_unknown_in_its_own_words() -> None:
    with running() as gone:
        pass
    results = list(endpoints.run(world(gone, '[[api.route]]\npath = "/invoices"\n')))
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert any("refuse" in result.reason for result in results)


def test_cancel_ends_it_at_the_next_request(service: Service) -> None:
    with pytest.raises(Cancelled):
        list(endpoints.run(world(service, cancelled=lambda: len(service.asked) >= 3)))
    assert len(service.asked) == 3
