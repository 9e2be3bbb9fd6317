"""The command line: it reads the arguments, calls one command, and turns errors into a sentence and a number.

Standard output is data, standard error is for people. Nothing heavy is imported before a command is chosen.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stas_tui import exit_codes
from storage.errors import StasError

MODES = ("observe", "supervised", "trusted")
THEMES = ("night", "day", "auto")
PRIORITIES = ("P0", "P1", "P2", "P3")
CLASSES = ("incident", "deployment", "infra")
MESSAGES = ("urgent", "help_request", "handoff", "review_request", "info")

Command = Callable[[str, str], argparse.ArgumentParser]
"""Adds a subcommand: its name and what it does."""

EPILOG = """\
Start with `stas demo`: a simulated world, nothing to set up.
For your own repository: `stas init`, then `stas doctor`, then `stas`.

Exit status: 0 done, 1 failed, 2 nothing was done, 3 configuration wrong, 4 unknown, 130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `stas` with all subcommands."""
    shared = _Parser(add_help=False)
    _add_global(shared, told_here=False)
    root = _Parser(
        prog="stas",
        description="Supervise the pulse of an autonomous Site Reliability Engineer from a terminal.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_global(root, told_here=True)
    root.add_argument("--version", action="store_true", help="print the version and end")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands (none: the dashboard)")

    def command(name: str, help_: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_, description=_sentence(help_), parents=[shared])

    def group(name: str, help_: str, *, required: bool = True) -> Command:
        verbs = command(name, help_).add_subparsers(dest="what", metavar="WHAT", required=required)
        return lambda verb, what: verbs.add_parser(verb, help=what, description=_sentence(what), parents=[shared])

    demo = command("demo", "open the dashboard on a simulated world")
    demo.add_argument("--seed", type=_whole, default=1, metavar="N", help="another world for every number (default 1)")
    demo.add_argument("--plain", action="store_true", help="as lines of text instead of a dashboard")
    demo.add_argument("--choose", action="store_true", help="offer a five-minute lesson and a few others beside it")

    _add_init(command("init", "set up a profile for your own repository"))
    command("doctor", "check everything Stas needs and say how to mend it")

    pulse = command("pulse", "run one pulse")
    pulse.add_argument("--plain", action="store_true", help="as lines of text, which is also how it runs in a pipe")

    command("oncall", "open the dashboard on everything that needs a person")

    gates = command("gates", "list the gates that wait for a person")
    gates.add_argument("id", nargs="?", metavar="ID", help="show only this one")

    _add_triage(command("triage", "list everything that needs a person, or act on it"))

    log = command("log", "print the record")
    log.add_argument("--verify", action="store_true", help="check the chain of hashes instead")
    log.add_argument("--follow", action="store_true", help="go on printing what is added")
    log.add_argument("-n", "--lines", type=_whole, metavar="N", help="only the last N events")

    summary = command("summary", "print the summary of a pulse")
    summary.add_argument("number", nargs="?", type=_whole, metavar="N", help="number of the pulse (default: the last)")
    summary.add_argument("--export", type=Path, metavar="PATH", help="write it to this file instead")

    _add_isolation(command("isolation", "prove that tenants are kept apart, or say what could not be proved"))
    _add_tenancy(group("tenancy", "say how a project keeps its tenants apart"))
    _add_review(command("review", "review what a change does to infrastructure, rollback, isolation and monitoring"))

    training = "train on the same screens with a simulated world; without WHAT, choose among the lessons"
    _add_train(group("train", training, required=False))
    _add_task(group("task", "add, list, show and move tasks of your own board"))
    _add_vision(group("vision", "set or show what a project is for"))
    _add_message(group("message", "put a message into the agent's inbox, or list it"))

    watch = command("watch", "ask the sources and write down what they say; the dashboard does it by itself")
    watch.add_argument("--once", action="store_true", help="ask each source once, print the rows and end")
    watch.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    command("sources", "list the sources, how old their answers are and whether to believe them")

    command("keys", "list every key and the id by which it can be changed")

    config = command("config", "print where the configuration is")
    config.add_argument("--check", action="store_true", help="check it and say what is wrong")
    config.add_argument("--show", action="store_true", help="print the settings in force, secrets masked")

    command("version", "print the version")
    return root


_TRAIN_MODULES: tuple[tuple[str, str, str], ...] = (
    ("control", "train_control", "watch a live lesson from a second terminal and order what happens in it"),
    ("replay", "train_replay", "go through a recorded pulse or a training run again, and compare your decisions"),
    ("record", "train_replay", "print a recorded pulse as the file of a lesson"),
)


def _add_init(init: argparse.ArgumentParser) -> None:
    init.add_argument("path", nargs="?", default=".", metavar="PATH", help="the repository (default: here)")
    init.add_argument("--agent", metavar="NAME", help="name of the agent")
    init.add_argument("--base", metavar="BRANCH", help="branch that all work targets (default multi-tenant)")
    init.add_argument("--remote", metavar="REMOTE", help="name, path or URL of the remote (default origin)")
    init.add_argument("--column", action="append", metavar="NAME", help="column the agent takes tasks from; repeatable")
    init.add_argument("--tenant", action="append", metavar="NAME", help="a tenant; repeatable")
    init.add_argument("--executor", metavar="CMD", help="preset, or program with its arguments, that does the work")
    init.add_argument(
        "--person",
        action="append",
        metavar="NAME[=USER]",
        help="who may decide, with the user name on this machine; the first is you; repeatable",
    )
    init.add_argument("--yes", action="store_true", help="ask nothing, use the defaults")


def _add_triage(triage: argparse.ArgumentParser) -> None:
    triage.epilog = (
        "Acts: own, release, snooze, wake, escalate, stop, dismiss, group, ungroup KEY…; undo; task, postmortem KEY; "
        "cause KEY [SHA | WORDS | none]; handover, handover accept ID; numbers. Any other words filter the list. A key "
        "may be cut short."
    )
    triage.add_argument("words", nargs="*", metavar="FILTER | ACT KEY…", help="what to list, or what to do")
    triage.add_argument("--reason", default="", metavar="TEXT", help="why; for snooze, dismiss, cause none, own")
    triage.add_argument("--for", dest="span", default="", metavar="SPAN", help="how long, e.g. 15m, 2h, 1d")
    triage.add_argument(
        "--until-event",
        dest="event",
        default="",
        metavar="EVENT",
        help="`next pulse`, ci:PROJECT/SHA, pr:PROJECT/NUMBER or task:PROJECT/ID; for snooze and own",
    )
    triage.add_argument("--under", default="", metavar="KEY", help="head of the group; for group")
    triage.add_argument("--tried", default="", metavar="TEXT", help="what you tried; for handover")
    triage.add_argument("--questions", default="", metavar="TEXT", help="what is open; for handover")
    triage.add_argument("--digest", default="", metavar="DIGEST", help="of the sheet you read; for handover accept")
    triage.add_argument("--write", type=Path, metavar="FILE", help="write the sheet or draft to this file instead")


def _add_isolation(isolation: argparse.ArgumentParser) -> None:
    isolation.epilog = (
        "Words: none runs the checks and prints the matrix; show [PROJECT/TENANT/POINT] prints what is known without "
        "running anything; accept CHECK; list; record -- COMMAND runs your tests and writes down the text of their "
        "statements, for Q4. Exit status: 0 everything is verified, n/a or accepted, 1 something is "
        "flagged, 4 nothing is flagged and something is unknown."
    )
    isolation.add_argument("words", nargs="*", metavar="WORD", help="nothing, show, accept, list or record")
    _add_project(isolation)
    isolation.add_argument("--tenant", metavar="NAME", help="only this row; with accept, for this tenant only")
    isolation.add_argument("--check", action="append", metavar="ID", help="only this check, e.g. D10; repeatable")
    isolation.add_argument("--at", default="", metavar="COMMIT", help="whose code is read (default: the base branch)")
    isolation.add_argument("--dry-run", action="store_true", help="print what would be executed, execute nothing")
    isolation.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    isolation.add_argument("--changed-only", action="store_true", help="print only what changed since the last pulse")
    isolation.add_argument("--until", default="", metavar="DATE", help="last day of an acceptance, e.g. 2027-01-31")
    isolation.add_argument("--reason", default="", metavar="TEXT", help="why a flag is accepted")
    isolation.add_argument("--lead", default="", metavar="MARK", help="accept only the lead with this mark")
    isolation.add_argument("--end", default="", metavar="ID", help="with accept: end this acceptance")
    isolation.add_argument("--statements", type=Path, metavar="FILE", help="record of a test run that Q4 looks at")
    isolation.add_argument("--output", type=Path, metavar="FILE", help="with record: write it into this file")
    isolation.add_argument("--pulse", metavar="ID", help=argparse.SUPPRESS)
    isolation.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def _add_tenancy(verb: Command) -> None:
    init = verb("init", "draft the tenancy file from the repository and the database; you complete it")
    init.add_argument("--dsn-env", metavar="NAME", help="variable that holds the database's connection string")
    init.add_argument("--print", action="store_true", help="print the draft, write nothing")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    check = verb("check", "check the tenancy file and say what will stay unknown")
    for parser_ in (init, check):
        _add_project(parser_)
        parser_.add_argument("--repository", type=Path, metavar="PATH", help="a repository that no profile knows")
        parser_.add_argument("--file", type=Path, metavar="FILE", help="another place for the file")


def _add_review(review: argparse.ArgumentParser) -> None:
    review.epilog = "Exit status: 0 nothing is flagged (what is unknown is printed), 1 something is flagged."
    review.add_argument("range", metavar="BASE..HEAD", nargs="?", help="the change, from where its branch left BASE")
    review.add_argument("--pull", type=int, metavar="N", help="a pull request of the project's forge instead")
    _add_project(review)
    review.add_argument("--repository", type=Path, metavar="PATH", help="a repository that no profile knows")
    review.add_argument("--tenancy", type=Path, metavar="FILE", help="how it keeps its tenants apart")
    review.add_argument("--plan", metavar="TEXT", help="text of the pull request; @FILE reads a file")
    review.add_argument("--check", action="append", metavar="ID", help="only this check, e.g. C3; repeatable")
    review.add_argument("--no-rehearsal", action="store_true", help="do not run migrations on a scratch database")
    review.add_argument("--comment", action="store_true", help="print the text of a comment for the forge")
    review.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


def _add_train(verb: Command) -> None:
    verb("list", "list the lessons")
    check = verb("check", "check a lesson's file and say what is wrong where; without a file, every lesson")
    check.add_argument("files", nargs="*", metavar="FILE")
    new = verb("new", "write a small whole lesson with every key explained, to be changed")
    new.add_argument("id", metavar="ID", help="lower-case letters, digits and hyphens")
    new.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to (default: your folder of lessons)")
    run = verb("run", "run a lesson")
    run.add_argument("id", metavar="ID", help="id of a lesson, or its file")
    run.add_argument("--seed", type=_whole, metavar="N", help="of what is left to chance (default: the lesson's)")
    run.add_argument("--script", type=Path, metavar="FILE", help="play this without a screen; nothing is stored")
    run.add_argument(
        "--alone", action="store_true", help="without an instructor: nothing listens for a second terminal"
    )
    debrief = verb("debrief", "print the debrief of a run")
    debrief.add_argument(
        "run", nargs="?", metavar="RUN", help="name of its folder, or how it begins (default: the last)"
    )
    debrief.add_argument("--note", action="append", metavar="TEXT", help="add a free note first; repeatable")
    debrief.add_argument("--export", action="store_true", help="write it to the profile's exports, Markdown and JSON")
    verb("progress", "show your runs over time").add_argument("lesson", nargs="?", metavar="ID", help="only this one")
    for name, module, what in _TRAIN_MODULES:
        importlib.import_module(f"stas_tui.commands.{module}").add(verb(name, what))


def _add_task(verb: Command) -> None:
    add = verb("add", "add a task to the board")
    add.add_argument("title", metavar="TITLE")
    _add_project(add)
    add.add_argument("--priority", choices=PRIORITIES, help="without one it is ordered as P1 and marked P?")
    add.add_argument("--description", default="", metavar="TEXT", help="@FILE reads a file, - standard input")
    add.add_argument("--acceptance", action="append", metavar="TEXT", help="an acceptance criterion; repeatable")
    add.add_argument("--label", action="append", metavar="NAME", help="a label; repeatable")
    add.add_argument("--class", dest="task_class", choices=CLASSES, help="what comes first (default: from the title)")
    add.add_argument("--column", metavar="NAME", help="where it goes (default: the agent's first column)")
    _add_project(verb("list", "list the tasks that are not done, in the order of work"))
    verb("show", "show one task").add_argument("id", metavar="ID")
    move = verb("move", "move a task to another column")
    move.add_argument("id", metavar="ID")
    move.add_argument("column", metavar="COLUMN", help="backlog, ready, in_progress, review, done or your own")


def _add_vision(verb: Command) -> None:
    setting = verb("set", "set the vision of a project from a file")
    setting.add_argument("file", metavar="FILE", help="Markdown; - is standard input")
    _add_project(setting)
    _add_project(verb("show", "print the vision of a project"))


def _add_message(verb: Command) -> None:
    add = verb("add", "put a message into the agent's inbox")
    add.add_argument("subject", metavar="SUBJECT")
    add.add_argument("--type", choices=MESSAGES, default="info", help="how it is handled (default info)")
    add.add_argument("--from", dest="sender", metavar="NAME", help="who sends it (default: you)")
    add.add_argument("--body", default="", metavar="TEXT", help="@FILE reads a file, - standard input")
    add.add_argument("--task", metavar="ID", help="the task it is about")
    verb("list", "list what nobody has acknowledged, in the order in which it is handled")


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="ID", help="which project, if there are several")


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."


def main(argv: Sequence[str] | None = None) -> int:
    """Run `stas` with these arguments (default: the process' own); returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        argv, behind = _behind(sys.argv[1:] if argv is None else argv)
        args = parser().parse_args(argv)
        args.behind = behind
        if args.read_only and args.mode not in {None, "observe"}:
            parser().error("--read-only and --mode contradict each other")
        args.command = "version" if args.version else args.command or "dashboard"
        status = _command(args.command)(args)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_the_rest()
        return exit_codes.BROKEN_PIPE
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except OSError as error:
        _drop_the_rest()
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        print(f"stas: the system refused: {printable(what)}.", file=sys.stderr)
        return exit_codes.FAILED
    except StasError as error:
        print(f"stas: {printable(str(error))}", file=sys.stderr)
        return exit_codes.of(error)
    return status


def _behind(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The arguments, and the command line of somebody else that `isolation record` has behind `--`."""
    if "--" not in argv:
        return argv, ()
    at = argv.index("--")
    return (argv[:at], argv[at + 1 :]) if {"isolation", "record"} <= set(argv[:at]) else (argv, ())


def printable(text: str) -> str:
    """The text without anything a terminal would act on; line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    module: Any = importlib.import_module(f"stas_tui.commands.{name}")
    run: Callable[[argparse.Namespace], int] = module.run
    return run


def _drop_the_rest() -> None:
    """The interpreter writes what is left on standard output at its end; give it somewhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_global(parser: argparse.ArgumentParser, *, told_here: bool) -> None:
    """Flags that may stand before or after the command; only the first place sets their defaults."""

    def add(flag: str, default: object, **how: Any) -> None:
        parser.add_argument(flag, default=default if told_here else argparse.SUPPRESS, **how)

    add("--profile", None, metavar="NAME", help="which profile (default: the current one)")
    add("--home", None, type=Path, metavar="DIR", help="keep everything of Stas in this folder")
    add("--json", False, action="store_true", help="print JSON, where there is something to print")
    add("--read-only", False, action="store_true", help="look, but decide and change nothing")
    add("--mode", None, choices=MODES, help="how far the agent may go")
    add("--theme", None, choices=THEMES, help="colours")
    add("--ascii", False, action="store_true", help="plain characters only")
    add("--no-mouse", True, action="store_false", dest="mouse", help="leave the mouse to the terminal")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """Never guesses a flag from its beginning."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **how})
