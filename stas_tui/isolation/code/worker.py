"""A child that reads files: one line of JSON and the content in, one line of JSON out, until its input ends.

It runs nothing of what it reads. A file on which the parser hangs or dies, or for which it wants more memory than a
file is worth, costs this child, and nobody else.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from dataclasses import fields
from typing import IO, Any

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.words import Words

READY = b"{}\n"
"""The first line that a child says, when it can read."""
MOST_MEMORY = 2 * 1024**3
"""Bytes of address space that a child may take."""
_SETS = ("columns", "words", "helpers", "binders", "arguments")


def packed(words: Words) -> dict[str, Any]:
    """What a child needs of the words, as JSON."""
    schema = words.schema
    tables = {"scoped": sorted(schema.scoped), "shared": sorted(schema.shared), "root": schema.root}
    return {
        **{name: sorted(getattr(words, name)) for name in _SETS},
        "schema": {**tables, "parents": dict(schema.parents), "tenant_columns": sorted(schema.tenant_columns)},
    }


def unpacked(data: dict[str, Any]) -> Words:
    """The words again."""
    kept = {field.name for field in fields(Schema)} & data["schema"].keys()
    schema = {name: _set(data["schema"][name]) for name in kept}
    sets: dict[str, Any] = {name: frozenset(data[name]) for name in _SETS}
    return Words(**sets, schema=Schema(**schema))


def _set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


def serve(asked: IO[bytes], said: IO[bytes]) -> None:
    """Answer until the input ends."""
    words = unpacked(json.loads(asked.readline()))
    said.write(READY)
    said.flush()
    while line := asked.readline():
        item = json.loads(line)
        facts = read(item["path"], asked.read(item["bytes"]), words)
        said.write(json.dumps(facts, separators=(",", ":")).encode() + b"\n")
        said.flush()


def bounded() -> None:
    """Limit this process's memory, where the system can."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    bounded()
    serve(sys.stdin.buffer, sys.stdout.buffer)
