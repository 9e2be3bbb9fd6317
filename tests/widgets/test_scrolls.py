from __future__ import annotations

from dataclasses import replace

from rich.segment import Segment

from tests.widgets import samples
from tests.widgets.tiny import Holder, screen_text, settled
from widgets.detail import Detail, DetailModel
from widgets.log_view import LogView
from widgets.matrix import Matrix, MatrixModel, MatrixRow
from widgets.text_view import BuiltScroll, TextView
from widgets.tokens import Mark

# matrix -------------------------------------------------------------------------------------------


async def test_the_matrix_cursor_stays_on_its_tenant() -> None:
    matrix = Matrix(samples.MATRIX)
    app = Holder(matrix)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "down", "right", "right", "enter")
        await pilot.pause()
        assert matrix.selected == ("cobalt", "api")
        assert (app.posted[-1].tenant, app.posted[-1].check) == ("cobalt", "api")
        matrix.model = MatrixModel(samples.MATRIX.checks, (MatrixRow("aaa", (Mark.DONE,) * 6), *samples.MATRIX.rows))
        await pilot.pause()
        assert matrix.selected == ("cobalt", "api")
        assert "aaa" in screen_text(app)


async def test_a_matrix_of_many_tenants_draws_two_rows_per_step() -> None:
    rows = tuple(MatrixRow(f"tenant-{n}", (Mark.DONE,) * 6) for n in range(5_000))
    matrix = Matrix(MatrixModel(samples.MATRIX.checks, rows))
    app = Holder(matrix)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawn = matrix.lines_drawn
        await pilot.press("down")
        await pilot.pause()
        assert matrix.lines_drawn - drawn == 2
        await pilot.press("end")
        assert matrix.selected == ("tenant-4999", "sql")


async def test_a_narrow_matrix_scrolls_to_the_check_and_says_what_is_hidden() -> None:
    matrix = Matrix(samples.MATRIX)
    app = Holder(matrix)
    async with app.run_test(size=(26, 12)) as pilot:
        await pilot.pause()
        assert "+" in screen_text(app).splitlines()[0]
        await pilot.press(*["right"] * 5)
        await pilot.pause()
        assert matrix.selected == ("acme", "cfg")
        assert "cfg" in screen_text(app).splitlines()[0]
        await pilot.click(Matrix, offset=(3, 3), times=2)
        await pilot.pause()
        assert app.posted[-1].tenant == "cobalt"


# detail -------------------------------------------------------------------------------------------


async def test_detail_tabs_and_evidence() -> None:
    detail = Detail(samples.DETAIL)
    app = Holder(detail)
    async with app.run_test(size=(100, 14)) as pilot:
        await pilot.pause()
        assert "nobody else holds it" in screen_text(app)
        await pilot.press("enter", "down", "enter")
        await pilot.pause()
        assert detail.tab == "Evidence"
        assert "E3  memory: pool exhaustion" in screen_text(app)
        assert app.posted[-1].key == "e2"
        await pilot.press("right")
        await pilot.pause()
        assert "you approved the claim" in screen_text(app)
        await pilot.press("right")
        await pilot.pause()
        assert '"title": "Cap the checkout pool' in screen_text(app)
        detail.model = replace(samples.DETAIL, key="T-1", raw="other")
        await pilot.pause()
        assert "other" in screen_text(app)
        detail.model = DetailModel()
        await pilot.pause()
        assert "Nothing is selected." in screen_text(app)


async def test_a_click_on_a_tab_opens_it() -> None:
    detail = Detail(samples.DETAIL)
    app = Holder(detail)
    async with app.run_test(size=(100, 14)) as pilot:
        await pilot.pause()
        line = screen_text(app).splitlines()[13]
        await pilot.click(Detail, offset=(line.index("Timeline") + 2, 13))
        await pilot.pause()
        assert detail.tab == "Timeline"


async def test_identifiers_in_detail_wrap_and_are_never_shortened() -> None:
    name = "x" * 150
    detail = Detail(DetailModel(key="T-1", title="t", fields=(samples.Field("Branch", name),)))
    app = Holder(detail)
    async with app.run_test(size=(60, 14)) as pilot:
        await pilot.pause()
        assert screen_text(app).count("x") == 150
        assert "…" not in screen_text(app)


# texts and logs -----------------------------------------------------------------------------------


