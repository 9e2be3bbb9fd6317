"""Locks between processes: held by the kernel, so a killed holder leaves nothing behind.

git's own lock files do stay behind when git is killed; whoever holds the kernel's lock may clear them away.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path` exclusively, against other threads and other processes; waits until it is free.

    The file stays, empty. Not re-entrant.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def clear_git_locks(git_dir: Path) -> None:
    """Remove lock files that a killed git left in a git directory of ours; the caller holds the lock that guards it."""
    for stale in (*git_dir.glob("*.lock"), *git_dir.glob("refs/**/*.lock")):
        stale.unlink(missing_ok=True)
