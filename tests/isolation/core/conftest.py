"""A shop whose code is in a real repository and whose tenants are declared."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from isolation_shop import CONFIGURATION, Shop

from stas_tui.locations import Locations, os_user


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Runs git in a folder and returns what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.com",
    }

    def run(cwd: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=cwd, env=environ, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def shop(tmp_path: Path, git: Callable[..., str]) -> Shop:
    """Two tenants, one declared in the settings and one in the tenancy file; the code stands on multi-tenant."""
    repository = tmp_path / "code"
    git(tmp_path, "init", "-q", "-b", "multi-tenant", str(repository))
    (repository / "a.py").write_text("a = 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "start")
    profile = Locations.find(tmp_path / "home").profile("shop")
    profile.make()
    profile.config_file.write_text(CONFIGURATION.format(user=os_user(), repository=repository), "utf-8")
    profile.config_file.chmod(0o600)
    made = Shop(profile=profile, file=tmp_path / "looked-at", repository=repository)
    made.declare()
    return made
