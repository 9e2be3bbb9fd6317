"""A program that hears signals also where the tests themselves run in the background, with some of them ignored."""

from __future__ import annotations

import sys

HEARING = [
    sys.executable,
    "-c",
    "import os, signal, sys\n"
    "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
]
"""Put before a command line."""
