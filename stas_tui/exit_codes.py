"""What the program's exit status means; scripts may rely on these numbers."""

from __future__ import annotations

OK = 0
"""Done."""

FAILED = 1
"""It was tried and did not work; a sentence on standard error says why."""

USAGE = 2
"""Nothing was done: wrong arguments, or what was to be made is there already."""

CONFIG = 3
"""Nothing was done: the configuration is missing or wrong."""

UNKNOWN = 4
"""Nothing is wrong that could be seen, and not all could be seen: `stas isolation` found only unknown."""

INTERRUPTED = 130
"""Stopped by ctrl+c."""

BROKEN_PIPE = 141
"""The reader of standard output went away."""


def of(error: BaseException) -> int:
    """The exit status of an error: its own `exit_code` if it has one, else `FAILED`."""
    code = getattr(error, "exit_code", FAILED)
    return code if isinstance(code, int) else FAILED
