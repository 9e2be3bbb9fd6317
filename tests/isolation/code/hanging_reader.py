"""A reader for tests: hangs on a file with `hang` in its path and dies on one with `die`; else as the real one."""

from __future__ import annotations

import json
import os
import sys
import time

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.worker import unpacked

words = unpacked(json.loads(sys.stdin.buffer.readline()))
sys.stdout.write("{}\n")
sys.stdout.flush()
while line := sys.stdin.buffer.readline():
    item = json.loads(line)
    data = sys.stdin.buffer.read(item["bytes"])
    if "hang" in item["path"]:
        time.sleep(600)
    if "die" in item["path"]:
        os._exit(3)
    sys.stdout.write(json.dumps(read(item["path"], data, words)) + "\n")
    sys.stdout.flush()
