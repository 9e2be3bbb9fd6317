"""`stas isolation record -- COMMAND` as a process: from the run of a test suite to the result of Q4."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stas_tui import exit_codes
from stas_tui.locations import Locations, Profile, os_user
from tests.isolation.code.test_recorded import Project

ROOT = Path(__file__).parents[3]
CONFIGURATION = """\
environment = "test"
agent_name = "Stas"

[[person]]
name = "Ada"
os_user = "{user}"

[[project]]
id = "shop"
name = "Shop"
repository = "{repository}"
base_branch = "work"
"""
TENANCY = 'version = 1\nstrategy = "row"\ncompleted_by = "Ada"\n\n[tables]\nscoped = ["items"]\n'


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    project = Project(tmp_path)
    project.git("branch", "-q", "-m", "work")
    made = Locations.find(tmp_path / "home").profile("shop")
    made.make()
    made.config_file.write_text(CONFIGURATION.format(user=os_user(), repository=project.root), "utf-8")
    made.config_file.chmod(0o600)
    made.tenancy_dir.mkdir(exist_ok=True)
    made.tenancy_file("shop").write_text(TENANCY)
    return made


def stas(profile: Profile, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    home = profile.root.parents[1]
    command = [sys.executable, "-m", "stas_tui", "--home", str(home), "--profile", profile.name, "isolation", *words]
    environ = {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environ, cwd=home.parent / "shop", capture_output=True, text=True, timeout=120)


PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".")


def test_a_run_is_written_down_and_looked_at(profile: Profile) -> None:
    before = stas(profile, "--check", "Q4", "--json")
    assert "`stas isolation record` write down a test run" in before.stdout
    done = stas(profile, "record", "--", *PYTEST, ".")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert f"The statements stand in {profile.test_run_file('shop')}" in done.stderr
    found = json.loads(stas(profile, "--check", "Q4", "--json").stdout)
    assert "1 different ones come from a test run" in json.dumps(found)
    dry = stas(profile, "--check", "Q4", "--dry-run", "--statements", "/nowhere/r.jsonl").stdout
    assert "the record /nowhere/r.jsonl would be read" in dry


def test_its_status_is_that_of_the_command(profile: Profile, tmp_path: Path) -> None:
    done = stas(
        profile, "record", "--output", str(tmp_path / "r.jsonl"), "--", sys.executable, "-c", "raise SystemExit(7)"
    )
    assert done.returncode == 7
    assert json.loads((tmp_path / "r.jsonl").read_text().splitlines()[-1])["status"] == 7


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("record",), "There is no command to run"),
        (("record", "--"), "There is no command to run"),
        (("record", "pytest"), "record takes no further words"),
        (("record", "--read-only", "--", "true"), "--read-only starts nothing"),
        (("record", "--", "nothing-of-that-name"), "could not be started"),
    ],
)
def test_words_that_say_nothing_are_refused(profile: Profile, words: tuple[str, ...], says: str) -> None:
    done = stas(profile, *words)
    assert done.returncode == exit_codes.USAGE
    assert says in done.stderr
