"""`stas pulse --plain` as a process of its own, answered through pipes by what it prints."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import nursery

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Ended:
    """A process that is over."""

    status: int
    out: str
    err: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's user shows through."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STAS_", "GIT_", "TMUX"))}
    return kept | {
        "HOME": str(home.parent / "user"),
        "STAS_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "DEMO_SPEED": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "Test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **more,
    }


def stas(home: Path, *arguments: str, **more: str) -> Ended:
    """One command to its end, without input."""
    done = nursery.run("stas_tui", *arguments, env=environment(home, **more), cwd=home.parent, timeout=TIMEOUT_S)
    return Ended(done.returncode, done.stdout, done.stderr)


def answered(home: Path, answer: Callable[[str], str | None], *arguments: str, **more: str) -> Ended:
    """`stas pulse --plain`; `answer` gets what was printed since the last answer, None ends the input."""
    process = nursery.start(
        "stas_tui", *(arguments or ("pulse", "--plain")), env=environment(home, **more), cwd=home.parent
    )
    stop = threading.Timer(TIMEOUT_S, process.kill)
    stop.start()
    printed: list[str] = []
    since = 0
    try:
        for line in process.stdout:
            printed.append(line)
            if process.stdin.closed or not (line.startswith("(") and line.endswith("defer)\n")):
                continue
            words = answer("".join(printed[since:]))
            since = len(printed)
            if words is None:
                process.stdin.close()
            else:
                process.stdin.write(words + "\n")
                process.stdin.flush()
        status = process.wait()
        err = process.stderr.read()
    finally:
        stop.cancel()
        process.kill()
        process.wait()
        process.close()
    return Ended(status, "".join(printed), err)
