"""A file is counted in children as in one go; a child that is gone is trouble with the file, and none stays behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stas_tui.isolation.base import Cancelled, World
from stas_tui.isolation.logs import children, reading
from stas_tui.isolation.logs.children import count_in_children
from stas_tui.isolation.logs.counting import Form, count
from stas_tui.isolation.logs.reading import look
from storage.clock import SystemClock

FORM = Form("json", markers=(("acme", "marker-of-acme"),), background=("cron",))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PART", 20_000)


def world(**more: object) -> World:
    return World(project_id="shop", tenants=(), tenancy=None, clock=SystemClock(), **more)  # type: ignore[arg-type]


def written(path: Path) -> Path:
    rows = [
        {"tenant": f"t{n % 7}" if n % 11 else None, "request_id": f"r{n // 3}", "level": "error", "logger": f"s{n % 5}"}
        for n in range(3_000)
    ]
    rows[2_900] |= {"request_id": "r1", "tenant": "another"}
    lines = [json.dumps(row | {"tenant": row["tenant"] and f"t{n // 3 % 7}"}) for n, row in enumerate(rows)]
    lines[2_900] = json.dumps(rows[2_900])
    lines[1_000:1_000] = ["no json", "", '{"tenant": "t1", "note": "marker-of-acme"}', '{"logger": "cron"}']
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def workers() -> list[str]:
    """Children of this process that count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            command = (entry / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == str(os.getpid()) and "isolation.logs" in command:
            found.append(command)
    return found


def test_parts_in_children_are_counted_as_the_whole_in_one_go(tmp_path: Path) -> None:
    path = written(tmp_path / "ünï.log")
    whole = count(path, 0, path.stat().st_size, FORM)
    found = look(world(), path, FORM)
    assert found.trouble == ""
    assert path.stat().st_size > 10 * reading.PART
    for name in ("lines", "unreadable", "background", "requests", "requests_without", "without", "where", "places"):
        assert getattr(found.counted, name) == getattr(whole, name), name
    assert (whole.unreadable, whole.background, len(whole.places)) == (1, 1, 5)
    assert [key for key, *_ in whole.bled] == [key for key, *_ in found.counted.bled] == ["acme"]
    assert [row[:3] for row in found.counted.mixed] == [row[:3] for row in whole.mixed] == [("r1", "another", "t1")]
    assert found.counted.seen.keys() == whole.seen.keys()
    assert workers() == []


def test_only_the_end_of_much_is_joined_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.log")
    all_joined = look(world(), path, FORM).counted
    monkeypatch.setattr(reading, "JOINED", 2 * reading.PART)
    end_joined = look(world(), path, FORM).counted
    assert (all_joined.forgot, end_joined.forgot) == (False, True)
    assert 0 < end_joined.joined < all_joined.joined / 2
    assert end_joined.requests == all_joined.requests
    assert not end_joined.mixed


def test_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    path = written(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.log")))
    assert look(world(), path, FORM).counted.lines == 3_003


def test_a_child_that_is_gone_is_trouble_and_not_a_smaller_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "WORKER", "import os; os._exit(1)  # instead of isolation.logs")
    found = look(world(), written(tmp_path / "a.log"), FORM)
    assert (found.trouble, found.counted.lines) == ("a process that counts its lines ended too early", 0)
    assert workers() == []


def test_what_a_child_cannot_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        list(count_in_children(tmp_path / "gone.log", [(0, 10, True), (10, 20, True)], FORM, 2))
    assert workers() == []


def test_cancelling_ends_the_children(tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(len(workers()))
        return len(asked) > 2

    with pytest.raises(Cancelled):
        look(world(cancelled=cancelled), written(tmp_path / "a.log"), FORM)
    assert asked[0] > 0
    assert workers() == []
