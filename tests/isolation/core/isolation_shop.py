"""A profile of a shop with two tenants, and `stas` with one real group of checks as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stas_tui.locations import Profile
from tests import nursery

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).parent / "stas_with_group.py"

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
tenants = ["acme"]
"""
TENANCY = """\
version = 1
strategy = "row"
completed_by = "Ada"

[[tenant]]
name = "globex"
key = "g"
"""


@dataclass
class Shop:
    """The profile, the file that the group of checks looks at, and the user's working copy."""

    profile: Profile
    file: Path
    repository: Path

    def write(self, text: str) -> None:
        self.file.write_text(text, "utf-8")

    def declare(self, text: str = TENANCY) -> None:
        self.profile.tenancy_dir.mkdir(exist_ok=True)
        self.profile.tenancy_file("shop").write_text(text, "utf-8")

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "CORE_FILE": str(self.file)}

    def argv(self, *args: str) -> list[str]:
        home = self.profile.root.parents[1]
        return [sys.executable, str(PROGRAM), "--home", str(home), "--profile", self.profile.name, *args]

    def stas(self, *args: str) -> subprocess.CompletedProcess[str]:
        program, *arguments = self.argv("isolation", *args)[1:]
        return nursery.run(program, *arguments, env=self.environ)
