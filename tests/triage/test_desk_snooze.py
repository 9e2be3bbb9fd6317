"""What is put aside: with a reason, until a time or an event that is still to come, a P0 for minutes only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from storage.clock import HOUR, MINUTE
from storage.records import Priority, PullRequest
from storage.watch_records import Check, Deploy, SourceKind
from tests.triage.bench import Bench, alert


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


def warn(bench: Bench) -> str:
    return bench.alert(severity="warning")


def below(bench: Bench, key: str) -> bool:
    return bool(bench.item(key).suppressed)


def test_until_a_time_and_back_loudly_once(bench: Bench) -> None:
    key = warn(bench)
    until = bench.clock.now() + HOUR
    bench.desk.snooze([key], by="ann", reason="known, fix is out", until=until)
    assert below(bench, key)
    snooze = bench.note(key).snooze
    assert snooze is not None
    assert (snooze.by, snooze.reason, snooze.until) == ("ann", "known, fix is out", until)
    bench.clock.advance(HOUR - 1)
    bench.say([alert("98be", "warning")])
    assert bench.desk.tick() == []
    (line,) = bench.pass_by(1)
    assert "is back" in line
    assert not below(bench, key)
    assert bench.desk.tick() == []
    assert len(bench.events("triage.woke")) == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"reason": " ", "until": HOUR}, "needs a reason"),
        ({"reason": "r"}, "Until when"),
        ({"reason": "r", "until": 0}, "has passed already"),
        ({"reason": "r", "until": -HOUR}, "has passed already"),
        ({"reason": "r", "event": "full moon"}, "is no event"),
        ({"reason": "r", "event": "pr:shop/abc"}, "is no event"),
        ({"reason": "r", "event": "ci:other/9f2c"}, "No project other"),
        ({"reason": "r", "event": "task:shop/T-99"}, "no task T-99"),
    ],
)
def test_what_is_no_snooze_is_refused(bench: Bench, how: dict[str, object], why: str) -> None:
    key = warn(bench)
    until = how.get("until")
    wish = {**how, "until": bench.clock.now() + until} if isinstance(until, int) else how
    with pytest.raises(TriageRefused, match=why):
        bench.desk.snooze([key], by="ann", **wish)  # type: ignore[arg-type]
    assert not below(bench, key)


def test_a_p0_is_put_aside_for_a_quarter_of_an_hour_at_most(bench: Bench) -> None:
    key = bench.alert()
    with pytest.raises(TriageRefused, match="at most 15 minutes"):
        bench.desk.snooze([key], by="ann", reason="r", until=bench.clock.now() + 15 * MINUTE + 1)
    bench.desk.snooze([key], by="ann", reason="r", event="next pulse")
    snooze = bench.note(key).snooze
    assert snooze is not None
    assert snooze.until == bench.clock.now() + 15 * MINUTE
    bench.clock.advance(15 * MINUTE)
    bench.say([alert("98be")])
    assert len(bench.desk.tick()) == 1
    assert not below(bench, key)


def test_several_are_put_aside_or_none(bench: Bench) -> None:
    bench.say([alert("1", "warning"), alert("2", "critical")])
    with pytest.raises(TriageRefused, match="P0"):
        bench.desk.snooze(["alert:1", "alert:2"], by="ann", reason="r", until=bench.clock.now() + HOUR)
    assert not below(bench, "alert:1")


def test_it_wakes_when_it_becomes_a_p0(bench: Bench) -> None:
    key = warn(bench)
    bench.desk.snooze([key], by="ann", reason="r", until=bench.clock.now() + 4 * HOUR)
    bench.clock.advance(MINUTE)
    bench.say([alert("98be", "critical")])
    (line,) = bench.pass_by(6_000)
    assert "has become a P0" in line
    assert not below(bench, key)


def test_until_the_next_pulse(bench: Bench) -> None:
    key = warn(bench)
    bench.desk.snooze([key], by="ann", reason="r", event="next pulse")
    assert bench.pass_by(6_000) == []
    bench.begin()
    (line,) = bench.pass_by(6_000)
    assert "pulse 1 began" in line


def test_until_a_task_moves(bench: Bench) -> None:
    key = warn(bench)
    task = bench.task("mend it", Priority.P2, status="ready").rpartition("/")[2]
    bench.desk.snooze([key], by="ann", reason="r", event=f"task:shop/{task}")
    assert bench.pass_by(6_000) == []
    bench.app.context.door.platform.transition("shop", task, "in_progress")
    (line,) = bench.pass_by(6_000)
    assert f"{task} moved from ready to in_progress" in line


def test_until_ci_has_finished_and_what_was_never_reported_is_not_finished(bench: Bench) -> None:
    key = warn(bench)

    def checks(**states: str) -> None:
        bench.say(
            [
                Check(key=f"shop/9f2c/{name}", project_id="shop", sha="9f2c", name=name, state=state)
                for name, state in states.items()
            ],
            name="ci:shop",
            kind=SourceKind.CI,
        )

    bench.desk.snooze([key], by="ann", reason="r", event="ci:shop/9f2c")
    for states in ({}, {"tests": "pending"}, {"tests": "success", "build": "missing"}):
        checks(**states)
        assert bench.pass_by(6_000) == []
    checks(tests="success", build="success")
    (line,) = bench.pass_by(6_000)
    assert "nothing failed" in line
    with pytest.raises(TriageRefused, match="so already"):
        bench.desk.snooze([key], by="ann", reason="r", event="ci:shop/9f2c")


def test_until_a_merge_that_a_source_saw(bench: Bench) -> None:
    key = warn(bench)
    bench.desk.snooze([key], by="ann", reason="r", event="pr:shop/7")
    assert bench.pass_by(6_000) == []
    bench.say(
        [Deploy(key="shop/1", project_id="shop", sha="9f2c", at=1, what="x", state="merged", pr_number=7)],
        name="deploys:shop",
        kind=SourceKind.DEPLOYS,
    )
    (line,) = bench.pass_by(6_000)
    assert "pull request 7 was merged" in line


def git(*args: str, cwd: Path) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=multi-tenant"]
    done = subprocess.run(["git", *who, *args], cwd=cwd, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_until_a_merge_that_only_the_forge_knows(bench: Bench, tmp_path: Path) -> None:
    key = warn(bench)
    work = tmp_path / "work"
    work.mkdir()
    git("init", cwd=work)
    git("commit", "--allow-empty", "-m", "first", cwd=work)
    git("checkout", "-b", "feat/x", cwd=work)
    (work / "x").write_text("x")
    git("add", "x", cwd=work)
    git("commit", "-m", "infra: x", cwd=work)
    sha = git("rev-parse", "HEAD", cwd=work)
    git("clone", "--bare", str(work), str(tmp_path / "shop.git"), cwd=tmp_path)
    number = bench.app.world.add_pr(
        PullRequest(number=0, project_id="shop", title="t", body="", base="multi-tenant", head="feat/x", head_sha=sha)
    ).number
    bench.desk.snooze([key], by="ann", reason="r", event=f"pr:shop/{number}")
    assert bench.pass_by(MINUTE) == []
    git("checkout", "multi-tenant", cwd=work)
    git("merge", "--no-ff", "-m", "merge", "feat/x", cwd=work)
    git("push", str(tmp_path / "shop.git"), "multi-tenant", cwd=work)
    (line,) = bench.pass_by(MINUTE)
    assert f"pull request {number} was merged" in line


def test_waking_by_hand_and_a_lease_that_ran_out_meanwhile_begins_anew(bench: Bench) -> None:
    key = warn(bench)
    bench.desk.own([key], by="ann")
    bench.desk.snooze([key], by="ann", reason="r", until=bench.clock.now() + 8 * HOUR)
    bench.clock.advance(6 * HOUR)
    bench.say([alert("98be", "warning")])
    assert bench.desk.tick() == [], "nobody is paged for a lease on something that is put aside"
    bench.desk.wake([key], by="ann")
    lease = bench.note(key).lease
    assert lease is not None
    assert lease.until == bench.clock.now() + 4 * HOUR
    with pytest.raises(TriageRefused, match="not put aside"):
        bench.desk.wake([key], by="ann")


def test_what_somebody_else_owns_is_not_hidden_from_them(bench: Bench) -> None:
    key = warn(bench)
    bench.desk.own([key], by="bob")
    with pytest.raises(TriageRefused, match="bob owns"):
        bench.desk.snooze([key], by="ann", reason="r", until=bench.clock.now() + HOUR)