async def test_a_long_text_is_read_to_the_end_only_at_its_end() -> None:
    view = TextView("\n".join(f"line {n}" for n in range(200)))
    app = Holder(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert not view.last_line_seen
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        assert app.posted == []
        await pilot.press("end")
        await settled(pilot, lambda: view.last_line_seen)
        await pilot.press("home", "end")
        await pilot.pause()
        assert len(app.posted) == 1
        view.show("another\n" * 50)
        await pilot.pause()
        assert not view.last_line_seen


async def test_a_short_text_is_read_at_once() -> None:
    view = TextView("short")
    app = Holder(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await settled(pilot, lambda: view.last_line_seen)
        assert [type(message) for message in app.posted] == [BuiltScroll.ReadToEnd]


async def test_search_walks_the_matches_also_across_wrapped_rows() -> None:
    text = "start " + "x" * 33 + " NEEDLE tail\n" + "filler\n" * 100 + "another needle here"
    view = TextView(text)
    app = Holder(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("slash", *"needle", "enter")
        await pilot.pause()
        assert "1 of 2" in screen_text(app)
        await pilot.press("n")
        await pilot.pause()
        assert "2 of 2" in screen_text(app)
        assert "another needle here" in screen_text(app)
        await pilot.press("n", "N")
        await pilot.pause()
        assert "2 of 2" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "needle" in screen_text(app)
        assert "2 of 2" not in screen_text(app)
        assert view.search("nothing like it") == 0


async def test_a_line_of_a_text_can_be_marked_and_is_brought_into_view() -> None:
    view = TextView("x" * 200 + "\n" + "\n".join(f"line {n}" for n in range(1, 90)))
    app = Holder(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        view.mark_line(60)
        await pilot.pause()
        assert "line 60" in screen_text(app)
        assert "1 of 1" not in screen_text(app)
        marked = [segment.text for y in range(10) for segment in view.render_line(y) if _underlined(segment)]
        assert "".join(marked).strip() == "line 60"
        top = view.top
        view.mark_line(90)
        view.mark_line(-1)
        assert view.top == top


def _underlined(segment: Segment) -> bool:
    return segment.style is not None and bool(segment.style.underline)


async def test_a_text_of_a_megabyte_in_one_line_opens() -> None:
    view = TextView("word " * 200_000)
    app = Holder(view)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        await settled(pilot, lambda: view.last_line_seen)
        assert view.total > 12_000
        assert view.lines_drawn < 200


async def test_a_log_follows_its_end_until_a_person_scrolls_up() -> None:
    view = LogView(max_lines=100)
    app = Holder(view)
    async with app.run_test(size=(60, 10)) as pilot:
        view.write_lines(f"line {n}" for n in range(50))
        await settled(pilot, lambda: "line 49" in screen_text(app))
        await pilot.press("up", "up")
        assert not view.following
        view.post_message(LogView.Arrived(("fresh 1", "fresh 2")))
        await settled(pilot, lambda: "2 new lines, end to follow" in screen_text(app))
        assert "line 39" in screen_text(app)
        view.write_lines(f"more {n}" for n in range(80))
        await settled(pilot, lambda: view.line_count == 100)
        await settled(pilot, lambda: view.unseen == 82)
        await pilot.press("end")
        await settled(pilot, lambda: "more 79" in screen_text(app))
        assert view.following
        assert view.unseen == 0
        assert "new lines" not in screen_text(app)
        view.clear()
        await pilot.pause()
        assert view.line_count == 0


async def test_a_flood_of_output_is_drawn_a_few_times() -> None:
    view = LogView()
    app = Holder(view)
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        drawn = view.lines_drawn
        for n in range(50_000):
            view.write_lines((f"line {n}",))
        await settled(pilot, lambda: view.line_count == 10_000 and not view._pending)
        await pilot.pause()
        assert view.lines_drawn - drawn <= 10 * 10
        assert "line 49999" in screen_text(app)


async def test_log_lines_lose_colours_and_show_other_controls() -> None:
    view = LogView()
    app = Holder(view)
    async with app.run_test(size=(60, 10)) as pilot:
        view.write_lines(["\x1b[1;31mred\x1b[0m \x1b[2Jkept", "x" * 5_000])
        await settled(pilot, lambda: "red ␛[2Jkept" in screen_text(app))
        await pilot.press(*["right"] * 256)
        await pilot.pause()
        assert "904 more characters" in screen_text(app)
