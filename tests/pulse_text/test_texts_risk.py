"""R47-R50, R83, R120-R128 and the design's ruling on G2: risk, method, Slack categories, follow-ups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routine_world import GOOD, PATHS, SERVICES, TASK, TENANTS, changes, lint, section, swap

from stas_tui.gates.risk import Risk, assess_changes, assess_plan
from stas_tui.gates.slack_rules import CATEGORIES, TEXT_LIMIT, category_problem, default_urgent, propose_category
from stas_tui.texts.follow_ups import KINDS, TEMPLATES, merge, propose, suggest, tray, tray_line, with_duplicates
from stas_tui.texts.kinds import FileKind, inside, kind_of, service_of
from stas_tui.texts.method import choose_method
from storage.records import ExecutorReport, Finding, Task

CHECKOUT = ("services/checkout/pool.py",)


def plan(*files: str, prompt: str = GOOD, alerts: dict[str, tuple[str, ...]] | None = None) -> Risk:
    return assess_plan(TASK, files, prompt, tenants=TENANTS, services=SERVICES, alerts=alerts)


# R47 blast radius ---------------------------------------------------------------------------------


def test_r47_plan_touching_the_compose_file_is_platform_and_g2() -> None:
    risk = plan("docker-compose.yml")
    assert risk.row("blast").text.startswith("platform of 3 services: docker-compose.yml")
    assert risk.row("blast").level == "crit"
    assert (risk.level, risk.g2) == ("high", True)
    assert risk.g2_because.startswith("platform-wide")


def test_r47_one_service_and_its_tenants() -> None:
    row = plan(*CHECKOUT).row("blast")
    assert (row.level, row.text) == ("ok", "1 service of 3: checkout; 2 tenants share it")
    assert plan("services/checkout/docker-compose.yml").row("blast").level == "ok"


def test_r47_several_services_warn() -> None:
    row = plan("services/checkout/a.py", "services/billing/b.py").row("blast")
    assert (row.level, "2 services of 3" in row.text) == ("warn", True)


@pytest.mark.parametrize("files", [(), ("lib/common.py",), ("services/checkout/a.py", "lib/common.py")])
def test_r47_unknown_is_a_warning_line_never_green_and_no_g2(files: tuple[str, ...]) -> None:
    risk = plan(*files)
    assert risk.row("blast").level == "unknown"
    assert risk.level != "low"
    assert not risk.g2


def test_r47_pipeline_alone_is_a_warning_deploy_workflow_is_platform() -> None:
    assert plan(".github/workflows/ci.yml").row("blast").level == "warn"
    assert plan(".github/workflows/deploy.yml").g2


def test_r47_all_tenants_in_the_plan_is_platform() -> None:
    risk = plan(*CHECKOUT, prompt=swap("let a request that finds", "for all tenants let a request that finds"))
    assert risk.g2


# R48 rollback -------------------------------------------------------------------------------------


def test_r48_documented_missing_and_irreversible() -> None:
    assert plan(*CHECKOUT).row("rollback").level == "ok"
    assert plan(*CHECKOUT, prompt=section("Rollback Plan", "undo if needed")).row("rollback").text.startswith("none")
    dropped = plan(*CHECKOUT, prompt=swap("let a request that finds", "drop table carts, let a request that finds"))
    assert dropped.row("rollback").level == "crit"
    assert dropped.g2
    assert "irreversible" in dropped.g2_because


def test_r48_a_denied_destruction_is_none() -> None:
    assert not plan(
        *CHECKOUT, prompt=swap("let a request that finds", "never drop table carts; let a request that finds")
    ).g2


def test_r48_migrations_are_not_called_rehearsed() -> None:
    row = plan("packages/server/alembic/versions/0003_x.py").row("rollback")
    assert (row.level, "not rehearsed" in row.text) == ("warn", True)


PATCH = """diff --git a/{path} b/{path}
--- a/{path}
+++ b/{path}
@@ -10,3 +10,3 @@ def run():
 context
{lines}
"""


def diff(lines: str, path: str = "services/checkout/pool.py", *, cut: bool = False) -> Risk:
    files = changes(path, patch=PATCH.format(path=path, lines=lines), cut=cut)
    return assess_changes(TASK, files, GOOD, tenants=TENANTS, services=SERVICES)


def test_r48_destruction_in_added_lines_names_its_place() -> None:
    risk = diff("+    execute('DROP TABLE carts')")
    assert risk.row("rollback").evidence[0].ref == "services/checkout/pool.py:11"
    assert risk.g2
    assert not diff("-    execute('DROP TABLE carts')").g2
    assert not diff("+    # drop table carts one day").g2


def test_r48_a_file_that_holds_only_the_way_back_may_drop_what_the_way_up_made() -> None:
    assert diff("+ALTER TABLE a DROP COLUMN b;", "migrations/0002_b.down.sql").row("rollback").level != "crit"
    assert diff("+ALTER TABLE a DROP COLUMN b;", "migrations/0002_b.up.sql").row("rollback").level == "crit"
    assert diff("+ALTER TABLE a DROP COLUMN b;", "services/checkout/down.sql").row("rollback").level == "crit"


def test_r48_a_drop_in_the_down_step_is_what_it_is_for() -> None:
    path = "packages/server/alembic/versions/0003_x.py"
    assert diff("+def downgrade():\n+    op.drop_table('x')", path).row("rollback").level != "crit"
    assert diff("+def upgrade():\n+    op.drop_table('x')", path).row("rollback").level == "crit"


# R49 isolation ------------------------------------------------------------------------------------


def test_r49_change_in_tenant_middleware_is_yes_and_g2() -> None:
    risk = plan("packages/server/tenancy/middleware.py")
    assert risk.row("isolation").text == "yes: packages/server/tenancy/middleware.py"
    assert "isolation" in risk.g2_because


def test_r49_a_removed_tenant_predicate_is_yes() -> None:
    risk = diff("-    where(Cart.tenant_id == tenant_id)\n+    where(True)")
    assert risk.row("isolation").level == "crit"


def test_r49_never_no_without_a_reason() -> None:
    assert plan(*CHECKOUT).row("isolation").level == "unknown"
    row = plan("docs/runbook.md").row("isolation")
    assert (row.level, row.text.startswith("no: 1 file of documentation")) == ("ok", True)
    assert diff("+ x", cut=True).row("isolation").level == "unknown"


def test_r49_a_flagged_check_is_yes_an_unknown_one_is_not() -> None:
    def finding(verdict: str) -> Finding:
        return Finding(id="f1", pulse_id="p", check="R109 queries", subject="s", verdict=verdict, reason="no predicate")

    touched = assess_plan(TASK, CHECKOUT, GOOD, services=SERVICES, findings=[finding("flagged")])
    assert touched.g2
    assert not assess_plan(TASK, CHECKOUT, GOOD, services=SERVICES, findings=[finding("unknown")]).g2


# R50 monitoring -----------------------------------------------------------------------------------


def test_r50_service_without_a_rule_is_blind() -> None:
    risk = plan("services/billing/app.py", alerts={"checkout": ("A",)})
    assert risk.row("monitoring").text == "blind: no alert covers billing"
    assert not risk.g2


def test_r50_covered_and_unknown() -> None:
    covered = plan(*CHECKOUT, alerts={"checkout": ("Errors", "Latency")}).row("monitoring")
    assert (covered.level, covered.text) == ("ok", "2 alerts cover checkout")
    assert plan(*CHECKOUT).row("monitoring").level == "unknown"


def test_risk_is_low_only_if_every_row_is_ok() -> None:
    risk = assess_plan(TASK, ["docs/runbook.md"], GOOD, services=("docs",), alerts={"docs": ("A",)})
    assert [row.level for row in risk.rows] == ["ok"] * 4
    assert (risk.level, risk.g2, risk.g2_because) == ("low", False, "")


@given(st.lists(st.sampled_from(sorted(PATHS)), max_size=5), st.text(max_size=200))
def test_g2_always_has_evidence_and_unknown_is_never_low(files: list[str], text: str) -> None:
    risk = assess_plan(TASK, files, text, tenants=TENANTS, services=SERVICES)
    if risk.g2:
        assert any(row.level == "crit" and row.evidence for row in risk.rows)
    if any(row.level == "unknown" for row in risk.rows):
        assert risk.level != "low"


# R83 method ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "title", "name", "rule"),
    [
        (["Dockerfile"], "tune image", "spawn_executor", "container redesign"),
        ([".github/workflows/ci.yml"], "cache", "spawn_executor", "CI pipeline"),
        (["db/migrate/1_x.sql"], "x", "spawn_executor", "migration scripts"),
        (["services/checkout/settings.toml"], "raise a limit", "direct", "config tweak"),
        (["monitoring/alerts/a.rules.yml"], "raise a threshold", "direct", "monitoring rule update"),
        (["monitoring/alerts/a.rules.yml"], "roll the rule to 100 % of tenants", "spawn_executor", "all tenants"),
        ([".env.production", "config/app.toml"], "rotate the api token", "direct", "secret rotation"),
        ([], "raise a limit", "spawn_executor", "doubt"),
        (["a.toml", "b.toml", "c.toml", "d.toml"], "x", "spawn_executor", "large"),
        (["strange.bin"], "x", "spawn_executor", "doubt"),
        (["a.toml"], "overhaul the settings", "spawn_executor", "doubt"),
    ],
)
def test_r83_rule_table(files: list[str], title: str, name: str, rule: str) -> None:
    method = choose_method(Task(id="T-1", project_id="p", title=title), files, 5, "")
    assert (method.name, method.rule) == (name, rule)
    assert method.why.endswith(".")


@given(st.lists(st.text(min_size=1, max_size=20), max_size=6), st.text(max_size=60))
def test_r83_doubt_is_complex(files: list[str], title: str) -> None:
    simple = {FileKind.MONITORING, FileKind.CONFIG, FileKind.SECRET, FileKind.DOCS}
    method = choose_method(Task(id="T-1", project_id="p", title=title), files, 5, "")
    if method.name == "direct":
        assert files
        assert {kind_of(path) for path in files} <= simple


# R122-R128 Slack ----------------------------------------------------------------------------------


def test_r122_to_r126_five_categories() -> None:
    assert list(CATEGORIES) == ["incident", "security", "integrity", "cost", "access"]
    assert [category.row for category in CATEGORIES.values()] == ["R122", "R123", "R124", "R125", "R126"]


@pytest.mark.parametrize(
    ("category", "text"),
    [
        ("incident", "Production is down: checkout answers 503 for acme."),
        ("security", "CVE-2026-1 in the base image; the admin port is exposed."),
        ("integrity", "Rows of globex were seen under another tenant."),
        ("cost", "The new cluster costs about 1,200 EUR a month more."),
        ("cost", "Spend rises by $300 per day."),
        ("access", "We need the IAM role for the DNS zone; T-31 waits for it."),
    ],
)
def test_r122_to_r126_real_cases_pass(category: str, text: str) -> None:
    assert category_problem(category, text) == ""


def test_r125_cost_needs_a_figure() -> None:
    assert "figure" in category_problem("cost", "This becomes expensive.")
    assert "figure" in category_problem("cost", "It takes 3 nodes.")


def test_r126_access_says_what_and_what_waits() -> None:
    assert "which access" in category_problem("access", "We wait for you.")
    assert "what waits" in category_problem("access", "Please give me the IAM role.")


@pytest.mark.parametrize("category", ["", "routine", "Incident"])
def test_r127_no_category_is_refused(category: str) -> None:
    assert category_problem(category, "checkout is down")


@pytest.mark.parametrize(
    "text", ["Nightly run: all fine.", "FYI: deployed, no issues.", "Weekly status report", "", "x" * (TEXT_LIMIT + 1)]
)
def test_r127_routine_updates_are_refused_under_any_category(text: str) -> None:
    assert category_problem("incident", text)
    assert category_problem("", text)


def test_r127_the_classifier_proposes() -> None:
    assert propose_category("checkout is down since 14:00") == "incident"
    assert propose_category("all fine, no incidents") == ""
    assert propose_category("costs rise by 40 EUR") == "cost"


def test_r128_urgent_is_a_property_of_the_category() -> None:
    assert [key for key in CATEGORIES if default_urgent(key)] == ["incident", "security", "integrity"]
    assert not default_urgent("unheard of")


# R120, R121, R80 follow-ups -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("R50 monitoring", "monitoring"),
        ("R64 migration", "migration"),
        ("R106 container build", "build"),
        ("R109 tenant scope", "isolation"),
        ("R114 secret age", "rotation"),
        ("R48 backup", "backup"),
    ],
)
def test_r121_each_kind_is_raised_by_its_check(check: str, kind: str) -> None:
    def finding(verdict: str) -> Finding:
        return Finding(id="f", pulse_id="p", check=check, subject="billing", verdict=verdict, reason="because")

    (proposal,) = suggest(findings=[finding("flagged")])
    assert proposal.kind == kind
    assert proposal.title == TEMPLATES[kind].format(subject="billing")
    assert proposal.priority.value == "P2"
    assert suggest(findings=[finding("unknown"), finding("verified")]) == ()


def test_r121_the_six_kinds_in_the_routines_words() -> None:
    assert next(iter(KINDS.values())) == "Missing monitoring for new services"
    assert len(KINDS) == 6


def test_r80_a_manual_step_becomes_a_follow_up() -> None:
    report = lint(swap("let a request that finds", "ssh to db-1 and set it; let a request that finds"))
    (proposal,) = suggest(report=report)
    assert "automate" in proposal.title


def test_r50_blind_service_becomes_a_follow_up() -> None:
    risk = plan("services/billing/app.py", alerts={})
    assert "infra: add alerts for billing" in [proposal.title for proposal in suggest(risk=risk)]


def test_r120_the_same_proposal_is_merged_and_counted() -> None:
    first = propose("build", "checkout", "it fails")
    again = propose("build", "Checkout", "it fails again")
    kept = merge((first,), [again, again])
    assert [(item.title, item.seen) for item in kept] == [(first.title, 2)]
    assert len(merge(kept, [propose("build", "billing", "x")])) == 2


def test_r120_open_tasks_are_named_as_duplicates() -> None:
    proposal = propose("monitoring", "billing", "blind")
    tasks = [
        Task(id="T-1", project_id="p", title="infra: add alerts for billing"),
        Task(id="T-2", project_id="p", title="infra: rebuild the index"),
        Task(id="T-3", project_id="p", title="infra: add alerts for billing", status="done"),
    ]
    assert with_duplicates([proposal], tasks)[0].duplicates == ("T-1",)


def test_r120_the_tray_leaves_out_what_is_on_the_board() -> None:
    gathered = [
        ("infra: add alerts for billing", "text", "P1", "seen"),
        ("add alerts for billing", "", "P9", "seen"),
        ("infra: verify the backup", "d", "P3", "said"),
    ]
    items = tray(gathered, open_titles=["infra: verify the backup"])
    assert [(item["title"], item["priority"]) for item in items] == [("infra: add alerts for billing", "P1")]
    assert set(items[0]) == {"title", "description", "priority", "why"}
    assert tray_line(()) == "no follow-ups"


def test_r120_what_the_executor_says_is_only_said() -> None:
    report = ExecutorReport(outcome="success", follow_ups=(("rotate the key", "P1"), ("odd", "urgent!")))
    first, second = suggest(executor=report)
    assert (first.priority.value, first.kind) == ("P1", "rotation")
    assert (second.priority.value, second.kind) == ("P2", "other")
    assert "nothing of it is checked" in first.why


# paths --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Dockerfile", FileKind.CONTAINER),
        ("Dockerfile.worker", FileKind.CONTAINER),
        ("deploy/compose.prod.yaml", FileKind.COMPOSE),
        (".github/workflows/ci.yml", FileKind.WORKFLOW),
        (".github/workflows/release.yml", FileKind.DEPLOY_WORKFLOW),
        ("infra/main.tf", FileKind.TERRAFORM),
        ("packages/server/alembic/versions/1.py", FileKind.MIGRATION),
        ("k8s/checkout.yaml", FileKind.ORCHESTRATION),
        ("app/tenant_middleware.py", FileKind.ISOLATION),
        ("monitoring/alerts.yml", FileKind.MONITORING),
        (".env", FileKind.SECRET),
        ("src/app.py", FileKind.CODE),
        ("tests/test_tenant.py", FileKind.TEST),
        ("docs/a.md", FileKind.DOCS),
        ("x.bin", FileKind.OTHER),
    ],
)
def test_kinds_by_name(path: str, kind: FileKind) -> None:
    assert kind_of(path) is kind


def test_services_are_whole_words_and_the_longest_wins() -> None:
    assert service_of("services/checkout-api/a.py", ("checkout", "checkout-api")) == "checkout-api"
    assert service_of("services/checkouts/a.py", ("checkout",)) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "~/x", ".git/config", "C:\\x", "", "a\nb"])
def test_paths_that_leave_the_repository(path: str) -> None:
    assert not inside(path)
