"""Half-typed texts: kept without secrets, offered to whoever typed them, dropped once they are written down."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stas_tui.locations import LocationError
from stas_tui.triage.typed import KEPT_MS, LONGEST, Typed
from storage.clock import MINUTE, ManualClock

SECRET = "ghp_" + "a1B2" * 9
PLACE = "incident alert:98be note"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def typed(tmp_path: Path, clock: ManualClock) -> Typed:
    return Typed(tmp_path / "typed", "kim", clock)


def test_what_was_typed_last_is_what_is_left(typed: Typed, clock: ManualClock, tmp_path: Path) -> None:
    assert typed.left(PLACE) is None
    assert typed.all_left() == []
    typed.keep(PLACE, "the po", what="a note on acme")
    clock.advance(MINUTE)
    typed.keep(PLACE, "the pool\nis shared", what="a note on acme")
    left = Typed(tmp_path / "typed", "kim", clock).left(PLACE)
    assert left is not None
    assert (left.text, left.at, left.what) == ("the pool\nis shared", clock.now(), "a note on acme")
    typed.drop(PLACE)
    typed.drop(PLACE)
    assert typed.left(PLACE) is None
    assert list((tmp_path / "typed").iterdir()) == []


def test_each_place_and_each_person_has_its_own(typed: Typed, clock: ManualClock, tmp_path: Path) -> None:
    typed.keep(PLACE, "mine", what="a note")
    typed.keep("hand-over tried", "restarted", what="a sheet")
    lena = Typed(tmp_path / "typed", "lena", clock)
    assert lena.left(PLACE) is None
    assert lena.all_left() == []
    assert sorted(left.text for left in typed.all_left()) == ["mine", "restarted"]


def test_it_is_for_the_owner_of_the_files_only_and_holds_no_secret(typed: Typed, tmp_path: Path) -> None:
    typed.keep(PLACE, f"with {SECRET} " + "x" * LONGEST, what=f"a note {SECRET}")
    folder = tmp_path / "typed"
    [file] = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET not in file.read_text("utf-8")
    left = typed.left(PLACE)
    assert left is not None
    assert len(left.text) == LONGEST


def test_an_emptied_line_and_an_old_one_are_not_offered(typed: Typed, clock: ManualClock) -> None:
    typed.keep(PLACE, "the pool", what="a note")
    typed.keep(PLACE, "  ", what="a note")
    assert typed.left(PLACE) is None
    typed.keep(PLACE, "the pool", what="a note")
    clock.advance(KEPT_MS)
    assert typed.left(PLACE) is None
    assert typed.all_left() == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"text": 5}', '{"text": "a", "what": "b", "by": "kim"}', "\x00"])
def test_a_file_that_is_none_of_ours_is_nothing(typed: Typed, tmp_path: Path, text: str) -> None:
    typed.keep(PLACE, "the pool", what="a note")
    [file] = (tmp_path / "typed").iterdir()
    file.write_text(text, "utf-8")
    assert typed.left(PLACE) is None
    assert typed.all_left() == []


def test_a_folder_that_is_none_is_said(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("a file", "utf-8")
    with pytest.raises(LocationError):
        typed.keep(PLACE, "the pool", what="a note")
    with pytest.raises(LocationError, match="cannot be reached"):
        typed.left(PLACE)
    with pytest.raises(LocationError, match="cannot be reached"):
        typed.drop(PLACE)


def test_a_lone_surrogate_is_kept_as_a_replacement(typed: Typed) -> None:
    typed.keep(PLACE, os.fsdecode(b"caf\xe9"), what="a note")
    left = typed.left(PLACE)
    assert left is not None
    assert left.text.startswith("caf")
