"""The simulated world of a lesson goes when the lesson is over: at its end, or at the next start if it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

PROFILE, EXPORTS = "profile", "exports"
"""Below a run's folder: the simulated world, and what was exported from it."""


def hold(handle: int) -> None:
    """Say that a run goes on, for as long as its file is open; the system lets go of it with the process."""
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def tidy(run: Path) -> None:
    """Take the simulated world of a run away; what was exported stays with the run. Raises `OSError`."""
    for exports in sorted((run / PROFILE).glob(f"stage-*/{EXPORTS}")):
        if any(exports.iterdir()):
            shutil.copytree(exports, run / EXPORTS, dirs_exist_ok=True)
    shutil.rmtree(run / PROFILE)


def sweep(runs: Path, held: str) -> list[str]:
    """Tidy every run that nobody goes on with; their names. `held` is the file of a run that its process holds.

    A run that cannot be tidied is left as it is: it is in nobody's way.
    """
    swept = []
    for world in sorted(runs.glob(f"*/{PROFILE}")):
        try:
            handle = os.open(world.parent / held, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            hold(handle)
            tidy(world.parent)
            swept.append(world.parent.name)
        except OSError:
            continue
        finally:
            os.close(handle)
    return swept
