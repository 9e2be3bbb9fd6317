from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stas_tui import cli, exit_codes
from stas_tui.commands.common import overrides
from tests.interruptible import HEARING

Stas = Callable[..., "subprocess.CompletedProcess[str]"]
HEAVY = (
    "textual",
    "rich",
    "pydantic",
    "pydantic_settings",
    "httpx",
    "git",
    "slack_sdk",
    "sqlite_utils",
    "platformdirs",
)


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["init", "--help"], ["--nonsense"]])
def test_nothing_heavy_is_loaded_before_it_is_needed(arguments: list[str], environ: dict[str, str]) -> None:
    code = (
        "import sys\nfrom stas_tui.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr


def test_help_names_every_command(stas: Stas) -> None:
    done = stas("--help")
    assert done.returncode == 0
    for command in ("demo", "init", "doctor", "pulse", "gates", "log", "summary", "keys", "config", "version"):
        assert f"\n    {command} " in done.stdout


def test_version_on_standard_output(stas: Stas) -> None:
    from stas_tui.version import __version__

    assert stas("version").stdout == f"stas {__version__}\n"
    assert stas("--version").stdout == f"stas {__version__}\n"
    assert json.loads(stas("--json", "version").stdout) == {"version": __version__}


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["--prof", "x", "doctor"],
        ["summary", "minus-one"],
        ["demo", "--seed", "²"],
        ["--theme", "pink"],
        ["--read-only", "--mode", "trusted", "keys"],
    ],
)
def test_wrong_arguments_are_status_2_and_nothing_on_standard_output(arguments: list[str], stas: Stas) -> None:
    done = stas(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: stas" in done.stderr
    assert "Traceback" not in done.stderr


def test_flags_may_stand_before_and_after_the_command() -> None:
    before = cli.parser().parse_args(["--profile", "a", "--json", "--theme", "day", "doctor"])
    after = cli.parser().parse_args(["doctor", "--profile", "a", "--json", "--theme", "day"])
    assert vars(before) == vars(after)
    both = cli.parser().parse_args(["--profile", "a", "doctor", "--profile", "b"])
    assert both.profile == "b"


def test_flags_become_overrides() -> None:
    def of(*arguments: str) -> dict[str, object]:
        return overrides(cli.parser().parse_args(arguments))

    assert of() == {}
    assert of("--read-only", "--mode", "observe") == {"mode": "observe"}
    assert of("--mode", "trusted", "--ascii", "--no-mouse", "--theme", "auto") == {
        "mode": "trusted",
        "ascii": True,
        "mouse": False,
        "theme": "auto",
    }


def test_modes_and_themes_are_those_of_the_settings() -> None:
    from typing import get_args

    from stas_tui.config import Settings
    from storage.records import Mode

    assert set(cli.MODES) == set(Mode)
    assert set(cli.THEMES) == set(get_args(Settings.model_fields["theme"].annotation))


def test_a_missing_profile_is_a_sentence_and_status_3(stas: Stas) -> None:
    done = stas("config", "--check")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no profile default yet" in done.stderr
    assert "stas demo" in done.stderr
    path = stas("config")
    assert path.returncode == 3
    assert path.stdout.strip().endswith("profiles/default/stas.toml")


def test_an_unfilled_agent_name_refuses_with_its_name(stas: Stas, tmp_path: Path) -> None:
    """R1, D18."""
    file = tmp_path / "home" / "profiles" / "default" / "stas.toml"
    file.parent.mkdir(parents=True)
    file.write_text('agent_name = "{{AGENT_NAME}}"\n')
    done = stas("config", "--check")
    assert done.returncode == 3
    assert f"{file}, line 1: agent_name: AGENT_NAME is not filled." in done.stderr
    assert stas("config", "--check", STAS_AGENT_NAME="Stas").returncode == 0


def test_secrets_do_not_reach_any_stream(stas: Stas, tmp_path: Path) -> None:
    file = tmp_path / "home" / "profiles" / "default" / "stas.toml"
    file.parent.mkdir(parents=True)
    file.write_text('agent_name = "Stas"\n[slack]\ntoken = "xoxb-hush"\n')
    shown = stas("config", "--show")
    assert json.loads(shown.stdout)["slack"]["token"] == "**********"
    file.write_text('agent_name = "Stas"\n[slack]\ntoken = ["xoxb-hush"]\n')
    for done in (shown, stas("config", "--show"), stas("doctor"), stas("doctor", "--json"), stas("keys")):
        assert "hush" not in done.stdout + done.stderr


def test_a_bad_profile_name_is_refused(stas: Stas) -> None:
    done = stas("--profile", "../../etc", "config")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no profile name" in done.stderr


def test_keys_as_text_and_json(stas: Stas) -> None:
    text = stas("keys").stdout
    assert "gate.approve" in text
    rows = json.loads(stas("keys", "--json").stdout)
    assert {row["id"]: row["keys"] for row in rows}["gate.approve"] == ["A"]


def test_hostile_text_of_an_error_is_printed_harmlessly() -> None:
    hostile = "\x1b]0;x\x07\u202eevil\ud800\x00\nnext"
    shown = cli.printable(hostile)
    assert "".join(shown.split("\n")).isprintable()
    assert shown.endswith("\nnext")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_not_success(environ: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stas_tui", "keys"], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == exit_codes.FAILED
    assert b"Traceback" not in done.stderr
    assert b"No space left" in done.stderr


def test_a_reader_that_went_away_is_quiet(environ: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stas_tui", "keys"], env=environ, stdout=writing, stderr=subprocess.PIPE, timeout=60
        )
    finally:
        os.close(writing)
    assert done.returncode == exit_codes.BROKEN_PIPE
    assert done.stderr == b""


def test_ctrl_c_ends_with_130_and_no_traceback(environ: dict[str, str], tmp_path: Path) -> None:
    """`stas init` waits at its first question in a real terminal; ctrl+c ends it."""
    import pty

    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], env=environ, check=True, timeout=60)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*HEARING, sys.executable, "-m", "stas_tui", "init", str(tmp_path / "r")],
        env=environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stdout is not None
    try:
        asked = os.read(process.stderr.fileno(), 1000)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == exit_codes.INTERRUPTED
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        os.close(ours)
        os.close(theirs)
    assert b"Profile name" in asked
    assert b"Traceback" not in rest
    assert not (tmp_path / "home").exists()
