"""`stas demo`: a fresh demo profile on a real git repository, then the dashboard or the plain pulse."""

from __future__ import annotations

from argparse import Namespace

from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Make the demo and open it; without a terminal, or with --plain, as lines of text. Raises `StasError`.

    With --choose, somebody at a terminal chooses first among a lesson that teaches the keys, the demo, and others.
    """
    if args.choose and not args.plain and common.is_terminal():
        from stas_tui.commands.train_picker import choose

        demo, status = choose(args, at_door=True)
        if not demo:
            return status
    return _demo(args)


def _demo(args: Namespace) -> int:
    from stas_tui.config import load
    from stas_tui.demo.profile import make_demo

    profile = make_demo(common.locations(args), seed=args.seed)
    settings = load(profile, common.overrides(args))
    if args.plain or not common.is_terminal():
        from stas_tui.commands.pulse import walk

        if not args.plain:
            common.say(
                "No terminal: the pulse runs as lines of text; a gate that no line of input answers stays undecided."
            )
        with common.application(profile, settings) as app:
            return walk(app)
    from stas_tui.commands.dashboard import open_dashboard

    return open_dashboard(profile, settings)
