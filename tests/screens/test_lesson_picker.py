"""What can be chosen, and what is read beside the list: by keys, on a real shelf where it matters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stas_tui.keys import KeymapError
from stas_tui.locations import Locations
from stas_tui.screens.help import HelpScreen
from stas_tui.screens.lesson_picker import PickerApp, PickerScreen
from stas_tui.screens.lesson_picker_page import PickerPage
from stas_tui.training.catalog import Catalog
from stas_tui.training.runs import RunFolder, training_dir
from stas_tui.training.scripts import ideal, reject_all
from stas_tui.training.shelf import TUTORIAL, last_run, sheet_of, shelf
from tests.screens.picker_world import FOLDER, a_shelf, an_app
from tests.training.seat import screen_text
from tests.training.test_control_screen import sees, until

SIZE = (120, 36)
BEGAN = 1_795_000_000_000


def picker(app: PickerApp) -> PickerScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, PickerScreen)
    return screen


def keep(home: Path, name: str, passed: bool, at: int = BEGAN, *, finish: bool = True) -> Path:
    """A run of a lesson that comes with Stas."""
    lesson = Catalog().find(name)
    engine = (ideal if passed else reject_all)(lesson)
    folder = RunFolder.create(home, lesson, seed=engine.seed, began=at)
    for thing in engine.inputs:
        folder.add(thing)
    if finish:
        folder.finish(engine)
    folder.close()
    return folder.path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = training_dir(Locations.find(tmp_path / "home"))
    found.mkdir(parents=True)
    return found


# the door --------------------------------------------------------------------------------------------


async def test_a_first_visitor_begins_with_the_tutorial() -> None:
    app = an_app(at_door=True, fresh=True)
    async with app.run_test(size=SIZE) as pilot:
        assert picker(app).table.selected == str(FOLDER / f"{TUTORIAL}.toml")
        await pilot.press("enter")
    assert app.choice is not None
    assert (app.choice.kind, app.choice.file) == ("lesson", str(FOLDER / f"{TUTORIAL}.toml"))


async def test_who_passed_the_tutorial_begins_with_the_demo() -> None:
    app = an_app(at_door=True)
    async with app.run_test(size=SIZE) as pilot:
        assert [offer.key.rpartition("/")[2] for offer in picker(app)._offers.values()] == [
            f"{TUTORIAL}.toml", "demo", "s01-alike.toml", "s02-ticket.toml", "s03-regex.toml", "all",
        ]  # fmt: skip
        assert picker(app).table.selected == "demo"
        await pilot.press("d")
        assert "only a lesson has a debrief" in (picker(app).disabled_reason("debrief") or "")
        await pilot.press("enter")
    assert app.choice is not None
    assert app.choice.kind == "demo"


async def test_the_last_row_of_the_door_shows_all_lessons_and_one_comes_back_to_them() -> None:
    app = an_app(at_door=True)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("end")
        await sees(pilot, "stas train opens the same list")
        await pilot.press("enter")
        await sees(pilot, "TRAINING: lessons", "The migration that only goes forward")
        await pilot.press("down", "enter")
    assert app.choice is not None
    assert app.choice.whole
    back = an_app(key=app.choice.key)
    async with back.run_test(size=SIZE):
        assert picker(back).table.selected == app.choice.key


async def test_leaving_chooses_nothing() -> None:
    app = an_app(at_door=True)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("q")
    assert app.choice is None


# the lessons -----------------------------------------------------------------------------------------


async def test_a_lesson_that_cannot_be_used_is_not_run() -> None:
    app = an_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("end")
        await sees(pilot, "broken.toml:1:5: no")
        await pilot.press("enter")
        await sees(pilot, "It cannot be run: stas train check")
        assert app.choice is None


async def test_what_comes_from_a_file_cannot_act_on_the_screen() -> None:
    app = an_app()
    async with app.run_test(size=SIZE) as pilot:
        await sees(pilot, "[bold]mine[/]")
        assert "\x1b" not in screen_text(app)


async def test_the_help_lists_the_keys_and_tab_reaches_the_description() -> None:
    app = an_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("tab")
        await until(pilot, lambda: picker(app).focused is picker(app).query_one("#behind"))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await sees(pilot, "Show your runs over time", "Say how to write a lesson")


async def test_without_a_run_progress_says_how_to_begin() -> None:
    app = an_app(fresh=True)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("p")
        await sees(pilot, "No run has ended yet.")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is picker(app))


async def test_without_the_extra_progress_is_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    app = an_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("p")
        await sees(pilot, "s01-alike", "+31.5")
        assert "Percent by run" not in screen_text(app)


async def test_progress_follows_the_width_of_the_window() -> None:
    pytest.importorskip("plotext")
    app = an_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PickerPage))
        for width in (80, 120):
            await pilot.resize_terminal(width, 36)
            await until(
                pilot,
                lambda wanted=width: any(  # type: ignore[misc]
                    row.strip().endswith("┐") and wanted - 8 < len(row.rstrip()) <= wanted
                    for row in screen_text(app).splitlines()
                ),
                f"a plot for {width}",
            )


# a real shelf ----------------------------------------------------------------------------------------


def test_the_shelf_tells_the_best_of_each_lesson(home: Path) -> None:
    assert shelf(Catalog(), home).first_time
    keep(home, "s00", False)
    assert shelf(Catalog(), home).first_time, "it was run, and not passed"
    keep(home, "s01", False, BEGAN + 1_000)
    keep(home, "s01", True, BEGAN + 2_000)
    keep(home, "s00", True, BEGAN + 3_000)
    found = shelf(Catalog(), home)
    assert not found.first_time
    one = found.lesson("s01")
    assert one is not None
    assert (one.runs, one.passed, one.best, one.last) == (2, 1, 100.0, 100.0)
    assert len(found.entries) == 4
    two = found.lesson("s02")
    assert two is not None
    assert (two.runs, two.best) == (0, None)
    assert found.lesson("s99") is None


def test_what_cannot_be_read_of_the_ledger_is_told(home: Path) -> None:
    (home / "ledger.jsonl").write_text("{}\n")
    assert "line 1" in shelf(Catalog(), home).told[0]


def test_the_last_run_of_a_lesson_is_its_own(home: Path) -> None:
    lesson = Catalog().find("s01").scenario.id
    assert last_run(home, lesson) is None
    first = keep(home, "s01", False)
    second = keep(home, "s01", True, BEGAN + 60_000)
    keep(home, "s02", True, BEGAN + 120_000)
    assert last_run(home, lesson) == second
    assert last_run(home, "s01") is None, "only the whole id counts"
    assert first != second


async def test_the_debrief_of_the_last_run_is_read_also_if_it_was_cut_off(home: Path) -> None:
    keep(home, "s01", True)
    keep(home, "s01", False, BEGAN + 60_000, finish=False)
    app = PickerApp(shelf(Catalog(), home), home, environ={})
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("d")
        await sees(pilot, "«Your first shift» was never run here; enter runs it.")
        await pilot.press("down", "d")
        await sees(pilot, "Debrief: Two terminals alike", "Not passed: the run was cut off before its end.")
        await pilot.press("escape")
        await sees(pilot, "The run was cut off; this is as far as it went.")


async def test_a_run_that_cannot_be_read_is_said(home: Path) -> None:
    path = keep(home, "s01", True)
    (path / "inputs.jsonl").write_text("nonsense\n")
    app = PickerApp(shelf(Catalog(), home), home, environ={})
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("down", "d")
        await sees(pilot, "no object of JSON")
        assert app.screen is picker(app)


def test_a_debrief_is_made_again_with_new_notes(home: Path) -> None:
    from stas_tui.training.runs import add_note

    path = keep(home, "s01", True)
    add_note(path, "we paused too late")
    sheet, odd = sheet_of(path)
    assert "we paused too late" in sheet.markdown()
    assert odd == ()


def test_every_lesson_at_the_door_comes_with_stas(home: Path) -> None:
    from stas_tui.screens.lesson_picker_rows import FIRST

    found = shelf(Catalog(), home)
    assert all(found.lesson(name) is not None for name in (TUTORIAL, *FIRST))
    assert a_shelf().lesson("broken") is not None


# the person's own keys -------------------------------------------------------------------------------


async def test_a_keymap_changes_keys_bar_help_and_what_is_said() -> None:
    app = an_app(keymap={"lessons.progress": "v", "list.details": "f9", "app.help": "f1"})
    async with app.run_test(size=SIZE) as pilot:
        await sees(pilot, "f9 runs it", "v progress")
        await pilot.press("p", "enter")
        assert app.screen is picker(app)
        assert app.choice is None, "the old keys mean nothing any more"
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await sees(pilot, "Opening a row runs it", "f9 ", "v ")
        await pilot.press("escape", "v")
        await until(pilot, lambda: isinstance(app.screen, PickerPage))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is picker(app))
        await pilot.press("f9")
    assert app.choice is not None


def test_a_keymap_that_cannot_be_is_refused() -> None:
    with pytest.raises(KeymapError, match=r"lessons\.leav"):
        an_app(keymap={"lessons.leav": "v"})
