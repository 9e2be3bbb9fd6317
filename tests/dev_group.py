"""Prints the requirements of pyproject.toml's `dev` group, one on a line: pip before 25.1 has no `--group`."""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

if __name__ == "__main__":
    print("\n".join(tomllib.loads(PROJECT.read_text("utf-8"))["dependency-groups"]["dev"]))
