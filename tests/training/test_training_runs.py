"""A run is kept as it happens, and can be played again as far as it went."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from small_lesson import TEXT, lesson

from stas_tui.training import ledger, runs
from stas_tui.training.engine import Act, Engine, Order
from stas_tui.training.inputs import Input
from stas_tui.training.reading import ScenarioError, load
from stas_tui.training.runs import RunFolder, RunUnknown, RunUnreadable, find, recorded
from stas_tui.training.scripts import ideal
from storage.chain import check_chain
from storage.records import Event

ROOT = Path(__file__).resolve().parents[2]
BEGAN = 1_773_043_200_000


def kept(home: Path, inputs: list[Input], *, seed: int = 1, end: str = "") -> tuple[RunFolder, Engine]:
    """A run with these inputs, finished if it is told why it ended."""
    one = lesson()
    folder = RunFolder.create(home, one, seed=seed, began=BEGAN)
    engine = Engine(one.scenario, one.digest, seed=seed)
    for thing in inputs:
        (engine.act(thing) if isinstance(thing, Act) else engine.order(thing))
        folder.add(thing)
    if end:
        engine.end(end)
        folder.finish(engine)
    else:
        folder.close()
    return folder, engine


def test_a_finished_run_has_everything_and_gives_the_same_log_again(tmp_path: Path) -> None:
    one = lesson()
    engine = ideal(one, seed=9)
    folder = RunFolder.create(tmp_path, one, seed=9, began=BEGAN)
    for thing in engine.inputs:
        folder.add(thing)
    written = folder.finish(engine)
    assert folder.name == "small-one-20260309T080000Z"
    assert written.read_text().startswith("# TRAINING: ")
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "debrief.json",
        "debrief.md",
        "inputs.jsonl",
        "lesson.toml",
        "log.jsonl",
    ]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.path.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    again = recorded(folder.path)
    assert again.again().digest == engine.digest == again.sealed
    assert (again.seed, again.began, again.ended, again.torn) == (9, BEGAN, engine.ended, "")
    events = [Event(**json.loads(line)) for line in (folder.path / runs.LOG).read_text().splitlines()]
    assert check_chain(events, head_seq=len(events), head_hash=engine.digest, anchors=[]).ok
    (entry,), told = ledger.read(tmp_path / runs.LEDGER)
    assert (entry.run, entry.percent, entry.digest, told) == (folder.name, 100, engine.digest, [])


def test_the_lesson_is_kept_as_it_was(tmp_path: Path) -> None:
    folder, _ = kept(tmp_path, [])
    assert load(folder.path / runs.LESSON).digest == lesson().digest


def test_a_lesson_with_a_byte_order_mark_and_carriage_returns_is_kept_whole(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    one = load(file)
    folder = RunFolder.create(tmp_path / "home", one, seed=1, began=BEGAN)
    folder.finish(ideal(one, seed=1))
    assert recorded(folder.path).lesson.digest == one.digest


def test_two_runs_of_one_second_have_two_folders_in_their_order(tmp_path: Path) -> None:
    names = [kept(tmp_path, [])[0].name for _ in range(3)]
    assert names == ["small-one-20260309T080000Z" + suffix for suffix in ("", "-2", "-3")]
    assert [path.name for path in runs.runs(tmp_path)] == names
    assert find(tmp_path).name == names[-1]
    assert find(tmp_path, names[0]).name == names[0]
    assert find(tmp_path, "small").name == names[-1]
    with pytest.raises(RunUnknown, match="There is no run other"):
        find(tmp_path, "other")
    with pytest.raises(RunUnknown, match="No lesson was run yet"):
        find(tmp_path / "empty")


def test_what_ended_from_outside_ends_there_again(tmp_path: Path) -> None:
    folder, engine = kept(tmp_path, [Act(at=45_000, verb="reject", target="a1")], end="the trainee left")
    assert recorded(folder.path).again().digest == engine.digest


def test_going_back_is_played_as_it_was(tmp_path: Path) -> None:
    back = Order(at=30_000, what="rewind", body={"from": 46_000, "to": 30_000})
    folder, _ = kept(tmp_path, [Act(at=25_000, verb="own", target="m1"), Act(at=45_000, verb="approve", target="a1")])
    handle = os.open(folder.path / runs.INPUTS, os.O_WRONLY | os.O_APPEND)
    resumed = RunFolder(folder.path, handle, BEGAN)
    resumed.add(back)
    resumed.add(Act(at=50_000, verb="reject", target="a1"))
    resumed.reached(55_000)
    resumed.close()
    engine = recorded(folder.path).again()
    assert engine.made["d1"].verb == "reject"
    assert engine.made["d0"].verb == "own"
    assert engine.now == 55_000
    assert [line.body["what"] for line in engine.lines if line.kind == "training.instructed"] == ["rewind"]


def test_a_process_that_is_killed_leaves_a_run_that_can_be_debriefed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "sys.path.insert(0, 'tests/training')\n"
        "from small_lesson import lesson\nfrom stas_tui.training.engine import Act\n"
        "from stas_tui.training.runs import RunFolder\n"
        "folder = RunFolder.create(Path(sys.argv[1]), lesson(), seed=3, began=1773043200000)\n"
        "folder.add(Act(at=25000, verb='own', target='m1'))\nfolder.reached(44000)\n"
        "print(folder.path, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
    again = recorded(path)
    assert (again.ended, again.until, again.seed) == ("", 44_000, 3)
    engine = again.again()
    assert engine.now == 44_000
    assert not engine.ended
    assert engine.made["d0"].quality == "expected"
    assert engine.made["d1"].open


def test_a_last_line_that_is_not_whole_is_left_out_and_told(tmp_path: Path) -> None:
    folder, _ = kept(tmp_path, [Act(at=25_000, verb="own", target="m1"), Act(at=45_000, verb="reject", target="a1")])
    file = folder.path / runs.INPUTS
    file.write_bytes(file.read_bytes()[:-9])
    again = recorded(folder.path)
    assert again.torn == "Its last line was not whole and was left out."
    assert [thing.at for thing in again.inputs] == [25_000]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "does not begin as a run does"),
        (lambda text: "nonsense\n", "line 1: this is no object of JSON"),
        (lambda text: text + "[1]\n", "this is no object of JSON"),
        (lambda text: text + '{"at":1,"verb":"no"}\n', "line 2: verb is none of"),
        (lambda text: text + '{"reached":-1}\n', "line 2: this is no time"),
        (lambda text: text.replace('"seed":1', '"seed":"x"'), "does not begin as a run does"),
        (lambda text: text.replace(lesson().digest, "0" * 64), "is not the file that was run"),
    ],
    ids=range(7),
)
def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, change: object, words: str) -> None:
    folder, _ = kept(tmp_path, [])
    file = folder.path / runs.INPUTS
    file.write_text(change(file.read_text()))  # type: ignore[operator]
    with pytest.raises(RunUnreadable, match=words):
        recorded(folder.path)


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    folder, _ = kept(tmp_path, [])
    (folder.path / runs.INPUTS).unlink()
    with pytest.raises(RunUnreadable, match="cannot be read"):
        recorded(folder.path)
    (folder.path / runs.LESSON).unlink()
    with pytest.raises(ScenarioError, match="cannot be read"):
        recorded(folder.path)


def test_what_a_person_typed_is_kept_without_secrets(tmp_path: Path) -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    act = Act(at=25_000, verb="slack_send", text=f"the token is {token}")
    folder, _ = kept(tmp_path, [runs.clean(act)], end="done")
    runs.add_note(folder.path, f"they typed {token}")
    assert runs.notes_of(folder.path)[0].startswith("they typed ")
    for file in folder.path.iterdir():
        assert token not in file.read_text()


def test_notes_are_kept_in_their_order(tmp_path: Path) -> None:
    folder, _ = kept(tmp_path, [])
    assert runs.notes_of(folder.path) == ()
    runs.add_note(folder.path, "one")
    runs.add_note(folder.path, "two\nlines")
    assert runs.notes_of(folder.path) == ("one", "two\nlines")


def test_finishing_again_after_an_error_does_what_is_still_to_do(tmp_path: Path) -> None:
    engine = ideal(lesson())
    folder = RunFolder.create(tmp_path, lesson(), seed=1, began=BEGAN)
    for thing in engine.inputs:
        folder.add(thing)
    (tmp_path / runs.LEDGER).mkdir()
    with pytest.raises(ledger.LedgerUnusable):
        folder.finish(engine)
    (tmp_path / runs.LEDGER).rmdir()
    folder.finish(engine)
    assert len(ledger.read(tmp_path / runs.LEDGER)[0]) == 1
    assert recorded(folder.path).again().digest == engine.digest
