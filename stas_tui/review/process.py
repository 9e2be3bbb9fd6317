"""A review of a pull request as a process beside the dashboard: it fetches, reads and rehearses, and can be ended."""

from __future__ import annotations

import sys
from typing import ClassVar

from stas_tui.isolation.process import RoundChild
from stas_tui.locations import Profile


def review_argv(profile: Profile, project_id: str, number: int, *, rehearse: bool) -> list[str]:
    """The command that reviews a pull request for as long as its parent lives."""
    home = profile.root.parents[1]
    argv = [sys.executable, "-m", "stas_tui", "--home", str(home), "--profile", profile.name]
    argv += ["review", "--with-parent", "--project", project_id, "--pull", str(number)]
    return argv if rehearse else [*argv, "--no-rehearsal"]


class ReviewChild(RoundChild):
    """One review in a child process. `hear` is called on a thread of its own with each line it says.

    Lines are `{"event": …}`: `begun` (what `codec.begun` makes), `step` (text), `result` (result), `ended`,
    `cancelled`, `refused` (reason). When the child is gone, `gone` (status) follows.
    """

    LOG: ClassVar[str] = "review.log"
    LINE: ClassVar[int] = 64 * 1024 * 1024
