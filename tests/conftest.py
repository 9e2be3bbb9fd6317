"""Where the tests keep their files: in memory, where the machine has room for it.

SQLite and git ask the disk to keep every step; on a shared disk that is most of the time that a test waits. What is
shown about a crash does not depend on it: the tests kill processes, not machines.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Free bytes below which the files go where other temporary files go; a session needs about a quarter of it."""


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.option.basetemp or os.environ.get("PYTEST_DEBUG_TEMPROOT") or os.environ.get("TMPDIR")
    if not chosen and MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
