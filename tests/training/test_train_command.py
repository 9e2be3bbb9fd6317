"""`stas train` on real files, in a home of its own, with the real program where it matters."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from small_lesson import TEXT, lesson

from stas_tui.cli import main
from stas_tui.training import catalog, ledger, plot, runs
from stas_tui.training.engine import Act, Engine
from stas_tui.training.runs import RunFolder
from stas_tui.training.scripts import ideal, reject_all

ROOT = Path(__file__).resolve().parents[2]
BEGAN = 1_773_043_200_000
SCRIPT = '[[act]]\nat = "+45s"\nverb = "approve"\ntarget = "a1"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home for `stas`."""
    monkeypatch.setenv("STAS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STAS_PROFILE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def own(home: Path) -> Path:
    """The small lesson in the person's own folder."""
    file = home / "training" / "lessons" / "small-one.toml"
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    return file


def keep(home: Path, *engines: Engine) -> list[RunFolder]:
    """Runs that were done, one a second."""
    folders = []
    for n, engine in enumerate(engines):
        folder = RunFolder.create(home / "training", lesson(), seed=engine.seed, began=BEGAN + n * 1_000)
        for thing in engine.inputs:
            folder.add(thing)
        folder.finish(engine)
        folders.append(folder)
    return folders


def test_the_lessons_of_stas_and_the_persons_own_are_listed(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own.parent / "broken.toml").write_text("x = ")
    assert main(["train", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("small-one") and line.endswith("(your own)") for line in lines)
    assert any(line.startswith("broken ") and "cannot be used: stas train check" in line for line in lines)
    assert main(["train", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    bundled = [entry.id for entry in catalog.Catalog().entries()]
    assert [entry["id"] for entry in listed] == [*bundled, "broken", "small-one"]
    assert listed[-1]["decisions"] == 3


def test_a_new_lesson_passes_its_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "new", "my-first"]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file == home / "training" / "lessons" / "my-first.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert main(["train", "check", str(file)]) == 0
    assert capsys.readouterr().out == (
        f"{file} can be run: ideal 100 %, approve everything 0 %, reject everything 39.2 %.\n"
    )


def test_new_never_replaces_a_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "new", "small-one"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert own.read_text() == TEXT


@pytest.mark.parametrize("name", ["../x", "A", "a b", "-a", "a" * 51, ""])
def test_new_takes_no_other_name(home: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "new", "--", name]) == 2
    assert "no id of a lesson" in capsys.readouterr().err
    assert not (home / "training").exists()


def test_new_changes_nothing_in_read_only(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "new", "x", "--read-only"]) == 2
    assert not home.exists()


def test_check_tells_every_problem_with_its_place(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.write_text(TEXT.replace("difficulty = 1 ", "difficulty = 9 ").replace('kind = "alert"', 'kind = "alrt"'))
    assert main(["train", "check", str(own)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{own}:9:1: difficulty must be at most 5."
    assert second.startswith(f"{own}:74:1: inject[4].kind is none of")
    assert TEXT.splitlines()[73] == 'kind = "alert"'


def test_check_is_machine_readable_and_goes_on_after_a_bad_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = own.with_name("bad.toml")
    bad.write_text(TEXT.replace('on = "a2"', 'on = "a9"'))
    assert main(["train", "check", "--json", str(bad), str(own), str(own.with_name("none.toml"))]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["ok"] for one in told["files"]] == [False, True, False]
    problem = told["files"][0]["problems"][0]
    assert problem["what"] == "decision d2 is on a9, and no inject has that ref"
    assert problem["mend"]
    assert TEXT.splitlines()[problem["line"] - 1].startswith('on = "a2"')
    assert told["files"][1]["runs"]["ideal"] == {"percent": 100.0, "passed": True}


def test_every_lesson_that_comes_with_stas_can_be_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "check"]) == 0, capsys.readouterr().out


def test_a_script_runs_without_a_screen_and_stores_nothing(own: Path, tmp_path: Path, home: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text(SCRIPT)
    told = [
        subprocess.run(
            [sys.executable, "-m", "stas_tui", "train", "run", "small-one", "--script", str(file), "--seed", "5"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "99")
    ]
    assert told[0] == told[1]
    lines = told[0].splitlines()
    assert lines[0] == "TRAINING: A pull request that aims too high, seed 5"
    assert lines[1].startswith("digest ")
    assert lines[-1].startswith("Not passed: a1 was answered with approve")
    assert not (home / "training" / "runs").exists()


def test_a_script_with_json_prints_everything_but_canaries(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    own.write_text(
        TEXT.replace("seed = 1 ", f'canaries = ["{canary}"]\nseed = 1 ').replace(
            'says = "The alert', f'says = "{canary} The'
        )
    )
    file = tmp_path / "script.jsonl"
    file.write_text('{"at": "+45s", "verb": "reject", "target": "a1"}\n')
    assert main(["train", "run", str(own), "--script", str(file), "--json"]) == 0
    out = capsys.readouterr().out
    assert "TRAINING" in out.splitlines()[0]
    assert canary not in out
    whole = json.loads(out)
    assert whole["log"][-1]["hash"] == whole["digest"]
    assert whole["inputs"] == [{"at": 45_000, "verb": "reject", "target": "a1"}]
    assert whole["debrief"]["decisions"][1]["outcome"] == "expected"


def test_the_inputs_of_a_run_are_a_script_of_it(own: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ideal(lesson())
    (folder,) = keep(home, engine)
    assert main(["train", "run", "small-one", "--script", str(folder.path / runs.INPUTS)]) == 0
    assert f"digest {engine.digest}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[act]]\nat = 5", "verb is none of"),
        ("[[act]]\nat=1\nverb='open'\ntrgt='x'", "no key trgt"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_script_that_is_none_is_told(
    own: Path, tmp_path: Path, text: str | bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["train", "run", "small-one", "--script", str(file)]) == 1
    assert words in capsys.readouterr().err


def test_a_lesson_needs_a_terminal(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "run", "small-one"]) == 2
    assert "A lesson needs a terminal." in capsys.readouterr().err


def test_a_lesson_is_found_by_how_it_begins_and_a_near_name_is_told(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "run", "small"]) == 2
    assert "terminal" in capsys.readouterr().err
    assert main(["train", "run", "smal-one"]) == 2
    assert "There is no lesson smal-one. The nearest is small-one." in capsys.readouterr().err


def test_two_lessons_of_one_id_are_told(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.with_name("other.toml").write_text(TEXT)
    assert main(["train", "run", "small-one"]) == 2
    assert "Two files have the id small-one" in capsys.readouterr().err


def test_the_last_debrief_is_printed_again(own: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = keep(home, reject_all(lesson()), ideal(lesson()))
    assert main(["train", "debrief"]) == 0
    assert capsys.readouterr().out == (second.path / runs.DEBRIEF_MD).read_text()
    assert main(["train", "debrief", first.name, "--json"]) == 0
    assert capsys.readouterr().out == (first.path / runs.DEBRIEF_JSON).read_text()


def test_notes_are_added_and_exports_are_marked(own: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder,) = keep(home, ideal(lesson()))
    assert main(["train", "debrief", "--note", "first", "--note", "second", "--export"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    exports = home / "profiles" / "default" / "exports"
    assert files == [exports / f"TRAINING-{folder.name}.md", exports / f"TRAINING-{folder.name}.json"]
    for file in files:
        assert "TRAINING" in file.read_text().splitlines()[0]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "- first\n- second\n" in files[0].read_text()


def test_a_run_that_was_cut_off_is_told_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder.create(home / "training", lesson(), seed=1, began=BEGAN)
    folder.add(Act(at=25_000, verb="own", target="m1"))
    folder.close()
    assert main(["train", "debrief"]) == 0
    said = capsys.readouterr()
    assert "The run was cut off; this is as far as it went." in said.err
    assert "You owned m1 after 5.0 s without opening it." in said.out


def test_a_run_that_is_played_otherwise_now_is_told_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder,) = keep(home, ideal(lesson()))
    log = folder.path / runs.LOG
    log.write_text(log.read_text().replace(ideal(lesson()).digest, "0" * 64))
    assert main(["train", "debrief"]) == 0
    assert "plays the run otherwise than it was" in capsys.readouterr().err


def test_no_run_and_no_such_run_are_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "debrief"]) == 2
    assert "No lesson was run yet." in capsys.readouterr().err
    assert main(["train", "progress"]) == 0
    assert "No run has ended yet." in capsys.readouterr().out


def test_progress_has_a_table_and_a_plot(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(home, reject_all(lesson()), ideal(lesson()))
    assert main(["train", "progress"]) == 0
    said = capsys.readouterr()
    head, row = said.out.splitlines()[:2]
    assert head.split() == ["lesson", "runs", "passed", "first", "best", "last", "change", "over", "time"]
    assert row.split() == ["small-one", "2", "1", "39.2", "%", "100", "%", "100", "%", "+60.8", "▄█"]
    assert ("100 %┤" in said.out) == plot.can_plot()
    assert main(["train", "progress", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["percent"] for run in told["runs"]] == [39.2, 100.0]
    assert told["lessons"][0]["change"] == 60.8
    assert main(["train", "progress", "other"]) == 0
    assert "No run has ended yet." in capsys.readouterr().out


def test_progress_says_which_extra_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(home, ideal(lesson()))
    monkeypatch.setitem(sys.modules, "plotext", None)
    assert main(["train", "progress", "--ascii"]) == 0
    said = capsys.readouterr()
    assert "pip install 'stas-tui[training]'" in said.err
    assert said.out.isascii()
    assert said.out.splitlines()[1].endswith("#")


def test_a_torn_line_of_the_ledger_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(home, ideal(lesson()))
    with (home / "training" / runs.LEDGER).open("a") as file:
        file.write('{"schema":1,"ms"')
    assert main(["train", "progress", "--json"]) == 0
    said = capsys.readouterr()
    assert "the last line is torn; it was skipped" in said.err
    assert len(json.loads(said.out)["skipped"]) == 1
    assert len(ledger.read(home / "training" / runs.LEDGER)[0]) == 1
