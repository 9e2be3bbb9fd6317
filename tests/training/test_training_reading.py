"""A lesson's file is read strictly: every problem at once, with line and column, and never with a traceback."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_lesson import TEXT, changed, lesson

from stas_tui.training.injects import ActionInject
from stas_tui.training.reading import DEEPEST, MOST_BYTES, MOST_TOLD, ScenarioError, load, parse

FILE = Path("one.toml")


def refused(text: str | bytes) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), FILE)
    return caught.value


def line_of(piece: str, text: str = TEXT) -> int:
    return text[: text.index(piece)].count("\n") + 1


def spots(error: ScenarioError) -> list[tuple[int, int]]:
    return [(problem.spot.line, problem.spot.column) for problem in error.problems]


def test_a_whole_lesson_is_read() -> None:
    read = lesson()
    assert read.digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert read.text == TEXT
    assert read.scenario.id == "small-one"
    action = read.scenario.inject[1]
    assert isinstance(action, ActionInject)
    assert action.args["base"] == "main"
    assert action.at == 40_000


def test_lists_that_an_agent_asks_with_stay_lists() -> None:
    read = lesson(('args = { projectId = "shop", taskId = "T-1",', 'args = { labels = ["a", "b"],'))
    action = read.scenario.inject[1]
    assert isinstance(action, ActionInject)
    assert action.args["labels"] == ["a", "b"]


def test_a_file_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load(tmp_path / "a.toml").scenario == lesson().scenario


@pytest.mark.parametrize(
    ("old", "new", "place", "column", "words"),
    [
        ("difficulty = 1 ", "difficulty = 9 ", "difficulty", 1, "difficulty must be at most 5"),
        ("minutes = 8 ", 'minutes = "8" ', "minutes", 1, "minutes must be a whole number"),
        ("version = 1 ", "version = 1.0 ", "version =", 1, "version must be a whole number"),
        ("schema = 1", "schema = 2", "schema", 1, "schema must be one of 1"),
        ('title = "A pull request that', 'titel = "A pull request that', "title", 1, "there is no key titel"),
        ("pass_percent = 70", "pas_percent = 70", "pass_percent", 1, "the nearest is pass_percent"),
        ('from = "Chieko"', 'sender = "Chieko"', "from =", 1, "there is no key inject[1].sender"),
        ('kind = "alert"', 'kind = "alrt"', 'kind = "alert"', 1, "the nearest is alert"),
        ('at = "+20s"', 'at = "20s"', 'at = "+20s"', 1, "this is not an offset such as"),
        ('trap = "pr_targets_main"', 'trap = "pr_target"', "trap =", 1, "this is no trap; known: prompt_injection"),
        ('expected = "own"', 'expected = "owns"', 'expected = "own"', 1, "this is no decision; known: approve"),
        ('within = "3m"', 'wthin = "3m"', 'when = { decided = "d1", within', 26, "no key inject[4].when.wthin"),
        ('decided = "d1", within', 'decided = 1, within', 'when = { decided = "d1", within', 10, "must be a text"),
        ('evidence = ["opened:m1"]', 'evidence = ["m1"]', 'evidence = ["opened:m1"]', 1, "written opened:REF"),
        ('id = "shop"', 'id = "sh op"', 'id = "shop"', 1, "must be a name"),
        ('name = "alertmanager"', 'name = "Alerts!"', 'name = "alertmanager"', 1, "must be a source's name"),
        ("clock_start = 2026-03-09T08:00:00Z", "clock_start = 2026-03-09T08:00:00", "", 1, "with a zone"),
        ("clock_start = 2026", "clock_start = 0001", "clock_start", 1, "clock_start is in this century"),
        ("safety = 0.5", "safety = 0.6", "[rubric.weights]", 1, "the weights do not add up to 1"),
        ("safety = 0.5", "safety = nan", "safety = 0.5", 1, "this must be a finite number"),
        ("seed = 1 ", "seed = 9007199254740992 ", "seed", 1, "whole numbers go to 2^53"),
        ('services = ["api"]', "services = [1]", "services", 1, "services[1] must be a text"),
        ('services = ["api"]', 'services = "api"', "services", 1, "services must be a list in brackets"),
        ("hint_cost_percent = 10", "hint_cost_percent = true", "hint_cost", 1, "must be a whole number"),
        ('["read the base branch before you approve"]', '[""]', "teaches", 1, "teaches[1] must not be empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, place: str, column: int, words: str) -> None:
    error = refused(changed((old, new)))
    said = [problem.said(FILE) for problem in error.problems]
    where = f"one.toml:{line_of(place)}:{column}: " if place else "one.toml:1:1: "
    assert any(one.startswith(where) and words in one for one in said), said


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    error = refused(
        changed(
            ("difficulty = 1 ", "difficulty = 9 "), ('kind = "alert"', 'kind = "alrt"'), ("points = 20", "points = 0")
        )
    )
    assert len(error.problems) == 3
    assert spots(error) == sorted(spots(error))
    assert str(error).count("\n") == 2


def test_a_table_where_a_list_of_tables_must_stand_says_how_it_is_written() -> None:
    error = refused(changed(("[[world.project]]", "[world.project]")))
    assert "must be written as [[world.project]]" in str(error)


def test_many_problems_are_counted_and_not_all_told() -> None:
    error = refused("\n".join(f"k{n} = 1" for n in range(500)))
    assert len(error.problems) > 500
    assert str(error).count("\n") == MOST_TOLD
    assert f"and {len(error.problems) - MOST_TOLD} more" in str(error)


def test_values_are_not_repeated_since_they_could_be_secrets() -> None:
    error = refused(
        changed(('kind = "alert"', 'kind = "hunter2hunter2"'), ("minutes = 8 ", 'minutes = "hunter2hunter2" '))
    )
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a = 1\nb = [1,\n c", 3, 2, "this is not TOML"),
        ("a = 1\na = 2\n", 2, 6, "this is not TOML"),
        ('a = "', 1, 1, "this is not TOML"),
        ("a = 1\r\nb = \r\n", 2, 5, "this is not TOML"),
        ("x = " + "9" * 5_000, 1, 1, "this is not TOML"),
        ("x = " + "[" * 100_000, 1, 1, "nested too deeply"),
        ("x = " + "{a=" * 100_000, 1, 1, "nested too deeply"),
        ("\n" + ".".join("a" for _ in range(100_000)) + " = 1", 2, 1, "too many parts"),
        ("[" + ".".join('"a"' for _ in range(100_000)) + "]", 1, 1, "too many parts"),
    ],
    ids=("array", "twice", "text", "crlf", "digits", "brackets", "braces", "dots", "header"),
)
def test_what_is_no_toml_is_told_with_its_place(text: str, line: int, column: int, words: str) -> None:
    error = refused(text)
    assert spots(error) == [(line, column)]
    assert words in str(error)


def test_what_is_nested_deeper_than_a_log_may_be_is_refused() -> None:
    deep = "{ a = " * DEEPEST + "1" + " }" * DEEPEST
    error = refused(changed(('base = "main" }', f'base = "main", deep = {deep} }}')))
    assert f"nested more than {DEEPEST} deep" in str(error)


def test_what_is_no_utf8_is_told_with_its_place() -> None:
    error = refused(b'a = 1\nb = "\xff"\n')
    assert spots(error) == [(2, 6)]
    assert "Save the file as UTF-8." in str(error)


def test_a_file_that_is_too_large_or_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.toml")
    for name, words in {
        "large.toml": "larger than 1000 kB",
        "pipe.toml": "this is no file",
        ".": "",
        "none.toml": "cannot be read: No such file",
        "a\0b": "no name of a file",
    }.items():
        with pytest.raises(ScenarioError) as caught:
            load(tmp_path / name)
        assert words in str(caught.value)


def test_the_largest_file_of_keys_is_read_in_bounded_time() -> None:
    lines = "\n".join(f"k{n}=0" for n in range(100_000))
    assert len(lines) < MOST_BYTES
    began = time.monotonic()
    refused(lines)
    assert time.monotonic() - began < 60


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    raw = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(("cut", "put", "swap")))
        piece = data.draw(st.binary(min_size=1, max_size=6))
        if kind == "cut":
            del raw[at : at + len(piece)]
        elif kind == "put":
            raw[at:at] = piece
        else:
            raw[at : at + 1] = piece[:1]
    try:
        parse(bytes(raw), FILE)
    except ScenarioError as error:
        lines = raw.count(b"\n") + 1
        assert all(1 <= problem.spot.line <= lines for problem in error.problems)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_sentences(raw: bytes) -> None:
    assert refused(raw).problems
