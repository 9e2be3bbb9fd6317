"""What checks amount to: nothing missing, old or skipped is ever good news (R105, R135-R137, D15)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.health.ci_verdict import (
    FAILING,
    GREEN,
    PASSING,
    RED,
    UNKNOWN,
    YELLOW,
    builds_verdict,
    deploys_line,
    pipeline_verdict,
)
from storage.clock import DAY, HOUR, MINUTE
from storage.watch_records import Check, Deploy

NOW = 1_795_000_000_000
HEAD, OLD = "a" * 40, "b" * 40


def check(name: str, state: str, sha: str = HEAD, **more: object) -> Check:
    made = Check(key=f"shop/{sha}/{name}", project_id="shop", sha=sha, name=name, state=state, since=NOW - MINUTE)
    return replace(made, **more)  # type: ignore[arg-type]


def judged(*checks: Check, required: tuple[str, ...] = (), head: str = HEAD) -> tuple[str, str]:
    verdict = pipeline_verdict(checks, head=head, required=required, now=NOW)
    return verdict.word, verdict.reason


@pytest.mark.parametrize(
    ("checks", "required", "expected"),
    [
        ([check("u", "success"), check("v", "success")], ("u",), (GREEN, "2 checks succeeded for aaaaaaaa")),
        ([check("u", "success"), check("v", "neutral")], (), (GREEN, "1 check succeeded for aaaaaaaa, 1 did not run")),
        ([], (), (UNKNOWN, "no checks for aaaaaaaa")),
        ([], ("u",), (UNKNOWN, "no checks for aaaaaaaa")),
        ([check("u", "success", OLD)], (), (UNKNOWN, "no check reported for aaaaaaaa; those of bbbbbbbb do not count")),
        ([check("u", "success"), check("v", "failure")], ("u",), (RED, "failed: v")),
        ([check("v", "failure", conclusion="timed_out")], (), (RED, "failed: v (timed_out)")),
        ([check("u", "flaky"), check("v", "success")], (), (YELLOW, "failed and passed at the same commit: u")),
        ([check("u", "success"), check("v", "pending")], (), (YELLOW, "pending: v (1m)")),
        ([check("u", "success")], ("u", "w"), (YELLOW, "never reported: w (age unknown)")),
        ([check("u", "success"), check("w", "missing")], (), (YELLOW, "pending: w (1m)")),
        ([check("u", "success"), check("v", "surprise")], (), (YELLOW, "pending: v (1m)")),
        ([check("u", "neutral")], (), (UNKNOWN, "no check ran for aaaaaaaa: all were skipped or neutral")),
        (
            [check("u", "neutral", conclusion="skipped"), check("v", "success")],
            ("u",),
            (YELLOW, "required but did not run: u (skipped)"),
        ),
        ([check("w", "missing")], (), (UNKNOWN, "nothing has reported for aaaaaaaa: w (1m)")),
        (
            [check("w", "missing", since=NOW - 31 * MINUTE)],
            (),
            (YELLOW, "nothing has reported for aaaaaaaa: w (31m)"),
        ),
        (
            [check("w", "missing", since=NOW - 31 * MINUTE), check("u", "success")],
            (),
            (YELLOW, "never reported: w (31m)"),
        ),
    ],
)
def test_the_pipeline(checks: list[Check], required: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert judged(*checks, required=required) == expected


def test_thirty_minutes_are_not_yet_too_long() -> None:
    assert judged(check("w", "missing", since=NOW - 30 * MINUTE))[0] == UNKNOWN


def test_without_a_head_nothing_is_known() -> None:
    assert judged(check("u", "success"), head="")[0] == UNKNOWN


STATES = ("success", "failure", "pending", "missing", "neutral", "flaky", "odd")
CHECKS = st.lists(
    st.builds(
        check,
        st.sampled_from("uvwx"),
        st.sampled_from(STATES),
        st.sampled_from([HEAD, OLD]),
        since=st.sampled_from([0, NOW - MINUTE, NOW - HOUR]),
        required=st.booleans(),
    ),
    max_size=6,
)


@given(CHECKS, st.lists(st.sampled_from("uvwx"), max_size=3))
def test_green_needs_a_success_and_nothing_against_it(checks: list[Check], required: list[str]) -> None:
    verdict = pipeline_verdict(checks, head=HEAD, required=required, now=NOW)
    here = {c.name: c.state for c in checks if c.sha == HEAD}
    if verdict.word == GREEN:
        assert "success" in here.values()
        assert set(here.values()) <= {"success", "neutral"}
        assert all(here.get(name) == "success" for name in required)
    if "failure" in here.values():
        assert verdict.word == RED
    if not here:
        assert verdict.word == UNKNOWN
    assert verdict.reason
    old = [c for c in checks if c.sha == OLD]
    alone = pipeline_verdict([c for c in checks if c not in old], head=HEAD, required=required, now=NOW)
    assert alone.word == verdict.word


@given(CHECKS, st.lists(st.sampled_from("uvwx"), max_size=3))
def test_passing_needs_every_named_build(checks: list[Check], names: list[str]) -> None:
    verdict = builds_verdict(checks, head=HEAD, names=names, now=NOW)
    here = {c.name: c.state for c in checks if c.sha == HEAD and c.name in names}
    assert verdict.word in (PASSING, FAILING, UNKNOWN)
    if verdict.word == PASSING:
        assert names
        assert all(here.get(name) == "success" for name in names)
    if "failure" in here.values():
        assert verdict.word == FAILING


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([check("image", "success")], (PASSING, "1 build succeeded for aaaaaaaa")),
        ([check("image", "failure")], (FAILING, "failed: image")),
        ([check("image", "pending")], (UNKNOWN, "pending: image (1m)")),
        ([check("image", "flaky")], (UNKNOWN, "failed and passed at the same commit: image")),
        ([check("image", "neutral")], (UNKNOWN, "required but did not run: image (neutral)")),
        ([check("image", "success", OLD)], (UNKNOWN, "no check reported for aaaaaaaa; those of bbbbbbbb do not count")),
        ([check("unit", "success")], (UNKNOWN, "no build job")),
        ([], (UNKNOWN, "no build job")),
    ],
)
def test_builds(checks: list[Check], expected: tuple[str, str]) -> None:
    verdict = builds_verdict(checks, head=HEAD, names=["image"], now=NOW)
    assert (verdict.word, verdict.reason) == expected


def deploy(number: int, state: str, sha: str = HEAD, age: int = HOUR, project: str = "shop") -> Deploy:
    return Deploy(
        key=f"{project}/{number}", project_id=project, sha=sha, at=NOW - age, what="w", state=state, environment="prod"
    )


@pytest.mark.parametrize(
    ("deploys", "expected"),
    [
        (None, (UNKNOWN, "deployments could not be read")),
        ([], ("0", "none")),
        ([deploy(1, "success", age=25 * HOUR)], ("0", "none")),
        ([deploy(1, "success"), deploy(2, "failure", OLD)], ("2", "1 failed (prod bbbbbbbb); 1 succeeded")),
        ([deploy(1, "success"), deploy(2, "merged")], ("1", "1 succeeded")),
        ([deploy(1, "success"), deploy(2, "merged", OLD)], ("1", "1 succeeded; 1 merged and not deployed")),
        ([deploy(1, "merged"), deploy(2, "merged", OLD)], ("2", "2 merged")),
        ([deploy(1, "success"), deploy(2, "merged", OLD, project="ledger")], ("2", "1 succeeded; 1 merged")),
        ([deploy(1, ""), deploy(2, "in_progress")], ("2", "1 not finished; 1 no outcome (prod aaaaaaaa)")),
        ([deploy(1, "odd\x1b[1m")], ("1", "1 odd [1m")),
    ],
)
def test_deployments(deploys: list[Deploy] | None, expected: tuple[str, str]) -> None:
    verdict = deploys_line(deploys, since=NOW - DAY, now=NOW)
    assert (verdict.word, verdict.reason) == expected
