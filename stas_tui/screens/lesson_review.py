"""A pull request of a lesson, on the screen on which any is reviewed: its facts, its text, its files and their diffs.

Nothing checks it, because the simulated world holds no repository; every question stays unknown, and says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from stas_tui.forges.base import ForgeError
from stas_tui.review.base import ChangedFile
from stas_tui.review.codec import Arriving
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_child import Rounds
from storage.records import Json
from storage.redact import redact

if TYPE_CHECKING:
    from stas_tui.application import Application
    from stas_tui.training.stage.forge import Pull, SimForge

LEFT_OUT = frozenset({"verdict", "rehearse", "again", "cancel", "copy"})
"""What a lesson has no use for: no check answers, and verdicts are what the agent asks for at its gates."""
YOURS = "Nothing checks it in a lesson: what it does is yours to read. enter on a file shows its diff."
NO_LINES = "Its lines are not part of the lesson."


class LessonRounds(Rounds):
    """Says at once what the scenario says; no process is started."""

    def __init__(self, application: Application, project_id: str, number: int, forge: SimForge) -> None:
        """`forge` is the one of the lesson's stage, on which `application` is."""
        super().__init__(application.profile, project_id, number)
        self._application, self._forge = application, forge

    def start(self, number: int, hear: Callable[[Json], None], rehearse: bool) -> None:
        """The pull request as it is now."""
        pull = self._forge.pull(self._project_id, self._number)
        if pull is None:
            hear({"event": "refused", "reason": f"There is no pull request #{self._number} in {self._project_id}."})
            return
        hear({"event": "begun", **begun(pull, self._application.clock.now())})
        hear({"event": "ended"})

    def patch(self, known: Arriving, file: ChangedFile) -> str:
        """The difference of a file, which is read then. Raises `ForgeError`."""
        pull = self._forge.pull(self._project_id, self._number)
        found = next((patch for path, patch in pull.files if path == file.path), None) if pull else None
        if found is None:
            raise ForgeError("It changed meanwhile.", "Leave it and open it again.")
        self._application.attention.opened("pull.diff", f"{self._project_id}/{self._number}")
        return redact(found.strip("\n")) or NO_LINES

    def tally(self, known: Arriving) -> str:
        """Nothing was looked for."""
        return "nothing was checked"

    def standing(self, known: Arriving) -> str:
        """Nothing is proposed."""
        return YOURS


def begun(pull: Pull, at: int) -> Json:
    """What `codec.Arriving.of` reads, of a pull request of a scenario."""
    return {
        "pull": dataclasses.asdict(pull.pull),
        "sent": [],
        "titles": {},
        "git_dir": "",
        "project": pull.pull.project_id,
        "base": "",
        "head": pull.pull.head_sha,
        "cut": "",
        "at": at,
        "files": [[path, "modified", "", False, False] for path, _ in pull.files],
    }


class LessonReviewScreen(ChangeReviewScreen):
    """One pull request of a lesson."""

    HELP: ClassVar[str] = (
        "A pull request of the lesson: the routine's four questions, which nothing but you can answer here, and the "
        "files. Enter on a file shows its diff, t shows what its author wrote."
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what a lesson has no use for."""
        return False if action in LEFT_OUT else super().check_action(action, parameters)
