"""Being told to end from outside: the signals that a program which holds a terminal answers by giving it back."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from stas_tui.screens.hangup import gone

if TYPE_CHECKING:
    from textual.app import App

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Ending:
    """While its block lasts, such a signal is kept and handed on to whoever holds the terminal then.

    `hand_on` takes the number of the signal; without one nobody holds the terminal, and the signal is only kept.
    A signal that whoever started the program had ignored stays ignored.
    """

    def __init__(self) -> None:
        self.number = 0
        """The first signal that came; 0 while none came."""
        self.hand_on: Callable[[int], object] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Listen. Only the main thread can."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._told)
        return self

    def __exit__(self, *_: object) -> None:
        """What was before."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    @property
    def status(self) -> int:
        """The exit status of a program that ends with the signal, as shells count it; 0 while none came."""
        return 128 + self.number if self.number else 0

    def _told(self, number: int, _: FrameType | None) -> None:
        self.number = self.number or number
        if self.hand_on is not None:
            self.hand_on(number)

    def ends(self, app: App[Any]) -> None:
        """From now on the app is what ends. Called where its event loop runs.

        Nothing can be given back to a terminal that went away: the signal does then what it does by itself.
        """
        loop = asyncio.get_running_loop()
        handle = -1 if sys.__stdin__ is None else sys.__stdin__.fileno()

        def end(number: int) -> None:
            if number == signal.SIGHUP and gone(handle):
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(app.exit, None, self.status)

        self.hand_on = end
        if self.number:
            end(self.number)
