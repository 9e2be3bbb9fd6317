"""The small process that owns one run and outlives the dashboard.

    python -I -S …/stas_tui/executors/shim.py RUN_DIRECTORY

Its order comes as one JSON object on standard input, so that values to redact never stand in a file or an argument.
An order that is cut off means that the caller died: nothing is started. The shim detaches itself and the first process
ends when the run's state file says that the program runs, or why it does not.

Standard library only, besides Stas' own modules that keep the same rule; they are found relative to this file.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def _order() -> dict[str, Any] | None:
    try:
        order = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return None
    return order if isinstance(order, dict) else None


def main(arguments: list[str]) -> int:
    """Detach, then supervise the run whose folder is named. Returns when the run is visible, or 2 without an order."""
    order = _order()
    if order is None or len(arguments) != 1:
        return 2
    root = str(Path(__file__).resolve().parents[2])
    if root not in sys.path:
        sys.path.append(root)
    from stas_tui.executors.supervisor import Supervisor
    from storage.clock import SystemClock

    seen, announce = os.pipe()
    if os.fork():
        os.close(announce)
        os.read(seen, 1)
        return 0
    os.close(seen)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    Supervisor(Path(arguments[0]), order, SystemClock(), ready=lambda: os.close(announce)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
