"""`stas isolation`: prove that tenants are kept apart, print the matrix, accept a flag for a while."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common
from storage.clock import SystemClock

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.config_model import Project
    from stas_tui.isolation.cells import Board
    from stas_tui.isolation.cells_take import Look
    from stas_tui.isolation.report import Keys
    from stas_tui.locations import Profile
    from stas_tui.proving import Round

EVERYBODY = ("all", "-")
"""How the row of all tenants is written; `-` also where a tenant is called `all`."""


class WrongWords(common.CommandRefused):
    """The words after `stas isolation` say nothing that can be done."""


def run(args: Namespace) -> int:
    """Run the checks, or do what the words say. Raises `StasError`."""
    words: list[str] = list(args.words)
    verb = words.pop(0) if words else "run"
    match verb:
        case "run" if not words:
            return _run(args)
        case "show":
            return _show(args, words)
        case "accept":
            return _accept(args, words)
        case "list" if not words:
            return _list(args)
        case "record" if not words:
            from stas_tui.commands import isolation_record

            return isolation_record.run(args)
        case "run" | "list" | "record":
            raise WrongWords(f"{verb} takes no further words.", f"stas isolation {verb}")
        case _:
            raise WrongWords(f"There is no stas isolation {verb[:40]!a}.", "Say nothing, show, accept, list or record.")


# running and printing ------------------------------------------------------------------------------


def _run(args: Namespace) -> int:
    from stas_tui.commands import isolation_child
    from stas_tui.proving import prove

    profile, settings, project = _where(args)
    checks = _checks(args)
    if args.with_parent:
        return isolation_child.run(profile, settings, project, checks=checks, at=args.at, pulse_id=args.pulse)
    alive = sys.stderr is not None and sys.stderr.isatty()
    done = prove(
        profile,
        settings,
        project,
        only=checks,
        at=args.at,
        pulse_id=args.pulse,
        dry=args.dry_run,
        test_run=args.statements,
        progress=_progress if alive else _silent,
        log=lambda text: common.say(printable(text)),
    )
    if alive:
        sys.stderr.write("\r\x1b[K")
    if args.dry_run:
        return _print_dry(args, done)
    return _print(args, profile, settings, project)


def _print(args: Namespace, profile: Profile, settings: Settings, project: Project) -> int:
    """Print the matrix as it is now; the exit status speaks of all that was asked for, printed or not."""
    from stas_tui.isolation import report, report_json, sarif
    from stas_tui.isolation.catalog import catalog
    from stas_tui.proving import declared, look, open_checks
    from storage.pulses import Pulses

    checks = frozenset(_checks(args))
    with open_checks(profile) as kept:
        pulses = Pulses(kept.journal.store, kept.journal)
        found = look(kept, profile, project, SystemClock().now(), pulses=pulses, only=checks)
    keys = _keys(found.board, args.tenant, checks)
    shown = frozenset(key for key in keys if key in found.trend.changed) if args.changed_only else keys
    if args.json:
        common.print_json(report_json.as_json(found, shown))
    elif args.sarif:
        root = Path(project.repository) if project.repository else None
        common.print_json(
            sarif.as_sarif(
                found.board,
                [spec for spec in catalog() if not checks or spec.id in checks],
                is_file=lambda path: root is not None and not Path(path).is_absolute() and (root / path).is_file(),
                declared_in=_inside(declared(profile, project).file, root),
                only=shown,
            )
        )
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else report.WIDTH
        _write(report.lines(found, width=width, ascii_only=_plain(args), only=shown))
    return verdict(found.board, keys)


def verdict(board: Board, keys: Keys) -> int:
    """The exit status of these cells."""
    cells = [cell for key, cell in board.cells.items() if key in keys]
    if any(cell.open_flags for cell in cells):
        return exit_codes.FAILED
    return exit_codes.UNKNOWN if any(cell.open_unknown for cell in cells) else exit_codes.OK


def _keys(board: Board, tenant: str | None, checks: frozenset[str]) -> Keys:
    """The cells that were asked for: a tenant's row, and the points of the named checks."""
    from stas_tui.isolation.base import POINTS
    from stas_tui.isolation.catalog import catalog

    rows = board.rows if tenant is None else (_row(board, tenant),)
    points = {spec.point for spec in catalog() if spec.id in checks} if checks else set(POINTS)
    return frozenset((row, point) for row in rows for point in points)


def _print_dry(args: Namespace, done: Round) -> int:
    from stas_tui.isolation.report import name_of
    from stas_tui.isolation.report_json import plain

    if args.json:
        common.print_json({"schema": "stas.isolation.dry/1", "results": [plain(result) for result in done.results]})
        return exit_codes.OK
    for result in done.results:
        _write([f"{result.check} {name_of(result.tenant)}: {result.reason}"])
        _write(f"    {' '.join(text.split())}" for text in result.executed)
    common.say("Nothing was executed and nothing was kept.")
    return exit_codes.OK


def _show(args: Namespace, words: Sequence[str]) -> int:
    from stas_tui.isolation import report
    from stas_tui.isolation.report_json import as_json

    if not words:
        return _print(args, *_where(args))
    if len(words) != 1:
        raise WrongWords("show takes one cell.", "stas isolation show PROJECT/TENANT/POINT")
    args.project, tenant, point = _cell_named(words[0], args)
    profile, _, project = _where(args)
    found = _look(profile, project)
    cell = found.board.cell(_row(found.board, tenant), point)
    keys = frozenset({(cell.tenant, cell.point)})
    if args.json:
        common.print_json(as_json(found, keys))
    else:
        _write(report.evidence(cell, found.board.at, ascii_only=_plain(args)))
    return verdict(found.board, keys)


