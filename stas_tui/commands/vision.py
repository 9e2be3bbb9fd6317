"""`stas vision`: the vision document of a project on the embedded platform; nothing is claimed before it was read."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands import common


class NoVision(common.CommandRefused):
    """The project has no vision, or the new one is empty."""


def run(args: Namespace) -> int:
    """Set the vision from a file, or print it. Raises `StasError`."""
    from stas_tui.texts.prompt import silent, vision_says
    from storage.clock import iso

    with common.world(args) as (world, settings):
        project = common.project_id(settings, args.project)
        if args.what == "set":
            source = args.file if args.file == "-" else f"@{args.file}"
            text = common.text_from(source, "vision")
            if not text.strip():
                raise NoVision(
                    f"{args.file} is empty; the vision stays as it was.", "Write down what the project is for."
                )
            world.set_vision(project, text)
        vision = world.vision(project)
        if vision is None:
            raise NoVision(f"{project} has no vision.", "`stas vision set FILE` writes one.")
        if args.json:
            common.print_json(
                {
                    "project": project,
                    "sha256": vision.sha256,
                    "updated_at": iso(vision.updated_at),
                    "text": vision.text,
                }
            )
        elif args.what == "set":
            common.say(f"The vision of {project} is set, sha256 {vision.sha256[:8]}.")
            for heading, says in vision_says(vision.text).items():
                if silent(says):
                    common.say(f"It is silent on {heading}; the routine asks for it.")
        else:
            from widgets.printable import safe_text

            sys.stdout.write(safe_text(vision.text).rstrip("\n") + "\n")
    return exit_codes.OK
