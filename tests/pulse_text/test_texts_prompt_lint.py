"""R53-R76: what the lint of an execution prompt says, row by row."""

from __future__ import annotations

import pytest
from routine_world import GOOD, PATHS, VISION, lint, section, swap

from stas_tui.texts import template
from stas_tui.texts.commands import verification_commands
from stas_tui.texts.prompt_lint import listed_files
from stas_tui.texts.sections import parse
from storage.records import Vision

FILES = "Files To Create/Modify"
MIGRATION = "packages/server/alembic/versions/0003_tenant_limits.py"


def test_a_prompt_in_which_nothing_is_missing_is_open() -> None:
    report = lint(GOOD)
    assert (report.locked, report.reasons, report.denies, report.conflicts) == (False, (), (), ())
    assert (report.filled, report.total) == (14, 14)
    assert {state.state for state in report.sections} == {"filled"}


def test_r53_empty_prompt_is_denied() -> None:
    report = lint("  \n")
    assert report.locked
    assert ("R53", "The prompt is empty.") in report.denies
    assert report.filled == 0


def test_r53_meter_counts_sections_and_words() -> None:
    report = lint(section("Rollback Plan", template.P_ROLLBACK))
    assert (report.filled, report.total) == (13, 14)
    assert lint("one two three").words == 3


def test_r54_braces_in_the_title_lock() -> None:
    report = lint(swap("Cap the checkout pool\n", "{clear title}\n"))
    assert report.locked
    assert report.state("title").state == "placeholder"
    assert "{clear title}" in report.state("title").reason


@pytest.mark.parametrize("title", ["# Task: Infra — x", "# Cap the pool", "", "# Task: Infrastructure —"])
def test_r54_other_titles_are_missing(title: str) -> None:
    assert lint(swap("# Task: Infrastructure — Cap the checkout pool", title)).state("title").state == "missing"


def test_r55_changed_vision_makes_the_context_stale() -> None:
    newer = Vision(project_id="shop", text=VISION.text + "More.", sha256="f" * 64, updated_at=VISION.updated_at + 1)
    report = lint(GOOD, vision=newer)
    assert report.locked
    assert "changed since" in report.state("context").reason
    assert not lint(GOOD, vision=newer, sha=newer.sha256).locked


def test_r55_without_a_vision_the_context_is_a_warning() -> None:
    assert lint(GOOD, vision=None).state("context").state == "warning"
    assert lint(GOOD, sha=None).state("context").state == "warning"


@pytest.mark.parametrize(
    "level", ["{level}: database/schema/row-level", "TBD: to be decided", ": database/schema/row-level"]
)
def test_r56_level_not_chosen_is_missing(level: str) -> None:
    report = lint(swap("- Tenant isolation at row-level: tenant_id in every table", f"- Tenant isolation at {level}"))
    assert report.locked
    assert report.state("level").state in ("missing", "placeholder")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("- Tenant isolation at database: one database each", "database"),
        ("- **Tenant isolation at schema level**: search_path", "schema"),
        ("- Tenant isolation: row", "row-level"),
        ("- Tenant isolation at row-level: database/schema/row-level", "row-level"),
    ],
)
def test_r56_one_chosen_level_is_filled(line: str, level: str) -> None:
    state = lint(swap("- Tenant isolation at row-level: tenant_id in every table", line)).state("level")
    assert (state.state, state.reason) == ("filled", level)


@pytest.mark.parametrize(
    ("row", "key", "line"),
    [
        ("r57", "routing", "- Tenant-aware routing: the subdomain names the tenant"),
        ("r58", "data", "- Data isolation: every query carries the tenant_id of the session"),
        ("r59", "limits", "- Resource limits: 20 database connections for each tenant"),
    ],
)
def test_r57_r58_r59_absent_empty_or_one_word_is_missing(row: str, key: str, line: str) -> None:
    label = line.split(":", maxsplit=1)[0]
    for text in ("", f"{label}:", f"{label}: TBD", f"{label}: yes"):
        state = lint(swap(line, text)).state(key)
        assert (state.row.lower(), state.state) == (row, "missing"), text


def test_r59_none_without_a_reason_is_rejected() -> None:
    line = "20 database connections for each tenant\n\n## What"
    assert lint(swap(line, "none\n\n## What")).state("limits").state == "missing"
    kept = lint(swap(line, "none, because the pool is shared by design\n\n## What")).state("limits")
    assert kept.state == "filled"


