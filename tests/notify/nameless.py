"""A child process in which no name is ever looked up: it posts to Slack and asks a server, and prints what came of it.

    python nameless.py silent     behind a name server of its own that takes every question and answers none
    python nameless.py replaced   with the system's look-up replaced by one that hangs

`silent` runs in a network of its own, with /etc/resolv.conf replaced, as `command` makes it with `unshare`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from stas_tui.config_model import Slack
from stas_tui.notify.base import DirectMessage
from stas_tui.notify.slack import SlackMessenger
from stas_tui.web import Web
from storage.errors import StasError

LIMIT_S = 1.0
HOST = "slack.example.test"
ROOT = Path(__file__).resolve().parents[2]
_UP = struct.pack("16sh14s", b"lo", 0x1 | 0x40, b"")
_SIOCSIFFLAGS = 0x8914


def command(folder: Path) -> list[str]:
    """How `silent` is started: only this process and its children see the name server."""
    files = {"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"}
    files["/etc/nsswitch.conf"] = "hosts: files dns\n"
    binds = []
    for number, (path, text) in enumerate(files.items()):
        (folder / str(number)).write_text(text)
        binds.append(f"mount --bind {folder / str(number)} {path}")
    return ["unshare", "-rmn", "sh", "-ec", f'{"; ".join(binds)}; exec "$@"', "sh"]


def _name_server() -> list[bytes]:
    """Every question that reaches it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
        fcntl.ioctl(any_, _SIOCSIFFLAGS, _UP)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    asked: list[bytes] = []

    def take() -> None:
        while True:
            asked.append(server.recv(512))

    threading.Thread(target=take, daemon=True).start()
    return asked


def _hangs(*_: Any, **__: Any) -> Any:
    threading.Event().wait()


async def _beside_a_beating_loop(act: Callable[[], Any]) -> dict[str, Any]:
    """What came of `act`, and the longest time in which the event loop did nothing else."""
    beats = [time.monotonic()]

    async def beat() -> None:
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    beating = asyncio.create_task(beat())
    started = time.monotonic()
    try:
        await asyncio.to_thread(act)
        said, kind, word = "", "", ""
    except StasError as error:
        said, kind, word = str(error), type(error).__name__, getattr(error, "word", "")
    took = time.monotonic() - started
    beating.cancel()
    beats.append(time.monotonic())
    gap = max(after - before for before, after in pairwise(beats))
    return {"said": said, "kind": kind, "word": word, "took": took, "gap": gap}


async def _both() -> dict[str, Any]:
    slack = SlackMessenger(Slack(api=f"https://{HOST}/api/", timeout_s=LIMIT_S), "U0SKY0001", token="xoxb-0")
    message = DirectMessage(text="down", category="incident", urgent=True, item="alert:1")
    posted = await _beside_a_beating_loop(lambda: slack.post(message, key="a-1"))
    web = Web(f"https://{HOST}", timeout_s=LIMIT_S)
    asked = await _beside_a_beating_loop(lambda: web.get("/thing"))
    web.close()
    return {"slack": posted, "web": asked}


def main() -> None:
    asked = _name_server() if sys.argv[1] == "silent" else []
    if sys.argv[1] == "replaced":
        socket.getaddrinfo = _hangs
    found = asyncio.run(_both())
    found["threads"] = sum(thread.name == "stas-resolve" for thread in threading.enumerate())
    found["queries"] = sum(b"slack" in query for query in asked)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    main()
