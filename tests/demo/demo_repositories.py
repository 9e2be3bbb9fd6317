"""Makes the demo's repository for a test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stas_tui.demo.repository import DemoRepository, build_repository

NOW = 1_795_000_000_000
SEED = 7


def git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def make_repository(folder: Path, *, seed: int = SEED, now_ms: int = NOW) -> DemoRepository:
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", ".")
    return build_repository(folder, seed=seed, now_ms=now_ms)
