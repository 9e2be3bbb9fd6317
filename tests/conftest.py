"""Where the tests keep their files: in memory, where the machine has room for it.

SQLite and git ask the disk to keep every step; on a shared disk that is most of the time that a test waits. What is
shown about a crash does not depend on it: the tests kill processes, not machines.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Free bytes below which the files go where other temporary files go; a session needs about a quarter of it."""


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.option.basetemp or os.environ.get("PYTEST_DEBUG_TEMPROOT") or os.environ.get("TMPDIR")
    in_memory = not chosen and MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    in_memory = in_memory and shutil.disk_usage(MEMORY).free >= ROOM
    if in_memory:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
    if not hasattr(config, "workerinput"):
        _own_temporary_files(config, MEMORY if in_memory else None)


def _own_temporary_files(config: pytest.Config, where: Path | None) -> None:
    """What programs put under `/tmp`, such as databases and sockets, goes when the session ends.

    Otherwise the next session would meet it: folders of tests have the same names again.
    """
    folder = tempfile.mkdtemp(prefix="t", dir=where)
    Path(folder).chmod(0o711)  # servers that run as another user have folders of their own in it
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
