"""C14-C16 on real commits: what watches a change, whether its plan fits, and what it touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stas_tui.health.alert_rules import covering
from stas_tui.review import blast, plan, watched
from stas_tui.review.base import Change
from storage.check_records import CheckResult, Verdict
from storage.watch_records import AlertRule
from tests.review.worlds import Repository

COMPOSE = """\
services:
  api:
    image: x:1
    depends_on: [db]
  db:
    image: pg:1
  web:
    image: w:1
    depends_on: [api]
"""
WORKER = "  ledger-worker:\n    image: y:1\n"
RULES = 'groups:\n- name: a\n  rules:\n  - alert: WorkerDown\n    expr: up{job="ledger_worker"} == 0\n'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


def only(results: Any) -> CheckResult:
    (result,) = results
    return result  # type: ignore[no-any-return]


def new_worker(repository: Repository, rules: str | None, **more: Any) -> Change:
    before = {"compose.yaml": COMPOSE} | ({"monitoring/rules.yml": rules} if rules else {})
    return repository.changed(before, {"compose.yaml": COMPOSE + WORKER}, **more)


def test_R104_a_new_service_without_a_rule_is_blind(repository: Repository) -> None:
    result = only(watched.run(new_worker(repository, RULES.replace("ledger_worker", "api").replace("Worker", "Api"))))
    assert result.verdict is Verdict.FLAGGED
    assert (result.leads[0].path, result.leads[0].line) == ("compose.yaml", 11)
    assert "blind: nothing watches ledger-worker" in result.reason


def test_a_rule_file_that_names_it_is_no_proof(repository: Repository) -> None:
    result = only(watched.run(new_worker(repository, RULES)))
    assert result.verdict is Verdict.UNKNOWN
    assert "ledger-worker: rule WorkerDown" in result.reason


def test_rules_of_the_running_server_verify(repository: Repository) -> None:
    result = only(watched.run(new_worker(repository, RULES, alerts={"ledger-worker": ("WorkerDown",)})))
    assert result.verdict is Verdict.VERIFIED
    assert result.live


def test_without_any_rules_it_is_unknown_and_asks(repository: Repository) -> None:
    result = only(watched.run(new_worker(repository, None)))
    assert result.verdict is Verdict.UNKNOWN
    assert "no rules to read" in result.reason
    assert not result.leads[0].accuses


def test_R50_a_touched_service_that_no_alert_covers_is_blind(repository: Repository) -> None:
    change = repository.changed(
        {"billing/a.py": "1\n"}, {"billing/a.py": "2\n"}, services=("billing",), alerts={"billing": ()}
    )
    result = only(watched.run(change))
    assert result.verdict is Verdict.FLAGGED
    assert "billing" in result.reason


def test_rules_cover_services_by_their_names_in_any_spelling() -> None:
    rules = [AlertRule(key="a", name="LedgerPoolExhausted", expression="x", per_tenant=False)]
    rules.append(AlertRule(key="b", name="B", expression='up{job="billing_api"}', per_tenant=False))
    assert covering(rules, ("ledger-pool", "billing-api", "web")) == {
        "ledger-pool": ("LedgerPoolExhausted",), "billing-api": ("B",), "web": (),
    }  # fmt: skip


MIGRATION = {"migrations/0007_x.up.sql": "create table x(a int);\n"}
GOOD = "## Rollback\n1. `psql -f migrations/0007_x.down.sql`\n2. `docker compose up -d api`\n"


@pytest.mark.parametrize(
    ("text", "verdict", "words"),
    [
        ("", Verdict.UNKNOWN, "no text was given"),
        ("## Change\nadds a table\n", Verdict.FLAGGED, "no rollback plan"),
        ("## Rollback\n\n## Monitoring\nx\n", Verdict.FLAGGED, "no rollback plan"),
        (GOOD, Verdict.UNKNOWN, "2 steps that can be run, text only"),
        (
            "One service. Rollback:\n1. `psql -f migrations/0007_x.down.sql`\n",
            Verdict.UNKNOWN,
            "1 step that can be run",
        ),
        (
            "- Rollback: warning\n\nRollback steps:\n\n1. `psql -f migrations/0007_x.down.sql` (1 min)\n",
            Verdict.UNKNOWN,
            "1 step that can be run",
        ),
        ("Rollback:\n\n## Monitoring\n- x\n", Verdict.FLAGGED, "no rollback plan"),
        ("Rollback: `docker compose up -d api`\n", Verdict.UNKNOWN, "does not name 0007"),
    ],
)
def test_R102_a_plan_must_fit_the_change(repository: Repository, text: str, verdict: Verdict, words: str) -> None:
    result = only(plan.run(repository.changed({}, MIGRATION, plan=text)))
    assert (result.verdict, words in result.reason) == (verdict, True), result.reason


def test_a_change_of_documentation_needs_no_plan(repository: Repository) -> None:
    result = only(plan.run(repository.changed({}, {"docs/a.md": "x\n"}, plan="## Change\nx\n")))
    assert "reverting the commit will do" in result.reason


def test_R47_what_depends_on_a_changed_service_is_named_through_others(repository: Repository) -> None:
    change = repository.changed(
        {"compose.yaml": COMPOSE}, {"compose.yaml": COMPOSE.replace("pg:1", "pg:2")}, tenants=("acme", "globex")
    )
    result = only(blast.run(change))
    assert "1 service (db)" in result.reason
    assert "2 depending on it (api and web)" in result.reason
    assert "2 tenants share it" in result.reason


def test_tables_and_routes_of_changed_lines_are_named(repository: Repository) -> None:
    change = repository.changed(
        {"app/api.py": "x = 1\n"},
        {"app/api.py": 'x = 1\n@router.get("/invoices/{id}")\ndef a():\n    q("select * from invoices where id=1")\n'},
    )
    result = only(blast.run(change))
    assert "1 table (invoices)" in result.reason
    assert "1 route (GET /invoices/{id})" in result.reason
    assert "tenants not declared" in result.reason
