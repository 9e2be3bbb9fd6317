"""Checks, builds and deployments of the base branch's head (R105, R106, R135-R137, H1-H3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from forge_bench import Remote, git
from github_bench import Bench, ask, states, word
from github_double import GithubDouble
from github_world import TOKEN

from stas_tui.config_model import Project
from stas_tui.config_sources import Ci, Credential, Github, Watch
from stas_tui.forges.github_api import GithubApi
from stas_tui.health import ci
from stas_tui.health.base import Answer, Source
from stas_tui.health.ci_verdict import GREEN, RED, UNKNOWN, YELLOW, builds_verdict, deploys_line, pipeline_verdict
from storage.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from storage.records import DataState
from storage.watch_records import Check, Deploy

Sources = Callable[..., dict[str, Source]]


@pytest.fixture
def sources(bench: Bench, api: GithubApi, clock: ManualClock, tmp_path: Path) -> Sources:
    """The three sources of the project, by kind; arguments are those of `[project.ci]`."""
    clock.set_wall(int(git("show", "-s", "--format=%ct", "multi-tenant", cwd=bench.remote.path)) * 1000)

    def make(**settings: object) -> dict[str, Source]:
        table = Ci.model_validate({"github": bench.double.name, **settings})
        project = Project(id="shop", name="Shop", remote=bench.repo.url, ci=table)
        made = ci.ci_sources(
            project,
            Watch(),
            github=Github(api=bench.double.url, credential=Credential(env="TOKEN")),
            api=api,
            forge=bench.forge,
            repo=bench.repo,
            clock=clock,
            scratch=tmp_path / "builds",
            environ={"TOKEN": TOKEN},
        )
        return {source.kind.value: source for source in made}

    return make


# checks -------------------------------------------------------------------------------------------


def test_checks_of_a_renamed_repository(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    double.check("unit", sha=double.sha("multi-tenant"))
    made = sources()
    double.rename("other/store")
    answer, checks = ask(made["ci"], clock)
    assert (answer.state, states(checks)) == (DataState.OK, {"unit": "success"})
    assert any("other/store" in remark for remark in answer.detail["remarks"])


def test_names_and_kinds_and_how_often(sources: Sources) -> None:
    made = sources()
    assert [source.name for source in made.values()] == ["ci:shop", "builds:shop", "deploys:shop"]
    assert [source.every_s for source in made.values()] == [ci.GITHUB_EVERY_S, ci.GITHUB_EVERY_S, ci.GIT_EVERY_S]


def test_check_runs_and_statuses_together(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head = double.sha("multi-tenant")
    double.check("unit", sha=head)
    double.check("lint", "skipped", sha=head)
    double.status("external/scan", sha=head)
    answer, checks = ask(sources()["ci"], clock)
    assert answer.state is DataState.OK
    assert states(checks) == {"unit": "success", "lint": "neutral", "external/scan": "success"}
    assert checks["unit"].key == f"shop/{head}/unit"
    assert checks["unit"].url.startswith(double.url)
    assert word(answer, clock) == GREEN
    double.status("external/scan", "error", sha=head, at=clock.now() + 10_000)
    answer, checks = ask(sources()["ci"], clock)
    assert (checks["external/scan"].state, checks["external/scan"].conclusion) == ("failure", "error")
    assert word(answer, clock) == RED


def test_green_for_an_older_head_does_not_count(
    sources: Sources, double: GithubDouble, remote: Remote, clock: ManualClock
) -> None:
    source = sources()["ci"]
    double.check("unit", sha=double.sha("multi-tenant"))
    assert word(ask(source, clock)[0], clock) == GREEN
    head = remote.advance("multi-tenant", {"a.py": "1\n"})
    answer, checks = ask(source, clock)
    assert (answer.state, checks, answer.detail["head"]) == (DataState.EMPTY, {}, head)
    assert word(answer, clock) == UNKNOWN


def test_check_runs_of_another_commit_do_not_count_whatever_was_asked_for(
    sources: Sources, double: GithubDouble, remote: Remote, clock: ManualClock
) -> None:
    double.check("unit", sha=double.sha("multi-tenant"))
    double.mixes_commits = True
    remote.advance("multi-tenant", {"a.py": "1\n"})
    answer, checks = ask(sources()["ci"], clock)
    assert (answer.state, checks) == (DataState.EMPTY, {})


def test_required_checks_that_never_report_are_missing_with_their_age(
    sources: Sources, double: GithubDouble, remote: Remote, clock: ManualClock
) -> None:
    double.protected, double.ruled = ["protected"], ["ruled"]
    source = sources(required=["configured", "unit"])["ci"]
    ask(source, clock)
    head = remote.advance("multi-tenant", {"a.py": "1\n"}, date=clock.now() // SECOND - 9_000)
    answer, checks = ask(source, clock)
    landed = clock.now()
    assert states(checks) == dict.fromkeys(("configured", "unit", "protected", "ruled"), "missing")
    assert {check.since for check in checks.values()} == {landed}
    assert word(answer, clock) == UNKNOWN
    double.check("unit", sha=head)
    clock.advance(31 * MINUTE)
    answer, checks = ask(source, clock)
    verdict = pipeline_verdict(tuple(checks.values()), head=head, required=(), now=clock.now())
    assert verdict.word == YELLOW
    assert verdict.reason.startswith("never reported: configured (31m), protected (31m) and ruled (31m)")
    assert checks["unit"].required


def test_a_late_check_is_pending_until_it_reports(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head, source = double.sha("multi-tenant"), sources()["ci"]
    run = double.check("unit", None, sha=head, status="queued", started_at=None)
    answer, checks = ask(source, clock)
    assert (checks["unit"].state, checks["unit"].conclusion) == ("pending", "queued")
    assert word(answer, clock) == YELLOW
    run.update(status="completed", conclusion="success")
    answer, _ = ask(source, clock)
    assert word(answer, clock) == GREEN


def test_failed_and_passed_at_the_same_commit_is_flaky(
    sources: Sources, double: GithubDouble, clock: ManualClock
) -> None:
    head, source = double.sha("multi-tenant"), sources()["ci"]
    double.check("unit", "failure", sha=head)
    double.status("scan", "failure", sha=head)
    clock.advance(MINUTE)
    double.check("unit", "success", sha=head)
    double.status("scan", "success", sha=head)
    answer, checks = ask(source, clock)
    assert states(checks) == {"unit": "flaky", "scan": "flaky"}
    assert word(answer, clock) == YELLOW
    clock.advance(MINUTE)
    double.check("unit", "failure", sha=head)
    assert word(ask(source, clock)[0], clock) == RED


def test_two_workflows_with_a_job_of_one_name_do_not_hide_each_other(
    sources: Sources, double: GithubDouble, clock: ManualClock
) -> None:
    """It is no re-run: the failure of the one is not mended by the success of the other."""
    head = double.sha("multi-tenant")
    double.run("one", "failure", sha=head, workflow_id=1, check_suite_id=11)
    double.run("two", "success", sha=head, workflow_id=2, check_suite_id=12)
    double.check("build", "failure", sha=head, check_suite={"id": 11})
    clock.advance(SECOND)
    double.check("build", "success", sha=head, check_suite={"id": 12})
    answer, checks = ask(sources()["ci"], clock)
    assert checks["build"].state == "failure"
    assert word(answer, clock) == RED


def test_a_workflow_that_never_got_to_a_check(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head = double.sha("multi-tenant")
    double.check("unit", sha=head)
    double.run("deploy", "startup_failure", sha=head, workflow_id=2, check_suite_id=99)
    double.run("nightly", None, sha=head, workflow_id=3, check_suite_id=98, status="waiting")
    answer, checks = ask(sources()["ci"], clock)
    assert states(checks) == {"unit": "success", "workflow deploy": "failure", "workflow nightly": "pending"}
    assert word(answer, clock) == RED


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("timed_out", "failure"),
        ("cancelled", "failure"),
        ("action_required", "failure"),
        ("neutral", "neutral"),
        ("skipped", "neutral"),
        ("stale", "pending"),
    ],
)
def test_every_conclusion_has_a_state(
    sources: Sources, double: GithubDouble, clock: ManualClock, conclusion: str, state: str
) -> None:
    double.check("unit", conclusion, sha=double.sha("multi-tenant"))
    answer, checks = ask(sources()["ci"], clock)
    assert (checks["unit"].state, checks["unit"].conclusion) == (state, conclusion)
    assert word(answer, clock) != GREEN


@pytest.mark.parametrize("part", ["check-runs", "/statuses", "/actions/runs"])
def test_a_part_that_cannot_be_read_is_no_good_answer(
    sources: Sources, double: GithubDouble, clock: ManualClock, part: str
) -> None:
    head = double.sha("multi-tenant")
    double.check("unit", sha=head)
    double.status("scan", sha=head)
    double.fail("denied", path=part)
    answer, _ = ask(sources()["ci"], clock)
    assert (answer.state, answer.partial) == (DataState.DENIED, True)
    assert "cannot be read" in answer.reason
    double.fail("500", path=part)
    answer, _ = ask(sources()["ci"], clock)
    assert answer.state is DataState.ERROR


def test_a_limit_says_when_it_may_be_asked_again(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    source = sources()["ci"]
    double.fail("secondary")
    answer, _ = ask(source, clock)
    assert (answer.state, answer.things, answer.retry_after_s) == (DataState.ERROR, None, 28.0)
    assert "slow down" in answer.reason


@pytest.mark.parametrize("kind", ["html", "truncated", "500", "wrong shape", "lost", "short", "elsewhere"])
def test_a_broken_answer_keeps_what_was_known(
    sources: Sources, double: GithubDouble, clock: ManualClock, kind: str
) -> None:
    for source in sources(builds=["image"]).values():
        double.fail(kind, times=9)
        answer, _ = ask(source, clock)
        double.faults.clear()
        assert (answer.state, answer.things) == (DataState.ERROR, None)
        assert answer.reason


def test_a_branch_that_is_not_there(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    double.private = True
    made = sources()["ci"]
    double.tokens.clear()
    answer, _ = ask(made, clock)
    assert answer.state is DataState.DENIED


def test_the_second_question_costs_nothing(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head, made = double.sha("multi-tenant"), sources(builds=["image"])
    double.check("unit", sha=head)
    double.check("image", sha=head)
    first, _ = ask(made["ci"], clock)
    asked = len(double.asked)
    assert {check.name for check in made["builds"].ask(clock.now()).things or () if isinstance(check, Check)} == {
        "image"
    }
    assert len(double.asked) == asked
    again, _ = ask(made["ci"], clock)
    assert again.things == first.things
    assert {one.status for one in double.asked[asked:]} == {304}


def test_anonymous_reading_is_rare(bench: Bench, api: GithubApi, clock: ManualClock, tmp_path: Path) -> None:
    project = Project(id="shop", name="Shop", remote=bench.repo.url, ci=Ci(github="acme/shop"))
    made = ci.ci_sources(
        project, Watch(), github=Github(), api=api, forge=bench.forge, repo=bench.repo, clock=clock,
        scratch=tmp_path, environ={},
    )  # fmt: skip
    assert {source.every_s for source in made} == {ci.ANONYMOUS_EVERY_S}


def test_hundreds_of_checks_are_read_to_the_end(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head = double.sha("multi-tenant")
    for n in range(230):
        double.check(f"job {n}", "failure" if n == 229 else "success", sha=head)
    answer, checks = ask(sources()["ci"], clock)
    assert len(checks) == 230
    assert word(answer, clock) == RED


def test_what_is_beyond_the_bound_is_not_believed_to_be_good(
    sources: Sources, double: GithubDouble, clock: ManualClock, api: GithubApi
) -> None:
    api.pages_at_most = 1
    for n in range(130):
        double.check(f"job {n}", sha=double.sha("multi-tenant"))
    answer, checks = ask(sources()["ci"], clock)
    assert (answer.state, answer.partial, len(checks)) == (DataState.ERROR, True, 50)
    assert answer.reason == "check runs: 80 more not shown"


def test_a_check_in_hostile_words(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    name = "[red]x\x1b[2J ghp_0123456789abcdefghijABCDEFGHIJ012345\n"
    double.check(name, sha=double.sha("multi-tenant"), html_url="javascript:alert(1)")
    _, checks = ask(sources()["ci"], clock)
    (check,) = checks.values()
    assert "\x1b" not in check.name
    assert "ghp_0123" not in check.name
    assert "javascript" not in check.url


# builds -------------------------------------------------------------------------------------------


def test_builds_are_the_named_jobs(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head, made = double.sha("multi-tenant"), sources(builds=["image", "worker image"])
    double.check("image", sha=head)
    double.check("unit", sha=head)
    _, checks = ask(made["builds"], clock)
    assert states(checks) == {"image": "success", "worker image": "missing"}
    assert all(check.build for check in checks.values())
    assert "image" not in ask(made["ci"], clock)[1]
    verdict = builds_verdict(tuple(checks.values()), head=head, names=["image", "worker image"], now=clock.now())
    assert verdict.word == UNKNOWN
    double.check("worker image", "failure", sha=head)
    _, checks = ask(made["builds"], clock)
    assert builds_verdict(tuple(checks.values()), head=head, names=["image"], now=clock.now()).word == "Failing"


def test_without_a_named_build_it_is_unknown(sources: Sources, clock: ManualClock) -> None:
    answer, _ = ask(sources()["builds"], clock)
    assert (answer.state, answer.things) == (DataState.UNKNOWN, ())
    assert answer.reason == "no build is named in [project.ci] builds, and compose_build is off"


# deployments --------------------------------------------------------------------------------------


def deploys(source: Source, clock: ManualClock) -> tuple[Answer, list[Deploy]]:
    clock.advance(30 * SECOND)
    answer = source.ask(clock.now())
    return answer, [thing for thing in answer.things or () if isinstance(thing, Deploy)]


def test_deployments_with_their_latest_status(sources: Sources, double: GithubDouble, clock: ManualClock) -> None:
    head = double.sha("multi-tenant")
    double.deploy(head, "pending", "success", at=clock.now() - HOUR)
    double.deploy(head, "in_progress", "failure", environment="staging")
    double.deploy(head, at=clock.now() - 3 * DAY)
    answer, found = deploys(sources()["deploys"], clock)
    recorded = {deploy.environment: deploy.state for deploy in found if deploy.state != "merged"}
    assert recorded == {"production": "success", "staging": "failure"}
    line = deploys_line(found, since=clock.now() - DAY, now=clock.now())
    assert (line.word, line.reason.startswith("1 failed (staging ")) == ("2", True)
    assert answer.state is DataState.OK
    _, found = deploys(sources(environments=["production"])["deploys"], clock)
    assert {deploy.environment for deploy in found if deploy.state != "merged"} == {"production"}


def test_merges_where_nobody_records_deployments(
    sources: Sources, double: GithubDouble, remote: Remote, clock: ManualClock
) -> None:
    at = clock.now() // SECOND
    sha = remote.advance("multi-tenant", {"a.py": "1\n"}, "infra: a (#7)", date=at)
    remote.advance("multi-tenant", {"b.py": "1\n"}, "infra: b", date=at)
    git("tag", "v1.2", sha, cwd=remote.path)
    git("tag", "-m", "old", "v0.1", "main", cwd=remote.path, date=1_000_000_000)
    answer, found = deploys(sources()["deploys"], clock)
    named = {deploy.what: (deploy.state, deploy.pr_number) for deploy in found}
    assert named["infra: a (#7) (tag v1.2)"] == ("merged", 7)
    assert named["infra: b"] == ("merged", None)
    assert not any("v0.1" in what for what in named)
    assert answer.detail["recorded"] == 0


def test_a_tag_of_something_older_is_told_by_itself(sources: Sources, remote: Remote, clock: ManualClock) -> None:
    old = remote.advance("main", {"x.py": "1\n"}, "old", date=clock.now() // SECOND - 400_000)
    git("tag", "-m", "now", "v2", old, cwd=remote.path, date=clock.now() // SECOND)
    _, found = deploys(sources()["deploys"], clock)
    assert [deploy.sha for deploy in found if deploy.what == "tag v2"] == [old]


def test_plain_git_knows_no_checks_and_says_so(bench: Bench, clock: ManualClock, tmp_path: Path) -> None:
    project = Project(id="shop", name="Shop", remote=bench.repo.url)
    made = ci.ci_sources(
        project, Watch(), github=Github(), api=None, forge=bench.forge, repo=bench.repo, clock=clock, scratch=tmp_path
    )
    by_kind = {source.kind.value: source for source in made}
    answer, _ = ask(by_kind["ci"], clock)
    assert (answer.state, answer.things) == (DataState.UNKNOWN, ())
    assert answer.reason == "plain git knows no checks: name the repository in [project.ci] github"
    clock.set_wall(int(git("show", "-s", "--format=%ct", "multi-tenant", cwd=bench.remote.path)) * 1000)
    answer, found = deploys(by_kind["deploys"], clock)
    assert answer.state is DataState.OK
    assert {deploy.what for deploy in found} == {"infra: tenants", "first"}
    git("update-ref", "-d", "refs/heads/multi-tenant", cwd=bench.remote.path)
    answer, _ = deploys(by_kind["deploys"], clock)
    assert (answer.state, answer.things) == (DataState.ERROR, None)
