"""The ledger is appended and never changed; what a crash cut off is skipped and told."""

from __future__ import annotations

import importlib.util
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from small_lesson import lesson

from stas_tui.training import ledger
from stas_tui.training.ledger import Entry, LedgerUnusable, append, entry_of, progress, read
from stas_tui.training.plot import can_plot, plot, sparkline
from stas_tui.training.score import score
from stas_tui.training.scripts import ideal, reject_all

ROOT = Path(__file__).resolve().parents[2]
AT = 1_773_043_200_000


def entry(at: int = AT, run: str = "") -> Entry:
    engine = ideal(lesson())
    return entry_of(engine, score(engine), at=at, run=run)


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    first, second = entry(run="one"), entry(AT + 1_000, run="two")
    append(file, first)
    before = file.read_bytes()
    append(file, second)
    assert file.read_bytes().startswith(before)
    assert read(file) == ([first, second], [])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(before)["parts"]["communication"] is None


def test_no_ledger_is_no_run(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == ([], [])


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_last_line_is_skipped_told_and_does_not_swallow_the_next(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "ledger.jsonl"
    append(file, entry(run="one"))
    append(file, entry(AT + 1, run="torn"))
    file.write_bytes(file.read_bytes()[:-cut])
    entries, told = read(file)
    if cut > 1:
        assert [one.run for one in entries] == ["one"]
        assert told == [f"{file}, line 2: the last line is torn; it was skipped."]
    append(file, entry(AT + 2, run="three"))
    entries, told = read(file)
    assert entries[-1].run == "three"
    assert entries[0].run == "one"
    if cut > 1:
        assert told == [f"{file}, line 2: this is no run; it was skipped."]


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "nonsense",
        "[" * 100_000,
        '{"schema":1}',
        '{"schema":1,"ms":1,"lesson":"x","version":1,"seed":1,"percent":1e9,"passed":true,"instant_fail":false,'
        '"parts":{},"hints":0,"digest":"","run":""}',
        '{"schema":1,"ms":1,"lesson":"x","version":1,"seed":1,"percent":1,"passed":1,"instant_fail":false,"parts":{},'
        '"hints":0,"digest":"","run":""}',
        '{"schema":1,"ms":-1,"lesson":"x","version":1,"seed":1,"percent":1,"passed":true,"instant_fail":false,'
        '"parts":{},"hints":0,"digest":"","run":""}',
        '{"schema":1,"ms":1,"lesson":"x","version":1,"seed":1,"percent":1,"passed":true,"instant_fail":false,'
        '"parts":null,"hints":0,"digest":"","run":""}',
    ],
    ids=range(9),
)
def test_a_line_that_is_no_run_is_skipped_and_told(tmp_path: Path, line: str) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text(line + "\n")
    append(file, entry(run="one"))
    entries, told = read(file)
    assert [one.run for one in entries] == ["one"]
    assert told == [f"{file}, line 1: this is no run; it was skipped."]


def test_many_processes_append_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    append(file, entry(run="first"))
    code = (
        "import sys\nfrom pathlib import Path\nfrom dataclasses import replace\n"
        "from stas_tui.training.ledger import append, read\n"
        "file = Path(sys.argv[1]); one = read(file)[0][0]\n"
        "for n in range(25): append(file, replace(one, run=f'{sys.argv[2]}-{n}'))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(file), str(n)], cwd=ROOT) for n in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    entries, told = read(file)
    assert told == []
    assert len({one.run for one in entries}) == 101


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="cannot be written"):
        append(tmp_path, entry())
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerUnusable, match="cannot be written"):
        append(tmp_path / "link", entry())


def test_progress_is_told_by_lesson() -> None:
    bad, good = reject_all(lesson()), ideal(lesson())
    entries = [
        entry_of(bad, score(bad), at=AT),
        entry_of(good, score(good), at=AT + 1),
        entry_of(bad, score(bad), at=AT + 2),
    ]
    (one,) = progress(entries)
    assert (one.runs, one.passed, one.first, one.best, one.last, one.change) == (3, 1, 39.2, 100, 39.2, 0)
    assert one.last_at == AT + 2


def test_a_sparkline_has_one_sign_for_each_run() -> None:
    assert sparkline([0, 50, 99.9, 100]) == "▁▅██"
    assert sparkline([0, 50, 100], ascii_only=True) == "_=#"
    assert sparkline([0, 50, 100], ascii_only=True).isascii()


@pytest.mark.skipif(not can_plot(), reason="the extra is not installed")
@pytest.mark.parametrize("percents", [[50.0], [20.0, 55.5, 90.0], [float(n % 101) for n in range(500)]])
def test_the_plot_fits_and_has_no_colours(percents: list[float]) -> None:
    for ascii_only in (False, True):
        drawn = plot(percents, width=60, height=10, ascii_only=ascii_only)
        assert all(len(line) <= 60 for line in drawn.split("\n"))
        assert len(drawn.split("\n")) <= 10
        assert "\x1b" not in drawn
        assert "100 %" in drawn
        assert drawn.isascii() or not ascii_only


def test_the_plot_is_loaded_only_when_it_is_drawn() -> None:
    code = (
        "import sys, stas_tui.training.plot as p, stas_tui.commands.train, stas_tui.commands.train_debrief\n"
        "sys.exit('plotext' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_extra_is_looked_for_without_loading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not can_plot()


def test_entries_are_stable_json() -> None:
    assert ledger.as_json(entry())["at"] == "2026-03-09T08:00:00Z"
