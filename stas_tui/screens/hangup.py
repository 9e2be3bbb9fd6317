"""A terminal that went away: the program ends with it, as the system ends whatever ran in a lost session."""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

EVERY_S = 2.0
"""Seconds between two looks."""


def end_with_terminal(app: App[Any]) -> None:
    """Look from time to time whether the terminal is still there.

    The system sends a signal to the session that a terminal controls. Where none does (a container, another
    program's pseudo-terminal) reading goes on at its end for ever, with a whole processor. Nothing is lost: everything
    that was done stands in the record.
    """
    if not app.is_headless and sys.__stdin__ is not None:
        handle = sys.__stdin__.fileno()
        app.set_interval(EVERY_S, lambda: _end_if_gone(handle))


def _end_if_gone(handle: int) -> None:
    if gone(handle):
        signal.raise_signal(signal.SIGHUP)
        os._exit(128 + signal.SIGHUP)


def gone(handle: int) -> bool:
    """Whether nobody is at the other end of a terminal any more."""
    poll = select.poll()
    poll.register(handle, 0)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
