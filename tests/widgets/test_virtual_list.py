from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import ComposeResult

from tests.widgets.tiny import TinyApp, screen_text, settled
from widgets.panel import Panel, PanelModel
from widgets.rows import Cell, Column, ListRow, StaticRows, layout
from widgets.tokens import Mark
from widgets.virtual_list import VirtualList

COLUMNS = (Column("task", 6, ink="ink-2"), Column("what"), Column("age", 4, right=True, ink="ink-3"))


class Counted:
    """Any number of rows, made when asked for; counts how often it is asked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.fetched = 0
        self.sought = 0

    def __len__(self) -> int:
        return self.count

    def row(self, index: int) -> ListRow:
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.fetched += 1
        return ListRow(f"T-{index}", 1, (Cell(f"T-{index}"), Cell(f"Task number {index}"), Cell(at=0)), Mark.TODO)

    def index_of(self, key: str) -> int | None:
        self.sought += 1
        index = int(key.removeprefix("T-"))
        return index if index < self.count else None


def named(*names: str, version: int = 1) -> list[ListRow]:
    return [ListRow(name, version, (Cell(name), Cell(f"what {name} is about"), Cell()), Mark.TODO) for name in names]


class ListApp(TinyApp):
    """One list in a panel."""

    def __init__(self, source: Any, now: Callable[[], int] | None = None, *, ascii_only: bool = False) -> None:
        super().__init__(ascii_only=ascii_only)
        self.list = VirtualList(source, COLUMNS, now=now, id="list")

    def compose(self) -> ComposeResult:
        yield Panel(self.list, model=PanelModel("Queue", "2"))

    def on_mount(self) -> None:
        self.list.focus()

    def on_virtual_list_highlighted(self, message: VirtualList.Highlighted) -> None:
        self.posted.append(("highlighted", message.key))

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        self.posted.append(("opened", message.key))

    def on_virtual_list_entity_gone(self, message: VirtualList.EntityGone) -> None:
        self.posted.append(("gone", message.key))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_opening_a_list_of_any_length_fetches_what_is_visible(size: tuple[int, int]) -> None:
    source = Counted(100_000)
    app = ListApp(source)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert source.fetched <= app.list.visible_rows + 2
        assert app.list.total == 100_001


async def test_a_cursor_step_draws_two_rows_and_fetches_at_most_one() -> None:
    source = Counted(100_000)
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for _ in range(3):
            drawn, fetched = app.list.lines_drawn, source.fetched
            await pilot.press("down")
            await pilot.pause()
            assert app.list.lines_drawn - drawn == 2
            assert source.fetched - fetched <= 1


async def test_a_scroll_step_draws_the_visible_rows_and_fetches_one() -> None:
    source = Counted(100_000)
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert app.list.selected == "T-99999"
        await pilot.press("home")
        await pilot.pause()
        for _ in range(app.list.visible_rows - 2):
            await pilot.press("down")
        await pilot.pause()
        drawn, fetched = app.list.lines_drawn, source.fetched
        await pilot.press("down")
        await pilot.pause()
        assert app.list.top == 1
        assert app.list.lines_drawn - drawn <= app.list.visible_rows + 3
        assert source.fetched - fetched <= 2


async def test_keys_move_open_and_page() -> None:
    app = ListApp(Counted(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "down", "k")
        assert app.list.selected == "T-1"
        await pilot.press("enter")
        await pilot.press("pagedown")
        assert app.list.cursor == 1 + app.list.visible_rows - 2
        await pilot.press("pageup", "home", "up")
        assert app.list.selected == "T-0"
        await pilot.pause()
        assert ("opened", "T-1") in app.posted
        assert app.posted[0] == ("highlighted", "T-0")


async def test_the_cursor_stays_on_its_item_when_rows_come_above() -> None:
    source = StaticRows(named("a", "b", "c"))
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down")
        source.replace(named("n1", "n2", "a", "b", "c"))
        app.list.changed()
        await settled(pilot, lambda: app.list.cursor == 3)
        assert app.list.selected == "b"
        assert "n1" in screen_text(app)


async def test_a_scrolled_list_keeps_the_cursor_row_in_its_place() -> None:
    names = [f"r{n}" for n in range(200)]
    source = StaticRows(named(*names))
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        app.list.select("r100")
        await pilot.pause()
        before = app.list.cursor - app.list.top
        source.replace(named("new1", "new2", "new3", *names))
        app.list.changed()
        await settled(pilot, lambda: app.list.cursor == 103)
        assert app.list.cursor - app.list.top == before
        assert app.list.selected == "r100"


async def test_an_item_that_is_gone_takes_its_actions_with_it() -> None:
    source = StaticRows(named("a", "b", "c"))
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down")
        source.replace(named("a", "c"))
        app.list.changed()
        await settled(pilot, lambda: app.list.gone == "b")
        await pilot.press("enter")
        await pilot.pause()
        assert app.list.selected is None
        assert ("gone", "b") in app.posted
        assert not [event for event in app.posted if event[0] == "opened"]
        assert "b is gone, move to go on" in screen_text(app)
        await pilot.press("down")
        await pilot.pause()
        assert app.list.selected == "c"
        assert "is gone" not in screen_text(app)


async def test_an_item_that_comes_back_is_under_the_cursor_again() -> None:
    source = StaticRows(named("a", "b", "c"))
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down")
        source.replace(named("a", "c"))
        app.list.changed()
        await settled(pilot, lambda: app.list.gone == "b")
        source.replace(named("a", "c", "b"))
        app.list.changed()
        await settled(pilot, lambda: app.list.selected == "b")
        assert app.list.cursor == 2


async def test_an_empty_list_fills_and_empties() -> None:
    source = StaticRows()
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter", "end")
        assert app.list.selected is None
        source.replace(named("a"))
        app.list.changed()
        await settled(pilot, lambda: app.list.selected == "a")
        source.replace([])
        app.list.changed()
        await settled(pilot, lambda: app.list.gone == "a")
        await pilot.press("down", "enter")
        assert app.list.selected is None


async def test_a_new_version_redraws_one_row_only() -> None:
    rows = named(*(f"r{n}" for n in range(10)))
    source = StaticRows(rows)
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawn = app.list.lines_drawn
        rows[4] = ListRow("r4", 2, (Cell("r4"), Cell("changed text")), Mark.RUN)
        source.replace(rows)
        app.list.changed()
        await settled(pilot, lambda: app.list.lines_drawn > drawn)
        await pilot.pause()
        assert app.list.lines_drawn - drawn == 1
        assert "changed text" in screen_text(app)


async def test_a_burst_of_changes_is_drawn_at_most_twenty_times_a_second() -> None:
    source = Counted(1_000)
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        sought = source.sought
        for _ in range(1_000):
            app.list.changed()
        await settled(pilot, lambda: source.sought > sought + 1)
        assert source.sought - sought <= 3


async def test_ages_are_computed_when_drawn() -> None:
    app = ListApp(Counted(3))
    app.list._now = lambda: app.clock.now() - 1_795_000_000_000 + 61_000
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "1m" in screen_text(app)
        app.clock.advance(3_600_000)
        app.list.changed()
        await settled(pilot, lambda: "1h" in screen_text(app))


async def test_the_filter_is_typed_into_the_header() -> None:
    source = StaticRows(named("alpha", "beta", "gamma"))
    app = ListApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", "g", "a", "m")
        await settled(pilot, lambda: len(source) == 1 and "1 shown" in screen_text(app))
        assert "/ gam" in screen_text(app)
        assert app.list.selected == "gamma"
        assert app.list.gone is None
        await pilot.press("enter", "down")
        assert app.list.filter_text == "gam"
        await pilot.press("escape")
        await settled(pilot, lambda: len(source) == 3 and "shown" not in screen_text(app))
        await pilot.press("slash", "x", "backspace", "q", "ctrl+u")
        assert app.list.filter_text == ""
        assert app.list.filtering


async def test_a_source_that_cannot_filter_has_no_filter_key() -> None:
    app = ListApp(Counted(3))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", "x")
        assert not app.list.filtering


async def test_the_mouse_selects_and_opens() -> None:
    app = ListApp(StaticRows(named("a", "b", "c")))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click("#list", offset=(10, 2))
        assert app.list.selected == "b"
        await pilot.click("#list", offset=(10, 3), times=2)
        await pilot.pause()
        assert ("opened", "c") in app.posted
        await pilot.click("#list", offset=(10, 0))
        assert app.list.selected == "c"


async def test_a_stale_source_hollows_its_glyphs_and_says_so() -> None:
    from storage.records import DataState

    rows = [ListRow("a", 1, (Cell("a"), Cell("x")), Mark.OK)]
    app = ListApp(StaticRows(rows))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "●" in screen_text(app)
        panel = app.query_one(Panel)
        panel.model = PanelModel("Queue", "2", state=DataState.STALE, age="7m", sentence="no answer")
        await pilot.pause()
        text = screen_text(app)
        assert "●" not in text
        assert "◌ stale 7m old, no answer" in text


def test_narrow_lists_leave_out_the_least_important_columns() -> None:
    columns = (Column("id", 6), Column("what"), Column("owner", 10, rank=1), Column("age", 4, rank=2))
    assert [index for index, _ in layout(columns, 60, True)] == [0, 1, 2, 3]
    assert [index for index, _ in layout(columns, 40, True)] == [0, 1, 2]
    assert [index for index, _ in layout(columns, 30, True)] == [0, 1]
    assert all(width >= 0 for _, width in layout(columns, 5, True))
