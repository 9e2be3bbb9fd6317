"""A run's folder: its files, how they are written, and the index and locks beside it.

Standard library only: a run's shim uses it. Layout below the runs folder:

    <run id>/   request.json prompt.md state.json stdout.log stderr.log result.json cancel shim.log
    .actions/   one file per action, holding the run id it started
    .locks/     one file per workspace with a live run: run id, pid and identity of its shim
    .guard      held while a run is being started

`state.json` appears exactly once by `claim`: whoever makes it decides whether the run starts or is closed as lost.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

STATE = "state.json"
REQUEST = "request.json"
PROMPT = "prompt.md"
STDOUT = "stdout.log"
STDERR = "stderr.log"
RESULT = "result.json"
CANCEL = "cancel"
SHIM_LOG = "shim.log"
SCHEMA = "stas.run-state/1"

RESULT_LIMIT = 256 * 1024
"""Bytes of a result file at most."""

_writes = itertools.count()
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def valid_run_id(run_id: str) -> bool:
    """True if the id is safe as a folder name and as the value of a variable."""
    return _RUN_ID.fullmatch(run_id) is not None


def encode(value: dict[str, Any]) -> bytes:
    """JSON in ASCII, one line."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True).encode("ascii") + b"\n"


def _written(path: Path, data: bytes, *, durable: bool) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_writes)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:  # noqa: PTH123
        file.write(data)
        if durable:
            file.flush()
            os.fsync(handle)
    return temporary


def write(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file's content in one step; readers see the old or the new. Raises `OSError`."""
    temporary = _written(path, data, durable=durable)
    temporary.replace(path)
    if durable:
        _sync_folder(path.parent)


def claim(path: Path, data: bytes) -> bool:
    """Make a file with its whole content if it does not exist; False if somebody else made it. Raises `OSError`."""
    temporary = _written(path, data, durable=True)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None if it is not there or holds something else."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def action_file(runs: Path, action_id: str) -> Path:
    """Where the run of an action is noted."""
    return runs / ".actions" / _key(action_id)


def lock_file(runs: Path, workspace: Path) -> Path:
    """Where the live run of a workspace is noted."""
    return runs / ".locks" / f"{_key(os.path.realpath(workspace))}.json"


def release(lock: Path, run_id: str) -> None:
    """Remove a workspace's lock if it is this run's."""
    held = read(lock)
    if held is not None and held.get("run_id") == run_id:
        lock.unlink(missing_ok=True)


class ResultRefused(ValueError):
    """The result file is there but must not be read; the text says why."""


def read_result(workspace: Path) -> bytes | None:
    """The bytes of `.stas/result.json`; None if there is none.

    Symbolic links, on the folder too, pipes, other things that are no regular file, and files above `RESULT_LIMIT`
    raise `ResultRefused`: the workspace is the executor's, and a link could point anywhere.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        folder = os.open(workspace / ".stas", flags | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultRefused(".stas is not a plain folder") from error
    try:
        handle = os.open(RESULT, flags, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultRefused("the result file is not a regular file") from error
    finally:
        os.close(folder)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ResultRefused("the result file is not a regular file")
        data = b""
        while len(data) <= RESULT_LIMIT and (more := os.read(handle, RESULT_LIMIT + 1 - len(data))):
            data += more
    except OSError as error:
        raise ResultRefused(f"the result file cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
    if len(data) > RESULT_LIMIT:
        raise ResultRefused(f"the result file is larger than {RESULT_LIMIT // 1024} KiB")
    return data


def clear_result(workspace: Path, run_id: str) -> None:
    """Make `.stas` a plain folder without a result, so that no earlier run's words are taken for this one's.

    What cannot be removed as a file is moved aside. Raises `OSError`.
    """
    folder = workspace / ".stas"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    folder.mkdir(exist_ok=True)
    result = folder / RESULT
    if result.is_dir() and not result.is_symlink():
        result.rename(folder / f"{RESULT}.before-{run_id}")
    else:
        result.unlink(missing_ok=True)
