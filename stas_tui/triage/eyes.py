"""Looking at everything at once, with bounded reads: the board, the inbox, the gates and what the sources said."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stas_tui.health.belief import ANSWERED, Belief, beliefs, unattended
from stas_tui.platforms.base import NotFound, PlatformError
from stas_tui.triage.gather import Sight, gather
from stas_tui.triage.history import OBSERVED, history
from stas_tui.triage.identity import source_key
from stas_tui.triage.parts import Parts
from stas_tui.triage.recovery import STAYS, well_again
from stas_tui.triage.words import Blind
from storage.clock import MINUTE, SECOND
from storage.errors import StasError
from storage.records import ActionState, DataState, Message, Priority, Task
from storage.triage import TriageRefused
from storage.triage_records import TriageItem
from storage.watch_records import Fact, SourceKind, SourceStatus

UNKNOWN = ActionState.UNKNOWN
GONE_MS = 10 * MINUTE
"""For how long a resolved alert is still shown."""
URGENT = 500
"""Urgent messages that are looked at; those of known senders come first. How many there are beside them is said."""
RECENT_MS = 2 * SECOND
_LOCAL_MS = 5 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look."""

    at: int
    sight: Sight
    items: dict[str, TriageItem]
    """By key."""
    board_ok: bool
    """Whether tasks and messages could be read: only then is what is missing known to be gone."""


class Eyes:
    """Reads the world for the desk. What cannot be read is a dead source, and what was known of it stays."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._messages: list[Message] = []
        self._unshown = 0
        self._tasks: list[Task] = []
        self._inbox_at: int | None = None
        self._inbox_some = False
        self._board_at: int | None = None
        self._last: Seen | None = None

    def recent(self) -> Seen:
        """The last look, if it is younger than two seconds; for what is only shown beside the list."""
        last = self._last
        return last if last is not None and 0 <= self._parts.now() - last.at < RECENT_MS else self.look()

    def look(self) -> Seen:
        """Everything, now. Raises `StoreError` if the record itself cannot be read."""
        parts, now = self._parts, self._parts.now()
        inbox, board = self._read_inbox(now), self._read_board(now)
        facts, outside, blind = self._read_watch(now)
        sight = Sight(
            sources=[*(belief.status for belief in outside), inbox, board],
            gates=[*parts.journal.pending(), *(a for a in parts.journal.open_actions() if a.state is UNKNOWN)],
            messages=self._messages,
            unshown=self._unshown,
            tasks=self._tasks,
            halted=parts.journal.halted()[0],
            blind=blind,
            configured=self._configured(outside),
            **facts,
        )
        items = {item.key: item for item in gather(sight, now=now)}
        ok = DataState.ERROR not in (inbox.state, board.state)
        self._last = Seen(at=now, sight=sight, items=items, board_ok=ok)
        return self._last

    def sources(self) -> list[SourceStatus]:
        """Every source as far as it can be believed now, by name."""
        now = self._parts.now()
        _, outside, _ = self._read_watch(now, facts=False)
        rows = [*(belief.status for belief in outside), self._read_inbox(now), self._read_board(now)]
        return sorted(rows, key=lambda row: row.name)

    def item(self, key: str) -> TriageItem:
        """One item of the list. Raises `TriageRefused` if there is none."""
        found = self.look().items.get(key)
        if found is None:
            raise TriageRefused(f"There is nothing with the key {key[:80]} in the list any more.", "Look again.")
        return found

    def over(self, key: str, seen: Seen) -> bool:
        """Whether the thing itself is known to have ended. What merely cannot be seen has not."""
        item = seen.items.get(key)
        if item is not None:
            return item.word == "resolved"
        kind = key.partition(":")[0]
        if kind in STAYS and well_again(key, seen.sight):
            return True
        if kind in OBSERVED and kind != "tenant":
            fact = history(self._parts, key)
            return fact is not None and fact.gone_at is not None
        if kind in ("message", "task"):
            return seen.board_ok and self._put_away(kind, key.partition(":")[2])
        if kind == "source":
            rows = [row for row in seen.sight.sources if source_key(row.name) == key]
            return not seen.sight.blind and all(row.believed(seen.at) in ANSWERED for row in rows)
        return kind in ("gate", "halt")

    def _put_away(self, kind: str, ref: str) -> bool:
        """Whether a message was acknowledged, or a task is done or no P0 any more."""
        platform = self._parts.platform
        try:
            if kind == "message":
                return platform.message(ref).acknowledged_at is not None
            project, _, task = ref.partition("/")
            found = platform.task(project, task)
        except NotFound:
            return True
        except PlatformError:
            return False
        return found.status == "done" or found.priority is not Priority.P0

    # reading ---------------------------------------------------------------------------------------

    def _read_inbox(self, now: int) -> SourceStatus:
        try:
            platform = self._parts.platform
            self._messages = platform.urgent(URGENT)
            full = len(self._messages) >= URGENT
            self._unshown = platform.urgent_count() - len(self._messages) if full else 0
            self._inbox_some = platform.inbox_count() > 0
            self._inbox_at, reason = now, ""
        except PlatformError as error:
            reason = str(error)
        return _local("inbox", SourceKind.INBOX, self._inbox_at, reason, now, self._inbox_some)

    def _read_board(self, now: int) -> SourceStatus:
        try:
            platform = self._parts.platform
            active = [p.id for p in platform.projects() if p.status == "active"]
            self._tasks = [task for project in active for task in platform.tasks(project)]
            self._board_at, reason = now, ""
        except PlatformError as error:
            reason = str(error)
        return _local("board", SourceKind.BOARD, self._board_at, reason, now, bool(self._tasks))

    def _read_watch(self, now: int, *, facts: bool = True) -> tuple[dict[str, list[Fact]], list[Belief], Blind | None]:
        """(facts for `Sight`, the sources outside, why nothing is known of them)."""
        watch, wanted = self._parts.watch, self._parts.context.rules.sources()
        try:
            nobody_asks, known = unattended(watch.watcher(), now), watch.sources()
            found: dict[str, list[Fact]] = {}
            if facts:
                found = {
                    "alerts": watch.facts("alert", gone_since=now - GONE_MS),
                    "silences": watch.facts("silence"),
                    "probes": watch.facts("probe"),
                    "checks": watch.facts("check"),
                    "deploys": watch.facts("deploy"),
                    "comparisons": watch.facts("comparison"),
                    "tenants": watch.facts("tenant"),
                }
        except StasError as error:
            lost = [replace(want, problem=f"watch.db: {error}") for want in wanted]
            return {}, beliefs(lost, (), now), Blind.unreadable(str(error))
        return found, beliefs(wanted, known, now, nobody_asks=nobody_asks), Blind.of(nobody_asks)

    def _configured(self, outside: list[Belief]) -> frozenset[SourceKind]:
        """Kinds that the configuration names a source for; the others are not calm but unknown."""
        kinds = {belief.status.kind for belief in outside if belief.wanted} | {SourceKind.INBOX, SourceKind.BOARD}
        if self._parts.context.door.messenger is not None:
            kinds.add(SourceKind.SLACK)
        return frozenset(kinds)


def _local(name: str, kind: SourceKind, at: int | None, reason: str, now: int, some: bool) -> SourceStatus:
    state = DataState.ERROR if reason else DataState.OK if some else DataState.EMPTY
    return SourceStatus(name=name, kind=kind, state=state, every_ms=_LOCAL_MS, asked_at=now, at=at, reason=reason)
