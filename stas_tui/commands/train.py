"""`stas train`: run a lesson, check one, write one, and read what came of it."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.screens.little import LittleApp
    from stas_tui.training.catalog import Catalog
    from stas_tui.training.engine import Engine
    from stas_tui.training.reading import Lesson
    from storage.records import Json

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")


class TrainingRefused(common.CommandRefused):
    """Nothing was run and nothing was written."""


def run(args: Namespace) -> int:
    """Do one of the commands. Raises `StasError`."""
    from stas_tui.commands import train_control, train_debrief, train_picker, train_replay

    if args.what is None:
        return train_picker.run(args)
    if args.what == "control":
        return train_control.run(args)
    if args.what in ("replay", "record"):
        return train_replay.run(args)
    if args.what in ("debrief", "progress"):
        return train_debrief.run(args)
    return {"list": list_lessons, "check": _check, "new": _new, "run": _run}[args.what](args)


def lessons(args: Namespace) -> Catalog:
    """The lessons of Stas and of the person."""
    from stas_tui.training.catalog import Catalog

    return Catalog(own_folder(args))


def own_folder(args: Namespace) -> Path:
    """Where a person's own lessons are."""
    return common.locations(args).data_dir / "training" / "lessons"


def list_lessons(args: Namespace) -> int:
    """Print the lessons, one a line."""
    entries = lessons(args).entries()
    if args.json:
        common.print_json(
            [
                {
                    "id": entry.id,
                    "file": str(entry.path),
                    "bundled": entry.bundled,
                    "usable": entry.lesson is not None,
                    **(_facts(entry.lesson) if entry.lesson is not None else {}),
                }
                for entry in entries
            ]
        )
        return exit_codes.OK
    width = max((len(entry.id) for entry in entries), default=0)
    for entry in entries:
        if entry.lesson is None:
            _say(f"{entry.id:{width}}  cannot be used: stas train check {entry.path}")
            continue
        scenario = entry.lesson.scenario
        own = "" if entry.bundled else "  (your own)"
        facts = f"{scenario.minutes:>3} min  difficulty {scenario.difficulty} of 5"
        _say(f"{entry.id:{width}}  {facts}  {scenario.title}{own}")
    if not entries:
        _say("There are no lessons. `stas train new ID` writes one.")
    return exit_codes.OK


def _facts(lesson: Lesson) -> Json:
    scenario = lesson.scenario
    return {
        "title": scenario.title,
        "version": scenario.version,
        "difficulty": scenario.difficulty,
        "minutes": scenario.minutes,
        "teaches": list(scenario.teaches),
        "grounded_in": list(scenario.grounded_in),
        "decisions": len(scenario.decision),
    }


def _check(args: Namespace) -> int:
    from stas_tui.training.check import check
    from stas_tui.training.reading import ScenarioError, load

    files = [Path(name) for name in args.files] or [entry.path for entry in lessons(args).entries()]
    told: list[Json] = []
    for file in files:
        try:
            lesson = load(file)
            report = check(lesson)
            problems, scores = report.problems, report.scores
        except ScenarioError as error:
            problems, scores = error.problems, {}
        told.append(
            {
                "file": str(file),
                "ok": not problems,
                "problems": [
                    {"line": one.spot.line, "column": one.spot.column, "what": one.what, "mend": one.mend}
                    for one in problems
                ],
                "runs": {name: {"percent": one.percent, "passed": one.passed} for name, one in scores.items()},
            }
        )
        if not args.json:
            for one in problems:
                _say(one.said(file))
            if not problems:
                ran = ", ".join(f"{name} {one.percent:g} %" for name, one in scores.items())
                _say(f"{file} can be run: {ran}.")
    if args.json:
        common.print_json({"schema": "stas.training.check/1", "files": told})
    elif not files:
        _say("There is no lesson to check.")
    return exit_codes.OK if all(one["ok"] for one in told) else exit_codes.FAILED


