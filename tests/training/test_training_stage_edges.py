"""The simulated edges keep the promises of the protocols they stand behind, and say what they cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.executors.base import ExecutorError, Preset, RunRequest
from stas_tui.forges.base import BranchMissing, ForgeError, Repo
from stas_tui.notify.base import DirectMessage, NotifyError, SilenceWish
from stas_tui.rounds import NotStarted
from stas_tui.training.clock import VirtualClock
from stas_tui.training.stage.executor import LINE_MS, SimExecutor
from stas_tui.training.stage.forge import SimForge, Simulated, pull_text
from stas_tui.training.stage.outside import SimMessenger, SimSilencer
from stas_tui.training.tables import File, PullStart
from storage.clock import MINUTE, ManualClock
from storage.records import RunState
from storage.watch_records import Alert
from tests.training.stage_world import table

SHOP = Repo(project_id="shop", url="/nowhere")
PULL = PullStart(
    number=12,
    project="shop",
    title="Cache the account API",
    head="feat/cache",
    author="Yukihiro",
    files=(File(path="cache.py", patch="+key = request.path"),),
)


def request(folder: Path, run: str = "r1") -> RunRequest:
    return RunRequest(
        run_id=run,
        action_id=f"a-{run}",
        project_id="shop",
        task_id="T-1",
        prompt="do it",
        model="",
        workspace=folder,
        base="multi-tenant",
        base_sha="0",
        preset=Preset(name="none", argv=()),
    )


def test_commits_are_made_of_words_and_move_with_them() -> None:
    one, two = SimForge(ManualClock(1)), SimForge(ManualClock(2))
    assert one.branch_head(SHOP, "multi-tenant") == two.branch_head(SHOP, "multi-tenant")
    assert one.branch_head(SHOP, "multi-tenant") != one.branch_head(SHOP, "main")
    first = one.put(PULL).pull.head_sha
    assert first == two.put(PULL).pull.head_sha
    changed = PULL.model_copy(update={"files": (File(path="cache.py", patch="+key = tenant, request.path"),)})
    assert one.put(changed).pull.head_sha != first
    assert one.branch_head(SHOP, "feat/cache") == one.put(changed).pull.head_sha
    with pytest.raises(BranchMissing):
        one.branch_head(SHOP, "feat/nobody")


def test_a_forge_without_a_repository_says_so_and_never_guesses() -> None:
    forge = SimForge(ManualClock())
    pull = forge.put(PULL).pull
    workspace = forge.provision(SHOP, "T-1", "infra: cache")
    assert forge.provision(SHOP, "T-1", "again") == workspace
    for ask in (
        lambda: forge.pull_objects(SHOP, pull),
        lambda: forge.read_file(SHOP, "main", "x"),
        lambda: forge.push(SHOP, workspace, "0"),
    ):
        with pytest.raises(Simulated) as caught:
            ask()
        assert not caught.value.sent, "nothing was sent"
    assert forge.pr_files(SHOP, 12) == ["cache.py"]
    assert "+key = request.path" in pull_text(forge.put(PULL))
    assert forge.retarget_pr(SHOP, 12, "main").base == "main"
    with pytest.raises(ForgeError):
        forge.retarget_pr(SHOP, 99, "main")
    opened = forge.open_pr(SHOP, workspace, title="t", body="b", head_sha="0", author="Stas", key="k")
    assert opened.number == 13
    assert forge.open_pr(SHOP, workspace, title="t", body="b", head_sha="0", author="Stas", key="k") == opened
    verdict = forge.review_pr(SHOP, 12, event="comment", body="b", commit_sha="0", author="Ada", key="k")
    assert forge.review_pr(SHOP, 12, event="comment", body="b", commit_sha="0", author="Ada", key="k") == verdict
    assert forge.reviews(SHOP, 12) == [verdict]


def test_a_run_prints_on_the_lessons_clock_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    real = ManualClock()
    clock = VirtualClock(1_000, real=real, playing=True)
    executor = SimExecutor(clock, tmp_path)
    assert executor.status("r1") is None
    executor.start(request(tmp_path))
    executor.prints("r1", ["one", "two", "three"])
    running = executor.find("a-r1")
    assert running is not None
    assert running.state is RunState.RUNNING
    assert executor.running("T-1") == "r1"
    first, offset = executor.tail("r1")
    assert first == b"one\n"
    clock.pause()
    real.advance(10 * LINE_MS)
    assert executor.tail("r1", offset) == (b"", offset), "a paused lesson prints nothing"
    clock.play()
    real.advance(LINE_MS)
    assert executor.tail("r1", offset)[0] == b"two\n"
    real.advance(100 * LINE_MS)
    assert executor.wait("r1", 0.0).state is RunState.RUNNING, "it works until the scenario has it report"
    executor.end("r1", "PARTIAL", "STATUS: PARTIAL")
    done = executor.wait("r1", 1.0)
    assert (done.state, done.exit, done.stop) == (RunState.FINISHED, 0, "exit")
    assert executor.tail("r1")[0] == b"one\ntwo\nthree\nSTATUS: PARTIAL\n"
    assert done.stdout_bytes == len(executor.tail("r1")[0])
    executor.end("r1", "FAILURE", "too late")
    assert executor.status("r1") == done, "an end is final"
    assert executor.running("T-1") == ""


def test_a_cancelled_run_prints_no_more(tmp_path: Path) -> None:
    real = ManualClock()
    executor = SimExecutor(VirtualClock(1_000, real=real, playing=True), tmp_path)
    executor.start(request(tmp_path, "r2"))
    executor.prints("r2", ["one", "two", "three"])
    assert [status.run_id for status in executor.live()] == ["r2"]
    assert executor.cancel("r2").stop == "cancelled"
    executor.end("r2", "SUCCESS", "done")
    real.advance(10 * LINE_MS)
    assert executor.tail("r2")[0] == b"one\n"
    assert executor.live() == []
    for ask in (executor.cancel, lambda run: executor.wait(run, 0.0)):
        with pytest.raises(ExecutorError):
            ask("r3")


def test_a_message_is_posted_once_and_edited_in_place() -> None:
    messenger = SimMessenger(ManualClock(), "Sky")
    hello = DirectMessage(text="down", category="incident", urgent=True)
    first = messenger.post(hello, key="k1")
    assert messenger.post(hello, key="k1") == first
    edited = messenger.edit(first, DirectMessage(text="up", category="incident", urgent=False), key="k2")
    assert edited.ts == first.ts
    assert messenger.find("k2") == edited
    assert len(messenger.posted) == 1


def test_a_silence_fits_whole_values_and_ends_with_the_lessons_time() -> None:
    clock = ManualClock(0)
    alert = Alert(key="f", name="Down", labels={"alertname": "Down", "tenant": "acme"})
    silencer = SimSilencer(clock, ["am"], lambda _: [alert])
    assert silencer.hides("am", [("tenant", "ac", True, True)]) == []
    assert silencer.hides("am", [("tenant", "ac.*", True, True)]) == [alert]
    assert silencer.hides("am", [("tenant", "globex", False, False)]) == [alert]
    wish = SilenceWish(
        source="am",
        matchers=[("tenant", "acme", False, True)],
        starts_at=0,
        ends_at=5 * MINUTE,
        by="Ada",
        comment="known",
    )
    made = silencer.set(wish)
    assert silencer.hushed("am", alert) == (made,)
    silencer.extend("am", made, 10 * MINUTE, was=5 * MINUTE, said=" longer")
    clock.advance(6 * MINUTE)
    found = silencer.find("am", "known longer")
    assert found is not None
    assert found["state"] == "active"
    silencer.end("am", made)
    assert silencer.hushed("am", alert) == ()
    read = silencer.read("am", made)
    assert read is not None
    assert read["state"] == "expired"
    with pytest.raises(NotifyError):
        silencer.extend("am", made, 20 * MINUTE, was=1)
    with pytest.raises(NotifyError):
        silencer.set(SilenceWish(source="other", matchers=[], starts_at=0, ends_at=1, by="", comment=""))


def test_no_isolation_check_is_run_and_none_is_green(tmp_path: Path) -> None:
    with table(tmp_path) as at:
        rounds = at.director.application.rounds
        assert rounds.due("shop") == ()
        with pytest.raises(NotStarted, match="simulated world"):
            rounds.start("shop")
        board = rounds.look("shop").board
        assert board.cells
        assert {cell.verdict.value for cell in board.cells.values()} <= {"unknown"}


@pytest.mark.parametrize("speed", [1.0, 5.0, 20.0])
def test_the_clock_runs_at_its_speed_and_a_hold_in_real_time(speed: float) -> None:
    real = ManualClock()
    clock = VirtualClock(1_000, real=real)
    real.advance(5_000)
    assert (clock.now(), clock.monotonic()) == (1_000, 0), "it stands until it is played"
    clock.play()
    clock.run_at(speed)
    real.advance(1_000)
    assert (clock.elapsed(), clock.monotonic()) == (int(1_000 * speed), 1_000)
    clock.pause()
    real.advance(3_600_000)
    assert (clock.elapsed(), clock.monotonic()) == (int(1_000 * speed), 1_000)
    clock.jump(500)
    assert clock.elapsed() == int(1_000 * speed), "it never goes back"
    clock.jump(60_000)
    assert clock.elapsed() == 60_000
    with pytest.raises(ValueError, match="no speed"):
        clock.run_at(0)
