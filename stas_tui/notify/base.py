"""What Stas needs of the ways to tell people something, and to keep a pager quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.errors import StasError
from storage.records import Json
from storage.watch_records import Alert


class NotifyError(StasError):
    """The service refused, and nothing happened."""


class NotifyUncertain(NotifyError):
    """The request may have been carried out: a time-out, a lost connection, a 5xx. Look before anything is repeated."""


class NotifyLimited(NotifyError):
    """429: the service says when it will listen again."""

    def __init__(self, what: str, mend: str = "", *, retry_after_s: float) -> None:
        super().__init__(what, mend)
        self.retry_after_s = retry_after_s


class NotifyGone(NotifyError):
    """The message that was to be edited is not there any more, or may not be edited any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectMessage:
    """One message to one person, as it will look. All text is redacted before it gets here."""

    text: str
    """The whole message as plain text: the notification, and what a screen reader says. Never empty."""
    category: str
    urgent: bool
    item: str = ""
    """Identity key of the incident it belongs to: one message for each, edited afterwards."""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message as the service shows it when it is read back."""

    channel: str
    ts: str
    text: str


class Messenger(Protocol):
    """Direct messages to the human. Blocks for at most the configured time; nothing is retried in here."""

    def ready(self) -> str:
        """Empty if messages can be sent; otherwise one clause why not, e.g. `no token`. Never touches the network."""
        ...

    @property
    def to(self) -> str:
        """Id of the person at the service who gets every message; empty if none is configured."""
        ...

    @property
    def limited_s(self) -> float:
        """Seconds until the service listens again after a 429; 0 if it listens now."""
        ...

    def post(self, message: DirectMessage, *, key: str) -> Delivered:
        """Post once, marked with `key`. Raises `NotifyError`, `NotifyUncertain`, `NotifyLimited`."""
        ...

    def edit(self, at: Delivered, message: DirectMessage, *, key: str) -> Delivered:
        """Change a message that stands; an edit notifies nobody. Raises as `post`, and `NotifyGone`."""
        ...

    def find(self, key: str, *, since: int = 0) -> Delivered | None:
        """The message marked with `key`, posted or last edited under it, from the service's history.

        `since` (UTC milliseconds) spares reading what is older. None is proof that it is not there now; raises
        `NotifyError` if the history cannot be read, or not to its end.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWish:
    """A silence as a person asked for it."""

    source: str
    """Name of the Alertmanager."""
    matchers: Sequence[tuple[str, str, bool, bool]]
    """(label, value, is a regular expression, is equal)."""
    starts_at: int
    ends_at: int
    by: str
    comment: str


class Silencer(Protocol):
    """Writes silences; those of a round of the watch come from the watch."""

    @property
    def names(self) -> Sequence[str]:
        """The Alertmanagers it knows."""
        ...

    def set(self, wish: SilenceWish) -> str:
        """Create it; returns its id. Raises `NotifyError`, `NotifyUncertain`."""
        ...

    def extend(self, source: str, silence_id: str, ends_at: int, *, was: int | None = None, said: str = "") -> str:
        """Move its end; returns the id it has then. Raises `NotifyError`, `NotifyUncertain`.

        `was` is the end that it has to have still; `said` goes behind its comment.
        """
        ...

    def read(self, source: str, silence_id: str) -> Json | None:
        """The silence as the service holds it; None if it holds none. Raises `NotifyError`."""
        ...

    def find(self, source: str, comment: str) -> Json | None:
        """An unexpired silence with exactly this comment. Raises `NotifyError`."""
        ...

    def hides(self, source: str, matchers: Sequence[tuple[str, str, bool, bool]]) -> Sequence[Alert]:
        """The alerts that fit all matchers now, as the service itself judges. Raises `NotifyError`."""
        ...

    def end(self, source: str, silence_id: str) -> None:
        """Let it expire now; one that is gone is no error."""
        ...
