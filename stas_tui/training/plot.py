"""Progress over time, drawn in the terminal: with plotext if it is installed, else as a line of blocks."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Final

INSTALL: Final = "For a plot, install the extra: pip install 'stas-tui[training]'."
LEAST_WIDTH, LEAST_HEIGHT = 20, 6
_BLOCKS, _ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_AS_ASCII: Final = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")


def can_plot() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("plotext") is not None


def sparkline(percents: Sequence[float], *, ascii_only: bool = False) -> str:
    """One sign for each run, low to high."""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    return "".join(blocks[min(int(percent * len(blocks) / 100), len(blocks) - 1)] for percent in percents)


def plot(percents: Sequence[float], *, width: int, height: int = 14, ascii_only: bool = False) -> str:
    """The runs in their order against percent, without colours. Needs the extra and at least one run."""
    import plotext

    plotext.terminal.limit(False, False)  # as wide as it is asked for, whatever the terminal is
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT))
    figure.ruler("y").lim(0, 100)
    figure.ruler("y").ticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    count = len(percents)
    shown = sorted({round(1 + i * (count - 1) / 7) for i in range(8)})
    figure.ruler("x").lim(0.5, count + 0.5)
    figure.ruler("x").ticks(shown, [str(n) for n in shown])
    signal = figure.signal(list(range(1, count + 1)), list(percents), marker="*" if ascii_only else "hd")
    if count > 1:
        signal.lines(True)
    figure.draw(signal)
    text = _COLOUR.sub("", str(figure.build()))
    figure.clear()
    lines = [line.rstrip() for line in (text.translate(_AS_ASCII) if ascii_only else text).split("\n")]
    return "\n".join(lines).rstrip("\n")
