"""`stas train control`: the instructor's terminal beside a live lesson, or single orders for scripts."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.training.control_client import Client
    from storage.records import Json

LONGEST_LINE = 64 * 1024


class NoLesson(StasError):
    """No live lesson, or several and none was named."""

    exit_code = exit_codes.USAGE


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.epilog = (
        "Orders: pause; play; speed N; jump; rewind +2m | MARK; inject REF; inject message FROM TEXT; inject down "
        "SOURCE [REASON]; inject recovered SOURCE; inject metric SERIES VALUE; inject result TASK OUTCOME [REPORT]; "
        "say NAME TEXT; hints on | off; mark TEXT; end; state. Without an order it opens a screen, and without a "
        "terminal it reads one order a line."
    )
    parser.add_argument("words", nargs="*", metavar="[RUN] ORDER", help="name of a run if several are live; an order")


def run(args: Namespace) -> int:
    """One order, orders from standard input, or the screen. Raises `StasError`."""
    from stas_tui.training.control_client import Client

    path, words = chosen(args)
    if not words and common.is_terminal() and not args.json:
        return _screen(args, path)
    with Client(path) as client:
        if words:
            return _order(client, words, as_json=args.json)
        status = exit_codes.OK
        for line in _lines():
            status = max(status, _order(client, line.split(), as_json=args.json))
        return status


def chosen(args: Namespace) -> tuple[Path, list[str]]:
    """The socket of the lesson that is meant, and the order. Raises `NoLesson`."""
    from stas_tui.training.control_client import live, path_for
    from stas_tui.training.orders import USAGE

    places = common.locations(args)
    words = list(args.words)
    found = live(places)
    if words and words[0].lower() not in USAGE:
        name = words.pop(0)
        path = path_for(places, name)
        begun = [each for each in found if each.stem.startswith(name)]
        if path in found:
            return path, words
        if len(begun) == 1:
            return begun[0], words
        known = ", ".join(each.stem for each in found) or "none"
        raise NoLesson(f"There is no live lesson and no order {name[:60]!a}.", f"Live lessons: {known}.")
    if not found:
        raise NoLesson("No lesson is live.", "Start one in another terminal: stas train run ID.")
    if len(found) > 1:
        raise NoLesson("Several lessons are live.", f"Name one first: {', '.join(each.stem for each in found)}.")
    return found[0], words


def _order(client: Client, words: list[str], *, as_json: bool) -> int:
    """Send one order and print its answer; a wrong one is a sentence and the status 1."""
    from stas_tui.training.orders import OrderWrong, split

    if not words:
        return exit_codes.OK
    try:
        what, body = split(words)
    except OrderWrong as error:
        answer: Json = {"ok": False, "said": str(error)}
    else:
        answer = client.ask(what, body)
    if as_json:
        common.print_json(answer)
    elif "state" in answer:
        sys.stdout.write("\n".join(_told(answer["state"])) + "\n")
    elif answer.get("ok"):
        sys.stdout.write(_flat(answer.get("said", "")) + "\n")
    else:
        common.say(_flat(answer.get("said", "It gave no answer.")))
    sys.stdout.flush()
    return exit_codes.OK if answer.get("ok") else exit_codes.FAILED


def _told(state: Json) -> Iterator[str]:
    """A state as lines of text."""
    from stas_tui.training.grammar import offset_text
    from storage.clock import countdown

    pace = "paused" if state.get("paused") else f"speed {state.get('speed', 1):g}"
    hints = "hints on" if state.get("hints") else "hints off"
    yield _flat(f"TRAINING {state.get('run')}: {state.get('title')}")
    over = f", over: {state['ended']}" if state.get("ended") else ""
    yield _flat(f"{offset_text(state['now'])} of {offset_text(state['ends'])}, {pace}, {hints}{over}")
    for row in state.get("open", []):
        left = row["due"] - state["now"]
        time = f"{countdown(left)} left" if left >= 0 else f"late by {countdown(-left)}"
        yield _flat(f"open: {row['id']} on {row['on']}, {time}, expected {row['expected']}")
    for row in state.get("past", [])[-10:]:
        yield _flat(f"came: {offset_text(row['at'])} {row['who']}: {row['title']}")
    for row in state.get("next", [])[:10]:
        when = offset_text(row["at"]) if row.get("sure") else f"only {row.get('when', 'if')}"
        yield _flat(f"comes: {when} {row.get('ref', '')} {row['title']}")


def _flat(text: object) -> str:
    from widgets.printable import flat

    return flat(text)


def _lines() -> Iterator[str]:
    while sys.stdin is not None and (line := sys.stdin.readline(LONGEST_LINE)):
        yield line


def _screen(args: Namespace, path: Path) -> int:
    from stas_tui.commands.train import little
    from stas_tui.screens.instructor import InstructorApp

    return little(args, lambda look: InstructorApp(path, **look))
