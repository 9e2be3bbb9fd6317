"""An approved spawn of a lesson: a run on the real screens, its output, its result, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from stas_tui.pulse.executing import ReviewRefused
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.main import MainScreen
from stas_tui.screens.output import OutputScreen
from stas_tui.screens.review import ReviewScreen
from stas_tui.training.catalog import Catalog
from stas_tui.training.engine import Act, play
from stas_tui.training.reading import ScenarioError
from storage.records import Outcome, RunState
from tests.training.live_seat import Seat, seat
from tests.training.stage_world import SMALL, Table, lesson, table
from tests.training.test_training_again import edit_and_approve

SPAWN = b"""
[[inject]]
at = "+40s"
kind = "agent_action"
ref = "s1"
tool = "spawn_executor"
title = "infra: rotate the secret of acme"
args = { taskId = "T-31", base = "multi-tenant", prompt = "Rotate it. Never print it." }
prints = '''
reading the vault's policy
new secret made
one signed webhook seen
'''
"""
REPORT = b"""
[[inject]]
when = { decided = "go", verbs = ["approve"] }
after = "+20s"
kind = "executor"
ref = "e1"
task = "T-31"
project = "shop"
outcome = "PARTIAL"
report = '''
The secret of acme is rotated.

The old one is not revoked.
'''
deviations = [{ rule = 3, what = "the selector was widened to all tenants", why = "it matched nothing", \
files = ["rotate.py"], isolation = "touched" }]
files = [{ path = "rotate.py", patch = "-only = tenant\\n+only = None" }]
"""
GO = b"""
[[decision]]
id = "go"
on = "s1"
expected = "approve"
by = "+4m"
why = "One tenant."
hint = ["Which tenants?"]
"""
JUDGE = b"""
[[decision]]
id = "result"
on = "e1"
expected = "reject"
also_ok = ["ask"]
deadly = ["approve"]
by = "+4m"
evidence = ["opened:e1"]
why = "The selector was widened."
hint = ["Read the deviation."]
"""
WHOLE = SMALL + SPAWN + REPORT + GO + JUDGE


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)


def run_id(at: Table) -> str:
    """The run that is worked on or judged."""
    return str(at.director.stage.machine.work().state["run"])


def started(at: Table) -> str:
    """Approve the spawn; the run that it began."""
    at.pass_s(41)
    at.decide("s1", "approve")
    at.pass_s(0)
    return run_id(at)


def output(at: Table) -> str:
    return at.director.application.context.door.executor.tail(run_id(at))[0].decode()


# the stage -------------------------------------------------------------------------------------------


def test_an_approval_starts_a_run_that_prints_and_reports(tmp_path: Path) -> None:
    with table(tmp_path, WHOLE) as at:
        run = started(at)
        context = at.director.application.context
        kept = context.runs.get(run)
        assert (kept.task_id, kept.state, kept.action_id) == ("T-31", RunState.RUNNING, at.director.stage.gates["s1"])
        at.pass_s(1)
        assert output(at) == "started: infra: rotate the secret of acme\n"
        at.pass_s(3)
        assert output(at).endswith("reading the vault's policy\nnew secret made\n")
        at.pass_s(20)
        assert output(at).endswith("STATUS: PARTIAL\n\nThe secret of acme is rotated.\n\nThe old one is not revoked.\n")
        result = context.runs.get(run).result
        assert result is not None
        assert (result.outcome, result.kind) == (Outcome.PARTIAL, "deviations")
        [deviation] = result.report.deviations
        assert (deviation.rule, deviation.tenant_isolation, deviation.files) == (3, "touched", ("rotate.py",))
        assert "no verification command was run" in result.because
        agent = at.director.stage.settings.agent_name
        assert at.director.application.world.message("e1", agent) is not None, "the agent is told, too"


def test_a_run_that_nothing_ends_goes_on(tmp_path: Path) -> None:
    with table(tmp_path, SMALL + SPAWN + GO) as at:
        run = started(at)
        for _ in range(8):
            at.pass_s(2)
        assert at.director.application.context.door.executor.status(run).state is RunState.RUNNING  # type: ignore[union-attr]


def test_a_rejected_spawn_or_one_for_no_task_of_the_world_starts_nothing(tmp_path: Path) -> None:
    with table(tmp_path / "a", WHOLE) as at:
        at.pass_s(41)
        at.decide("s1", "reject", "no")
        at.pass_s(1)
        assert at.director.application.context.door.executor.live() == []
    with table(tmp_path / "b", WHOLE.replace(b'taskId = "T-31"', b'taskId = "T-99"')) as at:
        at.pass_s(41)
        at.decide("s1", "approve")
        at.pass_s(1)
        assert at.gate("s1").revision is not None
        assert at.director.application.context.door.executor.live() == []
        assert at.director.engine.made["go"].quality == "expected"


def test_a_blocker_and_a_plain_success_are_classed_as_in_earnest(tmp_path: Path) -> None:
    blocked = WHOLE.replace(b'outcome = "PARTIAL"', b'outcome = "SUCCESS"\nblocker = "a new table"')
    with table(tmp_path / "a", blocked) as at:
        run = started(at)
        at.pass_s(25)
        result = at.director.application.context.runs.get(run).result
        assert result is not None
        assert (result.outcome, result.kind) == (Outcome.RULE4, "hidden blocker")
    plain = REPORT[: REPORT.index(b"deviations")].replace(b"PARTIAL", b"SUCCESS")
    with table(tmp_path / "b", SMALL + SPAWN + plain + GO) as at:
        run = started(at)
        at.pass_s(25)
        result = at.director.application.context.runs.get(run).result
        assert result is not None
        assert (result.outcome, result.kind) == (Outcome.SUCCESS, "ok")


def test_an_edited_prompt_is_what_the_executor_gets(tmp_path: Path) -> None:
    with table(tmp_path, WHOLE) as at:
        at.pass_s(41)
        edit_and_approve(at, "s1", {"prompt": "Rotate it in rotate.py."})
        at.pass_s(0)
        assert at.director.stage.machine.work().state["prompt"] == "Rotate it in rotate.py."


@pytest.mark.parametrize(
    ("name", "gate", "outcome", "kind"),
    [
        ("s02", "a3", Outcome.SUCCESS, "ok"),
        ("s07", "a4", Outcome.PARTIAL, "ok"),
        ("s09", "a1", Outcome.PARTIAL, "possible rule 4"),
    ],
)
def test_the_spawns_of_the_bundled_lessons_run_to_a_result(
    tmp_path: Path, name: str, gate: str, outcome: Outcome, kind: str
) -> None:
    with table(tmp_path, Catalog().find(name).path.read_bytes()) as at:
        while gate not in at.director.stage.gates:
            at.pass_s(15)
        at.decide(gate, "approve")
        at.pass_s(1)
        run = run_id(at)
        while at.director.application.context.runs.get(run).result is None:
            assert not at.director.over
            at.pass_s(5)
        result = at.director.application.context.runs.get(run).result
        assert result is not None
        assert (result.outcome, result.kind) == (outcome, kind)
        assert len(output(at).splitlines()) > 6


def test_what_is_made_of_a_result_is_an_answer_to_the_decision_on_it(tmp_path: Path) -> None:
    with table(tmp_path, WHOLE) as at:
        started(at)
        at.pass_s(25)
        machine = at.director.stage.machine
        with pytest.raises(ReviewRefused, match="Tick each deviation"):
            machine.accept(by="Ada", reason="fine", ticked=[])
        with pytest.raises(ReviewRefused, match="the agent itself"):
            machine.respawn(by="Ada", cause="c", prompt="p")
        machine.give_up(by="Ada", reason="all tenants were touched")
        at.pass_s(1)
        made = at.director.engine.made["result"]
        assert (made.verb, made.quality) == ("reject", "expected")
        act = at.director.engine.inputs[-1]
        assert isinstance(act, Act)
        assert (act.verb, act.target, act.text) == ("reject", "e1", "all tenants were touched")
        with pytest.raises(ReviewRefused, match="no result"):
            machine.give_up(by="Ada", reason="again")
        steps = at.director.application.context.pulses.steps(machine.work().pulse.id)
        assert next(step.n for step in steps if step.note.startswith("T-31 given up")) == 7
        assert machine.position().n == 7  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["accept", "park", "cancel"])
def test_going_back_does_it_again(tmp_path: Path, what: str) -> None:
    data = WHOLE.replace(b'outcome = "PARTIAL"', b'outcome = "BLOCKED"') if what == "park" else WHOLE
    with table(tmp_path, data) as at:
        started(at)
        at.pass_s(5 if what == "cancel" else 25)
        machine = at.director.stage.machine
        if what == "accept":
            machine.accept(by="Ada", reason="seen", ticked=[0])
        elif what == "park":
            machine.park(by="Ada")
        else:
            assert "ended: cancelled" in machine.cancel_run(by="Ada")
        at.pass_s(1)
        verb, target = {"accept": ("approve", "e1"), "park": ("ask", "e1"), "cancel": ("rollback", "s1")}[what]
        act = at.director.engine.inputs[-1]
        assert isinstance(act, Act)
        assert (act.verb, act.target) == (verb, target)
        before = (machine.work().state, output(at), at.director.engine.digest)
        now = at.director.clock.elapsed()
        at.pass_s(10)
        at.director.order("rewind", {"to": f"+{now // 1000}s"})
        at.director.rebuild()
        assert at.director.unrepeated == []
        again = at.director.stage.machine.work().state
        assert {**again, "result": None} == {**before[0], "result": None}
        assert (again.get("result") or {}).get("kind") == (before[0].get("result") or {}).get("kind")
        assert output(at) == before[1]
        inputs = [thing for thing in at.director.engine.inputs if isinstance(thing, Act)]
        assert inputs[-1] == act


def test_the_same_decisions_give_the_same_digest_and_older_files_keep_theirs(tmp_path: Path) -> None:
    with table(tmp_path, WHOLE) as at:
        started(at)
        at.pass_s(25)
        at.director.stage.machine.give_up(by="Ada", reason="no")
        at.pass_s(1)
        engine = at.director.engine
        found = lesson(WHOLE)
        again = play(found.scenario, found.digest, engine.inputs, until=engine.now)
        assert again.digest == engine.digest
        bodies = {str(line.body.get("ref")): line.body for line in engine.lines if line.kind.startswith("inject.")}
        assert "prints" not in bodies["a1"], "a key that says nothing does not stand in the log"
        assert bodies["s1"]["prints"].strip().startswith("reading")
        assert [row["rule"] for row in bodies["e1"]["deviations"]] == [3]


def test_a_deviation_by_no_rule_is_an_error_with_its_place() -> None:
    with pytest.raises(ScenarioError) as caught:
        lesson(WHOLE.replace(b"rule = 3", b"rule = 5"))
    assert caught.value.problems[0].spot.line > 80


# the screens -----------------------------------------------------------------------------------------


async def spawned(at: Seat) -> None:
    """Approve the spawn at its gate."""
    await at.pass_s(31)
    await at.sees("WAITS FOR YOU")
    await at.press("g")
    await at.on(GateScreen)
    await at.press("R")
    await at.press(*"no", "enter")
    await at.on(MainScreen)
    await at.pass_s(10)
    await at.sees("WAITS FOR YOU")
    await at.press("g")
    await at.on(GateScreen)
    await at.sees("rotate the secret of acme")
    await at.approve()
    await at.on(MainScreen)
    await at.pass_s(0.2)
    await at.sees("An executor works on it; x shows what it prints.")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_the_output_is_read_live_and_the_result_judged_on_the_real_screens(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with seat(tmp_path, WHOLE, size=size) as at:
        await spawned(at)
        await at.until(lambda: at.app.main.view is not None and at.app.main.view.run is not None)
        await at.press("x")
        await at.on(OutputScreen)
        await at.sees("started: infra: rotate", "running for")
        await at.sees("TRAINING", "left")
        await at.pass_s(4)
        await at.sees("new secret made")
        await at.pass_s(18)
        await at.sees("ended: exit", "STATUS: PARTIAL")
        await at.press("escape")
        await at.on(MainScreen)
        await at.sees("1 WAITS FOR YOU")
        await at.press("g")
        await at.on(ReviewScreen)
        await at.sees("PARTIAL", "rule 3", "the selector was widened to all tenants", "tenant isolation: touched")
        await at.sees("TRAINING", "left")
        assert "again" not in at.text
        await at.press("d")
        await at.on(ShowText)
        await at.sees("+only = None")
        await at.press("escape")
        await at.on(ReviewScreen)
        await at.press("G")
        await at.on(AskReason)
        await at.press(*"all tenants", "enter")
        await at.on(MainScreen)
        await at.pass_s(1)
        made = at.director.engine.made["result"]
        assert (made.verb, made.quality) == ("reject", "expected")
        assert "e1" in at.director.engine.opened, "the result was read on its screen"


async def test_a_run_is_cancelled_at_its_output(tmp_path: Path) -> None:
    async with seat(tmp_path, WHOLE) as at:
        await spawned(at)
        await at.until(lambda: at.app.main.view is not None and at.app.main.view.run is not None)
        await at.press("x")
        await at.on(OutputScreen)
        await at.press("c")
        await at.on(Ask)
        await at.press("y")
        await at.on(OutputScreen)
        await at.sees("ended: cancelled")
        await at.pass_s(1)
        assert "rollback" in [thing.verb for thing in at.director.engine.inputs if isinstance(thing, Act)]
        await at.press("escape")
        await at.on(MainScreen)
        await at.press("g")
        await at.on(ReviewScreen)
        await at.sees("FAILURE", "cancelled")
