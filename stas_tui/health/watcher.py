"""The loop that asks every source at its time and writes down what it said.

Each source is asked on a thread of its own and never twice at once, so one that hangs keeps only its own row waiting.
Only the loop writes. Schedules follow the monotonic clock, what is written down the wall clock.
"""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stas_tui.health.base import Answer, Source, back_off_s
from stas_tui.health.border import clean_detail, clean_things
from storage.canonical import dump, tame
from storage.clock import SECOND, Clock
from storage.errors import StoreError
from storage.records import DataState
from storage.redact import redact
from storage.watch import Watch
from storage.watch_records import Observed, SourceStatus

AT_ONCE = 16
"""Sources that are asked at the same time; one that hangs does not count."""
BEAT_S = 5.0
"""Seconds between two signs of life."""
LONG_S = 30.0
"""A source that asks for longer than this hangs, unless it says otherwise (`longest_s`)."""
MOST_RETRY_S = 3_600.0
"""A source cannot make us wait for longer than this."""

FAULT = "a fault in Stas itself"

MOST_UNSAID = 100
STORE = "store "
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

GOOD = frozenset({DataState.OK, DataState.EMPTY})
BAD = frozenset({DataState.ERROR, DataState.DENIED})
"""States after which a source is asked less often."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """One source and where it stands."""

    source: Source
    due: int
    """Monotonic milliseconds."""
    failures: int = 0
    started: int | None = None
    """Monotonic milliseconds; None while it is not asked."""
    asked_at: int = 0
    """Wall clock."""
    slow_said: int = 0
    """Monotonic milliseconds at which it was last written down that it hangs."""
    last: SourceStatus | None = None
    seen: str = ""
    """What it said last, to tell whether anything changed."""

    @property
    def longest_ms(self) -> int:
        return int(getattr(self.source, "longest_s", LONG_S) * SECOND)

    def hangs(self, mono: int) -> bool:
        return self.started is not None and mono - self.started > self.longest_ms


@dataclass(frozen=True, slots=True)
class _Said:
    """What came back from a thread."""

    row: _Row
    answer: Answer
    things: Sequence[Observed] | None
    """Those of the answer, without secrets."""


class Watcher:
    """Asks sources until it is stopped. A database that cannot be written is told and tried again, never raised."""

    def __init__(
        self,
        sources: Sequence[Source],
        watch: Watch,
        clock: Clock,
        *,
        ring: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
        show: Callable[[SourceStatus], None] = lambda _: None,
    ) -> None:
        """`ring` wakes whoever shows the facts, `say` takes a sentence for the person who runs this, `show` a row
        whose state is another than before."""
        self.watch = watch
        self.rounds = 0
        self._clock = clock
        self._ring, self._say, self._show = ring, say, show
        self._rows = [_Row(source=source, due=clock.monotonic()) for source in sources]
        self._back: queue.SimpleQueue[_Said | None] = queue.SimpleQueue()
        self._beaten: int | None = None
        self._told: dict[str, str] = {}
        self._unsaid: list[str] = []
        self._stopped = False
        self._others_gone = False

    # running ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Ask until `stop`."""
        self.begin()
        while not self._stopped:
            self.turn(self._patience_s())
        self.close()

    def once(self) -> list[SourceStatus]:
        """Ask every source once and wait for all of them, each within its bound; the rows as they stand then."""
        self.begin()
        self._start_due()
        while any(row.started is not None and not row.hangs(self._clock.monotonic()) for row in self._rows):
            self._collect(0.2)
            self._start_due(again=False)
            if self._stopped:
                break
        self._note_slow()
        self._beat()
        return [row.last for row in self._rows if row.last is not None]

    def stop(self) -> None:
        """Let `run` end soon; from any thread and from a signal handler."""
        self._stopped = True
        self._back.put(None)

    def begin(self) -> None:
        """Drop what the configuration no longer names, and say that somebody watches."""
        self._forget_others()
        self._beat()
        self._ring()

    def turn(self, wait_s: float) -> None:
        """Start what is due, wait at most `wait_s` for answers, write them down, give a sign of life."""
        self._start_due()
        self._collect(wait_s)
        self._note_slow()
        self._forget_others()
        self._beat()

    def close(self) -> None:
        """Let the connections go; what still hangs is left to the end of the process."""
        for row in self._rows:
            if row.started is None:
                row.source.close()

    def _patience_s(self) -> float:
        mono = self._clock.monotonic()
        waits = [BEAT_S * SECOND - (mono - (self._beaten or 0))]
        free = self._running(mono) < AT_ONCE
        waits += [row.due - mono for row in self._rows if row.started is None and free]
        return min(max(min(waits), 0) / SECOND, BEAT_S)

    # asking ----------------------------------------------------------------------------------------

    def _running(self, mono: int) -> int:
        return sum(row.started is not None and not row.hangs(mono) for row in self._rows)

    def _start_due(self, *, again: bool = True) -> None:
        mono = self._clock.monotonic()
        free = AT_ONCE - self._running(mono)
        for row in sorted(self._rows, key=lambda row: row.due):
            if free <= 0:
                return
            if row.started is None and row.due <= mono and (again or row.last is None):
                row.started, row.slow_said, row.asked_at = mono, mono, self._clock.now()
                threading.Thread(
                    target=self._ask, args=(row, row.asked_at), name=f"stas-{row.source.name}", daemon=True
                ).start()
                free -= 1

    def _ask(self, row: _Row, now: int) -> None:
        things = None
        try:
            answer = row.source.ask(now)
            things = None if answer.things is None else clean_things(answer.things)
        except StoreError as error:
            answer = Answer(state=DataState.ERROR, reason=str(error))
        except Exception as error:  # noqa: BLE001  a bug in one source must not blind the others
            answer = Answer(state=DataState.ERROR, reason=_fault(error))
        self._back.put(_Said(row, answer, things))

    def _collect(self, wait_s: float) -> None:
        try:
            said = self._back.get(timeout=max(wait_s, 0.0)) if wait_s > 0 else self._back.get_nowait()
            while True:
                if said is not None:
                    self._take(said)
                said = self._back.get_nowait()
        except queue.Empty:
            return

    # writing ---------------------------------------------------------------------------------------

    def _take(self, said: _Said) -> None:
        row, answer = said.row, said.answer
        row.started = None
        row.failures = row.failures + 1 if answer.state in BAD else 0
        every_s = row.source.every_s
        wait_s = back_off_s(every_s, row.failures) if row.failures else every_s
        if answer.retry_after_s is not None and answer.retry_after_s > wait_s:
            wait_s = min(answer.retry_after_s, MOST_RETRY_S)
        row.due = self._clock.monotonic() + int(wait_s * SECOND)
        now = self._clock.now()
        status = self._status(row, answer, now, next_at=now + int(wait_s * SECOND))
        if answer.reason.startswith(FAULT):
            self._tell(row.source.name, f"{row.source.name}: {answer.reason}")
        try:
            self._record(row, status, said.things, partial=answer.partial)
        except Exception as error:  # noqa: BLE001  as above: something that cannot be stored
            reason = _fault(error)
            self._tell(row.source.name, f"{row.source.name}: {reason}")
            self._record(row, replace(status, state=DataState.ERROR, reason=reason), None)

    def _status(self, row: _Row, answer: Answer, now: int, *, next_at: int | None) -> SourceStatus:
        return SourceStatus(
            name=row.source.name,
            kind=row.source.kind,
            state=answer.state,
            every_ms=int(row.source.every_s * SECOND),
            asked_at=row.asked_at,
            at=now if answer.state in GOOD else row.last.at if row.last else None,
            next_at=next_at,
            failures=row.failures,
            reason=" ".join(redact(answer.reason).split())[:300],
            project_id=row.source.project_id,
            replayed=bool(getattr(row.source, "replayed", False)),
            detail=clean_detail(answer.detail),
        )

    def _note_slow(self) -> None:
        """Say of a source that hangs for how long it has, without asking it again."""
        mono = self._clock.monotonic()
        for row in self._rows:
            if row.started is None or not row.hangs(mono) or mono - row.slow_said < BEAT_S * SECOND:
                continue
            row.slow_said = mono
            asking = (mono - row.started) // SECOND
            answer = Answer(state=DataState.ERROR, reason=f"still asking for {asking}s")
            self._record(row, self._status(row, answer, self._clock.now(), next_at=None), None)

    def _record(
        self, row: _Row, status: SourceStatus, things: Sequence[Observed] | None, *, partial: bool = False
    ) -> None:
        before, row.last = row.last, status
        if before is None or before.state is not status.state:
            _out(lambda: self._show(status))
        if not self._write(lambda: self.watch.record(status, things, partial=partial), status.name):
            row.seen = ""
            return
        seen = dump(tame([status.state, status.reason, [thing.to_json() for thing in things or ()]]))
        if seen != row.seen:
            row.seen = seen
            self._ring()

    def _forget_others(self) -> None:
        if not self._others_gone:
            names = [row.source.name for row in self._rows]
            self._others_gone = self._write(lambda: self.watch.forget_others(names))

    def _beat(self) -> None:
        mono = self._clock.monotonic()
        if self._beaten is not None and mono - self._beaten < BEAT_S * SECOND:
            return
        self._beaten = mono
        if self._write(lambda: self.watch.beat(self._clock.now(), self.rounds)):
            self.rounds += 1

    def _write(self, act: Callable[[], None], about: str = "") -> bool:
        """Whether it was written. A full or locked disk is told once, and the next answers are tried again."""
        about = STORE + about
        try:
            act()
        except StoreError as error:
            self._tell(about, str(error))
            return False
        if self._told.pop(about, None) and not any(key.startswith(STORE) for key in self._told):
            self._tell_all("The answers are written down again.")
        return True

    def _tell(self, about: str, sentence: str) -> None:
        """Say it once for as long as it stays the same."""
        if self._told.get(about) != sentence:
            self._told[about] = sentence
            self._tell_all(sentence)

    def _tell_all(self, sentence: str) -> None:
        """Say it after what could not be said: where it is written may be the disk that is full."""
        self._unsaid = [*self._unsaid, sentence][-MOST_UNSAID:]
        while self._unsaid and _out(lambda: self._say(self._unsaid[0])):
            del self._unsaid[0]


def _out(tell: Callable[[], None]) -> bool:
    """Tell it, and whether there was room for it. Raises `OSError` for anything else, e.g. that nobody reads along."""
    try:
        tell()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return False
    return True


def _fault(error: Exception) -> str:
    return f"{FAULT}: {_where(error)}"


def _where(error: Exception) -> str:
    """Class and place of a fault; never its text, which may hold anything."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    name = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} in {name} line {trace.tb_lineno}"
