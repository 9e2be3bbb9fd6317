"""What the tests of runs share."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from stas_tui.executors.base import RunRequest

Wanted = Callable[..., RunRequest]


def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait for a condition, polling; fail with its name when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not in {seconds:g} s: {what}")
        time.sleep(0.01)
