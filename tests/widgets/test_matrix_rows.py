"""The matrix in little room, rows that a key tells apart, what stands beside a glyph, and a border that must fit."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.widgets.tiny import Holder, screen_text
from widgets.matrix import Matrix, MatrixModel, MatrixRow
from widgets.panel import Count, Panel, PanelModel
from widgets.tokens import Mark

CHECKS = ("sql", "db", "api", "job", "log", "cfg", "sec", "flg", "met")
ROWS = (
    MatrixRow("all tenants", (Mark.WARN,) * 9, key="shop/", short="all", notes=("+", "-") + ("",) * 7),
    MatrixRow("acme", (Mark.DONE,) * 9, key="shop/acme"),
    MatrixRow("borealis", (Mark.FAIL, *(Mark.UNKNOWN,) * 8), frozenset({0}), key="shop/borealis"),
)
MODEL = MatrixModel(CHECKS, ROWS)


async def drawn(width: int, model: MatrixModel = MODEL, *keys: str) -> list[str]:
    app = Holder(Matrix(model))
    async with app.run_test(size=(width, 8)) as pilot:
        app.query_one(Matrix).focus()
        await pilot.press(*keys)
        await pilot.pause()
        return screen_text(app).splitlines()


async def test_nine_checks_and_whole_names_fit_into_a_panel_of_the_dashboard() -> None:
    head, together, acme, borealis, *_ = await drawn(44)
    assert head.split() == ["tenant", *CHECKS]
    assert together.split()[0] == "all", "the row of all tenants has a short name"
    assert acme.split()[0] == "acme"
    assert borealis.split()[0] == "borealis"
    assert all(cell_len(row) <= 44 for row in (head, together, acme, borealis))


async def test_with_room_the_whole_name_stands_there() -> None:
    assert "all tenants" in (await drawn(70))[1]


async def test_a_name_gives_way_before_a_check_does() -> None:
    long = MatrixModel(CHECKS, (MatrixRow("a-tenant-with-a-long-name", (Mark.DONE,) * 9),))
    head, row, *_ = await drawn(48, long)
    assert head.split()[1:] == list(CHECKS)
    assert "a-tenant-w" in row
    assert "…" in row


@pytest.mark.parametrize("width", range(12, 100))
async def test_every_glyph_stands_under_its_label_whatever_the_width(width: int) -> None:
    head, _, acme, *_ = await drawn(width)
    for check in CHECKS:
        if f" {check}" in head:
            start = head.index(f" {check}") + 1
            assert acme[start : start + len(check)].strip() == "✓", (width, head, acme)


async def test_a_note_stands_beside_its_glyph() -> None:
    row = (await drawn(70))[1]
    assert "▲+" in row
    assert "▲-" in row
    assert row.count("▲") == 9


async def test_the_cursor_is_seen_on_a_leak() -> None:
    assert "[✖]" in (await drawn(70, MODEL, "down", "down"))[3]
    assert "[✖]" not in (await drawn(70, MODEL, "down"))[3]


async def test_a_cell_is_selected_by_the_key_of_its_row_and_an_unknown_one_changes_nothing() -> None:
    matrix = Matrix(MODEL)
    app = Holder(matrix)
    async with app.run_test(size=(70, 8)) as pilot:
        matrix.select("shop/borealis", "api")
        await pilot.pause()
        assert matrix.selected == ("shop/borealis", "api")
        matrix.select("shop/nobody", "sql")
        matrix.select("shop/acme", "nothing")
        assert matrix.selected == ("shop/borealis", "api")


COUNTS = (
    Count("1 leak", Mark.FAIL, short="1"),
    Count("5 flagged", Mark.WARN, short="5"),
    Count("45 unknown", Mark.UNKNOWN, short="45"),
    Count("checked 38s ago", short="38s"),
)


@pytest.mark.parametrize(
    ("width", "border"),
    [
        (80, "✖ 1 leak · ▲ 5 flagged · ◌ 45 unknown · checked 38s ago"),
        (50, "✖ 1 leak · ▲ 5 flagged · ◌ 45 unknown · 38s"),
        (42, "✖ 1 leak · ▲ 5 flagged · ◌ 45 · 38s"),
        (30, "✖ 1 · ▲ 5 · ◌ 45 · 38s"),
    ],
)
async def test_a_border_shortens_its_last_counts_first(width: int, border: str) -> None:
    app = Holder(Panel(Matrix(MODEL), model=PanelModel("Isolation", counts=COUNTS)))
    async with app.run_test(size=(width, 8)) as pilot:
        await pilot.pause()
        assert f" {border} " in screen_text(app).splitlines()[-1]
