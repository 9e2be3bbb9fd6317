"""Checks of the terminal: can it show Stas, and does copying reach the clipboard."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping

from stas_tui import git_probe
from stas_tui.doctor_rows import Row, State

MINIMUM = (60, 18)
COMFORT = (80, 24)


def terminal(environ: Mapping[str, str]) -> Iterator[Row]:
    """Kind, size, characters and clipboard."""
    yield _kind(environ)
    yield _size()
    yield _characters(sys.stdout.encoding or "")
    yield _clipboard(environ)


def _kind(environ: Mapping[str, str]) -> Row:
    term = environ.get("TERM", "")
    if term in {"", "dumb"}:
        return Row("terminal", "Terminal", State.WARN, f"TERM is {term or 'not set'}", "Use `stas pulse --plain` here.")
    true_colour = environ.get("COLORTERM", "") in {"truecolor", "24bit"}
    if "NO_COLOR" in environ:
        colours = "no colours, as NO_COLOR asks"
    elif true_colour:
        colours = "16 million colours"
    elif "256" in term:
        colours = "256 colours"
    else:
        colours = "few colours"
    return Row("terminal", "Terminal", State.OK, f"{term}, {colours}")


def _size() -> Row:
    if not sys.stderr.isatty() and not sys.stdout.isatty():
        return Row("size", "Size", State.UNKNOWN, "this is no terminal")
    columns, rows = shutil.get_terminal_size()
    shown = f"{columns} by {rows}"
    if columns < MINIMUM[0] or rows < MINIMUM[1]:
        return Row(
            "size", "Size", State.WARN, f"{shown} is too small", f"Make it at least {MINIMUM[0]} by {MINIMUM[1]}."
        )
    if columns < COMFORT[0] or rows < COMFORT[1]:
        return Row("size", "Size", State.OK, f"{shown}; from {COMFORT[0]} by {COMFORT[1]} everything has its place")
    return Row("size", "Size", State.OK, shown)


def _characters(encoding: str) -> Row:
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return Row("characters", "Characters", State.OK, "UTF-8")
    return Row(
        "characters",
        "Characters",
        State.WARN,
        f"{encoding or 'unknown'}: glyphs cannot be drawn",
        "Set LANG to a UTF-8 locale, or use --ascii.",
    )


def _clipboard(environ: Mapping[str, str]) -> Row:
    what = "Clipboard"
    if environ.get("TMUX"):
        setting = git_probe.ask(["tmux", "show-options", "-gqv", "set-clipboard"], timeout_s=3).out.strip()
        if setting in {"on", "external"}:
            return Row("clipboard", what, State.OK, f"tmux passes it on (set-clipboard {setting})")
        return Row("clipboard", what, State.WARN, "tmux keeps what is copied", "tmux set-option -g set-clipboard on")
    native = next((tool for tool in ("wl-copy", "xclip", "xsel", "pbcopy") if shutil.which(tool)), None)
    if native:
        return Row("clipboard", what, State.OK, native)
    return Row("clipboard", what, State.UNKNOWN, "only through the terminal (OSC 52); copies are also kept in a file")
