"""What a key may cost, in rows, lines and statements (G2 to G4): counted, so it is the same on every machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from stas_tui.app import StasApp
from stas_tui.wiring import Application
from storage.sqlite import Store
from widgets.rows import ListRow, RowSource
from widgets.virtual_list import VirtualList

PATIENCE = 500
"""Turns of the loop until a condition must hold."""


class Counted:
    """A row source that counts what it is asked for."""

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self.rows = 0

    def __len__(self) -> int:
        return len(self._source)

    def row(self, index: int) -> ListRow:
        self.rows += 1
        return self._source.row(index)

    def index_of(self, key: str) -> int | None:
        return self._source.index_of(key)

    def set_filter(self, text: str) -> None:
        self._source.set_filter(text)  # type: ignore[attr-defined]


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came to that")


@asynccontextmanager
async def inbox(application: Application) -> AsyncIterator[tuple[Pilot[Any], VirtualList]]:
    """The dashboard, drawn and at rest, with the keyboard in the inbox."""
    app = StasApp(application)
    async with app.run_test(size=(120, 40)) as pilot:
        shown = app.main.query_one("#inbox-list", VirtualList)
        await until(pilot, lambda: len(shown.source) > 0 and shown.selected is not None)
        await pilot.press("1")
        await rest(pilot, shown)
        yield pilot, shown


async def rest(pilot: Pilot[Any], shown: VirtualList) -> None:
    """Wait until nothing is drawn any more."""
    seen = -1
    while seen != shown.lines_drawn:
        seen = shown.lines_drawn
        await pilot.pause(0.1)


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that any store reads while this is open."""
    seen: list[str] = []
    real = Store.read

    def read(self: Store, sql: str, params: Any = ()) -> Any:
        seen.append(sql)
        return real(self, sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", read)
        yield seen


async def test_G3_a_cursor_step_draws_two_rows(application: Application) -> None:
    async with inbox(application) as (pilot, shown):
        before = shown.lines_drawn
        await pilot.press("down")
        await rest(pilot, shown)
        assert shown.lines_drawn - before == 2
        assert shown.cursor == 1


async def test_G2_a_page_draws_and_fetches_what_is_visible_whatever_the_length(application: Application) -> None:
    async with inbox(application) as (pilot, shown):
        await pilot.press("pagedown")
        await rest(pilot, shown)
        source = Counted(shown.source)
        shown.source = source
        before = shown.lines_drawn
        await pilot.press("pagedown")
        await rest(pilot, shown)
        assert 0 < shown.lines_drawn - before <= 2 * (shown.visible_rows + 1)
        assert 0 < source.rows <= shown.visible_rows + 1


async def test_G2_the_last_of_all_rows_costs_no_more_than_a_page(application: Application) -> None:
    async with inbox(application) as (pilot, shown):
        source = Counted(shown.source)
        shown.source = source
        await pilot.press("end")
        await rest(pilot, shown)
        assert shown.cursor == len(source) - 1
        assert source.rows <= 4 * (shown.visible_rows + 1)


async def test_a_key_inside_a_loaded_page_reads_no_database(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inbox(application) as (pilot, shown):
        with counted_reads(monkeypatch) as seen:
            await pilot.press("down", "down", "up", "down")
            shown.refresh()
            await rest(pilot, shown)
            assert seen == []


async def test_a_key_onto_rows_not_loaded_yet_reads_each_page_once(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inbox(application) as (pilot, shown):
        with counted_reads(monkeypatch) as seen:
            await pilot.press("end")
            await until(pilot, lambda: any("messages" in sql for sql in seen))
            await rest(pilot, shown)
            assert len(seen) <= 2, "the last screen lies on one page, or on two"
            assert all("messages where id in" in sql for sql in seen)


async def test_G8_a_look_that_found_nothing_new_draws_nothing(application: Application) -> None:
    async with inbox(application) as (pilot, shown):
        before = shown.lines_drawn
        await pilot.app.main.reload()  # type: ignore[attr-defined]
        await rest(pilot, shown)
        assert shown.lines_drawn == before
