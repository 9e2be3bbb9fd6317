"""A sentence that comes before its screen is drawn stands on it when it is, and ends nothing."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen

from stas_tui.screens.told_line import SaidLine, ToldLine
from widgets import themes


class Page(ToldLine, Screen[None]):
    def compose(self) -> ComposeResult:
        yield self.told_line()


class Program(App[None]):
    def __init__(self) -> None:
        super().__init__()
        themes.register(self)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variable_defaults(self.current_theme.dark)


@pytest.fixture
def page() -> Page:
    return Page()


def shown(page: Page) -> tuple[str, bool, bool]:
    line = page.query_one(SaidLine)
    return str(line.render()), line.display, line.has_class("-wrong")


async def test_what_is_told_before_the_screen_is_drawn_stands_on_it(page: Page) -> None:
    app = Program()
    async with app.run_test() as pilot:
        page.tell("It did not work.", error=True)
        await app.push_screen(page)
        await pilot.pause()
        assert shown(page) == ("It did not work.", True, True)


async def test_what_is_told_while_it_is_composed_stands_on_it() -> None:
    class Hasty(Page):
        def compose(self) -> ComposeResult:
            yield from super().compose()
            self.tell("Rejected.")

    app, page = Program(), Hasty()
    async with app.run_test() as pilot:
        await app.push_screen(page)
        await pilot.pause()
        assert shown(page) == ("Rejected.", True, False)


async def test_an_empty_sentence_takes_the_line_away(page: Page) -> None:
    app = Program()
    async with app.run_test() as pilot:
        await app.push_screen(page)
        page.tell("x [b]y[/b]")
        await pilot.pause()
        assert shown(page) == ("x [b]y[/b]", True, False)
        page.tell("")
        await pilot.pause()
        assert not page.query_one(SaidLine).display
