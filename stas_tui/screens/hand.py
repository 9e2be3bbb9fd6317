"""The threads beside the interface: one acts in order, one looks, one answers, some wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from stas_tui.application import Application
from stas_tui.pulse.view import View, take_view
from storage.errors import StasError

P = ParamSpec("P")
T = TypeVar("T")

FALLBACK_S = 1.0
"""How often the databases are looked at when nobody rings."""


class Hand:
    """Runs everything that may block on threads of its own; the interface only awaits.

    A step that takes a minute keeps the acting thread; a source that answers slowly keeps the looking thread. A
    person's own word (pause, decide, defer) waits for neither: it has a thread that only writes the record.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self._act = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stas-act")
        self._look = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stas-look")
        self._answer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stas-answer")
        self._wait = ThreadPoolExecutor(max_workers=4, thread_name_prefix="stas-wait")
        self._seen: dict[str, tuple[int, ...]] = {}
        self._stopped = False
        self.busy = 0
        """How many acts are under way or waiting for their turn."""

    async def act(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that may change the record, after what was asked before it."""
        self.busy += 1
        try:
            return await self._on(self._act, lambda: do(*args, **kwargs))
        finally:
            self.busy -= 1

    async def look(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Read something, beside whatever is being done."""
        return await self._on(self._look, lambda: do(*args, **kwargs))

    async def answer(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Read or write a line of the record for a person who waits; never a source outside."""
        return await self._on(self._answer, lambda: do(*args, **kwargs))

    async def wait_for(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Wait for something outside, on a thread that nobody else needs."""
        return await self._on(self._wait, lambda: do(*args, **kwargs))

    async def _on(self, pool: ThreadPoolExecutor, do: Callable[[], T]) -> T:
        if self._stopped:
            raise asyncio.CancelledError
        return await asyncio.get_running_loop().run_in_executor(pool, do)

    def view(self, pulse_id: str | None = None) -> View:
        """A look at the pulse; on the looking thread."""
        application = self.application
        return take_view(application.context, idle_mode=application.mode, pulse_id=pulse_id)

    def changed(self, who: str = "main") -> bool:
        """Whether another connection has committed since `who` last asked; on the looking thread."""
        try:
            seen = tuple(store.data_version() for store in self.application.stores)
        except StasError:
            return True
        before = self._seen.get(who)
        self._seen[who] = seen
        return seen != before

    def stop(self) -> None:
        """Take nothing new: who asks is cancelled. What is under way goes on."""
        self._stopped = True
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Take nothing new, and wait until what is under way has finished."""
        self._stopped = True
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def _pools(self) -> tuple[ThreadPoolExecutor, ...]:
        return self._act, self._look, self._answer, self._wait
