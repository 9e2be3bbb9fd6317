"""The process behind the review of one pull request: one at a time, and none is left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from stas_tui.locations import Profile
from stas_tui.review.base import ChangedFile
from stas_tui.review.codec import Arriving
from stas_tui.review.process import ReviewChild, review_argv
from stas_tui.screens.change_review_diff import read_patch
from stas_tui.screens.change_review_rows import tally
from stas_tui.screens.change_review_text import standing
from storage.records import Json


class Command(Protocol):
    """The arguments of the process that reviews a pull request."""

    def __call__(self, profile: Profile, project_id: str, number: int, *, rehearse: bool) -> list[str]:
        """Program first."""
        ...


class Rounds:
    """Rounds of checks of one pull request. Each round has a number; what an earlier one still says is not heard."""

    def __init__(self, profile: Profile, project_id: str, number: int) -> None:
        self._profile, self._project_id, self._number = profile, project_id, number
        self._taking = threading.Lock()
        self._round = 0
        self.child: ReviewChild | None = None
        """The child of this round; None until it stands."""
        self.command: Command = review_argv
        """How a review is started."""

    def patch(self, known: Arriving, file: ChangedFile) -> str:
        """The difference of a file as text without secrets; it blocks. Raises `ForgeError`."""
        return read_patch(known, file)

    def standing(self, known: Arriving) -> str:
        """What follows from it once nothing runs."""
        return standing(known)

    def tally(self, known: Arriving) -> str:
        """How much was found."""
        return tally(known)

    def is_now(self, number: int) -> bool:
        """Whether this is the number of the present round."""
        return number == self._round

    def next(self) -> tuple[int, ReviewChild | None]:
        """(number of the next round, child of the one before): whoever takes the child ends it."""
        with self._taking:
            self._round += 1
            old, self.child = self.child, None
            return self._round, old

    def start(self, number: int, hear: Callable[[Json], None], rehearse: bool) -> None:
        """Start the child of a round, and end it if that round is over already; it blocks. Raises `OSError`."""
        argv = self.command(self._profile, self._project_id, self._number, rehearse=rehearse)
        child = ReviewChild(self._profile, self._project_id, argv=argv, hear=hear)
        with self._taking:
            if number == self._round:
                self.child = child
                return
        child.close()

    def end_beside(self) -> None:
        """End what runs without waiting for it."""
        _, child = self.next()
        if child is not None:
            threading.Thread(target=child.close, name="stas-review-end", daemon=True).start()
