"""Which memories answer a question, and in what order.

Score of a memory = bm25 of the asked words (title counts three times, tags twice) x recency, and half as much
again if it holds every word. Recency is 1 / (1 + age / 30 days). The rowid of a memory carries its time, so no
join is needed; `rowid_for` makes such rowids.

The ranking reads the newest matches first, in growing windows, and stops as soon as no older memory can reach
the list any more: the score of a match is less than 2.2 x the sum of the words' idf x the recency at the edge
of the window. The result is that of ranking every match.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.clock import DAY, HOUR, MINUTE

LIMIT_MAX = 50
RECENCY_MS = 30 * DAY
"""After this age a memory counts half."""
ALL_WORDS = 1.5
"""Factor of a memory that holds every word of the question."""
FIRST_WINDOW = 4_000
"""Matches ranked before the first proof is tried; each further window is four times as large."""

_SHIFT = 10
"""A rowid is the time in milliseconds x 1024 plus a counter."""
_AT_MAX = 2**52
_END = 2**63 - 1
_TF_MAX = 2.2
"""bm25 gives a word at most k1 + 1 times its idf; SQLite's k1 is 1.2."""
_IDF_MIN = 1e-6
"""What SQLite gives a word found in more than half of the rows."""
_WEIGHTS = "3.0, 1.0, 2.0"
_QUERY_READ = 4_096
_WORDS_MAX = 16
_WORD_LENGTH = 64

_STOP_TEXT = """
    a about all am an and any are as at be been but by can could did do does for from had has have he her his how i if
    in into is it its itself just ll me my near not now of on or our re s she should so some t than that the their them
    then there these they this those to ve was we were what when where which who why will with would you your
"""
_STOP = frozenset(_STOP_TEXT.split())
_WORD = re.compile(r"[^\W_]+")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTS = {"a": 1, "an": 1} | {word: n for n, word in enumerate(_NUMBERS, 1)}
_UNITS = {"mi": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "mo": 30 * DAY, "y": 365 * DAY}
_SPAN = re.compile(
    r"\b(?:(?:in|within|over|during|for|from|of)\s+)?(?:the\s+)?(?:last|past|previous)\s+"
    rf"(?:([0-9]{{1,6}}|{'|'.join(_COUNTS)})\s*)?"
    r"(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w|months?|years?)\b",
    re.IGNORECASE,
)
_FAMILY = re.compile(r"^(\w*[aeiou]y)(ment|ments|ed|ing|s)?$")
"""Porter stems `deployment` and `deployed` differently; both forms are asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in natural language, taken apart."""

    words: tuple[tuple[str, ...], ...]
    """Each word with the other forms of it that count as the same."""
    since: int | None
    """Start of the time window it names, in milliseconds; None for all time."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place in the ranking."""

    seq: int
    score: float


def rowid_for(at: int) -> int:
    """The first rowid of a memory written at `at`; later ones of the same millisecond follow it."""
    return max(0, min(at, _AT_MAX)) << _SHIFT


def parse(query: str, now: int) -> Asked:
    """The words and the time window of a question; no character in it has a meaning to the index."""
    text = query[:_QUERY_READ]
    since: int | None = None

    def window(found: re.Match[str]) -> str:
        nonlocal since
        count, unit = found.group(1), found.group(2).lower()
        n = 1 if count is None else _COUNTS.get(count.lower()) or int(count)
        length = next(ms for name, ms in _UNITS.items() if unit.startswith(name))
        start = max(0, now - n * length)
        since = start if since is None else max(since, start)
        return " "

    rest = _SPAN.sub(window, text)
    every = list(dict.fromkeys(word.lower()[:_WORD_LENGTH] for word in _WORD.findall(rest)))
    meant = [word for word in every if word not in _STOP] or every
    return Asked(tuple(_forms(word) for word in meant[:_WORDS_MAX]), since)


def _forms(word: str) -> tuple[str, ...]:
    family = _FAMILY.match(word)
    if not family or len(family[1]) < 4:
        return (word,)
    return (word, family[1] if (family[2] or "").startswith("ment") else f"{family[1]}ment")


