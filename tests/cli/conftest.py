from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import nursery

ROOT = Path(__file__).parents[2]

Stas = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the machine's user shows through."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STAS_", "GIT_", "TMUX"))}
    return kept | {
        "HOME": str(tmp_path / "user"),
        "STAS_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.com",
        "TERM": "xterm-256color",
    }


@pytest.fixture
def stas(environ: dict[str, str], tmp_path: Path) -> Stas:
    """Runs `stas` as a process of its own, without input."""

    def run(*arguments: str, cwd: Path = tmp_path, **variables: str) -> subprocess.CompletedProcess[str]:
        return nursery.run("stas_tui", *arguments, env=environ | variables, cwd=cwd)

    return run


@pytest.fixture
def git(environ: dict[str, str]) -> Callable[..., str]:
    """Runs git in a folder and returns what it printed."""

    def run(cwd: Path, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=cwd, env=environ, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., str]) -> Path:
    """A working copy on main with a remote that has main and multi-tenant."""
    remote, copy = tmp_path / "remote.git", tmp_path / "Shop Front"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    git(tmp_path, "init", "-q", "-b", "main", str(copy))
    (copy / "a.txt").write_text("a\n")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "start")
    git(copy, "remote", "add", "origin", str(remote))
    git(copy, "push", "-q", "origin", "main", "main:multi-tenant")
    return copy
