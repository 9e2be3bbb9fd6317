"""What was read is found again by content and rule set: few or many at once, beside whatever else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.canonical import CanonicalError
from storage.scans import Scans, open_scans


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Scans]:
    with open_scans(tmp_path / "scan.db") as store:
        yield Scans(store)


@pytest.mark.parametrize("beside", [0, 5_000])
@pytest.mark.parametrize("asked", [3, 1_500])
def test_exactly_what_was_asked_for_is_found(scans: Scans, asked: int, beside: int) -> None:
    wanted = {f"a{n:05}": {"n": n} if n % 2 else {} for n in range(asked)}
    scans.keep_all({"one": {**wanted, **{f"b{n}": {"x": 1} for n in range(beside)}}, "two": {"a00001": {"other": 1}}})
    assert scans.known("one", [*wanted, "none"]) == wanted
    assert scans.known("two", wanted) == {"a00001": {"other": 1}}
    assert scans.known("three", wanted) == {}


def test_the_later_reading_counts(scans: Scans) -> None:
    scans.keep("one", {"a": {"n": 1}})
    scans.keep("one", {"a": {"n": 2}})
    assert scans.known("one", ["a"]) == {"a": {"n": 2}}


def test_all_is_kept_or_nothing(scans: Scans) -> None:
    with pytest.raises(CanonicalError):
        scans.keep_all({"one": {"a": {"n": 1}}, "two": {"b": {"n": float("nan")}}})
    assert scans.known("one", ["a"]) == {}
