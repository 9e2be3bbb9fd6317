"""R77-R82, R17, R62: rollback, anti-patterns and hostile text in an execution prompt."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routine_world import GOOD, TASK, lint, section, swap

from stas_tui.texts import template
from stas_tui.texts.prompt_lint import deploy_like
from stas_tui.texts.sections import placeholders
from storage.records import Priority, Task, TaskClass

FILES = "Files To Create/Modify"


@pytest.mark.parametrize("plan", ["undo if needed", "", "tbd", "1. Undo it if something breaks", template.P_ROLLBACK])
def test_r77_no_executable_step_is_denied_for_deploy_like_work(plan: str) -> None:
    report = lint(section("Rollback Plan", plan))
    assert [row for row, _ in report.denies] == ["R77"]
    assert report.state("rollback_policy").state == "missing"
    quiet = lint(section("Rollback Plan", plan), deploy_like=False)
    assert quiet.denies == ()
    assert quiet.locked


@pytest.mark.parametrize("plan", ["1. revert", "Revert the PR.", "git revert"])
def test_r77_revert_alone_is_flagged(plan: str) -> None:
    state = lint(section("Rollback Plan", plan)).state("rollback")
    assert state.state == "warning"
    assert "“revert” alone" in state.reason


def test_r77_steps_without_time_are_flagged() -> None:
    assert (
        "time"
        in lint(section("Rollback Plan", "1. `docker compose up -d checkout@sha256:abc`")).state("rollback").reason
    )


def test_r48_r78_policy_line_follows_the_plan() -> None:
    assert lint(GOOD).state("rollback_policy").state == "filled"


def test_r80_manual_steps_are_listed_and_denials_are_not() -> None:
    text = swap("let a request that finds", "ssh to db-1 and set it by hand; let a request that finds")
    assert len(lint(text).manual_steps) == 1
    assert lint(swap("let a request that finds", "without manual steps, let a request that finds")).manual_steps == ()
    assert lint(text).state("manual_policy").state == "warning"


def test_r81_known_compromise_is_denied() -> None:
    report = lint(swap("let a request that finds", "disable row level security, let a request that finds"))
    assert "R81" in [row for row, _ in report.denies]
    kept = lint(swap("let a request that finds", "never disable row level security; let a request that finds"))
    assert kept.denies == ()


def test_r82_secret_is_denied_and_not_repeated() -> None:
    canary = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    report = lint(swap("let a request that finds", f"use {canary}, let a request that finds"))
    assert "R82" in [row for row, _ in report.denies]
    assert canary not in repr(report)


def test_r17_hidden_characters_lock() -> None:
    assert lint(swap("let a request", "let\u200b a\u202e request")).locked


def test_a_section_that_stands_there_twice_locks() -> None:
    report = lint(GOOD + "\n## Rollback Plan\n1. nothing\n")
    assert any("twice" in reason for reason in report.reasons)


def test_headings_in_fences_and_quotes_are_text() -> None:
    text = swap("let a request that finds", "let\n> ## Rollback Plan\n```\n## Rollback Plan\n```\na request that finds")
    assert not lint(text).locked


@pytest.mark.parametrize(
    "text", ["${HOME}", "{{ .Values.image }}", "/users/{id}", '{"a": 1}', "`{clear title}`", "{}", "{id}"]
)
def test_braces_that_are_no_placeholders(text: str) -> None:
    assert placeholders(f"x {text} y", template.PLACEHOLDERS) == []


@pytest.mark.parametrize(
    "text", ["{what changed}", "{level}", "{blast radius, rollback plan}", "{what's being monitored}"]
)
def test_braces_that_are(text: str) -> None:
    assert placeholders(f"x {text} y", template.PLACEHOLDERS) == [text]


def test_deploy_like_by_class_files_and_doubt() -> None:
    assert deploy_like(TASK, GOOD)
    docs = Task(id="T-1", project_id="shop", title="infra: update the runbook", priority=Priority.P3)
    assert not deploy_like(docs, "")
    assert not deploy_like(docs, section(FILES, "- docs/runbook.md: add a chapter"))
    assert deploy_like(docs, section(FILES, "- docker-compose.yml: set a limit"))
    assert deploy_like(Task(id="T-2", project_id="shop", title="infra: something"), "")
    assert deploy_like(Task(id="T-3", project_id="shop", title="x", task_class=TaskClass.DEPLOYMENT), "")


def test_lint_is_fast_enough_for_each_key() -> None:
    text = GOOD + "\n## Notes\n" + "words about services/checkout/pool.py and `code` {x} on a line\n" * 310
    assert 18_000 < len(text) < 24_000
    lint(text)
    times = []
    for _ in range(15):
        started = time.perf_counter()
        lint(text)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.015, min(times)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert lint(text).locked
    lint(section("What To Build/Change", text))
    lint(section(FILES, f"- {text}"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(GOOD.split("\n")), max_size=60))
def test_a_shuffled_template_never_counts_more_than_fourteen(lines: list[str]) -> None:
    report = lint("\n".join(lines))
    assert report.total == 14
    assert report.locked == bool(report.reasons)
    assert report.filled == sum(1 for state in report.sections if state.done)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 20_000,
        "## " * 8_000,
        "- " + "a" * 50_000,
        "`" * 20_000,
        "(" * 20_000 + ")",
        "no " * 15_000,
        "x\t" * 20_000,
        "1. run " + "a" * 50_000,
        "- " + "a-" * 20_000,
        "restart " + "the " * 10_000,
    ],
    ids=["braces", "marks", "line", "ticks", "brackets", "words", "tabs", "step", "hyphens", "restart"],
)
def test_hostile_sizes_do_not_blow_up(text: str) -> None:
    started = time.perf_counter()
    lint(section("What To Build/Change", text))
    lint(section("Rollback Plan", text))
    lint(section(FILES, text))
    lint(section("Acceptance Criteria", text))
    assert time.perf_counter() - started < 2
