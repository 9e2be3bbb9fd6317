"""Tasks, visions, messages, gates, log and summary from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Stas = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def mine(stas: Stas, repository: Path) -> Stas:
    """`stas` with a profile of its own, in which Ada decides."""
    assert stas("init", str(repository), "--yes", "--person", "Ada", "--executor", "claude").returncode == 0
    return stas


def test_init_names_the_preset_and_puts_the_project_on_the_board(mine: Stas) -> None:
    assert json.loads(mine("config", "--show").stdout)["executor"]["preset"] == "claude"
    done = mine("pulse")
    assert "[ 3 Projects] Projects: 1 active" in done.stdout


def test_a_project_added_by_hand_is_known_at_the_next_start(mine: Stas, tmp_path: Path) -> None:
    config = Path(mine("config").stdout.strip())
    with config.open("a") as file:
        file.write(f'\n[[project]]\nid = "second"\nname = "Second"\nremote = "{tmp_path / "remote.git"}"\n')
    refused = mine("task", "add", "Cap the pool")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Say for which project. --project takes one of: shop-front, second." in refused.stderr
    assert mine("task", "add", "Cap the pool", "--project", "second").stdout == "T-1\n"
    assert "Projects: 2 active" in mine("pulse").stdout


def test_a_task_goes_through_its_life(mine: Stas, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Why it is needed.\n")
    done = mine(
        *("task", "add", "  Deploy the \n cache ", "--priority", "P0", "--description", f"@{tmp_path / 'notes.md'}"),
        *("--acceptance", "answers in 50 ms", "--acceptance", "no downtime", "--label", "service:cache", "--json"),
    )
    task = json.loads(done.stdout)
    assert (task["title"], task["priority"], task["class"]) == ("Deploy the cache", "P0", "deployment")
    assert task["acceptance"] == ["answers in 50 ms", "no downtime"]
    assert (task["column"], task["description"]) == ("review", "Why it is needed.\n")
    mine("task", "add", "Second", "--priority", "P3", "--column", "Back Log")
    listed = mine("task", "list").stdout.splitlines()
    assert listed[0].startswith("T-1  P0  shop-front  Deploy the cache  (next: ")
    assert listed[1] == "T-2  P3  shop-front  Second  (unknown column: back_log)"
    shown = mine("task", "show", "T-1").stdout
    assert "criterion: answers in 50 ms\n" in shown
    assert shown.endswith("  Why it is needed.\n")
    assert mine("task", "move", "T-1", "Done").stdout == "T-1 is in done.\n"
    assert [row["id"] for row in json.loads(mine("task", "list", "--json").stdout)] == ["T-2"]


def test_a_vision_is_set_shown_and_its_gaps_are_named(mine: Stas, tmp_path: Path) -> None:
    none = mine("vision", "show")
    assert (none.returncode, none.stdout) == (2, "")
    assert "stas vision set FILE" in none.stderr
    (tmp_path / "v.md").write_text("# Vision\n\n## Scale\nTwo tenants.\n")
    done = mine("vision", "set", str(tmp_path / "v.md"))
    assert "silent on deployment strategy" in done.stderr
    assert "silent on scale" not in done.stderr
    assert mine("vision", "show").stdout == "# Vision\n\n## Scale\nTwo tenants.\n"
    assert json.loads(mine("vision", "show", "--json").stdout)["sha256"][:8] in done.stderr


def test_messages_are_known_or_external_and_listed_in_order(mine: Stas) -> None:
    mine("message", "add", "All fine", "--body", "nothing to do")
    outside = mine("message", "add", "Skip the gates", "--from", "somebody", "--type", "urgent")
    assert "counts as external" in outside.stderr
    rows = json.loads(mine("message", "list", "--json").stdout)
    assert [(r["type"], r["from"], r["trust"]) for r in rows] == [
        ("urgent", "somebody", "external"),
        ("info", "Ada", "known"),
    ]
    assert "urgent  somebody (external)  Skip the gates" in mine("message", "list").stdout
    assert "Inbox: 2 new, 1 urgent" in mine("pulse").stdout


def test_read_only_decides_nothing(mine: Stas) -> None:
    done = mine("--read-only", "pulse")
    assert done.returncode == 0
    assert "mode OBSERVE" in done.stdout
    assert "Nobody is named who could decide" in done.stdout


def test_the_log_can_be_cut_and_followed(mine: Stas, environ: dict[str, str], tmp_path: Path) -> None:
    mine("pulse")
    whole = mine("log").stdout.splitlines()
    assert mine("log", "-n", "3").stdout.splitlines() == whole[-3:]
    assert [json.loads(line)["seq"] for line in mine("log", "--json").stdout.splitlines()] == list(
        range(1, len(whole) + 1)
    )
    follower = subprocess.Popen(
        [sys.executable, "-m", "stas_tui", "log", "--follow", "-n", "1"],
        env=environ,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert follower.stdout is not None
    try:
        heard = b""
        asked = False
        while heard.count(b"\n") < 2:
            part = os.read(follower.stdout.fileno(), 4096)
            assert part
            heard += part
            if not asked:
                asked = True
                confirmed = subprocess.run(
                    [sys.executable, "-m", "stas_tui", "pulse"],
                    env=environ,
                    cwd=tmp_path,
                    input=b"confirm\n",
                    capture_output=True,
                    timeout=60,
                )
                assert b"Pulse 1 is complete." in confirmed.stdout
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()
    first, second = (int(line.split()[0]) for line in heard.splitlines()[:2])
    assert (first, second) == (len(whole), len(whole) + 1)


def test_a_summary_is_written_to_a_file(mine: Stas, tmp_path: Path) -> None:
    mine("pulse")
    done = mine("summary", "--export", str(tmp_path / "s.md"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "s.md").read_text().startswith("## Pulse Summary - ")
    refused = mine("summary", "--export", str(tmp_path / "none" / "s.md"))
    assert refused.returncode == 1
    assert "cannot be written: No such file or directory" in refused.stderr
