"""The demo's sources: recorded answers that name the commits of the repository they are played beside.

The first seconds are an ordinary morning; then one tenant's requests fail, the alert fires and an endpoint hangs. One
Alertmanager is dead from the start, so that the screen shows what that looks like.
"""

from __future__ import annotations

import re
from pathlib import Path

from stas_tui.demo.repository import DemoError, DemoRepository, merges_on_base
from stas_tui.locations import private_dir, write_private

HERE = Path(__file__).resolve().parent / "replay"
FOLDER = "recording"
"""Beside the demo's configuration."""

_MARK = re.compile(r"@(head|merge-(\d+))(?::(\d+))?@")


def write_recording(folder: Path, repository: DemoRepository) -> None:
    """Write every source's answers into `folder`, with the shas of this repository. Raises `DemoError`."""
    merges = merges_on_base(repository.remote)

    def sha(mark: re.Match[str]) -> str:
        found = repository.base_sha if mark[1] == "head" else merges.get(int(mark[2]), "")
        if not found:
            raise DemoError(f"The demo's repository lacks pull request {mark[2]}.", "Reinstall Stas.")
        return found[: int(mark[3])] if mark[3] else found

    private_dir(folder)
    for path in sorted(HERE.glob("*.json")):
        write_private(folder / path.name, _MARK.sub(sha, path.read_text("utf-8")))
