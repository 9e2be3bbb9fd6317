"""From settings, tenancy file and repository to the world of the checks; and what is compared since the last pulse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from isolation_samples import answers, group, lead, said, spec
from isolation_shop import Shop

from stas_tui.config import ConfigError, Settings, load
from stas_tui.config_model import Project
from stas_tui.isolation.base import UNDECLARED, World
from stas_tui.isolation.border import DRAFT
from stas_tui.isolation.catalog import Group
from stas_tui.isolation.cells_take import Subject, take
from stas_tui.isolation.trend import Move
from stas_tui.proving import Round, code_of, declared, look, open_checks, prove, world_of
from storage.check_records import CheckResult, Verdict
from storage.clock import DAY, HOUR, ManualClock
from storage.errors import StoreError
from storage.pulses import Pulses
from storage.records import Mode
from storage.schema_watch import open_watch

FLAGGED, UNKNOWN, VERIFIED = Verdict.FLAGGED, Verdict.UNKNOWN, Verdict.VERIFIED
Git = Callable[..., str]


@pytest.fixture
def settings(shop: Shop) -> Settings:
    return load(shop.profile)


@pytest.fixture
def project(settings: Settings) -> Project:
    return settings.project[0]


def proved(shop: Shop, settings: Settings, *groups: Group, **how: Any) -> Round:
    return prove(shop.profile, settings, settings.project[0], chosen=groups, **how)


# what is declared ----------------------------------------------------------------------------------


def test_tenants_are_those_of_the_settings_and_then_those_of_the_file(shop: Shop, project: Project) -> None:
    found = declared(shop.profile, project)
    assert found.subject.tenants == ("acme", "globex")
    assert (found.subject.problem, len(found.subject.tenancy)) == ("", 64)
    assert found.file == shop.profile.root / "tenancy" / "shop.toml"


def test_the_configuration_may_name_another_place(shop: Shop, project: Project, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('strategy = "rls"\ncompleted_by = "Ada"\n')
    for named in (str(tmp_path / "mine.toml"), "../../../mine.toml"):
        there = project.model_copy(update={"tenancy": named})
        found = declared(shop.profile, there)
        assert found.tenancy is not None
        assert found.tenancy.strategy == "rls"


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, UNDECLARED), ('strategy = "row"\n', DRAFT), ('strategy = "rows"\n', "line 1: strategy must be one of")],
)
def test_what_is_wrong_with_the_declaration_is_said(
    shop: Shop, project: Project, text: str | None, problem: str
) -> None:
    shop.profile.tenancy_file("shop").unlink()
    if text is not None:
        shop.declare(text)
    found = declared(shop.profile, project)
    assert problem in found.subject.problem
    assert (found.tenancy is None) == (problem != DRAFT)
    if found.tenancy is None and text is not None:
        with pytest.raises(ConfigError, match="strategy must be one of"):
            declared(shop.profile, project, strict=True)


# the world -----------------------------------------------------------------------------------------


def worlds(shop: Shop, settings: Settings, log: list[str]) -> Iterator[World]:
    project = settings.project[0]
    with world_of(shop.profile, settings, project, declared(shop.profile, project), log=log.append) as world:
        yield world


def test_the_world_holds_what_there_is(shop: Shop, settings: Settings, git: Git) -> None:
    with open_watch(shop.profile.watch_db):
        pass
    log: list[str] = []
    [world] = [
        (w.tenants, w.root, w.tree.commit if w.tree else "", w.scans is not None, w.watch is not None)
        for w in worlds(shop, settings, log)
    ]
    assert world == (("acme", "globex"), shop.repository, git(shop.repository, "rev-parse", "HEAD"), True, True)
    assert log == []


def test_what_cannot_be_opened_is_missing_and_said(shop: Shop, settings: Settings) -> None:
    shop.profile.scan_db.write_text("no database")
    shop.profile.watch_db.write_text("no database")
    log: list[str] = []
    assert [(w.scans, w.watch) for w in worlds(shop, settings, log)] == [(None, None)]
    assert [text.partition(":")[0] for text in log] == [
        "nothing that was read before is used",
        "nothing that sources said is used",
    ]


def test_the_code_of_a_remote_on_this_machine(shop: Shop, project: Project, git: Git, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    git(tmp_path, "clone", "-q", "--bare", str(shop.repository), str(bare))
    alone = project.model_copy(update={"repository": "", "remote": str(bare)})
    tree = code_of(alone, "")
    assert tree is not None
    assert list(tree.files()) == ["a.py"]
    log: list[str] = []
    far = project.model_copy(update={"repository": "", "remote": "https://example.com/x.git"})
    assert code_of(far, "", log.append) is None
    assert log == ["shop has no repository on this machine; no code is read"]
    with pytest.raises(ConfigError, match="no repository on this machine"):
        code_of(far, "HEAD")


def test_with_a_remote_its_base_branch_counts_and_not_the_local_one(
    shop: Shop, project: Project, git: Git, tmp_path: Path
) -> None:
    bare = tmp_path / "remote.git"
    git(tmp_path, "clone", "-q", "--bare", str(shop.repository), str(bare))
    delivered = git(shop.repository, "rev-parse", "HEAD")
    git(shop.repository, "remote", "add", "origin", str(bare))
    git(shop.repository, "fetch", "-q", "origin")
    git(shop.repository, "commit", "-q", "--allow-empty", "-m", "not pushed")
    both = project.model_copy(update={"remote": str(bare)})
    tree, own = code_of(both, ""), code_of(project, "")
    assert tree is not None
    assert own is not None
    assert tree.commit == delivered
    assert own.commit == git(shop.repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("at", ["nowhere", "--help", "HEAD:a.py"])
def test_what_is_no_commit_is_a_sentence(project: Project, at: str) -> None:
    with pytest.raises(ConfigError, match="has no commit"):
        code_of(project, at)


# a round -------------------------------------------------------------------------------------------


def test_results_are_in_the_record_as_they_come(shop: Shop, settings: Settings) -> None:
    seen: list[int] = []

    def show(_: CheckResult) -> None:
        with open_checks(shop.profile) as checks:
            seen.append(len(checks.standing("shop")))

    done = proved(
        shop, settings, group(answers(said(VERIFIED, "D1"), said(UNKNOWN, "D2")), spec("D1"), spec("D2")), show=show
    )
    assert seen == [1, 2]
    assert done.run is not None
    assert (done.run.outcome, done.run.asked, len(done.run.tenancy)) == ("done", ("D1", "D2"), 64)


def test_a_record_that_cannot_be_written_ends_the_round_as_failed(shop: Shop, settings: Settings) -> None:
    def full(_: CheckResult) -> None:
        raise StoreError("No room left.", "Free some.")

    with pytest.raises(StoreError, match="No room left"):
        proved(shop, settings, group(answers(said(VERIFIED))), show=full)
    with open_checks(shop.profile) as checks:
        run = checks.last_run("shop")
    assert run is not None
    assert (run.outcome, run.note) == ("failed", "No room left. Free some.")


def test_ctrl_c_ends_the_round_as_cancelled(shop: Shop, settings: Settings) -> None:
    def interrupted(_: CheckResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        proved(shop, settings, group(answers(said(VERIFIED))), show=interrupted)
    with open_checks(shop.profile) as checks:
        run = checks.last_run("shop")
    assert run is not None
    assert run.outcome == "cancelled"


def test_a_round_that_a_pulse_asked_for_names_it(shop: Shop, settings: Settings) -> None:
    with open_checks(shop.profile) as checks:
        pulses = Pulses(checks.journal.store, checks.journal)
        pulse = pulses.begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")
    done = proved(shop, settings, group(answers(said(VERIFIED))), pulse_id=pulse.id)
    assert done.run is not None
    assert done.run.pulse_id == pulse.id
    with open_checks(shop.profile) as checks:
        assert [e.pulse_id for e in checks.journal.events(kinds=["isolation.ran"])] == [pulse.id]


# one look ------------------------------------------------------------------------------------------


def test_a_look_compares_with_the_end_of_the_last_pulse(shop: Shop, settings: Settings, project: Project) -> None:
    clock = ManualClock()
    leak = said(FLAGGED, "D1", leads=(lead("leak"),))

    def at(result: CheckResult) -> CheckResult:
        now = clock.now()
        end = None if result.expires_at is None else now + DAY
        return CheckResult(
            check=result.check,
            project_id="shop",
            verdict=result.verdict,
            reason="so",
            ended_at=now,
            started_at=now,
            expires_at=end,
            live=True,
            leads=result.leads,
            target="x",
        )

    def round_of(result: CheckResult) -> None:
        proved(shop, settings, group(answers(at(result))), clock=clock)
        clock.advance(HOUR)

    round_of(said(VERIFIED, "D1"))
    with open_checks(shop.profile, clock) as checks:
        pulses = Pulses(checks.journal.store, checks.journal)
        pulse = pulses.begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")
        pulses.end(pulse.id, outcome="abandoned", summary="", by="Ada")
        clock.advance(HOUR)
        round_of(leak)
        round_of(leak)
        subject = Subject(project_id="shop", tenants=("acme",), tenancy=declared(shop.profile, project).subject.tenancy)
        by_pulse = take(checks, subject, clock.now(), pulses=pulses, only=frozenset({"D1"})).trend
        by_round = take(checks, subject, clock.now(), only=frozenset({"D1"})).trend
        whole = look(checks, shop.profile, project, clock.now(), pulses=pulses)
    assert (by_pulse.since, by_pulse.moves["acme", "database"]) == ("pulse 1", Move.WORSE)
    assert [seen.lead.text for seen in by_pulse.came] == ["leak"]
    assert (by_round.since, by_round.moves["acme", "database"]) == ("the round before", Move.SAME)
    assert whole.board.tenants == ("acme", "globex")
    assert not whole.running
