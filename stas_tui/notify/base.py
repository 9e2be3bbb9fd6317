"""What Stas needs of the ways to tell people something, and to keep a pager quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.errors import StasError
from storage.records import Json


class NotifyError(StasError):
    """The service refused, and nothing happened."""


class NotifyUncertain(NotifyError):
    """The request may have been carried out: a time-out, a lost connection, a 5xx. Look before anything is repeated."""


class NotifyLimited(NotifyError):
    """429: the service says when it will listen again."""

    def __init__(self, what: str, mend: str = "", *, retry_after_s: float) -> None:
        super().__init__(what, mend)
        self.retry_after_s = retry_after_s


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

    def post(self, message: DirectMessage, *, key: str) -> Delivered:
        """Post once, marked with `key`. Raises `NotifyError`, `NotifyUncertain`, `NotifyLimited`."""
        ...

    def edit(self, at: Delivered, message: DirectMessage, *, key: str) -> Delivered:
        """Change a message that stands; an edit notifies nobody. Raises as `post`."""
        ...

    def find(self, key: str) -> Delivered | None:
        """The message marked with `key`, from the service's history. Raises `NotifyError` if it cannot be read."""
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
    """Writes silences; read ones come from the watch."""

    def set(self, wish: SilenceWish) -> str:
        """Create it; returns its id. Raises `NotifyError`, `NotifyUncertain`."""
        ...

    def extend(self, source: str, silence_id: str, ends_at: int) -> str:
        """Move its end by writing the whole object back; returns the id it has then."""
        ...

    def read(self, source: str, silence_id: str) -> Json | None:
        """The silence as the service holds it; None if it holds none. Raises `NotifyError`."""
        ...

    def find(self, source: str, comment: str) -> Json | None:
        """An unexpired silence with exactly this comment. Raises `NotifyError`."""
        ...

    def end(self, source: str, silence_id: str) -> None:
        """Let it expire now; one that is gone is no error."""
        ...
