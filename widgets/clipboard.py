"""How a text gets to the clipboard: the native program, then the terminal's own sequence, then a file. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from widgets.printable import safe_text

OSC52_CAP = 74_994
"""Most bytes of text that terminals are known to take in one OSC 52 sequence."""

_NATIVE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("pbcopy", "", ()),
    ("wl-copy", "WAYLAND_DISPLAY", ()),
    ("xclip", "DISPLAY", ("-selection", "clipboard")),
    ("xsel", "DISPLAY", ("--clipboard", "--input")),
)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """One way to copy: run `command` with `text` on its input, write `sequence` to the terminal, or save a file."""

    way: str
    """`native`, `osc52`, `osc52-tmux`, `osc52-screen` or `file`."""
    text: str
    """The printable text that is copied."""
    sentence: str
    """What to tell the person once it worked."""
    command: tuple[str, ...] = ()
    sequence: str = ""


def osc52(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """(way, sequence) that asks the terminal to take printable `text`, wrapped for tmux or screen if inside one."""
    sequence = f"\x1b]52;c;{b64encode(safe_text(text).encode()).decode()}\x07"
    if environ.get("TMUX"):
        return "osc52-tmux", "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        pieces = [sequence[start : start + 76] for start in range(0, len(sequence), 76)]
        return "osc52-screen", "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return "osc52", sequence


def copy_plans(raw: object, environ: Mapping[str, str], which: Callable[[str], str | None]) -> list[CopyPlan]:
    """The ways to copy, best first; try the next when one fails. The last is always a file.

    A native program is used only on the person's own machine: over ssh it would fill the clipboard of the server.
    """
    text = safe_text(raw)
    plans: list[CopyPlan] = []
    remote = any(environ.get(name) for name in ("SSH_TTY", "SSH_CONNECTION"))
    if not remote:
        for program, needs, arguments in _NATIVE:
            if (not needs or environ.get(needs)) and (path := which(program)):
                plans.append(CopyPlan("native", text, f"Copied with {program}.", command=(path, *arguments)))
                break
    size = len(text.encode())
    if size <= OSC52_CAP and environ.get("TERM", "") not in {"", "dumb", "linux"}:
        way, sequence = osc52(text, environ)
        through = {"osc52": "", "osc52-tmux": " through tmux", "osc52-screen": " through screen"}[way]
        plans.append(CopyPlan(way, text, f"Sent to the terminal's clipboard{through} (OSC 52).", sequence=sequence))
    why = f"{size} bytes are too many for the terminal" if size > OSC52_CAP else "no clipboard answered"
    plans.append(CopyPlan("file", text, f"Saved to a file: {why}."))
    return plans
