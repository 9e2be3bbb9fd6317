"""A server that others wrote, started on loopback: `emulate` 0.11.2, which answers as GitHub or Slack.

It is optional: `npm install --prefix .cache/emulate emulate@0.11.2`, or name such a folder in STAS_TEST_EMULATE.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VERSION = "0.11.2"
ROOT = Path(__file__).resolve().parents[1]


def program() -> Path:
    """Where it starts; skips with the reason if it is not here."""
    if shutil.which("node") is None:
        pytest.skip("there is no node here")
    named = os.environ.get("STAS_TEST_EMULATE", "")
    cache = ROOT / ".cache"
    folders = [Path(named)] if named else [cache, *(sorted(cache.iterdir()) if cache.is_dir() else ())]
    for folder in folders:
        for place in (folder / "node_modules" / "emulate", folder):
            card = place / "package.json"
            if card.is_file() and (found := json.loads(card.read_text("utf-8"))).get("name") == "emulate":
                if found["version"] != VERSION:
                    pytest.skip(f"emulate is {found['version']} here, not {VERSION}")
                return place / "dist" / "index.js"
    pytest.skip("emulate is not here: npm install --prefix .cache/emulate emulate@0.11.2")


@contextmanager
def emulated(service: str, seed_text: str, folder: Path) -> Iterator[str]:
    """The address of a started server; it is ended by its process at the end."""
    start, seed, port, log = program(), folder / "seed.yaml", folder / "port", folder / "emulate.log"
    seed.write_text(seed_text)
    node = ["node", "--require", str(ROOT / "tests" / "github" / "loopback.cjs"), str(start)]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*node, "start", "--service", service, "--seed", str(seed)],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PORT_FILE": str(port)},
        )
        try:
            ended = threading.Event()
            for _ in range(600):
                if port.is_file() and port.read_text().endswith("\n"):
                    break
                assert child.poll() is None, log.read_text()
                ended.wait(0.05)
            host, number = port.read_text().split()
            assert host == "127.0.0.1"
            yield f"http://127.0.0.1:{number}"
        finally:
            child.kill()
            child.wait()
