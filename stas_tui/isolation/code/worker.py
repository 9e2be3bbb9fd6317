"""A child that reads files: one line of JSON and the content in, one line of JSON out, until its input ends.

It runs nothing of what it reads. A file on which the parser hangs or dies costs this child, and nobody else.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from typing import IO, Any

from stas_tui.isolation.code.facts import read
from stas_tui.isolation.code.sql.schema import Schema
from stas_tui.isolation.code.words import Words

READY = b"{}\n"
"""The first line that a child says, when it can read."""
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


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