def _new(args: Namespace) -> int:
    from stas_tui.locations import private_dir, write_private
    from stas_tui.training.template import template

    if args.read_only:
        raise common.ReadOnly("--read-only changes nothing.", "Leave the flag out.")
    if _ID.fullmatch(args.id) is None:
        raise TrainingRefused(
            f"{args.id[:60]!a} is no id of a lesson.", "Use lower-case letters, digits and hyphens, at most 50."
        )
    file = args.file
    if file is None:
        common_dir = own_folder(args)
        private_dir(common_dir.parent)
        file = private_dir(common_dir) / f"{args.id}.toml"
    try:
        write_private(file, template(args.id), replace=False)
    except FileExistsError:
        raise TrainingRefused(f"{file} is there already.", "Choose another id or file.") from None
    _say(str(file))
    common.say(f"Change it, then: stas train check {file}")
    return exit_codes.OK


def _run(args: Namespace) -> int:
    lesson = lessons(args).find(args.id)
    if args.script is not None:
        return _run_script(lesson, args)
    if not common.is_terminal():
        raise TrainingRefused("A lesson needs a terminal.", "--script FILE runs one without.")
    from stas_tui.training.live import run_live

    mode = "alone" if args.alone else "instructor"
    return run_live(lesson, places=common.locations(args), seed=args.seed, mode=mode, look=look(args))


def look(args: Namespace) -> Json:
    """The settings of the person's own profile that change only how it looks. Raises `ConfigError`."""
    from stas_tui.config import load

    profile = common.profile(args)
    if not profile.exists():
        return common.overrides(args)
    return load(profile, common.overrides(args)).model_dump(include={"theme", "ascii", "mouse", "animation", "keymap"})


def little(args: Namespace, make: Callable[[Json], LittleApp]) -> int:
    """Run a small program of one screen as the person's own profile has it look; its exit status.

    `make` takes what `LittleApp` takes. Raises `ConfigError`.
    """
    from stas_tui.screens.ending import Ending

    looks = look(args)
    with Ending() as ending:
        app = make({**little_look(looks), "ending": ending})
        app.run(mouse=bool(looks.get("mouse", True)))
        return ending.status or app.return_code or exit_codes.OK


def little_look(looks: Json) -> Json:
    """How `LittleApp` is told what `look` found."""
    import os

    theme = str(looks.get("theme", "night"))
    if theme == "auto":
        from stas_tui.app import light_terminal

        theme = "day" if light_terminal(os.environ) else "night"
    return {"theme": theme, "ascii_only": bool(looks.get("ascii")), "keymap": looks.get("keymap")}


def _run_script(lesson: Lesson, args: Namespace) -> int:
    """Play a script without a screen. It is nobody's run: nothing is stored."""
    from stas_tui.training.engine import play
    from stas_tui.training.inputs import MOST_BYTES, InputWrong, script

    try:
        with args.script.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputWrong(f"{args.script} is not UTF-8.", "Save it as UTF-8.") from None
    if len(data) > MOST_BYTES:
        raise InputWrong(f"{args.script} is larger than {MOST_BYTES // 1_000_000} MB.")
    engine = play(lesson.scenario, lesson.digest, script(text, args.script), seed=args.seed)
    _tell(lesson, engine, as_json=args.json)
    return exit_codes.OK


def _tell(lesson: Lesson, engine: Engine, *, as_json: bool) -> None:
    import dataclasses

    from stas_tui.training.debrief import TRAINING, debrief, training_json, without_secrets
    from stas_tui.training.inputs import as_json as input_json
    from stas_tui.training.score import score

    if as_json:
        whole = {
            "digest": engine.digest,
            "debrief": debrief(lesson, engine).data,
            "inputs": [input_json(thing) for thing in engine.inputs],
            "log": [dataclasses.asdict(line) for line in engine.lines],
        }
        sys.stdout.write(training_json(without_secrets(whole, lesson.scenario)))
        return
    result = score(engine)
    _say(f"{TRAINING}: {lesson.scenario.title}, seed {engine.seed}")
    _say(f"digest {engine.digest}")
    for part in result.parts:
        _say(f"{part.name:14} {'nothing of it came up' if part.percent is None else f'{part.percent:g} %'}")
    _say(f"{'all':14} {result.percent:g} %")
    _say(result.why)


def _say(text: str) -> None:
    """A line of data on standard output."""
    sys.stdout.write(printable(text) + "\n")
