"""What was counted of the jobs that wait, wherever they wait; never a value of one."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_JOBS = 2_000
"""Payloads of one place that are looked at."""
LEAST_JOBS = 5
"""Payloads that must wait, or too little was seen."""
DEPTH = 4
"""Levels below the top of a payload at which a key may stand."""
LONGEST = 1024 * 1024
"""Bytes of a payload that is looked at."""
NAMES = ("task", "job", "name", "func", "function", "actor_name", "job_class", "type")
"""Keys below which a payload names its job."""
GIVEN = ("args", "kwargs", "a", "k", "arguments", "params", "data")
"""Keys below which a payload holds what its job gets, where a name names something else."""


class QueueUnreadable(Exception):
    """The queue could not be looked into; the text says why, as a clause."""


@dataclass(slots=True)
class Seen:
    """Numbers of payloads."""

    waiting: int = 0
    carried: int = 0
    background: int = 0
    encoded: int = 0
    hidden: int = 0
    """Payloads that give their job values by position or inside of an object, where no key says what they are."""
    broken: int = 0
    """Payloads that are no JSON, or too large to be looked at."""
    most: int = 0
    """Payloads of one place that were looked at, the most of all places."""
    trouble: str = ""
    """Why not everything could be looked at, as a clause."""
    where: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Payloads that were understood and carry no tenant."""
        return self.waiting - self.carried - self.background - self.encoded - self.hidden - self.broken

    def add(self, row: tuple[int | None, ...]) -> None:
        """One place's numbers: waiting, carried, background, encoded, broken, hidden; the last ones may be left out."""
        waiting, carried, background, encoded, broken, hidden = (int(value or 0) for value in (*row, 0, 0)[:6])
        self.most = max(self.most, waiting)
        self.waiting += waiting
        self.carried += carried
        self.background += background
        self.encoded += encoded
        self.broken += broken
        self.hidden += hidden

    def troubled(self, why: str) -> None:
        """One more reason why not everything was looked at."""
        self.trouble = f"{self.trouble}; {why}" if self.trouble else why
