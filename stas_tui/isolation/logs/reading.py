"""Reads what was appended to log files since the last look, on all cores when it is much."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stas_tui.isolation.base import World
from stas_tui.isolation.logs.children import count_in_children
from stas_tui.isolation.logs.counting import Counted, Form, count
from storage.canonical import digest_of
from storage.records import Json

PART = 32 * 1024 * 1024
"""Bytes that one process counts at a time."""
JOINED = 128 * 1024 * 1024
"""Bytes at the end of what is new in which requests are joined with their tenants: about twice as many as are kept."""
MOST_FILES = 200
TAIL = 4_096
RULES = "log-lines-2"
KEPT_MS = 24 * 3_600_000
"""Lines are counted together for a day; then counting begins again."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One file: what was counted since counting began, and how much of it is new."""

    path: Path
    counted: Counted
    fresh: int
    """Bytes read this time."""
    since: int
    """When counting began (UTC milliseconds)."""
    trouble: str = ""


def files_of(pattern: str) -> list[Path]:
    """The files that a declared path stands for, the latest first; links are followed, folders left out."""
    found = []
    for name in glob.glob(pattern) if "*" in pattern else [pattern]:  # noqa: PTH207 - an absolute pattern
        path = Path(name)
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((status.st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)[:MOST_FILES]]


def look(world: World, path: Path, form: Form) -> Looked:
    """Count what a file holds that was not counted before. What is wrong with it is `trouble`, a clause."""
    try:
        status = path.stat()
        known = _known(world, path, status, form)
        start = known.pop("offset") if known else 0
        since = known.pop("since") if known else world.clock.now()
        counted = _from_json(known) if known else Counted()
        end = _whole(path, status.st_size)
        for part in _parts(world, path, start, end, form):
            counted.add(part)
        counted.forgot |= end - start > JOINED
        _keep(world, path, status, form, {**_to_json(counted), "offset": end, "since": since})
    except OSError as error:
        return Looked(path, Counted(), 0, world.clock.now(), (error.strerror or "it cannot be read").lower())
    return Looked(path, counted, end - start, since)


def _whole(path: Path, size: int) -> int:
    """Where the last whole line ends."""
    with path.open("rb") as file:
        at = size
        while at > 0:
            start = max(at - 64 * 1024, 0)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            at = start
    return 0


def _parts(world: World, path: Path, start: int, end: int, form: Form) -> Iterator[Counted]:
    """The new bytes in parts, in order. Raises `Cancelled` between parts, `OSError`."""
    parts = [(at, min(at + PART, end), at + PART > end - JOINED) for at in range(start, end, PART)]
    if len(parts) < 2:
        for first, last, join in parts:
            world.step(f"{path.name}, {(last - first) // 1024:,} KiB")
            yield count(path, first, last, form, join=join)
        return
    workers = min(len(os.sched_getaffinity(0)), len(parts))
    with closing(count_in_children(path, parts, form, workers)) as counted:
        for n, part in enumerate(counted):
            world.step(f"{path.name}, {100 * (n + 1) // len(parts)} % of {(end - start) // 1024 // 1024:,} MiB")
            yield part


# what was counted before ----------------------------------------------------------------------------


def _key(status: os.stat_result) -> str:
    return f"log:{status.st_dev}:{status.st_ino}"


def _rules(form: Form) -> str:
    return f"{RULES}:{digest_of(dataclasses.asdict(form) | {'markers': [list(m) for m in form.markers]}, RULES)[:16]}"


def _known(world: World, path: Path, status: os.stat_result, form: Form) -> Json:
    """What was kept of this very file; nothing if it was rotated, cut, written over, or a day is over."""
    if world.scans is None:
        return {}
    found: Json = world.scans.known(_rules(form), [_key(status)]).get(_key(status), {})
    if not found or found["offset"] > status.st_size or world.clock.now() - found["since"] > KEPT_MS:
        return {}
    tail = found.pop("tail")
    return found if tail == _tail(path, found["offset"]) else {}


def _keep(world: World, path: Path, status: os.stat_result, form: Form, kept: Json) -> None:
    if world.scans is not None:
        world.scans.keep(_rules(form), {_key(status): {**kept, "tail": _tail(path, kept["offset"])}})


def _tail(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(max(offset - TAIL, 0))
        return hashlib.sha256(file.read(min(TAIL, offset))).hexdigest()


def _to_json(counted: Counted) -> Json:
    data: dict[str, Any] = {field.name: getattr(counted, field.name) for field in dataclasses.fields(Counted)}
    data["where"] = dict(counted.where.most_common(100))
    data["mixed"] = [list(item) for item in counted.mixed]
    data["bled"] = [list(item) for item in counted.bled]
    del data["seen"]
    return data


def _from_json(data: Json) -> Counted:
    own = {field.name for field in dataclasses.fields(Counted)} & set(data)
    counted = Counted(**{name: data[name] for name in own})
    counted.where = Counter(data["where"])
    counted.mixed = [(str(a), str(b), str(c), int(d)) for a, b, c, d in data["mixed"]]
    counted.bled = [(str(a), str(b), int(c)) for a, b, c in data["bled"]]
    return counted