def _list(args: Namespace) -> int:
    import dataclasses

    from stas_tui.isolation.catalog import groups
    from stas_tui.isolation.report import catalogue

    if args.json:
        common.print_json(
            [
                {**dataclasses.asdict(spec), "group": group.name, "missing": group.missing}
                for group in groups()
                for spec in group.checks
            ]
        )
        return exit_codes.OK
    for group in groups():
        _write([f"{group.name}: {group.missing}" if group.missing else group.name, *catalogue(group.checks), ""])
    return exit_codes.OK


# accepting -----------------------------------------------------------------------------------------


def _accept(args: Namespace, words: Sequence[str]) -> int:
    from stas_tui.isolation.report import name_of, waiver_line
    from stas_tui.isolation.waivers import end_of, worth_accepting
    from stas_tui.proving import open_checks
    from stas_tui.wiring import decider
    from storage.check_records import ALL_TENANTS

    if args.read_only:
        raise common.ReadOnly("--read-only changes nothing.", "Leave the flag out.")
    if args.end:
        if words:
            raise WrongWords("--end takes the id of an acceptance and no check.", "stas isolation accept --end ID")
        settings = common.settings(args)
        with open_checks(common.profile(args)) as kept:
            ended = kept.end_waiver(args.end, by=decider(settings))
        _write([f"Ended: {waiver_line(ended)}", f"What {ended.check} flags for {name_of(ended.tenant)} is open again."])
        return exit_codes.OK
    if len(words) != 1:
        raise WrongWords("Say which check.", "stas isolation accept CHECK --until DATE --reason TEXT")
    profile, settings, project = _where(args)
    check = words[0].upper()
    _known([check])
    until = end_of(_day(args.until))
    with open_checks(profile) as kept:
        board = _look(profile, project).board
        tenant = _row(board, args.tenant) if args.tenant is not None else ALL_TENANTS
        worth_accepting([one.result for one in kept.standing(project.id)], check, tenant, args.lead)
        made = kept.accept(
            project.id,
            check,
            tenant=tenant,
            fingerprint=args.lead,
            reason=args.reason,
            by=decider(settings),
            until=until,
        )
    what = f"the lead {made.fingerprint}" if made.fingerprint else "all that it flags until then, also what is new"
    _write([f"Accepted: {waiver_line(made)}", f"It covers {what}. The flag stays visible."])
    return exit_codes.OK


def _day(text: str) -> date:
    if not text:
        raise WrongWords("Say until when it is accepted.", "--until 2027-01-31, a year ahead at most.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongWords(f"{text[:20]!a} is no date.", "Write it as 2027-01-31.") from None


# words ---------------------------------------------------------------------------------------------


def _where(args: Namespace) -> tuple[Profile, Settings, Project]:
    profile, settings = common.profile(args), common.settings(args)
    project = settings.project_by_id(common.project_id(settings, args.project))
    assert project is not None
    return profile, settings, project


def _look(profile: Profile, project: Project) -> Look:
    from stas_tui.proving import look, open_checks

    with open_checks(profile) as kept:
        return look(kept, profile, project, SystemClock().now())


def _checks(args: Namespace) -> tuple[str, ...]:
    return _known(check.upper() for check in args.check or ())


def _known(checks: Iterable[str]) -> tuple[str, ...]:
    """The ids themselves. Raises `WrongWords` for one that no check has."""
    from stas_tui.isolation.catalog import catalog

    ids = {spec.id for spec in catalog()}
    asked = tuple(dict.fromkeys(checks))
    for check in asked:
        if check not in ids:
            raise WrongWords(f"There is no check {check[:20]!a}.", "`stas isolation list` names them.")
    return asked


def _row(board: Board, name: str) -> str:
    """A tenant's name, or that of the row of all. Raises `WrongWords`."""
    if name in board.tenants:
        return name
    if name in EVERYBODY:
        return board.rows[0]
    known = ", ".join(board.tenants) or "none is declared"
    raise WrongWords(f"There is no tenant {name[:60]!a}.", f"Tenants: {known}; or all.")


def _cell_named(text: str, args: Namespace) -> tuple[str, str, str]:
    """Project, tenant and point of `shop/acme/queries`, or of `acme/queries` with one project."""
    from stas_tui.isolation.base import POINTS

    front, slash, point = text.rpartition("/")
    if not slash or point not in POINTS:
        raise WrongWords(
            f"{text[:80]!a} names no cell.", f"Write PROJECT/TENANT/POINT; points are {', '.join(POINTS)}."
        )
    settings = common.settings(args)
    project, slash, tenant = front.partition("/")
    if slash and settings.project_by_id(project) is not None:
        return project, tenant, point
    return common.project_id(settings, args.project), front, point


def _inside(file: Path, root: Path | None) -> str:
    return file.relative_to(root).as_posix() if root is not None and file.is_relative_to(root) else file.name


def _plain(args: Namespace) -> bool:
    return bool(args.ascii) or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def _progress(what: str) -> None:
    sys.stderr.write(f"\r\x1b[K{printable(what)[:100]}")
    sys.stderr.flush()


def _silent(_: str) -> None:
    """Nobody reads along."""


def _write(rows: Iterable[str]) -> None:
    for row in rows:
        sys.stdout.write(printable(row) + "\n")