def test_r60_short_text_or_no_noun_of_the_repository_is_vague() -> None:
    short = lint(section("What To Build/Change", "Cap the checkout pool."))
    assert short.state("change").state == "warning"
    assert not short.locked
    foreign = lint(section("What To Build/Change", "Improve everything so that it runs much better than before. " * 5))
    assert foreign.state("change").reason == "Vague: it names nothing that this repository has."


def test_r61_typo_is_shown_and_globs_are_counted() -> None:
    report = lint(section("Files To Read First", "- docker-compse.yml\n- infra/terraform/*.tf\n- services/..."))
    assert report.files_to_read == (
        ("docker-compse.yml", False),
        ("infra/terraform/*.tf", True),
        ("services/...", True),
    )
    assert report.state("read").state == "warning"
    assert "docker-compse.yml" in report.state("read").reason
    assert not report.locked
    assert lint(section("Files To Read First", "- infra/terraform/*.tf")).state("read").reason == "2 files"


def test_r61_without_a_tree_nothing_is_called_present() -> None:
    report = lint(GOOD, paths=frozenset())
    assert report.state("read").state == "warning"
    assert not any(exists for _, exists in report.files_to_read)


def test_r62_files_to_change_with_what_and_whether_new() -> None:
    body = "- `services/checkout/pool.py` — bound it\n- new/file.py: create it\n| docs/runbook.md | add a chapter |"
    report = lint(section(FILES, body))
    assert report.files_to_change == (
        ("services/checkout/pool.py", "bound it", True),
        ("new/file.py", "create it", False),
        ("docs/runbook.md", "add a chapter", True),
    )
    assert not report.locked


@pytest.mark.parametrize(
    "body", ["", "- none", "- services/checkout/pool.py", "- ../other/x.py: change it", "- .git/config: set"]
)
def test_r62_missing_silent_or_outside_locks(body: str) -> None:
    report = lint(section(FILES, body))
    assert report.locked
    assert report.state("modify").state == "missing"


def test_r62_listed_files_are_the_contract() -> None:
    assert listed_files(GOOD) == ("services/checkout/pool.py", "services/checkout/settings.toml", "tests/test_pool.py")


def test_r63_a_tick_in_the_text_proves_nothing() -> None:
    state = lint(
        swap("1. All tests pass on multi-tenant branch", "1. [x] All tests pass on multi-tenant branch")
    ).state("tests")
    assert "counts for nothing" in state.reason


@pytest.mark.parametrize("number", range(5))
def test_r63_to_r67_each_point_of_the_checklist_is_missed(number: int) -> None:
    rows = ("R63", "R64", "R65", "R66", "R67")
    lines = section_lines("Pre-Deploy Checklist")
    report = lint(section("Pre-Deploy Checklist", "\n".join(lines[:number] + lines[number + 1 :])))
    missing = [state.row for state in report.checks if state.state == "missing"]
    assert missing == [rows[number]]


def section_lines(heading: str) -> list[str]:
    return parse(GOOD).body(heading).split("\n")


def with_migration(down: str) -> tuple[str, bytes]:
    text = section(FILES, f"- {MIGRATION}: add the table of limits")
    return text, f"def upgrade():\n    op.create_table('limits')\n\n\ndef downgrade():\n{down}\n".encode()


@pytest.mark.parametrize("down", ["    pass", "    ...", "    '''later'''\n    pass", "    raise NotImplementedError"])
def test_r64_empty_down_step_is_denied_without_finn(down: str) -> None:
    text, content = with_migration(down)
    report = lint(text, read_file=lambda _: content, paths=PATHS | {MIGRATION})
    assert "R64" in [row for row, _ in report.denies]
    assert report.migrations[0][:2] == (MIGRATION, "irreversible")
    agreed = lint(text, read_file=lambda _: content, paths=PATHS | {MIGRATION}, finn=True)
    assert not agreed.locked
    assert agreed.migrations[0][1] == "irreversible"


def test_r64_any_schema_migration_waits_for_finn() -> None:
    text, content = with_migration("    op.drop_table('limits')")
    report = lint(text, read_file=lambda _: content, paths=PATHS | {MIGRATION})
    assert report.migrations[0][1] == "reversible"
    assert report.denies == ()
    assert report.locked
    assert "Finn" in report.reasons[0]


def test_r64_unsure_is_unverified_never_reversible() -> None:
    text, _ = with_migration("    pass")
    assert lint(text, finn=True).migrations[0][1] == "unverified"
    broken = lint(text, read_file=lambda _: b"def (", paths=PATHS | {MIGRATION}, finn=True)
    assert broken.migrations[0][1] == "unverified"


