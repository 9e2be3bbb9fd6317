"""The strip of sources and the lines around it: a word for every state, the dead first, nothing silently good."""

from __future__ import annotations

import pytest

from stas_tui.screens.oncall_line import needs
from stas_tui.screens.sources_page import NONE_CONFIGURED, fresh_age, marks, source_mark, sources_text, strip
from stas_tui.screens.triage_detail import counts
from storage.clock import MINUTE, SECOND
from storage.records import DataState, Priority
from storage.triage_records import ItemClass, TriageItem, TriageList
from storage.watch_records import SourceKind, SourceStatus
from widgets.oncall_bar import BarModel, OnCallBar
from widgets.paint import Line, Palette, width_of
from widgets.source_strip import SourceMark, StripModel, strip_rows
from widgets.tokens import DAY_TOKENS, Mark

NOW = 1_795_000_000_000
PALETTE = Palette(DAY_TOKENS)
ASCII = Palette(DAY_TOKENS, ascii_only=True)


def source(name: str, state: DataState, **more: object) -> SourceStatus:
    values = {"asked_at": NOW - SECOND, "at": NOW - 2 * SECOND, "every_ms": 15 * SECOND, **more}
    return SourceStatus(name=name, kind=SourceKind.ALERTS, state=state, **values)  # type: ignore[arg-type]


