"""Bad input as a person meets it: one sentence, an exit status, no traceback, and nothing lost afterwards."""

from __future__ import annotations

import ctypes
import io
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stas_tui import exit_codes
from stas_tui.locations import Locations
from storage.clock import SystemClock
from storage.schema_world import open_world
from storage.world import World
from tests.e2e.foreign import Supervisor, git, set_up
from tests.e2e.piped import Ended, answered, environment, stas


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile on a foreign repository, made once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("ready")
    set_up(folder)
    return folder


@pytest.fixture
def home(ready: Path, tmp_path: Path) -> Path:
    for name in ("home", "foreign", "foreign.git"):
        shutil.copytree(ready / name, tmp_path / name)
    shutil.copy(ready / "worker.sh", tmp_path / "worker.sh")
    config = tmp_path / "home" / "profiles" / "foreign" / "stas.toml"
    config.write_text(config.read_text().replace(str(ready), str(tmp_path)))
    return tmp_path / "home"


def profile(home: Path) -> Path:
    return home / "profiles" / "foreign"


def one_sentence(done: Ended, status: int, pattern: str) -> None:
    """Nothing but a sentence on standard error."""
    assert done.status == status, done
    assert "Traceback" not in done.err + done.out
    assert re.search(pattern, done.err), done.err
    assert done.err.startswith("stas: ")
    assert done.err.count("\n") == 1


def nothing_lost(home: Path) -> None:
    """The record is whole, the task is there, and a pulse goes on to its end."""
    assert stas(home, "log", "--verify").status == 0
    done = answered(home, Supervisor())
    assert done.out.endswith("is complete.\n"), done.out[-2000:] + done.err
    assert "pull request #1" in stas(home, "summary").out


# configuration and profile ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("pulse",), ("gates",), ("summary",), ("task", "list"), ("config", "--check")])
def test_broken_toml(home: Path, command: tuple[str, ...]) -> None:
    config = profile(home) / "stas.toml"
    text = config.read_text()
    config.write_text(text.replace('agent_name = "Stas"', 'agent_name = "Stas'))
    one_sentence(stas(home, *command), exit_codes.CONFIG, r"stas\.toml, line \d+, column \d+: this is not TOML")
    config.write_text(text)
    assert stas(home, *command).status == (1 if command == ("summary",) else 0)


@pytest.mark.parametrize("command", [(), ("pulse",), ("gates",), ("summary",), ("task", "list"), ("vision", "show")])
def test_no_profile(tmp_path: Path, command: tuple[str, ...]) -> None:
    one_sentence(stas(tmp_path / "none", *command), exit_codes.CONFIG, "There is no profile default yet.*stas demo")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "profiles").write_text("a file in the way")
    one_sentence(stas(home, "demo"), exit_codes.FAILED, "cannot be created: File exists.*permissions")
    assert (home / "profiles").read_text() == "a file in the way"


# the repository ---------------------------------------------------------------------------------------


