"""Who owns a piece of work: a process that can be told from every other, also after its number was reused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from storage.journal_time import boot_id


def this_owner() -> str:
    """This process as `pid:starttime:bootid`."""
    pid = os.getpid()
    return f"{pid}:{_start_of(pid) or 0}:{boot_id()}"


def owner_alive(owner: str) -> bool:
    """True while the process that `this_owner` named still runs.

    False when it ended, when its number belongs to another process now, and after a reboot. An owner in another
    form cannot be checked and counts as alive: its lease has to run out.
    """
    parts = owner.split(":", 2)
    if len(parts) != 3 or not parts[0].isdecimal():
        return True
    pid, start, boot = parts
    if boot != boot_id():
        return False
    return _start_of(int(pid)) == start


def _start_of(pid: int) -> str | None:
    """When the process started, in a form comparable within one boot; None if it is gone or a zombie."""
    if not Path("/proc/self/stat").exists():
        return _start_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else fields[19]


def _start_by_ps(pid: int) -> str | None:
    try:
        answer = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    state, _, start = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else "-".join(start.replace(":", ".").split())
