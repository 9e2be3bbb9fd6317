"""`stas review --pull N`, also with `--with-parent`: a pull request of the forge instead of a range of commits."""

from __future__ import annotations

import signal
import threading
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from stas_tui.commands.isolation_child import Teller
from stas_tui.forges.base import ForgeError
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.forges.base import ForgeReader, Repo
    from stas_tui.proposed import DoorChecker
    from stas_tui.review.runner import Review
    from stas_tui.wiring import Application
    from storage.records import PullRequest, PullReview


def _sent(forge: ForgeReader, repo: Repo, pr: PullRequest) -> tuple[list[PullReview], str]:
    """(verdicts that were sent before, why they are not known)."""
    try:
        return forge.reviews(repo, pr.number), ""
    except ForgeError as error:
        return [], str(error)


def checker_of(app: Application) -> DoorChecker:
    """What prepares a change of a profile's projects for the checks."""
    from stas_tui.proposed import DoorChecker
    from storage.checks import Checks

    return DoorChecker(app.settings, app.profile, app.watch, Checks(app.context.journal), app.clock)


def pull_review(args: Namespace, progress: Callable[[str], None]) -> Review:
    """What every check says about a pull request. Raises `StasError`."""
    from stas_tui.proposed import Asked, pull_of
    from stas_tui.review.runner import review

    settings = common.settings(args)
    project_id = common.project_id(settings, args.project)
    with common.application(common.profile(args), settings) as app:
        door = app.context.door
        pr, objects = pull_of(door.forge, door.rules.repos[project_id], args.pull)
        asked = Asked(plan=pr.body, only=frozenset(args.check or ()), rehearse=not args.no_rehearsal, progress=progress)
        with checker_of(app).changing(project_id, objects.git_dir, objects.base, objects.head, asked) as change:
            return review(change)


def run(args: Namespace) -> int:
    """The same in lines of JSON, until it is done, a signal comes, or the parent ends. Raises `StasError`."""
    from stas_tui.health.process import when_parent_ends
    from stas_tui.isolation.base import Cancelled
    from stas_tui.proposed import Asked, pull_of
    from stas_tui.review.codec import begun
    from stas_tui.review.runner import asked as results
    from storage.checks_codec import result_json

    over = threading.Event()
    teller = Teller(over)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    when_parent_ends(over.set)
    try:
        settings = common.settings(args)
        project_id = common.project_id(settings, args.project)
        with common.application(common.profile(args), settings) as app:
            door = app.context.door
            teller.step("fetching the pull request")
            pr, objects = pull_of(door.forge, door.rules.repos[project_id], args.pull)
            asked = Asked(plan=pr.body, rehearse=not args.no_rehearsal, progress=teller.step, cancelled=over.is_set)
            with checker_of(app).changing(project_id, objects.git_dir, objects.base, objects.head, asked) as change:
                sent, sent_problem = _sent(door.forge, door.rules.repos[project_id], pr)
                teller.tell("begun", **begun(change, pr, objects, sent), sent_problem=sent_problem)
                for result in results(change):
                    teller.tell("result", result=result_json(result))
        teller.tell("ended")
    except Cancelled:
        teller.tell("cancelled")
        return exit_codes.INTERRUPTED
    except StasError as error:
        teller.tell("refused", reason=str(error))
        raise
    return exit_codes.OK
