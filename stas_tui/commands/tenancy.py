"""`stas tenancy`: draft the file that says how tenants are kept apart, check it, and print it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes, git_probe
from stas_tui.cli import printable
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.isolation.tree import Tree


def run(args: Namespace) -> int:
    """Draft, check or print. Raises `StasError`."""
    return {"init": _init, "check": _check}[args.what](args)


def _place(args: Namespace) -> tuple[str, tuple[str, ...], Path, Path]:
    """(project, tenants, repository, tenancy file), from the profile or from `--repository` and `--file`."""
    if args.repository is not None:
        return args.repository.resolve().name, (), args.repository, args.file or Path("tenancy.toml")
    settings, profile = common.settings(args), common.profile(args)
    project = settings.project_by_id(common.project_id(settings, args.project))
    assert project is not None
    file = args.file or profile.tenancy_file(project.id, project.tenancy)
    return project.id, project.tenants, Path(project.repository or project.remote), file


def _code(args: Namespace, repository: Path) -> Tree | None:
    """What is delivered: the base branch of a project, or the head of a repository that no profile knows."""
    from stas_tui.forges.git import Git
    from stas_tui.isolation.git_tree import CommitTree

    if args.repository is None:
        from stas_tui.proving import code_of

        settings = common.settings(args)
        project = settings.project_by_id(common.project_id(settings, args.project))
        return code_of(project, "") if project is not None else None
    top = git_probe.top_level(repository)
    if top is None:
        return None
    git_dir, _, head = git_probe.git(["rev-parse", "--absolute-git-dir", "HEAD"], top).out.partition("\n")
    return CommitTree(Git(), Path(git_dir), head.strip())


def _init(args: Namespace) -> int:
    from stas_tui.tenancy_draft import draft, refuse_if_there, write

    project, tenants, repository, file = _place(args)
    if not args.force and not args.print:
        refuse_if_there(file)
    drafted = draft(project, tenants, _code(args, repository), file, dsn_env=args.dsn_env or "", environ=os.environ)
    if args.print:
        sys.stdout.write(drafted.text)
        return exit_codes.OK
    for sentence in write(file, drafted):
        common.say(sentence)
    return exit_codes.OK


def _check(args: Namespace) -> int:
    from stas_tui.isolation.tenancy import load

    _, tenants, _, file = _place(args)
    tenancy = load(file)
    missing = sorted(set(tenants) - {tenant.name for tenant in tenancy.tenant})
    told = [
        (not tenancy.completed_by, "It is still a draft: completed_by is empty, so nothing is verified from it."),
        (bool(missing), f"Tenants of the configuration that it does not name: {', '.join(missing)}."),
        (tenancy.database is None, "No [database]: everything about the live database stays unknown."),
        (tenancy.api is None, "No [api]: everything about the running API stays unknown."),
        (len(tenancy.probes) < 2, "Fewer than two tenants with probe = true: nothing can be read as one and another."),
        (not tenancy.log, "No [[log]]: logs stay unknown."),
    ]
    for holds, sentence in told:
        if holds:
            sys.stdout.write(printable(sentence) + "\n")
    sys.stdout.write(printable(f"{file} can be used.") + "\n")
    return exit_codes.OK
