"""The inbox as a list of any length: ids in order, messages page by page, never on the interface's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stas_tui.screens.panels import inbox_row
from storage.records import Message
from widgets.rows import Cell, ListRow

PAGE = 64
KEPT = 1_024


class InboxRows:
    """A row source over message ids; `fetch` is called with the ids of a page that is not loaded yet."""

    def __init__(self, fetch: Callable[[Sequence[str]], None], narrow: Callable[[str], None]) -> None:
        self._fetch, self._narrow = fetch, narrow
        self._ids: list[str] = []
        self._places: dict[str, int] | None = None
        self._messages: dict[str, Message] = {}
        self._asked: set[str] = set()

    def set_order(self, ids: Sequence[str]) -> None:
        """These messages, in this order."""
        self._ids = list(ids)
        self._places = None

    def loaded(self, messages: Sequence[Message]) -> None:
        """A page has arrived."""
        if len(self._messages) > KEPT:
            self._messages.clear()
        for message in messages:
            self._messages[message.id] = message
            self._asked.discard(message.id)

    def forget(self) -> None:
        """Messages may have changed; load what is shown again, drawing the old until then."""
        self._asked.clear()

    def message(self, key: str) -> Message | None:
        """A loaded message."""
        return self._messages.get(key)

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self._ids)

    def row(self, index: int) -> ListRow:
        """One row; an empty one while its page is being read."""
        key = self._ids[index]
        message = self._messages.get(key)
        if message is not None:
            return inbox_row(message)
        if key not in self._asked:
            start = index - index % PAGE
            page = [each for each in self._ids[start : start + PAGE] if each not in self._messages]
            self._asked.update(page)
            self._fetch(page)
        return ListRow(key=key, version="reading", cells=(Cell(""), Cell("reading"), Cell("")))

    def index_of(self, key: str) -> int | None:
        """Where a message is."""
        if self._places is None:
            self._places = {each: n for n, each in enumerate(self._ids)}
        return self._places.get(key)

    def set_filter(self, text: str) -> None:
        """Show only messages that hold the text; the answer arrives with `set_order`."""
        self._narrow(text)
