"""How the terminal calls a person who looks elsewhere: bell, title, desktop notice. Pure: it returns what to write.

Only fixed phrases and counts ever get into a sequence. Keys of items are compared and never written, so no text from
outside can reach the terminal this way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

MERGE_MS = 5_000
"""What becomes new so soon after a bell waits, and rings together."""


class Flavour(StrEnum):
    """The ways in which terminals take a desktop notice."""

    NONE = ""
    OSC9 = "osc9"
    OSC99 = "osc99"
    OSC777 = "osc777"


class Kind(StrEnum):
    """What may ring. Anything else is information and never does."""

    P0 = "P0"
    GATE = "gate"
    STEP = "step"
    """A step that waits for a person without a gate, e.g. for a prompt."""


_ST = "\x1b\\"
_BY_PROGRAM: Mapping[str, Flavour] = {
    "iTerm.app": Flavour.OSC9,
    "WezTerm": Flavour.OSC9,
    "WarpTerminal": Flavour.OSC9,
    "ghostty": Flavour.OSC777,
    "kitty": Flavour.OSC99,
    "Apple_Terminal": Flavour.NONE,
    "vscode": Flavour.NONE,
    "Hyper": Flavour.NONE,
    "Tabby": Flavour.NONE,
}
_BY_TERM: tuple[tuple[str, Flavour], ...] = (
    ("xterm-kitty", Flavour.OSC99),
    ("xterm-ghostty", Flavour.OSC777),
    ("wezterm", Flavour.OSC9),
    ("foot", Flavour.OSC777),
    ("rxvt", Flavour.OSC777),
    ("alacritty", Flavour.NONE),
    ("linux", Flavour.NONE),
    ("dumb", Flavour.NONE),
)
_BY_VARIABLE: tuple[tuple[str, Flavour], ...] = (
    ("ALACRITTY_WINDOW_ID", Flavour.NONE),
    ("WT_SESSION", Flavour.NONE),
    ("ConEmuPID", Flavour.NONE),
    ("KITTY_WINDOW_ID", Flavour.OSC99),
    ("WEZTERM_PANE", Flavour.OSC9),
    ("VTE_VERSION", Flavour.OSC777),
)
"""Windows Terminal and ConEmu use OSC 9 for other things. Such variables are inherited, so they are asked last."""


@dataclass(frozen=True, slots=True)
class Desktop:
    """How a desktop notice is written here."""

    flavour: Flavour = Flavour.NONE
    wrapped: bool = False
    """Inside tmux: wrapped so that tmux hands it on."""


def desktop_of(environ: Mapping[str, str], wanted: str = "auto", *, tmux_passthrough: bool = False) -> Desktop:
    """The flavour for this terminal; `wanted` is `auto`, `off`, or one flavour.

    Inside tmux and screen nothing is written, unless `tmux_passthrough` says that tmux hands it on.
    """
    if wanted == "off":
        return Desktop()
    term = environ.get("TERM", "")
    in_tmux = bool(environ.get("TMUX")) or term.startswith("tmux") or environ.get("TERM_PROGRAM") == "tmux"
    in_screen = not in_tmux and (bool(environ.get("STY")) or term.startswith("screen"))
    if in_screen or (in_tmux and not tmux_passthrough):
        return Desktop()
    flavour = _known(environ, in_tmux=in_tmux) if wanted == "auto" else Flavour(wanted)
    return Desktop(flavour=flavour, wrapped=in_tmux and flavour is not Flavour.NONE)


def _known(environ: Mapping[str, str], *, in_tmux: bool) -> Flavour:
    """What the outermost terminal is known to speak; nothing if it is not known."""
    if in_tmux:
        program, term = environ.get("LC_TERMINAL", "").replace("iTerm2", "iTerm.app"), ""
    else:
        program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if program in _BY_PROGRAM:
        return _BY_PROGRAM[program]
    for start, flavour in _BY_TERM:
        if term.startswith(start):
            return flavour
    return next((flavour for name, flavour in _BY_VARIABLE if environ.get(name)), Flavour.NONE)


def phrase(name: str, counts: Mapping[Kind, int]) -> str:
    """`stas: 1 P0, 2 gates`; only the name if nothing waits."""
    words = []
    for kind in Kind:
        n = counts.get(kind, 0)
        if n > 0:
            words.append(f"{n} {kind.value}" + ("s" if n > 1 and kind is not Kind.P0 else ""))
    return f"{name}: {', '.join(words)}" if words else name


def notice_sequence(desktop: Desktop, text: str) -> str:
    """The bytes of one desktop notice with a text of ours; empty for a terminal that has none."""
    plain = "".join(c for c in text if c.isprintable() and c != ";")
    sequence = {
        Flavour.NONE: "",
        Flavour.OSC9: f"\x1b]9;{plain}{_ST}",
        Flavour.OSC99: f"\x1b]99;i=stas;{plain}{_ST}",
        Flavour.OSC777: f"\x1b]777;notify;stas;{plain}{_ST}",
    }[desktop.flavour]
    if sequence and desktop.wrapped:
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}{_ST}"
    return sequence


@dataclass(frozen=True, slots=True)
class Emit:
    """What to write to the terminal now."""

    title: str = ""
    """The new title; empty if it has not changed."""
    bell: bool = False
    notice: str = ""
    """The whole sequence of a desktop notice; empty for none."""


class Notices:
    """Which new things ring, and when. Times are UTC milliseconds.

    One bell for each new P0 or gate; what comes within 5 s after a bell is merged into the next. In quiet hours only a
    P0 sounds. The desktop notice comes with the bell, and only while the terminal is not focused.
    """

    def __init__(
        self,
        name: str = "stas",
        *,
        bell: bool = True,
        title: bool = True,
        desktop: Desktop | None = None,
        is_quiet: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._name = "".join(c for c in name if c.isascii() and (c.isalnum() or c == " "))
        self._bell = bell
        self._title = title
        self._desktop = desktop or Desktop()
        self._is_quiet = is_quiet
        self._focused = True
        self._open: dict[Kind, frozenset[str]] = {kind: frozenset() for kind in Kind}
        self._pending: set[tuple[Kind, str]] = set()
        self._once = False
        self._rung_at: int | None = None
        self._said = ""

    @property
    def counts(self) -> dict[Kind, int]:
        """How many of each kind wait."""
        return {kind: len(keys) for kind, keys in self._open.items()}

    @property
    def due_at(self) -> int | None:
        """When `due` has something to say; None if nothing is pending."""
        if not (self._pending or self._once) or self._rung_at is None:
            return None
        return self._rung_at + MERGE_MS

    def offer(
        self,
        now: int,
        waiting: Mapping[Kind, Collection[str]],
        *,
        owned: Collection[str] = (),
        once: Collection[Kind] = (),
    ) -> Emit:
        """Everything that waits now, as keys by kind. What was not there before is new; what is `owned` only counts.

        `once` are the kinds of what happened and does not wait, such as a lease that ran out: it rings and is not
        counted.
        """
        fresh: set[tuple[Kind, str]] = set()
        everything: set[tuple[Kind, str]] = set()
        for kind in Kind:
            keys = frozenset(waiting.get(kind, ()))
            everything |= {(kind, key) for key in keys}
            fresh |= {(kind, key) for key in keys - self._open[kind]}
            self._open[kind] = keys
        quiet = self._is_quiet(now)
        self._once = self._once or any(kind is Kind.P0 or not quiet for kind in once)
        self._pending &= everything
        self._pending |= {(kind, key) for kind, key in fresh if kind is Kind.P0 or not quiet}
        self._pending = {(kind, key) for kind, key in self._pending if key not in owned}
        return self._emit(now, self._new_title())

    def due(self, now: int) -> Emit:
        """What was merged and may ring now."""
        return self._emit(now, "")

    def focus(self, focused: bool) -> None:
        """Whether the person looks at this terminal."""
        self._focused = focused

    def cancel(self, key: str) -> None:
        """Somebody owns it: it does not ring any more."""
        self._pending = {(kind, other) for kind, other in self._pending if other != key}

    def _new_title(self) -> str:
        title = phrase(self._name, self.counts)
        if not self._title or title == self._said:
            return ""
        self._said = title
        return title

    def _emit(self, now: int, title: str) -> Emit:
        if not (self._pending or self._once) or (self._rung_at is not None and 0 <= now - self._rung_at < MERGE_MS):
            return Emit(title=title)
        self._rung_at = now
        self._pending.clear()
        self._once = False
        notice = "" if self._focused else notice_sequence(self._desktop, phrase(self._name, self.counts))
        return Emit(title=title, bell=self._bell, notice=notice)
