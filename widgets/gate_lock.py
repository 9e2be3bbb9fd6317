"""When a gate's approve key may work: a pure state, moved by events and a monotonic clock."""

from __future__ import annotations

from collections.abc import Callable

HOLD_MS = 1_500
OBSERVE_REASON = "Observe only proposes; nothing can be approved"


class GateLock:
    """Locked until everything that protects a person from approving by accident holds.

    The key is dead for `hold_ms` after the gate opened, changed or regained focus, until the payload was read to the
    end, while evidence is stale or the source is gone (both count as bad until somebody says otherwise), and, with
    `needs_name`, until the object's name was typed. While an answer is being given, no other one is.
    """

    def __init__(
        self,
        monotonic_ms: Callable[[], int],
        hold_ms: int = HOLD_MS,
        *,
        needs_name: bool = False,
        approvable: bool = True,
    ) -> None:
        """`approvable=False` (Observe) never unlocks."""
        self._monotonic = monotonic_ms
        self._hold = hold_ms
        self._needs_name = needs_name
        self._approvable = approvable
        self._since: int | None = None
        self._digest: str | None = None
        self._read = False
        self._fresh: bool | None = None
        self._connected: bool | None = None
        self._named = False
        self._answering = False

    @property
    def digest(self) -> str | None:
        """The digest of the content that is on screen."""
        return self._digest

    def opened(self) -> None:
        """The gate was drawn."""
        self._since = self._monotonic()

    def content_changed(self, digest: str) -> None:
        """The gate shows this payload; another one than before has to be read again, and the hold starts anew."""
        if digest == self._digest:
            return
        first = self._digest is None
        self._digest = digest
        self._read = False
        self._named = False
        if not first or self._since is not None:
            self._since = self._monotonic()

    def focus_regained(self) -> None:
        """The window or the gate has the keyboard again: keys typed for another program may still arrive."""
        if self._since is not None:
            self._since = self._monotonic()

    def read_to_end(self) -> None:
        """The last line of the present payload was on screen."""
        self._read = True

    def evidence_fresh(self, fresh: bool) -> None:
        """Whether the evidence is younger than its limit."""
        self._fresh = fresh

    def source_connected(self, connected: bool) -> None:
        """Whether the system that the effect would change can be reached."""
        self._connected = connected

    def typed_name(self, ok: bool) -> None:
        """Whether what was typed is the object's name."""
        self._named = ok

    @property
    def answering(self) -> bool:
        """Whether an answer is being given: nothing else answers until it is over."""
        return self._answering

    def answer_begins(self) -> None:
        """A person chose a verb. Keys that came with it, typed ahead or over a line, are for what it opens."""
        self._answering = True

    def answer_over(self) -> None:
        """It came to nothing, or the request is another one now: hold once more."""
        self._answering = False
        self.focus_regained()

    def remaining_ms(self) -> int:
        """How much of the hold is left; the whole hold while nothing was drawn."""
        if self._since is None:
            return self._hold
        return max(self._hold - (self._monotonic() - self._since), 0)

    def locked_because(self) -> str | None:
        """The first reason why the approve key does nothing, as a clause; None if it works."""
        if not self._approvable:
            return OBSERVE_REASON
        if self._answering:
            return "an answer is being given"
        if self._digest is None or self._since is None:
            return "the gate is not drawn yet"
        if not self._read:
            return "read to the end first"
        if self._connected is not True:
            return "the source is not connected" if self._connected is False else "the source was not checked yet"
        if self._fresh is not True:
            return "the evidence is stale; refresh it" if self._fresh is False else "the evidence was not checked yet"
        if self._needs_name and not self._named:
            return "type the name first"
        if self.remaining_ms() > 0:
            return "opens in a moment"
        return None
