"""Runs a command with the hook loaded into every Python that it starts, and says in the record what ran, and how."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from stas_tui import exit_codes, git_probe
from storage.clock import Clock
from storage.errors import StasError

HOOK = Path(__file__).with_name("hook")
"""Folder that is put onto the path of the command's Pythons; nothing but the hook stands in it."""


class NotRun(StasError):
    """The command could not be started, or its record not be written."""

    exit_code = exit_codes.USAGE


def record(command: Sequence[str], file: Path, *, clock: Clock, environ: Mapping[str, str], here: Path) -> int:
    """Run a command in the folder `here`, with its statements in `file`; its exit status. Raises `NotRun`.

    What stood in the file before goes. An interrupt reaches the command as the terminal sends it; its end is awaited.
    """
    top = git_probe.top_level(here)
    head = git_probe.git(["rev-parse", "--verify", "--quiet", "HEAD"], top) if top is not None else None
    changed = git_probe.git(["status", "--porcelain", "--untracked-files=no"], top).out if top is not None else ""
    begun = {
        "v": 1,
        "commit": head.out.strip() if head is not None and head.ok else "",
        "changed": bool(changed.strip()),
        "command": Path(command[0]).name,
        "begun": clock.now(),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.closing(_Lines(file)) as lines:
            lines.put(begun)
            status = _run(command, _environ(environ, file, top or here), here)
            lines.put({"ended": clock.now(), "status": status})
            return status
    except OSError as error:
        raise NotRun(
            f"The record {file} could not be written: {error.strerror}.", "Name another with --output."
        ) from None


def _environ(environ: Mapping[str, str], file: Path, root: Path) -> dict[str, str]:
    paths = [str(HOOK), *(path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path)]
    told = {"STAS_STATEMENTS": str(file.resolve()), "STAS_STATEMENTS_ROOT": str(root.resolve())}
    return {**environ, "PYTHONPATH": os.pathsep.join(paths), **told}


def _run(command: Sequence[str], environ: Mapping[str, str], here: Path) -> int:
    try:
        process = subprocess.Popen(list(command), env=dict(environ), cwd=here)
    except OSError as error:
        raise NotRun(
            f"{command[0]!a} could not be started: {error.strerror}.", "Write the command after `--`."
        ) from None
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue
        return status if status >= 0 else 128 - status


class _Lines:
    """The record, from its beginning; lines are appended, as others append to it too."""

    def __init__(self, file: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._handle = os.open(file, flags, 0o600)

    def put(self, line: Mapping[str, object]) -> None:
        os.write(self._handle, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        os.close(self._handle)
