"""A program that hears ctrl+c also where the tests themselves run in the background, with SIGINT ignored."""

from __future__ import annotations

import sys

HEARING = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
"""Put before a command line."""