def test_a_missing_repository(home: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign.git").rename(tmp_path / "moved.git")
    done = stas(home, "pulse")
    assert (done.status, "Traceback" in done.err) == (0, False)
    assert f"T-1 not claimed: There is no git repository at {tmp_path / 'foreign.git'}." in done.out
    assert "GATE" not in done.out
    assert json.loads(stas(home, "task", "show", "T-1", "--json").out)["assignee"] is None
    (tmp_path / "moved.git").rename(tmp_path / "foreign.git")
    answered(home, lambda text: "confirm" if "## Pulse Summary" in text else None)
    assert stas(home, "log", "--verify").status == 0


def test_a_repository_without_the_base_branch(home: Path, tmp_path: Path) -> None:
    git(tmp_path / "foreign.git", "branch", "-m", "multi-tenant", "other")
    done = stas(home, "pulse")
    assert done.status == 0
    assert re.search(r"T-1 not claimed: .*multi-tenant", done.out)
    assert stas(home, "doctor").status == 1
    assert git(tmp_path / "foreign.git", "branch", "--list", "multi-tenant") == "", "nothing made the branch"


def test_a_detached_head_is_no_trouble(home: Path, tmp_path: Path) -> None:
    git(tmp_path / "foreign", "checkout", "-q", "--detach")
    before = git(tmp_path / "foreign", "rev-parse", "HEAD")
    nothing_lost(home)
    assert git(tmp_path / "foreign", "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    assert git(tmp_path / "foreign", "rev-parse", "HEAD") == before


# the databases ----------------------------------------------------------------------------------------


def test_a_full_disk(home: Path) -> None:
    """No file may grow: what the operating system then says becomes a sentence; with room it goes on."""
    size = (profile(home) / "stas.db").stat().st_size
    limit = (size + 4096, size + 4096)
    done = subprocess.run(
        [sys.executable, "-m", "stas_tui", "pulse"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    one_sentence(
        Ended(done.returncode, done.stdout, done.stderr),
        exit_codes.FAILED,
        r"(No room left|cannot be read or written).*disk",
    )
    nothing_lost(home)


def test_a_full_database(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own bound (`max_page_count`) on the record, through the program's own main function."""
    from stas_tui import application, cli
    from storage.schema_record import open_record

    pages = (profile(home) / "stas.db").stat().st_size // 4096
    monkeypatch.setenv("STAS_HOME", str(home))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    monkeypatch.setattr(application, "open_record", lambda path: open_record(path, max_pages=pages + 2))
    assert cli.main(["pulse", "--plain"]) == exit_codes.FAILED
    said = capsys.readouterr()
    assert re.fullmatch(r"stas: No room left for the database .*; nothing was half written\. .*\n", said.err)
    monkeypatch.undo()
    nothing_lost(home)


def bound_by_file_modes() -> None:
    """In a child: root, too, may then write only what its mode allows (drops CAP_DAC_OVERRIDE before the program)."""
    if os.getuid() == 0:
        drop_from_bounding_set, dac_override = 24, 1
        if ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0) != 0:
            os._exit(99)


def test_a_read_only_database(home: Path) -> None:
    database = profile(home) / "stas.db"
    before = database.read_bytes()
    database.chmod(0o400)
    done = subprocess.run(
        [sys.executable, "-m", "stas_tui", "pulse"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=bound_by_file_modes,
    )
    one_sentence(
        Ended(done.returncode, done.stdout, done.stderr), exit_codes.FAILED, "is read-only; nothing was written"
    )
    assert database.read_bytes() == before
    database.chmod(0o600)
    nothing_lost(home)


def test_a_log_that_somebody_changed(home: Path) -> None:
    stas(home, "pulse")
    database = profile(home) / "stas.db"
    with sqlite3.connect(database) as conn:
        conn.execute("drop trigger event_fixed")
        conn.execute("update event set actor = 'Mallory' where seq = 2")
    conn.close()
    done = stas(home, "log", "--verify")
    assert done.status == exit_codes.FAILED
    assert re.search(r"\b2\b", done.out), done.out
    assert json.loads(stas(home, "log", "--verify", "--json").out)["ok"] is False


def test_a_summary_of_a_pulse_that_never_was(home: Path) -> None:
    assert stas(home, "summary").status == exit_codes.FAILED
    stas(home, "pulse")
    one_sentence(stas(home, "summary", "99"), exit_codes.FAILED, "There is no pulse 99 in the record")
    assert stas(home, "summary", "1").out.startswith("## Pulse Summary - ")


# the executor -----------------------------------------------------------------------------------------


def executor(home: Path, argv: list[str], limits: str = "") -> None:
    config = profile(home) / "stas.toml"
    text = re.sub(r"(?m)^argv = .*$", lambda _: f"argv = {json.dumps(argv)}", config.read_text())
    config.write_text(text + (f"\n[executor.limits]\n{limits}\n" if limits else ""))


def run_of(done: Ended) -> str:
    found = re.search(r"^RESULT  .*$", done.out, re.MULTILINE)
    assert found, done.out[-3000:] + done.err
    return found[0]


def test_an_executor_that_does_not_exist(home: Path, tmp_path: Path) -> None:
    executor(home, ["/no/such/program"])
    done = answered(home, Supervisor())
    assert (done.status, done.err) == (0, "")
    assert run_of(done) == "RESULT  FAILURE  (spawn failed)"
    assert "/no/such/program" in done.out
    assert "is complete." in done.out
    assert "infra/" not in git(tmp_path / "foreign.git", "branch", "--list"), "nothing was pushed"
    assert stas(home, "doctor").status == 1


def test_an_executor_that_writes_100_mb(home: Path, tmp_path: Path) -> None:
    loud = tmp_path / "loud.sh"
    loud.write_text(
        "#!/bin/sh\nhead -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 1000\n. " + str(tmp_path / "worker.sh")
    )
    loud.chmod(0o755)
    executor(home, [str(loud)], "stdout_bytes = 100000")
    done = answered(home, Supervisor())
    assert run_of(done) == "RESULT  SUCCESS  (ok)"
    assert len(done.out) < 2_000_000
    kept = sum(path.stat().st_size for path in (profile(home) / "runs").rglob("stdout.log"))
    assert kept < 300_000
    assert done.out.endswith("is complete.\n")


def test_an_executor_that_ignores_sigterm(home: Path, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf.sh"
    deaf.write_text(
        "#!/bin/sh\ntrap '' TERM INT HUP\necho started >> README.md\n"
        f"echo $$ > {tmp_path / 'pid'}\nwhile :; do sleep 0.2; done\n"
    )
    deaf.chmod(0o755)
    executor(home, [str(deaf)], "total_s = 1.0")
    done = answered(home, Supervisor())
    assert run_of(done) == "RESULT  FAILURE  (timeout)"
    assert "is complete." in done.out
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    [tree] = (profile(home) / "clones").glob("*/tree")
    assert (tree / "README.md").read_text().endswith("started\n"), "what it did is kept for a person to look at"


# people and words -------------------------------------------------------------------------------------


def test_hostile_text_in_a_title(home: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2Jpool\u202e\u200b\x9b31m"
    with open_world(Locations.find(home).profile("foreign").platform_db) as store:
        world = World(store, SystemClock())
        world.create_task("foreign", hostile, hostile, None, key="hostile")
    for command in (
        ("pulse",),
        ("gates",),
        ("gates", "--json"),
        ("task", "list"),
        ("task", "list", "--json"),
        ("task", "show", "T-2"),
        ("log",),
        ("log", "--json"),
        ("summary",),
        ("summary", "--json"),
    ):
        done = stas(home, *command)
        assert done.status == 0, command
        assert done.out
        bad = {char for char in done.out + done.err if char != "\n" and not char.isprintable()}
        assert not bad, (command, bad)


def test_two_demos_at_once(tmp_path: Path) -> None:
    """The second leaves the first alone and says so; afterwards the demo can be made anew."""
    home = tmp_path / "home"
    first = subprocess.Popen(
        [sys.executable, "-m", "stas_tui", "demo", "--plain"],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdin is not None
    assert first.stdout is not None
    try:
        while not first.stdout.readline().endswith("defer)\n"):
            assert first.poll() is None
        one_sentence(stas(home, "demo"), exit_codes.USAGE, "Another process runs the demo; it was left alone.*--home")
        first.stdin.write("reject not today\n")
        first.stdin.close()
        rest = first.stdout.read()
        assert first.wait(timeout=60) == 0
    finally:
        first.kill()
        first.wait()
        first.stdin.close()
        first.stdout.close()
    assert "T-301 not claimed: not today" in rest
    assert stas(home, "demo").status == 0


def test_texts_that_cannot_be_read(home: Path, tmp_path: Path) -> None:
    (tmp_path / "latin1.md").write_bytes(b"caf\xe9")
    (tmp_path / "empty.md").write_text("\n")
    (tmp_path / "long.md").write_text("x" * 300_000)
    for name, words in (("none.md", "cannot be read"), ("latin1.md", "not UTF-8"), ("empty.md", "is empty"),
                        ("long.md", "longer than 256 KiB"), (".", "cannot be read: Is a directory")):  # fmt: skip
        one_sentence(stas(home, "vision", "set", str(tmp_path / name)), exit_codes.USAGE, words)
    assert "Rolling" in stas(home, "vision", "show").out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("task", "add", "  "), "A title has 1 to 200"),
        (("task", "add", "x", "--project", "other"), "no project other.*foreign"),
        (("task", "show", "T-99"), "no task T-99"),
        (("task", "move", "T-99", "done"), "no task T-99"),
        (("message", "add", ""), "A subject has 1 to 200"),
        (("--read-only", "task", "add", "x"), "--read-only changes nothing"),
    ],
)
def test_commands_that_are_refused(home: Path, command: tuple[str, ...], words: str) -> None:
    before = stas(home, "task", "list", "--json").out
    one_sentence(stas(home, *command), exit_codes.USAGE, words)
    assert stas(home, "task", "list", "--json").out == before
