"""The isolation matrix by keys: from a cell to its checks, their evidence and the code; acceptances, tasks, drafts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandPalette

from stas_tui.app import StasApp
from stas_tui.screens.dialogs import Ask, ShowText
from stas_tui.screens.isolation import IsolationScreen
from stas_tui.screens.isolation_check import CheckScreen
from stas_tui.screens.isolation_form import AcceptForm
from stas_tui.screens.main import MainScreen
from stas_tui.screens.task_form import TaskForm
from stas_tui.wiring import Application
from storage.clock import DAY
from storage.records import Mode
from tests.screens.conftest import Open
from tests.screens.hands import Hands, open_application, walk
from tests.screens.isolation_world import PROJECT, checked, open_matrix, sample, with_answers
from widgets.form import LabelledInput
from widgets.matrix import Matrix
from widgets.steady_list import SteadyList
from widgets.virtual_list import VirtualList


@pytest.fixture
def answered(application: Application) -> Iterator[Application]:
    """The demo, whose checks have answered about a commit that is there."""
    from stas_tui.proving import code_of

    tree = code_of(application.rounds.project(PROJECT), "")
    assert tree is not None
    with_answers(application, tree.commit)
    yield application


def checks_of(hands: Hands) -> SteadyList:
    return hands.screen.query_one("#checks", SteadyList)


async def go_to_check(hands: Hands, check: str) -> None:
    """The cursor of the list on a check."""
    table = checks_of(hands)
    table.focus()
    key = next(table.source.row(n).key for n in range(len(table.source)) if table.source.row(n).key.startswith(check))
    table.select(key)
    await hands.pilot.pause()


# there and back -----------------------------------------------------------------------------------


async def test_enter_on_a_cell_of_the_panel_shows_its_checks_and_escape_goes_back(
    dashboard: Open, answered: Application
) -> None:
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands, 3, 1)
        assert screen.query_one(Matrix).selected == ("ledger/cobalt", "db")
        await hands.sees("cobalt, database", "D10", "foreign rows are visible", "✖ 1 leak", "acme has 2 rows")
        await hands.press("enter")
        await hands.until(lambda: checks_of(hands).has_focus, "the checks have the keyboard")
        await hands.press("escape")
        await hands.until(lambda: screen.query_one(Matrix).has_focus, "the matrix again")
        await hands.press("escape")
        await hands.on(MainScreen)


async def test_the_panel_says_in_words_what_the_cell_under_the_cursor_is(
    dashboard: Open, answered: Application
) -> None:
    async with dashboard(application=answered) as hands:
        await hands.press("4")
        await hands.sees("all tenants queries", "flagged Q2: 1 place")
        await hands.press("down", "down", "down", "right")
        await hands.sees("cobalt database", "leak D10: foreign rows are visible")
        await hands.press("e", "enter")
        await hands.on(ShowText)
        await hands.sees("cobalt, database: flagged", "Control: acme has 2 rows", "set local role app")


@pytest.mark.parametrize("key", ["z", "I"])
async def test_other_ways_to_the_whole_screen(key: str, dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        await hands.press("4", key)
        await hands.on(IsolationScreen)
        await hands.press("q")
        await hands.on(MainScreen)


async def test_the_palette_shows_the_matrix(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        await hands.press("ctrl+p")
        await hands.on(CommandPalette)
        await hands.type("isolation matrix")
        await hands.until(lambda: "Show: isolation matrix" in hands.text, "the command")
        await hands.press("down", "enter")
        await hands.on(IsolationScreen)


async def test_the_list_follows_the_cell_and_tab_goes_round(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands)
        await hands.sees("all tenants, queries", "Q2")
        await hands.press("right", "right")
        await hands.sees("all tenants, endpoints", "P2 unknown all tenants An object is shown")
        await hands.press("end")
        await hands.sees("ember, endpoints", "P1 verified")
        await hands.press("tab")
        await hands.until(lambda: checks_of(hands).has_focus)
        await hands.press("tab", "tab")
        await hands.until(lambda: screen.query_one(Matrix).has_focus)


# drilling down ------------------------------------------------------------------------------------


async def test_from_a_check_to_a_lead_to_the_lines_at_that_commit(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        await open_matrix(hands)
        await go_to_check(hands, "Q2")
        await hands.press("enter")
        await hands.on(CheckScreen)
        await hands.sees("flags", "ledger/entries.py:43", "balance() holds the tenant", "read at commit")
        await hands.press("enter")
        await hands.on(ShowText)
        run = answered.rounds.checks.last_run(PROJECT)
        assert run is not None
        await hands.sees(
            f"ledger/entries.py:43 at commit {run.commit[:12]}", "> 43", "WHERE tenant_id = ? AND account = ?"
        )
        await hands.press("escape")
        await hands.on(CheckScreen)


async def test_a_statement_is_shown_whole(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        await hands.press("enter")
        await hands.on(CheckScreen)
        await hands.press("end", "enter")
        await hands.on(ShowText)
        await hands.sees("D10 executed 2", "select count(*) from entries")


async def test_a_lead_without_a_file_shows_its_query(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        await hands.press("enter")
        await hands.on(CheckScreen)
        await hands.press("enter")
        await hands.on(ShowText)
        await hands.sees("D10 public.entries", "where tenant_id <> 'cobalt'")


async def test_a_commit_that_is_gone_says_so_and_shows_what_is_known(dashboard: Open, application: Application) -> None:
    with_answers(application)
    async with dashboard(application=application) as hands:
        await open_matrix(hands)
        await go_to_check(hands, "Q2")
        await hands.press("enter")
        await hands.on(CheckScreen)
        await hands.press("enter")
        await hands.on(ShowText)
        await hands.sees("The file cannot be shown", "has no commit", "balance() holds the tenant")


# filters, what moved ------------------------------------------------------------------------------


async def test_a_filter_shows_all_of_the_row_that_is_flagged_then_unknown(
    dashboard: Open, answered: Application
) -> None:
    async with dashboard(application=answered) as hands:
        await open_matrix(hands, 3)
        await hands.press("v")
        await hands.sees("cobalt, all that is flagged")
        rows = [checks_of(hands).source.row(n).key.split("/")[0] for n in range(len(checks_of(hands).source))]
        assert rows == ["D10", "Q2", "G1"], "the leak first, what is accepted last"
        await hands.press("v")
        await hands.sees("cobalt, all that is unknown", "J1")
        await hands.press("v")
        await hands.sees("cobalt, queries")


async def test_what_moved_lists_new_leads_and_cells_and_leads_to_them(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands)
        await hands.sees("since the round before: 0 better, 6 worse, 2 new flags, 0 gone")
        await hands.press("n")
        await hands.sees("What moved since the round before", "D10 new", "worse")
        await hands.press("enter")
        await hands.on(ShowText)
        await hands.sees("cobalt read 3 rows of acme")
        await hands.press("escape")
        await hands.on(IsolationScreen)
        await hands.press("end", "enter")
        await hands.until(lambda: screen.query_one(Matrix).has_focus)
        assert screen.query_one(Matrix).selected == ("ledger/ember", "sql")


async def test_a_lead_that_is_gone_is_told(dashboard: Open, answered: Application) -> None:
    results = [each for each in sample(answered) if each.check == "D10" and each.tenant != "cobalt"]
    checked(answered, *results, replace(results[0], tenant="cobalt"))
    async with dashboard(application=answered) as hands:
        await open_matrix(hands)
        await hands.press("n")
        await hands.sees("1 gone", "D10 gone")


# a person's word ----------------------------------------------------------------------------------


async def fill(hands: Hands, reason: str, until: str = "") -> None:
    await hands.on(AcceptForm)
    if reason:
        await hands.type(reason)
    if until:
        hands.screen.query_one("#until", LabelledInput).input.value = until
    await hands.press("ctrl+o")


async def test_accepting_needs_a_reason_and_a_day_and_the_flag_stays_visible(
    dashboard: Open, answered: Application
) -> None:
    async with dashboard(application=answered) as hands:
        await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        await hands.press("A")
        await fill(hands, "")
        await hands.sees("A reason is needed")
        await fill(hands, "moves with the release", "soon")
        await hands.sees("The last day is written as")
        await fill(hands, "", "2020-01-01")
        await hands.sees("lies in the past")
        await fill(hands, "", "2099-01-01")
        await hands.sees("a year at most")
        assert len(answered.rounds.checks.waivers(PROJECT)) == 1, "only what was accepted before"
        await hands.press("escape")
        await hands.on(IsolationScreen)
        await hands.press("A")
        await fill(hands, "moves with the release")
        await hands.on(IsolationScreen)
        made = answered.rounds.checks.waivers(PROJECT)[0]
        assert (made.check, made.tenant, made.by) == ("D10", "cobalt", answered.person)
        assert made.fingerprint, "one lead is accepted, not whatever comes"
        await hands.sees("D10 accepted", f"accepted by {answered.person} until", "moves with the release")
        assert "leak" not in hands.text, "nothing is filled any more"
        await hands.press("E")
        await hands.on(Ask)
        await hands.press("a")
        await hands.on(IsolationScreen)
        await hands.sees("✖ 1 leak", "D10 flagged")


@pytest.mark.parametrize(("person", "mode", "why"), [(False, None, "nobody is named"), (True, Mode.OBSERVE, "Observe")])
async def test_nobody_accepts_without_a_name_or_in_observe(
    person: bool, mode: Mode | None, why: str, dashboard: Open, answered: Application
) -> None:
    walk(answered, step=2)
    if not person:
        answered.person = ""
    if mode is not None:
        answered.machine.set_mode(mode, by="kim", reason="")
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        assert why in (screen.disabled_reason("act('accept')") or "")
        await hands.press("A")
        await hands.pilot.pause()
        assert isinstance(hands.screen, IsolationScreen)


async def test_a_task_is_drafted_from_a_lead_and_waits_as_a_gate(dashboard: Open, answered: Application) -> None:
    walk(answered, step=7)
    async with dashboard(application=answered) as hands:
        await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        await hands.press("T")
        await hands.on(TaskForm)
        await hands.sees("infra: close the tenant isolation gap in public.entries", "D10 flags it for cobalt")
        await hands.press("ctrl+o")
        await hands.on(IsolationScreen)
        await hands.sees("It waits for your approval")
    (gate,) = answered.context.journal.pending()
    assert gate.revision is not None
    assert gate.revision.plan["title"] == "infra: close the tenant isolation gap in public.entries"


async def test_without_a_pulse_a_task_is_refused_with_the_reason(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        assert screen.disabled_reason("act('task')") == "no pulse is open; a task needs one"


async def test_without_a_tenancy_file_one_key_drafts_it_as_the_command_does(
    dashboard: Open, application: Application
) -> None:
    file = application.rounds.file(PROJECT)
    file.unlink()
    home = application.profile.root.parents[1]
    printed = subprocess.run(
        [sys.executable, "-m", "stas_tui", "--home", str(home), "--profile", "demo", "tenancy", "init", "--print"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    async with dashboard(application=application) as hands:
        screen = await open_screen(hands)
        await hands.sees("Tenancy not declared; `stas tenancy init` drafts it; D does it here.", "Q1 unknown")
        assert str(file).replace("/", "") in hands.words.replace("/", "").replace(" ", ""), "wrapped, never cut"
        assert screen.disabled_reason("act('scan')") == "tenancy is not declared; D drafts the file"
        await hands.press("D")
        await hands.until(file.exists, "drafted")
        await hands.sees("Wrote", "completed_by")
        assert file.read_text("utf-8") == printed.stdout
        assert screen.disabled_reason("act('draft')") == "there is a tenancy file already"


async def open_screen(hands: Hands) -> IsolationScreen:
    await hands.press("I")
    await hands.on(IsolationScreen)
    screen = hands.screen
    assert isinstance(screen, IsolationScreen)
    await hands.until(lambda: screen.look is not None, "the matrix is read")
    return screen


async def test_answers_that_run_out_while_one_looks_become_unknown(dashboard: Open, answered: Application) -> None:
    async with dashboard(application=answered) as hands:
        screen = await open_matrix(hands, 0, 2)
        await hands.sees("P1 verified")
        hands.clock.advance(DAY)
        await screen.reload()
        await hands.sees("P1 unknown", "was verified 24 h ago")


async def test_a_recorded_pulse_shows_what_was_written_down(dashboard: Open, answered: Application) -> None:
    walk(answered, step=10)
    answered.machine.cut_off(by=answered.person)
    async with dashboard(application=answered) as hands:
        await hands.press("left_square_bracket")
        await hands.until(
            lambda: hands.main.recorded is not None and hands.main.view is not None and hands.main.view.isolation
        )
        await hands.press("4", "enter")
        await hands.on(ShowText)


@pytest.fixture
def two_projects(demo: object, clock: object) -> Callable[[], Application]:
    """A second project beside the demo's own."""
    from stas_tui.config import load
    from stas_tui.locations import Profile

    assert isinstance(demo, Profile)
    text = demo.config_file.read_text("utf-8")
    demo.config_file.write_text(
        text + '\n[[project]]\nid = "billing"\nname = "Billing"\nremote = "/nowhere"\ntenants = ["initech"]\n', "utf-8"
    )
    return lambda: open_application(demo, clock=clock, settings=load(demo))  # type: ignore[arg-type]


async def test_the_next_project_by_key(two_projects: Callable[[], Application]) -> None:
    with two_projects() as application:
        with_answers(application)
        app = StasApp(application)
        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            screen = await open_screen(hands)
            await hands.sees("Isolation of ledger")
            await hands.press("P")
            await hands.sees("Isolation of billing", "initech")
            assert screen.board is not None
            assert screen.board.project_id == "billing"
            assert isinstance(checks_of(hands), VirtualList)
        app.hand.close()


async def test_a_draft_that_nobody_completed_says_so_and_can_be_scanned(dashboard: Open, answered: Application) -> None:
    file = answered.rounds.file(PROJECT)
    file.write_text("".join(x for x in file.read_text("utf-8").splitlines(True) if not x.startswith("completed_by")))
    async with dashboard((80, 24), application=answered) as hands:
        screen = await open_screen(hands)
        await hands.sees("The tenancy file is a draft that nobody completed")
        assert screen.disabled_reason("act('scan')") is None