def text(lines: list[Line]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


@pytest.mark.parametrize(
    ("state", "more", "word", "mark"),
    [
        (DataState.OK, {}, "ok", Mark.OK),
        (DataState.EMPTY, {}, "empty", Mark.OK),
        (DataState.OK, {"at": NOW - 5 * MINUTE}, "stale", Mark.WARN),
        (DataState.STALE, {"reason": "nobody asks it"}, "stale: nobody asks it", Mark.WARN),
        (DataState.ERROR, {"reason": "timed out"}, "error: timed out", Mark.FAIL),
        (DataState.DENIED, {"reason": "401"}, "denied: 401", Mark.FAIL),
        (DataState.UNKNOWN, {"at": None}, "never asked", Mark.UNKNOWN),
        (DataState.UNKNOWN, {"at": None, "reason": "no token"}, "no token", Mark.UNKNOWN),
    ],
)
def test_every_state_is_a_word_and_a_glyph(state: DataState, more: dict[str, object], word: str, mark: Mark) -> None:
    drawn = source_mark(source("a", state, **more), NOW)
    assert (drawn.word, drawn.mark) == (word, mark)


def test_an_answer_that_nobody_renewed_stops_being_ok_by_itself() -> None:
    status = source("a", DataState.OK)
    assert source_mark(status, NOW).mark is Mark.OK
    assert source_mark(status, NOW + MINUTE).word == "stale"


def test_a_source_that_never_answered_says_so() -> None:
    drawn = source_mark(source("a", DataState.ERROR, at=None), NOW)
    assert drawn.age == "(never answered)"


def test_the_dead_come_first_and_ages_grow_in_steps() -> None:
    statuses = [
        source("fine", DataState.OK),
        source("unasked", DataState.UNKNOWN, at=None),
        source("dead", DataState.ERROR),
        source("old", DataState.STALE),
    ]
    assert [each.name for each in marks(statuses, NOW)] == ["dead", "old", "unasked", "fine"]
    told = {strip([statuses[0]], NOW + n * SECOND) for n in range(13)}
    assert len(told) == 1, "a fresh source reads the same until its next answer: nothing is painted in between"
    assert fresh_age(31 * SECOND) == "30s"


@pytest.mark.parametrize("palette", [PALETTE, ASCII], ids=["glyphs", "ascii"])
@pytest.mark.parametrize("height", [1, 2, 3])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_whatever_does_not_fit_is_counted_and_lines_never_overflow(width: int, height: int, palette: Palette) -> None:
    good = tuple(SourceMark(f"probes:service-{n}", "ok", Mark.OK, "3s") for n in range(12))
    bad = tuple(
        SourceMark(f"metrics-{n}", "error: " + "no route " * 9, Mark.FAIL, "(answered 4m ago)") for n in range(6)
    )
    lines = strip_rows(StripModel((*bad, *good)), width, height, palette)
    assert len(lines) <= height
    assert all(width_of(line) <= width for line in lines)
    told = text(lines)
    shown = sum(f"metrics-{n} " in told for n in range(6))
    assert shown == 6 or f"+{6 - shown} not ok" in told
    assert "metrics-0" in told, "the worst is named, however little room there is"
    assert "ok" in told.rsplit("+", 1)[-1]


def test_without_a_source_the_strip_says_that_nobody_was_asked() -> None:
    assert NONE_CONFIGURED in text(strip_rows(strip([], NOW), 120, 1, PALETTE))
    assert Mark.OK not in {each.mark for each in marks([], NOW)}


def test_a_replayed_world_is_named() -> None:
    told = text(strip_rows(strip([source("a", DataState.OK, replayed=True)], NOW), 80, 2, PALETTE))
    assert "REPLAYED" in told
    mixed = [source("a", DataState.OK, replayed=True), source("b", DataState.OK)]
    assert "REPLAYED" not in text(strip_rows(strip(mixed, NOW), 80, 2, PALETTE))
    assert "replayed" in text(strip_rows(strip(mixed, NOW), 80, 2, PALETTE))


@pytest.mark.parametrize("width", [80, 120])
def test_a_strip_that_is_mostly_played_back_says_so_once_and_marks_what_is_not(width: int) -> None:
    dead = source("office", DataState.ERROR, replayed=True, at=None, reason="/api/v2/alerts: refused: it " * 3)
    played = [source(f"replay-{n}", DataState.OK, replayed=True) for n in range(3)]
    unasked = source("builds", DataState.UNKNOWN, at=None, asked_at=None)
    told = text(strip_rows(strip([dead, *played, unasked, source("board", DataState.OK)], NOW), width, 2, PALETTE))
    assert told.casefold().count("replayed") == 1
    assert told.startswith(" SRC ▲ REPLAYED  ✖ office error: /api/v2/alerts: refused"), "the worst keeps its reason"
    assert "live" not in told.split("board", 1)[0], "only what is no recording is marked"
    whole = text(strip_rows(strip([dead, *played, unasked, source("board", DataState.OK)], NOW), width, 4, PALETTE))
    assert "● board ok live <15s" in whole
    assert "● replay-0 ok <15s" in whole
    assert "◌ builds never asked" in whole, "what was never asked is neither"


def test_a_reason_is_cut_only_as_far_as_something_of_it_can_be_read() -> None:
    dead = SourceMark("office", "error: " + "no route to host " * 4, Mark.FAIL, "(answered 4m ago)")
    for width in range(40, 120):
        [line] = strip_rows(StripModel((dead,)), width, 1, PALETTE)
        told = text([line])
        assert width_of(line) <= width
        assert told.endswith(("ago)", "…", "office error"))
        assert "office error" in told
    narrow = text(strip_rows(StripModel((dead,)), 48, 1, PALETTE))
    assert (len(narrow), narrow[:35]) == (48, " SRC ✖ office error: no route to ho")


def test_hostile_names_and_reasons_stay_on_their_line() -> None:
    hostile = "\x1b]52;c;x\x07\n[red]\u202e" + "x" * 100_000
    lines = strip_rows(strip([source(hostile, DataState.ERROR, reason=hostile)], NOW), 80, 2, PALETTE)
    assert all(width_of(line) <= 80 for line in lines)
    assert "\x1b" not in text(lines)
    assert "\u202e" not in text(lines)
    assert "replayed" not in sources_text([source("a", DataState.OK)], NOW).lower()


def test_the_page_has_everything_the_strip_leaves_out() -> None:
    status = source("a", DataState.ERROR, reason="429, retry in 28s", failures=3, next_at=NOW + 28 * SECOND)
    told = sources_text([status], NOW)
    for words in ("error: 429, retry in 28s", "3 failed answers in a row", "asked again in 28s", "every 15s"):
        assert words in told


def test_counts_leave_by_rank_and_p0_never() -> None:
    words = (
        *("P0 1 (unowned 3m)", "incidents 4 (unowned 9m)", "gates 2 (due 4m)", "urgent 2 (1 unverified)"),
        *("deploys 24h 3 (1 suspect)", "tenants hit 1", "metrics dead 4m", "no alert source"),
    )
    model = counts(TriageList(at=NOW, words=words))
    assert model.alert == "metrics dead 4m +1"
    for width in range(24, 200, 7):
        [line] = bar_rows(model, width)
        assert width_of(line) <= width
        assert "P0 1 (unowned 3m)" in text([line])
    assert "gates 2 (due 4m)" in text(bar_rows(model, 80))
    assert all(word in text(bar_rows(model, 200)) for word in words[:7])


def bar_rows(model: BarModel, width: int) -> list[Line]:
    return list(OnCallBar(model).rows(width, 1, PALETTE))


def test_the_dashboard_line_counts_what_needs_a_person_and_calls_nothing_fine() -> None:
    p0 = TriageItem(key="a", item_class=ItemClass.INCIDENT, title="t", priority=Priority.P0)
    aside = TriageItem(key="b", item_class=ItemClass.INFO, title="t", suppressed="snoozed")
    assert [count.text for count in needs(TriageList(at=NOW, items=(p0, aside)))] == ["1 P0", "1 needs a person"]
    assert [count.text for count in needs(TriageList(at=NOW))] == ["nothing known needs a person"]


def test_all_clear_is_no_doubt() -> None:
    bar = counts(TriageList(at=NOW, items=(), words=("deploys 24h 1", "all clear")))
    assert bar.alert == ""
    assert [(count.text, count.mark) for count in bar.counts] == [
        ("deploys 24h 1", Mark.NONE),
        ("all clear", Mark.OK),
    ]