def test_r66_r79_without_a_named_alert_it_is_blind() -> None:
    text = GOOD.replace(": alert `CheckoutPoolFull`", "")
    report = lint(text)
    assert report.state("monitored").state == "warning"
    assert "Blind" in report.state("monitoring_policy").reason


def test_r67_checklist_point_needs_a_written_plan() -> None:
    assert lint(section("Rollback Plan", "undo if needed")).state("documented").state == "missing"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("works well", "missing"),
        ("The service of T-31 is better after v2", "missing"),
        ("p95 below 300 ms", "filled"),
        ("Zero failed requests in the load test", "filled"),
        ("`stat pool` exits with code 0", "filled"),
    ],
)
def test_r68_outcome_needs_a_measure(outcome: str, state: str) -> None:
    report = lint(swap("1. At most 20 open connections for each tenant at 100 requests a second", f"1. {outcome}"))
    assert report.state("outcome").state == state
    assert report.locked is (state == "missing")


@pytest.mark.parametrize(
    "command", ["docker compose down", "stop the service", "Restart all containers", "systemctl stop checkout"]
)
def test_r69_stop_words_conflict_with_no_downtime(command: str) -> None:
    report = lint(swap("- docker compose build (verify container builds)", f"- docker compose build\n- {command}"))
    assert any("promise no downtime" in sentence for sentence in report.conflicts)


def test_r69_denials_and_the_rollback_do_not_conflict() -> None:
    text = swap("fails with a clear error", "fails with a clear error; never restart the service")
    assert lint(text).conflicts == ()
    assert lint(swap("1. Run `git revert", "1. `docker compose down`, then `git revert")).conflicts == ()


def test_r69_without_how_is_a_warning() -> None:
    assert lint(swap(": rolling, one replica at a time", "")).state("no_downtime").state == "warning"


def test_r27_vision_says_no_downtime_plan_says_stop() -> None:
    report = lint(swap("let a request that finds", "stop the service, let a request that finds"))
    assert any(sentence.startswith("The vision says no downtime") for sentence in report.conflicts)


def test_r27_vision_and_prompt_name_different_levels() -> None:
    report = lint(swap("isolation at row-level: tenant_id in every table", "isolation at schema: one schema each"))
    assert "The vision says isolation by row-level, the prompt says schema." in report.conflicts


def test_r8_plan_that_names_main_is_a_conflict() -> None:
    report = lint(swap("let a request that finds", "push to main, let a request that finds"))
    assert any("push to main" in sentence for sentence in report.conflicts)
    assert lint(swap("let a request that finds", "as infra/main.tf does, let a request that finds")).conflicts == ()


def test_r70_isolation_needs_a_proof_method() -> None:
    report = lint(swap(": proved by the query test of the tenancy suite", ""))
    assert report.locked
    assert report.state("preserved").state == "missing"


def test_r71_alert_must_be_named() -> None:
    report = lint(swap("covers the change: alert `CheckoutPoolFull`", "covers the change"))
    assert report.locked
    assert report.state("alerts").state == "missing"


def test_r72_documented_or_tested() -> None:
    assert lint(GOOD).state("undo").state == "filled"
    text = section("Rollback Plan", "undo if needed").replace(": documented below", ": tested on 2026-11-20, run 88")
    assert lint(text).state("undo").state == "filled"
    assert lint(section("Rollback Plan", "undo if needed")).state("undo").state == "missing"


@pytest.mark.parametrize(
    ("row", "key", "line"),
    [
        ("R73", "build", "- docker compose build (verify container builds)\n"),
        ("R74", "start", "- docker compose up -d (verify services start)\n"),
        ("R75", "health", "- curl -fsS http://127.0.0.1:8080/health (verify services healthy)\n"),
        ("R76", "dashboards", ": `checkout_pool_used`"),
    ],
)
def test_r73_to_r76_each_verification_is_missed(row: str, key: str, line: str) -> None:
    state = lint(swap(line, "")).state(key)
    assert (state.row, state.state) == (row, "warning")


def test_r73_commands_are_kept_as_written() -> None:
    fenced = "```bash\n$ make check\n# a remark\n./ci/smoke.sh 3\n```"
    body = f"1. `docker compose build --pull` builds\n{fenced}\n- curl health endpoints (verify)"
    assert verification_commands(section("Verification Steps", body)) == [
        "docker compose build --pull",
        "make check",
        "./ci/smoke.sh 3",
    ]


def test_r73_without_any_command_it_is_locked() -> None:
    assert lint(section("Verification Steps", "- look whether it works\n- curl health endpoints")).locked
