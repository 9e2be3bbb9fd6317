"""`stas review BASE..HEAD`: what a change does to infrastructure, rollback, isolation and monitoring."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.config_model import Project
    from stas_tui.review.runner import Review


class WrongWords(StasError):
    """The words of the command do not fit together."""

    exit_code = exit_codes.USAGE


def run(args: Namespace) -> int:
    """Review and print. The exit status is `FAILED` if anything is flagged; unknown alone does not fail a pipeline.

    Raises `StasError` for a range, a repository, a project or a tenancy file that cannot be used.
    """
    from stas_tui.commands import review_child
    from stas_tui.review import report
    from stas_tui.review.catalog import specs
    from storage.check_records import Verdict

    if args.with_parent:
        return review_child.run(args)
    if (args.range is None) == (args.pull is None):
        raise WrongWords("Say what is reviewed: BASE..HEAD, or --pull with a number.", "stas review multi-tenant..HEAD")
    if strange := sorted(set(args.check or ()) - {spec.id for spec in specs()}):
        raise WrongWords(f"There is no check {', '.join(map(ascii, strange))}.", "The checks are C1 to C16.")
    found = _range(args) if args.pull is None else review_child.pull_review(args, _progress())
    if args.json:
        common.print_json(report.as_json(found))
    elif args.comment:
        sys.stdout.write(report.comment(found))
    else:
        for line in report.lines(found, ascii_only=args.ascii):
            sys.stdout.write(printable(line) + "\n")
    flagged = any(result.verdict is Verdict.FLAGGED for result in found.results)
    return exit_codes.FAILED if flagged else exit_codes.OK


def _range(args: Namespace) -> Review:
    from stas_tui.proposed import Asked, change_of
    from stas_tui.review.runner import review

    project, repository = _where(args)
    asked = Asked(
        plan=common.text_from(args.plan, "plan") if args.plan else "",
        only=frozenset(args.check or ()),
        rehearse=not args.no_rehearsal,
        progress=_progress(),
    )
    change = change_of(
        repository,
        args.range,
        asked,
        project=project,
        profile=common.profile(args) if project is not None else None,
        tenancy_file=args.tenancy,
    )
    return review(change)


def _progress() -> Callable[[str], None]:
    return _show if sys.stderr is not None and sys.stderr.isatty() else _silent


def _where(args: Namespace) -> tuple[Project | None, Path]:
    """The configured project and its repository; with `--repository`, any repository without a profile."""
    if args.repository is not None:
        return None, args.repository
    settings = common.settings(args)
    project = settings.project_by_id(common.project_id(settings, args.project))
    assert project is not None
    return project, Path(project.repository or project.remote)


def _show(what: str) -> None:
    common.say(f"\r\x1b[K{printable(what)[:100]}")


def _silent(_: str) -> None:
    """Nobody reads along."""