def rank(
    conn: sqlite3.Connection, query: str, limit: int, now: int, *, first_window: int = FIRST_WINDOW
) -> list[Ranked]:
    """The best `limit` (held to 1..50) memories for a question, best first; quarantined ones are not in the index.

    A question of nothing but a time window gives the newest of that window; one without any word gives nothing.
    A word that over half of the memories hold does not take part in the ranking if another word was found; the
    memories that hold only such words follow the ranked ones, newest first, with score 0.
    """
    k = max(1, min(limit, LIMIT_MAX))
    asked = parse(query, now)
    low = 0 if asked.since is None else rowid_for(asked.since)
    if not asked.words:
        return [] if asked.since is None else _newest(conn, low, k)
    plan = _Plan(conn, asked.words, now)
    if not plan.any:
        return []
    best = plan.best(low, k, first_window)
    if plan.common and len(best) < k:
        known = {found.seq for found in best}
        rows = conn.execute(
            "select rowid from memories_fts where memories_fts match ? and rowid >= ? order by rowid desc limit ?",
            (plan.common, low, k + len(known)),
        )
        best += [Ranked(row[0], 0.0) for row in rows if row[0] not in known][: k - len(best)]
    return best


def _newest(conn: sqlite3.Connection, low: int, k: int) -> list[Ranked]:
    rows = conn.execute(
        "select seq from memories where seq >= ? and quarantined = 0 order by seq desc limit ?", (low, k)
    )
    return [Ranked(row[0], 0.0) for row in rows]


class _Plan:
    """What to ask the index for, and the most that a match can score."""

    def __init__(self, conn: sqlite3.Connection, words: Sequence[tuple[str, ...]], now: int) -> None:
        self._conn, self._now = conn, now
        rows = int(conn.execute("select count(*) from memories_fts_docsize").fetchone()[0])
        found: list[tuple[dict[str, int], bool]] = []
        for forms in words:
            counts = {form: n for form in forms if (n := self._count(form))}
            found.append((counts, sum(counts.values()) > rows / 2))
        rare = [counts for counts, common in found if counts and not common]
        kept = rare or [counts for counts, _ in found if counts]
        hits = {form: n for counts in kept for form, n in counts.items()}
        self.any = _any(hits)
        self.common = (
            _any({form: n for counts, common in found if common for form, n in counts.items()}) if rare else ""
        )
        every = len(kept) > 1 and all(counts for counts, _ in found)
        self._all = " AND ".join(f"({_any(counts)})" for counts in kept) if every else ""
        self._matches = sum(hits.values())
        idf = sum(max(math.log((rows - n + 0.5) / (n + 0.5)), _IDF_MIN) for n in hits.values())
        self._most = _TF_MAX * idf * (ALL_WORDS if self._all else 1.0) * (1 + 1e-9)

    def _count(self, form: str) -> int:
        row = self._conn.execute("select count(*) from memories_fts where memories_fts match ?", (_any({form: 1}),))
        return int(row.fetchone()[0])

    def best(self, low: int, k: int, window: int) -> list[Ranked]:
        top: list[Ranked] = []
        high = _END
        while True:
            edge = self._edge(low, high, window)
            top = sorted([*top, *self._ranked(edge, high, k)], key=lambda found: (-found.score, -found.seq))[:k]
            if edge <= low or (len(top) == k and top[-1].score >= self._most * self._recency(edge)):
                return top
            high, window = edge, window * 4

    def _edge(self, low: int, high: int, window: int) -> int:
        """The rowid at which the newest `window` matches below `high` end; `low` if there are no more."""
        if self._matches <= window:
            return low
        row = self._conn.execute(
            "select rowid from memories_fts where memories_fts match ? and rowid >= ? and rowid < ?"
            " order by rowid desc limit 1 offset ?",
            (self.any, low, high, window - 1),
        ).fetchone()
        return low if row is None else int(row[0])

    def _recency(self, seq: int) -> float:
        return 1.0 / (1.0 + max(self._now - (seq >> _SHIFT), 0) / RECENCY_MS)

    def _ranked(self, low: int, high: int, k: int) -> list[Ranked]:
        boost = (
            "case when rowid in (select rowid from memories_fts where memories_fts match :all"
            f" and rowid >= :low and rowid < :high) then {ALL_WORDS} else 1.0 end"
            if self._all
            else "1.0"
        )
        rows = self._conn.execute(
            f"select rowid, -bm25(memories_fts, {_WEIGHTS})"
            f" / (1.0 + max(:now - (rowid >> {_SHIFT}), 0) / {float(RECENCY_MS)}) * {boost} as score"
            " from memories_fts where memories_fts match :any and rowid >= :low and rowid < :high"
            " order by score desc, rowid desc limit :k",
            {"now": self._now, "all": self._all, "any": self.any, "low": low, "high": high, "k": k},
        )
        return [Ranked(row[0], row[1]) for row in rows]


def _any(forms: dict[str, int]) -> str:
    return " OR ".join(f'"{form}"' for form in forms)
