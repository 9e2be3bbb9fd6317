"""What a lesson leaves behind: nothing of its world, also when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from stas_tui.training.leftovers import PROFILE, sweep
from stas_tui.training.runs import INPUTS, RunFolder
from tests.training.stage_world import lesson

ROOT = Path(__file__).resolve().parents[2]
RUNNING = """
import sys
from pathlib import Path
from stas_tui.training.runs import RunFolder
from tests.training.stage_world import lesson
folder = RunFolder.create(Path(sys.argv[1]), lesson(), seed=7, began=1_795_000_000_000)
exports = folder.path / "profile" / "stage-1" / "exports"
exports.mkdir(parents=True)
(exports / "sheet.md").write_text("TRAINING")
(folder.path / "profile" / "stage-2" / "exports").mkdir(parents=True)
print(folder.name, flush=True)
sys.stdin.read()
"""


def test_the_world_of_a_killed_lesson_goes_at_the_next_start_and_its_exports_stay(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with child:
        assert child.stdout is not None
        run = tmp_path / "runs" / child.stdout.readline().strip()
        assert sweep(tmp_path / "runs", INPUTS) == [], "it goes on"
        assert (run / PROFILE / "stage-1").is_dir()
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert sweep(tmp_path / "runs", INPUTS) == [run.name]
    assert not (run / PROFILE).exists()
    assert (run / "exports" / "sheet.md").read_text() == "TRAINING"
    assert (run / INPUTS).is_file(), "it can be debriefed as far as it went"
    assert sweep(tmp_path / "runs", INPUTS) == []


def test_a_lesson_of_this_process_is_left_alone(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, lesson(), seed=7, began=1_795_000_000_000)
    (folder.path / PROFILE).mkdir()
    assert sweep(tmp_path / "runs", INPUTS) == []
    folder.close()
    assert sweep(tmp_path / "runs", INPUTS) == [folder.name]
