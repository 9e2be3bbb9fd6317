"""One payload, judged by the names of its keys: the rule that the statements on a table of jobs follow, in Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stas_tui.isolation.declared import Jobs
from stas_tui.isolation.jobs.counted import DEPTH, GIVEN, NAMES
from stas_tui.isolation.jobs.pickled import Object

MOST_NODES = 20_000
"""Values inside of one payload that are looked at."""


class Unclear(Exception):
    """The payload cannot be taken apart: encoded in a way that is not known, or it holds too much."""


@dataclass(frozen=True, slots=True)
class Job:
    """A waiting job: its name, and what it gets."""

    name: str
    args: Any
    """A list, if it is known."""
    kwargs: Any
    """A dict, if it is known."""
    more: tuple[Any, ...] = field(default=())
    """What travels beside that: headers, options, notes."""


def judged(job: Job, jobs: Jobs) -> str:
    """`carried`, `background`, `hidden`, `encoded` or `missing`. Raises `Unclear`."""
    if any(carries(part, jobs.argument) for part in (job.kwargs, job.args, *job.more)):
        return "carried"
    if job.name in jobs.background:
        return "background"
    if not isinstance(job.kwargs, dict) or not isinstance(job.args, list):
        return "encoded"
    return "hidden" if job.args or _objects(job.kwargs) else "missing"


def judged_whole(payload: Any, jobs: Jobs) -> str:
    """The same for a payload of which nothing is known but that it is JSON. Raises `Unclear`."""
    if carries(payload, jobs.argument):
        return "carried"
    return "background" if _named(payload, jobs.background) else "missing"


def carries(value: Any, names: tuple[str, ...]) -> bool:
    """Whether a key of one of these names has a value, up to `DEPTH` levels below. Raises `Unclear`."""
    return any(key in names and inner is not None and inner not in ("", b"") for key, inner in _entries(value))


def _objects(value: Any) -> bool:
    if isinstance(value, Object):
        return not value.single
    return any(isinstance(inner, Object) and not inner.single for _, inner in _entries(value))


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Keys, empty for the entries of a list, with their values. Raises `Unclear`."""
    left, rest = MOST_NODES, [(value, 0)]
    while rest:
        node, depth = rest.pop()
        pairs = (
            node.items() if isinstance(node, dict) else (("", one) for one in node) if isinstance(node, list) else ()
        )
        for key, inner in pairs:
            left -= 1
            if not left:
                raise Unclear
            yield key, inner
            if depth < DEPTH and isinstance(inner, dict | list):
                rest.append((inner, depth + 1))


def _named(payload: Any, background: tuple[str, ...]) -> bool:
    """Whether a payload is that of a job that belongs to no tenant."""
    tops = payload if isinstance(payload, list) else [payload]
    for top in (one for one in tops if isinstance(one, dict)):
        held = (inner for key, inner in top.items() if key not in GIVEN and isinstance(inner, dict))
        for part in (top, *held):
            if any(isinstance(part.get(name), str) and part[name] in background for name in NAMES):
                return True
    return False
