"""A profile with sources to watch, and `stas` on it as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stas_tui.locations import Locations, Profile

ROOT = Path(__file__).resolve().parents[2]

CONFIGURATION = """\
environment = "test"
agent_name = "Stas"

[watch]
every_s = 1
probe_every_s = 1
allow_private = ["127.0.0.0/8"]
"""

PROJECT = """\
[[project]]
id = "shop"
name = "Shop"
remote = "{remote}"
"""

ENDPOINT = """\
[[project.health]]
name = "{name}"
url = "http://127.0.0.1:{port}/health"
timeout_s = 2
"""


def make_profile(tmp_path: Path) -> Profile:
    """An empty one."""
    made = Locations.find(tmp_path / "home").profile("watched")
    made.make()
    return made


def configure(profile: Profile, *tables: str) -> Profile:
    profile.config_file.write_text("\n".join([CONFIGURATION, *tables]), "utf-8")
    profile.config_file.chmod(0o600)
    return profile


def prometheus(port: int, name: str = "prometheus") -> str:
    """A source that refuses or answers nonsense: what it is asked does not matter here."""
    return f'[[prometheus]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\n'


def probing(profile: Profile, *ports: int) -> Profile:
    remote = profile.root / "no-remote.git"
    tables = [ENDPOINT.format(name=f"api-{n}", port=port) for n, port in enumerate(ports)]
    return configure(profile, PROJECT.format(remote=remote), *tables)


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def stas(profile: Profile, *args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stas_tui", "--home", str(profile.root.parents[1]), "--profile", profile.name, *args]
    return subprocess.run(
        argv, env=environ(), stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
